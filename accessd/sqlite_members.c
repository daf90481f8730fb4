/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Domains, members and passwords. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/sqlite_core.h"
#include "accessd/store_realms.h"

/* --- domain ---------------------------------------------------------------------------------- */

int store_domain_add(struct store *s, struct store_domain *d)
{
	char urls[LISTS_URLS_TEXT_SIZE];
	int rc;

	urls_to_text(&d->urls, urls);
	s->tree_changes++; /* it has a tree at once */
	rc = sql_run(
		s,
		/* No id comes a second time: the audit of a domain that was removed stays. */
		"INSERT INTO domain (id, name, created, urls, ca_key, ca, token_secret,"
		" token_public, access_uid, access_key, access_cert, outer_cert, ula) VALUES ("
		"(SELECT 1 + MAX(used) FROM (SELECT 0 AS used UNION SELECT id FROM domain"
		"  UNION SELECT domain FROM audit_head)),"
		" ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		ARGS(TEXT(d->name), INT(d->created), TEXT(urls), BLOB(d->ca_key.der, d->ca_key.len),
		     BLOB(d->ca.der, d->ca.len), BLOB(d->token_secret, sizeof(d->token_secret)),
		     BLOB(d->token_public, sizeof(d->token_public)), TEXT(d->access_uid),
		     BLOB(d->access_key.der, d->access_key.len),
		     BLOB(d->access_cert.der, d->access_cert.len),
		     BLOB(d->outer_cert.der, d->outer_cert.len), BLOB(d->ula, sizeof(d->ula))));
	if (rc == 0)
		d->id = sqlite3_last_insert_rowid(s->db);
	return rc;
}

static bool read_key(sqlite3_stmt *st, int i, struct x509_key *key)
{
	return col_blob(st, i, key->der, sizeof(key->der), &key->len) && key->len > 0;
}

static bool read_cert(sqlite3_stmt *st, int i, struct x509_cert *cert)
{
	return col_blob(st, i, cert->der, sizeof(cert->der), &cert->len);
}

static bool read_domain(sqlite3_stmt *st, struct store_domain *d)
{
	struct store_token *other = &d->other_token;
	char urls[LISTS_URLS_TEXT_SIZE];

	memset(d, 0, sizeof(*d));
	if (sqlite3_column_type(st, 14) != SQLITE_NULL)
		other->use = sqlite3_column_type(st, 13) != SQLITE_NULL ? STORE_TOKEN_NEXT
									: STORE_TOKEN_LAST;
	other->since = sqlite3_column_int64(st, 15);
	if ((other->use == STORE_TOKEN_NEXT &&
	     !col_exact(st, 13, other->secret, sizeof(other->secret))) ||
	    (other->use != STORE_TOKEN_NONE &&
	     !col_exact(st, 14, other->public, sizeof(other->public))))
		return false;
	d->id = sqlite3_column_int64(st, 0);
	d->created = sqlite3_column_int64(st, 2);
	return col_text(st, 1, d->name, sizeof(d->name)) && col_text(st, 3, urls, sizeof(urls)) &&
	       urls_from_text(&d->urls, urls) == 0 && read_key(st, 4, &d->ca_key) &&
	       read_cert(st, 5, &d->ca) &&
	       col_exact(st, 6, d->token_secret, sizeof(d->token_secret)) &&
	       col_exact(st, 7, d->token_public, sizeof(d->token_public)) &&
	       col_text(st, 8, d->access_uid, sizeof(d->access_uid)) &&
	       read_key(st, 9, &d->access_key) && read_cert(st, 10, &d->access_cert) &&
	       read_cert(st, 11, &d->outer_cert) && col_exact(st, 12, d->ula, sizeof(d->ula));
}

#define DOMAIN_COLUMNS                                                                       \
	"SELECT id, name, created, urls, ca_key, ca, token_secret, token_public, "           \
	"access_uid,"                                                                        \
	" access_key, access_cert, outer_cert, ula, other_token_secret, other_token_public," \
	" other_token_since FROM domain "

static int get_domain(struct store *s, const char *sql, const struct arg *args, size_t n,
		      struct store_domain *d)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, sql, args, n);

	if (rc)
		return rc;
	if (!read_domain(st, d))
		rc = col_damaged("domain");
	sql_close(st);
	return rc;
}

int store_domain_first(struct store *s, struct store_domain *d)
{
	return get_domain(s, DOMAIN_COLUMNS "ORDER BY id LIMIT 1", NULL, 0, d);
}

