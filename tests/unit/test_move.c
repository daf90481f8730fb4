/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions that are up change relays: no packet is lost, and nobody is cut off. */
#include "relayd/relay.h"
#include "tests/unit/raw_end.h"
#include "tests/unit/session_side.h"
#include "vpnd/session.h"

#define SEEN_MAX 400000

static const struct path_times quick = {
	.wait_ms = 120000,
	.hello_ms = 300,
	.active_ms = 3000,
	.quiet_ms = 50,
	.suspect_ms = 120,
	.lost_ms = 2000,
	.rtt_every_ms = 500,
	.idle_ping_ms = 60000,
	.idle_lost_ms = 120000,
	.check_lost_ms = 300,
};

/* Every packet once, in any order; how many came after a later one. */
static uint8_t seen[2][SEEN_MAX];
static uint64_t late[2];

static void take_any(struct side *e, const struct vnet *v, const uint8_t *packet, size_t n)
{
	struct side from = {.role = e->role == TOKEN_MANAGER ? TOKEN_DEVICE : TOKEN_MANAGER};
	struct rd r = rd_init(packet, n);
	int to = e->role == TOKEN_DEVICE;
	uint64_t seq;

	(void)v;
	if (!rd_u64(&r, &seq) || seq >= SEEN_MAX || seen[to][seq]++ ||
	    !packet_good(&from, seq, packet, n)) {
		e->wrong = true;
		return;
	}
	if (seq < e->next)
		late[to]++;
	else
		e->next = seq + 1;
	e->received++;
}

static void open_up(struct sides *p)
{
	memset(seen, 0, sizeof(seen));
	late[0] = late[1] = 0;
	p->m.on_packet = p->d.on_packet = take_any;
	sides_open(p);
	sides_up(p);
	p->m.goal = p->d.goal = SEEN_MAX - 1000;
}

static void carry_for(struct sides *p, uint64_t ms)
{
	(void)rig_run(NULL, sides_turn, p, ms);
}

static bool all_here(void *arg)
{
	const struct sides *p = arg;

	return p->m.received == p->d.sent && p->d.received == p->m.sent;
}

/* Nothing is sent any more, and everything that was has arrived once. */
static void expect_all(struct sides *p)
{
	p->m.goal = p->d.goal = 0;
	if (!rig_run(all_here, sides_turn, p, 5000))
		fail_msg("m sent %lu, d got %lu; d sent %lu, m got %lu", p->m.sent, p->d.received,
			 p->d.sent, p->m.received);
	assert_false(p->m.wrong || p->d.wrong);
	p->m.goal = p->d.goal = SEEN_MAX - 1000;
}

struct wanted {
	struct sides *p;
	const char *relay;
};

static bool both_there(void *arg)
{
	const struct wanted *w = arg;

	return strcmp(side_relay(&w->p->m), w->relay) == 0 &&
	       strcmp(side_relay(&w->p->d), w->relay) == 0;
}

static void turn_wanted(void *arg)
{
	sides_turn(((struct wanted *)arg)->p);
}

static void expect_at(struct sides *p, const char *relay, uint64_t ms)
{
	struct wanted w = {p, relay};

	if (!rig_run(both_there, turn_wanted, &w, ms))
		fail_msg("m at \"%s\" (%s), d at \"%s\" (%s)", side_relay(&p->m), p->m.step,
			 side_relay(&p->d), p->d.step);
}

static void expect_unbroken(const struct sides *p)
{
	assert_int_equal(p->m.downs + p->d.downs, 0);
	assert_int_equal(p->m.ups + p->d.ups, 2);
	assert_int_equal(p->m.down_refused + p->d.down_refused, 0);
}

/* Lists */

static int set_list(struct side *e, uint32_t serial, const char *order)
{
	struct grant_relay list[RIG_RELAYS];
	struct grant g;
	size_t n = strlen(order);

	rig_grant(&g, e->role, RIG_RELAYS);
	for (size_t i = 0; i < n; i++)
		list[i] = g.relays[order[i] - '0'];
	return session_set_relays(e->s, serial, list, n);
}

static void set_both(struct sides *p, uint32_t serial, const char *order)
{
	assert_int_equal(set_list(&p->m, serial, order), 0);
	assert_int_equal(set_list(&p->d, serial, order), 0);
}

static bool only_at(void *arg)
{
	size_t i = *(const size_t *)arg;

	for (size_t r = 0; r < RIG_RELAYS; r++) {
		if (rig_relay_legs(r) != (r == i ? 2u : 0u))
			return false;
	}
	return true;
}

