/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A device that is locked at the machine (docs/PROTOCOL.md, section 4.12): it says so, and nothing
 * said here changes it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/clients_internal.h"
#include "accessd/store_policy.h"

static void note(const struct client *c, const struct store_lock *lock)
{
	char who[STORE_NAME_SIZE + 8];
	json_t *detail =
		lock ? json_pack("{s:s, s:I}", "why", lock->why, "since", (json_int_t)lock->since)
		     : NULL;

	snprintf(who, sizeof(who), "device %s", c->name);
	audit_later(c->owner->audit,
		    &(struct audit_note){
			    .event = lock ? EVENT_DEVICE_LOCKED : EVENT_DEVICE_UNLOCKED,
			    .result = AUDIT_OK,
			    .domain = c->owner->admission->domain->row.id,
			    .who = who,
			    .from = c->address,
			    .what = who,
			    .detail = detail,
		    });
	json_decref(detail);
}

void control_on_lock(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	struct store_lock lock = {.since = 0};
	bool locked, changed;
	const char *why = "";

	if (c->state != CLIENT_ONLINE || c->kind != IDENT_DEVICE ||
	    !rpc_bool(params, "locked", &locked)) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "locked: yes or no? Of a device");
		return;
	}
	(void)rpc_str(params, "why", &why);
	(void)rpc_int(params, "since", 0, INT64_MAX, &lock.since);
	log_clean(lock.why, sizeof(lock.why), why, strlen(why));
	if (store_lock_set(c->owner->store, c->member, locked ? &lock : NULL, &changed) == 0 &&
	    changed) {
		log_notice("device %s device=%s why=\"%s\"", locked ? "locked" : "unlocked",
			   c->name, lock.why);
		note(c, locked ? &lock : NULL);
	}
	rpc_reply(rpc, id, json_object());
}
