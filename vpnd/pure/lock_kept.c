/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/lock_kept.h"

#include <errno.h>
#include <string.h>

#include "common/pure/rpcmsg.h"

json_t *lock_kept_encode(const struct lock_kept *k)
{
	return json_pack("{s:b, s:I, s:s}", "locked", k->locked, "since", (json_int_t)k->since_s,
			 "reason", k->reason);
}

bool lock_reason_ok(const char *reason)
{
	if (strlen(reason) >= LOCK_REASON_SIZE)
		return false;
	for (; *reason; reason++) {
		if ((unsigned char)*reason < 0x20 || *reason == 0x7f)
			return false;
	}
	return true;
}

int lock_kept_decode(struct lock_kept *k, const json_t *o)
{
	struct lock_kept found = {.locked = false};

	if (!rpc_bool(o, "locked", &found.locked) ||
	    !rpc_int(o, "since", INT64_MIN, INT64_MAX, &found.since_s) ||
	    !rpc_str_max(o, "reason", found.reason, sizeof(found.reason)) ||
	    !lock_reason_ok(found.reason))
		return -EBADMSG;
	*k = found;
	return 0;
}
