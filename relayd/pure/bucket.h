/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bucket - a token bucket that many may take from, from several threads: a session's, a user's,
 * the relay's. Pure: the clock is a parameter.
 *
 * It is kept as one moment: when all that was taken will have been earned (the virtual
 * scheduling algorithm, ITU-T I.371 annex A). Whoever takes moves that moment on by what he took,
 * and waits until it is no more than the burst ahead. So what was taken in debt is
 * paid back exactly, and those that wait are served in the order in which they took: each gets its
 * turn before anybody gets a second one.
 */
#ifndef FARLAN_RELAYD_BUCKET_H
#define FARLAN_RELAYD_BUCKET_H

#include <stddef.h>
#include <stdint.h>

#define BUCKET_BURST_NS UINT64_C(50000000) /* as much at once as flows in this time, */
#define BUCKET_BURST_BYTES UINT64_C(16384) /* but at least this */

struct bucket {
	_Atomic uint64_t rate;	  /* bytes in a second; 0: no limit */
	_Atomic uint64_t paid_ns; /* when all that was taken is earned */
};

/** bucket_init() - full. @rate: 0: no limit. */
void bucket_init(struct bucket *b, uint64_t rate);
/** bucket_set_rate() - what was taken stays taken. */
void bucket_set_rate(struct bucket *b, uint64_t rate);
uint64_t bucket_rate(const struct bucket *b);

/**
 * bucket_take() - @n bytes have passed.
 * @now_ns: a monotonic clock, the same for all.
 * Return: from when on the taker may take again; at most @now_ns: at once. Any thread.
 */
uint64_t bucket_take(struct bucket *b, size_t n, uint64_t now_ns);

#endif
