/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One try to sign in, or to change what one signs in with: from a request to its answer
 * (docs/PROTOCOL.md, 4.1).
 *
 *   asked -> password checked (thread pool) -> judged, and what follows of it is committed
 *         -> answered: at once if the password was right; else at the time of all that fails
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/signin_try.h"
#include "common/io/file.h"

#define WHO_SIZE (STORE_NAME_SIZE + 16)
#define WRONG_CODE "the code is wrong, or was used before"

void signin_reject(struct signin_try *t, int code, const char *fmt, ...)
{
	va_list ap;

	t->code = code;
	va_start(ap, fmt);
	vsnprintf(t->words, sizeof(t->words), fmt, ap);
	va_end(ap);
}

void signin_reject_internal(struct signin_try *t)
{
	signin_reject(t, RPC_INTERNAL, "the server cannot do this now; its log says why");
}

/* --- the record ------------------------------------------------------------------------------ */

static const enum event EVENT_OF[] = {
	[SIGNIN_LOGIN] = EVENT_SIGNED_IN,
	[SIGNIN_PASSWORD] = EVENT_PASSWORD_CHANGED,
	[SIGNIN_TOTP] = EVENT_TOTP_ENROLLED,
	[SIGNIN_RECOVERY] = EVENT_RECOVERY_MADE,
};

int signin_note(const struct signin_try *t, enum event event, enum audit_result result,
		json_t *detail)
{
	char who[WHO_SIZE], clean[STORE_NAME_SIZE];
	struct audit_note n = {.event = event,
			       .result = result,
			       .domain = t->clients->admission->domain->row.id,
			       .who = who,
			       .from = t->from,
			       .what = who,
			       .detail = detail};
	int rc = 0;

	snprintf(who, sizeof(who), "user %s",
		 log_clean(clean, sizeof(clean), t->login.user, strlen(t->login.user)));
	if (result == AUDIT_OK)
		rc = audit_note(t->clients->audit, &n);
	else
		(void)audit_stranger(t->clients->audit, &n);
	json_decref(detail);
	return rc;
}

static int note_locked(const struct signin_try *t, const struct lockout_key *k)
{
	static const char *const of[] = {[LOCKOUT_USER] = "account",
					 [LOCKOUT_PC] = "key of a PC",
					 [LOCKOUT_INVITATION] = "invitation",
					 [LOCKOUT_ADDRESS] = "address"};

	log_warn("locked what=\"%s\" name=%s address=%s", of[k->kind],
		 t->login.member ? t->login.user : "-", t->from);
	return signin_note(t, EVENT_SIGNIN_LOCKED, AUDIT_OK,
			   json_pack("{s:s, s:i}", "locked", of[k->kind], "minutes",
				     (int)(LOCKOUT_MS / 60000)));
}

/* --- failing --------------------------------------------------------------------------------- */

static int count_in_store(struct signin_try *t)
{
	const struct lockout_key *locked = NULL;
	int rc = store_begin(try_store(t));

	if (rc)
		return rc;
	rc = signin_count(try_signin(t), t->login.member ? &t->account : NULL,
			  t->counts_address ? &t->address : NULL, &locked);
	if (rc == 0 && locked)
		rc = note_locked(t, locked);
	if (rc == 0)
		rc = store_commit(try_store(t));
	if (rc)
		store_rollback(try_store(t));
	return rc;
}

static bool is_locked(const struct signin_try *t)
{
	return (t->login.member && signin_is_locked(try_signin(t), &t->account)) ||
	       (t->counts_address && signin_is_locked(try_signin(t), &t->address));
}

/* It counts, unless it is locked: trying on must not make that longer. @why: for the record alone.
 * Return: false, for judge(). */
static bool fail(struct signin_try *t, const char *why, const char *words)
{
	char clean[STORE_NAME_SIZE];

	signin_reject(t, RPC_DENIED, "%s", words);
	if (!is_locked(t) && count_in_store(t) != 0)
		log_warn("a failure to sign in could not be kept");
	log_notice("sign-in refused address=%s name=%s reason=\"%s\"", t->from,
		   log_clean(clean, sizeof(clean), t->login.user, strlen(t->login.user)), why);
	(void)signin_note(t, EVENT_OF[t->what], AUDIT_REFUSED, json_pack("{s:s}", "reason", why));
	return false;
}

/* The password was changed while this one was being checked? */
static bool is_same_password(const struct signin_try *t)
{
	struct store_password now;

	return store_password_get(try_store(t), t->login.member, &now) == 0 &&
	       memcmp(now.hash, t->login.password.hash, sizeof(now.hash)) == 0;
}

/* Why this is not who it says, or NULL. All of it is answered alike. */
static const char *why_wrong(struct signin_try *t, bool password_ok)
{
	if (is_locked(t))
		return "locked after too many failures";
	if (!t->login.known)
		return t->login.member ? "this user has not signed in with an invitation yet"
				       : "there is no such user";
	if (store_account_get(try_store(t), t->login.member, &t->account_row) != 0)
		return "the user was removed";
	if (t->account_row.disabled)
		return "this user is disabled";
	if (!password_ok || !is_same_password(t))
		return "wrong password";
	return NULL;
}

/* Of a sign-in: with the identity. */
static void admit(struct signin_try *t, struct client *c)
{
	struct admitting admitting = {.c = c, .x = &t->admitted, .event = EVENT_SIGNED_IN};
	struct refusal why;

	t->login.settle = signin_record;
	t->login.settle_arg = t;
	client_admits(&admitting);
	if (!admission_login_end(c->owner->admission, &t->login, true, clock_wall_s(), &t->admitted,
				 &why))
		signin_reject(t, why.code, "%s", why.message);
	client_admitted(&admitting);
}

