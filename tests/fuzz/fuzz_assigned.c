/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file of what sessions had: what is accepted comes back the same, holds, and can be changed.
 */
#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/assigned.h"

static struct assigned first, second;

static void require(int ok)
{
	if (!ok)
		abort();
}

static void check(const struct assigned *a)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct assigned_session *s = &a->sessions[i];

		require(s->waiting && ident_uid_ok(s->id) && s->n <= TRANSLATE_MAX);
		for (size_t k = 0; k < s->n; k++) {
			const struct translate_pair *p = &s->pairs[k];

			require(p->here.len == p->there.len && prefix_reachable(&p->here));
			require(assigned_here(a, s->id, &p->there) == &p->here);
			require(assigned_holder(a, "", &p->here) != NULL);
			require(assigned_holder(a, s->id, &p->here) != s);
		}
	}
}

/* Each comes back, the last one first. */
static void come_back(struct assigned *a)
{
	static struct assigned_session s;

	for (size_t i = 0, n = a->n; i < n; i++) {
		s = a->sessions[n - 1];
		s.waiting = false;
		require(!assigned_put(a, &s) && a->n == n && !a->sessions[0].waiting);
	}
	require(!assigned_give_up(a));
	while (a->n)
		require(assigned_remove(a, a->sessions[a->n / 2].id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len;
	char *text;

	if (assigned_decode(&first, data, size) != 0)
		return 0;
	check(&first);
	text = assigned_encode(&first, &len);
	require(text && assigned_decode(&second, text, len) == 0);
	require(memcmp(&first, &second, sizeof(first)) == 0);
	free(text);
	come_back(&second);
	return 0;
}
