/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What becomes of a try to sign in that is right: its code, and what is stored. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/signin_try.h"
#include "common/io/file.h"

/* --- the code -------------------------------------------------------------------------------- */

int signin_check_code(struct signin_try *t)
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
	rc = store_totp_get(try_store(t), t->login.member, secret, &last);
	if (rc == 0)
		rc = totp_check(secret, t->asked.code, clock_wall_s(), last, &t->step);
	explicit_bzero(secret, sizeof(secret));
	return rc;
}

/* --- storing --------------------------------------------------------------------------------- */

static int record_code(struct signin_try *t)
{
	uint8_t hash[STORE_HASH_BYTES];
	int rc = 0;

	if (t->step)
		rc = store_totp_used(try_store(t), t->login.member, t->step);
	if (t->recovery[0]) {
		factor_recovery_hash(t->login.member, t->recovery, hash);
		rc = store_recovery_use(try_store(t), t->login.member, hash);
		if (rc == 0)
			rc = signin_note(
				t, EVENT_RECOVERY_USED, AUDIT_OK,
				json_pack("{s:i}", "left", (int)t->account_row.recovery_codes - 1));
	}
	t->bad_code = rc == -ENOENT;
	return rc;
}

static int record_password(struct signin_try *t)
{
	struct store_password p = *t->next;
	bool raised = !signin_wants_new(t);
	int rc;

	p.must_change = raised && t->account_row.must_change;
	rc = store_password_set(try_store(t), t->login.member, &p);
	if (rc)
		return rc;
	if (raised)
		return signin_note(t, EVENT_PASSWORD_RAISED, AUDIT_OK,
				   json_pack("{s:i, s:i}", "from", (int)t->login.password.cost,
					     "to", (int)p.cost));
	return signin_note(t, EVENT_PASSWORD_CHANGED, AUDIT_OK,
			   json_pack("{s:b}", "first", t->account_row.must_change));
}

static int record_totp(struct signin_try *t)
{
	int rc = store_totp_set(try_store(t), t->login.member, t->asked.ticket.secret, t->totp_step,
				clock_wall_s());

	return rc ? rc
		  : signin_note(t, EVENT_TOTP_ENROLLED, AUDIT_OK,
				json_pack("{s:b}", "again", t->account_row.has_totp));
}

int signin_record(void *arg)
{
	struct signin_try *t = arg;
	int rc = record_code(t);

	if (rc == 0 && t->next)
		rc = record_password(t);
	if (rc == 0 && t->enrols)
		rc = record_totp(t);
	if (rc == 0 && (t->enrols || t->what == SIGNIN_RECOVERY))
		rc = factor_recovery_new(try_store(t), t->login.member, &t->codes);
	if (rc == 0 && t->what == SIGNIN_RECOVERY)
		rc = signin_note(t, EVENT_RECOVERY_MADE, AUDIT_OK, NULL);
	if (rc == 0)
		rc = signin_clear(try_signin(t), &t->account);
	return rc;
}

int signin_record_alone(struct signin_try *t)
{
	int rc = store_begin(try_store(t));

	if (rc == 0)
		rc = signin_record(t);
	if (rc == 0)
		rc = store_commit(try_store(t));
	if (rc)
		store_rollback(try_store(t));
	return rc;
}
