/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/sntp.h"

#include "common/pure/bytes.h"
#include "tests/unit/pure_test.h"

#define COOKIE UINT64_C(0x1122334455667788)
#define FLOOR_S INT64_C(1767225600) /* 2026-01-01 */
#define UNIX_IN_NTP_S INT64_C(2208988800)

/* What a good server says at @when_s, a quarter of a second after the question came. */
struct reply {
	uint8_t first, stratum;
	uint32_t delay, dispersion;
	char id[5];
	uint64_t origin, receive, transmit;
};

static struct reply good(int64_t when_s)
{
	uint64_t seconds = (uint64_t)(when_s + UNIX_IN_NTP_S) << 32;

	return (struct reply){
		.first = 4 << 3 | 4,
		.stratum = 2,
		.delay = 0x4000,
		.dispersion = 0x2000,
		.id = "\x7f\0\0\1",
		.origin = COOKIE,
		.receive = seconds | 0x40000000,
		.transmit = seconds | 0x80000000,
	};
}

static void encode(const struct reply *r, uint8_t out[SNTP_BYTES])
{
	struct wr w = wr_init(out, SNTP_BYTES);

	wr_u8(&w, r->first);
	wr_u8(&w, r->stratum);
	wr_u16(&w, 0x06ec);
	wr_u32(&w, r->delay);
	wr_u32(&w, r->dispersion);
	wr_bytes(&w, r->id, 4);
	wr_u64(&w, 0);
	wr_u64(&w, r->origin);
	wr_u64(&w, r->receive);
	wr_u64(&w, r->transmit);
	assert_true(wr_ok(&w) && w.used == SNTP_BYTES);
}

static int decode(struct sntp_answer *a, const struct reply *r)
{
	uint8_t bytes[SNTP_BYTES];

	encode(r, bytes);
	return sntp_decode(a, bytes, sizeof(bytes), COOKIE, FLOOR_S);
}

/* It says nothing of this host: not even its time. */
static void question(void **state)
{
	static const uint8_t zero[39];
	uint8_t out[SNTP_BYTES];

	(void)state;
	sntp_encode(out, COOKIE);
	assert_int_equal(out[0], 0x23);
	assert_memory_equal(out + 1, zero, 39);
	assert_memory_equal(out + 40, "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
}

static void takes_a_good_answer(void **state)
{
	struct reply r = good(1796000000);
	struct sntp_answer a;

	(void)state;
	assert_int_equal(decode(&a, &r), 0);
	assert_true(a.time_ms == 1796000000500);
	assert_true(a.hold_ms == 250);
	assert_true(sntp_now_ms(&a, 450) == 1796000000600);
	assert_true(sntp_now_ms(&a, 100) == 1796000000500); /* clocks of its own tick otherwise */
}

static void any_length(void **state)
{
	struct reply r = good(1796000000);
	uint8_t bytes[SNTP_MAX_BYTES + 4] = {0};
	struct sntp_answer a;

	(void)state;
	encode(&r, bytes);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		uint8_t *exact = exact_copy(bytes, n);
		int expected = n >= 48 && n <= SNTP_MAX_BYTES && n % 4 == 0 ? 0 : -EBADMSG;

		assert_int_equal(sntp_decode(&a, exact, n, COOKIE, FLOOR_S), expected);
		free(exact);
	}
}

static void only_servers_answer(void **state)
{
	struct sntp_answer a;

	(void)state;
	for (int first = 0; first < 256; first++) {
		struct reply r = good(1796000000);
		bool ours = (first & 0x3f) == (4 << 3 | 4);

		r.first = (uint8_t)first;
		assert_int_equal(decode(&a, &r), !ours ? -EBADMSG : first >> 6 == 3 ? -ENODATA : 0);
	}
}

static void another_question_is_not_ours(void **state)
{
	struct sntp_answer a;

	(void)state;
	for (unsigned int bit = 0; bit < 64; bit++) {
		struct reply r = good(1796000000);

		r.origin ^= UINT64_C(1) << bit;
		assert_int_equal(decode(&a, &r), -EKEYREJECTED);
		r.stratum = 0; /* a kiss from anybody is none */
		memcpy(r.id, "DENY", 4);
		assert_int_equal(decode(&a, &r), -EKEYREJECTED);
	}
}

static void kisses(void **state)
{
	static const struct {
		char id[5];
		enum sntp_kiss kiss;
	} cases[] = {{"RATE", SNTP_KISS_RATE},
		     {"DENY", SNTP_KISS_DENY},
		     {"RSTR", SNTP_KISS_DENY},
		     {"\0\0\0\0", SNTP_KISS_DENY},
		     {"X123", SNTP_KISS_DENY}};
	struct sntp_answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reply r = good(1796000000);

		r.stratum = 0;
		memcpy(r.id, cases[i].id, 4);
		assert_int_equal(decode(&a, &r), -EACCES);
		assert_int_equal(a.kiss, cases[i].kiss);
		r.first |= 0xc0; /* such servers say that they are not synchronised, too */
		assert_int_equal(decode(&a, &r), -EACCES);
	}
}

