/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * paseto - PASETO v4.public: signed tokens (Ed25519). Pure (wolfCrypt).
 * Source: the PASETO specification, "Version 4"; RFC 8032.
 */
#ifndef FARLAN_PASETO_H
#define FARLAN_PASETO_H

#include <stddef.h>
#include <stdint.h>

#define PASETO_TOKEN_SIZE 2048 /* the longest token, with NUL */
#define PASETO_PUBLIC_BYTES 32
#define PASETO_SECRET_BYTES 64 /* seed and public key */

/**
 * paseto_sign() - v4.public token over @payload with @footer and @implicit (each may be empty).
 * @out: NUL-terminated; a token never takes more than PASETO_TOKEN_SIZE.
 * Return: 0; -ENOSPC; -EIO the library refused, as when the halves of @secret do not match.
 */
int paseto_sign(char *out, size_t out_size, const uint8_t secret[PASETO_SECRET_BYTES],
		const void *payload, size_t payload_len, const void *footer, size_t footer_len,
		const void *implicit, size_t implicit_len) __attribute__((warn_unused_result));

/**
 * paseto_footer() - the footer of a token, before anything is verified: to find the key.
 * Untrusted until paseto_verify() has succeeded.   Return: 0 (n may be 0); -EBADMSG; -ENOSPC.
 */
int paseto_footer(const char *token, size_t token_len, uint8_t *out, size_t out_size, size_t *n)
	__attribute__((warn_unused_result));

/**
 * paseto_verify() - check the signature and hand out the payload.
 * @payload: at least PASETO_TOKEN_SIZE bytes; written only if the signature is right.
 * Return: 0; -EBADMSG not a v4.public token; -EKEYREJECTED the signature is wrong; -ENOSPC.
 */
int paseto_verify(const char *token, size_t token_len, const uint8_t public[PASETO_PUBLIC_BYTES],
		  const void *implicit, size_t implicit_len, uint8_t *payload, size_t payload_size,
		  size_t *payload_len) __attribute__((warn_unused_result));

#endif
