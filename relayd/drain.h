/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * drain - is the relay taking sessions, and who does not want it to? While anybody does not,
 * it is draining: new legs are refused, the ends of running sessions are asked to go elsewhere.
 * Who stops the process waits until they have gone, at most so long.
 */
#ifndef FARLAN_RELAYD_DRAIN_H
#define FARLAN_RELAYD_DRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum drain_why {
	DRAIN_BY_HAND = 1,   /* relayctl drain */
	DRAIN_BY_ACCESS = 2, /* the Access Server */
	DRAIN_STOPPING = 4,  /* a signal */
};

struct drain_ops {
	/* Tell the relays. @left_s: seconds until they are closed; 0: they are not. */
	void (*set)(void *arg, bool draining, uint16_t left_s);
	/* How many sessions have a leg here? */
	size_t (*sessions)(void *arg);
	/* Stopping: all have gone, or their time is over. Once; drain_close() may follow at once.
	 */
	void (*done)(void *arg);
};

struct drain {
	const struct drain_ops *ops; /* borrowed */
	void *arg;
	unsigned int why;   /* enum drain_why, several; 0: not draining */
	uint32_t stop_s;    /* how long a process that stops waits for its sessions */
	uint64_t until_ms;  /* stopping: CLOCK_BOOTTIME */
	uv_timer_t looking; /* stopping: are they gone? */
	bool closed;
};

/** drain_open() - @d: the caller's memory, until the loop has run after drain_close(). */
void drain_open(struct drain *d, uv_loop_t *loop, uint32_t stop_s, const struct drain_ops *ops,
		void *arg);
void drain_close(struct drain *d);

/** drain_set() - one of them wants it drained, or no longer. Says so in the log if it changes. */
void drain_set(struct drain *d, enum drain_why why, bool on);
/** drain_again() - new relays are there: they are told what holds. */
void drain_again(const struct drain *d);
/** drain_stop() - the process is to end. Return: false: at once, nobody is here; true: done() will
 * say when. */
bool drain_stop(struct drain *d);

static inline bool drain_on(const struct drain *d)
{
	return d->why != 0;
}
/** drain_left_s() - stopping: seconds until the end; else 0. */
uint16_t drain_left_s(const struct drain *d);
/** drain_why_text() - who wants it: "stopping", "relayctl drain", "the Access Server"; "". */
const char *drain_why_text(const struct drain *d);

#endif
