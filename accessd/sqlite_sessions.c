/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "accessd/sqlite_core.h"

static int add_relays(struct store *s, const struct store_session *x)
{
	int rc = 0;

	for (size_t i = 0; i < x->n_relays && rc == 0; i++)
		rc = sql_run(
			s, "INSERT INTO session_relay (session, position, relay) VALUES (?, ?, ?)",
			ARGS(TEXT(x->id), INT(i), INT(x->relays[i])));
	return rc;
}

static int add_row(struct store *s, const struct store_session *x)
{
	char lans[LISTS_LANS_TEXT_SIZE];

	lans_to_text(&x->manager_lans, lans);
	return sql_run(s,
		       "INSERT INTO session (id, domain, manager, device, user_member, "
		       "device_member, user_name,"
		       " device_name, manager_lans, serial, manager_epoch, device_epoch, started, "
		       "ends, state, why, address, approved_by, idle_s)"
		       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		       ARGS(TEXT(x->id), INT(x->domain), INT(x->manager), INT(x->device),
			    INT(x->user_member), INT(x->device_member), TEXT(x->user_name),
			    TEXT(x->device_name), TEXT(lans), INT(x->serial), INT(x->manager_epoch),
			    INT(x->device_epoch), INT(x->started), INT(x->ends), INT(x->state),
			    TEXT(x->why), TEXT(x->address), TEXT(x->approved_by), INT(x->idle_s)));
}

int store_session_add(struct store *s, const struct store_session *x)
{
	int rc = store_begin(s);

	if (rc)
		return rc;
	rc = add_row(s, x);
	if (rc == 0)
		rc = add_relays(s, x);
	if (rc == 0)
		rc = store_commit(s);
	if (rc)
		store_rollback(s);
	return rc;
}

int store_session_update(struct store *s, const struct store_session *x)
{
	return sql_change(s,
			  "UPDATE session SET state = ?, manager_epoch = ?, device_epoch = ?, "
			  "ended = ?, reason = ?"
			  " WHERE id = ?",
			  ARGS(INT(x->state), INT(x->manager_epoch), INT(x->device_epoch),
			       INT(x->ended), TEXT(x->reason), TEXT(x->id)));
}

/* In place of @x's relays; what was there before stands behind 0 from now on, once each. */
static int replace_relays(struct store *s, const struct store_session *x)
{
	int rc = sql_run(s,
			 "UPDATE OR REPLACE session_relay SET position = -relay"
			 " WHERE session = ? AND position >= 0",
			 ARGS(TEXT(x->id)));

	for (size_t i = 0; i < x->n_relays && rc == 0; i++)
		rc = sql_run(s, "DELETE FROM session_relay WHERE session = ? AND position = ?",
			     ARGS(TEXT(x->id), INT(-x->relays[i])));
	return rc ? rc : add_relays(s, x);
}

int store_session_set_relays(struct store *s, const struct store_session *x)
{
	int rc = store_begin(s);

	if (rc)
		return rc;
	rc = sql_change(s, "UPDATE session SET serial = ? WHERE id = ?",
			ARGS(INT(x->serial), TEXT(x->id)));
	if (rc == 0)
		rc = replace_relays(s, x);
	if (rc == 0)
		rc = store_commit(s);
	if (rc)
		store_rollback(s);
	return rc;
}

static int read_relays(struct store *s, struct store_session *x)
{
	sqlite3_stmt *st;
	int rc = sql_open(s, &st,
			  "SELECT relay FROM session_relay"
			  " WHERE session = ? AND position >= 0 ORDER BY position",
			  ARGS(TEXT(x->id)));

	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0 && x->n_relays < GRANT_RELAYS_MAX)
		x->relays[x->n_relays++] = sqlite3_column_int64(st, 0);
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

