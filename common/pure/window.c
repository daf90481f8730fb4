/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/window.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAYS 7
#define ALL_DAYS 0x7f
#define DAY_MIN 1440
#define AHEAD_MAX_MIN 840  /* +14:00, Kiribati */
#define BEHIND_MAX_MIN 720 /* -12:00 */
#define FIRST_DAY 3	   /* of Unix time: a Thursday */
#define DAY_CHARS 3

static const char names[DAYS][DAY_CHARS + 1] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* --- text --- */

static bool take(const char **text, char c)
{
	if (**text != c)
		return false;
	++*text;
	return true;
}

static bool take_day(const char **text, unsigned int *day)
{
	for (*day = 0; *day < DAYS; ++*day) {
		if (strncmp(*text, names[*day], DAY_CHARS) == 0) {
			*text += DAY_CHARS;
			return true;
		}
	}
	return false;
}

/* Two days of a span are different ones, and no day comes twice. */
static bool take_span(const char **text, uint8_t *days)
{
	unsigned int day, last;
	bool fits = true;

	if (!take_day(text, &day))
		return false;
	last = day;
	if (take(text, '-') && (!take_day(text, &last) || last == day))
		return false;
	for (;; day = (day + 1) % DAYS) {
		fits = fits && !(*days & 1U << day);
		*days |= (uint8_t)(1U << day);
		if (day == last)
			return fits;
	}
}

static bool take_days(const char **text, uint8_t *days)
{
	static const char daily[] = "daily";

	*days = 0;
	if (strncmp(*text, daily, sizeof(daily) - 1) == 0) {
		*text += sizeof(daily) - 1;
		*days = ALL_DAYS;
		return true;
	}
	do {
		if (!take_span(text, days))
			return false;
	} while (take(text, ','));
	return true;
}

static bool take_two_digits(const char **text, uint16_t *n)
{
	const char *t = *text;

	if (t[0] < '0' || t[0] > '9' || t[1] < '0' || t[1] > '9')
		return false;
	*n = (uint16_t)((t[0] - '0') * 10 + (t[1] - '0'));
	*text += 2;
	return true;
}

/* HH:MM, up to 24:00. */
static bool take_time(const char **text, uint16_t *minutes)
{
	uint16_t h, m;

	if (!take_two_digits(text, &h) || !take(text, ':') || !take_two_digits(text, &m) || m > 59)
		return false;
	*minutes = (uint16_t)(h * 60 + m);
	return *minutes <= DAY_MIN;
}

/* "+02:00": in quarters of an hour, as all zones are. */
static bool take_offset(const char **text, int16_t *offset)
{
	bool behind = **text == '-';
	uint16_t minutes;

	if (!take(text, behind ? '-' : '+') || !take_time(text, &minutes) || minutes % 15 ||
	    minutes > (behind ? BEHIND_MAX_MIN : AHEAD_MAX_MIN) || (behind && minutes == 0))
		return false;
	*offset = (int16_t)(behind ? -minutes : minutes);
	return true;
}

int window_parse(struct window *w, const char *text)
{
	struct window found = {.days = 0};

	if (!take_days(&text, &found.days) || !take(&text, ' ') ||
	    !take_time(&text, &found.from_min) || found.from_min == DAY_MIN || !take(&text, '-') ||
	    !take_time(&text, &found.to_min) || found.to_min == found.from_min ||
	    !take(&text, ' ') || !take_offset(&text, &found.offset_min) || *text)
		return -EINVAL;
	if (found.to_min == 0)
		found.to_min = DAY_MIN;
	*w = found;
	return 0;
}

/* "mon-wed,sun"; two days are a span, too. */
static void format_days(uint8_t days, char *out, size_t size)
{
	size_t used = 0;

	for (unsigned int day = 0; day < DAYS; day++) {
		unsigned int last = day;

		if (!(days & 1U << day))
			continue;
		while (last + 1 < DAYS && (days & 1U << (last + 1)))
			last++;
		used += (size_t)snprintf(out + used, size - used, "%s%s%s%s", used ? "," : "",
					 names[day], last > day ? "-" : "",
					 last > day ? names[last] : "");
		day = last;
	}
}

void window_format(const struct window *w, char out[WINDOW_TEXT_SIZE])
{
	int ahead = w->offset_min < 0 ? -w->offset_min : w->offset_min;
	char days[DAYS * (DAY_CHARS + 1)] = "daily";

	if (w->days != ALL_DAYS)
		format_days(w->days, days, sizeof(days));
	snprintf(out, WINDOW_TEXT_SIZE, "%s %02d:%02d-%02d:%02d %c%02d:%02d", days,
		 w->from_min / 60, w->from_min % 60, w->to_min / 60, w->to_min % 60,
		 w->offset_min < 0 ? '-' : '+', ahead / 60, ahead % 60);
}

bool window_equal(const struct window *a, const struct window *b)
{
	return a->days == b->days && a->from_min == b->from_min && a->to_min == b->to_min &&
	       a->offset_min == b->offset_min;
}

/* --- asking --- */

/* Towards the past, before 1970 too. */
static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

bool window_holds(const struct window *w, int64_t unix_s)
{
	int64_t minutes = floor_div(unix_s, 60) + w->offset_min;
	int64_t days = floor_div(minutes, DAY_MIN);
	int64_t minute = minutes - days * DAY_MIN;
	int64_t today = days + FIRST_DAY - floor_div(days + FIRST_DAY, DAYS) * DAYS;
	int64_t yesterday = (today + DAYS - 1) % DAYS;
	bool began_today = w->days & 1U << today && minute >= w->from_min;

	if (w->from_min < w->to_min)
		return began_today && minute < w->to_min;
	return began_today || (w->days & 1U << yesterday && minute < w->to_min);
}
