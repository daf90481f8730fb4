/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Contexts of the outer layer from what an administrator has in files. */
#include "common/io/tls_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"

#define TRUST_MAX_BYTES (1 << 20)

static const char *use_pair(WOLFSSL_CTX *ctx, const struct tls_pem *chain,
			    const struct tls_pem *key)
{
	if (wolfSSL_CTX_use_certificate_chain_buffer(ctx, chain->bytes, (long)chain->len) !=
	    WOLFSSL_SUCCESS)
		return "the certificate cannot be read: is it a PEM file, and whole?";
	if (wolfSSL_CTX_use_PrivateKey_buffer(ctx, key->bytes, (long)key->len,
					      WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS)
		return "the key cannot be read, or is not that of the certificate: a PEM file "
		       "without a password?";
	if (wolfSSL_CTX_check_private_key(ctx) != WOLFSSL_SUCCESS)
		return "the key is not that of the certificate";
	return NULL;
}

int tls_ctx_outer_server_pem(struct tls_ctx **out, const struct tls_pem *chain,
			     const struct tls_pem *key, const char **why)
{
	struct tls_ctx *c = tls_ctx_new(TLS_OUTER, true);

	if (!c)
		return -ENOMEM;
	*why = use_pair(c->ctx, chain, key);
	if (*why) {
		tls_ctx_free(c);
		return -EINVAL;
	}
	*out = c;
	return 0;
}

static void trust_file(struct tls_ctx *c, const char *path)
{
	uint8_t *pem;
	size_t n;
	int r = file_read(path, TRUST_MAX_BYTES, &pem, &n);

	if (r != 0) {
		log_warn("trust: file cannot be read, what it signed is not trusted file=\"%s\" "
			 "error=\"%s\"",
			 path, strerror(-r));
		return;
	}
	if (wolfSSL_CTX_load_verify_buffer_ex(c->ctx, pem, (long)n, WOLFSSL_FILETYPE_PEM, 0,
					      WOLFSSL_LOAD_FLAG_DATE_ERR_OKAY) != WOLFSSL_SUCCESS)
		log_warn("trust: no certificate of a CA in PEM form file=\"%s\"", path);
	free(pem);
}

int tls_ctx_outer_trusting(struct tls_ctx **out, const struct x509_cert *ca,
			   const struct opt_trust *trust)
{
	int r = tls_ctx_outer_client(out, !trust || trust->domain ? ca : NULL,
				     !trust || trust->system);

	for (size_t i = 0; r == 0 && trust && i < trust->n_files; i++)
		trust_file(*out, trust->files[i]);
	return r;
}

int tls_ctx_outer_of(struct tls_ctx **out, const struct identity *id, const struct opt_trust *trust,
		     bool refuse_inspection)
{
	int r = tls_ctx_outer_trusting(out, &id->ca, trust);

	if (r != 0)
		return r;
	if (!trust || trust->domain)
		r = tls_ctx_trust_formers(*out, id);
	if (r != 0) {
		tls_ctx_free(*out);
		return r;
	}
	if (refuse_inspection)
		tls_ctx_refuse_inspection(*out);
	return 0;
}
