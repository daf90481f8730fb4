/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line. Not getopt(3): "--lan A B" takes several words, wherever it stands.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/accessctl.h"
#include "accessd/pure/duration.h"
#include "common/pure/addr.h"
#include "common/pure/rate.h"
#include "common/pure/rules.h"
#include "common/pure/url.h"

struct walk {
	char **argv;
	int argc, at; /* the next word */
};

int accessctl_usage(const char *fmt, ...)
{
	va_list ap;

	fputs("accessctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("; see accessctl --help\n", stderr);
	return CTL_USAGE;
}

static bool looks_like_prefix(const char *word)
{
	struct addr a;

	return strchr(word, '/') || strchr(word, ',') || addr_parse(&a, word) == 0 ||
	       strcmp(word, "none") == 0;
}

static int add_lan(struct accessctl_args *a, const char *text)
{
	struct prefix p;
	int rc = prefix_parse(&p, text);

	if (rc == -EDOM)
		return accessctl_usage("%s: bits behind the prefix length must be zero", text);
	if (rc)
		return accessctl_usage("%s: not a prefix like 192.168.1.0/24", text);
	json_array_append_new(a->lans, json_string(text));
	return 0;
}

static int add_url(struct accessctl_args *a, const char *text)
{
	struct url u;

	if (url_parse(&u, text) != 0)
		return accessctl_usage("%s: not an address like https://HOST[:PORT]", text);
	json_array_append_new(a->urls, json_string(text));
	return 0;
}

/* Each piece of a comma-separated list. */
static int each_piece(struct accessctl_args *a, const char *list,
		      int (*add)(struct accessctl_args *, const char *))
{
	char piece[URL_TEXT_SIZE];
	int rc = 0;

	while (*list && rc == 0) {
		size_t n = strcspn(list, ",");

		if (n >= sizeof(piece))
			return accessctl_usage("%s: too long", list);
		memcpy(piece, list, n);
		piece[n] = '\0';
		if (n > 0)
			rc = add(a, piece);
		list += n + (list[n] == ',');
	}
	return rc;
}

/* "none" gives an empty list. */
static int take_lans(struct accessctl_args *a, const char *value)
{
	if (!a->lans)
		a->lans = json_array();
	return strcmp(value, "none") == 0 ? 0 : each_piece(a, value, add_lan);
}

static int take_urls(struct accessctl_args *a, const char *value)
{
	if (!a->urls)
		a->urls = json_array();
	return each_piece(a, value, add_url);
}

static int take_expires(struct accessctl_args *a, const char *value)
{
	if (duration_parse(&a->expires_s, value) != 0)
		return accessctl_usage(
			"--expires %s: a number with m, h or d, up to a year, e.g. 7d", value);
	return 0;
}

static int take_since(struct accessctl_args *a, const char *value)
{
	if (duration_parse(&a->since_s, value) != 0)
		return accessctl_usage("--since %s: a number with m, h or d, up to a year, e.g. 7d",
				       value);
	return 0;
}

static int take_rate(struct accessctl_args *a, const char *value)
{
	uint64_t rate;
	int rc = rate_parse(&rate, value);

	if (rc == -ERANGE)
		return accessctl_usage("--rate %s: a rate is 64kbit to 100gbit", value);
	if (rc)
		return accessctl_usage("--rate %s: a number with kbit, mbit or gbit, e.g. 10mbit; "
				       "or none",
				       value);
	a->rate = value;
	return 0;
}

static int take_at(struct accessctl_args *a, const char *value)
{
	char *end;

	a->at = strtol(value, &end, 10);
	if (*end || a->at < 1 || a->at > RULES_MAX)
		return accessctl_usage("--at %s: the place in the list, 1 to %d", value, RULES_MAX);
	return 0;
}

static int take_file(struct accessctl_args *a, const char *value)
{
	a->file = value;
	return 0;
}

static int take_device(struct accessctl_args *a, const char *value)
{
	a->device = value;
	return 0;
}

static int take_user(struct accessctl_args *a, const char *value)
{
	a->user = value;
	return 0;
}

static int take_domain(struct accessctl_args *a, const char *value)
{
	a->domain = value;
	return 0;
}

static int take_socket(struct accessctl_args *a, const char *value)
{
	a->socket = value;
	return 0;
}

static const struct {
	const char *name;
	int (*take)(struct accessctl_args *a, const char *value);
} VALUED[] = {
	{"--lan", take_lans},  {"--url", take_urls},	  {"--expires", take_expires},
	{"--rate", take_rate}, {"--since", take_since},	  {"--device", take_device},
	{"--user", take_user}, {"--domain", take_domain}, {"--socket", take_socket},
	{"-s", take_socket},   {"--at", take_at},	  {"--file", take_file},
};

static bool take_flag(struct accessctl_args *a, const char *word)
{
	if (strcmp(word, "--json") == 0)
		a->json = true;
	else if (strcmp(word, "--idle") == 0)
		a->idle = true;
	else if (strcmp(word, "--qr") == 0)
		a->qr = true;
	else if (strcmp(word, "--yes") == 0)
		a->yes = true;
	else if (strcmp(word, "--compromised") == 0)
		a->compromised = true;
	else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		a->help = true;
	else if (strcmp(word, "--version") == 0)
		a->version = true;
	else
		return false;
	return true;
}

/* "--name value" or "--name=value"; --lan goes on as long as prefixes follow. */
static int take_valued(struct accessctl_args *a, struct walk *w, const char *word)
{
	const char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
	size_t len = equals ? (size_t)(equals - word) : strlen(word);

	for (size_t i = 0; i < sizeof(VALUED) / sizeof(VALUED[0]); i++) {
		int rc;

		if (strlen(VALUED[i].name) != len || strncmp(VALUED[i].name, word, len) != 0)
			continue;
		if (!equals && w->at == w->argc)
			return accessctl_usage("%s needs a value", VALUED[i].name);
		rc = VALUED[i].take(a, equals ? equals + 1 : w->argv[w->at++]);
		while (rc == 0 && VALUED[i].take == take_lans && w->at < w->argc &&
		       looks_like_prefix(w->argv[w->at]))
			rc = take_lans(a, w->argv[w->at++]);
		return rc;
	}
	return accessctl_usage("unknown option %s", word);
}

int accessctl_parse(struct accessctl_args *a, int argc, char **argv)
{
	struct walk w = {.argv = argv, .argc = argc, .at = 1};

	memset(a, 0, sizeof(*a));
	while (w.at < argc) {
		const char *word = argv[w.at++];

		if (word[0] != '-' || word[1] == '\0') {
			if (a->n_words == ACCESSCTL_WORDS_MAX)
				return accessctl_usage("too many words");
			a->words[a->n_words++] = word;
		} else if (!take_flag(a, word)) {
			int rc = take_valued(a, &w, word);

			if (rc)
				return rc;
		}
	}
	return 0;
}

void accessctl_release(struct accessctl_args *a)
{
	json_decref(a->lans);
	json_decref(a->urls);
}
