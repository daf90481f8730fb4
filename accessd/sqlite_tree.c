/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree of folders. */
#include <errno.h>
#include <string.h>

#include "accessd/sqlite_core.h"
#include "accessd/store_tree.h"
#include "common/pure/text.h"

#define FOLDER_COLUMNS "SELECT id, domain, parent, name FROM folder "

uint64_t store_tree_changes(const struct store *s)
{
	return s->tree_changes;
}

/* --- paths ----------------------------------------------------------------------------------- */

/* The next name of a path. Return: false: there is none, or it is not one. */
static bool next_name(const char **path, char name[STORE_NAME_SIZE])
{
	const char *at = *path;
	size_t n;

	if (*at != '/')
		return false;
	n = strcspn(++at, "/");
	if (n >= STORE_NAME_SIZE)
		return false;
	memcpy(name, at, n);
	name[n] = '\0';
	if (!text_name_ok(name))
		return false;
	*path = at + n;
	return true;
}

bool store_path_ok(const char *path)
{
	char name[STORE_NAME_SIZE];
	size_t n = 0;

	if (strcmp(path, "/") == 0)
		return true;
	while (n <= PERMIT_DEPTH_MAX && next_name(&path, name))
		n++;
	return n > 0 && n <= PERMIT_DEPTH_MAX && *path == '\0';
}

/* --- looking --------------------------------------------------------------------------------- */

static bool read_folder(sqlite3_stmt *st, struct store_folder *f)
{
	f->id = sqlite3_column_int64(st, 0);
	f->domain = sqlite3_column_int64(st, 1);
	f->parent = sqlite3_column_int64(st, 2);
	return col_text(st, 3, f->name, sizeof(f->name));
}

static int folder_one(struct store *s, const char *sql, const struct arg *args, size_t n,
		      struct store_folder *f)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, sql, args, n);

	if (rc)
		return rc;
	if (!read_folder(st, f))
		rc = col_damaged("folder");
	sql_close(st);
	return rc;
}

int store_folder_get(struct store *s, int64_t id, struct store_folder *f)
{
	return folder_one(s, FOLDER_COLUMNS "WHERE id = ?", ARGS(INT(id)), f);
}

int store_folder_find(struct store *s, int64_t domain, const char *path, struct store_folder *f)
{
	char name[STORE_NAME_SIZE];
	int rc;

	if (!store_path_ok(path))
		return -EINVAL;
	rc = folder_one(s, FOLDER_COLUMNS "WHERE domain = ? AND parent IS NULL", ARGS(INT(domain)),
			f);
	while (rc == 0 && next_name(&path, name))
		rc = folder_one(s, FOLDER_COLUMNS "WHERE domain = ? AND parent = ? AND name = ?",
				ARGS(INT(domain), INT(f->id), TEXT(name)), f);
	return rc;
}

int store_folder_chain(struct store *s, int64_t domain, int64_t folder,
		       int64_t chain[PERMIT_DEPTH_MAX + 1], size_t *n)
{
	struct store_folder f;
	int rc = folder ? store_folder_get(s, folder, &f) : store_folder_find(s, domain, "/", &f);

	*n = 0;
	while (rc == 0 && f.domain == domain && *n <= PERMIT_DEPTH_MAX) {
		chain[(*n)++] = f.id;
		if (!f.parent)
			return 0;
		rc = store_folder_get(s, f.parent, &f);
	}
	return rc ? rc : -ENOENT;
}

int store_folder_count(struct store *s, int64_t id, struct store_folder_counts *n)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st,
			   "SELECT (SELECT COUNT(*) FROM member WHERE folder = ?1 AND kind = ?2),"
			   " (SELECT COUNT(*) FROM member WHERE folder = ?1 AND kind = ?3),"
			   " (SELECT COUNT(*) FROM user_group WHERE folder = ?1)",
			   ARGS(INT(id), INT(IDENT_DEVICE), INT(IDENT_USER)));

	if (rc)
		return rc;
	*n = (struct store_folder_counts){.devices = sqlite3_column_int64(st, 0),
					  .users = sqlite3_column_int64(st, 1),
					  .groups = sqlite3_column_int64(st, 2)};
	sql_close(st);
	return 0;
}

