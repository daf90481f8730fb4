/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/gate.h"

#include <assert.h>
#include <string.h>

static void add_prefix(struct gate_side *side, const struct prefix *p)
{
	assert(side->n < GATE_PREFIXES_MAX);
	side->prefixes[side->n++] = *p;
}

static void add_address(struct gate_side *side, const struct addr *a)
{
	struct prefix host;

	if (!a->family)
		return;
	host = prefix_of(a, a->family == 4 ? 32 : 128);
	add_prefix(side, &host);
}

static void side_init(struct gate_side *side, const struct addr *ipv4, const struct addr *ipv6,
		      const struct prefix *lans, size_t n_lans)
{
	memset(side, 0, sizeof(*side));
	add_address(side, ipv4);
	add_address(side, ipv6);
	assert(n_lans <= GRANT_LANS_MAX);
	for (size_t i = 0; i < n_lans; i++)
		add_prefix(side, &lans[i]);
}

void gate_init(struct gate *gate, const struct grant *g, const struct addr *own_ipv4,
	       const struct addr *own_ipv6)
{
	side_init(&gate->own, own_ipv4, own_ipv6, g->own_lans, g->n_own_lans);
	side_init(&gate->peer, &g->peer_ipv4, &g->peer_ipv6, g->peer_lans, g->n_peer_lans);
}

static bool all_bytes(const struct addr *a, uint8_t value)
{
	size_t n = a->family == 4 ? 4 : 16;

	for (size_t i = 0; i < n; i++) {
		if (a->bytes[i] != value)
			return false;
	}
	return true;
}

/* RFC 5771 and 4291: 224/4, ff00::/8; RFC 919: all ones; all zeros. */
static bool is_unicast(const struct addr *a)
{
	if (all_bytes(a, 0))
		return false;
	if (a->family == 4)
		return a->bytes[0] >> 4 != 14 && !all_bytes(a, 0xff);
	return a->bytes[0] != 0xff;
}

/* The first or last address of an IPv4 LAN, its broadcast (RFC 1122 3.2.1.3); not of a /31. */
static bool is_lan_broadcast(const struct prefix *lan, const struct addr *a)
{
	uint32_t host = 0, mask;

	if (a->family != 4 || lan->len >= 31)
		return false;
	for (size_t i = 0; i < 4; i++)
		host = host << 8 | a->bytes[i];
	mask = lan->len ? UINT32_MAX >> lan->len : UINT32_MAX;
	return (host & mask) == 0 || (host & mask) == mask;
}

/* The longest prefix of @side that holds @a; NULL: none. */
static const struct prefix *longest(const struct gate_side *side, const struct addr *a)
{
	const struct prefix *best = NULL;

	for (size_t i = 0; i < side->n; i++) {
		const struct prefix *p = &side->prefixes[i];

		if ((!best || p->len > best->len) && prefix_contains(p, a))
			best = p;
	}
	return best;
}

/* What is a broadcast of one LAN is one of all. */
static bool is_broadcast(const struct gate_side *side, const struct addr *a)
{
	for (size_t i = 0; i < side->n; i++) {
		if (is_lan_broadcast(&side->prefixes[i], a) &&
		    prefix_contains(&side->prefixes[i], a))
			return true;
	}
	return false;
}

/* @outside for an address that is not of @side. */
static enum gate_result check_side(const struct gate_side *side, const struct gate_side *other,
				   const struct addr *a, enum gate_result outside)
{
	const struct prefix *here, *there;

	if (!is_unicast(a))
		return GATE_NOT_UNICAST;
	if (addr_is_martian(a))
		return GATE_MARTIAN;
	here = longest(side, a);
	if (!here)
		return outside;
	if (is_broadcast(side, a))
		return GATE_NOT_UNICAST;
	if (!prefix_is_wide(here))
		return GATE_PASS;
	there = longest(other, a);
	return there && there->len > here->len ? outside : GATE_PASS;
}

static enum gate_result check_form(const struct ip_info *packet)
{
	if (packet->odd & IP_BAD_HEADERS)
		return GATE_BAD_HEADERS;
	if (packet->odd & IP_SOURCE_ROUTED)
		return GATE_SOURCE_ROUTED;
	return packet->odd & IP_BAD_FRAGMENT ? GATE_BAD_FRAGMENT : GATE_PASS;
}

enum gate_result gate_outgoing(const struct gate *gate, const struct ip_info *packet)
{
	enum gate_result r = check_form(packet);

	if (r == GATE_PASS)
		r = check_side(&gate->own, &gate->peer, &packet->src, GATE_SRC_NOT_OURS);
	if (r == GATE_PASS)
		r = check_side(&gate->peer, &gate->own, &packet->dst, GATE_DST_NOT_PEER);
	return r;
}

enum gate_result gate_incoming(const struct gate *gate, const struct ip_info *packet)
{
	enum gate_result r = check_form(packet);

	if (r == GATE_PASS)
		r = check_side(&gate->peer, &gate->own, &packet->src, GATE_SRC_NOT_PEER);
	if (r == GATE_PASS)
		r = check_side(&gate->own, &gate->peer, &packet->dst, GATE_DST_NOT_OURS);
	return r;
}

int gate_own_len(const struct gate *gate, const struct addr *a)
{
	const struct prefix *p = longest(&gate->own, a);

	return p ? p->len : -1;
}

const char *gate_result_name(enum gate_result r)
{
	switch (r) {
	case GATE_PASS:
		return "pass";
	case GATE_NOT_UNICAST:
		return "not_unicast";
	case GATE_SRC_NOT_OURS:
		return "src_not_ours";
	case GATE_DST_NOT_PEER:
		return "dst_not_peer";
	case GATE_SRC_NOT_PEER:
		return "src_not_peer";
	case GATE_DST_NOT_OURS:
		return "dst_not_ours";
	case GATE_MARTIAN:
		return "martian";
	case GATE_SOURCE_ROUTED:
		return "source_routed";
	case GATE_BAD_FRAGMENT:
		return "bad_fragment";
	case GATE_BAD_HEADERS:
		return "bad_headers";
	}
	return "?";
}
