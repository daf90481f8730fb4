/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What time it is, for whoever asks before he trusts any date (docs/PROTOCOL.md, 4.7). */
#include <string.h>

#include "accessd/clients_internal.h"
#include "common/io/clock.h"
#include "common/pure/stamp.h"

/* Strangers ask once; a connection that is in use, once a day. */
static bool may_ask(struct client *c, int64_t id)
{
	if (id != 0 && (c->state == CLIENT_ONLINE || c->n_times++ < CLIENTS_TIMES_MAX))
		return true;
	rpc_reject(&c->rpc, id, RPC_UNAVAILABLE, "too many requests on one connection");
	return false;
}

void control_on_time(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	const struct domain *d = c->owner->admission->domain;
	uint8_t nonce[STAMP_NONCE_BYTES], sig[SIGNATURE_BYTES];
	int64_t now_ms = clock_wall_ms();
	size_t n;

	if (!may_ask(c, id))
		return;
	if (!rpc_bytes(params, "nonce", nonce, sizeof(nonce), &n) || n != sizeof(nonce)) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "nonce is missing or does not have 32 bytes");
		return;
	}
	if (now_ms / 1000 < OWNTIME_RELEASED_S) {
		if (log_allowed(&c->owner->clock_limit, 1))
			log_error("this host's clock is wrong: set it; until then nobody is told "
				  "the time");
		rpc_reject(rpc, id, RPC_UNAVAILABLE, "the server's own clock is wrong");
		return;
	}
	if (domain_time(d, nonce, now_ms, sig) != 0) {
		rpc_reject(rpc, id, RPC_INTERNAL, "the server cannot do this now");
		return;
	}
	rpc_reply(rpc, id,
		  json_pack("{s:I, s:o, s:o, s:o}", "time_ms", (json_int_t)now_ms, "public",
			    rpc_json_bytes(d->token_key.public, sizeof(d->token_key.public)),
			    "key_sig", rpc_json_bytes(d->key_sig, d->key_sig_len), "sig",
			    rpc_json_bytes(sig, sizeof(sig))));
}
