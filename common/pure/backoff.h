/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * backoff - when to try again: exponential with full jitter. Pure: randomness is given.
 */
#ifndef FARLAN_BACKOFF_H
#define FARLAN_BACKOFF_H

#include <stdint.h>

struct backoff {
	uint32_t base_ms, max_ms;
	uint32_t tries; /* since the last success */
};

void backoff_init(struct backoff *b, uint32_t base_ms, uint32_t max_ms);
/**
 * backoff_next_ms() - the wait before the next try: uniform in [base/10, min(max, base * 2^tries)],
 * never 0. Counts the try. The floor is there so that nobody spins; all above it spreads those who
 * were lost in the same moment over the whole time.
 * @random: 32 random bits.
 */
uint32_t backoff_next_ms(struct backoff *b, uint32_t random);
void backoff_reset(struct backoff *b);

#endif
