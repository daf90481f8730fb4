/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/x509.h"

#include <wolfssl/options.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/ed25519.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/sha256.h>

#include "common/io/file.h"
#include "common/io/x509_internal.h"
#include "common/pure/addr.h"
#include "common/pure/bytes.h"

#define P256_BYTES 32

/* --- helpers --------------------------------------------------------------------------------- */

void x509_sha256(const void *bytes, size_t len, uint8_t out[32])
{
	/* Fails only for a NULL pointer or without memory for the state, which is on the stack. */
	if (wc_Sha256Hash(bytes, (word32)len, out) != 0)
		abort();
}

static void der_header(struct wr *w, uint8_t tag, size_t len)
{
	wr_u8(w, tag);
	if (len >= 0x100) {
		wr_u8(w, 0x82);
		wr_u16(w, (uint16_t)len);
	} else {
		if (len >= 0x80)
			wr_u8(w, 0x81);
		wr_u8(w, (uint8_t)len);
	}
}

static int key_open(ecc_key *ecc, const struct x509_key *key)
{
	word32 at = 0;

	if (wc_ecc_init(ecc) != 0)
		return -EIO;
	if (wc_EccPrivateKeyDecode(key->der, &at, ecc, (word32)key->len) != 0 || at != key->len ||
	    ecc->dp->id != ECC_SECP256R1) {
		wc_ecc_free(ecc);
		return -EIO;
	}
	return 0;
}

/* --- keys ------------------------------------------------------------------------------------ */

static int key_make(struct x509_key *key, WC_RNG *rng)
{
	ecc_key ecc;
	int n = -1;

	if (wc_ecc_init(&ecc) != 0)
		return -EIO;
	if (wc_ecc_make_key_ex(rng, P256_BYTES, &ecc, ECC_SECP256R1) == 0)
		n = wc_EccKeyToDer(&ecc, key->der, sizeof(key->der));
	wc_ecc_free(&ecc);
	if (n <= 0)
		return -EIO;
	key->len = (size_t)n;
	return 0;
}

int x509_key_generate(struct x509_key *key)
{
	WC_RNG rng;
	int rc;

	memset(key, 0, sizeof(*key));
	if (wc_InitRng(&rng) != 0)
		return -EIO;
	rc = key_make(key, &rng);
	wc_FreeRng(&rng);
	if (rc)
		x509_key_wipe(key);
	return rc;
}

void x509_key_wipe(struct x509_key *key)
{
	explicit_bzero(key, sizeof(*key));
}

int x509_spki(const struct x509_key *key, uint8_t *spki, size_t size, size_t *len)
{
	ecc_key ecc;
	int rc = key_open(&ecc, key);

	if (rc)
		return rc;
	rc = x509_spki_write(&ecc, spki, size, len);
	wc_ecc_free(&ecc);
	return rc;
}

static int ed25519_make(WC_RNG *rng, uint8_t secret[64], uint8_t public[32])
{
	ed25519_key key;
	word32 secret_len = 64, public_len = 32;
	int rc = -EIO;

	if (wc_ed25519_init(&key) != 0)
		return -EIO;
	if (wc_ed25519_make_key(rng, ED25519_KEY_SIZE, &key) == 0 &&
	    wc_ed25519_export_key(&key, secret, &secret_len, public, &public_len) == 0)
		rc = 0;
	wc_ed25519_free(&key);
	return rc;
}

int x509_ed25519_generate(uint8_t secret[64], uint8_t public[32])
{
	WC_RNG rng;
	int rc;

	if (wc_InitRng(&rng) != 0)
		return -EIO;
	rc = ed25519_make(&rng, secret, public);
	wc_FreeRng(&rng);
	return rc;
}

int x509_sign(const struct x509_key *key, const void *text, size_t n,
	      uint8_t sig[X509_SIGNATURE_MAX_BYTES], size_t *sig_len)
{
	word32 len = X509_SIGNATURE_MAX_BYTES;
	uint8_t sha[32];
	ecc_key ecc;
	WC_RNG rng;
	int rc = key_open(&ecc, key);

	if (rc)
		return rc;
	x509_sha256(text, n, sha);
	rc = -EIO;
	if (wc_InitRng(&rng) == 0) {
		if (wc_ecc_sign_hash(sha, sizeof(sha), sig, &len, &rng, &ecc) == 0)
			rc = 0;
		wc_FreeRng(&rng);
	}
	wc_ecc_free(&ecc);
	*sig_len = len;
	return rc;
}

/* --- requests -------------------------------------------------------------------------------- */

static int csr_sign(Cert *req, ecc_key *ecc, WC_RNG *rng, uint8_t *der, size_t size, size_t *len)
{
	int n;

	req->sigType = CTC_SHA256wECDSA;
	n = wc_MakeCertReq_ex(req, der, (word32)size, ECC_TYPE, ecc);
	if (n > 0)
		n = wc_SignCert_ex(req->bodySz, req->sigType, der, (word32)size, ECC_TYPE, ecc,
				   rng);
	if (n == BUFFER_E)
		return -ENOSPC;
	if (n <= 0)
		return -EIO;
	*len = (size_t)n;
	return 0;
}

