/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * throttle - holds one joined session to its limits: its own, its user's, the relay's. What has
 * passed is taken from their buckets; when one of them is ahead of its time, both legs pause until
 * their turn comes. Nothing is dropped: TCP stops the senders.
 *
 * A turn is worth a quantum of bytes, so sessions that share a bucket get the same, however many
 * bytes their reads happen to bring; which leg is first alternates.
 */
#ifndef FARLAN_RELAYD_THROTTLE_H
#define FARLAN_RELAYD_THROTTLE_H

#include <stdbool.h>
#include <uv.h>

#include "relayd/limits.h"

#define THROTTLE_QUANTUM_MS 20
#define THROTTLE_QUANTUM_MIN 2048
#define THROTTLE_QUANTUM_MAX 65536

/* What the two tokens say. */
struct throttle_limits {
	uint64_t rate, user_rate;
	char user[TOKEN_USER_SIZE];
};

struct throttle;

/** throttle_merge() - the stricter one of each counts: an older token may know of fewer limits. */
void throttle_merge(struct throttle_limits *a, const struct throttle_limits *b);

/**
 * throttle_open() - @on_turn: may pass again; @flip: which leg goes first this time. From the loop.
 * Return: 0, *out is NULL if there is no limit at all; -ENOMEM.
 */
int throttle_open(struct throttle **out, uv_loop_t *loop, struct limits *limits,
		  const struct throttle_limits *what, void (*on_turn)(void *arg, bool flip),
		  void *arg) __attribute__((warn_unused_result));
/** throttle_close() - no callback any more. NULL is allowed. */
void throttle_close(struct throttle *t);

/** throttle_quantum() - bytes; for the size of reads. */
size_t throttle_quantum(const struct throttle *t);

/** throttle_take() - @n bytes have passed. Return: pause until on_turn. */
bool throttle_take(struct throttle *t, size_t n);

/** throttle_waits() - is it paused? NULL is allowed: never. */
bool throttle_waits(const struct throttle *t);

#endif
