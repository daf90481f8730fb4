/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * signature - Ed25519 (RFC 8032) over bytes in memory. Pure (wolfCrypt).
 */
#ifndef FARLAN_SIGNATURE_H
#define FARLAN_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#define SIGNATURE_BYTES 64
#define SIGNATURE_PUBLIC_BYTES 32
#define SIGNATURE_SECRET_BYTES 64 /* seed and public key */

/** signature_make() - Return: 0; -EIO the library refused, as when the halves of @secret do not
 * match. */
int signature_make(uint8_t sig[SIGNATURE_BYTES], const uint8_t secret[SIGNATURE_SECRET_BYTES],
		   const void *text, size_t n) __attribute__((warn_unused_result));
/** signature_check() - Return: 0; -EKEYREJECTED. */
int signature_check(const uint8_t sig[SIGNATURE_BYTES],
		    const uint8_t public[SIGNATURE_PUBLIC_BYTES], const void *text, size_t n)
	__attribute__((warn_unused_result));

#endif
