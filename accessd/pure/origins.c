/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/origins.h"

#include <assert.h>
#include <string.h>

void origins_init(struct origins *o, uint64_t seed)
{
	memset(o, 0, sizeof(*o));
	o->seed = seed;
}

static size_t counter_of(const struct origins *o, const uint8_t address[ORIGINS_BYTES])
{
	uint64_t h = o->seed, part;

	for (size_t i = 0; i < ORIGINS_BYTES; i += sizeof(part)) {
		memcpy(&part, address + i, sizeof(part));
		h = (h ^ part) * 0x9e3779b97f4a7c15u;
		h ^= h >> 32;
	}
	return h % ORIGINS_COUNTERS;
}

size_t origins_count(const struct origins *o, const uint8_t address[ORIGINS_BYTES])
{
	return o->n[counter_of(o, address)];
}

void origins_add(struct origins *o, const uint8_t address[ORIGINS_BYTES])
{
	size_t i = counter_of(o, address);

	assert(o->n[i] < UINT16_MAX);
	o->n[i]++;
}

void origins_remove(struct origins *o, const uint8_t address[ORIGINS_BYTES])
{
	size_t i = counter_of(o, address);

	assert(o->n[i] > 0);
	o->n[i]--;
}
