/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ws - WebSocket frames (RFC 6455 section 5). Pure.
 *
 * Binary messages carry a byte stream whose message boundaries mean nothing, so payload is
 * handed on as it comes; text, ping, pong and close are short and handed on whole. Text is not
 * checked for UTF-8, nor a close frame's code: compare, do not print.
 */
#ifndef FARLAN_WS_H
#define FARLAN_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_HEADER_MAX_BYTES 14
#define WS_CONTROL_MAX_BYTES 125	       /* section 5.5 */
#define WS_FRAME_MAX_BYTES (1u << 20)	       /* a longer frame is refused */
#define WS_TEXT_MAX_BYTES WS_CONTROL_MAX_BYTES /* hop messages are short */

enum ws_op { WS_CONT = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

enum ws_role { WS_CLIENT, WS_SERVER }; /* a client masks what it sends, a server must not */

/**
 * ws_header_encode() - header of one frame with FIN set.
 * @mask: 4 bytes of key for a client's frame, NULL for a server's.
 * Return: bytes written to @out, 2 to 14.
 */
size_t ws_header_encode(uint8_t out[WS_HEADER_MAX_BYTES], enum ws_op op, uint64_t payload_len,
			const uint8_t mask[4]);

/**
 * ws_mask() - XOR @n bytes in place with the key (section 5.3).
 * @offset: position of p[0] within the frame's payload, for payload that comes in pieces.
 */
void ws_mask(uint8_t *p, size_t n, const uint8_t mask[4], uint64_t offset);

/* Decoder of one direction. */
struct ws_rx {
	enum ws_role self;
	bool in_payload; /* inside a binary frame's payload */
	bool fragmented; /* a binary message is not finished yet */
	uint8_t mask[4];
	uint64_t payload_len, payload_off;
};

/* What one step found. payload points into the decoder's input, unmasked in place. */
struct ws_event {
	enum ws_op op; /* WS_BINARY for data, also of continuation frames; else the control or text
			  frame, whole */
	uint8_t *payload;
	size_t len;
};

void ws_rx_init(struct ws_rx *rx, enum ws_role self);

/**
 * ws_rx_step() - take one event from the start of @in.
 * @in: changed in place (unmasking) for the payload that is consumed.
 * @used: bytes consumed, set on 0 and on -EAGAIN (the header of a binary frame may be consumed
 * without an event). Keep the rest and call again when more has come. Until a text or control
 * frame is there whole, none of it is consumed, so @in must have room for 4 + 2 + 125 bytes.
 * An empty binary frame is an event of no bytes, so -EAGAIN always means: nothing more in @in.
 * Checks: reserved bits and opcodes, masking as the role asks, control frames whole and
 * short, fragmentation (only binary may be fragmented), minimal length encoding, caps.
 * Return: 0 event in *ev; -EAGAIN needs more bytes; -EBADMSG close the connection.
 */
int ws_rx_step(struct ws_rx *rx, uint8_t *in, size_t len, struct ws_event *ev, size_t *used)
	__attribute__((warn_unused_result));

/**
 * ws_rx_idle() - between two frames and no binary message unfinished? A header that has come in
 * part is still in the caller's buffer, so that must be empty, too.
 */
bool ws_rx_idle(const struct ws_rx *rx);

#endif
