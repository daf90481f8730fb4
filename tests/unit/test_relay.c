/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the relay carries, whom it joins, how it stops. */
#include "relayd/relay.h"
#include "tests/unit/relay_rig.h"

/* Carrying */

static void test_streams_are_exact_in_both_directions(void **state)
{
	struct pair p;

	(void)state;
	dial_pair(&p, 1);
	end_send(&p.m, 9 * MB + 12345);
	end_send(&p.d, 7 * MB + 1);
	assert_true(run_until(all_arrived, &p, 30000));
	assert_false(p.m.wrong || p.d.wrong);
	assert_int_equal(relay->bytes, p.m.sent + p.d.sent);
	close_pair(&p);
}

static void test_what_waits_is_delivered_later(void **state)
{
	struct pair p;

	(void)state;
	dial_open(&p.m, 1, TOKEN_MANAGER, 1);
	end_send(&p.m, 2 * MB);
	run_for(300);
	assert_int_equal(relay->bytes, 0);
	dial_open(&p.d, 1, TOKEN_DEVICE, 1);
	assert_true(run_until(all_arrived, &p, 10000));
	assert_false(p.d.wrong);
	close_pair(&p);
}

static void test_what_was_sent_before_the_end_is_delivered(void **state)
{
	struct pair p;

	(void)state;
	dial_pair(&p, 1);
	p.m.finish = true;
	end_send(&p.m, 3 * MB);
	assert_true(run_until(is_closed, &p.d, 10000));
	assert_int_equal(p.d.received, 3 * MB);
	assert_false(p.d.wrong);
	assert_true(p.d.clean);
	assert_true(run_until(is_closed, &p.m, 6000));
	assert_int_equal(relay->n_legs, 0);
}

static const struct leg *leg_of(unsigned int session, enum token_role role)
{
	uint8_t id[PAIR_ID_BYTES];
	const struct pair_session *s;

	domain_session_id(session, id);
	s = pair_find(&relay->pairs, id);
	if (!s || !s->ends[role].leg)
		abort();
	return s->ends[role].leg;
}

static void test_a_receiver_that_stops_stops_the_sender(void **state)
{
	struct pair p;
	uint64_t sent;

	(void)state;
	dial_pair(&p, 1);
	outer_pause(p.d.o);
	end_send(&p.m, 100 * MB);
	run_for(1500);
	sent = p.m.sent;
	assert_true(sent < KERNEL_BYTES);
	assert_true(outer_queued(leg_of(1, TOKEN_DEVICE)->outer) < OUTER_QUEUE_MAX_BYTES / 2);
	assert_true(leg_of(1, TOKEN_MANAGER)->stalled);
	run_for(500);
	assert_int_equal(p.m.sent, sent); /* it stands still */
	end_send(&p.d, MB);		  /* the other direction does not */
	run_for(500);
	assert_int_equal(p.m.received, MB);
	outer_resume(p.d.o);
	assert_true(run_until(all_arrived, &p, 60000));
	assert_false(p.d.wrong || p.m.wrong);
	assert_false(leg_of(1, TOKEN_MANAGER)->stalled);
	close_pair(&p);
}

static void test_a_stalled_session_does_not_touch_another(void **state)
{
	struct pair stalled, other;

	(void)state;
	dial_pair(&stalled, 1);
	outer_pause(stalled.d.o);
	end_send(&stalled.m, 100 * MB);
	run_for(500);
	dial_pair(&other, 2);
	end_send(&other.m, 4 * MB);
	end_send(&other.d, 4 * MB);
	assert_true(run_until(all_arrived, &other, 10000));
	assert_false(other.m.wrong || other.d.wrong);
	close_pair(&other);
	close_end(&stalled.m);
	close_end(&stalled.d);
}

