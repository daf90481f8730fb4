/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * gate - which packets a grant lets pass. Pure. Until there are policies, everything between
 * what is ours (own tunnel address, own LANs) and what is the peer's passes, and nothing else.
 *
 * An address may be of both sides, where LANs overlap and are told apart by translation; but what
 * is the peer's only by a wide prefix (0.0.0.0/0) and ours by a narrower one is ours, and the other
 * way round.
 */
#ifndef FARLAN_GATE_H
#define FARLAN_GATE_H

#include "common/pure/grant.h"
#include "common/pure/ip.h"

#define GATE_PREFIXES_MAX (GRANT_LANS_MAX + 2) /* LANs and two tunnel addresses */

enum gate_result {
	GATE_PASS,
	GATE_NOT_UNICAST, /* multicast, broadcast or unspecified source or destination */
	GATE_SRC_NOT_OURS,
	GATE_DST_NOT_PEER,
	GATE_SRC_NOT_PEER,
	GATE_DST_NOT_OURS,
	GATE_MARTIAN, /* loopback, link-local, reserved: nobody's, however wide a LAN is */
	GATE_SOURCE_ROUTED,
	GATE_BAD_FRAGMENT,
	GATE_BAD_HEADERS, /* see ip.h for these */
};
#define GATE_RESULTS (GATE_BAD_HEADERS + 1) /* size of an array of counters */

struct gate_side {
	size_t n;
	struct prefix prefixes[GATE_PREFIXES_MAX];
};

struct gate {
	struct gate_side own, peer;
};

/**
 * gate_init() - @g is copied from.
 * @own_ipv4, @own_ipv6: our tunnel addresses; family 0: none.
 */
void gate_init(struct gate *gate, const struct grant *g, const struct addr *own_ipv4,
	       const struct addr *own_ipv6);

/** gate_outgoing() - from our TUN to the peer. */
enum gate_result gate_outgoing(const struct gate *gate, const struct ip_info *packet);
/** gate_incoming() - from the peer to our TUN. */
enum gate_result gate_incoming(const struct gate *gate, const struct ip_info *packet);

/** gate_own_len() - bits of the longest prefix of ours that holds @a; -1: none. */
int gate_own_len(const struct gate *gate, const struct addr *a);

/** gate_result_name() - for counters: "not_unicast", "src_not_ours", ... */
const char *gate_result_name(enum gate_result r);

#endif
