/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "vpnd/pure/napt_internal.h"

/*
 * An echo has one number instead of two ports: it is the port of who is translated, and in place of
 * the other one stands who began, so that pings of both sides with one number are two flows.
 */
#define BEGAN_THERE 0
#define BEGAN_HERE 1
#define NOTHING_KNOWN 2 /* other protocols, other messages of ICMP */

#define TCP_RST 0x04

/* @in: from the peer's side to the LAN. */
static uint16_t remote_port(const struct l4 *l4, bool in)
{
	if (l4->kind == L4_PORTS)
		return in ? l4->dst : l4->src;
	if (l4->kind == L4_ECHO)
		return l4->request == in ? BEGAN_THERE : BEGAN_HERE;
	return NOTHING_KNOWN;
}

static uint16_t near_port(const struct l4 *l4, bool in)
{
	if (l4->kind == L4_PORTS)
		return in ? l4->src : l4->dst;
	return l4->kind == L4_ECHO ? l4->src : 0;
}

static struct napt_in_key key_in(const struct ip_info *ip, const struct l4 *l4, bool in,
				 uint16_t slot)
{
	struct napt_in_key k = {.real_port = near_port(l4, in),
				.remote_port = remote_port(l4, in),
				.slot = slot,
				.family = ip->src.family,
				.protocol = l4->protocol};

	memcpy(k.real, in ? ip->src.bytes : ip->dst.bytes, sizeof(k.real));
	memcpy(k.remote, in ? ip->dst.bytes : ip->src.bytes, sizeof(k.remote));
	return k;
}

/* @in as above: false for a packet to the lent address, true for one that came from it. */
static struct napt_out_key key_out(const struct ip_info *ip, const struct l4 *l4, bool in,
				   uint8_t lent)
{
	struct napt_out_key k = {.remote_port = remote_port(l4, in),
				 .lent_port = near_port(l4, in),
				 .family = ip->src.family,
				 .protocol = l4->protocol,
				 .lent = lent};

	memcpy(k.remote, in ? ip->dst.bytes : ip->src.bytes, sizeof(k.remote));
	return k;
}

static struct napt_piece_key key_piece(const struct ip_info *ip, const struct l4 *l4,
				       uint16_t where)
{
	struct napt_piece_key k = {
		.id = l4->id, .where = where, .family = ip->src.family, .protocol = l4->protocol};

	memcpy(k.src, ip->src.bytes, sizeof(k.src));
	memcpy(k.dst, ip->dst.bytes, sizeof(k.dst));
	return k;
}

/* TCP and UDP without ports: cut off, or a first fragment that is too small. */
static bool lacks_ports(const struct l4 *l4)
{
	return l4->kind == L4_NONE && (l4->protocol == L4_TCP || l4->protocol == L4_UDP);
}

static bool is_echo_request(const struct l4 *l4)
{
	return l4->kind == L4_ECHO && l4->request;
}

/* --- from the peer --- */

/* About a packet that went to the peer's side: from the LAN, or translated. */
static enum napt_result error_in(struct napt *t, struct napt_packet *p, const struct l4 *l4,
				 uint16_t slot, const struct addr *addr, uint64_t now_ms)
{
	struct napt_quoted q;
	struct napt_in_key k;
	uint32_t i;

	if (!napt_quoted(p, l4, &q))
		return NAPT_NO_FLOW;
	k = key_in(&q.ip, &q.l4, false, slot);
	i = napt_find_in(t, &k, now_ms);
	if (!i)
		return NAPT_NO_FLOW;
	if (t->flows[i].left_alone)
		return NAPT_LEAVE;
	if (!addr)
		return NAPT_NO_ADDRESS;
	napt_write_quoted(p, l4, &q, NAPT_DST, addr->bytes, t->flows[i].lent_port);
	napt_write(p, l4, NAPT_SRC, addr->bytes, 0);
	return NAPT_DONE;
}

static enum napt_result later_in(struct napt *t, struct napt_packet *p, const struct l4 *l4,
				 uint16_t slot, const struct addr *addr, uint64_t now_ms)
{
	struct napt_piece_key k = key_piece(p->ip, l4, slot);
	uint32_t i = napt_find_piece(t, &k, now_ms);

	if (i && t->flows[i].left_alone)
		return NAPT_LEAVE;
	if (!addr) /* its first one may wait for one */
		return NAPT_NO_ADDRESS;
	if (!i)
		return NAPT_FRAGMENT;
	napt_write(p, l4, NAPT_SRC, addr->bytes, 0);
	return NAPT_DONE;
}

/* May the packet begin a flow? */
static bool may_begin(const struct l4 *l4)
{
	return l4->kind == L4_ECHO ? l4->request
				   : l4->protocol != L4_TCP || !(l4->tcp_flags & TCP_RST);
}

