/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "relayd/pure/pair.h"

#define LIFE_S 3600
#define WALL_S 1800000000

static struct pair_table t;
static struct pair_clock now;
static struct pair_closing gone[64];
static size_t n_gone;
static char legs[16]; /* only their addresses count */

static const uint8_t *sid(unsigned int n)
{
	static uint8_t id[PAIR_ID_BYTES];

	memset(id, 0, sizeof(id));
	memcpy(id, &n, sizeof(n));
	return id;
}

static void *leg(int n)
{
	return &legs[n];
}

static void open_table(size_t live, size_t remember, size_t ended)
{
	struct pair_limits limits = {
		.live_max = live, .remember_max = remember, .ended_max = ended, .seed = 42};

	assert_int_equal(pair_init(&t, &limits), 0);
	now = (struct pair_clock){.mono_ms = 1000, .wall_s = WALL_S};
}

static int setup(void **state)
{
	(void)state;
	open_table(100, 200, 50);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pair_deinit(&t);
	return 0;
}

static void pass(int64_t s)
{
	now.mono_ms += (uint64_t)s * 1000;
	now.wall_s += s;
}

static int arrive(unsigned int session, unsigned int role, uint64_t generation, void *l)
{
	struct pair_arrival a = {.role = role,
				 .generation = generation,
				 .good_until_s = now.wall_s + LIFE_S,
				 .leg = l};

	memcpy(a.id, sid(session), sizeof(a.id));
	return pair_arrive(&t, &a, now, gone, &n_gone);
}

static void *opened(unsigned int session, unsigned int role, void *l)
{
	return pair_open(&t, sid(session), role, l, now);
}

static void *leave(unsigned int session, unsigned int role, void *l)
{
	return pair_leave(&t, sid(session), role, l);
}

static void sweep(void)
{
	n_gone = pair_sweep(&t, now, gone, 64);
}

static void join(unsigned int session, void *manager, void *device)
{
	assert_int_equal(arrive(session, 0, 1, manager), 0);
	assert_null(opened(session, 0, manager));
	assert_int_equal(arrive(session, 1, 1, device), 0);
	assert_ptr_equal(opened(session, 1, device), manager);
}

static void test_two_legs_are_joined(void **state)
{
	(void)state;
	join(1, leg(0), leg(1));
	assert_int_equal(t.n_ends[PAIR_JOINED], 2);
	assert_int_equal(t.n_live, 1);
	assert_ptr_equal(leave(1, 0, leg(0)), leg(1));
	assert_int_equal(t.n_live, 0);
	assert_int_equal(t.n_ends[PAIR_JOINED], 0);
	assert_null(leave(1, 1, leg(1)));
}

static void test_an_opening_leg_is_not_joined(void **state)
{
	(void)state;
	assert_int_equal(arrive(1, 0, 1, leg(0)), 0);
	assert_int_equal(arrive(1, 1, 1, leg(1)), 0);
	assert_null(opened(1, 1, leg(1)));
	assert_null(opened(1, 1, leg(1))); /* twice changes nothing */
	assert_int_equal(t.n_ends[PAIR_WAITING], 1);
	/* The opening one goes: the waiting one stays. */
	assert_null(leave(1, 0, leg(0)));
	assert_int_equal(t.n_ends[PAIR_WAITING], 1);
	assert_int_equal(arrive(1, 0, 2, leg(2)), 0);
	assert_int_equal(n_gone, 0);
	assert_ptr_equal(opened(1, 0, leg(2)), leg(1));
}

