/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A manager's and a device's session, joined by real relays in the same process. */
#include "relayd/relay.h"
#include "tests/unit/raw_end.h"
#include "tests/unit/session_side.h"
#include "tests/unit/super_packet.h"
#include "vpnd/session.h"

#define BATCH_BYTES INNER_WRITE_BEST_BYTES

static const struct path_times quick = {
	.wait_ms = 120000,
	.hello_ms = 300,
	.active_ms = 3000,
	.quiet_ms = 50,
	.suspect_ms = 120,
	.lost_ms = 250,
	.rtt_every_ms = 500,
	.idle_ping_ms = 450,
	.idle_lost_ms = 450,
	.check_lost_ms = 250,
};

static bool closed_port(uint16_t *port)
{
	struct sockaddr_storage addr;
	int fd = fix_listen(&addr);

	*port = fix_port(&addr);
	close(fd);
	return true;
}

/* Packets */

static void test_packets_are_exact_in_both_directions(void **state)
{
	struct sides p = {0};
	struct session_status st;

	(void)state;
	sides_open(&p);
	sides_up(&p);
	assert_true(p.m.steps > 0 && p.d.steps > 0);
	sides_carry(&p, 20000, 20000);
	assert_int_equal(p.m.received, 20000);
	assert_int_equal(p.d.received, 20000);
	session_status(p.m.s, &st);
	assert_int_equal(st.packets_out, p.m.sent);
	assert_int_equal(st.packets_in, p.m.received);
	assert_int_equal(st.bytes_out, p.m.bytes_sent);
	assert_int_equal(st.bytes_in, p.m.bytes_received);
	for (int i = 0; i < SESSION_DROPS; i++)
		assert_int_equal(st.drops[i], 0);
	assert_string_equal(st.relay, "rs0");
	assert_int_equal(st.path.state, PATH_READY);
	assert_true(st.path.rtt_ms >= 0 && st.path.rtt_ms < 2000);
	assert_true(st.path.outer_verified);
	assert_int_equal(p.m.ups + p.d.ups, 2);
	sides_end(&p);
	assert_string_equal(p.d.over, "ended by the other end: ended by the test");
}

/* Packets that fill a batch to the byte, that miss it by a few, and that are longer than one. */
static size_t at_borders(uint64_t seq)
{
	size_t rest = seq / 2 % 16;

	if (seq % 2 == 0)
		return BATCH_BYTES - 12 + rest;
	return seq % 64 < 32 ? 20 + rest : BATCH_BYTES / 2 - 12 + rest;
}

static void test_batch_borders(void **state)
{
	struct sides p = {.m.size_of = at_borders, .d.size_of = at_borders};

	(void)state;
	sides_open(&p);
	sides_up(&p);
	sides_carry(&p, 1000, 10000);
	sides_end(&p);
}

/* Meeting */

static void expect_relay(struct sides *p, const char *relay)
{
	assert_string_equal(side_relay(&p->m), relay);
	assert_string_equal(side_relay(&p->d), relay);
}

static bool second_is_authenticated(void *arg)
{
	struct sides *p = arg;

	return strstr(p->m.step, "rs1: other end authenticated") != NULL;
}

static void test_an_earlier_relay_is_chosen_if_it_comes_in_time(void **state)
{
	struct sides p = {.m.n_relays = 2, .d.n_relays = 2};

	(void)state;
	rig_relay_hold(0, true);
	sides_open(&p);
	assert_true(rig_run(second_is_authenticated, NULL, &p, 3000));
	rig_relay_hold(0, false);
	sides_up(&p);
	expect_relay(&p, "rs0");
	sides_carry(&p, 100, 3000);
	assert_int_equal(p.m.ups + p.d.ups, 2);
	sides_end(&p);
}

static void test_a_later_relay_is_chosen_if_no_earlier_one_comes(void **state)
{
	struct sides p = {.m.n_relays = 2, .d.n_relays = 2};
	uint64_t begin;

	(void)state;
	rig_relay_hold(0, true);
	sides_open(&p);
	assert_true(rig_run(second_is_authenticated, NULL, &p, 3000));
	begin = clock_mono_ms();
	sides_up(&p);
	assert_true(clock_mono_ms() - begin >= SESSION_CHOOSE_MS - 20);
	expect_relay(&p, "rs1");
	rig_relay_hold(0, false);
	rig_run_for(200);
	expect_relay(&p, "rs1");
	sides_carry(&p, 100, 3000);
	sides_end(&p);
}