static bool read_row(sqlite3_stmt *st, struct store_session *x)
{
	char lans[LISTS_LANS_TEXT_SIZE];

	memset(x, 0, sizeof(*x));
	x->domain = sqlite3_column_int64(st, 1);
	x->manager = sqlite3_column_int64(st, 2);
	x->device = sqlite3_column_int64(st, 3);
	x->user_member = sqlite3_column_int64(st, 4);
	x->device_member = sqlite3_column_int64(st, 5);
	x->serial = col_u32(st, 9);
	x->manager_epoch = col_u32(st, 10);
	x->device_epoch = col_u32(st, 11);
	x->started = sqlite3_column_int64(st, 12);
	x->ends = sqlite3_column_int64(st, 13);
	x->ended = sqlite3_column_int64(st, 14);
	x->state = (enum store_session_state)sqlite3_column_int(st, 15);
	x->idle_s = sqlite3_column_int64(st, 20);
	return col_text(st, 0, x->id, sizeof(x->id)) &&
	       col_text(st, 6, x->user_name, sizeof(x->user_name)) &&
	       col_text(st, 7, x->device_name, sizeof(x->device_name)) &&
	       col_text(st, 8, lans, sizeof(lans)) && lans_from_text(&x->manager_lans, lans) == 0 &&
	       col_text(st, 16, x->reason, sizeof(x->reason)) &&
	       col_text(st, 17, x->why, sizeof(x->why)) &&
	       col_text(st, 18, x->address, sizeof(x->address)) &&
	       col_text(st, 19, x->approved_by, sizeof(x->approved_by));
}

#define SESSION_COLUMNS                                                                            \
	"SELECT id, domain, manager, device, user_member, device_member, user_name, device_name,"  \
	" manager_lans, serial, manager_epoch, device_epoch, started, ends, ended, state, reason," \
	" why, address, approved_by, idle_s FROM session "

int store_session_get(struct store *s, const char *id, struct store_session *x)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, SESSION_COLUMNS "WHERE id = ?", ARGS(TEXT(id)));

	if (rc)
		return rc;
	rc = read_row(st, x) ? read_relays(s, x) : col_damaged("session");
	sql_close(st);
	return rc;
}

/* @st: open, and closed here. */
static int each(struct store *s, sqlite3_stmt *st,
		bool (*fn)(void *arg, const struct store_session *x), void *arg)
{
	struct store_session x;
	int rc;

	while ((rc = sql_step(s, st)) == 0) {
		if (!read_row(st, &x)) {
			rc = col_damaged("session");
			break;
		}
		rc = read_relays(s, &x);
		if (rc || !fn(arg, &x))
			break;
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

int store_session_each(struct store *s, int64_t domain,
		       bool (*fn)(void *arg, const struct store_session *x), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_open(s, &st, SESSION_COLUMNS "WHERE domain = ? AND state < 2 ORDER BY started",
			  ARGS(INT(domain)));

	return rc ? rc : each(s, st, fn, arg);
}

int store_session_each_ended(struct store *s, int64_t domain, int64_t relay, int64_t now,
			     bool (*fn)(void *arg, const struct store_session *x), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_open(s, &st,
			  SESSION_COLUMNS
			  "WHERE domain = ? AND state = 2 AND ends > ? AND id IN"
			  " (SELECT session FROM session_relay WHERE relay = ?) ORDER BY ended",
			  ARGS(INT(domain), INT(now), INT(relay)));

	return rc ? rc : each(s, st, fn, arg);
}

int store_session_history(struct store *s, const struct store_history *h,
			  bool (*fn)(void *arg, const struct store_session *x), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_open(s, &st,
			  SESSION_COLUMNS
			  "WHERE domain = ?1 AND (ended = 0 OR ended >= ?2)"
			  " AND (?3 = '' OR user_name = ?3) AND (?4 = '' OR device_name = ?4)"
			  " AND (?5 = '' OR (started, id) <"
			  "  (SELECT started, id FROM session WHERE id = ?5 AND domain = ?1))"
			  " ORDER BY started DESC, id DESC",
			  ARGS(INT(h->domain), INT(h->since), TEXT(h->user), TEXT(h->device),
			       TEXT(h->after)));

	return rc ? rc : each(s, st, fn, arg);
}
