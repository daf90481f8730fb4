/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IP packets whose MSS is to fit: four bytes may change, and a second time nothing does. */
#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/mss.h"

#define MTU 1400

static void require(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *packet = calloc(1, size ? size : 1);
	struct ip_info info;
	size_t changed = 0;

	require(packet != NULL);
	if (size > 0)
		memcpy(packet, data, size);
	if (ip_parse(packet, size, &info) == 0) {
		bool done = mss_clamp(packet, size, &info, MTU, size % 2);

		for (size_t i = 0; i < size; i++)
			changed += packet[i] != data[i];
		require(done ? changed > 0 && changed <= 4 : changed == 0);
		require(!mss_clamp(packet, size, &info, MTU, size % 2));
	}
	free(packet);
	return 0;
}