enum napt_result napt_in(struct napt *t, struct napt_packet *p, uint16_t slot, uint8_t lent,
			 const struct addr *addr, uint64_t now_ms)
{
	struct napt_piece_key piece;
	struct napt_in_key k;
	struct l4 l4;
	uint32_t i;

	l4_parse(p->bytes, p->n, &l4);
	if (l4.later)
		return later_in(t, p, &l4, slot, addr, now_ms);
	if (l4.kind == L4_ERROR)
		return error_in(t, p, &l4, slot, addr, now_ms);
	if (lacks_ports(&l4))
		return l4.fragment ? NAPT_FRAGMENT : NAPT_NO_FLOW;
	k = key_in(p->ip, &l4, true, slot);
	i = napt_find_in(t, &k, now_ms);
	if (i && !t->flows[i].left_alone && t->flows[i].lent != lent)
		i = 0; /* the LAN has another lent address now */
	if (!i && !may_begin(&l4))
		return NAPT_NO_FLOW;
	if (!addr && !(i && t->flows[i].left_alone))
		return NAPT_NO_ADDRESS;
	if (!i)
		i = napt_add(t, &k, lent, l4.kind != L4_NONE, now_ms);
	if (!i)
		return NAPT_NO_PORT;
	napt_use(t, i, &l4, !t->flows[i].left_alone, now_ms);
	piece = key_piece(p->ip, &l4, slot);
	if (l4.fragment)
		napt_keep_piece(t, &piece, i, now_ms);
	if (t->flows[i].left_alone)
		return NAPT_LEAVE;
	napt_write(p, &l4, NAPT_SRC, addr->bytes, t->flows[i].lent_port);
	return NAPT_DONE;
}

/* --- from the LAN --- */

/* About a packet that came from the lent address. */
static enum napt_result error_out(struct napt *t, struct napt_packet *p, const struct l4 *l4,
				  uint8_t lent, uint16_t *slot, uint64_t now_ms)
{
	const struct napt_flow *f;
	struct napt_out_key k;
	struct napt_quoted q;
	uint32_t i;

	if (!napt_quoted(p, l4, &q) || !addr_equal(&q.ip.src, &p->ip->dst))
		return NAPT_NO_FLOW;
	k = key_out(&q.ip, &q.l4, true, lent);
	i = napt_find_out(t, &k, now_ms);
	if (!i)
		return NAPT_NO_FLOW;
	f = &t->flows[i];
	napt_write_quoted(p, l4, &q, NAPT_SRC, f->real, f->real_port);
	napt_write(p, l4, NAPT_DST, f->real, 0);
	*slot = f->slot;
	return NAPT_DONE;
}

static enum napt_result later_out(struct napt *t, struct napt_packet *p, const struct l4 *l4,
				  uint8_t lent, uint16_t *slot, uint64_t now_ms)
{
	struct napt_piece_key k = key_piece(p->ip, l4, (uint16_t)(NAPT_SLOTS_MAX + lent));
	uint32_t i = napt_find_piece(t, &k, now_ms);

	if (!i)
		return NAPT_FRAGMENT;
	napt_write(p, l4, NAPT_DST, t->flows[i].real, 0);
	*slot = t->flows[i].slot;
	return NAPT_DONE;
}

enum napt_result napt_out(struct napt *t, struct napt_packet *p, uint8_t lent, uint16_t *slot,
			  uint64_t now_ms)
{
	struct napt_piece_key piece;
	struct napt_out_key k;
	struct l4 l4;
	uint32_t i;

	l4_parse(p->bytes, p->n, &l4);
	if (l4.later)
		return later_out(t, p, &l4, lent, slot, now_ms);
	if (l4.kind == L4_ERROR)
		return error_out(t, p, &l4, lent, slot, now_ms);
	if (lacks_ports(&l4))
		return l4.fragment ? NAPT_FRAGMENT : NAPT_NO_FLOW;
	k = key_out(p->ip, &l4, false, lent);
	i = is_echo_request(&l4) ? 0 : napt_find_out(t, &k, now_ms);
	if (!i)
		return NAPT_NO_FLOW;
	napt_use(t, i, &l4, false, now_ms);
	piece = key_piece(p->ip, &l4, (uint16_t)(NAPT_SLOTS_MAX + lent));
	if (l4.fragment)
		napt_keep_piece(t, &piece, i, now_ms);
	napt_write(p, &l4, NAPT_DST, t->flows[i].real, t->flows[i].real_port);
	*slot = t->flows[i].slot;
	return NAPT_DONE;
}

void napt_note(struct napt *t, struct napt_packet *p, uint16_t slot, bool in, uint64_t now_ms)
{
	struct napt_in_key k;
	struct l4 l4;
	uint32_t i;

	l4_parse(p->bytes, p->n, &l4);
	if (l4.later || l4.kind == L4_ERROR || lacks_ports(&l4))
		return;
	if (l4.kind == L4_ECHO && !l4.request)
		return;
	k = key_in(p->ip, &l4, in, slot);
	i = napt_find_in(t, &k, now_ms);
	if (!i && l4.protocol == L4_TCP && l4.tcp_flags & TCP_RST)
		return;
	if (!i)
		i = napt_add(t, &k, NAPT_LEFT_ALONE, false, now_ms);
	if (i && t->flows[i].left_alone)
		napt_use(t, i, &l4, true, now_ms);
}
