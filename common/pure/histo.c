/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/histo.h"

const uint32_t histo_bounds_us[HISTO_BOUNDS] = {100,   250,   500,    1000,   2500,   5000,   10000,
						25000, 50000, 100000, 250000, 500000, 1000000};

/* Most are short, so a search from the short end ends soon. */
void histo_add(struct histo *h, uint64_t us)
{
	size_t i = 0;

	while (i < HISTO_BOUNDS && us > histo_bounds_us[i])
		i++;
	h->n[i]++;
	h->sum_us += us;
}

void histo_merge(struct histo *h, const struct histo *from)
{
	for (size_t i = 0; i <= HISTO_BOUNDS; i++)
		h->n[i] += from->n[i];
	h->sum_us += from->sum_us;
}
