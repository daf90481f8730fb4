/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/toobig.h"

int toobig_answer(uint8_t out[TOOBIG_MAX_BYTES], size_t *n, const uint8_t *packet, size_t len,
		  const struct addr *from, uint32_t mtu)
{
	struct icmp_error needed = {3, 4, mtu < UINT16_MAX ? mtu : UINT16_MAX},
			  too_big = {2, 0, mtu};

	return icmp_error_make(out, n, packet, len, from, from->family == 4 ? &needed : &too_big);
}

/* As a token bucket kept as the moment when all that was given is earned. */
bool toobig_allowed(struct toobig_limit *limit, uint64_t now_ms)
{
	if (limit->paid_ms < now_ms)
		limit->paid_ms = now_ms;
	if (limit->paid_ms - now_ms > (uint64_t)(TOOBIG_BURST - 1) * TOOBIG_EVERY_MS)
		return false;
	limit->paid_ms += TOOBIG_EVERY_MS;
	return true;
}
