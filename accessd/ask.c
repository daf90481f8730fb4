/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/ask.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/admin.h"
#include "accessd/store_policy.h"
#include "accessd/store_tree.h"
#include "common/pure/printable.h"

bool ask_is_host(const struct ask *q)
{
	return q->caller.user == 0;
}

bool ask_may(const struct ask *q, enum permission what, const struct permit_place *at)
{
	bool may;

	if (ask_is_host(q))
		return true;
	return q->realm && access_may(q->realm->access, q->caller.user, what, at, &may) == 0 && may;
}

bool ask_may_device(const struct ask *q, enum permission what, int64_t device)
{
	struct permit_place at = ask_root(q);
	bool may;

	if (ask_is_host(q) || device == 0)
		return ask_may(q, what, &at);
	return q->realm &&
	       access_may_device(q->realm->access, q->caller.user, what, device, &may) == 0 && may;
}

bool ask_sees(const struct ask *q, const struct permit_place *at)
{
	return ask_is_host(q) || (q->realm && access_sees(q->realm->access, q->caller.user, at));
}

struct permit_place ask_root(const struct ask *q)
{
	const struct permit_map *m = q->realm ? access_map(q->realm->access) : NULL;

	return (struct permit_place){.folder = m ? permit_map_root(m) : 0};
}

void ask_set_realm(struct ask *q, struct realm *r)
{
	if (q->realm)
		q->realm->n_asks--;
	q->realm = r;
	if (r)
		r->n_asks++;
}

void ask_tell(struct ask *q, const char *key, json_t *value)
{
	if (!q->detail)
		q->detail = json_object();
	json_object_set_new(q->detail, key, value);
}

/* Names change; numbers of folders, groups and policies are given once. */
static void found(struct ask *q, int64_t id, int64_t folder)
{
	snprintf(q->what_uid, sizeof(q->what_uid), "%lld", (long long)id);
	q->what_folder = folder;
}

/* One that is about to be made stands where its parent is. */
static void look_up_folder(struct ask *q, const char *path)
{
	char above[PERMIT_PATH_SIZE];
	struct store_folder f;
	char *last;

	if (store_folder_find(q->app->store, q->realm->domain.row.id, path, &f) == 0) {
		found(q, f.id, f.id);
		return;
	}
	snprintf(above, sizeof(above), "%s", path);
	last = strrchr(above, '/');
	if (!last)
		return;
	last[last == above] = '\0';
	if (store_folder_find(q->app->store, q->realm->domain.row.id, above, &f) == 0)
		q->what_folder = f.id;
}

static void look_up(struct ask *q, const char *kind, const char *name)
{
	int64_t domain = q->realm->domain.row.id;
	struct store_policy p;
	struct store_group g;

	if (strcmp(kind, "folder") == 0)
		look_up_folder(q, name);
	else if (strcmp(kind, "group") == 0 &&
		 store_group_find(q->app->store, domain, name, &g) == 0)
		found(q, g.id, g.folder);
	else if (strcmp(kind, "policy") == 0 &&
		 store_policy_by_name(q->app->store, domain, name, &p) == 0)
		found(q, p.id, p.folder);
}

void ask_about(struct ask *q, const char *kind, const char *name)
{
	char clean[sizeof(q->what)];
	enum ident_kind k;
	struct store_member m;

	snprintf(q->what, sizeof(q->what), "%s %s", kind,
		 printable_copy(clean, sizeof(clean), name, strlen(name)));
	q->what_uid[0] = '\0';
	q->what_folder = 0;
	if (!q->realm)
		return;
	if (ident_kind_parse(&k, kind) != 0) {
		look_up(q, kind, name);
		return;
	}
	if (store_member_by_name(q->app->store, q->realm->domain.row.id, k, name, &m) != 0)
		return;
	snprintf(q->what_uid, sizeof(q->what_uid), "%s", m.uid);
	q->what_folder = m.folder;
}

static int record(struct ask *q, enum audit_result result)
{
	char who[STORE_NAME_SIZE + 8];

	snprintf(who, sizeof(who), "%s %s", ask_is_host(q) ? "host" : "user", q->caller.name);
	return audit_note(q->app->audit, &(struct audit_note){
						 .event = q->method->event,
						 .result = result,
						 .domain = q->realm ? q->realm->domain.row.id : 0,
						 .who = who,
						 .who_uid = q->caller.uid[0] ? q->caller.uid : NULL,
						 .from = q->caller.address,
						 .what = q->what[0] ? q->what : NULL,
						 .what_uid = q->what_uid[0] ? q->what_uid : NULL,
						 .folder = q->what_folder,
						 .detail = q->detail,
					 });
}

/* Called by the store, within the first transaction that changes something. */
static int witness(void *arg)
{
	struct ask *q = arg;

	q->is_recorded = true;
	return record(q, AUDIT_OK);
}

void ask_begin(struct ask *q)
{
	if (q->method->event != EVENT_NONE)
		store_witness(q->app->store, witness, q);
}

static void finish(struct ask *q)
{
	ask_set_realm(q, NULL);
	json_decref(q->detail);
	free(q);
}

/* What was done is recorded, unless that was committed with it. */
static bool is_done(struct ask *q)
{
	store_witness(q->app->store, NULL, NULL);
	return q->is_recorded || record(q, AUDIT_OK) == 0;
}

void ask_reply(struct ask *q, json_t *result)
{
	struct rpc *rpc;

	if (!is_done(q)) {
		json_decref(result);
		ask_reject(q, RPC_INTERNAL,
			   "the audit cannot record this now; accessd's log says why");
		return;
	}
	rpc = q->origin->find(q->app, q->number);
	if (rpc)
		rpc_reply(rpc, q->id, result);
	else
		json_decref(result);
	finish(q);
}

void ask_reject(struct ask *q, int code, const char *fmt, ...)
{
	struct rpc *rpc = q->origin->find(q->app, q->number);
	char words[RPC_MESSAGE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	if (rpc)
		rpc_reject(rpc, q->id, code, "%s", words);
	store_witness(q->app->store, NULL, NULL);
	ask_tell(q, "reason", json_string(words));
	(void)record(q, code == RPC_INTERNAL || code == RPC_UNAVAILABLE ? AUDIT_FAILED
									: AUDIT_REFUSED);
	finish(q);
}
