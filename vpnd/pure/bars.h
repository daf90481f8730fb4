/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bars - the ways to relays as lines of text: a bar for this end's round trip, the other end's
 * behind it, and the figures. Pure.
 *
 *   * rs3 ########==========          76 +   115 =    191 ms
 *     rs1 ##====================      20 +   190 =    210 ms
 */
#ifndef FARLAN_BARS_H
#define FARLAN_BARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BARS_LINE_SIZE 1024
#define BARS_WIDTH_MAX 200

struct bars_way {
	enum bars_known { BARS_UNKNOWN, BARS_REACHED, BARS_FAILED } known;
	uint32_t rtt_us, loss_pm;
};

struct bars_row {
	const char *name; /* no control characters */
	bool in_use;
	struct bars_way near, far;
};

struct bars_look {
	size_t width; /* of the terminal */
	bool utf8;    /* what it shows; else ASCII */
	bool two;     /* both ends; else this one only */
};

/** bars_sum_us() - of both ends (or one, as @look says); UINT64_MAX if one is not known, or not
 * reached. */
uint64_t bars_sum_us(const struct bars_row *row, const struct bars_look *look);

/** bars_sort() - the nearest first; what has no sum last, in the order that it had. */
void bars_sort(struct bars_row *rows, size_t n, const struct bars_look *look);

/**
 * bars_line() - one of @n rows, which set the scale. Cut to @look->width columns (at least 20, at
 * most BARS_WIDTH_MAX); without a line end.
 */
void bars_line(char out[BARS_LINE_SIZE], const struct bars_row *rows, size_t n, size_t at,
	       const struct bars_look *look);

#endif
