/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Grants: what is accepted comes back the same from its own text. */
#include <stdlib.h>
#include <string.h>

#include "common/pure/grant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct grant g, again;
	json_t *o = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	json_t *first, *second;

	if (grant_decode(&g, o) == 0) {
		first = grant_encode(&g);
		if (!first || grant_decode(&again, first) != 0)
			abort();
		second = grant_encode(&again);
		if (!json_equal(first, second))
			abort();
		json_decref(first);
		json_decref(second);
	}
	json_decref(o);
	return 0;
}
