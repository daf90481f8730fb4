/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/pure/told.h"

static struct told t;

static int decode(const char *text)
{
	json_t *o = json_loads(text, 0, NULL);
	int r;

	assert_non_null(o);
	r = told_decode(&t, o);
	json_decref(o);
	return r;
}

static void assert_addr(size_t i, const char *text)
{
	char got[ADDR_TEXT_SIZE];

	assert_true(i < t.n);
	addr_format(&t.addrs[i], got);
	assert_string_equal(got, text);
}

static void servers_and_relays(void **state)
{
	assert_int_equal(decode("{\"url\": \"https://AS1.lab:444/x\", \"addresses\": "
				"[\"192.0.2.1\", \"2001:db8::1\"], \"more\": 1}"),
			 0);
	assert_int_equal(t.n_hosts, 1);
	assert_string_equal(t.hosts[0], "as1.lab");
	assert_int_equal(t.n, 2);
	assert_addr(0, "192.0.2.1");
	assert_addr(1, "2001:db8::1");
	assert_int_equal(decode("{\"urls\": [\"https://a.lab\", \"https://a.lab:80\", "
				"\"https://192.0.2.9\", \"https://b.lab\"], \"addresses\": []}"),
			 0);
	assert_int_equal(t.n_hosts, 2);
	assert_string_equal(t.hosts[1], "b.lab");
	assert_int_equal(t.n, 0);
}

static void what_no_server_has_is_left_out(void **state)
{
	assert_int_equal(
		decode("{\"url\": \"https://a.lab\", \"addresses\": [\"127.0.0.1\", "
		       "\"0.0.0.0\", \"::1\", \"224.0.0.1\", \"255.255.255.255\", \"10.0.0.1\"]}"),
		0);
	assert_int_equal(t.n, 1);
	assert_addr(0, "10.0.0.1");
}

static void more_than_fit_are_left_out(void **state)
{
	json_t *list = json_array(), *urls = json_array(), *o;
	char text[40];

	for (int i = 1; i <= 50; i++) {
		snprintf(text, sizeof(text), "192.0.2.%d", i);
		json_array_append_new(list, json_string(text));
		snprintf(text, sizeof(text), "https://h%d.lab", i);
		json_array_append_new(urls, json_string(text));
	}
	o = json_pack("{s:o, s:o}", "urls", urls, "addresses", list);
	assert_int_equal(told_decode(&t, o), 0);
	assert_int_equal(t.n, TOLD_ADDRS_MAX);
	assert_int_equal(t.n_hosts, TOLD_URLS_MAX);
	json_decref(o);
}

static void whole_or_not_at_all(void **state)
{
	static const char *const bad[] = {
		"{\"addresses\": [\"192.0.2.1\"]}",
		"{\"url\": 5, \"addresses\": []}",
		"{\"url\": \"http://a.lab\", \"addresses\": []}",
		"{\"urls\": \"https://a.lab\", \"addresses\": []}",
		"{\"urls\": [\"https://a.lab\", 1], \"addresses\": []}",
		"{\"url\": \"https://a.lab\", \"addresses\": \"192.0.2.1\"}",
		"{\"url\": \"https://a.lab\", \"addresses\": [\"192.0.2.1\", \"b\"]}",
		"{\"url\": \"https://a.lab\", \"addresses\": [\"192.0.2.1\", 7]}",
	};

	assert_int_equal(decode("{\"url\": \"https://a.lab\", \"addresses\": [\"192.0.2.1\"]}"), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(decode(bad[i]), -EBADMSG);
	assert_int_equal(decode("{\"url\": \"https://a.lab\"}"), -ENOENT); /* an older server */
	assert_int_equal(decode("[]"), -ENOENT);
	assert_int_equal(told_decode(&t, NULL), -ENOENT);
	assert_int_equal(t.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_and_relays),
		cmocka_unit_test(what_no_server_has_is_left_out),
		cmocka_unit_test(more_than_fit_are_left_out),
		cmocka_unit_test(whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
