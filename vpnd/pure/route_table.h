/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * route_table - which session a destination belongs to: longest-prefix match, both families.
 * Pure. Allocates when prefixes are added, never in a lookup.
 */
#ifndef FARLAN_ROUTE_TABLE_H
#define FARLAN_ROUTE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/pure/addr.h"

#define ROUTE_TABLE_MAX 4096		  /* prefixes */
#define ROUTE_TABLE_GROUPS_MAX (33 + 129) /* lengths of both families */

struct route {
	struct prefix prefix;
	uint16_t slot; /* the session's number, chosen by the owner */
};

struct route_table {
	struct route *routes; /* sorted: family, longer first, address */
	size_t n, size;
	size_t n_groups;
	struct route_group { /* the routes of one family and length */
		uint8_t family, len;
		uint16_t first, n;
	} groups[ROUTE_TABLE_GROUPS_MAX];
};

void route_table_init(struct route_table *t);
void route_table_deinit(struct route_table *t);

/**
 * route_table_add() - @prefix leads to @slot. Prefixes may overlap: the longest wins.
 * Return: 0, also if it is there already; -EEXIST exactly this prefix leads to another slot;
 * -ENOSPC ROUTE_TABLE_MAX; -ENOMEM; -EINVAL no family, length or host bits.
 */
int route_table_add(struct route_table *t, const struct prefix *prefix, uint16_t slot)
	__attribute__((warn_unused_result));

/** route_table_find() - the slot of exactly this prefix. */
bool route_table_find(const struct route_table *t, const struct prefix *prefix, uint16_t *slot);

/** route_table_remove() - all prefixes of @slot. */
void route_table_remove(struct route_table *t, uint16_t slot);

/** route_table_match() - the longest prefix that holds @a; NULL: none. Valid until a change. */
const struct route *route_table_match(const struct route_table *t, const struct addr *a);

/** route_table_lookup() - the slot of the longest prefix that holds @dst. */
bool route_table_lookup(const struct route_table *t, const struct addr *dst, uint16_t *slot);

#endif
