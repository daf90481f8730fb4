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
		assert_int_equal(backoff_next_ms(&low_b, 0), 500);
		assert_int_equal(backoff_next_ms(&high_b, UINT32_MAX), high[i]);
	}
	backoff_reset(&high_b);
	assert_int_equal(backoff_next_ms(&high_b, UINT32_MAX), 1000);
	assert_int_equal(backoff_next_ms(&high_b, UINT32_MAX / 2 + 1), 500 + 1501 / 2);
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
			assert_true(ms >= base / 2 || ms == max || max == 0);
		}
	}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_range_doubles_up_to_the_cap),
		cmocka_unit_test(never_zero_and_no_overflow),
		cmocka_unit_test(the_count_saturates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
