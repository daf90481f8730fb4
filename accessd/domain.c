/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/domain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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
static int sign(const struct domain *d, struct x509_profile *p, const struct public_key *key,
		int64_t now, int64_t not_after, struct x509_cert *cert)
{
	struct x509_info ca;

	if (x509_parse(&ca, d->row.ca.der, d->row.ca.len) != 0)
		return -EIO;
	p->not_before = now - DOMAIN_BACKDATE_S;
	p->not_after = not_after < ca.not_after ? not_after : ca.not_after;
	file_random(p->serial, sizeof(p->serial));
	return x509_issue(cert, p, key->spki, key->len, &d->row.ca, &d->row.ca_key);
}

int domain_issue(const struct domain *d, const struct ident *id, const struct public_key *key,
		 int64_t now, int64_t not_after, struct x509_cert *cert)
{
	/* A device is the TLS server of its paths, a manager the client. */
	struct x509_profile p = {
		.id = id,
		.client = id->kind != IDENT_ACCESS,
		.server = id->kind == IDENT_DEVICE || id->kind == IDENT_ACCESS,
	};

	return sign(d, &p, key, now, not_after, cert);
}

static void add_host(struct x509_profile *p, const char *host)
{
	for (size_t i = 0; i < p->n_hosts; i++) {
		if (strcmp(p->hosts[i], host) == 0)
			return;
	}
	snprintf(p->hosts[p->n_hosts++], URL_HOST_SIZE, "%s", host);
}

int domain_issue_outer(const struct domain *d, const struct urls *urls,
		       const struct public_key *key, int64_t now, int64_t not_after,
		       struct x509_cert *cert)
{
	struct x509_profile p = {.server = true};

	for (size_t i = 0; i < urls->n; i++)
		add_host(&p, urls->at[i].host);
	return sign(d, &p, key, now, not_after, cert);
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

static int issue_own(struct domain *d, int64_t now)
{
	struct ident id = domain_ident(d, IDENT_ACCESS, d->row.access_uid);
	struct store_domain *row = &d->row;
	int64_t end = now + DOMAIN_OWN_S;
	struct public_key key;
	int rc = x509_spki(&row->access_key, key.spki, sizeof(key.spki), &key.len);

	if (rc == 0)
		rc = domain_issue(d, &id, &key, now, end, &row->access_cert);
	if (rc == 0)
		rc = domain_issue_outer(d, &row->urls, &key, now, end, &row->outer_cert);
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

/* Return: 0; -EIO. */
static int derive(struct domain *d)
{
	uint8_t text[STAMP_KEY_TEXT_MAX_BYTES];

	x509_sha256(d->row.ca.der, d->row.ca.len, d->ca_sha256);
	memcpy(d->token_key.public, d->row.token_public, sizeof(d->token_key.public));
	token_kid(d->token_key.kid, d->row.token_public);
	return x509_sign(&d->row.ca_key, text,
			 stamp_key_text(text, d->row.name, d->row.token_public), d->key_sig,
			 &d->key_sig_len);
}

/* On a copy: what is in use stays as it is on failure. */
int domain_renew(struct domain *d, struct store *s, int64_t now, bool *renewed)
{
	struct domain next;
	int rc;

	*renewed = false;
	if (!is_due(&d->row.access_cert, now) && !is_due(&d->row.outer_cert, now))
		return 0;
	next = *d;
	rc = issue_own(&next, now);
	if (rc == 0)
		rc = store_domain_set_certs(s, &next.row);
	if (rc == 0) {
		*d = next;
		*renewed = true;
		log_notice("own certificates renewed domain=%s", d->row.name);
	}
	domain_wipe(&next);
	return rc;
}

int domain_load(struct domain *d, struct store *s, int64_t now)
{
	bool renewed;
	int rc;

	memset(d, 0, sizeof(*d));
	rc = store_domain_first(s, &d->row);
	if (rc)
		return rc;
	rc = derive(d);
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
		rc = derive(d);
	if (rc == 0)
		rc = invitation_fits(d) ? issue_own(d, now) : -E2BIG;
	if (rc == 0)
		rc = store_domain_add(s, &d->row);
	if (rc)
		domain_wipe(d);
	return rc;
}

void domain_wipe(struct domain *d)
{
	explicit_bzero(d, sizeof(*d));
}
