/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * toobig - the answer to a packet that is larger than the MTU ahead and may not be taken apart:
 * "fragmentation needed" (RFC 792, RFC 1191) or "packet too big" (RFC 4443, RFC 8201). Pure.
 */
#ifndef FARLAN_TOOBIG_H
#define FARLAN_TOOBIG_H

#include "common/pure/addr.h"

#define TOOBIG_MAX_BYTES 1280
#define TOOBIG_EVERY_MS 10 /* an answer, on average */
#define TOOBIG_BURST 50

/**
 * toobig_answer() - make the packet that goes back to the sender. As much of @packet is quoted as
 * goes into 576 (IPv4, RFC 1812 section 4.3.2.3) or 1280 bytes.
 * @packet: any, its checksums finished.
 * @from: whom it comes from, of the same family.
 * Return: 0; -EPERM nothing may be said: it is an ICMP error or redirect itself, no first fragment,
 * or not from one host to one host (RFC 1122 section 3.2.2, RFC 4443 section 2.4); -EBADMSG.
 */
int toobig_answer(uint8_t out[TOOBIG_MAX_BYTES], size_t *n, const uint8_t *packet, size_t len,
		  const struct addr *from, uint32_t mtu) __attribute__((warn_unused_result));

/* How many answers may be given (RFC 4443 section 2.4 (f)). All zero at first. */
struct toobig_limit {
	uint64_t paid_ms;
};

/** toobig_allowed() - may one be given now? It counts then. @now_ms: a monotonic clock. */
bool toobig_allowed(struct toobig_limit *limit, uint64_t now_ms);

#endif
