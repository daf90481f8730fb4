/* SPDX-License-Identifier: GPL-3.0-or-later */
/* user show, unlock, reset-totp, disable, enable. */
#include <inttypes.h>
#include <stdio.h>

#include "accessd/accessctl.h"

static int with_name(struct accessctl *a)
{
	return accessctl_do(a, NULL, json_pack("{s:s}", "name", accessctl_word(a, 0)));
}

static void line_when(const json_t *o, const char *key, const char *what, const char *none)
{
	char when[ACCESSCTL_WHEN_SIZE];

	accessctl_cell_when(o, key, when);
	printf("%-16s %s\n", what, json_integer_value(json_object_get(o, key)) ? when : none);
}

static void print_sign_in(const json_t *o)
{
	int64_t locked_s = json_integer_value(json_object_get(o, "locked_s"));

	printf("%-16s %s", "sign-in:", accessctl_cell(o, "signin"));
	if (locked_s > 0)
		printf(" for %" PRId64 " min more", (locked_s + 59) / 60);
	putchar('\n');
	line_when(o, "valid_until", "valid until:", "for ever");
	printf("%-16s %s\n", "first password:",
	       json_is_true(json_object_get(o, "must_change")) ? "to be changed at the sign-in"
							       : "changed, or need not be");
	if (json_is_true(json_object_get(o, "totp")))
		line_when(o, "totp_since", "second factor:", "yes");
	else
		printf("%-16s %s\n", "second factor:", "none");
	printf("%-16s %" JSON_INTEGER_FORMAT " left\n",
	       "recovery codes:", json_integer_value(json_object_get(o, "recovery_codes")));
	printf("%-16s scrypt, N = 2^%" JSON_INTEGER_FORMAT "\n",
	       "password:", json_integer_value(json_object_get(o, "password_cost")));
}

static int show(struct accessctl *a)
{
	json_t *o = accessctl_ask(a, NULL, json_pack("{s:s}", "name", accessctl_word(a, 0)));

	if (!o)
		return CTL_FAILED;
	if (a->json) {
		ctl_print_json(o);
	} else {
		printf("%-16s %s\n", "user:", accessctl_cell(o, "name"));
		printf("%-16s %s\n", "UID:", accessctl_cell(o, "uid"));
		printf("%-16s %s%s\n", "state:", accessctl_cell(o, "state"),
		       json_is_true(json_object_get(o, "online")) ? ", online" : "");
		line_when(o, "last_seen", "last seen:", "never");
		print_sign_in(o);
	}
	json_decref(o);
	return CTL_OK;
}

const struct accessctl_command ACCESSCTL_SIGNIN[] = {
	{.words = "user show",
	 .operands = "USER",
	 .help = "How a user stands, and what the sign-in asks for",
	 .examples = "user show anna\n",
	 .run = show},
	{.words = "user unlock",
	 .operands = "USER",
	 .help = "Let a user try again who failed too often",
	 .more = "10 failures in 15 minutes lock an account for 15. A PC where the user has\n"
		 "signed in before is not locked by what others try.\n",
	 .examples = "user unlock anna\n",
	 .run = with_name},
	{.words = "user reset-totp",
	 .operands = "USER",
	 .help = "Take the second factor and its recovery codes away",
	 .more = "Where the domain requires one, the user sets up a new one at the next sign-in.\n",
	 .examples = "user reset-totp anna\n",
	 .run = with_name},
	{.words = "user disable",
	 .operands = "USER",
	 .help = "End a user's sessions, and let nobody sign in as him",
	 .more = "Until user enable; the user's keys and second factor stay as they are.\n",
	 .examples = "user disable anna\n",
	 .run = with_name},
	{.words = "user enable",
	 .operands = "USER",
	 .help = "Let a disabled user sign in again",
	 .examples = "user enable anna\n",
	 .run = with_name},
	{.words = NULL},
};
