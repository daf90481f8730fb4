/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A virtio-net header and its packet: from a peer (little-endian), then as if from our kernel. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/vnet.h"

#define OUT_MAX_BYTES (1U << 20) /* of segments that are looked at: one input, a little time */

static void require(int ok)
{
	if (!ok)
		abort();
}

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t sum(const uint8_t *p, size_t len, uint32_t start)
{
	for (size_t i = 0; i < len; i++)
		start += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

/* Are the lengths and all checksums of a packet right? */
static void require_complete(const uint8_t *ip, size_t len, const struct vnet *v)
{
	size_t l4_len = len - v->csum_start;
	uint32_t pseudo = (uint32_t)l4_len + (v->csum_offset == 16 ? 6 : 17);

	if (ip[0] >> 4 == 4) {
		require(be16(ip + 2) == len);
		pseudo = sum(ip + 12, 8, pseudo);
	} else {
		require(be16(ip + 4) + 40 == len);
		pseudo = sum(ip + 8, 32, pseudo);
	}
	require(sum(ip + v->csum_start, l4_len, pseudo) == 0xffff);
}

static void cut(const struct vnet *v, const uint8_t *packet, size_t len)
{
	size_t max = (size_t)v->hdr_len + v->gso_size, n, total = 0, segments = 0;
	struct vnet_cutter c;

	vnet_segment_init(&c, v, packet, len);
	while (total < OUT_MAX_BYTES) {
		size_t left = len - v->hdr_len - segments * v->gso_size;
		size_t size = segments * v->gso_size + max <= len ? max : v->hdr_len + left;
		uint8_t *out;

		if (segments == vnet_segments(v, len)) {
			require(vnet_segment_next(&c, NULL, 0, &n) == -ENODATA);
			return;
		}
		out = malloc(size);
		require(out != NULL);
		require(vnet_segment_next(&c, out, size - 1, &n) == -ENOSPC);
		require(vnet_segment_next(&c, out, size, &n) == 0 && n == size);
		require_complete(out, n, v);
		free(out);
		total += n;
		segments++;
	}
}

static uint8_t *copy(const uint8_t *p, size_t len)
{
	uint8_t *out = malloc(len ? len : 1);

	require(out != NULL);
	if (len > 0)
		memcpy(out, p, len);
	return out;
}

/*
 * Whatever is in normal form can be made complete. The pseudo-header's sum is the sender's: what a
 * peer wrote there is wrong in its own packet only, so it is not looked at.
 */
static void use(struct vnet v, const uint8_t *packet, size_t len)
{
	uint8_t *own;

	if (v.gso != VNET_GSO_NONE) {
		cut(&v, packet, len);
		return;
	}
	own = copy(packet, len);
	vnet_complete_csum(&v, own, len);
	require(!v.needs_csum && vnet_check(&v, own, len) == 0);
	free(own);
}

static void from_peer(const uint8_t *data, size_t size)
{
	uint8_t again[VNET_BYTES];
	struct vnet v;

	if (vnet_decode_wire(&v, data) != 0)
		return;
	vnet_encode_wire(&v, again);
	require(memcmp(again, data, VNET_BYTES) == 0);
	if (vnet_check(&v, data + VNET_BYTES, size - VNET_BYTES) == 0)
		use(v, data + VNET_BYTES, size - VNET_BYTES);
}

static void from_kernel(const uint8_t *data, size_t size)
{
	size_t len = size - VNET_BYTES;
	uint8_t *packet;
	struct vnet v;
	int err;

	if (vnet_decode_host(&v, data) != 0)
		return;
	packet = copy(data + VNET_BYTES, len);
	err = vnet_normalise(&v, packet, len);
	if (err == 0)
		require(vnet_check(&v, packet, len) == 0);
	else
		require(err == -EBADMSG || err == -E2BIG);
	if (err != -EBADMSG)
		use(v, packet, len);
	free(packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < VNET_BYTES)
		return 0;
	from_peer(data, size);
	from_kernel(data, size);
	return 0;
}
