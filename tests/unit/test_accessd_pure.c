/* SPDX-License-Identifier: GPL-3.0-or-later */
/* accessd's pure parts: tunnel addresses, durations, lists, pages. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accessd/pure/duration.h"
#include "accessd/pure/lists.h"
#include "accessd/pure/page.h"
#include "accessd/pure/pool.h"

static void test_pool_lowest(void **state)
{
	struct pool_scan p;
	uint32_t host;

	(void)state;
	pool_scan_init(&p);
	assert_int_equal(pool_scan_free(&p, &host), 0);
	assert_int_equal(host, 1);
	pool_scan_used(&p, 1);
	pool_scan_used(&p, 2);
	pool_scan_used(&p, 4);
	assert_int_equal(pool_scan_free(&p, &host), 0);
	assert_int_equal(host, 3);
	p.next = POOL_HOST_MAX;
	assert_int_equal(pool_scan_free(&p, &host), 0);
	pool_scan_used(&p, POOL_HOST_MAX);
	assert_int_equal(pool_scan_free(&p, &host), -ENOSPC);
}

static void assert_addr(struct addr a, const char *want)
{
	char text[ADDR_TEXT_SIZE];

	addr_format(&a, text);
	assert_string_equal(text, want);
}

static void test_pool_addresses(void **state)
{
	uint8_t ula[POOL_ULA_BYTES] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc};
	struct prefix p;

	(void)state;
	pool_ula(ula);
	assert_addr(pool_ipv4(1), "100.64.0.1");
	assert_addr(pool_ipv4(256), "100.64.1.0");
	assert_addr(pool_ipv4(POOL_HOST_MAX), "100.127.255.254");
	assert_addr(pool_ipv6(ula, 1), "fd34:5678:9abc::1");
	assert_addr(pool_ipv6(ula, 0x12345), "fd34:5678:9abc::1:2345");
	assert_int_equal(prefix_parse(&p, "100.127.0.0/16"), 0);
	assert_true(pool_overlaps(ula, &p));
	assert_int_equal(prefix_parse(&p, "100.128.0.0/16"), 0);
	assert_false(pool_overlaps(ula, &p));
	assert_int_equal(prefix_parse(&p, "fd34:5678:9abc:1::/64"), 0);
	assert_true(pool_overlaps(ula, &p));
	assert_int_equal(prefix_parse(&p, "fd34:5678:9abd::/64"), 0);
	assert_false(pool_overlaps(ula, &p));
}

static void test_duration(void **state)
{
	static const char *const bad[] = {"",	 "7",  "d",   "0d",  "-1d",
					  "7w",	 "7s", "7dd", "7 d", "99999999999999999999d",
					  "367d"};
	char text[DURATION_TEXT_SIZE];
	int64_t s;

	(void)state;
	assert_int_equal(duration_parse(&s, "7d"), 0);
	assert_int_equal(s, 604800);
	assert_int_equal(duration_parse(&s, "90m"), 0);
	assert_int_equal(s, 5400);
	assert_int_equal(duration_parse(&s, "1h"), 0);
	assert_int_equal(s, 3600);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(duration_parse(&s, bad[i]), 0);
	duration_format(604800 - 3600, text);
	assert_string_equal(text, "6d 23h");
	duration_format(725, text);
	assert_string_equal(text, "12m 5s");
	duration_format(86400, text);
	assert_string_equal(text, "1d");
	duration_format(-5, text);
	assert_string_equal(text, "0s");
}

static json_t *array(const char *text)
{
	json_t *a = json_loads(text, 0, NULL);

	assert_non_null(a);
	return a;
}

static void assert_lans(const char *json, int rc, const char *text)
{
	char error[LISTS_ERROR_SIZE], out[LISTS_LANS_TEXT_SIZE];
	json_t *a = array(json), *back;
	struct lans l, again;

	assert_int_equal(lans_from_json(&l, a, error), rc);
	if (rc == 0) {
		lans_to_text(&l, out);
		assert_string_equal(out, text);
		assert_int_equal(lans_from_text(&again, out), 0);
		back = lans_to_json(&again);
		assert_true(json_equal(a, back));
		json_decref(back);
	} else {
		assert_non_null(strstr(error, text));
	}
	json_decref(a);
}

/* What may be behind a device, and may not be announced by a manager. */
static void test_wide_lans(void **state)
{
	static const char *const wide[] = {"0.0.0.0/0", "::/0", "128.0.0.0/1"};
	char error[LISTS_ERROR_SIZE], text[LISTS_LANS_TEXT_SIZE];
	struct lans l, again;

	(void)state;
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
		json_t *a = json_pack("[s]", wide[i]);

		assert_int_equal(lans_from_json(&l, a, error), -EINVAL);
		assert_int_equal(lans_of_device_from_json(&l, a, error), 0);
		lans_to_text(&l, text);
		assert_string_equal(text, wide[i]);
		assert_int_equal(lans_from_text(&again, text), 0);
		json_decref(a);
	}
	for (int i = 0; i < 2; i++) {
		json_t *a = json_pack("[s]", i ? "127.0.0.0/8" : "224.0.0.0/4");

		assert_int_equal(lans_of_device_from_json(&l, a, error), -EINVAL);
		json_decref(a);
	}
}

