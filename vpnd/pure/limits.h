/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * limits - when a session ends by itself: nobody has used it for too long, or its time is over;
 * each with a warning before. Pure.
 */
#ifndef FARLAN_LIMITS_H
#define FARLAN_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIMITS_WARN_MS 60000 /* before the end; of shorter limits the second half */
#define LIMITS_NEVER UINT64_MAX

struct limits {
	uint64_t idle_ms; /* 0: any time without use */
	uint64_t used_ms;
	bool idle_warned, end_warned;
};

enum limits_event {
	LIMITS_NOTHING,
	LIMITS_IDLE_SOON, /* once, until it was used again */
	LIMITS_IDLE,	  /* it is to be ended */
	LIMITS_END_SOON,  /* its time is nearly over: once */
};

/** limits_begin() - a session begins, as if it was just used. */
void limits_begin(struct limits *l, int64_t idle_s, uint64_t now_ms);
/** limits_look() - @used: since the last look. @left_s: of its life, for which its owner cares. At
 * most one event; look again for others. */
enum limits_event limits_look(struct limits *l, bool used, int64_t left_s, uint64_t now_ms);
/** limits_idle_left_ms() - until it ends if nobody uses it; LIMITS_NEVER. */
uint64_t limits_idle_left_ms(const struct limits *l, uint64_t now_ms);

/**
 * limits_is_use() - does a packet that the manager's side sends show that somebody uses the
 * session? What a host answers by itself to whatever it hears does not: ICMP errors, echo replies,
 * resets.
 */
bool limits_is_use(const uint8_t *packet, size_t n);

#endif