static void test_the_device_retires_the_others_after_its_time(void **state)
{
	struct sides p = {.d.retire_ms = 800};

	(void)state;
	rig_relay_hold(0, true);
	sides_open(&p);
	rig_run_for(400); /* all relays are dialed */
	rig_relay_hold(0, false);
	sides_up(&p);
	rig_run_for(500);
	assert_int_equal(rig_relay_legs(0) + rig_relay_legs(1) + rig_relay_legs(2), 2 + 1);
	rig_run_for(500);
	assert_int_equal(rig_relay_legs(0) + rig_relay_legs(1) + rig_relay_legs(2), 2);
	sides_carry(&p, 100, 3000);
	assert_int_equal(p.m.downs + p.d.downs, 0);
	sides_end(&p);
}

static void test_they_meet_where_both_can_go(void **state)
{
	struct sides p = {0};

	(void)state;
	assert_true(closed_port(&p.m.port0));
	sides_open(&p);
	sides_up(&p);
	expect_relay(&p, "rs1");
	sides_carry(&p, 100, 3000);
	sides_end(&p);
}

static void test_the_search_goes_on_with_growing_waits(void **state)
{
	struct sides p = {0};
	unsigned int early, late;

	(void)state;
	for (size_t i = 0; i < RIG_RELAYS; i++)
		rig_relay_kill(i);
	sides_open(&p);
	rig_run_for(1000);
	early = p.m.steps;
	rig_run_for(1000);
	late = p.m.steps - early;
	assert_in_range(early, RIG_RELAYS, 8 * RIG_RELAYS);
	assert_true(late <= early);
	rig_relay_start(2);
	sides_up(&p);
	expect_relay(&p, "rs2");
	sides_carry(&p, 100, 3000);
	sides_end(&p);
}

/* Failover */

static bool moved(void *arg)
{
	struct sides *p = arg;

	return sides_both_up(p) && p->m.paths > 1 && p->d.paths > 1;
}

static bool nothing_waits(void *arg)
{
	struct sides *p = arg;

	return !side_waits(&p->m) && !side_waits(&p->d);
}

/* Both went on, on @relay, and packets flow exactly again. */
static void expect_moved(struct sides *p, const char *relay, uint64_t ms)
{
	p->m.lossy = p->d.lossy = true;
	p->m.goal = p->d.goal = UINT64_MAX;
	if (!rig_run(moved, sides_turn, p, ms))
		fail_msg("m up %u, down %u \"%s\" \"%s\"; d up %u, down %u \"%s\" \"%s\"", p->m.ups,
			 p->m.downs, p->m.down, p->m.step, p->d.ups, p->d.downs, p->d.down,
			 p->d.step);
	p->m.goal = p->m.sent;
	p->d.goal = p->d.sent;
	assert_true(rig_run(nothing_waits, NULL, p, 5000));
	rig_run_for(100);
	if (relay)
		expect_relay(p, relay);
	assert_false(p->m.wrong || p->d.wrong);
	p->m.lossy = p->d.lossy = false;
	p->m.next = p->d.sent;
	p->d.next = p->m.sent;
	sides_carry(p, 500, 5000);
}

static void carry_for(struct sides *p, uint64_t ms)
{
	p->m.goal = p->d.goal = UINT64_MAX;
	(void)rig_run(NULL, sides_turn, p, ms);
}

static void test_a_relay_dies_under_traffic(void **state)
{
	struct sides p = {0};

	(void)state;
	sides_open(&p);
	sides_up(&p);
	carry_for(&p, 200);
	rig_relay_kill(0);
	expect_moved(&p, "rs1", 3000);
	carry_for(&p, 100);
	p.m.paths = p.d.paths = 1;
	rig_relay_start(0);
	rig_relay_kill(1);
	expect_moved(&p, NULL, 3000); /* the first or the third */
	sides_end(&p);
}

