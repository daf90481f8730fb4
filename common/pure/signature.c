/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/signature.h"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/ed25519.h>

#include <errno.h>
#include <string.h>

int signature_make(uint8_t sig[SIGNATURE_BYTES], const uint8_t secret[SIGNATURE_SECRET_BYTES],
		   const void *text, size_t n)
{
	ed25519_key key;
	word32 sig_len = SIGNATURE_BYTES;
	int r = wc_ed25519_init(&key);

	if (r != 0)
		return -EIO;
	r = wc_ed25519_import_private_key(secret, ED25519_KEY_SIZE, secret + ED25519_KEY_SIZE,
					  ED25519_PUB_KEY_SIZE, &key);
	if (r == 0)
		r = wc_ed25519_sign_msg(text, (word32)n, sig, &sig_len, &key);
	wc_ed25519_free(&key);
	explicit_bzero(&key, sizeof(key));
	return r == 0 && sig_len == SIGNATURE_BYTES ? 0 : -EIO;
}

int signature_check(const uint8_t sig[SIGNATURE_BYTES],
		    const uint8_t public[SIGNATURE_PUBLIC_BYTES], const void *text, size_t n)
{
	ed25519_key key;
	int good = 0;
	int r = wc_ed25519_init(&key);

	if (r != 0)
		return -EKEYREJECTED;
	r = wc_ed25519_import_public(public, SIGNATURE_PUBLIC_BYTES, &key);
	if (r == 0)
		r = wc_ed25519_verify_msg(sig, SIGNATURE_BYTES, text, (word32)n, &good, &key);
	wc_ed25519_free(&key);
	return r == 0 && good == 1 ? 0 : -EKEYREJECTED;
}
