/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * clock - what time it is. Durations go by the kernel's CLOCK_BOOTTIME. Certificates, tokens and
 * everything else that has a date go by a time of our own, that the Access Server signed or time
 * servers said; until one has, that is the host's clock. wolfSSL looks at it, too.
 *
 * The time may be read on any thread; all else is for the one that called clock_open().
 */
#ifndef FARLAN_CLOCK_H
#define FARLAN_CLOCK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/pure/owntime.h"

#define CLOCK_FILE "clock.json" /* in the state folder: {"floor": Unix seconds} */

/* The host's clock; only tests set another one. @set: 0, or -errno. */
extern struct clock_host {
	int64_t (*now_us)(void);
	int (*set)(int64_t now_ms);
} clock_host;

/** clock_mono_ms() / clock_mono_us() - CLOCK_BOOTTIME: counts while suspended. */
uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
/** clock_wall_s(), clock_wall_ms(), clock_wall_us() - Unix time. */
int64_t clock_wall_s(void);
int64_t clock_wall_ms(void);
int64_t clock_wall_us(void);
/** clock_is_synced() - does the kernel say that something keeps the host's clock right
 * (adjtimex(2))?
 */
bool clock_is_synced(void);

/**
 * clock_open() - read the floor from @state_dir, and look whether the host's clock can be right.
 * @set_system: set the host's clock when a signed time shows it to be wrong.
 * Programs that never call this go by the host's clock. Logs what is odd.
 */
void clock_open(const char *state_dir, bool set_system);

/**
 * clock_take_signed() - the signature was checked. @trip_ms: since the question was sent.
 * Return: 0; -ERANGE it lies before the floor.
 */
int clock_take_signed(int64_t time_ms, uint64_t trip_ms) __attribute__((warn_unused_result));
/** clock_take_sntp() - Return: 0; -ERANGE; -EALREADY a signed time is there. */
int clock_take_sntp(int64_t time_ms) __attribute__((warn_unused_result));

struct clock_status {
	enum owntime_state state;
	bool doubtful;		 /* owntime_is_doubtful() */
	int64_t system_ahead_ms; /* how far the host's clock is ahead of our time; negative: behind
				  */
	int64_t floor_s;
	bool set_system;
	int set_error; /* errno of setting the host's clock; 0: not tried, or done */
};
void clock_status(struct clock_status *s);
/** clock_json() - the same for a daemon's status (docs/PROTOCOL.md, section 9): a new object. */
json_t *clock_json(void);

#endif
