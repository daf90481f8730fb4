/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Our own LANs, for as long as a session may reach them: forwarding between the TUN and the
 * interfaces that lead there, and routes to those behind a gateway on the LAN.
 */
#include <errno.h>
#include <string.h>

#include "common/io/log.h"
#include "vpnd/plane_internal.h"

#define LINKS_MAX 8 /* interfaces that lead to one wide LAN */

/* --- behind a gateway --- */

static int gateway_way(struct plane *pl, const struct plane_via *v, struct netconf_way *way)
{
	int r = netconf_way_now(pl->netconf, &v->gateway, way);

	if (r != 0 || way->link.ifindex == 0 || way->gateway.family ||
	    way->link.ifindex == netconf_tun_ifindex(pl->netconf))
		return -ENETUNREACH;
	way->gateway = v->gateway;
	return 0;
}

/* It may go and come, so it is looked at again with each session. */
static void route_via(struct plane *pl, struct plane_via *v)
{
	char prefix[PREFIX_TEXT_SIZE], gateway[ADDR_TEXT_SIZE];

	prefix_format(&v->prefix, prefix);
	addr_format(&v->gateway, gateway);
	if (gateway_way(pl, v, &v->way) != 0)
		plane_trouble(pl, "correct lan in the configuration, or this host's addresses",
			      "lan %s via %s: this gateway is on no network of this host", prefix,
			      gateway);
	else if (netconf_outside_add(pl->netconf, &v->prefix, &v->way) != 0)
		plane_trouble(pl, "", "lan %s via %s: %s", prefix, gateway,
			      netconf_error(pl->netconf));
	else
		v->routed = true;
}

static bool has_lan(const struct slot *s, const struct prefix *p)
{
	for (size_t i = 0; i < s->n_lans; i++) {
		if (prefix_overlaps(&s->lans[i], p))
			return true;
	}
	return false;
}

static bool is_wanted(const struct plane *pl, const struct prefix *p)
{
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		if (pl->slots[i].attached && has_lan(&pl->slots[i], p))
			return true;
	}
	return false;
}

static void add_vias(struct plane *pl, const struct slot *s)
{
	for (size_t i = 0; i < pl->n_vias; i++) {
		if (has_lan(s, &pl->vias[i].prefix))
			route_via(pl, &pl->vias[i]);
	}
}

static void drop_vias(struct plane *pl)
{
	for (size_t i = 0; i < pl->n_vias; i++) {
		struct plane_via *v = &pl->vias[i];

		if (!v->routed || is_wanted(pl, &v->prefix))
			continue;
		netconf_outside_remove(pl->netconf, &v->prefix);
		v->routed = false;
	}
}

bool plane_lans_gateway(const struct plane *pl, const struct prefix *lan, struct prefix *gateway)
{
	for (size_t i = 0; i < pl->n_vias; i++) {
		if (!prefix_overlaps(&pl->vias[i].prefix, lan))
			continue;
		*gateway = prefix_of(&pl->vias[i].gateway, UINT8_MAX);
		return true;
	}
	return false;
}

/* --- forwarding --- */

/* The interface that has the LAN; where there is none, or for a wide one, all that lead there. */
static int find_links(struct plane *pl, const struct prefix *lan,
		      struct netconf_link links[LINKS_MAX], size_t *n)
{
	*n = 1;
	if (!prefix_is_wide(lan) && netconf_find_lan(pl->netconf, lan, &links[0]) == 0)
		return 0;
	return netconf_find_links(pl->netconf, lan, links, LINKS_MAX, n);
}

bool plane_lans_leads(struct plane *pl, const struct prefix *lan, int ifindex)
{
	struct netconf_link links[LINKS_MAX];
	size_t n = 0;

	if (netconf_find_lan(pl->netconf, lan, &links[0]) == 0 && links[0].ifindex == ifindex)
		return true;
	if (netconf_find_links(pl->netconf, lan, links, LINKS_MAX, &n) != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (links[i].ifindex == ifindex)
			return true;
	}
	return false;
}

static void forward_link(struct plane *pl, struct slot *s, const struct prefix *lan,
			 const struct netconf_link *link)
{
	char text[PREFIX_TEXT_SIZE];

	if (s->n_holds == HOLDS_MAX)
		return;
	if (netconf_forward(pl->netconf, link->name, lan->addr.family, &s->holds[s->n_holds]) ==
	    0) {
		s->n_holds++;
		return;
	}
	prefix_format(lan, text);
	log_warn("cannot forward to the LAN prefix=%s interface=%s error=\"%s\"", text, link->name,
		 netconf_error(pl->netconf));
}

static void forward_lan(struct plane *pl, struct slot *s, const struct prefix *lan, bool tell)
{
	struct netconf_link links[LINKS_MAX];
	char text[PREFIX_TEXT_SIZE];
	size_t n;

	if (find_links(pl, lan, links, &n) != 0) {
		if (!tell)
			return;
		prefix_format(lan, text);
		plane_trouble(pl, "check the prefix in the register or the configuration",
			      "no interface here has the LAN %s", text);
		return;
	}
	for (size_t i = 0; i < n; i++)
		forward_link(pl, s, lan, &links[i]);
}

void plane_lans_attach(struct plane *pl, struct slot *s, const struct grant *g)
{
	s->n_lans = g->n_own_lans;
	memcpy(s->lans, g->own_lans, sizeof(s->lans));
	add_vias(pl, s);
	for (size_t i = 0; i < g->n_own_lans; i++)
		forward_lan(pl, s, &g->own_lans[i], true);
}

/* What is held still is held before it is let go, so nothing is switched off meanwhile. */
static void forward_again(struct plane *pl, struct slot *s)
{
	uint32_t holds[HOLDS_MAX];
	size_t n = s->n_holds;

	memcpy(holds, s->holds, sizeof(holds));
	s->n_holds = 0;
	for (size_t i = 0; i < s->n_lans; i++)
		forward_lan(pl, s, &s->lans[i], false);
	for (size_t i = 0; i < n; i++)
		netconf_unforward(pl->netconf, holds[i]);
}

void plane_lans_follow(struct plane *pl)
{
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		if (pl->slots[i].attached)
			forward_again(pl, &pl->slots[i]);
	}
}

void plane_lans_detach(struct plane *pl, struct slot *s)
{
	for (size_t i = 0; i < s->n_holds; i++)
		netconf_unforward(pl->netconf, s->holds[i]);
	s->n_holds = s->n_lans = 0;
	drop_vias(pl);
}
