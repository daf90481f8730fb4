/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of accessctl. What holds for all commands is tried with each row of the tables:
 * so a new command is tested as soon as it is there.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accessd/accessctl.h"
#include "tests/unit/pure_test.h"

#define ARGV_MAX 64
#define OUTPUT_SIZE 65536

static char output[OUTPUT_SIZE];

/* --- running it, without accessd --- */

static int run_argv(int argc, char **argv)
{
	struct accessctl *a = calloc(1, sizeof(*a));
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), rc;
	FILE *f = tmpfile();
	size_t n;

	assert_non_null(f);
	fflush(stdout);
	dup2(fileno(f), STDOUT_FILENO);
	dup2(fileno(f), STDERR_FILENO);
	rc = accessctl_parse(a, argc, argv);
	if (rc == 0)
		rc = accessctl_run(a);
	accessctl_release(a);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	rewind(f);
	n = fread(output, 1, sizeof(output) - 1, f);
	output[n] = '\0';
	fclose(f);
	free(a);
	return rc;
}

/* A line of words with single blanks between them. @text: holds them. */
static int split(const char *line, char text[4096], char *argv[ARGV_MAX])
{
	static char name[] = "accessctl";
	char *save = NULL;
	int argc = 1;

	snprintf(text, 4096, "%s", line);
	argv[0] = name;
	for (char *w = strtok_r(text, " ", &save); w && argc < ARGV_MAX;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return argc;
}

static int run_line(const char *line)
{
	char text[4096], *argv[ARGV_MAX];
	int argc = split(line, text, argv);

	return run_argv(argc, argv);
}

static void check_line(const char *line, int rc, const char *says)
{
	int got = run_line(line);

	if (got != rc || !strstr(output, says))
		print_error("accessctl %s: %d\n%s", line, got, output);
	assert_int_equal(got, rc);
	assert_non_null(strstr(output, says));
}

/* The least that a command takes, and with @more behind it. */
static void line_of(const struct accessctl_command *c, const char *more, char out[4096])
{
	size_t n = (size_t)snprintf(out, 4096, "%s", c->words);
	const char *at = c->operands ? c->operands : "";

	for (size_t len; (len = strcspn(at, " ")) > 0; at += len + strspn(at + len, " ")) {
		if (*at != '[')
			n += (size_t)snprintf(out + n, 4096 - n, " x");
	}
	for (const struct accessctl_option *o = c->options; o && o->name; o++) {
		if (o->kind & ACCESSCTL_NEEDED)
			n += (size_t)snprintf(out + n, 4096 - n, " %s %s", o->name,
					      strstr(o->value, "URL") ? "https://x" : "x");
	}
	snprintf(out + n, 4096 - n, "%s", more);
}

static bool takes_any_words(const struct accessctl_command *c)
{
	return c->operands && strstr(c->operands, "...");
}

/* --- the rows themselves --- */

static void check_options(const struct accessctl_command *c)
{
	size_t n = 0;

	for (const struct accessctl_option *o = c->options; o && o->name; o++, n++) {
		const struct accessctl_option *any = accessctl_awaits(o->name);
		unsigned int kind = o->kind & ~ACCESSCTL_NEEDED;

		/* Which words are values must be known before the command is. */
		assert_int_equal(any->value != NULL, o->value != NULL);
		assert_int_equal((any->kind & ~ACCESSCTL_NEEDED) == ACCESSCTL_PREFIXES,
				 kind == ACCESSCTL_PREFIXES);
		assert_int_equal(kind == ACCESSCTL_FLAG, o->value == NULL);
		assert_true(o->name[0] == '-');
		for (const struct accessctl_option *other = c->options; other != o; other++)
			assert_string_not_equal(other->name, o->name);
	}
	assert_true(n <= ACCESSCTL_OPTIONS_MAX);
}

static void rows_are_well_formed(void **state)
{
	size_t n = 0;

	for (struct accessctl_at at = {0}; accessctl_next(&at); n++) {
		const struct accessctl_command *c = at.command;

		assert_non_null(c->run);
		check_options(c);
		if (!c->help)
			continue;
		if (strlen(c->help) > ACCESSCTL_HELP_MAX)
			print_error("%s: its help has %zu characters\n", c->words, strlen(c->help));
		assert_true(strlen(c->help) <= ACCESSCTL_HELP_MAX);
		assert_true(isupper((unsigned char)c->help[0]));
		assert_true(c->help[strlen(c->help) - 1] != '.');
		assert_true(!c->more || c->more[strlen(c->more) - 1] == '\n');
		if (!c->examples)
			print_error("%s: it has no example\n", c->words);
		assert_non_null(c->examples);
	}
	assert_true(n > 40);
}

/* The table's words are no other command's. */
static void each_is_found(void **state)
{
	for (struct accessctl_at at = {0}; accessctl_next(&at);) {
		char text[128], *save = NULL;
		const char *words[8];
		size_t n = 0, fixed;

		snprintf(text, sizeof(text), "%s", at.command->words);
		for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
			words[n++] = w;
		assert_ptr_equal(accessctl_find(words, n, &fixed), at.command);
		assert_int_equal(fixed, n);
	}
}

/* Examples are lines that the parser takes, for the command that they stand with. */
static void examples_are_right(void **state)
{
	for (struct accessctl_at at = {0}; accessctl_next(&at);) {
		const char *e = at.command->examples;

		for (size_t n; e && *e; e += n + (e[n] == '\n')) {
			char line[512];

			n = strcspn(e, "\n");
			/* Without what is the shell's. */
			snprintf(line, sizeof(line), "%.*s", (int)strcspn(e, "\n>|<"), e);
			assert_int_equal(
				strncmp(line, at.command->words, strlen(at.command->words)), 0);
			strcat(line, " --help");
			check_line(line, CTL_OK, "Usage: accessctl ");
			assert_true(n + strlen("  accessctl ") <= 90);
		}
	}
}

/* --- help --- */

static void check_width(void)
{
	for (const char *at = output; *at; at += strcspn(at, "\n") + 1) {
		size_t n = strcspn(at, "\n");

		if (n > 90)
			print_error("%zu characters: %.*s\n", n, (int)n, at);
		assert_true(n <= 90);
	}
}

static void each_has_help(void **state)
{
	for (struct accessctl_at at = {0}; accessctl_next(&at);) {
		char line[160];

		if (!at.command->help)
			continue;
		snprintf(line, sizeof(line), "%s --help", at.command->words);
		check_line(line, CTL_OK, at.command->help);
		check_width();
		snprintf(line, sizeof(line), "help %s", at.command->words);
		check_line(line, CTL_OK, at.command->help);
		for (const struct accessctl_option *o = at.command->options; o && o->name; o++)
			assert_true(!o->help || strstr(output, o->help));
	}
}

static void the_overview_fits_80_columns(void **state)
{
	check_line("--help", CTL_OK, "Exit codes: 0 done; 1 failed");
	for (const char *at = output; *at; at += strcspn(at, "\n") + 1) {
		if (strcspn(at, "\n") > 80)
			print_error("%.*s\n", (int)strcspn(at, "\n"), at);
		assert_true(strcspn(at, "\n") <= 80);
	}
	for (struct accessctl_at at = {0}; accessctl_next(&at);) {
		if (at.command->help)
			assert_non_null(strstr(output, at.command->help));
	}
}

static void groups(void **state)
{
	check_line("device", CTL_USAGE, "device reinvite");
	check_line("ca", CTL_USAGE, "ca roll");
	check_line("help device", CTL_OK, "device host add");
	check_line("device host --help", CTL_OK, "device host list");
	check_line("device host frob a b", CTL_USAGE, "unknown command device host frob\n");
	assert_non_null(strstr(output, "device host remove"));
	check_line("device host lits x", CTL_USAGE, "is device host list meant?");
	check_line("help nonsense", CTL_USAGE, "unknown command nonsense");
}

/* --- wrong lines --- */

static void each_refuses_what_it_does_not_know(void **state)
{
	char line[4096];

	for (struct accessctl_at at = {0}; accessctl_next(&at);) {
		const struct accessctl_command *c = at.command;

		line_of(c, " --no-such-option", line);
		check_line(line, CTL_USAGE, "unknown option --no-such-option");
		assert_non_null(strstr(output, c->words));
		if (!takes_any_words(c) && !(c->operands && strchr(c->operands, '['))) {
			line_of(c, " surplus", line);
			check_line(line, CTL_USAGE, "surplus is one word too many");
		}
		if (c->operands && c->operands[0] != '[')
			check_line(c->words, CTL_USAGE, "is missing");
	}
}

static void each_needs_values(void **state)
{
	char line[4096], more[64];

	for (struct accessctl_at at = {0}; accessctl_next(&at);) {
		for (const struct accessctl_option *o = at.command->options; o && o->name; o++) {
			snprintf(more, sizeof(more), o->value ? " %s" : " %s=x", o->name);
			line_of(at.command, more, line);
			check_line(line, CTL_USAGE, o->value ? "needs a value" : "takes no value");
		}
	}
}

/* With the words that it needs, and --json, it goes as far as accessd, which is not there. */
static void each_takes_json(void **state)
{
	char line[4096];

	for (struct accessctl_at at = {0}; accessctl_next(&at);) {
		if (at.command->alone)
			continue;
		line_of(at.command, " --json --socket /nowhere/s", line);
		check_line(line, CTL_NO_DAEMON, "no daemon listens on /nowhere/s");
	}
}

static void wrong_lines(void **state)
{
	check_line("", CTL_USAGE, "no command");
	check_line("devise list", CTL_USAGE, "is device list meant?");
	check_line("device lst", CTL_USAGE, "is device list meant?");
	check_line("device add x --rat 3", CTL_USAGE, "unknown option --rat; is --rate meant?");
	check_line("statsu", CTL_USAGE, "is status meant?");
	check_line("device list --lan 10.0.0.0/8", CTL_USAGE, "--lan has no meaning here");
	check_line("device add x --lan 10.0.0.1/8", CTL_USAGE, "bits behind the prefix length");
	check_line("device add x --lan here", CTL_USAGE, "here: not a prefix");
	check_line("device add x --rate 3", CTL_USAGE, "--rate 3: a number with kbit");
	check_line("device add x --rate 3kbit", CTL_USAGE, "a rate is 64kbit to 100gbit");
	check_line("device add x --expires soon", CTL_USAGE, "--expires soon: a number with m");
	check_line("device rule add x --at 0 deny", CTL_USAGE, "--at 0: a number from 1 on");
	check_line("relay add x --url nowhere", CTL_USAGE, "nowhere: not an address like https");
	check_line("init --url https://x", CTL_USAGE, "--domain is missing");
	check_line("init --domain x --url ,", CTL_USAGE, "--url is missing");
}

static void right_lines(void **state)
{
	static const char away[] = "no daemon listens on /nowhere/s";

	check_line("-s /nowhere/s status", CTL_NO_DAEMON, away);
	check_line("status --socket=/nowhere/s", CTL_NO_DAEMON, away);
	check_line("--lan 10.0.0.0/8 10.1.0.0/16 -s /nowhere/s device add x", CTL_NO_DAEMON, away);
	check_line("device set x --lan none -s /nowhere/s", CTL_NO_DAEMON, away);
	check_line("device set -s /nowhere/s --rate none -- x", CTL_NO_DAEMON, away);
	check_line("--version", CTL_OK, "accessctl ");
}

/* All that a line may hold, and more. */
static void long_lines(void **state)
{
	static char *argv[4096], word[] = "x", option[] = "--json";

	for (int i = 0; i < 4096; i++)
		argv[i] = word;
	assert_int_equal(run_argv(4096, argv), CTL_USAGE);
	assert_non_null(strstr(output, "too many words"));
	for (int i = 1; i < 4096; i++)
		argv[i] = option;
	assert_int_equal(run_argv(4096, argv), CTL_USAGE);
	assert_non_null(strstr(output, "too many options"));
}

/* --- values --- */

static void values(void **state)
{
	struct accessctl *a = calloc(1, sizeof(*a));
	char text[4096], *argv[ARGV_MAX];
	int argc = split("device add site1 --lan 10.0.0.0/8,192.168.1.0/24 fd00::/64 --rate=10mbit "
			 "--expires 2h --domain plant",
			 text, argv);

	assert_int_equal(accessctl_parse(a, argc, argv), 0);
	assert_string_equal(a->command->words, "device add");
	assert_string_equal(accessctl_word(a, 0), "site1");
	assert_null(accessctl_word(a, 1));
	assert_int_equal(json_array_size(accessctl_list(a, "--lan")), 3);
	assert_string_equal(accessctl_text(a, "--rate"), "10mbit");
	assert_int_equal(accessctl_number(a, "--expires"), 7200);
	assert_false(accessctl_flag(a, "--qr"));
	assert_string_equal(a->domain, "plant");
	accessctl_release(a);
	free(a);
}

/* init's own --domain is no general one. */
static void own_options_come_first(void **state)
{
	struct accessctl *a = calloc(1, sizeof(*a));
	char text[4096], *argv[ARGV_MAX];
	int argc = split("init --domain lab --url https://a,https://b", text, argv);

	assert_int_equal(accessctl_parse(a, argc, argv), 0);
	assert_null(a->domain);
	assert_string_equal(accessctl_text(a, "--domain"), "lab");
	assert_int_equal(json_array_size(accessctl_list(a, "--url")), 2);
	accessctl_release(a);
	free(a);
}

/* --- completion --- */

static void check_completion(const char *line, const char *want)
{
	assert_int_equal(run_line(line), CTL_OK);
	if (strcmp(output, want) != 0)
		print_error("%s:\n%s", line, output);
	assert_string_equal(output, want);
}

static void completing(void **state)
{
	check_completion("complete -- stat", "status\tWhat is served, and who is there\n");
	check_completion("complete -- device ho", "host\t...\n");
	check_completion("complete -- device rule cl",
			 "clear\tNo list: all between the networks passes\n");
	check_line("complete -- --dom", CTL_OK, "--domain\twhich of several domains");
	check_completion("complete -- ca roll --y", "--yes\tyes, do it\n");
	check_completion("complete -- completion z", "zsh\t\n");
	check_completion("complete -- help session k",
			 "kill\tEnd it; the beginning of the ID is enough\n");
	check_completion("complete -- device rule set site1 --file x", ":file\n");
	/* accessd is away: silence. */
	check_completion("complete -- -s /nowhere/s device set s", "");
	check_completion("complete -- nonsense x", "");
}

/* Each word of each command is offered where it stands. */
static void all_words_complete(void **state)
{
	for (struct accessctl_at at = {0}; accessctl_next(&at);) {
		const char *last = strrchr(at.command->words, ' ');
		char line[200], want[100];

		if (!at.command->help)
			continue;
		last = last ? last + 1 : at.command->words;
		snprintf(line, sizeof(line), "complete -- %s", at.command->words);
		snprintf(want, sizeof(want), "%s\t", last);
		check_line(line, CTL_OK, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_well_formed),
		cmocka_unit_test(each_is_found),
		cmocka_unit_test(examples_are_right),
		cmocka_unit_test(each_has_help),
		cmocka_unit_test(the_overview_fits_80_columns),
		cmocka_unit_test(groups),
		cmocka_unit_test(each_refuses_what_it_does_not_know),
		cmocka_unit_test(each_needs_values),
		cmocka_unit_test(each_takes_json),
		cmocka_unit_test(wrong_lines),
		cmocka_unit_test(right_lines),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(values),
		cmocka_unit_test(own_options_come_first),
		cmocka_unit_test(completing),
		cmocka_unit_test(all_words_complete),
	};

	unsetenv("FARLAN_SOCKET");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
