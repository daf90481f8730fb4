/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What else a try to sign in needs, behind the right password. */
#include <string.h>

#include "accessd/signin_try.h"
#include "accessd/store_control.h"
#include "common/io/file.h"

struct needs {
	bool code, totp, new_password;
	const char *refused; /* why what was given is not taken */
};

bool signin_wants_new(const struct signin_try *t)
{
	return t->what == SIGNIN_PASSWORD ||
	       (t->what == SIGNIN_LOGIN && t->account_row.must_change);
}

/* Does the domain, or the user's folder, ask for a second factor? Nobody knows: it does. */
static bool is_required(const struct signin_try *t)
{
	struct store_member m;
	struct settings all;

	return store_member_get(try_store(t), t->login.member, &m) != 0 ||
	       store_settings_of_member(try_store(t), &m, SETTINGS_LIMIT_MAX_S, &all) != 0 ||
	       all.at[SETTING_MFA].number == SETTING_REQUIRED;
}

static bool wants_totp(const struct signin_try *t)
{
	if (t->what == SIGNIN_TOTP)
		return true;
	return t->what == SIGNIN_LOGIN && !t->account_row.has_totp && is_required(t);
}

static void check_totp(struct signin_try *t, struct needs *n, int64_t now)
{
	n->totp = true;
	if (!t->asked.has_totp)
		return;
	if (!factor_is_ours(try_signin(t), &t->asked.ticket, t->login.member, now)) {
		t->asked.has_totp = false;
		n->refused = "the secret is too old: here is a new one";
		return;
	}
	if (totp_check(t->asked.ticket.secret, t->asked.totp_code, now, 0, &t->totp_step) != 0) {
		n->refused = "the code does not fit the secret: is the clock of the phone right?";
		return;
	}
	n->totp = false;
	t->enrols = true;
}

static void check_new(const struct signin_try *t, struct needs *n, char words[SIGNIN_WORDS_SIZE])
{
	n->new_password = true;
	if (!t->asked.has_new)
		return;
	if (strcmp(t->asked.new_password, t->asked.password) == 0)
		n->refused = "it is the same as the old one";
	else if (signin_refuses(try_signin(t), t->login.user, try_domain(t), t->asked.new_password,
				words))
		n->refused = words;
	else
		n->new_password = false;
}

static void ask_old_vpnd(struct signin_try *t, const struct needs *n)
{
	const char *what = n->code   ? "a one-time code"
			   : n->totp ? "a second factor, which is set up at the sign-in"
				     : "a new password in place of the first one";

	signin_reject(t, RPC_DENIED,
		      "this needs %s, which this vpnd is too old to ask for: update it", what);
}

static void ask_more(struct signin_try *t, const struct needs *n)
{
	json_t *missing = json_array();

	if (n->code)
		json_array_append_new(missing, json_string("code"));
	if (n->totp)
		json_array_append_new(missing, json_string("totp"));
	if (n->new_password)
		json_array_append_new(missing, json_string("new_password"));
	t->result = json_pack("{s:o}", "missing", missing);
	if (n->totp)
		json_object_set_new(t->result, "totp",
				    t->asked.has_totp ? factor_again(&t->asked.ticket,
								     try_domain(t), t->login.user)
						      : factor_offer(try_signin(t), t->login.member,
								     try_domain(t), t->login.user));
	if (n->refused)
		json_object_set_new(t->result, "refused", json_string(n->refused));
}

bool signin_is_missing(struct signin_try *t)
{
	char words[SIGNIN_WORDS_SIZE];
	struct needs n = {.code = t->account_row.has_totp && !t->asked.has_code};

	if (signin_wants_new(t))
		check_new(t, &n, words);
	if (wants_totp(t))
		check_totp(t, &n, clock_wall_s());
	if (!n.code && !n.totp && !n.new_password)
		return false;
	if (t->asked.dialogue)
		ask_more(t, &n);
	else
		ask_old_vpnd(t, &n);
	return true;
}
