/* SPDX-License-Identifier: GPL-3.0-or-later */
/* user add, set, passwd, list, reinvite, revoke, remove. */
#include <stdio.h>
#include <string.h>
#include <time.h>

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

/* 2027-03-31 (that day is the last one) or 2027-03-31T18:00[:00], as the clock on the wall says;
 * none. */
static bool parse_until(const char *text, int64_t *until)
{
	static const char *const forms[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"};

	*until = 0;
	if (strcmp(text, "none") == 0)
		return true;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = {.tm_isdst = -1}, day;
		const char *end = strptime(text, forms[i], &tm);

		if (!end || *end)
			continue;
		day = tm; /* mktime() makes March of February 30 */
		if (mktime(&day) < 0 || day.tm_mday != tm.tm_mday)
			return false;
		tm.tm_mday += i == 0;
		*until = mktime(&tm);
		return *until > 0;
	}
	return false;
}

/* Return: 0; an exit code, and what is wrong was said. */
static int put_until(json_t *params, const struct accessctl *a)
{
	const char *text = accessctl_text(a, "--valid-until");
	int64_t until;

	if (!text)
		return 0;
	if (!parse_until(text, &until))
		return accessctl_usage(a, "--valid-until is a date like 2027-03-31, a time like "
					  "2027-03-31T18:00, or none");
	json_object_set_new(params, "valid_until", json_integer(until));
	return 0;
}

static void put_no_change(json_t *params, const struct accessctl *a)
{
	if (accessctl_flag(a, "--no-change"))
		json_object_set_new(params, "no_change", json_true());
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
	put_no_change(params, a);
	if (put_until(params, a) != 0) {
		json_decref(params);
		return CTL_USAGE;
	}
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

	if (!params)
		return CTL_FAILED;
	put_no_change(params, a);
	return accessctl_do(a, NULL, params);
}

static int set(struct accessctl *a)
{
	json_t *params;

	if (!accessctl_text(a, "--rate") && !accessctl_text(a, "--valid-until"))
		return accessctl_usage(a, "neither --rate nor --valid-until");
	params = named(a);
	put_rate(params, a);
	if (put_until(params, a) != 0) {
		json_decref(params);
		return CTL_USAGE;
	}
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
				       accessctl_cell(m, "signin"),
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
	static const char *const headings[] = {"NAME",	"STATE",      "SIGN-IN", "ONLINE",
					       ">RATE", "=LAST SEEN", "-FROM",	 "-VERSION"};
	static const struct accessctl_columns columns = {8, headings, row};

	return accessctl_show_list(a, accessctl_ask_all(a, NULL, NULL, "users", "name"), &columns);
}

#define RATE                                                                              \
	{                                                                                 \
		"--rate", "RATE", ACCESSCTL_RATE, "limit of all of the user's at a relay" \
	}

#define UNTIL                                                                                      \
	{                                                                                          \
		"--valid-until", "DATE", ACCESSCTL_TEXT, "the last day; or 2027-03-31T18:00; none" \
	}
#define NO_CHANGE                                                                                 \
	{                                                                                         \
		"--no-change", NULL, ACCESSCTL_FLAG, "it need not be changed at the next sign-in" \
	}

static const struct accessctl_option ADD_OPTIONS[] = {
	RATE, ACCESSCTL_FOLDER, UNTIL, NO_CHANGE, ACCESSCTL_INVITES, {NULL, NULL, 0, NULL},
};

static const struct accessctl_option PASSWD_OPTIONS[] = {
	NO_CHANGE,
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option SET_OPTIONS[] = {
	RATE,
	UNTIL,
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
		 "an invitation: one line on standard output, for vpnctl. The user chooses\n"
		 "another password at the first sign-in.\n",
	 .examples = "user add anna --qr\n"
		     "user add bert --valid-until 2027-03-31\n",
	 .run = add},
	{.words = "user passwd",
	 .operands = "USER",
	 .options = PASSWD_OPTIONS,
	 .help = "Give the user another password",
	 .more = "It is asked for on the terminal, or is a line of standard input. The user\n"
		 "chooses another one at the next sign-in.\n",
	 .examples = "user passwd anna\n",
	 .run = passwd},
	{.words = "user set",
	 .operands = "USER",
	 .options = SET_OPTIONS,
	 .help = "Change the limit, or how long he can sign in",
	 .more = "The limit counts for sessions that begin from now on. When the time is over,\n"
		 "running sessions end, and the user cannot sign in; the account is kept.\n",
	 .examples = "user set anna --rate 10mbit\n"
		     "user set bert --valid-until none\n",
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
