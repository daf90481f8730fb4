/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Relay tokens: the input as a token's text, as its footer, and as its claims under a good
 * signature. Whatever is accepted can be signed again.
 */
#include <stdlib.h>
#include <string.h>

#include "common/pure/text.h"
#include "common/pure/token.h"

#define PUBLIC_HEX "1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2"
#define SECRET_HEX "b4cbfb43df4ce210727d953e4a713307fa19bb7d9f85041438d9e11b942a3774" PUBLIC_HEX
#define NOW INT64_C(1795158000)

static uint8_t secret[PASETO_SECRET_BYTES];
static struct token_key key;
static struct ident self = {"plant.example", IDENT_RELAY, "ffeeddccbbaa99887766554433221100"};

static void set_up(void)
{
	if (key.kid[0])
		return;
	if (text_hex_decode(secret, sizeof(secret), SECRET_HEX, strlen(SECRET_HEX)) != 0 ||
	    text_hex_decode(key.public, sizeof(key.public), PUBLIC_HEX, strlen(PUBLIC_HEX)) != 0)
		abort();
	token_kid(key.kid, key.public);
}

static void check(const char *text, size_t len)
{
	char again[PASETO_TOKEN_SIZE];
	uint8_t footer[PASETO_TOKEN_SIZE];
	struct token t, copy;
	size_t n;

	if (paseto_footer(text, len, footer, sizeof(footer), &n) == 0 && n > len)
		abort();
	if (token_check(&t, text, len, &key, 1, &self, NOW) != 0)
		return;
	if (token_sign(again, &t, secret, key.public) != 0)
		abort();
	if (token_check(&copy, again, strlen(again), &key, 1, &self, NOW) != 0)
		abort();
	if (t.issued != copy.issued || t.expires != copy.expires || t.role != copy.role)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char footer[] = "{\"kid\":\"8d62301156f3909e\"}";
	char text[PASETO_TOKEN_SIZE];

	set_up();
	check((const char *)data, size);
	if (paseto_sign(text, sizeof(text), secret, data, size, footer, sizeof(footer) - 1, NULL,
			0) == 0)
		check(text, strlen(text));
	if (paseto_sign(text, sizeof(text), secret, "{}", 2, data, size, NULL, 0) == 0)
		check(text, strlen(text));
	return 0;
}
