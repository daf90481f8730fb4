/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line. Not getopt(3): "--lan A B" takes several words, wherever it stands, and which
 * command it is, is known only when all words are: until then an option is what it is for any
 * command.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/accessctl.h"
#include "common/pure/nearest.h"

#define GIVEN_MAX 512

struct given {
	const char *name; /* as it was written; up to @len */
	size_t len;
	const char *value; /* NULL: none was there */
};

struct walk {
	char **argv;
	int argc, at; /* the next word */
	struct given given[GIVEN_MAX];
	size_t n_given;
};

const struct accessctl_option ACCESSCTL_GENERAL[] = {
	{"--json", NULL, ACCESSCTL_FLAG, "print JSON"},
	{"--domain", "DOMAIN", ACCESSCTL_TEXT, "which of several domains; else $FARLAN_DOMAIN"},
	{"--remote", NULL, ACCESSCTL_FLAG, "as the user who is signed in at this PC, by its vpnd"},
	{"--socket", "SOCKET", ACCESSCTL_TEXT, "accessd's socket (-s); else $FARLAN_SOCKET"},
	{"-s", "SOCKET", ACCESSCTL_TEXT, NULL},
	{"--help", NULL, ACCESSCTL_FLAG, "help on the command (-h)"},
	{"-h", NULL, ACCESSCTL_FLAG, NULL},
	{"--version", NULL, ACCESSCTL_FLAG, "print the version"},
	{NULL, NULL, 0, NULL},
};

