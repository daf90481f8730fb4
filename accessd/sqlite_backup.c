/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies of the whole database. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accessd/sqlite_core.h"
#include "accessd/store_backup.h"

static int sync_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc;

	if (fd < 0)
		return -errno;
	rc = fsync(fd) == 0 ? 0 : -errno;
	return close(fd) == 0 ? rc : -EIO;
}

/* An empty file with the mode that it is to have; SQLite takes it as an empty database. */
static int make_empty(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	return close(fd) == 0 ? 0 : -errno;
}

int store_copy(struct store *reader, const char *path)
{
	int rc = make_empty(path);

	if (rc)
		return rc == -EEXIST || rc == -ENOSPC ? rc : -EIO;
	rc = sql_run(reader, "VACUUM INTO ?", ARGS(TEXT(path)));
	if (rc == -EIO && (sqlite3_errcode(reader->db) & 0xff) == SQLITE_FULL)
		rc = -ENOSPC;
	if (rc == 0)
		rc = sync_file(path);
	if (rc)
		(void)unlink(path);
	return rc;
}

int store_version_of(struct store *s, int *version, int *known)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "PRAGMA user_version", NULL, 0);

	*known = SQLITE_MIGRATIONS_N;
	if (rc)
		return -EIO;
	*version = sqlite3_column_int(st, 0);
	sql_close(st);
	/* Reads more than the header. */
	rc = sql_first(s, &st, "SELECT COUNT(*) FROM sqlite_schema", NULL, 0);
	if (rc)
		return -EIO;
	sql_close(st);
	return 0;
}

int store_sound(struct store *s, char words[STORE_REASON_SIZE])
{
	const unsigned char *text;
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "PRAGMA integrity_check(1)", NULL, 0);

	if (rc)
		return -EIO;
	text = sqlite3_column_text(st, 0);
	snprintf(words, STORE_REASON_SIZE, "%.*s", STORE_REASON_SIZE - 1,
		 text ? (const char *)text : "?");
	sql_close(st);
	return strcmp(words, "ok") == 0 ? 0 : -EBADMSG;
}

int store_references(struct store *s, char table[STORE_NAME_SIZE])
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "PRAGMA foreign_key_check", NULL, 0);

	if (rc == -ENOENT)
		return 0;
	if (rc)
		return rc;
	if (!col_text(st, 0, table, STORE_NAME_SIZE))
		strcpy(table, "?");
	sql_close(st);
	return -EBADMSG;
}

int store_end_sessions(struct store *s, int64_t now, const char *reason)
{
	return sql_run(s, "UPDATE session SET state = 2, ended = ?, reason = ? WHERE state <> 2",
		       ARGS(INT(now), TEXT(reason)));
}
