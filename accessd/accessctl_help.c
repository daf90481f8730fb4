/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Help, all of it from the tables of commands. */
#include <stdio.h>
#include <string.h>

#include "accessd/accessctl.h"
#include "common/pure/nearest.h"

#define LINE 80
#define INDENT 8  /* of a usage that goes on in another line */
#define COLUMN 24 /* where what something is about stands */
#define PHRASE_SIZE 128

/* --- usage --- */

struct line {
	FILE *f;
	size_t used;
};

/* With a blank before it, in the next line if there is no room. */
static void put_word(struct line *l, const char *word)
{
	size_t n = strlen(word);

	if (l->used + 1 + n >= LINE) {
		fprintf(l->f, "\n%*s", INDENT, "");
		l->used = INDENT;
	} else {
		fputc(' ', l->f);
		l->used++;
	}
	fputs(word, l->f);
	l->used += n;
}

static void put_option(struct line *l, const struct accessctl_option *o)
{
	unsigned int kind = o->kind & ~ACCESSCTL_NEEDED;
	bool needed = o->kind & ACCESSCTL_NEEDED;
	char text[PHRASE_SIZE];

	snprintf(text, sizeof(text), "%s%s%s%s%s%s", needed ? "" : "[", o->name,
		 o->value ? " " : "", o->value ? o->value : "",
		 kind >= ACCESSCTL_PREFIXES ? "[,...]" : "", needed ? "" : "]");
	put_word(l, text);
}

void accessctl_print_usage(FILE *f, const struct accessctl_command *c)
{
	struct line l = {.f = f};

	l.used = (size_t)fprintf(f, "Usage: accessctl %s", c->words);
	for (const char *at = c->operands; at && *at;) {
		char word[PHRASE_SIZE];
		size_t n = strcspn(at, " ");

		snprintf(word, sizeof(word), "%.*s", (int)n, at);
		put_word(&l, word);
		at += n + strspn(at + n, " ");
	}
	for (const struct accessctl_option *o = c->options; o && o->name; o++) {
		if (o->help)
			put_option(&l, o);
	}
	if (!c->alone)
		put_word(&l, "[--json]");
	fputc('\n', f);
}

/* --- one command --- */

/* "  @left     @right"; in two lines if @left is long. */
static void put_pair(FILE *f, const char *left, const char *right)
{
	if (strlen(left) > COLUMN - 4)
		fprintf(f, "  %s\n%*s%s\n", left, COLUMN, "", right);
	else
		fprintf(f, "  %-*s%s\n", COLUMN - 2, left, right);
}

static void put_options(FILE *f, const char *title, const struct accessctl_option *list)
{
	char left[PHRASE_SIZE];

	if (!list || !list->name)
		return;
	fprintf(f, "\n%s:\n", title);
	for (const struct accessctl_option *o = list; o->name; o++) {
		snprintf(left, sizeof(left), "%s%s%s", o->name, o->value ? " " : "",
			 o->value ? o->value : "");
		if (o->help)
			put_pair(f, left, o->help);
	}
}

static void put_examples(FILE *f, const char *examples)
{
	if (!examples)
		return;
	fputs("\nExamples:\n", f);
	for (size_t n; *examples; examples += n + (examples[n] == '\n')) {
		n = strcspn(examples, "\n");
		fprintf(f, "  accessctl %.*s\n", (int)n, examples);
	}
}

static void help_command(const struct accessctl_command *c)
{
	accessctl_print_usage(stdout, c);
	if (c->help)
		printf("\n%s%s\n", c->help, strchr(c->help, '?') ? "" : ".");
	if (c->more)
		printf("\n%s", c->more);
	put_options(stdout, "Options", c->options);
	put_examples(stdout, c->examples);
	puts("\nSee accessctl --help for the options of all commands, and exit codes.");
}

/* --- many --- */

static bool is_group(const char *const *words, size_t n)
{
	for (struct accessctl_at at = {0}; accessctl_next(&at);) {
		if (accessctl_behind(at.command, words, n))
			return true;
	}
	return false;
}

