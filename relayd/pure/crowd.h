/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * crowd - caps on connections that have not shown a token: in all, and for each address (IPv6:
 * each /64) at a time; and on how fast an address may make connections that never show one, because
 * each costs a handshake. Who shows good tokens is not slowed down, however many they are. Fixed
 * memory: addresses share counters by a keyed hash, so one that shares with a
 * busy one is refused early, which a few thousand counters make rare. Pure.
 */
#ifndef FARLAN_RELAYD_CROWD_H
#define FARLAN_RELAYD_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/pure/addr.h"

#define CROWD_COUNTERS 4096
#define CROWD_OFFENCE_MS 30    /* one in so long is forgiven */
#define CROWD_OFFENCES_MAX 256 /* so many at once, too */

struct crowd {
	uint64_t seed;
	size_t max, max_each, n;
	uint16_t each[CROWD_COUNTERS];
	uint64_t clear_ms[CROWD_COUNTERS]; /* when all offences are forgiven */
};

/** crowd_init() - @max_each: at most UINT16_MAX. */
void crowd_init(struct crowd *c, size_t max, size_t max_each, uint64_t seed);

/** crowd_enter() - may one more from @a come in? NULL: it is not known from where, it counts in all
 * only. @now_ms: monotonic. Return: false: no, nothing counted. */
bool crowd_enter(struct crowd *c, const struct addr *a, uint64_t now_ms);

/** crowd_leave() - for each crowd_enter() that said yes, with the same @a. @offence: it showed no
 * good token. */
void crowd_leave(struct crowd *c, const struct addr *a, bool offence, uint64_t now_ms);

#endif
