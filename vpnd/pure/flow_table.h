/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * flow_table - the flows that a firewall knows, and the fragments that follow an admitted first
 * one. Pure; fixed memory. A set of places for each hash: when it is full, the session that has
 * most of them loses its oldest, so nobody's flood takes the flows of others.
 */
#ifndef FARLAN_FLOW_TABLE_H
#define FARLAN_FLOW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_TABLE_MAX 65536 /* flows */
#define FLOW_FRAGMENTS_MAX 1024
#define FLOW_SLOTS_MAX 64

#define FLOW_FRAGMENT_MS 30000 /* RFC 1122 section 3.3.2: a host waits 60 s at least, Linux 30 */

/* Both directions of a flow have the same. Words without padding. */
struct flow_key {
	uint8_t near[16], far[16];    /* addresses: at the machine, on the manager's side */
	uint16_t near_port, far_port; /* echo: both the identifier; others: 0 */
	uint16_t slot;
	uint8_t protocol, family;
};

enum flow_state {
	FLOW_ASKED,    /* packets of one direction only */
	FLOW_ANSWERED, /* of both */
	FLOW_CLOSING,  /* TCP: reset, or both sides have finished */
};

struct flow {
	struct flow_key key;
	uint64_t used_ms;
	uint32_t epoch, generation; /* of its slot and of the rules that it was checked with */
	uint8_t direction;	    /* of its first packet: enum rule_direction */
	uint8_t state;		    /* enum flow_state */
	uint8_t finished; /* TCP: bit 0 by the side of the first packet, bit 1 by the other */
	bool unsure;	  /* the first packet that was seen may be an answer */
};

/* Whose later fragments may pass. Words without padding. */
struct flow_fragment_key {
	uint8_t src[16], dst[16];
	uint32_t id;
	uint16_t slot;
	uint8_t protocol; /* IPv4; else 0: what follows an IPv6 fragment header may differ */
	uint8_t direction;
};

struct flow_table;

/** flow_table_new() - @key: random. Return: NULL out of memory. */
struct flow_table *flow_table_new(const uint64_t key[2]);
void flow_table_free(struct flow_table *t);

/** flow_table_forget() - all of @slot, at once: what is found from now on is of a new session. */
void flow_table_forget(struct flow_table *t, uint16_t slot);

/** flow_find() - NULL: there is none, or its time is over. */
struct flow *flow_find(struct flow_table *t, const struct flow_key *key, uint64_t now_ms);
/** flow_add() - one that flow_find() does not find; all but key, epoch and used_ms is zero.
 * @evicted: counted up if another one had to go. */
struct flow *flow_add(struct flow_table *t, const struct flow_key *key, uint64_t now_ms,
		      uint64_t *evicted);
void flow_remove(struct flow_table *t, struct flow *f);
/** flow_count() - of a slot; looks at all of the table. */
size_t flow_count(const struct flow_table *t, uint16_t slot, uint64_t now_ms);

/** flow_fragment_known() - was a first fragment let through lately, by the rules of @generation? */
bool flow_fragment_known(const struct flow_table *t, const struct flow_fragment_key *key,
			 uint32_t generation, uint64_t now_ms);
/** flow_fragment_set() - a first fragment passes, or does not. */
void flow_fragment_set(struct flow_table *t, const struct flow_fragment_key *key,
		       uint32_t generation, uint64_t now_ms, bool pass);

#endif
