/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/domain_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/store_realms.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/text.h"

/* --- issuing --------------------------------------------------------------------------------- */

struct ident domain_ident(const struct domain *d, enum ident_kind kind, const char *uid)
{
	struct ident id = {.kind = kind};

	snprintf(id.domain, sizeof(id.domain), "%s", d->row.name);
	snprintf(id.uid, sizeof(id.uid), "%s", uid);
	return id;
}

void domain_uid(char uid[IDENT_UID_SIZE])
{
	uint8_t bytes[IDENT_UID_BYTES];

	file_random(bytes, sizeof(bytes));
	(void)!text_hex_encode(uid, IDENT_UID_SIZE, bytes, sizeof(bytes)); /* the size is right */
}

/* Fill in what all certificates have in common, and sign. */
int domain_sign(const struct domain_ca *by, struct x509_profile *p, const struct public_key *key,
		int64_t now, int64_t not_after, struct x509_cert *cert)
{
	struct x509_info ca;

	if (x509_parse(&ca, by->cert->der, by->cert->len) != 0)
		return -EIO;
	p->not_before = now > DOMAIN_BACKDATE_S ? now - DOMAIN_BACKDATE_S : 0;
	p->not_after = not_after < ca.not_after ? not_after : ca.not_after;
	file_random(p->serial, sizeof(p->serial));
	return x509_issue(cert, p, key->spki, key->len, by->cert, by->key);
}

static struct domain_ca own_ca(const struct store_domain *row)
{
	return (struct domain_ca){.cert = &row->ca, .key = &row->ca_key};
}

int domain_sign_ident(const struct domain_ca *by, const struct ident *id,
		      const struct public_key *key, int64_t now, int64_t not_after,
		      struct x509_cert *cert)
{
	/* A device is the TLS server of its paths, a manager the client. */
	struct x509_profile p = {
		.id = id,
		.client = id->kind != IDENT_ACCESS,
		.server = id->kind == IDENT_DEVICE || id->kind == IDENT_ACCESS,
	};

	return domain_sign(by, &p, key, now, not_after, cert);
}

int domain_issue(const struct domain *d, const struct ident *id, const struct public_key *key,
		 int64_t now, int64_t not_after, struct x509_cert *cert)
{
	struct domain_ca by = own_ca(&d->row);

	return domain_sign_ident(&by, id, key, now, not_after, cert);
}

static void add_host(struct x509_profile *p, const char *host)
{
	for (size_t i = 0; i < p->n_hosts; i++) {
		if (strcmp(p->hosts[i], host) == 0)
			return;
	}
	snprintf(p->hosts[p->n_hosts++], URL_HOST_SIZE, "%s", host);
}

static int sign_outer(const struct domain_ca *by, const struct urls *urls,
		      const struct public_key *key, int64_t now, int64_t not_after,
		      struct x509_cert *cert)
{
	struct x509_profile p = {.server = true};

	for (size_t i = 0; i < urls->n; i++)
		add_host(&p, urls->at[i].host);
	return domain_sign(by, &p, key, now, not_after, cert);
}

/* @row: with the CA that is the domain's then. */
static struct domain_ca outer_signer(const struct domain *d, const struct store_domain *row,
				     int64_t now)
{
	const struct store_former *old = d ? domain_oldest(d, now) : NULL;

	return old ? (struct domain_ca){.cert = &old->ca, .key = &old->key} : own_ca(row);
}

int domain_issue_outer(const struct domain *d, const struct urls *urls,
		       const struct public_key *key, int64_t now, int64_t not_after,
		       struct x509_cert *cert)
{
	struct domain_ca by = outer_signer(d, &d->row, now);

	return sign_outer(&by, urls, key, now, not_after, cert);
}

int domain_token(const struct domain *d, const struct token *t, char out[PASETO_TOKEN_SIZE])
{
	return token_sign(out, t, d->row.token_secret, d->row.token_public) == 0 ? 0 : -EIO;
}

int domain_time(const struct domain *d, const uint8_t nonce[STAMP_NONCE_BYTES], int64_t time_ms,
		uint8_t sig[SIGNATURE_BYTES])
{
	return stamp_sign(sig, d->row.token_secret, d->row.name, nonce, time_ms);
}

int domain_invite(const struct domain *d, enum ident_kind kind,
		  const uint8_t secret[INVITE_SECRET_BYTES], int64_t expires,
		  char out[INVITE_TEXT_SIZE])
{
	struct invite in = {.kind = kind, .expires = expires, .n_urls = d->row.urls.n};

	memcpy(in.ca_sha256, d->ca_sha256, sizeof(in.ca_sha256));
	memcpy(in.secret, secret, sizeof(in.secret));
	for (size_t i = 0; i < in.n_urls; i++)
		in.urls[i] = d->row.urls.at[i];
	return invite_encode(&in, out);
}

/* --- this server's own certificates ------------------------------------------------------------
 */

int domain_own_key(const struct store_domain *row, struct ident *id, struct public_key *key)
{
	*id = (struct ident){.kind = IDENT_ACCESS};
	snprintf(id->domain, sizeof(id->domain), "%s", row->name);
	snprintf(id->uid, sizeof(id->uid), "%s", row->access_uid);
	return x509_spki(&row->access_key, key->spki, sizeof(key->spki), &key->len);
}

int domain_issue_access(struct store_domain *row, int64_t now)
{
	struct domain_ca by = own_ca(row);
	struct public_key key;
	struct ident id;
	int rc = domain_own_key(row, &id, &key);

	return rc ? rc
		  : domain_sign_ident(&by, &id, &key, now, now + DOMAIN_OWN_S, &row->access_cert);
}