static void test_replay_is_refused_and_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(arrive(1, 0, 5, leg(0)), 0);
	assert_int_equal(arrive(1, 0, 5, leg(1)), -EALREADY);
	assert_int_equal(arrive(1, 0, 4, leg(1)), -EALREADY);
	assert_int_equal(n_gone, 0);
	assert_null(opened(1, 0, leg(0)));
	assert_int_equal(arrive(1, 1, 1, leg(1)), 0); /* each end counts for itself */
	assert_ptr_equal(opened(1, 1, leg(1)), leg(0));
	assert_ptr_equal(leave(1, 0, leg(0)), leg(1));
	assert_int_equal(arrive(1, 0, 5, leg(2)), -EALREADY); /* also when all are gone */
	assert_int_equal(arrive(1, 0, INT64_MAX, leg(2)), 0);
}

static void test_higher_generation_replaces_a_waiting_leg(void **state)
{
	(void)state;
	assert_int_equal(arrive(1, 0, 1, leg(0)), 0);
	assert_null(opened(1, 0, leg(0)));
	assert_int_equal(arrive(1, 0, 2, leg(1)), 0);
	assert_int_equal(n_gone, 1);
	assert_ptr_equal(gone[0].leg, leg(0));
	assert_int_equal(gone[0].why, PAIR_REPLACED);
	assert_null(leave(1, 0, leg(0))); /* the old one's end does not touch the new one */
	assert_null(opened(1, 0, leg(1)));
	assert_int_equal(t.n_ends[PAIR_WAITING], 1);
}

static void test_higher_generation_dissolves_a_pair(void **state)
{
	(void)state;
	join(1, leg(0), leg(1));
	assert_int_equal(arrive(1, 1, 2, leg(2)), 0);
	assert_int_equal(n_gone, 2);
	assert_ptr_equal(gone[0].leg, leg(0));
	assert_int_equal(gone[0].why, PAIR_DISSOLVED);
	assert_ptr_equal(gone[1].leg, leg(1));
	assert_int_equal(gone[1].why, PAIR_REPLACED);
	assert_null(opened(1, 1, leg(2))); /* it waits: never in another's byte stream */
	assert_int_equal(arrive(1, 0, 2, leg(3)), 0);
	assert_ptr_equal(opened(1, 0, leg(3)), leg(2));
}

static void test_waiting_has_an_end(void **state)
{
	(void)state;
	assert_int_equal(arrive(1, 0, 1, leg(0)), 0);
	assert_null(opened(1, 0, leg(0)));
	pass(119);
	sweep();
	assert_int_equal(n_gone, 0);
	pass(1);
	sweep();
	assert_int_equal(n_gone, 1);
	assert_ptr_equal(gone[0].leg, leg(0));
	assert_int_equal(gone[0].why, PAIR_ALONE);
	assert_int_equal(t.n_live, 0);
	assert_int_equal(arrive(1, 0, 1, leg(1)), -EALREADY);
}

static void test_session_ends_with_its_last_token(void **state)
{
	(void)state;
	join(1, leg(0), leg(1));
	pass(LIFE_S / 2);
	join(2, leg(2), leg(3));
	assert_int_equal(arrive(2, 0, 2, leg(4)), 0); /* dissolves; and prolongs nothing else */
	pass(LIFE_S / 2);
	sweep();
	assert_int_equal(n_gone, 2);
	assert_int_equal(gone[0].why, PAIR_EXPIRED);
	assert_int_equal(t.n_live, 1);
	pass(LIFE_S / 2);
	sweep();
	assert_int_equal(n_gone, 1);
	assert_ptr_equal(gone[0].leg, leg(4));
}

static void test_the_wall_clock_does_not_end_sessions(void **state)
{
	(void)state;
	join(1, leg(0), leg(1));
	now.wall_s += 10L * LIFE_S;
	sweep();
	assert_int_equal(n_gone, 0);
	now.wall_s -= 20L * LIFE_S;
	sweep();
	assert_int_equal(n_gone, 0);
}

static void sweep_all(void)
{
	for (int i = 0; i < 64; i++)
		sweep();
}