static void test_a_sender_that_dies_while_the_other_is_stalled(void **state)
{
	struct pair p;

	(void)state;
	dial_pair(&p, 1);
	outer_pause(p.d.o);
	end_send(&p.m, 20 * MB);
	run_for(500);
	close_end(&p.m);
	outer_resume(p.d.o);
	assert_true(run_until(is_closed, &p.d, 12000));
	assert_false(p.d.wrong); /* cut off, but never a hole */
	assert_int_equal(relay->n_legs, 0);
}

/* Pairing */

static void test_replays_are_refused(void **state)
{
	struct pair p;
	struct end again;

	(void)state;
	dial_pair(&p, 1);
	dial(&again, 1, TOKEN_MANAGER, 1);
	expect_refused(&again, "409");
	end_send(&p.m, MB); /* the pair does not notice */
	assert_true(run_until(all_arrived, &p, 5000));
	close_pair(&p);
	dial(&again, 1, TOKEN_DEVICE, 1);
	expect_refused(&again, "409");
	assert_int_equal(relay->refused[REFUSAL_REPLAY], 2);
}

static void test_a_newer_leg_takes_over_the_waiting_place(void **state)
{
	struct pair p;
	struct end old;

	(void)state;
	dial_open(&old, 1, TOKEN_MANAGER, 1);
	end_send(&old, 5000); /* must not get into the new stream */
	dial_open(&p.m, 1, TOKEN_MANAGER, 2);
	assert_true(run_until(is_closed, &old, 5000));
	dial_open(&p.d, 1, TOKEN_DEVICE, 1);
	end_send(&p.m, MB);
	end_send(&p.d, MB);
	assert_true(run_until(all_arrived, &p, 5000));
	assert_false(p.m.wrong || p.d.wrong);
	close_pair(&p);
}

static void test_a_newer_leg_dissolves_the_pair(void **state)
{
	struct pair p, next;

	(void)state;
	dial_pair(&p, 1);
	end_send(&p.m, 30 * MB);
	run_for(20);
	dial_open(&next.d, 1, TOKEN_DEVICE, 2);
	assert_true(run_until(is_closed, &p.m, 5000));
	assert_true(run_until(is_closed, &p.d, 5000));
	run_for(100);
	assert_int_equal(next.d.received, 0);
	assert_int_equal(relay->n_legs, 1);
	dial_open(&next.m, 1, TOKEN_MANAGER, 2);
	end_send(&next.m, MB);
	assert_true(run_until(all_arrived, &next, 5000));
	assert_false(next.d.wrong);
	close_pair(&next);
}

static void test_a_waiting_leg_that_goes_is_noticed(void **state)
{
	struct end e;

	(void)state;
	dial_open(&e, 1, TOKEN_MANAGER, 1);
	close_end(&e);
	assert_true(run_until(no_legs, NULL, 2000));
	dial_open(&e, 1, TOKEN_MANAGER, 2);
	end_send(&e, 50000); /* bytes that nobody reads do not hide it */
	run_for(100);
	close_end(&e);
	assert_true(run_until(no_legs, NULL, 2000));
	dial_open(&e, 1, TOKEN_MANAGER, 3);
	end_send(&e, 110000); /* nor does a full ring (more than the kernel takes would: no FIN) */
	run_for(300);
	close_end(&e);
	assert_true(run_until(no_legs, NULL, 2000));
	assert_int_equal(relay->pairs.n_live, 0);
}

static void test_an_ended_session_is_cut_and_stays_out(void **state)
{
	uint8_t id[PAIR_ID_BYTES];
	struct pair p;
	struct end again;

	(void)state;
	dial_pair(&p, 1);
	domain_session_id(1, id);
	relay_end_session(relay, id);
	assert_true(run_until(is_closed, &p.m, 1000));
	assert_true(run_until(is_closed, &p.d, 1000));
	dial(&again, 1, TOKEN_MANAGER, 2);
	expect_refused(&again, "403");
}

/* Draining */

static bool both_are_told(void *arg)
{
	const struct pair *p = arg;

	return p->m.hints > 0 && p->d.hints > 0;
}

