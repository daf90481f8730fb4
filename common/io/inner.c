/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/buf.h"
#include "common/pure/hello.h"

#define IN_BYTES (64u << 10)   /* an unfinished record and what came behind it */
#define OUT_BYTES (256u << 10) /* sealed records on their way into the outer layer */
/* Fits OUT_BYTES when it is sealed. */
#define SEND_PART_BYTES ((size_t)8 * INNER_WRITE_BEST_BYTES)

uint32_t inner_open_ms = INNER_OPEN_MS;

struct inner {
	struct outer *outer; /* NULL once it has closed */
	uv_timer_t timer;    /* until ready */
	bool timer_closed;
	struct tls tls;
	struct buf in, out;
	struct buf *queue; /* the owner's, for plaintext; NULL: none */
	const struct inner_callbacks *cb;
	void *arg;
	bool begun; /* the other side has said something */
	bool ready, closing, clean;
	char alpn[32], cipher[80];
	char reason[OUTER_REASON_SIZE];
};

static void maybe_free(struct inner *in)
{
	if (in->outer || !in->timer_closed)
		return;
	in->cb->on_closed(in, in->clean, in->reason);
	tls_deinit(&in->tls);
	buf_wipe(&in->in);
	buf_deinit(&in->in);
	buf_deinit(&in->out);
	free(in);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct inner *in = handle->data;

	in->timer_closed = true;
	maybe_free(in);
}

static void note_reason(struct inner *in, const char *reason)
{
	if (!in->reason[0])
		snprintf(in->reason, sizeof(in->reason), "%s", reason);
}

static void mark_closing(struct inner *in, const char *reason)
{
	note_reason(in, reason);
	if (in->closing)
		return;
	in->closing = true;
	uv_close((uv_handle_t *)&in->timer, on_timer_closed);
}

void inner_close(struct inner *in, const char *reason)
{
	mark_closing(in, reason);
	if (in->outer)
		outer_close(in->outer, reason);
}

/* Hand what was sealed to the outer layer. Return: 0; -EPIPE, -ENOBUFS and closing. */
static int pass_on(struct inner *in)
{
	int r;

	if (buf_len(&in->out) == 0)
		return 0;
	r = in->outer ? outer_send(in->outer, buf_data(&in->out), buf_len(&in->out)) : -EPIPE;
	buf_consume(&in->out, buf_len(&in->out));
	if (r != 0)
		inner_close(in, r == -ENOBUFS ? "peer does not read" : "connection is closing");
	return r;
}

void inner_finish(struct inner *in, const char *reason)
{
	if (in->closing)
		return;
	tls_close_notify(&in->tls);
	in->clean = in->ready;
	if (pass_on(in) != 0)
		in->clean = false;
	mark_closing(in, reason);
	if (in->outer)
		outer_finish(in->outer, reason);
}

/* The outer layer is shed: the records go straight into the socket's queue. */
static int send_direct(struct inner *in, struct buf *queue, const void *bytes, size_t n)
{
	int r;

	if (buf_len(queue) + n > OUTER_QUEUE_MAX_BYTES) {
		inner_close(in, "peer does not read");
		return -ENOBUFS;
	}
	r = pass_on(in); /* an answer to a KeyUpdate, sealed before what comes now */
	if (r != 0)
		return r;
	in->tls.out = queue;
	r = tls_write(&in->tls, bytes, n);
	in->tls.out = &in->out;
	if (r != 0) {
		inner_close(in, in->tls.reason);
		return -EPIPE;
	}
	outer_raw_queued(in->outer);
	return 0;
}

int inner_send(struct inner *in, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;
	struct buf *direct;
	int r;

	if (in->closing || !in->ready)
		return -EPIPE;
	direct = in->outer ? outer_raw_queue(in->outer) : NULL;
	if (direct)
		return send_direct(in, direct, bytes, n);
	while (n > 0) {
		size_t part = n > SEND_PART_BYTES ? SEND_PART_BYTES : n;

		if (tls_write(&in->tls, at, part) != 0) {
			inner_close(in, in->tls.reason);
			return -EPIPE;
		}
		r = pass_on(in);
		if (r != 0)
			return r;
		at += part;
		n -= part;
	}
	return 0;
}

