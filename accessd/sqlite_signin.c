/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How users sign in: accounts, second factors, failures. */
#include <errno.h>
#include <string.h>

#include "accessd/sqlite_core.h"
#include "accessd/store_signin.h"

#define NUMBER_BYTES 8

/* --- accounts -------------------------------------------------------------------------------- */

int store_account_get(struct store *s, int64_t member, struct store_account *a)
{
	sqlite3_stmt *st;
	int rc = sql_first(
		s, &st,
		"SELECT m.valid_until, m.disabled, IFNULL(p.must_change, 0), t.since,"
		" (SELECT count(*) FROM recovery r WHERE r.member = m.id), IFNULL(p.cost, 0)"
		" FROM member m LEFT JOIN password p ON p.member = m.id"
		" LEFT JOIN totp t ON t.member = m.id WHERE m.id = ?",
		ARGS(INT(member)));

	if (rc)
		return rc;
	*a = (struct store_account){.valid_until = sqlite3_column_int64(st, 0),
				    .disabled = sqlite3_column_int(st, 1) != 0,
				    .must_change = sqlite3_column_int(st, 2) != 0,
				    .has_totp = sqlite3_column_type(st, 3) != SQLITE_NULL,
				    .totp_since = sqlite3_column_int64(st, 3),
				    .recovery_codes = col_u32(st, 4),
				    .cost = col_u32(st, 5)};
	sql_close(st);
	return 0;
}

int store_account_set_valid(struct store *s, int64_t member, int64_t valid_until)
{
	int rc = sql_change(s, "UPDATE member SET valid_until = ?, expiry_noted = 0 WHERE id = ?",
			    ARGS(INT(valid_until), INT(member)));

	if (rc || !valid_until)
		return rc;
	return sql_run(s, "UPDATE endpoint SET expires = min(expires, ?) WHERE member = ?",
		       ARGS(INT(valid_until), INT(member)));
}

int store_account_set_disabled(struct store *s, int64_t member, bool disabled)
{
	return sql_change(s, "UPDATE member SET disabled = ? WHERE id = ?",
			  ARGS(INT(disabled), INT(member)));
}

int store_expired(struct store *s, int64_t domain, int64_t now, int64_t *member)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st,
			   "SELECT id FROM member WHERE valid_until > 0 AND valid_until <= ?"
			   " AND expiry_noted = 0 AND domain = ? LIMIT 1",
			   ARGS(INT(now), INT(domain)));

	if (rc)
		return rc;
	*member = sqlite3_column_int64(st, 0);
	sql_close(st);
	return 0;
}

int store_expired_noted(struct store *s, int64_t member)
{
	return sql_change(s, "UPDATE member SET expiry_noted = 1 WHERE id = ?", ARGS(INT(member)));
}

#define PCS_MAX 64 /* more than ADMISSION_USER_KEYS_MAX */

int store_pcs_each(struct store *s, int64_t member, void (*fn)(void *arg, int64_t endpoint),
		   void *arg)
{
	int64_t pcs[PCS_MAX];
	sqlite3_stmt *st;
	size_t n = 0;
	int rc = sql_open(s, &st, "SELECT id FROM endpoint WHERE member = ? ORDER BY id",
			  ARGS(INT(member)));

	if (rc)
		return rc;
	while (n < PCS_MAX && (rc = sql_step(s, st)) == 0)
		pcs[n++] = sqlite3_column_int64(st, 0);
	sql_close(st);
	/* Now that nothing is read any more, it may change the store. */
	for (size_t i = 0; i < n; i++)
		fn(arg, pcs[i]);
	return rc == -ENOENT ? 0 : rc;
}

/* --- the second factor ----------------------------------------------------------------------- */

int store_totp_get(struct store *s, int64_t member, uint8_t secret[TOTP_SECRET_BYTES],
		   uint64_t *step)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "SELECT secret, step FROM totp WHERE member = ?",
			   ARGS(INT(member)));

	if (rc)
		return rc;
	if (!col_exact(st, 0, secret, TOTP_SECRET_BYTES))
		rc = col_damaged("totp");
	*step = (uint64_t)sqlite3_column_int64(st, 1);
	sql_close(st);
	return rc;
}

int store_totp_set(struct store *s, int64_t member, const uint8_t secret[TOTP_SECRET_BYTES],
		   uint64_t step, int64_t now)
{
	return sql_run(s,
		       "INSERT INTO totp (member, secret, step, since) VALUES (?, ?, ?, ?)"
		       " ON CONFLICT (member) DO UPDATE SET secret = excluded.secret,"
		       " step = excluded.step, since = excluded.since",
		       ARGS(INT(member), BLOB(secret, TOTP_SECRET_BYTES), INT(step), INT(now)));
}