int store_folder_each(struct store *s, int64_t domain,
		      bool (*fn)(void *arg, const struct store_folder *f), void *arg)
{
	struct store_folder f;
	sqlite3_stmt *st;
	int rc = sql_open(s, &st, FOLDER_COLUMNS "WHERE domain = ? ORDER BY id", ARGS(INT(domain)));

	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0) {
		if (!read_folder(st, &f))
			rc = col_damaged("folder");
		if (rc || !fn(arg, &f))
			break;
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

/* --- changing -------------------------------------------------------------------------------- */

/* How many folders stand one in another below this one. */
static int height(struct store *s, int64_t id, size_t *n)
{
	sqlite3_stmt *st;
	int rc = sql_first(
		s, &st,
		"WITH RECURSIVE below (id, depth) AS (SELECT ?, 0 UNION ALL SELECT folder.id,"
		" depth + 1 FROM folder JOIN below ON folder.parent = below.id WHERE depth < 100)"
		" SELECT MAX(depth) FROM below",
		ARGS(INT(id)));

	if (rc)
		return rc;
	*n = (size_t)sqlite3_column_int64(st, 0);
	sql_close(st);
	return 0;
}

/* May @n folders, one in another, stand in @parent? */
static int check_depth(struct store *s, const struct store_folder *parent, size_t n)
{
	int64_t chain[PERMIT_DEPTH_MAX + 1];
	size_t above;
	int rc = store_folder_chain(s, parent->domain, parent->id, chain, &above);

	if (rc)
		return rc;
	return above - 1 + n > PERMIT_DEPTH_MAX ? -E2BIG : 0;
}

int sql_room(struct store *s, const char *sql, int64_t domain, int64_t max)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, sql, ARGS(INT(domain)));

	if (rc)
		return rc;
	if (sqlite3_column_int64(st, 0) >= max)
		rc = -ENOSPC;
	sql_close(st);
	return rc;
}

int store_folder_add(struct store *s, struct store_folder *f)
{
	struct store_folder parent;
	int rc = store_folder_get(s, f->parent, &parent);

	if (rc == 0 && parent.domain != f->domain)
		rc = -ENOENT;
	if (rc == 0)
		rc = check_depth(s, &parent, 1);
	if (rc == 0)
		rc = sql_room(s, "SELECT COUNT(*) FROM folder WHERE domain = ?", f->domain,
			      STORE_FOLDERS_MAX);
	if (rc)
		return rc;
	s->tree_changes++;
	rc = sql_run(s, "INSERT INTO folder (domain, parent, name) VALUES (?, ?, ?)",
		     ARGS(INT(f->domain), INT(f->parent), TEXT(f->name)));
	if (rc == 0)
		f->id = sqlite3_last_insert_rowid(s->db);
	return rc;
}

int store_folder_rename(struct store *s, int64_t id, const char *name)
{
	s->tree_changes++;
	return sql_change(s, "UPDATE folder SET name = ? WHERE id = ? AND parent IS NOT NULL",
			  ARGS(TEXT(name), INT(id)));
}

/* Is @id the folder @at or above it? */
static int check_cycle(struct store *s, const struct store_folder *at, int64_t id)
{
	int64_t chain[PERMIT_DEPTH_MAX + 1];
	size_t n;
	int rc = store_folder_chain(s, at->domain, at->id, chain, &n);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (chain[i] == id)
			return -ELOOP;
	}
	return rc;
}

int store_folder_move(struct store *s, int64_t id, int64_t parent)
{
	struct store_folder f, to;
	size_t below = 0;
	int rc = store_folder_get(s, id, &f);

	if (rc == 0)
		rc = store_folder_get(s, parent, &to);
	if (rc == 0 && f.domain != to.domain)
		rc = -ENOENT;
	if (rc == 0)
		rc = check_cycle(s, &to, id); /* the root is above all */
	if (rc == 0)
		rc = height(s, id, &below);
	if (rc == 0)
		rc = check_depth(s, &to, below + 1);
	if (rc)
		return rc;
	s->tree_changes++;
	return sql_change(s, "UPDATE folder SET parent = ? WHERE id = ?",
			  ARGS(INT(parent), INT(id)));
}

int sql_unused(struct store *s, const char *sql, int64_t id)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, sql, ARGS(INT(id)));

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	sql_close(st);
	return -EBUSY;
}

int store_folder_remove(struct store *s, int64_t id)
{
	int rc = sql_unused(s,
			    "SELECT 1 FROM folder WHERE parent = ?1 OR (id = ?1 AND parent IS NULL)"
			    " UNION ALL SELECT 1 FROM member WHERE folder = ?1"
			    " UNION ALL SELECT 1 FROM user_group WHERE folder = ?1"
			    " UNION ALL SELECT 1 FROM permission WHERE folder = ?1"
			    " UNION ALL SELECT 1 FROM policy WHERE folder = ?1"
			    " UNION ALL SELECT 1 FROM attachment WHERE folder = ?1"
			    " LIMIT 1",
			    id);

	if (rc)
		return rc;
	s->tree_changes++;
	return sql_change(s, "DELETE FROM folder WHERE id = ?", ARGS(INT(id)));
}

int store_member_folder(struct store *s, int64_t id, int64_t *folder)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "SELECT folder FROM member WHERE id = ?", ARGS(INT(id)));

	if (rc)
		return rc;
	*folder = sqlite3_column_int64(st, 0);
	sql_close(st);
	return 0;
}

int store_member_move(struct store *s, int64_t id, int64_t folder)
{
	return sql_change(s,
			  "UPDATE member SET folder = ?2 WHERE id = ?1 AND domain ="
			  " (SELECT domain FROM folder WHERE id = ?2)",
			  ARGS(INT(id), INT(folder)));
}
