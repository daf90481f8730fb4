/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who the other side is. The library checks the chain and the handshake's signature; names
 * and identities are checked here, on the parsed certificate. The callback runs for every
 * certificate because the library is built with WOLFSSL_ALWAYS_VERIFY_CB.
 */
#include "common/io/tls_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wolfssl/wolfcrypt/asn.h>

#include "common/io/clock.h"
#include "common/pure/addr.h"
#include "common/pure/text.h"

#define NO_CA "certificate cannot be checked: no domain CA is known"
#define UNTRUSTED "certificate is not signed by the domain CA"
#define WRONG_PIN "domain CA is not the one that the invitation names (another fingerprint)"

/* One DNS name of a certificate against the host; a wildcard stands for one whole label (RFC
 * 6125 6.4.3). */
static bool dns_matches(const char *name, size_t len, const char *host)
{
	const char *rest = strchr(host, '.');

	if (len != strnlen(name, len))
		return false;
	if (len > 2 && name[0] == '*' && name[1] == '.')
		return rest && rest != host && strlen(rest) == len - 1 &&
		       strncasecmp(rest, name + 1, len - 1) == 0;
	return strlen(host) == len && strncasecmp(host, name, len) == 0;
}

static bool name_matches(const DNS_entry *e, const char *host, const struct addr *ip)
{
	if (ip->family == 0)
		return e->type == ASN_DNS_TYPE && dns_matches(e->name, (size_t)e->len, host);
	return e->type == ASN_IP_TYPE && e->len == (ip->family == 4 ? 4 : 16) &&
	       memcmp(e->name, ip->bytes, (size_t)e->len) == 0;
}

static bool cert_names_host(const uint8_t *der, size_t len, const char *host)
{
	struct addr ip = {.family = 0};
	DecodedCert cert;
	bool found = false;

	if (addr_parse(&ip, host) != 0)
		ip.family = 0;
	wc_InitDecodedCert(&cert, der, (word32)len, NULL);
	if (wc_ParseCert(&cert, CERT_TYPE, NO_VERIFY, NULL) == 0) {
		for (const DNS_entry *e = cert.altNames; e && !found; e = e->next)
			found = name_matches(e, host, &ip);
	}
	wc_FreeDecodedCert(&cert);
	return found;
}

static bool is_ca(const WOLFSSL_BUFFER_INFO *der)
{
	DecodedCert cert;
	bool yes;

	wc_InitDecodedCert(&cert, der->buffer, (word32)der->length, NULL);
	yes = wc_ParseCert(&cert, CERT_TYPE, NO_VERIFY, NULL) == 0 && cert.isCA;
	wc_FreeDecodedCert(&cert);
	return yes;
}

static bool cm_trusts(WOLFSSL_CERT_MANAGER *cm, const WOLFSSL_BUFFER_INFO *der, bool dates)
{
	DecodedCert cert;
	bool yes;

	wc_InitDecodedCert(&cert, der->buffer, (word32)der->length, NULL);
	yes = wc_ParseCert(&cert, CERT_TYPE, dates ? VERIFY : VERIFY_SKIP_DATE, cm) == 0;
	wc_FreeDecodedCert(&cert);
	return yes;
}

/*
 * Is the leaf signed by one of @roots, by way of what came with it? The library must not be asked
 * to go on after a chain that it does not trust: it would keep the strange CA in the context and
 * trust it from then on.
 */
static bool chain_is_trusted(WOLFSSL_CERT_MANAGER *roots, const WOLFSSL_X509_STORE_CTX *store,
			     bool dates)
{
	WOLFSSL_CERT_MANAGER *between = wolfSSL_CertManagerNew();
	bool ok = false;

	for (int i = store->totalCerts - 1; between && i >= 0; i--) {
		const WOLFSSL_BUFFER_INFO *cert = &store->certs[i];

		ok = cm_trusts(roots, cert, dates) || cm_trusts(between, cert, dates);
		if (ok && i > 0 && is_ca(cert))
			(void)wolfSSL_CertManagerLoadCABuffer_ex(
				between, cert->buffer, (long)cert->length, WOLFSSL_FILETYPE_ASN1, 0,
				WOLFSSL_LOAD_FLAG_DATE_ERR_OKAY);
	}
	wolfSSL_CertManagerFree(between);
	return ok;
}

/* When all certificates of the chain are valid. */
static bool chain_dates(struct tls_peer *p, const WOLFSSL_X509_STORE_CTX *store)
{
	int64_t from, until;

	p->not_before = 0;
	p->not_after = INT64_MAX;
	for (int i = 0; i < store->totalCerts; i++) {
		if (x509_dates(store->certs[i].buffer, store->certs[i].length, &from, &until) != 0)
			return false;
		p->not_before = from > p->not_before ? from : p->not_before;
		p->not_after = until < p->not_after ? until : p->not_after;
	}
	return true;
}

