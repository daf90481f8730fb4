/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/bars.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_COLUMNS 20
#define WIDTH_MIN 20
#define BAR_MIN 8 /* a shorter one says nothing */
#define FIGURE_SIZE 24
#define FIGURES_SIZE 128

/* A line that is being made: bytes, and the columns that they take. */
struct line {
	char *out;
	size_t used, columns, width;
};

static void put(struct line *l, const char *glyph)
{
	size_t n = strlen(glyph);

	if (l->columns >= l->width || l->used + n >= BARS_LINE_SIZE)
		return;
	memcpy(l->out + l->used, glyph, n);
	l->used += n;
	l->columns++;
	l->out[l->used] = '\0';
}

static void put_text(struct line *l, const char *text, size_t columns)
{
	for (size_t i = 0; i < columns; i++) {
		char glyph[2] = {i < strlen(text) ? text[i] : ' ', '\0'};

		put(l, glyph);
	}
}

uint64_t bars_sum_us(const struct bars_row *row, const struct bars_look *look)
{
	if (row->near.known != BARS_REACHED || (look->two && row->far.known != BARS_REACHED))
		return UINT64_MAX;
	return (uint64_t)row->near.rtt_us + (look->two ? row->far.rtt_us : 0);
}

void bars_sort(struct bars_row *rows, size_t n, const struct bars_look *look)
{
	for (size_t i = 1; i < n; i++) {
		struct bars_row row = rows[i];
		size_t at = i;

		for (; at > 0 && bars_sum_us(&rows[at - 1], look) > bars_sum_us(&row, look); at--)
			rows[at] = rows[at - 1];
		rows[at] = row;
	}
}

static uint64_t shown_us(const struct bars_way *w)
{
	return w->known == BARS_REACHED ? w->rtt_us : 0;
}

static uint64_t row_us(const struct bars_row *row, const struct bars_look *look)
{
	return shown_us(&row->near) + (look->two ? shown_us(&row->far) : 0);
}

static uint64_t longest_us(const struct bars_row *rows, size_t n, const struct bars_look *look)
{
	uint64_t longest = 1;

	for (size_t i = 0; i < n; i++) {
		if (row_us(&rows[i], look) > longest)
			longest = row_us(&rows[i], look);
	}
	return longest;
}

static size_t name_columns(const struct bars_row *rows, size_t n)
{
	size_t columns = 0;

	for (size_t i = 0; i < n; i++) {
		if (strlen(rows[i].name) > columns)
			columns = strlen(rows[i].name);
	}
	return columns < NAME_MAX_COLUMNS ? columns : NAME_MAX_COLUMNS;
}

static void figure(char out[FIGURE_SIZE], enum bars_known known, uint64_t us)
{
	if (known == BARS_UNKNOWN)
		snprintf(out, FIGURE_SIZE, "?");
	else if (known == BARS_FAILED)
		snprintf(out, FIGURE_SIZE, "-");
	else if (us < 9950)
		snprintf(out, FIGURE_SIZE, "%.1f", (double)us / 1000.0);
	else
		snprintf(out, FIGURE_SIZE, "%llu", (unsigned long long)((us + 500) / 1000));
}

static void loss_text(char *out, size_t size, const struct bars_row *row,
		      const struct bars_look *look)
{
	uint32_t near = row->near.known == BARS_REACHED ? row->near.loss_pm : 0;
	uint32_t far = look->two && row->far.known == BARS_REACHED ? row->far.loss_pm : 0;
	uint32_t more = near > far ? near : far;

	out[0] = '\0';
	if (more)
		snprintf(out, size, ", %.3g %% lost", (double)more / 10.0);
}

static void figures(char out[FIGURES_SIZE], const struct bars_row *row,
		    const struct bars_look *look)
{
	char near[FIGURE_SIZE], far[FIGURE_SIZE], sum[FIGURE_SIZE], loss[32];
	uint64_t us = bars_sum_us(row, look);
	bool failed =
		row->near.known == BARS_FAILED || (look->two && row->far.known == BARS_FAILED);

	figure(near, row->near.known, row->near.rtt_us);
	figure(far, row->far.known, row->far.rtt_us);
	figure(sum, us != UINT64_MAX ? BARS_REACHED : failed ? BARS_FAILED : BARS_UNKNOWN, us);
	loss_text(loss, sizeof(loss), row, look);
	if (look->two)
		snprintf(out, FIGURES_SIZE, "%5s + %5s = %5s ms%s", near, far, sum, loss);
	else
		snprintf(out, FIGURES_SIZE, "%5s ms%s", near, loss);
}

static size_t cells(uint64_t us, uint64_t longest, size_t width)
{
	return (size_t)((us * width + longest / 2) / longest);
}

static void put_bar(struct line *l, const struct bars_row *row, uint64_t longest, size_t width,
		    const struct bars_look *look)
{
	size_t near = cells(shown_us(&row->near), longest, width);
	size_t both = cells(row_us(row, look), longest, width);

	for (size_t i = 0; i < width; i++) {
		if (i < near)
			put(l, look->utf8 ? "\xe2\x96\x88" : "#"); /* full block */
		else if (i < both)
			put(l, look->utf8 ? "\xe2\x96\x91" : "="); /* light shade */
		else
			put(l, " ");
	}
}

void bars_line(char out[BARS_LINE_SIZE], const struct bars_row *rows, size_t n, size_t at,
	       const struct bars_look *look)
{
	size_t width = look->width < WIDTH_MIN	      ? WIDTH_MIN
		       : look->width > BARS_WIDTH_MAX ? BARS_WIDTH_MAX
						      : look->width;
	size_t name = name_columns(rows, n), right = look->two ? 39 : 23;
	struct line l = {.out = out, .width = width};
	char text[FIGURES_SIZE];

	out[0] = '\0';
	put_text(&l, rows[at].in_use ? "* " : "  ", 2);
	put_text(&l, rows[at].name, name);
	put(&l, " ");
	if (width >= l.columns + BAR_MIN + right)
		put_bar(&l, &rows[at], longest_us(rows, n, look), width - l.columns - right, look);
	put(&l, " ");
	figures(text, &rows[at], look);
	put_text(&l, text, strlen(text));
}