static void test_a_relay_stops_in_order_under_traffic(void **state)
{
	struct sides p = {0};

	(void)state;
	sides_open(&p);
	sides_up(&p);
	carry_for(&p, 200);
	rig_relay_stop(0);
	expect_moved(&p, "rs1", 8000);
	sides_end(&p);
}

static void test_the_ends_notice_at_different_times(void **state)
{
	struct sides p = {.m.times = quick, .d.times = quick};

	(void)state;
	p.d.times.suspect_ms = 600;
	p.d.times.lost_ms = 900;
	sides_open(&p);
	sides_up(&p);
	carry_for(&p, 200);
	rig_relay_freeze(0, true);
	rig_relay_hold(0, true);
	expect_moved(&p, "rs1", 5000);
	assert_string_equal(p.m.down,
			    "the other end has fallen silent"); /* before the device came */
	assert_int_equal(p.d.downs, 0);				/* which still had its own */
	sides_end(&p);
}

static void test_only_one_leg_is_lost(void **state)
{
	struct sides p = {0};

	(void)state;
	sides_open(&p);
	sides_up(&p);
	for (int i = 0; i < 3; i++) {
		p.m.paths = p.d.paths = 1;
		carry_for(&p, 50);
		for (size_t r = 0; r < RIG_RELAYS; r++)
			(void)rig_relay_cut(r, i % 2 ? TOKEN_DEVICE : TOKEN_MANAGER);
		expect_moved(&p, NULL, 4000);
	}
	sides_end(&p);
}

static void test_a_relay_restarts_on_the_same_port(void **state)
{
	struct sides p = {.m.n_relays = 1, .d.n_relays = 1};

	(void)state;
	sides_open(&p);
	sides_up(&p);
	carry_for(&p, 100);
	rig_relay_kill(0);
	rig_run_for(300);
	assert_false(side_up(&p.m) || side_up(&p.d));
	assert_int_equal(session_queue(p.m.s, make_packet(&p.m, 0)), -ENETDOWN);
	rig_relay_start(0);
	expect_moved(&p, "rs0", 6000);
	sides_end(&p);
}

/* A peer or a relay that lets every path come up and then drops it costs no more than the waits
 * allow. */
static void test_paths_that_die_young_are_not_dialed_without_a_pause(void **state)
{
	struct sides p = {.m.n_relays = 1, .d.n_relays = 1};
	uint64_t end = clock_mono_ms() + 1500;

	(void)state;
	sides_open(&p);
	while (clock_mono_ms() < end) {
		rig_run_for(2);
		if (sides_both_up(&p))
			(void)rig_relay_cut(0, TOKEN_MANAGER);
	}
	assert_in_range(p.m.ups, 2, 9);
	sides_end(&p);
}

/* One end starts again */

/* The session of @e goes without END: its legs are cut before they can say it. */
static void vanish(struct side *e)
{
	session_end(e->s, "not heard by anybody");
	for (size_t i = 0; i < RIG_RELAYS; i++)
		(void)rig_relay_cut(i, e->role);
	side_end(e);
}

static void test_one_end_starts_again(void **state)
{
	struct sides p = {0};

	(void)state;
	sides_open(&p);
	sides_up(&p);
	vanish(&p.m);
	p.m.epoch = 2;
	side_open(&p.m, TOKEN_MANAGER);
	p.m.sent = 0;
	p.d.next = 0;
	rig_run_for(100);
	sides_up(&p);
	p.m.paths = p.d.paths = 1;
	vanish(&p.d);
	p.d.epoch = 2;
	side_open(&p.d, TOKEN_DEVICE);
	rig_run_for(100);
	sides_up(&p);
	assert_int_equal(p.m.overs + p.d.overs, 0);
	p.m.next = p.d.sent;
	p.d.next = p.m.sent;
	sides_carry(&p, 300, 3000);
	sides_end(&p);
}

static bool first_up(void *arg)
{
	const struct side *e = arg;

	return side_up(e);
}

