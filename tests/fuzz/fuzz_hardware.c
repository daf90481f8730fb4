/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever a newcomer says of its machine: at most so many marks, each once. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/hardware.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *list = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);
	char value[HARDWARE_VALUE_SIZE];
	struct hardware h;

	if (hardware_value(data, size, value) && (!value[0] || strlen(value) >= sizeof(value)))
		abort();
	if (list && hardware_decode(&h, list) == 0) {
		if (h.n > HARDWARE_MARKS_MAX || h.n > json_array_size(list))
			abort();
		for (size_t i = 1; i < h.n; i++) {
			if (memcmp(h.marks[i], h.marks[i - 1], HARDWARE_MARK_BYTES) == 0)
				abort();
		}
	}
	json_decref(list);
	return 0;
}
