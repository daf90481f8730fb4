/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A stream of captured records: what is accepted is made again from its parts. */
#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/capture_ring.h"

static void again(const struct capture_record *r)
{
	static uint8_t memory[70000], out[70000];
	struct capture_record back;
	struct capture_ring ring;
	size_t n, used;

	capture_ring_init(&ring, memory, sizeof(memory));
	if (!capture_ring_put(&ring, r))
		abort();
	n = capture_ring_take(&ring, out, sizeof(out));
	if (capture_record_decode(&back, out, n, &used) != 0 || used != n || back.kept != r->kept ||
	    strcmp(back.name, r->name) != 0 || back.packets != r->packets)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capture_record r;
	size_t used;

	while (capture_record_decode(&r, data, size, &used) == 0) {
		if (used == 0 || used > size)
			abort();
		again(&r);
		data += used;
		size -= used;
	}
	return 0;
}
