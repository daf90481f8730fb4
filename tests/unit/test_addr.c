/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/addr.h"

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(&p, text), 0);
	return p;
}

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	return a;
}

static void addresses_have_one_spelling(void **state)
{
	static const struct {
		const char *in, *out;
		uint8_t family;
	} t[] = {
		{"0.0.0.0", "0.0.0.0", 4},
		{"255.255.255.255", "255.255.255.255", 4},
		{"10.1.2.3", "10.1.2.3", 4},
		{"::", "::", 6},
		{"2001:DB8:0:0:0:0:0:1", "2001:db8::1", 6},
		{"fd00:0001::0a", "fd00:1::a", 6},
		{"::ffff:10.0.0.1", "::ffff:10.0.0.1", 6},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6},
	};
	char text[ADDR_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct addr a = addr(t[i].in), again;

		assert_int_equal(a.family, t[i].family);
		addr_format(&a, text);
		assert_string_equal(text, t[i].out);
		again = addr(text);
		assert_true(addr_equal(&a, &again));
	}
	addr_format(&(struct addr){.family = 0}, text);
	assert_string_equal(text, "none");
	addr_format(&(struct addr){.family = 5}, text);
	assert_string_equal(text, "none");
}

static void golden_bytes(void **state)
{
	struct addr a = addr("192.0.2.7");
	static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 0x2a};
	static const uint8_t v4[16] = {192, 0, 2, 7};
	struct addr b;

	(void)state;
	assert_memory_equal(a.bytes, v4, 16);
	b = addr_from_bytes(4, v4);
	assert_true(addr_equal(&a, &b));
	a = addr("2001:db8::2a");
	assert_memory_equal(a.bytes, v6, 16);
	b = addr_from_bytes(6, v6);
	assert_true(addr_equal(&a, &b));
	b.bytes[15]++;
	assert_false(addr_equal(&a, &b));
	a = addr("0.0.0.0");
	b = addr("::");
	assert_false(addr_equal(&a, &b));
}

static void nothing_else_is_an_address(void **state)
{
	static const char *const bad[] = {"",	       "1.2.3",		"1.2.3.4.5",
					  "1.2.3.256", "01.2.3.4",	" 1.2.3.4",
					  "1.2.3.4 ",  "0x7f.0.0.1",	"1.2.3.4/8",
					  ":::",       "1::2::3",	"fe80::1%eth0",
					  "g::",       "[::1]",		"12345::",
					  "a.b",       "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9"};
	struct addr a = {.family = 77};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(addr_parse(&a, bad[i]), -EINVAL);
	assert_int_equal(a.family, 77);
}

static void prefixes_round_trip(void **state)
{
	static const char *const good[] = {"0.0.0.0/0",	  "10.0.0.0/8", "192.168.1.128/25",
					   "10.1.2.3/32", "::/0",	"fd00:1:2::/48",
					   "fd00::1/128", "8000::/1",	"128.0.0.0/1"};
	char text[PREFIX_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct prefix p = prefix(good[i]);

		prefix_format(&p, text);
		assert_string_equal(text, good[i]);
	}
	assert_int_equal(prefix("10.1.2.3").len, 32);
	assert_int_equal(prefix("fd00::1").len, 128);
}

static void bad_prefixes(void **state)
{
	static const char *const bad[] = {"",
					  "/",
					  "10.0.0.0/",
					  "10.0.0.0/33",
					  "::/129",
					  "10.0.0.0/08",
					  "10.0.0.0/+8",
					  "10.0.0.0/-1",
					  "10.0.0.0/8 ",
					  "10.0.0.0/8/8",
					  "/8",
					  "10.0.0/8",
					  "::/0x10",
					  "::/1000",
					  "10.0.0.0/ 8",
					  "1111:1111:1111:1111:1111:1111:111.111.111.1111/8"};
	struct prefix p = {.len = 99};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(prefix_parse(&p, bad[i]), -EINVAL);
	assert_int_equal(prefix_parse(&p, "192.168.1.5/24"), -EDOM);
	assert_int_equal(prefix_parse(&p, "0.0.0.1/0"), -EDOM);
	assert_int_equal(prefix_parse(&p, "fd00::1/127"), -EDOM);
	assert_int_equal(p.len, 99);
}

static void contains_and_overlaps(void **state)
{
	struct prefix lan = prefix("192.168.4.0/22"), host = prefix("192.168.7.255");
	struct prefix next = prefix("192.168.8.0/22"), all4 = prefix("0.0.0.0/0");
	struct prefix all6 = prefix("::/0"), v6 = prefix("fd00:0:0:8000::/49");
	struct addr in = addr("192.168.7.255"), out = addr("192.168.8.0");
	struct addr in6 = addr("fd00:0:0:8001::1"), out6 = addr("fd00:0:0:7fff::1");

	(void)state;
	assert_true(prefix_contains(&lan, &in));
	assert_false(prefix_contains(&lan, &out));
	assert_true(prefix_contains(&v6, &in6));
	assert_false(prefix_contains(&v6, &out6));
	assert_true(prefix_contains(&all4, &out));
	assert_false(prefix_contains(&all4, &in6));
	assert_false(prefix_contains(&all6, &in));
	assert_true(prefix_overlaps(&lan, &host));
	assert_true(prefix_overlaps(&host, &lan));
	assert_true(prefix_overlaps(&lan, &lan));
	assert_false(prefix_overlaps(&lan, &next));
	assert_true(prefix_overlaps(&all4, &next));
	assert_false(prefix_overlaps(&all6, &all4));
	assert_true(prefix_equal(&lan, &lan));
	assert_false(prefix_equal(&lan, &next));
	assert_false(prefix_equal(&all4, &all6));
}