/* The relay has not noticed yet that the old process is gone. */
static void test_one_end_starts_again_while_its_old_leg_stands(void **state)
{
	struct sides p = {.d.epoch = 2};
	struct side old = {0};

	(void)state;
	side_open(&p.m, TOKEN_MANAGER);
	side_open(&old, TOKEN_DEVICE);
	assert_true(rig_run(first_up, NULL, &p.m, 3000));
	rig_relay_freeze(0, true);
	session_end(old.s, "not heard by anybody");
	side_open(&p.d, TOKEN_DEVICE);
	rig_run_for(100);
	sides_up(&p);
	side_end(&old);
	rig_run_for(100);
	assert_true(sides_both_up(&p));
	assert_int_equal(p.m.overs, 0);
	sides_carry(&p, 300, 3000);
	sides_end(&p);
}

/* The end */

static void test_life_time(void **state)
{
	struct sides p = {.m.life_s = 1, .d.life_s = 1};
	struct session_status st;

	(void)state;
	sides_open(&p);
	sides_up(&p);
	session_status(p.m.s, &st);
	assert_in_range(st.expires_in_s, 0, 1);
	assert_true(rig_run(sides_both_closed, NULL, &p, 8000));
	assert_int_equal(p.m.overs, 1);
	assert_int_equal(p.d.overs, 1);
	assert_non_null(strstr(p.m.over, "the session's time is up"));
	assert_non_null(strstr(p.d.over, "the session's time is up"));
	assert_int_equal(p.m.closed + p.d.closed, 2);
}

static void test_life_time_while_nobody_comes(void **state)
{
	struct side e = {.life_s = 1};

	(void)state;
	side_open(&e, TOKEN_DEVICE);
	rig_run_for(1300);
	assert_int_equal(e.overs, 1);
	side_end(&e);
}

static void test_the_other_end_hears_why(void **state)
{
	struct sides p = {0};
	char reason[600], want[40 + FRAME_REASON_MAX_BYTES];

	(void)state;
	sides_open(&p);
	sides_up(&p);
	memset(reason, 'x', sizeof(reason));
	reason[0] = '\n';
	reason[sizeof(reason) - 1] = '\0';
	session_end(p.d.s, reason);
	session_end(p.d.s, "said twice");
	assert_int_equal(session_queue(p.d.s, make_packet(&p.d, 0)), -ENETDOWN);
	session_flush(p.d.s);
	assert_true(rig_run(sides_both_closed, NULL, &p, 8000));
	assert_int_equal(p.d.overs, 0); /* it knows */
	assert_int_equal(p.m.overs, 1);
	reason[0] = '?';
	snprintf(want, sizeof(want), "ended by the other end: %.*s", FRAME_REASON_MAX_BYTES,
		 reason);
	assert_string_equal(p.m.over, want);
}

static size_t short_ones(uint64_t seq)
{
	return 20 + seq * 7;
}

/* What was queued before the end arrives, if the path takes it at once. */
static void test_packets_before_the_end_arrive(void **state)
{
	struct sides p = {.m.size_of = short_ones, .d.size_of = short_ones};

	(void)state;
	sides_open(&p);
	sides_up(&p);
	p.m.goal = 60;
	side_pump(&p.m);
	session_end(p.m.s, "all said");
	assert_true(rig_run(sides_both_closed, NULL, &p, 8000));
	assert_int_equal(p.m.sent, 60);
	assert_int_equal(p.d.received, 60);
	assert_false(p.d.wrong);
}

/* From the first name look-up to packets: after every turn of the loop. */
static void test_the_end_in_every_phase(void **state)
{
	(void)state;
	for (int turns = 0; turns < 50; turns++) {
		struct sides p = {.m.goal = 20, .d.goal = 20};
		struct side *e = turns % 2 ? &p.m : &p.d;

		rig.session++;
		sides_open(&p);
		for (int i = 0; i < turns * 2; i++) {
			if (sides_both_up(&p))
				sides_turn(&p);
			uv_run(&rig.loop, UV_RUN_NOWAIT);
			usleep(100);
		}
		side_end(e);
		assert_int_equal(e->overs, 0);
		sides_end(&p);
		assert_false(p.m.wrong || p.d.wrong);
	}
}

static bool one_has_closed(void *arg)
{
	struct sides *p = arg;

	return p->m.closed || p->d.closed;
}

static bool up_or_closed(void *arg)
{
	return sides_both_up(arg) || one_has_closed(arg);
}

