/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * expo - metrics as text, in one of two forms. Pure.
 *
 *   EXPO_PROMETHEUS    Prometheus text format 0.0.4
 *   EXPO_OPENMETRICS   OpenMetrics 1.0: units, counters named without "_total" in their family,
 *                      `# EOF` at the end
 *
 *   family   a name, a type, a unit, help; written once, with all of its samples behind it
 *   sample   a value with labels; two samples of a family differ in their labels
 *
 * The caller keeps the number of samples bounded: no label value may be a peer's to choose freely.
 */
#ifndef FARLAN_EXPO_H
#define FARLAN_EXPO_H

#include "common/pure/buf.h"
#include "common/pure/histo.h"
#include "common/pure/http.h"

enum expo_format { EXPO_PROMETHEUS, EXPO_OPENMETRICS };

enum expo_type { EXPO_GAUGE, EXPO_COUNTER, EXPO_INFO, EXPO_HISTOGRAM };

/*
 * @name is without the suffix that the type brings: counters get "_total", an info "_info", a
 * histogram "_bucket", "_sum" and "_count". With a unit the name ends in "_UNIT".
 */
struct expo_family {
	const char *name, *unit, *help; /* unit: NULL for none; help: one line */
	enum expo_type type;
};

struct expo_label {
	const char *name, *value;
};

struct expo {
	struct buf *out;
	enum expo_format format;
	const struct expo_family *family;
	int error;
};

/** expo_begin() - @out: borrowed until expo_end(); its cap is the cap of the text. */
void expo_begin(struct expo *e, struct buf *out, enum expo_format format);

/** expo_family() - a family begins. @f: borrowed until the next one begins. */
void expo_family(struct expo *e, const struct expo_family *f);

/**
 * expo_sample() - a value of the current family, which is no histogram. What is not printable ASCII
 * in a label's value, but for a line feed, becomes '?'.
 */
void expo_sample(struct expo *e, double value, const struct expo_label *labels, size_t n_labels);
/** expo_one() - a family with a single sample that has no labels. */
void expo_one(struct expo *e, const struct expo_family *f, double value);
/** expo_labelled() - a sample with one label. */
void expo_labelled(struct expo *e, double value, const char *name, const char *label);
/** expo_histogram() - its classes, sum and count, in seconds. */
void expo_histogram(struct expo *e, const struct histo *h, const struct expo_label *labels,
		    size_t n_labels);

/** expo_end() - Return: 0; -ENOBUFS over the cap, or -ENOMEM: the text is not to be used. */
int expo_end(struct expo *e) __attribute__((warn_unused_result));

/** expo_content_type() - for HTTP. */
const char *expo_content_type(enum expo_format format);

/**
 * expo_choose() - which form the request's `Accept` asks for (RFC 9110 section 12.5.1): OpenMetrics
 * if it is named and weighs no less than text, else Prometheus; also if neither is accepted.
 */
enum expo_format expo_choose(const struct http_head *request);

#endif
