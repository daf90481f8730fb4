/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Endpoints and invitations. */
#include <errno.h>
#include <string.h>

#include "accessd/sqlite_core.h"

/* --- endpoints ------------------------------------------------------------------------------- */

int store_host_free(struct store *s, int64_t domain, uint32_t *host)
{
	struct pool_scan scan;
	sqlite3_stmt *st;
	int rc = sql_open(
		s, &st,
		"SELECT host FROM endpoint WHERE domain = ? AND host IS NOT NULL ORDER BY host",
		ARGS(INT(domain)));

	if (rc)
		return rc;
	pool_scan_init(&scan);
	while ((rc = sql_step(s, st)) == 0)
		pool_scan_used(&scan, col_u32(st, 0));
	sql_close(st);
	return rc == -ENOENT ? pool_scan_free(&scan, host) : rc;
}

int store_endpoint_add(struct store *s, struct store_endpoint *e)
{
	int rc = sql_run(
		s,
		"INSERT INTO endpoint (domain, member, host, key_sha256, expires, cert, issuer)"
		" VALUES (?, ?, ?, ?, ?, ?, ?)",
		ARGS(INT(e->domain), INT(e->member), INT_IF(e->host, e->host),
		     BLOB_IF(e->has_key, e->key_sha256, sizeof(e->key_sha256)), INT(e->expires),
		     BLOB_IF(e->cert.len > 0, e->cert.der, e->cert.len), TEXT(e->issuer)));

	if (rc == 0)
		e->id = sqlite3_last_insert_rowid(s->db);
	return rc;
}

#define ENDPOINT_COLUMNS \
	"SELECT id, domain, member, host, key_sha256, expires, cert, issuer FROM endpoint "

static int endpoint_one(struct store *s, const char *sql, const struct arg *args, size_t n,
			struct store_endpoint *e)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, sql, args, n);

	if (rc)
		return rc;
	memset(e, 0, sizeof(*e));
	e->id = sqlite3_column_int64(st, 0);
	e->domain = sqlite3_column_int64(st, 1);
	e->member = sqlite3_column_int64(st, 2);
	e->host = col_u32(st, 3);
	e->expires = sqlite3_column_int64(st, 5);
	e->has_key = sqlite3_column_type(st, 4) != SQLITE_NULL;
	if ((e->has_key && !col_exact(st, 4, e->key_sha256, sizeof(e->key_sha256))) ||
	    !col_blob(st, 6, e->cert.der, sizeof(e->cert.der), &e->cert.len) ||
	    !col_text(st, 7, e->issuer, sizeof(e->issuer)))
		rc = col_damaged("endpoint");
	sql_close(st);
	return rc;
}

int store_endpoint_get(struct store *s, int64_t id, struct store_endpoint *e)
{
	return endpoint_one(s, ENDPOINT_COLUMNS "WHERE id = ?", ARGS(INT(id)), e);
}

int store_endpoint_of(struct store *s, int64_t member, struct store_endpoint *e)
{
	return endpoint_one(s, ENDPOINT_COLUMNS "WHERE member = ? ORDER BY id LIMIT 1",
			    ARGS(INT(member)), e);
}

int store_endpoint_by_key(struct store *s, int64_t member,
			  const uint8_t key_sha256[X509_SPKI_SHA256_BYTES],
			  struct store_endpoint *e)
{
	return endpoint_one(s, ENDPOINT_COLUMNS "WHERE member = ? AND key_sha256 = ?",
			    ARGS(INT(member), BLOB(key_sha256, X509_SPKI_SHA256_BYTES)), e);
}

int store_endpoint_set_key(struct store *s, const struct store_endpoint *e)
{
	return sql_change(s,
			  "UPDATE endpoint SET key_sha256 = ?, expires = ?, cert = ?, issuer = ? "
			  "WHERE id = ?",
			  ARGS(BLOB_IF(e->has_key, e->key_sha256, sizeof(e->key_sha256)),
			       INT(e->expires), BLOB_IF(e->cert.len > 0, e->cert.der, e->cert.len),
			       TEXT(e->issuer), INT(e->id)));
}

