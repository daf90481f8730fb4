/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy add, rule, attach, test ... */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "accessd/accessctl.h"

#define NUMBER_SIZE 24
#define LIST_TEXT_SIZE 512

static json_t *named(const struct accessctl *a)
{
	return json_pack("{s:s}", "name", accessctl_word(a, 0));
}

static void add_option(const struct accessctl *a, json_t *params, const char *option)
{
	const char *text = accessctl_text(a, option);

	if (text)
		json_object_set_new(params, option + 2, json_string(text));
}

static int with_name(struct accessctl *a)
{
	return accessctl_do(a, NULL, named(a));
}

static int add(struct accessctl *a)
{
	json_t *params = named(a);

	add_option(a, params, "--folder");
	return accessctl_do(a, NULL, params);
}

static int set_rules(struct accessctl *a)
{
	json_t *params = named(a), *list = json_array();
	int rc = accessctl_rules(a, list);

	json_object_set_new(params, "rules", list);
	if (rc == 0)
		return accessctl_do(a, NULL, params);
	json_decref(params);
	return rc;
}

static int change_name(struct accessctl *a)
{
	json_t *params = named(a);

	json_object_set_new(params, "to", json_string(accessctl_word(a, 1)));
	return accessctl_do(a, NULL, params);
}

static int attach(struct accessctl *a)
{
	json_t *params = named(a);

	add_option(a, params, "--to");
	add_option(a, params, "--for");
	return accessctl_do(a, NULL, params);
}

/* --- what is shown --- */

static const char *number(const json_t *o, const char *key, char out[NUMBER_SIZE])
{
	int64_t n = 0;

	(void)rpc_int(o, key, 0, INT64_MAX, &n);
	snprintf(out, NUMBER_SIZE, "%" PRId64, n);
	return out;
}

static void row(struct ctl_table *t, const json_t *p)
{
	char rules[NUMBER_SIZE], attached[NUMBER_SIZE];
	const char *cells[] = {accessctl_cell(p, "name"), accessctl_cell(p, "folder"),
			       number(p, "rules", rules), number(p, "attached", attached)};

	ctl_table_row(t, cells);
}

static int list(struct accessctl *a)
{
	static const char *const headings[] = {"NAME", "FOLDER", "RULES", "ATTACHED"};
	static const struct accessctl_columns columns = {4, headings, row};

	return accessctl_show_list(a, accessctl_ask_all(a, NULL, NULL, "policies", "name"),
				   &columns);
}

static void print_policy(const json_t *o)
{
	const json_t *rules = json_object_get(o, "rules"),
		     *attached = json_object_get(o, "attached");

	printf("%s in %s\n", accessctl_cell(o, "name"), accessctl_cell(o, "folder"));
	for (size_t i = 0; i < json_array_size(rules); i++) {
		const char *text = json_string_value(json_array_get(rules, i));

		printf("%4zu  %s\n", i + 1, text ? text : "?");
	}
	if (json_array_size(attached) == 0)
		puts("attached nowhere");
	for (size_t i = 0; i < json_array_size(attached); i++) {
		const json_t *at = json_array_get(attached, i);
		const char *kind = accessctl_cell(at, "kind"), *whom = accessctl_cell(at, "for");
		bool all = strcmp(kind, "everyone") == 0;

		printf("attached to %s for %s%s%s\n", accessctl_cell(at, "to"), kind,
		       all ? "" : " ", all ? "" : whom);
	}
	if (json_object_get(o, "hidden"))
		puts("and elsewhere, where you see nothing");
}

static int show(struct accessctl *a)
{
	json_t *o = accessctl_ask(a, NULL, named(a));

	if (!o)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(o);
	else
		print_policy(o);
	json_decref(o);
	return CTL_OK;
}

/* --- what would pass --- */

/* "policy fitters, attached to /italy for group fitters" */
static const char *list_words(const json_t *l, char out[LIST_TEXT_SIZE])
{
	if (json_object_get(l, "policy"))
		snprintf(out, LIST_TEXT_SIZE, "policy %s, attached to %s for %s",
			 accessctl_cell(l, "policy"), accessctl_cell(l, "to"),
			 accessctl_cell(l, "for"));
	else
		snprintf(out, LIST_TEXT_SIZE, "the rules of the device %s",
			 accessctl_cell(l, "to"));
	return out;
}

static void print_lists(const json_t *lists)
{
	char text[LIST_TEXT_SIZE], rules[NUMBER_SIZE];

	if (json_array_size(lists) == 0)
		return;
	puts("What concerns this session, in this order:");
	for (size_t i = 0; i < json_array_size(lists); i++) {
		const json_t *l = json_array_get(lists, i);

		printf("%4zu  %s (%s rules)\n", i + 1, list_words(l, text),
		       number(l, "rules", rules));
	}
}

static void print_verdict(const json_t *o, bool allowed)
{
	char text[LIST_TEXT_SIZE], n[NUMBER_SIZE];

	printf("%s: ", allowed ? "Allowed" : "Denied");
	if (json_object_get(o, "problem"))
		puts(accessctl_cell(o, "problem"));
	else if (!json_is_true(json_object_get(o, "any")))
		puts("there are no rules, so all between the networks passes");
	else if (!json_object_get(o, "rule"))
		puts("no rule fits, and what is not allowed is denied");
	else
		printf("rule %s of %s\n      %s\n", number(o, "number", n),
		       list_words(json_object_get(o, "list"), text), accessctl_cell(o, "rule"));
}

