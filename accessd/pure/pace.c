/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/pace.h"

void pace_init(struct pace *p, uint32_t per_s)
{
	*p = (struct pace){.each_us = 1000000 / per_s};
}

bool pace_take(struct pace *p, uint64_t now_us, uint32_t burst_ms)
{
	if (p->next_us > now_us + (uint64_t)burst_ms * 1000)
		return false;
	if (p->next_us < now_us)
		p->next_us = now_us;
	p->next_us += p->each_us;
	return true;
}

uint64_t pace_book(struct pace *p, uint64_t now_us)
{
	if (p->next_us < now_us)
		p->next_us = now_us;
	p->next_us += p->each_us;
	return p->next_us - now_us;
}

uint64_t pace_booked_us(const struct pace *p, uint64_t now_us)
{
	return p->next_us > now_us ? p->next_us - now_us : 0;
}
