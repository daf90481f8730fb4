/* SPDX-License-Identifier: GPL-3.0-or-later */
/* device rule set, add, list, remove, clear. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/accessctl.h"
#include "common/pure/rules.h"

#define FIRST_WORDS 4 /* device rule VERB NAME */
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
static int take_rule(const struct accessctl_args *a, char out[RULE_TEXT_SIZE])
{
	char text[2 * RULE_TEXT_SIZE] = "";
	bool whole = true;

	for (size_t i = FIRST_WORDS; i < a->n_words && whole; i++) {
		size_t used = strlen(text), room = sizeof(text) - used;

		whole = (size_t)snprintf(text + used, room, "%s%s", used ? " " : "", a->words[i]) <
			room;
	}
	if (whole && spell(text, out))
		return 0;
	return accessctl_usage("%s: not a rule: allow|deny [in|out] [PREFIX] "
			       "[tcp|udp|icmp][/PORT[-PORT]], in this order",
			       text[0] ? text : "nothing");
}

/* A rule in each word. */
static int take_words(const struct accessctl_args *a, json_t *list)
{
	char out[RULE_TEXT_SIZE];

	for (size_t i = FIRST_WORDS; i < a->n_words; i++) {
		if (!spell(a->words[i], out))
			return accessctl_usage(
				"%s: not a rule; each is one word, in quotes: 'allow in tcp/102'",
				a->words[i]);
		json_array_append_new(list, json_string(out));
	}
	return 0;
}

/* A rule in each line that has one. */
static int take_lines(FILE *f, const char *name, json_t *list)
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
			rc = accessctl_usage("%s:%zu: not a rule", name, number);
	}
	if (rc == 0 && ferror(f))
		rc = accessctl_usage("%s: %s", name, strerror(errno));
	free(line);
	return rc;
}

static int take_file(const char *name, json_t *list)
{
	FILE *f;
	int rc;

	if (strcmp(name, "-") == 0)
		return take_lines(stdin, "standard input", list);
	f = fopen(name, "re");
	if (!f)
		return accessctl_usage("%s: %s", name, strerror(errno));
	rc = take_lines(f, name, list);
	fclose(f);
	return rc;
}

/* A list that denies all is not made by mistake, of an empty file. */
static int take_list(const struct accessctl_args *a, json_t *list)
{
	int rc;

	if (a->file && a->n_words > FIRST_WORDS)
		return accessctl_usage("rules or --file, not both");
	rc = a->file ? take_file(a->file, list) : take_words(a, list);
	if (rc == 0 && json_array_size(list) == 0)
		return accessctl_usage("no rules; to deny all, set the rule deny");
	if (rc == 0 && json_array_size(list) > RULES_MAX)
		return accessctl_usage("a device may have %d rules", RULES_MAX);
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

/* @params: taken. *answer: new, if all went well; @answer: NULL: it is not needed. */
static int ask(struct ctl *c, const struct accessctl_args *a, json_t *params, json_t **answer)
{
	char method[32];
	json_t *result;

	snprintf(method, sizeof(method), "device.rule.%s", a->words[2]);
	result = accessctl_ask(c, method, params);
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

static int add(struct ctl *c, const struct accessctl_args *a, json_t *params)
{
	char text[RULE_TEXT_SIZE];
	int rc = take_rule(a, text);
	json_t *answer;
	size_t n;

	if (rc) {
		json_decref(params);
		return rc;
	}
	json_object_set_new(params, "rule", json_string(text));
	if (a->at)
		json_object_set_new(params, "at", json_integer(a->at));
	rc = ask(c, a, params, &answer);
	if (rc)
		return rc;
	n = json_array_size(json_object_get(answer, "rules"));
	if (a->at && (size_t)a->at < n)
		n = (size_t)a->at;
	note_outside(answer, a->words[3], n, n);
	json_decref(answer);
	return CTL_OK;
}

static int set(struct ctl *c, const struct accessctl_args *a, json_t *params)
{
	json_t *list = json_array(), *answer;
	int rc = take_list(a, list);

	json_object_set_new(params, "rules", list);
	if (rc) {
		json_decref(params);
		return rc;
	}
	rc = ask(c, a, params, &answer);
	if (rc)
		return rc;
	note_outside(answer, a->words[3], 1, json_array_size(json_object_get(answer, "rules")));
	json_decref(answer);
	return CTL_OK;
}

static int remove_rule(struct ctl *c, const struct accessctl_args *a, json_t *params)
{
	char *end = NULL;
	long at = a->n_words == FIRST_WORDS + 1 ? strtol(a->words[FIRST_WORDS], &end, 10) : 0;

	if (at < 1 || at > RULES_MAX || *end) {
		json_decref(params);
		return accessctl_usage("device rule remove NAME N: the number that list shows");
	}
	json_object_set_new(params, "at", json_integer(at));
	return ask(c, a, params, NULL);
}

int accessctl_rule(struct ctl *c, const struct accessctl_args *a)
{
	const char *verb = a->n_words > 2 ? a->words[2] : "";
	json_t *params;

	if (a->n_words < FIRST_WORDS)
		return accessctl_usage("device rule set|add|list|remove|clear NAME");
	if (a->at && strcmp(verb, "add") != 0)
		return accessctl_usage("--at has no meaning here");
	if (a->file && strcmp(verb, "set") != 0)
		return accessctl_usage("--file has no meaning here");
	params = json_pack("{s:s}", "name", a->words[3]);
	if (strcmp(verb, "add") == 0)
		return add(c, a, params);
	if (strcmp(verb, "set") == 0)
		return set(c, a, params);
	if (strcmp(verb, "remove") == 0)
		return remove_rule(c, a, params);
	if (a->n_words == FIRST_WORDS && (strcmp(verb, "list") == 0 || strcmp(verb, "clear") == 0))
		return ask(c, a, params, NULL);
	json_decref(params);
	return accessctl_usage("device rule set|add|list|remove|clear NAME");
}
