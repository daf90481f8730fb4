/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "vpnd/pure/flight.h"

#define MS 1000U
#define SECOND 1000000U
#define KBIT 125U /* bytes a second */
#define MBIT 125000U
#define GBIT 125000000U
#define PACKET 1400U
#define UNITS_MAX 65536
#define STEP_US 50U

/* What is on the line: a packet, or a stamp (bytes 0). */
struct unit {
	uint64_t bytes, at_us; /* when it arrives */
	uint64_t sent, clock_us;
};

/*
 * A sender with a flight, a line with a rate and a FIFO without end (its drops would be the inner
 * TCP's affair), and a way back. Time goes in small steps.
 */
struct sim {
	struct flight f;
	uint64_t now_us, rate, rtt_us;
	uint64_t free_us; /* when the line has sent what it has */
	struct unit units[UNITS_MAX];
	uint64_t head, tail;
	uint64_t delivered;
	uint64_t last_arrival_us;
	uint64_t packet;
	uint64_t demand; /* bytes a second that the sender has; 0: always more */
	uint64_t offered_from_us, offered;
	uint64_t hold_every_us, hold_us; /* a lost segment holds up what is behind it */
	uint64_t hold_next_us, held_until_us;
	bool deaf; /* the other end echoes nothing */
	/* Measured */
	uint64_t queue_max_us, queue_sum_us, n_queue, stuck_us, sent_at_us;
	uint64_t window_min, window_max;
};

static struct sim sim;

static struct sim *sim_new(uint64_t rate, uint64_t rtt_us)
{
	struct sim *s = &sim;

	memset(s, 0, sizeof(*s));
	s->now_us = 1000 * SECOND;
	s->rate = rate;
	s->rtt_us = rtt_us;
	s->packet = PACKET;
	s->sent_at_us = s->free_us = s->now_us;
	flight_init(&s->f, true, s->now_us);
	return s;
}

static void onto_line(struct sim *s, struct unit u)
{
	uint64_t from = s->free_us > s->now_us ? s->free_us : s->now_us;

	s->free_us = from + u.bytes * SECOND / s->rate;
	u.at_us = s->free_us + s->rtt_us;
	if (s->hold_every_us && s->now_us >= s->hold_next_us) {
		s->hold_next_us = s->now_us + s->hold_every_us;
		s->held_until_us = u.at_us + s->hold_us;
	}
	if (u.at_us < s->held_until_us)
		u.at_us = s->held_until_us;
	if (u.at_us < s->last_arrival_us)
		u.at_us = s->last_arrival_us;
	s->last_arrival_us = u.at_us;
	assert_true(s->tail - s->head < UNITS_MAX);
	s->units[s->tail++ % UNITS_MAX] = u;
}

static void stamp(struct sim *s, bool first)
{
	struct unit u = {.clock_us = s->now_us};

	if (!flight_wants_stamp(&s->f, s->now_us, first))
		return;
	flight_stamp(&s->f, s->now_us, &u.sent);
	onto_line(s, u);
}

static bool has_packet(const struct sim *s)
{
	if (!s->demand)
		return true;
	return s->offered + s->packet <= (s->now_us - s->offered_from_us) * s->demand / SECOND;
}

static void pump(struct sim *s)
{
	for (bool first = true; has_packet(s) && flight_room(&s->f) > 0; first = false) {
		if (first)
			stamp(s, true);
		flight_sent(&s->f, s->packet, s->now_us);
		s->offered += s->packet;
		onto_line(s, (struct unit){.bytes = s->packet});
		s->sent_at_us = s->now_us;
		stamp(s, false);
	}
	if (has_packet(s) && s->now_us - s->sent_at_us > s->stuck_us)
		s->stuck_us = s->now_us - s->sent_at_us;
}

static void arrive(struct sim *s)
{
	while (s->head < s->tail && s->units[s->head % UNITS_MAX].at_us <= s->now_us) {
		struct unit u = s->units[s->head++ % UNITS_MAX];

		s->delivered += u.bytes;
		if (u.clock_us && !s->deaf && flight_acked(&s->f, u.sent, u.clock_us, s->now_us)) {
			pump(s);
			stamp(s, false);
		}
	}
}

static void measure(struct sim *s)
{
	uint64_t queue = s->free_us > s->now_us ? s->free_us - s->now_us : 0;

	if (queue > s->queue_max_us)
		s->queue_max_us = queue;
	s->queue_sum_us += queue;
	s->n_queue++;
	if (s->f.window < s->window_min || !s->window_min)
		s->window_min = s->f.window;
	if (s->f.window > s->window_max)
		s->window_max = s->f.window;
}

