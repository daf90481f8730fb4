/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Usage records, and rates as people write them: what is accepted comes back the same. */
#include <stdlib.h>
#include <string.h>

#include "common/pure/rate.h"
#include "common/pure/usage.h"

static void check_rate(const uint8_t *data, size_t size)
{
	char text[64], again[RATE_TEXT_SIZE];
	uint64_t v, w;

	if (size >= sizeof(text))
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	if (rate_parse(&v, text) != 0)
		return;
	rate_format(v, again);
	if (rate_parse(&w, again) != 0 || v != w)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *o = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	struct usage u, again;
	json_t *first, *second;

	check_rate(data, size);
	if (usage_decode(&u, o) == 0) {
		first = usage_encode(&u);
		if (!first || usage_decode(&again, first) != 0)
			abort();
		second = usage_encode(&again);
		if (!json_equal(first, second))
			abort();
		json_decref(first);
		json_decref(second);
	}
	json_decref(o);
	return 0;
}
