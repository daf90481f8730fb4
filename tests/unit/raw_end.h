/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * raw_end - the other end of a path, by hand: it comes to a relay of session_rig, shakes hands
 * and then says whatever the test wants to say.
 */
#ifndef FARLAN_TESTS_RAW_END_H
#define FARLAN_TESTS_RAW_END_H

#include "common/io/inner.h"
#include "common/pure/bytes.h"
#include "common/pure/frame.h"
#include "tests/unit/session_rig.h"

#define RAW_TYPES 256

struct raw_end {
	/* Set before raw_dial(): */
	const struct rig_id *id; /* NULL: the right one */
	const char *alpn;	 /* NULL: the right one */
	bool mute;		 /* leaves PINGs without an answer */
	bool acks;		 /* answers STAMPs */
	bool greets;		 /* says HELLO when it is ready */
	const char *caps;	 /* of this HELLO; NULL: none */
	/* What became of it: */
	enum token_role role;
	struct outer *outer; /* until the inner layer has it */
	struct inner *inner;
	bool ready, closed;
	char reason[OUTER_REASON_SIZE];
	struct buf rx;
	size_t got[RAW_TYPES];			     /* frames, by type */
	uint32_t number;			     /* of the last SELECT or SELECTED */
	uint8_t end[1 + FRAME_REASON_MAX_BYTES + 1]; /* code and reason, NUL-terminated */
	uint8_t ping[FRAME_PING_BYTES];		     /* the last one */
	uint8_t stamp[FRAME_STAMP_BYTES], ack[FRAME_STAMP_BYTES]; /* the same */
};

#define RAW_RX_BYTES (1u << 20)

static inline void raw_send(struct raw_end *r, const void *bytes, size_t n)
{
	if (r->inner)
		(void)!inner_send(r->inner, bytes, n); /* the other end may have closed it */
}

static inline void raw_frame(struct raw_end *r, uint8_t type, const void *payload, size_t n)
{
	uint8_t bytes[FRAME_HEADER_BYTES + FRAME_MAX_BYTES];

	assert_true(n <= FRAME_MAX_BYTES);
	frame_header_encode(bytes, type, n);
	if (n > 0)
		memcpy(bytes + FRAME_HEADER_BYTES, payload, n);
	raw_send(r, bytes, FRAME_HEADER_BYTES + n);
}

/** raw_hello_encode() - the same as a frame. Return: bytes. */
static inline size_t raw_hello_encode(uint8_t *out, size_t size, const char *caps)
{
	struct grant g;
	int n;

	rig_grant(&g, TOKEN_DEVICE, 0);
	n = snprintf((char *)out + FRAME_HEADER_BYTES, size - FRAME_HEADER_BYTES,
		     "{\"session\":\"%s\",\"serial\":1,\"version\":\"9\",\"caps\":%s}", g.session,
		     caps ? caps : "[]");
	assert_true(n > 0 && (size_t)n < size - FRAME_HEADER_BYTES);
	frame_header_encode(out, FRAME_HELLO, (size_t)n);
	return FRAME_HEADER_BYTES + (size_t)n;
}

/** raw_hello() - HELLO of the current session. */
static inline void raw_hello(struct raw_end *r)
{
	uint8_t hello[256];

	raw_send(r, hello, raw_hello_encode(hello, sizeof(hello), r->caps));
}

static inline void raw_number(struct raw_end *r, uint8_t type, uint32_t n)
{
	uint8_t payload[FRAME_SELECT_BYTES];
	struct wr w = wr_init(payload, sizeof(payload));

	wr_u32(&w, n);
	raw_frame(r, type, payload, sizeof(payload));
}

