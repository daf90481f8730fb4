/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Control messages, one behind the other. */
#include <stdlib.h>

#include "common/pure/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *body;
	size_t n, used, at = 0;

	while (msg_decode(data + at, size - at, MSG_MAX_BYTES, &body, &n, &used) == 0) {
		if (used > size - at || n > MSG_MAX_BYTES || body + n != data + at + used)
			abort();
		at += used;
	}
	return 0;
}
