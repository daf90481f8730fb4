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
 * whichever of the two prefixes is the longer one. A default route is meant to be the rest.
 */
static bool another_has(const struct plane *pl, uint16_t slot, const struct prefix *p)
{
	if (p->len == 0)
		return false;
	for (size_t i = 0; i < pl->table.n; i++) {
		if (pl->table.routes[i].slot != slot &&
		    prefix_overlaps(&pl->table.routes[i].prefix, p))
			return true;
	}
	return false;
}

/* Return: true, and @why says with what @lan collides. */
static bool collides(struct plane *pl, uint16_t slot, const struct grant *g,
		     const struct prefix *lan, char why[PLANE_ERROR_SIZE])
{
	struct netconf_conflict conflict;
	char text[PREFIX_TEXT_SIZE];

	prefix_format(lan, text);
	for (size_t i = 0; i < g->n_own_lans; i++) {
		if (prefix_overlaps(&g->own_lans[i], lan)) {
			say(why, "%s of %s is also the network here", text, g->peer_name);
			return true;
		}
	}
	if (another_has(pl, slot, lan)) {
		say(why, "%s of %s is already used by another session", text, g->peer_name);
		return true;
	}
	if (netconf_conflicts(pl->netconf, lan, 0, &conflict) == -EEXIST) {
		say(why, "%s of %s collides: %s", text, g->peer_name, conflict.text);
		return true;
	}
	return false;
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

		if (!collides(pl, slot, g, &lan, why) ||
		    plane_virtual_choose(pl, slot, g, &lan, why) == 0) {
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

	if (a->family && collides(pl, slot, g, &host, why) &&
	    plane_virtual_choose(pl, slot, g, &host, why) != 0)
		log_warn("%s", why);
}

/* Attaching */

/* @real: the peer's; the route is to what it is called here. */
static int add_route(struct plane *pl, uint16_t slot, const struct prefix *real,
		     char error[PLANE_ERROR_SIZE])
{
	const struct addr *src = real->addr.family == 4 ? &pl->ipv4 : &pl->ipv6;
	struct slot *s = &pl->slots[slot];
	struct prefix here = translate_here_prefix(&s->translate, real);
	int r;

	if (!src->family) /* a family that the tunnel does not have here */
		return 0;
	r = route_table_add(&pl->table, &here, slot);
	if (r == 0)
		r = netconf_route_add(pl->netconf, &here, src);
	if (r != 0) {
		say(error, "route: %s",
		    netconf_error(pl->netconf)[0] ? netconf_error(pl->netconf) : strerror(-r));
		return r;
	}
	s->routes[s->n_routes++] = here;
	return 0;
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

/* Let packets pass between the TUN and the interface of each of our LANs. */
static void forward_lans(struct plane *pl, uint16_t slot, const struct grant *g)
{
	struct slot *s = &pl->slots[slot];
	struct netconf_link link;
	char text[PREFIX_TEXT_SIZE];

	for (size_t i = 0; i < g->n_own_lans && s->n_holds < HOLDS_MAX; i++) {
		const struct prefix *lan = &g->own_lans[i];

		prefix_format(lan, text);
		if (netconf_find_lan(pl->netconf, lan, &link) != 0)
			log_warn("no interface here has the LAN prefix=%s todo=\"check the "
				 "prefix in the register or the configuration\"",
				 text);
		else if (netconf_forward(pl->netconf, link.name, lan->addr.family,
					 &s->holds[s->n_holds]) != 0)
			log_warn("cannot forward to the LAN prefix=%s interface=%s error=\"%s\"",
				 text, link.name, netconf_error(pl->netconf));
		else
			s->n_holds++;
	}
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
	gate_init(&s->gate, grant, &pl->ipv4, &pl->ipv6);
	forward_lans(pl, slot, grant);
	plane_lend_attach(pl, slot, grant);
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
		(void)netconf_route_remove(pl->netconf, &s->routes[i]); /* logged there */
	for (size_t i = 0; i < s->n_holds; i++)
		netconf_unforward(pl->netconf, s->holds[i]);
	s->n_routes = s->n_holds = 0;
	route_table_remove(&pl->table, slot);
}

/* Opening and closing */

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
	snprintf(pl->name, sizeof(pl->name), "%s", config->tun_name);
	plane_virtual_open(pl, config);
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
	netconf_close(pl->netconf);
	undo_close(pl->undo);
	route_table_deinit(&pl->table);
	firewall_free(pl->firewall);
	pl->firewall = NULL;
	if (pl->tun)
		tun_close(pl->tun);
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
