/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/relay.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/pure/text.h"
#include "relayd/front.h"

#define TICK_MS 1000
#define SWEEP_AT_ONCE 64

static void on_tick(uv_timer_t *timer);

struct pair_clock relay_clock(void)
{
	return (struct pair_clock){.mono_ms = clock_mono_ms(), .wall_s = clock_wall_s()};
}

void relay_id_text(const uint8_t id[PAIR_ID_BYTES], char out[TOKEN_SESSION_SIZE])
{
	if (text_hex_encode(out, TOKEN_SESSION_SIZE, id, PAIR_ID_BYTES))
		out[0] = '\0';
}

void relay_common_init(struct relay_common *c, unsigned int n, size_t live_max)
{
	uint64_t seed;

	memset(c, 0, sizeof(*c));
	file_random(&seed, sizeof(seed));
	crowd_init(&c->crowd, RELAY_UNKNOWN_MAX, RELAY_UNKNOWN_EACH_MAX, seed);
	pthread_mutex_init(&c->crowd_lock, NULL);
	c->n = n;
	c->live_max = live_max;
}

static int init_tables(struct relay *r)
{
	struct pair_limits limits = {
		.live_max = r->config.common->live_max,
		.remember_max = RELAY_REMEMBER_MAX,
		.ended_max = RELAY_ENDED_MAX,
	};

	file_random(&limits.seed, sizeof(limits.seed));
	return pair_init(&r->pairs, &limits);
}

int relay_open(struct relay **out, uv_loop_t *loop, const struct relay_config *config)
{
	struct relay *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	r->loop = loop;
	r->config = *config;
	TAILQ_INIT(&r->legs);
	TAILQ_INIT(&r->joins);
	e = init_tables(r);
	if (e) {
		free(r);
		return e;
	}
	uv_timer_init(loop, &r->tick);
	r->tick.data = r;
	uv_timer_start(&r->tick, on_tick, TICK_MS, TICK_MS);
	lag_open(&r->lag, loop);
	r->n_timers = 2;
	*out = r;
	return 0;
}

/* Session ids are random. */
unsigned int relay_home(const struct relay *r, const uint8_t id[PAIR_ID_BYTES])
{
	uint32_t n;

	memcpy(&n, id, sizeof(n));
	return n % r->config.common->n;
}

bool relay_has_room(const struct relay *r)
{
	return r->config.common->live < r->config.common->live_max;
}

void relay_count_live(struct relay *r)
{
	r->config.common->live += r->pairs.n_live - r->counted; /* wraps as it should */
	r->counted = r->pairs.n_live;
}

void relay_take(struct relay *r, struct leg *l)
{
	leg_take(r, l);
}

void relay_accept(struct relay *r, int fd, bool plain)
{
	leg_accept(r, fd, plain);
}

void relay_use_tls(struct relay *r, const struct tls_ctx *tls)
{
	r->config.tls = tls;
}

void relay_set_keys(struct relay *r, const struct token_key *keys, size_t n)
{
	if (n > IDENTITY_TOKEN_KEYS_MAX)
		n = IDENTITY_TOKEN_KEYS_MAX;
	memcpy(r->config.token_keys, keys, n * sizeof(*keys));
	r->config.n_token_keys = n;
}

void relay_close_legs(struct relay *r, const struct pair_closing *closing, size_t n)
{
	(void)r;
	for (size_t i = 0; i < n; i++) {
		struct leg *l = closing[i].leg;

		if (closing[i].why == PAIR_ALONE)
			leg_finish(l, pair_why_text(closing[i].why));
		else
			leg_close(l, pair_why_text(closing[i].why));
	}
}

void relay_end_session(struct relay *r, const uint8_t id[PAIR_ID_BYTES])
{
	struct pair_closing closing[2];
	size_t n;

	pair_end(&r->pairs, id, relay_clock(), closing, &n);
	relay_count_live(r);
	relay_close_legs(r, closing, n);
}

static void count_legs(const struct relay *r, struct relay_counts *sum)
{
	const struct leg *l;

	TAILQ_FOREACH (l, &r->legs, list) {
		sum->stalled += l->stalled;
		sum->queued += outer_queued(l->outer);
	}
}

