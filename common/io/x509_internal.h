/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What x509.c (keys, requests, issuing) and x509_read.c (parsing, verifying) share. */
#ifndef FARLAN_X509_INTERNAL_H
#define FARLAN_X509_INTERNAL_H

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/ecc.h>

#include "common/io/x509.h"

#define X509_SPKI_MAX_BYTES 128

/* DER tags (X.690), those of GeneralName among them (RFC 5280 section 4.2.1.6). */
enum x509_tag {
	TAG_BOOLEAN = 0x01,
	TAG_OCTETS = 0x04,
	TAG_OID = 0x06,
	TAG_UTC_TIME = 0x17,
	TAG_GENERAL_TIME = 0x18,
	TAG_SEQUENCE = 0x30,
	TAG_DNS = 0x82,
	TAG_URI = 0x86,
	TAG_IP = 0x87,
	TAG_EXTENSIONS = 0xa3
};

/** x509_der_is_whole() - exactly one SEQUENCE and nothing behind it? */
bool x509_der_is_whole(const uint8_t *der, size_t len);

/** x509_time() - @date: an element with tag and length. Return: 0; -EBADMSG. */
int x509_time(const uint8_t *date, int len, int64_t *when) __attribute__((warn_unused_result));

/** x509_spki_open() - a P-256 point from a SubjectPublicKeyInfo, checked to be on the curve.
 * Return: 0 and wc_ecc_free() follows; -EKEYREJECTED; -EIO. */
int x509_spki_open(ecc_key *ecc, const uint8_t *spki, size_t len)
	__attribute__((warn_unused_result));
/** x509_spki_write() - the one encoding of a key: named curve, uncompressed point. Return: 0; -EIO.
 */
int x509_spki_write(ecc_key *ecc, uint8_t *spki, size_t size, size_t *len)
	__attribute__((warn_unused_result));

#endif
