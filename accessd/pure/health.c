/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/health.h"

#include <errno.h>

#include "common/pure/rpcmsg.h"

#define SESSIONS_MAX INT64_C(10000000)
#define BYTES_MAX INT64_C(1000000000000000) /* a second */
#define LAG_MAX INT64_C(1000000000)
#define WHOLE 1000

int health_decode(struct health_report *r, const json_t *params)
{
	struct health_report found = {.sessions = 0};

	if (!rpc_int(params, "sessions", 0, SESSIONS_MAX, &found.sessions) ||
	    !rpc_int(params, "max_sessions", 1, SESSIONS_MAX, &found.max_sessions) ||
	    !rpc_int(params, "bytes_per_s", 0, BYTES_MAX, &found.bytes_per_s) ||
	    !rpc_int(params, "capacity", 0, BYTES_MAX, &found.capacity) ||
	    !rpc_int(params, "loop_lag_ms", 0, LAG_MAX, &found.loop_lag_ms) ||
	    !rpc_bool(params, "draining", &found.draining))
		return -EBADMSG;
	*r = found;
	return 0;
}

enum health health_judge(const struct health_of *h, uint64_t now_ms)
{
	if (h->drained)
		return HEALTH_DRAINED;
	if (!h->online)
		return HEALTH_OFFLINE;
	if (h->has_report && h->report.draining)
		return HEALTH_DRAINING;
	if (!h->has_report || now_ms > h->reported_ms + HEALTH_SILENCE_MS)
		return HEALTH_SILENT;
	if (h->report.loop_lag_ms >= HEALTH_LAG_MAX_MS)
		return HEALTH_LATE;
	return h->report.sessions >= h->report.max_sessions ? HEALTH_FULL : HEALTH_OK;
}

const char *health_name(enum health health)
{
	switch (health) {
	case HEALTH_OK:
		return "ok";
	case HEALTH_LATE:
		return "late";
	case HEALTH_FULL:
		return "full";
	case HEALTH_SILENT:
		return "silent";
	case HEALTH_OFFLINE:
		return "offline";
	case HEALTH_DRAINING:
		return "draining";
	case HEALTH_DRAINED:
		return "drained";
	}
	return "unknown";
}

bool health_leaves(enum health health)
{
	return health == HEALTH_DRAINING || health == HEALTH_DRAINED;
}

/* @whole: 0 is not known. */
static int64_t part(int64_t n, int64_t whole)
{
	if (whole <= 0)
		return 0;
	return n >= whole ? WHOLE : n * WHOLE / whole;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

unsigned int health_load(const struct health_report *r)
{
	int64_t load =
		larger(part(r->sessions, r->max_sessions), part(r->bytes_per_s, r->capacity));

	return (unsigned int)larger(load, part(r->loop_lag_ms, HEALTH_LAG_MAX_MS));
}
