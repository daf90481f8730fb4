/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/record.h"
#include "tests/unit/pure_test.h"

#define ROUNDS 300

static void head(uint8_t out[5], uint8_t type, uint8_t major, uint8_t minor, size_t body)
{
	out[0] = type;
	out[1] = major;
	out[2] = minor;
	out[3] = (uint8_t)(body >> 8);
	out[4] = (uint8_t)body;
}

/* Let @n bytes pass in pieces of @piece. Return: boundaries met; asserts that all pass. */
static unsigned int follow_all(struct record_follow *f, const uint8_t *bytes, size_t n,
			       size_t piece)
{
	unsigned int boundaries = 0;
	size_t at = 0, used;

	while (at < n) {
		size_t part = n - at < piece ? n - at : piece;
		uint8_t *copy = exact_copy(bytes + at, part);

		assert_int_equal(record_follow(f, copy, part, &used), 0);
		free(copy);
		assert_true(used >= 1 && used <= part);
		at += used;
		if (record_at_boundary(f))
			boundaries++;
	}
	return boundaries;
}

static void starts_at_a_boundary(void **state)
{
	struct record_follow f = {0};

	assert_true(record_at_boundary(&f));
}

static void golden(void **state)
{
	/* Alert, then application data of 17 bytes. */
	static const uint8_t in[] = {21, 3, 3, 0, 2, 2, 40, 23, 3,  3,	0,  17, 1,  2, 3,
				     4,	 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
	struct record_follow f = {0};
	size_t used;

	assert_int_equal(record_follow(&f, in, sizeof(in), &used), 0);
	assert_int_equal(used, 7); /* never beyond a boundary */
	assert_true(record_at_boundary(&f));
	assert_int_equal(record_follow(&f, in + 7, sizeof(in) - 7, &used), 0);
	assert_int_equal(used, 22);
	assert_true(record_at_boundary(&f));
}

static void every_cut(void **state)
{
	uint8_t in[3 * (5 + 40)];
	size_t used;

	for (size_t i = 0; i < 3; i++) {
		memset(in + i * 45, 0xee, 45);
		head(in + i * 45, 23, 3, 3, 40);
	}
	for (size_t cut = 0; cut <= 45; cut++) {
		struct record_follow f = {0};

		if (cut > 0) {
			assert_int_equal(record_follow(&f, in, cut, &used), 0);
			assert_int_equal(used, cut);
		}
		assert_int_equal(record_at_boundary(&f), cut == 0 || cut == 45);
		assert_int_equal(follow_all(&f, in + cut, sizeof(in) - cut, sizeof(in)),
				 cut == 45 ? 2 : 3);
	}
}

/* However the stream is cut, the boundaries are the same. */
static void any_pieces(void **state)
{
	static uint8_t in[200000];
	uint64_t noise = 99;
	size_t n = 0, records = 0;

	while (n < sizeof(in) - 5 - RECORD_BODY_MAX_BYTES) {
		size_t body = noise_u32(&noise) % 3
				      ? noise_u32(&noise) % 100
				      : noise_u32(&noise) % (RECORD_BODY_MAX_BYTES + 1);

		head(in + n, (uint8_t)(20 + noise_u32(&noise) % 4), 3,
		     (uint8_t)(noise_u32(&noise) % 5), body);
		noise_fill(&noise, in + n + 5, body);
		n += 5 + body;
		records++;
	}
	for (size_t i = 0; i < ROUNDS; i++) {
		struct record_follow f = {0};

		assert_int_equal(
			follow_all(&f, in, n, i < 8 ? i + 1 : 1 + noise_u32(&noise) % 40000),
			records);
	}
}

static void a_body_of_nothing(void **state)
{
	static const uint8_t in[5] = {22, 3, 1, 0, 0};
	struct record_follow f = {0};
	size_t used;

	assert_int_equal(record_follow(&f, in, 5, &used), 0);
	assert_int_equal(used, 5);
	assert_true(record_at_boundary(&f));
}

static void refuses_what_is_no_record(void **state)
{
	static const struct {
		uint8_t type, major, minor;
		size_t body;
		int want;
	} cases[] = {
		{19, 3, 3, 5, -EBADMSG},
		{20, 3, 3, 1, 0},
		{23, 3, 3, 5, 0},
		{24, 3, 3, 5, -EBADMSG},
		{22, 3, 1, 200, 0},
		{22, 3, 4, 200, 0},
		{22, 3, 5, 9, -EBADMSG},
		{22, 2, 3, 9, -EBADMSG},
		{22, 254, 253, 9, -EBADMSG},
		{23, 3, 3, 16640, 0},
		{23, 3, 3, 16641, -EBADMSG},
	};
	uint8_t in[5];
	size_t used;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record_follow f = {0};

		head(in, cases[i].type, cases[i].major, cases[i].minor, cases[i].body);
		assert_int_equal(record_follow(&f, in, 5, &used), cases[i].want);
		/* By bytes, too: nothing is said before the header is whole. */
		f = (struct record_follow){0};
		for (size_t b = 0; b < 4; b++)
			assert_int_equal(record_follow(&f, in + b, 1, &used), 0);
		assert_int_equal(record_follow(&f, in + 4, 1, &used), cases[i].want);
	}
}

