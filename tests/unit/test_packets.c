/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/frame.h"
#include "tests/unit/super_packet.h"
#include "vpnd/packets.h"

/* Take until there are no more; they are chained by next_free, which is ours while we have them. */
static size_t take_all(struct packets *ps, size_t bytes, struct packet **all)
{
	struct packet *p;
	size_t n = 0;

	while ((p = packet_new(ps, bytes))) {
		memset(p->fq.ip, 0xa5, bytes);
		p->next_free = *all;
		*all = p;
		n++;
	}
	return n;
}

static void give_back(struct packet *all)
{
	while (all) {
		struct packet *next = all->next_free;

		packet_free(all);
		all = next;
	}
}

static void caps_are_kept(void **state)
{
	struct packets *ps = packets_new();

	(void)state;
	for (int round = 0; round < 3; round++) {
		struct packet *small = NULL, *large = NULL;

		assert_int_equal(take_all(ps, PACKETS_SMALL_BYTES, &small), PACKETS_SMALL_MAX);
		assert_int_equal(take_all(ps, PACKETS_SMALL_BYTES + 1, &large), PACKETS_LARGE_MAX);
		assert_null(packet_new(ps, 20));
		assert_null(packet_new(ps, VNET_PACKET_MAX_BYTES));
		give_back(round % 2 ? small : large);
		give_back(round % 2 ? large : small);
	}
	packet_free(NULL);
	packets_free(ps);
	packets_free(NULL);
}

static void a_packet_that_comes_again_is_clean(void **state)
{
	struct packets *ps = packets_new();
	struct packet *p = packet_new(ps, 1400), *again;
	static const struct vnet plain;

	(void)state;
	memset(&p->v, 1, sizeof(p->v));
	packet_free(p);
	again = packet_new(ps, 100);
	assert_ptr_equal(again, p);
	assert_int_equal(again->fq.len, 100);
	assert_ptr_equal(again->fq.ip, again->room + PACKETS_HEADROOM);
	assert_memory_equal(&again->v, &plain, sizeof(plain));
	assert_ptr_equal(packet_of(&again->fq), again);
	packet_free(again);
	packets_free(ps);
}

static void frames_are_made_in_place(void **state)
{
	struct packets *ps = packets_new();

	(void)state;
	for (int i = 0; i < 3 * SUPER_KINDS; i++) {
		static const uint16_t gso_sizes[] = {0, 9999, 1000};
		enum super_kind kind = (enum super_kind)(i / 3);
		struct packet *p = super_packet(ps, kind, 1, 2, 5000, gso_sizes[i % 3]);
		const uint8_t *at;
		struct frame f;
		size_t n, used;
		struct vnet v;

		at = packet_frame(p, &n);
		assert_int_equal(frame_decode(at, n, &f, &used), 0);
		assert_int_equal(used, n);
		assert_true(at >= p->room);
		assert_ptr_equal(at + n, p->fq.ip + p->fq.len);
		if (i % 3 == 0) {
			assert_int_equal(f.type, FRAME_PACKET);
			assert_int_equal(f.len, p->fq.len);
		} else {
			assert_int_equal(f.type, FRAME_SUPER);
			assert_int_equal(f.len, VNET_BYTES + p->fq.len);
			assert_int_equal(vnet_decode_wire(&v, f.payload), 0);
			assert_int_equal(vnet_check(&v, f.payload + VNET_BYTES, p->fq.len), 0);
			assert_int_equal(v.gso, p->v.gso);
		}
		packet_free(p);
	}
	packets_free(ps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(caps_are_kept),
		cmocka_unit_test(a_packet_that_comes_again_is_clean),
		cmocka_unit_test(frames_are_made_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
