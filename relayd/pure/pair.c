/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/pure/pair.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_PARTS 64
#define LIFE_MAX_S INT32_MAX /* of a token, for arithmetic only */

_Static_assert(sizeof(struct pair_session) <= PAIR_SESSION_BYTES, "memory per session as stated");

int pair_init(struct pair_table *t, const struct pair_limits *limits)
{
	size_t n = 64;

	while (n < limits->remember_max + limits->ended_max && n < SIZE_MAX / 4)
		n *= 2;
	*t = (struct pair_table){.limits = *limits, .n_buckets = n, .next_serial = 1};
	t->buckets = calloc(n, sizeof(*t->buckets));
	if (!t->buckets)
		return -ENOMEM;
	TAILQ_INIT(&t->live);
	TAILQ_INIT(&t->ended);
	return 0;
}

/* Ids come from signed tokens and from accessd, so the seed is a second line only. */
static struct pair_bucket *bucket_of(const struct pair_table *t, const uint8_t id[PAIR_ID_BYTES])
{
	uint64_t a, b;

	memcpy(&a, id, sizeof(a));
	memcpy(&b, id + sizeof(a), sizeof(b));
	a = (a ^ t->limits.seed) * 0x9e3779b97f4a7c15u;
	a = (a ^ (a >> 32) ^ b) * 0xd6e8feb86659fd93u;
	return &t->buckets[(a ^ (a >> 32)) & (t->n_buckets - 1)];
}

static struct pair_session *find(const struct pair_table *t, const uint8_t id[PAIR_ID_BYTES])
{
	struct pair_session *s;

	SLIST_FOREACH (s, bucket_of(t, id), chain)
		if (memcmp(s->id, id, PAIR_ID_BYTES) == 0)
			return s;
	return NULL;
}

const struct pair_session *pair_find(const struct pair_table *t, const uint8_t id[PAIR_ID_BYTES])
{
	return find(t, id);
}

/* The only place where a session changes lists. */
static void set_kind(struct pair_table *t, struct pair_session *s, enum pair_kind kind)
{
	if (s->kind == kind)
		return;
	if (s->kind == PAIR_LIVE) {
		TAILQ_REMOVE(&t->live, s, list);
		t->n_live--;
	} else if (s->kind == PAIR_ENDED) {
		TAILQ_REMOVE(&t->ended, s, list);
		t->n_ended--;
		t->n_remembered++;
	}
	if (kind == PAIR_LIVE) {
		s->serial = t->next_serial++;
		TAILQ_INSERT_TAIL(&t->live, s, list);
		t->n_live++;
	} else if (kind == PAIR_ENDED) {
		TAILQ_INSERT_TAIL(&t->ended, s, list);
		t->n_ended++;
		t->n_remembered--;
	}
	s->kind = kind;
}

/* The only place where an end changes its state. */
static void set_state(struct pair_table *t, struct pair_end *e, enum pair_state state,
		      uint64_t mono_ms)
{
	if (e->state != PAIR_NONE)
		t->n_ends[e->state]--;
	if (state != PAIR_NONE)
		t->n_ends[state]++;
	else
		e->leg = NULL;
	e->state = state;
	e->since_ms = mono_ms;
}

/* Its legs are not told. */
static void forget(struct pair_table *t, struct pair_session *s)
{
	set_kind(t, s, PAIR_REMEMBERED);
	t->n_remembered--;
	SLIST_REMOVE(bucket_of(t, s->id), s, pair_session, chain);
	free(s);
}

void pair_deinit(struct pair_table *t)
{
	struct pair_session *s;

	for (size_t i = 0; t->buckets && i < t->n_buckets; i++)
		while ((s = SLIST_FIRST(&t->buckets[i])))
			forget(t, s);
	free(t->buckets);
	*t = (struct pair_table){0};
}

static struct pair_session *remember(struct pair_table *t, const uint8_t id[PAIR_ID_BYTES])
{
	struct pair_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	memcpy(s->id, id, PAIR_ID_BYTES);
	SLIST_INSERT_HEAD(bucket_of(t, id), s, chain);
	t->n_remembered++;
	return s;
}

/* Take an end's leg out of the table. */
static void take(struct pair_table *t, struct pair_session *s, unsigned int role, enum pair_why why,
		 struct pair_closing *close, size_t *n_close)
{
	struct pair_end *e = &s->ends[role];

	if (e->state == PAIR_NONE)
		return;
	close[(*n_close)++] = (struct pair_closing){.leg = e->leg, .why = why};
	set_state(t, e, PAIR_NONE, 0);
	if (s->kind == PAIR_LIVE && s->ends[!role].state == PAIR_NONE)
		set_kind(t, s, PAIR_REMEMBERED);
}

static void take_both(struct pair_table *t, struct pair_session *s, enum pair_why why,
		      struct pair_closing *close, size_t *n_close)
{
	take(t, s, 0, why, close, n_close);
	take(t, s, 1, why, close, n_close);
}

static int may_arrive(const struct pair_table *t, const struct pair_session *s,
		      const struct pair_arrival *a)
{
	if (s && s->kind == PAIR_ENDED)
		return -EACCES;
	if (s && a->generation <= s->ends[a->role].generation)
		return -EALREADY;
	if (!s && t->n_remembered >= t->limits.remember_max)
		return -ENOSPC;
	if ((!s || s->kind != PAIR_LIVE) && t->n_live >= t->limits.live_max)
		return -ENOSPC;
	return 0;
}