/* The mask of every length, bit by bit. */
static void prefix_of_every_length(void **state)
{
	uint8_t ones[16];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	for (int len = 0; len <= 255; len++) {
		struct addr a4 = addr_from_bytes(4, ones), a6 = addr_from_bytes(6, ones);
		struct prefix p4 = prefix_of(&a4, (uint8_t)len), p6 = prefix_of(&a6, (uint8_t)len);

		assert_int_equal(p4.len, len < 32 ? len : 32);
		assert_int_equal(p6.len, len < 128 ? len : 128);
		for (int bit = 0; bit < 128; bit++) {
			int mask = 0x80 >> bit % 8;

			assert_int_equal(!!(p4.addr.bytes[bit / 8] & mask), bit < len && bit < 32);
			assert_int_equal(!!(p6.addr.bytes[bit / 8] & mask), bit < len);
		}
	}
}

static void lans_are_routable(void **state)
{
	static const char *const good[] = {"10.0.0.0/8",  "192.168.1.0/24", "172.16.0.0/12",
					   "1.0.0.0/8",	  "100.64.0.0/10",  "223.255.255.0/24",
					   "203.0.113.7", "fd00::/8",	    "2001:db8::/32",
					   "2000::/3"};
	static const char *const bad[] = {"0.0.0.0/0",
					  "::/0",
					  "128.0.0.0/1",
					  "0.0.0.0/1",
					  "127.0.0.1",
					  "127.0.0.0/16",
					  "169.254.1.0/24",
					  "224.0.0.0/4",
					  "239.1.2.3",
					  "240.0.0.0/4",
					  "255.255.255.255",
					  "0.0.0.0",
					  "0.1.2.3",
					  "::",
					  "::1",
					  "fe80::/64",
					  "ff02::1",
					  "::ffff:10.0.0.0/104",
					  "8000::/1",
					  "::10.0.0.1",
					  "126.0.0.0/7"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct prefix p = prefix(good[i]);

		assert_true(prefix_routable(&p));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct prefix p = prefix(bad[i]);

		assert_false(prefix_routable(&p));
	}
	assert_false(prefix_routable(&(struct prefix){.len = 8}));
}

static void wide_prefixes_may_hold_what_nobody_has(void **state)
{
	static const char *const good[] = {
		"0.0.0.0/0",   "::/0",	     "0.0.0.0/1",      "128.0.0.0/1", "8000::/1",
		"126.0.0.0/7", "10.0.0.0/8", "192.168.1.0/24", "10.1.2.3",    "fd00::/64"};
	static const char *const bad[] = {
		"127.0.0.0/8",	  "0.0.0.0/8", "224.0.0.0/4", "255.0.0.0/8", "127.0.0.1",
		"169.254.0.0/15", "ff00::/8",  "fe80::/10",   "::/96",	     "::ffff:0:0/96"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct prefix p = prefix(good[i]);

		assert_true(prefix_reachable(&p));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct prefix p = prefix(bad[i]);

		assert_false(prefix_reachable(&p));
	}
	assert_false(prefix_reachable(&(struct prefix){.len = 0}));
}

/* One rule, written twice. */
static void martians_are_what_no_lan_may_be(void **state)
{
	static const uint8_t first[] = {0, 1, 10, 126, 127, 128, 169, 192, 223, 224, 239, 240, 255};
	static const char *const six[] = {"::1",	 "::",	    "::10.0.0.1", "::ffff:1.2.3.4",
					  "fe80::1",	 "febf::1", "fec0::1",	  "ff02::1",
					  "2001:db8::1", "fd00::1", "0:0:1::",	  "::fffe:1.2.3.4"};
	struct prefix host;

	(void)state;
	for (size_t i = 0; i < sizeof(first); i++) {
		for (unsigned int second = 252; second < 256; second++) {
			struct addr a = {4, {first[i], (uint8_t)second, 1, 2}};

			host = prefix_of(&a, 32);
			assert_int_equal(addr_is_martian(&a), !prefix_routable(&host));
		}
	}
	for (size_t i = 0; i < sizeof(six) / sizeof(six[0]); i++) {
		host = prefix(six[i]);
		assert_int_equal(addr_is_martian(&host.addr), !prefix_routable(&host));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_have_one_spelling),
		cmocka_unit_test(golden_bytes),
		cmocka_unit_test(nothing_else_is_an_address),
		cmocka_unit_test(prefixes_round_trip),
		cmocka_unit_test(bad_prefixes),
		cmocka_unit_test(contains_and_overlaps),
		cmocka_unit_test(prefix_of_every_length),
		cmocka_unit_test(lans_are_routable),
		cmocka_unit_test(wide_prefixes_may_hold_what_nobody_has),
		cmocka_unit_test(martians_are_what_no_lan_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
