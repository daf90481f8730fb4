/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/nearest.h"

#include <stdint.h>
#include <string.h>

struct rows {
	uint8_t before[NEAREST_MAX + 1], last[NEAREST_MAX + 1], now[NEAREST_MAX + 1];
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The row of @a's letter @i, of the two above it. */
static void fill_row(struct rows *r, const char *a, size_t i, const char *b)
{
	r->now[0] = (uint8_t)i;
	for (size_t j = 1; b[j - 1]; j++) {
		size_t d = r->last[j - 1] + (size_t)(a[i - 1] != b[j - 1]);

		d = least(d, least(r->last[j], r->now[j - 1]) + 1u);
		if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
			d = least(d, r->before[j - 2] + 1u);
		r->now[j] = (uint8_t)d;
	}
}

size_t nearest_distance(const char *a, const char *b)
{
	size_t n_a = strlen(a), n_b = strlen(b);
	struct rows r = {0};

	if (n_a > NEAREST_MAX || n_b > NEAREST_MAX)
		return NEAREST_MAX;
	for (size_t j = 0; j <= n_b; j++)
		r.last[j] = (uint8_t)j;
	for (size_t i = 1; i <= n_a; i++) {
		fill_row(&r, a, i, b);
		memcpy(r.before, r.last, sizeof(r.last));
		memcpy(r.last, r.now, sizeof(r.now));
	}
	return r.last[n_b];
}

size_t nearest_limit(const char *word)
{
	size_t third = strlen(word) / 3;

	return third < 1 ? 1 : least(third, 4);
}