static void expect_only_at(size_t i)
{
	if (!rig_run(only_at, NULL, &i, 12000))
		fail_msg("legs: %zu %zu %zu", rig_relay_legs(0), rig_relay_legs(1),
			 rig_relay_legs(2));
}

static void test_a_better_relay(void **state)
{
	struct sides p = {0};

	(void)state;
	open_up(&p);
	expect_at(&p, "rs0", 100);
	carry_for(&p, 200);
	set_both(&p, 2, "102");
	expect_at(&p, "rs1", 3000);
	carry_for(&p, 200);
	expect_all(&p);
	expect_unbroken(&p);
	expect_only_at(1);
	assert_int_equal(p.m.paths, 2);
	assert_string_equal(p.m.path, rig.relays[1].id.uid);
	assert_string_equal(p.d.path, rig.relays[1].id.uid);
	set_both(&p, 3, "210");
	expect_at(&p, "rs2", 3000);
	carry_for(&p, 100);
	expect_all(&p);
	expect_unbroken(&p);
	sides_end(&p);
}

static void test_a_list_that_changes_nothing_dials_nobody(void **state)
{
	struct sides p = {0};

	(void)state;
	open_up(&p);
	expect_only_at(0);
	set_both(&p, 2, "021");
	set_both(&p, 7, "01");
	rig_run_for(400);
	expect_only_at(0);
	assert_int_equal(set_list(&p.m, 7, "10"), -EALREADY);
	assert_int_equal(set_list(&p.m, 6, "10"), -EALREADY);
	rig_run_for(200);
	expect_only_at(0);
	sides_end(&p);
	expect_unbroken(&p);
}

static void test_a_relay_that_is_not_listed_any_more(void **state)
{
	struct sides p = {0};

	(void)state;
	open_up(&p);
	carry_for(&p, 100);
	set_both(&p, 2, "21");
	expect_at(&p, "rs2", 3000);
	carry_for(&p, 100);
	expect_all(&p);
	expect_unbroken(&p);
	expect_only_at(2);
	sides_end(&p);
}

/* The old path is used until the other end comes, however long that takes. */
static void test_one_end_hears_of_the_list_later(void **state)
{
	struct sides p = {0};

	(void)state;
	for (int late_manager = 0; late_manager < 2; late_manager++) {
		struct side *first = late_manager ? &p.d : &p.m,
			    *second = late_manager ? &p.m : &p.d;

		memset(&p, 0, sizeof(p));
		rig.session++;
		open_up(&p);
		assert_int_equal(set_list(first, 2, "1"), 0);
		carry_for(&p, 600);
		expect_at(&p, "rs0", 100);
		assert_int_equal(set_list(second, 2, "1"), 0);
		expect_at(&p, "rs1", 3000);
		expect_all(&p);
		expect_unbroken(&p);
		sides_end(&p);
	}
}

static void test_a_better_relay_that_one_end_cannot_reach(void **state)
{
	struct sides p = {0};
	struct grant_relay list[2];
	struct grant g;

	(void)state;
	open_up(&p);
	rig_grant(&g, TOKEN_DEVICE, RIG_RELAYS);
	list[0] = g.relays[1];
	list[0].urls[0].port = 1; /* nobody is there */
	list[1] = g.relays[0];
	assert_int_equal(session_set_relays(p.d.s, 2, list, 2), 0);
	assert_int_equal(set_list(&p.m, 2, "10"), 0);
	carry_for(&p, 500);
	expect_at(&p, "rs0", 100);
	expect_all(&p);
	expect_unbroken(&p);
	/* A list without it is the end of that. */
	set_both(&p, 3, "02");
	expect_only_at(0);
	sides_end(&p);
}

static void test_lists_while_they_search(void **state)
{
	struct sides p = {.m.n_relays = 1, .d.n_relays = 1};

	(void)state;
	rig_relay_kill(0);
	sides_open(&p);
	rig_run_for(200);
	set_both(&p, 2, "20");
	sides_up(&p);
	assert_string_equal(side_relay(&p.m), "rs2");
	assert_string_equal(side_relay(&p.d), "rs2");
	sides_carry(&p, 200, 3000);
	sides_end(&p);
}

