/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The folders, users and groups that requests about firewall policies name. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/admin_policy.h"
#include "common/pure/text.h"

bool policy_folder_at(struct ask *q, const char *path, int64_t *folder)
{
	int rc = store_policy_folder(q->app->store, q->realm->domain.row.id, path, folder);

	if (rc == -ENOENT)
		ask_reject(q, RPC_NOT_FOUND, "no such folder: %.200s", path);
	else if (rc)
		admin_failed(q, rc);
	return rc == 0;
}

bool policy_folder(struct ask *q, const json_t *params, int64_t *folder)
{
	const char *path = "/";

	if (json_object_get(params, "folder") && !rpc_str(params, "folder", &path)) {
		ask_reject(q, RPC_BAD_PARAMS, "folder: a path is needed: /italy/plant3");
		return false;
	}
	return policy_folder_at(q, path, folder);
}

const char *policy_path(const struct ask *q, int64_t folder, char out[POLICY_PATH_SIZE])
{
	if (store_policy_path(q->app->store, folder, out) != 0)
		snprintf(out, POLICY_PATH_SIZE, "?");
	return out;
}

bool policy_may_see(const struct ask *q, const struct store_policy *p)
{
	return ask_may(q, PERMIT_FIREWALL, &(struct permit_place){.folder = p->folder});
}

/* "user anna": skips the word. */
static bool says(const char **text, const char *kind)
{
	size_t n = strlen(kind);

	if (strncmp(*text, kind, n) != 0 || (*text)[n] != ' ')
		return false;
	*text += n + 1;
	return true;
}

static int find_user(const struct ask *q, const char *name, int64_t *user)
{
	struct store_member m;
	int rc = store_member_by_name(q->app->store, q->realm->domain.row.id, IDENT_USER, name, &m);

	if (rc == 0)
		*user = m.id;
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
	g = user_only ? -ENOENT
		      : store_policy_group(q->app->store, q->realm->domain.row.id, name, &a->group);
	if ((u == 0) != (g == 0) && (u == -ENOENT || g == -ENOENT))
		return true;
	if (u == 0 && g == 0)
		ask_reject(q, RPC_CONFLICT,
			   "there are a user and a group %s: say 'user %s' or 'group %s'", name,
			   name, name);
	else if (u == -ENOENT && g == -ENOENT)
		ask_reject(q, RPC_NOT_FOUND, "no such user or group: %s", name);
	else
		admin_failed(q, -EIO);
	return false;
}
