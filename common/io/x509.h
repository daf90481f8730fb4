/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * x509 - keys, certificate requests and certificates, by wolfSSL. ECDSA P-256 throughout.
 * No files, no sockets; all in DER.
 */
#ifndef FARLAN_X509_H
#define FARLAN_X509_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/pure/ident.h"
#include "common/pure/url.h"

#define X509_KEY_MAX_BYTES 256 /* private key, SEC1 or PKCS#8 DER */
#define X509_CERT_MAX_BYTES 2048
#define X509_CSR_MAX_BYTES 1024
#define X509_SPKI_SHA256_BYTES 32
#define X509_HOSTS_MAX 16
#define X509_SIGNATURE_MAX_BYTES 80

struct x509_key { /* wiped by x509_key_wipe() */
	size_t len;
	uint8_t der[X509_KEY_MAX_BYTES];
};

struct x509_cert {
	size_t len;
	uint8_t der[X509_CERT_MAX_BYTES];
};

/** x509_key_generate() - a new P-256 key. Return: 0; -EIO. */
int x509_key_generate(struct x509_key *key) __attribute__((warn_unused_result));
void x509_key_wipe(struct x509_key *key);

/** x509_csr_make() - request signed by @key; its subject says nothing: the server decides. Return:
 * 0; -EIO; -ENOSPC. */
int x509_csr_make(const struct x509_key *key, uint8_t *der, size_t size, size_t *len)
	__attribute__((warn_unused_result));

/**
 * x509_csr_check() - verify the request's own signature and take out its P-256 public key
 * (SubjectPublicKeyInfo, DER); all names in it are ignored. @spki: at least 128 bytes.
 * Return: 0; -EBADMSG not a request; -EKEYREJECTED signature or kind of key.
 */
int x509_csr_check(const uint8_t *der, size_t len, uint8_t *spki, size_t spki_size,
		   size_t *spki_len) __attribute__((warn_unused_result));

/** x509_ca_make() - self-signed CA certificate for @domain. Return: 0; -EIO. */
int x509_ca_make(struct x509_cert *cert, const struct x509_key *key, const char *domain,
		 int64_t not_before, int64_t not_after) __attribute__((warn_unused_result));

/* What a new certificate says. */
struct x509_profile {
	const struct ident *id; /* URI in the subjectAltName, or NULL */
	size_t n_hosts;		/* DNS names and numeric addresses in the subjectAltName */
	char hosts[X509_HOSTS_MAX][URL_HOST_SIZE];
	bool server, client;	       /* extended key usage */
	int64_t not_before, not_after; /* Unix seconds */
	uint8_t serial[16];	       /* random; the first two bits become 01 */
};

/** x509_issue() - certificate for @spki, signed by the CA. Return: 0; -EIO; -ENOSPC; -EINVAL. */
int x509_issue(struct x509_cert *cert, const struct x509_profile *profile, const uint8_t *spki,
	       size_t spki_len, const struct x509_cert *ca, const struct x509_key *ca_key)
	__attribute__((warn_unused_result));

/* What a certificate says, checked for our form. */
struct x509_info {
	bool has_ident; /* exactly one URI in the subjectAltName, and it is ours */
	struct ident id;
	uint8_t spki_sha256[X509_SPKI_SHA256_BYTES];
	uint8_t serial[20];
	size_t serial_len;
	int64_t not_before, not_after;
	bool is_ca;
};

/** x509_parse() - Return: 0; -EBADMSG. Signatures are not checked here. */
int x509_parse(struct x509_info *info, const uint8_t *der, size_t len)
	__attribute__((warn_unused_result));

/** x509_dates() - of any certificate, whatever its key. Return: 0; -EBADMSG. */
int x509_dates(const uint8_t *der, size_t len, int64_t *not_before, int64_t *not_after)
	__attribute__((warn_unused_result));

/** x509_spki() - the key's public half as SubjectPublicKeyInfo, and its SHA-256. */
int x509_spki(const struct x509_key *key, uint8_t *spki, size_t size, size_t *len)
	__attribute__((warn_unused_result));
void x509_sha256(const void *bytes, size_t len, uint8_t out[32]);

/** x509_verify() - does @cert chain directly to @ca? @dates: check validity too. Return: 0;
 * -EKEYREJECTED; -ETIME. */
int x509_verify(const uint8_t *cert, size_t len, const struct x509_cert *ca, bool dates)
	__attribute__((warn_unused_result));

/**
 * x509_sign(), x509_check_signature() - ECDSA with SHA-256 over @text; what is signed must not be
 * mistaken for a certificate, so it begins with a word of its own.
 * @sig: DER. Return: 0; -EIO.   Return: 0; -EKEYREJECTED.
 */
int x509_sign(const struct x509_key *key, const void *text, size_t n,
	      uint8_t sig[X509_SIGNATURE_MAX_BYTES], size_t *sig_len)
	__attribute__((warn_unused_result));
int x509_check_signature(const struct x509_cert *by, const void *text, size_t n, const uint8_t *sig,
			 size_t sig_len) __attribute__((warn_unused_result));

/** x509_ed25519_generate() - token key: seed and public half. */
int x509_ed25519_generate(uint8_t secret[64], uint8_t public[32])
	__attribute__((warn_unused_result));

#endif
