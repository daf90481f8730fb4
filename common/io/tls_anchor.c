/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which domain CA the client of an inner engine trusts, and what it is shown for it. A client names
 * its CA (SNI); where a domain had others before, it is answered with the chain that ends there.
 */
#include "common/io/tls_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/text.h"

#define KEYID_BYTES 8

static void name_of_hash(char name[TLS_ANCHOR_NAME_SIZE], const uint8_t sha[32])
{
	snprintf(name, TLS_ANCHOR_NAME_SIZE, "ca-");
	/* The size is right. */
	(void)!text_hex_encode(name + 3, TLS_ANCHOR_NAME_SIZE - 3, sha, KEYID_BYTES);
}

static void name_of(char name[TLS_ANCHOR_NAME_SIZE], const struct x509_cert *ca)
{
	uint8_t sha[32];

	x509_sha256(ca->der, ca->len, sha);
	name_of_hash(name, sha);
}

bool tls_anchor_ask(struct tls *t)
{
	char name[TLS_ANCHOR_NAME_SIZE];

	if (t->expect.has_ca_pin)
		name_of_hash(name, t->expect.ca_sha256);
	else if (t->ctx->has_ca)
		name_of(name, &t->ctx->ca);
	else
		return true;
	return wolfSSL_UseSNI(t->ssl, WOLFSSL_SNI_HOST_NAME, name, (unsigned short)strlen(name)) ==
	       WOLFSSL_SUCCESS;
}

static bool is_named(const char *name, const char *asked, size_t len)
{
	return strlen(name) == len && memcmp(name, asked, len) == 0;
}

static int find_anchor(const struct tls_ctx *c, const char *asked, size_t len)
{
	char own[TLS_ANCHOR_NAME_SIZE];

	if (!c->has_ca)
		return TLS_ANCHOR_UNKNOWN;
	name_of(own, &c->ca);
	if (len == 0 || is_named(own, asked, len))
		return 0;
	for (size_t i = 0; i < c->n_anchors; i++) {
		if (is_named(c->anchors[i].name, asked, len))
			return (int)i + 1;
	}
	return TLS_ANCHOR_UNKNOWN;
}

/* The key is the context's in any case. */
static int on_name(WOLFSSL *ssl, int *alert, void *arg)
{
	struct tls *t = wolfSSL_GetIOReadCtx(ssl);
	const struct tls_anchor *a;
	void *name = NULL;
	size_t len = wolfSSL_SNI_GetRequest(ssl, WOLFSSL_SNI_HOST_NAME, &name);

	(void)alert;
	(void)arg;
	t->peer.anchor = find_anchor(t->ctx, name, name ? len : 0);
	if (t->peer.anchor <= 0)
		return 0;
	a = &t->ctx->anchors[t->peer.anchor - 1];
	return wolfSSL_use_certificate_chain_buffer(ssl, (const unsigned char *)a->pem,
						    (long)a->pem_len) == WOLFSSL_SUCCESS
		       ? 0
		       : fatal_return;
}

void tls_anchor_listen(struct tls_ctx *c)
{
	wolfSSL_CTX_set_servername_callback(c->ctx, on_name);
}

int tls_ctx_add_anchor(struct tls_ctx *c, const struct x509_cert *cert, const struct x509_cert *ca,
		       bool trusted)
{
	struct tls_anchor *more = reallocarray(c->anchors, c->n_anchors + 1, sizeof(*more));
	struct tls_anchor *a;
	int rc;

	if (!more)
		return -ENOMEM;
	c->anchors = more;
	a = &c->anchors[c->n_anchors];
	memset(a, 0, sizeof(*a));
	name_of(a->name, ca);
	a->ca = *ca;
	a->trusted = trusted;
	rc = tls_chain_pem(cert, ca, a->pem, &a->pem_len);
	if (rc == 0 && trusted)
		rc = tls_ctx_trust(c, ca);
	if (rc == 0)
		c->n_anchors++;
	return rc;
}

const struct x509_cert *tls_anchor_signer(const struct tls_ctx *c, const uint8_t *cert, size_t len)
{
	if (x509_verify(cert, len, &c->ca, false) == 0)
		return &c->ca;
	for (size_t i = 0; i < c->n_anchors; i++) {
		if (c->anchors[i].trusted && x509_verify(cert, len, &c->anchors[i].ca, false) == 0)
			return &c->anchors[i].ca;
	}
	return NULL;
}
