/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A packet's way through this end. Each step is a function of its own, and they stand in the order
 * in which packets meet them; what a step decides is in its pure module.
 */
#include <errno.h>
#include <string.h>

#include "vpnd/plane_internal.h"
#include "vpnd/plane_lend.h"
#include "vpnd/pure/limits.h"
#include "vpnd/pure/mss.h"

/* One turn: many small packets, or what the queue takes of large ones. */
#define READS_PER_EVENT 256
#define READ_BYTES_PER_EVENT (4u << 20)

/* They are kept at the device, which remembers flows without rules, too. */
static bool rules_let(struct plane *pl, struct passing *pk, enum rule_direction direction)
{
	return !pk->s->keeps_rules || plane_ask_firewall(pl, pk, direction);
}

void plane_captured(struct plane *pl, const struct passing *pk, bool in, bool passes)
{
	struct plane_captured c = {.in = in,
				   .passes = passes,
				   .v = &pk->v,
				   .ip = &pk->ip,
				   .bytes = pk->bytes,
				   .n = pk->n};

	pl->cb->on_captured(pl->arg, pk->slot, &c);
}

void plane_set_capturing(struct plane *pl, bool on)
{
	pl->capturing = on;
}

/* A device knows by its flows, and counts there. */
static void note_use(struct passing *pk)
{
	if (!pk->s->keeps_rules && !pk->s->used)
		pk->s->used = limits_is_use(pk->bytes, pk->n);
}

bool plane_take_used(struct plane *pl, uint16_t slot)
{
	bool used = pl->slots[slot].used;

	pl->slots[slot].used = false;
	return used;
}

/* From the TUN */

/* Bring what was read into a packet of fitting size; the large one is read into again. */
static struct packet *take_read(struct plane *pl, const struct passing *pk)
{
	struct packet *p = pl->reading;

	if (pk->n <= PACKETS_SMALL_BYTES) {
		p = packet_new(pl->packets, pk->n);
		if (p)
			memcpy(p->fq.ip, pk->bytes, pk->n);
	} else {
		pl->reading = packet_new(pl->packets, VNET_PACKET_MAX_BYTES);
		if (!pl->reading) { /* all in use: this one has to go */
			pl->reading = p;
			p = NULL;
		}
	}
	if (!p) {
		pl->no_memory++;
		return NULL;
	}
	p->fq.len = (uint32_t)pk->n;
	p->v = pk->v;
	return p;
}

static bool route(struct plane *pl, struct passing *pk)
{
	if (route_table_lookup(&pl->table, &pk->ip.dst, &pk->slot))
		return true;
	pl->unroutable++;
	return false;
}

/* Which session is it for? */
static bool classify(struct plane *pl, struct passing *pk)
{
	enum lend_step step = LEND_STOP;

	if (ip_parse(pk->bytes, pk->n, &pk->ip) == 0)
		step = plane_lend_out(pl, pk);
	else
		pl->unroutable++;
	if (step == LEND_STOP || (step == LEND_NOT_OURS && !route(pl, pk)))
		return false;
	pk->lent = step == LEND_GO_ON;
	pk->s = &pl->slots[pk->slot];
	return true;
}

/* A wide LAN of ours (0.0.0.0/0) holds the addresses of those who are in sessions with us, too; but
 * nothing passes from one session into another. */
static bool is_here(const struct plane *pl, const struct slot *s, const struct addr *own)
{
	const struct route *r = route_table_match(&pl->table, own);

	return !r || pl->allow_overlap || r->prefix.len <= gate_own_len(&s->gate, own);
}

enum gate_result plane_gate(const struct plane *pl, const struct passing *pk, bool in)
{
	enum gate_result r =
		in ? gate_incoming(&pk->s->gate, &pk->ip) : gate_outgoing(&pk->s->gate, &pk->ip);

	if (r != GATE_PASS || is_here(pl, pk->s, in ? &pk->ip.dst : &pk->ip.src))
		return r;
	return in ? GATE_DST_NOT_OURS : GATE_SRC_NOT_OURS;
}

