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

#include "accessd/clients_internal.h"
#include "accessd/signin_internal.h"
#include "accessd/store_control.h"
#include "common/io/file.h"

#define WHO_SIZE (STORE_NAME_SIZE + 16)
#define WRONG_CODE "the code is wrong, or was used before"

struct
try {
	struct clients *clients;
	uint64_t number; /* of the connection, which may go meanwhile */
	int64_t id;
	enum signin_what what;
	struct login login;
	struct asked asked;
	struct store_account account_row;
	struct lockout_key account, address;
	bool counts_address;
	char from[STORE_ADDRESS_SIZE];
	/* What is to be stored; see record(). */
	const struct store_password *next;
	uint64_t step, totp_step; /* 0: none */
	char recovery[ASKED_CODE_SIZE];
	bool enrols, bad_code;
	json_t *codes; /* new recovery codes */
	/* The answer. */
	struct admitted admitted;
	int code; /* 0: result, or (of a sign-in without one) the identity */
	char words[RPC_MESSAGE_SIZE];
	json_t *result;
};

static struct signin *signin_of(const struct try *t)
{
	return t->clients->signin;
}

static const char *domain_of(const struct try *t)
{
	return t->clients->admission->domain->row.name;
}

static struct store *store_of(const struct try *t)
{
	return t->clients->store;
}