/* Return: how much of the line was used, in percent. */
static unsigned int run(struct sim *s, uint64_t us)
{
	uint64_t from = s->delivered, end = s->now_us + us;

	s->queue_max_us = s->queue_sum_us = s->n_queue = s->stuck_us = 0;
	s->window_min = s->window_max = 0;
	s->sent_at_us = s->now_us;
	for (; s->now_us < end; s->now_us += STEP_US) {
		arrive(s);
		pump(s);
		measure(s);
	}
	assert_true(s->f.window >= FLIGHT_WINDOW_MIN_BYTES);
	assert_true(s->f.window <= FLIGHT_WINDOW_MAX_BYTES);
	return (unsigned int)((s->delivered - from) * 100 / (s->rate * (us / MS) / 1000));
}

static uint64_t queue_mean_us(const struct sim *s)
{
	return s->queue_sum_us / s->n_queue;
}

static const struct {
	uint64_t rate, rtt_us;
} lines[] = {
	{1 * MBIT, 40 * MS},   {10 * MBIT, 80 * MS},  {10 * MBIT, 40 * MS}, {20 * MBIT, 1 * MS},
	{20 * MBIT, 20 * MS},  {100 * MBIT, 80 * MS}, {100 * MBIT, 1 * MS}, {10 * MBIT, 300 * MS},
	{50 * MBIT, 600 * MS}, {300 * MBIT, 20 * MS}, {2 * MBIT, 200 * MS},
};

static uint64_t target_us(uint64_t rtt_us)
{
	uint64_t t = rtt_us / 8;

	return t < FLIGHT_TARGET_US	  ? FLIGHT_TARGET_US
	       : t > FLIGHT_TARGET_MAX_US ? FLIGHT_TARGET_MAX_US
					  : t;
}

/* Wherever the slow line is, all that is under way waits in front of it. */
static void test_lines(void **state)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct sim *s = sim_new(lines[i].rate, lines[i].rtt_us);
		unsigned int used;
		uint64_t wait = PACKET * SECOND / lines[i].rate;

		run(s, 3 * SECOND + 20 * lines[i].rtt_us);
		used = run(s, 25 * SECOND);
		if (used < 95 || s->queue_max_us > 4 * target_us(lines[i].rtt_us) + 4 * wait)
			fail_msg("line %zu: %u %% used, queue %llu us mean, %llu us max", i, used,
				 (unsigned long long)queue_mean_us(s),
				 (unsigned long long)s->queue_max_us);
		assert_true(queue_mean_us(s) < target_us(lines[i].rtt_us) * 2);
		assert_true(s->stuck_us < 100 * MS + 4 * lines[i].rtt_us);
	}
}

static void test_convergence(void **state)
{
	struct sim *s = sim_new(10 * MBIT, 80 * MS);

	run(s, 800 * MS);
	assert_in_range(run(s, 500 * MS), 90, 105);
	s = sim_new(100 * MBIT, 80 * MS);
	run(s, 1500 * MS);
	assert_in_range(run(s, 500 * MS), 85, 110);
}

/* Radio: the line is ten times as slow of a sudden, then as fast as before. */
static void test_rate_steps(void **state)
{
	struct sim *s = sim_new(100 * MBIT, 40 * MS);

	run(s, 5 * SECOND);
	s->rate = 10 * MBIT;
	run(s, 2 * SECOND);
	assert_in_range(run(s, 5 * SECOND), 93, 101);
	assert_true(s->queue_max_us < 40 * MS);
	s->rate = 100 * MBIT;
	run(s, 2 * SECOND);
	assert_in_range(run(s, 5 * SECOND), 90, 101);
	s->rate = 1 * MBIT;
	run(s, 8 * SECOND); /* what is under way takes 5 s */
	assert_in_range(run(s, 5 * SECOND), 93, 101);
	assert_true(s->queue_max_us < 100 * MS); /* a packet takes 11 ms */
}

static void test_rtt_steps(void **state)
{
	struct sim *s = sim_new(20 * MBIT, 20 * MS);

	run(s, 5 * SECOND);
	s->rtt_us = 150 * MS; /* another way, while packets flow */
	run(s, 5 * SECOND);
	assert_true(run(s, 5 * SECOND) >= 85);
	run(s, 15 * SECOND);
	assert_true(run(s, 5 * SECOND) >= 93);
	s->rtt_us = 20 * MS;
	run(s, 3 * SECOND);
	assert_true(run(s, 5 * SECOND) >= 93);
	assert_true(s->queue_max_us < 30 * MS);
}

