/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the relay lets through in a time, and what it tells of it. */
#include "common/io/reporter.h"
#include "relayd/relay.h"
#include "tests/unit/relay_rig.h"

#define KB ((size_t)1000)
#define TOLD_MAX 50

/* What the relay told of sessions. */
static struct usage told[TOLD_MAX];
static size_t n_told;

static void on_usage(void *arg, const struct usage *u)
{
	assert_true(n_told < TOLD_MAX);
	told[n_told++] = *u;
}

static void relay_rate(uint64_t rate)
{
	limits_close(common.limits);
	assert_int_equal(limits_open(&common.limits, rate), 0);
}

static void dial_limited(struct end *e, const struct claims *c)
{
	char token[PASETO_TOKEN_SIZE];

	*e = (struct end){.tag = c->role == TOKEN_MANAGER ? 0x11 : 0x77};
	e->peer_tag = 0x11 ^ 0x77 ^ e->tag;
	domain_token(&domain, c, token);
	dial_token(e, token, 1);
	assert_true(run_until(is_open, e, 5000));
	assert_true(e->open);
}

static void dial_limited_pair(struct pair *p, unsigned int session, uint64_t rate, const char *user,
			      uint64_t user_rate)
{
	struct claims c = {.session = session,
			   .role = TOKEN_MANAGER,
			   .to_s = 3600,
			   .rate = rate,
			   .user = user,
			   .user_rate = user_rate};

	dial_limited(&p->m, &c);
	c.role = TOKEN_DEVICE;
	dial_limited(&p->d, &c);
}

static const struct join *join_of(unsigned int session)
{
	uint8_t id[PAIR_ID_BYTES];
	const struct pair_session *s;

	domain_session_id(session, id);
	s = pair_find(&relay->pairs, id);
	if (!s || !s->ends[0].leg)
		abort();
	return ((const struct leg *)s->ends[0].leg)->join;
}

/* How long it takes until all has arrived. A busy machine makes it longer, never shorter. */
static uint64_t ms_until_arrived(struct pair *p)
{
	uint64_t began = clock_mono_ms();

	assert_true(run_until(all_arrived, p, 60000));
	assert_false(p->m.wrong || p->d.wrong);
	return clock_mono_ms() - began;
}

static void no_limit_costs_nothing(void **state)
{
	struct pair p;

	dial_pair(&p, 1);
	assert_null(join_of(1)->throttle);
	close_pair(&p);
}

/* 2 MB at 1 MB/s, less the burst of 50 ms. */
static void a_session_keeps_its_rate(void **state)
{
	struct pair p;

	dial_limited_pair(&p, 1, 1000 * KB, NULL, 0);
	end_send(&p.m, 2000 * KB);
	assert_in_range(ms_until_arrived(&p), 1900, 60000);
	close_pair(&p);
}

static void both_directions_share_it(void **state)
{
	struct pair p;
	uint64_t a, b;

	dial_limited_pair(&p, 1, 1000 * KB, NULL, 0);
	end_send(&p.m, 1000 * KB);
	end_send(&p.d, 1000 * KB);
	run_for(1000);
	a = p.m.received;
	b = p.d.received;
	assert_true(a + b <= 1100 * KB);
	assert_true(a > 4 * b / 5 && b > 4 * a / 5);
	assert_true(ms_until_arrived(&p) >= 850);
	close_pair(&p);
}

/* A slow one takes small turns: nothing stands still for long. */
static void a_slow_session_flows_evenly(void **state)
{
	struct pair p;
	uint64_t before = 0, longest = 0, since = 0, end;

	dial_limited_pair(&p, 1, 40 * KB, NULL, 0);
	end_send(&p.m, 100 * KB);
	end = clock_mono_ms() + 30000;
	since = clock_mono_ms();
	while (p.d.received < 100 * KB && clock_mono_ms() < end) {
		run_for(20);
		if (p.d.received != before) {
			uint64_t now = clock_mono_ms();

			longest = now - since > longest ? now - since : longest;
			since = now;
			before = p.d.received;
		}
	}
	assert_int_equal(p.d.received, 100 * KB);
	assert_true(longest < 2000); /* a record is 0.4 s of it */
	close_pair(&p);
}

static uint64_t arrived(const struct pair *p)
{
	return p->m.received + p->d.received;
}

struct pairs {
	struct pair at[4];
	size_t n;
	uint64_t goal;
};

