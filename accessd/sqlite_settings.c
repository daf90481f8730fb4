/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Settings of folders and of domains. */
#include <errno.h>

#include "accessd/sqlite_core.h"

#define WHERE " WHERE domain = ? AND IFNULL(folder, 0) = ?"

int store_setting_set(struct store *s, int64_t domain, int64_t folder, const char *key,
		      const char *value)
{
	if (!value)
		return sql_run(s, "DELETE FROM setting" WHERE " AND key = ?",
			       ARGS(INT(domain), INT(folder), TEXT(key)));
	return sql_run(s,
		       "INSERT INTO setting (domain, folder, key, value) VALUES (?, ?, ?, ?)"
		       " ON CONFLICT (domain, IFNULL(folder, 0), key)"
		       " DO UPDATE SET value = excluded.value",
		       ARGS(INT(domain), INT_IF(folder, folder), TEXT(key), TEXT(value)));
}

int store_setting_get(struct store *s, int64_t domain, int64_t folder, const char *key,
		      char value[STORE_VALUE_SIZE])
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "SELECT value FROM setting" WHERE " AND key = ?",
			   ARGS(INT(domain), INT(folder), TEXT(key)));

	if (rc)
		return rc;
	if (!col_text(st, 0, value, STORE_VALUE_SIZE))
		rc = col_damaged("setting");
	sql_close(st);
	return rc;
}

int store_setting_each(struct store *s, int64_t domain, int64_t folder,
		       bool (*fn)(void *arg, const char *key, const char *value), void *arg)
{
	char key[STORE_KEY_SIZE], value[STORE_VALUE_SIZE];
	sqlite3_stmt *st;
	int rc = sql_open(s, &st, "SELECT key, value FROM setting" WHERE " ORDER BY key",
			  ARGS(INT(domain), INT(folder)));

	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0) {
		if (!col_text(st, 0, key, sizeof(key)) || !col_text(st, 1, value, sizeof(value)))
			rc = col_damaged("setting");
		if (rc || !fn(arg, key, value))
			break;
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}
