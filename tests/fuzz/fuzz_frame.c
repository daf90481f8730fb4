/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames of a path, one behind the other. */
#include <stdlib.h>
#include <string.h>

#include "common/pure/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t header[FRAME_HEADER_BYTES];
	size_t used, at = 0;
	struct frame f;

	while (frame_decode(data + at, size - at, &f, &used) == 0) {
		if (used > size - at || f.len > FRAME_MAX_BYTES ||
		    f.payload + f.len != data + at + used)
			abort();
		frame_header_encode(header, (enum frame_type)f.type, f.len);
		if (memcmp(header, data + at, sizeof(header)) != 0)
			abort();
		at += used;
	}
	return 0;
}
