/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The folders, users and groups that requests about firewall policies name. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/admin_policy.h"
#include "common/pure/text.h"

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

/* "user:anna": skips the word. */
static bool says(const char **text, const char *kind)
{
	size_t n = strlen(kind);

	if (strncmp(*text, kind, n) != 0 || (*text)[n] != ':')
		return false;
	*text += n + 1;
	return true;
}

/* What the caller does not see is not there. */

static int find_user(struct ask *q, const char *name, int64_t *user)
{
	struct store_member m;
	int rc = store_member_by_name(q->app->store, q->realm->domain.row.id, IDENT_USER, name, &m);

	if (rc == 0 && !admin_sees_member(q, &m))
		rc = -ENOENT;
	if (rc == 0)
		*user = m.id;
	return rc;
}

static int find_group(struct ask *q, const char *name, int64_t *group)
{
	struct store_group g;
	int rc = store_group_find(q->app->store, q->realm->domain.row.id, name, &g);

	if (rc == 0 && !admin_sees_group(q, &g))
		rc = -ENOENT;
	if (rc == 0)
		*group = g.everyone ? 0 : g.id;
	return rc;
}

bool policy_subject(struct ask *q, const char *text, struct store_attachment *a)
{
	const char *name = text;
	bool user_only = says(&name, "user"), group_only = !user_only && says(&name, "group");
	int u, g;

	if (!text_name_ok(name)) {
		ask_reject(q, RPC_BAD_PARAMS, "for: a user or a group");
		return false;
	}
	u = group_only ? -ENOENT : find_user(q, name, &a->user);
	g = user_only ? -ENOENT : find_group(q, name, &a->group);
	if ((u == 0) != (g == 0) && (u == -ENOENT || g == -ENOENT))
		return true;
	if (u == 0 && g == 0)
		ask_reject(q, RPC_CONFLICT,
			   "there are a user and a group %s: say user:%s or group:%s", name, name,
			   name);
	else if (u == -ENOENT && g == -ENOENT)
		ask_reject(q, RPC_NOT_FOUND, "no such user or group: %s", name);
	else
		admin_failed(q, -EIO);
	return false;
}