static bool may_pass(const struct plane *pl, struct passing *pk, bool in)
{
	enum gate_result r = plane_gate(pl, pk, in);

	pk->s->counters.gate[r]++;
	return r == GATE_PASS;
}

static bool normalise(struct passing *pk)
{
	if (vnet_normalise(&pk->v, pk->bytes, pk->n) != -EBADMSG)
		return true;
	pk->s->counters.malformed++;
	return false;
}

static void clamp(struct plane *pl, struct passing *pk)
{
	(void)mss_clamp(pk->bytes, pk->n, pk->v.needs_csum, plane_least_mtu(pl, pk->s));
}

static void hand_over(struct plane *pl, struct passing *pk)
{
	struct packet *p = take_read(pl, pk);

	if (p)
		pl->cb->on_outgoing(pl->arg, pk->slot, p);
}

/* @pk: in pl->reading, as the kernel gave it. */
static void outgoing(struct plane *pl, struct passing *pk)
{
	if (!classify(pl, pk) || !(pk->lent || plane_to_there(pk)) || !may_pass(pl, pk, false))
		return;
	if (!pk->lent)
		plane_lend_note(pl, pk);
	if (!rules_let(pl, pk, RULE_OUT) || !normalise(pk))
		return;
	note_use(pk);
	clamp(pl, pk);
	if (pl->capturing)
		plane_captured(pl, pk, false, true);
	if (!plane_too_big(pl, pk->slot, &pk->v, pk->n))
		hand_over(pl, pk);
}

void plane_on_readable(struct tun *t)
{
	struct plane *pl = tun_arg(t);
	size_t bytes = 0;

	for (int i = 0; i < READS_PER_EVENT && bytes < READ_BYTES_PER_EVENT; i++) {
		struct passing pk = {.bytes = pl->reading->fq.ip};

		if (tun_read(t, &pk.v, pk.bytes, VNET_PACKET_MAX_BYTES, &pk.n) != 0)
			break;
		bytes += pk.n;
		outgoing(pl, &pk);
	}
	pl->cb->on_flush(pl->arg);
}

/* From the peer */

static bool check(struct plane *pl, struct passing *pk)
{
	bool plain = pk->v.gso == VNET_GSO_NONE && !pk->v.needs_csum;

	if (ip_parse(pk->bytes, pk->n, &pk->ip) == 0 &&
	    (plain || (tun_offload(pl->tun) && vnet_check(&pk->v, pk->bytes, pk->n) == 0)))
		return true;
	pk->s->counters.malformed++;
	return false;
}

/* LANs of several sessions may overlap: the longest prefix says whose an address is. */
bool plane_is_routed_back(const struct plane *pl, const struct passing *pk)
{
	struct addr here = pk->ip.src;
	uint16_t slot;

	(void)translate_here(&pk->s->translate, &here);
	return route_table_lookup(&pl->table, &here, &slot) && slot == pk->slot;
}

static bool is_routed_back(struct plane *pl, struct passing *pk)
{
	if (plane_is_routed_back(pl, pk))
		return true;
	pk->s->counters.gate[GATE_SRC_NOT_PEER]++;
	return false;
}

static void put(struct plane *pl, struct passing *pk)
{
	if (tun_write(pl->tun, &pk->v, pk->bytes, pk->n) != 0)
		pk->s->counters.not_taken++;
}

void plane_into_tun(struct plane *pl, struct passing *pk)
{
	enum lend_step lent = plane_lend_in(pl, pk);

	if (lent == LEND_STOP || (lent == LEND_NOT_OURS && !plane_to_here(pk)))
		return;
	clamp(pl, pk);
	put(pl, pk);
}

void plane_incoming(struct plane *pl, uint16_t slot, const struct vnet *v, uint8_t *packet,
		    size_t n)
{
	struct passing pk = {.slot = slot, .s = &pl->slots[slot], .v = *v, .bytes = packet, .n = n};

	if (!pk.s->attached || !pl->tun || !check(pl, &pk) || !may_pass(pl, &pk, true) ||
	    !is_routed_back(pl, &pk) || !rules_let(pl, &pk, RULE_IN))
		return;
	if (pl->capturing)
		plane_captured(pl, &pk, true, true);
	plane_into_tun(pl, &pk);
}