static bool have_goal(void *arg)
{
	const struct pairs *all = arg;
	uint64_t sum = 0;

	for (size_t i = 0; i < all->n; i++)
		sum += arrived(&all->at[i]);
	return sum >= all->goal;
}

static void check_shares(struct pairs *all, uint64_t rate)
{
	uint64_t began = clock_mono_ms(), each = all->goal / all->n;

	assert_true(run_until(have_goal, all, 60000));
	assert_true(clock_mono_ms() - began >= all->goal * 900 / rate);
	for (size_t i = 0; i < all->n; i++) {
		assert_true(arrived(&all->at[i]) > each * 3 / 4);
		assert_true(arrived(&all->at[i]) < each * 5 / 4);
	}
}

/* One of them sends in both directions: it gets no more for that. */
static void a_users_sessions_share_his_rate(void **state)
{
	struct pairs all = {.n = 3, .goal = 3000 * KB};
	struct pair other;

	for (unsigned int i = 0; i < 3; i++) {
		dial_limited_pair(&all.at[i], i + 1, 0, "a0", 1500 * KB);
		end_send(&all.at[i].m, 10 * MB);
	}
	end_send(&all.at[0].d, 10 * MB);
	check_shares(&all, 1500 * KB);
	/* Somebody else's are not held up by that. */
	dial_limited_pair(&other, 7, 0, "b0", 100000 * KB);
	end_send(&other.m, 3000 * KB);
	assert_true(ms_until_arrived(&other) < 30000);
	close_pair(&other);
	for (unsigned int i = 0; i < 3; i++) {
		close_end(&all.at[i].m);
		close_end(&all.at[i].d);
	}
}

static void all_share_the_relays_rate(void **state)
{
	struct pairs all = {.n = 3, .goal = 3000 * KB};

	relay_rate(1500 * KB);
	dial_limited_pair(&all.at[0], 1, 0, NULL, 0);
	dial_limited_pair(&all.at[1], 2, 5000 * KB, NULL, 0);
	dial_limited_pair(&all.at[2], 3, 0, "a0", 4000 * KB);
	for (unsigned int i = 0; i < 3; i++)
		end_send(&all.at[i].m, 10 * MB);
	check_shares(&all, 1500 * KB);
	for (unsigned int i = 0; i < 3; i++) {
		close_end(&all.at[i].m);
		close_end(&all.at[i].d);
	}
}

/* The two tokens need not agree: one may be older. */
static void the_stricter_token_counts(void **state)
{
	struct claims c = {.session = 1, .role = TOKEN_MANAGER, .to_s = 3600, .rate = 1000 * KB};
	struct pair p;

	dial_limited(&p.m, &c);
	c.role = TOKEN_DEVICE;
	c.rate = 0;
	dial_limited(&p.d, &c);
	end_send(&p.d, 1500 * KB);
	assert_in_range(ms_until_arrived(&p), 1400, 60000);
	close_pair(&p);
}

static void what_was_sent_before_the_end_comes_through_a_limit(void **state)
{
	struct pair p;

	dial_limited_pair(&p, 1, 1000 * KB, NULL, 0);
	p.m.finish = true;
	end_send(&p.m, 1000 * KB);
	assert_true(run_until(is_closed, &p.d, 30000));
	assert_int_equal(p.d.received, 1000 * KB);
	assert_false(p.d.wrong);
	assert_true(p.d.clean);
	assert_true(run_until(is_closed, &p.m, 6000));
}

static void ends_while_it_waits(void **state)
{
	struct pair p;
	uint8_t id[PAIR_ID_BYTES];

	dial_limited_pair(&p, 1, 40 * KB, "a0", 40 * KB);
	end_send(&p.m, 10 * MB);
	end_send(&p.d, 10 * MB);
	run_for(500);
	assert_true(throttle_waits(join_of(1)->throttle));
	domain_session_id(1, id);
	relay_end_session(relay, id);
	assert_true(run_until(is_closed, &p.m, 5000));
	assert_true(run_until(is_closed, &p.d, 5000));
	assert_true(run_until(no_legs, NULL, 5000));
	/* And the relay itself, while another one waits. */
	dial_limited_pair(&p, 2, 40 * KB, NULL, 0);
	end_send(&p.m, 10 * MB);
	run_for(300);
	relay_close(relay, on_relay_closed, NULL);
	relay = NULL;
	assert_true(run_until(is_closed, &p.m, 10000));
	assert_true(run_until(is_closed, &p.d, 10000));
}

