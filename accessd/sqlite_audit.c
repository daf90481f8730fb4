/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The audit's chain: appended to, and cut. */
#include "accessd/store_audit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/sqlite_core.h"
#include "common/io/log.h"

/* --- the chain ------------------------------------------------------------------------------- */

static int name_of(struct store *s, int64_t domain, char name[AUDIT_DOMAIN_SIZE])
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "SELECT name FROM domain WHERE id = ?", ARGS(INT(domain)));

	name[0] = '\0';
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	rc = col_text(st, 0, name, AUDIT_DOMAIN_SIZE) ? 0 : col_damaged("domain");
	sql_close(st);
	return rc;
}

int store_audit_head(struct store *s, int64_t domain, struct store_audit_head *h)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "SELECT name, seq, hash FROM audit_head WHERE domain = ?",
			   ARGS(INT(domain)));

	*h = (struct store_audit_head){.seq = 0};
	if (rc == -ENOENT)
		return name_of(s, domain, h->domain);
	if (rc)
		return rc;
	h->seq = sqlite3_column_int64(st, 1);
	if (!col_text(st, 0, h->domain, sizeof(h->domain)) ||
	    !col_exact(st, 2, h->hash, sizeof(h->hash)))
		rc = col_damaged("audit_head");
	sql_close(st);
	return rc;
}

static int insert(struct store *s, int64_t domain, const struct audit_record *r,
		  const uint8_t hash[AUDIT_HASH_BYTES])
{
	int rc = sql_run(
		s,
		"INSERT INTO audit (domain, seq, time_ms, synced, kind, result, event, who_kind,"
		" who_uid, who, source, on_kind, on_uid, target, folder, path, detail, hash)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		ARGS(INT(domain), INT(r->seq), INT(r->time_ms), INT(r->synced), INT(r->kind),
		     INT(r->result), TEXT(r->event), TEXT(r->who.kind), TEXT(r->who.uid),
		     TEXT(r->who.name), TEXT(r->from), TEXT(r->on.kind), TEXT(r->on.uid),
		     TEXT(r->on.name), INT(r->folder), TEXT(r->path), TEXT(r->detail),
		     BLOB(hash, AUDIT_HASH_BYTES)));

	/* A record of this number that is there is damage: the head says otherwise. */
	return rc == -EEXIST ? col_damaged("audit") : rc;
}

int store_audit_append(struct store *s, int64_t domain, struct audit_record *r)
{
	char text[AUDIT_LINE_SIZE];
	uint8_t hash[AUDIT_HASH_BYTES];
	struct store_audit_head h;
	size_t n;
	int rc = store_audit_head(s, domain, &h);

	if (rc)
		return rc;
	r->seq = h.seq + 1;
	memcpy(r->domain, h.domain, sizeof(r->domain));
	memcpy(r->prev, h.hash, sizeof(r->prev));
	rc = audit_canonical(r, text, &n);
	if (rc == 0)
		rc = audit_hash(text, n, hash);
	if (rc == 0)
		rc = insert(s, domain, r, hash);
	if (rc)
		return rc;
	return sql_run(
		s,
		"INSERT INTO audit_head (domain, name, seq, hash) VALUES (?, ?, ?, ?)"
		" ON CONFLICT (domain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
		ARGS(INT(domain), TEXT(r->domain), INT(r->seq), BLOB(hash, sizeof(hash))));
}

int store_audit_count(struct store *s, int64_t *n)
{
	sqlite3_stmt *st;
	/* Not by counting: records have no gaps but those of the cuts. */
	int rc = sql_first(s, &st,
			   "SELECT IFNULL(sum(seq - IFNULL((SELECT max(seq) FROM audit_cut c"
			   " WHERE c.domain = h.domain), 0)), 0) FROM audit_head h",
			   NULL, 0);

	if (rc)
		return rc;
	*n = sqlite3_column_int64(st, 0);
	sql_close(st);
	return 0;
}

int store_audit_domains(struct store *s, bool (*fn)(void *arg, int64_t domain), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_open(s, &st, "SELECT domain FROM audit_head ORDER BY domain", NULL, 0);

	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0 && fn(arg, sqlite3_column_int64(st, 0)))
		;
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

static int check_table(struct store *s, const char *pragma)
{
	sqlite3_stmt *st;
	const char *text;
	int rc = sql_first(s, &st, pragma, NULL, 0);

	if (rc)
		return rc;
	text = (const char *)sqlite3_column_text(st, 0);
	if (!text || strcmp(text, "ok") != 0) {
		log_error("the audit is damaged: %.200s", text ? text : "");
		rc = -EBADMSG;
	}
	sql_close(st);
	return rc;
}

int store_audit_sound(struct store *s)
{
	int rc = check_table(s, "PRAGMA integrity_check(audit)");

	return rc ? rc : check_table(s, "PRAGMA integrity_check(session_record)");
}

