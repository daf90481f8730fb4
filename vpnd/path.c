/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/path_internal.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/bytes.h"
#include "common/pure/rpcmsg.h"

#define RX_BYTES (FRAME_HEADER_BYTES + FRAME_MAX_BYTES + TLS_RECORD_MAX_BYTES)

const struct path_times path_times_default = {
	.wait_ms = 120000,
	.hello_ms = 10000,
	.active_ms = 60000,
	.quiet_ms = 1000,
	.suspect_ms = 2000,
	.lost_ms = 5000,
	.rtt_every_ms = 10000,
	.idle_ping_ms = 45000,
	.idle_lost_ms = 90000,
};

#define SHED_YOUNG_MS 10000 /* a path that dies sooner after it has shed may have died of that */

static void schedule(struct path *p);
static void on_tick(uv_timer_t *timer);
static void note_death(struct path *p, uint64_t alive_ms);

static const struct grant_relay *relay_of(const struct path *p)
{
	return p->config.relay;
}

static void step(struct path *p, const char *fmt, const char *a, const char *b)
{
	char text[PATH_REASON_SIZE + 100];

	snprintf(text, sizeof(text), "relay %s: %s%s%s", relay_of(p)->name, fmt, a, b);
	p->cb->on_step(p, text);
}

/* The end */

static void maybe_free(struct path *p)
{
	if (p->state != PATH_CLOSING || p->inner || !p->timer_closed)
		return;
	p->cb->on_gone(p, p->reason);
	buf_wipe(&p->rx);
	buf_deinit(&p->rx);
	free(p);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct path *p = handle->data;

	p->timer_closed = true;
	maybe_free(p);
}

static int send_frame(struct path *p, enum frame_type type, const void *payload, size_t n)
{
	uint8_t bytes[FRAME_HEADER_BYTES + FRAME_HELLO_MAX_BYTES];

	if (!p->inner || p->state == PATH_LEAVING || n > FRAME_HELLO_MAX_BYTES)
		return -EPIPE;
	frame_header_encode(bytes, type, n);
	memcpy(bytes + FRAME_HEADER_BYTES, payload, n);
	p->sent_ms = clock_mono_ms();
	return inner_send(p->inner, bytes, FRAME_HEADER_BYTES + n);
}

static void send_end(struct path *p, int code, const char *reason)
{
	uint8_t payload[1 + FRAME_REASON_MAX_BYTES];
	size_t len = strnlen(reason, FRAME_REASON_MAX_BYTES);

	payload[0] = (uint8_t)code;
	memcpy(payload + 1, reason, len);
	(void)send_frame(p, FRAME_END, payload, 1 + len); /* the peer may be gone */
}

static void begin_closing(struct path *p, const char *reason)
{
	if (p->state == PATH_CLOSING)
		return;
	snprintf(p->reason, sizeof(p->reason), "%s", reason);
	p->state = PATH_CLOSING;
	if (p->dial)
		dial_cancel(p->dial);
	p->dial = NULL;
	uv_close((uv_handle_t *)&p->timer, on_timer_closed);
}

void path_close(struct path *p, int end_code, const char *reason)
{
	bool there = (p->state == PATH_READY || p->state == PATH_HELLO) && !p->ended;

	if (p->state == PATH_CLOSING)
		return;
	if (there && end_code)
		send_end(p, end_code, reason);
	begin_closing(p, reason);
	if (p->inner && there && end_code)
		inner_finish(p->inner, reason);
	else if (p->inner)
		inner_close(p->inner, reason);
}

/* In order, so that what the other end is still to get arrives. */
static void finish(struct path *p, const char *reason)
{
	begin_closing(p, reason);
	if (p->inner)
		inner_finish(p->inner, reason);
}

void path_leave(struct path *p, const char *reason)
{
	if (p->state != PATH_READY || p->ended) {
		path_close(p, FRAME_END_PATH, reason);
		return;
	}
	send_end(p, FRAME_END_PATH, reason);
	if (p->state != PATH_READY)
		return;
	p->state = PATH_LEAVING;
	uv_timer_start(&p->timer, on_tick, PATH_LEAVE_MS, 0);
}

/* Liveness */

/* Bytes that the connection has sent. */
static uint64_t bytes_out(const struct path *p)
{
	struct outer *o = p->inner ? inner_outer(p->inner) : NULL;
	struct outer_stats stats = {.bytes_out = 0};

	if (o)
		outer_stats(o, &stats);
	return stats.bytes_out;
}

