/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Challenges of a proxy, in one header: what can be answered is answered in one line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/http_auth.h"

static void answer(const struct http_auth *a)
{
	const struct http_auth_request q = {.user = "u\"s\\er",
					    .password = "pass",
					    .method = "CONNECT",
					    .uri = "as1.example:443",
					    .count = 1};
	char out[HTTP_AUTH_SIZE];
	int r = http_auth_answer(out, a, &q);

	if (r == -ENOSPC)
		return;
	if (r != 0 || strlen(out) >= sizeof(out) || strpbrk(out, "\r\n"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char begin[] = "HTTP/1.1 407 x\r\nProxy-Authenticate: ";
	uint8_t head[HTTP_HEAD_MAX_BYTES];
	struct http_auth_offer offer;
	struct http_head h;
	size_t used, n = sizeof(begin) - 1;

	if (size > sizeof(head) - n - 4)
		return 0;
	memcpy(head, begin, n);
	memcpy(head + n, data, size);
	memcpy(head + n + size, "\r\n\r\n", 4);
	if (http_head_decode(head, n + size + 4, &h, &used) != 0 || h.is_request)
		return 0;
	http_auth_read(&offer, &h, "Proxy-Authenticate");
	if (strlen(offer.schemes) >= sizeof(offer.schemes))
		abort();
	if (offer.best.kind != HTTP_AUTH_NONE)
		answer(&offer.best);
	return 0;
}