static void servers_that_do_not_know(void **state)
{
	struct reply r = good(1796000000);
	struct sntp_answer a;

	(void)state;
	r.stratum = 16;
	assert_int_equal(decode(&a, &r), -ENODATA);
	r = good(1796000000);
	r.transmit = 0;
	assert_int_equal(decode(&a, &r), -ENODATA);
	r = good(1796000000);
	r.receive = 0;
	assert_int_equal(decode(&a, &r), -ENODATA);
	r = good(1796000000);
	r.receive = r.transmit + (UINT64_C(1) << 32); /* answered before it was asked */
	assert_int_equal(decode(&a, &r), -ENODATA);
	r = good(1796000000);
	r.dispersion = 4 << 16;
	assert_int_equal(decode(&a, &r), -ENODATA);
	r = good(1796000000);
	r.delay = UINT32_MAX;
	r.dispersion = UINT32_MAX;
	assert_int_equal(decode(&a, &r), -ENODATA);
}

/* Era 1 begins on 2036-02-07; a stamp has no year of its own. */
static void eras(void **state)
{
	static const int64_t times[] = {1796000000, 2085978495, 2085978496, 2209000000, 2700000000};
	struct sntp_answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct reply r = good(times[i]);

		assert_int_equal(decode(&a, &r), 0);
		assert_true(a.time_ms == times[i] * 1000 + 500);
	}
}

static void what_cannot_be(void **state)
{
	static const int64_t times[] = {0,
					60,
					FLOOR_S - 1,
					FLOOR_S + SNTP_AHEAD_MAX_S + 2,
					INT64_C(3800000000),
					INT64_C(5000000000)};
	struct sntp_answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct reply r = good(times[i]);

		assert_int_equal(decode(&a, &r), -ERANGE);
		assert_true(a.time_ms == 0);
	}
}

static void noise(void **state)
{
	uint64_t seed = 7;
	struct sntp_answer a;

	(void)state;
	for (size_t i = 0; i < PURE_NOISE_ROUNDS; i++) {
		uint8_t bytes[SNTP_BYTES];

		noise_fill(&seed, bytes, sizeof(bytes));
		assert_true(sntp_decode(&a, bytes, sizeof(bytes), COOKIE, FLOOR_S) < 0);
	}
}

static int choose(const int64_t *times, size_t n, size_t asked, int64_t *chosen)
{
	int64_t copy[SNTP_SERVERS_MAX];

	memcpy(copy, times, n * sizeof(copy[0]));
	return sntp_choose(copy, n, asked, chosen);
}

static void most_servers_decide(void **state)
{
	int64_t chosen = 0;

	(void)state;
	assert_int_equal(choose((int64_t[]){5000}, 1, 1, &chosen), 0);
	assert_true(chosen == 5000);
	assert_int_equal(choose((int64_t[]){1000, 999999, 1200}, 3, 3, &chosen), 0);
	assert_true(chosen == 1200);
	assert_int_equal(choose((int64_t[]){-999999, 1000, 1200}, 3, 3, &chosen), 0);
	assert_true(chosen == 1000);
	assert_int_equal(choose((int64_t[]){1000, 1100, 900000, 1300, -8}, 5, 5, &chosen), 0);
	assert_true(chosen == 1100);
	/* Two against two, all apart, nobody. */
	assert_int_equal(choose((int64_t[]){1, 2, 90000, 90001}, 4, 4, &chosen), -EAGAIN);
	assert_int_equal(choose((int64_t[]){1, 50000, 90000}, 3, 3, &chosen), -EAGAIN);
	assert_int_equal(choose((int64_t[]){1, 50000}, 2, 2, &chosen), -EAGAIN);
	assert_int_equal(choose((int64_t[]){0}, 0, 0, &chosen), -EAGAIN);
	/* One of three that answers is not enough, one of two is. */
	assert_int_equal(choose((int64_t[]){1}, 1, 3, &chosen), -EAGAIN);
	assert_int_equal(choose((int64_t[]){1}, 1, 2, &chosen), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(question),
		cmocka_unit_test(takes_a_good_answer),
		cmocka_unit_test(any_length),
		cmocka_unit_test(only_servers_answer),
		cmocka_unit_test(another_question_is_not_ours),
		cmocka_unit_test(kisses),
		cmocka_unit_test(servers_that_do_not_know),
		cmocka_unit_test(eras),
		cmocka_unit_test(what_cannot_be),
		cmocka_unit_test(noise),
		cmocka_unit_test(most_servers_decide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
