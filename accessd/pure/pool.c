/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/pool.h"

#include <errno.h>
#include <string.h>

#define POOL_IPV4_BASE UINT32_C(0x64400000) /* 100.64.0.0 */

void pool_scan_init(struct pool_scan *p)
{
	p->next = 1;
}

void pool_scan_used(struct pool_scan *p, uint32_t host)
{
	if (host == p->next)
		p->next++;
}

int pool_scan_free(const struct pool_scan *p, uint32_t *host)
{
	if (p->next > POOL_HOST_MAX)
		return -ENOSPC;
	*host = p->next;
	return 0;
}

static void put_u32(uint8_t *out, uint32_t v)
{
	out[0] = (uint8_t)(v >> 24);
	out[1] = (uint8_t)(v >> 16);
	out[2] = (uint8_t)(v >> 8);
	out[3] = (uint8_t)v;
}

struct addr pool_ipv4(uint32_t host)
{
	uint8_t bytes[4];

	put_u32(bytes, POOL_IPV4_BASE | host);
	return addr_from_bytes(4, bytes);
}

struct addr pool_ipv6(const uint8_t ula[POOL_ULA_BYTES], uint32_t host)
{
	uint8_t bytes[16] = {0};

	memcpy(bytes, ula, POOL_ULA_BYTES);
	put_u32(bytes + 12, host);
	return addr_from_bytes(6, bytes);
}

void pool_ula(uint8_t ula[POOL_ULA_BYTES])
{
	ula[0] = 0xfd;
}

bool pool_overlaps(const uint8_t ula[POOL_ULA_BYTES], const struct prefix *p)
{
	struct addr v4 = pool_ipv4(0), v6 = pool_ipv6(ula, 0);
	struct prefix mine = p->addr.family == 4 ? prefix_of(&v4, 10) : prefix_of(&v6, 48);

	return prefix_overlaps(&mine, p);
}
