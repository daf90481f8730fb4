/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rate - how much may flow, as people write it: "10mbit", "512kbit", "1gbit", "none". Decimal
 * units, bits in a second; kept as bytes in a second, 0 for none. Pure.
 */
#ifndef FARLAN_RATE_H
#define FARLAN_RATE_H

#include <stdint.h>

#define RATE_MIN_BYTES UINT64_C(8000)	     /* 64kbit: below, a connection would look dead */
#define RATE_MAX_BYTES UINT64_C(12500000000) /* 100gbit */
#define RATE_TEXT_SIZE 24

/** rate_parse() - Return: 0; -EINVAL not a rate; -ERANGE outside of RATE_MIN_BYTES to
 * RATE_MAX_BYTES. */
int rate_parse(uint64_t *bytes_s, const char *text) __attribute__((warn_unused_result));

/** rate_format() - in the largest unit that is exact; rate_parse() takes it again. */
void rate_format(uint64_t bytes_s, char out[RATE_TEXT_SIZE]);

#endif
