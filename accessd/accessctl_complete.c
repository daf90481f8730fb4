/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Completion: `accessctl complete -- WORD...` tells what the last word may become, a candidate in
 * each line, with a tab and a few words on it; ":file" alone where a file is meant. The scripts of
 * the shells ask it, so that they know what the program knows, and names from accessd.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accessd/accessctl.h"
#include "accessd/pure/permit.h"

#define NAMES_MAX 1000
#define PAGES_MAX 40
#define WAIT_MS 1000
#define KIND_SIZE 32
#define NAME_SIZE 256

struct completion {
	struct accessctl line; /* what stands before */
	const char *begun;     /* the last word, as far as it is there */
	const char *before;    /* the word before it; "" */
};

/* --- candidates --- */

static void offer(const struct completion *c, const char *text, const char *about)
{
	if (strncmp(text, c->begun, strlen(c->begun)) == 0)
		printf("%s\t%s\n", text, about ? about : "");
}

static void offer_options(const struct completion *c, const struct accessctl_option *list)
{
	for (; list && list->name; list++) {
		if (list->help)
			offer(c, list->name, list->help);
	}
}

/* The word of a command that comes behind @words. Return: false: there is none. */
static bool next_word(const struct accessctl_command *c, const char *const *words, size_t n_words,
		      char out[KIND_SIZE])
{
	const char *rest = c->help ? accessctl_behind(c, words, n_words) : NULL;

	if (!rest || !rest[0])
		return false;
	snprintf(out, KIND_SIZE, "%.*s", (int)strcspn(rest, " "), rest);
	return true;
}

/* Each such word once. */
static void offer_commands(const struct completion *c, const char *const *words, size_t n_words)
{
	char word[KIND_SIZE], other[KIND_SIZE];

	for (struct accessctl_at at = {0}; accessctl_next(&at);) {
		bool again = false;

		if (!next_word(at.command, words, n_words, word))
			continue;
		for (struct accessctl_at b = {0}; accessctl_next(&b) && b.command != at.command;)
			again |= next_word(b.command, words, n_words, other) &&
				 strcmp(word, other) == 0;
		if (!again)
			offer(c, word,
			      accessctl_behind(at.command, words, n_words)[strlen(word)]
				      ? "..."
				      : at.command->help);
	}
}

/* --- names that accessd knows --- */

static const struct source {
	const char *kind, *method, *what, *key;
	bool sorted; /* by @key, as "after" goes on */
} SOURCES[] = {
	{"DEVICE", "device.list", "devices", "name", true},
	{"USER", "user.list", "users", "name", true},
	{"RELAY", "relay.list", "relays", "name", true},
	{"GROUP", "group.list", "groups", "name", true},
	{"FOLDER", "folder.list", "folders", "path", false},
	{"POLICY", "policy.list", "policies", "name", false},
	{"DOMAIN", "domain.list", "domains", "domain", false},
	{"ID", "session.list", "sessions", "session", false},
};

/* What comes just before all names that begin with @begun: no name has a '~'. */
static void just_before(const char *begun, char out[NAME_SIZE])
{
	size_t n = strlen(begun);

	out[0] = '\0';
	if (n == 0 || n >= NAME_SIZE - 1)
		return;
	memcpy(out, begun, n + 1);
	out[n - 1]--;
	memcpy(out + n, "~", 2);
}

/* Return: false: it does not answer, or has no such list. */
static bool next_page(struct completion *c, const struct source *s, char after[NAME_SIZE],
		      bool *more)
{
	json_t *params = json_pack("{s:s}", "after", after), *result, *items;
	char error[ACCESSCTL_ERROR_SIZE];
	const char *name;

	if (accessctl_call(&c->line, s->method, params, WAIT_MS, &result, error) != 0)
		return false;
	items = json_object_get(result, s->what);
	*more = json_is_true(json_object_get(result, "more"));
	for (size_t i = 0; i < json_array_size(items); i++) {
		if (rpc_str(json_array_get(items, i), s->key, &name)) {
			offer(c, name, NULL);
			snprintf(after, NAME_SIZE, "%s", name);
		}
	}
	json_decref(result);
	if (s->sorted && strncmp(after, c->begun, strlen(c->begun)) > 0)
		*more = false;
	return true;
}

static void offer_names(struct completion *c, const struct source *s)
{
	char after[NAME_SIZE] = "";
	bool more = true;

	if (!c->line.ctl && accessctl_connect(&c->line) != 0)
		return;
	if (s->sorted)
		just_before(c->begun, after);
	for (int i = 0; i < PAGES_MAX && more; i++) {
		if (!next_page(c, s, after, &more))
			return;
	}
}

/* @kind: DEVICE, FILE, allow, as in operands. */
static void offer_kind(struct completion *c, const char *kind)
{
	if (strcmp(kind, "FILE") == 0 || strcmp(kind, "SOCKET") == 0) {
		puts(":file");
		return;
	}
	if (strcmp(kind, "COMMAND") == 0)
		offer_commands(c, c->line.words + c->line.n_fixed,
			       c->line.n_words - c->line.n_fixed);
	if (strcmp(kind, "PERMISSION") == 0) {
		for (int i = 0; i < PERMISSIONS; i++)
			offer(c, permit_name((enum permission)i), NULL);
	}
	for (size_t i = 0; i < sizeof(SOURCES) / sizeof(SOURCES[0]); i++) {
		if (strcmp(SOURCES[i].kind, kind) == 0)
			offer_names(c, &SOURCES[i]);
	}
	if (kind[0] >= 'a' && kind[0] <= 'z')
		offer(c, kind, NULL);
}

