/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ip - the fields of an IP packet that forwarding needs, checked. Pure.
 */
#ifndef FARLAN_IP_H
#define FARLAN_IP_H

#include "common/pure/addr.h"

/* What is well formed and has no business in a tunnel. */
enum {
	/* It names routers to visit, so that neither source nor destination say where it goes: IPv4
	 * options LSRR and SSRR (RFC 7126 4.3, 4.4), an IPv6 routing header that is not done yet
	 * (RFC 5095). */
	IP_SOURCE_ROUTED = 1,
	/* A fragment that nobody makes in good faith: it overwrites or splits the TCP header (RFC
	 * 1858, 3128), ends behind 65,535 bytes, or is none of eights and not the last one. */
	IP_BAD_FRAGMENT = 2,
	/* Options or extension headers that run out of the packet, or are too many: what they hide
	 * is not looked at. */
	IP_BAD_HEADERS = 4,
};

struct ip_info {
	struct addr src, dst;
	uint8_t protocol; /* IPv4 protocol or IPv6 first next header */
	uint8_t odd;	  /* of the above */
	size_t header_len;
};

/**
 * ip_parse() - check version, header length and total length against @len, and look what is odd.
 * Return: 0; -EBADMSG truncated, wrong lengths or version (RFC 791, RFC 8200).
 */
int ip_parse(const uint8_t *packet, size_t len, struct ip_info *info)
	__attribute__((warn_unused_result));

#endif
