/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree: folders, and where devices and users stand. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/pure/page.h"
#include "common/io/log.h"
#include "common/pure/text.h"

#define BAD_PATH                                                                                \
	"a folder is written / or /italy/plant3: up to 16 names, each of 1 to 63 of a-z, 0-9, " \
	"'-', '.' and '_'"

/* --- shared ---------------------------------------------------------------------------------- */

/* The root is known to everybody. */
static bool sees_folder(const struct ask *q, const struct store_folder *f)
{
	return !f->parent || ask_sees(q, &(struct permit_place){.folder = f->id});
}

static bool find_folder(struct ask *q, const char *path, struct store_folder *f)
{
	const struct realm *r = q->realm;
	int rc = store_folder_find(r->store, r->domain.row.id, path, f);

	if (rc == -EINVAL)
		ask_reject(q, RPC_BAD_PARAMS, BAD_PATH);
	else if (rc == -ENOENT || (rc == 0 && !sees_folder(q, f)))
		ask_reject(q, RPC_NOT_FOUND, "no such folder: %.300s", path);
	else if (rc)
		admin_failed(q, rc);
	else
		return true;
	return false;
}

bool admin_get_folder(struct ask *q, const json_t *params, const char *key, bool root,
		      struct store_folder *f)
{
	char path[PERMIT_PATH_SIZE] = "/";

	if (!admin_ready(q))
		return false;
	if ((root && !json_object_get(params, key)) || rpc_str_max(params, key, path, sizeof(path)))
		return find_folder(q, path, f);
	ask_reject(q, RPC_BAD_PARAMS, BAD_PATH);
	return false;
}

bool admin_get_target_of(struct ask *q, const json_t *params, const char *key,
			 struct permit_place *at)
{
	struct store_folder f;
	struct store_member m;
	const char *text;

	if (!admin_ready(q))
		return false;
	if (rpc_str(params, key, &text) && text[0] == '/') {
		if (!admin_get_folder(q, params, key, false, &f))
			return false;
		*at = (struct permit_place){.folder = f.id};
		return true;
	}
	if (!rpc_str(params, key, &text) || !text_name_ok(text)) {
		ask_reject(q, RPC_BAD_PARAMS, "%s: a folder like /italy, or a device's name", key);
		return false;
	}
	if (!admin_find_as(q, text, IDENT_DEVICE, &m))
		return false;
	*at = access_place(&m);
	return true;
}

bool admin_get_target(struct ask *q, const json_t *params, struct permit_place *at)
{
	return admin_get_target_of(q, params, "target", at);
}

static void changed(struct ask *q, const char *key, const char *value)
{
	realm_tree_changed(q->realm);
	ask_reply(q, json_pack("{s:s}", key, value));
}

static void failed(struct ask *q, int rc)
{
	if (rc == -E2BIG)
		ask_reject(q, RPC_CONFLICT, "folders stand at most %d deep", PERMIT_DEPTH_MAX);
	else if (rc == -ELOOP)
		ask_reject(q, RPC_CONFLICT, "a folder cannot stand in itself");
	else if (rc == -EBUSY)
		ask_reject(q, RPC_CONFLICT,
			   "something stands in the folder, or permissions or policies name it");
	else if (rc == -ENOSPC)
		ask_reject(q, RPC_UNAVAILABLE, "a domain may have %d folders", STORE_FOLDERS_MAX);
	else if (rc == -EEXIST)
		ask_reject(q, RPC_CONFLICT, "there is a folder of this name already");
	else
		admin_failed(q, rc);
}

static bool is_root(struct ask *q, const struct store_folder *f)
{
	if (!f->parent)
		ask_reject(q, RPC_CONFLICT, "the root stays as it is");
	return !f->parent;
}

/* --- folders --------------------------------------------------------------------------------- */

void admin_on_folder_add(struct ask *q, const json_t *params)
{
	struct store_folder f = {.domain = q->realm ? q->realm->domain.row.id : 0}, parent;
	char path[PERMIT_PATH_SIZE], whole[PERMIT_PATH_SIZE], *last;
	int rc;

	if (!admin_ready(q))
		return;
	if (!rpc_str_max(params, "path", path, sizeof(path)) || !store_path_ok(path) || !path[1]) {
		ask_reject(q, RPC_BAD_PARAMS, BAD_PATH);
		return;
	}
	snprintf(whole, sizeof(whole), "%s", path);
	last = strrchr(path, '/');
	snprintf(f.name, sizeof(f.name), "%s", last + 1);
	last[last == path] = '\0';
	if (!find_folder(q, path, &parent))
		return;
	f.parent = parent.id;
	rc = store_folder_add(q->realm->store, &f);
	if (rc)
		failed(q, rc);
	else
		ask_reply(q, json_pack("{s:s}", "path", whole));
}

/* What a folder is called concerns where it stands. */
static bool may_in_parent(struct ask *q, const struct store_folder *f, enum permission what)
{
	return admin_needs(q, what, &(struct permit_place){.folder = f->parent});
}

void admin_on_folder_rename(struct ask *q, const json_t *params)
{
	char name[STORE_NAME_SIZE], path[PERMIT_PATH_SIZE];
	struct store_folder f;
	int rc;

	if (!admin_get_folder(q, params, "path", false, &f) || is_root(q, &f) ||
	    !may_in_parent(q, &f, PERMIT_DEVICES) || !admin_name(q, params, name))
		return;
	ask_tell(q, "to", json_string(name));
	rc = store_folder_rename(q->realm->store, f.id, name);
	if (rc)
		failed(q, rc);
	else
		ask_reply(q, json_pack("{s:s}", "path", admin_path(q, f.id, path)));
}