static void test_generations_are_forgotten_with_the_token_only(void **state)
{
	(void)state;
	join(1, leg(0), leg(1));
	leave(1, 0, leg(0));
	pass(LIFE_S);
	sweep_all();
	assert_non_null(pair_find(&t, sid(1))); /* the token is good in its last second, too */
	now.wall_s -= 100;
	pass(50);
	sweep_all();
	assert_non_null(pair_find(&t, sid(1))); /* set back: it is good again */
	now.wall_s += 100;
	sweep_all();
	assert_null(pair_find(&t, sid(1)));
	assert_int_equal(t.n_remembered, 0);
}

static void test_an_ended_session_stays_ended(void **state)
{
	(void)state;
	join(1, leg(0), leg(1));
	pair_end(&t, sid(1), now, gone, &n_gone);
	assert_int_equal(n_gone, 2);
	assert_int_equal(gone[0].why, PAIR_KILLED);
	assert_int_equal(arrive(1, 0, 9, leg(2)), -EACCES);
	pair_end(&t, sid(1), now, gone, &n_gone);
	assert_int_equal(n_gone, 0);
	pair_end(&t, sid(2), now, gone, &n_gone); /* before anybody came */
	assert_int_equal(arrive(2, 1, 1, leg(2)), -EACCES);
	assert_int_equal(t.n_ended, 2);
	pass(86400 + 300);
	sweep_all();
	assert_int_equal(arrive(2, 1, 1, leg(2)), -EACCES);
	pass(301);
	sweep_all();
	assert_int_equal(t.n_ended, 0);
	assert_null(pair_find(&t, sid(1)));
}

static void test_caps(void **state)
{
	(void)state;
	pair_deinit(&t);
	open_table(2, 3, 2);
	assert_int_equal(arrive(1, 0, 1, leg(0)), 0);
	assert_int_equal(arrive(2, 0, 1, leg(1)), 0);
	assert_int_equal(arrive(3, 0, 1, leg(2)), -ENOSPC); /* two live ones */
	assert_int_equal(arrive(1, 1, 1, leg(2)), 0);	    /* a second end is no new session */
	leave(2, 0, leg(1));
	assert_int_equal(arrive(3, 0, 1, leg(3)), 0);
	leave(3, 0, leg(3));
	assert_int_equal(arrive(4, 0, 1, leg(4)), -ENOSPC); /* three remembered */
	assert_int_equal(arrive(2, 0, 2, leg(4)), 0);
	for (unsigned int i = 10; i < 13; i++)
		pair_end(&t, sid(i), now, gone, &n_gone);
	assert_int_equal(t.n_ended, 2);
	assert_int_equal(arrive(11, 0, 1, leg(5)), -EACCES);
	assert_null(pair_find(&t, sid(10))); /* oldest out first */
	assert_int_equal(t.n_remembered, 3);
}

static void test_many_at_once_are_swept(void **state)
{
	static char many[90];
	size_t sum = 0;

	(void)state;
	for (unsigned int i = 0; i < 90; i++) {
		assert_int_equal(arrive(i, i & 1, 1, &many[i]), 0);
		assert_null(opened(i, i & 1, &many[i]));
	}
	pass(120);
	for (sweep(); n_gone > 0; sweep())
		sum += n_gone;
	assert_int_equal(sum, 90);
	assert_int_equal(t.n_live, 0);
}

static void test_a_token_of_centuries(void **state)
{
	struct pair_arrival a = {.generation = 1, .good_until_s = INT64_MAX, .leg = leg(0)};

	(void)state;
	memcpy(a.id, sid(1), sizeof(a.id));
	assert_int_equal(pair_arrive(&t, &a, now, gone, &n_gone), 0);
	a.good_until_s = INT64_MIN;
	a.generation = 2;
	assert_int_equal(pair_arrive(&t, &a, now, gone, &n_gone), 0);
	sweep();
	assert_int_equal(n_gone, 0);
}

/* Random events: the counters always tell what is in the table, and no leg is lost or told twice.
 */
