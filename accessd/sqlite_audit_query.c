/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The audit is searched. The statement is put together from fixed pieces; values are bound. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/sqlite_core.h"
#include "accessd/store_audit.h"

#define COLUMNS                                                                                \
	"seq, time_ms, synced, kind, result, event, who_kind, who_uid, who, source, on_kind, " \
	"on_uid, target, folder, path, detail, hash"
#define ARGS_MAX 24
#define SQL_SIZE 2048

struct statement {
	char sql[SQL_SIZE];
	size_t n;
	struct arg args[ARGS_MAX];
	size_t n_args;
};

static void add_text(struct statement *b, const char *piece)
{
	int n = snprintf(b->sql + b->n, sizeof(b->sql) - b->n, "%s", piece);

	b->n += n > 0 ? (size_t)n : 0; /* all pieces together fit */
}

static void add(struct statement *b, const char *piece, struct arg value)
{
	add_text(b, piece);
	b->args[b->n_args++] = value;
}

/* A name, or a UID, which no name looks like. */
static void add_who(struct statement *b, const char *who)
{
	add(b, ident_uid_ok(who) ? " AND who_uid = ?" : " AND who = ?", TEXT(who));
}

/* A path names what is below it, too. */
static void add_target(struct statement *b, const char *target)
{
	if (ident_uid_ok(target)) {
		add(b, " AND on_uid = ?", TEXT(target));
	} else if (strcmp(target, "/") == 0) {
		add_text(b, " AND path <> ''");
	} else if (target[0] == '/') {
		add(b, " AND (path = ?", TEXT(target));
		add(b, " OR target = ?", TEXT(target));
		add(b, " OR substr(path, 1, length(?) + 1)", TEXT(target));
		add(b, " = ? || '/')", TEXT(target));
	} else {
		add(b, " AND target = ?", TEXT(target));
	}
}

/* The characters of an event are below '~'. */
static void add_event(struct statement *b, const char *event, char prefix[AUDIT_EVENT_SIZE])
{
	size_t n = strlen(event);

	if (n == 0 || event[n - 1] != '*') {
		add(b, " AND event = ?", TEXT(event));
		return;
	}
	snprintf(prefix, AUDIT_EVENT_SIZE, "%.*s", (int)n - 1, event);
	add(b, " AND event >= ?", TEXT(prefix));
	add(b, " AND event < ? || '~'", TEXT(prefix));
}

static void add_numbers(struct statement *b, const struct store_audit_query *q)
{
	if (q->after)
		add(b, " AND seq > ?", INT(q->after));
	if (q->before)
		add(b, " AND seq < ?", INT(q->before));
	if (q->since_ms)
		add(b, " AND time_ms >= ?", INT(q->since_ms));
	if (q->until_ms)
		add(b, " AND time_ms < ?", INT(q->until_ms));
	if (q->kind >= 0)
		add(b, " AND kind = ?", INT(q->kind));
	if (q->result >= 0)
		add(b, " AND result = ?", INT(q->result));
}

#define IN(list) "(SELECT value FROM json_each(" list "))"

static void add_view(struct statement *b, int64_t kind, const struct store_audit_view *v)
{
	if (!v->folders)
		return;
	add(b, " AND (kind <> ?", INT(kind));
	add(b, " OR (folder IN " IN("?"), TEXT(v->folders));
	add(b, " AND on_uid NOT IN " IN("?") ")", TEXT(v->hidden));
	add(b, " OR on_uid IN " IN("?") ")", TEXT(v->shown));
}

static bool read_texts(sqlite3_stmt *st, struct audit_record *r)
{
	return col_text(st, 5, r->event, sizeof(r->event)) &&
	       col_text(st, 6, r->who.kind, sizeof(r->who.kind)) &&
	       col_text(st, 7, r->who.uid, sizeof(r->who.uid)) &&
	       col_text(st, 8, r->who.name, sizeof(r->who.name)) &&
	       col_text(st, 9, r->from, sizeof(r->from)) &&
	       col_text(st, 10, r->on.kind, sizeof(r->on.kind)) &&
	       col_text(st, 11, r->on.uid, sizeof(r->on.uid)) &&
	       col_text(st, 12, r->on.name, sizeof(r->on.name)) &&
	       col_text(st, 14, r->path, sizeof(r->path)) &&
	       col_text(st, 15, r->detail, sizeof(r->detail));
}

