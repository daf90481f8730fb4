/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/access_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/direct.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/preamble.h"
#include "common/io/renewal.h"
#include "common/pure/backoff.h"
#include "common/pure/msg.h"

#define SOON_MS 5000
#define BYE_MS 2000
#define ASK_TIME_MS 86400000 /* the clock that carries the time on drifts */
#define STEADY_MS 30000	     /* online this long: the next loss begins with a short wait again */
#define CHECK_MIN_MS 500     /* a try that is younger is let go on when the network changes */
#define CHECK_SPREAD_MS 256  /* others hang on the same switch */

struct access_link_times access_link_times = {
	.ping_ms = ACCESS_LINK_PING_MS,
	.answer_ms = ACCESS_LINK_ANSWER_MS,
	.check_ms = ACCESS_LINK_CHECK_MS,
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
	struct direct *direct; /* in its place */
	struct inner *inner;
	struct rpc_ops ops;
	struct rpc rpc;
	bool rpc_open;
	struct rpc_ops early_ops; /* from an expired certificate nothing is heard but the time */
	struct preamble preamble;
	struct renewal renewal;
	bool renewal_closed;
	bool renewed;	 /* since the contexts were made */
	bool is_expired; /* the server grants nothing but a renewal */
	uint64_t asked_time_ms;
	uv_timer_t timer; /* waiting: the next try; online: keep-alive */
	bool timer_closed, closing, gave_up, at_once; /* the next try does not wait */
	bool was_told;				      /* by a server when to come */
	enum access_link_state state;
	struct backoff backoff;
	uint64_t since_ms, retry_at_ms, sent_ms, heard_ms;
	uint64_t dead_at_ms; /* a keep-alive has no answer, and then it is lost; 0: none is awaited
			      */
	char host[URL_HOST_SIZE]; /* of the server */
	char server[URL_HOST_SIZE + DIAL_ADDR_SIZE], proxy[PROXY_HOST_PORT_SIZE];
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

static int make_contexts(struct access_link *l)
{
	const struct identity *id = l->config.identity;
	struct tls_ctx *outer, *inner;
	int r = tls_ctx_outer_of(&outer, id, l->config.trust, l->config.refuse_inspection);

	if (r == 0)
		r = tls_ctx_inner_client(&inner, &id->cert, &id->key, &id->ca);
	if (r != 0) {
		tls_ctx_free(outer);
		return r;
	}
	l->outer_ctx = outer;
	l->inner_ctx = inner;
	return 0;
}

/* The end */

static void maybe_free(struct access_link *l)
{
	if (!l->timer_closed || !l->renewal_closed || l->inner)
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

static void on_renewal_closed(struct renewal *r)
{
	struct access_link *l = r->arg;

	l->renewal_closed = true;
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
	if (l->direct)
		direct_cancel(l->direct);
	l->direct = NULL;
	if (l->inner)
		inner_finish(l->inner, "closing");
	uv_close((uv_handle_t *)&l->timer, on_timer_closed);
	renewal_close(&l->renewal, on_renewal_closed);
}

/* Waiting */

static void on_retry(uv_timer_t *timer)
{
	struct access_link *l = timer->data;

	if (!l->closing)
		dial_now(l);
}

/* Until the first of the servers may be asked again; mostly 0. */
static uint32_t rest_ms(const struct access_link *l)
{
	const struct identity *id = l->config.identity;
	uint64_t least = UINT32_MAX, now = clock_mono_ms();

	for (size_t i = 0; i < id->n_urls; i++) {
		uint64_t ms = dial_rest_ms(l->config.memory, id->urls[i].host, now);

		least = ms < least ? ms : least;
	}
	return id->n_urls > 0 ? (uint32_t)least : 0;
}

static void wait_and_retry(struct access_link *l, const char *why)
{
	uint32_t random, ms, rest = rest_ms(l);

	file_random(&random, sizeof(random));
	l->was_told = false;
	if (rest > 0)
		ms = backoff_told_ms(&l->backoff, random, rest, &l->was_told);
	else
		ms = l->at_once ? random % CHECK_SPREAD_MS : backoff_next_ms(&l->backoff, random);
	l->at_once = false;
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

void access_link_rest(struct access_link *l, uint32_t s)
{
	if (l->inner)
		dial_rest(l->config.memory, l->host, s, clock_mono_ms());
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

static void on_keepalive(uv_timer_t *timer);

/* When something is to be done next. */
static void keepalive_on(struct access_link *l)
{
	uint64_t quiet_ms = l->sent_ms < l->heard_ms ? l->sent_ms : l->heard_ms;
	uint64_t at = l->dead_at_ms ? l->dead_at_ms : quiet_ms + access_link_times.ping_ms;
	uint64_t now = clock_mono_ms();

	uv_timer_start(&l->timer, on_keepalive, at > now ? at - now : 0, 0);
}

/* The server answers, whoever sits between. Who only sends must hear something, too. */
static void ask(struct access_link *l, uint32_t answer_ms)
{
	l->dead_at_ms = clock_mono_ms() + answer_ms;
	(void)rpc_keepalive(&l->rpc); /* a failure closes the connection */
}

static void on_keepalive(uv_timer_t *timer)
{
	struct access_link *l = timer->data;
	uint64_t now = clock_mono_ms();

	if (l->closing || l->state != ACCESS_LINK_ONLINE)
		return;
	if (l->dead_at_ms && now >= l->dead_at_ms) {
		access_link_lost(l, "the server has been silent for too long");
		return;
	}
	if (now - l->asked_time_ms >= ASK_TIME_MS) {
		l->asked_time_ms = now;
		preamble_ask_again(&l->preamble);
	}
	if (!l->dead_at_ms && (now - l->sent_ms >= access_link_times.ping_ms ||
			       now - l->heard_ms >= access_link_times.ping_ms))
		ask(l, access_link_times.answer_ms);
	keepalive_on(l);
}

static void heard(struct access_link *l)
{
	bool awaited = l->dead_at_ms != 0;

	l->heard_ms = clock_mono_ms();
	l->dead_at_ms = 0;
	l->at_once = false;
	if (awaited)
		keepalive_on(l);
}

static void check_online(struct access_link *l)
{
	uint64_t at = clock_mono_ms() + access_link_times.check_ms;

	if (l->dead_at_ms && l->dead_at_ms <= at)
		return;
	ask(l, access_link_times.check_ms);
	l->at_once = true;
	keepalive_on(l);
}

static void check_waiting(struct access_link *l)
{
	uint32_t random, rest = rest_ms(l);

	file_random(&random, sizeof(random));
	random %= CHECK_SPREAD_MS;
	uv_timer_start(&l->timer, on_retry, rest > random ? rest : random, 0);
}

/* The next word of its TCP may be seconds away. */
static void check_try(struct access_link *l)
{
	if (clock_mono_ms() - l->since_ms < CHECK_MIN_MS)
		return;
	if (l->dial) {
		dial_cancel(l->dial);
		l->dial = NULL;
		dial_now(l);
	} else if (l->inner) {
		l->at_once = true;
		access_link_lost(l, "the network has changed");
	}
}

void access_link_check(struct access_link *l)
{
	if (l->closing || l->gave_up)
		return;
	backoff_reset(&l->backoff);
	switch (l->state) {
	case ACCESS_LINK_ONLINE:
		check_online(l);
		break;
	case ACCESS_LINK_WAITING:
		check_waiting(l);
		break;
	case ACCESS_LINK_DIALING:
	case ACCESS_LINK_AUTH:
		check_try(l);
		break;
	case ACCESS_LINK_OFF:
		break;
	}
}

static void on_no_bye(uv_timer_t *timer)
{
	struct access_link *l = timer->data;

	if (!l->closing)
		access_link_lost(l, l->last_error);
}

/* A new certificate, and perhaps another CA: connections that run go on with what they have. */
static void on_renewal(void *arg, const struct identity *next, int code, const char *words)
{
	struct access_link *l = arg;
	int r = next ? l->cb->on_renewed(l, next) : 0;

	if (!next)
		log_warn("the certificate is not renewed code=%d reason=\"%s\"", code, words);
	else if (r != 0)
		log_error("the renewed certificate is not kept error=\"%s\"", strerror(-r));
	else
		log_notice("certificate renewed");
	l->renewed |= next && r == 0;
	if (!l->is_expired)
		return;
	if (!next && code == RPC_DENIED) { /* `bye` comes next, and says whether for ever */
		snprintf(l->last_error, sizeof(l->last_error), "%s", words);
		uv_timer_start(&l->timer, on_no_bye, BYE_MS, 0);
		return;
	}
	l->at_once = next && r == 0;
	if (l->at_once)
		words = "the certificate had expired, and is renewed";
	access_link_lost(l, r != 0 ? "the renewed certificate cannot be kept" : words);
}

void access_link_on_due(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct access_link *l = rpc->arg;
	int64_t within_s = 0;

	(void)id;
	(void)rpc_int(params, "within_s", 0, RENEWAL_SPREAD_MAX_S, &within_s); /* else soon */
	if (l->cb->on_renewed)
		renewal_within(&l->renewal, (uint32_t)(within_s + 1) * 1000);
}

void access_link_hello(struct access_link *l, const json_t *result)
{
	bool due = false;

	if (!l->cb->on_renewed || !l->rpc_open)
		return;
	renewal_online(&l->renewal, &l->rpc);
	if (rpc_bool(result, "renew", &due) && due)
		renewal_within(&l->renewal, RENEWAL_LATE_MS);
}

/* Nothing else is granted to an identity that has expired. */
static bool renew_first(struct access_link *l)
{
	l->is_expired = l->cb->on_renewed && renewal_expired(l->config.identity, clock_wall_s());
	if (!l->is_expired)
		return false;
	log_notice("the certificate has expired: asking for a new one");
	if (renewal_now(&l->renewal, &l->rpc) != 0)
		access_link_lost(l, "a new certificate could not be asked for");
	return true;
}

static void on_preamble(void *arg, const char *problem)
{
	struct access_link *l = arg;

	if (problem) {
		access_link_lost(l, problem);
		return;
	}
	l->rpc.ops = &l->ops;
	if (renew_first(l))
		return;
	l->asked_time_ms = clock_mono_ms();
	set_state(l, ACCESS_LINK_ONLINE);
	log_info("Access Server connected server=\"%s\"%s%s cipher=\"%s\"", l->server,
		 l->proxy[0] ? " proxy=" : "", l->proxy, inner_cipher(l->inner));
	l->at_once = false;
	keepalive_on(l);
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
	l->dead_at_ms = 0;
	if (preamble_start(&l->preamble, &l->rpc, inner_peer(in), on_preamble, l) != 0)
		access_link_lost(l, "the time could not be asked for");
}

static void on_data(struct inner *in, const uint8_t *bytes, size_t n)
{
	struct access_link *l = inner_arg(in);

	if (l->closing || !l->rpc_open)
		return;
	heard(l);
	if (rpc_feed(&l->rpc, bytes, n) != 0)
		access_link_lost(l, "the server sent a malformed message");
}

static void on_inner_closed(struct inner *in, bool clean, const char *reason)
{
	struct access_link *l = inner_arg(in);
	bool was_online = l->state == ACCESS_LINK_ONLINE;

	(void)clean;
	l->inner = NULL;
	l->server[0] = l->proxy[0] = '\0';
	/* What stands there is reached, and is no Access Server of ours, or not well: others first.
	 */
	if (!was_online || clock_mono_ms() - l->since_ms < SOON_MS)
		dial_mark_poor(l->config.memory, l->host, clock_mono_ms());
	if (was_online && clock_mono_ms() - l->since_ms >= STEADY_MS)
		backoff_reset(&l->backoff);
	preamble_stop(&l->preamble);
	renewal_offline(&l->renewal);
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

static void authenticate(struct access_link *l, struct outer *o)
{
	struct tls_expect expect = {
		.alpn = TLS_ALPN_CONTROL, .any_of_kind = true, .dates_later = true};
	int r;

	expect.id.kind = IDENT_ACCESS;
	memcpy(expect.id.domain, l->config.identity->id.domain, sizeof(expect.id.domain));
	snprintf(l->host, sizeof(l->host), "%s", outer_host(o));
	set_state(l, ACCESS_LINK_AUTH);
	r = inner_open(&l->inner, o, l->inner_ctx, &expect, 0, &inner_calls, l);
	if (r != 0) {
		l->inner = NULL;
		wait_and_retry(l, strerror(-r));
	}
}

static void on_dial_open(struct dial *d, struct outer *o)
{
	struct access_link *l = dial_arg(d);
	struct outer_tunnel tunnel = {.proxy = ""};
	char where[DIAL_ADDR_SIZE];

	l->dial = NULL;
	dial_where(o, where);
	snprintf(l->server, sizeof(l->server), "%s%s%s", outer_host(o), where[0] == ':' ? "" : " ",
		 where);
	(void)outer_tunnel(o, &tunnel);
	snprintf(l->proxy, sizeof(l->proxy), "%s", tunnel.proxy);
	authenticate(l, o);
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

/* No connection is made from the old ones any more. */
static void renew_contexts(struct access_link *l)
{
	struct tls_ctx *outer = l->outer_ctx, *inner = l->inner_ctx;

	if (make_contexts(l) != 0)
		return;
	tls_ctx_free(outer);
	tls_ctx_free(inner);
	l->renewed = false;
}

static void on_direct_open(void *arg, struct outer *o)
{
	struct access_link *l = arg;
	char at[DIRECT_TEXT_SIZE];

	l->direct = NULL;
	snprintf(l->server, sizeof(l->server), "%s", direct_text(l->config.access, at));
	authenticate(l, o);
}

static void on_direct_failed(void *arg, const char *reason)
{
	struct access_link *l = arg;

	l->direct = NULL;
	wait_and_retry(l, reason);
}

static const struct direct_callbacks direct_calls = {
	.on_open = on_direct_open,
	.on_failed = on_direct_failed,
};

static void go_direct(struct access_link *l)
{
	struct direct_target target = {
		.to = l->config.access, .url = &l->config.identity->urls[0], .path = "/v1/control"};
	int r;

	set_state(l, ACCESS_LINK_DIALING);
	r = direct_start(&l->direct, l->loop, &target, &direct_calls, l);
	if (r != 0)
		on_direct_failed(l, strerror(-r));
}

/* When many come at once, somebody waits for a user, and sessions wait for a relay. */
static const char *priority_of(const struct access_link *l)
{
	if (l->config.identity->id.kind != IDENT_DEVICE)
		return "Priority: u=1\r\n";
	return l->was_told ? "Priority: u=2\r\n" : "";
}

static void dial_now(struct access_link *l)
{
	const struct identity *id = l->config.identity;
	struct dial_target target = {.path = "/v1/control",
				     .headers = priority_of(l),
				     .ports = *l->config.ports,
				     .any = true};
	int r;

	if (l->renewed)
		renew_contexts(l);
	if (l->config.access && l->config.access->given) {
		go_direct(l);
		return;
	}
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
	struct access_link *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->loop = loop;
	l->config = *config;
	r = make_contexts(l);
	if (r != 0) {
		free(l);
		return r;
	}
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
	renewal_open(&l->renewal, loop, config->identity, on_renewal, l);
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
	snprintf(s->proxy, sizeof(s->proxy), "%s", l->proxy);
	snprintf(s->last_error, sizeof(s->last_error), "%s", l->last_error);
	if (l->state == ACCESS_LINK_WAITING && l->retry_at_ms > now)
		s->retry_in_ms = l->retry_at_ms - now;
	s->cipher = l->inner ? inner_cipher(l->inner) : "";
	if (o) {
		outer_stats(o, &stats);
		s->outer_verified = tls_peer_verified(outer_tls_peer(o));
		snprintf(s->outer_problem, sizeof(s->outer_problem), "%s",
			 outer_tls_peer(o)->problem);
		tls_peer_inspection(outer_tls_peer(o), s->inspection);
	}
	s->outer_version = stats.tls_version;
}
