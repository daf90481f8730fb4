/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/throttle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS_NS 1000000
#define BUCKETS_MAX 3

struct throttle {
	uv_timer_t timer;
	struct limits *limits;
	struct bucket own, *user;
	struct bucket *buckets[BUCKETS_MAX]; /* those that have a limit */
	size_t n_buckets;
	int64_t quantum, left; /* of this turn; below 0: of the next ones */
	bool waiting, flip;
	void (*on_turn)(void *arg, bool flip);
	void *arg;
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a && (!b || a < b) ? a : b;
}

void throttle_merge(struct throttle_limits *a, const struct throttle_limits *b)
{
	a->rate = least(a->rate, b->rate);
	a->user_rate = least(a->user_rate, b->user_rate);
	if (!a->user[0])
		memcpy(a->user, b->user, sizeof(a->user));
}

static void on_timer(uv_timer_t *timer);

/* Return: it has to wait. */
static bool take(struct throttle *t, size_t n)
{
	uint64_t now = uv_hrtime(), at = 0;

	for (size_t i = 0; i < t->n_buckets; i++) {
		uint64_t ready = bucket_take(t->buckets[i], n, now);

		at = ready > at ? ready : at;
	}
	if (at <= now || t->left > 0)
		return false;
	uv_update_time(t->timer.loop); /* the timer counts from there */
	uv_timer_start(&t->timer, on_timer, (at - now + MS_NS - 1) / MS_NS, 0);
	return true;
}

/* A turn that was used up before it came is passed on: to take nothing is to queue up again. */
static void on_timer(uv_timer_t *timer)
{
	struct throttle *t = timer->data;

	t->left += t->quantum;
	if (t->left <= 0 && take(t, 0))
		return;
	t->waiting = false;
	t->flip = !t->flip;
	t->on_turn(t->arg, t->flip);
}

bool throttle_take(struct throttle *t, size_t n)
{
	t->left -= (int64_t)n;
	if (!t->waiting)
		t->waiting = take(t, n);
	else
		(void)take(t, n); /* what had been read already */
	if (!t->waiting && t->left < 0)
		t->left = 0; /* nobody waits for it */
	return t->waiting;
}

bool throttle_waits(const struct throttle *t)
{
	return t && t->waiting;
}

size_t throttle_quantum(const struct throttle *t)
{
	return (size_t)t->quantum;
}

static void add_bucket(struct throttle *t, struct bucket *b)
{
	uint64_t part;

	if (!b)
		return;
	t->buckets[t->n_buckets++] = b;
	part = bucket_rate(b) / 1000 * THROTTLE_QUANTUM_MS;
	if (part < THROTTLE_QUANTUM_MIN)
		part = THROTTLE_QUANTUM_MIN;
	if (part < (uint64_t)t->quantum)
		t->quantum = (int64_t)part;
}

int throttle_open(struct throttle **out, uv_loop_t *loop, struct limits *limits,
		  const struct throttle_limits *what, void (*on_turn)(void *arg, bool flip),
		  void *arg)
{
	struct bucket *relay = limits_relay(limits);
	struct throttle *t;

	*out = NULL;
	if (!what->rate && !what->user_rate && !relay)
		return 0;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->limits = limits;
	t->quantum = THROTTLE_QUANTUM_MAX;
	t->on_turn = on_turn;
	t->arg = arg;
	if (what->user_rate) {
		t->user = limits_user(limits, what->user, what->user_rate);
		if (!t->user) {
			free(t);
			return -ENOMEM;
		}
	}
	bucket_init(&t->own, what->rate);
	add_bucket(t, what->rate ? &t->own : NULL);
	add_bucket(t, t->user);
	add_bucket(t, relay);
	uv_timer_init(loop, &t->timer);
	t->timer.data = t;
	*out = t;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void throttle_close(struct throttle *t)
{
	if (!t)
		return;
	limits_release(t->limits, t->user);
	uv_close((uv_handle_t *)&t->timer, on_closed);
}