static void change(struct signin_try *t)
{
	if (signin_record_alone(t) != 0)
		signin_reject_internal(t);
	else
		t->result = json_object();
}

/* Return: see judge(). */
static bool conclude(struct signin_try *t, struct client *c, const struct store_password *next)
{
	int rc = signin_check_code(t);

	if (rc == -EALREADY)
		(void)signin_note(t, EVENT_TOTP_REPLAYED, AUDIT_REFUSED, NULL);
	if (rc == -EALREADY || rc == -EACCES)
		return fail(t, rc == -EALREADY ? "the code was used before" : "wrong code",
			    WRONG_CODE);
	if (rc) {
		signin_reject_internal(t);
		return true;
	}
	t->next = next;
	if (t->what == SIGNIN_LOGIN)
		admit(t, c);
	else
		change(t);
	t->next = NULL;
	if (t->bad_code)
		return fail(t, "wrong recovery code", WRONG_CODE);
	if (t->code == 0 && t->codes)
		log_notice("recovery codes made name=%s", t->login.user);
	return true;
}

/* --- judging --------------------------------------------------------------------------------- */

static struct client *client_of(const struct signin_try *t)
{
	struct client *c = client_by_number(t->clients, t->number);
	enum client_state want = t->what == SIGNIN_LOGIN ? CLIENT_ENROL : CLIENT_ONLINE;

	return c && c->state == want ? c : NULL;
}

static bool judge(void *arg, bool ok, const struct store_password *next)
{
	struct signin_try *t = arg;
	struct client *c = client_of(t);
	const char *wrong = why_wrong(t, ok);
	int64_t until;

	if (wrong) /* also if nobody waits for the answer any more */
		return fail(t, wrong, SIGNIN_WRONG);
	until = t->account_row.valid_until;
	if (!c)
		return true;
	if (until && clock_wall_s() >= until)
		signin_reject(t, RPC_EXPIRED, "the account has expired");
	else if (t->what == SIGNIN_RECOVERY && !t->account_row.has_totp)
		signin_reject(t, RPC_NOT_FOUND, "there is no second factor yet: vpnctl totp");
	else if (!signin_is_missing(t))
		return conclude(t, c, next);
	return true;
}

/* --- answering ------------------------------------------------------------------------------- */

static void try_free(struct signin_try *t)
{
	json_decref(t->result);
	json_decref(t->codes);
	explicit_bzero(t, sizeof(*t));
	free(t);
}

static void answer(struct signin_try *t, struct client *c)
{
	json_t *result;

	if (t->code) {
		rpc_reject(&c->rpc, t->id, t->code, "%s", t->words);
		return;
	}
	if (!t->result) {
		client_granted(c, t->id, "signed in", &t->admitted, t->codes);
		return;
	}
	result = json_incref(t->result);
	if (t->codes)
		json_object_set(result, "recovery_codes", t->codes);
	rpc_reply(&c->rpc, t->id, result);
}

static void on_done(void *arg, bool closing)
{
	struct signin_try *t = arg;
	struct client *c = closing ? NULL : client_of(t);

	if (c) {
		c->is_served = c->is_served || t->result;
		answer(t, c);
	}
	try_free(t);
}

/* --- beginning ------------------------------------------------------------------------------- */

/*
 * What failures are counted of. Whoever has a key that the user has signed in with before, or an
 * invitation, has counts of his own: strangers who try names cannot lock him out, nor can those
 * who share his address.
 */
static void take_keys(struct signin_try *t, const struct client *c)
{
	const struct login *l = &t->login;

	int64_t domain = c->owner->admission->domain->row.id;

	/* An address takes up the first half; what happens at another domain locks nobody here. */
	t->address.kind = LOCKOUT_ADDRESS;
	memcpy(t->address.id, c->source, sizeof(domain));
	memcpy(t->address.id + sizeof(domain), &domain, sizeof(domain));
	if (l->has_secret)
		t->account = lockout_key_of(LOCKOUT_INVITATION, l->invite);
	else if (l->pc)
		t->account = lockout_key_of(LOCKOUT_PC, l->pc);
	else
		t->account = lockout_key_of(LOCKOUT_USER, l->member);
	t->counts_address = !l->has_secret && !l->pc && !c->is_local && !c->by_proxy;
}

void client_sign_in(struct client *c, int64_t id, enum signin_what what, const struct login *l,
		    const struct asked *asked)
{
	struct signin_try *t = calloc(1, sizeof(*t));
	char user[PASSWORD_USER_SIZE];
	struct password_try p = {.user = user, .judge = judge, .done = on_done, .arg = t};

	if (!t) {
		rpc_reject(&c->rpc, id, RPC_INTERNAL, "out of memory");
		return;
	}
	t->clients = c->owner;
	t->number = c->number;
	t->id = id;
	t->what = what;
	t->login = *l;
	t->asked = *asked;
	snprintf(t->from, sizeof(t->from), "%s", c->address);
	take_keys(t, c);
	snprintf(user, sizeof(user), "%lld/%s", (long long)c->owner->admission->domain->row.id,
		 l->user);
	p.password = t->asked.password;
	p.hash = l->known ? &t->login.password : NULL;
	if (l->known && store_account_get(c->owner->store, l->member, &t->account_row) == 0 &&
	    signin_wants_new(t) && asked->has_new)
		p.next = t->asked.new_password;
	if (passwords_check(c->owner->passwords, &p) == 0)
		return;
	try_free(t);
	rpc_reject(&c->rpc, id, RPC_UNAVAILABLE,
		   "too many sign-ins at once; try again in a moment");
}
