/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * loss - does a connection lose so many segments that a congestion control which takes each
 * loss for a queue (cubic, reno) collapses? Pure: TCP's counters and the time are given.
 *
 *   stretch  LOSS_SEGMENTS segments or LOSS_STRETCH_MS, whichever ends first
 *   lossy    since a stretch with at least LOSS_MIN segments sent again and one of LOSS_ONE_IN;
 *            until no stretch was such for LOSS_CALM_MS
 */
#ifndef FARLAN_LOSS_H
#define FARLAN_LOSS_H

#include <stdbool.h>
#include <stdint.h>

#define LOSS_SEGMENTS 5000
#define LOSS_STRETCH_MS 30000
#define LOSS_MIN 3
#define LOSS_ONE_IN 1000
#define LOSS_CALM_MS 60000

struct loss { /* starts as {0} */
	bool lossy;
	uint32_t segments, again; /* counters at the begin of the stretch */
	uint64_t since_ms;
	uint64_t bad_ms; /* end of the last stretch that was too bad */
};

/**
 * loss_note() - look at the connection now.
 * @segments: sent with data so far, those sent again included. @again: sent again. Both wrap.
 * @now_ms: monotonic.
 * Return: l->lossy.
 */
bool loss_note(struct loss *l, uint32_t segments, uint32_t again, uint64_t now_ms);

#endif
