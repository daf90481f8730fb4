/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file of remembered virtual prefixes: what is accepted comes back the same, and holds. */
#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/vprefix.h"

static struct vprefix_memory first, second;

static void require(int ok)
{
	if (!ok)
		abort();
}

static void check_entries(const struct vprefix_memory *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct vprefix_entry *e = &m->entries[i];

		require(ident_uid_ok(e->uid) && e->lan.len == e->here.len &&
			prefix_routable(&e->here));
		require(vprefix_recall(m, e->uid, &e->lan) == e);
		for (size_t k = 0; k < i; k++)
			require(!prefix_overlaps(&e->here, &m->entries[k].here));
	}
}

/* The entries' prefixes as pools and as what is taken. */
static void choose(const struct vprefix_memory *m)
{
	struct prefix taken[8], pools[8], out;
	struct vprefix_list from = {.at = pools}, without = {.at = taken};
	size_t n = m->n < 8 ? m->n : 8;

	for (size_t i = 0; i < n; i++) {
		taken[i] = m->entries[i].lan;
		pools[i] = prefix_of(&m->entries[i].here.addr, m->entries[i].here.len / 2);
	}
	from.n = without.n = n;
	for (size_t i = 0; i < n; i++) {
		if (vprefix_choose(&out, m->entries[i].uid, &m->entries[i].lan, &from, &without) !=
		    0)
			continue;
		require(out.len == m->entries[i].lan.len && vprefix_in_pools(&out, pools, n) &&
			!vprefix_is_taken(&out, taken, n));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len;
	char *text;

	if (vprefix_memory_decode(&first, data, size) != 0)
		return 0;
	check_entries(&first);
	choose(&first);
	text = vprefix_memory_encode(&first, &len);
	require(text && vprefix_memory_decode(&second, text, len) == 0);
	require(memcmp(&first, &second, sizeof(first)) == 0);
	free(text);
	return 0;
}
