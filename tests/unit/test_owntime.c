/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/owntime.h"

#include "tests/unit/pure_test.h"

#define NOW_S INT64_C(1796000000) /* November 2026 */
#define IN_2040_S INT64_C(2209000000)

static void goes_by_a_plausible_system_clock(void **state)
{
	struct owntime o;

	(void)state;
	owntime_init(&o, 0, NOW_S * 1000, 5000);
	assert_int_equal(o.state, OWNTIME_SYSTEM);
	assert_int_equal(o.floor_s, OWNTIME_RELEASED_S);
	assert_true(owntime_now_ms(&o, NOW_S * 1000 + 77, 9000) == NOW_S * 1000 + 77);
	assert_false(owntime_is_doubtful(&o, NOW_S * 1000));
	assert_true(owntime_is_doubtful(&o, IN_2040_S * 1000));
	assert_false(owntime_to_save(&o));
}

static void knows_that_1970_is_wrong(void **state)
{
	struct owntime o;

	(void)state;
	owntime_init(&o, NOW_S, 60000, 5000);
	assert_int_equal(o.state, OWNTIME_UNKNOWN);
	assert_true(owntime_is_doubtful(&o, 60000));
	/* From the floor on, by the clock that nobody sets. */
	assert_true(owntime_now_ms(&o, 60000, 5000) == NOW_S * 1000);
	assert_true(owntime_now_ms(&o, IN_2040_S * 1000, 7000) == NOW_S * 1000 + 2000);
	/* A file that makes no sense counts as none. */
	owntime_init(&o, -1, 60000, 0);
	assert_int_equal(o.floor_s, OWNTIME_RELEASED_S);
	owntime_init(&o, INT64_MAX, 60000, 0);
	assert_int_equal(o.floor_s, OWNTIME_RELEASED_S);
}

static void carries_a_signed_time_on(void **state)
{
	struct owntime o;

	(void)state;
	owntime_init(&o, 0, 60000, 1000);
	assert_int_equal(owntime_take_signed(&o, NOW_S * 1000, 400, 2000), 0);
	assert_int_equal(o.state, OWNTIME_SIGNED);
	assert_true(owntime_now_ms(&o, 60000, 2000) == NOW_S * 1000 + 200);
	/* Whatever the host's clock does. */
	assert_true(owntime_now_ms(&o, IN_2040_S * 1000, 12000) == NOW_S * 1000 + 10200);
	assert_false(owntime_is_doubtful(&o, 0));
}

static void keeps_a_floor(void **state)
{
	struct owntime o;

	(void)state;
	owntime_init(&o, 0, NOW_S * 1000, 0);
	assert_int_equal(owntime_take_signed(&o, NOW_S * 1000, 0, 0), 0);
	assert_true(o.floor_s == NOW_S - OWNTIME_SLACK_S);
	assert_true(owntime_to_save(&o));
	assert_false(owntime_to_save(&o));
	/* A server's clock that was set back a little is no attack. */
	assert_int_equal(owntime_take_signed(&o, (NOW_S - 3600) * 1000, 0, 0), 0);
	assert_true(o.floor_s == NOW_S - OWNTIME_SLACK_S);
	assert_int_equal(owntime_take_signed(&o, (NOW_S - OWNTIME_SLACK_S - 1) * 1000, 0, 0),
			 -ERANGE);
	assert_true(owntime_now_ms(&o, 0, 0) == (NOW_S - 3600) * 1000);
	/* Flash is written once a day at most. */
	assert_int_equal(owntime_take_signed(&o, (NOW_S + 80000) * 1000, 0, 0), 0);
	assert_false(owntime_to_save(&o));
	assert_int_equal(owntime_take_signed(&o, (NOW_S + 86400) * 1000, 0, 0), 0);
	assert_true(owntime_to_save(&o));
	assert_true(o.saved_s == NOW_S);
}

static void believes_no_end_of_time(void **state)
{
	struct owntime o;

	(void)state;
	owntime_init(&o, 0, NOW_S * 1000, 0);
	assert_int_equal(owntime_take_signed(&o, INT64_MAX, 0, 0), -ERANGE);
	assert_int_equal(owntime_take_signed(&o, INT64_MIN, 0, 0), -ERANGE);
	assert_int_equal(owntime_take_sntp(&o, (OWNTIME_END_S + 1) * 1000, 0), -ERANGE);
	assert_int_equal(o.state, OWNTIME_SYSTEM);
}

/* One forged answer must not poison what comes after it. */
static void sntp_is_never_the_last_word(void **state)
{
	struct owntime o;

	(void)state;
	owntime_init(&o, NOW_S, 60000, 0);
	assert_int_equal(owntime_take_sntp(&o, (NOW_S - 1) * 1000, 0), -ERANGE);
	assert_int_equal(owntime_take_sntp(&o, IN_2040_S * 1000, 0), 0);
	assert_int_equal(o.state, OWNTIME_SNTP);
	assert_true(owntime_now_ms(&o, 0, 1000) == IN_2040_S * 1000 + 1000);
	assert_true(o.floor_s == NOW_S);
	assert_false(owntime_to_save(&o));
	assert_int_equal(owntime_take_signed(&o, (NOW_S + 5) * 1000, 0, 0), 0);
	assert_true(owntime_now_ms(&o, 0, 0) == (NOW_S + 5) * 1000);
	assert_int_equal(owntime_take_sntp(&o, IN_2040_S * 1000, 0), -EALREADY);
	assert_int_equal(o.state, OWNTIME_SIGNED);
}

/* A clock of 32 bits would be in 1901 by then. */
static void works_in_2040(void **state)
{
	struct owntime o;

	(void)state;
	owntime_init(&o, IN_2040_S - 86400, IN_2040_S * 1000, 0);
	assert_int_equal(o.state, OWNTIME_SYSTEM);
	assert_int_equal(owntime_take_signed(&o, (IN_2040_S + 1) * 1000, 0, 500), 0);
	assert_true(owntime_now_ms(&o, 0, 1500) == IN_2040_S * 1000 + 2000);
	assert_string_equal(owntime_state_name(o.state), "signed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_by_a_plausible_system_clock),
		cmocka_unit_test(knows_that_1970_is_wrong),
		cmocka_unit_test(carries_a_signed_time_on),
		cmocka_unit_test(keeps_a_floor),
		cmocka_unit_test(believes_no_end_of_time),
		cmocka_unit_test(sntp_is_never_the_last_word),
		cmocka_unit_test(works_in_2040),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
