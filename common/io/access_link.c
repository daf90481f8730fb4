/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/access_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/preamble.h"
#include "common/pure/backoff.h"
#include "common/pure/msg.h"

#define ASK_TIME_MS 86400000 /* the clock that carries the time on drifts */
#define STEADY_MS 30000	     /* online this long: the next loss begins with a short wait again */

struct access_link_times access_link_times = {
	.ping_ms = ACCESS_LINK_PING_MS,
	.silence_ms = ACCESS_LINK_SILENCE_MS,
	.retry_base_ms = ACCESS_LINK_RETRY_BASE_MS,
	.retry_max_ms = ACCESS_LINK_RETRY_MAX_MS,
};

struct access_link {
	uv_loop_t *loop;
	struct access_link_config config;
	const struct access_link_callbacks *cb;
	void *arg;
	struct tls_ctx *outer_ctx, *inner_ctx;
	struct dial *dial;
	struct inner *inner;
	struct rpc_ops ops;
	struct rpc rpc;
	bool rpc_open;
	struct rpc_ops early_ops; /* from an expired certificate nothing is heard but the time */
	struct preamble preamble;
	uint64_t asked_time_ms;
	uv_timer_t timer; /* waiting: the next try; online: keep-alive */
	bool timer_closed, closing, gave_up;
	enum access_link_state state;
	struct backoff backoff;
	uint64_t since_ms, retry_at_ms, sent_ms, heard_ms;
	char server[URL_HOST_SIZE + DIAL_ADDR_SIZE];
	char last_error[DIAL_REASON_SIZE];
};

static void dial_now(struct access_link *l);

const char *access_link_state_name(enum access_link_state s)
{
	switch (s) {
	case ACCESS_LINK_OFF:
		return "off";
	case ACCESS_LINK_DIALING:
		return "connecting";
	case ACCESS_LINK_AUTH:
		return "authenticating";
	case ACCESS_LINK_ONLINE:
		return "online";
	case ACCESS_LINK_WAITING:
		return "waiting";
	}
	return "?";
}

static void set_state(struct access_link *l, enum access_link_state s)
{
	log_debug("access link state=%s was=%s", access_link_state_name(s),
		  access_link_state_name(l->state));
	l->state = s;
	l->since_ms = clock_mono_ms();
}

/* The end */

static void maybe_free(struct access_link *l)
{
	if (!l->timer_closed || l->inner)
		return;
	tls_ctx_free(l->outer_ctx);
	tls_ctx_free(l->inner_ctx);
	l->cb->on_closed(l);
	free(l);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct access_link *l = handle->data;

	l->timer_closed = true;
	maybe_free(l);
}

