/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Firewall policies: made, changed, attached, shown. What is changed counts for sessions that run,
 * too. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/admin_policy.h"
#include "accessd/pure/page.h"
#include "common/io/log.h"
#include "common/pure/text.h"

bool policy_find(struct ask *q, const json_t *params, struct store_policy *p)
{
	char name[STORE_NAME_SIZE];
	int rc;

	if (!admin_ready(q) || !admin_name(q, params, name))
		return false;
	rc = store_policy_by_name(q->app->store, q->realm->domain.row.id, name, p);
	if (rc == -ENOENT)
		ask_reject(q, RPC_NOT_FOUND, "no such policy: %s", name);
	else if (rc)
		admin_failed(q, rc);
	return rc == 0;
}

static bool get_rules(struct ask *q, const json_t *params, struct rules *rules)
{
	const json_t *list = json_object_get(params, "rules");

	if (!json_is_array(list) || rules_decode(rules, list) != 0)
		ask_reject(q, RPC_BAD_PARAMS, "rules: a list of up to %d rules is needed",
			   RULES_MAX);
	else if (rules->n == 0)
		ask_reject(q, RPC_BAD_PARAMS, "no rules; to deny all, set the rule deny");
	else
		return true;
	return false;
}

/* --- what changes --- */

void admin_on_policy_add(struct ask *q, const json_t *params)
{
	struct store_policy p = {.id = 0};
	struct rules rules = {.n = 0};
	struct store_folder f;
	int rc;

	if (!admin_ready(q) || !admin_name(q, params, p.name) ||
	    !admin_get_folder(q, params, "folder", true, &f) ||
	    (json_object_get(params, "rules") && !get_rules(q, params, &rules)))
		return;
	p.domain = f.domain;
	p.folder = f.id;
	ask_about(q, "policy", p.name);
	ask_tell(q, "rules", json_integer((json_int_t)rules.n));
	rc = store_begin(q->app->store);
	if (rc == 0)
		rc = store_policy_add(q->app->store, &p);
	if (rc == 0 && rules.n > 0)
		rc = store_policy_set_rules(q->app->store, p.id, &rules);
	if (rc == 0)
		rc = store_commit(q->app->store);
	if (rc) {
		store_rollback(q->app->store);
		if (rc == -ENOSPC)
			ask_reject(q, RPC_UNAVAILABLE, "a domain may have %d policies",
				   STORE_POLICIES_MAX);
		else
			admin_failed(q, rc);
		return;
	}
	log_notice("policy added policy=%s rules=%zu", p.name, rules.n);
	ask_reply(q, json_object());
}

void admin_on_policy_rule(struct ask *q, const json_t *params)
{
	struct store_policy p;
	struct rules rules;
	int rc;

	if (!policy_find(q, params, &p) || !get_rules(q, params, &rules) ||
	    !policy_may_change(q, &p))
		return;
	ask_tell(q, "rules", json_integer((json_int_t)rules.n));
	rc = store_begin(q->app->store);
	if (rc == 0)
		rc = store_policy_set_rules(q->app->store, p.id, &rules);
	if (!policy_commit(q, rc, 0))
		return;
	log_notice("policy changed policy=%s rules=%zu", p.name, rules.n);
	ask_reply(q, json_pack("{s:o}", "rules", rules_encode(&rules)));
}

void admin_on_policy_rename(struct ask *q, const json_t *params)
{
	struct store_policy p;
	char to[STORE_NAME_SIZE];
	int rc;

	if (!policy_find(q, params, &p))
		return;
	if (!rpc_str_max(params, "to", to, sizeof(to)) || !text_name_ok(to)) {
		ask_reject(q, RPC_BAD_PARAMS, "to: the new name is needed");
		return;
	}
	ask_tell(q, "to", json_string(to));
	rc = store_policy_rename(q->app->store, p.id, to);
	if (rc) {
		admin_failed(q, rc);
		return;
	}
	log_notice("policy renamed policy=%s to=%s", p.name, to);
	ask_reply(q, json_object());
}

