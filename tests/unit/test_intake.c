/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How fast connections are let in, and how many there are from each address: the pure parts. */
#include <string.h>

#include "tests/unit/pure_test.h"

#include "accessd/intake.h"
#include "accessd/pure/origins.h"
#include "accessd/pure/pace.h"

#define SECOND UINT64_C(1000000)

/* How many of those that come each millisecond are let in during @ms. */
static unsigned int let_in(struct pace *p, uint64_t from_us, unsigned int ms, uint32_t burst_ms)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < ms; i++)
		n += pace_take(p, from_us + UINT64_C(1000) * i, burst_ms);
	return n;
}

static void test_pace(void **state)
{
	struct pace p;

	pace_init(&p, 200);
	assert_in_range(let_in(&p, SECOND, 1000, 0), 199, 201);
	assert_in_range(let_in(&p, 2 * SECOND, 1000, 0), 199, 201);
}

/* Rest is no credit: what was not used does not come on top. */
static void test_pace_after_rest(void **state)
{
	struct pace p;

	pace_init(&p, 200);
	assert_in_range(let_in(&p, 1000 * SECOND, 1000, 100), 219, 221);
	assert_in_range(let_in(&p, 1001 * SECOND, 1000, 100), 199, 201);
}

/* Who is expected goes on where others have to wait. */
static void test_pace_expected(void **state)
{
	struct pace p;

	pace_init(&p, 100);
	while (pace_take(&p, SECOND, 100))
		;
	assert_false(pace_take(&p, SECOND, 100));
	for (int i = 0; i < 30; i++)
		assert_true(pace_take(&p, SECOND, 400));
	assert_false(pace_take(&p, SECOND, 400));
	assert_false(pace_take(&p, SECOND + 200000, 100)); /* they are paid back first */
	assert_true(pace_take(&p, SECOND + 400000, 100));
}

static void test_pace_book(void **state)
{
	struct pace p;

	pace_init(&p, 200);
	for (uint64_t i = 1; i <= 10000; i++)
		assert_int_equal(pace_book(&p, SECOND), i * 5000);
	assert_int_equal(pace_book(&p, 60 * SECOND), 5000); /* the old places are over */
	/* A clock that stands still or an early one do no harm. */
	assert_int_equal(pace_book(&p, 60 * SECOND), 10000);
}

/* Who asks for places without end sends nobody away for longer than that. */
static void test_later(void **state)
{
	static struct intake in;
	uint32_t most = 0;

	pace_init(&in.booked, 200);
	for (int i = 0; i < 200000; i++) {
		uint32_t s = intake_later_s(&in);

		most = s > most ? s : most;
	}
	assert_in_range(most, INTAKE_BOOK_MAX_S / 2, INTAKE_BOOK_MAX_S + 1);
	assert_int_equal(in.told, 200000);
}

static void test_origins(void **state)
{
	static struct origins o;
	uint8_t a[ORIGINS_BYTES] = {10, 0, 0, 1}, b[ORIGINS_BYTES] = {0x20, 1, 0xd, 0xb8};

	origins_init(&o, 4711);
	for (int i = 0; i < 100; i++)
		origins_add(&o, a);
	origins_add(&o, b);
	assert_int_equal(origins_count(&o, a), 100);
	assert_int_equal(origins_count(&o, b), 1);
	origins_remove(&o, b);
	assert_int_equal(origins_count(&o, b), 0);
	for (int i = 0; i < 100; i++)
		origins_remove(&o, a);
	assert_int_equal(origins_count(&o, a), 0);
}

/* Few share a counter, whatever the addresses have in common. */
static void test_origins_spread(void **state)
{
	static struct origins o;
	unsigned int most = 0;

	origins_init(&o, 42);
	for (uint32_t i = 0; i < 2000; i++) {
		uint8_t a[ORIGINS_BYTES] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i};

		origins_add(&o, a);
		if (origins_count(&o, a) > most)
			most = (unsigned int)origins_count(&o, a);
	}
	assert_in_range(most, 1, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pace),	       cmocka_unit_test(test_pace_after_rest),
		cmocka_unit_test(test_pace_expected),  cmocka_unit_test(test_pace_book),
		cmocka_unit_test(test_later),	       cmocka_unit_test(test_origins),
		cmocka_unit_test(test_origins_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
