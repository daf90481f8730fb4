/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/ctl.h"

#define CLOCK_OFF_S 5 /* less is not worth a word */

struct ctl_table {
	size_t n_columns, n_rows; /* the first row holds the headings */
	char **cells;
};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* Cells may come from other machines: nothing in them may steer the terminal. */
static char *clean_copy(const char *text)
{
	char *copy = must(strdup(text ? text : "")), *at;

	for (at = copy; *at; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	}
	return copy;
}

void ctl_table_row(struct ctl_table *t, const char *const *cells)
{
	size_t i, n = t->n_columns * (t->n_rows + 1);

	t->cells = must(reallocarray(t->cells, n, sizeof(*t->cells)));
	for (i = 0; i < t->n_columns; i++)
		t->cells[t->n_columns * t->n_rows + i] = clean_copy(cells[i]);
	t->n_rows++;
}

struct ctl_table *ctl_table_new(size_t n_columns, const char *const *headings)
{
	struct ctl_table *t = must(calloc(1, sizeof(*t)));

	t->n_columns = n_columns;
	ctl_table_row(t, headings);
	return t;
}

/* One code point of UTF-8, or '?' for a byte of what is none. Return: its bytes. */
static size_t next_char(const char *text, uint32_t *c)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 1, i;

	*c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			*c = '?';
			return 1;
		}
		*c = *c << 6 | (p[i] & 0x3fu);
	}
	return n;
}

/* Columns on a terminal; the common ranges of Unicode's East Asian Width (UAX 11). */
static size_t char_width(uint32_t c)
{
	static const struct {
		uint32_t first, last;
		size_t width;
	} ranges[] = {
		{0x300, 0x36f, 0},   {0x1100, 0x115f, 2},   {0x200b, 0x200f, 0},
		{0x2e80, 0xa4cf, 2}, {0xac00, 0xd7a3, 2},   {0xf900, 0xfaff, 2},
		{0xfe00, 0xfe0f, 0}, {0xfe30, 0xfe6f, 2},   {0xff00, 0xff60, 2},
		{0xffe0, 0xffe6, 2}, {0x1f300, 0x1faff, 2}, {0x20000, 0x3fffd, 2},
	};
	size_t i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (c >= ranges[i].first && c <= ranges[i].last)
			return ranges[i].width;
	}
	return 1;
}

static size_t text_width(const char *text)
{
	size_t width = 0;
	uint32_t c;

	while (*text) {
		text += next_char(text, &c);
		width += char_width(c);
	}
	return width;
}

static size_t column_width(const struct ctl_table *t, size_t column)
{
	size_t row, width = 0;

	for (row = 0; row < t->n_rows; row++) {
		size_t w = text_width(t->cells[row * t->n_columns + column]);

		width = w > width ? w : width;
	}
	return width;
}

static void print_row(const struct ctl_table *t, size_t row, const size_t *widths)
{
	char *const *cells = t->cells + row * t->n_columns;
	size_t i, last = t->n_columns;

	/* Nothing stands behind the last cell of a line, not even blanks. */
	while (last > 0 && cells[last - 1][0] == '\0')
		last--;
	for (i = 0; i < last; i++) {
		int pad = i + 1 < last ? (int)(widths[i] - text_width(cells[i])) + 2 : 0;

		printf("%s%*s", cells[i], pad, "");
	}
	putchar('\n');
}

void ctl_table_print(struct ctl_table *t)
{
	size_t *widths = must(calloc(t->n_columns + 1, sizeof(*widths)));
	size_t i;

	for (i = 0; i < t->n_columns; i++)
		widths[i] = column_width(t, i);
	for (i = 0; i < t->n_rows; i++)
		print_row(t, i, widths);
	for (i = 0; i < t->n_rows * t->n_columns; i++)
		free(t->cells[i]);
	free(widths);
	free(t->cells);
	free(t);
}

void ctl_print_json(const json_t *o)
{
	json_dumpf(o, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
}

void ctl_metrics(char *out, size_t out_size, const json_t *status)
{
	const json_t *m = json_object_get(status, "metrics");
	const char *listen = json_string_value(json_object_get(m, "listen"));
	bool listening = json_is_true(json_object_get(m, "listening"));

	snprintf(out, out_size, "%s%s", listen ? listen : "",
		 listen && !listening ? " (not yet: the log says why)" : "");
}

/* "56 years" */
static void long_time(char *out, size_t out_size, int64_t s)
{
	static const struct {
		int64_t s;
		const char *name;
	} units[] = {{31557600, "years"}, {86400, "days"}, {3600, "hours"}, {60, "minutes"}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (s < 2 * units[i].s)
			continue;
		snprintf(out, out_size, "%" PRId64 " %s", s / units[i].s, units[i].name);
		return;
	}
	snprintf(out, out_size, "%" PRId64 " seconds", s);
}

void ctl_clock(char *out, size_t out_size, const json_t *status)
{
	const json_t *c = json_object_get(status, "clock");
	int64_t ahead_s = json_integer_value(json_object_get(c, "system_ahead_ms")) / 1000;
	const char *state = json_string_value(json_object_get(c, "state")), *what = "";
	const char *problem = json_string_value(json_object_get(c, "problem"));
	char off[32];

	out[0] = '\0';
	if (!state || llabs(ahead_s) < CLOCK_OFF_S)
		return;
	long_time(off, sizeof(off), llabs(ahead_s));
	if (strcmp(state, "signed") == 0)
		what = "the Access Server's time is used";
	else if (strcmp(state, "sntp") == 0)
		what = "the time servers' time is used";
	else
		what = "the Access Server will say what time it is";
	snprintf(out, out_size, "this host's is %s%s %s; %s; %s%s", off,
		 strcmp(state, "unknown") == 0 ? " or more" : "", ahead_s < 0 ? "behind" : "ahead",
		 what,
		 problem ? "it could not be set: "
		 : json_is_true(json_object_get(c, "set_clock"))
			 ? "it is set when the Access Server says what time it is"
			 : "set-clock = yes sets it",
		 problem ? problem : "");
}

void ctl_bytes(char *out, size_t out_size, uint64_t n)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	double v = (double)n / 1000;
	size_t u = 0;

	if (n < 1000) {
		snprintf(out, out_size, "%u B", (unsigned)n);
		return;
	}
	/* 999.95 would be printed as 1000.0. */
	while (v >= 999.95 && u + 1 < sizeof(units) / sizeof(units[0])) {
		v /= 1000;
		u++;
	}
	snprintf(out, out_size, "%.1f %s", v, units[u]);
}