static inline void raw_on_frame(struct raw_end *r, const struct frame *f)
{
	struct rd rd = rd_init(f->payload, f->len);

	r->got[f->type]++;
	switch (f->type) {
	case FRAME_PING:
		memcpy(r->ping, f->payload, sizeof(r->ping));
		if (!r->mute)
			raw_frame(r, FRAME_PONG, f->payload, f->len);
		break;
	case FRAME_STAMP:
		memcpy(r->stamp, f->payload, sizeof(r->stamp));
		if (r->acks)
			raw_frame(r, FRAME_ACK, f->payload, f->len);
		break;
	case FRAME_ACK:
		memcpy(r->ack, f->payload, sizeof(r->ack));
		break;
	case FRAME_SELECT:
	case FRAME_SELECTED:
		assert_true(rd_u32(&rd, &r->number));
		break;
	case FRAME_END:
		memcpy(r->end, f->payload, f->len);
		r->end[f->len] = '\0';
		break;
	default:
		break;
	}
}

static inline void raw_on_inner_data(struct inner *in, const uint8_t *bytes, size_t n)
{
	struct raw_end *r = inner_arg(in);
	struct frame f;
	size_t used;

	assert_int_equal(buf_append(&r->rx, bytes, n), 0);
	while (frame_decode(buf_data(&r->rx), buf_len(&r->rx), &f, &used) == 0) {
		raw_on_frame(r, &f);
		buf_consume(&r->rx, used);
	}
}

static inline void raw_on_inner_ready(struct inner *in)
{
	struct raw_end *r = inner_arg(in);

	r->ready = true;
	if (r->greets)
		raw_hello(r);
}

static inline void raw_gone(struct raw_end *r, const char *reason)
{
	r->inner = NULL;
	r->outer = NULL;
	r->ready = false;
	r->closed = true;
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
	buf_deinit(&r->rx);
}

static inline void raw_on_inner_closed(struct inner *in, bool clean, const char *reason)
{
	(void)clean;
	raw_gone(inner_arg(in), reason);
}

static const struct inner_callbacks raw_inner_calls = {
	.on_ready = raw_on_inner_ready,
	.on_data = raw_on_inner_data,
	.on_closed = raw_on_inner_closed,
};

static inline void raw_on_outer_open(struct outer *o)
{
	struct raw_end *r = outer_arg(o);
	bool manager = r->role == TOKEN_MANAGER;
	const struct rig_id *id = r->id ? r->id : manager ? &rig.manager : &rig.device;
	struct tls_expect expect = {
		.alpn = r->alpn ? r->alpn : TLS_ALPN_PATH,
		.has_key = true,
		.has_ident = true,
	};
	const struct rig_id *peer = manager ? &rig.device : &rig.manager;

	expect.id = peer->f.id;
	memcpy(expect.key_sha256, peer->f.key_sha256, sizeof(expect.key_sha256));
	r->outer = NULL;
	assert_int_equal(inner_open(&r->inner, o, manager ? id->client : id->server, &expect, 0,
				    &raw_inner_calls, r),
			 0);
}

static inline void raw_on_outer_closed(struct outer *o, bool clean, const char *reason)
{
	(void)clean;
	raw_gone(outer_arg(o), reason);
}

static const struct outer_callbacks raw_outer_calls = {
	.on_open = raw_on_outer_open,
	.on_closed = raw_on_outer_closed,
};

/** raw_dial() - begin; @r holds what was set and zeros. */
static inline void raw_dial(struct raw_end *r, enum token_role role, size_t relay)
{
	char headers[PASETO_TOKEN_SIZE + 100];
	struct outer_target target = {
		.addr = rig_relay_addr(relay),
		.host = "127.0.0.1",
		.host_header = "127.0.0.1",
		.path = "/v1/session",
		.headers = headers,
	};

	r->role = role;
	buf_init(&r->rx, RAW_RX_BYTES);
	rig_headers(headers, sizeof(headers), role, relay);
	assert_int_equal(
		outer_connect(&r->outer, &rig.loop, rig.outer, &target, &raw_outer_calls, r), 0);
}

static inline bool raw_is_closed(void *arg)
{
	return ((const struct raw_end *)arg)->closed;
}

/** raw_close() - and wait until it has closed. */
static inline void raw_close(struct raw_end *r)
{
	if (r->inner)
		inner_close(r->inner, "closed by the test");
	else if (r->outer)
		outer_close(r->outer, "closed by the test");
	assert_true(rig_run(raw_is_closed, NULL, r, 6000));
}

#endif
