/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/sqlite_core.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/log.h"

#define DB_FILE "accessd.db"
#define LOCK_FILE "lock"
#define BUSY_MS 5000
#define KEEP_S (30 * INT64_C(86400)) /* of invitations and logins */

/* --- statements ------------------------------------------------------------------------------ */

#define TROUBLE_LINES 3 /* in 10 s */

static const char *trouble_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return "the disk is full";
	case SQLITE_READONLY:
		return "the disk is read-only";
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return "the disk fails";
	default:
		return NULL;
	}
}

/* It may go on for hours, with everybody who comes. */
static void note_trouble(struct store *s, const char *trouble, int code)
{
	s->trouble = trouble;
	if (log_allowed(&s->trouble_limit, TROUBLE_LINES))
		log_error("the database cannot be written reason=\"%s\" code=%d message=\"%s\"",
			  trouble, code, sqlite3_errmsg(s->db));
}

static void trouble_over(struct store *s)
{
	if (!s->trouble)
		return;
	s->trouble = NULL;
	log_notice("the database can be written again");
}

const char *store_trouble(const struct store *s)
{
	return s->trouble;
}

/* SQLite's codes are positive; ours are not. */
static int map_error(struct store *s, const char *what, int code)
{
	int extended = sqlite3_extended_errcode(s->db);

	if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY)
		return -EEXIST;
	/* It would leave something without what it names. */
	if (extended == SQLITE_CONSTRAINT_FOREIGNKEY && strncmp(what, "DELETE", 6) == 0)
		return -EBUSY;
	if (trouble_of(code)) {
		note_trouble(s, trouble_of(code), extended);
		return -EIO;
	}
	log_error("database error statement=\"%.60s\" code=%d message=\"%s\"", what, code,
		  sqlite3_errmsg(s->db));
	return -EIO;
}

static int bind(sqlite3_stmt *st, int at, const struct arg *a)
{
	switch (a->type) {
	case ARG_INT:
		return sqlite3_bind_int64(st, at, a->number);
	case ARG_TEXT:
		return sqlite3_bind_text(st, at, a->bytes, -1, SQLITE_STATIC);
	case ARG_BLOB:
		return sqlite3_bind_blob64(st, at, a->bytes, a->len, SQLITE_STATIC);
	case ARG_NULL:
		return sqlite3_bind_null(st, at);
	}
	return SQLITE_MISUSE;
}

int sql_open(struct store *s, sqlite3_stmt **st, const char *sql, const struct arg *args, size_t n)
{
	int rc = sqlite_cache_prepare(s->cache, s->db, sql, st);

	for (size_t i = 0; rc == SQLITE_OK && i < n; i++)
		rc = bind(*st, (int)i + 1, &args[i]);
	if (rc == SQLITE_OK)
		return 0;
	rc = map_error(s, sql, rc);
	sqlite_cache_close(*st);
	*st = NULL;
	return rc;
}

static int step(struct store *s, sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 0;
	if (rc != SQLITE_DONE)
		return map_error(s, sqlite3_sql(st), rc);
	s->changes = sqlite3_changes(s->db);
	if (s->trouble && s->changes > 0 && !store_in_transaction(s) && !sqlite3_stmt_readonly(st))
		trouble_over(s);
	return -ENOENT;
}

/* A change that would be a transaction of its own becomes one that the witness takes part in. What
 * the caller asks about it afterwards, he hears of his own statement. */
static int step_witnessed(struct store *s, sqlite3_stmt *st)
{
	int rc = store_begin(s), changes;
	sqlite3_int64 id;

	if (rc)
		return rc;
	rc = step(s, st);
	changes = s->changes;
	id = sqlite3_last_insert_rowid(s->db);
	if (rc == -ENOENT && store_commit(s) != 0)
		rc = -EIO;
	if (rc != -ENOENT)
		store_rollback(s);
	s->changes = changes;
	sqlite3_set_last_insert_rowid(s->db, id);
	return rc;
}

