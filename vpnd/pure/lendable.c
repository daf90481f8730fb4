/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/lendable.h"

#include <stdio.h>
#include <string.h>

#define SIZE_MAX_BITS 63
#define ANYCAST 128ULL /* the last ones of an IPv6 subnet, RFC 2526 */

/* --- the pool --- */

static int order(const struct addr *a, const struct addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* @text: of one range, without spaces around it. */
static const char *parse_range(struct lendable_range *r, char *text)
{
	char *dash = strchr(text, '-');

	if (dash)
		*dash++ = '\0';
	if (addr_parse(&r->first, text) != 0 || addr_parse(&r->last, dash ? dash : text) != 0)
		return "not an address, or ADDRESS-ADDRESS";
	if (r->first.family != r->last.family || order(&r->first, &r->last) > 0)
		return "a range goes from a lower to a higher address";
	if (addr_is_martian(&r->first) || addr_is_martian(&r->last))
		return "no host has such an address";
	if (r->first.family == 6 && memcmp(r->first.bytes, r->last.bytes, 8) != 0)
		return "a range is of one /64";
	return NULL;
}

const char *lendable_parse(struct lendable_pool *pool, const char *text)
{
	char one[2 * ADDR_TEXT_SIZE];
	const char *problem;

	pool->n = 0;
	while (*(text += strspn(text, " \t"))) {
		size_t n = strcspn(text, ","), bytes = n;

		while (bytes > 0 && strchr(" \t", text[bytes - 1]))
			bytes--;
		if (pool->n == LENDABLE_RANGES_MAX)
			return "too many ranges";
		if (bytes == 0 || bytes >= sizeof(one))
			return "not an address, or ADDRESS-ADDRESS";
		memcpy(one, text, bytes);
		one[bytes] = '\0';
		problem = parse_range(&pool->at[pool->n], one);
		if (problem)
			return problem;
		pool->n++;
		text += n;
		if (*text && !*++text)
			return "a comma at the end";
	}
	return NULL;
}

void lendable_format(const struct lendable_pool *pool, char *out, size_t out_size)
{
	char first[ADDR_TEXT_SIZE], last[ADDR_TEXT_SIZE];
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < pool->n && used < out_size; i++) {
		bool one = addr_equal(&pool->at[i].first, &pool->at[i].last);
		int n;

		addr_format(&pool->at[i].first, first);
		addr_format(&pool->at[i].last, last);
		n = snprintf(out + used, out_size - used, "%s%s%s%s", i ? ", " : "", first,
			     one ? "" : "-", one ? "" : last);
		used += n > 0 ? (size_t)n : 0;
	}
}

/* --- numbers of addresses --- */

static size_t bytes_of(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

/* The last 64 bits. */
static uint64_t low_of(const struct addr *a)
{
	size_t n = bytes_of(a->family);
	uint64_t v = 0;

	for (size_t i = n > 8 ? n - 8 : 0; i < n; i++)
		v = v << 8 | a->bytes[i];
	return v;
}

static struct addr plus(const struct addr *a, uint64_t n)
{
	struct addr sum = *a;

	n += low_of(a);
	for (size_t i = bytes_of(a->family), left = i > 8 ? 8 : i; left > 0; left--) {
		sum.bytes[--i] = (uint8_t)n;
		n >>= 8;
	}
	return sum;
}

static bool is_for_hosts(const struct lendable *l, uint64_t offset)
{
	bool v4 = l->subnet.addr.family == 4;

	if (l->size < 4) /* RFC 3021, RFC 6164 */
		return l->from_pool;
	if (offset == 0)
		return false;
	if (v4)
		return offset != l->size - 1;
	return l->from_pool || l->size <= 2 * ANYCAST || offset < l->size - ANYCAST;
}

/* --- in order --- */

static bool of_family(const struct lendable_range *r, const struct prefix *subnet)
{
	return r->first.family == subnet->addr.family;
}

void lendable_init(struct lendable *l, const struct prefix *subnet,
		   const struct lendable_pool *pool, uint64_t seed)
{
	unsigned int bits = (subnet->addr.family == 4 ? 32U : 128U) - subnet->len;

	*l = (struct lendable){.subnet = *subnet, .pool = pool};
	for (size_t i = 0; i < pool->n; i++)
		l->from_pool |= of_family(&pool->at[i], subnet);
	l->size = 1ULL << (bits < SIZE_MAX_BITS ? bits : SIZE_MAX_BITS);
	l->high = l->size - l->size / 4;
	l->quarter = l->size / 4;
	l->seed = l->quarter ? seed % l->quarter : 0;
}

static bool next_of_pool(struct lendable *l, struct addr *a)
{
	for (; l->range < l->pool->n; l->range++, l->at = 0) {
		const struct lendable_range *r = &l->pool->at[l->range];

		if (!of_family(r, &l->subnet))
			continue;
		while (l->at <= low_of(&r->last) - low_of(&r->first)) {
			*a = plus(&r->first, l->at++);
			if (!prefix_contains(&l->subnet, a))
				break;
			if (is_for_hosts(l, low_of(a) - low_of(&l->subnet.addr)))
				return true;
		}
	}
	return false;
}

static bool next_of_subnet(struct lendable *l, struct addr *a)
{
	while (l->at < l->size) {
		uint64_t i = l->at++, offset;

		offset = i < l->quarter ? l->high + (l->seed + i) % l->quarter : l->size - 1 - i;
		if (!is_for_hosts(l, offset))
			continue;
		*a = plus(&l->subnet.addr, offset);
		return true;
	}
	return false;
}

bool lendable_next(struct lendable *l, struct addr *a)
{
	return l->from_pool ? next_of_pool(l, a) : next_of_subnet(l, a);
}