/* Little is sent, one at a time: the longer path is known before it is needed. */
static void test_longer_while_idle(void **state)
{
	struct sim *s = sim_new(10 * MBIT, 100);

	s->demand = 1000;
	s->packet = 100;
	s->offered_from_us = s->now_us;
	run(s, 2 * SECOND);
	assert_true(s->f.base_us < MS);
	s->rtt_us = 80 * MS;
	run(s, 2 * SECOND);
	assert_in_range(s->f.base_us, 80 * MS, 81 * MS);
	s->demand = 0;
	s->packet = PACKET;
	run(s, 1 * SECOND);
	assert_true(run(s, 5 * SECOND) >= 93);
}

/* A sender that says little is never held up, and its window is not lost. */
static void test_app_limited(void **state)
{
	struct sim *s = sim_new(50 * MBIT, 30 * MS);
	uint64_t before;

	run(s, 5 * SECOND);
	before = s->f.window;
	s->demand = 5 * MBIT;
	s->offered = 0;
	s->offered_from_us = s->now_us;
	run(s, 20 * SECOND);
	assert_true(s->stuck_us < 5 * MS);
	assert_true(s->f.window >= before * 2 / 3);
	s->demand = 0;
	assert_true(run(s, 500 * MS) >= 80);
	assert_true(s->queue_max_us < 60 * MS);
}

static void test_idle(void **state)
{
	struct sim *s = sim_new(50 * MBIT, 30 * MS);

	run(s, 5 * SECOND);
	s->demand = 1; /* a packet in 23 minutes */
	s->offered = 0;
	s->offered_from_us = s->now_us;
	run(s, 60 * SECOND);
	s->demand = 0;
	s->rate = 2 * MBIT; /* and meanwhile the line has changed */
	run(s, 3 * SECOND);
	assert_true(run(s, 5 * SECOND) >= 93);
	assert_true(s->queue_max_us < 40 * MS);
}

/* 1 % of segments lost at 100 Mbit/s: each holds up the stream for a round trip. */
static void test_held_up(void **state)
{
	struct sim *s = sim_new(100 * MBIT, 40 * MS);

	s->hold_every_us = 11 * MS;
	s->hold_us = 40 * MS;
	run(s, 5 * SECOND);
	assert_true(run(s, 20 * SECOND) >= 80);
	s->hold_every_us = 0;
	run(s, 20 * SECOND);
	assert_true(run(s, 5 * SECOND) >= 93);
	assert_true(s->queue_max_us < 40 * MS);
}

/* The same, so far away that a segment is lost several times in a round trip: one or the other is
 * always missing, and all comes late. The line is used nevertheless, and the queue is bounded. */
static void test_lossy(void **state)
{
	struct sim *s = sim_new(100 * MBIT, 80 * MS);

	s->demand = 100 * KBIT;
	run(s, SECOND);
	s->demand = 0;
	s->hold_every_us = 20 * MS;
	s->hold_us = 80 * MS;
	flight_lossy(&s->f, true);
	run(s, 5 * SECOND);
	assert_true(run(s, 20 * SECOND) >= 80);
	assert_true(s->queue_max_us < 300 * MS);
	s->hold_every_us = 0;
	flight_lossy(&s->f, false);
	run(s, 20 * SECOND);
	assert_true(run(s, 5 * SECOND) >= 93);
	assert_true(s->queue_max_us < 40 * MS);
}

/* One segment is lost while the stream is still slow: no reason to begin anew. */
static void test_one_lost(void **state)
{
	struct sim *s = sim_new(100 * MBIT, 80 * MS);
	uint64_t window;

	run(s, 400 * MS);
	window = s->f.window;
	s->hold_every_us = SECOND;
	s->hold_us = 80 * MS;
	run(s, 10 * MS);
	s->hold_every_us = 0;
	run(s, 300 * MS);
	assert_true(s->window_min >= window / 2);
}

/* What was held up comes in one burst: the line has not become faster. */
static void test_bursts_are_no_rate(void **state)
{
	struct sim *s = sim_new(10 * MBIT, 80 * MS);

	run(s, SECOND);
	s->hold_every_us = 400 * MS;
	s->hold_us = 120 * MS;
	for (int i = 0; i < 100; i++) {
		run(s, 100 * MS);
		assert_true(flight_rate(&s->f) <= 10ULL * MBIT * 5 / 4);
	}
}

