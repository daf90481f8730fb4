/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The same table of methods for users who are signed in; the answer goes to their control
 * connection, if that is still there. */
#include <stdio.h>
#include <string.h>

#include "accessd/admin.h"

static struct rpc *find_control(struct app *app, uint64_t number)
{
	return clients_find(app->front, number);
}

static const struct ask_origin CONTROL = {.find = find_control};

/* Of another domain nobody hears more than of one that there is not. */
static bool is_own(const struct realm *r, const json_t *params, char wanted[IDENT_DOMAIN_SIZE])
{
	return !json_object_get(params, "in_domain") ||
	       (rpc_str_max(params, "in_domain", wanted, IDENT_DOMAIN_SIZE) &&
		(!wanted[0] || strcmp(wanted, r->domain.row.name) == 0));
}

void admin_on_control(void *realm, const struct clients_asker *by, const char *method,
		      const json_t *params)
{
	struct realm *r = realm;
	const struct admin_method *m = admin_find_method(method);
	struct rpc *rpc = clients_find(r->app->front, by->number);
	struct ask q = {.app = r->app,
			.realm = r,
			.origin = &CONTROL,
			.number = by->number,
			.id = by->id,
			.caller = {.user = by->member}};

	if (!rpc)
		return;
	if (!m) {
		rpc_reject(rpc, by->id, RPC_NO_METHOD, "unknown method");
		return;
	}
	if (!is_own(r, params, q.wanted)) {
		rpc_reject(rpc, by->id, RPC_NOT_FOUND, "no such domain");
		return;
	}
	snprintf(q.caller.name, sizeof(q.caller.name), "%s", by->name);
	snprintf(q.caller.uid, sizeof(q.caller.uid), "%s", by->uid);
	snprintf(q.caller.address, sizeof(q.caller.address), "%s", by->address);
	admin_run(&q, m, params);
}
