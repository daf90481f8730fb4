/* SPDX-License-Identifier: GPL-3.0-or-later */
/* device rule set, add, list, remove, clear. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/accessctl.h"
#include "common/pure/rules.h"

#define SPACES " \t\r\n"

/* --- from text --- */

/* In the one spelling: single spaces, and a bare address is a host. */
static bool spell(const char *text, char out[RULE_TEXT_SIZE])
{
	char plain[RULE_TEXT_SIZE] = "";
	size_t used = 0;
	struct rule r;

	for (text += strspn(text, SPACES); *text; text += strspn(text, SPACES)) {
		int word = (int)strcspn(text, SPACES);
		int n = snprintf(plain + used, sizeof(plain) - used, "%s%.*s", used ? " " : "",
				 word, text);

		if (n < 0 || (size_t)n >= sizeof(plain) - used)
			return false;
		used += (size_t)n;
		text += word;
	}
	if (rule_parse(&r, plain) != 0)
		return false;
	rule_format(&r, out);
	return true;
}

/* One rule, of all words. */
static int take_rule(struct accessctl *a, char out[RULE_TEXT_SIZE])
{
	char text[2 * RULE_TEXT_SIZE] = "";
	const char *word;
	bool whole = true;

	for (size_t i = 1; whole && (word = accessctl_word(a, i)); i++) {
		size_t used = strlen(text), room = sizeof(text) - used;

		whole = (size_t)snprintf(text + used, room, "%s%s", used ? " " : "", word) < room;
	}
	if (whole && spell(text, out))
		return 0;
	return accessctl_usage(a,
			       "%s: not a rule: allow|deny [in|out] [PREFIX] "
			       "[tcp|udp|icmp][/PORT[-PORT]] [DAYS HH:MM-HH:MM +HH:MM], in this "
			       "order",
			       text[0] ? text : "nothing");
}

/* A rule in each word. */
static int take_words(struct accessctl *a, json_t *list)
{
	char out[RULE_TEXT_SIZE];
	const char *word;

	for (size_t i = 1; (word = accessctl_word(a, i)); i++) {
		if (!spell(word, out))
			return accessctl_usage(
				a,
				"%s: not a rule; each is one word, in quotes: 'allow in tcp/102'",
				word);
		json_array_append_new(list, json_string(out));
	}
	return 0;
}

/* A rule in each line that has one. */
static int take_lines(struct accessctl *a, FILE *f, const char *name, json_t *list)
{
	char *line = NULL, out[RULE_TEXT_SIZE];
	size_t size = 0, number = 0;
	ssize_t n;
	int rc = 0;

	while (rc == 0 && (n = getline(&line, &size, f)) != -1) {
		bool whole = strlen(line) == (size_t)n; /* no NUL in it */

		number++;
		line[strcspn(line, "#")] = '\0';
		if (whole && line[strspn(line, SPACES)] == '\0')
			continue;
		if (whole && spell(line, out))
			json_array_append_new(list, json_string(out));
		else
			rc = accessctl_usage(a, "%s:%zu: not a rule", name, number);
	}
	if (rc == 0 && ferror(f))
		rc = accessctl_usage(a, "%s: %s", name, strerror(errno));
	free(line);
	return rc;
}

static int take_file(struct accessctl *a, const char *name, json_t *list)
{
	FILE *f;
	int rc;

	if (strcmp(name, "-") == 0)
		return take_lines(a, stdin, "standard input", list);
	f = fopen(name, "re");
	if (!f)
		return accessctl_usage(a, "%s: %s", name, strerror(errno));
	rc = take_lines(a, f, name, list);
	fclose(f);
	return rc;
}

/* A list that denies all is not made by mistake, of an empty file. */
int accessctl_rules(struct accessctl *a, json_t *list)
{
	const char *file = accessctl_text(a, "--file");
	int rc;

	if (file && accessctl_word(a, 1))
		return accessctl_usage(a, "rules or --file, not both");
	rc = file ? take_file(a, file, list) : take_words(a, list);
	if (rc == 0 && json_array_size(list) == 0)
		return accessctl_usage(a, "no rules; to deny all, set the rule deny");
	if (rc == 0 && json_array_size(list) > RULES_MAX)
		return accessctl_usage(a, "a list may have %d rules", RULES_MAX);
	return rc;
}

/* --- answers --- */

static bool is_outside(const json_t *result, size_t number)
{
	const json_t *list = json_object_get(result, "outside");

	for (size_t i = 0; i < json_array_size(list); i++) {
		if (json_integer_value(json_array_get(list, i)) == (json_int_t)number)
			return true;
	}
	return false;
}

/* The rules from number @first to @last are new. */
static void note_outside(const json_t *result, const char *device, size_t first, size_t last)
{
	for (size_t n = first; n <= last; n++) {
		if (is_outside(result, n))
			fprintf(stderr,
				"accessctl: rule %zu fits nothing: its addresses are not in the "
				"LANs of %s\n",
				n, device);
	}
}

