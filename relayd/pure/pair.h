/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pair - who is joined with whom: sessions by their id, two ends each, and what was seen of them.
 *
 *   leg       one connection of one end; the table holds the owner's pointer and never follows it
 *   opening   its token was good, its stream is not open yet
 *   waiting   its stream is open, the other end's leg is not
 *   joined    both are open
 *
 * The generation that an end showed last is remembered as long as a token of the session can be
 * good, so that nothing is accepted twice. A session that accessd ended is remembered for a day.
 * Pure: clocks are parameters. Memory: PAIR_SESSION_BYTES for each session that is remembered,
 * and 8 to 16 bytes for each that may be. Source: docs/PROTOCOL.md, "Relay".
 */
#ifndef FARLAN_RELAYD_PAIR_H
#define FARLAN_RELAYD_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define PAIR_ID_BYTES 16
#define PAIR_WAIT_MS 120000 /* a leg waits at most this long for the other end's */
#define PAIR_ENDED_S 87000  /* how long an end is remembered: 24 h and two tolerances */
#define PAIR_SESSION_BYTES 192

enum pair_state { PAIR_NONE, PAIR_OPENING, PAIR_WAITING, PAIR_JOINED };
#define PAIR_STATES 4

struct pair_end {
	uint64_t generation; /* the last one seen; 0: none */
	uint64_t since_ms;   /* of the state */
	void *leg;
	enum pair_state state;
};

enum pair_kind { PAIR_REMEMBERED, PAIR_LIVE, PAIR_ENDED };

struct pair_session {
	uint8_t id[PAIR_ID_BYTES];
	SLIST_ENTRY(pair_session) chain; /* of its bucket */
	TAILQ_ENTRY(pair_session) list;	 /* of the live or the ended ones */
	uint64_t serial;		 /* live: grows from one to the next in the list */
	uint64_t over_ms;		 /* monotonic: legs end then; ended: forgotten then */
	int64_t good_until_s;		 /* wall clock: no token of it is good after this */
	struct pair_end ends[2];	 /* by role: manager, device */
	enum pair_kind kind;
};

SLIST_HEAD(pair_bucket, pair_session);
TAILQ_HEAD(pair_list, pair_session);

struct pair_limits {
	size_t live_max;     /* sessions with a leg */
	size_t remember_max; /* sessions whose generations are remembered, the live ones included */
	size_t ended_max;    /* sessions that accessd ended; beyond, the oldest is forgotten */
	uint64_t seed;	     /* random */
};

struct pair_table {
	struct pair_limits limits;
	struct pair_bucket *buckets;
	size_t n_buckets, sweep_at;
	struct pair_list live, ended; /* in the order in which they became so */
	size_t n_live, n_remembered, n_ended;
	size_t n_ends[PAIR_STATES]; /* ends by state; PAIR_NONE is not counted */
	uint64_t next_serial;
};

/* Both clocks at one moment. A session's life runs by the monotonic one. */
struct pair_clock {
	uint64_t mono_ms;
	int64_t wall_s;
};

/* Why a leg is to be closed. */
enum pair_why { PAIR_REPLACED, PAIR_DISSOLVED, PAIR_ALONE, PAIR_EXPIRED, PAIR_KILLED };

struct pair_closing {
	void *leg;
	enum pair_why why;
};

/* An end that asks to come in. */
struct pair_arrival {
	uint8_t id[PAIR_ID_BYTES];
	unsigned int role;    /* 0 or 1 */
	uint64_t generation;  /* not 0 */
	int64_t good_until_s; /* its token's end, tolerance included */
	void *leg;
};

/** pair_init() - Return: 0; -ENOMEM. */
int pair_init(struct pair_table *t, const struct pair_limits *limits)
	__attribute__((warn_unused_result));
/** pair_deinit() - the legs are not told. */
void pair_deinit(struct pair_table *t);

/**
 * pair_arrive() - a leg with a good token: it is opening now.
 * @close, @n_close: up to two legs that are no longer in the table and must be closed: the one
 * that this end had, and the other end's if the two were joined.
 * Return: 0; refused, nothing changed: -EALREADY its generation is not higher than the last one;
 * -EACCES accessd ended the session; -ENOSPC the table is full; -ENOMEM.
 */
int pair_arrive(struct pair_table *t, const struct pair_arrival *a, struct pair_clock now,
		struct pair_closing close[2], size_t *n_close) __attribute__((warn_unused_result));

/** pair_open() - its stream is open. Return: the leg that it is joined with now; NULL: it waits. */
void *pair_open(struct pair_table *t, const uint8_t id[PAIR_ID_BYTES], unsigned int role,
		const void *leg, struct pair_clock now);

/** pair_leave() - the leg is gone. Return: the leg that it was joined with, also no longer in the
 * table: finish it; NULL: none, or @leg was not in the table. */
void *pair_leave(struct pair_table *t, const uint8_t id[PAIR_ID_BYTES], unsigned int role,
		 const void *leg);

/** pair_end() - accessd ended the session; its legs must be closed. Out of memory it still closes
 * them, but remembers nothing. */
void pair_end(struct pair_table *t, const uint8_t id[PAIR_ID_BYTES], struct pair_clock now,
	      struct pair_closing close[2], size_t *n_close);

/**
 * pair_sweep() - once a second: legs that waited too long or whose session's time is over, and
 * memory that is not needed any more (a 64th of the table each time).
 * @close_size: at least 2.
 * Return: legs in @close; call again until it is 0.
 */
size_t pair_sweep(struct pair_table *t, struct pair_clock now, struct pair_closing *close,
		  size_t close_size);

/** pair_find() - Return: what is known of a session, or NULL; valid until the next change. */
const struct pair_session *pair_find(const struct pair_table *t, const uint8_t id[PAIR_ID_BYTES]);

/** pair_why_text() - "a newer connection of this end took its place". */
const char *pair_why_text(enum pair_why why);

#endif
