/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/io/ctl.h"
#include "common/pure/display.h"
#include "common/pure/table.h"

#define CLOCK_OFF_S 5 /* less is not worth a word */
#define COLUMNS_MAX 1000

struct ctl_table {
	size_t n_columns, n_rows; /* the first row holds the headings */
	char **cells;
	struct table_column *columns;
};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

void ctl_table_row(struct ctl_table *t, const char *const *cells)
{
	size_t n = t->n_columns * (t->n_rows + 1);

	t->cells = must(reallocarray(t->cells, n, sizeof(*t->cells)));
	for (size_t i = 0; i < t->n_columns; i++) {
		/* Cells may come from other machines: nothing in them may steer the terminal. */
		char *cell = must(display_clean(cells[i] ? cells[i] : ""));
		size_t width = display_width(cell);

		t->cells[t->n_columns * t->n_rows + i] = cell;
		if (width > t->columns[i].width)
			t->columns[i].width = width;
	}
	t->n_rows++;
}

struct ctl_table *ctl_table_new(size_t n_columns, const char *const *headings)
{
	struct ctl_table *t = must(calloc(1, sizeof(*t)));
	const char **plain = must(calloc(n_columns + 1, sizeof(*plain)));

	t->n_columns = n_columns;
	t->columns = must(calloc(n_columns + 1, sizeof(*t->columns)));
	for (size_t i = 0; i < n_columns; i++) {
		plain[i] = headings[i];
		t->columns[i].mark = table_mark_of(&plain[i]);
	}
	/* It says which row it is. */
	if (t->columns[0].mark == TABLE_PLAIN)
		t->columns[0].mark = TABLE_WHOLE;
	ctl_table_row(t, plain);
	free(plain);
	return t;
}

/* --- the terminal --- */

struct paper {
	size_t room; /* 0: no terminal, so no end */
	bool bold;
	const char *mark; /* of what is cut */
};

static bool is_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value && value[0])
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