static void check_counts(void)
{
	size_t ends[PAIR_STATES] = {0}, live = 0;
	struct pair_session *s;

	TAILQ_FOREACH (s, &t.live, list) {
		live++;
		assert_int_equal(s->kind, PAIR_LIVE);
		assert_true(s->ends[0].state != PAIR_NONE || s->ends[1].state != PAIR_NONE);
		assert_int_equal(s->ends[0].state == PAIR_JOINED, s->ends[1].state == PAIR_JOINED);
		ends[s->ends[0].state]++;
		ends[s->ends[1].state]++;
	}
	assert_int_equal(live, t.n_live);
	for (int i = PAIR_OPENING; i < PAIR_STATES; i++)
		assert_int_equal(ends[i], t.n_ends[i]);
}

enum { NOISE_SESSIONS = 40, NOISE_LEGS = 1 << 16 };

/* What the table should hold: the leg of each end, and how many came, were told to close, left. */
static struct model {
	void *leg[NOISE_SESSIONS][2];
	size_t came, told, left;
} model;

static void model_told(void)
{
	for (size_t k = 0; k < n_gone; k++)
		for (int q = 0; q < 2 * NOISE_SESSIONS; q++)
			if (model.leg[q / 2][q & 1] == gone[k].leg) {
				model.leg[q / 2][q & 1] = NULL;
				model.told++;
			}
	n_gone = 0;
}

static void model_arrive(unsigned int s, unsigned int role, uint64_t generation)
{
	static char pool[NOISE_LEGS];

	if (model.came == NOISE_LEGS || arrive(s, role, generation, &pool[model.came]) != 0)
		return;
	model_told();
	model.leg[s][role] = &pool[model.came++];
}

static void model_leave(unsigned int s, unsigned int role)
{
	void *l = model.leg[s][role], *other;

	if (!l)
		return;
	other = leave(s, role, l);
	if (other) {
		assert_ptr_equal(other, model.leg[s][!role]);
		model.leg[s][!role] = NULL;
		model.left++;
	}
	model.leg[s][role] = NULL;
	model.left++;
}

static void test_noise(void **state)
{
	uint64_t noise = 77, generation = 1;

	(void)state;
	memset(&model, 0, sizeof(model));
	for (int i = 0; i < 60000; i++) {
		unsigned int s = noise_u32(&noise) % NOISE_SESSIONS, role = noise_u32(&noise) & 1;
		unsigned int what = noise_u32(&noise) % 16;

		n_gone = 0;
		if (what == 0)
			sweep();
		else if (what == 1)
			pass(noise_u32(&noise) % 60);
		else if (what == 2 && noise_u32(&noise) % 50 == 0)
			pair_end(&t, sid(s), now, gone, &n_gone);
		else if (what < 6)
			model_leave(s, role);
		else if (what < 10)
			model_arrive(s, role, generation++);
		else if (model.leg[s][role])
			(void)opened(s, role, model.leg[s][role]);
		model_told();
		check_counts();
	}
	assert_true(model.came > 1000);
	assert_int_equal(model.came - model.told - model.left,
			 t.n_ends[PAIR_OPENING] + t.n_ends[PAIR_WAITING] + t.n_ends[PAIR_JOINED]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_two_legs_are_joined),
		TEST(test_an_opening_leg_is_not_joined),
		TEST(test_replay_is_refused_and_changes_nothing),
		TEST(test_higher_generation_replaces_a_waiting_leg),
		TEST(test_higher_generation_dissolves_a_pair),
		TEST(test_waiting_has_an_end),
		TEST(test_session_ends_with_its_last_token),
		TEST(test_the_wall_clock_does_not_end_sessions),
		TEST(test_generations_are_forgotten_with_the_token_only),
		TEST(test_an_ended_session_stays_ended),
		TEST(test_caps),
		TEST(test_many_at_once_are_swept),
		TEST(test_a_token_of_centuries),
		TEST(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
