/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may do what where: said, taken back, listed and explained. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/pure/page.h"
#include "common/io/log.h"
#include "common/pure/text.h"

/* --- what is asked --------------------------------------------------------------------------- */

/* A user and a group may have one name. */
struct subject {
	const char *name;
	bool user, group; /* what it may be */
};

static bool get_subject_name(struct ask *q, const json_t *params, const char *key,
			     struct subject *s)
{
	*s = (struct subject){.user = true, .group = true};
	if (rpc_str(params, key, &s->name)) {
		if (strncmp(s->name, "user:", 5) == 0) {
			s->group = false;
			s->name += 5;
		} else if (strncmp(s->name, "group:", 6) == 0) {
			s->user = false;
			s->name += 6;
		}
		if (text_name_ok(s->name))
			return true;
	}
	ask_reject(q, RPC_BAD_PARAMS, "%s: the name of a user or a group; user:NAME or group:NAME",
		   key);
	return false;
}

static int find_user(const struct ask *q, const struct subject *s, int64_t *id)
{
	struct store_member m;
	int rc = s->user ? store_member_by_name(q->realm->store, q->realm->domain.row.id,
						IDENT_USER, s->name, &m)
			 : -ENOENT;

	if (rc == 0 && !admin_sees_member(q, &m))
		rc = -ENOENT;
	*id = rc == 0 ? m.id : 0;
	return rc == -ENOENT ? 0 : rc;
}

static int find_group(const struct ask *q, const struct subject *s, int64_t *id)
{
	struct store_group g;
	int rc = s->group ? store_group_find(q->realm->store, q->realm->domain.row.id, s->name, &g)
			  : -ENOENT;

	if (rc == 0 && !admin_sees_group(q, &g))
		rc = -ENOENT;
	*id = rc == 0 ? g.id : 0;
	return rc == -ENOENT ? 0 : rc;
}

bool admin_get_subject(struct ask *q, const json_t *params, const char *key,
		       struct permit_rule *rule)
{
	struct subject s;
	int64_t user, group;

	if (!get_subject_name(q, params, key, &s))
		return false;
	if (find_user(q, &s, &user) != 0 || find_group(q, &s, &group) != 0) {
		admin_failed(q, -EIO);
		return false;
	}
	if (user && group)
		ask_reject(q, RPC_CONFLICT,
			   "there is a user and a group %s: say user:%s or group:%s", s.name,
			   s.name, s.name);
	else if (!user && !group)
		ask_reject(q, RPC_NOT_FOUND, "no such user or group: %s", s.name);
	rule->is_group = group != 0;
	rule->subject = group ? group : user;
	return !user != !group;
}

static bool get_what(struct ask *q, const json_t *params, enum permission *what)
{
	char all[256] = "";
	const char *name;
	size_t n = 0;

	if (rpc_str(params, "what", &name) && permit_parse(what, name))
		return true;
	for (int i = 0; i < PERMISSIONS; i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", i ? ", " : "",
				      permit_name((enum permission)i));
	ask_reject(q, RPC_BAD_PARAMS, "what: %s", all);
	return false;
}

static bool get_rule(struct ask *q, const json_t *params, struct permit_rule *rule)
{
	struct permit_place at;

	if (!admin_get_target(q, params, &at) || !admin_get_subject(q, params, "subject", rule) ||
	    !get_what(q, params, &rule->what))
		return false;
	rule->device = at.device;
	rule->folder = at.device ? 0 : at.folder;
	ask_tell(q, "subject", json_incref(json_object_get(params, "subject")));
	ask_tell(q, "permission", json_string(permit_name(rule->what)));
	return true;
}

/* --- saying it ------------------------------------------------------------------------------- */

/* To allow, or to take a denial back, is to give. */
static bool may_give(struct ask *q, const struct permit_rule *rule)
{
	struct access_lack lack;

	if (ask_is_host(q) || access_may_give(q->realm->access, q->caller.user, rule, &lack))
		return true;
	admin_lacks(q, &lack, "it would count there, too");
	return false;
}

struct taking {
	const struct ask *q;
	bool above; /* somebody is */
};

static bool check_member(void *arg, const struct store_member *m)
{
	struct taking *t = arg;

	t->above = access_is_above(t->q->realm->access, m->id, t->q->caller.user);
	return !t->above;
}

/* Who administers more is not put out by one who administers less. To connect is another thing:
 * that an administrator gives himself back. */