static size_t terminal_columns(void)
{
	const char *text = getenv("COLUMNS");
	struct winsize size;
	long n = text ? strtol(text, NULL, 10) : 0;

	if (n < 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		n = size.ws_col;
	if (n < 1)
		n = 80;
	return n > COLUMNS_MAX ? COLUMNS_MAX : (size_t)n;
}

static struct paper look_at_paper(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool terminal = isatty(STDOUT_FILENO);

	return (struct paper){
		.room = terminal ? terminal_columns() : 0,
		.bold = terminal && !(no_color && no_color[0]) && term && strcmp(term, "dumb") != 0,
		.mark = is_utf8() ? "\xe2\x80\xa6" : "~",
	};
}

/* --- printing --- */

static void print_spaces(size_t n)
{
	printf("%*s", (int)n, "");
}

static void print_cell(const struct table_column *c, const char *cell, const struct paper *p,
		       bool is_last)
{
	int is_cut;
	size_t bytes = display_cut(cell, c->width, p->mark, &is_cut),
	       used = is_cut ? c->width : display_width(cell), pad = c->width - used;

	if (c->mark == TABLE_NUMBER)
		print_spaces(pad);
	printf("%.*s%s", (int)bytes, cell, is_cut ? p->mark : "");
	if (c->mark != TABLE_NUMBER && !is_last)
		print_spaces(pad);
}

static void print_row(const struct ctl_table *t, size_t row, const struct paper *p)
{
	char *const *cells = t->cells + row * t->n_columns;
	size_t last = t->n_columns;
	bool any = false;

	/* Nothing stands behind the last cell of a line, not even blanks. */
	while (last > 0 && (cells[last - 1][0] == '\0' || t->columns[last - 1].out))
		last--;
	if (row == 0 && p->bold)
		fputs("\033[1m", stdout);
	for (size_t i = 0; i < last; i++) {
		if (t->columns[i].out)
			continue;
		if (any)
			print_spaces(TABLE_GAP);
		print_cell(&t->columns[i], cells[i], p, i + 1 == last);
		any = true;
	}
	puts(row == 0 && p->bold ? "\033[0m" : "");
}

/* At blanks, into lines that have @room. */
static void print_wrapped(const char *text, size_t indent, size_t room)
{
	size_t used = 0;

	while (*text) {
		size_t n = strcspn(text, " ");
		char *word = must(strndup(text, n));
		size_t width = display_width(word);

		if (used > 0 && used + 1 + width > room) {
			putchar('\n');
			print_spaces(indent);
			used = 0;
		}
		printf("%s%s", used ? " " : "", word);
		used += width + (used ? 1 : 0);
		free(word);
		text += n + strspn(text + n, " ");
	}
	putchar('\n');
}

/* Each cell in a line of its own, its heading before it. */
static void print_records(const struct ctl_table *t, size_t room)
{
	size_t width = 0;

	for (size_t i = 0; i < t->n_columns; i++)
		width = display_width(t->cells[i]) > width ? display_width(t->cells[i]) : width;
	for (size_t row = 1; row < t->n_rows; row++) {
		char *const *cells = t->cells + row * t->n_columns;

		if (row > 1)
			putchar('\n');
		for (size_t i = 0; i < t->n_columns; i++) {
			if (cells[i][0] == '\0')
				continue;
			fputs(t->cells[i], stdout);
			print_spaces(width + TABLE_GAP - display_width(t->cells[i]));
			print_wrapped(cells[i], width + TABLE_GAP,
				      room > width + TABLE_GAP ? room - width - TABLE_GAP : 1);
		}
	}
}

static void note_left_out(const struct ctl_table *t)
{
	const char *between = "Not shown for want of room: ";

	for (size_t i = 0; i < t->n_columns; i++) {
		if (!t->columns[i].out)
			continue;
		fprintf(stderr, "%s%s", between, t->cells[i]);
		between = ", ";
	}
	if (between[0] == ',')
		fputc('\n', stderr);
}

static void print_all(const struct ctl_table *t)
{
	const struct paper p = look_at_paper();

	if (!table_fit(t->columns, t->n_columns, p.room) && t->n_rows > 1) {
		print_records(t, p.room);
		return;
	}
	for (size_t i = 0; i < t->n_rows; i++)
		print_row(t, i, &p);
	fflush(stdout);
	note_left_out(t);
}

void ctl_table_print(struct ctl_table *t)
{
	print_all(t);
	for (size_t i = 0; i < t->n_rows * t->n_columns; i++)
		free(t->cells[i]);
	free(t->columns);
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

static void put_days(char *out, size_t out_size, const char *what, const json_t *left)
{
	size_t n = strlen(out);
	json_int_t s = json_integer_value(left);

	if (!left || n >= out_size)
		return;
	if (s < 0)
		snprintf(out + n, out_size - n, "%shas expired", what);
	else
		snprintf(out + n, out_size - n, "%s%" JSON_INTEGER_FORMAT " days left", what,
			 s / 86400);
}

void ctl_certificate(char *out, size_t out_size, const json_t *status)
{
	const json_t *c = json_object_get(status, "certificate");
	const char *problem = json_string_value(json_object_get(c, "problem"));
	const char *missing = json_string_value(json_object_get(c, "missing"));
	bool from_file = json_is_true(json_object_get(c, "in_use"));
	size_t n;

	out[0] = '\0';
	if (!c)
		return;
	snprintf(out, out_size, "%s",
		 from_file ? json_string_value(json_object_get(c, "file")) : "the domain's own");
	put_days(out, out_size, ", ", json_object_get(c, "left_s"));
	put_days(out, out_size, "; domain CA: ", json_object_get(c, "ca_left_s"));
	n = strlen(out);
	if (n < out_size && problem && problem[0])
		snprintf(out + n, out_size - n, "; the file is not used: %s", problem);
	else if (n < out_size && missing && missing[0])
		snprintf(out + n, out_size - n, "; it is not for %s", missing);
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
