/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "accessd/sqlite_core.h"

static bool read_host(sqlite3_stmt *st, struct host *h)
{
	char text[ADDR_TEXT_SIZE];

	return col_text(st, 0, h->name, sizeof(h->name)) && col_text(st, 1, text, sizeof(text)) &&
	       addr_parse(&h->addr, text) == 0;
}

int store_lan_hosts_of(struct store *s, int64_t device, struct hosts *h)
{
	sqlite3_stmt *st;
	int rc = sql_open(s, &st,
			  "SELECT name, address FROM lan_host WHERE device = ?"
			  " ORDER BY name, family LIMIT ?",
			  ARGS(INT(device), INT(HOSTS_MAX)));

	memset(h, 0, sizeof(*h));
	if (rc)
		return rc;
	while (h->n < HOSTS_MAX && (rc = sql_step(s, st)) == 0) {
		if (!read_host(st, &h->at[h->n])) {
			rc = col_damaged("lan_host");
			break;
		}
		h->n++;
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

static int check_room(struct store *s, int64_t device)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "SELECT count(*) FROM lan_host WHERE device = ?",
			   ARGS(INT(device)));

	if (rc)
		return rc;
	rc = sqlite3_column_int(st, 0) < HOSTS_MAX ? 0 : -ENOSPC;
	sql_close(st);
	return rc;
}

int store_lan_host_add(struct store *s, int64_t device, const struct host *h)
{
	char text[ADDR_TEXT_SIZE];
	int rc = check_room(s, device);

	addr_format(&h->addr, text);
	return rc ? rc
		  : sql_run(s,
			    "INSERT INTO lan_host (device, name, family, address)"
			    " VALUES (?, ?, ?, ?)",
			    ARGS(INT(device), TEXT(h->name), INT(h->addr.family), TEXT(text)));
}

int store_lan_host_named(struct store *s, int64_t device, const char *name)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "SELECT 1 FROM lan_host WHERE device = ? AND name = ?",
			   ARGS(INT(device), TEXT(name)));

	if (rc == 0)
		sql_close(st);
	return rc;
}

int store_lan_host_remove(struct store *s, int64_t device, const char *name)
{
	return sql_change(s, "DELETE FROM lan_host WHERE device = ? AND name = ?",
			  ARGS(INT(device), TEXT(name)));
}
