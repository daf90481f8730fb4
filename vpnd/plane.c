/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/plane_internal.h"
#include "vpnd/plane_lend.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/log.h"

static void say(char error[PLANE_ERROR_SIZE], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void say(char error[PLANE_ERROR_SIZE], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, PLANE_ERROR_SIZE, fmt, ap);
	va_end(ap);
}

void plane_trouble(struct plane *pl, const char *todo, const char *fmt, ...)
{
	char text[PLANE_ERROR_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (pl->cb->on_note)
		pl->cb->on_note(pl->arg, todo, text);
	else
		log_warn("%s", text);
}

bool plane_super(const struct plane *pl)
{
	return pl->tun && tun_offload(pl->tun);
}

bool plane_uso(const struct plane *pl)
{
	return pl->tun && tun_uso(pl->tun);
}

uint64_t plane_no_memory(const struct plane *pl)
{
	return pl->no_memory;
}

/* The device */

static void on_tun_gone(struct tun *t, int err)
{
	struct plane *pl = tun_arg(t);

	log_error("TUN device was taken away name=%s error=\"%s\"", pl->name, strerror(-err));
	for (uint16_t i = 0; i < PLANE_SLOTS_MAX; i++)
		plane_detach(pl, i);
	pl->tun = NULL;
	pl->ipv4.family = pl->ipv6.family = 0;
	tun_close(t);
	if (!pl->closing)
		pl->cb->on_gone(pl->arg);
}

static void on_tun_closed(struct tun *t)
{
	plane_on_part_closed(tun_arg(t));
}

static const struct tun_callbacks tun_calls = {
	.on_readable = plane_on_readable,
	.on_gone = on_tun_gone,
	.on_closed = on_tun_closed,
};

static int ensure_tun(struct plane *pl, char error[PLANE_ERROR_SIZE])
{
	int r;

	if (pl->tun)
		return 0;
	r = tun_open(&pl->tun, pl->loop, pl->name, pl->offload, &tun_calls, pl);
	if (r != 0) {
		pl->tun = NULL;
		tun_open_error(error, PLANE_ERROR_SIZE, pl->name, r);
		return r;
	}
	pl->parts++;
	r = netconf_link_up(pl->netconf, pl->mtu);
	if (r != 0)
		say(error, "%s: %s", pl->name, netconf_error(pl->netconf));
	return r;
}

static int set_address(struct plane *pl, struct addr *have, const struct addr *want,
		       char error[PLANE_ERROR_SIZE])
{
	int r;

	if (addr_equal(have, want))
		return 0;
	if (have->family)
		(void)netconf_address_remove(pl->netconf, have);
	have->family = 0;
	if (!want->family)
		return 0;
	r = netconf_address_add(pl->netconf, want);
	if (r == -EACCES) { /* IPv6 is switched off on this host: the tunnel goes without */
		log_notice("no IPv6 in the tunnel: %s", netconf_error(pl->netconf));
		return 0;
	}
	if (r != 0) {
		say(error, "%s", netconf_error(pl->netconf));
		return r;
	}
	*have = *want;
	return 0;
}

int plane_set_addresses(struct plane *pl, const struct addr *ipv4, const struct addr *ipv6,
			char error[PLANE_ERROR_SIZE])
{
	int r = ensure_tun(pl, error);

	if (r == 0)
		r = set_address(pl, &pl->ipv4, ipv4, error);
	if (r == 0)
		r = set_address(pl, &pl->ipv6, ipv6, error);
	return r;
}

/* Collisions */

/*
 * Does some of @p lead to another session? Then packets for one machine would come to another one,
 * whichever of the two prefixes is the longer one. A wide one is meant to be the rest.
 */
static bool another_has(const struct plane *pl, uint16_t slot, const struct prefix *p)
{
	if (prefix_is_wide(p)) /* but not exactly the same: route_table_add() */
		return false;
	for (size_t i = 0; i < pl->table.n; i++) {
		if (pl->table.routes[i].slot != slot &&
		    !prefix_is_wide(&pl->table.routes[i].prefix) &&
		    prefix_overlaps(&pl->table.routes[i].prefix, p))
			return true;
	}
	return false;
}

/* A wide LAN takes nothing of what lies in it. */
static bool holds_more(const struct prefix *lan, const struct prefix *part)
{
	return prefix_is_wide(lan) && lan->len < part->len;
}

/* Return: true, and @why says with what @lan collides. */
static bool collides(struct plane *pl, uint16_t slot, const struct grant *g,
		     const struct prefix *lan, char why[PLANE_ERROR_SIZE])
{
	struct netconf_conflict conflict;
	char text[PREFIX_TEXT_SIZE];

	prefix_format(lan, text);
	for (size_t i = 0; i < g->n_own_lans && !pl->allow_overlap; i++) {
		if (prefix_overlaps(&g->own_lans[i], lan) && !holds_more(lan, &g->own_lans[i]) &&
		    !holds_more(&g->own_lans[i], lan)) {
			say(why, "%s of %s is also the network here", text, g->peer_name);
			return true;
		}
	}
	if (another_has(pl, slot, lan)) {
		say(why, "%s of %s is already used by another session", text, g->peer_name);
		return true;
	}
	if (assigned_holder(&pl->assigned, g->session, lan)) {
		say(why, "%s of %s belongs to a session that is about to come back", text,
		    g->peer_name);
		return true;
	}
	/* In a wide one are parts that this host has: they stay, their routes are narrower. */
	if (!pl->allow_overlap && !prefix_is_wide(lan) &&
	    netconf_conflicts(pl->netconf, lan, 0, &conflict) == -EEXIST) {
		say(why, "%s of %s collides: %s", text, g->peer_name, conflict.text);
		return true;
	}
	return false;
}

/* A session that comes back after a restart has what it had, whoever came before it. */
static bool stands_again(struct plane *pl, uint16_t slot, const struct grant *g,
			 const struct prefix *lan)
{
	const struct prefix *here = assigned_here(&pl->assigned, g->session, lan);

	return here && !prefix_equal(here, lan) && !another_has(pl, slot, here) &&
	       plane_virtual_again(pl, slot, g, lan, here);
}

/* Return: false, and @why says what it collides with, and why nothing stands for it. */
static bool find_place(struct plane *pl, uint16_t slot, const struct grant *g,
		       const struct prefix *lan, char why[PLANE_ERROR_SIZE])
{
	return stands_again(pl, slot, g, lan) || !collides(pl, slot, g, lan, why) ||
	       plane_virtual_choose(pl, slot, g, lan, why) == 0;
}

/*
 * What collides is called by other addresses here. If there are none: a manager asked for the
 * machine's LAN, without it the session is of no use. A device only offers its own: it goes without
 * the manager's.
 */
static int check_lans(struct plane *pl, uint16_t slot, struct grant *g,
		      char error[PLANE_ERROR_SIZE])
{
	size_t kept = 0;

	for (size_t i = 0; i < g->n_peer_lans; i++) {
		const struct prefix lan = g->peer_lans[i];
		char why[PLANE_ERROR_SIZE];

		if (find_place(pl, slot, g, &lan, why)) {
			g->peer_lans[kept++] = lan;
			continue;
		}
		memcpy(error, why, sizeof(why));
		if (g->role == TOKEN_MANAGER)
			return -EEXIST;
	}
	g->n_peer_lans = kept;
	return 0;
}

/* If there is no virtual one: what the kernel says to the route decides. */
static void check_address(struct plane *pl, uint16_t slot, const struct grant *g,
			  const struct addr *a)
{
	struct prefix host = prefix_of(a, 128);
	char why[PLANE_ERROR_SIZE];

	if (a->family && !find_place(pl, slot, g, &host, why))
		log_warn("%s", why);
}

/* Attaching */

static const struct addr *source_for(const struct plane *pl, const struct prefix *p)
{
	return p->addr.family == 4 ? &pl->ipv4 : &pl->ipv6;
}

/* The host has one route of ours to a prefix; who shared it would lose it with the other one. */
static bool is_routed_for_another(const struct plane *pl, const struct slot *s,
				  const struct prefix *p)
{
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		const struct slot *other = &pl->slots[i];

		for (size_t k = 0; k < other->n_routes && other != s; k++) {
			if (prefix_equal(&other->routes[k].prefix, p))
				return true;
		}
	}
	return false;
}

