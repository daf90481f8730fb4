/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way to servers, relays and name servers stays outside of the tunnel. Addresses that vpnd
 * connects to are remembered; while a session's route covers one of them, a host route keeps it
 * where it was. The pin comes before the covering route and goes after it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/plane_internal.h"

/* Does a session's route lead packets to @a into the TUN? */
static bool is_covered(const struct plane *pl, const struct addr *a)
{
	uint16_t slot;

	return route_table_lookup(&pl->table, a, &slot);
}

static struct plane_target *find(struct plane *pl, const struct addr *a)
{
	for (size_t i = 0; i < pl->n_targets; i++) {
		if (addr_equal(&pl->targets[i].addr, a))
			return &pl->targets[i];
	}
	return NULL;
}

static void unpin(struct plane *pl, struct plane_target *t)
{
	struct prefix host = prefix_of(&t->addr, UINT8_MAX);

	if (t->pinned)
		netconf_outside_remove(pl->netconf, &host);
	t->pinned = false;
}

/* A free place, or that of the target that was asked for longest ago. */
static struct plane_target *place(struct plane *pl)
{
	struct plane_target *oldest = &pl->targets[0];

	if (pl->n_targets < PLANE_TARGETS_MAX)
		return &pl->targets[pl->n_targets++];
	for (size_t i = 1; i < pl->n_targets; i++) {
		if (pl->targets[i].asked_ms < oldest->asked_ms)
			oldest = &pl->targets[i];
	}
	unpin(pl, oldest);
	return oldest;
}

static struct plane_target *remember(struct plane *pl, const struct addr *a, const char *name)
{
	struct plane_target *t = find(pl, a);

	if (!t) {
		t = place(pl);
		*t = (struct plane_target){.addr = *a};
	}
	snprintf(t->name, sizeof(t->name), "%s", name);
	t->asked_ms = clock_mono_ms();
	return t;
}

static bool any_pinned(const struct plane *pl)
{
	for (size_t i = 0; i < pl->n_targets; i++) {
		if (pl->targets[i].pinned)
			return true;
	}
	return false;
}

static bool any_attached(const struct plane *pl)
{
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		if (pl->slots[i].attached)
			return true;
	}
	return false;
}

/* The uplink may have another gateway now, or is there again; so may a LAN be. */
static void on_change(void *arg)
{
	plane_pins_cover(arg, true);
	plane_pins_gateways(arg);
	plane_lans_follow(arg);
}

void plane_watch(struct plane *pl)
{
	int r = pl->watch ? 0 : netconf_watch_open(&pl->watch, pl->loop, on_change, pl);

	if (r != 0)
		log_warn("changes of this host's routes are not seen error=\"%s\"", strerror(-r));
}

/* Put the pin where it belongs now; one that is there may move, or be put back. */
static int pin(struct plane *pl, struct plane_target *t)
{
	struct prefix host = prefix_of(&t->addr, UINT8_MAX);
	char text[ADDR_TEXT_SIZE];
	int r = netconf_way_outside(pl->netconf, &t->addr, &t->way);

	if (r == 0 && t->way.link.ifindex == 0)
		return 0; /* this host: nothing can lead it away */
	if (r == 0)
		r = netconf_outside_add(pl->netconf, &host, &t->way);
	if (r == 0) {
		t->pinned = true;
		plane_watch(pl);
		return 0;
	}
	addr_format(&t->addr, text);
	log_debug("no way outside of the tunnel address=%s name=%s error=%s", text, t->name,
		  strerror(-r));
	return -EHOSTUNREACH;
}

int plane_protect(struct plane *pl, const struct addr *a, const char *name)
{
	struct plane_target *t;

	if (pl->closing)
		return 0;
	t = remember(pl, a, name);
	return is_covered(pl, a) ? pin(pl, t) : 0;
}

void plane_pins_cover(struct plane *pl, bool again)
{
	for (size_t i = 0; i < pl->n_targets; i++) {
		struct plane_target *t = &pl->targets[i];

		if ((again || !t->pinned) && is_covered(pl, &t->addr))
			(void)pin(pl, t); /* without a way there is nothing to keep */
	}
}

/* Where our own LAN was captured, gateways to servers were, too. */
static bool is_captured(struct plane *pl, const struct addr *gateway)
{
	struct netconf_way now;

	return gateway->family && !addr_is_martian(gateway) && is_covered(pl, gateway) &&
	       netconf_way_now(pl->netconf, gateway, &now) == 0 &&
	       now.link.ifindex == netconf_tun_ifindex(pl->netconf);
}

/* Who checks sources strictly would not answer the gateway's ARP any more. */
void plane_pins_gateways(struct plane *pl)
{
	for (size_t i = 0, n = pl->n_targets; i < n && pl->allow_overlap; i++) {
		struct plane_target *t = &pl->targets[i];
		struct netconf_way way = t->way;

		if ((t->pinned || netconf_way_outside(pl->netconf, &t->addr, &way) == 0) &&
		    is_captured(pl, &way.gateway))
			(void)pin(pl, remember(pl, &way.gateway, "the gateway to servers"));
	}
}

void plane_pins_uncover(struct plane *pl)
{
	for (size_t i = 0; i < pl->n_targets; i++) {
		if (pl->targets[i].pinned && !is_covered(pl, &pl->targets[i].addr))
			unpin(pl, &pl->targets[i]);
	}
	if (!any_pinned(pl) && !any_attached(pl))
		plane_pins_close(pl);
}

void plane_pins_close(struct plane *pl)
{
	netconf_watch_close(pl->watch);
	pl->watch = NULL;
}
