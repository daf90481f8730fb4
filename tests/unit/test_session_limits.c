/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a session ends by itself. */
#include "tests/unit/pure_test.h"

#include "vpnd/pure/limits.h"

#define HOUR 3600

static void idle(void **state)
{
	struct limits l;
	uint64_t t = 1000;

	(void)state;
	limits_begin(&l, 1800, t);
	assert_int_equal(limits_look(&l, false, HOUR, t), LIMITS_NOTHING);
	assert_true(limits_idle_left_ms(&l, t) == 1800000);
	t += 1740000 - 1;
	assert_int_equal(limits_look(&l, false, HOUR, t), LIMITS_NOTHING);
	t += 1;
	assert_int_equal(limits_look(&l, false, HOUR, t), LIMITS_IDLE_SOON);
	assert_int_equal(limits_look(&l, false, HOUR, t), LIMITS_NOTHING); /* once */
	assert_int_equal(limits_look(&l, true, HOUR, t + 59999), LIMITS_NOTHING);
	t += 59999 + 1740000;
	assert_int_equal(limits_look(&l, false, HOUR, t), LIMITS_IDLE_SOON); /* and again */
	assert_int_equal(limits_look(&l, false, HOUR, t + 59999), LIMITS_NOTHING);
	assert_int_equal(limits_look(&l, false, HOUR, t + 60000), LIMITS_IDLE);
	assert_true(limits_idle_left_ms(&l, t + 99999) == 0);
}

static void short_and_none(void **state)
{
	struct limits l;

	(void)state;
	limits_begin(&l, 10, 0);
	assert_int_equal(limits_look(&l, false, HOUR, 4999), LIMITS_NOTHING);
	assert_int_equal(limits_look(&l, false, HOUR, 5000), LIMITS_IDLE_SOON);
	assert_int_equal(limits_look(&l, false, HOUR, 9999), LIMITS_NOTHING);
	assert_int_equal(limits_look(&l, false, HOUR, 10000), LIMITS_IDLE);
	/* A clock that stands still, or a use that was seen late. */
	assert_int_equal(limits_look(&l, true, HOUR, 10000), LIMITS_NOTHING);
	assert_int_equal(limits_look(&l, false, HOUR, 9000), LIMITS_NOTHING);
	limits_begin(&l, 0, 0);
	assert_int_equal(limits_look(&l, false, HOUR, UINT64_MAX / 2), LIMITS_NOTHING);
	assert_true(limits_idle_left_ms(&l, UINT64_MAX / 2) == LIMITS_NEVER);
}

static void its_time(void **state)
{
	struct limits l;

	(void)state;
	limits_begin(&l, 0, 0);
	assert_int_equal(limits_look(&l, true, 61, 0), LIMITS_NOTHING);
	assert_int_equal(limits_look(&l, true, 60, 0), LIMITS_END_SOON);
	assert_int_equal(limits_look(&l, true, 59, 0), LIMITS_NOTHING);
}

static void what_is_use(void **state)
{
	/* 10.0.0.1 -> 10.0.0.2 */
	static const struct {
		uint8_t protocol, body[20];
		size_t n;
		bool use;
	} t[] = {
		{6, {0, 80, 0, 81, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x02}, 20, true},  /* SYN */
		{6, {0, 80, 0, 81, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10}, 20, true},  /* ACK */
		{6, {0, 80, 0, 81, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x14}, 20, false}, /* RST */
		{17, {0, 80, 0, 81, 0, 8}, 8, true},
		{1, {8, 0}, 8, true},	/* echo request */
		{1, {0, 0}, 8, false},	/* its answer */
		{1, {3, 3}, 8, false},	/* unreachable */
		{1, {11, 0}, 8, false}, /* took too long */
		{47, {0}, 8, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint8_t p[40] = {0x45, 0,
				 0,    (uint8_t)(20 + t[i].n),
				 0,    0,
				 0,    0,
				 64,   t[i].protocol,
				 0,    0,
				 10,   0,
				 0,    1,
				 10,   0,
				 0,    2};

		memcpy(p + 20, t[i].body, t[i].n);
		if (limits_is_use(p, 20 + t[i].n) != t[i].use)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle),
		cmocka_unit_test(short_and_none),
		cmocka_unit_test(its_time),
		cmocka_unit_test(what_is_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
