/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets one after the other, each as: what (in, out, note), slot and whether its checksum is
 * finished (a byte), milliseconds later / 256 (a byte), its length (16 bits), itself.
 */
#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/napt.h"

#define HEADER_BYTES 4
#define FLOWS 16

static void require(int ok)
{
	if (!ok)
		abort();
}

static void one(struct napt *t, uint8_t what, uint8_t *bytes, size_t n, uint64_t now_ms)
{
	struct addr lent = {4, {192, 168, 1, 250}};
	struct vnet v = {.needs_csum = what & 0x40, .csum_start = 20};
	struct ip_info ip, after;
	struct napt_packet p = {&v, bytes, n, &ip};
	enum napt_result r = NAPT_LEAVE;
	uint16_t slot = what >> 2 & 3;

	if (ip_parse(bytes, n, &ip) != 0)
		return;
	if (ip.src.family == 6)
		lent = (struct addr){6, {0xfd, 1, [15] = 0xff}};
	if ((what & 3) == 0)
		r = napt_in(t, &p, slot, 0, &lent, now_ms);
	else if ((what & 3) == 1)
		r = napt_out(t, &p, 0, &slot, now_ms);
	else if ((what & 3) == 2)
		napt_note(t, &p, slot, what & 0x80, now_ms);
	else
		napt_forget_slot(t, slot);
	require(slot < 4);
	require(ip_parse(bytes, n, &after) == 0);
	require(addr_equal(&after.src, &ip.src) && addr_equal(&after.dst, &ip.dst));
	require(r != NAPT_DONE || (what & 3) != 0 || addr_equal(&after.src, &lent));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t key[2] = {1, 2};
	struct napt *t = napt_new(key, FLOWS);
	uint64_t now_ms = 1000;

	require(t != NULL);
	while (size > HEADER_BYTES) {
		size_t n = (size_t)data[2] << 8 | data[3];
		uint8_t *bytes;

		if (n > size - HEADER_BYTES)
			n = size - HEADER_BYTES;
		bytes = malloc(n ? n : 1);
		require(bytes != NULL);
		memcpy(bytes, data + HEADER_BYTES, n);
		now_ms += data[1] * 256UL;
		napt_expire(t, now_ms);
		one(t, data[0], bytes, n, now_ms);
		require(napt_counters(t)->flows <= FLOWS);
		free(bytes);
		data += HEADER_BYTES + n;
		size -= HEADER_BYTES + n;
	}
	napt_free(t);
	return 0;
}