static void test_many_lists_in_a_row(void **state)
{
	static const char *const orders[] = {"0", "1", "2", "10", "21", "02", "012", "210", "102"};
	struct sides p = {0};
	uint64_t noise = 99;

	(void)state;
	open_up(&p);
	for (uint32_t i = 2; i < 60; i++) {
		const char *order = orders[noise_u32(&noise) % 9];

		if (noise_u32(&noise) % 3)
			assert_int_equal(set_list(&p.m, i, order), 0);
		carry_for(&p, noise_u32(&noise) % 40);
		assert_int_equal(set_list(&p.d, i, order), 0);
		carry_for(&p, noise_u32(&noise) % 40);
	}
	set_both(&p, 1000, "1");
	expect_at(&p, "rs1", 20000);
	expect_all(&p);
	expect_unbroken(&p);
	expect_only_at(1);
	sides_end(&p);
}

/* Draining */

static void test_a_relay_that_drains(void **state)
{
	struct sides p = {0};

	(void)state;
	open_up(&p);
	carry_for(&p, 200);
	relay_drain(rig.relays[0].relay, 60);
	expect_at(&p, "rs1", 3000);
	carry_for(&p, 200);
	expect_all(&p);
	expect_unbroken(&p);
	expect_only_at(1);
	print_message("after a later one: %lu of %lu, %lu of %lu\n", late[0], p.m.received, late[1],
		      p.d.received);
	sides_end(&p);
}

static void test_a_relay_that_drains_a_shed_session(void **state)
{
	struct sides p = {.m.shed = true, .d.shed = true};
	struct session_status st;

	(void)state;
	for (size_t i = 0; i < RIG_RELAYS; i++)
		rig.relays[i].relay->config.shed = true;
	open_up(&p);
	carry_for(&p, 200);
	session_status(p.m.s, &st);
	assert_true(st.path.shed);
	relay_drain(rig.relays[0].relay, 60);
	expect_at(&p, "rs1", 3000);
	carry_for(&p, 200);
	expect_all(&p);
	expect_unbroken(&p);
	expect_only_at(1);
	sides_end(&p);
}

static void test_the_only_relay_drains(void **state)
{
	struct sides p = {.m.n_relays = 1, .d.n_relays = 1};
	struct session_status st;

	(void)state;
	open_up(&p);
	relay_drain(rig.relays[0].relay, 60);
	carry_for(&p, 300);
	expect_at(&p, "rs0", 100);
	session_status(p.m.s, &st);
	assert_true(st.moving);
	set_both(&p, 2, "02"); /* accessd knows another one */
	expect_at(&p, "rs2", 3000);
	expect_all(&p);
	expect_unbroken(&p);
	sides_end(&p);
}

static void hint(size_t relay, enum token_role role)
{
	const struct hint h = {.code = HINT_DRAINING, .arg = 1};
	struct leg *l;

	TAILQ_FOREACH (l, &rig.relays[relay].relay->legs, list) {
		if (l->admitted && l->role == role && !l->closing)
			(void)!outer_hint(l->outer, &h);
	}
}

/* Anybody on the way can write hints: they move the session now and then, and that is all. */
static void test_forged_hints(void **state)
{
	struct sides p = {0};
	struct session_status st;

	(void)state;
	open_up(&p);
	for (int i = 0; i < 200; i++) {
		for (size_t r = 0; r < RIG_RELAYS; r++) {
			hint(r, TOKEN_MANAGER);
			hint(r, TOKEN_DEVICE);
		}
		carry_for(&p, 10);
	}
	session_status(p.m.s, &st);
	assert_in_range(st.moves, 1, 12);
	expect_all(&p);
	expect_unbroken(&p);
	sides_end(&p);
}

static void test_hints_for_one_end_only(void **state)
{
	struct sides p = {0};
	uint64_t legs;

	(void)state;
	open_up(&p);
	for (int i = 0; i < 50; i++) {
		hint(0, TOKEN_DEVICE);
		carry_for(&p, 10);
	}
	expect_at(&p, "rs0", 100);
	legs = rig.relays[1].relay->legs_total + rig.relays[2].relay->legs_total;
	assert_int_equal(legs, 2); /* one waits at each */
	expect_all(&p);
	expect_unbroken(&p);
	sides_end(&p);
}

/* Silence */

static void test_silence_is_left_before_it_is_loss(void **state)
{
	struct sides p = {.m.times = quick, .d.times = quick};

	(void)state;
	open_up(&p);
	carry_for(&p, 200);
	rig_relay_freeze(0, true);
	expect_at(&p, "rs1", 5000);
	carry_for(&p, 100);
	expect_unbroken(&p);
	/* It carries again: what was on its way arrives on the path that was left, or is lost with
	 * it. */
	assert_false(p.m.wrong || p.d.wrong);
	sides_end(&p);
}

/* What waited because the old path took no more goes on the new one, though nobody sends any more.
 */
