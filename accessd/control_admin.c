/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Administration by users who are signed in (docs/PROTOCOL.md, 4.10): what they ask is handed to
 * those who know all of it, and who may. */
#include <stdio.h>
#include <string.h>

#include "accessd/clients_internal.h"
#include "common/io/file.h"

/* Of a user, whatever the number of his PCs. Users that share a place share it. */
static bool is_too_fast(struct client *c)
{
	struct clients_asking *a = &c->owner->asking[(uint64_t)c->member % CLIENTS_ASKING_PLACES];
	uint64_t now = clock_mono_ms();

	if (now - a->since_ms >= CLIENTS_ASKING_MS) {
		a->since_ms = now;
		a->n = 0;
	}
	return a->n++ >= CLIENTS_ASKING_MAX;
}

void control_on_admin(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	const json_t *inner = json_object_get(params, "params");
	char method[RPC_METHOD_SIZE];
	const struct clients_asker by = {.number = c->number,
					 .id = id,
					 .member = c->member,
					 .name = c->name,
					 .uid = c->id.uid,
					 .address = c->address};

	if (!control_is_allowed(c, id, true) || id == 0)
		return;
	if (!rpc_str_max(params, "method", method, sizeof(method)) ||
	    (inner && !json_is_object(inner)))
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "method or params is missing or malformed");
	else if (is_too_fast(c))
		rpc_reject(rpc, id, RPC_UNAVAILABLE,
			   "too many requests of this user: at most %d in %d s", CLIENTS_ASKING_MAX,
			   CLIENTS_ASKING_MS / 1000);
	else
		c->owner->admin(c->owner->admin_arg, &by, method, inner);
}
