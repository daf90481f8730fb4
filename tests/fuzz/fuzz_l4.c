/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An IP packet, whole or cut off: what is found in it lies in it. */
#include <stdlib.h>

#include "vpnd/pure/l4.h"

static void require(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct l4 l4;

	l4_parse(data, size, &l4);
	require(l4.at == 0 || l4.at < size);
	require(l4.csum_at == 0 || (size_t)l4.csum_at + 2 <= size);
	require(l4.kind != L4_PORTS || (size_t)l4.at + 4 <= size);
	require(l4.kind != L4_ERROR || l4.quoted <= size);
	require(l4.kind == L4_NONE || l4.at >= 20);
	require(!l4.later || l4.kind == L4_NONE);
	return 0;
}
