/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/tls_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#include <wolfssl/wolfcrypt/asn_public.h>

#include "common/io/clock.h"
#include "common/io/log.h"

#define AES_FIRST "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:TLS13-CHACHA20-POLY1305-SHA256"
#define CHACHA_FIRST \
	"TLS13-CHACHA20-POLY1305-SHA256:TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384"
/* For outer connections that a proxy ends with TLS 1.2. */
#define TLS12_SUITES                                                 \
	":ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256" \
	":ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384" \
	":ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

/* Whenever the library looks at a date. */
static time_t on_time(time_t *out)
{
	time_t now = (time_t)clock_wall_s();

	if (out)
		*out = now;
	return now;
}

int tls_global_init(void)
{
	return wolfSSL_Init() == WOLFSSL_SUCCESS && wc_SetTimeCb(on_time) == 0 ? 0 : -EIO;
}

void tls_global_deinit(void)
{
	wolfSSL_Cleanup();
}

static bool cpu_has_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_cpu_supports("aes") != 0;
#elif defined(__aarch64__)
	return (getauxval(AT_HWCAP) & HWCAP_AES) != 0;
#else
	return false;
#endif
}

static int on_recv(WOLFSSL *ssl, char *out, int size, void *arg)
{
	struct tls *t = arg;
	bool lent = buf_len(t->in) == 0;
	size_t n = lent ? t->lent.left : buf_len(t->in);
	const uint8_t *from = buf_data(t->in);

	(void)ssl;
	if (n > (size_t)size)
		n = (size_t)size;
	if (n == 0)
		return WOLFSSL_CBIO_ERR_WANT_READ;
	if (lent)
		(void)rd_bytes(&t->lent, &from, n);
	memcpy(out, from, n);
	if (!lent)
		buf_consume(t->in, n);
	return (int)n;
}

static int on_send(WOLFSSL *ssl, char *bytes, int size, void *arg)
{
	struct tls *t = arg;

	(void)ssl;
	if (t->mute)
		return size;
	if (buf_append(t->out, bytes, (size_t)size) != 0)
		return WOLFSSL_CBIO_ERR_GENERAL;
	return size;
}

/* The groups of docs/PROTOCOL.md, section 3; what the library was built without is left out. */
static bool set_groups(WOLFSSL_CTX *ctx)
{
	int groups[] = {
#ifdef WOLFSSL_HAVE_MLKEM
		WOLFSSL_X25519MLKEM768,
#endif
		WOLFSSL_ECC_X25519,
		WOLFSSL_ECC_SECP256R1,
	};

	return wolfSSL_CTX_set_groups(ctx, groups, (int)(sizeof(groups) / sizeof(groups[0]))) ==
	       WOLFSSL_SUCCESS;
}

static bool set_common(struct tls_ctx *c)
{
	const char *suites = cpu_has_aes() ? AES_FIRST : CHACHA_FIRST;
	char list[600];

	snprintf(list, sizeof(list), "%s%s", suites, c->layer == TLS_OUTER ? TLS12_SUITES : "");
	wolfSSL_CTX_SetIORecv(c->ctx, on_recv);
	wolfSSL_CTX_SetIOSend(c->ctx, on_send);
	if (c->is_server && wolfSSL_CTX_no_ticket_TLSv13(c->ctx) != 0)
		return false;
	if (wolfSSL_CTX_set_session_cache_mode(c->ctx, WOLFSSL_SESS_CACHE_OFF) != WOLFSSL_SUCCESS)
		return false;
	return wolfSSL_CTX_set_cipher_list(c->ctx, list) == WOLFSSL_SUCCESS && set_groups(c->ctx);
}

static WOLFSSL_METHOD *method_of(enum tls_layer layer, bool is_server)
{
	if (layer == TLS_INNER)
		return is_server ? wolfTLSv1_3_server_method() : wolfTLSv1_3_client_method();
	return is_server ? wolfTLS_server_method() : wolfTLS_client_method();
}

struct tls_ctx *tls_ctx_new(enum tls_layer layer, bool is_server)
{
	struct tls_ctx *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->layer = layer;
	c->is_server = is_server;
	c->ctx = wolfSSL_CTX_new(method_of(layer, is_server));
	if (!c->ctx ||
	    (layer == TLS_OUTER &&
	     wolfSSL_CTX_SetMinVersion(c->ctx, WOLFSSL_TLSV1_2) != WOLFSSL_SUCCESS) ||
	    !set_common(c)) {
		tls_ctx_free(c);
		return NULL;
	}
	return c;
}

bool tls_chain_pem_more(char pem[2 * TLS_PEM_MAX_BYTES], size_t *used, const struct x509_cert *cert)
{
	int n = wc_DerToPem(cert->der, (word32)cert->len, (byte *)pem + *used,
			    (word32)((size_t)2 * TLS_PEM_MAX_BYTES - *used), CERT_TYPE);

	if (n <= 0)
		return false;
	*used += (size_t)n;
	return true;
}

int tls_chain_pem(const struct x509_cert *cert, const struct x509_cert *ca,
		  char pem[2 * TLS_PEM_MAX_BYTES], size_t *len)
{
	*len = 0;
	return tls_chain_pem_more(pem, len, cert) && (!ca || tls_chain_pem_more(pem, len, ca))
		       ? 0
		       : -EIO;
}