int tls_peer_dates(const struct tls_peer *peer)
{
	int64_t now = clock_wall_s();

	return peer->not_before <= now && now <= peer->not_after ? 0 : -ETIME;
}

bool tls_peer_verified(const struct tls_peer *p)
{
	return p->verified || (p->only_dates && tls_peer_dates(p) == 0);
}

static void outer_check(struct tls *t, const WOLFSSL_X509_STORE_CTX *store)
{
	WOLFSSL_CERT_MANAGER *roots = wolfSSL_CTX_GetCertManager(t->ctx->ctx);
	const WOLFSSL_BUFFER_INFO *leaf = &store->certs[0];
	struct tls_peer *p = &t->peer;
	bool trusted = chain_is_trusted(roots, store, true), dated = false;

	p->has_cert = true;
	tls_inspect_note(p, leaf);
	trusted = trusted || tls_inspect_pinned(t->ctx, store);
	if (!trusted)
		dated = chain_is_trusted(roots, store, false) && chain_dates(p, store);
	if (!trusted && !dated)
		snprintf(p->problem, sizeof(p->problem), "certificate not trusted (unknown CA)");
	else if (!cert_names_host(leaf->buffer, leaf->length, t->host))
		snprintf(p->problem, sizeof(p->problem), "certificate is not for %.100s", t->host);
	else if (dated)
		snprintf(p->problem, sizeof(p->problem),
			 "certificate has expired or is not valid yet");
	p->verified = trusted && !p->problem[0];
	p->only_dates = dated && tls_peer_dates(p) != 0;
}

/* First contact: the last certificate of the chain must be the one that the invitation names. */
static bool pin_matches(struct tls *t, const WOLFSSL_X509_STORE_CTX *store)
{
	const WOLFSSL_BUFFER_INFO *root = &store->certs[store->totalCerts - 1];
	uint8_t sha[32];

	if (store->totalCerts < 2 || root->length > sizeof(t->peer.root->der))
		return false;
	x509_sha256(root->buffer, root->length, sha);
	if (!text_equal_ct(sha, t->expect.ca_sha256, sizeof(sha)))
		return false;
	if (!t->peer.root)
		t->peer.root = malloc(sizeof(*t->peer.root));
	if (!t->peer.root)
		return false;
	memcpy(t->peer.root->der, root->buffer, root->length);
	t->peer.root->len = root->length;
	return true;
}

/*
 * A key that was granted needs no CA: who granted it knows whose it is, and the handshake proves
 * it. So the ends of a path may stand on both sides of a change of CAs.
 */
static const char *signature_problem(struct tls *t, bool chain_ok,
				     const WOLFSSL_X509_STORE_CTX *store)
{
	const WOLFSSL_BUFFER_INFO *leaf = &store->certs[0];

	t->peer.ca = &t->ctx->ca;
	if (t->expect.has_ca_pin) {
		if (!pin_matches(t, store))
			return WRONG_PIN;
		t->peer.ca = t->peer.root;
		/* Dates come later: the library says no for their sake, too. */
		return x509_verify(leaf->buffer, leaf->length, t->peer.ca, false) == 0 ? NULL
										       : UNTRUSTED;
	}
	if (!t->ctx->has_ca)
		return NO_CA;
	if (t->expect.has_key || (chain_ok && t->ctx->n_anchors == 0))
		return NULL;
	t->peer.ca = tls_anchor_signer(t->ctx, leaf->buffer, leaf->length);
	return t->peer.ca ? NULL : UNTRUSTED;
}

/* From when till when both the certificate and its CA are valid. */
static const char *date_problem(struct tls *t, const struct x509_info *info)
{
	struct tls_peer *p = &t->peer;
	struct x509_info ca;

	if (x509_parse(&ca, p->ca->der, p->ca->len) != 0)
		return UNTRUSTED;
	p->not_before = info->not_before > ca.not_before ? info->not_before : ca.not_before;
	p->not_after = info->not_after < ca.not_after ? info->not_after : ca.not_after;
	/* A key that was granted is good as long as the grant. */
	if (t->expect.has_key || t->expect.dates_later || tls_peer_dates(p) == 0)
		return NULL;
	return "certificate has expired or is not valid yet (check the clocks)";
}

static const char *ident_problem(const struct tls *t, const struct x509_info *info)
{
	const struct tls_expect *e = &t->expect;

	if (!info->has_ident)
		return "certificate holds no Farlan identity";
	if (e->has_ident && !ident_equal(&info->id, &e->id))
		return "certificate is somebody else's";
	if (e->any_of_kind && (info->id.kind != e->id.kind ||
			       (e->id.domain[0] && strcmp(info->id.domain, e->id.domain) != 0)))
		return "certificate is of another kind or domain";
	if (e->has_key && !text_equal_ct(info->spki_sha256, e->key_sha256, sizeof(e->key_sha256)))
		return "certificate holds another key than the one that was granted";
	return NULL;
}

