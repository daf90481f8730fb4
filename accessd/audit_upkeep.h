/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * audit_upkeep - what a domain's audit says by itself: that the server began and stopped, and, from
 * time to time, that the chain is so far (checkpoint.h).
 */
#ifndef FARLAN_AUDIT_UPKEEP_H
#define FARLAN_AUDIT_UPKEEP_H

#include "accessd/audit.h"
#include "accessd/domain.h"

/* A checkpoint follows so many records, or an hour with any. */
#define AUDIT_CHECKPOINT_RECORDS 1000
#define AUDIT_CHECKPOINT_MS (3600 * UINT64_C(1000))

struct audit_upkeep {
	int64_t last_seq; /* of the last checkpoint */
	uint64_t last_ms; /* when it was, or when this began */
};

/** audit_began() - @d is served from now on. */
void audit_began(struct audit_upkeep *u, struct audit *a, struct store *s, const struct domain *d);
/** audit_look() - every few minutes: is it time for a checkpoint? @now: there shall be one. */
void audit_look(struct audit_upkeep *u, struct audit *a, struct store *s, const struct domain *d,
		bool now);
/** audit_ended() - it stops in order: with a checkpoint. */
void audit_ended(struct audit_upkeep *u, struct audit *a, struct store *s, const struct domain *d);

#endif