/* "[USER|GROUP...]": each of them. */
static void offer_kinds(struct completion *c, const char *kinds, size_t len)
{
	char kind[KIND_SIZE];
	size_t n;

	while (len > 0) {
		while (len > 0 && strchr("[]|.", *kinds)) {
			kinds++;
			len--;
		}
		n = strcspn(kinds, "[]|. ");
		n = n < len ? n : len;
		if (n > 0 && n < sizeof(kind)) {
			snprintf(kind, sizeof(kind), "%.*s", (int)n, kinds);
			offer_kind(c, kind);
		}
		kinds += n;
		len -= n;
	}
}

static void offer_operand(struct completion *c, const char *operands, size_t nth)
{
	while (operands && *operands) {
		size_t n = strcspn(operands, " ");
		bool many = n > 3 && memmem(operands, n, "...", 3);

		if (nth == 0 || many) {
			offer_kinds(c, operands, n);
			return;
		}
		nth--;
		operands += n + strspn(operands + n, " ");
	}
}

/* --- the line --- */

static void complete_line(struct completion *c)
{
	const struct accessctl *line = &c->line;
	const struct accessctl_option *awaits = accessctl_awaits(c->before);

	if (awaits && awaits->value) {
		offer_kinds(c, awaits->value, strlen(awaits->value));
		return;
	}
	if (c->begun[0] == '-') {
		offer_options(c, line->command ? line->command->options : NULL);
		offer_options(c, ACCESSCTL_GENERAL);
		return;
	}
	offer_commands(c, line->words, line->n_words);
	if (line->command)
		offer_operand(c, line->command->operands, line->n_words - line->n_fixed);
}

static int complete(struct accessctl *a)
{
	char *argv[ACCESSCTL_WORDS_MAX + 1] = {(char[]){"accessctl"}};
	struct completion c = {.begun = "", .before = ""};
	int n = (int)(a->n_words - a->n_fixed), silent = open("/dev/null", O_WRONLY | O_CLOEXEC);

	/* Nobody is to see that accessd is away, or what is not right yet. */
	if (silent >= 0)
		dup2(silent, STDERR_FILENO);
	for (int i = 0; i + 1 < n; i++)
		argv[i + 1] = strdup(accessctl_word(a, (size_t)i));
	if (n > 0)
		c.begun = accessctl_word(a, (size_t)n - 1);
	if (n > 1)
		c.before = argv[n - 1];
	(void)!accessctl_parse(&c.line, n > 0 ? n : 1, argv);
	complete_line(&c);
	ctl_close(c.line.ctl);
	accessctl_release(&c.line);
	for (int i = 1; i < n; i++)
		free(argv[i]);
	if (silent >= 0)
		close(silent);
	return CTL_OK;
}

/* --- the scripts --- */

static const char BASH[] =
	"# bash completion for accessctl: it knows its commands, options and names itself.\n"
	"_accessctl() {\n"
	"\tlocal line cur=${COMP_WORDS[COMP_CWORD]}\n"
	"\tCOMPREPLY=()\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tif [[ $line == :file ]]; then\n"
	"\t\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	"\t\t\treturn\n"
	"\t\tfi\n"
	"\t\tCOMPREPLY+=(\"${line%%$'\\t'*}\")\n"
	"\tdone < <(accessctl complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _accessctl accessctl\n";

static const char ZSH[] =
	"#compdef accessctl\n"
	"# zsh completion for accessctl: it knows its commands, options and names itself.\n"
	"_accessctl() {\n"
	"\tlocal line\n"
	"\tlocal -a found\n"
	"\tfor line in ${(f)\"$(accessctl complete -- \"${(@Q)words[2,CURRENT]}\" 2>/dev/null)\"}; "
	"do\n"
	"\t\tif [[ $line == :file ]]; then\n"
	"\t\t\t_files\n"
	"\t\t\treturn\n"
	"\t\tfi\n"
	"\t\tfound+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
	"\tdone\n"
	"\t(( $#found )) && _describe accessctl found\n"
	"}\n"
	"if [[ $funcstack[1] == _accessctl ]]; then\n"
	"\t_accessctl \"$@\"\n"
	"else\n"
	"\tcompdef _accessctl accessctl\n"
	"fi\n";

static int completion(struct accessctl *a)
{
	const char *shell = accessctl_word(a, 0);

	if (strcmp(shell, "bash") == 0)
		fputs(BASH, stdout);
	else if (strcmp(shell, "zsh") == 0)
		fputs(ZSH, stdout);
	else
		return accessctl_usage(a, "%s: bash or zsh", shell);
	return CTL_OK;
}

const struct accessctl_command ACCESSCTL_COMPLETION[] = {
	{.words = "completion",
	 .operands = "bash|zsh",
	 .help = "A script that lets the shell complete accessctl",
	 .more = "Commands, options and the names that accessd knows. make install puts it where "
		 "the\n"
		 "shells look for it.\n",
	 .examples = "completion bash >/etc/bash_completion.d/accessctl\n"
		     "completion zsh >/usr/local/share/zsh/site-functions/_accessctl\n",
	 .run = completion,
	 .alone = true},
	{.words = "complete", .operands = "[WORD...]", .run = complete, .alone = true},
	{.words = NULL},
};