/* The header of a shed connection, in every length that can be. */
static void raw_lengths(void **state)
{
	for (size_t body = 0; body < 65536; body++) {
		enum record_kind kind;
		size_t total;
		uint8_t in[5];
		int r;

		head(in, 23, 3, 3, body);
		r = record_raw_decode(in, 5, &kind, &total);
		if (body == 0 || body > 16640) {
			assert_int_equal(r, -EBADMSG);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(kind, body <= 16 ? RECORD_HINT : RECORD_DATA);
		assert_int_equal(total, body + 5);
	}
}

/* What a server lets pass to a shed connection is what may stand there, hints excepted. */
static void bare_lets_pass_what_may_stand_there(void **state)
{
	for (unsigned int type = 18; type < 26; type++) {
		for (size_t body = 0; body < 17000; body++) {
			struct record_follow f = {.bare = true};
			bool good = type == 23 && body >= 17 && body <= 16640;
			size_t used;
			uint8_t in[5];

			head(in, (uint8_t)type, 3, 3, body);
			assert_int_equal(record_follow(&f, in, 5, &used), good ? 0 : -EBADMSG);
		}
	}
}

static void raw_headers(void **state)
{
	enum record_kind kind;
	size_t total;
	uint8_t in[5];

	for (unsigned int type = 0; type < 256; type++) {
		head(in, (uint8_t)type, 3, 3, 100);
		assert_int_equal(record_raw_decode(in, 5, &kind, &total),
				 type == 23 ? 0 : -EBADMSG);
	}
	for (unsigned int version = 0; version < 65536; version++) {
		head(in, 23, (uint8_t)(version >> 8), (uint8_t)version, 100);
		assert_int_equal(record_raw_decode(in, 5, &kind, &total),
				 version == 0x0303 ? 0 : -EBADMSG);
	}
}

static void raw_truncated(void **state)
{
	enum record_kind kind;
	size_t total;

	for (size_t n = 0; n < 5; n++) {
		uint8_t *in = exact_copy("\x17\x03\x03\x00\x20", n);

		assert_int_equal(record_raw_decode(in, n, &kind, &total), -EAGAIN);
		free(in);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_at_a_boundary),
		cmocka_unit_test(golden),
		cmocka_unit_test(every_cut),
		cmocka_unit_test(any_pieces),
		cmocka_unit_test(a_body_of_nothing),
		cmocka_unit_test(refuses_what_is_no_record),
		cmocka_unit_test(raw_lengths),
		cmocka_unit_test(bare_lets_pass_what_may_stand_there),
		cmocka_unit_test(raw_headers),
		cmocka_unit_test(raw_truncated),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
