/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * crowd - caps on connections that have not shown a token: in all, and for each address (IPv6:
 * each /64). Fixed memory: addresses share counters by a keyed hash, so one that shares with a
 * busy one is refused early, which a few thousand counters make rare. Pure.
 */
#ifndef FARLAN_RELAYD_CROWD_H
#define FARLAN_RELAYD_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/pure/addr.h"

#define CROWD_COUNTERS 4096

struct crowd {
	uint64_t seed;
	size_t max, max_each, n;
	uint16_t each[CROWD_COUNTERS];
};

/** crowd_init() - @max_each: at most UINT16_MAX. */
void crowd_init(struct crowd *c, size_t max, size_t max_each, uint64_t seed);

/** crowd_enter() - may one more from @a come in? Return: false: no, nothing counted. */
bool crowd_enter(struct crowd *c, const struct addr *a);

/** crowd_leave() - for each crowd_enter() that said yes. */
void crowd_leave(struct crowd *c, const struct addr *a);

#endif
