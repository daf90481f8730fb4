/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A flag (checksum not finished), an MTU (16 bits), an IP packet: its SYN's MSS is lowered. */
#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/mss.h"

static void require(int ok)
{
	if (!ok)
		abort();
}

static uint32_t sum(const uint8_t *p, size_t len)
{
	uint32_t s = 0;

	for (size_t i = 0; i < len; i++)
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s % 0xffff; /* both zeros are one */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = size - 3, at, changes = 0;
	const uint8_t *was = data + 3;
	uint32_t mtu;
	uint8_t *packet;
	bool changed;

	if (size < 4 || len > 65535)
		return 0;
	mtu = (uint32_t)data[1] << 8 | data[2];
	packet = malloc(len);
	require(packet != NULL);
	memcpy(packet, was, len);
	changed = mss_clamp(packet, len, data[0] & 1, mtu);
	for (size_t i = 0; i < len; i++)
		changes += packet[i] != was[i];
	require(changed ? mss_is_syn(was, len) : changes == 0);
	if (changed) {
		at = was[0] >> 4 == 4 ? (size_t)(was[0] & 15) * 4 : 40;
		if (data[0] & 1)
			require(memcmp(packet, was, at + 20) == 0);
		else
			require(sum(packet + at, len - at) == sum(was + at, len - at));
		require(!mss_clamp(packet, len, data[0] & 1, mtu));
	}
	free(packet);
	return 0;
}
