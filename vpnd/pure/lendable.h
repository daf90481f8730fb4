/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lendable - which addresses of a subnet may be borrowed, and in which order they are tried. Pure.
 *
 * Without a pool: the upper quarter of the subnet first, from a place on that a seed says, upwards
 * and around; then what is below it, downwards. People and DHCP servers mostly count from below.
 * The same seed gives the same order, so that a device gets the same address again.
 */
#ifndef FARLAN_LENDABLE_H
#define FARLAN_LENDABLE_H

#include "common/pure/addr.h"

#define LENDABLE_RANGES_MAX 16

struct lendable_range {
	struct addr first, last; /* of one family, in order */
};

struct lendable_pool { /* "192.168.1.250-192.168.1.253, fd00:1::ff" */
	size_t n;
	struct lendable_range at[LENDABLE_RANGES_MAX];
};

/** lendable_parse() - a list of ADDRESS or ADDRESS-ADDRESS, separated by commas; "" is an empty
 * one. Return: NULL; what is wrong, in words. */
const char *lendable_parse(struct lendable_pool *pool, const char *text)
	__attribute__((warn_unused_result));
/** lendable_format() - as it stands in a configuration. */
void lendable_format(const struct lendable_pool *pool, char *out, size_t out_size);

struct lendable {
	struct prefix subnet;
	const struct lendable_pool *pool; /* borrowed */
	bool from_pool;
	uint64_t size, high,
		quarter;   /* of the subnet; where its upper quarter begins, and its size */
	uint64_t at, seed; /* which one is next */
	size_t range;
};

/**
 * lendable_init() - @pool: borrowed; if it has addresses of the family, only those are used, of
 * each range what lies in the subnet from its first address on.
 */
void lendable_init(struct lendable *l, const struct prefix *subnet,
		   const struct lendable_pool *pool, uint64_t seed);
/** lendable_next() - no network, no broadcast address, no anycast of routers. false: that was all.
 */
bool lendable_next(struct lendable *l, struct addr *a);

#endif
