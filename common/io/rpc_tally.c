/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/rpc_tally.h"

#include "common/pure/rpcmsg.h"

static enum rpc_result of_code(int code)
{
	switch (code) {
	case 0:
		return RPC_RESULT_OK;
	case RPC_DENIED:
		return RPC_RESULT_DENIED;
	case RPC_NOT_FOUND:
		return RPC_RESULT_NOT_FOUND;
	case RPC_CONFLICT:
		return RPC_RESULT_CONFLICT;
	case RPC_UNAVAILABLE:
		return RPC_RESULT_UNAVAILABLE;
	case RPC_EXPIRED:
		return RPC_RESULT_EXPIRED;
	case RPC_PARSE:
	case RPC_INVALID_REQUEST:
	case RPC_NO_METHOD:
	case RPC_BAD_PARAMS:
		return RPC_RESULT_MALFORMED;
	default:
		return RPC_RESULT_INTERNAL;
	}
}

const char *rpc_result_name(enum rpc_result r)
{
	static const char *const names[RPC_RESULTS] = {
		[RPC_RESULT_OK] = "ok",
		[RPC_RESULT_DENIED] = "denied",
		[RPC_RESULT_NOT_FOUND] = "not-found",
		[RPC_RESULT_CONFLICT] = "conflict",
		[RPC_RESULT_UNAVAILABLE] = "unavailable",
		[RPC_RESULT_EXPIRED] = "expired",
		[RPC_RESULT_MALFORMED] = "malformed",
		[RPC_RESULT_INTERNAL] = "internal",
		[RPC_RESULT_NOTIFICATION] = "notification",
	};

	return names[r];
}

void rpc_tally_asked(struct rpc_tally *t, struct rpc_tally_open *open, int64_t id, size_t method)
{
	if (method > RPC_TALLY_OTHER)
		method = RPC_TALLY_OTHER;
	if (id == 0) {
		t->n[method][RPC_RESULT_NOTIFICATION]++;
		return;
	}
	for (size_t i = 0; i < RPC_TALLY_OPEN; i++) {
		if (open->id[i] != 0)
			continue;
		open->id[i] = id;
		open->method[i] = (uint8_t)method;
		return;
	}
}

void rpc_tally_answered(struct rpc_tally *t, struct rpc_tally_open *open, int64_t id, int code)
{
	size_t method = RPC_TALLY_OTHER;

	for (size_t i = 0; i < RPC_TALLY_OPEN; i++) {
		if (open->id[i] != id)
			continue;
		method = open->method[i];
		open->id[i] = 0;
		break;
	}
	t->n[method][of_code(code)]++;
}
