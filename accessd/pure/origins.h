/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * origins - how many are there from each address. Fixed memory: addresses share counters by a keyed
 * hash, which a few thousand counters make rare. Pure.
 */
#ifndef FARLAN_ORIGINS_H
#define FARLAN_ORIGINS_H

#include <stddef.h>
#include <stdint.h>

#define ORIGINS_COUNTERS 4096
#define ORIGINS_BYTES 16 /* of an address */

struct origins {
	uint64_t seed;
	uint16_t n[ORIGINS_COUNTERS];
};

void origins_init(struct origins *o, uint64_t seed);
size_t origins_count(const struct origins *o, const uint8_t address[ORIGINS_BYTES]);
/** origins_add() - one more; origins_remove() - one that was added. At most UINT16_MAX in all. */
void origins_add(struct origins *o, const uint8_t address[ORIGINS_BYTES]);
void origins_remove(struct origins *o, const uint8_t address[ORIGINS_BYTES]);

#endif
