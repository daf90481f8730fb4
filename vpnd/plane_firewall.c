/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules of a grant, kept at the device. What they do not let pass is answered: to the peer with
 * the next packets, to this side through the TUN, as from the peer.
 */
#include <errno.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/plane_internal.h"
#include "vpnd/pure/refuse.h"

_Static_assert(FLOW_SLOTS_MAX == PLANE_SLOTS_MAX, "a slot is a slot");

#define MINUTE_MS 60000
#define LOOK_MS 10000 /* clocks are set, and a time becomes known */

/* --- windows of rules: they open and close when a minute begins --- */

static void look_at_clock(uv_timer_t *timer)
{
	struct plane *pl = timer->data;
	struct clock_status st;
	struct rules_time now = {.unix_s = clock_wall_s()};
	int64_t left_ms = MINUTE_MS - clock_wall_ms() % MINUTE_MS;

	if (pl->closing || !pl->firewall)
		return;
	clock_status(&st);
	now.known = st.state != OWNTIME_UNKNOWN && !st.doubtful;
	if (firewall_set_time(pl->firewall, &now))
		uv_timer_start(timer, look_at_clock,
			       left_ms > 0 && left_ms < LOOK_MS ? (uint64_t)left_ms : LOOK_MS, 0);
}

void plane_windows_open(struct plane *pl)
{
	uv_timer_init(pl->loop, &pl->windows);
	pl->windows.data = pl;
	pl->parts++;
}

static void on_windows_closed(uv_handle_t *handle)
{
	plane_on_part_closed(handle->data);
}

void plane_windows_close(struct plane *pl)
{
	uv_close((uv_handle_t *)&pl->windows, on_windows_closed);
}

/* --- rules --- */

/* Managers have none: the device keeps the rules. */
static int ensure_firewall(struct plane *pl)
{
	uint64_t key[2];

	if (pl->firewall)
		return 0;
	file_random(key, sizeof(key));
	pl->firewall = firewall_new(key);
	return pl->firewall ? 0 : -ENOMEM;
}

int plane_firewall_begin(struct plane *pl, uint16_t slot, const struct grant *g)
{
	struct slot *s = &pl->slots[slot];

	s->keeps_rules = g->role == TOKEN_DEVICE;
	s->has_rules = false;
	if (s->keeps_rules && ensure_firewall(pl) == 0)
		firewall_begin(pl->firewall, slot, clock_mono_ms());
	return plane_set_rules(pl, slot, &g->rules);
}

int plane_set_rules(struct plane *pl, uint16_t slot, const struct rules *rules)
{
	struct slot *s = &pl->slots[slot];

	if (!s->attached || !s->keeps_rules || (!rules->present && !s->has_rules))
		return 0;
	s->has_rules = true;
	if (ensure_firewall(pl) != 0) {
		log_error("no memory for the firewall: nothing passes");
		return -ENOMEM;
	}
	firewall_set_rules(pl->firewall, slot, rules);
	look_at_clock(&pl->windows);
	s->has_rules = rules->present;
	return 0;
}

const struct firewall *plane_firewall(const struct plane *pl, uint16_t slot)
{
	return pl->slots[slot].keeps_rules ? pl->firewall : NULL;
}

/* Answers */

/* What is quoted has all its checksums, but for super-packets, which have none that are true. */
static void finish_csum(struct passing *pk)
{
	if (pk->v.gso == VNET_GSO_NONE && pk->v.needs_csum &&
	    vnet_normalise(&pk->v, pk->bytes, pk->n) == 0)
		vnet_complete_csum(&pk->v, pk->bytes, pk->n);
}

static void send_to_peer(struct plane *pl, const struct passing *pk)
{
	struct packet *p = packet_new(pl->packets, pk->n);

	if (!p) {
		pl->no_memory++;
		return;
	}
	memcpy(p->fq.ip, pk->bytes, pk->n);
	p->v = pk->v;
	pl->cb->on_outgoing(pl->arg, pk->slot, p);
	pl->cb->on_flush(pl->arg);
}

/* To the peer, or to this side as from the peer. */
static void deliver(struct plane *pl, struct passing *pk, bool to_peer)
{
	if (ip_parse(pk->bytes, pk->n, &pk->ip) != 0)
		return;
	if (pl->capturing)
		plane_captured(pl, pk, !to_peer, true);
	if (to_peer)
		send_to_peer(pl, pk);
	else
		plane_into_tun(pl, pk);
}

static void answer(struct plane *pl, struct passing *pk, enum rule_direction direction)
{
	struct passing back = {.slot = pk->slot, .s = pk->s};
	bool in = direction == RULE_IN, v4 = pk->ip.src.family == 4;
	const struct addr *ipv4 = in ? &pl->ipv4 : &pk->s->peer_ipv4,
			  *ipv6 = in ? &pl->ipv6 : &pk->s->peer_ipv6;
	uint8_t bytes[REFUSE_MAX_BYTES];

	if (!toobig_allowed(&pk->s->refused[in], clock_mono_ms()))
		return;
	finish_csum(pk);
	back.bytes = bytes;
	if (refuse_answer(bytes, &back.n, pk->bytes, pk->n, v4 ? ipv4 : ipv6) == 0)
		deliver(pl, &back, in);
}

/* The receiver may wait for ever, and a machine has few connections to spare. */
static void end_onward(struct plane *pl, const struct passing *pk, enum rule_direction direction)
{
	struct passing onward = {.slot = pk->slot, .s = pk->s};
	bool out = direction == RULE_OUT;
	uint8_t bytes[REFUSE_MAX_BYTES];

	if (!toobig_allowed(&pk->s->refused[out], clock_mono_ms()))
		return;
	onward.bytes = bytes;
	if (refuse_onward(bytes, &onward.n, pk->bytes, pk->n) == 0)
		deliver(pl, &onward, out);
}

bool plane_ask_firewall(struct plane *pl, struct passing *pk, enum rule_direction direction)
{
	struct firewall_packet p = {
		.slot = pk->slot,
		.direction = direction,
		.ip = &pk->ip,
		.bytes = pk->bytes,
		.n = pk->n,
	};
	struct firewall_decision d;

	if (!pl->firewall) { /* no memory for it */
		pk->s->used = true;
		return !pk->s->has_rules;
	}
	d = firewall_check(pl->firewall, &p, clock_mono_ms());
	pk->s->used = pk->s->used || (direction == RULE_IN && d.is_use);
	if (pl->capturing && d.verdict != FIREWALL_PASS)
		plane_captured(pl, pk, direction == RULE_IN, false);
	if (d.verdict == FIREWALL_REFUSE)
		answer(pl, pk, direction);
	if (d.cut)
		end_onward(pl, pk, direction);
	return d.verdict == FIREWALL_PASS;
}
