/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/backoff.h"

void backoff_init(struct backoff *b, uint32_t base_ms, uint32_t max_ms)
{
	*b = (struct backoff){.base_ms = base_ms, .max_ms = max_ms};
}

/* min(max, base * 2^tries); beyond 32 doublings nothing but the cap is left. */
static uint32_t ceiling_ms(const struct backoff *b)
{
	uint64_t ms = (uint64_t)b->base_ms << (b->tries < 32 ? b->tries : 32);

	return ms < b->max_ms ? (uint32_t)ms : b->max_ms;
}

uint32_t backoff_next_ms(struct backoff *b, uint32_t random)
{
	uint32_t high = ceiling_ms(b), low = b->base_ms / 10;

	if (high == 0)
		high = 1;
	if (low == 0)
		low = 1;
	if (low > high)
		low = high;
	if (b->tries < UINT32_MAX)
		b->tries++;
	return low + (uint32_t)(((uint64_t)high - low + 1) * random >> 32);
}

uint32_t backoff_told_ms(struct backoff *b, uint32_t random, uint32_t rest_ms, bool *exact)
{
	uint32_t ms;

	*exact = b->told < BACKOFF_TOLD_MAX;
	if (*exact) {
		b->told++;
		b->tries = 0;
		return rest_ms;
	}
	ms = backoff_next_ms(b, random);
	return ms > rest_ms ? ms : rest_ms;
}

void backoff_reset(struct backoff *b)
{
	b->tries = 0;
	b->told = 0;
}
