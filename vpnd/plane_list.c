/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is set on the host, why, and whether it is still there. */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "vpnd/plane_internal.h"

struct lister {
	struct plane *pl;
	struct netconf_seen *seen;
	plane_thing_fn *fn;
	void *arg;
};

static void list_address(const struct lister *l, const struct addr *a)
{
	struct plane_thing t = {.kind = PLANE_ADDRESS, .interface = l->pl->name, .slot = -1};

	if (!a->family)
		return;
	t.prefix = prefix_of(a, UINT8_MAX);
	t.there = netconf_seen_has(l->seen, false, &t.prefix, 0);
	l->fn(&t, l->arg);
}

static void list_routes(const struct lister *l, uint16_t slot)
{
	const struct slot *s = &l->pl->slots[slot];

	for (size_t i = 0; s->attached && i < s->n_routes; i++) {
		struct plane_thing t = {.kind = PLANE_ROUTE,
					.prefix = s->routes[i].prefix,
					.of = s->routes[i].of,
					.interface = l->pl->name,
					.slot = slot};

		t.there = netconf_seen_has(l->seen, true, &t.prefix, 0);
		l->fn(&t, l->arg);
	}
}

static void list_outside(const struct lister *l, struct plane_thing *t,
			 const struct netconf_way *way)
{
	t->gateway = way->gateway;
	t->interface = way->link.name;
	t->slot = -1;
	t->there = netconf_seen_has(l->seen, true, &t->prefix, way->link.ifindex);
	l->fn(t, l->arg);
}

static void list_pins(const struct lister *l)
{
	for (size_t i = 0; i < l->pl->n_targets; i++) {
		const struct plane_target *target = &l->pl->targets[i];
		struct plane_thing t = {.kind = PLANE_PIN, .name = target->name};

		t.prefix = prefix_of(&target->addr, UINT8_MAX);
		if (target->pinned)
			list_outside(l, &t, &target->way);
	}
}

static void list_vias(const struct lister *l)
{
	for (size_t i = 0; i < l->pl->n_vias; i++) {
		const struct plane_via *v = &l->pl->vias[i];
		struct plane_thing t = {.kind = PLANE_VIA, .prefix = v->prefix};

		if (v->routed)
			list_outside(l, &t, &v->way);
	}
}

static void list_lent(const struct addr *a, int ifindex, bool there, void *arg)
{
	const struct lister *l = arg;
	char name[IF_NAMESIZE] = "";
	struct plane_thing t = {.kind = PLANE_LENT, .interface = name, .slot = -1};

	(void)if_indextoname((unsigned int)ifindex, name);
	t.prefix = prefix_of(a, UINT8_MAX);
	t.there = there && netconf_seen_has(l->seen, true, &t.prefix, 0);
	l->fn(&t, l->arg);
}

static void list_settings(const struct lister *l)
{
	size_t n;
	const struct undo_entry *e = undo_list(l->pl->undo, &n);

	for (size_t i = 0; i < n; i++) {
		char now[UNDO_VALUE_SIZE];
		struct plane_thing t = {.kind = PLANE_SETTING,
					.interface = "",
					.setting = e[i].path,
					.value = e[i].set,
					.before = e[i].old,
					.slot = -1};

		if (e[i].keep) /* nothing was changed, it is only restored */
			continue;
		t.there = undo_read(e[i].path, now, sizeof(now)) == 0 && strcmp(now, t.value) == 0;
		l->fn(&t, l->arg);
	}
}

int plane_list(struct plane *pl, plane_thing_fn *fn, void *arg)
{
	struct lister l = {.pl = pl, .fn = fn, .arg = arg};
	int r = netconf_see(pl->netconf, &l.seen);

	if (r != 0)
		return r;
	list_address(&l, &pl->ipv4);
	list_address(&l, &pl->ipv6);
	for (uint16_t i = 0; i < PLANE_SLOTS_MAX; i++)
		list_routes(&l, i);
	list_pins(&l);
	list_vias(&l);
	r = netconf_proxies_list(pl->netconf, list_lent, &l);
	list_settings(&l);
	netconf_seen_free(l.seen);
	return r;
}
