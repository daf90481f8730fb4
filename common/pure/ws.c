/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/ws.h"

#include <errno.h>
#include <string.h>

#include "common/pure/bytes.h"

#define BIT_FIN 0x80
#define BITS_RSV 0x70
#define BITS_OP 0x0f
#define BIT_MASK 0x80
#define LEN_16 126
#define LEN_64 127

struct header {
	bool fin;
	uint8_t op; /* checked: an enum ws_op */
	uint64_t len;
	uint8_t mask[4]; /* zero if the frame is not masked */
};

size_t ws_header_encode(uint8_t out[WS_HEADER_MAX_BYTES], enum ws_op op, uint64_t payload_len,
			const uint8_t mask[4])
{
	struct wr w = wr_init(out, WS_HEADER_MAX_BYTES);
	uint8_t masked = mask ? BIT_MASK : 0;

	wr_u8(&w, (uint8_t)(BIT_FIN | op));
	if (payload_len < LEN_16) {
		wr_u8(&w, (uint8_t)(masked | payload_len));
	} else if (payload_len <= UINT16_MAX) {
		wr_u8(&w, masked | LEN_16);
		wr_u16(&w, (uint16_t)payload_len);
	} else {
		wr_u8(&w, masked | LEN_64);
		wr_u64(&w, payload_len);
	}
	if (mask)
		wr_bytes(&w, mask, 4);
	return w.used;
}

void ws_mask(uint8_t *p, size_t n, const uint8_t mask[4], uint64_t offset)
{
	uint8_t key[8];
	uint64_t k, word;
	size_t i = 0;

	for (size_t j = 0; j < sizeof(key); j++)
		key[j] = mask[(offset + j) & 3];
	memcpy(&k, key, sizeof(k));
	for (; n - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		word ^= k;
		memcpy(p + i, &word, sizeof(word));
	}
	for (; i < n; i++)
		p[i] ^= key[i & 7];
}

void ws_rx_init(struct ws_rx *rx, enum ws_role self)
{
	*rx = (struct ws_rx){.self = self};
}

bool ws_rx_idle(const struct ws_rx *rx)
{
	return !rx->in_payload && !rx->fragmented;
}

/* First byte: section 5.2 for the bits, 5.4 for the order of fragments, 5.5 for control frames. */
static bool first_ok(const struct ws_rx *rx, uint8_t b0)
{
	bool fin = b0 & BIT_FIN;

	if (b0 & BITS_RSV)
		return false;
	switch (b0 & BITS_OP) {
	case WS_CONT:
		return rx->fragmented;
	case WS_BINARY:
		return !rx->fragmented;
	case WS_TEXT:
		return fin && !rx->fragmented;
	case WS_CLOSE:
	case WS_PING:
	case WS_PONG:
		return fin;
	default:
		return false;
	}
}

/* Second byte, short frames' cap included: it needs no further bytes. Section 5.5.1 for close. */
static bool second_ok(const struct ws_rx *rx, uint8_t op, uint8_t b1)
{
	bool masked = b1 & BIT_MASK;
	uint8_t len7 = b1 & 0x7f;

	if (masked != (rx->self == WS_SERVER))
		return false;
	if (op == WS_CLOSE && len7 == 1)
		return false;
	return op == WS_CONT || op == WS_BINARY || len7 <= WS_CONTROL_MAX_BYTES;
}

/* Lengths have one spelling, the shortest. Return: 0; -EAGAIN; -EBADMSG. */
static int read_len(struct rd *r, uint8_t len7, uint64_t *len)
{
	uint16_t n16;

	*len = len7;
	if (len7 == LEN_16) {
		if (!rd_u16(r, &n16))
			return -EAGAIN;
		*len = n16;
		return n16 < LEN_16 ? -EBADMSG : 0;
	}
	if (len7 == LEN_64) {
		if (!rd_u64(r, len))
			return -EAGAIN;
		return *len <= UINT16_MAX || *len > WS_FRAME_MAX_BYTES ? -EBADMSG : 0;
	}
	return 0;
}

/* Return: 0; -EAGAIN; -EBADMSG, as early as the byte that shows it. */
static int read_header(const struct ws_rx *rx, struct rd *r, struct header *h)
{
	const uint8_t *mask;
	uint8_t b0, b1;
	int ret;

	if (!rd_u8(r, &b0))
		return -EAGAIN;
	h->fin = b0 & BIT_FIN;
	h->op = b0 & BITS_OP;
	if (!first_ok(rx, b0))
		return -EBADMSG;
	if (!rd_u8(r, &b1))
		return -EAGAIN;
	if (!second_ok(rx, h->op, b1))
		return -EBADMSG;
	ret = read_len(r, b1 & 0x7f, &h->len);
	if (ret != 0 || !(b1 & BIT_MASK))
		return ret;
	if (!rd_bytes(r, &mask, sizeof(h->mask)))
		return -EAGAIN;
	memcpy(h->mask, mask, sizeof(h->mask));
	return 0;
}

static void begin_payload(struct ws_rx *rx, const struct header *h)
{
	rx->in_payload = true;
	rx->fragmented = !h->fin;
	memcpy(rx->mask, h->mask, sizeof(rx->mask));
	rx->payload_len = h->len;
	rx->payload_off = 0;
}

/* As much of the binary payload as is there; an empty frame is an event of no bytes. */
static int step_payload(struct ws_rx *rx, uint8_t *in, size_t len, struct ws_event *ev, size_t *n)
{
	uint64_t left = rx->payload_len - rx->payload_off;

	*n = len < left ? len : (size_t)left;
	if (*n == 0 && left > 0)
		return -EAGAIN;
	if (rx->self == WS_SERVER)
		ws_mask(in, *n, rx->mask, rx->payload_off);
	*ev = (struct ws_event){.op = WS_BINARY, .payload = in, .len = *n};
	rx->payload_off += *n;
	rx->in_payload = rx->payload_off < rx->payload_len;
	return 0;
}

/* Text and control frames are handed on when all of their payload is there. */
static int step_short(const struct ws_rx *rx, const struct header *h, uint8_t *in, size_t len,
		      struct ws_event *ev)
{
	size_t n = (size_t)h->len;

	if (len < n)
		return -EAGAIN;
	if (rx->self == WS_SERVER)
		ws_mask(in, n, h->mask, 0);
	*ev = (struct ws_event){.op = (enum ws_op)h->op, .payload = in, .len = n};
	return 0;
}

int ws_rx_step(struct ws_rx *rx, uint8_t *in, size_t len, struct ws_event *ev, size_t *used)
{
	struct rd r = rd_init(in, len);
	struct header h = {.op = 0};
	size_t head, n = 0;
	int ret;

	*used = 0;
	if (rx->in_payload)
		return step_payload(rx, in, len, ev, used);
	ret = read_header(rx, &r, &h);
	if (ret != 0)
		return ret;
	head = len - r.left;
	if (h.op != WS_CONT && h.op != WS_BINARY) {
		ret = step_short(rx, &h, in + head, r.left, ev);
		if (ret == 0)
			*used = head + (size_t)h.len;
		return ret;
	}
	begin_payload(rx, &h);
	ret = step_payload(rx, in + head, r.left, ev, &n);
	*used = head + n;
	return ret;
}
