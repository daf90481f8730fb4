/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * loss - does a connection lose segments for no reason of its own, so that a congestion control
 * which takes each loss for a full queue (cubic, reno) collapses? Pure: TCP's counters, its round
 * trip and the time are given.
 *
 * Who fills a queue until it overflows loses, too: in a burst, with the round trip at its longest,
 * and is right to slow down. So what counts is how often something is lost, not how much, and only
 * with a short queue.
 *
 *   event    something was lost since the last look, and the event before is at least LOSS_EVENT_MS
 *            and two round trips ago
 *   queued   the round trip is longer than the lowest one of the last LOSS_LOWEST_MS or two of them
 *            by LOSS_QUEUE_US and a quarter
 *   stretch  LOSS_SEGMENTS segments or LOSS_STRETCH_MS, whichever ends first
 *   lossy    since a stretch with LOSS_EVENTS events that were not queued and one segment of
 *            LOSS_ONE_IN lost in them; until no stretch was such for LOSS_CALM_MS
 */
#ifndef FARLAN_LOSS_H
#define FARLAN_LOSS_H

#include <stdbool.h>
#include <stdint.h>

#define LOSS_EVENTS 3
#define LOSS_EVENT_MS 150
#define LOSS_LOWEST_MS 5000
#define LOSS_QUEUE_US 16000 /* twice what flight.h lets wait */
#define LOSS_SEGMENTS 5000
#define LOSS_STRETCH_MS 30000
#define LOSS_ONE_IN 1000
#define LOSS_CALM_MS 60000

struct loss { /* starts as {0} */
	bool lossy;
	/* This stretch */
	uint32_t segments, events, lost; /* segments: the counter at its begin */
	uint64_t since_ms;

	uint32_t again; /* the counter at the last look */
	uint64_t event_ms;
	uint64_t bad_ms;		    /* end of the last stretch that was too bad */
	uint32_t lowest_us, last_lowest_us; /* round trip, since then and before; 0: none */
	uint64_t lowest_ms;
};

/* What is seen of a connection. */
struct loss_look {
	uint32_t segments; /* sent with data so far, those sent again included; wraps */
	uint32_t again;	   /* of them sent again; wraps */
	uint32_t rtt_us;   /* 0: not known */
	uint64_t now_ms;   /* monotonic */
};

/** loss_note() - look at the connection now. Return: l->lossy. */
bool loss_note(struct loss *l, const struct loss_look *look);

#endif
