/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/audit_chain.h"

#include <string.h>

void audit_chain_init(struct audit_chain *c, int64_t seq, const uint8_t hash[AUDIT_HASH_BYTES])
{
	*c = (struct audit_chain){.seq = seq};
	memcpy(c->hash, hash, sizeof(c->hash));
}

enum audit_fault audit_chain_take(struct audit_chain *c, const struct audit_record *r,
				  const uint8_t hash[AUDIT_HASH_BYTES])
{
	char text[AUDIT_LINE_SIZE];
	uint8_t real[AUDIT_HASH_BYTES];
	size_t n;

	if (r->seq != c->seq + 1)
		return AUDIT_MISSING;
	if (memcmp(r->prev, c->hash, sizeof(c->hash)) != 0)
		return AUDIT_UNLINKED;
	if (audit_canonical(r, text, &n) != 0 || audit_hash(text, n, real) != 0 ||
	    memcmp(real, hash, sizeof(real)) != 0)
		return AUDIT_CHANGED;
	c->seq = r->seq;
	memcpy(c->hash, hash, sizeof(c->hash));
	c->records++;
	if (r->time_ms + AUDIT_BACK_MS < c->time_ms) {
		c->backwards++;
		c->backwards_seq = r->seq;
	} else if (r->time_ms > c->time_ms) {
		c->time_ms = r->time_ms;
	}
	return AUDIT_SOUND;
}

const char *audit_fault_words(enum audit_fault f)
{
	switch (f) {
	case AUDIT_SOUND:
		return "it is as it was written";
	case AUDIT_CHANGED:
		return "it was changed";
	case AUDIT_MISSING:
		return "records before it are missing";
	case AUDIT_UNLINKED:
		return "the record before it is not the one that was written";
	}
	return "?";
}
