/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The values of options: what may be there, and what is said if it is not that. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/accessctl.h"
#include "accessd/pure/duration.h"
#include "common/pure/addr.h"
#include "common/pure/url.h"

#define PIECE_SIZE 512

struct taking {
	const struct accessctl *a;
	const struct accessctl_option *o;
	struct accessctl_value *v;
};

bool accessctl_is_prefix(const char *word)
{
	struct addr a;

	return strchr(word, '/') || strchr(word, ',') || addr_parse(&a, word) == 0 ||
	       strcmp(word, "none") == 0;
}

static int check_prefix(const struct taking *t, const char *text)
{
	struct prefix p;
	int rc = prefix_parse(&p, text);

	if (rc == -EDOM)
		return accessctl_usage(t->a, "%s: bits behind the prefix length must be zero",
				       text);
	if (rc)
		return accessctl_usage(t->a, "%s: not a prefix like 192.168.1.0/24", text);
	return 0;
}

static int check_url(const struct taking *t, const char *text)
{
	struct url u;

	if (url_parse(&u, text) != 0)
		return accessctl_usage(t->a, "%s: not an address like https://HOST[:PORT]", text);
	return 0;
}

static int check_any(const struct taking *t, const char *text)
{
	(void)t;
	(void)text;
	return 0;
}

/* Each piece of a comma-separated list. */
static int take_list(const struct taking *t, const char *list,
		     int (*check)(const struct taking *t, const char *text))
{
	char piece[PIECE_SIZE];
	int rc = 0;

	while (*list && rc == 0) {
		size_t n = strcspn(list, ",");

		if (n >= sizeof(piece))
			return accessctl_usage(t->a, "%s: too long", list);
		memcpy(piece, list, n);
		piece[n] = '\0';
		list += n + (list[n] == ',');
		if (n == 0)
			continue;
		rc = check(t, piece);
		if (rc == 0 && json_array_append_new(t->v->list, json_string(piece)) != 0)
			rc = accessctl_usage(t->a, "%s: not UTF-8", t->o->name);
	}
	return rc;
}

static int take_number(const struct taking *t, const char *text)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (*end || end == text || errno || n < 1 || n > INT32_MAX)
		return accessctl_usage(t->a, "%s %s: a number from 1 on", t->o->name, text);
	t->v->number = n;
	return 0;
}

static int take_duration(const struct taking *t, const char *text)
{
	if (duration_parse(&t->v->number, text) != 0)
		return accessctl_usage(t->a,
				       "%s %s: a number with m, h or d, up to a year, e.g. 7d",
				       t->o->name, text);
	return 0;
}

static int take_rate(const struct taking *t, const char *text)
{
	uint64_t rate;
	int rc = rate_parse(&rate, text);

	if (rc == -ERANGE)
		return accessctl_usage(t->a, "%s %s: a rate is 64kbit to 100gbit", t->o->name,
				       text);
	if (rc)
		return accessctl_usage(
			t->a, "%s %s: a number with kbit, mbit or gbit, e.g. 10mbit; or none",
			t->o->name, text);
	return 0;
}

int accessctl_take(const struct accessctl *a, const struct accessctl_option *o,
		   struct accessctl_value *v, const char *text)
{
	const struct taking t = {a, o, v};
	enum accessctl_kind kind = (enum accessctl_kind)(o->kind & ~ACCESSCTL_NEEDED);
	bool is_list = kind >= ACCESSCTL_PREFIXES;

	v->given = true;
	v->text = text;
	if (is_list && !v->list)
		v->list = json_array();
	switch (kind) {
	case ACCESSCTL_FLAG:
	case ACCESSCTL_TEXT:
		return 0;
	case ACCESSCTL_NUMBER:
		return take_number(&t, text);
	case ACCESSCTL_DURATION:
		return take_duration(&t, text);
	case ACCESSCTL_RATE:
		return take_rate(&t, text);
	case ACCESSCTL_PREFIXES:
		return strcmp(text, "none") == 0 ? 0 : take_list(&t, text, check_prefix);
	case ACCESSCTL_URLS:
		return take_list(&t, text, check_url);
	case ACCESSCTL_LIST:
		return take_list(&t, text, check_any);
	}
	return 0;
}
