/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/table.h"

enum table_mark table_mark_of(const char **heading)
{
	char c = **heading;
	enum table_mark m = c == '>'   ? TABLE_NUMBER
			    : c == '=' ? TABLE_WHOLE
			    : c == '-' ? TABLE_SPARE
				       : TABLE_PLAIN;

	if (m != TABLE_PLAIN)
		(*heading)++;
	return m;
}

static size_t total(const struct table_column *at, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		if (!at[i].out)
			sum += at[i].width + (sum ? TABLE_GAP : 0);
	}
	return sum;
}

static bool may_be_cut(const struct table_column *c)
{
	return !c->out && (c->mark == TABLE_PLAIN || c->mark == TABLE_SPARE) &&
	       c->width > TABLE_CELL_MIN;
}

static struct table_column *widest(struct table_column *at, size_t n)
{
	struct table_column *best = NULL;

	for (size_t i = 0; i < n; i++) {
		if (may_be_cut(&at[i]) && (!best || at[i].width > best->width))
			best = &at[i];
	}
	return best;
}

/* How far all that may be cut would have to be cut: is that enough? */
static bool can_fit(const struct table_column *at, size_t n, size_t room)
{
	size_t sum = total(at, n);

	for (size_t i = 0; i < n; i++) {
		if (may_be_cut(&at[i]))
			sum -= at[i].width - TABLE_CELL_MIN;
	}
	return sum <= room;
}

bool table_fit(struct table_column *at, size_t n, size_t room)
{
	struct table_column *c;
	size_t spare = n;

	if (room == 0)
		return true;
	while (!can_fit(at, n, room)) {
		while (spare > 0 && at[spare - 1].mark != TABLE_SPARE)
			spare--;
		if (spare == 0)
			return false;
		at[--spare].out = true;
	}
	while (total(at, n) > room && (c = widest(at, n)))
		c->width--;
	return true;
}
