/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/totp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/hmac.h>

#include "common/pure/text.h"

#define DIGITS_MAX 9 /* what 31 bits can say */

static int hash_type(enum totp_hash hash)
{
	switch (hash) {
	case TOTP_SHA1:
		return WC_SHA;
	case TOTP_SHA256:
		return WC_SHA256;
	case TOTP_SHA512:
		return WC_SHA512;
	}
	return WC_SHA;
}

static int hmac(enum totp_hash hash, const uint8_t *secret, size_t secret_len,
		const uint8_t message[8], uint8_t out[WC_MAX_DIGEST_SIZE], size_t *n)
{
	Hmac h;
	int r = wc_HmacInit(&h, NULL, INVALID_DEVID);

	if (r != 0)
		return -EIO;
	r = wc_HmacSetKey(&h, hash_type(hash), secret, (word32)secret_len);
	if (r == 0)
		r = wc_HmacUpdate(&h, message, 8);
	if (r == 0)
		r = wc_HmacFinal(&h, out);
	wc_HmacFree(&h);
	*n = (size_t)wc_HmacSizeByType(hash_type(hash));
	return r == 0 ? 0 : -EIO;
}

/* RFC 4226 section 5.3: dynamic truncation. */
int totp_hotp(enum totp_hash hash, const uint8_t *secret, size_t secret_len, uint64_t counter,
	      unsigned digits, char *out)
{
	uint8_t message[8], digest[WC_MAX_DIGEST_SIZE];
	uint32_t number;
	size_t n, at;
	int rc;

	if (digits < 1 || digits > DIGITS_MAX)
		return -EINVAL;
	for (int i = 7; i >= 0; i--, counter >>= 8)
		message[i] = (uint8_t)counter;
	rc = hmac(hash, secret, secret_len, message, digest, &n);
	if (rc)
		return rc;
	at = digest[n - 1] & 0xf;
	number = (uint32_t)(digest[at] & 0x7f) << 24 | (uint32_t)digest[at + 1] << 16 |
		 (uint32_t)digest[at + 2] << 8 | digest[at + 3];
	out[digits] = '\0';
	for (unsigned i = digits; i > 0; i--, number /= 10)
		out[i - 1] = (char)('0' + number % 10);
	explicit_bzero(digest, sizeof(digest));
	return 0;
}

uint64_t totp_step(int64_t now)
{
	return now > 0 ? (uint64_t)now / TOTP_STEP_S : 0;
}

static bool is_code(const char *code)
{
	for (size_t i = 0; i < TOTP_DIGITS; i++) {
		if (code[i] < '0' || code[i] > '9')
			return false;
	}
	return code[TOTP_DIGITS] == '\0';
}

int totp_check(const uint8_t secret[TOTP_SECRET_BYTES], const char *code, int64_t now,
	       uint64_t last, uint64_t *step)
{
	uint64_t here = totp_step(now), from = here > TOTP_DRIFT ? here - TOTP_DRIFT : 0;
	char right[TOTP_CODE_SIZE];
	bool found = false, fresh = false;
	int rc = 0;

	if (!is_code(code))
		return -EACCES;
	/* All of them, so that nothing is learnt from the time it takes. */
	for (uint64_t at = from; at <= here + TOTP_DRIFT && rc == 0; at++) {
		rc = totp_hotp(TOTP_SHA1, secret, TOTP_SECRET_BYTES, at, TOTP_DIGITS, right);
		if (rc || !text_equal_ct(right, code, TOTP_DIGITS))
			continue;
		/* Two steps may have the same code: the one that counts is taken. */
		if (!fresh)
			*step = at;
		found = true;
		fresh = fresh || at > last;
	}
	explicit_bzero(right, sizeof(right));
	if (rc)
		return rc;
	if (!found)
		return -EACCES;
	return fresh ? 0 : -EALREADY;
}

int totp_base32(char *out, size_t out_size, const uint8_t *bytes, size_t n)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	uint32_t bits = 0;
	unsigned have = 0;
	size_t at = 0;

	if (out_size < TOTP_BASE32_SIZE(n))
		return -ENOSPC;
	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | bytes[i];
		for (have += 8; have >= 5; have -= 5)
			out[at++] = alphabet[bits >> (have - 5) & 31];
	}
	if (have > 0)
		out[at++] = alphabet[bits << (5 - have) & 31];
	out[at] = '\0';
	return 0;
}

/* Names of users and domains need no escapes: text_name_ok(), text_domain_ok(). */
int totp_uri(char out[TOTP_URI_SIZE], const char *domain, const char *user,
	     const uint8_t secret[TOTP_SECRET_BYTES])
{
	char text[TOTP_SECRET_TEXT_SIZE];
	int n = totp_base32(text, sizeof(text), secret, TOTP_SECRET_BYTES);

	if (n)
		return n;
	n = snprintf(out, TOTP_URI_SIZE,
		     "otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=%d&period=%d",
		     domain, user, text, domain, TOTP_DIGITS, TOTP_STEP_S);
	explicit_bzero(text, sizeof(text));
	return n < TOTP_URI_SIZE ? 0 : -ENOSPC;
}