/* Everything in it inherits something else from now on. */
static bool may_move_folder(struct ask *q, const struct store_folder *f)
{
	struct access_lack lack;

	if (ask_is_host(q) || access_may_move(q->realm->access, q->caller.user, f->id, &lack))
		return true;
	admin_lacks(q, &lack, "what stands in the folder comes along");
	return false;
}

void admin_on_folder_move(struct ask *q, const json_t *params)
{
	char path[PERMIT_PATH_SIZE];
	struct store_folder f, to;
	int rc;

	if (!admin_get_folder(q, params, "path", false, &f) || is_root(q, &f) ||
	    !may_in_parent(q, &f, PERMIT_ADMINISTER) || !may_move_folder(q, &f) ||
	    !admin_get_folder(q, params, "to", false, &to) ||
	    !admin_needs(q, PERMIT_ADMINISTER, &(struct permit_place){.folder = to.id}))
		return;
	ask_tell(q, "to", json_string(admin_path(q, to.id, path)));
	rc = store_folder_move(q->realm->store, f.id, to.id);
	if (rc)
		failed(q, rc);
	else
		changed(q, "path", admin_path(q, f.id, path));
}

void admin_on_folder_remove(struct ask *q, const json_t *params)
{
	struct store_folder f;
	int rc;

	if (!admin_get_folder(q, params, "path", false, &f) || is_root(q, &f) ||
	    !may_in_parent(q, &f, PERMIT_DEVICES))
		return;
	rc = store_folder_remove(q->realm->store, f.id);
	if (rc)
		failed(q, rc);
	else
		ask_reply(q, json_object());
}

/* --- the list -------------------------------------------------------------------------------- */

struct listing {
	const struct ask *q;
	json_t *by_path; /* of all that he sees: {path: {devices, users, groups}} */
	bool failed;
};

static bool list_folder(void *arg, const struct store_folder *f)
{
	struct listing *l = arg;
	char path[PERMIT_PATH_SIZE];
	json_t *o;

	if (!ask_sees(l->q, &(struct permit_place){.folder = f->id}))
		return true;
	o = json_pack("{s:I}", "id", (json_int_t)f->id);
	l->failed = json_object_set_new(l->by_path, admin_path(l->q, f->id, path), o) != 0;
	return !l->failed;
}

static int compare_paths(const void *one, const void *other)
{
	return strcmp(*(const char *const *)one, *(const char *const *)other);
}

/* What stands in it; users and groups are for those to know who manage them. */
static json_t *folder_item(const struct ask *q, const char *path, int64_t id)
{
	struct store_folder_counts n = {0};
	json_t *o = json_pack("{s:s}", "path", path);

	if (store_folder_count(q->realm->store, id, &n) != 0)
		return o;
	json_object_set_new(o, "devices", json_integer(n.devices));
	if (!ask_may(q, PERMIT_USERS, &(struct permit_place){.folder = id}))
		return o;
	json_object_set_new(o, "users", json_integer(n.users));
	json_object_set_new(o, "groups", json_integer(n.groups));
	return o;
}

static void reply_folders(struct ask *q, json_t *by_path, const char *after)
{
	size_t n = json_object_size(by_path), i = 0;
	const char **paths = calloc(n ? n : 1, sizeof(*paths)), *path;
	struct page page;
	json_t *folder;

	page_init(&page);
	json_object_foreach (by_path, path, folder) {
		if (paths)
			paths[i++] = path;
	}
	if (paths)
		qsort(paths, i, sizeof(*paths), compare_paths);
	for (size_t k = 0; k < i; k++) {
		folder = json_object_get(by_path, paths[k]);
		if (strcmp(paths[k], after) > 0 &&
		    !page_add(&page,
			      folder_item(q, paths[k],
					  json_integer_value(json_object_get(folder, "id")))))
			break;
	}
	free(paths);
	ask_reply(q, page_result(&page, "folders"));
}

void admin_on_folder_list(struct ask *q, const json_t *params)
{
	struct listing l = {.q = q};
	char after[PERMIT_PATH_SIZE] = "";
	int rc;

	if (!admin_ready(q))
		return;
	(void)!rpc_str_max(params, "after", after, sizeof(after)); /* may be absent */
	l.by_path = json_object();
	rc = store_folder_each(q->realm->store, q->realm->domain.row.id, list_folder, &l);
	if (rc || l.failed)
		admin_failed(q, rc ? rc : -EIO);
	else
		reply_folders(q, l.by_path, after);
	json_decref(l.by_path);
}

/* --- devices and users ----------------------------------------------------------------------- */

/* Where it goes. What holds for a device is another thing there, so it takes an administrator. */
static void move_member(struct ask *q, const json_t *params, enum ident_kind kind,
			enum permission what)
{
	char path[PERMIT_PATH_SIZE];
	struct store_folder to;
	struct store_member m;
	int rc;

	if (!admin_find(q, params, kind, &m) ||
	    !admin_get_folder(q, params, "folder", false, &to) ||
	    !admin_needs(q, what, &(struct permit_place){.folder = to.id}))
		return;
	ask_tell(q, "to", json_string(admin_path(q, to.id, path)));
	rc = store_member_move(q->realm->store, m.id, to.id);
	if (rc) {
		admin_failed(q, rc);
		return;
	}
	log_notice("moved kind=%s name=%s folder=%.200s", ident_kind_name(kind), m.name, path);
	changed(q, "folder", path);
}

void admin_on_device_move(struct ask *q, const json_t *params)
{
	move_member(q, params, IDENT_DEVICE, PERMIT_ADMINISTER);
}

void admin_on_user_move(struct ask *q, const json_t *params)
{
	move_member(q, params, IDENT_USER, PERMIT_ADMINISTER);
}
