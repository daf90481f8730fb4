/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/join.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/reporter.h"
#include "relayd/relay.h"

void join_wait(struct leg *l)
{
	outer_pause(l->outer);
}

/* Accounts */

/* @reason: NULL: it goes on. */
static void tell(const struct join *j, const char *reason)
{
	const struct relay_common *c = j->relay->config.common;
	struct usage u = {
		.from_ms = j->from_ms,
		.to_ms = j->from_ms + (int64_t)(clock_mono_ms() - j->began_ms),
		.bytes_to_device = j->legs[TOKEN_MANAGER]->bytes,
		.bytes_to_manager = j->legs[TOKEN_DEVICE]->bytes,
		.over = reason != NULL,
	};

	if (!c->usage)
		return;
	relay_id_text(j->legs[TOKEN_MANAGER]->session, u.session);
	snprintf(u.reason, sizeof(u.reason), "%s", reason ? reason : "");
	c->usage(c->arg, &u);
}

void join_tell(struct relay *r)
{
	uint64_t now = clock_mono_ms();
	struct join *j;

	while ((j = TAILQ_FIRST(&r->joins)) && now - j->told_ms >= reporter_times.every_ms) {
		TAILQ_REMOVE(&r->joins, j, list);
		j->told_ms = now;
		TAILQ_INSERT_TAIL(&r->joins, j, list);
		tell(j, NULL);
	}
}

/* Reading */

/* The only place where a joined leg goes on: nothing must hold it up. */
static void resume(struct leg *l)
{
	if (!l->stalled && !throttle_waits(l->join->throttle))
		outer_resume(l->outer);
}

static void on_turn(void *arg, bool flip)
{
	const struct join *j = arg;

	resume(j->legs[flip]);
	resume(j->legs[!flip]); /* unless the first one has used the turn up */
}

static void pause_both(const struct join *j)
{
	outer_pause(j->legs[0]->outer);
	outer_pause(j->legs[1]->outer);
}

/* Beginning and end */

static void add(struct join *j, struct leg *l, struct leg *other)
{
	l->join = j;
	l->other = other;
	j->legs[l->role] = l;
	if (j->throttle)
		outer_set_piece(l->outer, throttle_quantum(j->throttle));
}

static struct join *join_new(struct leg *a, struct leg *b)
{
	struct throttle_limits limits = a->limits;
	struct relay *r = a->relay;
	struct join *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	throttle_merge(&limits, &b->limits);
	if (throttle_open(&j->throttle, r->loop, r->config.common->limits, &limits, on_turn, j) !=
	    0) {
		free(j);
		return NULL;
	}
	j->relay = r;
	j->from_ms = clock_wall_ms();
	j->began_ms = j->told_ms = clock_mono_ms();
	add(j, a, b);
	add(j, b, a);
	TAILQ_INSERT_TAIL(&r->joins, j, list);
	return j;
}

void join_start(struct leg *a, struct leg *b)
{
	if (!join_new(a, b)) {
		leg_close(a, "out of memory");
		leg_close(b, "out of memory");
		return;
	}
	/* The one that waited first: what it sent is older. */
	resume(b);
	resume(a);
}

struct leg *join_end(struct leg *l, const char *reason)
{
	struct leg *other = l->other;
	struct join *j = l->join;

	if (!j)
		return NULL;
	tell(j, reason);
	TAILQ_REMOVE(&j->relay->joins, j, list);
	throttle_close(j->throttle);
	l->join = other->join = NULL;
	l->other = other->other = NULL;
	free(j);
	return other;
}

/* Carrying */

/* Its queue is full: what comes waits in the network. */
static void stall_if_full(struct leg *l)
{
	if (l->stalled || outer_queued(l->other->outer) <= OUTER_QUEUE_HIGH_BYTES)
		return;
	l->stalled = true;
	outer_pause(l->outer);
}

/* A limited session goes in small pieces. */
struct buf *join_onward(struct leg *l)
{
	if (l->closing || !l->join || l->join->throttle)
		return NULL;
	return outer_raw_queue(l->other->outer);
}

size_t join_passed(struct leg *l, size_t n)
{
	if (outer_raw_commit(l->other->outer, n) != 0)
		return 0;
	stall_if_full(l);
	return n;
}

size_t join_data(struct leg *l, const uint8_t *bytes, size_t n)
{
	struct leg *to = l->other;
	int r;

	if (l->closing)
		return 0;
	if (!to) { /* outer.h forbids it; rather an end than a hole in the stream */
		leg_close(l, "it sent while it waited");
		return 0;
	}
	r = outer_send(to->outer, bytes, n);
	if (r == -EPIPE) /* it is closing; when it has closed this leg is finished, too */
		return 0;
	if (r) {
		leg_close(to, "its queue overflowed");
		leg_close(l, "the other end's queue overflowed");
		return 0;
	}
	stall_if_full(l);
	if (l->join->throttle && throttle_take(l->join->throttle, n))
		pause_both(l->join);
	return n;
}

void join_drained(struct leg *l)
{
	struct leg *from = l->other;

	if (!from || !from->stalled)
		return;
	from->stalled = false;
	resume(from);
}
