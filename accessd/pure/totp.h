/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * totp - one-time passwords by time, as authenticator apps make them. Pure (wolfCrypt).
 * Source: RFC 4226 (HOTP), RFC 6238 (TOTP), RFC 4648 section 6 (base32), Key Uri Format of the
 * common apps (otpauth://).
 *
 * Ours: HMAC-SHA-1, 6 digits, steps of 30 s: what every app knows. A step counts once; the clocks
 * of both may be one step apart.
 */
#ifndef FARLAN_TOTP_H
#define FARLAN_TOTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOTP_SECRET_BYTES 20 /* RFC 4226 section 4, R6 */
#define TOTP_DIGITS 6
#define TOTP_CODE_SIZE (TOTP_DIGITS + 1)
#define TOTP_STEP_S 30
#define TOTP_DRIFT 1 /* steps that a phone's clock may be off, each way */

#define TOTP_BASE32_SIZE(n) (((n)*8 + 4) / 5 + 1)
#define TOTP_SECRET_TEXT_SIZE TOTP_BASE32_SIZE(TOTP_SECRET_BYTES)
#define TOTP_URI_SIZE 512

enum totp_hash { TOTP_SHA1, TOTP_SHA256, TOTP_SHA512 };

/** totp_hotp() - the last @digits (1 to 9) decimal digits for a counter. @out: digits + 1 bytes.
 * Return: 0; -EINVAL; -EIO the library does not work. */
int totp_hotp(enum totp_hash hash, const uint8_t *secret, size_t secret_len, uint64_t counter,
	      unsigned digits, char *out) __attribute__((warn_unused_result));

/** totp_step() - which step a Unix time is in. */
uint64_t totp_step(int64_t now);

/**
 * totp_check() - does @code count now? In constant time over the steps that may be.
 * @last: the step that was used last; that and older ones count no more (RFC 6238 section 5.2).
 * @step: set to the step of @code if it counts, or (with -EALREADY) counted once.
 * Return: 0; -EALREADY it was right, but used before; -EACCES it is wrong; -EIO.
 */
int totp_check(const uint8_t secret[TOTP_SECRET_BYTES], const char *code, int64_t now,
	       uint64_t last, uint64_t *step) __attribute__((warn_unused_result));

/** totp_base32() - without padding, as the apps take it. @out_size: TOTP_BASE32_SIZE(n). Return: 0;
 * -ENOSPC. */
int totp_base32(char *out, size_t out_size, const uint8_t *bytes, size_t n)
	__attribute__((warn_unused_result));

/** totp_uri() - what a QR code says: otpauth://totp/DOMAIN:USER?... Return: 0; -ENOSPC. */
int totp_uri(char out[TOTP_URI_SIZE], const char *domain, const char *user,
	     const uint8_t secret[TOTP_SECRET_BYTES]) __attribute__((warn_unused_result));

#endif
