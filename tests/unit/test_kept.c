/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What TCP needs when there is a path again, and nothing else. */
#include "tests/unit/pure_test.h"

#include "common/pure/bytes.h"
#include "vpnd/kept.h"

#define MINUTE_US (KEPT_MAX_MS * UINT64_C(1000))

static struct packets *ps;

static int set_up(void **state)
{
	(void)state;
	ps = packets_new();
	return ps ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	packets_free(ps);
	return 0;
}

/* IPv4 of @protocol with @number as its payload; @fragment: not the first piece. */
static struct packet *packet4(uint8_t protocol, uint32_t number, bool fragment)
{
	struct packet *p = packet_new(ps, 44);
	struct wr w = wr_init(p->fq.ip, 44);

	memset(p->fq.ip, 0, 44);
	wr_u32(&w, 0x4500002c);
	wr_u32(&w, fragment ? 0x00010010 : 0x00014000);
	wr_u32(&w, 64u << 24 | (uint32_t)protocol << 16);
	wr_u32(&w, 0x0a000001);
	wr_u32(&w, 0x0a000002);
	wr_u32(&w, 1000u << 16 | 80);
	wr_u32(&w, number);
	wr_u32(&w, 0);
	wr_u32(&w, 0x50100100);
	return p;
}

static struct packet *packet6(uint8_t next)
{
	struct packet *p = packet_new(ps, 60);

	memset(p->fq.ip, 0, 60);
	p->fq.ip[0] = 0x60;
	p->fq.ip[5] = 20;
	p->fq.ip[6] = next;
	p->fq.ip[52] = 0x50;
	return p;
}

static uint32_t number_of(const struct packet *p)
{
	struct rd r = rd_init(p->fq.ip + 24, 4);
	uint32_t n = 0;

	assert_true(rd_u32(&r, &n));
	return n;
}

static void wants(struct packet *p, bool wanted)
{
	assert_int_equal(kept_wants(p), wanted);
	packet_free(p);
}

static void only_small_packets_of_tcp(void **state)
{
	struct packet *p;

	(void)state;
	wants(packet4(6, 1, false), true);
	wants(packet6(6), true);
	wants(packet4(17, 1, false), false);
	wants(packet6(17), false);
	wants(packet4(1, 1, false), false);
	wants(packet4(6, 1, true), false);
	p = packet4(6, 1, false);
	p->v.gso = VNET_GSO_TCP4;
	wants(p, false);
	p = packet_new(ps, 30000);
	memset(p->fq.ip, 0x45, 30000);
	wants(p, false);
	for (size_t n = 0; n < 40; n++) { /* cut off, and rubbish */
		p = packet4(6, 1, false);
		p->fq.len = (uint32_t)n;
		(void)kept_wants(p);
		memset(p->fq.ip, (int)n * 6, 44);
		p->fq.len = 44;
		(void)kept_wants(p);
		packet_free(p);
	}
}

static void the_last_of_each_flow(void **state)
{
	struct kept k = {.n = 0};
	uint64_t dropped = 0;
	struct packet *p;

	(void)state;
	assert_null(kept_take(&k, 5, &dropped));
	assert_int_equal(kept_put(&k, packet4(6, 1, false), 7, 0), 0);
	assert_int_equal(kept_put(&k, packet4(6, 2, false), 7, 1), 1);
	assert_int_equal(kept_put(&k, packet4(6, 3, false), 7 + KEPT_FLOWS, 2), 1);
	assert_int_equal(kept_put(&k, packet4(6, 4, false), 9, 3), 0);
	assert_int_equal(k.n, 2);
	p = kept_take(&k, 5, &dropped);
	assert_int_equal(number_of(p), 3);
	packet_free(p);
	p = kept_take(&k, 5, &dropped);
	assert_int_equal(number_of(p), 4);
	packet_free(p);
	assert_null(kept_take(&k, 5, &dropped));
	assert_int_equal(dropped, 0);
}

static void not_what_is_old(void **state)
{
	struct kept k = {.n = 0};
	uint64_t dropped = 0;
	struct packet *p;

	(void)state;
	for (uint32_t i = 0; i < KEPT_FLOWS; i++)
		assert_int_equal(kept_put(&k, packet4(6, i, false), i, i), 0);
	p = kept_take(&k, MINUTE_US + KEPT_FLOWS - 1, &dropped);
	assert_int_equal(number_of(p), KEPT_FLOWS - 1);
	assert_int_equal(dropped, KEPT_FLOWS - 1);
	assert_int_equal(k.n, 0);
	packet_free(p);
}

static void copies_and_all_at_once(void **state)
{
	struct packet *p = packet4(6, 5, false), *all = NULL, *copy;
	struct kept k = {.n = 0};
	uint64_t dropped = 0;

	(void)state;
	p->v.needs_csum = true;
	kept_copy(&k, p, 1, 0);
	packet_free(p);
	copy = kept_take(&k, 0, &dropped);
	assert_int_equal(number_of(copy), 5);
	assert_true(copy->v.needs_csum);
	while ((p = packet_new(ps, 20))) { /* no memory: no copy */
		p->next_free = all;
		all = p;
	}
	kept_copy(&k, copy, 1, 0);
	assert_int_equal(k.n, 0);
	while ((p = all)) {
		all = p->next_free;
		packet_free(p);
	}
	for (uint32_t i = 0; i < 5; i++)
		kept_copy(&k, copy, i, 0);
	packet_free(copy);
	assert_int_equal(kept_clear(&k), 5);
	assert_int_equal(kept_clear(&k), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_small_packets_of_tcp, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_last_of_each_flow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(not_what_is_old, set_up, tear_down),
		cmocka_unit_test_setup_teardown(copies_and_all_at_once, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