int store_totp_used(struct store *s, int64_t member, uint64_t step)
{
	return sql_change(s, "UPDATE totp SET step = ? WHERE member = ? AND step < ?",
			  ARGS(INT(step), INT(member), INT(step)));
}

int store_totp_remove(struct store *s, int64_t member)
{
	int rc = sql_run(s, "DELETE FROM recovery WHERE member = ?", ARGS(INT(member)));

	return rc ? rc : sql_change(s, "DELETE FROM totp WHERE member = ?", ARGS(INT(member)));
}

int store_recovery_set(struct store *s, int64_t member,
		       const uint8_t hashes[STORE_RECOVERY_CODES][STORE_HASH_BYTES])
{
	int rc = sql_run(s, "DELETE FROM recovery WHERE member = ?", ARGS(INT(member)));

	for (size_t i = 0; i < STORE_RECOVERY_CODES && rc == 0; i++)
		rc = sql_run(s, "INSERT INTO recovery (member, hash) VALUES (?, ?)",
			     ARGS(INT(member), BLOB(hashes[i], STORE_HASH_BYTES)));
	return rc;
}

int store_recovery_use(struct store *s, int64_t member, const uint8_t hash[STORE_HASH_BYTES])
{
	return sql_change(s, "DELETE FROM recovery WHERE member = ? AND hash = ?",
			  ARGS(INT(member), BLOB(hash, STORE_HASH_BYTES)));
}

/* --- failures -------------------------------------------------------------------------------- */

static void write_number(uint8_t *out, int64_t v)
{
	for (int i = NUMBER_BYTES - 1; i >= 0; i--, v = (int64_t)((uint64_t)v >> 8))
		out[i] = (uint8_t)v;
}

static int64_t read_number(const uint8_t *in)
{
	uint64_t v = 0;

	for (int i = 0; i < NUMBER_BYTES; i++)
		v = v << 8 | in[i];
	return (int64_t)v;
}

int store_failures_put(struct store *s, const struct store_failures *f)
{
	uint8_t at[LOCKOUT_FAILURES * NUMBER_BYTES];

	if (f->n == 0)
		return sql_run(s, "DELETE FROM failure WHERE kind = ? AND id = ?",
			       ARGS(INT(f->key.kind), BLOB(f->key.id, sizeof(f->key.id))));
	for (size_t i = 0; i < f->n; i++)
		write_number(at + i * NUMBER_BYTES, f->at[i]);
	return sql_run(s,
		       "INSERT INTO failure (kind, id, at, newest, until) VALUES (?, ?, ?, ?, ?)"
		       " ON CONFLICT (kind, id) DO UPDATE SET at = excluded.at,"
		       " newest = excluded.newest, until = excluded.until",
		       ARGS(INT(f->key.kind), BLOB(f->key.id, sizeof(f->key.id)),
			    BLOB(at, f->n * NUMBER_BYTES), INT(f->at[f->n - 1]), INT(f->until)));
}

static bool read_failures(sqlite3_stmt *st, struct store_failures *f)
{
	uint8_t at[LOCKOUT_FAILURES * NUMBER_BYTES];
	int kind = sqlite3_column_int(st, 0);
	size_t n;

	memset(f, 0, sizeof(*f));
	if (kind < 0 || kind >= LOCKOUT_KINDS || !col_exact(st, 1, f->key.id, sizeof(f->key.id)) ||
	    !col_blob(st, 2, at, sizeof(at), &n) || n == 0 || n % NUMBER_BYTES != 0)
		return false;
	f->key.kind = (enum lockout_kind)kind;
	f->n = n / NUMBER_BYTES;
	for (size_t i = 0; i < f->n; i++)
		f->at[i] = read_number(at + i * NUMBER_BYTES);
	f->until = sqlite3_column_int64(st, 3);
	return true;
}

int store_failures_each(struct store *s, void (*fn)(void *arg, const struct store_failures *f),
			void *arg)
{
	struct store_failures f;
	sqlite3_stmt *st;
	int rc = sql_open(s, &st, "SELECT kind, id, at, until FROM failure ORDER BY newest", NULL,
			  0);

	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0) {
		if (!read_failures(st, &f)) {
			rc = col_damaged("failure");
			break;
		}
		fn(arg, &f);
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

int store_failures_purge(struct store *s, int64_t before)
{
	return sql_run(s, "DELETE FROM failure WHERE newest < ? AND until < ?",
		       ARGS(INT(before), INT(before)));
}