static void reject(struct try *t, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void reject(struct try *t, int code, const char *fmt, ...)
{
	va_list ap;

	t->code = code;
	va_start(ap, fmt);
	vsnprintf(t->words, sizeof(t->words), fmt, ap);
	va_end(ap);
}

static void reject_internal(struct try *t)
{
	reject(t, RPC_INTERNAL, "the server cannot do this now; its log says why");
}

/* --- the record ------------------------------------------------------------------------------ */

static const enum event EVENT_OF[] = {
	[SIGNIN_LOGIN] = EVENT_SIGNED_IN,
	[SIGNIN_PASSWORD] = EVENT_PASSWORD_CHANGED,
	[SIGNIN_TOTP] = EVENT_TOTP_ENROLLED,
	[SIGNIN_RECOVERY] = EVENT_RECOVERY_MADE,
};

/* @detail: taken. */
static int note(const struct try *t, enum event event, enum audit_result result, json_t *detail)
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

static int note_locked(const struct try *t, const struct lockout_key *k)
{
	static const char *const of[] = {[LOCKOUT_USER] = "account",
					 [LOCKOUT_PC] = "key of a PC",
					 [LOCKOUT_INVITATION] = "invitation",
					 [LOCKOUT_ADDRESS] = "address"};

	log_warn("locked what=\"%s\" name=%s address=%s", of[k->kind],
		 t->login.member ? t->login.user : "-", t->from);
	return note(t, EVENT_SIGNIN_LOCKED, AUDIT_OK,
		    json_pack("{s:s, s:i}", "locked", of[k->kind], "minutes",
			      (int)(LOCKOUT_MS / 60000)));
}

/* --- failing --------------------------------------------------------------------------------- */

static int count_in_store(struct try *t)
{
	const struct lockout_key *locked = NULL;
	int rc = store_begin(store_of(t));

	if (rc)
		return rc;
	rc = signin_count(signin_of(t), t->login.member ? &t->account : NULL,
			  t->counts_address ? &t->address : NULL, &locked);
	if (rc == 0 && locked)
		rc = note_locked(t, locked);
	if (rc == 0)
		rc = store_commit(store_of(t));
	if (rc)
		store_rollback(store_of(t));
	return rc;
}

static bool is_locked(const struct try *t)
{
	return (t->login.member && signin_is_locked(signin_of(t), &t->account)) ||
	       (t->counts_address && signin_is_locked(signin_of(t), &t->address));
}

/* It counts, unless it is locked: trying on must not make that longer. @why: for the record alone.
 * Return: false, for judge(). */
static bool fail(struct try *t, const char *why, const char *words)
{
	char clean[STORE_NAME_SIZE];

	reject(t, RPC_DENIED, "%s", words);
	if (!is_locked(t) && count_in_store(t) != 0)
		log_warn("a failure to sign in could not be kept");
	log_notice("sign-in refused address=%s name=%s reason=\"%s\"", t->from,
		   log_clean(clean, sizeof(clean), t->login.user, strlen(t->login.user)), why);
	(void)note(t, EVENT_OF[t->what], AUDIT_REFUSED, json_pack("{s:s}", "reason", why));
	return false;
}

/* The password was changed while this one was being checked? */
static bool is_same_password(const struct try *t)
{
	struct store_password now;

	return store_password_get(store_of(t), t->login.member, &now) == 0 &&
	       memcmp(now.hash, t->login.password.hash, sizeof(now.hash)) == 0;
}

/* Why this is not who it says, or NULL. All of it is answered alike. */
static const char *why_wrong(struct try *t, bool password_ok)
{
	if (is_locked(t))
		return "locked after too many failures";
	if (!t->login.known)
		return t->login.member ? "this user has not signed in with an invitation yet"
				       : "there is no such user";
	if (store_account_get(store_of(t), t->login.member, &t->account_row) != 0)
		return "the user was removed";
	if (t->account_row.disabled)
		return "this user is disabled";
	if (!password_ok || !is_same_password(t))
		return "wrong password";
	return NULL;
}

/* --- what else is needed --------------------------------------------------------------------- */

struct needs {
	bool code, totp, new_password;
	const char *refused; /* why what was given is not taken */
};

static bool wants_new(const struct try *t)
{
	return t->what == SIGNIN_PASSWORD ||
	       (t->what == SIGNIN_LOGIN && t->account_row.must_change);
}

/* Does the domain, or the user's folder, ask for a second factor? Nobody knows: it does. */
static bool is_required(const struct try *t)
{
	struct store_member m;
	struct settings all;

	return store_member_get(store_of(t), t->login.member, &m) != 0 ||
	       store_settings_of_member(store_of(t), &m, SETTINGS_LIMIT_MAX_S, &all) != 0 ||
	       all.at[SETTING_MFA].number == SETTING_REQUIRED;
}

static bool wants_totp(const struct try *t)
{
	if (t->what == SIGNIN_TOTP)
		return true;
	return t->what == SIGNIN_LOGIN && !t->account_row.has_totp && is_required(t);
}

static void check_totp(struct try *t, struct needs *n, int64_t now)
{
	n->totp = true;
	if (!t->asked.has_totp)
		return;
	if (!factor_is_ours(signin_of(t), &t->asked.ticket, t->login.member, now)) {
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

static void check_new(const struct try *t, struct needs *n, char words[SIGNIN_WORDS_SIZE])
{
	n->new_password = true;
	if (!t->asked.has_new)
		return;
	if (strcmp(t->asked.new_password, t->asked.password) == 0)
		n->refused = "it is the same as the old one";
	else if (signin_refuses(signin_of(t), t->login.user, domain_of(t), t->asked.new_password,
				words))
		n->refused = words;
	else
		n->new_password = false;
}

static void ask_old_vpnd(struct try *t, const struct needs *n)
{
	const char *what = n->code   ? "a one-time code"
			   : n->totp ? "a second factor, which is set up at the sign-in"
				     : "a new password in place of the first one";

	reject(t, RPC_DENIED, "this needs %s, which this vpnd is too old to ask for: update it",
	       what);
}

static void ask_more(struct try *t, const struct needs *n)
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
				    t->asked.has_totp ? factor_again(&t->asked.ticket, domain_of(t),
								     t->login.user)
						      : factor_offer(signin_of(t), t->login.member,
								     domain_of(t), t->login.user));
	if (n->refused)
		json_object_set_new(t->result, "refused", json_string(n->refused));
}

/* Is something missing? Then that is the answer, and nothing of what was given is used up. */
static bool is_missing(struct try *t)
{
	char words[SIGNIN_WORDS_SIZE];
	struct needs n = {.code = t->account_row.has_totp && !t->asked.has_code};

	if (wants_new(t))
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

/* --- the code -------------------------------------------------------------------------------- */

/* Return: 0, and what is to be stored of it is set; -EALREADY; -EACCES; -EIO. */
static int check_code(struct try *t)
{
	uint8_t secret[TOTP_SECRET_BYTES];
	uint64_t last;
	int rc;

	if (!t->account_row.has_totp)
		return 0;
	if (recovery_is(t->asked.code)) {
		snprintf(t->recovery, sizeof(t->recovery), "%s", t->asked.code);
		return 0;
	}
	rc = store_totp_get(store_of(t), t->login.member, secret, &last);
	if (rc == 0)
		rc = totp_check(secret, t->asked.code, clock_wall_s(), last, &t->step);
	explicit_bzero(secret, sizeof(secret));
	return rc;
}

/* --- storing --------------------------------------------------------------------------------- */

static int record_code(struct try *t)
{
	uint8_t hash[STORE_HASH_BYTES];
	int rc = 0;

	if (t->step)
		rc = store_totp_used(store_of(t), t->login.member, t->step);
	if (t->recovery[0]) {
		factor_recovery_hash(t->login.member, t->recovery, hash);
		rc = store_recovery_use(store_of(t), t->login.member, hash);
		if (rc == 0)
			rc = note(
				t, EVENT_RECOVERY_USED, AUDIT_OK,
				json_pack("{s:i}", "left", (int)t->account_row.recovery_codes - 1));
	}
	t->bad_code = rc == -ENOENT;
	return rc;
}

static int record_password(struct try *t)
{
	struct store_password p = *t->next;
	bool raised = !wants_new(t);
	int rc;

	p.must_change = raised && t->account_row.must_change;
	rc = store_password_set(store_of(t), t->login.member, &p);
	if (rc)
		return rc;
	if (raised)
		return note(t, EVENT_PASSWORD_RAISED, AUDIT_OK,
			    json_pack("{s:i, s:i}", "from", (int)t->login.password.cost, "to",
				      (int)p.cost));
	return note(t, EVENT_PASSWORD_CHANGED, AUDIT_OK,
		    json_pack("{s:b}", "first", t->account_row.must_change));
}

static int record_totp(struct try *t)
{
	int rc = store_totp_set(store_of(t), t->login.member, t->asked.ticket.secret, t->totp_step,
				clock_wall_s());

	return rc ? rc
		  : note(t, EVENT_TOTP_ENROLLED, AUDIT_OK,
			 json_pack("{s:b}", "again", t->account_row.has_totp));
}

/* All that a try that succeeds changes, within one transaction. */
static int record(void *arg)
{
	struct try *t = arg;
	int rc = record_code(t);

	if (rc == 0 && t->next)
		rc = record_password(t);
	if (rc == 0 && t->enrols)
		rc = record_totp(t);
	if (rc == 0 && (t->enrols || t->what == SIGNIN_RECOVERY))
		rc = factor_recovery_new(store_of(t), t->login.member, &t->codes);
	if (rc == 0 && t->what == SIGNIN_RECOVERY)
		rc = note(t, EVENT_RECOVERY_MADE, AUDIT_OK, NULL);
	if (rc == 0)
		rc = signin_clear(signin_of(t), &t->account);
	return rc;
}

static int record_alone(struct try *t)
{
	int rc = store_begin(store_of(t));

	if (rc == 0)
		rc = record(t);
	if (rc == 0)
		rc = store_commit(store_of(t));
	if (rc)
		store_rollback(store_of(t));
	return rc;
}

/* Of a sign-in: with the identity. */
static void admit(struct try *t, struct client *c)
{
	struct admitting admitting = {.c = c, .x = &t->admitted, .event = EVENT_SIGNED_IN};
	struct refusal why;

	t->login.settle = record;
	t->login.settle_arg = t;
	client_admits(&admitting);
	if (!admission_login_end(c->owner->admission, &t->login, true, clock_wall_s(), &t->admitted,
				 &why))
		reject(t, why.code, "%s", why.message);
	client_admitted(&admitting);
}

static void change(struct try *t)
{
	if (record_alone(t) != 0)
		reject_internal(t);
	else
		t->result = json_object();
}

/* Return: see judge(). */
static bool conclude(struct try *t, struct client *c, const struct store_password *next)
{
	int rc = check_code(t);

	if (rc == -EALREADY)
		(void)note(t, EVENT_TOTP_REPLAYED, AUDIT_REFUSED, NULL);
	if (rc == -EALREADY || rc == -EACCES)
		return fail(t, rc == -EALREADY ? "the code was used before" : "wrong code",
			    WRONG_CODE);
	if (rc) {
		reject_internal(t);
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

static struct client *client_of(const struct try *t)
{
	struct client *c = client_by_number(t->clients, t->number);
	enum client_state want = t->what == SIGNIN_LOGIN ? CLIENT_ENROL : CLIENT_ONLINE;

	return c && c->state == want ? c : NULL;
}

static bool judge(void *arg, bool ok, const struct store_password *next)
{
	struct try *t = arg;
	struct client *c = client_of(t);
	const char *wrong = why_wrong(t, ok);
	int64_t until;

	if (wrong) /* also if nobody waits for the answer any more */
		return fail(t, wrong, SIGNIN_WRONG);
	until = t->account_row.valid_until;
	if (!c)
		return true;
	if (until && clock_wall_s() >= until)
		reject(t, RPC_EXPIRED, "the account has expired");
	else if (t->what == SIGNIN_RECOVERY && !t->account_row.has_totp)
		reject(t, RPC_NOT_FOUND, "there is no second factor yet: vpnctl totp");
	else if (!is_missing(t))
		return conclude(t, c, next);
	return true;
}

/* --- answering ------------------------------------------------------------------------------- */

static void try_free(struct try *t)
{
	json_decref(t->result);
	json_decref(t->codes);
	explicit_bzero(t, sizeof(*t));
	free(t);
}

static void answer(struct try *t, struct client *c)
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
	struct try *t = arg;
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
static void take_keys(struct try *t, const struct client *c)
{
	const struct login *l = &t->login;

	t->address.kind = LOCKOUT_ADDRESS;
	memcpy(t->address.id, c->source, sizeof(t->address.id));
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
	struct try *t = calloc(1, sizeof(*t));
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
	    wants_new(t) && asked->has_new)
		p.next = t->asked.new_password;
	if (passwords_check(c->owner->passwords, &p) == 0)
		return;
	try_free(t);
	rpc_reject(&c->rpc, id, RPC_UNAVAILABLE,
		   "too many sign-ins at once; try again in a moment");
}
