/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/csum.h"

#include <string.h>

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* One's complement: what overflows comes in again at the right. */
static uint64_t add_carry(uint64_t a, uint64_t b)
{
	a += b;
	return a + (a < b);
}

static uint64_t sum_tail(const uint8_t *p, size_t len, uint64_t sum)
{
	uint8_t rest[8] = {0};

	for (; len >= 8; p += 8, len -= 8)
		sum = add_carry(sum, load64(p));
	if (len > 0)
		memcpy(rest, p, len);
	return add_carry(sum, load64(rest));
}

/*
 * Adds 16-bit words in host order, which gives the sum in host order (RFC 1071 section 2 (B)),
 * eight bytes at a time in four chains that do not wait for each other. An odd last byte is padded.
 */
uint64_t csum_add(const uint8_t *p, size_t len, uint64_t sum)
{
	uint64_t a = 0, b = 0, c = 0;

	for (; len >= 32; p += 32, len -= 32) {
		sum = add_carry(sum, load64(p));
		a = add_carry(a, load64(p + 8));
		b = add_carry(b, load64(p + 16));
		c = add_carry(c, load64(p + 24));
	}
	sum = add_carry(add_carry(sum, a), add_carry(b, c));
	return sum_tail(p, len, sum);
}

uint16_t csum_fold(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)sum;
}

/* In host byte order throughout (RFC 1071 section 2 (B)): the words are summed as they lie. */
static uint16_t mended(uint16_t sum, const uint8_t *old, const uint8_t *new, size_t n)
{
	uint64_t out = csum_fold(csum_add(old, n, 0)), in = csum_fold(csum_add(new, n, sum));

	return csum_fold(in + (out ^ UINT16_MAX));
}

void csum_mend(uint8_t *field, const uint8_t *old, const uint8_t *new, size_t n)
{
	uint16_t sum;

	memcpy(&sum, field, sizeof(sum));
	sum = (uint16_t)~mended((uint16_t)~sum, old, new, n);
	memcpy(field, &sum, sizeof(sum));
}

void csum_mend_sum(uint8_t *field, const uint8_t *old, const uint8_t *new, size_t n)
{
	uint16_t sum;

	memcpy(&sum, field, sizeof(sum));
	sum = mended(sum, old, new, n);
	memcpy(field, &sum, sizeof(sum));
}
