/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/rate.h"

static void good_rates_and_back(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
		const char *again;
	} cases[] = {
		{"none", 0, "none"},
		{"64kbit", 8000, "64kbit"},
		{"1500kbit", 187500, "1500kbit"},
		{"10mbit", 1250000, "10mbit"},
		{"10000kbit", 1250000, "10mbit"},
		{"00001gbit", 125000000, "1gbit"},
		{"100gbit", RATE_MAX_BYTES, "100gbit"},
		{"100000000kbit", RATE_MAX_BYTES, "100gbit"},
	};
	char text[RATE_TEXT_SIZE];
	uint64_t v;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		v = 77;
		assert_int_equal(rate_parse(&v, cases[i].text), 0);
		assert_true(v == cases[i].bytes);
		rate_format(v, text);
		assert_string_equal(text, cases[i].again);
	}
	rate_format(8001, text); /* no whole unit: cut */
	assert_string_equal(text, "64kbit");
}

static void bad_rates(void **state)
{
	static const char *const malformed[] = {"",	  "10",	     "mbit",	"10 mbit", "10Mbit",
						"-1mbit", "1.5mbit", "10mbits", "10bit",   "None"};
	static const char *const outside[] = {"0mbit",
					      "63kbit",
					      "101gbit",
					      "9999999999999kbit",
					      "99999999999999999999999999gbit",
					      "100000001kbit"};
	uint64_t v = 77;

	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		assert_int_equal(rate_parse(&v, malformed[i]), -EINVAL);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		assert_int_equal(rate_parse(&v, outside[i]), -ERANGE);
	assert_true(v == 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_rates_and_back),
		cmocka_unit_test(bad_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
