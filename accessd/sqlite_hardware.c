/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which domain a machine belongs to. */
#include "accessd/store_hardware.h"

#include <errno.h>
#include <string.h>

#include "accessd/sqlite_core.h"

#define COLUMNS "SELECT domain, IFNULL(device, 0), name, since, is_key = 0 FROM hardware "

static bool read_row(sqlite3_stmt *st, struct store_hardware *x)
{
	x->domain = sqlite3_column_int64(st, 0);
	x->device = sqlite3_column_int64(st, 1);
	x->since = sqlite3_column_int64(st, 3);
	x->marks = sqlite3_column_int64(st, 4);
	return col_text(st, 2, x->name, sizeof(x->name));
}

static int first(struct store *s, const char *sql, const struct arg *args, size_t n,
		 struct store_hardware *x)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, sql, args, n);

	if (rc)
		return rc;
	if (!read_row(st, x))
		rc = col_damaged("hardware");
	sql_close(st);
	return rc;
}

int store_hardware_foreign(struct store *s, int64_t domain, const struct hardware *h,
			   const uint8_t key_sha256[X509_SPKI_SHA256_BYTES],
			   struct store_hardware *x)
{
	static const char sql[] = COLUMNS "WHERE mark = ? AND domain <> ?";
	int rc = first(s, sql, ARGS(BLOB(key_sha256, X509_SPKI_SHA256_BYTES), INT(domain)), x);

	for (size_t i = 0; i < h->n && rc == -ENOENT; i++)
		rc = first(s, sql, ARGS(BLOB(h->marks[i], HARDWARE_MARK_BYTES), INT(domain)), x);
	return rc;
}

int store_key_foreign(struct store *s, int64_t domain,
		      const uint8_t key_sha256[X509_SPKI_SHA256_BYTES])
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st,
			   "SELECT 1 FROM endpoint WHERE key_sha256 = ?1 AND domain <> ?2"
			   " UNION ALL SELECT 1 FROM hardware WHERE mark = ?1 AND domain <> ?2",
			   ARGS(BLOB(key_sha256, X509_SPKI_SHA256_BYTES), INT(domain)));

	if (rc == 0)
		sql_close(st);
	return rc;
}

static int bind_mark(struct store *s, const struct store_member *d, const void *mark, bool is_key,
		     int64_t now)
{
	return sql_run(s,
		       "INSERT INTO hardware (mark, domain, device, name, is_key, since)"
		       " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (mark) DO UPDATE SET"
		       " device = excluded.device, name = excluded.name"
		       " WHERE domain = excluded.domain",
		       ARGS(BLOB(mark, HARDWARE_MARK_BYTES), INT(d->domain), INT(d->id),
			    TEXT(d->name), INT(is_key), INT(now)));
}

int store_hardware_bind(struct store *s, const struct store_member *device,
			const struct hardware *h, const uint8_t key_sha256[X509_SPKI_SHA256_BYTES],
			int64_t now)
{
	int rc = bind_mark(s, device, key_sha256, true, now);

	for (size_t i = 0; i < h->n && rc == 0; i++)
		rc = bind_mark(s, device, h->marks[i], false, now);
	return rc;
}

int store_hardware_of(struct store *s, int64_t domain, const char *name, struct store_hardware *x)
{
	return first(s,
		     "SELECT domain, IFNULL(MAX(device), 0), name, MIN(since), SUM(is_key = 0)"
		     " FROM hardware WHERE domain = ? AND name = ? GROUP BY name",
		     ARGS(INT(domain), TEXT(name)), x);
}

int store_hardware_release(struct store *s, int64_t domain, const char *name)
{
	return sql_change(s, "DELETE FROM hardware WHERE domain = ? AND name = ?",
			  ARGS(INT(domain), TEXT(name)));
}