static void test_what_waits_goes_on_the_new_path(void **state)
{
	struct sides p = {.m.times = quick, .d.times = quick, .m.flood = true, .d.flood = true};

	(void)state;
	open_up(&p);
	rig_relay_freeze(0, true);
	p.m.goal = p.d.goal = 300; /* more than a path takes */
	carry_for(&p, 50);
	assert_true(side_waits(&p.m) && side_waits(&p.d));
	p.m.goal = p.d.goal = 0;
	for (int i = 0; i < 1000 && (side_waits(&p.m) || side_waits(&p.d)); i++)
		rig_run_for(5); /* nobody asks */
	assert_false(side_waits(&p.m) || side_waits(&p.d));
	expect_at(&p, "rs1", 100);
	expect_unbroken(&p);
	sides_end(&p);
}

static void test_silence_that_ends(void **state)
{
	struct sides p = {.m.times = quick, .d.times = quick};

	(void)state;
	for (size_t r = 1; r < RIG_RELAYS; r++)
		rig_relay_hold(r, true); /* nowhere to go */
	open_up(&p);
	carry_for(&p, 100);
	rig_relay_freeze(0, true);
	carry_for(&p, 400);
	rig_relay_freeze(0, false);
	carry_for(&p, 200);
	for (size_t r = 1; r < RIG_RELAYS; r++)
		rig_relay_hold(r, false);
	carry_for(&p, 300);
	expect_at(&p, "rs0", 100);
	expect_all(&p);
	expect_unbroken(&p);
	sides_end(&p);
}

/* An end that has nothing to send does not notice; the Access Server tells it. */
static void test_an_idle_end_is_told(void **state)
{
	struct sides p = {.m.times = quick};

	(void)state;
	open_up(&p);
	rig_relay_freeze(0, true);
	rig_relay_hold(0, true);
	p.d.goal = 0;
	carry_for(&p, 500);
	expect_at(&p, "rs0", 100);
	session_suspect(p.d.s);
	expect_at(&p, "rs1", 3000);
	expect_unbroken(&p);
	sides_end(&p);
}

static void test_told_for_nothing(void **state)
{
	struct sides p = {0};

	(void)state;
	open_up(&p);
	for (int i = 0; i < 5; i++) {
		session_suspect(p.d.s);
		session_suspect(p.m.s);
		carry_for(&p, 50);
	}
	expect_all(&p);
	expect_unbroken(&p);
	sides_end(&p);
}

/* This host's network has changed, and all is well. */
static void test_checked_for_nothing(void **state)
{
	struct sides p = {0};

	(void)state;
	open_up(&p);
	for (int i = 0; i < 5; i++) {
		session_check(p.d.s);
		session_check(p.m.s);
		carry_for(&p, 50);
	}
	carry_for(&p, 400);
	expect_at(&p, "rs0", 100);
	expect_all(&p);
	expect_unbroken(&p);
	sides_end(&p);
}

/* An idle end whose path has died while its network was away finds another one at once. */
static void test_checked_on_a_dead_path(void **state)
{
	struct sides p = {.m.times = quick, .d.times = quick};

	(void)state;
	open_up(&p);
	p.m.goal = p.d.goal = 0;
	carry_for(&p, 100);
	rig_relay_freeze(0, true);
	rig_relay_hold(0, true);
	rig_run_for(100);
	session_check(p.d.s);
	session_check(p.m.s);
	expect_at(&p, "rs1", 3000);
	sides_end(&p);
}

/* Both ends, their relays and the way between fail at random; nobody is lost for good. */
static void test_anything_at_any_time(void **state)
{
	struct sides p = {.m.times = quick, .d.times = quick};
	uint64_t noise = 4711;
	uint32_t serial = 1;

	(void)state;
	open_up(&p);
	for (int i = 0; i < 60; i++) {
		size_t r = noise_u32(&noise) % RIG_RELAYS;

		switch (noise_u32(&noise) % 5) {
		case 0:
			(void)rig_relay_cut(r,
					    noise_u32(&noise) % 2 ? TOKEN_MANAGER : TOKEN_DEVICE);
			break;
		case 1:
			relay_drain(rig.relays[r].relay, 1);
			carry_for(&p, noise_u32(&noise) % 100);
			relay_undrain(rig.relays[r].relay);
			break;
		case 2:
			set_both(&p, ++serial, noise_u32(&noise) % 2 ? "120" : "201");
			break;
		case 3:
			rig_relay_freeze(r, true);
			carry_for(&p, noise_u32(&noise) % 300);
			rig_relay_freeze(r, false);
			break;
		default:
			rig_relay_kill(r);
			rig_relay_start(r);
			break;
		}
		carry_for(&p, noise_u32(&noise) % 100);
	}
	sides_up(&p);
	carry_for(&p, 200);
	assert_false(p.m.wrong || p.d.wrong);
	sides_end(&p);
}

