/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "vpnd/pure/lendable.h"

static const struct lendable_pool anywhere;

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(&p, text), 0);
	return p;
}

static void next_is(struct lendable *l, const char *want)
{
	char text[ADDR_TEXT_SIZE];
	struct addr a;

	assert_true(lendable_next(l, &a));
	addr_format(&a, text);
	assert_string_equal(text, want);
}

static void ends(struct lendable *l)
{
	struct addr a;

	assert_false(lendable_next(l, &a));
	assert_false(lendable_next(l, &a));
}

static void upper_quarter_first(void **state)
{
	struct prefix p = prefix("192.168.1.0/24");
	struct lendable l;

	lendable_init(&l, &p, &anywhere, 60);
	next_is(&l, "192.168.1.252");
	next_is(&l, "192.168.1.253");
	next_is(&l, "192.168.1.254");
	next_is(&l, "192.168.1.192"); /* 255 is the broadcast */
	for (int i = 193; i < 251; i++) {
		struct addr a;

		assert_true(lendable_next(&l, &a));
	}
	next_is(&l, "192.168.1.251");
	next_is(&l, "192.168.1.191");
	next_is(&l, "192.168.1.190");
}

/* Each once, and none that is no host's. */
static void all_of_them(void **state)
{
	static const struct {
		const char *subnet;
		size_t hosts;
	} cases[] = {{"10.0.0.0/24", 254}, {"10.0.0.0/29", 6}, {"10.0.0.0/30", 2},
		     {"10.0.0.0/31", 0},   {"10.0.0.0/32", 0}, {"10.0.0.0/20", 4094},
		     {"fd00::/120", 255},  {"fd00::/127", 0},  {"fd00::/119", 512 - 1 - 128},
		     {"fd00::/128", 0}};

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct prefix p = prefix(cases[c].subnet);
		bool seen[4096] = {false};
		struct lendable l;
		struct addr a;
		size_t n = 0;

		lendable_init(&l, &p, &anywhere, 0x123456789abcdefULL);
		for (; lendable_next(&l, &a); n++) {
			size_t at = a.family == 4 ? 2 : 14,
			       i = ((size_t)a.bytes[at] << 8 | a.bytes[at + 1]) & 4095;

			assert_true(prefix_contains(&p, &a));
			assert_false(seen[i]);
			seen[i] = true;
		}
		assert_int_equal(n, cases[c].hosts);
	}
}

static void large_ones(void **state)
{
	static const char *const subnets[] = {"10.0.0.0/8", "fd00:1:2:3::/64", "fd00::/48"};

	for (size_t s = 0; s < 3; s++) {
		struct prefix p = prefix(subnets[s]);
		struct addr first = {0}, a;
		struct lendable l;

		for (uint64_t seed = 0; seed < 3; seed++) {
			lendable_init(&l, &p, &anywhere, seed << 40 | seed << 8);
			for (int i = 0; i < 500; i++) {
				assert_true(lendable_next(&l, &a));
				assert_true(prefix_contains(&p, &a));
				if (i == 0 && seed > 0)
					assert_false(addr_equal(&a, &first));
				if (i == 0)
					first = a;
			}
		}
	}
}

static void a_pool(void **state)
{
	struct lendable_pool pool;
	struct prefix p = prefix("192.168.1.0/24"), p6 = prefix("fd01::/64");
	struct lendable l;
	char text[200];

	assert_null(lendable_parse(&pool, "192.168.1.250-192.168.1.252 , 192.168.2.1,192.168.1.7, "
					  "192.168.1.254-192.168.2.3"));
	lendable_init(&l, &p, &pool, 99);
	next_is(&l, "192.168.1.250");
	next_is(&l, "192.168.1.251");
	next_is(&l, "192.168.1.252");
	next_is(&l, "192.168.1.7");
	next_is(&l, "192.168.1.254"); /* not 255, not what is beyond */
	ends(&l);
	lendable_format(&pool, text, sizeof(text));
	assert_string_equal(text, "192.168.1.250-192.168.1.252, 192.168.2.1, 192.168.1.7, "
				  "192.168.1.254-192.168.2.3");
	lendable_init(&l, &p6, &pool, 0); /* the other family is free */
	assert_true(lendable_next(&l, &(struct addr){0}));
	assert_null(lendable_parse(&pool, "fd01::ff-fd01::1:0"));
	lendable_init(&l, &p6, &pool, 0);
	next_is(&l, "fd01::ff");
	next_is(&l, "fd01::100");
	assert_null(lendable_parse(&pool, "fd01::-fd01::ffff:ffff:ffff:ffff"));
	lendable_init(&l, &p6, &pool, 0);
	next_is(&l, "fd01::1");
	p = prefix("10.0.0.0/31");
	assert_null(lendable_parse(&pool, "10.0.0.1"));
	lendable_init(&l, &p, &pool, 0);
	next_is(&l, "10.0.0.1");
	ends(&l);
	assert_null(lendable_parse(&pool, ""));
	assert_int_equal(pool.n, 0);
}

static void bad_pools(void **state)
{
	static const char *const bad[] = {
		"127.0.0.1",
		"0.0.0.0",
		"224.0.0.1",
		"255.255.255.255",
		"::1",
		"fe80::1",
		"x",
		",",
		"10.0.0.1,",
		"10.0.0.1,,10.0.0.2",
		"10.0.0.2-10.0.0.1",
		"10.0.0.1-fd00::1",
		"10.0.0.1-",
		"-10.0.0.1",
		"10.0.0.1-10.0.0.2-10.0.0.3",
		"10.0.0.0/24",
		"10.0.0.1 10.0.0.2",
		"fd00::1-fd00:0:0:1::1",
		"1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,"
		"1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1",
		"10.0.0.1-"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaa",
	};
	struct lendable_pool pool;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(lendable_parse(&pool, bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(upper_quarter_first), cmocka_unit_test(all_of_them),
		cmocka_unit_test(large_ones),	       cmocka_unit_test(a_pool),
		cmocka_unit_test(bad_pools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
