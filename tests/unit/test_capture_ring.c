/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "vpnd/pure/capture_ring.h"

#define SIZE 300

static struct capture_record packet(uint32_t n, const uint8_t *bytes)
{
	return (struct capture_record){.kind = CAPTURE_PACKET,
				       .slot = 7,
				       .in = n % 2,
				       .unfinished = n % 3 == 0,
				       .denied = n % 5 == 0,
				       .gso_size = (uint16_t)(n * 3),
				       .time_us = 0x123456789abcdef0,
				       .len = n + 10,
				       .kept = n,
				       .bytes = bytes};
}

static void assert_same(const struct capture_record *a, const struct capture_record *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->slot, b->slot);
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->in, b->in);
	assert_int_equal(a->unfinished, b->unfinished);
	assert_int_equal(a->denied, b->denied);
	assert_int_equal(a->gso_size, b->gso_size);
	assert_true(a->time_us == b->time_us);
	assert_int_equal(a->len, b->len);
	assert_int_equal(a->kept, b->kept);
	assert_memory_equal(a->bytes ? (const char *)a->bytes : "",
			    b->bytes ? (const char *)b->bytes : "", a->kept);
	assert_true(a->packets == b->packets && a->dropped == b->dropped);
}

/* @got: what is decoded, from exact memory, after every truncation asked for more. */
static void round_trip(const struct capture_record *r)
{
	uint8_t memory[SIZE], out[SIZE];
	struct capture_record got;
	struct capture_ring ring;
	size_t n, used;

	capture_ring_init(&ring, memory, sizeof(memory));
	assert_true(capture_ring_put(&ring, r));
	n = capture_ring_take(&ring, out, sizeof(out));
	for (size_t i = 0; i < n; i++) {
		uint8_t *part = exact_copy(out, i);

		assert_int_equal(capture_record_decode(&got, part, i, &used), -EAGAIN);
		free(part);
	}
	assert_int_equal(capture_record_decode(&got, out, n, &used), 0);
	assert_int_equal(used, n);
	assert_same(&got, r);
	assert_int_equal(capture_ring_take(&ring, out, sizeof(out)), 0);
}

static void records_come_back(void **state)
{
	struct capture_record r = packet(5, (const uint8_t *)"bytes");

	round_trip(&r);
	r = packet(0, NULL);
	round_trip(&r);
	r = (struct capture_record){.kind = CAPTURE_SESSION, .slot = 63, .name = "press-04"};
	round_trip(&r);
	r = (struct capture_record){
		.kind = CAPTURE_END, .slot = 1, .packets = UINT64_MAX, .dropped = 1};
	round_trip(&r);
}

static void what_is_no_record(void **state)
{
	uint8_t bytes[64] = {9};
	struct capture_record r;
	size_t used;

	assert_int_equal(capture_record_decode(&r, bytes, sizeof(bytes), &used), -EBADMSG);
	bytes[0] = 0;
	assert_int_equal(capture_record_decode(&r, bytes, sizeof(bytes), &used), -EBADMSG);
	bytes[0] = CAPTURE_PACKET;
	bytes[21] = 1; /* more is kept than there is */
	assert_int_equal(capture_record_decode(&r, bytes, sizeof(bytes), &used), -EBADMSG);
	bytes[14] = bytes[18] = 1; /* 16 MB */
	assert_int_equal(capture_record_decode(&r, bytes, sizeof(bytes), &used), -EBADMSG);
}

/* Many times around, in pieces of all sizes: nothing is lost or changed but what was not taken. */
static void around(void **state)
{
	uint8_t memory[SIZE], stream[4 * SIZE], bytes[120];
	struct capture_ring ring;
	size_t have = 0, used, put = 0, got = 0, refused = 0;
	uint64_t seed = 9;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	capture_ring_init(&ring, memory, sizeof(memory));
	for (int i = 0; i < 5000; i++) {
		struct capture_record r = packet((uint32_t)(put % sizeof(bytes)), bytes);

		if (capture_ring_put(&ring, &r))
			put++;
		else
			refused++;
		have += capture_ring_take(&ring, stream + have, noise_u32(&seed) % 150);
		while (capture_record_decode(&r, stream, have, &used) == 0) {
			struct capture_record want = packet((uint32_t)(got % sizeof(bytes)), bytes);

			assert_same(&r, &want);
			have -= used;
			memmove(stream, stream + used, have);
			got++;
		}
	}
	assert_true(got > 3000 && refused > 100 && put - got < 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_back),
		cmocka_unit_test(what_is_no_record),
		cmocka_unit_test(around),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