/* The leaf and the domain CA behind it: a newcomer checks the root's fingerprint. */
static bool use_identity(struct tls_ctx *c, const struct x509_cert *cert,
			 const struct x509_key *key, const struct x509_cert *ca)
{
	char pem[2 * TLS_PEM_MAX_BYTES];
	size_t used;

	if (tls_chain_pem(cert, ca, pem, &used) != 0)
		return false;
	return wolfSSL_CTX_use_certificate_chain_buffer(c->ctx, (const unsigned char *)pem,
							(long)used) == WOLFSSL_SUCCESS &&
	       wolfSSL_CTX_use_PrivateKey_buffer(c->ctx, key->der, (long)key->len,
						 WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS &&
	       wolfSSL_CTX_check_private_key(c->ctx) == WOLFSSL_SUCCESS;
}

int tls_ctx_trust(struct tls_ctx *c, const struct x509_cert *ca)
{
	/* Dates count in handshakes: a host whose clock comes later has its contexts already. */
	return wolfSSL_CTX_load_verify_buffer_ex(c->ctx, ca->der, (long)ca->len,
						 WOLFSSL_FILETYPE_ASN1, 0,
						 WOLFSSL_LOAD_FLAG_DATE_ERR_OKAY) == WOLFSSL_SUCCESS
		       ? 0
		       : -EIO;
}

int tls_ctx_trust_formers(struct tls_ctx *c, const struct identity *id)
{
	int r = 0;

	for (size_t i = 0; i < id->n_formers && r == 0; i++)
		r = tls_ctx_trust(c, &id->formers[i]);
	return r;
}

static bool use_ca(struct tls_ctx *c, const struct x509_cert *ca)
{
	c->has_ca = true;
	c->ca = *ca;
	return tls_ctx_trust(c, ca) == 0;
}

/* All contexts are made here; NULL parts are left out. */
static int make(struct tls_ctx **out, enum tls_layer layer, bool is_server,
		const struct x509_cert *cert, const struct x509_key *key,
		const struct x509_cert *ca)
{
	struct tls_ctx *c = tls_ctx_new(layer, is_server);

	if (!c || (cert && key && !use_identity(c, cert, key, is_server ? ca : NULL)) ||
	    (ca && !use_ca(c, ca))) {
		log_error("TLS set-up failed: the certificate or key does not fit");
		tls_ctx_free(c);
		return -EIO;
	}
	*out = c;
	return 0;
}

/* All of them, whatever their dates: wolfSSL_CTX_load_system_CA_certs() finds none valid in 1970,
 * and time comes later. */
static bool load_system_roots(WOLFSSL_CTX *ctx)
{
	word32 n = 0;
	const char **dirs = wolfSSL_get_system_CA_dirs(&n);

	for (word32 i = 0; dirs && i < n; i++) {
		if (wolfSSL_CTX_load_verify_locations_ex(ctx, NULL, dirs[i],
							 WOLFSSL_LOAD_FLAG_DATE_ERR_OKAY |
								 WOLFSSL_LOAD_FLAG_IGNORE_ERR) ==
		    WOLFSSL_SUCCESS)
			return true;
	}
	return false;
}

int tls_ctx_outer_client(struct tls_ctx **out, const struct x509_cert *ca, bool system_roots)
{
	int r = make(out, TLS_OUTER, false, NULL, NULL, ca);

	if (r == 0 && system_roots && !load_system_roots((*out)->ctx))
		log_info("no system certificates: outer certificates of public CAs will not check");
	return r;
}

int tls_ctx_outer_probe(struct tls_ctx **out)
{
	int groups[] = {WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1};
	int r = make(out, TLS_OUTER, false, NULL, NULL, NULL);

	if (r == 0 && wolfSSL_CTX_set_groups((*out)->ctx, groups, 2) != WOLFSSL_SUCCESS) {
		tls_ctx_free(*out);
		r = -EIO;
	}
	return r;
}

int tls_ctx_outer_server(struct tls_ctx **out, const struct x509_cert *cert,
			 const struct x509_key *key, const struct x509_cert *ca)
{
	return make(out, TLS_OUTER, true, cert, key, ca);
}

int tls_ctx_outer_show(struct tls_ctx *c, const struct x509_cert *cert, const struct x509_cert *ca,
		       const struct x509_cert *newest)
{
	char pem[2 * TLS_PEM_MAX_BYTES];
	size_t used;

	if (tls_chain_pem(cert, ca, pem, &used) != 0 || !tls_chain_pem_more(pem, &used, newest) ||
	    wolfSSL_CTX_use_certificate_chain_buffer(c->ctx, (const unsigned char *)pem,
						     (long)used) != WOLFSSL_SUCCESS)
		return -EIO;
	return 0;
}

int tls_ctx_inner_client(struct tls_ctx **out, const struct x509_cert *cert,
			 const struct x509_key *key, const struct x509_cert *ca)
{
	return make(out, TLS_INNER, false, cert, key, ca);
}

int tls_ctx_inner_server(struct tls_ctx **out, const struct x509_cert *cert,
			 const struct x509_key *key, const struct x509_cert *ca)
{
	int r = make(out, TLS_INNER, true, cert, key, ca);

	if (r == 0)
		tls_anchor_listen(*out);
	return r;
}

int tls_ctx_inner_path_server(struct tls_ctx **out, const struct x509_cert *cert,
			      const struct x509_key *key, const struct x509_cert *ca)
{
	int r = make(out, TLS_INNER, true, NULL, NULL, ca);

	if (r == 0 && !use_identity(*out, cert, key, NULL)) {
		tls_ctx_free(*out);
		r = -EIO;
	}
	return r;
}

void tls_ctx_free(struct tls_ctx *c)
{
	if (!c)
		return;
	wolfSSL_CTX_free(c->ctx);
	free(c->anchors);
	tls_hosts_free(c);
	free(c);
}
