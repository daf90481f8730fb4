/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Somebody who ends the outer TLS on the way: an inspecting firewall, or a reverse proxy that has
 * another certificate than clients trust. The two look alike from here. The inner layer protects
 * what matters either way; who does not want to be looked at refuses.
 */
#include "common/io/tls_internal.h"

#include <stdio.h>
#include <string.h>
#include <wolfssl/wolfcrypt/asn.h>

#include "common/io/log.h"
#include "common/pure/text.h"

void tls_ctx_refuse_inspection(struct tls_ctx *ctx)
{
	ctx->refuses = true;
}

bool tls_refuses(const struct tls *t)
{
	return t->ctx->refuses && tls_peer_inspected(&t->peer);
}

void tls_ctx_outer_pin(struct tls_ctx *ctx, const uint8_t sha256[32])
{
	ctx->has_pin = true;
	memcpy(ctx->pin, sha256, sizeof(ctx->pin));
}

static bool is_pin(const struct tls_ctx *ctx, const WOLFSSL_BUFFER_INFO *cert)
{
	uint8_t sha[32];

	x509_sha256(cert->buffer, cert->length, sha);
	return text_equal_ct(sha, ctx->pin, sizeof(sha));
}

static bool signs(const WOLFSSL_BUFFER_INFO *by, const WOLFSSL_BUFFER_INFO *leaf)
{
	struct x509_cert ca;

	if (by->length > sizeof(ca.der))
		return false;
	memcpy(ca.der, by->buffer, by->length);
	ca.len = by->length;
	return x509_verify(leaf->buffer, leaf->length, &ca, true) == 0;
}

/*
 * A domain that had other CAs before shows the one that signed, and its newest. That both stand in
 * one chain is no proof, and none is needed: it is to tell our server from a proxy that signs by a
 * CA of its own.
 */
bool tls_inspect_pinned(const struct tls_ctx *ctx, const WOLFSSL_X509_STORE_CTX *store)
{
	bool pinned = false, is_signed = false;

	for (int i = 1; ctx->has_pin && i < store->totalCerts; i++) {
		pinned |= is_pin(ctx, &store->certs[i]);
		is_signed |= signs(&store->certs[i], &store->certs[0]);
	}
	return pinned && is_signed;
}

/* Of "/C=DE/O=Plant/CN=Proxy CA" the common name, or all of it. */
static void take_name(char out[TLS_NAME_SIZE], const char *name)
{
	const char *cn = strstr(name, "/CN=");
	const char *from = cn ? cn + 4 : name;
	const char *end = cn ? strchr(from, '/') : NULL;

	log_clean(out, TLS_NAME_SIZE, from, end ? (size_t)(end - from) : strlen(from));
}

void tls_inspect_note(struct tls_peer *p, const WOLFSSL_BUFFER_INFO *leaf)
{
	DecodedCert cert;

	wc_InitDecodedCert(&cert, leaf->buffer, (word32)leaf->length, NULL);
	if (wc_ParseCert(&cert, CERT_TYPE, NO_VERIFY, NULL) == 0) {
		take_name(p->subject, cert.subject);
		take_name(p->issuer, cert.issuer);
	}
	wc_FreeDecodedCert(&cert);
}

/* A date alone may be this host's clock, or an administrator who forgot. */
bool tls_peer_inspected(const struct tls_peer *p)
{
	return p->has_cert && !tls_peer_verified(p) && !p->only_dates;
}

const char *tls_peer_inspection(const struct tls_peer *p, char out[TLS_INSPECTION_SIZE])
{
	bool named = p->subject[0] != '\0';

	out[0] = '\0';
	if (tls_peer_inspected(p))
		snprintf(out, TLS_INSPECTION_SIZE,
			 "TLS is inspected or ended on the way: certificate%s%s%s issued by "
			 "\"%s\": %s",
			 named ? " of \"" : "", p->subject, named ? "\"," : "", p->issuer,
			 p->problem);
	return out;
}