int store_domain_get(struct store *s, int64_t id, struct store_domain *d)
{
	return get_domain(s, DOMAIN_COLUMNS "WHERE id = ?", ARGS(INT(id)), d);
}

int store_domain_set_certs(struct store *s, const struct store_domain *d)
{
	return sql_change(s, "UPDATE domain SET access_cert = ?, outer_cert = ? WHERE id = ?",
			  ARGS(BLOB(d->access_cert.der, d->access_cert.len),
			       BLOB(d->outer_cert.der, d->outer_cert.len), INT(d->id)));
}

/* --- members --------------------------------------------------------------------------------- */

#define MEMBER_COLUMNS                                                                            \
	"SELECT id, domain, kind, uid, name, state, created, last_seen, version, address, lans, " \
	"urls, drained, rate, folder FROM member "

static int root_folder(struct store *s, int64_t domain, int64_t *folder)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "SELECT id FROM folder WHERE domain = ? AND parent IS NULL",
			   ARGS(INT(domain)));

	if (rc)
		return rc == -ENOENT ? -EIO : rc; /* there is no such domain */
	*folder = sqlite3_column_int64(st, 0);
	sql_close(st);
	return 0;
}

int store_member_add(struct store *s, struct store_member *m)
{
	char lans[LISTS_LANS_TEXT_SIZE], urls[LISTS_URLS_TEXT_SIZE];
	int rc = m->folder ? 0 : root_folder(s, m->domain, &m->folder);

	if (rc)
		return rc;
	lans_to_text(&m->lans, lans);
	urls_to_text(&m->urls, urls);
	rc = sql_run(
		s,
		"INSERT INTO member (domain, kind, uid, name, state, created, lans, urls, rate,"
		" folder) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		ARGS(INT(m->domain), INT(m->kind), TEXT(m->uid), TEXT(m->name), INT(m->state),
		     INT(m->created), TEXT(lans), TEXT(urls), INT(m->rate), INT(m->folder)));
	if (rc == 0)
		m->id = sqlite3_last_insert_rowid(s->db);
	return rc;
}

static bool read_member(sqlite3_stmt *st, struct store_member *m)
{
	char lans[LISTS_LANS_TEXT_SIZE], urls[LISTS_URLS_TEXT_SIZE];

	memset(m, 0, sizeof(*m));
	m->id = sqlite3_column_int64(st, 0);
	m->domain = sqlite3_column_int64(st, 1);
	m->kind = (enum ident_kind)sqlite3_column_int(st, 2);
	m->state = (enum store_state)sqlite3_column_int(st, 5);
	m->created = sqlite3_column_int64(st, 6);
	m->last_seen = sqlite3_column_int64(st, 7);
	m->drained = sqlite3_column_int(st, 12) != 0;
	m->rate = (uint64_t)sqlite3_column_int64(st, 13);
	m->folder = sqlite3_column_int64(st, 14);
	return col_text(st, 3, m->uid, sizeof(m->uid)) &&
	       col_text(st, 4, m->name, sizeof(m->name)) &&
	       col_text(st, 8, m->version, sizeof(m->version)) &&
	       col_text(st, 9, m->address, sizeof(m->address)) &&
	       col_text(st, 10, lans, sizeof(lans)) && lans_from_text(&m->lans, lans) == 0 &&
	       col_text(st, 11, urls, sizeof(urls)) && urls_from_text(&m->urls, urls) == 0;
}

static int member_one(struct store *s, const char *sql, const struct arg *args, size_t n,
		      struct store_member *m)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, sql, args, n);

	if (rc)
		return rc;
	if (!read_member(st, m))
		rc = col_damaged("member");
	sql_close(st);
	return rc;
}

int store_member_get(struct store *s, int64_t id, struct store_member *m)
{
	return member_one(s, MEMBER_COLUMNS "WHERE id = ?", ARGS(INT(id)), m);
}

int store_member_by_name(struct store *s, int64_t domain, enum ident_kind kind, const char *name,
			 struct store_member *m)
{
	return member_one(s, MEMBER_COLUMNS "WHERE domain = ? AND kind = ? AND name = ?",
			  ARGS(INT(domain), INT(kind), TEXT(name)), m);
}

int store_member_by_uid(struct store *s, int64_t domain, enum ident_kind kind, const char *uid,
			struct store_member *m)
{
	return member_one(s, MEMBER_COLUMNS "WHERE domain = ? AND kind = ? AND uid = ?",
			  ARGS(INT(domain), INT(kind), TEXT(uid)), m);
}

