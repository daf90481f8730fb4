/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Accept: MEDIA-RANGE *( ";" NAME "=" VALUE ) , ...   RFC 9110 sections 5.6.6, 12.4.2 and 12.5.1.
 * Of the ranges that a form matches the most exact one gives its weight.
 */
#include <string.h>

#include "common/pure/expo.h"

#define WEIGHT_MAX 1000 /* thousandths */

/* How exactly a range names a form. */
enum match { MATCH_NONE, MATCH_ANY, MATCH_TYPE, MATCH_EXACT };

struct form {
	const char *type, *exact, *version; /* "text/ *", "text/plain", "0.0.4" */
	enum match match;		    /* the best so far */
	int weight;			    /* of that */
};

struct range {
	struct http_str type, version; /* version.at NULL: none is named */
	int weight;
	bool ok;
};

/* The part of @s up to @c, or to the end, blanks around it gone; @s becomes what is behind it. What
 * stands in quotes does not count; a quote that does not end takes all. */
static struct http_str take(struct http_str *s, char c)
{
	struct http_str part = {s->at, 0};
	bool quoted = false;

	for (; part.len < s->len && (quoted || s->at[part.len] != c); part.len++) {
		if (quoted && s->at[part.len] == '\\' && part.len + 1 < s->len)
			part.len++;
		else if (s->at[part.len] == '"')
			quoted = !quoted;
	}
	s->at += part.len;
	s->len -= part.len;
	if (s->len > 0) {
		s->at++;
		s->len--;
	}
	return http_str_trim(part);
}

/* "0", "0.5", "0.333", "1.000". Return: -1 malformed. */
static int weight(struct http_str s)
{
	int v = 0, unit = WEIGHT_MAX;

	if (s.len == 0 || s.len > 5 || (s.len > 1 && s.at[1] != '.'))
		return -1;
	for (size_t i = 0; i < s.len; i++) {
		if (i == 1)
			continue;
		if (s.at[i] < '0' || s.at[i] > '9')
			return -1;
		v += (s.at[i] - '0') * unit;
		unit /= 10;
	}
	return v <= WEIGHT_MAX ? v : -1;
}

static struct http_str unquoted(struct http_str s)
{
	if (s.len >= 2 && s.at[0] == '"' && s.at[s.len - 1] == '"')
		return (struct http_str){s.at + 1, s.len - 2};
	return s;
}

/* Unknown parameters (charset, escaping, ...) are ignored; a malformed range counts for nothing. */
static struct range parse_range(struct http_str text)
{
	struct range r = {.type = take(&text, ';'), .weight = WEIGHT_MAX, .ok = true};

	while (text.len > 0) {
		struct http_str value = take(&text, ';'), name = take(&value, '=');

		value = unquoted(http_str_trim(value));
		if (http_str_is_nocase(name, "q"))
			r.weight = weight(value);
		else if (http_str_is_nocase(name, "version"))
			r.version = value;
	}
	r.ok = r.weight >= 0;
	return r;
}

static enum match match(const struct range *r, const struct form *f)
{
	if (http_str_is(r->type, "*/*"))
		return MATCH_ANY;
	if (http_str_is_nocase(r->type, f->type))
		return MATCH_TYPE;
	if (http_str_is_nocase(r->type, f->exact) &&
	    (!r->version.at || http_str_is(r->version, f->version)))
		return MATCH_EXACT;
	return MATCH_NONE;
}

static void weigh(struct form *f, const struct range *r)
{
	enum match m = match(r, f);

	if (m == MATCH_NONE || m < f->match || (m == f->match && r->weight < f->weight))
		return;
	f->match = m;
	f->weight = r->weight;
}

enum expo_format expo_choose(const struct http_head *request)
{
	struct form text = {.type = "text/*", .exact = "text/plain", .version = "0.0.4"};
	struct form open = {.type = "application/*",
			    .exact = "application/openmetrics-text",
			    .version = "1.0.0"};

	for (size_t i = 0; i < request->n_headers; i++) {
		struct http_str list = request->headers[i].value;

		if (!http_str_is_nocase(request->headers[i].name, "Accept"))
			continue;
		while (list.len > 0) {
			struct range r = parse_range(take(&list, ','));

			if (r.ok) {
				weigh(&text, &r);
				weigh(&open, &r);
			}
		}
	}
	return open.match == MATCH_EXACT && open.weight > 0 && open.weight >= text.weight
		       ? EXPO_OPENMETRICS
		       : EXPO_PROMETHEUS;
}