static bool may_take(struct ask *q, const struct permit_rule *rule)
{
	const struct permit_map *map = access_map(q->realm->access);
	const struct permit_place root = ask_root(q);
	struct taking t = {.q = q};
	int rc = 0;

	if (rule->what == PERMIT_CONNECT || ask_may(q, PERMIT_ADMINISTER, &root))
		return true;
	if (!rule->is_group)
		t.above = access_is_above(q->realm->access, rule->subject, q->caller.user);
	else if (!map || permit_map_is_everyone(map, rule))
		t.above = true;
	else
		rc = store_group_members(q->realm->store, rule->subject, "", check_member, &t);
	if (rc)
		admin_failed(q, rc);
	else if (t.above)
		ask_reject(q, RPC_DENIED,
			   "this is not permitted to you: it would be denied to somebody who "
			   "administers where you do not");
	return rc == 0 && !t.above;
}

static void said(struct ask *q, const struct permit_rule *rule, int rc)
{
	if (rc == -ENOENT) {
		ask_reject(q, RPC_NOT_FOUND, "nothing was said about this");
	} else if (rc == -ENOSPC) {
		ask_reject(q, RPC_UNAVAILABLE, "a domain may have %d permissions",
			   STORE_PERMISSIONS_MAX);
	} else if (rc) {
		admin_failed(q, rc);
	} else {
		log_notice("permissions changed permission=%s", permit_name(rule->what));
		realm_tree_changed(q->realm);
		ask_reply(q, json_object());
	}
}

static void say(struct ask *q, const json_t *params, bool allow)
{
	struct permit_rule rule = {.allow = allow};

	if (get_rule(q, params, &rule) && (allow ? may_give(q, &rule) : may_take(q, &rule)))
		said(q, &rule,
		     store_permission_set(q->realm->store, q->realm->domain.row.id, &rule));
}

void admin_on_permission_allow(struct ask *q, const json_t *params)
{
	say(q, params, true);
}

void admin_on_permission_deny(struct ask *q, const json_t *params)
{
	say(q, params, false);
}

/* What is allowed may be taken back by whoever administers there; what is denied is given then. */
static bool is_allowed(const struct ask *q, const struct permit_rule *rule)
{
	const struct permit_map *map = access_map(q->realm->access);
	const struct permit_rule *all;
	size_t n = 0;

	all = map ? permit_map_rules(map, &n) : NULL;
	for (size_t i = 0; i < n; i++) {
		if (all[i].subject == rule->subject && all[i].is_group == rule->is_group &&
		    all[i].folder == rule->folder && all[i].device == rule->device &&
		    all[i].what == rule->what)
			return all[i].allow;
	}
	return false;
}

void admin_on_permission_clear(struct ask *q, const json_t *params)
{
	struct permit_rule rule = {.allow = false};

	if (get_rule(q, params, &rule) && (is_allowed(q, &rule) || may_give(q, &rule)))
		said(q, &rule, store_permission_clear(q->realm->store, &rule));
}

/* --- the list -------------------------------------------------------------------------------- */

struct listing {
	const struct ask *q;
	bool by_subject, by_target;
	struct permit_rule of; /* what is looked for */
	struct page page;
};

static json_t *rule_item(const struct ask *q, const struct store_permission *p)
{
	char path[PERMIT_PATH_SIZE];
	const char *folder = admin_path(q, p->folder, path);
	char id[24]; /* a text, as what lists go on behind */

	snprintf(id, sizeof(id), "%lld", (long long)p->id);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s}", "id", id, "subject", p->subject,
			 "kind", p->rule.is_group ? "group" : "user", "permission",
			 permit_name(p->rule.what), "rule", p->rule.allow ? "allow" : "deny",
			 "is_device", p->rule.device != 0, "target",
			 p->rule.device ? p->device : folder);
}

static bool is_wanted(const struct listing *l, const struct store_permission *p)
{
	const struct permit_place at = {.folder = p->folder, .device = p->rule.device};

	if (l->by_subject &&
	    (p->rule.subject != l->of.subject || p->rule.is_group != l->of.is_group))
		return false;
	if (l->by_target && (p->rule.folder != l->of.folder || p->rule.device != l->of.device))
		return false;
	return ask_may(l->q, PERMIT_ADMINISTER, &at);
}

static bool list_rule(void *arg, const struct store_permission *p)
{
	struct listing *l = arg;

	return !is_wanted(l, p) || page_add(&l->page, rule_item(l->q, p));
}