static void end_in(enum side_call call, enum token_role role)
{
	struct sides p = {.m.goal = 50, .d.goal = 50};
	struct side *e = role == TOKEN_MANAGER ? &p.m : &p.d;

	rig.session++;
	e->end_in = call;
	e->life_s = call == SIDE_OVER ? 1 : 0;
	sides_open(&p);
	(void)rig_run(up_or_closed, sides_turn, &p, 1000);
	(void)rig_run(NULL, sides_turn, &p, 50);
	if (call == SIDE_DOWN)
		(void)rig_relay_cut(0, role);
	assert_true(rig_run(one_has_closed, sides_turn, &p, 7000));
	sides_end(&p);
	assert_int_equal(p.m.closed + p.d.closed, 2);
}

static void test_the_end_in_every_callback(void **state)
{
	(void)state;
	for (enum side_call call = SIDE_STEP; call <= SIDE_OVER; call++) {
		end_in(call, TOKEN_MANAGER);
		end_in(call, TOKEN_DEVICE);
	}
}

/* A peer that does not read */

static uint64_t dropped(const struct side *e)
{
	struct session_status st;
	uint64_t n = 0;

	session_status(e->s, &st);
	for (int i = 0; i < SESSION_DROPS; i++)
		n += st.drops[i];
	return n;
}

static bool arrived_or_dropped(void *arg)
{
	struct sides *p = arg;

	return p->d.received + dropped(&p->m) == p->m.sent &&
	       p->m.received + dropped(&p->d) == p->d.sent;
}

/* Every packet arrived or is counted, and the memory is there for others. */
static void expect_accounted(struct sides *p)
{
	assert_true(rig_run(nothing_waits, NULL, p, 10000));
	if (!rig_run(arrived_or_dropped, NULL, p, 10000))
		fail_msg("m sent %lu, dropped %lu, d got %lu; d sent %lu, dropped %lu, m got %lu",
			 p->m.sent, dropped(&p->m), p->d.received, p->d.sent, dropped(&p->d),
			 p->m.received);
	assert_false(p->m.wrong || p->d.wrong);
}

static void test_a_full_queue_drops_and_counts(void **state)
{
	struct sides p = {.m.flood = true, .m.lossy = true, .d.lossy = true};

	(void)state;
	sides_open(&p);
	sides_up(&p);
	rig_relay_freeze(0, true);
	p.m.goal = 100000;
	(void)rig_run(NULL, sides_turn, &p, 500);
	assert_true(p.m.full > 0); /* long packets were all in use */
	assert_true(side_waits(&p.m));
	rig_relay_freeze(0, false);
	expect_accounted(&p);
	p.m.flood = p.m.lossy = p.d.lossy = false;
	p.d.next = p.m.sent;
	sides_carry(&p, 500, 5000);
	assert_int_equal(p.m.downs, 0);
	sides_end(&p);
}

static void test_a_peer_that_never_reads_again_is_lost(void **state)
{
	struct sides p = {.m.times = quick, .d.times = quick};

	(void)state;
	p.m.times.lost_ms = p.d.times.lost_ms = 3000;
	sides_open(&p);
	sides_up(&p);
	rig_relay_freeze(0, true);
	rig_relay_hold(0, true);
	p.m.lossy = p.d.lossy = true;
	p.m.goal = p.d.goal = UINT64_MAX;
	assert_true(rig_run(moved, sides_turn, &p, 3000));
	assert_int_equal(p.m.downs + p.d.downs, 0); /* it was suspected, and left in time */
	rig_relay_kill(0);			    /* nothing comes from there any more */
	expect_moved(&p, "rs1", 3000);
	sides_end(&p);
}

/* The relay carries a little and rests: what the manager has queued takes longer than the other end
 * has for an answer. Nothing comes back but answers. */
