/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * backoff - when to try again: exponential with full jitter. Pure: randomness is given.
 */
#ifndef FARLAN_BACKOFF_H
#define FARLAN_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/* A server that keeps a place lets come in after few of them; one that only says so, or what stands
 * before it, does not. */
#define BACKOFF_TOLD_MAX 8

struct backoff {
	uint32_t base_ms, max_ms;
	uint32_t tries; /* since the last success */
	uint32_t told;	/* of these, at a time that a server has said: backoff_told_ms() */
};

void backoff_init(struct backoff *b, uint32_t base_ms, uint32_t max_ms);
/**
 * backoff_next_ms() - the wait before the next try: uniform in [base/10, min(max, base * 2^tries)],
 * never 0. Counts the try. The floor is there so that nobody spins; all above it spreads those who
 * were lost in the same moment over the whole time.
 * @random: 32 random bits.
 */
uint32_t backoff_next_ms(struct backoff *b, uint32_t random);
/**
 * backoff_told_ms() - a server has said when to come: @rest_ms from now, more than 0. It is obeyed
 * to the moment, so that a place that it keeps is not missed, and is no failure; after
 * BACKOFF_TOLD_MAX of them in a row @rest_ms is only the least.
 * *exact: it is obeyed.
 */
uint32_t backoff_told_ms(struct backoff *b, uint32_t random, uint32_t rest_ms, bool *exact);
void backoff_reset(struct backoff *b);

#endif
