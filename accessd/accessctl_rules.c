/* SPDX-License-Identifier: GPL-3.0-or-later */
/* device rule add, list, remove, clear. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/accessctl.h"
#include "common/pure/rules.h"

#define FIRST_WORDS 4 /* device rule VERB NAME */

/* The rule's words as one text, in the one spelling: a bare address is a host. */
static int take_rule(const struct accessctl_args *a, char out[RULE_TEXT_SIZE])
{
	char text[2 * RULE_TEXT_SIZE] = "";
	struct rule r;

	for (size_t i = FIRST_WORDS; i < a->n_words; i++) {
		size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used, "%s%s", used ? " " : "", a->words[i]);
	}
	if (rule_parse(&r, text) != 0)
		return accessctl_usage("%s: not a rule: allow|deny [in|out] [PREFIX] "
				       "[tcp|udp|icmp][/PORT[-PORT]], in this order",
				       text[0] ? text : "nothing");
	rule_format(&r, out);
	return 0;
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

		printf("%4zu  %s\n", i + 1, text ? text : "?");
	}
	puts("      all else is denied");
}

static int ask(struct ctl *c, const struct accessctl_args *a, json_t *params)
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
	json_decref(result);
	return CTL_OK;
}

static int add(struct ctl *c, const struct accessctl_args *a, json_t *params)
{
	char text[RULE_TEXT_SIZE];
	int rc = take_rule(a, text);

	if (rc) {
		json_decref(params);
		return rc;
	}
	json_object_set_new(params, "rule", json_string(text));
	if (a->at)
		json_object_set_new(params, "at", json_integer(a->at));
	return ask(c, a, params);
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
	return ask(c, a, params);
}

int accessctl_rule(struct ctl *c, const struct accessctl_args *a)
{
	const char *verb = a->n_words > 2 ? a->words[2] : "";
	json_t *params;

	if (a->n_words < FIRST_WORDS)
		return accessctl_usage("device rule add|list|remove|clear NAME");
	if (a->at && strcmp(verb, "add") != 0)
		return accessctl_usage("--at has no meaning here");
	params = json_pack("{s:s}", "name", a->words[3]);
	if (strcmp(verb, "add") == 0)
		return add(c, a, params);
	if (strcmp(verb, "remove") == 0)
		return remove_rule(c, a, params);
	if (a->n_words == FIRST_WORDS && (strcmp(verb, "list") == 0 || strcmp(verb, "clear") == 0))
		return ask(c, a, params);
	json_decref(params);
	return accessctl_usage("device rule add|list|remove|clear NAME");
}
