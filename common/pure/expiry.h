/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * expiry - when to warn of a certificate's end: 30, 7 and 1 days before, and when it has come; each
 * once. Pure.
 */
#ifndef FARLAN_EXPIRY_H
#define FARLAN_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

struct expiry {
	int64_t not_after; /* 0: nothing to watch */
	unsigned int told; /* thresholds */
};

/** expiry_set() - another date: what was told is forgotten, unless it is the same one. */
void expiry_set(struct expiry *x, int64_t not_after);

/** expiry_due() - is it time to warn? True once for each threshold; @days: whole ones that are
 * left, negative: it has expired. */
bool expiry_due(struct expiry *x, int64_t now, int *days);

#endif