void access_link_close(struct access_link *l)
{
	if (l->closing)
		return;
	l->closing = true;
	if (l->dial)
		dial_cancel(l->dial);
	l->dial = NULL;
	if (l->inner)
		inner_finish(l->inner, "closing");
	uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

/* Waiting */

static void on_retry(uv_timer_t *timer)
{
	struct access_link *l = timer->data;

	if (!l->closing)
		dial_now(l);
}

static void wait_and_retry(struct access_link *l, const char *why)
{
	uint32_t random, ms;

	file_random(&random, sizeof(random));
	ms = backoff_next_ms(&l->backoff, random);
	snprintf(l->last_error, sizeof(l->last_error), "%s", why);
	set_state(l, l->gave_up ? ACCESS_LINK_OFF : ACCESS_LINK_WAITING);
	if (l->gave_up) {
		log_warn("Access Server: giving up reason=\"%s\"", why);
		return;
	}
	log_warn("Access Server not reached, next try in %u ms reason=\"%s\"", ms, why);
	l->retry_at_ms = clock_mono_ms() + ms;
	uv_timer_start(&l->timer, on_retry, ms, 0);
}

void access_link_retry_now(struct access_link *l)
{
	if (!l->closing && l->state == ACCESS_LINK_WAITING)
		uv_timer_start(&l->timer, on_retry, 0, 0);
}

/* Online */

static int on_rpc_send(struct rpc *rpc, const void *bytes, size_t n)
{
	struct access_link *l = rpc->arg;

	if (!l->inner)
		return -EPIPE;
	l->sent_ms = clock_mono_ms();
	return inner_send(l->inner, bytes, n);
}

static void on_keepalive(uv_timer_t *timer)
{
	const struct access_link_times *t = &access_link_times;
	struct access_link *l = timer->data;
	uint64_t now = clock_mono_ms(), unsaid = now - l->sent_ms, unheard = now - l->heard_ms;
	uint64_t next_ms;

	if (l->closing || l->state != ACCESS_LINK_ONLINE)
		return;
	if (unheard >= t->silence_ms) {
		access_link_lost(l, "the server has been silent for too long");
		return;
	}
	if (now - l->asked_time_ms >= ASK_TIME_MS) {
		l->asked_time_ms = now;
		preamble_ask_again(&l->preamble);
	}
	if (unsaid >= t->ping_ms) {
		(void)rpc_keepalive(&l->rpc); /* a failure closes the connection */
		unsaid = 0;
	}
	next_ms = t->ping_ms - unsaid;
	if (next_ms > t->silence_ms - unheard)
		next_ms = t->silence_ms - unheard;
	uv_timer_start(timer, on_keepalive, next_ms, 0);
}

static void on_preamble(void *arg, const char *problem)
{
	struct access_link *l = arg;

	if (problem) {
		access_link_lost(l, problem);
		return;
	}
	l->rpc.ops = &l->ops;
	l->asked_time_ms = clock_mono_ms();
	set_state(l, ACCESS_LINK_ONLINE);
	log_info("Access Server connected server=\"%s\" cipher=\"%s\"", l->server,
		 inner_cipher(l->inner));
	uv_timer_start(&l->timer, on_keepalive, access_link_times.ping_ms, 0);
	l->cb->on_online(l);
}

static void on_ready(struct inner *in)
{
	struct access_link *l = inner_arg(in);
	const struct rpc_ops *ops = tls_peer_dates(inner_peer(in)) == 0 ? &l->ops : &l->early_ops;

	if (l->closing)
		return;
	rpc_init(&l->rpc, l->loop, ops, l, MSG_MAX_BYTES);
	l->rpc_open = true;
	l->sent_ms = l->heard_ms = clock_mono_ms();
	if (preamble_start(&l->preamble, &l->rpc, inner_peer(in), on_preamble, l) != 0)
		access_link_lost(l, "the time could not be asked for");
}

static void on_data(struct inner *in, const uint8_t *bytes, size_t n)
{
	struct access_link *l = inner_arg(in);

	l->heard_ms = clock_mono_ms();
	if (l->closing || !l->rpc_open)
		return;
	if (rpc_feed(&l->rpc, bytes, n) != 0)
		access_link_lost(l, "the server sent a malformed message");
}

static void on_inner_closed(struct inner *in, bool clean, const char *reason)
{
	struct access_link *l = inner_arg(in);
	bool was_online = l->state == ACCESS_LINK_ONLINE;

	(void)clean;
	l->inner = NULL;
	l->server[0] = '\0';
	if (was_online && clock_mono_ms() - l->since_ms >= STEADY_MS)
		backoff_reset(&l->backoff);
	preamble_stop(&l->preamble);
	if (l->rpc_open)
		rpc_deinit(&l->rpc);
	l->rpc_open = false;
	if (!l->closing) {
		uv_timer_stop(&l->timer);
		wait_and_retry(l, reason);
		if (was_online)
			l->cb->on_offline(l, reason);
	}
	if (l->closing)
		maybe_free(l);
}

static const struct inner_callbacks inner_calls = {
	.on_ready = on_ready,
	.on_data = on_data,
	.on_closed = on_inner_closed,
};

/* Coming there */

static void on_dial_open(struct dial *d, struct outer *o)
{
	struct access_link *l = dial_arg(d);
	struct tls_expect expect = {
		.alpn = TLS_ALPN_CONTROL, .any_of_kind = true, .dates_later = true};
	char addr[DIAL_ADDR_SIZE];
	int r;

	l->dial = NULL;
	expect.id.kind = IDENT_ACCESS;
	memcpy(expect.id.domain, l->config.identity->id.domain, sizeof(expect.id.domain));
	dial_addr_format(outer_peer_addr(o), addr);
	snprintf(l->server, sizeof(l->server), "%s %s", outer_host(o), addr);
	set_state(l, ACCESS_LINK_AUTH);
	r = inner_open(&l->inner, o, l->inner_ctx, &expect, 0, &inner_calls, l);
	if (r != 0) {
		l->inner = NULL;
		wait_and_retry(l, strerror(-r));
	}
}

static void on_dial_failed(struct dial *d, const char *reason)
{
	struct access_link *l = dial_arg(d);

	l->dial = NULL;
	wait_and_retry(l, reason);
}

static const struct dial_callbacks dial_calls = {
	.on_open = on_dial_open,
	.on_failed = on_dial_failed,
};

static void dial_now(struct access_link *l)
{
	const struct identity *id = l->config.identity;
	struct dial_target target = {
		.path = "/v1/control", .headers = "", .ports = *l->config.ports};
	int r;

	target.n_urls = id->n_urls;
	memcpy(target.urls, id->urls, id->n_urls * sizeof(id->urls[0]));
	set_state(l, ACCESS_LINK_DIALING);
	r = dial_start(&l->dial, l->loop, l->outer_ctx, &target, l->config.memory, &dial_calls, l);
	if (r != 0) {
		l->dial = NULL;
		wait_and_retry(l, strerror(-r));
	}
}

int access_link_open(struct access_link **out, uv_loop_t *loop,
		     const struct access_link_config *config,
		     const struct access_link_callbacks *cb, void *arg)
{
	const struct identity *id = config->identity;
	struct access_link *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	r = tls_ctx_outer_client(&l->outer_ctx, &id->ca, true);
	if (r == 0)
		r = tls_ctx_inner_client(&l->inner_ctx, &id->cert, &id->key, &id->ca);
	if (r != 0) {
		tls_ctx_free(l->outer_ctx);
		free(l);
		return r;
	}
	l->loop = loop;
	l->config = *config;
	l->early_ops.send = on_rpc_send;
	l->ops = (struct rpc_ops){
		.send = on_rpc_send,
		.methods = config->methods,
		.n_methods = config->n_methods,
	};
	l->cb = cb;
	l->arg = arg;
	backoff_init(&l->backoff, access_link_times.retry_base_ms, access_link_times.retry_max_ms);
	uv_timer_init(loop, &l->timer);
	l->timer.data = l;
	*out = l;
	dial_now(l);
	return 0;
}

void access_link_lost(struct access_link *l, const char *reason)
{
	if (l->inner)
		inner_close(l->inner, reason);
}

void access_link_give_up(struct access_link *l, const char *reason)
{
	if (l->closing || l->gave_up)
		return;
	l->gave_up = true;
	if (l->inner) {
		inner_finish(l->inner, reason); /* the rest when it has closed */
		return;
	}
	if (l->dial)
		dial_cancel(l->dial);
	l->dial = NULL;
	uv_timer_stop(&l->timer);
	wait_and_retry(l, reason);
}

struct rpc *access_link_rpc(struct access_link *l)
{
	return l->state == ACCESS_LINK_ONLINE && l->rpc_open && !l->closing ? &l->rpc : NULL;
}

void *access_link_arg(const struct access_link *l)
{
	return l->arg;
}

void access_link_status(const struct access_link *l, struct access_link_status *s)
{
	uint64_t now = clock_mono_ms();
	struct outer *o = l->inner ? inner_outer(l->inner) : NULL;
	struct outer_stats stats = {.tls_version = ""};

	memset(s, 0, sizeof(*s));
	s->state = l->state;
	s->since_ms = l->since_ms;
	snprintf(s->server, sizeof(s->server), "%s", l->server);
	snprintf(s->last_error, sizeof(s->last_error), "%s", l->last_error);
	if (l->state == ACCESS_LINK_WAITING && l->retry_at_ms > now)
		s->retry_in_ms = l->retry_at_ms - now;
	s->cipher = l->inner ? inner_cipher(l->inner) : "";
	if (o) {
		outer_stats(o, &stats);
		s->outer_verified = tls_peer_verified(outer_tls_peer(o));
		snprintf(s->outer_problem, sizeof(s->outer_problem), "%s",
			 outer_tls_peer(o)->problem);
	}
	s->outer_version = stats.tls_version;
}
