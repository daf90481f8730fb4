/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Firewall policies and where they are attached. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/sqlite_core.h"
#include "accessd/store_policy.h"

/* A rule ends with its line. */
#define COUNT_RULES(text) "length(" text ") - length(replace(" text ", char(10), ''))"

/* --- policies --- */

#define COLUMNS                                           \
	"p.id, p.domain, p.folder, p.name, " COUNT_RULES( \
		"p.rules") ", (SELECT count(*) FROM attachment a WHERE a.policy = p.id)"

static int read_policy(sqlite3_stmt *st, struct store_policy *p)
{
	p->id = sqlite3_column_int64(st, 0);
	p->domain = sqlite3_column_int64(st, 1);
	p->folder = sqlite3_column_int64(st, 2);
	p->n_rules = (size_t)sqlite3_column_int64(st, 4);
	p->n_attached = (size_t)sqlite3_column_int64(st, 5);
	return col_text(st, 3, p->name, sizeof(p->name)) ? 0 : col_damaged("policy");
}

int store_policy_add(struct store *s, struct store_policy *p)
{
	int rc = sql_room(s, "SELECT count(*) FROM policy WHERE domain = ?", p->domain,
			  STORE_POLICIES_MAX);

	if (rc == 0)
		rc = sql_run(s, "INSERT INTO policy (domain, folder, name) VALUES (?, ?, ?)",
			     ARGS(INT(p->domain), INT(p->folder), TEXT(p->name)));

	if (rc == 0)
		p->id = sqlite3_last_insert_rowid(s->db);
	return rc;
}

int store_policy_by_name(struct store *s, int64_t domain, const char *name, struct store_policy *p)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st,
			   "SELECT " COLUMNS " FROM policy p WHERE p.domain = ? AND p.name = ?",
			   ARGS(INT(domain), TEXT(name)));

	if (rc)
		return rc;
	rc = read_policy(st, p);
	sql_close(st);
	return rc;
}

int store_policy_each(struct store *s, int64_t domain, const char *after,
		      bool (*fn)(void *arg, const struct store_policy *p), void *arg)
{
	struct store_policy p;
	sqlite3_stmt *st;
	int rc = sql_open(s, &st,
			  "SELECT " COLUMNS
			  " FROM policy p WHERE p.domain = ? AND p.name > ? ORDER BY p.name",
			  ARGS(INT(domain), TEXT(after)));

	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0 && (rc = read_policy(st, &p)) == 0 && fn(arg, &p))
		;
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

int store_policy_rename(struct store *s, int64_t id, const char *name)
{
	return sql_change(s, "UPDATE policy SET name = ? WHERE id = ?", ARGS(TEXT(name), INT(id)));
}

int store_policy_remove(struct store *s, int64_t id)
{
	int rc = sql_change(s,
			    "DELETE FROM policy WHERE id = ? AND NOT EXISTS"
			    " (SELECT 1 FROM attachment a WHERE a.policy = policy.id)",
			    ARGS(INT(id)));

	return rc == -ENOENT ? -EBUSY : rc;
}

int store_policy_rules(struct store *s, int64_t id, struct rules *rules)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "SELECT rules FROM policy WHERE id = ?", ARGS(INT(id)));

	if (rc)
		return rc;
	rc = col_rules(st, 0, rules);
	sql_close(st);
	return rc;
}

int store_policy_set_rules(struct store *s, int64_t id, const struct rules *rules)
{
	char *text = rules_to_text(rules);
	int rc = text ? sql_change(s, "UPDATE policy SET rules = ? WHERE id = ?",
				   ARGS(TEXT(text), INT(id)))
		      : -EIO;

	free(text);
	return rc;
}

/* --- attachments --- */

