/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * msg - control messages: a 32-bit big-endian length and that many bytes of JSON. Length 0 is
 * the keep-alive. Pure. Source: docs/PROTOCOL.md, "Control messages".
 */
#ifndef FARLAN_MSG_H
#define FARLAN_MSG_H

#include <stddef.h>
#include <stdint.h>

#define MSG_HEADER_BYTES 4
#define MSG_MAX_BYTES 65536	    /* of JSON, between authenticated peers and on local sockets */
#define MSG_MAX_BYTES_UNKNOWN 16384 /* before the peer is authenticated */

/**
 * msg_decode() - find one message at the start of @in.
 * @max: cap on the JSON's bytes, checked as soon as the length is there.
 * @body, @body_len: the JSON, in place; length 0 is a keep-alive.
 * @used: bytes consumed, set on success only.
 * Return: 0; -EAGAIN; -EMSGSIZE over the cap, close the connection.
 */
int msg_decode(const uint8_t *in, size_t len, size_t max, const uint8_t **body, size_t *body_len,
	       size_t *used) __attribute__((warn_unused_result));

void msg_header_encode(uint8_t out[MSG_HEADER_BYTES], size_t body_len);

#endif
