/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * frame - what travels on a path, inside the inner TLS: type (8 bits), length (24 bits,
 * big-endian), payload. Pure. Source: docs/PROTOCOL.md, "Frames".
 */
#ifndef FARLAN_FRAME_H
#define FARLAN_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER_BYTES 4
#define FRAME_MAX_BYTES (10 + 65535) /* payload: a super-packet with its virtio header */
#define FRAME_HELLO_MIN_BYTES 2
#define FRAME_HELLO_MAX_BYTES 4096
#define FRAME_PACKET_MIN_BYTES 20 /* an IPv4 header */
#define FRAME_PACKET_MAX_BYTES 65535
#define FRAME_PING_BYTES 16 /* sequence (64 bits), sender's clock in microseconds (64 bits) */
#define FRAME_STAMP_BYTES 16
#define FRAME_LOSSY_BYTES 1
#define FRAME_VNET_BYTES 10
#define FRAME_SELECT_BYTES 4
#define FRAME_REASON_MAX_BYTES 256

enum frame_type {
	FRAME_HELLO = 1,  /* JSON; the first frame of each side */
	FRAME_PACKET = 2, /* one IP packet */
	FRAME_PING = 3,	  /* 16 bytes, echoed */
	FRAME_PONG = 4,
	FRAME_SELECT = 5,   /* manager: n (32 bits); "send on this path" */
	FRAME_SELECTED = 6, /* device: the same n */
	FRAME_SUPER = 8,    /* virtio header (10 bytes, little-endian), then an IP packet that may
			       stand for many */
	FRAME_STAMP = 9,    /* 16 bytes: sent so far (64), sender's clock in microseconds (64) */
	FRAME_ACK = 10,	    /* the STAMP's 16 bytes */
	FRAME_LOSSY = 11,   /* 8 bits: 1 segments get lost on its sender's leg, 0 no more */
	FRAME_END = 7,	    /* this path ends: code (8 bits), reason (UTF-8); nothing follows */
};

enum frame_end_code {
	FRAME_END_SESSION = 1, /* the session is over */
	FRAME_END_PATH = 2,    /* only this path: another one was selected */
};

struct frame {
	uint8_t type;
	const uint8_t *payload; /* into the decoder's input */
	size_t len;
};

/**
 * frame_decode() - parse one frame from the start of @in. Types that are not known are
 * returned as they are (skip them); for known ones the length is checked against the type
 * before the payload is waited for.
 * @f, @used: set on success only; @used is the bytes consumed.
 * Return: 0; -EAGAIN needs more bytes; -EBADMSG malformed, close the path.
 */
int frame_decode(const uint8_t *in, size_t len, struct frame *f, size_t *used)
	__attribute__((warn_unused_result));

void frame_header_encode(uint8_t out[FRAME_HEADER_BYTES], enum frame_type type, size_t len);

#endif
