/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hint - what a relay tells an endpoint about their connection: a hop message while the outer
 * layer is there, a record that TLS cannot have when it is shed. Not authenticated: whoever
 * gets one may look for another way, and does nothing else. Pure.
 * Source: docs/PROTOCOL.md, section 2.2.
 */
#ifndef FARLAN_HINT_H
#define FARLAN_HINT_H

#include <stddef.h>
#include <stdint.h>

#include "common/pure/record.h"

enum hint_code { HINT_DRAINING = 1 };

struct hint {
	enum hint_code code;
	uint16_t arg; /* HINT_DRAINING: seconds until the relay ends the leg; 0: it does not say */
};

#define HINT_TEXT_SIZE 16
#define HINT_RECORD_BYTES (RECORD_HEADER_BYTES + 3)

/** hint_encode_text() - "drain 60". Return: its length. */
size_t hint_encode_text(const struct hint *h, char out[HINT_TEXT_SIZE]);
/** hint_decode_text() - @h is written whole or not at all. Return: 0; -ENOENT no hint that we know.
 */
int hint_decode_text(struct hint *h, const uint8_t *text, size_t n)
	__attribute__((warn_unused_result));

/** hint_encode_record() - the whole record. */
void hint_encode_record(const struct hint *h, uint8_t out[HINT_RECORD_BYTES]);
/**
 * hint_decode_body() - the body of a record that record_raw_decode() found to be a hint. What is
 * missing of the argument is 0, what follows it belongs to later versions.
 * Return: 0; -ENOENT no hint that we know.
 */
int hint_decode_body(struct hint *h, const uint8_t *body, size_t n)
	__attribute__((warn_unused_result));

#endif
