/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lockout - who has failed to sign in too often. Pure.
 *
 * So many failures within a time lock what they are counted of, for a time from the last of them
 * on. What is tried while it is locked counts nothing: nobody can keep it locked for ever by
 * trying on. Times are of a clock that nobody sets; those of before it began may be negative.
 */
#ifndef FARLAN_LOCKOUT_H
#define FARLAN_LOCKOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKOUT_FAILURES 10
#define LOCKOUT_WINDOW_MS (INT64_C(15) * 60 * 1000)
#define LOCKOUT_MS (INT64_C(15) * 60 * 1000)
#define LOCKOUT_KEYS_MAX 2048 /* of a kind; the one that is needed least makes room */
#define LOCKOUT_ID_BYTES 16

/* What failures are counted of. */
enum lockout_kind {
	LOCKOUT_USER,	    /* tries from anywhere */
	LOCKOUT_PC,	    /* with a key that the user has signed in with before */
	LOCKOUT_INVITATION, /* with its secret */
	LOCKOUT_ADDRESS,
};
#define LOCKOUT_KINDS (LOCKOUT_ADDRESS + 1)

struct lockout_key {
	enum lockout_kind kind;
	uint8_t id[LOCKOUT_ID_BYTES];
};
/** lockout_key_of() - of a row of the store. */
struct lockout_key lockout_key_of(enum lockout_kind kind, int64_t row);

struct lockout_state {
	size_t n; /* failures, the oldest first */
	int64_t at_ms[LOCKOUT_FAILURES];
	int64_t until_ms; /* 0 with is_locked false */
	bool is_locked;
};

struct lockout;

struct lockout *lockout_new(void); /* NULL: out of memory */
void lockout_free(struct lockout *l);

/** lockout_left_ms() - how long it is locked; 0: it is not. */
int64_t lockout_left_ms(const struct lockout *l, const struct lockout_key *k, int64_t now_ms);
/** lockout_fail() - one more. While it is locked nothing changes. *state: what is to be kept.
 * Return: it is locked from now on. */
bool lockout_fail(struct lockout *l, const struct lockout_key *k, int64_t now_ms,
		  struct lockout_state *state);
/** lockout_clear() - forget. Return: there was something. */
bool lockout_clear(struct lockout *l, const struct lockout_key *k);
/** lockout_put() - what was kept. */
void lockout_put(struct lockout *l, const struct lockout_key *k, const struct lockout_state *state);

#endif