int accessctl_usage(const struct accessctl *a, const char *fmt, ...)
{
	va_list ap;

	fputs("accessctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	if (a->command)
		accessctl_print_usage(stderr, a->command);
	else
		fputs("See accessctl --help.\n", stderr);
	return CTL_USAGE;
}

/* --- walking --- */

static const struct accessctl_option *option_of(const struct accessctl_option *list,
						const struct given *g)
{
	for (; list && list->name; list++) {
		if (strlen(list->name) == g->len && memcmp(list->name, g->name, g->len) == 0)
			return list;
	}
	return NULL;
}

static const struct accessctl_option *option_of_any(const struct given *g)
{
	const struct accessctl_option *o = option_of(ACCESSCTL_GENERAL, g);

	for (struct accessctl_at at = {0}; !o && accessctl_next(&at);)
		o = option_of(at.command->options, g);
	return o;
}

const struct accessctl_option *accessctl_awaits(const char *word)
{
	const struct given g = {.name = word, .len = strlen(word)};

	return option_of_any(&g);
}

static bool is_prefixes(const struct accessctl_option *o)
{
	return (o->kind & ~ACCESSCTL_NEEDED) == ACCESSCTL_PREFIXES;
}

static int add_given(const struct accessctl *a, struct walk *w, const struct given *g)
{
	if (w->n_given == GIVEN_MAX)
		return accessctl_usage(a, "too many options");
	w->given[w->n_given++] = *g;
	return 0;
}

/* "--name", "--name value" or "--name=value"; --lan goes on as long as prefixes follow. What is
 * wrong with it is said once the command is known. */
static int walk_option(const struct accessctl *a, struct walk *w, const char *word)
{
	const char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
	struct given g = {.name = word,
			  .len = equals ? (size_t)(equals - word) : strlen(word),
			  .value = equals ? equals + 1 : NULL};
	const struct accessctl_option *o = option_of_any(&g);
	int rc;

	if (!equals && o && o->value && w->at < w->argc)
		g.value = w->argv[w->at++];
	rc = add_given(a, w, &g);
	while (rc == 0 && o && is_prefixes(o) && w->at < w->argc &&
	       accessctl_is_prefix(w->argv[w->at])) {
		g.value = w->argv[w->at++];
		rc = add_given(a, w, &g);
	}
	return rc;
}

static int walk_all(struct accessctl *a, struct walk *w)
{
	bool only_words = false;
	int rc = 0;

	while (w->at < w->argc && rc == 0) {
		const char *word = w->argv[w->at++];

		if (!only_words && strcmp(word, "--") == 0)
			only_words = true;
		else if (!only_words && word[0] == '-' && word[1] != '\0')
			rc = walk_option(a, w, word);
		else if (a->n_words == ACCESSCTL_WORDS_MAX)
			rc = accessctl_usage(a, "too many words");
		else
			a->words[a->n_words++] = word;
	}
	return rc;
}

/* --- what it says --- */

static void take_general(struct accessctl *a, const char *name, const char *value)
{
	if (strcmp(name, "--json") == 0)
		a->json = true;
	else if (strcmp(name, "--domain") == 0)
		a->domain = value;
	else if (strcmp(name, "--remote") == 0)
		a->remote = true;
	else if (strcmp(name, "--socket") == 0 || strcmp(name, "-s") == 0)
		a->socket = value;
	else if (strcmp(name, "--version") == 0)
		a->version = true;
	else
		a->help = true;
}

/* What the mistyped one may be; "": nothing is near. */
static const char *nearest_option(const struct accessctl *a, const struct given *g)
{
	const struct accessctl_option *lists[] = {a->command ? a->command->options : NULL,
						  ACCESSCTL_GENERAL};
	char word[NEAREST_MAX];
	const char *best = "";
	size_t least;

	snprintf(word, sizeof(word), "%.*s", (int)g->len, g->name);
	least = nearest_limit(word) + 1;
	for (size_t i = 0; i < 2; i++) {
		for (const struct accessctl_option *o = lists[i]; o && o->name; o++) {
			size_t n = nearest_distance(word, o->name);

			if (o->help && n < least) {
				best = o->name;
				least = n;
			}
		}
	}
	return best;
}

static int unknown_option(const struct accessctl *a, const struct given *g)
{
	const char *meant = nearest_option(a, g);

	return accessctl_usage(a, "unknown option %.*s%s%s%s", (int)g->len, g->name,
			       meant[0] ? "; is " : "", meant, meant[0] ? " meant?" : "");
}

static int take_given(struct accessctl *a, const struct given *g)
{
	const struct accessctl_option *own = a->command ? a->command->options : NULL,
				      *o = option_of(own, g);
	bool is_own = o != NULL;

	if (!o)
		o = option_of(ACCESSCTL_GENERAL, g);
	if (!o && option_of_any(g))
		return accessctl_usage(a, "%.*s has no meaning here", (int)g->len, g->name);
	if (!o)
		return unknown_option(a, g);
	if (o->value && !g->value)
		return accessctl_usage(a, "%s needs a value", o->name);
	if (!o->value && g->value)
		return accessctl_usage(a, "%s takes no value", o->name);
	if (is_own)
		return accessctl_take(a, o, &a->values[o - own], g->value);
	take_general(a, o->name, g->value);
	return 0;
}

/* What is no text could not be sent, and would be taken for not given. */
static bool is_text(const char *word)
{
	json_t *s = json_string(word);

	json_decref(s);
	return s != NULL;
}

static int check_text(struct accessctl *a, int argc, char **argv)
{
	const char *domain = getenv("FARLAN_DOMAIN"); /* NOLINT(concurrency-mt-unsafe) */

	for (int i = 1; i < argc; i++) {
		if (!is_text(argv[i]))
			return accessctl_usage(a, "word %d is not text in UTF-8", i);
	}
	return !domain || is_text(domain)
		       ? 0
		       : accessctl_usage(a, "FARLAN_DOMAIN is not text in UTF-8");
}

int accessctl_parse(struct accessctl *a, int argc, char **argv)
{
	struct walk w = {.argv = argv, .argc = argc, .at = 1};
	int rc;

	memset(a, 0, sizeof(*a));
	rc = check_text(a, argc, argv);
	if (rc == 0)
		rc = walk_all(a, &w);
	if (rc)
		return rc;
	a->command = accessctl_find(a->words, a->n_words, &a->n_fixed);
	for (size_t i = 0; i < w.n_given && rc == 0; i++)
		rc = take_given(a, &w.given[i]);
	if (!a->domain)
		a->domain = getenv("FARLAN_DOMAIN"); /* NOLINT(concurrency-mt-unsafe) */
	return rc;
}

void accessctl_release(struct accessctl *a)
{
	for (size_t i = 0; i < ACCESSCTL_OPTIONS_MAX; i++)
		json_decref(a->values[i].list);
}

/* --- looking up --- */

static const struct accessctl_value *value_of(const struct accessctl *a, const char *option)
{
	const struct given g = {.name = option, .len = strlen(option)};
	const struct accessctl_option *o = option_of(a->command->options, &g);

	assert(o);
	return &a->values[o - a->command->options];
}

bool accessctl_flag(const struct accessctl *a, const char *option)
{
	return value_of(a, option)->given;
}

const char *accessctl_text(const struct accessctl *a, const char *option)
{
	return value_of(a, option)->text;
}

int64_t accessctl_number(const struct accessctl *a, const char *option)
{
	return value_of(a, option)->number;
}

json_t *accessctl_list(const struct accessctl *a, const char *option)
{
	return value_of(a, option)->list;
}

const char *accessctl_word(const struct accessctl *a, size_t n)
{
	return a->n_fixed + n < a->n_words ? a->words[a->n_fixed + n] : NULL;
}
