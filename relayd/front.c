/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/front.h"

#include <stdlib.h>
#include <string.h>

#include "common/io/direct.h"
#include "common/io/file.h"
#include "common/pure/proxyproto.h"
#include "relayd/relay.h"

#define LOG_BURST 20

struct front {
	struct leg *leg;       /* NULL: has closed */
	struct direct *direct; /* on its way to accessd */
	struct outer *back;    /* there; NULL: not yet, or closed */
	struct relay *relay;
	uint64_t since_ms;
	bool joined, closing;
};

static const struct outer_callbacks leg_calls, back_calls;

/* The end */

static void release(struct front *f)
{
	if (f->leg || f->back || f->direct)
		return;
	f->relay->config.common->n_front--;
	f->relay->n_front--;
	leg_over(f->relay);
	free(f);
}

void front_finish(struct front *f, const char *reason)
{
	f->closing = true;
	if (f->direct)
		direct_cancel(f->direct);
	f->direct = NULL;
	if (f->leg)
		leg_finish(f->leg, reason);
	if (f->back)
		outer_finish(f->back, reason);
}

static void on_leg_closed(struct outer *o, bool clean, const char *reason)
{
	struct leg *l = outer_arg(o);
	struct front *f = l->front;
	bool brief = f->joined && clock_mono_ms() - f->since_ms < FRONT_SHORT_MS;

	(void)clean;
	f->leg = NULL;
	leg_left(l, brief && !f->relay->stopping);
	front_finish(f, reason);
	release(f);
}

static void on_back_closed(struct outer *o, bool clean, const char *reason)
{
	struct front *f = outer_arg(o);

	(void)clean;
	(void)reason;
	f->back = NULL;
	front_finish(f, "the Access Server closed the connection");
	release(f);
}

/* Bytes, one way and the other: who cannot get rid of them is not read. */

static void pass(struct outer *from, struct outer *to, const uint8_t *bytes, size_t n)
{
	if (!to)
		return;
	if (outer_send(to, bytes, n) != 0) {
		outer_close(to, "does not take what is sent");
		return;
	}
	if (outer_queued(to) > OUTER_QUEUE_HIGH_BYTES)
		outer_pause(from);
}

static void on_leg_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	struct leg *l = outer_arg(o);

	l->front->relay->bytes_front += n;
	pass(o, l->front->back, bytes, n);
}

static void on_back_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	struct front *f = outer_arg(o);

	f->relay->bytes_front += n;
	pass(o, f->leg ? f->leg->outer : NULL, bytes, n);
}

static void on_leg_drain(struct outer *o)
{
	struct leg *l = outer_arg(o);

	if (l->front->back)
		outer_resume(l->front->back);
}

static void on_back_drain(struct outer *o)
{
	struct front *f = outer_arg(o);

	if (f->leg)
		outer_resume(f->leg->outer);
}

/* It went while its queue is full: the silence's end is soon enough. */
static void on_leg_gone(struct outer *o)
{
	struct leg *l = outer_arg(o);

	if (!l->front->joined)
		leg_close(l, "it went away while the Access Server was asked");
}

static void on_none(struct outer *o)
{
	(void)o; /* both are open already */
}

static void on_other_request(struct outer *o, const struct http_head *head)
{
	(void)head;
	outer_close(o, "one request is enough");
}

static const struct outer_callbacks leg_calls = {
	.on_request = on_other_request,
	.on_open = on_none,
	.on_data = on_leg_data,
	.on_drain = on_leg_drain,
	.on_peer_gone = on_leg_gone,
	.on_closed = on_leg_closed,
};

static const struct outer_callbacks back_calls = {
	.on_open = on_none,
	.on_data = on_back_data,
	.on_drain = on_back_drain,
	.on_closed = on_back_closed,
};

/* Coming there */

static void on_reached(void *arg, struct outer *o)
{
	struct front *f = arg;
	uint8_t header[PROXYPROTO_ENCODED_BYTES];
	size_t n = proxyproto_encode(header, &f->leg->from, f->leg->from_port);

	f->direct = NULL;
	f->back = o;
	f->joined = true;
	outer_set_callbacks(o, &back_calls, f);
	outer_set_silence(o, FRONT_SILENCE_MS);
	if (outer_send(o, header, n) != 0) {
		outer_close(o, "does not take what is sent");
		return;
	}
	outer_pass(f->leg->outer);
	outer_set_silence(f->leg->outer, FRONT_SILENCE_MS);
	leg_known(f->leg);
	outer_resume(f->leg->outer);
}

static void on_not_reached(void *arg, const char *reason)
{
	struct front *f = arg;

	f->direct = NULL;
	if (log_allowed(&f->relay->front_limit, LOG_BURST))
		log_error("the Access Server behind this relay is not reached: %s", reason);
	leg_refuse(f->leg, REFUSAL_ACCESS);
}

static const struct direct_callbacks direct_calls = {
	.on_open = on_reached,
	.on_failed = on_not_reached,
};

void front_open(struct leg *l)
{
	struct relay *r = l->relay;
	struct direct_target target = {.to = r->config.access, .pass = true};
	struct front *f = r->config.common->n_front < FRONT_MAX ? calloc(1, sizeof(*f)) : NULL;

	if (!f || direct_start(&f->direct, r->loop, &target, &direct_calls, f) != 0) {
		leg_refuse(l, f ? REFUSAL_ACCESS : REFUSAL_FULL);
		free(f);
		return;
	}
	f->leg = l;
	f->relay = r;
	f->since_ms = clock_mono_ms();
	r->config.common->n_front++;
	r->n_front++;
	r->front_total++;
	r->n_legs++; /* until the front is gone, too */
	l->front = f;
	outer_set_callbacks(l->outer, &leg_calls, l);
	outer_hold(l->outer);
}