static void test_draining_tells_those_who_are_joined(void **state)
{
	struct pair p;
	struct end waiting, late;

	(void)state;
	dial_pair(&p, 1);
	dial_open(&waiting, 2, TOKEN_DEVICE, 1);
	end_send(&p.m, 5 * MB);
	end_send(&p.d, 5 * MB);
	relay_drain(relay, 60);
	assert_true(run_until(both_are_told, &p, 2000));
	assert_int_equal(p.m.hint_arg, 60);
	assert_int_equal(p.d.hint_arg, 60);
	assert_true(run_until(is_closed, &waiting, 2000)); /* it would wait in vain */
	assert_true(waiting.clean);
	dial(&late, 3, TOKEN_MANAGER, 1);
	expect_refused(&late, "503");
	assert_int_equal(relay->refused[REFUSAL_DRAINING], 1);
	assert_true(run_until(all_arrived, &p, 10000)); /* they go when they like */
	assert_false(p.m.wrong || p.d.wrong);
	relay_drain(relay, 0);
	run_for(100);
	assert_int_equal(p.m.hints + p.d.hints, 4);
	assert_int_equal(p.m.hint_arg, 0);
	relay_undrain(relay);
	dial_open(&late, 3, TOKEN_MANAGER, 2);
	close_end(&late);
	close_pair(&p);
}

static void test_draining_while_they_come_and_go(void **state)
{
	struct pair p;
	struct end coming;

	(void)state;
	dial_pair(&p, 1);
	dial(&coming, 2, TOKEN_MANAGER, 1);
	while (relay->n_legs < 3) /* accepted, no request yet */
		uv_run(&loop, UV_RUN_ONCE);
	outer_finish(p.m.o, "leaves");
	relay_drain(relay, 1);
	expect_refused(&coming, "503");
	assert_true(run_until(is_closed, &p.d, 7000));
	assert_true(run_until(no_legs, NULL, 2000));
}

/* The end */

static void test_stop_ends_legs_in_order(void **state)
{
	struct pair p;

	(void)state;
	dial_pair(&p, 1);
	relay_close(relay, on_relay_closed, NULL);
	assert_true(run_until(is_closed, &p.m, 2000));
	assert_true(run_until(is_closed, &p.d, 2000));
	assert_true(p.m.clean && p.d.clean);
}

static bool is_relay_gone(void *arg)
{
	(void)arg;
	return relay_gone;
}

static void test_stop_has_an_end(void **state)
{
	struct pair p;
	struct end waiting;
	uint64_t start;

	(void)state;
	dial_pair(&p, 1);
	dial_open(&waiting, 2, TOKEN_DEVICE, 1);
	outer_pause(p.d.o);
	end_send(&p.m, 50 * MB);
	run_for(300);
	start = clock_mono_ms();
	relay_close(relay, on_relay_closed, NULL);
	assert_true(run_until(is_relay_gone, NULL, 6000));
	assert_true(clock_mono_ms() - start < 5500);
	close_end(&p.d); /* paused, so it has not noticed */
	close_end(&p.m);
	close_end(&waiting);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_streams_are_exact_in_both_directions),
		TEST(test_what_waits_is_delivered_later),
		TEST(test_what_was_sent_before_the_end_is_delivered),
		TEST(test_a_receiver_that_stops_stops_the_sender),
		TEST(test_a_stalled_session_does_not_touch_another),
		TEST(test_a_sender_that_dies_while_the_other_is_stalled),
		TEST(test_replays_are_refused),
		TEST(test_a_newer_leg_takes_over_the_waiting_place),
		TEST(test_a_newer_leg_dissolves_the_pair),
		TEST(test_a_waiting_leg_that_goes_is_noticed),
		TEST(test_an_ended_session_is_cut_and_stays_out),
		TEST(test_draining_tells_those_who_are_joined),
		TEST(test_draining_while_they_come_and_go),
		TEST(test_stop_ends_legs_in_order),
		TEST(test_stop_has_an_end),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
