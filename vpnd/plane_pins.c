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

/* How packets to @t leave now. Return: it has a way, that is not the one that it had. */
static bool look_at(struct plane *pl, struct plane_target *t)
{
	const struct netconf_way was = t->now;

	if (netconf_way_now(pl->netconf, &t->addr, &t->now) != 0)
		t->now = (struct netconf_way){.link = {.ifindex = 0}};
	return t->now.link.ifindex && (t->now.link.ifindex != was.link.ifindex ||
				       !addr_equal(&t->now.gateway, &was.gateway) ||
				       !addr_equal(&t->now.source, &was.source));
}

/* Is there another way to what vpnd connects to, or one of @came_up? What else happens on this host
 * is nothing to its connections. */
static bool ways_changed(struct plane *pl, uint64_t came_up)
{
	bool changed = false;

	for (size_t i = 0; i < pl->n_targets; i++) {
		struct plane_target *t = &pl->targets[i];

		changed = look_at(pl, t) || changed;
		if (t->now.link.ifindex)
			changed = changed || (netconf_watch_bit(t->now.link.ifindex) & came_up);
	}
	return changed;
}

/* The uplink may have another gateway now, or is there again; so may a LAN be. */
static void on_change(void *arg, uint64_t came_up)
{
	struct plane *pl = arg;

	plane_pins_cover(pl, true);
	plane_pins_gateways(pl);
	plane_lans_follow(pl);
	if (ways_changed(pl, came_up) && pl->cb->on_network)
		pl->cb->on_network(pl->arg);
}

void plane_watch(struct plane *pl)
{
	int r = netconf_watch_open(&pl->watch, pl->loop, on_change, pl);

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
	int r;

	if (pl->closing)
		return 0;
	t = remember(pl, a, name);
	r = is_covered(pl, a) ? pin(pl, t) : 0;
	(void)look_at(pl, t);
	return r;
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
}
