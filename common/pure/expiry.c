/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/expiry.h"

#include <stddef.h>

#define DAY_S INT64_C(86400)

static const int64_t thresholds_s[] = {30 * DAY_S, 7 * DAY_S, 1 * DAY_S, 0};
#define THRESHOLDS (sizeof(thresholds_s) / sizeof(thresholds_s[0]))

void expiry_set(struct expiry *x, int64_t not_after)
{
	if (x->not_after != not_after)
		*x = (struct expiry){.not_after = not_after};
}

bool expiry_due(struct expiry *x, int64_t now, int *days)
{
	int64_t left = x->not_after - now;
	unsigned int passed = 0;

	if (x->not_after == 0)
		return false;
	while (passed < THRESHOLDS && left < thresholds_s[passed])
		passed++;
	if (passed <= x->told) {
		x->told = passed; /* the clock was set back */
		return false;
	}
	x->told = passed;
	*days = left < 0 ? -1 : (int)(left / DAY_S);
	return true;
}
