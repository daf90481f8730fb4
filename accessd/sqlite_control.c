/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/store_control.h"

#include <errno.h>
#include <string.h>

#include "accessd/sqlite_core.h"
#include "common/io/log.h"

/* --- settings -------------------------------------------------------------------------------- */

/* From the folder up to the root, then the domain; deeper than any tree is a damaged one. */
#define SETTINGS_QUERY                                                      \
	"WITH RECURSIVE up (folder, parent, height) AS ("                   \
	" SELECT id, parent, 0 FROM folder WHERE domain = ?1 AND id = ?2"   \
	" UNION ALL SELECT folder.id, folder.parent, height + 1"            \
	"  FROM folder JOIN up ON folder.id = up.parent WHERE height < 64)" \
	" SELECT key, value, setting.folder, height FROM setting"           \
	"  JOIN up ON setting.folder = up.folder"                           \
	" UNION ALL SELECT key, value, 0, 1000 FROM setting"                \
	"  WHERE domain = ?1 AND folder IS NULL"                            \
	" ORDER BY height"

static int take_row(sqlite3_stmt *st, struct settings *all)
{
	char key[STORE_KEY_SIZE], value[STORE_VALUE_SIZE];

	if (!col_text(st, 0, key, sizeof(key)) || !col_text(st, 1, value, sizeof(value)))
		return col_damaged("setting");
	if (settings_take(all, key, value, sqlite3_column_int64(st, 2)) == 0)
		return 0;
	log_error("a setting cannot be read: nothing that depends on it is allowed key=%s", key);
	return -EIO;
}

int store_settings_of(struct store *s, int64_t domain, int64_t folder, int64_t limit_s,
		      struct settings *all)
{
	sqlite3_stmt *st;
	int rc;

	settings_init(all, limit_s);
	rc = sql_open(s, &st, SETTINGS_QUERY, ARGS(INT(domain), INT(folder)));
	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0) {
		rc = take_row(st, all);
		if (rc)
			break;
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

int store_settings_of_member(struct store *s, const struct store_member *m, int64_t limit_s,
			     struct settings *all)
{
	return store_settings_of(s, m->domain, m->folder, limit_s, all);
}

int store_group_holds(struct store *s, int64_t domain, const char *group, int64_t user)
{
	sqlite3_stmt *st;
	int rc = sql_first(
		s, &st,
		"SELECT 1 FROM user_group WHERE domain = ?1 AND name = ?2 AND (everyone OR"
		" EXISTS (SELECT 1 FROM group_member"
		"  WHERE user_group = user_group.id AND member = ?3))",
		ARGS(INT(domain), TEXT(group), INT(user)));

	if (rc == 0)
		sql_close(st);
	return rc;
}

/* --- what waits for approval ----------------------------------------------------------------- */

int store_pending_add(struct store *s, int64_t domain, const struct pending *p)
{
	return sql_run(s,
		       "INSERT INTO approval (id, domain, user_name, device_name, address, why)"
		       " VALUES (?, ?, ?, ?, ?, ?)",
		       ARGS(TEXT(p->id), INT(domain), TEXT(p->user_name), TEXT(p->device_name),
			    TEXT(p->from), TEXT(p->reason)));
}

int store_pending_remove(struct store *s, const char *id)
{
	return sql_run(s, "DELETE FROM approval WHERE id = ?", ARGS(TEXT(id)));
}

int store_pending_first(struct store *s, int64_t domain, struct pending *p)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st,
			   "SELECT id, user_name, device_name, address, why FROM approval"
			   " WHERE domain = ? ORDER BY id",
			   ARGS(INT(domain)));

	if (rc)
		return rc;
	memset(p, 0, sizeof(*p));
	if (!col_text(st, 0, p->id, sizeof(p->id)) ||
	    !col_text(st, 1, p->user_name, sizeof(p->user_name)) ||
	    !col_text(st, 2, p->device_name, sizeof(p->device_name)) ||
	    !col_text(st, 3, p->from, sizeof(p->from)) ||
	    !col_text(st, 4, p->reason, sizeof(p->reason)))
		rc = col_damaged("approval");
	sql_close(st);
	return rc;
}
