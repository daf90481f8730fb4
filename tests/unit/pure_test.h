/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pure_test - what the tests of pure modules share: cmocka, reproducible noise, exact memory.
 */
#ifndef FARLAN_PURE_TEST_H
#define FARLAN_PURE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PURE_NOISE_ROUNDS 20000

/* Xorshift: the same numbers in every run. */
static inline uint32_t noise_u32(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 16);
}

static inline void noise_fill(uint64_t *state, void *bytes, size_t n)
{
	uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)noise_u32(state);
}

/* A copy in memory of exactly @n bytes, so that the sanitizer sees a read beyond. Free it. */
static inline void *exact_copy(const void *bytes, size_t n)
{
	void *p = malloc(n);

	assert_true(p || n == 0);
	if (n > 0)
		memcpy(p, bytes, n);
	return p;
}

#endif
