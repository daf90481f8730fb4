/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What would become of a packet: the steps of plane_packets.c asked in their order, with the same
 * functions; nothing is sent, counted or remembered.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/io/file.h"
#include "vpnd/plane_internal.h"
#include "vpnd/plane_lend.h"
#include "vpnd/undo.h"

#define TEXT_SIZE 320

/* One on its way. */
struct tracing {
	struct plane *pl;
	const struct plane_question *q;
	plane_step_fn *fn;
	void *arg;
	struct plane_traced *t;
	struct passing pk;
};

static void step(struct tracing *tr, const char *name, bool stops, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void step(struct tracing *tr, const char *name, bool stops, const char *fmt, ...)
{
	char text[TEXT_SIZE];
	struct plane_step s = {.name = name, .stops = stops, .slot = tr->t->slot, .text = text};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tr->t->stops |= stops;
	tr->fn(tr->arg, &s);
}

/* @from: the sender in it. */
static bool make_packet(struct tracing *tr, const struct addr *from)
{
	tr->pk = (struct passing){.bytes = tr->t->packet};
	tr->pk.n = target_packet(tr->t->packet, &tr->q->target, from);
	tr->t->n = tr->pk.n;
	return ip_parse(tr->pk.bytes, tr->pk.n, &tr->pk.ip) == 0;
}

static void enter_slot(struct tracing *tr, uint16_t slot)
{
	tr->t->slot = slot;
	tr->pk.slot = slot;
	tr->pk.s = &tr->pl->slots[slot];
}

/* --- steps of both directions --- */

static void trace_gate(struct tracing *tr, bool in)
{
	enum gate_result r = plane_gate(tr->pl, &tr->pk, in);

	if (r == GATE_PASS)
		step(tr, "gate", false, "both addresses belong to this session");
	else
		step(tr, "gate", true, "%s: the session's networks do not allow it (dropped)",
		     gate_result_name(r));
}

static void trace_rules(struct tracing *tr, enum rule_direction direction)
{
	static const char *const then[] = {"", " (refused)", " (dropped)"};
	struct firewall_packet p = {
		.slot = tr->pk.slot,
		.direction = direction,
		.ip = &tr->pk.ip,
		.bytes = tr->pk.bytes,
		.n = tr->pk.n,
	};
	struct firewall_decision d;
	char rule[RULE_TEXT_SIZE];

	if (!tr->pk.s->has_rules)
		return;
	if (!tr->pl->firewall) {
		step(tr, "rules", true, "there was no memory for them: nothing passes");
		return;
	}
	d = firewall_explain(tr->pl->firewall, &p, clock_mono_ms());
	if (d.why != FIREWALL_RULE) {
		step(tr, "rules", d.verdict != FIREWALL_PASS, "%s%s", firewall_why_text(d.why),
		     then[d.verdict]);
		return;
	}
	rule_format(&firewall_rules(tr->pl->firewall, tr->pk.slot)->at[d.rule], rule);
	step(tr, "rules", d.verdict != FIREWALL_PASS, "rule %zu: %s%s", d.rule + 1, rule,
	     then[d.verdict]);
}

/* The packet is translated as any other would be. */
static void trace_translation(struct tracing *tr, bool in)
{
	const struct translate *t = &tr->pk.s->translate;
	struct addr before = in ? tr->pk.ip.src : tr->pk.ip.dst, after;
	char here[ADDR_TEXT_SIZE], there[ADDR_TEXT_SIZE];
	int r = in ? translate_incoming(t, &tr->pk.v, tr->pk.bytes, tr->pk.n, &tr->pk.ip)
		   : translate_outgoing(t, &tr->pk.v, tr->pk.bytes, tr->pk.n, &tr->pk.ip);

	after = in ? tr->pk.ip.src : tr->pk.ip.dst;
	addr_format(in ? &after : &before, here);
	addr_format(in ? &before : &after, there);
	if (r != 0)
		step(tr, "translation", true, "the packet cannot be translated (dropped)");
	else if (addr_equal(&before, &after))
		step(tr, "translation", false, "none: the peer's addresses are the real ones");
	else
		step(tr, "translation", false, "%s here is %s there", here, there);
}

/* @more: what is to be said of it. */
static void say_way(struct tracing *tr, const struct netconf_way *way, const struct addr *to,
		    bool stops, const char *more)
{
	char gateway[ADDR_TEXT_SIZE], text[ADDR_TEXT_SIZE];

	addr_format(&way->gateway, gateway);
	addr_format(to, text);
	step(tr, "route", stops, "the host sends %s by %s%s%s%s", text, way->link.name,
	     way->gateway.family ? " to " : "", way->gateway.family ? gateway : "", more);
}

/* What comes in by @ifname has to be forwarded: the packet itself, or answers to it. */
static void trace_forwarding(struct tracing *tr, const char *ifname, const char *what)
{
	char setting[UNDO_PATH_SIZE];

	if (!tr->t->stops &&
	    !netconf_forwards(ifname, tr->q->target.to.family, setting, sizeof(setting)))
		step(tr, "forwarding", true, "%s is off: %s by %s is not forwarded", setting, what,
		     ifname);
}

static void say_no_way(struct tracing *tr, const struct addr *to, const struct addr *from,
		       const char *in)
{
	char text[ADDR_TEXT_SIZE], source[ADDR_TEXT_SIZE];

	addr_format(to, text);
	addr_format(from, source);
	step(tr, "route", true,
	     "the host knows no way to %s for what comes from %s by %s (routes, policy rules, "
	     "rp_filter)",
	     text, source, in);
}

/* --- outgoing --- */

/* Of a sender that was named. *in: by what it comes in; ifindex 0: it is this host. Return: false,
 * it was said why not. */
static bool way_of_sender(struct tracing *tr, struct netconf_way *in, struct netconf_way *way)
{
	const struct addr *to = &tr->q->target.to, *from = &tr->q->from;
	char text[ADDR_TEXT_SIZE];

	addr_format(from, text);
	if (netconf_way_now(tr->pl->netconf, from, in) != 0) {
		step(tr, "from", true, "the host knows no way to %s, so none from there", text);
		return false;
	}
	if (in->link.ifindex != 0)
		trace_forwarding(tr, in->link.name, "what comes in");
	if (tr->t->stops)
		return false;
	if (netconf_way_from(tr->pl->netconf, to, from, in->link.ifindex, way) == 0)
		return true;
	say_no_way(tr, to, from, in->link.ifindex ? in->link.name : "this host");
	return false;
}

static void trace_route_out(struct tracing *tr)
{
	const struct addr *to = &tr->q->target.to;
	struct netconf_way way, in = {.link.ifindex = 0};
	char text[ADDR_TEXT_SIZE];
	bool tun;

	addr_format(to, text);
	if (tr->q->from.family) {
		if (!way_of_sender(tr, &in, &way))
			return;
	} else if (netconf_way_now(tr->pl->netconf, to, &way) != 0) {
		step(tr, "route", true, "the host knows no way to %s", text);
		return;
	}
	if (way.link.ifindex == 0) {
		step(tr, "route", true, "%s is an address of this host", text);
		return;
	}
	tun = strcmp(way.link.name, tr->pl->name) == 0;
	say_way(tr, &way, to, !tun, tun ? ", the tunnel" : ": not into the tunnel");
	if (in.link.ifindex != 0)
		trace_forwarding(tr, tr->pl->name, "what answers");
}

static void trace_session_out(struct tracing *tr)
{
	char text[ADDR_TEXT_SIZE];
	uint16_t slot;

	addr_format(&tr->pk.ip.dst, text);
	if (plane_lend_is(tr->pl, &tr->pk.ip.dst)) {
		step(tr, "lent", true,
		     "%s stands for the other sides: only what they began "
		     "passes",
		     text);
		return;
	}
	if (!route_table_lookup(&tr->pl->table, &tr->pk.ip.dst, &slot)) {
		step(tr, "session", true, "none has a network with %s", text);
		return;
	}
	enter_slot(tr, slot);
	step(tr, "session", false, "%s is on its other side", text);
}

static void trace_out(struct tracing *tr)
{
	const struct addr *own = tr->q->target.to.family == 4 ? &tr->pl->ipv4 : &tr->pl->ipv6;
	const struct addr *from = tr->q->from.family ? &tr->q->from : own;
	char text[ADDR_TEXT_SIZE];

	addr_format(from, text);
	if (!from->family || !make_packet(tr, from)) {
		step(tr, "from", true, "this host has no tunnel address of this family");
		return;
	}
	trace_route_out(tr);
	if (tr->t->stops)
		return;
	step(tr, "from", false, tr->q->from.family ? "%s" : "this host, %s", text);
	trace_session_out(tr);
	if (!tr->t->stops)
		trace_translation(tr, false);
	if (!tr->t->stops)
		trace_gate(tr, false);
	if (!tr->t->stops)
		trace_rules(tr, RULE_OUT);
	tr->t->ip = tr->pk.ip;
}

/* --- incoming --- */

static bool side_has(const struct gate_side *side, const struct addr *a)
{
	for (size_t i = 0; i < side->n; i++) {
		if (prefix_contains(&side->prefixes[i], a))
			return true;
	}
	return false;
}

/* On whose other side is @from, as it is known here? *real: on the way. Return: -1, it is here. */
static int slot_of_peer(const struct plane *pl, const struct addr *from, struct addr *real)
{
	const struct slot *s;
	uint16_t slot;

	if (!route_table_lookup(&pl->table, from, &slot))
		return -1;
	s = &pl->slots[slot];
	if (side_has(&s->gate.own, from)) /* the route is a wide one */
		return -1;
	*real = *from;
	(void)translate_there(&s->translate, real);
	return slot;
}

/* The smallest LAN of the session that has @a; NULL: none. */
static const struct prefix *lan_of(const struct slot *s, const struct addr *a)
{
	const struct prefix *best = NULL;

	for (size_t i = 0; i < s->n_lans; i++) {
		if (prefix_contains(&s->lans[i], a) && (!best || s->lans[i].len > best->len))
			best = &s->lans[i];
	}
	return best;
}

static void trace_way_in(struct tracing *tr, const struct netconf_way *way)
{
	const struct addr *to = &tr->pk.ip.dst;
	const struct prefix *lan = lan_of(tr->pk.s, to);
	bool back = strcmp(way->link.name, tr->pl->name) == 0;
	bool leads = !lan || plane_lans_leads(tr->pl, lan, way->link.ifindex);

	say_way(tr, way, to, back || !leads,
		back	 ? ": back into the tunnel"
		: !leads ? ", where its LAN is not: is the LAN's interface up?"
			 : "");
	trace_forwarding(tr, way->link.name, "what answers");
}

/* @from: the sender as this host sees it. */
static void trace_route_in(struct tracing *tr, const struct addr *from)
{
	const struct addr *to = &tr->pk.ip.dst;
	char text[ADDR_TEXT_SIZE];
	struct netconf_way way;
	int tun = netconf_tun_ifindex(tr->pl->netconf);

	addr_format(to, text);
	if (netconf_way_now(tr->pl->netconf, to, &way) == 0 && way.link.ifindex != 0)
		trace_forwarding(tr, tr->pl->name, "what comes in");
	if (tr->t->stops)
		return;
	if (netconf_way_from(tr->pl->netconf, to, from, tun, &way) != 0)
		say_no_way(tr, to, from, tr->pl->name);
	else if (way.link.ifindex == 0)
		step(tr, "route", false, "%s is an address of this host", text);
	else
		trace_way_in(tr, &way);
}

/* *sender: set, if a lent address takes its place; family 0: that is being sought. */
static bool trace_lent(struct tracing *tr, struct addr *sender)
{
	const struct addr *lent = plane_lend_for(tr->pl, tr->pk.slot, &tr->pk.ip.dst);
	char text[ADDR_TEXT_SIZE];

	if (!lent)
		return false;
	*sender = *lent;
	addr_format(lent, text);
	if (lent->family)
		step(tr, "lent", false, "the LAN sees %s as the sender", text);
	else
		step(tr, "lent", false, "an address for the sender is being sought: it waits");
	return true;
}

static void trace_into_lan(struct tracing *tr)
{
	struct addr sender = tr->pk.ip.src;
	char text[ADDR_TEXT_SIZE];

	if (plane_lend_is(tr->pl, &tr->pk.ip.dst)) {
		addr_format(&tr->pk.ip.dst, text);
		step(tr, "lent", true, "%s is this host's own borrowed address: nobody is there",
		     text);
		return;
	}
	if (!trace_lent(tr, &sender)) {
		trace_translation(tr, true);
		sender = tr->pk.ip.src;
	}
	if (!sender.family)
		sender = tr->pk.ip.src;
	if (!tr->t->stops)
		trace_route_in(tr, &sender);
}

static void trace_in(struct tracing *tr, uint16_t slot, const struct addr *real)
{
	char text[ADDR_TEXT_SIZE];

	tr->t->in = true;
	addr_format(real, text);
	if (!make_packet(tr, real)) {
		step(tr, "from", true, "%s and the destination do not go together", text);
		return;
	}
	enter_slot(tr, slot);
	step(tr, "from", false, "%s, on the other side", text);
	step(tr, "session", false, "%s is on its other side", text);
	trace_gate(tr, true);
	if (!tr->t->stops && !plane_is_routed_back(tr->pl, &tr->pk))
		step(tr, "gate", true, "answers would go to another session (dropped)");
	if (!tr->t->stops)
		trace_rules(tr, RULE_IN);
	tr->t->ip = tr->pk.ip;
	if (!tr->t->stops)
		trace_into_lan(tr);
}

void plane_trace(struct plane *pl, const struct plane_question *q, plane_step_fn *fn, void *arg,
		 struct plane_traced *t)
{
	struct tracing tr = {.pl = pl, .q = q, .fn = fn, .arg = arg, .t = t};
	struct addr real;
	int slot = q->from.family ? slot_of_peer(pl, &q->from, &real) : -1;

	*t = (struct plane_traced){.slot = -1};
	if (!pl->tun)
		step(&tr, "route", true, "there is no TUN device: no session has begun");
	else if (slot >= 0)
		trace_in(&tr, (uint16_t)slot, &real);
	else
		trace_out(&tr);
}