int x509_csr_make(const struct x509_key *key, uint8_t *der, size_t size, size_t *len)
{
	WC_RNG rng;
	ecc_key ecc;
	Cert *req;
	int rc = key_open(&ecc, key);

	if (rc)
		return rc;
	rc = -EIO;
	req = wc_CertNew(NULL);
	if (req && wc_InitRng(&rng) == 0) {
		rc = csr_sign(req, &ecc, &rng, der, size, len);
		wc_FreeRng(&rng);
	}
	wc_CertFree(req);
	wc_ecc_free(&ecc);
	return rc;
}

int x509_csr_check(const uint8_t *der, size_t len, uint8_t *spki, size_t spki_size,
		   size_t *spki_len)
{
	DecodedCert *req;
	ecc_key ecc;
	int rc = -EBADMSG, bad;

	if (len > X509_CSR_MAX_BYTES || !x509_der_is_whole(der, len))
		return -EBADMSG;
	req = malloc(sizeof(*req));
	if (!req)
		return -EBADMSG;
	wc_InitDecodedCert(req, der, (word32)len, NULL);
	/* A request proves that who asks has the key (RFC 2986 section 3). */
	bad = wc_ParseCert(req, CERTREQ_TYPE, VERIFY, NULL);
	if (bad == ASN_SIG_CONFIRM_E || bad == ASN_SIG_KEY_E || bad == ASN_SIG_HASH_E)
		rc = -EKEYREJECTED;
	else if (bad == 0)
		rc = x509_spki_open(&ecc, req->publicKey, req->pubKeySize);
	if (rc == 0) {
		rc = x509_spki_write(&ecc, spki, spki_size, spki_len);
		wc_ecc_free(&ecc);
	}
	wc_FreeDecodedCert(req);
	free(req);
	return rc;
}

/* --- issuing --------------------------------------------------------------------------------- */

