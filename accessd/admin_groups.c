/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Groups of users. */
#include <errno.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/pure/page.h"

bool admin_get_group(struct ask *q, const json_t *params, const char *key, struct store_group *g)
{
	char name[STORE_NAME_SIZE];
	int rc;

	if (!admin_ready(q) || !admin_name_of(q, params, key, name))
		return false;
	rc = store_group_find(q->realm->store, q->realm->domain.row.id, name, g);
	if (rc == -ENOENT || (rc == 0 && !admin_sees_group(q, g)))
		ask_reject(q, RPC_NOT_FOUND, "no such group: %s", name);
	else if (rc)
		admin_failed(q, rc);
	else
		return true;
	return false;
}

/* The same, and it is not the one that each user is in. */
static bool get_own_group(struct ask *q, const json_t *params, struct store_group *g)
{
	if (!admin_get_group(q, params, "name", g))
		return false;
	if (g->everyone)
		ask_reject(q, RPC_CONFLICT, "each user is in %s, and it stays as it is", g->name);
	return !g->everyone;
}

/* --- groups ---------------------------------------------------------------------------------- */

void admin_on_group_add(struct ask *q, const json_t *params)
{
	struct store_group g = {.everyone = false};
	struct store_folder f;
	int rc;

	if (!admin_get_folder(q, params, "folder", true, &f) || !admin_name(q, params, g.name))
		return;
	ask_about(q, "group", g.name);
	g.domain = f.domain;
	g.folder = f.id;
	rc = store_group_add(q->realm->store, &g);
	if (rc == -ENOSPC)
		ask_reject(q, RPC_UNAVAILABLE, "a domain may have %d groups", STORE_GROUPS_MAX);
	else if (rc)
		admin_failed(q, rc);
	else
		ask_reply(q, json_pack("{s:s}", "name", g.name));
}

void admin_on_group_remove(struct ask *q, const json_t *params)
{
	struct store_group g;
	int rc;

	if (!get_own_group(q, params, &g))
		return;
	rc = store_group_remove(q->realm->store, g.id);
	if (rc == -EBUSY)
		ask_reject(q, RPC_CONFLICT,
			   "%s has members, or permissions or policies name it: take them back "
			   "first",
			   g.name);
	else if (rc)
		admin_failed(q, rc);
	else
		ask_reply(q, json_object());
}

void admin_on_group_move(struct ask *q, const json_t *params)
{
	char path[PERMIT_PATH_SIZE];
	struct store_folder to;
	struct store_group g;
	int rc;

	if (!get_own_group(q, params, &g) || !admin_get_folder(q, params, "folder", false, &to) ||
	    !admin_needs(q, PERMIT_ADMINISTER, &(struct permit_place){.folder = to.id}))
		return;
	ask_tell(q, "to", json_string(admin_path(q, to.id, path)));
	rc = store_group_move(q->realm->store, g.id, to.id);
	if (rc)
		admin_failed(q, rc);
	else
		ask_reply(q, json_pack("{s:s}", "folder", path));
}

struct listing {
	const struct ask *q;
	struct page page;
};

static bool list_group(void *arg, const struct store_group *g)
{
	struct listing *l = arg;
	char path[PERMIT_PATH_SIZE];
	int64_t members = 0;
	json_t *o;

	if (!admin_sees_group(l->q, g))
		return true;
	o = json_pack("{s:s, s:s, s:b}", "name", g->name, "folder",
		      admin_path(l->q, g->folder, path), "everyone", g->everyone);
	if (!g->everyone && store_group_count(l->q->realm->store, g->id, &members) == 0)
		json_object_set_new(o, "members", json_integer((json_int_t)members));
	return page_add(&l->page, o);
}

static void reply_page(struct ask *q, struct listing *l, int rc, const char *what)
{
	if (rc == 0) {
		ask_reply(q, page_result(&l->page, what));
		return;
	}
	json_decref(l->page.items);
	admin_failed(q, rc);
}

void admin_on_group_list(struct ask *q, const json_t *params)
{
	struct listing l = {.q = q};
	char after[STORE_NAME_SIZE] = "";

	if (!admin_ready(q))
		return;
	(void)!rpc_str_max(params, "after", after, sizeof(after)); /* may be absent */
	page_init(&l.page);
	reply_page(
		q, &l,
		store_group_each(q->realm->store, q->realm->domain.row.id, after, list_group, &l),
		"groups");
}

