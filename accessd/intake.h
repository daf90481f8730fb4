/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * intake - how fast connections are let in, so that those who are there are served all the while:
 * after a restart thousands come at once.
 *
 *   its first bytes come -> (the line) -> outer TLS, request -> inner TLS, hello
 *                                                            -> 503: come back in so many seconds
 *
 * Both steps have a pace. The first one is cheap and quick, so that everybody hears soon when his
 * turn is; who is sent away gets a time of his own, and is let in then. Where somebody waits (a
 * user, a relay, a newcomer), his request says so, and he goes ahead of the devices.
 */
#ifndef FARLAN_INTAKE_H
#define FARLAN_INTAKE_H

#include <sys/queue.h>
#include <uv.h>

#include "accessd/pure/pace.h"
#include "common/pure/http.h"

#define INTAKE_STEP_MS 5
#define INTAKE_PART_PERCENT \
	30 /* of the time is for outer handshakes, and at a time at least and at most: */
#define INTAKE_PART_MIN_US 1500
#define INTAKE_PART_MAX_US 15000
#define INTAKE_PATIENCE_MS 6000 /* of a client that is in the line */
#define INTAKE_BURST_MS 50	/* of the second step: the first one spreads them */
#define INTAKE_BOOK_MAX_S 300	/* ahead */
#define INTAKE_EXPECTED_MS 250	/* of those who come at the time that they were told */

struct client;
TAILQ_HEAD(intake_line, client);

struct intake {
	uv_timer_t timer; /* while there is a line */
	struct intake_line line;
	size_t n;     /* in it */
	bool at_rest; /* the timer is */
	uint64_t stepped_us;
	struct pace inner, urgent, booked;
	uint64_t told; /* to come later, since the start */
};

/** intake_open() - @per_s: connections of members that are let in in a second. */
void intake_open(struct intake *in, uv_loop_t *loop, uint32_t per_s);
/** intake_close() - the line is empty or does not matter any more. @closed: of the timer. */
void intake_close(struct intake *in, uv_close_cb closed);

/** intake_arrive() - its first bytes are there: it goes on, or stands in line (paused). */
void intake_arrive(struct intake *in, struct client *c);
/** intake_forget() - it has gone. Idempotent. */
void intake_forget(struct intake *in, struct client *c);

/** intake_admits() - may this request be upgraded now? */
bool intake_admits(struct intake *in, const struct http_head *head);
/** intake_later_s() - when to come instead: each call is a place. */
uint32_t intake_later_s(struct intake *in);

#endif