/* Return: NULL or what is wrong. */
static const char *inner_check(struct tls *t, bool chain_ok, const WOLFSSL_X509_STORE_CTX *store)
{
	const WOLFSSL_BUFFER_INFO *leaf = &store->certs[0];
	struct x509_info info;
	const char *problem;

	t->peer.has_cert = true;
	if (x509_parse(&info, leaf->buffer, leaf->length) != 0)
		return "certificate cannot be read";
	if (info.is_ca)
		return "certificate is a CA's";
	problem = signature_problem(t, chain_ok, store);
	if (!problem)
		problem = date_problem(t, &info);
	if (!problem)
		problem = ident_problem(t, &info);
	if (problem)
		return problem;
	t->peer.verified = true;
	t->peer.has_ident = true;
	t->peer.id = info.id;
	memcpy(t->peer.key_sha256, info.spki_sha256, sizeof(t->peer.key_sha256));
	return NULL;
}

static bool is_our_ca(const struct tls_ctx *ctx, const WOLFSSL_BUFFER_INFO *cert)
{
	return ctx->has_ca && cert->length == ctx->ca.len &&
	       memcmp(cert->buffer, ctx->ca.der, ctx->ca.len) == 0;
}

/*
 * A certificate behind the leaf. One that is accepted here is a CA for the whole context from now
 * on: so only what the library itself trusts, what the context has already (the library dislikes
 * its dates), or the one that the invitation names.
 */
static const char *issuer_problem(const struct tls *t, bool chain_ok,
				  const WOLFSSL_X509_STORE_CTX *store)
{
	const WOLFSSL_BUFFER_INFO *cert = &store->certs[store->error_depth];
	uint8_t sha[32];

	if (chain_ok || (!t->expect.has_ca_pin && is_our_ca(t->ctx, cert)))
		return NULL;
	x509_sha256(cert->buffer, cert->length, sha);
	if (t->expect.has_ca_pin)
		return text_equal_ct(sha, t->expect.ca_sha256, sizeof(sha)) ? NULL : WRONG_PIN;
	return t->ctx->has_ca ? UNTRUSTED : NO_CA;
}

static int inner_verdict(struct tls *t, const char *problem)
{
	if (problem && !t->reason[0])
		snprintf(t->reason, sizeof(t->reason), "peer's %s", problem);
	return problem ? 0 : 1;
}

/* Whom the Access Server does not know it tells so, in words, behind the handshake. */
static int leaf_verdict(struct tls *t, const char *problem)
{
	if (!problem || !t->expect.peer_optional || strcmp(problem, UNTRUSTED) != 0)
		return inner_verdict(t, problem);
	snprintf(t->peer.problem, sizeof(t->peer.problem), "%s", problem);
	return 1;
}

/*
 * Inside: called for each certificate, from the last down to the leaf (depth 0), whose verdict
 * counts. Outside: the library checks nothing (VERIFY_NONE), so that it keeps nothing.
 */
static int on_verify(int chain_ok, WOLFSSL_X509_STORE_CTX *store)
{
	struct tls *t = store->userCtx;

	if (!t)
		return 0;
	if (!store->certs || store->totalCerts < 1)
		return t->expect.peer_optional ? 1 : 0;
	if (t->ctx->layer == TLS_OUTER) {
		if (store->error_depth == 0)
			outer_check(t, store);
		return 1;
	}
	if (store->error_depth > 0)
		return inner_verdict(t, issuer_problem(t, chain_ok == 1, store));
	/* The library asks again after a no that was overruled, and says yes then. */
	if (t->peer.problem[0])
		return 1;
	return leaf_verdict(t, inner_check(t, chain_ok == 1, store));
}

void tls_verify_install(struct tls *t)
{
	int mode = t->ctx->layer == TLS_OUTER ? WOLFSSL_VERIFY_NONE : WOLFSSL_VERIFY_PEER;

	if (t->ctx->layer == TLS_OUTER && t->is_server)
		return;
	if (t->ctx->layer == TLS_INNER && !t->expect.peer_optional)
		mode |= WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	wolfSSL_set_verify(t->ssl, mode, on_verify);
	wolfSSL_SetCertCbCtx(t->ssl, t);
}

/* A protocol in the comma-separated list @list? */
static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = list; n > 0 && at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, name, n) == 0 && (at[n] == '\0' || at[n] == ','))
			return true;
	}
	return false;
}

int tls_verify_finish(struct tls *t)
{
	char alpn[64];

	if (t->ctx->layer == TLS_OUTER)
		return 0;
	tls_alpn(t, alpn, sizeof(alpn));
	if (t->expect.alpn && !listed(t->expect.alpn, alpn)) {
		snprintf(t->reason, sizeof(t->reason), "peer speaks none of our protocols (%s)",
			 t->expect.alpn);
		return -EPROTO;
	}
	if (!t->peer.verified && !t->expect.peer_optional) {
		snprintf(t->reason, sizeof(t->reason), "peer was not authenticated");
		return -EPROTO;
	}
	return 0;
}
