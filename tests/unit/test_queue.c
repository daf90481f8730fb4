/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "tests/unit/super_packet.h"
#include "vpnd/queue.h"

static const struct queue_form whole = {.super = true, .uso = true}, plain = {.super = false};
static struct packets *ps;
static struct queue q;

static int setup(void **state)
{
	(void)state;
	ps = packets_new();
	queue_init(&q);
	return ps ? 0 : -1;
}

/* All memory can be had again: nothing was lost on the way. */
static int teardown(void **state)
{
	struct packet *all = NULL, *p;
	size_t n_small = 0, n_large = 0;

	(void)state;
	queue_deinit(&q);
	for (int i = 0; i < 2; i++) {
		while ((p = packet_new(ps, i ? VNET_PACKET_MAX_BYTES : 20))) {
			p->next_free = all;
			all = p;
			n_large += p->is_large;
			n_small += !p->is_large;
		}
	}
	while ((p = all)) {
		all = p->next_free;
		packet_free(p);
	}
	packets_free(ps);
	assert_int_equal(n_small, PACKETS_SMALL_MAX);
	assert_int_equal(n_large, PACKETS_LARGE_MAX);
	return 0;
}

static uint64_t counted(void)
{
	const struct fq_counters *c = fq_counters(&q.fq);

	return c->dropped_codel + c->dropped_limit + q.unfit;
}

/* Take all and give back. @kind: of all of them; their checksums are looked at. */
static size_t take_all(enum super_kind kind, uint64_t now_us, size_t *payload)
{
	struct packet *p;
	size_t n = 0;

	*payload = 0;
	for (; (p = queue_take(&q, now_us)); n++) {
		*payload += p->fq.len - super_headers(kind);
		if (p->v.gso == VNET_GSO_NONE && !p->v.needs_csum)
			assert_true(super_sum_good(p->fq.ip, p->fq.len, kind));
		else
			assert_int_equal(vnet_check(&p->v, p->fq.ip, p->fq.len), 0);
		packet_free(p);
	}
	assert_true(queue_empty(&q));
	return n;
}

static void a_peer_that_takes_super_packets_gets_them_whole(void **state)
{
	size_t payload;

	(void)state;
	for (int kind = 0; kind < SUPER_KINDS; kind++) {
		queue_put(&q, super_packet(ps, (enum super_kind)kind, 1, 1, 50000, 1300), &whole,
			  1);
		queue_put(&q, super_packet(ps, (enum super_kind)kind, 1, 2, 500, 1300), &whole, 1);
		assert_int_equal(take_all((enum super_kind)kind, 2, &payload), 2);
		assert_int_equal(payload, 50500);
	}
	assert_int_equal(counted(), 0);
}

static void others_get_finished_segments(void **state)
{
	size_t payload;

	(void)state;
	for (int kind = 0; kind < SUPER_KINDS; kind++) {
		queue_put(&q, super_packet(ps, (enum super_kind)kind, 1, 1, 50000, 1300), &plain,
			  1);
		queue_put(&q, super_packet(ps, (enum super_kind)kind, 1, 2, 500, 1300), &plain, 1);
		assert_int_equal(take_all((enum super_kind)kind, 2, &payload), 39 + 1);
		assert_int_equal(payload, 50500);
	}
	assert_int_equal(counted(), 0);
}

static void a_peer_whose_kernel_has_none_of_udp(void **state)
{
	static const struct queue_form tcp_only = {.super = true};
	size_t payload;

	(void)state;
	for (int kind = 0; kind < SUPER_KINDS; kind++) {
		size_t pieces = super_is_tcp((enum super_kind)kind) ? 1 : 39;

		queue_put(&q, super_packet(ps, (enum super_kind)kind, 1, 1, 50000, 1300), &tcp_only,
			  1);
		assert_int_equal(take_all((enum super_kind)kind, 2, &payload), pieces);
		assert_int_equal(payload, 50000);
	}
	assert_int_equal(counted(), 0);
}

static void segments_longer_than_a_small_packet(void **state)
{
	size_t payload;

	(void)state;
	queue_put(&q, super_packet(ps, SUPER_TCP4, 1, 1, 60000, 8960), &plain, 1);
	assert_int_equal(take_all(SUPER_TCP4, 2, &payload), 7);
	assert_int_equal(payload, 60000);
}

static void too_many_segments_are_cut(void **state)
{
	size_t payload;

	(void)state;
	queue_put(&q, super_packet(ps, SUPER_TCP4, 1, 1, 128 * 10, 10), &whole, 1);
	assert_int_equal(take_all(SUPER_TCP4, 2, &payload), 1);
	queue_put(&q, super_packet(ps, SUPER_TCP4, 1, 1, 128 * 10 + 1, 10), &whole, 1);
	assert_int_equal(take_all(SUPER_TCP4, 2, &payload), 129);
	assert_int_equal(payload, 128 * 10 + 1);
	queue_put(&q, super_packet(ps, SUPER_TCP6, 1, 1, 4000, 1), &whole, 1);
	assert_int_equal(take_all(SUPER_TCP6, 2, &payload), 4000);
	assert_int_equal(counted(), 0);
}