/* The manager's word may get lost */

static bool raw_is_ready(void *arg)
{
	return ((const struct raw_end *)arg)->ready;
}

static bool d_at_rs1(void *arg)
{
	return strcmp(side_relay(arg), "rs1") == 0;
}

static bool d_at_rs0(void *arg)
{
	return strcmp(side_relay(arg), "rs0") == 0;
}

/* The device has followed to a path that dies before its answer arrives: it goes back. */
static void test_a_device_goes_back_if_its_new_path_dies(void **state)
{
	struct side d = {.n_relays = 2};
	struct raw_end r0 = {.greets = true}, r1 = {.greets = true};

	(void)state;
	raw_dial(&r0, TOKEN_MANAGER, 0);
	raw_dial(&r1, TOKEN_MANAGER, 1);
	side_open(&d, TOKEN_DEVICE);
	assert_true(rig_run(raw_is_ready, NULL, &r0, 3000));
	assert_true(rig_run(raw_is_ready, NULL, &r1, 3000));
	raw_number(&r0, FRAME_SELECT, 1);
	assert_true(rig_run(d_at_rs0, NULL, &d, 2000));
	raw_number(&r1, FRAME_SELECT, 2);
	assert_true(rig_run(d_at_rs1, NULL, &d, 2000));
	(void)rig_relay_cut(1, TOKEN_MANAGER);
	assert_true(rig_run(d_at_rs0, NULL, &d, 2000));
	assert_int_equal(d.downs, 0);
	side_end(&d);
	raw_close(&r0);
	raw_close(&r1);
}

/* A device that never answers SELECT on the new path: the manager stays where it is. */
static void test_a_manager_stays_if_the_new_path_is_not_answered(void **state)
{
	struct side m = {.n_relays = 2, .answer_ms = 300};
	struct raw_end r0 = {.greets = true}, r1 = {.greets = true};

	(void)state;
	raw_dial(&r0, TOKEN_DEVICE, 0);
	side_open(&m, TOKEN_MANAGER);
	assert_true(rig_run(raw_is_ready, NULL, &r0, 3000));
	rig_run_for(50);
	raw_number(&r0, FRAME_SELECTED, r0.number);
	rig_run_for(50);
	assert_true(side_up(&m));
	raw_dial(&r1, TOKEN_DEVICE, 1);
	assert_int_equal(set_list(&m, 2, "10"), 0);
	assert_true(rig_run(raw_is_ready, NULL, &r1, 3000));
	rig_run_for(1000);
	assert_true(r1.got[FRAME_SELECT] > 0);
	assert_true(r1.got[FRAME_END] > 0 || r1.closed);
	assert_true(side_up(&m));
	assert_string_equal(side_relay(&m), "rs0");
	assert_int_equal(r0.got[FRAME_END], 0);
	assert_int_equal(m.downs, 0);
	side_end(&m);
	raw_close(&r0);
	raw_close(&r1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_a_better_relay),
		RIG_TEST(test_a_list_that_changes_nothing_dials_nobody),
		RIG_TEST(test_a_relay_that_is_not_listed_any_more),
		RIG_TEST(test_one_end_hears_of_the_list_later),
		RIG_TEST(test_a_better_relay_that_one_end_cannot_reach),
		RIG_TEST(test_lists_while_they_search),
		RIG_TEST(test_many_lists_in_a_row),
		RIG_TEST(test_a_relay_that_drains),
		RIG_TEST(test_a_relay_that_drains_a_shed_session),
		RIG_TEST(test_the_only_relay_drains),
		RIG_TEST(test_forged_hints),
		RIG_TEST(test_hints_for_one_end_only),
		RIG_TEST(test_silence_is_left_before_it_is_loss),
		RIG_TEST(test_what_waits_goes_on_the_new_path),
		RIG_TEST(test_silence_that_ends),
		RIG_TEST(test_an_idle_end_is_told),
		RIG_TEST(test_told_for_nothing),
		RIG_TEST(test_checked_for_nothing),
		RIG_TEST(test_checked_on_a_dead_path),
		RIG_TEST(test_anything_at_any_time),
		RIG_TEST(test_a_device_goes_back_if_its_new_path_dies),
		RIG_TEST(test_a_manager_stays_if_the_new_path_is_not_answered),
	};

	if (argc > 1) /* one of them, or a pattern */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
