/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "vpnd/pure/rtt.h"

#define ANSWER "farlan relayd "

struct probe {
	const struct probe_callbacks *cb;
	void *arg;
	struct dial *dial;   /* until somebody answers */
	struct outer *outer; /* from then on */
	uv_timer_t total;
	bool timer_closed, over;
	uint64_t begun_ms;
	struct rtt rtt;
	char last[RELAY_WHY_SIZE]; /* what went wrong on the way */
};

void *probe_arg(const struct probe *p)
{
	return p->arg;
}

static void maybe_free(struct probe *p)
{
	if (p->over && !p->outer && p->timer_closed)
		free(p);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct probe *p = handle->data;

	p->timer_closed = true;
	maybe_free(p);
}

void probe_cancel(struct probe *p)
{
	if (p->over)
		return;
	p->over = true;
	if (p->dial)
		dial_cancel(p->dial);
	p->dial = NULL;
	if (p->outer)
		outer_close(p->outer, "measured");
	uv_close((uv_handle_t *)&p->total, on_timer_closed);
}

static void done(struct probe *p, struct relay_result *r, const struct probe_way *way)
{
	r->at_ms = clock_mono_ms();
	probe_cancel(p);
	p->cb->on_done(p, r, way);
}

static void fail(struct probe *p, const char *why)
{
	struct relay_result r = {.known = RELAY_FAILED};

	snprintf(r.failed, sizeof(r.failed), "%s", why);
	done(p, &r, NULL);
}

static void succeed(struct probe *p)
{
	struct relay_result r = {.known = RELAY_REACHED};
	struct outer_tunnel tunnel;
	struct probe_way way;
	struct outer_way seen;

	outer_way(p->outer, &seen);
	r.rtt_us = rtt_min_us(&p->rtt);
	if (r.rtt_us == 0)
		r.rtt_us = 1;
	r.loss_pm = rtt_loss_pm(&p->rtt, seen.segments, seen.again);
	way.peer = *outer_peer_addr(p->outer);
	outer_local_addr(p->outer, &way.local);
	if (!outer_tunnel(p->outer, &tunnel)) /* else only the proxy knows */
		dial_addr_format(&way.peer, r.where);
	done(p, &r, &way);
}

static void take_answer(struct probe *p)
{
	struct outer_way seen;

	outer_way(p->outer, &seen);
	rtt_add(&p->rtt, seen.answer_us);
	if (p->rtt.n >= PROBE_ASKS ||
	    (p->rtt.n > 1 && clock_mono_ms() - p->begun_ms >= PROBE_ENOUGH_MS) ||
	    outer_ask(p->outer) != 0)
		succeed(p);
}

/* The connection */

static void on_answer(struct outer *o)
{
	struct probe *p = outer_arg(o);

	if (!p->over)
		take_answer(p);
}

static void on_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	(void)bytes;
	(void)n;
	outer_close(o, "it sent what nobody asked for");
}

static void on_closed(struct outer *o, bool clean, const char *reason)
{
	struct probe *p = outer_arg(o);

	(void)clean;
	(void)reason;
	if (!p->over) /* there was an answer, or it would still be the dial's */
		succeed(p);
	p->outer = NULL;
	maybe_free(p);
}

static const struct outer_callbacks outer_calls = {
	.on_answer = on_answer,
	.on_data = on_data,
	.on_closed = on_closed,
};

/* Reaching it */

static void on_open(struct dial *d, struct outer *o)
{
	struct probe *p = dial_arg(d);

	p->dial = NULL;
	p->outer = o;
	outer_set_callbacks(o, &outer_calls, p);
	take_answer(p);
}

static void on_failed(struct dial *d, const char *reason)
{
	struct probe *p = dial_arg(d);

	p->dial = NULL;
	fail(p, reason);
}

static void on_step(struct dial *d, const char *what)
{
	struct probe *p = dial_arg(d);

	snprintf(p->last, sizeof(p->last), "%s", what);
}

static const struct dial_callbacks dial_calls = {
	.on_open = on_open,
	.on_failed = on_failed,
	.on_step = on_step,
};

static void on_total(uv_timer_t *timer)
{
	struct probe *p = timer->data;
	char why[RELAY_WHY_SIZE];

	if (p->outer) {
		rtt_add(&p->rtt, UINT32_MAX); /* the one that was lost */
		succeed(p);
		return;
	}
	snprintf(why, sizeof(why), "no answer within %d s%s%.100s", PROBE_TOTAL_MS / 1000,
		 p->last[0] ? "; " : "", p->last);
	fail(p, why);
}

/* NOLINTNEXTLINE(readability-function-size): what a dial needs */
int probe_start(struct probe **out, uv_loop_t *loop, const struct tls_ctx *ctx,
		const struct probe_target *target, struct dial_memory *memory,
		const struct probe_callbacks *cb, void *arg)
{
	struct dial_target to = {
		.n_urls = target->n_urls,
		.ports = *target->ports,
		.path = "/v1/probe",
		.headers = "",
		.probe = ANSWER,
	};
	struct probe *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	memcpy(to.urls, target->urls, target->n_urls * sizeof(to.urls[0]));
	p->cb = cb;
	p->arg = arg;
	p->begun_ms = clock_mono_ms();
	r = dial_start(&p->dial, loop, ctx, &to, memory, &dial_calls, p);
	if (r != 0) {
		free(p);
		return r;
	}
	uv_timer_init(loop, &p->total);
	p->total.data = p;
	uv_timer_start(&p->total, on_total, PROBE_TOTAL_MS, 0);
	*out = p;
	return 0;
}
