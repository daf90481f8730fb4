/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of relays and what the other end measured: what is refused changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/relay_table.h"

static void list(const json_t *o)
{
	static struct relay_table t, before;

	before = t;
	if (relay_table_merge(&t, o) != 0 || relay_table_decode(&t, o) != 0) {
		if (memcmp(&t, &before, sizeof(t)) != 0)
			abort();
		return;
	}
	for (size_t i = 0; i < t.n; i++) {
		if (relay_table_find(&t, t.at[i].uid) != &t.at[i])
			abort();
	}
}

static void far(const json_t *o)
{
	static struct relay_far f, before;

	before = f;
	if (relay_far_decode(&f, o) != 0 && memcmp(&f, &before, sizeof(f)) != 0)
		abort();
	for (size_t i = 0; i < f.n; i++) {
		if (relay_far_find(&f, f.rows[i].uid) != &f.rows[i])
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *o = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);

	list(o);
	far(o);
	json_decref(o);
	return 0;
}