static void test_a_slow_line_is_not_a_dead_one(void **state)
{
	struct sides p = {.m.times = quick, .m.lossy = true, .m.flood = true, .d.lossy = true};
	uint64_t end;

	(void)state;
	sides_open(&p);
	sides_up(&p);
	p.m.goal = UINT64_MAX;
	for (end = clock_mono_ms() + 2000; clock_mono_ms() < end;) {
		rig_relay_freeze(0, true);
		(void)rig_run(NULL, sides_turn, &p, 50);
		rig_relay_freeze(0, false);
		uv_run(&rig.loop, UV_RUN_NOWAIT);
	}
	assert_true(p.d.received > 20);
	if (p.m.downs)
		fail_msg("lost: %s, after %lu bytes", p.m.down, p.d.bytes_received);
	rig_relay_freeze(0, true);
	(void)rig_run(NULL, sides_turn, &p, 900);
	assert_int_equal(p.m.downs, 1); /* now it is dead */
	sides_end(&p);
}

/* Peers that are not what they should be */

static bool raw_is_ready(void *arg)
{
	return ((const struct raw_end *)arg)->ready;
}

static bool raw_selected(void *arg)
{
	const struct raw_end *r = arg;

	return r->got[FRAME_SELECT] + r->got[FRAME_SELECTED] > 0;
}

static void test_a_device_that_does_not_answer_select(void **state)
{
	struct sides p = {.m.answer_ms = 400};
	struct raw_end r = {.greets = true};

	(void)state;
	raw_dial(&r, TOKEN_DEVICE, 0);
	side_open(&p.m, TOKEN_MANAGER);
	assert_true(rig_run(raw_selected, NULL, &r, 3000));
	assert_true(closed_port(&p.d.port0));
	side_open(&p.d, TOKEN_DEVICE);
	sides_up(&p);
	expect_relay(&p, "rs1");
	assert_true(r.closed || r.got[FRAME_END] > 0);
	sides_end(&p);
	raw_close(&r);
}

static void test_what_a_device_may_not_say(void **state)
{
	struct side m = {0};
	struct raw_end r = {.greets = true};

	(void)state;
	raw_dial(&r, TOKEN_DEVICE, 0);
	side_open(&m, TOKEN_MANAGER);
	assert_true(rig_run(raw_is_ready, NULL, &r, 3000));
	raw_number(&r, FRAME_SELECT, UINT32_MAX);
	raw_number(&r, FRAME_SELECTED, 0);
	raw_number(&r, FRAME_SELECTED, UINT32_MAX);
	assert_true(rig_run(raw_selected, NULL, &r, 3000));
	raw_number(&r, FRAME_SELECTED, r.number - 1);
	raw_number(&r, FRAME_SELECTED, r.number + 1);
	rig_run_for(50);
	assert_int_equal(m.ups, 0);
	assert_false(side_up(&m));
	raw_number(&r, FRAME_SELECTED, r.number);
	raw_number(&r, FRAME_SELECTED, r.number);
	rig_run_for(50);
	assert_int_equal(m.ups, 1);
	assert_int_equal(r.got[FRAME_SELECT], 1);
	side_end(&m);
	assert_int_equal(r.end[0], FRAME_END_SESSION);
	raw_close(&r);
}

static void test_numbers_of_select_only_grow(void **state)
{
	static const struct {
		uint32_t n;
		size_t answers;
	} said[] = {{5, 1}, {5, 1}, {4, 1}, {0, 1}, {6, 2}, {UINT32_MAX, 3}, {7, 3}};
	struct side d = {0};
	struct raw_end r = {.greets = true};

	(void)state;
	raw_dial(&r, TOKEN_MANAGER, 0);
	side_open(&d, TOKEN_DEVICE);
	assert_true(rig_run(raw_is_ready, NULL, &r, 3000));
	raw_number(&r, FRAME_SELECTED, 1); /* no device's word */
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		raw_number(&r, FRAME_SELECT, said[i].n);
		rig_run_for(30);
		assert_int_equal(r.got[FRAME_SELECTED], said[i].answers);
	}
	assert_int_equal(d.ups, 1);
	side_end(&d);
	raw_close(&r);
}

