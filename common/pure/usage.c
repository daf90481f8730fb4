/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/usage.h"

#include <errno.h>
#include <string.h>

#include "common/pure/rpcmsg.h"

static bool put_count(json_t *o, const char *key, uint64_t v)
{
	return json_object_set_new(o, key, json_integer((json_int_t)v)) == 0;
}

json_t *usage_encode(const struct usage *u)
{
	json_t *o = json_object();
	bool ok = json_object_set_new(o, "session", json_string(u->session)) == 0 &&
		  put_count(o, "seq", (uint64_t)u->seq) &&
		  put_count(o, "from_ms", (uint64_t)u->from_ms) &&
		  put_count(o, "to_ms", (uint64_t)u->to_ms) &&
		  put_count(o, "bytes_to_device", u->bytes_to_device) &&
		  put_count(o, "bytes_to_manager", u->bytes_to_manager);

	if (ok && u->has_packets)
		ok = put_count(o, "packets_to_device", u->packets_to_device) &&
		     put_count(o, "packets_to_manager", u->packets_to_manager);
	if (ok && u->over)
		ok = json_object_set_new(o, "reason", json_string(u->reason)) == 0;
	if (ok)
		return o;
	json_decref(o);
	return NULL;
}

static bool get_count(const json_t *o, const char *key, uint64_t *v)
{
	int64_t n;

	if (!rpc_int(o, key, 0, INT64_MAX, &n))
		return false;
	*v = (uint64_t)n;
	return true;
}

/* Cut and cleaned rather than refused: the figures matter more. */
static bool get_reason(const json_t *o, struct usage *u)
{
	const char *text;
	size_t i;

	if (!json_object_get(o, "reason"))
		return true;
	if (!rpc_str(o, "reason", &text))
		return false;
	u->over = true;
	for (i = 0; i < sizeof(u->reason) - 1 && text[i]; i++)
		u->reason[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	return true;
}

static bool get_packets(const json_t *o, struct usage *u)
{
	u->has_packets = json_object_get(o, "packets_to_device") != NULL;
	return !u->has_packets || (get_count(o, "packets_to_device", &u->packets_to_device) &&
				   get_count(o, "packets_to_manager", &u->packets_to_manager));
}

int usage_decode(struct usage *u, const json_t *o)
{
	struct usage found = {.seq = 0};

	if (!rpc_str_max(o, "session", found.session, sizeof(found.session)) ||
	    !ident_uid_ok(found.session) || !rpc_int(o, "seq", 1, USAGE_SEQ_MAX, &found.seq) ||
	    !rpc_int(o, "from_ms", 0, USAGE_TIME_MAX_MS, &found.from_ms) ||
	    !rpc_int(o, "to_ms", found.from_ms, USAGE_TIME_MAX_MS, &found.to_ms))
		return -EBADMSG;
	if (!get_count(o, "bytes_to_device", &found.bytes_to_device) ||
	    !get_count(o, "bytes_to_manager", &found.bytes_to_manager) || !get_packets(o, &found) ||
	    !get_reason(o, &found))
		return -EBADMSG;
	*u = found;
	return 0;
}
