/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CAs that the domain had before, and its two token keys. */
#include <errno.h>
#include <string.h>

#include "accessd/sqlite_core.h"

int store_domain_set_ca(struct store *s, const struct store_domain *d)
{
	int rc = sql_change(
		s, "UPDATE domain SET ca_key = ?, ca = ? WHERE id = ?",
		ARGS(BLOB(d->ca_key.der, d->ca_key.len), BLOB(d->ca.der, d->ca.len), INT(d->id)));

	return rc ? rc : store_domain_set_certs(s, d);
}

int store_domain_set_tokens(struct store *s, const struct store_domain *d)
{
	const struct store_token *o = &d->other_token;

	return sql_change(s,
			  "UPDATE domain SET token_secret = ?, token_public = ?,"
			  " other_token_secret = ?, other_token_public = ?, other_token_since = ?"
			  " WHERE id = ?",
			  ARGS(BLOB(d->token_secret, sizeof(d->token_secret)),
			       BLOB(d->token_public, sizeof(d->token_public)),
			       BLOB_IF(o->use == STORE_TOKEN_NEXT, o->secret, sizeof(o->secret)),
			       BLOB_IF(o->use != STORE_TOKEN_NONE, o->public, sizeof(o->public)),
			       INT(o->since), INT(d->id)));
}

int store_former_add(struct store *s, int64_t domain, const struct store_former *f)
{
	return sql_run(s, "INSERT INTO former_ca (domain, key, ca, link) VALUES (?, ?, ?, ?)",
		       ARGS(INT(domain), BLOB(f->key.der, f->key.len), BLOB(f->ca.der, f->ca.len),
			    BLOB_IF(f->link.len > 0, f->link.der, f->link.len)));
}

int store_former_unlink(struct store *s, int64_t domain)
{
	return sql_run(s, "UPDATE former_ca SET link = NULL WHERE domain = ?", ARGS(INT(domain)));
}

static bool read_former(sqlite3_stmt *st, struct store_former *f)
{
	memset(f, 0, sizeof(*f));
	return col_blob(st, 0, f->key.der, sizeof(f->key.der), &f->key.len) && f->key.len > 0 &&
	       col_blob(st, 1, f->ca.der, sizeof(f->ca.der), &f->ca.len) && f->ca.len > 0 &&
	       col_blob(st, 2, f->link.der, sizeof(f->link.der), &f->link.len);
}

int store_formers(struct store *s, int64_t domain, struct store_former at[STORE_FORMERS_MAX],
		  size_t *n)
{
	sqlite3_stmt *st;
	int rc =
		sql_open(s, &st, "SELECT key, ca, link FROM former_ca WHERE domain = ? ORDER BY id",
			 ARGS(INT(domain)));

	*n = 0;
	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0) {
		if (*n == STORE_FORMERS_MAX || !read_former(st, &at[*n])) {
			rc = col_damaged("former_ca");
			break;
		}
		++*n;
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

int store_issuers(struct store *s, int64_t domain,
		  void (*fn)(void *arg, const char *issuer, uint64_t members), void *arg)
{
	char issuer[STORE_ISSUER_SIZE];
	sqlite3_stmt *st;
	int rc = sql_open(s, &st,
			  "SELECT endpoint.issuer, COUNT(*) FROM endpoint JOIN member"
			  " ON member.id = endpoint.member WHERE endpoint.domain = ?"
			  " AND member.kind != 2 AND endpoint.cert IS NOT NULL"
			  " GROUP BY endpoint.issuer",
			  ARGS(INT(domain)));

	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0) {
		if (!col_text(st, 0, issuer, sizeof(issuer))) {
			rc = col_damaged("endpoint");
			break;
		}
		fn(arg, issuer, (uint64_t)sqlite3_column_int64(st, 1));
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}