/* END of the path alone is not the end of the session. */
static void test_end_of_a_path_is_a_loss(void **state)
{
	static const uint8_t path_end[] = {FRAME_END_PATH, 'o', 'f', 'f'};
	struct side d = {0};
	struct raw_end r = {.greets = true};

	(void)state;
	raw_dial(&r, TOKEN_MANAGER, 0);
	side_open(&d, TOKEN_DEVICE);
	assert_true(rig_run(raw_is_ready, NULL, &r, 3000));
	raw_number(&r, FRAME_SELECT, 1);
	rig_run_for(50);
	assert_true(side_up(&d));
	raw_frame(&r, FRAME_END, path_end, sizeof(path_end));
	rig_run_for(50);
	assert_int_equal(d.downs, 1);
	assert_string_equal(d.down, "off");
	assert_int_equal(d.overs, 0);
	side_end(&d);
	raw_close(&r);
}

/* Super-packets */

#define FLOWS 8
#define BURST_BYTES 100000
#define TRIES 5		      /* a machine so busy that CoDel has to drop proves nothing */
#define STREAM_BYTES 50000000 /* in each direction */

/* One direction: packets of some flows, whose lengths and bytes follow from flow and number. */
struct stream {
	uint64_t sent[FLOWS], got[FLOWS]; /* numbers */
	size_t at[FLOWS];		  /* bytes of the packet that has not arrived whole */
	uint64_t bytes_sent, bytes_got, whole, pieces;
	bool wrong;
};
static struct stream streams[2]; /* to the manager, to the device */

static size_t payload_of(uint16_t flow, uint64_t number)
{
	uint64_t h = hash(flow * 1000003u + number);

	return SUPER_NUMBER_BYTES + (h >> 8) % (h % 4 ? 1300 : 65000);
}

static enum super_kind kind_of(uint16_t flow)
{
	return (enum super_kind)(flow % SUPER_KINDS);
}

/* A packet, or some segments of one. */
static void take_stream(struct side *e, const struct vnet *v, const uint8_t *packet, size_t n)
{
	struct stream *st = &streams[e->role == TOKEN_DEVICE];
	bool v6 = packet[0] >> 4 == 6, tcp = packet[v6 ? 6 : 9] == 6;
	enum super_kind kind =
		v6 ? (tcp ? SUPER_TCP6 : SUPER_UDP6) : (tcp ? SUPER_TCP4 : SUPER_UDP4);
	uint16_t flow = (uint16_t)((packet[v6 ? 40 : 20] << 8 | packet[v6 ? 41 : 21]) % FLOWS);
	size_t payload = n - super_headers(kind), all = payload_of(flow, st->got[flow]);
	static uint8_t want[VNET_PACKET_MAX_BYTES + 1000];

	super_payload(want, all, flow, st->got[flow]);
	if (vnet_check(v, packet, n) != 0 || kind != kind_of(flow) ||
	    st->at[flow] + payload > all ||
	    memcmp(packet + super_headers(kind), want + st->at[flow], payload) != 0)
		st->wrong = true;
	if (v->gso == VNET_GSO_NONE && !v->needs_csum && !super_sum_good(packet, n, kind))
		st->wrong = true;
	st->whole += v->gso != VNET_GSO_NONE;
	st->pieces += payload != all;
	st->at[flow] += payload;
	st->bytes_got += payload;
	if (st->at[flow] < all)
		return;
	st->at[flow] = 0;
	st->got[flow]++;
}

static void send_burst(struct side *e, uint64_t *noise)
{
	struct stream *st = &streams[e->role == TOKEN_MANAGER];

	for (size_t burst = 0; burst < BURST_BYTES && st->bytes_sent < STREAM_BYTES;) {
		uint16_t flow = (uint16_t)(noise_u32(noise) % FLOWS);
		size_t n = payload_of(flow, st->sent[flow]);
		struct packet *p = super_packet(e->packets, kind_of(flow), flow, st->sent[flow], n,
						n > 1300 || st->sent[flow] % 2 ? 1300 : 0);

		assert_non_null(p);
		assert_int_equal(session_queue(e->s, p), 0);
		st->sent[flow]++;
		st->bytes_sent += n;
		burst += n;
		if (noise_u32(noise) % 4 == 0)
			session_flush(e->s);
		if (noise_u32(noise) % 16 == 0)
			uv_run(&rig.loop, UV_RUN_NOWAIT);
	}
	session_flush(e->s);
}

