/* SPDX-License-Identifier: GPL-3.0-or-later */
/* folder set, folder show, domain set, domain show: what sessions need, and when they end. session
 * approvals, approve, reject. */
#include <stdio.h>
#include <string.h>

#include "accessd/accessctl.h"
#include "accessd/pure/duration.h"

/* --- settings -------------------------------------------------------------------------------- */

static void setting_row(struct ctl_table *t, const json_t *s)
{
	const char *from = accessctl_cell(s, "from");
	const char *const cells[] = {accessctl_cell(s, "key"), accessctl_cell(s, "value"),
				     json_is_true(json_object_get(s, "here")) ? "here" : from,
				     accessctl_cell(s, "help")};

	ctl_table_row(t, cells);
}

static int print(const struct accessctl *a, json_t *result)
{
	static const char *const headings[] = {"SETTING", "VALUE", "FROM", "WHAT FOR"};
	static const struct accessctl_columns columns = {4, headings, setting_row};
	json_t *list = result ? json_incref(json_object_get(result, "settings")) : NULL;

	json_decref(result);
	return accessctl_show_list(a, list, &columns);
}

/* "idle=10m", "idle=": from the operand @n on. Return: NULL, said. */
static json_t *settings_of(const struct accessctl *a, size_t n)
{
	json_t *set = json_object();

	for (; accessctl_word(a, n); n++) {
		const char *word = accessctl_word(a, n), *equal = strchr(word, '=');
		size_t len = equal ? (size_t)(equal - word) : 0;
		json_t *value = equal && equal[1] ? json_string(equal + 1) : json_null();

		if (len == 0 || json_object_getn(set, word, len) ||
		    json_object_setn_new(set, word, len, value) != 0) {
			accessctl_usage(a, "%s: KEY=VALUE, or KEY= to take it back; each once",
					word);
			json_decref(set);
			return NULL;
		}
	}
	return set;
}

static int change(struct accessctl *a, json_t *params, size_t first)
{
	json_t *set = settings_of(a, first);

	if (!set) {
		json_decref(params);
		return CTL_USAGE;
	}
	json_object_set_new(params, "set", set);
	return print(a, accessctl_ask(a, NULL, params));
}

static json_t *with_path(const struct accessctl *a)
{
	return json_pack("{s:s}", "path", accessctl_word(a, 0));
}

static int folder_set(struct accessctl *a)
{
	return change(a, with_path(a), 1);
}

static int folder_show(struct accessctl *a)
{
	return print(a, accessctl_ask(a, "folder.settings", with_path(a)));
}

static int domain_set(struct accessctl *a)
{
	return change(a, json_object(), 0);
}

static int domain_show(struct accessctl *a)
{
	return print(a, accessctl_ask(a, "domain.settings", NULL));
}

/* --- approval -------------------------------------------------------------------------------- */

static void waiting_row(struct ctl_table *t, const json_t *w)
{
	char left[DURATION_TEXT_SIZE];
	int64_t left_s = 0;

	(void)!rpc_int(w, "left_s", 0, INT64_MAX, &left_s); /* 0: nothing is left */
	duration_format(left_s, left);
	{
		const char *const cells[] = {accessctl_cell(w, "id"),
					     accessctl_cell(w, "user"),
					     accessctl_cell(w, "device"),
					     accessctl_cell(w, "from"),
					     left,
					     accessctl_cell(w, "waits_for"),
					     accessctl_cell(w, "reason")};

		ctl_table_row(t, cells);
	}
}

static int approvals(struct accessctl *a)
{
	static const char *const headings[] = {"ID",   "USER",	    "DEVICE", "FROM",
					       "LEFT", "WAITS FOR", "FOR"};
	static const struct accessctl_columns columns = {7, headings, waiting_row};

	return accessctl_show_list(a, accessctl_ask_all(a, NULL, NULL, "approvals", "id"),
				   &columns);
}

static int decide(struct accessctl *a)
{
	json_t *params = json_pack("{s:s}", "id", accessctl_word(a, 0));

	if (strcmp(a->words[1], "reject") == 0 && accessctl_text(a, "--reason"))
		json_object_set_new(params, "reason", json_string(accessctl_text(a, "--reason")));
	return accessctl_do(a, NULL, params);
}

static const struct accessctl_option REJECT_OPTIONS[] = {
	{"--reason", "TEXT", ACCESSCTL_TEXT, "why; who asked reads it"},
	{NULL, NULL, 0, NULL},
};

#define KEYS                                                                      \
	"reason=none|asked|required      whoever connects says what for\n"        \
	"approve=none|person|machine|either|both\n"                               \
	"                                who lets a session begin\n"              \
	"approvers=GROUP                 the persons; else who may administer\n"  \
	"approve-in=2m                   denied if nobody has answered by then\n" \
	"idle=30m|none                   a session that nobody uses ends\n"       \
	"limit=8h                        a session ends, used or not\n"           \
	"sessions-per-user=N|none        of a user of the folder, at one time\n"  \
	"sessions-per-device=N|none      with a device of the folder\n"           \
	"mfa=optional|required           a second factor at sign-in\n"            \
	"hardware=optional|required      devices say which hardware they are\n"

const struct accessctl_command ACCESSCTL_CONTROL[] = {
	{.words = "session approvals",
	 .help = "Sessions that wait for somebody's approval",
	 .examples = "session approvals\n",
	 .run = approvals},
	{.words = "session approve",
	 .operands = "ID",
	 .help = "Let one begin",
	 .more = "Not one that you asked for yourself.\n",
	 .examples = "session approve 04302db8ef22\n",
	 .run = decide},
	{.words = "session reject",
	 .operands = "ID",
	 .options = REJECT_OPTIONS,
	 .help = "Do not",
	 .examples = "session reject 04302db8ef22 --reason 'not during production'\n",
	 .run = decide},
	{.words = "folder set",
	 .operands = "FOLDER KEY=VALUE...",
	 .help = "What sessions in a folder need, when they end",
	 .more = "KEY= takes it back: what is set above holds then. From the next session "
		 "on.\n\n" KEYS,
	 .examples = "folder set /italy reason=required idle=15m\n"
		     "folder set /italy/plant3 approve=machine approve-in=5m\n"
		     "folder set /italy/plant3 idle=\n",
	 .run = folder_set},
	{.words = "folder show",
	 .operands = "FOLDER",
	 .help = "What is set, and where it comes from",
	 .examples = "folder show /italy/plant3\n",
	 .run = folder_show},
	{.words = "domain set",
	 .operands = "KEY=VALUE...",
	 .help = "The same for all folders that say nothing else",
	 .more = KEYS "sessions-per-domain=N|none      in all\n",
	 .examples = "domain set mfa=required limit=4h\n",
	 .run = domain_set},
	{.words = "domain show",
	 .help = "What is set for the domain",
	 .examples = "domain show\n",
	 .run = domain_show},
	{.words = NULL},
};
