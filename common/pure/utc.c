/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/utc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void utc_format(int64_t ms, char out[UTC_TEXT_SIZE])
{
	struct tm tm;
	time_t s;

	ms = ms < 0 ? 0 : ms;
	ms = ms > UTC_MAX_MS ? UTC_MAX_MS : ms;
	s = (time_t)(ms / 1000);
	gmtime_r(&s, &tm);
	strftime(out, UTC_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + 19, UTC_TEXT_SIZE - 19, ".%03uZ", (unsigned int)(ms % 1000) % 1000u);
}

int utc_parse(int64_t *ms, const char *text)
{
	char again[UTC_TEXT_SIZE];
	struct tm tm = {0};
	int milli;
	int64_t t;

	if (strlen(text) != UTC_TEXT_SIZE - 1 ||
	    sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &milli) != 7)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	t = (int64_t)timegm(&tm) * 1000 + milli;
	utc_format(t, again); /* 31 February, signs, blanks */
	if (strcmp(again, text) != 0)
		return -EINVAL;
	*ms = t;
	return 0;
}