static void test_lans(void **state)
{
	char big[1024] = "[", error[LISTS_ERROR_SIZE];
	struct lans l;
	size_t used = 1;

	(void)state;
	assert_lans("[]", 0, "");
	assert_lans("[\"192.168.1.0/24\", \"fd00:1::/64\"]", 0, "192.168.1.0/24 fd00:1::/64");
	assert_lans("[\"192.168.1.5/24\"]", -EINVAL, "must be zero");
	assert_lans("[\"127.0.0.0/8\"]", -EINVAL, "LAN");
	assert_lans("[\"0.0.0.0/0\"]", -EINVAL, "LAN");
	assert_lans("[\"172.16.0.0/12\", \"172.20.0.0/16\"]", -EINVAL, "overlaps");
	assert_lans("[\"10.0.0.0/8\", \"10.0.0.0/7\"]", -EINVAL, "overlaps");
	assert_lans("[\"10.1.0.0/16\", \"10.0.0.0/8\"]", 0, "10.1.0.0/16 10.0.0.0/8");
	assert_lans("[\"x\\u0001y\"]", -EINVAL, "x?y");
	assert_lans("[5]", -EINVAL, "strings");
	assert_lans("{}", -EINVAL, "list");
	assert_int_equal(lans_from_json(&l, NULL, error), 0);
	assert_int_equal(l.n, 0);
	for (int i = 0; i < 17; i++)
		used += (size_t)snprintf(big + used, sizeof(big) - used, "%s\"10.%d.0.0/16\"",
					 i ? "," : "", i);
	snprintf(big + used, sizeof(big) - used, "]");
	assert_lans(big, -EINVAL, "more than 16");
	assert_int_equal(lans_from_text(&l, "10.0.0.0/8  10.0.0.0/8"), -EINVAL);
}

static void test_urls(void **state)
{
	char error[LISTS_ERROR_SIZE], out[LISTS_URLS_TEXT_SIZE];
	json_t *a = array("[\"https://as1.lab\", \"https://[2001:db8::1]:8443/x\"]"),
	       *bad = array("[\"http://x\"]"), *back;
	struct urls u, again;

	(void)state;
	assert_int_equal(urls_from_json(&u, a, 8, error), 0);
	urls_to_text(&u, out);
	assert_int_equal(urls_from_text(&again, out), 0);
	back = urls_to_json(&again);
	assert_true(json_equal(a, back));
	assert_int_equal(urls_from_json(&u, a, 1, error), -EINVAL);
	assert_int_equal(urls_from_json(&u, bad, 8, error), -EINVAL);
	assert_int_equal(urls_from_json(&u, NULL, 8, error), -EINVAL);
	json_decref(a);
	json_decref(bad);
	json_decref(back);
}

static void test_page(void **state)
{
	struct page p;
	json_t *o;
	size_t n = 0;
	char *text;

	(void)state;
	page_init(&p);
	while (page_add(&p, json_pack("{s:i}", "some-member", 12345)))
		n++;
	assert_false(page_add(&p, json_object()));
	o = page_result(&p, "items");
	assert_int_equal(json_array_size(json_object_get(o, "items")), n);
	assert_true(json_is_true(json_object_get(o, "more")));
	text = json_dumps(o, JSON_COMPACT);
	assert_true(strlen(text) > 50000 && strlen(text) < 65000);
	free(text);
	json_decref(o);
	page_init(&p);
	o = page_result(&p, "items");
	assert_null(json_object_get(o, "more"));
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool_lowest), cmocka_unit_test(test_pool_addresses),
		cmocka_unit_test(test_duration),    cmocka_unit_test(test_lans),
		cmocka_unit_test(test_wide_lans),   cmocka_unit_test(test_urls),
		cmocka_unit_test(test_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
