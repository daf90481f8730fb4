/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/stamp.h"

#include <errno.h>
#include <string.h>

#include "common/pure/bytes.h"

/* With their NUL, which ends the domain's name, too. */
static const char KEY_WORD[] = "farlan-token-key/1", TIME_WORD[] = "farlan-time/1";

#define TIME_TEXT_MAX_BYTES (sizeof(TIME_WORD) + IDENT_DOMAIN_SIZE + STAMP_NONCE_BYTES + 8)

_Static_assert(sizeof(KEY_WORD) <= 20, "STAMP_KEY_TEXT_MAX_BYTES");

/* Return: 0; -EINVAL a domain that is too long. */
static int time_text(struct wr *w, const char *domain, const uint8_t nonce[STAMP_NONCE_BYTES],
		     int64_t time_ms)
{
	wr_bytes(w, TIME_WORD, sizeof(TIME_WORD));
	wr_bytes(w, domain, strlen(domain) + 1);
	wr_bytes(w, nonce, STAMP_NONCE_BYTES);
	wr_u64(w, (uint64_t)time_ms);
	return wr_ok(w) ? 0 : -EINVAL;
}

int stamp_sign(uint8_t sig[SIGNATURE_BYTES], const uint8_t secret[SIGNATURE_SECRET_BYTES],
	       const char *domain, const uint8_t nonce[STAMP_NONCE_BYTES], int64_t time_ms)
{
	uint8_t text[TIME_TEXT_MAX_BYTES];
	struct wr w = wr_init(text, sizeof(text));

	if (time_text(&w, domain, nonce, time_ms) != 0)
		return -EIO;
	return signature_make(sig, secret, text, w.used);
}

int stamp_check(const uint8_t sig[SIGNATURE_BYTES], const uint8_t public[SIGNATURE_PUBLIC_BYTES],
		const char *domain, const uint8_t nonce[STAMP_NONCE_BYTES], int64_t time_ms)
{
	uint8_t text[TIME_TEXT_MAX_BYTES];
	struct wr w = wr_init(text, sizeof(text));

	if (time_text(&w, domain, nonce, time_ms) != 0)
		return -EKEYREJECTED;
	return signature_check(sig, public, text, w.used);
}

size_t stamp_key_text(uint8_t text[STAMP_KEY_TEXT_MAX_BYTES], const char *domain,
		      const uint8_t public[SIGNATURE_PUBLIC_BYTES])
{
	struct wr w = wr_init(text, STAMP_KEY_TEXT_MAX_BYTES);

	wr_bytes(&w, KEY_WORD, sizeof(KEY_WORD));
	wr_bytes(&w, domain, strlen(domain) + 1);
	wr_bytes(&w, public, SIGNATURE_PUBLIC_BYTES);
	return w.used;
}
