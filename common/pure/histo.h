/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * histo - how often a time was how long: counters for fixed classes from 100 us to 1 s. Pure; cheap
 * enough to be fed with every packet. All zero is an empty one.
 */
#ifndef FARLAN_HISTO_H
#define FARLAN_HISTO_H

#include <stddef.h>
#include <stdint.h>

#define HISTO_BOUNDS 13

/* Upper ends of the classes, included, in microseconds; one more class has what is longer. */
extern const uint32_t histo_bounds_us[HISTO_BOUNDS];

struct histo {
	uint64_t n[HISTO_BOUNDS + 1]; /* by class */
	uint64_t sum_us;
};

void histo_add(struct histo *h, uint64_t us);
/** histo_merge() - add all of @from to @h. */
void histo_merge(struct histo *h, const struct histo *from);

#endif
