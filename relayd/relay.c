/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/pure/text.h"

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

static int init_tables(struct relay *r)
{
	struct pair_limits limits = {
		.live_max = r->config.max_sessions,
		.remember_max = RELAY_REMEMBER_MAX,
		.ended_max = RELAY_ENDED_MAX,
	};
	uint64_t seed;

	file_random(&limits.seed, sizeof(limits.seed));
	file_random(&seed, sizeof(seed));
	crowd_init(&r->crowd, RELAY_UNKNOWN_MAX, RELAY_UNKNOWN_EACH_MAX, seed);
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
	e = tls_ctx_outer_server(&r->tls, config->outer_cert, config->key, config->ca);
	r->config.outer_cert = r->config.ca = NULL;
	r->config.key = NULL;
	if (e)
		goto free_relay;
	e = init_tables(r);
	if (e)
		goto free_tls;
	uv_timer_init(loop, &r->tick);
	r->tick.data = r;
	uv_timer_start(&r->tick, on_tick, TICK_MS, TICK_MS);
	*out = r;
	return 0;

free_tls:
	tls_ctx_free(r->tls);
free_relay:
	free(r);
	return e;
}

void relay_accept(struct relay *r, int fd)
{
	leg_accept(r, fd);
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
	relay_close_legs(r, closing, n);
}

/* Closing */

static void finally(struct relay *r)
{
	void (*on_closed)(void *) = r->on_closed;
	void *arg = r->arg;

	if (r->n_legs > 0 || !r->tick_closed)
		return;
	pair_deinit(&r->pairs);
	tls_ctx_free(r->tls);
	free(r);
	if (on_closed)
		on_closed(arg);
}

static void on_tick_closed(uv_handle_t *handle)
{
	struct relay *r = handle->data;

	r->tick_closed = true;
	finally(r);
}

static void close_tick(struct relay *r)
{
	if (!uv_is_closing((uv_handle_t *)&r->tick))
		uv_close((uv_handle_t *)&r->tick, on_tick_closed);
}

void relay_leg_gone(struct relay *r)
{
	r->n_legs--;
	if (!r->stopping || r->n_legs > 0)
		return;
	if (r->tick_closed)
		finally(r);
	else
		close_tick(r);
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
		if (l->admitted)
			leg_finish(l, "the relay is stopping");
		else
			leg_close(l, "the relay is stopping");
	}
	if (r->n_legs == 0)
		close_tick(r);
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
	if (r->stopping && now.mono_ms >= r->stop_until_ms)
		cut_legs(r);
}
