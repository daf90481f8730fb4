/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stamp - a time that the Access Server signed for somebody's nonce, and the domain CA's word for
 * the key that signed it. What is signed begins with a word of its own, so that it is never taken
 * for a token or a certificate. Pure. Frozen: clients of any age ask before they know the year.
 * Source: docs/PROTOCOL.md, section 4.7.
 */
#ifndef FARLAN_STAMP_H
#define FARLAN_STAMP_H

#include "common/pure/ident.h"
#include "common/pure/signature.h"

#define STAMP_NONCE_BYTES 32
#define STAMP_KEY_TEXT_MAX_BYTES (20 + IDENT_DOMAIN_SIZE + SIGNATURE_PUBLIC_BYTES)

/** stamp_sign() - @time_ms: Unix milliseconds. Return: 0; -EIO. */
int stamp_sign(uint8_t sig[SIGNATURE_BYTES], const uint8_t secret[SIGNATURE_SECRET_BYTES],
	       const char *domain, const uint8_t nonce[STAMP_NONCE_BYTES], int64_t time_ms)
	__attribute__((warn_unused_result));

/** stamp_check() - Return: 0; -EKEYREJECTED. */
int stamp_check(const uint8_t sig[SIGNATURE_BYTES], const uint8_t public[SIGNATURE_PUBLIC_BYTES],
		const char *domain, const uint8_t nonce[STAMP_NONCE_BYTES], int64_t time_ms)
	__attribute__((warn_unused_result));

/** stamp_key_text() - what the CA signs: this is the key of this domain. Return: its length. */
size_t stamp_key_text(uint8_t text[STAMP_KEY_TEXT_MAX_BYTES], const char *domain,
		      const uint8_t public[SIGNATURE_PUBLIC_BYTES]);

#endif
