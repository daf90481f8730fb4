/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pool - tunnel addresses: every endpoint has a number, the host, and from it an IPv4 address
 * in 100.64.0.0/10 (RFC 6598) and an IPv6 address in the domain's ULA /48 (RFC 4193). Pure.
 */
#ifndef FARLAN_POOL_H
#define FARLAN_POOL_H

#include "common/pure/addr.h"

#define POOL_HOST_MAX ((UINT32_C(1) << 22) - 2) /* not the range's first and last address */
#define POOL_ULA_BYTES 6

/* Looks for the lowest host that is free; give it those that are used in ascending order. */
struct pool_scan {
	uint32_t next;
};

void pool_scan_init(struct pool_scan *p);
void pool_scan_used(struct pool_scan *p, uint32_t host);
/** pool_scan_free() - Return: 0 and *host, 1..POOL_HOST_MAX; -ENOSPC. */
int pool_scan_free(const struct pool_scan *p, uint32_t *host) __attribute__((warn_unused_result));

struct addr pool_ipv4(uint32_t host);
struct addr pool_ipv6(const uint8_t ula[POOL_ULA_BYTES], uint32_t host);
/** pool_ula() - make 6 random bytes the prefix of a ULA (fd00::/8). */
void pool_ula(uint8_t ula[POOL_ULA_BYTES]);
/** pool_overlaps() - does @p reach into the tunnel addresses? */
bool pool_overlaps(const uint8_t ula[POOL_ULA_BYTES], const struct prefix *p);

#endif
