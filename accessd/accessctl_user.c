/* SPDX-License-Identifier: GPL-3.0-or-later */
/* user add, set, passwd, list, reinvite, revoke, remove. */
#include <stdio.h>
#include <string.h>

#include "accessd/accessctl.h"

static json_t *named(const struct accessctl *a)
{
	return json_pack("{s:s}", "name", accessctl_word(a, 0));
}

static int with_name(struct accessctl *a)
{
	return accessctl_do(a, NULL, named(a));
}

static json_t *with_password(const struct accessctl *a)
{
	char password[ACCESSCTL_PASSWORD_SIZE];
	json_t *params = NULL;

	if (accessctl_read_password(password)) {
		params =
			json_pack("{s:s, s:s}", "name", accessctl_word(a, 0), "password", password);
		if (!params)
			fputs("accessctl: the password is not UTF-8\n", stderr);
	}
	explicit_bzero(password, sizeof(password));
	return params;
}

static void put_rate(json_t *params, const struct accessctl *a)
{
	const char *rate = accessctl_text(a, "--rate");

	if (rate)
		json_object_set_new(params, "rate", json_string(rate));
}

static int invite(struct accessctl *a, json_t *params)
{
	char whom[128];

	snprintf(whom, sizeof(whom), "user %s", accessctl_word(a, 0));
	return accessctl_invite(a, NULL, params, whom);
}

static int add(struct accessctl *a)
{
	json_t *params = with_password(a);

	if (!params)
		return CTL_FAILED;
	put_rate(params, a);
	if (accessctl_text(a, "--folder"))
		json_object_set_new(params, "folder", json_string(accessctl_text(a, "--folder")));
	return invite(a, params);
}

static int reinvite(struct accessctl *a)
{
	return invite(a, named(a));
}

static int passwd(struct accessctl *a)
{
	json_t *params = with_password(a);

	return params ? accessctl_do(a, NULL, params) : CTL_FAILED;
}

static int set(struct accessctl *a)
{
	json_t *params;

	if (!accessctl_text(a, "--rate"))
		return accessctl_usage(a, "--rate is missing");
	params = named(a);
	put_rate(params, a);
	return accessctl_do(a, NULL, params);
}

static void row(struct ctl_table *t, const json_t *m)
{
	char seen[ACCESSCTL_WHEN_SIZE], rate[RATE_TEXT_SIZE];

	accessctl_cell_when(m, "last_seen", seen);
	accessctl_cell_rate(m, rate);
	{
		const char *cells[] = {accessctl_cell(m, "name"),
				       accessctl_cell(m, "state"),
				       accessctl_cell_yes(m, "online"),
				       rate,
				       seen,
				       accessctl_cell(m, "address"),
				       accessctl_cell(m, "version")};
		ctl_table_row(t, cells);
	}
}

static int list(struct accessctl *a)
{
	static const char *const headings[] = {"NAME",	     "STATE", "ONLINE",	 ">RATE",
					       "=LAST SEEN", "-FROM", "-VERSION"};
	static const struct accessctl_columns columns = {7, headings, row};

	return accessctl_show_list(a, accessctl_ask_all(a, NULL, NULL, "users", "name"), &columns);
}

#define RATE                                                                              \
	{                                                                                 \
		"--rate", "RATE", ACCESSCTL_RATE, "limit of all of the user's at a relay" \
	}

static const struct accessctl_option ADD_OPTIONS[] = {
	RATE,
	ACCESSCTL_FOLDER,
	ACCESSCTL_INVITES,
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option SET_OPTIONS[] = {
	RATE,
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option INVITE_OPTIONS[] = {
	ACCESSCTL_INVITES,
	{NULL, NULL, 0, NULL},
};

const struct accessctl_command ACCESSCTL_USER[] = {
	{.words = "user add",
	 .operands = "NAME",
	 .options = ADD_OPTIONS,
	 .help = "Somebody who connects to devices",
	 .more = "The password is asked for on the terminal, or is a line of standard input. "
		 "Prints\n"
		 "an invitation: one line on standard output, for vpnctl.\n",
	 .examples = "user add anna --qr\n",
	 .run = add},
	{.words = "user passwd",
	 .operands = "USER",
	 .help = "Change the password",
	 .more = "It is asked for on the terminal, or is a line of standard input.\n",
	 .examples = "user passwd anna\n",
	 .run = passwd},
	{.words = "user set",
	 .operands = "USER",
	 .options = SET_OPTIONS,
	 .help = "Change the limit",
	 .more = "It counts for sessions that begin from now on.\n",
	 .examples = "user set anna --rate 10mbit\n",
	 .run = set},
	{.words = "user list",
	 .help = "All users",
	 .examples = "user list\n"
		     "user list --json\n",
	 .run = list},
	{.words = "user reinvite",
	 .operands = "USER",
	 .options = INVITE_OPTIONS,
	 .help = "A new invitation for the same UID",
	 .more = "The old key counts until the new one comes.\n",
	 .examples = "user reinvite anna\n",
	 .run = reinvite},
	{.words = "user revoke",
	 .operands = "USER",
	 .help = "Refuse the user's keys from now on, end all sessions",
	 .examples = "user revoke anna\n",
	 .run = with_name},
	{.words = "user remove",
	 .operands = "USER",
	 .help = "The same, and forget the user",
	 .examples = "user remove anna\n",
	 .run = with_name},
	{.words = NULL},
};
