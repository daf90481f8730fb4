/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A proxy's answer to CONNECT, with and without a login of ours: each has words, or goes on. */
#include <stdlib.h>
#include <string.h>

#include "common/pure/connect.h"

static void check(const struct connect_answer *a, const struct connect_asked *asked, size_t size)
{
	if (a->head_bytes > size || strlen(a->words) >= sizeof(a->words))
		abort();
	switch (a->outcome) {
	case CONNECT_OPEN:
		if (a->status < 200 || a->status > 299 || a->head_bytes == 0)
			abort();
		break;
	case CONNECT_LOGIN:
		if (!asked->has_login || a->challenge.kind == HTTP_AUTH_NONE ||
		    a->skip_bytes > CONNECT_SKIP_MAX_BYTES || asked->rounds > 1)
			abort();
		break;
	case CONNECT_FAILED:
	case CONNECT_DENIED:
		if (!a->words[0])
			abort();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct http_auth said[] = {{.kind = HTTP_AUTH_NONE},
						{.kind = HTTP_AUTH_BASIC},
						{.kind = HTTP_AUTH_DIGEST_MD5}};
	struct connect_answer a;

	for (unsigned int i = 0; i < 9; i++) {
		struct connect_asked asked = {.target = "as1.example:443",
					      .has_login = i > 0,
					      .said = &said[i % 3],
					      .rounds = i / 3};

		if (connect_answer(&a, &asked, data, size) == 0)
			check(&a, &asked, size);
	}
	return 0;
}
