/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/ask.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "accessd/admin.h"

bool ask_is_host(const struct ask *q)
{
	return q->caller.user == 0;
}

void ask_tell(struct ask *q, const char *key, json_t *value)
{
	if (!q->detail)
		q->detail = json_object();
	json_object_set_new(q->detail, key, value);
}

static void finish(struct ask *q, enum audit_result result)
{
	char who[STORE_NAME_SIZE + 8];

	snprintf(who, sizeof(who), "%s %s", ask_is_host(q) ? "host" : "user", q->caller.name);
	audit_note(q->app->audit, &(struct audit_note){
					  .event = q->method->event,
					  .result = result,
					  .domain = q->realm ? q->realm->domain.row.id : 0,
					  .who = who,
					  .from = q->caller.address,
					  .what = q->what[0] ? q->what : NULL,
					  .detail = q->detail,
				  });
	json_decref(q->detail);
	free(q);
}

void ask_reply(struct ask *q, json_t *result)
{
	struct rpc *rpc = q->origin->find(q->app, q->number);

	if (rpc)
		rpc_reply(rpc, q->id, result);
	else
		json_decref(result);
	finish(q, AUDIT_OK);
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
	ask_tell(q, "reason", json_string(words));
	finish(q, code == RPC_INTERNAL || code == RPC_UNAVAILABLE ? AUDIT_FAILED : AUDIT_REFUSED);
}
