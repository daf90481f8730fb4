/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may do what where, and the map that decisions are made with. */
#include <errno.h>

#include "accessd/sqlite_core.h"
#include "accessd/store_tree.h"

/* --- permissions ----------------------------------------------------------------------------- */

/* The columns of the unique index, in its order. */
#define SAME                                                                                 \
	"IFNULL(member, 0) = ? AND IFNULL(user_group, 0) = ? AND IFNULL(folder, 0) = ? AND " \
	"IFNULL(device, 0) = ? AND what = ?"

int store_permission_set(struct store *s, int64_t domain, const struct permit_rule *r)
{
	int rc = sql_room(s, "SELECT COUNT(*) FROM permission WHERE domain = ?", domain,
			  STORE_PERMISSIONS_MAX);

	if (rc)
		return rc;
	s->tree_changes++;
	return sql_run(s,
		       "INSERT INTO permission (domain, member, user_group, folder, device, what,"
		       " allow) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (IFNULL(member, 0),"
		       " IFNULL(user_group, 0), IFNULL(folder, 0), IFNULL(device, 0), what)"
		       " DO UPDATE SET allow = excluded.allow",
		       ARGS(INT(domain), INT_IF(!r->is_group, r->subject),
			    INT_IF(r->is_group, r->subject), INT_IF(r->folder, r->folder),
			    INT_IF(r->device, r->device), INT(r->what), INT(r->allow)));
}

int store_permission_clear(struct store *s, const struct permit_rule *r)
{
	s->tree_changes++;
	return sql_change(s, "DELETE FROM permission WHERE " SAME,
			  ARGS(INT(r->is_group ? 0 : r->subject), INT(r->is_group ? r->subject : 0),
			       INT(r->folder), INT(r->device), INT(r->what)));
}

#define RULE_COLUMNS                                                                           \
	"IFNULL(permission.member, permission.user_group), permission.user_group IS NOT NULL," \
	" permission.folder, permission.device, what, allow"

static struct permit_rule read_rule(sqlite3_stmt *st)
{
	return (struct permit_rule){.subject = sqlite3_column_int64(st, 0),
				    .is_group = sqlite3_column_int(st, 1) != 0,
				    .folder = sqlite3_column_int64(st, 2),
				    .device = sqlite3_column_int64(st, 3),
				    .what = (enum permission)sqlite3_column_int(st, 4),
				    .allow = sqlite3_column_int(st, 5) != 0};
}

int store_permission_each(struct store *s, int64_t domain, int64_t after,
			  bool (*fn)(void *arg, const struct store_permission *p), void *arg)
{
	struct store_permission p;
	sqlite3_stmt *st;
	int rc = sql_open(s, &st,
			  "SELECT " RULE_COLUMNS
			  ", permission.id, IFNULL(who.name, user_group.name), device.name,"
			  " IFNULL(permission.folder, device.folder) FROM permission"
			  " LEFT JOIN member AS who ON who.id = permission.member"
			  " LEFT JOIN user_group ON user_group.id = permission.user_group"
			  " LEFT JOIN member AS device ON device.id = permission.device"
			  " WHERE permission.domain = ? AND permission.id > ?"
			  " ORDER BY permission.id",
			  ARGS(INT(domain), INT(after)));

	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0) {
		p = (struct store_permission){.rule = read_rule(st),
					      .id = sqlite3_column_int64(st, 6),
					      .folder = sqlite3_column_int64(st, 9)};
		if (!col_text(st, 7, p.subject, sizeof(p.subject)) ||
		    !col_text(st, 8, p.device, sizeof(p.device)))
			rc = col_damaged("permission");
		if (rc || !fn(arg, &p))
			break;
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

/* --- all of it ------------------------------------------------------------------------------- */

struct loading {
	struct permit_map *map;
	int rc;
};

static bool load_folder(void *arg, const struct store_folder *f)
{
	struct loading *l = arg;

	l->rc = permit_map_add_folder(l->map, f->id, f->parent, f->name);
	return l->rc == 0;
}

static int load_rows(struct store *s, struct permit_map *m, const char *sql, int64_t domain,
		     int (*add)(struct permit_map *m, sqlite3_stmt *st))
{
	sqlite3_stmt *st;
	int rc = sql_open(s, &st, sql, ARGS(INT(domain)));

	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0) {
		rc = add(m, st);
		if (rc)
			break;
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

static int add_everyone(struct permit_map *m, sqlite3_stmt *st)
{
	permit_map_set_everyone(m, sqlite3_column_int64(st, 0));
	return 0;
}

static int add_member(struct permit_map *m, sqlite3_stmt *st)
{
	return permit_map_add_member(m, sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1));
}

static int add_rule(struct permit_map *m, sqlite3_stmt *st)
{
	struct permit_rule r = read_rule(st);

	return permit_map_add_rule(m, &r);
}

static int load(struct store *s, int64_t domain, struct permit_map *m)
{
	struct loading l = {.map = m};
	int rc = store_folder_each(s, domain, load_folder, &l);

	if (rc == 0)
		rc = l.rc;
	if (rc == 0)
		rc = load_rows(s, m, "SELECT id FROM user_group WHERE domain = ? AND everyone = 1",
			       domain, add_everyone);
	if (rc == 0)
		rc = load_rows(s, m,
			       "SELECT user_group, member FROM group_member JOIN user_group ON"
			       " user_group.id = user_group WHERE domain = ?",
			       domain, add_member);
	if (rc == 0)
		rc = load_rows(s, m, "SELECT " RULE_COLUMNS " FROM permission WHERE domain = ?",
			       domain, add_rule);
	if (rc == 0 && permit_map_seal(m) != 0)
		rc = col_damaged("folder");
	return rc;
}

int store_tree_load(struct store *s, int64_t domain, struct permit_map **out)
{
	struct permit_map *m = permit_map_new();
	int rc = m ? load(s, domain, m) : -ENOMEM;

	if (rc)
		permit_map_free(m);
	else
		*out = m;
	return rc;
}
