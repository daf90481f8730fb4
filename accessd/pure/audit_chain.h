/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * audit_chain - are records those that were written, all of them, in their order? Pure.
 */
#ifndef FARLAN_AUDIT_CHAIN_H
#define FARLAN_AUDIT_CHAIN_H

#include "accessd/pure/audit_record.h"

/* Clocks may step back; what waited for a moment (AUDIT_LATER_MS) is no such step. */
#define AUDIT_BACK_MS 1000

enum audit_fault {
	AUDIT_SOUND,
	AUDIT_CHANGED,	/* it is not what its hash was made from */
	AUDIT_MISSING,	/* its number is not the next one */
	AUDIT_UNLINKED, /* the record before it is another one than when it was written */
};

struct audit_chain {
	int64_t seq;			/* of the last record; 0: of none */
	uint8_t hash[AUDIT_HASH_BYTES]; /* its hash */
	int64_t time_ms;		/* the latest time so far */
	uint64_t records, backwards;	/* how many; how many of them say that it was earlier */
	int64_t backwards_seq;		/* the last one of these */
};

/** audit_chain_init() - the next record is to be the one behind @seq, whose hash is @hash. */
void audit_chain_init(struct audit_chain *c, int64_t seq, const uint8_t hash[AUDIT_HASH_BYTES]);

/** audit_chain_take() - the next one, with its prev and the hash that stands beside it. After a
 * fault
 * @c is where it was. */
enum audit_fault audit_chain_take(struct audit_chain *c, const struct audit_record *r,
				  const uint8_t hash[AUDIT_HASH_BYTES]);

/** audit_fault_words() - "it was changed" ... */
const char *audit_fault_words(enum audit_fault f);

#endif