/* --- what it tells --------------------------------------------------------------------------- */

static void a_join_is_told_when_it_ends(void **state)
{
	char id[TOKEN_SESSION_SIZE];
	uint8_t bytes[PAIR_ID_BYTES];
	struct pair p;

	n_told = 0;
	common.usage = on_usage;
	dial_pair(&p, 1);
	end_send(&p.m, 100000);
	end_send(&p.d, 7);
	assert_true(run_until(all_arrived, &p, 10000));
	assert_int_equal(n_told, 0);
	domain_session_id(1, bytes);
	relay_id_text(bytes, id);
	close_pair(&p);
	assert_true(run_until(no_legs, NULL, 7000));
	assert_int_equal(n_told, 1);
	assert_string_equal(told[0].session, id);
	assert_true(told[0].bytes_to_device == 100000 && told[0].bytes_to_manager == 7);
	assert_true(told[0].over && !told[0].has_packets);
	assert_true(told[0].reason[0] != '\0');
	assert_true(told[0].to_ms >= told[0].from_ms);
	assert_true(clock_wall_ms() - told[0].from_ms < 60000);
}

/* One that nobody met has carried nothing. */
static void who_waited_in_vain_is_not_told(void **state)
{
	struct end e;

	n_told = 0;
	common.usage = on_usage;
	dial_open(&e, 1, TOKEN_MANAGER, 1);
	end_send(&e, 1000);
	run_for(100);
	close_end(&e);
	assert_true(run_until(no_legs, NULL, 7000));
	assert_int_equal(n_told, 0);
}

static bool told_more(void *arg)
{
	return n_told >= *(size_t *)arg;
}

static void a_long_join_is_told_again_and_again(void **state)
{
	uint32_t every = reporter_times.every_ms;
	struct pair p;
	size_t want = 1;

	n_told = 0;
	common.usage = on_usage;
	reporter_times.every_ms = 500;
	dial_pair(&p, 1);
	end_send(&p.m, 1000);
	assert_true(run_until(told_more, &want, 10000));
	assert_true(!told[0].over && told[0].bytes_to_device == 1000);
	end_send(&p.m, 500);
	want = n_told + 2;
	assert_true(run_until(told_more, &want, 10000));
	assert_true(told[n_told - 1].bytes_to_device == 1500);
	assert_true(told[n_told - 1].from_ms == told[0].from_ms);
	assert_true(told[n_told - 1].to_ms > told[0].to_ms);
	reporter_times.every_ms = every;
	close_pair(&p);
	assert_true(told[n_told - 1].over && told[n_told - 1].from_ms == told[0].from_ms);
}

/* --- whose buckets --------------------------------------------------------------------------- */

static void users_have_one_bucket_each(void **state)
{
	struct limits *l;
	struct bucket *a, *b;

	assert_int_equal(limits_open(&l, 0), 0);
	assert_null(limits_relay(l));
	a = limits_user(l, "a0", 1000);
	b = limits_user(l, "b0", 2000);
	assert_non_null(a);
	assert_ptr_not_equal(a, b);
	assert_ptr_equal(limits_user(l, "a0", 3000), a);
	assert_true(bucket_rate(a) == 3000 && bucket_rate(b) == 2000);
	limits_release(l, a);
	assert_ptr_equal(limits_user(l, "a0", 3000), a);
	limits_release(l, a);
	limits_release(l, a);
	limits_release(l, b);
	limits_release(l, NULL);
	limits_close(l);
	assert_int_equal(limits_open(&l, 77), 0);
	assert_true(bucket_rate(limits_relay(l)) == 77);
	limits_close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_limit_costs_nothing),
		TEST(a_session_keeps_its_rate),
		TEST(both_directions_share_it),
		TEST(a_slow_session_flows_evenly),
		TEST(a_users_sessions_share_his_rate),
		TEST(all_share_the_relays_rate),
		TEST(the_stricter_token_counts),
		TEST(what_was_sent_before_the_end_comes_through_a_limit),
		TEST(ends_while_it_waits),
		TEST(a_join_is_told_when_it_ends),
		TEST(who_waited_in_vain_is_not_told),
		TEST(a_long_join_is_told_again_and_again),
		cmocka_unit_test(users_have_one_bucket_each),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