int store_attach(struct store *s, int64_t domain, const struct store_attachment *a)
{
	int rc = sql_room(s, "SELECT count(*) FROM attachment WHERE domain = ?", domain,
			  STORE_ATTACHMENTS_MAX);

	if (rc)
		return rc;
	return sql_run(s,
		       "INSERT INTO attachment (domain, policy, folder, device, member, user_group)"
		       " VALUES (?, ?, ?, ?, ?, ?)",
		       ARGS(INT(domain), INT(a->policy), INT_IF(a->folder, a->folder),
			    INT_IF(a->device, a->device), INT_IF(a->user, a->user),
			    INT_IF(a->group, a->group)));
}

int store_detach(struct store *s, const struct store_attachment *a)
{
	return sql_change(
		s,
		"DELETE FROM attachment WHERE policy = ? AND IFNULL(folder, 0) = ?"
		" AND IFNULL(device, 0) = ? AND IFNULL(member, 0) = ?"
		" AND IFNULL(user_group, 0) = ?",
		ARGS(INT(a->policy), INT(a->folder), INT(a->device), INT(a->user), INT(a->group)));
}

static int read_attached(sqlite3_stmt *st, struct store_attached *a)
{
	a->at = (struct store_attachment){
		.policy = sqlite3_column_int64(st, 0),
		.folder = sqlite3_column_int64(st, 1),
		.device = sqlite3_column_int64(st, 2),
		.user = sqlite3_column_int64(st, 3),
		.group = sqlite3_column_int64(st, 4),
	};
	return col_text(st, 5, a->device, sizeof(a->device)) &&
			       col_text(st, 6, a->subject, sizeof(a->subject))
		       ? 0
		       : col_damaged("attachment");
}

int store_attached_each(struct store *s, int64_t policy,
			bool (*fn)(void *arg, const struct store_attached *a), void *arg)
{
	struct store_attached a;
	sqlite3_stmt *st;
	int rc = sql_open(s, &st,
			  "SELECT a.policy, a.folder, a.device, a.member, a.user_group,"
			  " (SELECT name FROM member d WHERE d.id = a.device),"
			  " IFNULL((SELECT name FROM member u WHERE u.id = a.member),"
			  "  (SELECT name FROM user_group g WHERE g.id = a.user_group))"
			  " FROM attachment a WHERE a.policy = ? ORDER BY a.id",
			  ARGS(INT(policy)));

	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0 && (rc = read_attached(st, &a)) == 0 && fn(arg, &a))
		;
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

/* --- what concerns a session --- */

/* ?1: the user, ?2: the device. Folders from the device's upward; what is attached at one of them,
 * or at the device, for somebody who he is. */
#define CONCERNS                                                                               \
	"WITH RECURSIVE way(folder, depth) AS ("                                               \
	" SELECT folder, 1 FROM member WHERE id = ?2"                                          \
	" UNION ALL SELECT f.parent, w.depth + 1 FROM way w JOIN folder f ON f.id = w.folder"  \
	"  WHERE f.parent IS NOT NULL AND w.depth < 64),"                                      \
	" found AS ("                                                                          \
	" SELECT a.*, 0 AS depth FROM attachment a WHERE a.device = ?2"                        \
	" UNION ALL SELECT a.*, w.depth FROM way w JOIN attachment a ON a.folder = w.folder)," \
	" mine AS (SELECT * FROM found WHERE (member IS NULL AND user_group IS NULL)"          \
	"  OR member = ?1 OR EXISTS (SELECT 1 FROM group_member g"                             \
	"   WHERE g.user_group = found.user_group AND g.member = ?1))"

static int read_applied(sqlite3_stmt *st, struct store_applied *a, struct rules *rules)
{
	bool for_user = sqlite3_column_type(st, 4) != SQLITE_NULL;
	bool for_group = sqlite3_column_type(st, 5) != SQLITE_NULL;

	a->part = (struct policy_part){
		.policy = sqlite3_column_int64(st, 0),
		.depth = col_u32(st, 1),
		.whom = for_user    ? POLICY_USER
			: for_group ? POLICY_GROUP
				    : POLICY_EVERYONE,
		.number = sqlite3_column_int64(st, 2),
		.rules = rules,
	};
	a->folder = sqlite3_column_int64(st, 3);
	if (!col_text(st, 6, a->name, sizeof(a->name)) ||
	    !col_text(st, 8, a->subject, sizeof(a->subject)))
		return col_damaged("policy");
	return col_rules(st, 7, rules);
}