/* As answered by all of them. */
static void print_rules(const json_t *result)
{
	const json_t *rules = json_object_get(result, "rules");

	if (!rules) {
		puts("no rules: all between the networks of a session passes");
		return;
	}
	for (size_t i = 0; i < json_array_size(rules); i++) {
		const char *text = json_string_value(json_array_get(rules, i));

		printf("%4zu  %s%s\n", i + 1, text ? text : "?",
		       is_outside(result, i + 1) ? "  (not in its LANs)" : "");
	}
	puts("      all else is denied");
}

static json_t *of_device(const struct accessctl *a)
{
	return json_pack("{s:s}", "name", accessctl_word(a, 0));
}

/* @params: taken. *answer: new, if all went well; @answer: NULL: it is not needed. */
static int ask(struct accessctl *a, json_t *params, json_t **answer)
{
	json_t *result = accessctl_ask(a, NULL, params);

	if (!result)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(result);
	else
		print_rules(result);
	if (answer)
		*answer = result;
	else
		json_decref(result);
	return CTL_OK;
}

static int add(struct accessctl *a)
{
	size_t at = (size_t)accessctl_number(a, "--at"), n;
	json_t *params, *answer;
	char text[RULE_TEXT_SIZE];
	int rc;

	if (at > RULES_MAX)
		return accessctl_usage(a, "--at %zu: the place in the list, 1 to %d", at,
				       RULES_MAX);
	rc = take_rule(a, text);
	if (rc)
		return rc;
	params = of_device(a);
	json_object_set_new(params, "rule", json_string(text));
	if (at)
		json_object_set_new(params, "at", json_integer((json_int_t)at));
	rc = ask(a, params, &answer);
	if (rc)
		return rc;
	n = json_array_size(json_object_get(answer, "rules"));
	if (at && at < n)
		n = at;
	note_outside(answer, accessctl_word(a, 0), n, n);
	json_decref(answer);
	return CTL_OK;
}

static int set(struct accessctl *a)
{
	json_t *params = of_device(a), *list = json_array(), *answer;
	int rc = accessctl_rules(a, list);

	json_object_set_new(params, "rules", list);
	if (rc) {
		json_decref(params);
		return rc;
	}
	rc = ask(a, params, &answer);
	if (rc)
		return rc;
	note_outside(answer, accessctl_word(a, 0), 1,
		     json_array_size(json_object_get(answer, "rules")));
	json_decref(answer);
	return CTL_OK;
}

static int remove_rule(struct accessctl *a)
{
	const char *number = accessctl_word(a, 1);
	json_t *params;
	char *end;
	long at = strtol(number, &end, 10);

	if (at < 1 || at > RULES_MAX || *end)
		return accessctl_usage(a, "%s: not a number that the list shows", number);
	params = of_device(a);
	json_object_set_new(params, "at", json_integer(at));
	return ask(a, params, NULL);
}

static int only_device(struct accessctl *a)
{
	return ask(a, of_device(a), NULL);
}

static const struct accessctl_option SET_OPTIONS[] = {
	{"--file", "FILE", ACCESSCTL_TEXT,
	 "take them from it, a rule in each line; - is standard input"},
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option ADD_OPTIONS[] = {
	{"--at", "N", ACCESSCTL_NUMBER, "its place in the list; else the last"},
	{NULL, NULL, 0, NULL},
};

const struct accessctl_command ACCESSCTL_RULE[] = {
	{.words = "device rule set",
	 .operands = "DEVICE [RULE...]",
	 .options = SET_OPTIONS,
	 .help = "What sessions with the device may do",
	 .more = "The first rule that fits decides, all that none allows is denied. Takes the "
		 "place of\n"
		 "the whole list at once, for running sessions, too. Each rule is one word, in "
		 "quotes;\n"
		 "in a file # begins a comment.\n"
		 "\n" ACCESSCTL_RULE_IS,
	 .examples = "device rule set site1 'allow in 192.168.201.10 tcp/102' 'allow in icmp'\n"
		     "device rule set site1 --file rules.txt\n",
	 .run = set},
	{.words = "device rule add",
	 .operands = "DEVICE RULE...",
	 .options = ADD_OPTIONS,
	 .help = "One more rule; the first one denies all else",
	 .more = ACCESSCTL_RULE_IS,
	 .examples = "device rule add site1 allow in 192.168.201.10 tcp/102\n"
		     "device rule add site1 --at 1 deny in 192.168.201.20\n",
	 .run = add},
	{.words = "device rule list",
	 .operands = "DEVICE",
	 .help = "The device's rules, with their numbers",
	 .examples = "device rule list site1\n",
	 .run = only_device},
	{.words = "device rule remove",
	 .operands = "DEVICE N",
	 .help = "Take the Nth rule out; an empty list denies all",
	 .examples = "device rule remove site1 2\n",
	 .run = remove_rule},
	{.words = "device rule clear",
	 .operands = "DEVICE",
	 .help = "No list: all between the networks passes",
	 .examples = "device rule clear site1\n",
	 .run = only_device},
	{.words = NULL},
};