/* Bytes a second: the packet below takes a line of this rate QUEUE_SUPER_US. */
#define BORDER (50040ULL * 1000000 / QUEUE_SUPER_US)

static void a_slow_line_gets_segments(void **state)
{
	static const struct {
		uint64_t rate;
		size_t pieces;
	} lines[] = {{0, 1},
		     {1250000, 39},
		     {BORDER - 100000, 39},
		     {BORDER + 100000, 1},
		     {UINT64_MAX, 1}};
	size_t payload;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct queue_form form = {.super = true, .uso = true, .rate = lines[i].rate};

		queue_put(&q, super_packet(ps, SUPER_TCP4, 1, 1, 50000, 1300), &form, 1);
		assert_int_equal(take_all(SUPER_TCP4, 2, &payload), lines[i].pieces);
		assert_int_equal(payload, 50000);
	}
}

static void count_and_free(void *arg, struct packet *p)
{
	*(size_t *)arg += 1;
	packet_free(p);
}

static void limits_drop_and_count(void **state)
{
	size_t sent = 0, payload, got;

	(void)state;
	for (; sent < QUEUE_LIMIT_PACKETS + 500; sent++)
		queue_put(&q, super_packet(ps, SUPER_UDP4, (uint16_t)sent, sent, 500, 0), &whole,
			  1);
	assert_true(fq_backlog_packets(&q.fq) <= QUEUE_LIMIT_PACKETS);
	got = take_all(SUPER_UDP4, 2, &payload);
	assert_int_equal(got + counted(), sent);
	for (sent = 0; sent < QUEUE_LIMIT_BYTES / 60000 + 10; sent++)
		queue_put(&q, super_packet(ps, SUPER_TCP4, 1, sent, 60000, 1300), &whole, 3);
	assert_true(fq_backlog_bytes(&q.fq) <= QUEUE_LIMIT_BYTES);
	sent = fq_backlog_packets(&q.fq);
	got = 0;
	queue_clear(&q, count_and_free, &got);
	assert_int_equal(got, sent);
	assert_true(queue_empty(&q));
	queue_put(&q, super_packet(ps, SUPER_TCP4, 1, 1, 500, 0), &whole, 4);
	assert_int_equal(take_all(SUPER_TCP4, 5, &payload), 1);
}

/* The rest of a super-packet whose segments find no memory is dropped, and counted once. */
static void no_memory_for_segments(void **state)
{
	struct packet *p, *all = NULL;
	size_t payload;

	(void)state;
	while ((p = packet_new(ps, 20))) {
		p->next_free = all;
		all = p;
	}
	for (int i = 0; i < 5; i++) {
		p = all;
		all = p->next_free;
		packet_free(p);
	}
	queue_put(&q, super_packet(ps, SUPER_TCP4, 1, 1, 50000, 1300), &plain, 1);
	assert_int_equal(q.unfit, 1);
	assert_int_equal(take_all(SUPER_TCP4, 2, &payload), 5);
	assert_int_equal(payload, 5 * 1300);
	while ((p = all)) {
		all = p->next_free;
		packet_free(p);
	}
}

/* A queue that stays: CoDel drops what is not ECN-capable and marks what is. */
static void packets_that_stay_too_long(void **state)
{
	uint64_t now_us = 1, taken = 0, sent = 0;
	struct packet *p;

	(void)state;
	for (int i = 0; i < 3000; i++, now_us += 1000) {
		for (int k = 0; k < 2; k++, sent++) {
			p = super_packet(ps, SUPER_TCP4, 1, sent, 1200, 1300);
			if (i % 2) {
				p->fq.ip[1] = 2; /* ECT(0) */
				super_put16(p->fq.ip + 10, 0);
				super_put16(p->fq.ip + 10, ~super_sum(p->fq.ip, 20, 0));
			}
			queue_put(&q, p, &whole, now_us);
		}
		p = queue_take(&q, now_us);
		assert_int_equal(super_sum(p->fq.ip, 20, 0), 0xffff);
		packet_free(p);
		taken++;
	}
	assert_true(fq_counters(&q.fq)->dropped_codel > 0);
	assert_true(fq_counters(&q.fq)->marked > 0);
	assert_int_equal(taken + counted() + fq_backlog_packets(&q.fq), sent);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_peer_that_takes_super_packets_gets_them_whole),
		TEST(others_get_finished_segments),
		TEST(a_peer_whose_kernel_has_none_of_udp),
		TEST(segments_longer_than_a_small_packet),
		TEST(too_many_segments_are_cut),
		TEST(a_slow_line_gets_segments),
		TEST(limits_drop_and_count),
		TEST(no_memory_for_segments),
		TEST(packets_that_stay_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
