/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * owntime - what time it is for this process, whatever the host's clock says. A time that was
 * learned is carried on by the clock that nobody sets, so it stays right when the host's clock is
 * set meanwhile. Pure: both clocks are parameters, in milliseconds; int64_t throughout, because
 * time_t has 32 bits on some hosts.
 * Source: docs/PROTOCOL.md, section 4.7; docs/ARCHITECTURE.md, "Time".
 */
#ifndef FARLAN_OWNTIME_H
#define FARLAN_OWNTIME_H

#include <stdbool.h>
#include <stdint.h>

/* No host is younger than this program: 2026-01-01. Raised with releases, never beyond one's day;
 * a constant, so that builds stay the same bytes. */
#define OWNTIME_RELEASED_S INT64_C(1767225600)
/* Beyond this no time is believed: certificates end with the year 9999. */
#define OWNTIME_END_S INT64_C(253402300800)
/* The floor stays this far behind what was signed: servers' clocks are set, too. */
#define OWNTIME_SLACK_S INT64_C(86400)
#define OWNTIME_DOUBT_S (INT64_C(10) * 365 * 86400)
#define OWNTIME_SAVE_S INT64_C(86400) /* the floor goes to the disk in such steps: flash wears */

enum owntime_state {
	OWNTIME_UNKNOWN, /* the host's clock is before the floor: it cannot be right */
	OWNTIME_SYSTEM,	 /* the host's clock, which may be right */
	OWNTIME_SNTP,	 /* what time servers said */
	OWNTIME_SIGNED	 /* what the Access Server signed */
};

struct owntime {
	enum owntime_state state;
	int64_t floor_s;  /* it is later than this */
	int64_t saved_s;  /* the floor on disk */
	int64_t ahead_ms; /* of the clock that nobody sets; not in state OWNTIME_SYSTEM */
};

/** owntime_init() - @saved_s: the floor from the disk; 0: none. @system_ms, @boot_ms: now. */
void owntime_init(struct owntime *o, int64_t saved_s, int64_t system_ms, int64_t boot_ms);

/** owntime_now_ms() - Unix milliseconds. */
int64_t owntime_now_ms(const struct owntime *o, int64_t system_ms, int64_t boot_ms);

/** owntime_is_doubtful() - nobody has said what time it is, and the host's clock is hard to
 * believe: before the floor, or ten years behind it. */
bool owntime_is_doubtful(const struct owntime *o, int64_t system_ms);

/**
 * owntime_take_signed() - it was @time_ms between the question, @trip_ms ago, and now. Raises the
 * floor. Return: 0; -ERANGE before the floor, or beyond the end of time: not taken.
 */
int owntime_take_signed(struct owntime *o, int64_t time_ms, int64_t trip_ms, int64_t boot_ms)
	__attribute__((warn_unused_result));

/** owntime_take_sntp() - it is @time_ms now, unsigned: the floor stays. Return: 0; -ERANGE as
 * above; -EALREADY there is a signed time. */
int owntime_take_sntp(struct owntime *o, int64_t time_ms, int64_t boot_ms)
	__attribute__((warn_unused_result));

/** owntime_to_save() - is the floor to be written? It counts as written then. */
bool owntime_to_save(struct owntime *o);

const char *owntime_state_name(enum owntime_state s); /* "unknown", "system", "sntp", "signed" */

#endif
