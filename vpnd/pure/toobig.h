/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * toobig - the answer to a packet that is larger than the MTU ahead and may not be taken apart:
 * "fragmentation needed" (RFC 792, RFC 1191) or "packet too big" (RFC 4443, RFC 8201). Pure.
 */
#ifndef FARLAN_TOOBIG_H
#define FARLAN_TOOBIG_H

#include "vpnd/pure/icmp_error.h"

#define TOOBIG_MAX_BYTES ICMP_ERROR_MAX_BYTES
#define TOOBIG_EVERY_MS 10 /* an answer, on average */
#define TOOBIG_BURST 50

/** toobig_answer() - make the packet that goes back to the sender. Parameters and return: as
 * icmp_error_make(). */
int toobig_answer(uint8_t out[TOOBIG_MAX_BYTES], size_t *n, const uint8_t *packet, size_t len,
		  const struct addr *from, uint32_t mtu) __attribute__((warn_unused_result));

/* How many answers may be given (RFC 4443 section 2.4 (f)), these and others. All zero at first. */
struct toobig_limit {
	uint64_t paid_ms;
};

/** toobig_allowed() - may one be given now? It counts then. @now_ms: a monotonic clock. */
bool toobig_allowed(struct toobig_limit *limit, uint64_t now_ms);

#endif
