/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * neigh - the messages by which hosts of a LAN tell who has an address: ARP (RFC 826, RFC 5227) and
 * neighbour discovery (RFC 4861, RFC 4862). Pure. Without the Ethernet header.
 */
#ifndef FARLAN_NEIGH_H
#define FARLAN_NEIGH_H

#include "common/pure/addr.h"

#define NEIGH_MAC_BYTES 6
#define NEIGH_MAX_BYTES 72 /* of a message that is made here */

/* What a message says. Each address has family 0 if it says nothing of the kind. */
struct neigh {
	struct addr used;   /* the sender has it */
	struct addr probed; /* the sender would like to have it (RFC 5227 2.1.1, RFC 4862 5.4.2) */
	struct addr asked;  /* the sender, which has an address, asks who has it */
	uint8_t mac[NEIGH_MAC_BYTES]; /* of the sender, as the message itself says, if it does */
};

/**
 * neigh_parse() - an ARP packet or an IPv6 packet.
 * @family: 4 ARP, 6 IPv6. @mac: whom the frame came from. Padding behind the message is fine.
 * Strict: hardware Ethernet, known operations; hop limit 255, checksum, options whole.
 * Return: 0; -EBADMSG not such a message, or a broken one.
 */
int neigh_parse(struct neigh *out, uint8_t family, const uint8_t *p, size_t len,
		const uint8_t mac[NEIGH_MAC_BYTES]) __attribute__((warn_unused_result));

/* What to send, and where to. */
struct neigh_message {
	uint8_t to[NEIGH_MAC_BYTES]; /* of the frame */
	size_t n;
	uint8_t bytes[NEIGH_MAX_BYTES];
};

/** neigh_probe() - has somebody @a? Without saying that we would have it. @mac: ours, as below. */
void neigh_probe(struct neigh_message *m, const struct addr *a, const uint8_t mac[NEIGH_MAC_BYTES]);
/** neigh_announce() - to everybody: @a is here (RFC 5227 2.3, RFC 4861 7.2.6). */
void neigh_announce(struct neigh_message *m, const struct addr *a,
		    const uint8_t mac[NEIGH_MAC_BYTES]);
/**
 * neigh_answer() - to who asked or probed (RFC 5227 2.1.1; RFC 4861 7.2.4).
 * @to: the asker's address; family 0: it has none yet. @to_mac: its hardware address.
 */
void neigh_answer(struct neigh_message *m, const struct addr *a, const uint8_t mac[NEIGH_MAC_BYTES],
		  const struct addr *to, const uint8_t to_mac[NEIGH_MAC_BYTES]);

#endif