/* The host's table. @of: the LAN of the peer that @p is, stands for or is a half of. */
static int add_host_route(struct plane *pl, struct slot *s, const struct prefix *p,
			  const struct prefix *of)
{
	int r = -ENOSPC;

	if (is_routed_for_another(pl, s, p))
		return -EBUSY;
	if (s->n_routes < ROUTES_MAX)
		r = netconf_route_add(pl->netconf, p, source_for(pl, p));

	if (r == 0)
		s->routes[s->n_routes++] = (struct slot_route){.prefix = *p, .of = *of};
	return r;
}

/* Both halves of @p win against a route to @p itself, and leave it alone. */
static int add_halves(struct plane *pl, struct slot *s, const struct prefix *p,
		      const struct prefix *of)
{
	struct prefix low = {.addr = p->addr, .len = (uint8_t)(p->len + 1)}, high = low;
	int r = add_host_route(pl, s, &low, of);

	high.addr.bytes[p->len / 8] |= (uint8_t)(0x80 >> p->len % 8);
	return r ? r : add_host_route(pl, s, &high, of);
}

static void say_route(struct plane *pl, const struct prefix *real, int r,
		      char error[PLANE_ERROR_SIZE])
{
	char text[PREFIX_TEXT_SIZE];

	prefix_format(real, text);
	if (r == -EBUSY)
		say(error, "another session has a route to %s already; disconnect that one first",
		    text);
	else
		say(error, "route: %s",
		    netconf_error(pl->netconf)[0] ? netconf_error(pl->netconf) : strerror(-r));
}

