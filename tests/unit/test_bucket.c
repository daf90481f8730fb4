/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "relayd/pure/bucket.h"

#define SECOND UINT64_C(1000000000)
#define START (1000 * SECOND)

/* Takers with endless work: whoever may take next does, a timer's lateness after it could. */
struct taker {
	struct bucket *own;
	size_t chunk;
	uint64_t ready_ns, taken, turns;
};

static void run(struct bucket *shared, struct taker *t, size_t n, uint64_t for_ns, uint64_t late_ns)
{
	uint64_t now = START;

	for (size_t i = 0; i < n; i++)
		t[i].ready_ns = START;
	for (;;) {
		uint64_t a, b;
		size_t k = 0;

		for (size_t i = 1; i < n; i++) {
			if (t[i].ready_ns < t[k].ready_ns)
				k = i;
		}
		if (t[k].ready_ns > now)
			now = t[k].ready_ns + late_ns;
		if (now >= START + for_ns)
			return;
		a = bucket_take(shared, t[k].chunk, now);
		b = t[k].own ? bucket_take(t[k].own, t[k].chunk, now) : 0;
		t[k].ready_ns = a > b ? a : b;
		t[k].taken += t[k].chunk;
		t[k].turns++;
	}
}

static void assert_within(uint64_t got, uint64_t want, double part)
{
	if ((double)got < (double)want * (1 - part) || (double)got > (double)want * (1 + part))
		fail_msg("%llu is not within %.1f %% of %llu", (unsigned long long)got, part * 100,
			 (unsigned long long)want);
}

/* From 64 kbit to 10 Gbit a second, chunks larger and smaller than the burst, late timers. */
static void rate_is_kept(void **state)
{
	static const uint64_t rates[] = {8000, 125000, 1250000, 12500000, 125000000, 1250000000};
	static const size_t chunks[] = {100, 1500, 16384, 65536};
	static const uint64_t late[] = {0, 1000000, 5000000};

	for (size_t r = 0; r < 6; r++)
		for (size_t c = 0; c < 4; c++)
			for (size_t l = 0; l < 3; l++) {
				struct bucket b;
				struct taker t = {.chunk = chunks[c]};
				uint64_t seconds = rates[r] < 100000 ? 300 : 5;

				if (rates[r] / chunks[c] > 1000000) /* too many steps for a test */
					continue;
				bucket_init(&b, rates[r]);
				run(&b, &t, 1, seconds * SECOND, late[l]);
				/* The burst at the beginning and the last chunk come on top;
				 * nanoseconds are whole. */
				assert_true(t.taken >= rates[r] * seconds / 100 * 95);
				assert_true(t.taken <= rates[r] * seconds / 1000 * 1001 +
							       rates[r] / 20 + BUCKET_BURST_BYTES +
							       2 * chunks[c]);
			}
}

static void no_rate_is_no_limit(void **state)
{
	struct bucket b;

	bucket_init(&b, 0);
	for (int i = 0; i < 1000; i++)
		assert_true(bucket_take(&b, SIZE_MAX, START) <= START);
}

static void burst_then_wait(void **state)
{
	struct bucket b;

	bucket_init(&b, 1250000); /* 50 ms: 62,500 bytes */
	assert_true(bucket_take(&b, 62500, START) <= START);
	assert_int_equal(bucket_take(&b, 12500, START), START + 10000000);
	/* An hour of silence earns no more than one burst. */
	assert_true(bucket_take(&b, 62500, START + 3600 * SECOND) <= START + 3600 * SECOND);
	assert_true(bucket_take(&b, 1250, START + 3600 * SECOND) > START + 3600 * SECOND);
}

/* What a chunk took too much is paid back to the byte. */
static void debt_is_paid_back(void **state)
{
	struct bucket b;
	uint64_t at;

	bucket_init(&b, 1000000);
	at = bucket_take(&b, 10000000, START); /* ten seconds' worth at once */
	assert_int_equal(at, START + 10 * SECOND - BUCKET_BURST_NS);
	assert_int_equal(bucket_take(&b, 1000, at),
			 START + 10 * SECOND - BUCKET_BURST_NS + 1000000);
	assert_true(bucket_take(&b, SIZE_MAX, at) > at); /* nothing overflows */
}

static void those_who_share_get_the_same(void **state)
{
	struct taker t[10];
	struct bucket b;
	uint64_t all = 0;

	memset(t, 0, sizeof(t));
	bucket_init(&b, 12500000);
	for (size_t i = 0; i < 10; i++)
		t[i].chunk = 16384;
	run(&b, t, 10, 30 * SECOND, 300000);
	for (size_t i = 0; i < 10; i++) {
		assert_within(t[i].taken, 37500000, 0.05);
		all += t[i].taken;
	}
	assert_within(all, 375000000, 0.05);
}

/* One that its own bucket holds back leaves its share to the others. */
static void what_one_leaves_goes_to_the_others(void **state)
{
	struct bucket shared, own;
	struct taker t[3] = {{.own = &own, .chunk = 4096}, {.chunk = 4096}, {.chunk = 4096}};

	bucket_init(&shared, 3000000);
	bucket_init(&own, 200000);
	run(&shared, t, 3, 10 * SECOND, 0);
	assert_within(t[0].taken, 2000000, 0.05);
	assert_within(t[1].taken, 14000000, 0.05);
	assert_within(t[2].taken, 14000000, 0.05);
}

static void a_new_rate_counts_at_once(void **state)
{
	struct taker t = {.chunk = 1500};
	struct bucket b;

	bucket_init(&b, 125000);
	run(&b, &t, 1, 5 * SECOND, 0);
	bucket_set_rate(&b, 1250000);
	assert_true(bucket_rate(&b) == 1250000);
	t.taken = 0;
	b.paid_ns = 0;
	run(&b, &t, 1, 5 * SECOND, 0);
	assert_within(t.taken, 6250000, 0.05);
}

#define THREADS 4
#define TAKES 100000

static void *take_many(void *arg)
{
	for (int i = 0; i < TAKES; i++)
		(void)bucket_take(arg, 1000, START);
	return NULL;
}

/* Nothing that was taken on one thread is lost to another's. */
static void threads_lose_nothing(void **state)
{
	pthread_t threads[THREADS];
	struct bucket b;

	bucket_init(&b, 1000000); /* a millisecond for each */
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_many, &b), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_true(atomic_load(&b.paid_ns) == START + UINT64_C(1000000) * THREADS * TAKES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_is_kept),
		cmocka_unit_test(no_rate_is_no_limit),
		cmocka_unit_test(burst_then_wait),
		cmocka_unit_test(debt_is_paid_back),
		cmocka_unit_test(those_who_share_get_the_same),
		cmocka_unit_test(what_one_leaves_goes_to_the_others),
		cmocka_unit_test(a_new_rate_counts_at_once),
		cmocka_unit_test(threads_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