/* --- cutting --------------------------------------------------------------------------------- */

static int read_cut(struct store *s, sqlite3_stmt *st, struct store_audit_cut *c)
{
	int rc = 0;

	(void)s;
	c->seq = sqlite3_column_int64(st, 0);
	if (!col_exact(st, 1, c->hash, sizeof(c->hash)))
		rc = col_damaged("audit");
	sql_close(st);
	return rc;
}

int store_audit_last_cut(struct store *s, int64_t domain, struct store_audit_cut *c)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st,
			   "SELECT seq, hash FROM audit_cut WHERE domain = ?"
			   " ORDER BY seq DESC LIMIT 1",
			   ARGS(INT(domain)));

	*c = (struct store_audit_cut){.seq = 0};
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	return read_cut(s, st, c);
}

int store_audit_cut_before(struct store *s, int64_t domain, int64_t time_ms,
			   struct store_audit_cut *c)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st,
			   "SELECT seq, hash FROM audit WHERE domain = ?1 AND seq < IFNULL("
			   " (SELECT min(seq) FROM audit WHERE domain = ?1 AND time_ms >= ?2),"
			   " 9223372036854775807) ORDER BY seq DESC LIMIT 1",
			   ARGS(INT(domain), INT(time_ms)));

	return rc ? rc : read_cut(s, st, c);
}

int store_audit_cut(struct store *s, int64_t domain, const struct store_audit_cut *c)
{
	return sql_run(s, "INSERT INTO audit_cut (domain, seq, hash) VALUES (?, ?, ?)",
		       ARGS(INT(domain), INT(c->seq), BLOB(c->hash, sizeof(c->hash))));
}

int store_audit_remove(struct store *s, int64_t domain, int64_t n, bool *left)
{
	struct store_audit_cut c;
	int rc = store_audit_last_cut(s, domain, &c);

	*left = false;
	if (rc)
		return rc;
	rc = sql_run(s, "DELETE FROM session_record WHERE domain = ? AND seq <= ?",
		     ARGS(INT(domain), INT(c.seq)));
	if (rc)
		return rc;
	rc = sql_change(s,
			"DELETE FROM audit WHERE domain = ?1 AND seq <= min(?2, ?3 - 1 + (SELECT"
			" min(seq) FROM audit WHERE domain = ?1))",
			ARGS(INT(domain), INT(c.seq), INT(n)));
	*left = rc == 0 && s->changes >= n;
	return rc == -ENOENT ? 0 : rc;
}

/* --- folders --------------------------------------------------------------------------------- */

int store_audit_path(struct store *s, int64_t folder, char path[AUDIT_NAME_SIZE])
{
	sqlite3_stmt *st;
	/* Upwards, at most as far as trees go, then put together from above. */
	int rc = sql_first(
		s, &st,
		"WITH RECURSIVE up (id, parent, name, level) AS ("
		" SELECT id, parent, name, 0 FROM folder WHERE id = ?"
		" UNION ALL SELECT f.id, f.parent, f.name, level + 1 FROM folder f"
		" JOIN up ON f.id = up.parent WHERE level < 64)"
		" SELECT group_concat(name, '/') FROM (SELECT name FROM up ORDER BY level DESC)",
		ARGS(INT(folder)));

	path[0] = '\0';
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	if (sqlite3_column_type(st, 0) != SQLITE_NULL) {
		const char *text = (const char *)sqlite3_column_text(st, 0);

		snprintf(path, AUDIT_NAME_SIZE, "%s", text && text[0] ? text : "/");
	}
	sql_close(st);
	return 0;
}

int store_audit_root(struct store *s, int64_t domain, int64_t *folder)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "SELECT id FROM folder WHERE domain = ? AND parent IS NULL",
			   ARGS(INT(domain)));

	if (rc)
		return rc;
	*folder = sqlite3_column_int64(st, 0);
	sql_close(st);
	return 0;
}

/* --- sent elsewhere -------------------------------------------------------------------------- */

int store_audit_sent(struct store *s, const char *place, int64_t domain, int64_t *seq)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "SELECT seq FROM audit_sent WHERE place = ? AND domain = ?",
			   ARGS(TEXT(place), INT(domain)));

	if (rc)
		return rc;
	*seq = sqlite3_column_int64(st, 0);
	sql_close(st);
	return 0;
}

int store_audit_set_sent(struct store *s, const char *place, int64_t domain, int64_t seq)
{
	return sql_run(s,
		       "INSERT INTO audit_sent (place, domain, seq) VALUES (?, ?, ?)"
		       " ON CONFLICT (place, domain) DO UPDATE SET seq = excluded.seq",
		       ARGS(TEXT(place), INT(domain), INT(seq)));
}
