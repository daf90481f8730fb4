/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A device that is locked at the machine (docs/PROTOCOL.md, section 4.12): it says so, and nothing
 * that is said here changes it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/clients_internal.h"
#include "accessd/store_policy.h"

#define LOCKS_IN_WINDOW 40 /* a notification: nothing is answered */

/* With its record, or neither. @lock: NULL: it is not. */
static int keep(struct client *c, const struct store_lock *lock, bool *changed)
{
	struct store *s = c->owner->store;
	int rc = store_begin(s);

	if (rc)
		return rc;
	rc = store_lock_set(s, c->member, lock, changed);
	if (rc == 0 && *changed)
		rc = client_note(c, lock ? EVENT_DEVICE_LOCKED : EVENT_DEVICE_UNLOCKED, AUDIT_OK,
				 lock ? lock->why : NULL);
	if (rc == 0)
		rc = store_commit(s);
	if (rc)
		store_rollback(s);
	return rc;
}

void control_on_lock(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	struct store_lock lock = {.since = 0};
	bool locked = false, changed = false;
	const char *why = "";

	if (!control_is_allowed(c, id, false))
		return;
	if (c->kind != IDENT_DEVICE || !rpc_bool(params, "locked", &locked)) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "a device says locked: true or false");
		return;
	}
	(void)rpc_str(params, "why", &why);
	(void)rpc_int(params, "since", INT64_MIN, INT64_MAX, &lock.since);
	log_clean(lock.why, sizeof(lock.why), why, strlen(why));
	if (!control_is_within(c, &c->n_locks, LOCKS_IN_WINDOW))
		rpc_reject(rpc, id, RPC_UNAVAILABLE, "too many changes");
	else if (keep(c, locked ? &lock : NULL, &changed) != 0)
		log_error("that a device is locked could not be stored device=%s", c->name);
	else if (changed)
		log_notice("device %s at the machine device=%s why=\"%s\"",
			   locked ? "locked" : "unlocked", c->name, lock.why);
}
