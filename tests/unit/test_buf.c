/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/buf.h"

static void starts_empty_and_without_memory(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(buf_room(&b), 100);
	assert_null(buf_data(&b));
	assert_null(buf_data_mut(&b));
	assert_int_equal(buf_append(&b, NULL, 0), 0);
	buf_consume(&b, 0);
	buf_wipe(&b);
	assert_null(b.mem);
	buf_deinit(&b);
	buf_deinit(&b);
}

static void keeps_order(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(buf_append(&b, "hello ", 6), 0);
	assert_int_equal(buf_append(&b, "world", 5), 0);
	buf_consume(&b, 3);
	assert_int_equal(buf_len(&b), 8);
	assert_memory_equal(buf_data(&b), "lo world", 8);
	buf_data_mut(&b)[0] = 'L';
	assert_memory_equal(buf_data(&b), "Lo world", 8);
	buf_consume(&b, 8);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(b.head, 0);
	buf_deinit(&b);
}

static void never_passes_the_cap(void **state)
{
	struct buf b;
	uint8_t *at = NULL, bytes[400] = {1};

	(void)state;
	buf_init(&b, 300);
	assert_int_equal(buf_append(&b, bytes, 301), -ENOBUFS);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(buf_append(&b, bytes, 300), 0);
	assert_int_equal(b.size, 300);
	assert_int_equal(buf_room(&b), 0);
	assert_int_equal(buf_reserve(&b, 1, &at), -ENOBUFS);
	assert_int_equal(buf_reserve(&b, SIZE_MAX, &at), -ENOBUFS);
	assert_null(at);
	buf_consume(&b, 1);
	assert_int_equal(buf_append(&b, "z", 1), 0);
	assert_int_equal(buf_data(&b)[299], 'z');
	assert_int_equal(b.size, 300);
	buf_deinit(&b);
}

static void a_huge_cap_allocates_little(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	assert_int_equal(buf_append(&b, "x", 1), 0);
	assert_in_range(b.size, 1, 4096);
	buf_deinit(&b);
}

static void memory_is_kept_when_it_has_its_size(void **state)
{
	struct buf b;
	uint8_t chunk[1000] = {0};
	const uint8_t *mem;

	(void)state;
	buf_init(&b, 8192);
	for (int i = 0; i < 8; i++)
		assert_int_equal(buf_append(&b, chunk, sizeof(chunk)), 0);
	mem = b.mem;
	for (int i = 0; i < 1000; i++) {
		buf_consume(&b, 777);
		assert_int_equal(buf_append(&b, chunk, 777), 0);
	}
	assert_ptr_equal(b.mem, mem);
	assert_int_equal(buf_len(&b), 8000);
	buf_deinit(&b);
}

static void wipe_overwrites_consumed_bytes(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 64);
	assert_int_equal(buf_append(&b, "secret", 6), 0);
	buf_consume(&b, 6);
	assert_int_equal(b.mem[0], 's');
	buf_wipe(&b);
	for (size_t i = 0; i < b.size; i++)
		assert_int_equal(b.mem[i], 0);
	assert_int_equal(buf_len(&b), 0);
	buf_deinit(&b);
}

/* Against a model: numbered bytes in, the same numbers out. */
static void noise_comes_out_as_it_went_in(void **state)
{
	uint64_t seed = 42;
	uint8_t next_in = 0, next_out = 0;
	struct buf b;

	(void)state;
	buf_init(&b, 5000);
	for (int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		size_t n = noise_u32(&seed) % 900, len = buf_len(&b);
		uint8_t *at;

		if (noise_u32(&seed) & 1) {
			int r = buf_reserve(&b, n, &at);

			assert_int_equal(r, n > 5000 - len ? -ENOBUFS : 0);
			for (size_t j = 0; r == 0 && j < n; j++)
				at[j] = next_in++;
			if (r == 0)
				buf_commit(&b, n);
		} else {
			n = n < len ? n : len;
			for (size_t j = 0; j < n; j++)
				assert_int_equal(buf_data(&b)[j], next_out++);
			buf_consume(&b, n);
		}
	}
	buf_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_empty_and_without_memory),
		cmocka_unit_test(keeps_order),
		cmocka_unit_test(never_passes_the_cap),
		cmocka_unit_test(a_huge_cap_allocates_little),
		cmocka_unit_test(memory_is_kept_when_it_has_its_size),
		cmocka_unit_test(wipe_overwrites_consumed_bytes),
		cmocka_unit_test(noise_comes_out_as_it_went_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
