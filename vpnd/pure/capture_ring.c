/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/capture_ring.h"

#include <errno.h>
#include <string.h>

#include "common/pure/bytes.h"

#define FLAG_IN 1
#define FLAG_UNFINISHED 2
#define FLAG_DENIED 4

void capture_ring_init(struct capture_ring *ring, uint8_t *memory, size_t size)
{
	*ring = (struct capture_ring){.memory = memory, .size = size};
}

static void append(struct capture_ring *ring, const uint8_t *bytes, size_t n)
{
	size_t at = (ring->first + ring->used) % ring->size, head = ring->size - at;

	head = head < n ? head : n;
	memcpy(ring->memory + at, bytes, head);
	memcpy(ring->memory, bytes + head, n - head);
	ring->used += n;
}

static void put_header(struct wr *w, const struct capture_record *r)
{
	wr_u8(w, (uint8_t)r->kind);
	wr_u16(w, r->slot);
	switch (r->kind) {
	case CAPTURE_SESSION:
		wr_u8(w, (uint8_t)strnlen(r->name, CAPTURE_NAME_MAX));
		break;
	case CAPTURE_PACKET:
		wr_u8(w, (uint8_t)((r->in ? FLAG_IN : 0) | (r->unfinished ? FLAG_UNFINISHED : 0) |
				   (r->denied ? FLAG_DENIED : 0)));
		wr_u16(w, r->gso_size);
		wr_u64(w, r->time_us);
		wr_u32(w, r->len);
		wr_u32(w, r->kept);
		break;
	case CAPTURE_END:
		wr_u64(w, r->packets);
		wr_u64(w, r->dropped);
		break;
	}
}

bool capture_ring_put(struct capture_ring *ring, const struct capture_record *r)
{
	uint8_t header[CAPTURE_HEADER_MAX_BYTES];
	struct wr w = wr_init(header, sizeof(header));
	const uint8_t *body = (const uint8_t *)r->name;
	size_t n = 0;

	put_header(&w, r);
	if (r->kind == CAPTURE_SESSION)
		n = strnlen(r->name, CAPTURE_NAME_MAX);
	if (r->kind == CAPTURE_PACKET) {
		body = r->bytes;
		n = r->kept;
	}
	if (w.used + n > ring->size - ring->used)
		return false;
	append(ring, header, w.used);
	if (n > 0)
		append(ring, body, n);
	return true;
}

size_t capture_ring_take(struct capture_ring *ring, uint8_t *out, size_t size)
{
	size_t n = ring->used < size ? ring->used : size, head = ring->size - ring->first;

	head = head < n ? head : n;
	memcpy(out, ring->memory + ring->first, head);
	memcpy(out + head, ring->memory, n - head);
	ring->first = (ring->first + n) % ring->size;
	ring->used -= n;
	return n;
}

/* --- reading --- */

/* False: not all there. */
static bool get_session(struct rd *in, struct capture_record *r)
{
	const uint8_t *name;
	uint8_t n;

	if (!rd_u8(in, &n) || !rd_bytes(in, &name, n))
		return false;
	if (n > CAPTURE_NAME_MAX)
		n = CAPTURE_NAME_MAX;
	memcpy(r->name, name, n);
	r->name[n] = '\0';
	return true;
}

static bool get_packet(struct rd *in, struct capture_record *r)
{
	uint8_t flags;

	if (!rd_u8(in, &flags) || !rd_u16(in, &r->gso_size) || !rd_u64(in, &r->time_us) ||
	    !rd_u32(in, &r->len) || !rd_u32(in, &r->kept))
		return false;
	r->in = flags & FLAG_IN;
	r->unfinished = flags & FLAG_UNFINISHED;
	r->denied = flags & FLAG_DENIED;
	return r->kept > CAPTURE_KEPT_MAX_BYTES || rd_bytes(in, &r->bytes, r->kept);
}

static bool get_body(struct rd *in, struct capture_record *r)
{
	switch (r->kind) {
	case CAPTURE_SESSION:
		return get_session(in, r);
	case CAPTURE_PACKET:
		return get_packet(in, r);
	case CAPTURE_END:
		break;
	}
	return rd_u64(in, &r->packets) && rd_u64(in, &r->dropped);
}

int capture_record_decode(struct capture_record *r, const uint8_t *in, size_t n, size_t *used)
{
	struct rd rd = rd_init(in, n);
	uint8_t kind;

	memset(r, 0, sizeof(*r));
	if (!rd_u8(&rd, &kind) || !rd_u16(&rd, &r->slot))
		return -EAGAIN;
	if (kind < CAPTURE_SESSION || kind > CAPTURE_END)
		return -EBADMSG;
	r->kind = (enum capture_kind)kind;
	if (!get_body(&rd, r))
		return -EAGAIN;
	if (r->kept > CAPTURE_KEPT_MAX_BYTES || r->kept > r->len)
		return -EBADMSG;
	*used = n - rd.left;
	return 0;
}