void inner_want_drain(struct inner *in)
{
	if (in->outer)
		outer_want_drain(in->outer);
}

bool inner_lossy(const struct inner *in)
{
	return in->outer && outer_lossy(in->outer);
}

size_t inner_queued(const struct inner *in)
{
	return in->outer ? outer_queued(in->outer) : 0;
}

/* Return: true when the handshake is done. */
static bool shake_hands(struct inner *in)
{
	int r = tls_handshake(&in->tls);

	if (r == -EPROTO)
		note_reason(in, in->tls.reason);
	if (pass_on(in) != 0)
		return false;
	if (r == -EPROTO) { /* the alert goes out before the end */
		mark_closing(in, in->tls.reason);
		outer_finish(in->outer, in->reason);
	}
	if (r != 0)
		return false;
	in->ready = true;
	uv_timer_stop(&in->timer);
	tls_alpn(&in->tls, in->alpn, sizeof(in->alpn));
	snprintf(in->cipher, sizeof(in->cipher), "%s %s", tls_cipher(&in->tls),
		 tls_group(&in->tls));
	in->cb->on_ready(in);
	return !in->closing;
}

/* Open one record. Return: as tls_read(); -ENOBUFS and closing. */
static int read_record(struct inner *in)
{
	uint8_t plain[TLS_RECORD_MAX_BYTES], *at = plain;
	size_t n;
	int r;

	if (in->queue && buf_reserve(in->queue, sizeof(plain), &at) != 0) {
		inner_close(in, "what came is too long");
		return -ENOBUFS;
	}
	r = tls_read(&in->tls, at, sizeof(plain), &n);
	if (r != 0)
		return r;
	if (in->queue)
		buf_commit(in->queue, n);
	in->cb->on_data(in, at, n);
	return 0;
}

static void read_records(struct inner *in)
{
	int r = 0;

	while (!in->closing && r == 0)
		r = read_record(in);
	if (in->closing)
		return;
	if (pass_on(in) != 0) /* an answer to a KeyUpdate */
		return;
	if (r == -EPIPE) {
		inner_finish(in, "closed by peer");
	} else if (r == -EPROTO) {
		mark_closing(in, in->tls.reason);
		outer_finish(in->outer, in->reason);
	}
}

/* In the clear, as nothing has been agreed on (RFC 8446 section 6.2, unrecognized_name). */
static void refuse_name(struct inner *in)
{
	static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 112};

	if (outer_send(in->outer, alert, sizeof(alert)) != 0)
		note_reason(in, "the client wants to speak to nobody here, and does not listen");
	mark_closing(in, "the client wants to speak to nobody who is served here");
	outer_finish(in->outer, in->reason);
}

/* What came before is in the queue, what came now is lent: a hello is nearly always in one piece.
 */
static int peek_name(struct inner *in, char name[HELLO_NAME_SIZE])
{
	struct rd *lent = &in->tls.lent;

	if (buf_len(&in->in) == 0)
		return hello_server_name(lent->at, lent->left, name);
	if (buf_append(&in->in, lent->at, lent->left) != 0)
		return -ENOENT;
	*lent = rd_init(NULL, 0);
	return hello_server_name(buf_data(&in->in), buf_len(&in->in), name);
}

/* Return: is there an engine to go on with? */
static bool find_engine(struct inner *in)
{
	struct tls_expect expect = in->tls.expect;
	char name[HELLO_NAME_SIZE] = "";
	const struct tls_ctx *ctx;
	struct rd lent;
	int r;

	if (in->tls.ctx)
		return true;
	r = peek_name(in, name);
	if (r == -EAGAIN)
		return false;
	ctx = in->cb->on_hello(in, r == 0 ? name : "");
	if (in->closing)
		return false;
	if (!ctx) {
		refuse_name(in);
		return false;
	}
	lent = in->tls.lent;
	r = tls_init(&in->tls, ctx, &in->in, &in->out, NULL, &expect);
	in->tls.lent = lent;
	if (r != 0)
		inner_close(in, strerror(-r));
	return r == 0;
}

