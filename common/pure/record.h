/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * record - where TLS records begin and end in a byte stream (RFC 8446 section 5.1), without
 * opening them: for shedding the outer layer. Pure. Source: docs/PROTOCOL.md, "Shedding".
 */
#ifndef FARLAN_RECORD_H
#define FARLAN_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_TYPE_DATA 23 /* application_data */
#define RECORD_HEADER_BYTES 5
#define RECORD_BODY_MAX_BYTES 16640 /* 2^14 + 256 */
#define RECORD_BODY_MIN_BYTES 17    /* of a TLS 1.3 ciphertext: type and tag */
#define RECORD_HINT_MAX_BYTES (RECORD_BODY_MIN_BYTES - 1)

/* One direction of the inner stream as it passes by; zero is the start. */
struct record_follow {
	uint8_t head[RECORD_HEADER_BYTES];
	uint8_t have;  /* bytes of the next header that have passed */
	uint32_t left; /* bytes of the present body that have not */
	bool bare; /* from here on nothing but what may stand on a shed connection, hints excepted
		    */
};

static inline bool record_at_boundary(const struct record_follow *f)
{
	return f->have == 0 && f->left == 0;
}

/**
 * record_follow() - let bytes pass, at most to the next boundary.
 * @used: bytes that passed, 1..n for n > 0.
 * Return: 0; -EBADMSG what passes is no TLS record, or none for a shed connection: boundaries are
 * not known any more.
 */
int record_follow(struct record_follow *f, const uint8_t *bytes, size_t n, size_t *used)
	__attribute__((warn_unused_result));

enum record_kind { RECORD_DATA, RECORD_HINT };

/**
 * record_raw_decode() - the header at the start of @in, as it may stand on a shed connection:
 * application data, or a hop hint (body of 1 to 16 bytes, which TLS 1.3 cannot have).
 * @total: bytes of the record with its header.
 * Return: 0; -EAGAIN fewer than 5 bytes; -EBADMSG.
 */
int record_raw_decode(const uint8_t *in, size_t len, enum record_kind *kind, size_t *total)
	__attribute__((warn_unused_result));

#endif
