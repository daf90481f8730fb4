/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The folders, users and groups that requests about firewall policies name. */

#include "accessd/admin_internal.h"
#include "accessd/admin_policy.h"

bool policy_may_see(const struct ask *q, const struct store_policy *p)
{
	const struct permit_place at = {.folder = p->folder};

	return ask_may(q, PERMIT_FIREWALL, &at);
}

int policy_place(const struct ask *q, const struct store_attachment *a, struct permit_place *at)
{
	struct store_member m;
	int rc;

	*at = (struct permit_place){.folder = a->folder};
	if (!a->device)
		return 0;
	rc = store_member_get(q->app->store, a->device, &m);
	if (rc == 0)
		*at = access_place(&m);
	return rc;
}

struct everywhere {
	struct ask *q;
	struct permit_place at; /* where he may not */
	bool may;
};

static bool check_place(void *arg, const struct store_attached *a)
{
	struct everywhere *e = arg;

	e->may = policy_place(e->q, &a->at, &e->at) == 0 && ask_may(e->q, PERMIT_FIREWALL, &e->at);
	return e->may;
}

/* Else whoever may change one that others have attached would rule in their folders. */
bool policy_may_change(struct ask *q, const struct store_policy *p)
{
	struct everywhere e = {.q = q, .may = true};
	int rc = store_attached_each(q->app->store, p->id, check_place, &e);

	if (rc)
		admin_failed(q, rc);
	else if (!e.may)
		ask_reject(q, RPC_DENIED,
			   "%s is attached where you may not set the firewall: make another one",
			   p->name);
	return rc == 0 && e.may;
}

/* Nobody said: everyone. */
bool policy_subject(struct ask *q, const json_t *params, struct store_attachment *a)
{
	struct permit_rule rule = {.subject = 0};
	struct store_group g;
	int rc;

	if (!json_object_get(params, "for"))
		return true;
	if (!admin_get_subject(q, params, "for", &rule))
		return false;
	if (!rule.is_group) {
		a->user = rule.subject;
		return true;
	}
	rc = store_group_get(q->app->store, rule.subject, &g);
	if (rc)
		admin_failed(q, rc);
	else if (!g.everyone)
		a->group = g.id;
	return rc == 0;
}