int store_applied_each(struct store *s, int64_t user, int64_t device,
		       bool (*fn)(void *arg, const struct store_applied *a), void *arg)
{
	struct store_applied a;
	struct rules rules;
	sqlite3_stmt *st;
	int rc = sql_open(s, &st,
			  CONCERNS
			  " SELECT m.policy, m.depth, m.id, m.folder, m.member, m.user_group,"
			  " p.name, p.rules,"
			  " IFNULL((SELECT name FROM member u WHERE u.id = m.member),"
			  "  (SELECT name FROM user_group g WHERE g.id = m.user_group))"
			  " FROM mine m JOIN policy p ON p.id = m.policy",
			  ARGS(INT(user), INT(device)));

	if (rc)
		return rc;
	while ((rc = sql_step(s, st)) == 0 && (rc = read_applied(st, &a, &rules)) == 0 &&
	       fn(arg, &a))
		;
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

int store_applied_count(struct store *s, int64_t user, int64_t device, size_t *n)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st,
			   CONCERNS " SELECT IFNULL((SELECT " COUNT_RULES(
				   "rules") " FROM member WHERE id = ?2), 0)"
					    " + IFNULL((SELECT sum(" COUNT_RULES(
						    "p.rules") ") FROM policy p WHERE p.id IN "
							       "(SELECT policy FROM mine)), 0)",
			   ARGS(INT(user), INT(device)));

	if (rc)
		return rc;
	*n = (size_t)sqlite3_column_int64(st, 0);
	sql_close(st);
	return 0;
}

int store_applied_bound(struct store *s, int64_t domain, size_t *n)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st,
			   "SELECT IFNULL((SELECT max(" COUNT_RULES(
				   "rules") ") FROM member WHERE domain = ?1), 0)"
					    " + IFNULL((SELECT sum(" COUNT_RULES(
						    "p.rules") ") FROM policy p WHERE p.id IN"
							       "  (SELECT policy FROM attachment "
							       "WHERE domain = ?1)), 0)",
			   ARGS(INT(domain)));

	if (rc)
		return rc;
	*n = (size_t)sqlite3_column_int64(st, 0);
	sql_close(st);
	return 0;
}

/* --- locked at the machine --- */

int store_lock_of(struct store *s, int64_t device, struct store_lock *lock)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "SELECT since, why FROM device_lock WHERE device = ?",
			   ARGS(INT(device)));

	if (rc)
		return rc;
	lock->since = sqlite3_column_int64(st, 0);
	if (!col_text(st, 1, lock->why, sizeof(lock->why)))
		rc = col_damaged("device_lock");
	sql_close(st);
	return rc;
}

int store_lock_set(struct store *s, int64_t device, const struct store_lock *lock, bool *changed)
{
	struct store_lock is;
	int rc = store_lock_of(s, device, &is);
	bool was = rc == 0;

	*changed = false;
	if (rc != 0 && rc != -ENOENT)
		return rc;
	if (lock ? was && is.since == lock->since && strcmp(is.why, lock->why) == 0 : !was)
		return 0;
	*changed = true;
	if (!lock)
		return sql_run(s, "DELETE FROM device_lock WHERE device = ?", ARGS(INT(device)));
	return sql_run(s,
		       "INSERT INTO device_lock (device, since, why) VALUES (?, ?, ?)"
		       " ON CONFLICT (device) DO UPDATE SET since = excluded.since,"
		       " why = excluded.why",
		       ARGS(INT(device), INT(lock->since), TEXT(lock->why)));
}
