/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/sqlite_cache.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 1024 /* a power of two, and more than there are statements in accessd */
#define USED_MAX 512
#define CACHES_MAX 8

struct place {
	sqlite3_stmt *st; /* NULL: free */
	bool in_use;
};

struct sqlite_cache {
	sqlite3 *db;
	size_t n;
	struct place at[PLACES];
};

/* A statement knows its database, and nothing else. */
static struct sqlite_cache *caches[CACHES_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct sqlite_cache *cache_of(const sqlite3 *db)
{
	struct sqlite_cache *found = NULL;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < CACHES_MAX && !found; i++) {
		if (caches[i] && caches[i]->db == db)
			found = caches[i];
	}
	pthread_mutex_unlock(&lock);
	return found;
}

struct sqlite_cache *sqlite_cache_new(sqlite3 *db)
{
	struct sqlite_cache *c = calloc(1, sizeof(*c));
	bool kept = false;

	if (!c)
		return NULL;
	c->db = db;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < CACHES_MAX && !kept; i++) {
		kept = !caches[i];
		if (kept)
			caches[i] = c;
	}
	pthread_mutex_unlock(&lock);
	if (kept)
		return c;
	free(c);
	return NULL;
}

void sqlite_cache_free(struct sqlite_cache *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < CACHES_MAX; i++) {
		if (caches[i] == c)
			caches[i] = NULL;
	}
	pthread_mutex_unlock(&lock);
	for (size_t i = 0; i < PLACES; i++)
		sqlite3_finalize(c->at[i].st);
	free(c);
}

static size_t place_of(const char *sql)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *sql; sql++)
		h = (h ^ (uint8_t)*sql) * 16777619u;
	return (h ^ h >> 16) % PLACES;
}

/* Its place, or the free one where it would be; the table is never full. */
static struct place *find(struct sqlite_cache *c, const char *sql)
{
	size_t i = place_of(sql);

	while (c->at[i].st && strcmp(sqlite3_sql(c->at[i].st), sql) != 0)
		i = (i + 1) % PLACES;
	return &c->at[i];
}

/* It is found again by it; what stands behind a statement is not in its text. */
static bool is_text_of(sqlite3_stmt *st, const char *sql)
{
	const char *text = sqlite3_sql(st);

	return text && strcmp(text, sql) == 0;
}

int sqlite_cache_prepare(struct sqlite_cache *c, sqlite3 *db, const char *sql, sqlite3_stmt **st)
{
	struct place *p = c ? find(c, sql) : NULL;
	int rc;

	if (p && p->st && !p->in_use) {
		p->in_use = true;
		*st = p->st;
		return SQLITE_OK;
	}
	rc = sqlite3_prepare_v3(db, sql, -1, p ? SQLITE_PREPARE_PERSISTENT : 0, st, NULL);
	if (rc == SQLITE_OK && p && !p->st && c->n < USED_MAX && is_text_of(*st, sql)) {
		*p = (struct place){.st = *st, .in_use = true};
		c->n++;
	}
	return rc;
}

void sqlite_cache_close(sqlite3_stmt *st)
{
	struct sqlite_cache *c = st ? cache_of(sqlite3_db_handle(st)) : NULL;
	const char *sql = c ? sqlite3_sql(st) : NULL;
	struct place *p = sql ? find(c, sql) : NULL;

	if (!p || p->st != st) {
		sqlite3_finalize(st);
		return;
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	p->in_use = false;
}
