/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/backoff.h"

static void the_range_doubles_up_to_the_cap(void **state)
{
	static const uint32_t high[] = {1000, 2000, 4000, 8000, 10000, 10000};
	struct backoff low_b, high_b;

	(void)state;
	backoff_init(&low_b, 1000, 10000);
	backoff_init(&high_b, 1000, 10000);
	for (size_t i = 0; i < sizeof(high) / sizeof(high[0]); i++) {
		assert_int_equal(backoff_next_ms(&low_b, 0), 100);
		assert_int_equal(backoff_next_ms(&high_b, UINT32_MAX), high[i]);
	}
	backoff_reset(&high_b);
	assert_int_equal(backoff_next_ms(&high_b, UINT32_MAX), 1000);
	assert_int_equal(backoff_next_ms(&high_b, UINT32_MAX / 2 + 1), 100 + 1901 / 2);
}

static void never_zero_and_no_overflow(void **state)
{
	static const uint32_t values[] = {0, 1, 2, 3, 1000, UINT32_MAX / 2, UINT32_MAX};
	const size_t n = sizeof(values) / sizeof(values[0]);
	uint64_t seed = 5;

	(void)state;
	for (size_t i = 0; i < n * n; i++) {
		uint32_t base = values[i / n], max = values[i % n];
		struct backoff b;

		backoff_init(&b, base, max);
		for (int j = 0; j < 200; j++) {
			uint32_t ms = backoff_next_ms(&b, noise_u32(&seed));

			assert_in_range(ms, 1, max ? max : 1);
			assert_true(ms >= base / 10 || ms == max || max == 0);
		}
	}
}

/* Every tenth of the time gets its tenth of the waits. */
static void waits_are_spread_evenly(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (uint32_t tries = 0; tries < 8; tries++) {
		uint32_t high = 1000u << tries, tenths[10] = {0};

		high = high < 60000 ? high : 60000;
		for (int i = 0; i < 20000; i++) {
			struct backoff b = {.base_ms = 1000, .max_ms = 60000, .tries = tries};
			uint32_t ms = backoff_next_ms(&b, noise_u32(&seed));

			assert_in_range(ms, 100, high);
			tenths[(uint64_t)(ms - 100) * 10 / (high - 100 + 1)]++;
		}
		for (int i = 0; i < 10; i++)
			assert_in_range(tenths[i], 1800, 2200);
	}
}

#define FLEET 10000
#define FLEET_MS 200000

/* Everybody is lost in one moment, and the server is away for @away_ms. Return: the most that come
 * to it within a second then. */
static unsigned int rush(uint32_t away_ms)
{
	static uint16_t arrivals[FLEET_MS / 1000];
	unsigned int most = 0;
	uint64_t seed = 11;

	memset(arrivals, 0, sizeof(arrivals));
	for (int i = 0; i < FLEET; i++) {
		struct backoff b;
		uint32_t at = 0;

		backoff_init(&b, 1000, 60000);
		do {
			at += backoff_next_ms(&b, noise_u32(&seed));
		} while (at < away_ms);
		assert_true(at < away_ms + 60000);
		arrivals[at / 1000]++;
	}
	for (size_t i = 0; i < FLEET_MS / 1000; i++)
		most = arrivals[i] > most ? arrivals[i] : most;
	return most;
}

/* The longer a server was away, the less of them come at once. */
static void a_fleet_is_spread(void **state)
{
	(void)state;
	print_message("of %d clients come within a second after 3, 10, 60 s: %u, %u, %u\n", FLEET,
		      rush(3000), rush(10000), rush(60000));
	assert_in_range(rush(3000), 1, FLEET / 2);
	assert_in_range(rush(10000), 1, FLEET / 5);
	assert_in_range(rush(60000), 1, FLEET / 25);
}

static void the_count_saturates(void **state)
{
	struct backoff b;

	(void)state;
	backoff_init(&b, 3, 900);
	b.tries = UINT32_MAX;
	assert_int_equal(backoff_next_ms(&b, UINT32_MAX), 900);
	assert_int_equal(b.tries, UINT32_MAX);
}

/* A server's word is kept to the moment; one that never lets anybody in is not asked each second.
 */
static void a_time_that_was_told(void **state)
{
	struct backoff b;
	bool exact;

	(void)state;
	backoff_init(&b, 1000, 60000);
	b.tries = 5;
	for (int i = 0; i < BACKOFF_TOLD_MAX; i++) {
		assert_int_equal(backoff_told_ms(&b, UINT32_MAX, 1234, &exact), 1234);
		assert_true(exact);
		assert_int_equal(b.tries, 0);
	}
	for (int i = 0; i < 10; i++) {
		uint32_t ms = backoff_told_ms(&b, UINT32_MAX, 1234, &exact);

		assert_false(exact);
		assert_in_range(ms, 1234, 60000);
	}
	assert_int_equal(backoff_told_ms(&b, UINT32_MAX, 1234, &exact), 60000);
	assert_int_equal(backoff_told_ms(&b, 0, 1234, &exact), 1234);
	backoff_reset(&b);
	assert_int_equal(backoff_told_ms(&b, UINT32_MAX, 7, &exact), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_range_doubles_up_to_the_cap),
		cmocka_unit_test(never_zero_and_no_overflow),
		cmocka_unit_test(waits_are_spread_evenly),
		cmocka_unit_test(a_fleet_is_spread),
		cmocka_unit_test(the_count_saturates),
		cmocka_unit_test(a_time_that_was_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
