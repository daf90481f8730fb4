/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * health - what a relay reports of itself, and whether it can be used. Pure (jansson).
 * Source: docs/PROTOCOL.md, "relay.report".
 */
#ifndef FARLAN_HEALTH_H
#define FARLAN_HEALTH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define HEALTH_SILENCE_MS 25000 /* after the last report */
#define HEALTH_LAG_MAX_MS 1000

struct health_report {
	int64_t sessions, max_sessions;
	int64_t bytes_per_s, capacity; /* capacity 0: not said */
	int64_t loop_lag_ms;
	bool draining;
};

/** health_decode() - strict: all members, in their ranges; @r is written whole or not at all.
 * Return: 0; -EBADMSG. */
int health_decode(struct health_report *r, const json_t *params)
	__attribute__((warn_unused_result));

enum health {
	HEALTH_OK,
	HEALTH_LATE,	 /* its loop is */
	HEALTH_FULL,	 /* as many sessions as it takes */
	HEALTH_SILENT,	 /* connected, and no report (any more) */
	HEALTH_OFFLINE,	 /* not connected */
	HEALTH_DRAINING, /* by its own word */
	HEALTH_DRAINED	 /* by the administrator of the domain */
};

/* What is known of a relay. */
struct health_of {
	bool drained, online, has_report;
	uint64_t reported_ms;
	struct health_report report; /* has_report */
};

enum health health_judge(const struct health_of *h, uint64_t now_ms);
/** health_name() - "ok", "late", "full", "silent", "offline", "draining", "drained". */
const char *health_name(enum health health);
/** health_leaves() - are running sessions to leave a relay of this health? One that is merely not
 * heard of may carry them well. */
bool health_leaves(enum health health);

/** health_load() - the fullest of sessions, bytes and loop, in thousandths, 0..1000. */
unsigned int health_load(const struct health_report *r);

#endif
