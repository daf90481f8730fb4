/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pace - so many a second, and no crowd at the beginning. Pure: the time is given.
 */
#ifndef FARLAN_PACE_H
#define FARLAN_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	uint64_t each_us; /* one takes so long */
	uint64_t next_us; /* when the next one's time is */
};

/** pace_init() - @per_s: 1 to 1,000,000. */
void pace_init(struct pace *p, uint32_t per_s);
/** pace_take() - may one go on now? Then it is counted. @burst_ms: those of so much time may come
 * at once. */
bool pace_take(struct pace *p, uint64_t now_us, uint32_t burst_ms);
/** pace_book() - the next free place; places without a taker are kept for nobody. Return: how long
 * it is until then. */
uint64_t pace_book(struct pace *p, uint64_t now_us);
/** pace_booked_us() - from now until the next free place. */
uint64_t pace_booked_us(const struct pace *p, uint64_t now_us);

#endif