void relay_count(const struct relay *r, struct relay_counts *sum)
{
	const struct pair_table *t = &r->pairs;

	sum->sessions += t->n_live;
	sum->joined += t->n_ends[PAIR_JOINED] / 2;
	sum->waiting += t->n_ends[PAIR_WAITING] + t->n_ends[PAIR_OPENING];
	sum->opening += t->n_ends[PAIR_OPENING];
	sum->legs += r->n_legs;
	sum->unknown += r->n_unknown;
	sum->remembered += t->n_remembered;
	sum->ended += t->n_ended;
	sum->bytes += r->bytes;
	for (int i = 0; i < 2; i++)
		sum->bytes_from[i] += r->bytes_from[i];
	sum->legs_total += r->legs_total;
	sum->joined_total += r->joined_total;
	sum->moved_total += r->moved_total;
	sum->probes += r->probes;
	sum->front += r->n_front;
	sum->front_total += r->front_total;
	sum->bytes_front += r->bytes_front;
	sum->handshakes += r->handshakes;
	sum->handshakes_failed += r->handshakes_failed;
	for (int i = 0; i < REFUSALS; i++)
		sum->refused[i] += r->refused[i];
	count_legs(r, sum);
	histo_merge(&sum->lag, &r->lag.delays);
}

/* Draining */

static void drain_leg(struct leg *l, const struct hint *h)
{
	if (l->closing || !l->admitted)
		return;
	if (!l->other)
		leg_finish(l, "the relay takes no sessions any more");
	else if (outer_hint(l->outer, h) != 0)
		log_debug("a leg could not be told that the relay is draining");
}

void relay_drain(struct relay *r, uint16_t left_s)
{
	const struct hint h = {.code = HINT_DRAINING, .arg = left_s};
	struct leg *l;

	r->draining = true;
	TAILQ_FOREACH (l, &r->legs, list)
		drain_leg(l, &h);
}

void relay_undrain(struct relay *r)
{
	r->draining = false;
}

/* Closing */

static void finally(struct relay *r)
{
	void (*on_closed)(void *) = r->on_closed;
	void *arg = r->arg;

	if (r->n_legs > 0 || r->n_timers > 0)
		return;
	pair_deinit(&r->pairs);
	free(r);
	if (on_closed)
		on_closed(arg);
}

static void timer_closed(struct relay *r)
{
	r->n_timers--;
	finally(r);
}

static void on_tick_closed(uv_handle_t *handle)
{
	timer_closed(handle->data);
}

static void on_lag_closed(uv_handle_t *handle)
{
	struct lag *l = handle->data;

	timer_closed((struct relay *)(void *)((char *)l - offsetof(struct relay, lag)));
}

static void close_timers(struct relay *r)
{
	if (uv_is_closing((uv_handle_t *)&r->tick))
		return;
	uv_close((uv_handle_t *)&r->tick, on_tick_closed);
	lag_close(&r->lag, on_lag_closed);
}

void relay_leg_gone(struct relay *r)
{
	r->n_legs--;
	if (!r->stopping || r->n_legs > 0)
		return;
	close_timers(r);
}

void relay_close(struct relay *r, void (*on_closed)(void *arg), void *arg)
{
	struct leg *l;

	if (r->stopping)
		return;
	r->stopping = true;
	r->on_closed = on_closed;
	r->arg = arg;
	r->stop_until_ms = clock_mono_ms() + RELAY_STOP_MS;
	for (l = TAILQ_FIRST(&r->legs); l; l = TAILQ_NEXT(l, list)) {
		if (l->front)
			front_finish(l->front, "the relay is stopping");
		else if (l->admitted)
			leg_finish(l, "the relay is stopping");
		else
			leg_close(l, "the relay is stopping");
	}
	if (r->n_legs == 0)
		close_timers(r);
}

static void cut_legs(struct relay *r)
{
	struct leg *l;

	for (l = TAILQ_FIRST(&r->legs); l; l = TAILQ_NEXT(l, list))
		leg_close(l, "the relay is stopping");
}

static void on_tick(uv_timer_t *timer)
{
	struct relay *r = timer->data;
	struct pair_clock now = relay_clock();
	struct pair_closing closing[SWEEP_AT_ONCE];
	size_t n;

	while ((n = pair_sweep(&r->pairs, now, closing, SWEEP_AT_ONCE)) > 0)
		relay_close_legs(r, closing, n);
	relay_count_live(r);
	join_tell(r);
	if (r->stopping && now.mono_ms >= r->stop_until_ms)
		cut_legs(r);
}
