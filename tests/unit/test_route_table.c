/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vpnd/pure/route_table.h"

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(&p, text), 0);
	return p;
}

static int add(struct route_table *t, const char *text, uint16_t slot)
{
	struct prefix p = prefix(text);

	return route_table_add(t, &p, slot);
}

/* The slot, or -1. */
static int lookup(const struct route_table *t, const char *text)
{
	struct addr a;
	uint16_t slot;

	assert_int_equal(addr_parse(&a, text), 0);
	return route_table_lookup(t, &a, &slot) ? slot : -1;
}

static void test_longest_prefix_wins(void **state)
{
	struct route_table t;

	(void)state;
	route_table_init(&t);
	assert_int_equal(lookup(&t, "10.0.0.1"), -1);
	assert_int_equal(add(&t, "10.0.0.0/8", 1), 0);
	assert_int_equal(add(&t, "10.1.0.0/16", 2), 0);
	assert_int_equal(add(&t, "10.1.2.3/32", 3), 0);
	assert_int_equal(add(&t, "fd00::/8", 4), 0);
	assert_int_equal(add(&t, "fd00:1::/64", 5), 0);
	assert_int_equal(add(&t, "fd00:1::7/128", 6), 0);
	assert_int_equal(lookup(&t, "10.2.0.1"), 1);
	assert_int_equal(lookup(&t, "10.1.255.255"), 2);
	assert_int_equal(lookup(&t, "10.1.2.3"), 3);
	assert_int_equal(lookup(&t, "10.1.2.4"), 2);
	assert_int_equal(lookup(&t, "11.0.0.0"), -1);
	assert_int_equal(lookup(&t, "fd99::1"), 4);
	assert_int_equal(lookup(&t, "fd00:1::1"), 5);
	assert_int_equal(lookup(&t, "fd00:1::7"), 6);
	assert_int_equal(lookup(&t, "fe80::1"), -1);
	/* The bytes of 10.0.0.1 at the front of an IPv6 address. */
	assert_int_equal(lookup(&t, "0a00:0001::"), -1);
	route_table_deinit(&t);
}

static void test_one_prefix_has_one_slot(void **state)
{
	struct prefix p = prefix("192.168.1.0/24"), other = prefix("192.168.1.0/25");
	struct route_table t;
	uint16_t slot = 0;

	(void)state;
	route_table_init(&t);
	assert_int_equal(add(&t, "192.168.1.0/24", 7), 0);
	assert_int_equal(add(&t, "192.168.1.0/24", 7), 0);
	assert_int_equal(t.n, 1);
	assert_int_equal(add(&t, "192.168.1.0/24", 8), -EEXIST);
	assert_true(route_table_find(&t, &p, &slot));
	assert_int_equal(slot, 7);
	assert_false(route_table_find(&t, &other, &slot));
	assert_int_equal(add(&t, "192.168.1.0/25", 8), 0);
	assert_int_equal(lookup(&t, "192.168.1.1"), 8);
	assert_int_equal(lookup(&t, "192.168.1.200"), 7);
	route_table_deinit(&t);
}

static void test_remove_takes_all_of_a_slot(void **state)
{
	struct route_table t;

	(void)state;
	route_table_init(&t);
	assert_int_equal(add(&t, "10.0.0.0/8", 1), 0);
	assert_int_equal(add(&t, "10.1.0.0/16", 2), 0);
	assert_int_equal(add(&t, "fd00::/16", 2), 0);
	route_table_remove(&t, 2);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.n_groups, 1);
	assert_int_equal(lookup(&t, "10.1.0.1"), 1);
	assert_int_equal(lookup(&t, "fd00::1"), -1);
	route_table_remove(&t, 2);
	route_table_remove(&t, 1);
	assert_int_equal(t.n, 0);
	assert_int_equal(add(&t, "10.1.0.0/16", 9), 0);
	assert_int_equal(lookup(&t, "10.1.0.1"), 9);
	route_table_deinit(&t);
}

static void test_refuses_what_is_no_prefix(void **state)
{
	struct prefix host_bits = prefix("10.0.0.0/8"), too_long = prefix("10.0.0.0/8");
	struct prefix none = {0};
	struct route_table t;

	(void)state;
	route_table_init(&t);
	host_bits.addr.bytes[3] = 1;
	too_long.len = 33;
	assert_int_equal(route_table_add(&t, &host_bits, 1), -EINVAL);
	assert_int_equal(route_table_add(&t, &too_long, 1), -EINVAL);
	assert_int_equal(route_table_add(&t, &none, 1), -EINVAL);
	route_table_deinit(&t);
}

static void test_cap(void **state)
{
	struct route_table t;
	struct addr a = {.family = 4, .bytes = {10}};
	struct prefix p;

	(void)state;
	route_table_init(&t);
	for (unsigned int i = 0; i < ROUTE_TABLE_MAX; i++) {
		a.bytes[2] = (uint8_t)(i >> 8);
		a.bytes[3] = (uint8_t)i;
		p = prefix_of(&a, 32);
		assert_int_equal(route_table_add(&t, &p, (uint16_t)i), 0);
	}
	a.bytes[1] = 1;
	p = prefix_of(&a, 32);
	assert_int_equal(route_table_add(&t, &p, 1), -ENOSPC);
	assert_int_equal(lookup(&t, "10.0.1.2"), 258);
	assert_int_equal(lookup(&t, "10.0.15.255"), 4095);
	route_table_deinit(&t);
}

/* A plain list, searched in full. */
static int model_lookup(const struct route *list, size_t n, const struct addr *a)
{
	int slot = -1, best = -1;

	for (size_t i = 0; i < n; i++) {
		if (list[i].prefix.len > best && prefix_contains(&list[i].prefix, a)) {
			best = list[i].prefix.len;
			slot = list[i].slot;
		}
	}
	return slot;
}

/* xorshift32: the same numbers in each run. */
static unsigned int next_random(void)
{
	static uint32_t x = 1;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x >> 8;
}

static struct addr random_addr(uint8_t family)
{
	struct addr a = {.family = family};

	/* Few values, so that prefixes overlap and addresses hit. */
	for (size_t i = 0; i < (family == 4 ? 4u : 16u); i++)
		a.bytes[i] = (uint8_t)(next_random() % 3 * 85);
	return a;
}

static void test_agrees_with_a_plain_list(void **state)
{
	static struct route list[600];
	struct route_table t;
	size_t n = 0;

	(void)state;
	route_table_init(&t);
	for (int i = 0; i < 600; i++) {
		uint8_t family = next_random() % 2 ? 4 : 6;
		struct addr a = random_addr(family);
		struct prefix p =
			prefix_of(&a, (uint8_t)(next_random() % (family == 4 ? 33u : 129u)));
		uint16_t slot = (uint16_t)(next_random() % 20), there;

		if (route_table_find(&t, &p, &there))
			continue;
		assert_int_equal(route_table_add(&t, &p, slot), 0);
		list[n++] = (struct route){.prefix = p, .slot = slot};
	}
	for (int i = 0; i < 20000; i++) {
		struct addr a = random_addr(next_random() % 2 ? 4 : 6);
		uint16_t slot;
		int got = route_table_lookup(&t, &a, &slot) ? slot : -1;

		assert_int_equal(got, model_lookup(list, n, &a));
	}
	route_table_deinit(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longest_prefix_wins),
		cmocka_unit_test(test_one_prefix_has_one_slot),
		cmocka_unit_test(test_remove_takes_all_of_a_slot),
		cmocka_unit_test(test_refuses_what_is_no_prefix),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_agrees_with_a_plain_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