static void process(struct inner *in)
{
	if (!in->ready && (!find_engine(in) || !shake_hands(in)))
		return;
	read_records(in);
}

static void on_timer(uv_timer_t *timer)
{
	struct inner *in = timer->data;

	inner_close(in, in->begun ? "the other side did not finish the handshake in time"
				  : "the other side did not come in time");
}

static void on_outer_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	struct inner *in = outer_arg(o);

	if (in->closing)
		return;
	if (!in->begun) {
		in->begun = true;
		uv_timer_start(&in->timer, on_timer, inner_open_ms, 0);
	}
	in->tls.lent = rd_init(bytes, n);
	process(in);
	bytes += n - in->tls.lent.left;
	n = in->tls.lent.left;
	in->tls.lent = rd_init(NULL, 0);
	if (!in->closing && buf_append(&in->in, bytes, n) != 0)
		inner_close(in, "a record is too long");
}

static void on_outer_drain(struct outer *o)
{
	struct inner *in = outer_arg(o);

	if (!in->closing && in->ready && in->cb->on_drain)
		in->cb->on_drain(in);
}

static void on_outer_hint(struct outer *o, const struct hint *h)
{
	struct inner *in = outer_arg(o);

	if (!in->closing && in->cb->on_hint)
		in->cb->on_hint(in, h);
}

static void on_outer_closed(struct outer *o, bool clean, const char *reason)
{
	struct inner *in = outer_arg(o);

	(void)clean; /* only the inner layer's own end counts */
	in->outer = NULL;
	mark_closing(in, reason);
	maybe_free(in);
}

static const struct outer_callbacks outer_calls = {
	.on_data = on_outer_data,
	.on_drain = on_outer_drain,
	.on_hint = on_outer_hint,
	.on_closed = on_outer_closed,
};

static void on_abandoned(struct outer *o, bool clean, const char *reason)
{
	(void)o;
	(void)clean;
	(void)reason;
}

static const struct outer_callbacks abandoned_calls = {.on_closed = on_abandoned};

static int fail_open(struct outer *o, int error)
{
	outer_set_callbacks(o, &abandoned_calls, NULL);
	outer_close(o, "set-up failed");
	return error;
}

/* NOLINTNEXTLINE(readability-function-size): what two layers need, once */
int inner_open(struct inner **out, struct outer *o, const struct tls_ctx *ctx,
	       const struct tls_expect *expect, uint32_t wait_ms, const struct inner_callbacks *cb,
	       void *arg)
{
	struct inner *in = calloc(1, sizeof(*in));
	int r = 0;

	if (!in)
		return fail_open(o, -ENOMEM);
	buf_init(&in->in, IN_BYTES);
	buf_init(&in->out, OUT_BYTES);
	if (ctx)
		r = tls_init(&in->tls, ctx, &in->in, &in->out, NULL, expect);
	else
		in->tls.expect = *expect; /* find_engine() */
	if (r != 0) {
		free(in);
		return fail_open(o, r);
	}
	in->outer = o;
	in->cb = cb;
	in->arg = arg;
	uv_timer_init(outer_loop(o), &in->timer);
	in->timer.data = in;
	uv_timer_start(&in->timer, on_timer, wait_ms ? wait_ms : inner_open_ms, 0);
	outer_set_callbacks(o, &outer_calls, in);
	*out = in;
	if (ctx && !in->tls.is_server)
		process(in); /* the first flight; a failure comes by on_closed */
	return 0;
}

void inner_receive_into(struct inner *in, struct buf *queue)
{
	in->queue = queue;
}

void *inner_arg(const struct inner *in)
{
	return in->arg;
}

struct outer *inner_outer(const struct inner *in)
{
	return in->outer;
}

const struct tls_peer *inner_peer(const struct inner *in)
{
	return tls_peer(&in->tls);
}

const char *inner_alpn(const struct inner *in)
{
	return in->alpn;
}

const char *inner_cipher(const struct inner *in)
{
	return in->cipher;
}
