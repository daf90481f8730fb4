/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Invitations: as text, and as the bytes within with a check that is made to fit. */
#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/hash.h>

#include <stdlib.h>
#include <string.h>

#include "common/pure/invite.h"
#include "common/pure/text.h"

#define PREFIX "farlan-device-"

static void use(const char *text)
{
	char again[INVITE_TEXT_SIZE];
	struct invite v, copy;

	if (invite_decode(&v, text) != 0)
		return;
	if (invite_encode(&v, again) != 0 || invite_decode(&copy, again) != 0)
		abort();
	if (v.kind != copy.kind || v.expires != copy.expires || v.n_urls != copy.n_urls)
		abort();
	if (memcmp(v.secret, copy.secret, sizeof(v.secret)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[INVITE_TEXT_SIZE + 100];
	uint8_t bytes[1600], digest[WC_SHA256_DIGEST_SIZE];

	if (size > 1500)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	use(text);
	memcpy(bytes, data, size);
	if (wc_Sha256Hash(bytes, (word32)size, digest) != 0)
		abort();
	memcpy(bytes + size, digest, 4);
	strcpy(text, PREFIX);
	if (text_b64url_encode(text + strlen(PREFIX), sizeof(text) - strlen(PREFIX), bytes,
			       size + 4) == 0)
		use(text);
	return 0;
}
