/* SPDX-License-Identifier: GPL-3.0-or-later */
/* New CAs and token keys, and who comes from old ones. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/domain_internal.h"
#include "common/io/log.h"
#include "common/pure/rpcmsg.h"

/* --- CAs that the domain had -------------------------------------------------------------------
 */

static void issue_former(const struct domain *d, struct domain_former *f, int64_t now)
{
	struct domain_ca by = {.cert = &f->row.ca, .key = &f->row.key};
	struct public_key key;
	struct ident id;

	if (domain_own_key(&d->row, &id, &key) != 0 ||
	    domain_sign_ident(&by, &id, &key, now, now + DOMAIN_OWN_S, &f->access_cert) != 0) {
		f->access_cert.len = 0;
		log_warn("nobody comes from a former CA any more: it has expired or is damaged");
	}
}

void domain_issue_formers(struct domain *d, int64_t now)
{
	for (size_t i = 0; i < d->n_formers; i++)
		issue_former(d, &d->formers[i], now);
}

int domain_load_formers(struct domain *d, struct store *s, int64_t now)
{
	struct store_former *rows = calloc(STORE_FORMERS_MAX, sizeof(*rows));
	int rc = rows ? store_formers(s, d->row.id, rows, &d->n_formers) : -ENOMEM;

	if (rc)
		d->n_formers = 0;
	for (size_t i = 0; i < d->n_formers; i++) {
		struct domain_former *f = &d->formers[i];

		f->row = rows[i];
		x509_sha256(f->row.ca.der, f->row.ca.len, f->ca_sha256);
	}
	domain_issue_formers(d, now);
	if (rows)
		explicit_bzero(rows, STORE_FORMERS_MAX * sizeof(*rows));
	free(rows);
	return rc;
}

static const struct domain_former *former(const struct domain *d, int anchor)
{
	return anchor >= 0 && (size_t)anchor < d->n_formers ? &d->formers[anchor] : NULL;
}

const struct ca_link *domain_key_word(const struct domain *d, int anchor)
{
	const struct domain_former *f = former(d, anchor);

	return f ? &f->key_word : &d->key_word;
}

bool domain_anchor_ok(const struct domain *d, int anchor)
{
	const struct domain_former *f = former(d, anchor);

	return f ? f->row.link.len > 0 : anchor == (int)d->n_formers;
}

/* Endpoints keep so many. */
static size_t first_kept(const struct domain *d)
{
	return d->n_formers > DOMAIN_FORMERS_TOLD_MAX ? d->n_formers - DOMAIN_FORMERS_TOLD_MAX : 0;
}

const struct store_former *domain_oldest(const struct domain *d, int64_t now)
{
	struct x509_info info;

	for (size_t i = first_kept(d); i < d->n_formers; i++) {
		const struct store_former *f = &d->formers[i].row;

		if (f->link.len > 0 && x509_parse(&info, f->ca.der, f->ca.len) == 0 &&
		    now + DOMAIN_OWN_S < info.not_after)
			return f;
	}
	return NULL;
}

const struct x509_cert *domain_outer_ca(const struct domain *d, const struct x509_cert *cert)
{
	if (x509_verify(cert->der, cert->len, &d->row.ca, false) == 0)
		return &d->row.ca;
	for (size_t i = 0; i < d->n_formers; i++) {
		const struct x509_cert *ca = &d->formers[i].row.ca;

		if (x509_verify(cert->der, cert->len, ca, false) == 0)
			return ca;
	}
	return NULL;
}

json_t *domain_former_cas(const struct domain *d)
{
	json_t *list = json_array();

	for (size_t i = first_kept(d); i < d->n_formers; i++) {
		const struct store_former *f = &d->formers[i].row;

		if (f->link.len > 0)
			json_array_append_new(
				list,
				json_pack("{s:o}", "ca", rpc_json_bytes(f->ca.der, f->ca.len)));
	}
	return list;
}

