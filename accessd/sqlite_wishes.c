/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>

#include "accessd/sqlite_core.h"

int store_wishes_of(struct store *s, int64_t device, struct store_wishes *w)
{
	sqlite3_stmt *st;
	int rc = sql_open(s, &st, "SELECT relay, wish FROM relay_wish WHERE device = ? LIMIT ?",
			  ARGS(INT(device), INT(STORE_WISHES_MAX)));

	w->n = 0;
	if (rc)
		return rc;
	while (w->n < STORE_WISHES_MAX && (rc = sql_step(s, st)) == 0) {
		w->at[w->n].relay = sqlite3_column_int64(st, 0);
		w->at[w->n++].wish = (enum store_wish)sqlite3_column_int(st, 1);
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

int store_wish_unpin(struct store *s, int64_t device)
{
	return sql_change(s, "DELETE FROM relay_wish WHERE device = ? AND wish = ?",
			  ARGS(INT(device), INT(STORE_WISH_PIN)));
}

static int clear(struct store *s, int64_t device, int64_t relay)
{
	return sql_run(s, "DELETE FROM relay_wish WHERE device = ? AND relay = ?",
		       ARGS(INT(device), INT(relay)));
}

static int add(struct store *s, int64_t device, int64_t relay, enum store_wish wish)
{
	struct store_wishes w;
	int rc = store_wishes_of(s, device, &w);

	if (rc)
		return rc;
	if (w.n >= STORE_WISHES_MAX)
		return -ENOSPC;
	return sql_run(s, "INSERT INTO relay_wish (device, relay, wish) VALUES (?, ?, ?)",
		       ARGS(INT(device), INT(relay), INT(wish)));
}

int store_wish_set(struct store *s, int64_t device, int64_t relay, enum store_wish wish)
{
	int rc = store_begin(s);

	if (rc)
		return rc;
	rc = clear(s, device, relay);
	if (rc == 0 && wish == STORE_WISH_PIN) {
		rc = store_wish_unpin(s, device);
		rc = rc == -ENOENT ? 0 : rc;
	}
	if (rc == 0 && wish != STORE_WISH_NONE)
		rc = add(s, device, relay, wish);
	if (rc == 0)
		rc = store_commit(s);
	if (rc)
		store_rollback(s);
	return rc;
}
