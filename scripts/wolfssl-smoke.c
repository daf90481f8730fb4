// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Proves that a wolfSSL build has what the project calls, and that the traps are closed: several
 * options are missed silently. A CA signs from a request; two ends meet by TLS 1.3 in memory; the
 * verify callback must run on a good chain and see the URI; both exporters must agree. Used by
 * scripts/deps.
 */
#include <wolfssl/options.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/blake2.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/ed25519.h>
#include <wolfssl/wolfcrypt/md5.h>
#include <wolfssl/wolfcrypt/pwdbased.h>

#define URI "farlan://smoke/device/1"

#define MUST(cond)                                                                        \
	do {                                                                              \
		if (!(cond)) {                                                            \
			fprintf(stderr, "wolfssl-smoke: line %d: %s\n", __LINE__, #cond); \
			exit(1);                                                          \
		}                                                                         \
	} while (0)

struct der {
	byte bytes[4096];
	int len;
};

/* One direction of the connection in memory. */
struct pipe {
	byte bytes[1 << 16];
	int len;
};

struct end {
	struct pipe *in, *out;
	WOLFSSL_CTX *ctx;
	WOLFSSL *ssl;
};

static WC_RNG rng;
static int uris_seen;

/* SEQUENCE { [6] URI } */
static void set_uri(Cert *cert, const char *uri)
{
	size_t len = strlen(uri);

	cert->altNames[0] = 0x30;
	cert->altNames[1] = (byte)(len + 2);
	cert->altNames[2] = 0x86;
	cert->altNames[3] = (byte)len;
	memcpy(cert->altNames + 4, uri, len);
	cert->altNamesSz = (int)len + 4;
}

static void sign(Cert *cert, struct der *out, ecc_key *issuer)
{
	out->len = wc_SignCert_ex(cert->bodySz, CTC_SHA256wECDSA, out->bytes, sizeof(out->bytes),
				  ECC_TYPE, issuer, &rng);
	MUST(out->len > 0);
}

static void make_ca(struct der *out, ecc_key *key)
{
	static const byte null[] = {0x05, 0x00};
	Cert *cert = wc_CertNew(NULL);

	MUST(cert);
	cert->isCA = 1;
	cert->sigType = CTC_SHA256wECDSA;
	strcpy(cert->subject.commonName, "smoke CA");
	MUST(wc_SetKeyUsage(cert, "keyCertSign,cRLSign") == 0);
	MUST(wc_SetSubjectKeyIdFromPublicKey_ex(cert, ECC_TYPE, key) == 0);
	MUST(wc_SetCustomExtension(cert, 0, "1.3.6.1.4.1.99999.1", null, sizeof(null)) == 0);
	MUST(wc_MakeCert_ex(cert, out->bytes, sizeof(out->bytes), ECC_TYPE, key, &rng) > 0);
	sign(cert, out, key);
	wc_CertFree(cert);
}

static void make_request(struct der *out, ecc_key *key)
{
	Cert *cert = wc_CertNew(NULL);

	MUST(cert);
	cert->sigType = CTC_SHA256wECDSA;
	strcpy(cert->subject.commonName, "whatever it claims");
	MUST(wc_MakeCertReq_ex(cert, out->bytes, sizeof(out->bytes), ECC_TYPE, key) > 0);
	sign(cert, out, key);
	wc_CertFree(cert);
}

/* Takes the key from the request, and nothing else. */
static void make_leaf(struct der *out, const struct der *request, const struct der *ca,
		      ecc_key *ca_key)
{
	DecodedCert parsed;
	ecc_key key;
	word32 at = 0;
	Cert *cert = wc_CertNew(NULL);

	MUST(cert);
	wc_InitDecodedCert(&parsed, request->bytes, (word32)request->len, NULL);
	MUST(wc_ParseCert(&parsed, CERTREQ_TYPE, VERIFY, NULL) == 0);
	MUST(wc_ecc_init(&key) == 0);
	MUST(wc_EccPublicKeyDecode(parsed.publicKey, &at, &key, parsed.pubKeySize) == 0);
	wc_FreeDecodedCert(&parsed);

	cert->sigType = CTC_SHA256wECDSA;
	MUST(wc_SetIssuerBuffer(cert, ca->bytes, ca->len) == 0);
	MUST(wc_SetAuthKeyIdFromCert(cert, ca->bytes, ca->len) == 0);
	set_uri(cert, URI);
	MUST(wc_MakeCert_ex(cert, out->bytes, sizeof(out->bytes), ECC_TYPE, &key, &rng) > 0);
	sign(cert, out, ca_key);
	wc_ecc_free(&key);
	wc_CertFree(cert);
}

static void check_pem(const struct der *cert)
{
	byte pem[8192];
	struct der back;
	int len = wc_DerToPem(cert->bytes, (word32)cert->len, pem, sizeof(pem), CERT_TYPE);

	MUST(len > 0);
	back.len = wc_CertPemToDer(pem, len, back.bytes, sizeof(back.bytes), CERT_TYPE);
	MUST(back.len == cert->len && memcmp(back.bytes, cert->bytes, (size_t)back.len) == 0);
}

static void check_manager(const struct der *ca, const struct der *leaf)
{
	WOLFSSL_CERT_MANAGER *cm = wolfSSL_CertManagerNew();

	MUST(cm);
	MUST(wolfSSL_CertManagerVerifyBuffer(cm, leaf->bytes, leaf->len, WOLFSSL_FILETYPE_ASN1) !=
	     WOLFSSL_SUCCESS);
	MUST(wolfSSL_CertManagerLoadCABuffer(cm, ca->bytes, ca->len, WOLFSSL_FILETYPE_ASN1) ==
	     WOLFSSL_SUCCESS);
	MUST(wolfSSL_CertManagerVerifyBuffer(cm, leaf->bytes, leaf->len, WOLFSSL_FILETYPE_ASN1) ==
	     WOLFSSL_SUCCESS);
	MUST(wolfSSL_CertManagerEnableCRL(cm, 0) == WOLFSSL_SUCCESS);
	wolfSSL_CertManagerFree(cm);
}

static void check_crypto(void)
{
	static const byte message[] = "message";
	byte out[64];
	word32 len = sizeof(out);
	int ok = 0;
	ed25519_key key;
	Blake2b b2b;
	wc_Md5 md5;

	MUST(wc_ed25519_init(&key) == 0 && wc_ed25519_make_key(&rng, ED25519_KEY_SIZE, &key) == 0);
	MUST(wc_ed25519_sign_msg(message, sizeof(message), out, &len, &key) == 0);
	MUST(wc_ed25519_verify_msg(out, len, message, sizeof(message), &ok, &key) == 0 && ok == 1);
	wc_ed25519_free(&key);
	MUST(wc_scrypt(out, message, sizeof(message), message, sizeof(message), 10, 8, 1, 32) == 0);
	MUST(wc_InitBlake2b(&b2b, 32) == 0 &&
	     wc_Blake2bUpdate(&b2b, message, sizeof(message)) == 0 &&
	     wc_Blake2bFinal(&b2b, out, 32) == 0);
	MUST(wc_InitMd5(&md5) == 0 && wc_Md5Update(&md5, message, sizeof(message)) == 0 &&
	     wc_Md5Final(&md5, out) == 0);
	MUST((void *)wolfSSL_get_system_CA_dirs != NULL);
	MUST(wc_SetTimeCb(NULL) == 0);
	MUST((void *)wolfSSL_CTX_set_cert_cb != NULL);
	MUST((void *)wolfSSL_CTX_set_servername_callback != NULL &&
	     (void *)wolfSSL_dtls13_allow_ch_frag != NULL);
#if LIBWOLFSSL_VERSION_HEX >= 0x05009002
	MUST((void *)wc_MakeCRL_ex != NULL);
	MUST(wolfSSL_dtls_cid_max_size() == 8);
#else
	fprintf(stderr, "wolfssl-smoke: %s CANNOT make revocation lists\n",
		LIBWOLFSSL_VERSION_STRING);
#endif
}

/* Must run although the chain is good (WOLFSSL_ALWAYS_VERIFY_CB). */
static int on_verify(int preverify, WOLFSSL_X509_STORE_CTX *store)
{
	DecodedCert cert;
	DNS_entry *name;

	if (store->error_depth != 0)
		return preverify;
	wc_InitDecodedCert(&cert, store->certs[0].buffer, store->certs[0].length, NULL);
	MUST(wc_ParseCert(&cert, CERT_TYPE, NO_VERIFY, NULL) == 0);
	for (name = cert.altNames; name; name = name->next)
		uris_seen += name->type == ASN_URI_TYPE && strcmp(name->name, URI) == 0;
	wc_FreeDecodedCert(&cert);
	return preverify;
}

static int on_send(WOLFSSL *ssl, char *buf, int len, void *arg)
{
	struct pipe *p = ((struct end *)arg)->out;

	(void)ssl;
	MUST(p->len + len <= (int)sizeof(p->bytes));
	memcpy(p->bytes + p->len, buf, (size_t)len);
	p->len += len;
	return len;
}

static int on_recv(WOLFSSL *ssl, char *buf, int len, void *arg)
{
	struct pipe *p = ((struct end *)arg)->in;

	(void)ssl;
	if (p->len == 0)
		return WOLFSSL_CBIO_ERR_WANT_READ;
	if (len > p->len)
		len = p->len;
	memcpy(buf, p->bytes, (size_t)len);
	p->len -= len;
	memmove(p->bytes, p->bytes + len, (size_t)p->len);
	return len;
}

static void open_end(struct end *e, WOLFSSL_METHOD *method, const struct der *ca,
		     const struct der *cert, ecc_key *key)
{
	struct der k;

	e->ctx = wolfSSL_CTX_new(method);
	MUST(e->ctx);
	k.len = wc_EccKeyToDer(key, k.bytes, sizeof(k.bytes));
	MUST(wolfSSL_CTX_load_verify_buffer(e->ctx, ca->bytes, ca->len, WOLFSSL_FILETYPE_ASN1) ==
	     WOLFSSL_SUCCESS);
	MUST(wolfSSL_CTX_use_certificate_buffer(e->ctx, cert->bytes, cert->len,
						WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS);
	MUST(wolfSSL_CTX_use_PrivateKey_buffer(e->ctx, k.bytes, k.len, WOLFSSL_FILETYPE_ASN1) ==
	     WOLFSSL_SUCCESS);
	wolfSSL_CTX_set_verify(e->ctx, WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			       on_verify);
	wolfSSL_CTX_SetIOSend(e->ctx, on_send);
	wolfSSL_CTX_SetIORecv(e->ctx, on_recv);
	e->ssl = wolfSSL_new(e->ctx);
	MUST(e->ssl);
	wolfSSL_SetIOReadCtx(e->ssl, e);
	wolfSSL_SetIOWriteCtx(e->ssl, e);
	wolfSSL_KeepArrays(e->ssl);
}

/* Returns true while it waits for the other side. */
static bool shake(struct end *e)
{
	int ret = wolfSSL_negotiate(e->ssl);

	MUST(ret == WOLFSSL_SUCCESS || wolfSSL_get_error(e->ssl, ret) == WOLFSSL_ERROR_WANT_READ);
	return ret != WOLFSSL_SUCCESS;
}

static void close_end(struct end *e)
{
	wolfSSL_free(e->ssl);
	wolfSSL_CTX_free(e->ctx);
}

static void check_exporters(struct end *a, struct end *b)
{
	byte x[32], y[32];

	MUST(wolfSSL_export_keying_material(a->ssl, x, 32, "EXPORTER-smoke", 14, (const byte *)"c",
					    1, 1) == WOLFSSL_SUCCESS);
	MUST(wolfSSL_export_keying_material(b->ssl, y, 32, "EXPORTER-smoke", 14, (const byte *)"c",
					    1, 1) == WOLFSSL_SUCCESS);
	MUST(memcmp(x, y, sizeof(x)) == 0);
	wolfSSL_FreeArrays(a->ssl);
}

static void check_handshake(const struct der *ca, const struct der *leaf, ecc_key *key,
			    word16 group)
{
	static struct pipe up, down;
	struct end client = {.in = &down, .out = &up}, server = {.in = &up, .out = &down};
	const char *curve;

	up.len = down.len = uris_seen = 0;
	open_end(&client, wolfTLSv1_3_client_method(), ca, leaf, key);
	open_end(&server, wolfTLSv1_3_server_method(), ca, leaf, key);
	MUST(wolfSSL_UseSNI(client.ssl, WOLFSSL_SNI_HOST_NAME, "ca-1", 4) == WOLFSSL_SUCCESS);
	MUST(wolfSSL_UseKeyShare(client.ssl, group) == WOLFSSL_SUCCESS);
	for (int rounds = 0; (int)shake(&client) + (int)shake(&server) > 0; rounds++)
		MUST(rounds < 10);
	curve = wolfSSL_get_curve_name(client.ssl);
	fprintf(stderr, "wolfssl-smoke: %s, %s, %s\n", wolfSSL_get_version(client.ssl),
		wolfSSL_get_cipher(client.ssl), curve ? curve : "?");
	MUST(uris_seen == 2);
	check_exporters(&client, &server);
	close_end(&client);
	close_end(&server);
}

int main(void)
{
	struct der ca, request, leaf;
	ecc_key ca_key, key;

	MUST(wolfSSL_Init() == WOLFSSL_SUCCESS && wc_InitRng(&rng) == 0);
	MUST(wc_ecc_init(&ca_key) == 0 && wc_ecc_make_key(&rng, 32, &ca_key) == 0);
	MUST(wc_ecc_init(&key) == 0 && wc_ecc_make_key(&rng, 32, &key) == 0);
	make_ca(&ca, &ca_key);
	make_request(&request, &key);
	make_leaf(&leaf, &request, &ca, &ca_key);
	check_pem(&leaf);
	check_manager(&ca, &leaf);
	check_crypto();
	check_handshake(&ca, &leaf, &key, WOLFSSL_ECC_X25519);
#ifdef WOLFSSL_HAVE_MLKEM
	check_handshake(&ca, &leaf, &key, WOLFSSL_X25519MLKEM768);
#else
	fprintf(stderr, "wolfssl-smoke: NO ML-KEM in this build; that handshake was not tried\n");
#endif
	wc_ecc_free(&key);
	wc_ecc_free(&ca_key);
	wc_FreeRng(&rng);
	wolfSSL_Cleanup();
	return 0;
}
