/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/expo.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_SIZE 40
#define INTEGER_MAX 9007199254740992.0 /* 2^53: up to here each integer is its own double */

/* --- text --- */

static void put_bytes(struct expo *e, const char *text, size_t n)
{
	if (e->error == 0)
		e->error = buf_append(e->out, text, n);
}

static void put(struct expo *e, const char *text)
{
	put_bytes(e, text, strlen(text));
}

static void put_char(struct expo *e, char c)
{
	put_bytes(e, &c, 1);
}

/* Both forms escape backslash and line feed; quotes are escaped where the text stands in quotes,
 * and in OpenMetrics everywhere. */
static void put_escaped(struct expo *e, const char *text, bool quotes)
{
	for (; *text; text++) {
		if (*text == '\\')
			put(e, "\\\\");
		else if (*text == '\n')
			put(e, "\\n");
		else if (*text == '"' && quotes)
			put(e, "\\\"");
		else
			put_char(e, *text >= ' ' && *text <= '~' ? *text : '?');
	}
}

static bool is_integer(double v)
{
	return v >= -INTEGER_MAX && v <= INTEGER_MAX && v == (double)(int64_t)v;
}

static const char *number(char out[NUMBER_SIZE], double v)
{
	if (isnan(v))
		return "NaN";
	if (isinf(v))
		return v > 0 ? "+Inf" : "-Inf";
	snprintf(out, NUMBER_SIZE, is_integer(v) ? "%.0f" : "%.15g", v);
	return out;
}

/* --- families --- */

static const char *suffix(const struct expo_family *f)
{
	switch (f->type) {
	case EXPO_GAUGE:
	case EXPO_HISTOGRAM:
		return "";
	case EXPO_COUNTER:
		return "_total";
	case EXPO_INFO:
		return "_info";
	}
	return "";
}

/* 0.0.4 knows no info: it is a gauge of the value 1. */
static const char *type_name(enum expo_type type, enum expo_format format)
{
	switch (type) {
	case EXPO_GAUGE:
		return "gauge";
	case EXPO_COUNTER:
		return "counter";
	case EXPO_INFO:
		return format == EXPO_OPENMETRICS ? "info" : "gauge";
	case EXPO_HISTOGRAM:
		return "histogram";
	}
	return "";
}

static void put_comment(struct expo *e, const char *keyword)
{
	put(e, "# ");
	put(e, keyword);
	put_char(e, ' ');
	put(e, e->family->name);
	if (e->format == EXPO_PROMETHEUS)
		put(e, suffix(e->family));
	put_char(e, ' ');
}

void expo_begin(struct expo *e, struct buf *out, enum expo_format format)
{
	*e = (struct expo){.out = out, .format = format};
}

void expo_family(struct expo *e, const struct expo_family *f)
{
	bool openmetrics = e->format == EXPO_OPENMETRICS;

	e->family = f;
	put_comment(e, "HELP");
	put_escaped(e, f->help, openmetrics);
	put_char(e, '\n');
	put_comment(e, "TYPE");
	put(e, type_name(f->type, e->format));
	put_char(e, '\n');
	if (openmetrics && f->unit) {
		put_comment(e, "UNIT");
		put(e, f->unit);
		put_char(e, '\n');
	}
}

/* --- samples --- */

static void put_label(struct expo *e, const struct expo_label *l, char before)
{
	put_char(e, before);
	put(e, l->name);
	put(e, "=\"");
	put_escaped(e, l->value, true);
	put_char(e, '"');
}

/* NAME SUFFIX {LABELS, @last} VALUE; @last may be NULL. */
static void put_sample(struct expo *e, const char *end, double value,
		       const struct expo_label *labels, size_t n, const struct expo_label *last)
{
	char text[NUMBER_SIZE];
	char before = '{';

	put(e, e->family->name);
	put(e, end);
	for (size_t i = 0; i < n; i++, before = ',')
		put_label(e, &labels[i], before);
	if (last) {
		put_label(e, last, before);
		before = ',';
	}
	put(e, before == '{' ? " " : "} ");
	put(e, number(text, value));
	put_char(e, '\n');
}

void expo_sample(struct expo *e, double value, const struct expo_label *labels, size_t n_labels)
{
	put_sample(e, suffix(e->family), value, labels, n_labels, NULL);
}

void expo_one(struct expo *e, const struct expo_family *f, double value)
{
	expo_family(e, f);
	expo_sample(e, value, NULL, 0);
}

void expo_labelled(struct expo *e, double value, const char *name, const char *label)
{
	expo_sample(e, value, &(struct expo_label){name, label}, 1);
}

/* OpenMetrics wants a fraction in the bounds of classes: "1.0". */
static void put_class(struct expo *e, double bound, uint64_t n, const struct expo_label *labels,
		      size_t n_labels)
{
	char text[NUMBER_SIZE + 2], digits[NUMBER_SIZE];
	struct expo_label le = {"le", text};

	snprintf(text, sizeof(text), "%s%s", number(digits, bound), bound == 1 ? ".0" : "");
	put_sample(e, "_bucket", (double)n, labels, n_labels, &le);
}

void expo_histogram(struct expo *e, const struct histo *h, const struct expo_label *labels,
		    size_t n_labels)
{
	uint64_t n = 0;

	for (size_t i = 0; i < HISTO_BOUNDS; i++) {
		n += h->n[i];
		put_class(e, histo_bounds_us[i] / 1e6, n, labels, n_labels);
	}
	n += h->n[HISTO_BOUNDS];
	put_class(e, INFINITY, n, labels, n_labels);
	put_sample(e, "_sum", (double)h->sum_us / 1e6, labels, n_labels, NULL);
	put_sample(e, "_count", (double)n, labels, n_labels, NULL);
}

int expo_end(struct expo *e)
{
	if (e->format == EXPO_OPENMETRICS)
		put(e, "# EOF\n");
	return e->error;
}

const char *expo_content_type(enum expo_format format)
{
	return format == EXPO_OPENMETRICS
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}
