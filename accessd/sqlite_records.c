/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Session records, as their ends have signed them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/sqlite_core.h"
#include "accessd/store_audit.h"

#define SELECT                                                                          \
	"SELECT domain, seq, session, owner, number, text, signature, cert, hash FROM " \
	"session_record "

int store_session_record_add(struct store *s, const struct store_session_record *r)
{
	return sql_run(
		s,
		"INSERT INTO session_record (domain, seq, session, owner, number, text, signature,"
		" cert, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		ARGS(INT(r->domain), INT(r->seq), TEXT(r->session),
		     BLOB(r->owner, sizeof(r->owner)), INT(r->number), TEXT(r->text),
		     BLOB(r->signature, r->signature_len), BLOB(r->cert.der, r->cert.len),
		     BLOB(r->hash, sizeof(r->hash))));
}

static bool read_record(sqlite3_stmt *st, struct store_session_record *r)
{
	r->domain = sqlite3_column_int64(st, 0);
	r->seq = sqlite3_column_int64(st, 1);
	r->number = sqlite3_column_int64(st, 4);
	return col_text(st, 2, r->session, sizeof(r->session)) &&
	       col_exact(st, 3, r->owner, sizeof(r->owner)) &&
	       col_text(st, 5, r->text, sizeof(r->text)) &&
	       col_blob(st, 6, r->signature, sizeof(r->signature), &r->signature_len) &&
	       col_blob(st, 7, r->cert.der, sizeof(r->cert.der), &r->cert.len) &&
	       col_exact(st, 8, r->hash, sizeof(r->hash));
}

static int read_first(sqlite3_stmt *st, struct store_session_record *r)
{
	int rc = read_record(st, r) ? 0 : col_damaged("session_record");

	sql_close(st);
	return rc;
}

int store_session_record_by_seq(struct store *s, int64_t domain, int64_t seq,
				struct store_session_record *r)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, SELECT "WHERE domain = ? AND seq = ?",
			   ARGS(INT(domain), INT(seq)));

	return rc ? rc : read_first(st, r);
}

int store_session_record_has(struct store *s, const struct store_session_record *r, uint32_t *n)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "SELECT 1 FROM session_record WHERE domain = ? AND hash = ?",
			   ARGS(INT(r->domain), BLOB(r->hash, sizeof(r->hash))));

	if (rc == 0)
		sql_close(st);
	if (rc != -ENOENT)
		return rc;
	rc = sql_first(s, &st,
		       "SELECT count(*) FROM session_record WHERE domain = ? AND session = ?"
		       " AND owner = ?",
		       ARGS(INT(r->domain), TEXT(r->session), BLOB(r->owner, sizeof(r->owner))));
	if (rc)
		return rc;
	*n = col_u32(st, 0);
	sql_close(st);
	return -ENOENT;
}

static int each(struct store *s, sqlite3_stmt *st,
		bool (*fn)(void *arg, const struct store_session_record *r), void *arg)
{
	struct store_session_record r;
	int rc;

	while ((rc = sql_step(s, st)) == 0) {
		if (!read_record(st, &r)) {
			rc = col_damaged("session_record");
			break;
		}
		if (!fn(arg, &r))
			break;
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

int store_session_records(struct store *s, int64_t domain, const char *session,
			  bool (*fn)(void *arg, const struct store_session_record *r), void *arg)
{
	sqlite3_stmt *st;
	/* Ids are of 0-9 and a-f. */
	int rc = sql_open(s, &st,
			  SELECT "WHERE domain = ? AND session >= ? AND session < ? || 'g'"
				 " ORDER BY session, seq",
			  ARGS(INT(domain), TEXT(session), TEXT(session)));

	return rc ? rc : each(s, st, fn, arg);
}

int store_session_record_each(struct store *s, int64_t domain,
			      bool (*fn)(void *arg, const struct store_session_record *r),
			      void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_open(s, &st, SELECT "WHERE domain = ? ORDER BY owner, seq", ARGS(INT(domain)));

	return rc ? rc : each(s, st, fn, arg);
}
