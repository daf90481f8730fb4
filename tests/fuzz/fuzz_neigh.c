/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A family (4 or 6) and an ARP packet or an IPv6 packet. */
#include <errno.h>
#include <stdlib.h>

#include "vpnd/pure/neigh.h"

static void require(int ok)
{
	if (!ok)
		abort();
}

static int is_of(const struct addr *a, uint8_t family)
{
	return a->family == 0 || a->family == family;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mac[NEIGH_MAC_BYTES] = {2, 0, 0, 0, 0, 1};
	struct neigh n;
	uint8_t family;
	int err;

	if (size < 1)
		return 0;
	family = data[0] % 2 ? 6 : 4;
	err = neigh_parse(&n, family, data + 1, size - 1, mac);
	require(err == 0 || err == -EBADMSG);
	if (err != 0)
		return 0;
	require(is_of(&n.used, family) && is_of(&n.probed, family) && is_of(&n.asked, family));
	require(!n.probed.family || !n.used.family);
	return 0;
}
