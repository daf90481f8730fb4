/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/owntime.h"

#include <errno.h>

const char *owntime_state_name(enum owntime_state s)
{
	switch (s) {
	case OWNTIME_UNKNOWN:
		return "unknown";
	case OWNTIME_SYSTEM:
		return "system";
	case OWNTIME_SNTP:
		return "sntp";
	case OWNTIME_SIGNED:
		return "signed";
	}
	return "?";
}

void owntime_init(struct owntime *o, int64_t saved_s, int64_t system_ms, int64_t boot_ms)
{
	if (saved_s < OWNTIME_RELEASED_S || saved_s > OWNTIME_END_S)
		saved_s = OWNTIME_RELEASED_S;
	*o = (struct owntime){.state = OWNTIME_SYSTEM, .floor_s = saved_s, .saved_s = saved_s};
	if (system_ms / 1000 >= saved_s)
		return;
	/* Not right either, but nearer. */
	o->state = OWNTIME_UNKNOWN;
	o->ahead_ms = saved_s * 1000 - boot_ms;
}

int64_t owntime_now_ms(const struct owntime *o, int64_t system_ms, int64_t boot_ms)
{
	return o->state == OWNTIME_SYSTEM ? system_ms : boot_ms + o->ahead_ms;
}

bool owntime_is_doubtful(const struct owntime *o, int64_t system_ms)
{
	return o->state == OWNTIME_UNKNOWN ||
	       (o->state == OWNTIME_SYSTEM && system_ms / 1000 > o->floor_s + OWNTIME_DOUBT_S);
}

static bool is_possible(const struct owntime *o, int64_t time_ms)
{
	return time_ms / 1000 >= o->floor_s && time_ms / 1000 <= OWNTIME_END_S;
}

int owntime_take_signed(struct owntime *o, int64_t time_ms, int64_t trip_ms, int64_t boot_ms)
{
	if (!is_possible(o, time_ms))
		return -ERANGE;
	o->state = OWNTIME_SIGNED;
	if (o->floor_s < time_ms / 1000 - OWNTIME_SLACK_S)
		o->floor_s = time_ms / 1000 - OWNTIME_SLACK_S;
	o->ahead_ms = time_ms + trip_ms / 2 - boot_ms;
	return 0;
}

int owntime_take_sntp(struct owntime *o, int64_t time_ms, int64_t boot_ms)
{
	if (o->state == OWNTIME_SIGNED)
		return -EALREADY;
	if (!is_possible(o, time_ms))
		return -ERANGE;
	o->state = OWNTIME_SNTP;
	o->ahead_ms = time_ms - boot_ms;
	return 0;
}

bool owntime_to_save(struct owntime *o)
{
	if (o->floor_s < o->saved_s + OWNTIME_SAVE_S)
		return false;
	o->saved_s = o->floor_s;
	return true;
}
