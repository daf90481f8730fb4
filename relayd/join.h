/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * join - carry the byte streams of two legs, each to the other. Nothing is dropped: while the
 * one's queue is full the other is not read, and neither is while the session is ahead of its
 * limits. What was carried is told when the join ends, and every reporter_times.every_ms.
 */
#ifndef FARLAN_RELAYD_JOIN_H
#define FARLAN_RELAYD_JOIN_H

#include "relayd/leg.h"
#include "relayd/throttle.h"

struct join {
	TAILQ_ENTRY(join) list; /* of its relay, in the order in which they are to be told */
	struct relay *relay;
	struct leg *legs[2];	    /* by role */
	struct throttle *throttle;  /* NULL: no limit */
	int64_t from_ms;	    /* Unix time of its beginning */
	uint64_t began_ms, told_ms; /* clock_mono_ms() */
};

TAILQ_HEAD(join_list, join);

/** join_wait() - an open leg has nobody to talk to yet: what it sends stays where it is. */
void join_wait(struct leg *l);

/** join_start() - both are open. May call back with data before it returns. */
void join_start(struct leg *a, struct leg *b);

/** join_data() - bytes came from @l. Return: how many are on their way to the other leg. */
size_t join_data(struct leg *l, const uint8_t *bytes, size_t n);

/**
 * join_onward() - the queue into which may be received what comes from @l; NULL: join_data() is to
 * have it. join_passed() - @n bytes were. Return: as join_data().
 */
struct buf *join_onward(struct leg *l);
size_t join_passed(struct leg *l, size_t n);

/** join_drained() - @l's queue has room again. */
void join_drained(struct leg *l);

/** join_end() - part a leg from its other. Return: the other, NULL if there was none. */
struct leg *join_end(struct leg *l, const char *reason);

/** join_tell() - once a second: what those carried that were not told of for long. */
void join_tell(struct relay *r);

#endif
