/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "accessd/sqlite_core.h"

/* Is there room for one more stretch of this reporter? The row of a known one is no more. */
static int check_room(struct store *s, const struct store_usage *x)
{
	int max = x->kind == IDENT_RELAY ? STORE_USAGE_OF_RELAY_MAX : STORE_USAGE_OF_END_MAX;
	sqlite3_stmt *st;
	int rc = sql_first(s, &st,
			   "SELECT count(*) FROM usage WHERE session = ? AND reporter = ?"
			   " AND from_ms <> ?",
			   ARGS(TEXT(x->u.session), TEXT(x->reporter), INT(x->u.from_ms)));

	if (rc)
		return rc;
	rc = sqlite3_column_int(st, 0) < max ? 0 : -ENOSPC;
	sql_close(st);
	return rc;
}

int store_usage_put(struct store *s, const struct store_usage *x)
{
	const struct usage *u = &x->u;
	int rc = check_room(s, x);

	if (rc)
		return rc;
	rc = sql_change(
		s,
		"INSERT INTO usage (session, reporter, from_ms, seq, kind, name, to_ms,"
		" bytes_to_device, bytes_to_manager, packets_to_device, packets_to_manager, reason)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
		" ON CONFLICT (session, reporter, from_ms) DO UPDATE SET seq = excluded.seq,"
		" name = excluded.name, to_ms = excluded.to_ms,"
		" bytes_to_device = excluded.bytes_to_device,"
		" bytes_to_manager = excluded.bytes_to_manager,"
		" packets_to_device = excluded.packets_to_device,"
		" packets_to_manager = excluded.packets_to_manager, reason = excluded.reason"
		" WHERE excluded.seq > usage.seq",
		ARGS(TEXT(u->session), TEXT(x->reporter), INT(u->from_ms), INT(u->seq),
		     INT(x->kind), TEXT(x->name), INT(u->to_ms), INT(u->bytes_to_device),
		     INT(u->bytes_to_manager), INT_IF(u->has_packets, u->packets_to_device),
		     INT_IF(u->has_packets, u->packets_to_manager),
		     u->over ? TEXT(u->reason) : NOTHING));
	return rc == -ENOENT ? -EEXIST : rc;
}

static bool read_usage(sqlite3_stmt *st, struct store_usage *x)
{
	struct usage *u = &x->u;

	memset(x, 0, sizeof(*x));
	u->from_ms = sqlite3_column_int64(st, 2);
	u->seq = sqlite3_column_int64(st, 3);
	x->kind = (enum ident_kind)sqlite3_column_int(st, 4);
	u->to_ms = sqlite3_column_int64(st, 6);
	u->bytes_to_device = (uint64_t)sqlite3_column_int64(st, 7);
	u->bytes_to_manager = (uint64_t)sqlite3_column_int64(st, 8);
	u->has_packets = sqlite3_column_type(st, 9) != SQLITE_NULL;
	u->packets_to_device = (uint64_t)sqlite3_column_int64(st, 9);
	u->packets_to_manager = (uint64_t)sqlite3_column_int64(st, 10);
	u->over = sqlite3_column_type(st, 11) != SQLITE_NULL;
	return col_text(st, 0, u->session, sizeof(u->session)) &&
	       col_text(st, 1, x->reporter, sizeof(x->reporter)) &&
	       col_text(st, 5, x->name, sizeof(x->name)) &&
	       col_text(st, 11, u->reason, sizeof(u->reason));
}

int store_usage_each(struct store *s, const char *session,
		     bool (*fn)(void *arg, const struct store_usage *x), void *arg)
{
	struct store_usage x;
	sqlite3_stmt *st;
	int rc = sql_open(s, &st,
			  "SELECT session, reporter, from_ms, seq, kind, name, to_ms,"
			  " bytes_to_device, bytes_to_manager, packets_to_device,"
			  " packets_to_manager, reason FROM usage WHERE session = ?"
			  " ORDER BY kind, reporter, from_ms",
			  ARGS(TEXT(session)));

	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0) {
		if (!read_usage(st, &x)) {
			rc = col_damaged("usage");
			break;
		}
		if (!fn(arg, &x))
			break;
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}