int sql_step(struct store *s, sqlite3_stmt *st)
{
	if (s->witness && !store_in_transaction(s) && !sqlite3_stmt_readonly(st))
		return step_witnessed(s, st);
	return step(s, st);
}

void sql_close(sqlite3_stmt *st)
{
	sqlite_cache_close(st);
}

int sql_run(struct store *s, const char *sql, const struct arg *args, size_t n)
{
	sqlite3_stmt *st;
	int rc = sql_open(s, &st, sql, args, n);

	if (rc)
		return rc;
	rc = sql_step(s, st);
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

int sql_change(struct store *s, const char *sql, const struct arg *args, size_t n)
{
	int rc = sql_run(s, sql, args, n);

	if (rc == 0 && s->changes == 0)
		return -ENOENT;
	return rc;
}

int sql_first(struct store *s, sqlite3_stmt **st, const char *sql, const struct arg *args, size_t n)
{
	int rc = sql_open(s, st, sql, args, n);

	if (rc)
		return rc;
	rc = sql_step(s, *st);
	if (rc)
		sql_close(*st);
	return rc;
}

/* --- columns --------------------------------------------------------------------------------- */

bool col_text(sqlite3_stmt *st, int i, char *out, size_t out_size)
{
	const unsigned char *text = sqlite3_column_text(st, i);
	size_t n = (size_t)sqlite3_column_bytes(st, i);

	if (n >= out_size)
		return false;
	if (n > 0 && text)
		memcpy(out, text, n);
	out[n] = '\0';
	return strlen(out) == n;
}

bool col_blob(sqlite3_stmt *st, int i, uint8_t *out, size_t size, size_t *n)
{
	const void *bytes = sqlite3_column_blob(st, i);
	size_t len = (size_t)sqlite3_column_bytes(st, i);

	if (len > size)
		return false;
	if (len > 0 && bytes)
		memcpy(out, bytes, len);
	*n = len;
	return true;
}

bool col_exact(sqlite3_stmt *st, int i, uint8_t *out, size_t n)
{
	size_t len;

	return col_blob(st, i, out, n, &len) && len == n;
}

uint32_t col_u32(sqlite3_stmt *st, int i)
{
	sqlite3_int64 v = sqlite3_column_int64(st, i);

	return v < 0 || v > UINT32_MAX ? 0 : (uint32_t)v;
}

int col_damaged(const char *table)
{
	log_error("database is damaged table=%s: restore it from a backup", table);
	return -EIO;
}

/* --- opening --------------------------------------------------------------------------------- */

static int exec(struct store *s, const char *sql)
{
	int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : map_error(s, sql, rc);
}

int store_begin(struct store *s)
{
	s->doomed = false;
	s->total_at_begin = sqlite3_total_changes(s->db);
	return exec(s, "BEGIN IMMEDIATE");
}

bool store_in_transaction(const struct store *s)
{
	return !sqlite3_get_autocommit(s->db);
}

void store_doom(struct store *s)
{
	s->doomed = true;
}

int store_part_begin(struct store *s)
{
	return exec(s, "SAVEPOINT part");
}

int store_part_end(struct store *s, bool keep)
{
	if (!store_in_transaction(s)) /* an error has ended all of it */
		return -EIO;
	return exec(s, keep ? "RELEASE part" : "ROLLBACK TO part; RELEASE part");
}

void store_witness(struct store *s, store_witness_fn *fn, void *arg)
{
	s->witness = fn;
	s->witness_arg = arg;
}

/* What it writes has no witness. */
static int call_witness(struct store *s)
{
	store_witness_fn *fn = s->witness;

	if (!fn || sqlite3_total_changes(s->db) == s->total_at_begin)
		return 0;
	s->witness = NULL;
	return fn(s->witness_arg);
}

int store_commit(struct store *s)
{
	int rc = s->doomed ? -EIO : call_witness(s);

	if (rc || s->doomed || exec(s, "COMMIT") != 0)
		return -EIO;
	if (sqlite3_total_changes(s->db) != s->total_at_begin)
		trouble_over(s);
	return 0;
}

void store_rollback(struct store *s)
{
	s->tree_changes++;
	/* Some errors end the transaction by themselves. */
	if (store_in_transaction(s))
		(void)!exec(s, "ROLLBACK");
}

static int version_get(struct store *s, int *version)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "PRAGMA user_version", NULL, 0);

	if (rc)
		return rc;
	*version = sqlite3_column_int(st, 0);
	sql_close(st);
	return 0;
}

