/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An MTU (16 bits) and an IP packet that is taken apart or answered. */
#include <errno.h>
#include <stdlib.h>

#include "common/pure/ip.h"
#include "vpnd/pure/fragment.h"
#include "vpnd/pure/toobig.h"

static void require(int ok)
{
	if (!ok)
		abort();
}

static size_t header_of(const uint8_t *ip)
{
	return (size_t)(ip[0] & 15) * 4;
}

static void take_apart(const uint8_t *packet, size_t len, uint32_t mtu)
{
	size_t payload = 0, n;
	struct ip_info info;
	struct fragment f;
	uint8_t *out;

	if (fragment_init(&f, packet, len, mtu) != 0)
		return;
	out = malloc(mtu);
	require(out != NULL);
	while (fragment_next(&f, out, mtu, &n) == 0) {
		require(n <= mtu && ip_parse(out, n, &info) == 0 && n > header_of(out));
		payload += n - header_of(out);
	}
	require(payload == len - header_of(packet));
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct addr from = {4, {100, 64, 0, 1}};
	uint8_t out[TOOBIG_MAX_BYTES];
	struct ip_info info;
	uint32_t mtu;
	size_t n;
	int err;

	if (size < 3)
		return 0;
	mtu = (uint32_t)data[0] << 8 | data[1];
	take_apart(data + 2, size - 2, mtu);
	if (data[2] >> 4 == 6)
		from.family = 6;
	err = toobig_answer(out, &n, data + 2, size - 2, &from, mtu);
	require(err == 0 || err == -EPERM || err == -EBADMSG);
	if (err == 0)
		require(n <= (from.family == 4 ? 576U : 1280U) && ip_parse(out, n, &info) == 0);
	return 0;
}
