/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sqlite_core - what the parts of the SQLite store share: statements with bound parameters.
 * Only sqlite_*.c include this.
 */
#ifndef FARLAN_SQLITE_CORE_H
#define FARLAN_SQLITE_CORE_H

#include <sqlite3.h>

#include "accessd/sqlite_cache.h"
#include "accessd/store.h"
#include "common/io/log.h"

struct store {
	sqlite3 *db;
	struct sqlite_cache *cache; /* may be NULL */
	int lock_fd;
	const char *trouble; /* of the disk; NULL: none */
	struct log_limit trouble_limit;
	uint64_t tree_changes; /* store_tree.h */
	int changes;	       /* rows, by the statement that ended last */
	int total_at_begin;    /* of the transaction that is open: total changes until then */
	bool doomed;	       /* it must not be committed */
	store_witness_fn *witness;
	void *witness_arg;
};

/* A parameter. Borrowed until the statement is finished. */
struct arg {
	enum { ARG_INT, ARG_TEXT, ARG_BLOB, ARG_NULL } type;
	int64_t number;
	const void *bytes;
	size_t len;
};

#define INT(v) ((struct arg){.type = ARG_INT, .number = (int64_t)(v)})
#define TEXT(v) ((struct arg){.type = ARG_TEXT, .bytes = (v)})
#define BLOB(v, n) ((struct arg){.type = ARG_BLOB, .bytes = (v), .len = (n)})
#define NOTHING ((struct arg){.type = ARG_NULL})
/* Absent unless @cond holds. */
#define INT_IF(cond, v) ((cond) ? INT(v) : NOTHING)
#define BLOB_IF(cond, v, n) ((cond) ? BLOB(v, n) : NOTHING)
#define ARGS(...)                          \
	(const struct arg[]){__VA_ARGS__}, \
		sizeof((const struct arg[]){__VA_ARGS__}) / sizeof(struct arg)

/** sql_open() - prepare and bind. Return: 0 and *st to be given to sql_close(); -EIO, logged. */
int sql_open(struct store *s, sqlite3_stmt **st, const char *sql, const struct arg *args, size_t n)
	__attribute__((warn_unused_result));
/** sql_step() - Return: 0 a row is there; -ENOENT no (more) row; -EEXIST; -EIO, logged. */
int sql_step(struct store *s, sqlite3_stmt *st) __attribute__((warn_unused_result));
void sql_close(sqlite3_stmt *st);
/** sql_run() - a statement without rows. Return: 0; -EEXIST a UNIQUE would be broken; -EIO, logged.
 */
int sql_run(struct store *s, const char *sql, const struct arg *args, size_t n)
	__attribute__((warn_unused_result));
/** sql_change() - sql_run(), and -ENOENT if it changed nothing. */
int sql_change(struct store *s, const char *sql, const struct arg *args, size_t n)
	__attribute__((warn_unused_result));
/** sql_first() - open and step: the statement is open only if it returns 0. */
int sql_first(struct store *s, sqlite3_stmt **st, const char *sql, const struct arg *args, size_t n)
	__attribute__((warn_unused_result));

/** sql_room() - @sql counts what a domain has. Return: 0; -ENOSPC: @max or more. */
int sql_room(struct store *s, const char *sql, int64_t domain, int64_t max)
	__attribute__((warn_unused_result));
/** sql_unused() - @sql finds what uses something. Return: 0: nothing does; -EBUSY. */
int sql_unused(struct store *s, const char *sql, int64_t id) __attribute__((warn_unused_result));
/** sql_members() - each member of a query that goes on behind "FROM member". */
int sql_members(struct store *s, const char *where, const struct arg *args, size_t n,
		bool (*fn)(void *arg, const struct store_member *m), void *arg)
	__attribute__((warn_unused_result));

/* Columns. A NULL is 0, "" or nothing; false: the value does not fit, so the database is damaged.
 */
bool col_text(sqlite3_stmt *st, int i, char *out, size_t out_size);
bool col_exact(sqlite3_stmt *st, int i, uint8_t *out, size_t n);
bool col_blob(sqlite3_stmt *st, int i, uint8_t *out, size_t size, size_t *n);
uint32_t col_u32(sqlite3_stmt *st, int i);
/** col_rules() - NULL: there is no list. Return: 0; -EIO. */
int col_rules(sqlite3_stmt *st, int i, struct rules *rules) __attribute__((warn_unused_result));
/** rules_to_text() - as a column holds them: a rule in each line. From malloc; NULL. */
char *rules_to_text(const struct rules *rules);
/** col_damaged() - log it. Return: -EIO. */
int col_damaged(const char *table);

/* The numbered migrations; the database's user_version counts those that were applied. */
extern const char *const SQLITE_MIGRATIONS[];
extern const int SQLITE_MIGRATIONS_N;

#endif
