/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of hosts: labels of RFC 1123, each with an address. */
#include "common/pure/hosts.h"

#include <stdio.h>

#include "tests/unit/pure_test.h"

#define LABEL_63 "a23456789-123456789-123456789-123456789-123456789-123456789-123"

#define TWICE                                         \
	"[{\"name\":\"a\",\"address\":\"10.0.0.1\"}," \
	"{\"name\":\"a\",\"address\":\"10.0.0.2\"}]"

static struct hosts h;

static int decode(const char *text)
{
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	int r;

	if (!o)
		fail_msg("not JSON: %s", text);
	r = hosts_decode(&h, o);
	json_decref(o);
	return r;
}

static void labels(void **state)
{
	static const char *const good[][2] = {
		{"plc1", "plc1"}, {"PLC-1", "plc-1"}, {"1", "1"},
		{"4711", "4711"}, {"x--y", "x--y"},   {LABEL_63, LABEL_63},
	};
	static const char *const bad[] = {"",	 "-",	  "-a",	      "a-",  "a.b", "a_b",
					  "a b", "plc\t", "\xc3\xa4", "a\n", "*",   LABEL_63 "4"};
	char out[HOSTS_LABEL_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(hosts_label(out, good[i][0]), 0);
		assert_string_equal(out, good[i][1]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(hosts_label(out, bad[i]), -EINVAL);
}

static void golden(void **state)
{
	static const char text[] = "[{\"name\":\"plc1\",\"address\":\"192.168.1.10\"},"
				   "{\"name\":\"plc1\",\"address\":\"fd00::10\"}]";
	char *again;
	json_t *o;

	(void)state;
	assert_int_equal(decode(text), 0);
	assert_int_equal(h.n, 2);
	assert_string_equal(h.at[0].name, "plc1");
	assert_int_equal(h.at[0].addr.family, 4);
	assert_int_equal(h.at[1].addr.family, 6);
	o = hosts_encode(&h);
	again = json_dumps(o, JSON_COMPACT);
	assert_string_equal(again, text);
	free(again);
	json_decref(o);
}

static void absent_is_empty(void **state)
{
	(void)state;
	h.n = 7;
	assert_int_equal(hosts_decode(&h, NULL), 0);
	assert_int_equal(h.n, 0);
	assert_int_equal(decode("[]"), 0);
	assert_int_equal(decode("[{\"name\":\"a\",\"address\":\"10.0.0.1\",\"later\":[]}]"), 0);
	assert_int_equal(h.n, 1);
}

static void bad_values(void **state)
{
	static const char *const bad[] = {
		"{}",
		"1",
		"null",
		"[1]",
		"[{}]",
		"[{\"name\":\"a\"}]",
		"[{\"address\":\"10.0.0.1\"}]",
		"[{\"name\":\"\",\"address\":\"10.0.0.1\"}]",
		"[{\"name\":\"A\",\"address\":\"10.0.0.1\"}]",
		"[{\"name\":\"a.b\",\"address\":\"10.0.0.1\"}]",
		"[{\"name\":\"" LABEL_63 "4\",\"address\":\"10.0.0.1\"}]",
		"[{\"name\":\"a\",\"address\":\"10.0.0.0/8\"}]",
		"[{\"name\":\"a\",\"address\":\"127.0.0.1\"}]",
		"[{\"name\":\"a\",\"address\":\"0.0.0.0\"}]",
		"[{\"name\":\"a\",\"address\":\"224.0.0.1\"}]",
		"[{\"name\":\"a\",\"address\":\"fe80::1\"}]",
		"[{\"name\":\"a\",\"address\":1}]",
		TWICE,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (decode(bad[i]) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
	}
}

/* All at their longest: it must fit into a message beside the relays of a grant. */
static void cap(void **state)
{
	json_t *o;

	(void)state;
	h.n = HOSTS_MAX;
	for (size_t i = 0; i < HOSTS_MAX; i++) {
		h.at[i] = (struct host){.addr = {6, {0xfd, 0x11, 0x11, 0x11}}};
		memset(h.at[i].addr.bytes + 1, 0x11, 15);
		snprintf(h.at[i].name, sizeof(h.at[i].name), "%.60s%03zu", LABEL_63, i);
	}
	o = hosts_encode(&h);
	assert_in_range(json_dumpb(o, NULL, 0, JSON_COMPACT), HOSTS_MAX * 100, 36000);
	assert_int_equal(hosts_decode(&h, o), 0);
	assert_int_equal(h.n, HOSTS_MAX);
	json_array_append_new(o, json_pack("{s:s, s:s}", "name", "x", "address", "10.0.0.1"));
	assert_int_equal(hosts_decode(&h, o), -EBADMSG);
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels),
		cmocka_unit_test(golden),
		cmocka_unit_test(absent_is_empty),
		cmocka_unit_test(bad_values),
		cmocka_unit_test(cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
