/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How users sign in, as administrators see and change it. They never see a secret. */
#include <errno.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "common/io/file.h"
#include "common/io/log.h"

#define UNTIL_MAX INT64_C(253402300799) /* the end of 9999 */

bool admin_valid_until(struct ask *q, const json_t *params, int64_t *until)
{
	if (!json_object_get(params, "valid_until"))
		return true;
	if (rpc_int(params, "valid_until", 0, UNTIL_MAX, until))
		return true;
	ask_reject(q, RPC_BAD_PARAMS, "valid_until is a time in Unix seconds, or 0 for none");
	return false;
}

bool admin_new_password(struct ask *q, const char *user, const char *password)
{
	char words[SIGNIN_WORDS_SIZE];

	if (!signin_refuses(q->app->signin, user, q->realm->domain.row.name, password, words))
		return true;
	ask_reject(q, RPC_BAD_PARAMS, "this password is refused: %s", words);
	return false;
}

/* What keeps a user from signing in, or will be asked of him; the first of these. */
static const char *how(const struct store_account *a, int64_t locked_s, int64_t now)
{
	if (a->disabled)
		return "disabled";
	if (a->valid_until && now >= a->valid_until)
		return "expired";
	if (locked_s > 0)
		return "locked";
	return a->must_change ? "new password" : "ok";
}

void admin_account_put(const struct realm *r, int64_t user, json_t *o)
{
	int64_t locked_s = signin_locked_s(r->app->signin, user), now = clock_wall_s();
	struct store_account a;

	if (store_account_get(r->store, user, &a) != 0)
		return;
	json_object_update_new(
		o, json_pack("{s:s, s:I, s:I, s:b, s:b, s:b, s:I, s:I, s:I}", "signin",
			     how(&a, locked_s, now), "locked_s", (json_int_t)locked_s,
			     "valid_until", (json_int_t)a.valid_until, "disabled", a.disabled,
			     "must_change", a.must_change, "totp", a.has_totp, "totp_since",
			     (json_int_t)a.totp_since, "recovery_codes",
			     (json_int_t)a.recovery_codes, "password_cost", (json_int_t)a.cost));
}

void admin_on_user_show(struct ask *q, const json_t *params)
{
	struct store_member m;
	json_t *o;

	if (!admin_find(q, params, IDENT_USER, &m))
		return;
	clients_flush(q->realm->clients);
	o = json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:s, s:I}", "name", m.name, "uid", m.uid,
		      "state", admin_state_name(m.state), "online",
		      clients_member_online(q->realm->clients, m.id), "created",
		      (json_int_t)m.created, "last_seen", (json_int_t)m.last_seen, "address",
		      m.address, "rate", (json_int_t)m.rate);
	admin_account_put(q->realm, m.id, o);
	ask_reply(q, o);
}

static void conclude(struct ask *q, const struct store_member *m, int rc, const char *what)
{
	if (rc) {
		admin_failed(q, rc);
		return;
	}
	log_notice("%s kind=user name=%s", what, m->name);
	ask_reply(q, json_object());
}

void admin_on_user_unlock(struct ask *q, const json_t *params)
{
	struct store_member m;

	if (admin_find(q, params, IDENT_USER, &m))
		conclude(q, &m, signin_unlock(q->app->signin, m.id), "unlocked");
}

void admin_on_user_reset_totp(struct ask *q, const json_t *params)
{
	struct store_member m;
	int rc;

	if (!admin_find(q, params, IDENT_USER, &m))
		return;
	rc = store_begin(q->realm->store);
	if (rc == 0)
		rc = store_totp_remove(q->realm->store, m.id);
	if (rc == 0)
		rc = store_commit(q->realm->store);
	if (rc)
		store_rollback(q->realm->store);
	if (rc == -ENOENT)
		ask_reject(q, RPC_NOT_FOUND, "%s has no second factor", m.name);
	else
		conclude(q, &m, rc, "second factor taken away");
}

void admin_end_user(struct realm *r, int64_t user, const char *reason)
{
	sessions_end_member(r->sessions, user, reason);
	clients_drop_member(r->clients, user, reason, false);
}

static void set_disabled(struct ask *q, const json_t *params, bool disabled)
{
	struct store_member m;
	int rc;

	if (!admin_find(q, params, IDENT_USER, &m))
		return;
	rc = store_account_set_disabled(q->realm->store, m.id, disabled);
	if (rc == 0 && disabled)
		admin_end_user(q->realm, m.id, "the user was disabled");
	conclude(q, &m, rc, disabled ? "disabled" : "enabled");
}

void admin_on_user_disable(struct ask *q, const json_t *params)
{
	set_disabled(q, params, true);
}

void admin_on_user_enable(struct ask *q, const json_t *params)
{
	set_disabled(q, params, false);
}
