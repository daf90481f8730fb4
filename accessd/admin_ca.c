/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The domain's CAs and token keys: shown, and replaced by new ones. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "accessd/admin_internal.h"
#include "common/io/log.h"
#include "common/pure/text.h"

#define KEYID_BYTES 8

/* How many devices and relays have a certificate by each CA, by anchor. */
struct members {
	const struct domain *domain;
	uint64_t n[STORE_FORMERS_MAX + 1];
};

static const uint8_t *sha256_of(const struct domain *d, size_t anchor)
{
	return anchor < d->n_formers ? d->formers[anchor].ca_sha256 : d->ca_sha256;
}

/* Certificates of the first CA may not say whose they are. */
static void count(void *arg, const char *issuer, uint64_t members)
{
	struct members *m = arg;
	char keyid[STORE_ISSUER_SIZE];

	for (size_t i = 0; i <= m->domain->n_formers; i++) {
		(void)!text_hex_encode(keyid, sizeof(keyid), sha256_of(m->domain, i), KEYID_BYTES);
		if (strcmp(keyid, issuer) == 0 || (i == 0 && !issuer[0]))
			m->n[i] += members;
	}
}

static json_t *show_ca(const struct domain *d, size_t anchor, uint64_t members)
{
	const struct x509_cert *ca =
		anchor < d->n_formers ? &d->formers[anchor].row.ca : &d->row.ca;
	char hex[TEXT_HEX_SIZE(32)];
	struct x509_info info = {.not_after = 0};

	(void)!x509_parse(&info, ca->der, ca->len); /* then without dates */
	(void)!text_hex_encode(hex, sizeof(hex), sha256_of(d, anchor), 32);
	return json_pack("{s:s, s:s, s:I, s:I, s:I}", "ca_sha256", hex, "state",
			 anchor == d->n_formers		    ? "current"
			 : domain_anchor_ok(d, (int)anchor) ? "followed"
							    : "dead",
			 "not_before", (json_int_t)info.not_before, "not_after",
			 (json_int_t)info.not_after, "members", (json_int_t)members);
}

static json_t *show_token_key(const uint8_t public[PASETO_PUBLIC_BYTES], const char *state)
{
	char kid[TOKEN_KID_SIZE];

	token_kid(kid, public);
	return json_pack("{s:s, s:s}", "kid", kid, "state", state);
}

static json_t *show_token_keys(const struct domain *d)
{
	const struct store_token *o = &d->row.other_token;
	json_t *list = json_array();

	if (o->use == STORE_TOKEN_LAST)
		json_array_append_new(list, show_token_key(o->public, "last"));
	json_array_append_new(list, show_token_key(d->row.token_public, "signs"));
	if (o->use == STORE_TOKEN_NEXT)
		json_array_append_new(list, show_token_key(o->public, "next"));
	return list;
}

void admin_on_ca_show(struct ask *q, const json_t *params)
{
	const struct realm *r = q->realm;
	struct members m = {.domain = &r->domain};
	json_t *list, *o;

	(void)params;
	if (!admin_ready(q))
		return;
	if (store_issuers(r->store, r->domain.row.id, count, &m) != 0) {
		admin_failed(q, -EIO);
		return;
	}
	list = json_array();
	for (size_t i = 0; i <= r->domain.n_formers; i++)
		json_array_append_new(list, show_ca(&r->domain, i, m.n[i]));
	o = json_pack("{s:o, s:o}", "cas", list, "token_keys", show_token_keys(&r->domain));
	if (realm_ca_problem(r))
		json_object_set_new(o, "problem", json_string(realm_ca_problem(r)));
	ask_reply(q, o);
}

void admin_on_ca_roll(struct ask *q, const json_t *params)
{
	struct realm *r = q->realm;
	bool compromised = false;
	int rc;

	if (!admin_ready(q))
		return;
	(void)!rpc_bool(params, "compromised", &compromised); /* may be absent */
	rc = realm_roll_ca(r, compromised);
	if (rc == -ENOSPC)
		ask_reject(q, RPC_CONFLICT, "the domain has had %d CAs, and can have no more",
			   STORE_FORMERS_MAX + 1);
	else if (rc)
		admin_failed(q, rc);
	else
		admin_on_ca_show(q, params);
}

/* The other key goes before there can be a next one. */
static void reject_too_soon(struct ask *q, const struct store_token *other)
{
	time_t over = (time_t)(other->since + DOMAIN_TOKEN_LAST_S +
			       (other->use == STORE_TOKEN_NEXT ? DOMAIN_TOKEN_NEXT_S : 0));
	char when[32] = "";
	struct tm tm;

	if (gmtime_r(&over, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
	ask_reject(q, RPC_CONFLICT,
		   "the last change of token keys is not over: again from %s UTC on", when);
}

void admin_on_token_key_roll(struct ask *q, const json_t *params)
{
	struct realm *r = q->realm;
	int rc;

	if (!admin_ready(q))
		return;
	rc = realm_roll_tokens(r);
	if (rc == -EBUSY)
		reject_too_soon(q, &r->domain.row.other_token);
	else if (rc)
		admin_failed(q, rc);
	else
		admin_on_ca_show(q, params);
}
