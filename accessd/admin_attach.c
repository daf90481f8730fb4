/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where firewall policies hold, and for whom. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/admin_policy.h"
#include "common/io/log.h"
#include "common/pure/text.h"

#define NAMED_MAX 5 /* sessions that are named */
#define NAMED_SIZE 400

/* --- would a session that runs have too many rules? --- */

struct checking {
	struct ask *q;
	int64_t device; /* 0: any */
	size_t n;	/* that would */
	int rc;
	char words[NAMED_SIZE];
};

static bool check_session(void *arg, const struct store_session *x, int64_t relay)
{
	struct checking *c = arg;
	size_t n = 0, used = strlen(c->words);

	(void)relay;
	if (c->device && x->device_member != c->device)
		return true;
	c->rc = store_applied_count(c->q->app->store, x->user_member, x->device_member, &n);
	if (c->rc)
		return false;
	if (n <= RULES_MAX)
		return true;
	if (c->n++ < NAMED_MAX)
		snprintf(c->words + used, sizeof(c->words) - used, "%s%s with %s: %zu",
			 used ? ", " : "", x->user_name, x->device_name, n);
	return true;
}

bool policy_commit(struct ask *q, int rc, int64_t device)
{
	struct checking c = {.q = q, .device = device};
	size_t bound = 0;

	if (rc == 0)
		rc = store_applied_bound(q->app->store, q->realm->domain.row.id, &bound);
	if (rc == 0 && bound > RULES_MAX) { /* else there is no need to look at each session */
		sessions_each(q->realm->sessions, "", check_session, &c);
		rc = c.rc;
	}
	if (rc == 0 && c.n == 0)
		rc = store_commit(q->app->store);
	if (rc == 0 && c.n == 0) {
		sessions_rules_changed(q->realm->sessions, device);
		return true;
	}
	store_rollback(q->app->store);
	if (rc == -EEXIST)
		ask_reject(q, RPC_CONFLICT, "it is attached there for them already");
	else if (rc == -ENOSPC)
		ask_reject(q, RPC_UNAVAILABLE, "a domain may have %d attachments",
			   STORE_ATTACHMENTS_MAX);
	else if (rc)
		admin_failed(q, rc);
	else
		ask_reject(q, RPC_CONFLICT,
			   "a session may have %d rules; %zu that run would have more: %s%s",
			   RULES_MAX, c.n, c.words, c.n > NAMED_MAX ? ", ..." : "");
	return false;
}

/* --- to whom, and where --- */

static bool take_attachment(struct ask *q, const json_t *params, struct store_policy *p,
			    struct store_attachment *a)
{
	struct permit_place at;

	if (!policy_find(q, params, p) || !admin_get_target_of(q, params, "to", &at))
		return false;
	*a = (struct store_attachment){
		.policy = p->id, .folder = at.device ? 0 : at.folder, .device = at.device};
	if (!policy_subject(q, params, a))
		return false;
	ask_tell(q, "to", json_incref(json_object_get(params, "to")));
	if (json_object_get(params, "for"))
		ask_tell(q, "for", json_incref(json_object_get(params, "for")));
	return true;
}

/* --- methods --- */

void admin_on_policy_attach(struct ask *q, const json_t *params)
{
	struct store_attachment a;
	struct store_policy p;
	int rc;

	if (!take_attachment(q, params, &p, &a))
		return;
	if (p.n_rules == 0) {
		ask_reject(q, RPC_CONFLICT,
			   "%s has no rules yet; to deny all, give it the rule deny", p.name);
		return;
	}
	rc = store_begin(q->app->store);
	if (rc == 0)
		rc = store_attach(q->app->store, p.domain, &a);
	if (!policy_commit(q, rc, a.device))
		return;
	log_notice("policy attached policy=%s", p.name);
	ask_reply(q, json_object());
}

void admin_on_policy_detach(struct ask *q, const json_t *params)
{
	struct store_attachment a;
	struct store_policy p;
	int rc;

	if (!take_attachment(q, params, &p, &a))
		return;
	rc = store_detach(q->app->store, &a);
	if (rc == -ENOENT) {
		ask_reject(q, RPC_NOT_FOUND, "%s is not attached there for them", p.name);
		return;
	}
	if (rc) {
		admin_failed(q, rc);
		return;
	}
	sessions_rules_changed(q->realm->sessions, 0);
	log_notice("policy detached policy=%s", p.name);
	ask_reply(q, json_object());
}
