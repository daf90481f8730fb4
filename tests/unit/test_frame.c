/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/frame.h"

/* Decode a frame of @type whose header says @len, with @there bytes of payload behind it. */
static int decode(uint8_t type, uint32_t len, size_t there)
{
	uint8_t *in = calloc(1, FRAME_HEADER_BYTES + there);
	struct frame f = {.type = 99, .len = 98};
	size_t used = 97;
	int r;

	assert_non_null(in);
	in[0] = type;
	in[1] = (uint8_t)(len >> 16);
	in[2] = (uint8_t)(len >> 8);
	in[3] = (uint8_t)len;
	r = frame_decode(in, FRAME_HEADER_BYTES + there, &f, &used);
	if (r == 0) {
		assert_int_equal(f.type, type);
		assert_int_equal(f.len, len);
		assert_ptr_equal(f.payload, in + FRAME_HEADER_BYTES);
		assert_int_equal(used, FRAME_HEADER_BYTES + len);
	} else {
		assert_int_equal(f.type, 99);
		assert_int_equal(used, 97);
	}
	free(in);
	return r;
}

static void lengths_fit_their_types(void **state)
{
	static const struct {
		uint8_t type;
		uint32_t min, max;
	} t[] = {
		{FRAME_HELLO, 2, 4096}, {FRAME_PACKET, 20, 65535}, {FRAME_PING, 16, 16},
		{FRAME_PONG, 16, 16},	{FRAME_SELECT, 4, 4},	   {FRAME_SELECTED, 4, 4},
		{FRAME_END, 1, 257},	{FRAME_SUPER, 30, 65545},  {FRAME_STAMP, 16, 16},
		{FRAME_ACK, 16, 16},	{FRAME_LOSSY, 1, 1},	   {0, 0, 65545},
		{99, 0, 65545},		{255, 0, 65545},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(decode(t[i].type, t[i].min, t[i].min), 0);
		assert_int_equal(decode(t[i].type, t[i].max, t[i].max), 0);
		assert_int_equal(decode(t[i].type, t[i].max, t[i].max + 10), 0);
		assert_int_equal(decode(t[i].type, t[i].max, t[i].max - 1), -EAGAIN);
		assert_int_equal(decode(t[i].type, t[i].max + 1, 0), -EBADMSG);
		assert_int_equal(decode(t[i].type, 0xffffff, 0), -EBADMSG);
		if (t[i].min > 0)
			assert_int_equal(decode(t[i].type, t[i].min - 1, t[i].min), -EBADMSG);
	}
}

static void golden_bytes(void **state)
{
	static const uint8_t in[] = {7, 0, 0, 4, 1, 'b', 'y', 'e', 2};
	uint8_t header[FRAME_HEADER_BYTES];
	struct frame f;
	size_t used;

	(void)state;
	assert_int_equal(frame_decode(in, sizeof(in), &f, &used), 0);
	assert_int_equal(f.type, FRAME_END);
	assert_int_equal(f.len, 4);
	assert_memory_equal(f.payload,
			    "\x01"
			    "bye",
			    4);
	assert_int_equal(used, 8);
	frame_header_encode(header, FRAME_END, 4);
	assert_memory_equal(header, in, sizeof(header));
	frame_header_encode(header, FRAME_PACKET, 65535);
	assert_memory_equal(header, "\x02\x00\xff\xff", sizeof(header));
}

static void every_truncation_waits(void **state)
{
	static const uint8_t in[] = {3, 0, 0, 16, 0,  1,  2,  3,  4,  5,
				     6, 7, 8, 9,  10, 11, 12, 13, 14, 15};

	(void)state;
	for (size_t len = 0; len < sizeof(in); len++) {
		uint8_t *cut = exact_copy(in, len);
		struct frame f;
		size_t used;

		assert_int_equal(frame_decode(cut, len, &f, &used), -EAGAIN);
		free(cut);
	}
}

static void noise(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		uint8_t in[40] = {0};
		size_t len = noise_u32(&seed) % sizeof(in), used;
		struct frame f;
		uint8_t *cut;

		noise_fill(&seed, in, len);
		in[0] &= 15;
		in[1] = 0;
		in[2] = 0;
		cut = exact_copy(in, len);
		if (frame_decode(cut, len, &f, &used) == 0) {
			assert_true(used <= len);
			assert_int_equal(used, f.len + 4);
		}
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_fit_their_types),
		cmocka_unit_test(golden_bytes),
		cmocka_unit_test(every_truncation_waits),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
