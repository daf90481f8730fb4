/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may: what a request is about is looked up before anything is done, and whoever may do nothing
 * there hears that it is not there.
 */
#include <stdio.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/admin_policy.h"

#define DENIED "this is not permitted to you"

/* --- what is there for the caller ------------------------------------------------------------ */

bool admin_sees_member(const struct ask *q, const struct store_member *m)
{
	const struct permit_place at = {.folder = m->folder,
					.device = m->kind == IDENT_DEVICE ? m->id : 0};
	const struct permit_place root = ask_root(q);

	switch (m->kind) {
	case IDENT_DEVICE:
		return ask_sees(q, &at);
	case IDENT_USER:
		return m->id == q->caller.user || ask_may(q, PERMIT_USERS, &at);
	case IDENT_RELAY:
	case IDENT_ACCESS:
		break;
	}
	return ask_may(q, PERMIT_ADMINISTER, &root);
}

bool admin_works_on(const struct ask *q, const struct store_member *device)
{
	const struct permit_place at = access_place(device);

	for (int i = 0; i < PERMISSIONS; i++) {
		if (i != PERMIT_CONNECT && ask_may(q, (enum permission)i, &at))
			return true;
	}
	return false;
}

bool admin_sees_group(const struct ask *q, const struct store_group *g)
{
	const struct permit_place at = {.folder = g->folder};

	return g->everyone || ask_may(q, PERMIT_USERS, &at);
}

const char *admin_path(const struct ask *q, int64_t folder, char out[PERMIT_PATH_SIZE])
{
	const struct permit_map *m = access_map(q->realm->access);

	if (m)
		return permit_map_path(m, folder, out);
	memcpy(out, "?", 2);
	return out;
}

const char *admin_place_name(const struct ask *q, const struct permit_place *at,
			     char out[PERMIT_PATH_SIZE])
{
	struct store_member m;

	if (!at->device)
		return admin_path(q, at->folder, out);
	if (store_member_get(q->realm->store, at->device, &m) != 0)
		memcpy(m.name, "?", 2);
	snprintf(out, PERMIT_PATH_SIZE, "%s", m.name);
	return out;
}

/* --- refusals -------------------------------------------------------------------------------- */

bool admin_needs(struct ask *q, enum permission what, const struct permit_place *at)
{
	char name[PERMIT_PATH_SIZE];

	if (ask_may(q, what, at))
		return true;
	if (ask_sees(q, at))
		ask_reject(q, RPC_DENIED, DENIED ": it needs %s for %.300s", permit_name(what),
			   admin_place_name(q, at, name));
	else
		ask_reject(q, RPC_DENIED, DENIED);
	return false;
}

void admin_lacks(struct ask *q, const struct access_lack *lack, const char *why)
{
	char name[PERMIT_PATH_SIZE];

	if (!lack->at.folder)
		ask_reject(q, RPC_INTERNAL, "accessd cannot do this now; its log says why");
	else if (ask_sees(q, &lack->at))
		ask_reject(q, RPC_DENIED, DENIED ": %s, and you may not: %s for %.300s", why,
			   permit_name(lack->what), admin_place_name(q, &lack->at, name));
	else
		ask_reject(q, RPC_DENIED, DENIED ": %s, and you may not: %s", why,
			   permit_name(lack->what));
}

/* --- targets --------------------------------------------------------------------------------- */

/* Who can be another one, or put him out, must be no less. */
static bool covers(struct ask *q, const struct store_member *m)
{
	char why[STORE_NAME_SIZE + 32];
	struct access_lack lack;

	if (access_covers(q->realm->access, q->caller.user, m->id, &lack))
		return true;
	snprintf(why, sizeof(why), "%s may do more", m->name);
	admin_lacks(q, &lack, why);
	return false;
}

bool admin_may_still(struct ask *q, const struct store_member *m)
{
	const struct permit_place at = {.folder = m->folder};
	struct store_member caller;

	if (ask_is_host(q))
		return true;
	if (store_member_get(q->realm->store, q->caller.user, &caller) != 0 ||
	    caller.state == STORE_REVOKED) {
		ask_reject(q, RPC_DENIED, DENIED);
		return false;
	}
	return admin_needs(q, q->method->needs, &at) && (m->id == 0 || covers(q, m));
}

static bool may_member(struct ask *q, const json_t *params, const char *key, enum ident_kind kind)
{
	char name[STORE_NAME_SIZE];
	struct permit_place at;
	struct store_member m;

	if (!admin_name_of(q, params, key, name) || !admin_find_as(q, name, kind, &m))
		return false;
	at = (struct permit_place){.folder = m.folder, .device = kind == IDENT_DEVICE ? m.id : 0};
	if (!admin_needs(q, q->method->needs, &at))
		return false;
	return kind != IDENT_USER || q->method->event == EVENT_NONE || covers(q, &m);
}

static bool may_group(struct ask *q, const json_t *params)
{
	struct store_group g;

	return admin_get_group(q, params, "name", &g) &&
	       admin_needs(q, q->method->needs, &(struct permit_place){.folder = g.folder});
}

static bool may_folder(struct ask *q, const json_t *params, const char *key, bool root)
{
	struct store_folder f;

	return admin_get_folder(q, params, key, root, &f) &&
	       admin_needs(q, q->method->needs, &(struct permit_place){.folder = f.id});
}

