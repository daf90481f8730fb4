/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lag - how late a loop is: a timer that notes by how much it was called too late. What waits in
 * the loop waits as long.
 */
#ifndef FARLAN_LAG_H
#define FARLAN_LAG_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/pure/histo.h"

#define LAG_EVERY_MS 500

struct lag {
	uv_timer_t timer;
	uint64_t due_ms;   /* the next call, CLOCK_BOOTTIME */
	uint64_t worst_ms; /* since lag_take() */
	struct histo delays;
};

/** lag_open() - on the caller's memory, which stays until lag_close() has called back. */
void lag_open(struct lag *l, uv_loop_t *loop);
/** lag_take() - the longest delay since the last call, in milliseconds. */
uint64_t lag_take(struct lag *l);
/** lag_close() - once. @on_closed: may be NULL; handle->data is the struct lag. */
void lag_close(struct lag *l, uv_close_cb on_closed);

#endif
