/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * measured - what endpoints measure of relays: the message, and what is kept of it, by endpoint,
 * for ten minutes. Pure (jansson). Source: docs/PROTOCOL.md, "relay.measured".
 */
#ifndef FARLAN_MEASURED_H
#define FARLAN_MEASURED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/pure/ident.h"

#define MEASURED_RELAYS_MAX 16
#define MEASURED_KEEP_MS 600000
#define MEASURED_RTT_MAX_US 60000000
#define MEASURED_WHY_SIZE 64

/* The way from an endpoint to a relay. */
struct measured_way {
	bool failed;
	uint32_t rtt_us;	     /* unless failed */
	uint16_t loss_pm;	     /* unless failed */
	char why[MEASURED_WHY_SIZE]; /* failed: printable ASCII, cut */
};

struct measured {
	size_t n;
	struct {
		char uid[IDENT_UID_SIZE];
		struct measured_way way;
	} at[MEASURED_RELAYS_MAX];
	bool done, network_changed;
};

/** measured_decode() - strict; @m is written whole or not at all. Return: 0; -EBADMSG. */
int measured_decode(struct measured *m, const json_t *params) __attribute__((warn_unused_result));
/** measured_put() - the members of @way into the object @o, as session.measured has them. */
void measured_put(json_t *o, const struct measured_way *way);

/* --- kept ------------------------------------------------------------------------------------ */

#define MEASURED_ENDPOINTS_MAX 12000
#define MEASURED_BUCKETS 1024

/* Of one endpoint. */
struct measured_kept {
	int64_t endpoint;
	size_t n;
	struct {
		int64_t relay;
		uint64_t at_ms;
		struct measured_way way;
	} at[MEASURED_RELAYS_MAX];
	uint64_t asked_ms, done_ms; /* of the last round; 0: none */
	struct measured_kept *next;
};

struct measured_table {
	struct measured_kept *buckets[MEASURED_BUCKETS];
	size_t n;
};

/** measured_find() - NULL: nothing is kept of it. */
struct measured_kept *measured_find(const struct measured_table *t, int64_t endpoint);
/** measured_need() - the same, or a new one. NULL: out of memory, or too many. */
struct measured_kept *measured_need(struct measured_table *t, int64_t endpoint);
/** measured_keep() - a result; beyond MEASURED_RELAYS_MAX the oldest goes. */
void measured_keep(struct measured_kept *k, int64_t relay, const struct measured_way *way,
		   uint64_t now_ms);
/** measured_way() - a result that is not older than @max_age_ms. @k: may be NULL. Return: borrowed,
 * until the next change; NULL. */
const struct measured_way *measured_way(const struct measured_kept *k, int64_t relay,
					uint64_t now_ms, uint64_t max_age_ms);
/** measured_drop() - the results of an endpoint that is somewhere else now. */
void measured_drop(struct measured_kept *k);
/** measured_sweep() - forget endpoints of which nothing counts any more. */
void measured_sweep(struct measured_table *t, uint64_t now_ms);
void measured_deinit(struct measured_table *t);

#endif