/* @real: the peer's; the route is to what it is called here. */
static int add_route(struct plane *pl, uint16_t slot, const struct prefix *real,
		     char error[PLANE_ERROR_SIZE])
{
	uint8_t bits = real->addr.family == 4 ? 32 : 128;
	struct slot *s = &pl->slots[slot];
	struct prefix here = translate_here_prefix(&s->translate, real);
	int r;

	if (!source_for(pl, real)->family) /* a family that the tunnel does not have here */
		return 0;
	r = route_table_add(&pl->table, &here, slot);
	if (r != 0) {
		say_route(pl, real, r == -EEXIST ? -EBUSY : r, error);
		return r;
	}
	plane_pins_cover(pl, false);
	r = here.len == 0 ? add_halves(pl, s, &here, real) : add_host_route(pl, s, &here, real);
	if (r == -EEXIST && pl->allow_overlap && here.len > 0 && here.len < bits)
		r = add_halves(pl, s, &here, real);
	if (r != 0)
		say_route(pl, real, r, error);
	return r;
}

static int add_routes(struct plane *pl, uint16_t slot, const struct grant *g,
		      char error[PLANE_ERROR_SIZE])
{
	struct prefix host;
	int r = 0;

	for (size_t i = 0; i < g->n_peer_lans && r == 0; i++)
		r = add_route(pl, slot, &g->peer_lans[i], error);
	if (r == 0 && g->peer_ipv4.family) {
		host = prefix_of(&g->peer_ipv4, 32);
		r = add_route(pl, slot, &host, error);
	}
	if (r == 0 && g->peer_ipv6.family) {
		host = prefix_of(&g->peer_ipv6, 128);
		r = add_route(pl, slot, &host, error);
	}
	return r;
}

int plane_attach(struct plane *pl, uint16_t slot, struct grant *grant, char error[PLANE_ERROR_SIZE])
{
	struct slot *s = &pl->slots[slot];
	char failure[PLANE_ERROR_SIZE] = "";
	int r;

	error[0] = '\0';
	if (slot >= PLANE_SLOTS_MAX || s->attached)
		return -EINVAL;
	if (!pl->tun) {
		say(error, "there is no TUN device");
		return -ENODEV;
	}
	memset(s, 0, sizeof(*s));
	plane_assigned_expire(pl);
	r = check_lans(pl, slot, grant, error);
	if (r != 0)
		return r;
	check_address(pl, slot, grant, &grant->peer_ipv4);
	check_address(pl, slot, grant, &grant->peer_ipv6);
	plane_virtual_keep(pl);
	s->attached = true;
	s->peer_mtu = PLANE_MTU_DEFAULT;
	s->peer_ipv4 = grant->peer_ipv4;
	s->peer_ipv6 = grant->peer_ipv6;
	r = add_routes(pl, slot, grant, failure);
	if (r == 0) {
		r = plane_firewall_begin(pl, slot, grant);
		if (r != 0)
			say(failure, "firewall: %s", strerror(-r));
	}
	if (r != 0) {
		say(error, "%s", failure);
		plane_detach(pl, slot);
		return r;
	}
	plane_pins_gateways(pl);
	gate_init(&s->gate, grant, &pl->ipv4, &pl->ipv6);
	plane_lans_attach(pl, s, grant);
	plane_lend_attach(pl, slot, grant);
	plane_assigned_attach(pl, slot, grant);
	return 0;
}

