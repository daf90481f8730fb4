/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * leg - one outer connection: unknown at first, then, with a good token, one end of a session.
 *
 *   unknown -> request -> refused (answered and closed)
 *                      -> moving to the loop where its session is at home
 *                      -> admitted -> open: waiting, paused -> joined with the other leg
 */
#ifndef FARLAN_RELAYD_LEG_H
#define FARLAN_RELAYD_LEG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/io/outer.h"
#include "common/io/worker.h"
#include "common/pure/addr.h"
#include "relayd/pure/admit.h"
#include "relayd/pure/pair.h"
#include "relayd/throttle.h"

#define LEG_PEER_SIZE (ADDR_TEXT_SIZE + 8) /* "[2001:db8::1]:65535" */

struct relay;
struct join;
struct front;

struct leg {
	TAILQ_ENTRY(leg) list;
	struct relay *relay;
	struct outer *outer;
	struct addr from;
	uint16_t from_port;
	bool unknown;	     /* counted in the relay's crowd */
	bool by_proxy;	     /* a trusted one that has not said whose it is: counts in all only */
	struct front *front; /* goes to the Access Server behind; NULL: no */
	bool admitted;	     /* the token was good: the members below are set */
	bool answered;	     /* a request came, whatever became of it */
	bool probes;	     /* its requests are probes */
	bool closing;	     /* we are ending it: what it still sends is not carried */
	bool stalled;	     /* paused because the other's queue is full */
	struct leg *other;   /* joined with; NULL: not joined */
	struct join *join;   /* then: with what both have in common */
	uint8_t session[PAIR_ID_BYTES];
	enum token_role role;
	struct throttle_limits limits; /* of its token */
	uint64_t bytes;		       /* of the stream, that came from it */
	struct admit_leg *shown;       /* moving: what it showed */
	struct worker_task task;       /* moving: for who carries it */
	void *carrier;
};

TAILQ_HEAD(leg_list, leg);

/** leg_accept() - take a connection (takes @fd); over the caps it is closed at once. */
void leg_accept(struct relay *r, int fd, bool plain);

/** leg_take() - one that another relay sent, with what it showed there; its place is here. */
void leg_take(struct relay *r, struct leg *l);

/** leg_discard() - free one that is moving and has no relay to go to. */
void leg_discard(struct leg *l);

/** leg_close(), leg_finish() - at once; in order, after what is queued. */
void leg_close(struct leg *l, const char *reason);
void leg_finish(struct leg *l, const char *reason);

/* For front.c. leg_known(): others count it from now on. leg_refuse(): answer and close.
 * leg_left(): the last thing: freed, but counted until leg_over(). @offence: it was one of its
 * address's. */
void leg_known(struct leg *l);
void leg_refuse(struct leg *l, enum refusal why);
void leg_left(struct leg *l, bool offence);
void leg_over(struct relay *r);

/** leg_peer() - where it comes from. */
void leg_peer(const struct leg *l, char out[LEG_PEER_SIZE]);

#endif
