/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A member's certificate is renewed, whatever the dates of the old one are (docs/PROTOCOL.md,
 * 4.8). */
#include <string.h>

#include "accessd/clients_internal.h"
#include "common/io/clock.h"

bool control_is_due(const struct client *c)
{
	const struct domain *d = c->owner->admission->domain;

	return c->kind != IDENT_USER && c->anchor != DOMAIN_ANCHOR_UNKNOWN &&
	       c->anchor < (int)d->n_formers;
}

static bool may_ask(struct client *c, int64_t id)
{
	if (id != 0 && (c->state == CLIENT_HELLO || c->state == CLIENT_ONLINE) &&
	    c->n_renewals++ < CLIENTS_RENEWALS_MAX)
		return true;
	rpc_reject(&c->rpc, id, RPC_UNAVAILABLE, "too many requests on one connection");
	return false;
}

void control_on_renew(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	uint8_t csr[X509_CSR_MAX_BYTES];
	struct admission_request r = {.csr = csr, .now = clock_wall_s()};
	struct admitted x;
	struct admitting admitting = {.c = c, .x = &x, .event = EVENT_IDENTITY_RENEWED};
	struct refusal why;
	bool ok;

	if (!may_ask(c, id) || control_is_refused(c, id))
		return;
	if (!rpc_bytes(params, "csr", csr, sizeof(csr), &r.csr_len)) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "csr is missing or malformed");
		return;
	}
	client_admits(&admitting);
	ok = admission_renew(c->owner->admission, &c->id, c->key_sha256, &r, &x, &why);
	client_admitted(&admitting);
	if (!ok) {
		client_note_refused(c, EVENT_IDENTITY_RENEWED, NULL, &why);
		log_notice("renewal refused kind=%s uid=%s address=%s reason=\"%s\"",
			   ident_kind_name(c->id.kind), c->id.uid, c->address, why.message);
		rpc_reject(rpc, id, why.code, "%s", why.message);
		return;
	}
	log_notice("renewed kind=%s name=%s address=%s", ident_kind_name(x.member.kind),
		   x.member.name, c->address);
	c->is_served = true;
	rpc_reply(rpc, id, admission_answer(c->owner->admission, &x, c->anchor));
}
