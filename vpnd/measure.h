/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * measure - rounds of probes to the relays of a table, all at the same time. What is young enough
 * is not measured again; what was measured in another network does not count.
 */
#ifndef FARLAN_MEASURE_H
#define FARLAN_MEASURE_H

#include "vpnd/probe.h"

struct measure;

struct measure_callbacks {
	/* One more result, of @e in the table. */
	void (*on_result)(struct measure *m, const struct relay_entry *e);
	/* The round is over. */
	void (*on_done)(struct measure *m);
};

struct measure_config {
	uv_loop_t *loop;
	const struct opt_ports *ports; /* borrowed */
	struct dial_memory *memory;    /* borrowed */
};

/** measure_open() - Return: 0; -ENOMEM; -EIO. */
int measure_open(struct measure **out, const struct measure_config *config,
		 const struct measure_callbacks *cb, void *arg) __attribute__((warn_unused_result));
/** measure_verify() - from now on nobody may end the TLS on the way: probes go to whom @ca, or the
 * system's CAs, vouch for. Those that run are given up. Return: 0; -EIO. */
int measure_verify(struct measure *m, const struct identity *id)
	__attribute__((warn_unused_result));
/** measure_close() - no callback any more. NULL is nothing. */
void measure_close(struct measure *m);

/** measure_table() - the relays; change it by relay_table_decode() and _merge() whenever you like.
 */
struct relay_table *measure_table(struct measure *m);

/**
 * measure_begin() - measure what has no result of at most @max_age_ms, in a round that may run
 * already; of all relays, or of those that are marked as asked. Never calls back before it returns.
 * Return: is a round running?
 */
bool measure_begin(struct measure *m, bool all, uint64_t max_age_ms);
bool measure_runs(const struct measure *m);

/**
 * measure_check_network() - would the way to a relay that was measured begin elsewhere now? Then
 * all results are forgotten. Sends nothing. Return: true if so.
 */
bool measure_check_network(struct measure *m);

void *measure_arg(const struct measure *m);

#endif
