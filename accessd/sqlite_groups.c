/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Groups of users. */
#include <errno.h>

#include "accessd/sqlite_core.h"
#include "accessd/store_tree.h"

#define GROUP_COLUMNS "SELECT id, domain, folder, name, everyone FROM user_group "

/* --- groups ---------------------------------------------------------------------------------- */

static bool read_group(sqlite3_stmt *st, struct store_group *g)
{
	g->id = sqlite3_column_int64(st, 0);
	g->domain = sqlite3_column_int64(st, 1);
	g->folder = sqlite3_column_int64(st, 2);
	g->everyone = sqlite3_column_int(st, 4) != 0;
	return col_text(st, 3, g->name, sizeof(g->name));
}

static int group_one(struct store *s, const char *sql, const struct arg *args, size_t n,
		     struct store_group *g)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, sql, args, n);

	if (rc)
		return rc;
	if (!read_group(st, g))
		rc = col_damaged("user_group");
	sql_close(st);
	return rc;
}

int store_group_get(struct store *s, int64_t id, struct store_group *g)
{
	return group_one(s, GROUP_COLUMNS "WHERE id = ?", ARGS(INT(id)), g);
}

int store_group_find(struct store *s, int64_t domain, const char *name, struct store_group *g)
{
	return group_one(s, GROUP_COLUMNS "WHERE domain = ? AND name = ?",
			 ARGS(INT(domain), TEXT(name)), g);
}

int store_group_add(struct store *s, struct store_group *g)
{
	int rc = sql_room(s, "SELECT COUNT(*) FROM user_group WHERE domain = ?", g->domain,
			  STORE_GROUPS_MAX);

	if (rc)
		return rc;
	s->tree_changes++;
	rc = sql_change(s,
			"INSERT INTO user_group (domain, folder, name) SELECT domain, id, ?"
			" FROM folder WHERE id = ? AND domain = ?",
			ARGS(TEXT(g->name), INT(g->folder), INT(g->domain)));
	if (rc == 0)
		g->id = sqlite3_last_insert_rowid(s->db);
	return rc;
}

int store_group_move(struct store *s, int64_t id, int64_t folder)
{
	s->tree_changes++;
	return sql_change(s,
			  "UPDATE user_group SET folder = ?2 WHERE id = ?1 AND everyone = 0"
			  " AND domain = (SELECT domain FROM folder WHERE id = ?2)",
			  ARGS(INT(id), INT(folder)));
}

int store_group_remove(struct store *s, int64_t id)
{
	int rc = sql_unused(s,
			    "SELECT 1 FROM user_group WHERE id = ?1 AND everyone = 1"
			    " UNION ALL SELECT 1 FROM group_member WHERE user_group = ?1"
			    " UNION ALL SELECT 1 FROM permission WHERE user_group = ?1"
			    " UNION ALL SELECT 1 FROM attachment WHERE user_group = ?1"
			    " UNION ALL SELECT 1 FROM setting s JOIN user_group g ON"
			    " g.domain = s.domain AND g.name = s.value"
			    " WHERE s.key = 'approvers' AND g.id = ?1"
			    " LIMIT 1",
			    id);

	if (rc)
		return rc;
	s->tree_changes++;
	return sql_change(s, "DELETE FROM user_group WHERE id = ?", ARGS(INT(id)));
}

int store_group_each(struct store *s, int64_t domain, const char *after,
		     bool (*fn)(void *arg, const struct store_group *g), void *arg)
{
	struct store_group g;
	sqlite3_stmt *st;
	int rc = sql_open(s, &st, GROUP_COLUMNS "WHERE domain = ? AND name > ? ORDER BY name",
			  ARGS(INT(domain), TEXT(after)));

	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0) {
		if (!read_group(st, &g))
			rc = col_damaged("user_group");
		if (rc || !fn(arg, &g))
			break;
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

/* --- who is in them -------------------------------------------------------------------------- */

int store_group_join(struct store *s, int64_t group, int64_t user)
{
	int rc =
		sql_room(s,
			 "SELECT COUNT(*) FROM group_member WHERE user_group IN (SELECT id FROM"
			 " user_group WHERE domain = (SELECT domain FROM user_group WHERE id = ?))",
			 group, STORE_GROUP_MEMBERS_MAX);

	if (rc)
		return rc;
	s->tree_changes++;
	return sql_change(s,
			  "INSERT INTO group_member (user_group, member) SELECT user_group.id,"
			  " member.id FROM user_group JOIN member USING (domain) WHERE"
			  " user_group.id = ? AND everyone = 0 AND member.id = ? AND kind = ?",
			  ARGS(INT(group), INT(user), INT(IDENT_USER)));
}

int store_group_count(struct store *s, int64_t id, int64_t *n)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "SELECT COUNT(*) FROM group_member WHERE user_group = ?",
			   ARGS(INT(id)));

	if (rc)
		return rc;
	*n = sqlite3_column_int64(st, 0);
	sql_close(st);
	return 0;
}

int store_group_policies(struct store *s, int64_t id,
			 bool (*fn)(void *arg, const struct permit_place *at), void *arg)
{
	sqlite3_stmt *st;
	int rc = sql_open(s, &st,
			  "SELECT IFNULL(attachment.folder, member.folder), device FROM attachment"
			  " LEFT JOIN member ON member.id = device WHERE user_group = ?",
			  ARGS(INT(id)));

	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0) {
		const struct permit_place at = {.folder = sqlite3_column_int64(st, 0),
						.device = sqlite3_column_int64(st, 1)};

		if (!fn(arg, &at))
			break;
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

int store_group_leave(struct store *s, int64_t group, int64_t user)
{
	s->tree_changes++;
	return sql_change(s, "DELETE FROM group_member WHERE user_group = ? AND member = ?",
			  ARGS(INT(group), INT(user)));
}

int store_group_members(struct store *s, int64_t group, const char *after,
			bool (*fn)(void *arg, const struct store_member *m), void *arg)
{
	return sql_members(s,
			   "JOIN group_member ON group_member.member = member.id"
			   " WHERE user_group = ? AND name > ? ORDER BY name",
			   ARGS(INT(group), TEXT(after)), fn, arg);
}

int store_member_groups(struct store *s, int64_t user,
			bool (*fn)(void *arg, int64_t group, const char *name), void *arg)
{
	char name[STORE_NAME_SIZE];
	sqlite3_stmt *st;
	int rc = sql_open(s, &st,
			  "SELECT id, name FROM user_group JOIN group_member ON user_group = id"
			  " WHERE member = ? ORDER BY id",
			  ARGS(INT(user)));

	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0) {
		if (!col_text(st, 1, name, sizeof(name)))
			rc = col_damaged("user_group");
		if (rc || !fn(arg, sqlite3_column_int64(st, 0), name))
			break;
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}
