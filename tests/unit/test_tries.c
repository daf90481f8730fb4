/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/pure/tries.h"

static struct addr four(uint8_t last)
{
	return (struct addr){.family = 4, .bytes = {192, 0, 2, last}};
}

static struct addr six(uint8_t last)
{
	return (struct addr){.family = 6, .bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = last}};
}

static struct tries_host host(size_t n_addrs, size_t n_ports)
{
	static const uint16_t ports[] = {443, 80, 5935};
	struct tries_host h = {.n_addrs = n_addrs, .n_ports = n_ports};

	for (size_t i = 0; i < n_addrs; i++)
		h.addrs[i] = i % 2 ? four((uint8_t)i) : six((uint8_t)i);
	memcpy(h.ports, ports, n_ports * sizeof(ports[0]));
	return h;
}

static void first_ports_of_all_come_first(void **state)
{
	struct tries_host hosts[] = {host(4, 3), host(2, 1)};
	static const struct tries_one want[] = {
		{0, 0, 443}, {1, 0, 443},  {0, 1, 443},	 {1, 1, 443},  {0, 0, 80},
		{0, 1, 80},  {0, 0, 5935}, {0, 1, 5935}, {0, 2, 443},  {0, 3, 443},
		{0, 2, 80},  {0, 3, 80},   {0, 2, 5935}, {0, 3, 5935},
	};
	struct tries_one got[TRIES_MAX];

	assert_int_equal(tries_order(got, hosts, 2), sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_int_equal(got[i].host, want[i].host);
		assert_int_equal(got[i].addr, want[i].addr);
		assert_int_equal(got[i].port, want[i].port);
	}
}

static void more_than_fit_are_left_out(void **state)
{
	struct tries_host hosts[TRIES_HOSTS_MAX];
	struct tries_one got[TRIES_MAX];

	for (size_t i = 0; i < TRIES_HOSTS_MAX; i++)
		hosts[i] = host(TRIES_ADDRS_MAX, 3);
	assert_int_equal(tries_order(got, hosts, TRIES_HOSTS_MAX), TRIES_MAX);
	/* Every port of every host, at both families, has its place: 8 x 2 x 3. */
	for (size_t i = 0; i < TRIES_MAX; i++)
		assert_true(got[i].addr < 2);
	assert_int_equal(tries_order(got, hosts, 0), 0);
}

static bool has(const struct tries_host *h, struct addr a)
{
	for (size_t i = 0; i < h->n_addrs; i++) {
		if (addr_equal(&h->addrs[i], &a))
			return true;
	}
	return false;
}

static void families_then_what_is_known_then_the_rest(void **state)
{
	struct addr found[] = {six(1), six(2), four(1), four(2)};
	struct addr known[] = {four(9), six(2)};
	const struct addr want[] = {six(1), four(1), four(9), six(2), four(2)};
	struct tries_host h;

	tries_addrs(&h, found, 4, known, 2, 0xffffffff);
	assert_int_equal(h.n_addrs, 5);
	for (size_t i = 0; i < 5; i++)
		assert_true(addr_equal(&h.addrs[i], &want[i]));
	tries_addrs(&h, NULL, 0, known, 2, 7);
	assert_int_equal(h.n_addrs, 2);
	tries_addrs(&h, found, 1, NULL, 0, 7);
	assert_int_equal(h.n_addrs, 1);
}

/* Each of fifty has its turn some day; the first of each family and what is known always. */
static void many_take_turns(void **state)
{
	struct addr found[50], known[] = {four(200)};
	bool seen[50] = {false};
	struct tries_host h;

	for (size_t i = 0; i < 50; i++)
		found[i] = i < 40 ? four((uint8_t)i) : six((uint8_t)i);
	for (uint32_t random = 0; random < 50; random++) {
		tries_addrs(&h, found, 50, known, 1, random);
		assert_int_equal(h.n_addrs, TRIES_ADDRS_MAX);
		assert_true(has(&h, found[0]) && has(&h, found[40]) && has(&h, known[0]));
		for (size_t i = 0; i < 50; i++)
			seen[i] = seen[i] || has(&h, found[i]);
	}
	for (size_t i = 0; i < 50; i++)
		assert_true(seen[i]);
}

/* However many: the last one begins early enough to be through within 10 s. */
static void the_last_one_has_its_time(void **state)
{
	for (size_t n = 1; n <= TRIES_MAX; n++) {
		uint32_t at = 0;

		for (size_t i = 1; i < n; i++) {
			uint32_t wait = tries_wait_ms(i, n, 250);

			assert_in_range(wait, 100, 250); /* RFC 8305 section 5 */
			if (i < TRIES_FIRST)
				assert_int_equal(wait, 250);
			at += wait;
		}
		assert_true(at <= 7000);
	}
	assert_int_equal(tries_wait_ms(40, 48, 1), 1);
}

static void shuffles(void **state)
{
	uint32_t random[] = {0, 0, 0, 0};
	size_t order[4], sum = 0;

	tries_shuffle(order, 4, random);
	for (size_t i = 0; i < 4; i++)
		sum |= (size_t)1 << order[i];
	assert_int_equal(sum, 15);
	assert_int_not_equal(order[0], 0);
	random[3] = 3;
	random[2] = 2;
	random[1] = 1;
	tries_shuffle(order, 4, random);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(order[i], i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_ports_of_all_come_first),
		cmocka_unit_test(more_than_fit_are_left_out),
		cmocka_unit_test(families_then_what_is_known_then_the_rest),
		cmocka_unit_test(many_take_turns),
		cmocka_unit_test(the_last_one_has_its_time),
		cmocka_unit_test(shuffles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
