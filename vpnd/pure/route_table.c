/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/route_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 32 /* routes that the first allocation has room for */

void route_table_init(struct route_table *t)
{
	memset(t, 0, sizeof(*t));
}

void route_table_deinit(struct route_table *t)
{
	free(t->routes);
	route_table_init(t);
}

static int compare(const struct prefix *a, const struct prefix *b)
{
	if (a->addr.family != b->addr.family)
		return a->addr.family < b->addr.family ? -1 : 1;
	if (a->len != b->len)
		return a->len > b->len ? -1 : 1;
	return memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));
}

/* Where @p stands, or would stand, among routes[first..end). */
static size_t position(const struct route_table *t, size_t first, size_t end,
		       const struct prefix *p)
{
	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (compare(&t->routes[middle].prefix, p) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

static bool stands_at(const struct route_table *t, size_t at, size_t end, const struct prefix *p)
{
	return at < end && compare(&t->routes[at].prefix, p) == 0;
}

static void rebuild_groups(struct route_table *t)
{
	struct route_group *g = NULL;

	t->n_groups = 0;
	for (size_t i = 0; i < t->n; i++) {
		const struct prefix *p = &t->routes[i].prefix;

		if (!g || g->family != p->addr.family || g->len != p->len) {
			g = &t->groups[t->n_groups++];
			*g = (struct route_group){
				.family = p->addr.family, .len = p->len, .first = (uint16_t)i};
		}
		g->n++;
	}
}

static bool is_prefix(const struct prefix *p)
{
	struct prefix masked;

	if (p->addr.family != 4 && p->addr.family != 6)
		return false;
	if (p->len > (p->addr.family == 4 ? 32 : 128))
		return false;
	masked = prefix_of(&p->addr, p->len);
	return prefix_equal(&masked, p);
}

static int make_room(struct route_table *t)
{
	size_t size = t->size ? t->size * 2 : FIRST_SIZE;
	struct route *routes;

	if (t->n == ROUTE_TABLE_MAX)
		return -ENOSPC;
	if (t->n < t->size)
		return 0;
	routes = realloc(t->routes, size * sizeof(*routes));
	if (!routes)
		return -ENOMEM;
	t->routes = routes;
	t->size = size;
	return 0;
}

int route_table_add(struct route_table *t, const struct prefix *prefix, uint16_t slot)
{
	size_t at;
	int err;

	if (!is_prefix(prefix))
		return -EINVAL;
	at = position(t, 0, t->n, prefix);
	if (stands_at(t, at, t->n, prefix))
		return t->routes[at].slot == slot ? 0 : -EEXIST;
	err = make_room(t);
	if (err)
		return err;
	memmove(&t->routes[at + 1], &t->routes[at], (t->n - at) * sizeof(t->routes[0]));
	t->routes[at] =
		(struct route){.prefix = prefix_of(&prefix->addr, prefix->len), .slot = slot};
	t->n++;
	rebuild_groups(t);
	return 0;
}

bool route_table_find(const struct route_table *t, const struct prefix *prefix, uint16_t *slot)
{
	size_t at = position(t, 0, t->n, prefix);

	if (!stands_at(t, at, t->n, prefix))
		return false;
	*slot = t->routes[at].slot;
	return true;
}

void route_table_remove(struct route_table *t, uint16_t slot)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (t->routes[i].slot != slot)
			t->routes[kept++] = t->routes[i];
	}
	t->n = kept;
	rebuild_groups(t);
}

const struct route *route_table_match(const struct route_table *t, const struct addr *a)
{
	for (size_t i = 0; i < t->n_groups; i++) {
		const struct route_group *g = &t->groups[i];
		struct prefix p;
		size_t at, end = (size_t)g->first + g->n;

		if (g->family != a->family)
			continue;
		p = prefix_of(a, g->len);
		at = position(t, g->first, end, &p);
		if (stands_at(t, at, end, &p))
			return &t->routes[at];
	}
	return NULL;
}

bool route_table_lookup(const struct route_table *t, const struct addr *dst, uint16_t *slot)
{
	const struct route *r = route_table_match(t, dst);

	if (r)
		*slot = r->slot;
	return r != NULL;
}