static void send_ping(struct path *p)
{
	uint8_t payload[FRAME_PING_BYTES];
	struct wr w = wr_init(payload, sizeof(payload));
	size_t before = inner_queued(p->inner);

	p->out_seen = bytes_out(p);
	p->ping_end = p->out_seen + before;
	p->asked_us = clock_mono_us();
	wr_u64(&w, ++p->ping_seq);
	wr_u64(&w, p->asked_us);
	p->asked_ms = clock_mono_ms();
	if (!p->pinged_ms)
		p->pinged_ms = clock_mono_ms();
	(void)send_frame(p, FRAME_PING, payload, sizeof(payload)); /* a failure closes the path */
}

static bool active(const struct path *p, uint64_t now)
{
	return p->data_ms && now - p->data_ms < p->times->active_ms;
}

static uint64_t min_ms(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Does our PING still wait here behind what was sent before it? */
static bool ping_waits(const struct path *p)
{
	return p->pinged_ms && p->out_seen < p->ping_end;
}

/* A long queue on a slow line must not look like a dead one: as long as it moves, the time for the
 * answer has not begun. */
static void follow_ping(struct path *p, uint64_t now)
{
	uint64_t out = bytes_out(p);

	if (ping_waits(p) && out > p->out_seen)
		p->pinged_ms = now;
	p->out_seen = out;
}

/* When the next PING is due. */
static uint64_t ping_at(const struct path *p, uint64_t now)
{
	uint64_t quiet_since = p->heard_ms > p->active_ms ? p->heard_ms : p->active_ms;

	if (p->pinged_ms)
		return UINT64_MAX; /* one that is not answered is enough */
	if (!active(p, now))
		return p->sent_ms + p->times->idle_ping_ms;
	return min_ms(quiet_since + p->times->quiet_ms, p->asked_ms + p->times->rtt_every_ms);
}

/* When the path is suspected if nothing comes. */
static uint64_t suspect_at(const struct path *p, uint64_t now)
{
	if (!active(p, now) || !p->pinged_ms || p->suspected)
		return UINT64_MAX;
	return p->pinged_ms + p->times->suspect_ms;
}

/* When the path is lost if nothing comes. */
static uint64_t lost_at(const struct path *p, uint64_t now)
{
	if (!active(p, now))
		return p->heard_ms + p->times->idle_lost_ms;
	return p->pinged_ms ? p->pinged_ms + p->times->lost_ms : UINT64_MAX;
}

static void suspect(struct path *p)
{
	p->suspected = true;
	p->cb->on_silent(p, true);
}

static void on_tick(uv_timer_t *timer)
{
	struct path *p = timer->data;
	uint64_t now = clock_mono_ms();

	if (p->state == PATH_HELLO)
		path_close(p, 0, "the other end did not say HELLO in time");
	if (p->state == PATH_LEAVING)
		finish(p, "another path is used");
	if (p->state != PATH_READY)
		return;
	follow_ping(p, now);
	if (now >= lost_at(p, now)) {
		note_death(p, p->heard_ms);
		path_close(p, 0, "the other end has fallen silent");
		return;
	}
	if (now >= ping_at(p, now))
		send_ping(p);
	if (p->state == PATH_READY && now >= suspect_at(p, now))
		suspect(p);
	if (p->state == PATH_READY)
		schedule(p);
}

void path_suspect(struct path *p)
{
	if (p->state != PATH_READY || p->suspected)
		return;
	path_note_data(p); /* as if there were some: that has an end */
	send_ping(p);
	if (p->state == PATH_READY)
		suspect(p);
	if (p->state == PATH_READY)
		schedule(p);
}

static void schedule(struct path *p)
{
	uint64_t now = clock_mono_ms();
	uint64_t at = min_ms(min_ms(ping_at(p, now), suspect_at(p, now)), lost_at(p, now));

	if (ping_waits(p))
		at = min_ms(at, now + p->times->quiet_ms);
	uv_timer_start(&p->timer, on_tick, at > now ? at - now : 0, 0);
}

static void heard(struct path *p)
{
	bool waited = p->pinged_ms != 0;

	p->heard_ms = clock_mono_ms();
	p->pinged_ms = 0;
	if (waited && p->state == PATH_READY)
		schedule(p);
	if (p->suspected && p->state == PATH_READY) {
		p->suspected = false;
		p->cb->on_silent(p, false);
	}
}

/* Where data comes from, an answer is expected, too. */
static void note_arrival(struct path *p)
{
	bool was_active = active(p, p->heard_ms);

	p->data_ms = p->heard_ms;
	if (!was_active && p->state == PATH_READY) {
		p->active_ms = p->heard_ms;
		schedule(p);
	}
}

static void on_pong(struct path *p, const uint8_t *payload, size_t n)
{
	struct rd r = rd_init(payload, n);
	uint64_t seq, sent_us;

	if (!rd_u64(&r, &seq) || !rd_u64(&r, &sent_us) || !p->asked_us || seq != p->ping_seq ||
	    sent_us != p->asked_us)
		return; /* an older one, or not ours */
	p->rtt_ms = (double)(clock_mono_us() - sent_us) / 1000.0;
	p->asked_us = 0;
	path_data_pong(p, sent_us);
}

/* Frames */

static int send_hello(struct path *p)
{
	const struct grant *g = p->config.grant;
	json_t *o = json_pack("{s:s, s:I, s:s, s:o}", "session", g->session, "serial",
			      (json_int_t)g->serial, "version", FARLAN_VERSION, "caps",
			      path_data_caps(p));
	char *text;
	int r;

	if (o && p->config.mtu)
		json_object_set_new(o, "mtu", json_integer(p->config.mtu));
	text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	r = text ? send_frame(p, FRAME_HELLO, text, strlen(text)) : -ENOMEM;
	free(text);
	json_decref(o);
	return r;
}

/* Both ends are done with handshakes: the inner stream is nothing but ciphertext records now. */
static void shed(struct path *p)
{
	struct outer *o = inner_outer(p->inner);

	if (!p->config.shed || !o || outer_shed(o) != 0)
		return;
	p->shed_ms = clock_mono_ms();
	snprintf(p->shed_host, sizeof(p->shed_host), "%s", outer_host(o));
	outer_local_addr(o, &p->from);
	step(p, "outer layer shed", "", "");
}

/*
 * The path died. If it had shed lately, something on the way may not bear that: next time both
 * layers stay. @alive_ms: when it was alive for certain.
 */
static void note_death(struct path *p, uint64_t alive_ms)
{
	if (!p->shed_ms || p->ended || p->drained || alive_ms >= p->shed_ms + SHED_YOUNG_MS)
		return;
	dial_remember_sealed(p->config.memory, p->shed_host, &p->from, clock_mono_ms());
	log_info("path died soon after the outer layer was shed: both stay for a day relay=%s",
		 relay_of(p)->name);
}

static void on_hello(struct path *p, const struct frame *f)
{
	json_t *o = json_loadb((const char *)f->payload, f->len, JSON_REJECT_DUPLICATES, NULL);
	char session[TOKEN_SESSION_SIZE];
	bool same = o && rpc_str_max(o, "session", session, sizeof(session)) &&
		    strcmp(session, p->config.grant->session) == 0;

	if (same && p->state == PATH_HELLO)
		path_data_hello(p, o);
	json_decref(o);
	if (p->state != PATH_HELLO) {
		path_close(p, 0, "the other end said HELLO twice");
		return;
	}
	if (!same) {
		path_close(p, 0, "the other end's HELLO is of another session");
		return;
	}
	p->state = PATH_READY;
	shed(p);
	send_ping(p);
	if (p->state != PATH_READY)
		return;
	schedule(p);
	p->cb->on_ready(p);
}

static void on_end(struct path *p, const struct frame *f)
{
	char reason[FRAME_REASON_MAX_BYTES + 1];

	log_clean(reason, sizeof(reason), (const char *)f->payload + 1, f->len - 1);
	p->ended = true;
	p->cb->on_end(p, f->payload[0], reason);
	if (!reason[0])
		snprintf(reason, sizeof(reason), "ended by the other end");
	if (p->state == PATH_CLOSING || f->payload[0] != FRAME_END_PATH)
		path_close(p, 0, reason);
	else
		finish(p, reason); /* what was sent before is still to arrive there */
}

static void on_number(struct path *p, const struct frame *f, void (*fn)(struct path *p, uint32_t n))
{
	struct rd r = rd_init(f->payload, f->len);
	uint32_t n;

	if (rd_u32(&r, &n))
		fn(p, n);
}

/* @payload: of @f, to be changed. */
static void on_frame(struct path *p, const struct frame *f, uint8_t *payload)
{
	static const struct vnet plain;

	if (p->state == PATH_HELLO && f->type != FRAME_HELLO) {
		path_close(p, 0, "the other end did not begin with HELLO");
		return;
	}
	switch (f->type) {
	case FRAME_PACKET:
		note_arrival(p);
		p->cb->on_packet(p, &plain, payload, f->len);
		break;
	case FRAME_SUPER:
		note_arrival(p);
		path_data_super(p, payload, f->len);
		break;
	case FRAME_STAMP:
		path_data_stamp(p, f);
		break;
	case FRAME_ACK:
		path_data_ack(p, f);
		break;
	case FRAME_LOSSY:
		path_data_lossy(p, f);
		break;
	case FRAME_HELLO:
		on_hello(p, f);
		break;
	case FRAME_PING:
		(void)send_frame(p, FRAME_PONG, f->payload, f->len);
		break;
	case FRAME_PONG:
		on_pong(p, f->payload, f->len);
		break;
	case FRAME_SELECT:
		if (p->state == PATH_READY)
			on_number(p, f, p->cb->on_select);
		break;
	case FRAME_SELECTED:
		if (p->state == PATH_READY)
			on_number(p, f, p->cb->on_selected);
		break;
	case FRAME_END:
		on_end(p, f);
		break;
	default: /* of a later version */
		break;
	}
}

/* Take whole frames from @bytes. Return: bytes taken. */
static size_t take_frames(struct path *p, uint8_t *bytes, size_t n)
{
	size_t taken = 0, used;
	struct frame f;
	int r;

	while (p->state != PATH_CLOSING && !p->ended) {
		r = frame_decode(bytes + taken, n - taken, &f, &used);
		if (r == -EAGAIN)
			break;
		if (r != 0) {
			path_close(p, 0, "the other end sent a malformed frame");
			break;
		}
		on_frame(p, &f, bytes + taken + FRAME_HEADER_BYTES);
		taken += used;
	}
	return taken;
}

static void on_inner_data(struct inner *in, const uint8_t *bytes, size_t n)
{
	struct path *p = inner_arg(in);

	(void)bytes; /* in p->rx */
	(void)n;
	heard(p);
	buf_consume(&p->rx, take_frames(p, buf_data_mut(&p->rx), buf_len(&p->rx)));
}

/* The way there */

static void on_inner_ready(struct inner *in)
{
	struct path *p = inner_arg(in);

	if (p->state == PATH_CLOSING)
		return;
	p->state = PATH_HELLO;
	p->heard_ms = clock_mono_ms();
	uv_timer_start(&p->timer, on_tick, p->times->hello_ms, 0);
	/* Before anybody is told: whoever closes the path then sends END, which must not be the
	 * first frame. */
	if (send_hello(p) != 0)
		path_close(p, 0, "HELLO could not be sent");
	else
		step(p, "other end authenticated (", inner_cipher(in), ")");
}

static void on_inner_drain(struct inner *in)
{
	struct path *p = inner_arg(in);

	if (p->state == PATH_READY)
		p->cb->on_room(p);
}

static void on_inner_hint(struct inner *in, const struct hint *h)
{
	struct path *p = inner_arg(in);

	if (p->state == PATH_CLOSING)
		return;
	p->drained = h->code == HINT_DRAINING;
	p->cb->on_hint(p, h);
}

static void on_inner_closed(struct inner *in, bool clean, const char *reason)
{
	struct path *p = inner_arg(in);

	(void)clean; /* without END the path is lost either way */
	if (p->state == PATH_READY)
		note_death(p, clock_mono_ms());
	p->inner = NULL;
	begin_closing(p, reason);
	maybe_free(p);
}

static const struct inner_callbacks inner_calls = {
	.on_ready = on_inner_ready,
	.on_data = on_inner_data,
	.on_drain = on_inner_drain,
	.on_hint = on_inner_hint,
	.on_closed = on_inner_closed,
};

static void on_dial_open(struct dial *d, struct outer *o)
{
	struct path *p = dial_arg(d);
	struct tls_expect expect = {.alpn = TLS_ALPN_PATH, .has_ident = true, .has_key = true};
	struct outer_tunnel tunnel = {.proxy = ""};
	int r;

	p->dial = NULL;
	expect.id = p->config.grant->peer;
	memcpy(expect.key_sha256, p->config.grant->peer_key, sizeof(expect.key_sha256));
	dial_where(o, p->addr);
	(void)outer_tunnel(o, &tunnel);
	snprintf(p->proxy, sizeof(p->proxy), "%s", tunnel.proxy);
	p->state = PATH_WAITING;
	r = inner_open(&p->inner, o, p->config.inner_ctx, &expect, p->times->wait_ms, &inner_calls,
		       p);
	if (r != 0) {
		p->inner = NULL;
		begin_closing(p, strerror(-r));
		return;
	}
	inner_receive_into(p->inner, &p->rx);
	step(p, "connected ", p->proxy[0] ? "by proxy " : p->addr, p->proxy);
}

static void on_dial_failed(struct dial *d, const char *reason)
{
	struct path *p = dial_arg(d);

	p->dial = NULL;
	begin_closing(p, reason);
}

static void on_dial_step(struct dial *d, const char *what)
{
	step(dial_arg(d), what, "", "");
}

static const struct dial_callbacks dial_calls = {
	.on_open = on_dial_open,
	.on_failed = on_dial_failed,
	.on_step = on_dial_step,
};

static int dial_relay(struct path *p)
{
	const struct grant_relay *relay = relay_of(p);
	struct dial_target target = {.path = "/v1/session", .ports = *p->config.ports};
	char headers[PASETO_TOKEN_SIZE + 100];
	int r;

	target.n_urls = relay->n_urls;
	memcpy(target.urls, relay->urls, relay->n_urls * sizeof(relay->urls[0]));
	snprintf(headers, sizeof(headers),
		 "Authorization: Bearer %s\r\nFarlan-Generation: %llu\r\n", relay->token,
		 (unsigned long long)p->config.generation);
	target.headers = headers;
	target.shed = p->config.shed;
	r = dial_start(&p->dial, p->config.loop, p->config.outer_ctx, &target, p->config.memory,
		       &dial_calls, p);
	explicit_bzero(headers, sizeof(headers));
	return r;
}

int path_open(struct path **out, const struct path_config *config, const struct path_callbacks *cb,
	      void *arg)
{
	struct path *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->config = *config;
	p->times = config->times ? config->times : &path_times_default;
	p->cb = cb;
	p->arg = arg;
	p->rtt_ms = -1;
	p->state = PATH_DIALING;
	buf_init(&p->rx, RX_BYTES);
	r = dial_relay(p);
	if (r != 0) {
		free(p);
		return r;
	}
	uv_timer_init(config->loop, &p->timer);
	p->timer.data = p;
	*out = p;
	return 0;
}

void path_note_data(struct path *p)
{
	uint64_t now = clock_mono_ms();
	bool was_active = active(p, now);

	p->data_ms = p->sent_ms = now;
	if (!was_active) {
		p->active_ms = now;
		schedule(p);
	}
}

bool path_ready(const struct path *p)
{
	return p->state == PATH_READY;
}

static void send_number(struct path *p, enum frame_type type, uint32_t n)
{
	uint8_t payload[FRAME_SELECT_BYTES];
	struct wr w = wr_init(payload, sizeof(payload));

	wr_u32(&w, n);
	(void)send_frame(p, type, payload, sizeof(payload)); /* a failure closes the path */
}

void path_select(struct path *p, uint32_t n)
{
	send_number(p, FRAME_SELECT, n);
}

void path_selected(struct path *p, uint32_t n)
{
	send_number(p, FRAME_SELECTED, n);
}

void *path_arg(const struct path *p)
{
	return p->arg;
}

uint64_t path_lead_us(const struct path *old, const struct path *next)
{
	uint64_t base = old->flight.base_us, waits = 0, longer = 0;
	uint64_t next_us = next->rtt_ms > 0 ? (uint64_t)(next->rtt_ms * 1000) : 0;

	if (old->state != PATH_READY || old->suspected || base == 0 || next_us == 0)
		return 0;
	if (old->flight.rtt_us > base) /* a queue is in our direction: there is none in the other */
		waits = old->flight.rtt_us - base;
	if (base > next_us)
		longer = (base - next_us) / 2;
	return waits + longer;
}

void path_status(const struct path *p, struct path_status *s)
{
	struct outer *o = p->inner ? inner_outer(p->inner) : NULL;
	struct outer_stats stats = {.tls_version = ""};

	memset(s, 0, sizeof(*s));
	s->state = p->state;
	memcpy(s->relay_addr, p->addr, sizeof(s->relay_addr));
	memcpy(s->proxy, p->proxy, sizeof(s->proxy));
	s->rtt_ms = p->rtt_ms;
	s->cipher = p->inner ? inner_cipher(p->inner) : "";
	if (o) {
		outer_stats(o, &stats);
		s->outer_verified = tls_peer_verified(outer_tls_peer(o));
		tls_peer_inspection(outer_tls_peer(o), s->inspection);
		s->shed = stats.shed;
	}
	s->outer_version = stats.tls_version;
	s->peer_super = p->peer_super;
	s->peer_mtu = p->peer_mtu;
	s->rate = flight_rate(&p->flight);
	s->under_way = p->flight.on ? flight_under_way(&p->flight) : 0;
}
