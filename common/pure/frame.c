/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/frame.h"

#include <errno.h>
#include <stdbool.h>

#include "common/pure/bytes.h"

static bool within(size_t n, size_t min, size_t max)
{
	return n >= min && n <= max;
}

/* The shortest IP packet is an IPv4 header; END has its code before the reason. */
static bool len_ok(uint8_t type, size_t n)
{
	switch (type) {
	case FRAME_HELLO:
		return within(n, FRAME_HELLO_MIN_BYTES, FRAME_HELLO_MAX_BYTES);
	case FRAME_PACKET:
		return within(n, FRAME_PACKET_MIN_BYTES, FRAME_PACKET_MAX_BYTES);
	case FRAME_SUPER:
		return within(n, FRAME_VNET_BYTES + FRAME_PACKET_MIN_BYTES,
			      FRAME_VNET_BYTES + FRAME_PACKET_MAX_BYTES);
	case FRAME_STAMP:
	case FRAME_ACK:
		return n == FRAME_STAMP_BYTES;
	case FRAME_LOSSY:
		return n == FRAME_LOSSY_BYTES;
	case FRAME_PING:
	case FRAME_PONG:
		return n == FRAME_PING_BYTES;
	case FRAME_SELECT:
	case FRAME_SELECTED:
		return n == FRAME_SELECT_BYTES;
	case FRAME_END:
		return within(n, 1, 1 + FRAME_REASON_MAX_BYTES);
	default: /* a type of a later version */
		return n <= FRAME_MAX_BYTES;
	}
}

int frame_decode(const uint8_t *in, size_t len, struct frame *f, size_t *used)
{
	struct rd r = rd_init(in, len);
	const uint8_t *payload;
	uint8_t type;
	uint32_t n;

	if (!rd_u8(&r, &type) || !rd_u24(&r, &n))
		return -EAGAIN;
	if (!len_ok(type, n))
		return -EBADMSG;
	if (!rd_bytes(&r, &payload, n))
		return -EAGAIN;
	*f = (struct frame){.type = type, .payload = payload, .len = n};
	*used = len - r.left;
	return 0;
}

void frame_header_encode(uint8_t out[FRAME_HEADER_BYTES], enum frame_type type, size_t len)
{
	struct wr w = wr_init(out, FRAME_HEADER_BYTES);

	wr_u8(&w, (uint8_t)type);
	wr_u24(&w, (uint32_t)len);
}
