/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who has failed too often, and for how long; recovery codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "accessd/pure/lockout.h"
#include "accessd/pure/recovery.h"

#define MIN INT64_C(60000)

static struct lockout *l;
static const struct lockout_key anna = {.kind = LOCKOUT_USER, .id = {1}};

static int setup(void **state)
{
	(void)state;
	l = lockout_new();
	return l ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	lockout_free(l);
	return 0;
}

static bool fail_at(int64_t now)
{
	struct lockout_state s;

	return lockout_fail(l, &anna, now, &s);
}

static void ten_in_a_quarter(void **state)
{
	(void)state;
	for (int i = 0; i < 9; i++)
		assert_false(fail_at(i));
	assert_int_equal(lockout_left_ms(l, &anna, 9), 0);
	assert_true(fail_at(9));
	assert_int_equal(lockout_left_ms(l, &anna, 9), 15 * MIN);
	assert_int_equal(lockout_left_ms(l, &anna, 9 + 15 * MIN - 1), 1);
	assert_int_equal(lockout_left_ms(l, &anna, 9 + 15 * MIN), 0);
}

/* Who tries on does not make it longer. */
static void a_lock_ends(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		(void)fail_at(0);
	for (int64_t t = 0; t < 15 * MIN; t += 1000)
		assert_false(fail_at(t));
	assert_int_equal(lockout_left_ms(l, &anna, 15 * MIN), 0);
	/* All begins anew. */
	for (int i = 0; i < 9; i++)
		assert_false(fail_at(15 * MIN + i));
	assert_true(fail_at(15 * MIN + 9));
}

static void the_window_slides(void **state)
{
	(void)state;
	/* One in 100 s are 9 in any 15 minutes: never. */
	for (int i = 0; i < 1000; i++)
		assert_false(fail_at(i * INT64_C(100000)));
	assert_true(lockout_clear(l, &anna));
	assert_false(lockout_clear(l, &anna));
	/* 9, and 9 more at the end of the first ones' time: 10 of these are within it. */
	for (int i = 0; i < 9; i++)
		assert_false(fail_at(14 * MIN));
	assert_true(fail_at(15 * MIN));
}

static void kinds_and_names_are_apart(void **state)
{
	struct lockout_key other = lockout_key_of(LOCKOUT_USER, 7),
			   pc = lockout_key_of(LOCKOUT_PC, 7);
	struct lockout_state s;

	(void)state;
	for (int i = 0; i < 10; i++)
		(void)lockout_fail(l, &pc, 0, &s);
	assert_true(lockout_left_ms(l, &pc, 0) > 0);
	assert_int_equal(lockout_left_ms(l, &other, 0), 0);
	assert_int_equal(lockout_left_ms(l, &anna, 0), 0);
}

/* Times of before the clock began: what was kept over a restart of the host. */
static void kept_from_before(void **state)
{
	struct lockout_state s = {.n = 9};

	(void)state;
	for (size_t i = 0; i < 9; i++)
		s.at_ms[i] = -10 * MIN;
	lockout_put(l, &anna, &s);
	assert_true(fail_at(0));
	lockout_put(l, &anna, &s);
	assert_false(fail_at(6 * MIN)); /* too old by then */
	s = (struct lockout_state){.n = 10, .is_locked = true, .until_ms = 5 * MIN};
	lockout_put(l, &anna, &s);
	assert_int_equal(lockout_left_ms(l, &anna, 0), 5 * MIN);
	/* Not what a damaged row says. */
	s = (struct lockout_state){.n = 10};
	lockout_put(l, &anna, &s);
	assert_true(fail_at(0));
}

/* Strangers cannot push a lock out of the table before they have locked as many others. */
static void a_full_table(void **state)
{
	struct lockout_state s;

	(void)state;
	for (int i = 0; i < 10; i++)
		(void)fail_at(1000);
	for (int64_t i = 1; i < 3 * LOCKOUT_KEYS_MAX; i++) {
		struct lockout_key k = lockout_key_of(LOCKOUT_USER, i);

		assert_false(lockout_fail(l, &k, 2000 + i, &s));
	}
	assert_true(lockout_left_ms(l, &anna, 2000) > 0);
}

static void recovery_codes(void **state)
{
	const uint8_t bytes[RECOVERY_BYTES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 0xff};
	char text[RECOVERY_TEXT_SIZE], plain[RECOVERY_PLAIN_SIZE], tight[7];

	(void)state;
	recovery_format(bytes, text);
	assert_string_equal(text, "aaaq-eaye-auda-och7");
	recovery_plain(text, plain, sizeof(plain));
	assert_int_equal(strlen(plain), 16);
	assert_true(recovery_is(plain));
	recovery_plain(" 123 456", tight, sizeof(tight));
	assert_string_equal(tight, "123456");
	assert_false(recovery_is(tight));
	recovery_plain("1234567", tight, sizeof(tight));
	assert_string_equal(tight, "");
	assert_false(recovery_is("ABCDEFGHIJKLMNO1"));
	assert_false(recovery_is(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ten_in_a_quarter, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lock_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(the_window_slides, setup, teardown),
		cmocka_unit_test_setup_teardown(kinds_and_names_are_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(kept_from_before, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_table, setup, teardown),
		cmocka_unit_test(recovery_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