static int migrate_one(struct store *s, int i)
{
	char pragma[48];
	int rc = store_begin(s);

	if (rc)
		return rc;
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", i + 1);
	rc = exec(s, SQLITE_MIGRATIONS[i]);
	if (rc == 0)
		rc = exec(s, pragma);
	if (rc == 0)
		rc = store_commit(s);
	if (rc)
		store_rollback(s);
	else
		log_info("database migrated version=%d", i + 1);
	return rc;
}

static int migrate(struct store *s)
{
	int version, rc = version_get(s, &version);

	if (rc)
		return rc;
	if (version > SQLITE_MIGRATIONS_N) {
		log_error("database is of a newer accessd version=%d known=%d: use that one, or a "
			  "backup",
			  version, SQLITE_MIGRATIONS_N);
		return -EPROTO;
	}
	for (int i = version; i < SQLITE_MIGRATIONS_N && rc == 0; i++)
		rc = migrate_one(s, i);
	return rc;
}

static int configure(struct store *s)
{
	int rc;

	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	rc = exec(s,
		  "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
		  "PRAGMA trusted_schema = OFF;");
	return rc ? rc : migrate(s);
}

/* Only one accessd may work on it: sessions and connections are also kept in memory. */
static int take_lock(struct store *s, const char *dir)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", dir, LOCK_FILE) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return -errno;
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		log_error("state is in use by another accessd dir=%s", dir);
		return -EBUSY;
	}
	return 0;
}

/* SQLite gives its further files the mode of the first one. */
static int make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	return close(fd) == 0 ? 0 : -errno;
}

static int open_in(struct store *s, const char *dir)
{
	char path[PATH_MAX];
	int rc = file_mkdirs(dir, 0700);

	if (rc == 0)
		rc = take_lock(s, dir);
	if (rc)
		return rc;
	if (snprintf(path, sizeof(path), "%s/%s", dir, DB_FILE) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	rc = make_file(path);
	if (rc)
		return rc;
	rc = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	rc = rc == SQLITE_OK ? configure(s) : -EIO;
	if (rc == 0)
		s->cache = sqlite_cache_new(s->db);
	return rc;
}

const char *store_path(const struct store *s)
{
	return sqlite3_db_filename(s->db, "main");
}

int store_reader(struct store **out, const char *path)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->lock_fd = -1;
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK) {
		store_close(s);
		return -EIO;
	}
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	*out = s;
	return 0;
}

int store_open(struct store **out, const char *dir)
{
	struct store *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return -ENOMEM;
	s->lock_fd = -1;
	rc = open_in(s, dir);
	if (rc) {
		log_error("cannot open the database dir=%s error=\"%s\"", dir, strerror(-rc));
		store_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	sqlite_cache_free(s->cache);
	sqlite3_close(s->db);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s);
}

/* Invitations and logins are kept for better words of a refusal. */
int store_purge(struct store *s, int64_t now, int64_t history_s)
{
	int rc = sql_run(s, "DELETE FROM session WHERE state = 2 AND ended < ? AND ends < ?",
			 ARGS(INT(now - history_s), INT(now)));

	if (rc == 0)
		rc = sql_run(s, "DELETE FROM invite WHERE expires < ?", ARGS(INT(now - KEEP_S)));
	if (rc == 0)
		rc = sql_run(s, "DELETE FROM endpoint WHERE expires > 0 AND expires < ?",
			     ARGS(INT(now - KEEP_S)));
	return rc;
}