void admin_on_policy_remove(struct ask *q, const json_t *params)
{
	struct store_policy p;
	int rc;

	if (!policy_find(q, params, &p))
		return;
	rc = store_policy_remove(q->app->store, p.id);
	if (rc == -EBUSY) {
		ask_reject(q, RPC_CONFLICT,
			   "%s is attached: policy show %s says where, policy detach takes it off",
			   p.name, p.name);
	} else if (rc) {
		admin_failed(q, rc);
	} else {
		log_notice("policy removed policy=%s", p.name);
		ask_reply(q, json_object());
	}
}

/* --- what is shown --- */

struct listing {
	const struct ask *q;
	struct page page;
	json_t *list;
	size_t hidden; /* attachments where the caller sees nothing */
};

static json_t *policy_json(const struct ask *q, const struct store_policy *p)
{
	char path[PERMIT_PATH_SIZE];

	return json_pack("{s:s, s:s, s:I, s:I}", "name", p->name, "folder",
			 admin_path(q, p->folder, path), "rules", (json_int_t)p->n_rules,
			 "attached", (json_int_t)p->n_attached);
}

static bool list_policy(void *arg, const struct store_policy *p)
{
	struct listing *l = arg;

	return !policy_may_see(l->q, p) || page_add(&l->page, policy_json(l->q, p));
}

void admin_on_policy_list(struct ask *q, const json_t *params)
{
	struct listing l = {.q = q};
	char after[STORE_NAME_SIZE] = "";
	int rc;

	if (!admin_ready(q))
		return;
	(void)!rpc_str_max(params, "after", after, sizeof(after)); /* may be absent */
	page_init(&l.page);
	rc = store_policy_each(q->app->store, q->realm->domain.row.id, after, list_policy, &l);
	if (rc) {
		json_decref(l.page.items);
		admin_failed(q, rc);
		return;
	}
	ask_reply(q, page_result(&l.page, "policies"));
}

static bool list_attached(void *arg, const struct store_attached *a)
{
	struct listing *l = arg;
	char path[PERMIT_PATH_SIZE];
	const char *to = a->at.device ? a->device : admin_path(l->q, a->at.folder, path);
	const char *kind = a->at.user ? "user" : a->at.group ? "group" : "everyone";
	struct permit_place at;

	if (policy_place(l->q, &a->at, &at) != 0 || !ask_sees(l->q, &at)) {
		l->hidden++;
		return true;
	}
	json_array_append_new(l->list,
			      json_pack("{s:s, s:s, s:s}", "to", to, "for",
					a->subject[0] ? a->subject : "everyone", "kind", kind));
	return json_array_size(l->list) < POLICY_SHOWN_MAX;
}

void admin_on_policy_show(struct ask *q, const json_t *params)
{
	struct listing l = {.q = q, .list = json_array()};
	struct store_policy p;
	struct rules rules;
	json_t *o;
	int rc;

	if (!policy_find(q, params, &p)) {
		json_decref(l.list);
		return;
	}
	rc = store_policy_rules(q->app->store, p.id, &rules);
	if (rc == 0)
		rc = store_attached_each(q->app->store, p.id, list_attached, &l);
	o = rc == 0 ? policy_json(q, &p) : NULL;
	if (!o) {
		json_decref(l.list);
		admin_failed(q, rc ? rc : -EIO);
		return;
	}
	json_object_set_new(o, "rules", rules_encode(&rules));
	json_object_set_new(o, "attached", l.list);
	if (l.hidden)
		json_object_set_new(o, "hidden", json_integer((json_int_t)l.hidden));
	ask_reply(q, o);
}

/* --- the red button, as far as it is known here --- */

void admin_lock_put(const struct realm *r, int64_t device, json_t *o)
{
	struct store_lock lock;

	if (store_lock_of(r->store, device, &lock) == 0)
		json_object_set_new(
			o, "locked",
			json_pack("{s:I, s:s}", "since", (json_int_t)lock.since, "why", lock.why));
}
