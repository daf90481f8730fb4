/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is taken lies within the input; what was taken whole is taken the same whatever follows; and
 * the list of a head never yields more than an address. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/forwarded.h"
#include "common/pure/proxyproto.h"

static void forwarded(const uint8_t *data, size_t size)
{
	static const struct prefix trusted = {.addr = {.family = 4, .bytes = {10}}, .len = 8};
	struct http_head head;
	struct addr a = {.family = 0};
	uint16_t port;
	size_t used;

	if (http_head_decode(data, size, &head, &used) == 0 &&
	    forwarded_client(&head, &trusted, 1, &a, &port) && a.family != 4 && a.family != 6)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxyproto p, again;
	size_t used, used_again;
	int r = proxyproto_decode(&p, data, size, &used);

	if (r == 0) {
		if (used == 0 || used > size || used > PROXYPROTO_MAX_BYTES)
			abort();
		if (proxyproto_decode(&again, data, used, &used_again) != 0 || used_again != used ||
		    !addr_equal(&again.client, &p.client) || again.port != p.port)
			abort();
	} else if (r == -EAGAIN && size >= PROXYPROTO_MAX_BYTES) {
		abort();
	}
	forwarded(data, size);
	return 0;
}
