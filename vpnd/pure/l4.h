/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * l4 - what a packet carries above IP: ports or the identifier that tell flows apart, where the
 * transport header is, what an ICMP error quotes. Pure. For translation, filters and counters;
 * sealing and sending do not look so deep.
 */
#ifndef FARLAN_L4_H
#define FARLAN_L4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define L4_ICMP 1
#define L4_TCP 6
#define L4_UDP 17
#define L4_ICMPV6 58

enum l4_kind {
	L4_NONE,  /* nothing more is known: other protocols, later fragments, what is cut off */
	L4_PORTS, /* TCP, UDP: both ports */
	L4_ECHO,  /* ICMP echo: the identifier as both ports (RFC 792, RFC 4443 4.1) */
	L4_ERROR, /* ICMP error: quotes a packet from l4.quoted on */
};

struct l4 {
	enum l4_kind kind;
	uint8_t protocol;  /* behind IPv6 extension headers; of a fragment, too */
	bool fragment;	   /* one of several; the first has a transport header, others none */
	bool later;	   /* ... and not the first one */
	uint16_t offset;   /* ... bytes of what was cut that lie before it */
	uint32_t id;	   /* ... of all that belong together */
	bool request;	   /* echo: a request */
	uint8_t tcp_flags; /* TCP, if they are there */
	uint16_t at;	   /* transport header, bytes from the start of the packet; 0: none here */
	uint16_t csum_at;  /* its checksum field; 0: none, or cut off */
	uint16_t src, dst;
	uint16_t quoted; /* L4_ERROR: the quoted IP header, bytes from the start of the packet */
};

/**
 * l4_parse() - of a packet that ip_parse() has passed, or of one that an ICMP error quotes: then
 * lengths of the IP header may be larger than @len, and the end may be missing.
 * Extension headers are followed up to eight (RFC 8200 section 4).
 */
void l4_parse(const uint8_t *packet, size_t len, struct l4 *l4);

#endif