/* UTCTime until 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5), as an element. */
static int put_time(byte out[CTC_DATE_SIZE], int *len, int64_t when)
{
	time_t t = (time_t)when;
	struct tm tm;
	char text[96];
	struct wr w = wr_init(out, CTC_DATE_SIZE);
	bool utc;
	int n;

	if (!gmtime_r(&t, &tm) || tm.tm_year < 70 || tm.tm_year > 8099)
		return -EINVAL;
	n = snprintf(text, sizeof(text), "%04d%02d%02d%02d%02d%02dZ", tm.tm_year + 1900,
		     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	utc = tm.tm_year < 150;
	if (n != 15)
		return -EINVAL;
	der_header(&w, utc ? TAG_UTC_TIME : TAG_GENERAL_TIME, utc ? 13 : 15);
	wr_bytes(&w, utc ? text + 2 : text, utc ? 13 : 15);
	if (!wr_ok(&w))
		return -EINVAL;
	*len = (int)w.used;
	return 0;
}

static int put_validity(Cert *cert, int64_t not_before, int64_t not_after)
{
	if (not_before > not_after)
		return -EINVAL;
	if (put_time(cert->beforeDate, &cert->beforeDateSz, not_before))
		return -EINVAL;
	return put_time(cert->afterDate, &cert->afterDateSz, not_after);
}

/* Positive and of full length whatever the random bytes are (RFC 5280 section 4.1.2.2). */
static void put_serial(Cert *cert, const uint8_t random[16])
{
	memcpy(cert->serial, random, 16);
	cert->serial[0] = (byte)((cert->serial[0] & 0x7f) | 0x40);
	cert->serialSz = 16;
}

static void put_host(struct wr *w, const char *host)
{
	struct addr a;
	bool numeric = addr_parse(&a, host) == 0;
	size_t len = !numeric ? strlen(host) : a.family == 4 ? 4 : 16;

	der_header(w, numeric ? TAG_IP : TAG_DNS, len);
	wr_bytes(w, numeric ? (const void *)a.bytes : host, len);
}

static int put_names(Cert *cert, const struct x509_profile *profile)
{
	uint8_t names[X509_CERT_MAX_BYTES];
	char uri[IDENT_URI_SIZE];
	struct wr list = wr_init(names, sizeof(names));
	struct wr w = wr_init(cert->altNames, sizeof(cert->altNames));

	if (profile->n_hosts > X509_HOSTS_MAX || (!profile->id && profile->n_hosts == 0))
		return -EINVAL;
	if (profile->id) {
		ident_format(profile->id, uri);
		der_header(&list, TAG_URI, strlen(uri));
		wr_bytes(&list, uri, strlen(uri));
	}
	for (size_t i = 0; i < profile->n_hosts; i++)
		put_host(&list, profile->hosts[i]);
	if (!wr_ok(&list))
		return -ENOSPC;
	der_header(&w, TAG_SEQUENCE, list.used);
	wr_bytes(&w, names, list.used);
	if (!wr_ok(&w))
		return -ENOSPC;
	cert->altNamesSz = (int)w.used;
	/* There is no subject besides (RFC 5280 section 4.2.1.6). */
	cert->altNamesCrit = 1;
	return 0;
}

/* Encode and sign; @ecc is the subject's key, @ca_ecc signs. */
static int cert_sign(struct x509_cert *out, Cert *cert, ecc_key *ecc, ecc_key *ca_ecc)
{
	uint8_t der[2 * X509_CERT_MAX_BYTES];
	WC_RNG rng;
	int n;

	if (wc_InitRng(&rng) != 0)
		return -EIO;
	cert->sigType = CTC_SHA256wECDSA;
	n = wc_MakeCert_ex(cert, der, sizeof(der), ECC_TYPE, ecc, &rng);
	if (n > 0)
		n = wc_SignCert_ex(cert->bodySz, cert->sigType, der, sizeof(der), ECC_TYPE, ca_ecc,
				   &rng);
	wc_FreeRng(&rng);
	if (n == BUFFER_E || n > (int)sizeof(out->der))
		return -ENOSPC;
	if (n <= 0)
		return -EIO;
	memcpy(out->der, der, (size_t)n);
	out->len = (size_t)n;
	return 0;
}

static int ca_fill(Cert *cert, ecc_key *ecc, const char *domain, int64_t not_before,
		   int64_t not_after)
{
	uint8_t serial[16];
	int rc = put_validity(cert, not_before, not_after);

	if (rc)
		return rc;
	file_random(serial, sizeof(serial));
	put_serial(cert, serial);
	snprintf(cert->subject.org, sizeof(cert->subject.org), "%s", domain);
	snprintf(cert->subject.commonName, sizeof(cert->subject.commonName), "Farlan domain CA");
	cert->isCA = 1;
	cert->basicConstCrit = 1;
	cert->pathLenSet = 1;
	cert->pathLen = 0;
	if (wc_SetKeyUsage(cert, "keyCertSign,cRLSign") != 0 ||
	    wc_SetSubjectKeyIdFromPublicKey_ex(cert, ECC_TYPE, ecc) != 0 ||
	    wc_SetAuthKeyIdFromPublicKey_ex(cert, ECC_TYPE, ecc) != 0)
		return -EIO;
	return 0;
}

int x509_ca_make(struct x509_cert *cert, const struct x509_key *key, const char *domain,
		 int64_t not_before, int64_t not_after)
{
	ecc_key ecc;
	Cert *c;
	int rc = key_open(&ecc, key);

	if (rc)
		return rc;
	c = wc_CertNew(NULL);
	rc = c ? ca_fill(c, &ecc, domain, not_before, not_after) : -EIO;
	if (rc == 0)
		rc = cert_sign(cert, c, &ecc, &ecc);
	wc_CertFree(c);
	wc_ecc_free(&ecc);
	return rc;
}

static int leaf_fill(Cert *cert, const struct x509_profile *profile, ecc_key *ecc,
		     const struct x509_cert *ca)
{
	const char *usage = profile->server && profile->client ? "serverAuth,clientAuth"
			    : profile->server		       ? "serverAuth"
							       : "clientAuth";
	int rc = put_validity(cert, profile->not_before, profile->not_after);

	if (rc == 0)
		rc = put_names(cert, profile);
	if (rc)
		return rc;
	put_serial(cert, profile->serial);
	if (wc_SetIssuerBuffer(cert, ca->der, (int)ca->len) != 0 ||
	    wc_SetSubjectKeyIdFromPublicKey_ex(cert, ECC_TYPE, ecc) != 0 ||
	    wc_SetAuthKeyIdFromCert(cert, ca->der, (int)ca->len) != 0 ||
	    wc_SetKeyUsage(cert, "digitalSignature") != 0 || wc_SetExtKeyUsage(cert, usage) != 0)
		return -EIO;
	return 0;
}

int x509_issue(struct x509_cert *cert, const struct x509_profile *profile, const uint8_t *spki,
	       size_t spki_len, const struct x509_cert *ca, const struct x509_key *ca_key)
{
	ecc_key ecc, ca_ecc;
	Cert *c;
	int rc;

	if (!profile->server && !profile->client)
		return -EINVAL;
	if (x509_spki_open(&ecc, spki, spki_len) != 0)
		return -EINVAL;
	rc = key_open(&ca_ecc, ca_key);
	if (rc) {
		wc_ecc_free(&ecc);
		return rc;
	}
	c = wc_CertNew(NULL);
	rc = c ? leaf_fill(c, profile, &ecc, ca) : -EIO;
	if (rc == 0)
		rc = cert_sign(cert, c, &ecc, &ca_ecc);
	wc_CertFree(c);
	wc_ecc_free(&ca_ecc);
	wc_ecc_free(&ecc);
	return rc;
}
