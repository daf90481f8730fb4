/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sqlite_cache - statements that were prepared once, for the next time: to prepare one takes longer
 * than most take to run. Only sqlite_core.c uses this.
 */
#ifndef FARLAN_SQLITE_CACHE_H
#define FARLAN_SQLITE_CACHE_H

#include <sqlite3.h>

struct sqlite_cache;

/** sqlite_cache_new() - for the statements of @db. NULL: there is none, which does no harm. */
struct sqlite_cache *sqlite_cache_new(sqlite3 *db);
/** sqlite_cache_free() - before @db is closed; nothing may be open. NULL is allowed. */
void sqlite_cache_free(struct sqlite_cache *c);

/** sqlite_cache_prepare() - as sqlite3_prepare_v2(); @c: may be NULL. */
int sqlite_cache_prepare(struct sqlite_cache *c, sqlite3 *db, const char *sql, sqlite3_stmt **st);
/** sqlite_cache_close() - whichever way it was prepared. NULL is allowed. */
void sqlite_cache_close(sqlite3_stmt *st);

#endif
