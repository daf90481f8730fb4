/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * usage - what one of a session's three stations (an end, a relay) says that it has carried: one
 * record for one stretch of time, with the sums since its beginning. A later record of the same
 * stretch takes the earlier one's place. Pure (jansson). Source: docs/PROTOCOL.md, "Usage".
 */
#ifndef FARLAN_USAGE_H
#define FARLAN_USAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/pure/token.h"

#define USAGE_REASON_SIZE 128
#define USAGE_SEQ_MAX ((INT64_C(1) << 53) - 1)
#define USAGE_TIME_MAX_MS INT64_C(253402300799999) /* the end of 9999 */
#define USAGE_BATCH_MAX 200			   /* records in one message */

struct usage {
	char session[TOKEN_SESSION_SIZE];
	int64_t seq;		/* 1..USAGE_SEQ_MAX: each record of a reporter has its own */
	int64_t from_ms, to_ms; /* Unix time; from_ms names the stretch */
	uint64_t bytes_to_device, bytes_to_manager;
	bool has_packets; /* ends count them, relays cannot */
	uint64_t packets_to_device, packets_to_manager;
	bool over; /* nothing follows: @reason says why */
	char reason[USAGE_REASON_SIZE];
};

/** usage_encode() - Return: a new object; NULL out of memory. */
json_t *usage_encode(const struct usage *u);

/** usage_decode() - strict about ranges; the reason is made printable. @u is written whole or not
 * at all. Return: 0; -EBADMSG. */
int usage_decode(struct usage *u, const json_t *o) __attribute__((warn_unused_result));

#endif
