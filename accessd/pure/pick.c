/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/pick.h"

#include <stdlib.h>

static int compare(const void *pa, const void *pb)
{
	const struct pick *a = pa, *b = pb;

	if (a->online != b->online)
		return a->online ? -1 : 1;
	if (a->sessions != b->sessions)
		return a->sessions < b->sessions ? -1 : 1;
	return (a->index > b->index) - (a->index < b->index);
}

size_t pick_relays(struct pick *relays, size_t n, size_t max)
{
	if (n > 1)
		qsort(relays, n, sizeof(*relays), compare);
	return n < max ? n : max;
}