static void put_group(FILE *f, const char *const *words, size_t n)
{
	fputs("Usage: accessctl COMMAND [OPTIONS]\n\nCommands:\n", f);
	for (struct accessctl_at at = {0}; accessctl_next(&at);) {
		if (accessctl_behind(at.command, words, n) && at.command->help)
			put_pair(f, at.command->words, at.command->help);
	}
	fputs("\nAdd --help to one of them for more.\n", f);
}

static void help_all(void)
{
	const struct accessctl_area *last = NULL;

	puts("Usage: accessctl [OPTIONS] COMMAND [OPTIONS]\n\nThe tool of accessd, the Access "
	     "Server.");
	for (struct accessctl_at at = {0}; accessctl_next(&at);) {
		if (at.area != last && at.area->title)
			printf("\n%s:\n", at.area->title);
		last = at.area;
		if (at.command->help)
			put_pair(stdout, at.command->words, at.command->help);
	}
	put_options(stdout, "Options of all commands", ACCESSCTL_GENERAL);
	puts("\n"
	     "accessctl help COMMAND tells more of one, with examples; accessctl help GROUP,\n"
	     "as in help device, shows a few of them.\n"
	     "\n"
	     "Exit codes: 0 done; 1 failed, or the answer is no; 2 wrong usage; 3 accessd\n"
	     "cannot be reached.");
}

int accessctl_help(const char *const *words, size_t n_words)
{
	size_t n_fixed;
	const struct accessctl_command *c = accessctl_find(words, n_words, &n_fixed);

	if (n_words == 0)
		help_all();
	else if (c)
		help_command(c);
	else if (is_group(words, n_words))
		put_group(stdout, words, n_words);
	else
		return accessctl_unknown(words, n_words);
	return CTL_OK;
}

/* --- what is no command --- */

/* The first @n words as a phrase. */
static void join(const char *const *words, size_t n, char out[PHRASE_SIZE])
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < n && used < PHRASE_SIZE - 1; i++)
		used += (size_t)snprintf(out + used, PHRASE_SIZE - used, "%s%s", i ? " " : "",
					 words[i]);
}

static size_t count_words(const char *phrase)
{
	size_t n = 1;

	for (; *phrase; phrase++)
		n += *phrase == ' ';
	return n;
}

/* How many of @words a group's commands begin with. */
static size_t group_of(const char *const *words, size_t n_words)
{
	size_t n = n_words;

	while (n > 0 && !is_group(words, n))
		n--;
	return n;
}

/* Of the commands that begin with the first @n_group words. */
static const char *nearest(const char *const *words, size_t n_words, size_t n_group)
{
	const char *best = NULL;
	size_t best_distance = NEAREST_MAX;
	char phrase[PHRASE_SIZE];

	for (struct accessctl_at at = {0}; accessctl_next(&at);) {
		const char *rest = accessctl_behind(at.command, words, n_group);
		size_t n, distance;

		if (!at.command->help || !rest)
			continue;
		n = count_words(rest);
		join(words + n_group, n < n_words - n_group ? n : n_words - n_group, phrase);
		distance = nearest_distance(phrase, rest);
		if (distance <= nearest_limit(phrase) && distance < best_distance) {
			best = at.command->words;
			best_distance = distance;
		}
	}
	return best;
}

int accessctl_unknown(const char *const *words, size_t n_words)
{
	size_t n_group = group_of(words, n_words), n;
	char phrase[PHRASE_SIZE];
	const char *meant;

	if (n_words > 0 && n_group == n_words) {
		join(words, n_words, phrase);
		fprintf(stderr, "accessctl: %s: what of it?\n", phrase);
		put_group(stderr, words, n_words);
		return CTL_USAGE;
	}
	meant = nearest(words, n_words, n_group);
	n = meant ? count_words(meant) : n_group + 1;
	join(words, n < n_words ? n : n_words, phrase);
	fprintf(stderr, "accessctl: unknown command %s", phrase);
	if (meant)
		fprintf(stderr, "; is %s meant?", meant);
	fputs(n_group && !meant ? "\n" : "\nSee accessctl --help.\n", stderr);
	if (n_group && !meant)
		put_group(stderr, words, n_group);
	return CTL_USAGE;
}
