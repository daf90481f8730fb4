/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/rate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 12

static const struct {
	const char *name;
	uint64_t bits;
} UNITS[] = {
	{"gbit", 1000000000},
	{"mbit", 1000000},
	{"kbit", 1000},
};

int rate_parse(uint64_t *bytes_s, const char *text)
{
	size_t n = strspn(text, "0123456789");
	uint64_t v = 0;

	if (strcmp(text, "none") == 0) {
		*bytes_s = 0;
		return 0;
	}
	if (n == 0)
		return -EINVAL;
	for (size_t i = 0; i < n && i <= DIGITS_MAX; i++)
		v = v * 10 + (uint64_t)(text[i] - '0');
	for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
		if (strcmp(text + n, UNITS[i].name) != 0)
			continue;
		if (n > DIGITS_MAX || v > RATE_MAX_BYTES * 8 / UNITS[i].bits ||
		    v * UNITS[i].bits / 8 < RATE_MIN_BYTES)
			return -ERANGE;
		*bytes_s = v * UNITS[i].bits / 8;
		return 0;
	}
	return -EINVAL;
}

void rate_format(uint64_t bytes_s, char out[RATE_TEXT_SIZE])
{
	uint64_t bits = bytes_s * 8;

	for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
		if (bits > 0 && bits % UNITS[i].bits == 0) {
			snprintf(out, RATE_TEXT_SIZE, "%" PRIu64 "%s", bits / UNITS[i].bits,
				 UNITS[i].name);
			return;
		}
	}
	snprintf(out, RATE_TEXT_SIZE, bits ? "%" PRIu64 "kbit" : "none", bits / 1000);
}
