/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/loss.h"

#define RTT_US 40000
#define BURST 300

struct line {
	struct loss l;
	struct loss_look look;
};

static struct line new_line(void)
{
	return (struct line){.look = {.rtt_us = RTT_US, .now_ms = 1000}};
}

/* For @ms: @rate segments in 100 ms; @lost of them every @every_ms (a multiple of 100). */
static bool go_on(struct line *s, uint32_t ms, uint32_t rate, uint32_t lost, uint32_t every_ms)
{
	for (uint32_t at = 100; at <= ms; at += 100) {
		s->look.now_ms += 100;
		s->look.segments += rate;
		if (lost && at % every_ms == 0)
			s->look.again += lost;
		(void)loss_note(&s->l, &s->look);
	}
	return s->l.lossy;
}

static void one_in_a_hundred_is_lossy(void **state)
{
	struct line s = new_line();

	assert_false(go_on(&s, 10000, 1000, 0, 0));
	assert_true(go_on(&s, 5000, 12, 1, 1000)); /* what cubic then carries */
}

static void one_in_a_hundred_of_many_is_lossy(void **state)
{
	struct line s = new_line();

	assert_true(go_on(&s, 1000, 1000, 10, 100));
}

static void a_few_in_many_are_not(void **state)
{
	struct line s = new_line();

	assert_false(go_on(&s, 200000, 1000, 1, 2000));
	assert_false(go_on(&s, 200000, 4, 1, 20000)); /* one, now and then, of a quiet connection */
}

/* cubic finds out how much a line bears: once in some seconds it is too much. */
static void an_overflow_now_and_then_is_not(void **state)
{
	struct line s = new_line();

	assert_false(go_on(&s, 300000, 700, BURST, 6000));
}

/* However often: with a long queue it was too much. */
static void what_a_full_queue_drops_is_not(void **state)
{
	struct line s = new_line();

	assert_false(go_on(&s, 1000, 100, 0, 0));
	for (int i = 0; i < 100; i++) {
		s.look.rtt_us = RTT_US + 60000;
		assert_false(go_on(&s, 300, 100, 20, 100));
		s.look.rtt_us = RTT_US + 5000;
		assert_false(go_on(&s, 700, 100, 0, 0));
	}
}

/* One overflow, and what it takes to get it all there: several looks within a few round trips. */
static void a_burst_is_one_event(void **state)
{
	struct line s = new_line();

	s.look.rtt_us = 200000;
	assert_false(go_on(&s, 10000, 100, 0, 0));
	assert_false(go_on(&s, 800, 100, 50, 100));
	assert_false(go_on(&s, 10000, 100, 0, 0));
}

static void a_way_that_became_longer_is_no_queue(void **state)
{
	struct line s = new_line();

	s.look.rtt_us = 500;
	assert_false(go_on(&s, 10000, 100, 0, 0));
	s.look.rtt_us = 80000;
	assert_false(go_on(&s, 2 * LOSS_LOWEST_MS, 12, 0, 0));
	assert_true(go_on(&s, 5000, 12, 1, 1000));
}

static void without_a_round_trip_events_count(void **state)
{
	struct line s = new_line();

	s.look.rtt_us = 0;
	assert_false(go_on(&s, 2 * LOSS_EVENT_MS / 100 * 100, 100, 10, 100));
	assert_true(go_on(&s, 1000, 100, 10, 100));
}

static void calm_for_a_while_is_not_lossy_any_more(void **state)
{
	struct line s = new_line();

	assert_true(go_on(&s, 1000, 100, 2, 100));
	assert_true(go_on(&s, LOSS_CALM_MS - 1000, 1000, 0, 0));
	assert_false(go_on(&s, 2000, 1000, 0, 0));
	assert_true(go_on(&s, 1000, 100, 2, 100));
}

static void a_pause_is_calm_too(void **state)
{
	struct line s = new_line();

	assert_true(go_on(&s, 1000, 100, 2, 100));
	s.look.now_ms += LOSS_CALM_MS;
	assert_false(go_on(&s, 100, 100, 0, 0));
}

/* The kernel finds that something was sent again in vain. */
static void what_is_taken_back_is_no_loss(void **state)
{
	struct line s = new_line();

	s.look.again = s.l.again = 100;
	for (int i = 0; i < 20; i++) {
		s.look.again--;
		assert_false(go_on(&s, 500, 100, 0, 0));
	}
}

static void counters_wrap(void **state)
{
	struct line s = new_line();

	s.look.segments = s.l.segments = UINT32_MAX - 500;
	s.look.again = s.l.again = UINT32_MAX - 2;
	s.l.since_ms = s.look.now_ms;
	assert_false(go_on(&s, 1000, 100, 1, 1000));
	assert_true(go_on(&s, 1000, 100, 2, 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_in_a_hundred_is_lossy),
		cmocka_unit_test(one_in_a_hundred_of_many_is_lossy),
		cmocka_unit_test(a_few_in_many_are_not),
		cmocka_unit_test(an_overflow_now_and_then_is_not),
		cmocka_unit_test(what_a_full_queue_drops_is_not),
		cmocka_unit_test(a_burst_is_one_event),
		cmocka_unit_test(a_way_that_became_longer_is_no_queue),
		cmocka_unit_test(without_a_round_trip_events_count),
		cmocka_unit_test(calm_for_a_while_is_not_lossy_any_more),
		cmocka_unit_test(a_pause_is_calm_too),
		cmocka_unit_test(what_is_taken_back_is_no_loss),
		cmocka_unit_test(counters_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
