/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON-RPC messages: what is accepted is what its kind promises, and can be said again. */
#include <stdlib.h>
#include <string.h>

#include "common/pure/rpcmsg.h"

static char *again(const struct rpcmsg *m, size_t *len)
{
	switch (m->kind) {
	case RPC_REQUEST:
		return rpcmsg_request(m->id, m->method, json_incref(m->params), len);
	case RPC_NOTIFICATION:
		return rpcmsg_notification(m->method, json_incref(m->params), len);
	case RPC_RESULT:
		return rpcmsg_result(m->id, json_incref(m->result), len);
	case RPC_ERROR:
		return rpcmsg_error(m->id, m->code, m->message, len);
	}
	return NULL;
}

static void compare(const struct rpcmsg *a, const struct rpcmsg *b)
{
	if (a->kind != b->kind || a->id != b->id || strcmp(a->method, b->method) != 0)
		abort();
	if (a->code != b->code || (a->params && !json_equal(a->params, b->params)))
		abort();
	if (a->kind == RPC_RESULT && !json_equal(a->result, b->result))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rpcmsg m, copy;
	size_t len;
	char *text;

	if (rpcmsg_decode(&m, data, size) != 0)
		return 0;
	text = again(&m, &len);
	if (!text || rpcmsg_decode(&copy, text, len) != 0)
		abort();
	compare(&m, &copy);
	free(text);
	rpcmsg_deinit(&copy);
	rpcmsg_deinit(&m);
	return 0;
}
