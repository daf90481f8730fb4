/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * relay - joins the two ends of each session on one loop. It knows sockets, tokens and the
 * pairing table; not accessd, files or the local socket, and it has no globals.
 *
 * A process may run several, each on a thread's loop of its own. The two legs of a session belong
 * on one loop, but which session a connection is for is known only when it has shown its token:
 * then it moves to the relay that is the session's home.
 *
 * Memory: an idle relay a megabyte (max_sessions does not change that much); for each session
 * PAIR_SESSION_BYTES and two legs. A leg is a struct leg, until it is shed its TLS engine (6 KB),
 * and the queues of outer.h: it reads nothing while the other's queue is above
 * OUTER_QUEUE_HIGH_BYTES.
 */
#ifndef FARLAN_RELAYD_RELAY_H
#define FARLAN_RELAYD_RELAY_H

#include <pthread.h>
#include <uv.h>

#include "common/io/identity.h"
#include "common/io/lag.h"
#include "common/io/log.h"
#include "common/io/tls.h"
#include "common/pure/usage.h"
#include "relayd/join.h"
#include "relayd/leg.h"
#include "relayd/pure/admit.h"
#include "relayd/pure/crowd.h"
#include "relayd/pure/pair.h"

#define RELAY_UNKNOWN_MAX 1000	  /* connections without a token, in all */
#define RELAY_UNKNOWN_EACH_MAX 64 /* and from one address */
#define RELAY_REMEMBER_MAX 100000 /* sessions whose generations are remembered */
#define RELAY_ENDED_MAX 20000	  /* sessions that accessd ended */
#define RELAY_STOP_MS 4000	  /* legs have this long to end in order */

/* What the relays of a process share; its memory outlives them. */
struct relay_common {
	pthread_mutex_t crowd_lock;
	struct crowd crowd;	/* connections without a token, of all */
	_Atomic size_t live;	/* sessions with a leg, of all */
	_Atomic size_t n_front; /* connections to the Access Server behind, of all */
	size_t live_max;
	unsigned int n; /* relays */
	/* Hand a leg to another of them: relay_take() there, on its thread. */
	void (*send)(void *arg, unsigned int to, struct leg *l);
	/* What a session has carried; from any of their threads. NULL: nobody asks. */
	void (*usage)(void *arg, const struct usage *u);
	void *arg;
	struct limits *limits;
};

struct relay_config {
	struct ident self;
	const struct tls_ctx *tls; /* borrowed; outer server */
	size_t n_token_keys;
	struct token_key token_keys[IDENTITY_TOKEN_KEYS_MAX];
	bool shed;			    /* agree to shed the outer layer */
	const struct opt_prefixes *proxies; /* who may say whose a connection is; borrowed */
	const struct opt_access *access;    /* the Access Server behind; NULL: none; borrowed */
	struct relay_common *common;	    /* borrowed */
	unsigned int index;		    /* among them, from 0 */
};

struct relay {
	uv_loop_t *loop;
	struct relay_config config;
	struct pair_table pairs;
	size_t counted;	  /* of its live sessions, in relay_common */
	size_t n_unknown; /* of the crowd */
	struct leg_list legs;
	size_t n_legs;
	struct join_list joins;
	uv_timer_t tick;
	struct lag lag;
	unsigned int n_timers;	/* not closed yet, of these two */
	uint64_t stop_until_ms; /* stopping: legs are cut then */
	bool stopping;
	bool draining;	/* no new legs; those that are joined were told */
	size_t n_front; /* connections that go to the Access Server behind */
	uint64_t front_total, bytes_front;
	struct log_limit refused_limit, front_limit;
	uint64_t refused[REFUSALS];
	uint64_t bytes, legs_total, joined_total, moved_total, probes;
	uint64_t bytes_from[2];			/* by role */
	uint64_t handshakes, handshakes_failed; /* of the outer layer */
	void (*on_closed)(void *arg);
	void *arg;
};

/* Figures of one relay or, added up, of several. */
struct relay_counts {
	uint64_t sessions, joined, waiting, legs, unknown, remembered, ended; /* now */
	uint64_t opening;			  /* of the waiting ones */
	uint64_t front, front_total, bytes_front; /* to the Access Server behind */
	uint64_t stalled;			  /* legs */
	uint64_t queued;			  /* bytes that wait for the kernel */
	uint64_t bytes, legs_total, joined_total, moved_total, probes; /* since the start */
	uint64_t bytes_from[2];					       /* by role */
	uint64_t handshakes, handshakes_failed;
	uint64_t refused[REFUSALS];
	struct histo lag;
};

/** relay_common_init() - for @n relays that may have @live_max sessions together; send and arg are
 * still to be set. */
void relay_common_init(struct relay_common *c, unsigned int n, size_t live_max);

/** relay_open() - @config is copied. Return: 0; -ENOMEM. */
int relay_open(struct relay **out, uv_loop_t *loop, const struct relay_config *config)
	__attribute__((warn_unused_result));

/** relay_accept() - a new connection; takes @fd. @plain: without outer TLS. */
void relay_accept(struct relay *r, int fd, bool plain);

/** relay_use_tls() - for connections from now on; borrowed as long as there are any. */
void relay_use_tls(struct relay *r, const struct tls_ctx *tls);

/** relay_take() - a leg that another relay sent here; on this one's thread. */
void relay_take(struct relay *r, struct leg *l);

/** relay_home() - the index of the relay where a session's legs meet. */
unsigned int relay_home(const struct relay *r, const uint8_t id[PAIR_ID_BYTES]);

/** relay_has_room() - may a session that has no leg yet come in? */
bool relay_has_room(const struct relay *r);

/** relay_count_live() - after each change of the pairing table. */
void relay_count_live(struct relay *r);

/** relay_set_keys() - the token keys that count from now on; @n at most IDENTITY_TOKEN_KEYS_MAX.
 * Legs that are there stay. */
void relay_set_keys(struct relay *r, const struct token_key *keys, size_t n);

/** relay_end_session() - accessd ended it: its legs are closed, its tokens are no longer good. */
void relay_end_session(struct relay *r, const uint8_t id[PAIR_ID_BYTES]);

/** relay_count() - add its figures to @sum. */
void relay_count(const struct relay *r, struct relay_counts *sum);

/**
 * relay_drain() - no new legs from now on: 503. Legs that wait for their other end are ended,
 * joined ones are given the hint to look for another relay.
 * @left_s: seconds until they are closed; 0: they may stay. Again with another time: they hear it.
 */
void relay_drain(struct relay *r, uint16_t left_s);
/** relay_undrain() - everybody may come again. */
void relay_undrain(struct relay *r);

/**
 * relay_close() - let no one in any more, end all legs in order, cut them after RELAY_STOP_MS;
 * then @on_closed, from the loop; @r is freed after it. Idempotent: the first callback counts.
 */
void relay_close(struct relay *r, void (*on_closed)(void *arg), void *arg);

/** relay_id_text() - a session's id as it stands in messages. */
void relay_id_text(const uint8_t id[PAIR_ID_BYTES], char out[TOKEN_SESSION_SIZE]);

/** relay_clock() - both clocks now. */
struct pair_clock relay_clock(void);

/** relay_close_legs() - close legs that the pairing table gave out. */
void relay_close_legs(struct relay *r, const struct pair_closing *closing, size_t n);

/** relay_leg_gone() - for leg.c: the last thing that is heard of a leg. */
void relay_leg_gone(struct relay *r);

#endif