void plane_detach(struct plane *pl, uint16_t slot)
{
	struct slot *s = &pl->slots[slot];

	if (slot >= PLANE_SLOTS_MAX || !s->attached)
		return;
	s->attached = false;
	plane_lend_detach(pl, slot);
	for (size_t i = 0; i < s->n_routes; i++)
		(void)netconf_route_remove(pl->netconf, &s->routes[i].prefix); /* logged there */
	s->n_routes = 0;
	plane_lans_detach(pl, s);
	route_table_remove(&pl->table, slot);
	plane_pins_uncover(pl);
}

/* Opening and closing */

static void take_vias(struct plane *pl, const struct opt_lans *lans)
{
	for (size_t i = 0; i < lans->n && pl->n_vias < PLANE_VIAS_MAX; i++) {
		if (lans->at[i].gateway.family)
			pl->vias[pl->n_vias++] = (struct plane_via){.prefix = lans->at[i].prefix,
								    .gateway = lans->at[i].gateway};
	}
}

int plane_open(struct plane **out, uv_loop_t *loop, const struct plane_config *config,
	       const struct plane_callbacks *cb, void *arg)
{
	struct plane *pl = calloc(1, sizeof(*pl));
	int r;

	if (!pl)
		return -ENOMEM;
	pl->loop = loop;
	pl->cb = cb;
	pl->arg = arg;
	pl->offload = config->offload;
	pl->mtu = config->mtu ? config->mtu : PLANE_MTU_DEFAULT;
	pl->packets = config->packets;
	pl->allow_overlap = config->allow_overlap;
	if (config->lans)
		take_vias(pl, config->lans);
	snprintf(pl->name, sizeof(pl->name), "%s", config->tun_name);
	plane_virtual_open(pl, config);
	plane_assigned_open(pl, config);
	route_table_init(&pl->table);
	pl->reading = packet_new(pl->packets, VNET_PACKET_MAX_BYTES);
	r = pl->reading ? undo_open(&pl->undo, config->journal) : -ENOMEM;
	if (r == 0)
		r = netconf_open(&pl->netconf, config->tun_name, pl->undo);
	if (r == 0)
		r = netconf_cleanup(pl->netconf);
	if (r == 0) {
		pl->lend = plane_lend_open(pl, &config->lend);
		pl->parts = 1;
		r = pl->lend ? 0 : -ENOMEM;
	}
	if (r != 0) {
		if (pl->netconf)
			log_error("%s", netconf_error(pl->netconf));
		netconf_close(pl->netconf);
		undo_close(pl->undo);
		packet_free(pl->reading);
		free(pl);
		return r;
	}
	plane_watch(pl);
	plane_windows_open(pl);
	*out = pl;
	return 0;
}

void plane_close(struct plane *pl)
{
	if (pl->closing)
		return;
	pl->closing = true;
	packet_free(pl->reading);
	pl->reading = NULL;
	for (uint16_t i = 0; i < PLANE_SLOTS_MAX; i++)
		plane_detach(pl, i);
	netconf_watch_close(pl->watch);
	pl->watch = NULL;
	netconf_close(pl->netconf);
	undo_close(pl->undo);
	route_table_deinit(&pl->table);
	firewall_free(pl->firewall);
	pl->firewall = NULL;
	if (pl->tun)
		tun_close(pl->tun);
	plane_windows_close(pl);
	plane_lend_close(pl->lend);
}

void plane_on_part_closed(struct plane *pl)
{
	if (--pl->parts > 0)
		return;
	pl->cb->on_closed(pl->arg);
	free(pl);
}

const char *plane_tun_name(const struct plane *pl)
{
	return pl->name;
}

const struct plane_counters *plane_counters(const struct plane *pl, uint16_t slot)
{
	return &pl->slots[slot].counters;
}

uint64_t plane_unroutable(const struct plane *pl)
{
	return pl->unroutable;
}