json_t *domain_links(const struct domain *d, int anchor)
{
	size_t i = former(d, anchor) ? (size_t)anchor : d->n_formers;
	json_t *list = json_array();

	for (; i < d->n_formers; i++) {
		const struct x509_cert *to =
			i + 1 < d->n_formers ? &d->formers[i + 1].row.ca : &d->row.ca;

		if (json_array_append_new(list, ca_link_to_json(&d->formers[i].row.link, to)) !=
		    0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* --- a new CA ----------------------------------------------------------------------------------
 */

/* The outer certificate stays: who does not follow yet checks it. Not after a compromise. */
static int make_ca(struct store_domain *next, struct store_former *f, bool compromised, int64_t now)
{
	int rc = x509_key_generate(&next->ca_key);

	if (rc == 0)
		rc = x509_ca_make(&next->ca, &next->ca_key, next->name, now - DOMAIN_BACKDATE_S,
				  now + DOMAIN_CA_S);
	if (rc == 0 && !compromised)
		rc = ca_link_make(&f->link, &f->ca, &f->key, &next->ca);
	if (rc == 0 && compromised) {
		next->other_token = (struct store_token){.use = STORE_TOKEN_NONE};
		rc = x509_ed25519_generate(next->token_secret, next->token_public);
	}
	if (rc)
		return rc;
	return compromised ? domain_issue_own(NULL, next, now) : domain_issue_access(next, now);
}

static int store_roll(struct store *s, const struct store_domain *next,
		      const struct store_former *f, bool compromised)
{
	int rc = store_begin(s);

	if (rc)
		return rc;
	rc = store_former_add(s, next->id, f);
	if (rc == 0 && compromised)
		rc = store_former_unlink(s, next->id);
	if (rc == 0 && compromised)
		rc = store_invite_replace_all(s, next->id);
	if (rc == 0)
		rc = store_domain_set_ca(s, next);
	if (rc == 0)
		rc = store_domain_set_tokens(s, next);
	if (rc == 0)
		rc = store_commit(s);
	if (rc)
		store_rollback(s);
	return rc;
}

/* What is in use stays as it is on failure. */
int domain_roll(struct domain *d, struct store *s, bool compromised, int64_t now)
{
	struct store_former f = {.key = d->row.ca_key, .ca = d->row.ca};
	struct store_domain next = d->row;
	int rc = d->n_formers == STORE_FORMERS_MAX ? -ENOSPC : 0;

	if (rc == 0)
		rc = make_ca(&next, &f, compromised, now);
	if (rc == 0)
		rc = store_roll(s, &next, &f, compromised);
	if (rc == 0) {
		d->row = next;
		rc = domain_load_formers(d, s, now);
		if (rc == 0)
			rc = domain_derive(d);
	}
	explicit_bzero(&next, sizeof(next));
	explicit_bzero(&f, sizeof(f));
	return rc;
}

/* --- token keys --------------------------------------------------------------------------------
 */

int domain_token_roll(struct domain *d, struct store *s, int64_t now)
{
	struct store_domain next = d->row;
	struct store_token *o = &next.other_token;
	int rc;

	if (o->use != STORE_TOKEN_NONE)
		return -EBUSY;
	*o = (struct store_token){.use = STORE_TOKEN_NEXT, .since = now};
	rc = x509_ed25519_generate(o->secret, o->public);
	if (rc == 0)
		rc = store_domain_set_tokens(s, &next);
	if (rc == 0)
		d->row = next;
	explicit_bzero(&next, sizeof(next));
	return rc;
}

/* The next one signs; the one that did is good for what it signed. */
static void promote(struct store_domain *row, int64_t now)
{
	struct store_token last = {.use = STORE_TOKEN_LAST, .since = now};

	memcpy(last.public, row->token_public, sizeof(last.public));
	memcpy(row->token_secret, row->other_token.secret, sizeof(row->token_secret));
	memcpy(row->token_public, row->other_token.public, sizeof(row->token_public));
	row->other_token = last;
}

int domain_token_step(struct domain *d, struct store *s, int64_t now, bool *changed)
{
	struct store_domain next = d->row;
	struct store_token *o = &next.other_token;
	int rc = 0;

	*changed = true;
	if (o->use == STORE_TOKEN_NEXT && now >= o->since + DOMAIN_TOKEN_NEXT_S)
		promote(&next, now);
	else if (o->use == STORE_TOKEN_LAST && now >= o->since + DOMAIN_TOKEN_LAST_S)
		*o = (struct store_token){.use = STORE_TOKEN_NONE};
	else
		*changed = false;
	if (*changed)
		rc = store_domain_set_tokens(s, &next);
	if (*changed && rc == 0) {
		d->row = next;
		rc = domain_derive(d);
	}
	explicit_bzero(&next, sizeof(next));
	return rc;
}

static json_t *token_key(const uint8_t public[PASETO_PUBLIC_BYTES])
{
	char kid[TOKEN_KID_SIZE];

	token_kid(kid, public);
	return json_pack("{s:s, s:o}", "kid", kid, "public",
			 rpc_json_bytes(public, PASETO_PUBLIC_BYTES));
}

json_t *domain_token_keys(const struct domain *d)
{
	const struct store_token *o = &d->row.other_token;
	json_t *list = json_array();

	if (o->use == STORE_TOKEN_LAST)
		json_array_append_new(list, token_key(o->public));
	json_array_append_new(list, token_key(d->row.token_public));
	if (o->use == STORE_TOKEN_NEXT)
		json_array_append_new(list, token_key(o->public));
	return list;
}