static bool streams_arrived(void *arg)
{
	(void)arg;
	return (streams[0].bytes_got == streams[0].bytes_sent &&
		streams[1].bytes_got == streams[1].bytes_sent) ||
	       streams[0].wrong || streams[1].wrong;
}

/* Return: false if CoDel dropped some. */
static bool carry_once(bool super)
{
	struct sides p = {.m.super = true, .m.on_packet = take_stream, .d.on_packet = take_stream};
	uint64_t noise = 42;

	memset(streams, 0, sizeof(streams));
	p.d.super = super;
	sides_open(&p);
	sides_up(&p);
	while (streams[0].bytes_sent < STREAM_BYTES || streams[1].bytes_sent < STREAM_BYTES) {
		bool freeze = noise_u32(&noise) % 10 == 0;

		if (freeze)
			rig_relay_freeze(0, true);
		send_burst(&p.m, &noise);
		send_burst(&p.d, &noise);
		if (freeze) {
			rig_run_for(3);
			rig_relay_freeze(0, false);
		}
		/* Nobody asks: what waits goes by itself. */
		if (!rig_run(streams_arrived, NULL, &p, 5000) && dropped(&p.m) + dropped(&p.d) == 0)
			fail_msg("stopped at %lu of %lu, %lu of %lu", streams[0].bytes_got,
				 streams[0].bytes_sent, streams[1].bytes_got,
				 streams[1].bytes_sent);
		if (dropped(&p.m) + dropped(&p.d) > 0) {
			sides_end(&p);
			return false;
		}
		assert_false(streams[0].wrong || streams[1].wrong);
	}
	if (super)
		assert_true(streams[1].whole > 100);
	else
		assert_int_equal(streams[1].whole, 0);
	assert_true(streams[0].whole > 100);
	sides_end(&p);
	return true;
}

static void carry_streams(bool super)
{
	int tries = 0;

	while (!carry_once(super)) {
		rig.session++;
		assert_true(++tries < TRIES);
	}
}

static void test_streams_of_super_packets_both_ways(void **state)
{
	(void)state;
	carry_streams(true);
}

static void test_streams_if_one_end_takes_no_super_packets(void **state)
{
	(void)state;
	carry_streams(false);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_packets_are_exact_in_both_directions),
		RIG_TEST(test_batch_borders),
		RIG_TEST(test_an_earlier_relay_is_chosen_if_it_comes_in_time),
		RIG_TEST(test_a_later_relay_is_chosen_if_no_earlier_one_comes),
		RIG_TEST(test_the_device_retires_the_others_after_its_time),
		RIG_TEST(test_they_meet_where_both_can_go),
		RIG_TEST(test_the_search_goes_on_with_growing_waits),
		RIG_TEST(test_a_relay_dies_under_traffic),
		RIG_TEST(test_a_relay_stops_in_order_under_traffic),
		RIG_TEST(test_the_ends_notice_at_different_times),
		RIG_TEST(test_only_one_leg_is_lost),
		RIG_TEST(test_a_relay_restarts_on_the_same_port),
		RIG_TEST(test_paths_that_die_young_are_not_dialed_without_a_pause),
		RIG_TEST(test_one_end_starts_again),
		RIG_TEST(test_one_end_starts_again_while_its_old_leg_stands),
		RIG_TEST(test_life_time),
		RIG_TEST(test_life_time_while_nobody_comes),
		RIG_TEST(test_the_other_end_hears_why),
		RIG_TEST(test_packets_before_the_end_arrive),
		RIG_TEST(test_the_end_in_every_phase),
		RIG_TEST(test_the_end_in_every_callback),
		RIG_TEST(test_a_full_queue_drops_and_counts),
		RIG_TEST(test_a_peer_that_never_reads_again_is_lost),
		RIG_TEST(test_a_slow_line_is_not_a_dead_one),
		RIG_TEST(test_a_device_that_does_not_answer_select),
		RIG_TEST(test_what_a_device_may_not_say),
		RIG_TEST(test_numbers_of_select_only_grow),
		RIG_TEST(test_end_of_a_path_is_a_loss),
		RIG_TEST(test_streams_of_super_packets_both_ways),
		RIG_TEST(test_streams_if_one_end_takes_no_super_packets),
	};

	if (argc > 1) /* one of them, or a pattern */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
