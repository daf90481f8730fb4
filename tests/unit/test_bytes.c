/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/bytes.h"

static const uint8_t GOLDEN[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a,
				 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x78, 0x79};

static void writes_big_endian(void **state)
{
	uint8_t out[sizeof(GOLDEN)];
	struct wr w = wr_init(out, sizeof(out));

	(void)state;
	wr_u8(&w, 0x01);
	wr_u16(&w, 0x0203);
	wr_u24(&w, 0x040506);
	wr_u32(&w, 0x0708090a);
	wr_u64(&w, 0x0b0c0d0e0f101112);
	wr_bytes(&w, "xy", 2);
	assert_true(wr_ok(&w));
	assert_int_equal(w.used, sizeof(GOLDEN));
	assert_memory_equal(out, GOLDEN, sizeof(GOLDEN));
}

static void reads_big_endian(void **state)
{
	struct rd r = rd_init(GOLDEN, sizeof(GOLDEN));
	const uint8_t *p;
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;
	uint8_t v8;

	(void)state;
	assert_true(rd_u8(&r, &v8));
	assert_int_equal(v8, 0x01);
	assert_true(rd_u16(&r, &v16));
	assert_int_equal(v16, 0x0203);
	assert_true(rd_u24(&r, &v32));
	assert_int_equal(v32, 0x040506);
	assert_true(rd_u32(&r, &v32));
	assert_int_equal(v32, 0x0708090a);
	assert_true(rd_u64(&r, &v64));
	assert_true(v64 == 0x0b0c0d0e0f101112);
	assert_true(rd_bytes(&r, &p, 2));
	assert_ptr_equal(p, GOLDEN + 18);
	assert_int_equal(r.left, 0);
}

static void too_few_bytes_leave_the_cursor(void **state)
{
	uint64_t v64 = 7;
	uint32_t v32 = 7;
	uint16_t v16 = 7;
	uint8_t v8 = 7;
	const uint8_t *p = NULL;

	(void)state;
	for (size_t n = 0; n < 8; n++) {
		uint8_t *in = exact_copy(GOLDEN, n);
		struct rd r = rd_init(in, n);

		assert_false(rd_u64(&r, &v64));
		assert_false(rd_bytes(&r, &p, n + 1));
		assert_false(rd_bytes(&r, &p, SIZE_MAX));
		assert_true(n >= 4 || !rd_u32(&r, &v32));
		r = rd_init(in, n < 2 ? n : 2);
		assert_false(rd_u24(&r, &v32));
		r = rd_init(in, n < 1 ? n : 1);
		assert_false(rd_u16(&r, &v16));
		r = rd_init(in, 0);
		assert_false(rd_u8(&r, &v8));
		assert_ptr_equal(r.at, in);
		assert_int_equal(r.left, 0);
		free(in);
	}
	assert_int_equal(v8 + v16 + (int)v64, 21);
	assert_null(p);
}

static void nothing_is_read_from_nothing(void **state)
{
	struct rd r = rd_init(NULL, 0);
	const uint8_t *p = GOLDEN;

	(void)state;
	assert_true(rd_bytes(&r, &p, 0));
	assert_null(p);
}

static void overflow_is_sticky(void **state)
{
	uint8_t out[4] = {9, 9, 9, 9};
	struct wr w = wr_init(out, 3);

	(void)state;
	wr_u16(&w, 0x0102);
	wr_u16(&w, 0x0304);
	assert_false(wr_ok(&w));
	wr_u8(&w, 5);
	assert_false(wr_ok(&w));
	assert_int_equal(w.used, 2);
	assert_memory_equal(out, "\x01\x02\x09\x09", 4);
}

static void a_value_that_does_not_fit_24_bits_overflows(void **state)
{
	uint8_t out[8] = {0};
	struct wr w = wr_init(out, sizeof(out));

	(void)state;
	wr_u24(&w, 0xffffff);
	assert_true(wr_ok(&w));
	wr_u24(&w, 0x1000000);
	assert_false(wr_ok(&w));
	assert_int_equal(w.used, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_big_endian),
		cmocka_unit_test(reads_big_endian),
		cmocka_unit_test(too_few_bytes_leave_the_cursor),
		cmocka_unit_test(nothing_is_read_from_nothing),
		cmocka_unit_test(overflow_is_sticky),
		cmocka_unit_test(a_value_that_does_not_fit_24_bits_overflows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
