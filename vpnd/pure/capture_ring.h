/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * capture_ring - packets on their way from vpnd to a vpnctl that captures: records in a ring of
 * fixed size. What does not fit is counted, never waited for. Pure.
 *
 * A record on the way, big-endian; the stream is cut anywhere:
 *   1 session   kind(8) slot(16) length(8) name
 *   2 packet    kind(8) slot(16) flags(8) gso_size(16) time_us(64) length(32) kept(32) bytes
 *               flags: 1 in, 2 its transport checksum is not finished, 4 denied by rules
 *   3 end       kind(8) slot(16) packets(64) dropped(64): of a slot, when the capture is over
 */
#ifndef FARLAN_CAPTURE_RING_H
#define FARLAN_CAPTURE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPTURE_NAME_MAX 63
#define CAPTURE_HEADER_MAX_BYTES 32
#define CAPTURE_KEPT_MAX_BYTES 65535

enum capture_kind { CAPTURE_SESSION = 1, CAPTURE_PACKET = 2, CAPTURE_END = 3 };

struct capture_record {
	enum capture_kind kind;
	uint16_t slot;
	char name[CAPTURE_NAME_MAX + 1]; /* CAPTURE_SESSION */
	bool in, unfinished, denied;	 /* CAPTURE_PACKET, and what follows */
	uint16_t gso_size;		 /* of a super-packet; else 0 */
	uint64_t time_us;		 /* Unix time */
	uint32_t len, kept;		 /* bytes that it has; that are here */
	const uint8_t *bytes;
	uint64_t packets, dropped; /* CAPTURE_END */
};

struct capture_ring {
	uint8_t *memory;
	size_t size, first, used;
};

void capture_ring_init(struct capture_ring *ring, uint8_t *memory, size_t size);
/** capture_ring_put() - a record, whole or not at all. Return: false, there is no room. */
bool capture_ring_put(struct capture_ring *ring, const struct capture_record *r);
/** capture_ring_take() - up to @size bytes of the stream. Return: how many. */
size_t capture_ring_take(struct capture_ring *ring, uint8_t *out, size_t size);

/**
 * capture_record_decode() - the next record of a stream.
 * @r: r->bytes points into @in.   @used: its bytes, set on success only.
 * Return: 0; -EAGAIN more bytes are needed; -EBADMSG.
 */
int capture_record_decode(struct capture_record *r, const uint8_t *in, size_t n, size_t *used)
	__attribute__((warn_unused_result));

#endif