static bool may_parent(struct ask *q, const json_t *params)
{
	char path[PERMIT_PATH_SIZE] = "", *last;
	json_t *parent;
	bool may;

	(void)!rpc_str_max(params, "path", path, sizeof(path)); /* else: an empty one is none */
	last = strrchr(path, '/');
	if (last)
		last[last == path] = '\0';
	parent = json_pack("{s:s}", "path", path);
	may = may_folder(q, parent, "path", false);
	json_decref(parent);
	return may;
}

static bool may_target(struct ask *q, const json_t *params)
{
	struct permit_place at;

	return admin_get_target(q, params, &at) && admin_needs(q, q->method->needs, &at);
}

static bool may_policy(struct ask *q, const json_t *params)
{
	struct store_policy p;

	if (!policy_find(q, params, &p))
		return false;
	if (!policy_may_see(q, &p)) {
		ask_reject(q, RPC_NOT_FOUND, "no such policy: %s", p.name);
		return false;
	}
	return admin_needs(q, q->method->needs, &(struct permit_place){.folder = p.folder});
}

/* Does it stand in the folder or above? Then it is there for whoever is responsible here. */
static bool is_above(const struct ask *q, int64_t folder, int64_t below)
{
	int64_t chain[PERMIT_DEPTH_MAX + 1];
	size_t n = 0;

	if (store_folder_chain(q->realm->store, q->realm->domain.row.id, below, chain, &n) != 0)
		return false;
	while (n > 0 && chain[n - 1] != folder)
		n--;
	return n > 0;
}

/* To attach it: the right where it is to hold, and one that is there for him. */
static bool may_policy_place(struct ask *q, const json_t *params)
{
	struct permit_place at;
	struct store_policy p;

	if (!admin_get_target_of(q, params, "to", &at) || !admin_needs(q, q->method->needs, &at) ||
	    !policy_find(q, params, &p))
		return false;
	if (policy_may_see(q, &p) || is_above(q, p.folder, at.folder))
		return true;
	ask_reject(q, RPC_NOT_FOUND, "no such policy: %s", p.name);
	return false;
}

/* Sessions that begin so, of those that he may know of. */
struct search {
	const struct ask *q;
	const char *prefix;
	bool sees, may;
};

static bool search_session(void *arg, const struct store_session *x, int64_t relay)
{
	struct search *s = arg;

	(void)relay;
	if (strncmp(x->id, s->prefix, strlen(s->prefix)) != 0)
		return true;
	s->may = s->may || ask_may_device(s->q, s->q->method->needs, x->device_member);
	s->sees = s->sees || s->may ||
		  ask_may_device(s->q, PERMIT_VIEW_CONNECTIONS, x->device_member);
	return !s->may;
}

/* If several begin so, nothing is done anyway. */
static bool may_session(struct ask *q, const json_t *params)
{
	char prefix[TOKEN_SESSION_SIZE];
	struct search s = {.q = q, .prefix = prefix};

	if (!rpc_str_max(params, "session", prefix, sizeof(prefix)) || !prefix[0]) {
		ask_reject(q, RPC_BAD_PARAMS, "session is missing");
		return false;
	}
	sessions_each(q->realm->sessions, "", search_session, &s);
	if (!s.sees)
		ask_reject(q, RPC_NOT_FOUND, "no such session");
	else if (!s.may)
		ask_reject(q, RPC_DENIED, DENIED ": it needs %s for the device",
			   permit_name(q->method->needs));
	return s.may;
}

static bool may_item(struct ask *q, const json_t *params)
{
	switch (q->method->target) {
	case ADMIN_DEVICE:
		return may_member(q, params, "name", IDENT_DEVICE);
	case ADMIN_DEVICE_BY_KEY:
		return may_member(q, params, "device", IDENT_DEVICE);
	case ADMIN_USER:
		return may_member(q, params, "name", IDENT_USER);
	case ADMIN_SESSION:
		return may_session(q, params);
	case ADMIN_GROUP:
		return may_group(q, params);
	case ADMIN_FOLDER:
		return may_folder(q, params, "path", false);
	case ADMIN_PARENT:
		return may_parent(q, params);
	case ADMIN_INTO:
		return may_folder(q, params, "folder", true);
	case ADMIN_TARGET:
		return may_target(q, params);
	case ADMIN_POLICY:
		return may_policy(q, params);
	case ADMIN_POLICY_PLACE:
		return may_policy_place(q, params);
	case ADMIN_POLICY_FOLDER:
		return may_folder(q, params, "folder", true);
	case ADMIN_RELAY:
	case ADMIN_NOTHING:
		break;
	}
	ask_reject(q, RPC_DENIED, DENIED);
	return false;
}

bool admin_may(struct ask *q, const json_t *params)
{
	struct permit_place root;

	if (ask_is_host(q))
		return true;
	if (q->method->scope != ADMIN_HOST && !admin_ready(q))
		return false;
	switch (q->method->scope) {
	case ADMIN_HOST:
		ask_reject(q, RPC_DENIED,
			   DENIED ": only the administrator of the server's host may do it, there");
		return false;
	case ADMIN_DOMAIN:
		root = ask_root(q);
		return admin_needs(q, q->method->needs, &root);
	case ADMIN_ITEM:
		return may_item(q, params);
	case ADMIN_LIST:
		return true;
	}
	ask_reject(q, RPC_DENIED, DENIED);
	return false;
}