/* Each token of a session may prolong it: accessd renews them at half their time. */
static void prolong(struct pair_session *s, int64_t good_until_s, struct pair_clock now)
{
	int64_t left_s = good_until_s > now.wall_s ? good_until_s - now.wall_s : 0;
	uint64_t over_ms;

	if (left_s > LIFE_MAX_S)
		left_s = LIFE_MAX_S;
	over_ms = now.mono_ms + (uint64_t)left_s * 1000;
	if (over_ms > s->over_ms)
		s->over_ms = over_ms;
	if (good_until_s > s->good_until_s)
		s->good_until_s = good_until_s;
}

int pair_arrive(struct pair_table *t, const struct pair_arrival *a, struct pair_clock now,
		struct pair_closing close[2], size_t *n_close)
{
	struct pair_session *s = find(t, a->id);
	struct pair_end *e;
	int r;

	assert(a->role < 2 && a->generation > 0);
	*n_close = 0;
	r = may_arrive(t, s, a);
	if (r)
		return r;
	if (!s)
		s = remember(t, a->id);
	if (!s)
		return -ENOMEM;
	e = &s->ends[a->role];
	if (e->state == PAIR_JOINED)
		take(t, s, !a->role, PAIR_DISSOLVED, close, n_close);
	take(t, s, a->role, PAIR_REPLACED, close, n_close);
	prolong(s, a->good_until_s, now);
	e->generation = a->generation;
	e->leg = a->leg;
	set_state(t, e, PAIR_OPENING, now.mono_ms);
	set_kind(t, s, PAIR_LIVE);
	return 0;
}

static struct pair_session *find_leg(const struct pair_table *t, const uint8_t id[PAIR_ID_BYTES],
				     unsigned int role, const void *leg)
{
	struct pair_session *s = find(t, id);

	if (!s || s->ends[role].state == PAIR_NONE || s->ends[role].leg != leg)
		return NULL;
	return s;
}

void *pair_open(struct pair_table *t, const uint8_t id[PAIR_ID_BYTES], unsigned int role,
		const void *leg, struct pair_clock now)
{
	struct pair_session *s = find_leg(t, id, role, leg);

	if (!s || s->ends[role].state != PAIR_OPENING)
		return NULL;
	if (s->ends[!role].state != PAIR_WAITING) {
		set_state(t, &s->ends[role], PAIR_WAITING, now.mono_ms);
		return NULL;
	}
	set_state(t, &s->ends[role], PAIR_JOINED, now.mono_ms);
	set_state(t, &s->ends[!role], PAIR_JOINED, now.mono_ms);
	return s->ends[!role].leg;
}

void *pair_leave(struct pair_table *t, const uint8_t id[PAIR_ID_BYTES], unsigned int role,
		 const void *leg)
{
	struct pair_session *s = find_leg(t, id, role, leg);
	struct pair_closing gone[2] = {{0}};
	size_t n = 0;

	if (!s)
		return NULL;
	if (s->ends[role].state == PAIR_JOINED)
		take(t, s, !role, PAIR_DISSOLVED, gone, &n);
	take(t, s, role, PAIR_DISSOLVED, gone, &n);
	return n == 2 ? gone[0].leg : NULL;
}

void pair_end(struct pair_table *t, const uint8_t id[PAIR_ID_BYTES], struct pair_clock now,
	      struct pair_closing close[2], size_t *n_close)
{
	struct pair_session *s = find(t, id);

	*n_close = 0;
	if (!s)
		s = remember(t, id);
	if (!s || s->kind == PAIR_ENDED)
		return;
	take_both(t, s, PAIR_KILLED, close, n_close);
	set_kind(t, s, PAIR_ENDED);
	s->over_ms = now.mono_ms + (uint64_t)PAIR_ENDED_S * 1000;
	if (t->n_ended > t->limits.ended_max)
		forget(t, TAILQ_FIRST(&t->ended));
}

static void sweep_memory(struct pair_table *t, struct pair_clock now)
{
	struct pair_session *s, *next;

	/* The analyzer does not see that TAILQ_REMOVE changes the head through tqe_prev. */
	while ((s = TAILQ_FIRST(&t->ended)) &&
	       now.mono_ms >= s->over_ms) /* NOLINT(clang-analyzer-unix.Malloc) */
		forget(t, s);
	for (size_t i = 0; i < t->n_buckets / SWEEP_PARTS; i++) {
		for (s = SLIST_FIRST(&t->buckets[t->sweep_at]); s; s = next) {
			next = SLIST_NEXT(s, chain);
			if (s->kind == PAIR_REMEMBERED && now.mono_ms >= s->over_ms &&
			    now.wall_s > s->good_until_s)
				forget(t, s);
		}
		t->sweep_at = (t->sweep_at + 1) & (t->n_buckets - 1);
	}
}

size_t pair_sweep(struct pair_table *t, struct pair_clock now, struct pair_closing *close,
		  size_t close_size)
{
	struct pair_session *s, *next;
	size_t n = 0;

	sweep_memory(t, now);
	for (s = TAILQ_FIRST(&t->live); s && n + 2 <= close_size; s = next) {
		next = TAILQ_NEXT(s, list);
		if (now.mono_ms >= s->over_ms) {
			take_both(t, s, PAIR_EXPIRED, close, &n);
			continue;
		}
		for (unsigned int role = 0; role < 2; role++)
			if (s->ends[role].state == PAIR_WAITING &&
			    now.mono_ms - s->ends[role].since_ms >= PAIR_WAIT_MS)
				take(t, s, role, PAIR_ALONE, close, &n);
	}
	return n;
}

const char *pair_why_text(enum pair_why why)
{
	switch (why) {
	case PAIR_REPLACED:
		return "a newer connection of this end took its place";
	case PAIR_DISSOLVED:
		return "the other end came with a new connection";
	case PAIR_ALONE:
		return "the other end did not come";
	case PAIR_EXPIRED:
		return "the session's time is over";
	case PAIR_KILLED:
		return "the session was ended";
	}
	return "?";
}