int domain_issue_own(const struct domain *d, struct store_domain *row, int64_t now)
{
	struct domain_ca by = outer_signer(d, row, now);
	struct public_key key;
	struct ident id;
	int rc = domain_own_key(row, &id, &key);

	if (rc == 0)
		rc = domain_issue_access(row, now);
	if (rc == 0)
		rc = sign_outer(&by, &row->urls, &key, now, now + DOMAIN_OWN_S, &row->outer_cert);
	return rc;
}

/* Past two thirds of its life, from the future, or unreadable. */
static bool is_due(const struct x509_cert *cert, int64_t now)
{
	struct x509_info info;

	if (x509_parse(&info, cert->der, cert->len) != 0)
		return true;
	return now < info.not_before ||
	       now > info.not_before + (info.not_after - info.not_before) / 3 * 2;
}

/* The CA's word for the key that signs the time. */
static int sign_key(const struct domain *d, const struct x509_key *by, struct ca_link *word)
{
	uint8_t text[STAMP_KEY_TEXT_MAX_BYTES];

	return x509_sign(by, text, stamp_key_text(text, d->row.name, d->row.token_public),
			 word->der, &word->len);
}

int domain_derive(struct domain *d)
{
	int rc = sign_key(d, &d->row.ca_key, &d->key_word);

	x509_sha256(d->row.ca.der, d->row.ca.len, d->ca_sha256);
	memcpy(d->token_key.public, d->row.token_public, sizeof(d->token_key.public));
	token_kid(d->token_key.kid, d->row.token_public);
	for (size_t i = 0; i < d->n_formers && rc == 0; i++)
		rc = sign_key(d, &d->formers[i].row.key, &d->formers[i].key_word);
	return rc;
}

static bool any_due(const struct domain *d, int64_t now)
{
	bool due = is_due(&d->row.access_cert, now) || is_due(&d->row.outer_cert, now);

	for (size_t i = 0; i < d->n_formers && !due; i++)
		due = d->formers[i].access_cert.len > 0 && is_due(&d->formers[i].access_cert, now);
	return due;
}

/* On a copy: what is in use stays as it is on failure. */
int domain_renew(struct domain *d, struct store *s, int64_t now, bool *renewed)
{
	struct store_domain next;
	int rc;

	*renewed = false;
	if (!any_due(d, now))
		return 0;
	next = d->row;
	rc = domain_issue_own(d, &next, now);
	if (rc == 0)
		rc = store_domain_set_certs(s, &next);
	if (rc == 0) {
		d->row = next;
		domain_issue_formers(d, now);
		*renewed = true;
		log_notice("own certificates renewed domain=%s", d->row.name);
	}
	explicit_bzero(&next, sizeof(next));
	return rc;
}

int domain_load(struct domain *d, struct store *s, int64_t id, int64_t now)
{
	bool renewed;
	int rc;

	memset(d, 0, sizeof(*d));
	rc = store_domain_get(s, id, &d->row);
	if (rc)
		return rc;
	rc = domain_load_formers(d, s, now);
	if (rc == 0)
		rc = domain_derive(d);
	if (rc == 0)
		rc = domain_renew(d, s, now, &renewed);
	if (rc)
		domain_wipe(d);
	return rc;
}

/* --- creation ----------------------------------------------------------------------------------
 */

static int make_keys(struct domain *d, int64_t now)
{
	struct store_domain *row = &d->row;
	int rc = x509_key_generate(&row->ca_key);

	if (rc == 0)
		rc = x509_key_generate(&row->access_key);
	if (rc == 0)
		rc = x509_ed25519_generate(row->token_secret, row->token_public);
	if (rc == 0)
		rc = x509_ca_make(&row->ca, &row->ca_key, row->name, now - DOMAIN_BACKDATE_S,
				  now + DOMAIN_CA_S);
	return rc;
}

/* Does an invitation with these addresses fit? Better known now than at the first device. */
static bool invitation_fits(const struct domain *d)
{
	static const uint8_t secret[INVITE_SECRET_BYTES];
	char text[INVITE_TEXT_SIZE];

	return domain_invite(d, IDENT_DEVICE, secret, 0, text) == 0;
}

int domain_create(struct domain *d, struct store *s, const char *name, const struct urls *urls,
		  int64_t now)
{
	int rc;

	memset(d, 0, sizeof(*d));
	snprintf(d->row.name, sizeof(d->row.name), "%s", name);
	d->row.created = now;
	d->row.urls = *urls;
	domain_uid(d->row.access_uid);
	file_random(d->row.ula, sizeof(d->row.ula));
	pool_ula(d->row.ula);
	rc = make_keys(d, now);
	if (rc == 0)
		rc = domain_derive(d);
	if (rc == 0)
		rc = invitation_fits(d) ? domain_issue_own(d, &d->row, now) : -E2BIG;
	if (rc == 0)
		rc = store_domain_add(s, &d->row);
	if (rc)
		domain_wipe(d);
	return rc;
}

/* On a copy: what is in use stays as it is on failure. */
int domain_set_urls(struct domain *d, struct store *s, const struct urls *urls, int64_t now)
{
	struct domain next = *d;
	int rc;

	next.row.urls = *urls;
	rc = invitation_fits(&next) ? domain_issue_own(d, &next.row, now) : -E2BIG;
	if (rc == 0)
		rc = store_domain_set_urls(s, &next.row);
	if (rc == 0)
		d->row = next.row;
	domain_wipe(&next);
	return rc;
}

void domain_wipe(struct domain *d)
{
	explicit_bzero(d, sizeof(*d));
}
