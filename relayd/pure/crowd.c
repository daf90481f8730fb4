/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/pure/crowd.h"

#include <assert.h>
#include <string.h>

void crowd_init(struct crowd *c, size_t max, size_t max_each, uint64_t seed)
{
	assert(max_each <= UINT16_MAX);
	*c = (struct crowd){.seed = seed, .max = max, .max_each = max_each};
}

/* An IPv6 host has a /64 to choose from; IPv4 has its four bytes. */
static size_t counter_of(const struct crowd *c, const struct addr *a)
{
	uint64_t h = 0;

	memcpy(&h, a->bytes, a->family == 4 ? 4 : 8);
	h = (h ^ c->seed) * 0x9e3779b97f4a7c15u;
	h = (h ^ (h >> 32) ^ a->family) * 0xd6e8feb86659fd93u;
	return (h ^ (h >> 32)) % CROWD_COUNTERS;
}

bool crowd_enter(struct crowd *c, const struct addr *a, uint64_t now_ms)
{
	size_t i;

	if (c->n >= c->max)
		return false;
	if (!a) {
		c->n++;
		return true;
	}
	i = counter_of(c, a);
	if (c->each[i] >= c->max_each ||
	    c->clear_ms[i] > now_ms + CROWD_OFFENCES_MAX * CROWD_OFFENCE_MS)
		return false;
	c->n++;
	c->each[i]++;
	return true;
}

void crowd_leave(struct crowd *c, const struct addr *a, bool offence, uint64_t now_ms)
{
	size_t i;

	assert(c->n > 0);
	c->n--;
	if (!a)
		return;
	i = counter_of(c, a);
	assert(c->each[i] > 0);
	c->each[i]--;
	if (!offence)
		return;
	if (c->clear_ms[i] < now_ms)
		c->clear_ms[i] = now_ms;
	c->clear_ms[i] += CROWD_OFFENCE_MS;
}
