/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/loss.h"

struct line {
	struct loss l;
	uint32_t sent, again;
	uint64_t now_ms;
};

/* @n segments, @lost of them, in steps of 100 ms. */
static bool send_on(struct line *s, uint32_t n, uint32_t lost, uint32_t steps)
{
	for (uint32_t i = 1; i <= steps; i++) {
		s->now_ms += 100;
		(void)loss_note(&s->l, s->sent + n / steps * i, s->again + lost * i / steps,
				s->now_ms);
	}
	s->sent += n / steps * steps;
	s->again += lost;
	return s->l.lossy;
}

static void one_in_a_hundred_is_lossy(void **state)
{
	struct line s = {.now_ms = 1000};

	(void)state;
	assert_false(send_on(&s, 100000, 0, 100));
	assert_true(send_on(&s, 1000, 10, 10));
}

static void a_few_in_many_are_not(void **state)
{
	struct line s = {.now_ms = 1000};

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_false(send_on(&s, 20000, 1, 20));
	for (int i = 0; i < 100; i++) /* one, now and then, of a quiet connection */
		assert_false(send_on(&s, 400, i % 4 == 0, 100));
}

static void calm_for_a_while_is_not_lossy_any_more(void **state)
{
	struct line s = {.now_ms = 1000};

	(void)state;
	assert_true(send_on(&s, 1000, 10, 10));
	assert_true(send_on(&s, 100000, 0, LOSS_CALM_MS / 100 - 10));
	assert_false(send_on(&s, 10000, 0, 20));
	assert_true(send_on(&s, 1000, 10, 10));
}

static void a_pause_is_calm_too(void **state)
{
	struct line s = {.now_ms = 1000};

	(void)state;
	assert_true(send_on(&s, 1000, 10, 10));
	s.now_ms += LOSS_CALM_MS;
	assert_false(send_on(&s, 100, 0, 1));
}

static void counters_wrap(void **state)
{
	struct line s = {.now_ms = 1000, .sent = UINT32_MAX - 500, .again = UINT32_MAX - 2};

	(void)state;
	s.l.segments = s.sent;
	s.l.again = s.again;
	s.l.since_ms = s.now_ms;
	assert_false(send_on(&s, 1000, 1, 10));
	assert_true(send_on(&s, 1000, 10, 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_in_a_hundred_is_lossy),
		cmocka_unit_test(a_few_in_many_are_not),
		cmocka_unit_test(calm_for_a_while_is_not_lossy_any_more),
		cmocka_unit_test(a_pause_is_calm_too),
		cmocka_unit_test(counters_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