/* --- who is in them -------------------------------------------------------------------------- */

struct policies {
	const struct ask *q;
	struct access_lack lack;
	bool may;
};

static bool check_policy(void *arg, const struct permit_place *at)
{
	struct policies *p = arg;

	p->may = ask_may(p->q, PERMIT_FIREWALL, at);
	p->lack.at = *at;
	return p->may;
}

/* Who is in the group or not is which firewall policies hold for him. */
static bool may_change_policies(struct ask *q, int64_t group)
{
	struct policies p = {.q = q, .may = true, .lack = {.what = PERMIT_FIREWALL}};
	int rc = store_group_policies(q->realm->store, group, check_policy, &p);

	if (rc)
		admin_failed(q, rc);
	else if (!p.may)
		admin_lacks(q, &p.lack, "the group has firewall policies");
	return rc == 0 && p.may;
}

/* The group and the user. Who is put into a group gets what it may do; who is taken out gets rid of
 * what it may not. */
static bool get_both(struct ask *q, const json_t *params, bool leaves, struct store_group *g,
		     struct store_member *m)
{
	char name[STORE_NAME_SIZE];
	struct access_lack lack;

	if (!get_own_group(q, params, g) || !admin_name_of(q, params, "user", name) ||
	    !admin_find_as(q, name, IDENT_USER, m) ||
	    !admin_needs(q, PERMIT_USERS, &(struct permit_place){.folder = m->folder}))
		return false;
	ask_tell(q, "user", json_string(m->name));
	if (ask_is_host(q))
		return true;
	if (access_is_above(q->realm->access, m->id, q->caller.user)) {
		ask_reject(q, RPC_DENIED,
			   "this is not permitted to you: %s administers where you do not",
			   m->name);
		return false;
	}
	if (access_may_regroup(q->realm->access, q->caller.user, g->id, leaves, &lack))
		return may_change_policies(q, g->id);
	admin_lacks(q, &lack, leaves ? "the group is denied something" : "the group may do more");
	return false;
}

void admin_on_group_join(struct ask *q, const json_t *params)
{
	struct store_member m;
	struct store_group g;
	int rc;

	if (!get_both(q, params, false, &g, &m))
		return;
	rc = store_group_join(q->realm->store, g.id, m.id);
	if (rc == -EEXIST) {
		ask_reject(q, RPC_CONFLICT, "%s is in %s already", m.name, g.name);
	} else if (rc == -ENOSPC) {
		ask_reject(q, RPC_UNAVAILABLE, "groups may have %d members in all",
			   STORE_GROUP_MEMBERS_MAX);
	} else if (rc) {
		admin_failed(q, rc);
	} else {
		realm_tree_changed(q->realm);
		ask_reply(q, json_object());
	}
}

void admin_on_group_leave(struct ask *q, const json_t *params)
{
	struct store_member m;
	struct store_group g;
	int rc;

	if (!get_both(q, params, true, &g, &m))
		return;
	rc = store_group_leave(q->realm->store, g.id, m.id);
	if (rc == -ENOENT) {
		ask_reject(q, RPC_NOT_FOUND, "%s is not in %s", m.name, g.name);
	} else if (rc) {
		admin_failed(q, rc);
	} else {
		realm_tree_changed(q->realm);
		ask_reply(q, json_object());
	}
}

static bool list_member(void *arg, const struct store_member *m)
{
	struct listing *l = arg;
	char path[PERMIT_PATH_SIZE];

	if (!admin_sees_member(l->q, m))
		return true;
	return page_add(&l->page, json_pack("{s:s, s:s, s:s}", "name", m->name, "state",
					    admin_state_name(m->state), "folder",
					    admin_path(l->q, m->folder, path)));
}

void admin_on_group_members(struct ask *q, const json_t *params)
{
	struct listing l = {.q = q};
	char after[STORE_NAME_SIZE] = "";
	struct store_group g;

	if (!get_own_group(q, params, &g))
		return;
	(void)!rpc_str_max(params, "after", after, sizeof(after)); /* may be absent */
	page_init(&l.page);
	reply_page(q, &l, store_group_members(q->realm->store, g.id, after, list_member, &l),
		   "members");
}
