/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <string.h>

#include "common/pure/window.h"

#define MONDAY INT64_C(1795996800) /* 2026-11-30 00:00 UTC */
#define HOUR 3600
#define DAY (24 * HOUR)

static struct window window(const char *text)
{
	struct window w;

	if (window_parse(&w, text) != 0)
		fail_msg("not taken: %s", text);
	return w;
}

static void text_comes_back(void **state)
{
	static const char *const texts[][2] = {
		{"mon-fri 08:00-17:00 +02:00", NULL},
		{"daily 00:00-24:00 +00:00", NULL},
		{"mon,wed,fri 22:00-06:00 -03:30", NULL},
		{"sat-sun 09:30-12:15 +14:00", NULL},
		{"sun 00:00-00:15 -12:00", NULL},
		{"mon-sun 08:00-09:00 +05:45", "daily 08:00-09:00 +05:45"},
		{"fri-mon 08:00-09:00 +00:00", "mon,fri-sun 08:00-09:00 +00:00"},
		{"wed,mon,tue 08:00-09:00 +00:00", "mon-wed 08:00-09:00 +00:00"},
		{"tue 22:00-00:00 +00:00", "tue 22:00-24:00 +00:00"},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct window w = window(texts[i][0]), again;
		char text[WINDOW_TEXT_SIZE];

		window_format(&w, text);
		assert_string_equal(text, texts[i][1] ? texts[i][1] : texts[i][0]);
		again = window(text);
		assert_true(window_equal(&w, &again));
	}
}

static void all_sets_of_days_come_back(void **state)
{
	for (unsigned int days = 1; days <= 0x7f; days++) {
		struct window w = {(uint8_t)days, 1, 2, -15}, again;
		char text[WINDOW_TEXT_SIZE];

		window_format(&w, text);
		assert_true(strlen(text) < WINDOW_TEXT_SIZE - 1);
		again = window(text);
		assert_true(window_equal(&w, &again));
	}
}

static void other_text_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"daily",
		"daily 08:00-17:00",
		"08:00-17:00 +00:00",
		"Mon 08:00-17:00 +00:00",
		"monday 08:00-17:00 +00:00",
		"mon-mon 08:00-17:00 +00:00",
		"mon,mon 08:00-17:00 +00:00",
		"mon-wed,tue 08:00-17:00 +00:00",
		"fri-mon,sun 08:00-17:00 +00:00",
		"mon, 08:00-17:00 +00:00",
		"mon- 08:00-17:00 +00:00",
		",mon 08:00-17:00 +00:00",
		"mon-tue-wed 08:00-17:00 +00:00",
		"daily,mon 08:00-17:00 +00:00",
		"mon  08:00-17:00 +00:00",
		"mon 8:00-17:00 +00:00",
		"mon 08:00-08:00 +00:00",
		"mon 24:00-08:00 +00:00",
		"mon 08:00-24:01 +00:00",
		"mon 08:60-17:00 +00:00",
		"mon 08:00 17:00 +00:00",
		"mon 08:00-17:00 00:00",
		"mon 08:00-17:00 +0200",
		"mon 08:00-17:00 +02:10",
		"mon 08:00-17:00 +14:15",
		"mon 08:00-17:00 -12:15",
		"mon 08:00-17:00 -00:00",
		"mon 08:00-17:00 UTC",
		"mon 08:00-17:00 +02:00 ",
		"mon 08:00-17:00 +02:00x",
		"m",
		"mon 0",
		"mon 08:00-1",
		"mon 08:00-17:00 +",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct window w = {1, 2, 3, 4};

		if (window_parse(&w, texts[i]) != -EINVAL)
			fail_msg("taken: %s", texts[i]);
		assert_int_equal(w.days, 1);
	}
}

static void expect(const char *text, int64_t unix_s, bool holds)
{
	struct window w = window(text);

	if (window_holds(&w, unix_s) != holds)
		fail_msg("%s at %lld: not %d", text, (long long)unix_s, holds);
}

static void edges(void **state)
{
	static const char *const day = "mon-fri 08:00-17:00 +00:00";

	expect(day, MONDAY + 8 * HOUR - 1, false);
	expect(day, MONDAY + 8 * HOUR, true);
	expect(day, MONDAY + 17 * HOUR - 1, true);
	expect(day, MONDAY + 17 * HOUR, false);
	expect(day, MONDAY + 4 * DAY + 9 * HOUR, true);
	expect(day, MONDAY + 5 * DAY + 9 * HOUR, false);
	expect(day, MONDAY - DAY + 9 * HOUR, false);
	expect("daily 00:00-24:00 +00:00", MONDAY - 1, true);
	expect("mon 00:00-24:00 +00:00", MONDAY - 1, false);
	expect("mon 00:00-24:00 +00:00", MONDAY + DAY - 1, true);
	expect("mon 00:00-24:00 +00:00", MONDAY + DAY, false);
}

/* It belongs to the day on which it begins, over the end of the week, too. */
static void over_midnight(void **state)
{
	static const char *const night = "sun 22:00-06:00 +00:00";

	expect(night, MONDAY - 2 * HOUR - 1, false);
	expect(night, MONDAY - 2 * HOUR, true);
	expect(night, MONDAY, true);
	expect(night, MONDAY + 6 * HOUR - 1, true);
	expect(night, MONDAY + 6 * HOUR, false);
	expect(night, MONDAY + DAY, false);
	expect(night, MONDAY - DAY + 1, false);
	expect("mon-fri 22:00-06:00 +00:00", MONDAY + HOUR, false);
	expect("mon-fri 22:00-06:00 +00:00", MONDAY + 5 * DAY + HOUR, true);
}

static void the_offset_counts(void **state)
{
	expect("mon 00:00-01:00 +02:00", MONDAY - 2 * HOUR, true);
	expect("mon 00:00-01:00 +02:00", MONDAY, false);
	expect("mon 00:00-01:00 -03:30", MONDAY + 3 * HOUR + 1800, true);
	expect("mon 00:00-01:00 -03:30", MONDAY + 3 * HOUR + 1799, false);
}

/* Clocks may be anywhere. */
static void before_1970(void **state)
{
	expect("wed 23:00-24:00 +00:00", -1, true);
	expect("thu 00:00-01:00 +00:00", 0, true);
	expect("thu 00:00-01:00 +00:00", -1, false);
	expect("daily 00:00-24:00 -12:00", INT64_MIN / 2, true);
	expect("daily 00:00-24:00 +14:00", INT64_MAX / 2, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_comes_back),
		cmocka_unit_test(all_sets_of_days_come_back),
		cmocka_unit_test(other_text_is_refused),
		cmocka_unit_test(edges),
		cmocka_unit_test(over_midnight),
		cmocka_unit_test(the_offset_counts),
		cmocka_unit_test(before_1970),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
