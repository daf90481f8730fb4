/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ca show, ca roll, token-key roll. */
#include <inttypes.h>
#include <stdio.h>

#include "accessd/accessctl.h"

#define NUMBERS_SIZE 48

static void ca_row(struct ctl_table *t, const json_t *ca)
{
	char since[ACCESSCTL_WHEN_SIZE], until[ACCESSCTL_WHEN_SIZE], members[NUMBERS_SIZE];
	int64_t n = 0;

	accessctl_cell_when(ca, "not_before", since);
	accessctl_cell_when(ca, "not_after", until);
	(void)!rpc_int(ca, "members", 0, INT64_MAX, &n); /* absent: 0 */
	snprintf(members, sizeof(members), "%" PRId64, n);
	{
		const char *cells[] = {accessctl_cell(ca, "ca_sha256"), accessctl_cell(ca, "state"),
				       members, since, until};
		ctl_table_row(t, cells);
	}
}

static void key_row(struct ctl_table *t, const json_t *key)
{
	const char *cells[] = {accessctl_cell(key, "kid"), accessctl_cell(key, "state")};

	ctl_table_row(t, cells);
}

static void print_rows(const json_t *list, struct ctl_table *t,
		       void (*row)(struct ctl_table *t, const json_t *o))
{
	for (size_t i = 0; i < json_array_size(list); i++)
		row(t, json_array_get(list, i));
	ctl_table_print(t);
}

static void print_cas(const json_t *o)
{
	static const char *const cas[] = {"CA", "STATE", ">DEVICES AND RELAYS", "=SINCE", "=UNTIL"};
	static const char *const keys[] = {"TOKEN KEY", "STATE"};

	print_rows(json_object_get(o, "cas"), ctl_table_new(5, cas), ca_row);
	puts("");
	print_rows(json_object_get(o, "token_keys"), ctl_table_new(2, keys), key_row);
	if (json_object_get(o, "problem"))
		printf("\n%s\n", accessctl_cell(o, "problem"));
}

static int show(struct accessctl *a, json_t *params)
{
	json_t *result = accessctl_ask(a, NULL, params);

	if (!result)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(result);
	else
		print_cas(result);
	json_decref(result);
	return CTL_OK;
}

static int show_cas(struct accessctl *a)
{
	return show(a, NULL);
}

static int roll(struct accessctl *a)
{
	bool yes = accessctl_flag(a, "--yes"), compromised = accessctl_flag(a, "--compromised");

	if (!yes && compromised)
		return accessctl_usage(a,
				       "this ends all sessions, and every device, user and relay "
				       "then needs a new invitation (reinvite); if that is what is "
				       "wanted, say it with --yes");
	if (!yes)
		return accessctl_usage(
			a,
			"this makes a new CA for good; devices, users and relays of this version "
			"and later ones follow it by themselves, sessions go on. Copy the state "
			"folder first, then say it with --yes");
	return show(a, json_pack("{s:b}", "compromised", compromised));
}

static int roll_token_key(struct accessctl *a)
{
	if (accessctl_flag(a, "--compromised"))
		return accessctl_usage(a, "--compromised is for ca roll, which makes a new token "
					  "key, too");
	if (!accessctl_flag(a, "--yes"))
		return accessctl_usage(a, "this makes a new key for relay tokens; sessions go on. "
					  "Say it with --yes");
	return show(a, NULL);
}

static const struct accessctl_option ROLL_OPTIONS[] = {
	{"--compromised", NULL, ACCESSCTL_FLAG, "the old one was stolen: nobody follows"},
	{"--yes", NULL, ACCESSCTL_FLAG, "yes, do it"},
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option ROLL_KEY_OPTIONS[] = {
	{"--compromised", NULL, ACCESSCTL_FLAG, NULL}, /* to say what it is for */
	{"--yes", NULL, ACCESSCTL_FLAG, "yes, do it"},
	{NULL, NULL, 0, NULL},
};

const struct accessctl_command ACCESSCTL_CA[] = {
	{.words = "ca show",
	 .help = "The CAs, who has certificates by which; token keys",
	 .examples = "ca show\n",
	 .run = show_cas},
	{.words = "ca roll",
	 .options = ROLL_OPTIONS,
	 .help = "A new CA; everybody follows by himself",
	 .more = "Also who is away for years. With --compromised nobody follows: each device, user "
		 "and\n"
		 "relay needs a new invitation, all sessions end.\n",
	 .examples = "ca roll --yes\n"
		     "ca roll --compromised --yes\n",
	 .run = roll},
	{.words = "token-key roll",
	 .options = ROLL_KEY_OPTIONS,
	 .help = "A new key for relay tokens; sessions go on",
	 .examples = "token-key roll --yes\n",
	 .run = roll_token_key},
	{.words = NULL},
};