int store_endpoint_oldest(struct store *s, int64_t member, uint32_t keep, int64_t *id)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st,
			   "SELECT id FROM endpoint WHERE member = ? ORDER BY expires DESC, id DESC"
			   " LIMIT 1 OFFSET ?",
			   ARGS(INT(member), INT(keep)));

	if (rc)
		return rc;
	*id = sqlite3_column_int64(st, 0);
	sql_close(st);
	return 0;
}

int store_endpoint_remove(struct store *s, int64_t id)
{
	return sql_change(s, "DELETE FROM endpoint WHERE id = ?", ARGS(INT(id)));
}

/* --- invitations ----------------------------------------------------------------------------- */

int store_invite_add(struct store *s, struct store_invite *i)
{
	int rc = sql_run(s,
			 "INSERT INTO invite (member, secret_sha256, created, expires, state) "
			 "VALUES (?, ?, ?, ?, ?)",
			 ARGS(INT(i->member), BLOB(i->secret_sha256, sizeof(i->secret_sha256)),
			      INT(i->created), INT(i->expires), INT(STORE_INVITE_OPEN)));

	if (rc == 0)
		i->id = sqlite3_last_insert_rowid(s->db);
	return rc;
}

int store_invite_by_secret(struct store *s, const uint8_t secret_sha256[STORE_HASH_BYTES],
			   struct store_invite *i)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st,
			   "SELECT id, member, created, expires, state, key_sha256 FROM invite "
			   "WHERE secret_sha256 = ?",
			   ARGS(BLOB(secret_sha256, STORE_HASH_BYTES)));

	if (rc)
		return rc;
	memset(i, 0, sizeof(*i));
	memcpy(i->secret_sha256, secret_sha256, STORE_HASH_BYTES);
	i->id = sqlite3_column_int64(st, 0);
	i->member = sqlite3_column_int64(st, 1);
	i->created = sqlite3_column_int64(st, 2);
	i->expires = sqlite3_column_int64(st, 3);
	i->state = (enum store_invite_state)sqlite3_column_int(st, 4);
	if (sqlite3_column_type(st, 5) != SQLITE_NULL &&
	    !col_exact(st, 5, i->key_sha256, sizeof(i->key_sha256)))
		rc = col_damaged("invite");
	sql_close(st);
	return rc;
}

int store_invite_redeem(struct store *s, int64_t id,
			const uint8_t key_sha256[X509_SPKI_SHA256_BYTES])
{
	return sql_change(s, "UPDATE invite SET state = ?, key_sha256 = ? WHERE id = ?",
			  ARGS(INT(STORE_INVITE_REDEEMED), BLOB(key_sha256, X509_SPKI_SHA256_BYTES),
			       INT(id)));
}

int store_invite_used(struct store *s, int64_t member,
		      const uint8_t key_sha256[X509_SPKI_SHA256_BYTES])
{
	return sql_run(
		s, "UPDATE invite SET state = ? WHERE member = ? AND state = ? AND key_sha256 = ?",
		ARGS(INT(STORE_INVITE_USED), INT(member), INT(STORE_INVITE_REDEEMED),
		     BLOB(key_sha256, X509_SPKI_SHA256_BYTES)));
}

int store_invite_replace(struct store *s, int64_t member)
{
	return sql_run(s, "UPDATE invite SET state = ? WHERE member = ? AND state IN (?, ?)",
		       ARGS(INT(STORE_INVITE_REPLACED), INT(member), INT(STORE_INVITE_OPEN),
			    INT(STORE_INVITE_REDEEMED)));
}

int store_invite_replace_all(struct store *s, int64_t domain)
{
	return sql_run(s,
		       "UPDATE invite SET state = ? WHERE state IN (?, ?) AND member IN"
		       " (SELECT id FROM member WHERE domain = ?)",
		       ARGS(INT(STORE_INVITE_REPLACED), INT(STORE_INVITE_OPEN),
			    INT(STORE_INVITE_REDEEMED), INT(domain)));
}