/* A stream that begins: twice as much in each round trip, and nothing waits for us. */
static void test_begin(void **state)
{
	struct sim *s = sim_new(100 * MBIT, 80 * MS);

	s->offered_from_us = s->now_us;
	for (s->demand = 100 * KBIT * 10; s->demand < 60 * MBIT; s->demand *= 2) {
		s->offered = 0;
		s->offered_from_us = s->now_us;
		run(s, 80 * MS);
		assert_int_equal(s->stuck_us, 0);
	}
}

/* Here processors are the line; nothing may be held up by us. */
static void test_fast(void **state)
{
	struct sim *s = sim_new(6ULL * GBIT, 200);

	s->packet = 65000;
	run(s, 500 * MS);
	assert_in_range(run(s, 2 * SECOND), 95, 101);
	assert_true(s->queue_max_us < 25 * MS);
}

static void test_slow(void **state)
{
	struct sim *s = sim_new(128 * KBIT, 80 * MS);

	run(s, 5 * SECOND);
	assert_in_range(run(s, 20 * SECOND), 90, 102);
	assert_true(s->queue_max_us < 300 * MS);
}

/* An end that echoes nothing, then everything again. */
static void test_deaf(void **state)
{
	struct sim *s = sim_new(10 * MBIT, 40 * MS);

	s->deaf = true;
	run(s, 2 * SECOND);
	assert_true(flight_room(&s->f) == 0);
	assert_true(flight_under_way(&s->f) <= FLIGHT_WINDOW_FIRST_BYTES + PACKET);
}

/* Whatever the sizes, what is under way is always followed by a stamp. */
static void test_never_stuck(void **state)
{
	uint64_t noise = 88172645463325252ULL;
	struct sim *s = sim_new(10 * MBIT, 20 * MS);

	for (int i = 0; i < 400; i++) {
		s->rate = (uint64_t)(1 + noise_u32(&noise) % 1000) * 10 * KBIT;
		s->rtt_us = 100 + noise_u32(&noise) % (200 * MS);
		s->packet = 40 + noise_u32(&noise) % 9000;
		s->hold_every_us = noise_u32(&noise) % 3 ? 0 : 100 * MS;
		s->hold_us = 50 * MS;
		run(s, 100 * MS);
		assert_true(s->f.n_stamps > 0 || flight_under_way(&s->f) == 0);
	}
	s->rate = 10 * MBIT;
	s->rtt_us = 20 * MS;
	s->packet = PACKET;
	s->hold_every_us = 0;
	run(s, 30 * SECOND);
	assert_true(run(s, 5 * SECOND) >= 90);
}

static void test_echoes(void **state)
{
	struct flight f;
	uint64_t a, b, c;

	flight_init(&f, true, 1000);
	flight_sent(&f, 1000, 1000);
	flight_stamp(&f, 1000, &a);
	flight_sent(&f, 1000, 2000);
	flight_stamp(&f, 2000, &b);
	flight_sent(&f, 1000, 3000);
	flight_stamp(&f, 3000, &c);
	assert_false(flight_acked(&f, a, 999, 50000));
	assert_false(flight_acked(&f, 4000, 3000, 50000));
	assert_true(flight_acked(&f, b, 2000, 50000)); /* the first one was left out */
	assert_false(flight_acked(&f, a, 1000, 50000));
	assert_int_equal(flight_under_way(&f), 1000);
	assert_true(flight_acked(&f, c, 3000, 50000));
	assert_false(flight_acked(&f, c, 3000, 50000));
	assert_int_equal(flight_under_way(&f), 0);
}

static void test_off(void **state)
{
	struct flight f;

	flight_init(&f, false, 1000);
	flight_sent(&f, 1u << 30, 2000);
	assert_true(flight_room(&f) == SIZE_MAX);
	assert_false(flight_wants_stamp(&f, 1u << 30, true));
	assert_false(flight_wants_stamp(&f, 1u << 30, false));
	assert_false(flight_acked(&f, 1, 1, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_convergence),
		cmocka_unit_test(test_rate_steps),
		cmocka_unit_test(test_rtt_steps),
		cmocka_unit_test(test_longer_while_idle),
		cmocka_unit_test(test_app_limited),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_held_up),
		cmocka_unit_test(test_lossy),
		cmocka_unit_test(test_one_lost),
		cmocka_unit_test(test_bursts_are_no_rate),
		cmocka_unit_test(test_begin),
		cmocka_unit_test(test_fast),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_deaf),
		cmocka_unit_test(test_never_stuck),
		cmocka_unit_test(test_echoes),
		cmocka_unit_test(test_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
