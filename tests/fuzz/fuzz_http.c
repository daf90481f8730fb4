/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heads of HTTP: all that is found lies within the head, and the WebSocket checks accept any head.
 */
#include <stdlib.h>
#include <string.h>

#include "common/pure/http.h"

static const uint8_t *begin, *end;

static void within(struct http_str s)
{
	const uint8_t *at = (const uint8_t *)s.at;

	if (s.len > 0 && (at < begin || at + s.len > end))
		abort();
	for (size_t i = 0; i < s.len; i++) {
		if (at[i] == '\r' || at[i] == '\n' || at[i] == '\0')
			abort();
	}
}

static void use(const struct http_head *h)
{
	static const char key[HTTP_WS_KEY_SIZE] = "dGhlIHNhbXBsZSBub25jZQ==";

	within(h->method);
	within(h->target);
	within(h->reason);
	for (size_t i = 0; i < h->n_headers; i++) {
		within(h->headers[i].name);
		within(h->headers[i].value);
	}
	if (http_ws_request_ok(h) && http_ws_response_ok(h, key))
		abort();
	(void)http_has_token(h, "Connection", "close");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_head h;
	size_t used;

	begin = data;
	if (http_head_decode(data, size, &h, &used) == 0) {
		if (used > size || used > HTTP_HEAD_MAX_BYTES)
			abort();
		end = data + used;
		use(&h);
	}
	return 0;
}
