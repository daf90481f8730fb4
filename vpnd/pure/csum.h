/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * csum - the Internet checksum (RFC 1071), and fields of packets in network byte order. Pure.
 */
#ifndef FARLAN_CSUM_H
#define FARLAN_CSUM_H

#include <stddef.h>
#include <stdint.h>

/** csum_add() - add @len bytes to @sum, as words in host byte order; an odd last byte is padded. */
uint64_t csum_add(const uint8_t *p, size_t len, uint64_t sum);
/** csum_fold() - in host byte order, not complemented: to be copied into a packet as it lies. */
uint16_t csum_fold(uint64_t sum);

/**
 * csum_mend() - the finished checksum at @field after @n bytes that it covers, an even number at an
 * even place, changed from @old to @new (RFC 1624 section 3, equation 3).
 */
void csum_mend(uint8_t *field, const uint8_t *old, const uint8_t *new, size_t n);
/**
 * csum_mend_sum() - the same for a sum that is not complemented yet, as of the pseudo-header in a
 * packet with needs_csum (vnet.h). Only bytes of the pseudo-header are in it.
 */
void csum_mend_sum(uint8_t *field, const uint8_t *old, const uint8_t *new, size_t n);

static inline uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void put_be16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

#endif