void admin_on_permission_list(struct ask *q, const json_t *params)
{
	struct listing l = {.q = q,
			    .by_subject = json_object_get(params, "subject"),
			    .by_target = json_object_get(params, "target")};
	struct permit_place at;
	char after[24] = "";
	int rc;

	if (!admin_ready(q) || (l.by_subject && !admin_get_subject(q, params, "subject", &l.of)) ||
	    (l.by_target && !admin_get_target(q, params, &at)))
		return;
	if (l.by_target) {
		l.of.device = at.device;
		l.of.folder = at.device ? 0 : at.folder;
	}
	(void)!rpc_str_max(params, "after", after, sizeof(after)); /* may be absent */
	page_init(&l.page);
	rc = store_permission_each(q->realm->store, q->realm->domain.row.id,
				   strtoll(after, NULL, 10), list_rule, &l);
	if (rc == 0) {
		ask_reply(q, page_result(&l.page, "permissions"));
		return;
	}
	json_decref(l.page.items);
	admin_failed(q, rc);
}

/* --- why ------------------------------------------------------------------------------------- */

static const char *why_name(enum permit_why why)
{
	switch (why) {
	case PERMIT_DECIDES:
		return "decides";
	case PERMIT_AGREES:
		return "says the same";
	case PERMIT_FARTHER:
		return "a nearer rule decides";
	case PERMIT_AFTER_USER:
		return "the rule for the user himself decides";
	case PERMIT_AFTER_DENIAL:
		return "a denial at the same place decides";
	case PERMIT_OTHER_RIGHT:
		return "is about administering alone";
	case PERMIT_OVERRULED:
		return "he may not administer here: another rule denies that";
	}
	return "";
}

/* Names of groups that are not there for the caller stay untold. */
static void put_subject(const struct ask *q, const struct permit_rule *r, json_t *o)
{
	struct store_member m;
	struct store_group g;
	const char *name = "";

	if (r->is_group && store_group_get(q->realm->store, r->subject, &g) == 0 &&
	    admin_sees_group(q, &g))
		name = g.name;
	if (!r->is_group && store_member_get(q->realm->store, r->subject, &m) == 0)
		name = m.name;
	json_object_set_new(o, "kind", json_string(r->is_group ? "group" : "user"));
	json_object_set_new(o, "subject", json_string(name));
}

static json_t *step_item(const struct ask *q, const struct permit_step *s)
{
	const struct permit_place at = {.folder = s->rule.folder, .device = s->rule.device};
	char name[PERMIT_PATH_SIZE];
	json_t *o = json_pack("{s:s, s:b, s:s, s:s, s:I, s:b, s:s}", "target",
			      admin_place_name(q, &at, name), "is_device", at.device != 0,
			      "permission", permit_name(s->rule.what), "rule",
			      s->rule.allow ? "allow" : "deny", "distance", (json_int_t)s->distance,
			      "decides", s->why == PERMIT_DECIDES, "why", why_name(s->why));

	put_subject(q, &s->rule, o);
	return o;
}

/* The places from the target up to the root: where rules were looked for. */
static json_t *places(const struct ask *q, const struct permit_place *at)
{
	const struct permit_map *m = access_map(q->realm->access);
	int64_t chain[PERMIT_DEPTH_MAX + 1];
	char name[PERMIT_PATH_SIZE];
	json_t *list = json_array();
	size_t n = m ? permit_map_chain(m, at->folder, chain) : 0;

	if (at->device)
		json_array_append_new(list, json_string(admin_place_name(q, at, name)));
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(admin_path(q, chain[i], name)));
	return list;
}

static void reply_answer(struct ask *q, const struct permit_place *at,
			 const struct store_member *user, enum permission what)
{
	const struct permit_map *map = access_map(q->realm->access);
	struct permit_answer *a = malloc(sizeof(*a));
	json_t *steps = json_array();

	if (!map || !a) {
		free(a);
		json_decref(steps);
		admin_failed(q, -EIO);
		return;
	}
	permit_map_explain(map, user->id, what, at, a);
	for (size_t i = 0; i < a->n; i++)
		json_array_append_new(steps, step_item(q, &a->steps[i]));
	ask_reply(q, json_pack("{s:b, s:b, s:s, s:b, s:o, s:o, s:b}", "allowed",
			       a->allowed && user->state != STORE_REVOKED, "decided", a->decided,
			       "permission", permit_name(what), "revoked",
			       user->state == STORE_REVOKED, "places", places(q, at), "rules",
			       steps, "more", a->more));
	free(a);
}

void admin_on_can(struct ask *q, const json_t *params)
{
	char name[STORE_NAME_SIZE];
	struct permit_place at;
	struct store_member user;
	enum permission what;

	if (admin_get_target(q, params, &at) && admin_name_of(q, params, "user", name) &&
	    admin_find_as(q, name, IDENT_USER, &user) && get_what(q, params, &what))
		reply_answer(q, &at, &user, what);
}
