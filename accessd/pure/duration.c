/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/duration.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define YEAR_S (366 * INT64_C(86400))

static const struct {
	char letter;
	int64_t seconds;
} UNITS[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

#define N_UNITS (sizeof(UNITS) / sizeof(UNITS[0]))

int duration_parse(int64_t *seconds, const char *text)
{
	int64_t n = 0;
	size_t i = 0;

	for (; text[i] >= '0' && text[i] <= '9'; i++) {
		n = n * 10 + (text[i] - '0');
		if (n > YEAR_S)
			return -ERANGE;
	}
	if (i == 0 || text[i] == '\0' || text[i + 1] != '\0' || n == 0)
		return -EINVAL;
	for (size_t u = 0; u < N_UNITS - 1; u++) { /* not seconds */
		if (UNITS[u].letter == text[i]) {
			n *= UNITS[u].seconds;
			if (n > YEAR_S)
				return -ERANGE;
			*seconds = n;
			return 0;
		}
	}
	return -EINVAL;
}

void duration_format(int64_t seconds, char out[DURATION_TEXT_SIZE])
{
	size_t used = 0;
	int parts = 0;

	if (seconds <= 0) {
		snprintf(out, DURATION_TEXT_SIZE, "0s");
		return;
	}
	out[0] = '\0';
	for (size_t u = 0; u < N_UNITS && parts < 2; u++) {
		int64_t n = seconds / UNITS[u].seconds;

		seconds %= UNITS[u].seconds;
		if (n > 0)
			snprintf(out + used, DURATION_TEXT_SIZE - used, "%s%lld%c",
				 parts ? " " : "", (long long)n, UNITS[u].letter);
		parts += n > 0 || parts > 0;
		used = strlen(out);
	}
}