int sql_members(struct store *s, const char *where, const struct arg *args, size_t n,
		bool (*fn)(void *arg, const struct store_member *m), void *arg)
{
	char sql[512];
	struct store_member m;
	sqlite3_stmt *st;
	int rc;

	snprintf(sql, sizeof(sql), MEMBER_COLUMNS "%s", where);
	rc = sql_open(s, &st, sql, args, n);
	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0) {
		if (!read_member(st, &m)) {
			rc = col_damaged("member");
			break;
		}
		if (!fn(arg, &m))
			break;
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

int store_member_each(struct store *s, int64_t domain, enum ident_kind kind, const char *after,
		      bool (*fn)(void *arg, const struct store_member *m), void *arg)
{
	return sql_members(s, "WHERE domain = ? AND kind = ? AND name > ? ORDER BY name",
			   ARGS(INT(domain), INT(kind), TEXT(after)), fn, arg);
}

int store_member_count(struct store *s, int64_t domain, struct store_counts *n)
{
	sqlite3_stmt *st;
	int rc = sql_open(s, &st,
			  "SELECT kind, state, COUNT(*) FROM member WHERE domain = ?"
			  " GROUP BY kind, state",
			  ARGS(INT(domain)));

	memset(n, 0, sizeof(*n));
	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0) {
		uint32_t kind = col_u32(st, 0), state = col_u32(st, 1);

		if (kind < STORE_KINDS && state < STORE_STATES)
			n->members[kind][state] = (uint64_t)sqlite3_column_int64(st, 2);
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

int store_member_set_state(struct store *s, int64_t id, enum store_state state)
{
	return sql_change(s, "UPDATE member SET state = ? WHERE id = ?", ARGS(INT(state), INT(id)));
}

int store_member_set_lans(struct store *s, int64_t id, const struct lans *lans)
{
	char text[LISTS_LANS_TEXT_SIZE];

	lans_to_text(lans, text);
	return sql_change(s, "UPDATE member SET lans = ? WHERE id = ?", ARGS(TEXT(text), INT(id)));
}

int store_member_set_drained(struct store *s, int64_t id, bool drained)
{
	return sql_change(s, "UPDATE member SET drained = ? WHERE id = ?",
			  ARGS(INT(drained), INT(id)));
}

int store_member_set_rate(struct store *s, int64_t id, uint64_t rate)
{
	return sql_change(s, "UPDATE member SET rate = ? WHERE id = ?", ARGS(INT(rate), INT(id)));
}

int store_member_seen(struct store *s, int64_t id, int64_t now, const char *version,
		      const char *address)
{
	return sql_change(s,
			  "UPDATE member SET last_seen = ?, version = ?, address = ? WHERE id = ?",
			  ARGS(INT(now), TEXT(version), TEXT(address), INT(id)));
}

/* Memberships and permissions go with it. */
int store_member_remove(struct store *s, int64_t id)
{
	s->tree_changes++;
	return sql_change(s, "DELETE FROM member WHERE id = ?", ARGS(INT(id)));
}

/* --- passwords ------------------------------------------------------------------------------- */

int store_password_set(struct store *s, int64_t member, const struct store_password *p)
{
	return sql_run(
		s,
		"INSERT INTO password (member, cost, block, parallel, salt, hash, must_change)"
		" VALUES (?, ?, ?, ?, ?, ?, ?)"
		" ON CONFLICT (member) DO UPDATE SET cost = excluded.cost, block = excluded.block,"
		" parallel = excluded.parallel, salt = excluded.salt, hash = excluded.hash,"
		" must_change = excluded.must_change",
		ARGS(INT(member), INT(p->cost), INT(p->block), INT(p->parallel),
		     BLOB(p->salt, sizeof(p->salt)), BLOB(p->hash, sizeof(p->hash)),
		     INT(p->must_change)));
}

int store_password_get(struct store *s, int64_t member, struct store_password *p)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st,
			   "SELECT cost, block, parallel, salt, hash, must_change FROM password "
			   "WHERE member = ?",
			   ARGS(INT(member)));

	if (rc)
		return rc;
	p->cost = col_u32(st, 0);
	p->block = col_u32(st, 1);
	p->parallel = col_u32(st, 2);
	p->must_change = sqlite3_column_int(st, 5) != 0;
	if (!col_exact(st, 3, p->salt, sizeof(p->salt)) ||
	    !col_exact(st, 4, p->hash, sizeof(p->hash)))
		rc = col_damaged("password");
	sql_close(st);
	return rc;
}