static bool read_row(sqlite3_stmt *st, struct store_audit_row *row)
{
	struct audit_record *r = &row->r;

	r->seq = sqlite3_column_int64(st, 0);
	r->time_ms = sqlite3_column_int64(st, 1);
	r->synced = sqlite3_column_int(st, 2) == 1;
	r->kind = sqlite3_column_int(st, 3) == 1 ? AUDIT_CONNECTION : AUDIT_OPERATION;
	r->result = sqlite3_column_int(st, 4) == 0   ? AUDIT_OK
		    : sqlite3_column_int(st, 4) == 1 ? AUDIT_REFUSED
						     : AUDIT_FAILED;
	r->folder = sqlite3_column_int64(st, 13);
	return read_texts(st, r) && col_exact(st, 16, row->hash, sizeof(row->hash));
}

/* The hash before the first row that is looked at. *cut: what was cut off before all of them. */
static int first_prev(struct store *s, const struct store_audit_query *q,
		      struct store_audit_cut *cut, uint8_t prev[AUDIT_HASH_BYTES])
{
	sqlite3_stmt *st;
	int rc = store_audit_last_cut(s, q->domain, cut);

	if (rc)
		return rc;
	memcpy(prev, cut->hash, AUDIT_HASH_BYTES);
	rc = sql_first(s, &st, "SELECT hash FROM audit WHERE domain = ? AND seq = ?",
		       ARGS(INT(q->domain), INT(q->after)));
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	rc = col_exact(st, 0, prev, AUDIT_HASH_BYTES) ? 0 : col_damaged("audit");
	sql_close(st);
	return rc;
}

static bool read_prev(sqlite3_stmt *st, struct audit_record *r, const struct store_audit_cut *cut)
{
	if (r->seq != cut->seq + 1)
		return col_exact(st, 17, r->prev, sizeof(r->prev));
	memcpy(r->prev, cut->hash, sizeof(r->prev));
	return true;
}

struct each {
	bool (*fn)(void *arg, const struct store_audit_row *row);
	void *arg;
	struct store_audit_cut cut;
	struct store_audit_row row;
	bool with_prev;
};

static int each_row(struct store *s, sqlite3_stmt *st, struct each *e)
{
	struct store_audit_row *row = &e->row;
	int rc;

	while ((rc = sql_step(s, st)) == 0) {
		if (!read_row(st, row) || (e->with_prev && !read_prev(st, &row->r, &e->cut))) {
			rc = col_damaged("audit");
			break;
		}
		if (!e->fn(e->arg, row))
			break;
		memcpy(row->r.prev, row->hash, sizeof(row->r.prev));
	}
	return rc == -ENOENT ? 0 : rc;
}

/* SQLite knows nothing of how often a name is there, and takes the records in their order. Those of
 * one name are in order in its index, too. */
static const char *index_for(const struct store_audit_query *q)
{
	if (q->target && q->target[0] != '/' && !ident_uid_ok(q->target))
		return " INDEXED BY audit_target";
	if (q->who && !ident_uid_ok(q->who))
		return " INDEXED BY audit_who";
	if (q->event && q->event[0] && q->event[strlen(q->event) - 1] != '*')
		return " INDEXED BY audit_event";
	return "";
}

static void make(struct statement *b, const struct store_audit_query *q,
		 char prefix[AUDIT_EVENT_SIZE])
{
	add_text(b, "SELECT " COLUMNS);
	add_text(b, q->with_prev ? ", (SELECT p.hash FROM audit p WHERE p.domain = audit.domain"
				   " AND p.seq = audit.seq - 1)"
				 : "");
	add_text(b, " FROM audit");
	add_text(b, index_for(q));
	add(b, " WHERE domain = ?", INT(q->domain));
	add_numbers(b, q);
	if (q->who)
		add_who(b, q->who);
	if (q->target)
		add_target(b, q->target);
	if (q->event)
		add_event(b, q->event, prefix);
	add_view(b, AUDIT_OPERATION, &q->views[AUDIT_OPERATION]);
	add_view(b, AUDIT_CONNECTION, &q->views[AUDIT_CONNECTION]);
	add_text(b, q->oldest_first ? " ORDER BY seq" : " ORDER BY seq DESC");
}

int store_audit_each(struct store *s, const struct store_audit_query *q,
		     bool (*fn)(void *arg, const struct store_audit_row *row), void *arg)
{
	struct each e = {.fn = fn, .arg = arg, .with_prev = q->with_prev};
	struct statement b = {.n = 0};
	char prefix[AUDIT_EVENT_SIZE];
	struct store_audit_head h;
	sqlite3_stmt *st;
	int rc = store_audit_head(s, q->domain, &h);

	if (rc == 0)
		rc = first_prev(s, q, &e.cut, e.row.r.prev);
	if (rc)
		return rc;
	memcpy(e.row.r.domain, h.domain, sizeof(e.row.r.domain));
	make(&b, q, prefix);
	rc = sql_open(s, &st, b.sql, b.args, b.n_args);
	if (rc)
		return rc;
	rc = each_row(s, st, &e);
	sql_close(st);
	return rc;
}
