/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/vprefix.h"

#include <errno.h>
#include <string.h>

#define BEGINNINGS 16

const struct prefix vprefix_tunnels = {{4, {100, 64}}, 12};

/* A default route, or one of the parts that VPNs make of it: what is narrower takes nothing from
 * it that somebody would miss. */
static bool is_rest(const struct prefix *p)
{
	return p->len < (p->addr.family == 4 ? 8 : 16);
}

static const struct prefix *first_taken(const struct prefix *p, const struct prefix *taken,
					size_t n_taken)
{
	if (prefix_overlaps(p, &vprefix_tunnels))
		return &vprefix_tunnels;
	for (size_t i = 0; i < n_taken; i++) {
		if (!is_rest(&taken[i]) && prefix_overlaps(p, &taken[i]))
			return &taken[i];
	}
	return NULL;
}

bool vprefix_is_taken(const struct prefix *p, const struct prefix *taken, size_t n_taken)
{
	return first_taken(p, taken, n_taken) != NULL;
}

bool vprefix_in_pools(const struct prefix *p, const struct prefix *pools, size_t n_pools)
{
	for (size_t i = 0; i < n_pools; i++) {
		if (p->len >= pools[i].len && prefix_contains(&pools[i], &p->addr))
			return true;
	}
	return false;
}

/* Where the search begins */

/* FNV-1a (its constants are published), and what mixes all bits into all (splitmix64). */
static uint64_t hash_add(uint64_t h, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t mixed(uint64_t h)
{
	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	return h ^ (h >> 31);
}

/* 16 bytes that follow from the peer and its LAN, the same on every machine and in every version.
 */
static void hash(uint8_t out[16], const char *uid, const struct prefix *lan, uint8_t number)
{
	uint64_t h = hash_add(UINT64_C(0xcbf29ce484222325), uid, strlen(uid));

	h = hash_add(h, &lan->addr.family, 1);
	h = hash_add(h, lan->addr.bytes, sizeof(lan->addr.bytes));
	h = hash_add(h, &lan->len, 1);
	h = hash_add(h, &number, 1);
	for (size_t i = 0; i < 16; i++) {
		if (i % 8 == 0)
			h = mixed(h + i);
		out[i] = (uint8_t)(h >> (56 - 8 * (i % 8)));
	}
}

/* The search */

static bool bit_of(const uint8_t *bytes, unsigned int at)
{
	return (bytes[at / 8] >> (7 - at % 8) & 1) != 0;
}

static void flip_bit(uint8_t *bytes, unsigned int at)
{
	bytes[at / 8] ^= (uint8_t)(0x80 >> at % 8);
}

/* The prefix of @len bits of @pool in which the bits between are those of @bits. */
static struct prefix in_pool(const struct prefix *pool, uint8_t len, const uint8_t bits[16])
{
	struct prefix p = *pool;

	for (unsigned int at = pool->len; at < len; at++) {
		if (bit_of(bits, at))
			flip_bit(p.addr.bytes, at);
	}
	p.len = len;
	return p;
}

/* Nearly always outside of the tunnels' range: all that began in it would meet behind it. */
static struct prefix beginning(const struct prefix *pool, const char *uid, const struct prefix *lan)
{
	struct prefix p;
	uint8_t bits[16];

	for (uint8_t i = 0; i < BEGINNINGS; i++) {
		hash(bits, uid, lan, i);
		p = in_pool(pool, lan->len, bits);
		if (!prefix_overlaps(&p, &vprefix_tunnels))
			break;
	}
	return p;
}

/* The first one of the same length behind the prefix of @step bits that @p lies in; after the last
 * one of @pool its first. */
static void advance(struct prefix *p, const struct prefix *pool, uint8_t step)
{
	uint8_t len = p->len;

	*p = prefix_of(&p->addr, step);
	p->len = len;
	for (unsigned int at = step; at > pool->len; at--) {
		flip_bit(p->addr.bytes, at - 1);
		if (bit_of(p->addr.bytes, at - 1)) /* no carry */
			return;
	}
}

/*
 * Each one of @taken is met at most once on the way from the beginning to the pool's end, and once
 * more on the way from there, because the search goes on behind it.
 */
static bool search(struct prefix *p, const struct prefix *pool, const struct vprefix_list *taken)
{
	for (size_t tries = 0; tries <= 2 * (taken->n + 1); tries++) {
		const struct prefix *by = first_taken(p, taken->at, taken->n);

		if (!by)
			return true;
		if (by->len <= pool->len)
			return false;
		advance(p, pool, by->len < p->len ? by->len : p->len);
	}
	return false;
}

int vprefix_choose(struct prefix *out, const char *uid, const struct prefix *lan,
		   const struct vprefix_list *pools, const struct vprefix_list *taken)
{
	int r = -ERANGE;

	for (size_t i = 0; i < pools->n; i++) {
		const struct prefix *pool = &pools->at[i];

		if (pool->addr.family != lan->addr.family || pool->len > lan->len)
			continue;
		r = -ENOSPC;
		*out = beginning(pool, uid, lan);
		if (search(out, pool, taken))
			return 0;
	}
	return r;
}