static void print_test(const json_t *o, bool allowed)
{
	const json_t *closed = json_object_get(o, "closed");

	print_verdict(o, allowed);
	for (size_t i = 0; i < json_array_size(closed); i++) {
		const char *text = json_string_value(json_array_get(closed, i));

		printf("Not at this time: %s\n", text ? text : "?");
	}
	if (!json_is_true(json_object_get(o, "in_lans")))
		puts("The address is in no LAN of the device: nothing comes there anyway, unless "
		     "it "
		     "is its own.");
	print_lists(json_object_get(o, "lists"));
}

static int test(struct accessctl *a)
{
	json_t *o =
		accessctl_ask(a, NULL,
			      json_pack("{s:s, s:s, s:s}", "user", accessctl_word(a, 0), "device",
					accessctl_word(a, 1), "packet", accessctl_word(a, 2)));
	bool allowed;

	if (!o)
		return CTL_FAILED;
	allowed = json_is_true(json_object_get(o, "allowed"));
	if (a->json)
		ctl_print_json(o);
	else
		print_test(o, allowed);
	json_decref(o);
	return allowed ? CTL_OK : CTL_FAILED;
}

static const struct accessctl_option ADD_OPTIONS[] = {
	{"--folder", "FOLDER", ACCESSCTL_TEXT, "where it stands, so who may change it; else /"},
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option RULE_OPTIONS[] = {
	{"--file", "FILE", ACCESSCTL_TEXT,
	 "take them from it, a rule in each line; - is standard input"},
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option ATTACH_OPTIONS[] = {
	{"--to", "DEVICE|FOLDER", ACCESSCTL_TEXT | ACCESSCTL_NEEDED,
	 "a device, or a folder with all that is below it"},
	{"--for", "USER|GROUP", ACCESSCTL_TEXT, "whose sessions; else everyone's"},
	{NULL, NULL, 0, NULL},
};

const struct accessctl_command ACCESSCTL_POLICY[] = {
	{.words = "policy add",
	 .operands = "NAME",
	 .options = ADD_OPTIONS,
	 .help = "A list of firewall rules with a name",
	 .more = "Give it rules (policy rule), then attach it.\n",
	 .examples = "policy add fitters\n"
		     "policy add fitters --folder /italy\n",
	 .run = add},
	{.words = "policy rule",
	 .operands = "NAME [RULE...]",
	 .options = RULE_OPTIONS,
	 .help = "The rules of a policy, in place of those it had",
	 .more = "The first rule that fits decides. Counts at once, for running sessions, too. "
		 "Each\n"
		 "rule is one word, in quotes; in a file # begins a comment.\n"
		 "\n" ACCESSCTL_RULE_IS,
	 .examples = "policy rule fitters 'allow in 10.1.0.0/16 tcp/102' 'allow in icmp'\n"
		     "policy rule fitters 'allow in tcp/102 mon-fri 08:00-17:00 +01:00'\n"
		     "policy rule fitters --file rules.txt\n",
	 .run = set_rules},
	{.words = "policy list", .help = "All policies", .examples = "policy list\n", .run = list},
	{.words = "policy show",
	 .operands = "NAME",
	 .help = "A policy's rules, and where it is attached",
	 .examples = "policy show fitters\n",
	 .run = show},
	{.words = "policy rename",
	 .operands = "NAME NEW-NAME",
	 .help = "Another name for it",
	 .examples = "policy rename fitters electricians\n",
	 .run = change_name},
	{.words = "policy remove",
	 .operands = "NAME",
	 .help = "Forget a policy that is attached nowhere",
	 .examples = "policy remove fitters\n",
	 .run = with_name},
	{.words = "policy attach",
	 .operands = "NAME",
	 .options = ATTACH_OPTIONS,
	 .help = "Let it count for sessions with these devices",
	 .more = "A session's rules are: the device's own, then those of policies at the device,\n"
		 "then at its folder, then upward; at each place those for the user, then those "
		 "for\n"
		 "his groups, then those for everyone. The first rule of all that fits decides.\n"
		 "policy test explains it.\n",
	 .examples = "policy attach fitters --to /italy --for fitters\n"
		     "policy attach no-internet --to /\n",
	 .run = attach},
	{.words = "policy detach",
	 .operands = "NAME",
	 .options = ATTACH_OPTIONS,
	 .help = "Take that back",
	 .examples = "policy detach fitters --to /italy --for fitters\n",
	 .run = attach},
	{.words = "policy test",
	 .operands = "USER DEVICE PACKET",
	 .help = "Which rule decides, and why",
	 .more = "PACKET: in|out ADDRESS [tcp|udp[/PORT]|icmp], in quotes: what begins something,\n"
		 "with the address at the machine. Exit code 0: allowed, 1: denied.\n",
	 .examples = "policy test anna press1 'in 10.1.2.3 tcp/102'\n",
	 .run = test},
	{.words = NULL},
};
