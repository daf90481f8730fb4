/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/rtt.h"

void rtt_add(struct rtt *r, uint32_t us)
{
	if (r->n < RTT_SAMPLES_MAX)
		r->us[r->n++] = us;
}

uint32_t rtt_min_us(const struct rtt *r)
{
	uint32_t least = r->n > 0 ? r->us[0] : 0;

	for (size_t i = 1; i < r->n; i++) {
		if (r->us[i] < least)
			least = r->us[i];
	}
	return least;
}

static uint32_t late(const struct rtt *r)
{
	uint64_t in_time = (uint64_t)rtt_min_us(r) + RTT_LATE_US;
	uint32_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->us[i] >= in_time;
	return n;
}

uint32_t rtt_loss_pm(const struct rtt *r, uint32_t segments, uint32_t again)
{
	uint64_t lost = late(r), all = (uint64_t)segments + r->n;

	if (again > lost)
		lost = again;
	if (lost == 0)
		return 0;
	return lost >= all ? 1000 : (uint32_t)(lost * 1000 / all);
}
