/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which certificate an outer server shows: hosts of several domains may lead to it, and each
 * domain's endpoints check by their own CA.
 */
#include "common/io/tls_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct tls_host *find(const struct tls_ctx *c, const char *name, size_t len)
{
	const struct tls_host *h = c->hosts;

	while (h && (strlen(h->name) != len || strncasecmp(h->name, name, len) != 0))
		h = h->next;
	return h;
}

/* Who names none of them is shown the context's own. */
static int on_name(WOLFSSL *ssl, int *alert, void *arg)
{
	const struct tls *t = wolfSSL_GetIOReadCtx(ssl);
	const struct tls_host *h;
	void *name = NULL;
	size_t len = wolfSSL_SNI_GetRequest(ssl, WOLFSSL_SNI_HOST_NAME, &name);

	(void)alert;
	(void)arg;
	h = name ? find(t->ctx, name, len) : NULL;
	if (!h)
		return 0;
	return wolfSSL_use_certificate_chain_buffer(ssl, (const unsigned char *)h->pem,
						    (long)h->pem_len) == WOLFSSL_SUCCESS &&
			       wolfSSL_use_PrivateKey_buffer(ssl, h->key.der, (long)h->key.len,
							     WOLFSSL_FILETYPE_ASN1) ==
				       WOLFSSL_SUCCESS
		       ? 0
		       : fatal_return;
}

int tls_ctx_outer_face(struct tls_ctx *c, const struct tls_face *face)
{
	struct tls_host *h;

	if (find(c, face->host, strlen(face->host)))
		return 0;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	if (tls_chain_pem(face->cert, face->ca, h->pem, &h->pem_len) != 0 ||
	    (face->newest && !tls_chain_pem_more(h->pem, &h->pem_len, face->newest))) {
		free(h); /* no key is in it yet */
		return -EIO;
	}
	snprintf(h->name, sizeof(h->name), "%s", face->host);
	h->key = *face->key;
	h->next = c->hosts;
	c->hosts = h;
	wolfSSL_CTX_set_servername_callback(c->ctx, on_name);
	return 0;
}

void tls_hosts_free(struct tls_ctx *c)
{
	struct tls_host *next;

	for (; c->hosts; c->hosts = next) {
		next = c->hosts->next;
		explicit_bzero(c->hosts, sizeof(*c->hosts));
		free(c->hosts);
	}
}
