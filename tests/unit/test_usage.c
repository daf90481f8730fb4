/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "common/pure/usage.h"

#define SESSION "00112233445566778899aabbccddeeff"

static struct usage sample(void)
{
	return (struct usage){.session = SESSION,
			      .seq = 4711,
			      .from_ms = 1795158000000,
			      .to_ms = 1795158060000,
			      .bytes_to_device = 1000,
			      .bytes_to_manager = 2000};
}

static void check_text(const struct usage *u, const char *want)
{
	json_t *o = usage_encode(u), *second;
	char *text = json_dumps(o, JSON_COMPACT);
	struct usage again;

	assert_string_equal(text, want);
	assert_int_equal(usage_decode(&again, o), 0);
	second = usage_encode(&again);
	assert_true(json_equal(o, second));
	free(text);
	json_decref(o);
	json_decref(second);
}

static void golden_records(void **state)
{
	struct usage u = sample();

	check_text(&u,
		   "{\"session\":\"" SESSION "\",\"seq\":4711,\"from_ms\":1795158000000,"
		   "\"to_ms\":1795158060000,\"bytes_to_device\":1000,\"bytes_to_manager\":2000}");
	u.has_packets = true;
	u.packets_to_device = 3;
	u.packets_to_manager = 4;
	u.over = true;
	snprintf(u.reason, sizeof(u.reason), "disconnected");
	check_text(&u, "{\"session\":\"" SESSION "\",\"seq\":4711,\"from_ms\":1795158000000,"
		       "\"to_ms\":1795158060000,\"bytes_to_device\":1000,\"bytes_to_manager\":2000,"
		       "\"packets_to_device\":3,\"packets_to_manager\":4,"
		       "\"reason\":\"disconnected\"}");
}

/* Each in its turn takes the place of the good member. */
static void bad_members_are_refused(void **state)
{
	static const char *const bad[][2] = {
		{"session", "\"0011\""},
		{"session", "\"00112233445566778899AABBCCDDEEFF\""},
		{"session", "7"},
		{"seq", "0"},
		{"seq", "-1"},
		{"seq", "9007199254740992"},
		{"seq", "1.5"},
		{"from_ms", "-1"},
		{"from_ms", "253402300800000"},
		{"to_ms", "1795157999999"},
		{"to_ms", "253402300800000"},
		{"bytes_to_device", "-1"},
		{"bytes_to_manager", "\"1\""},
		{"packets_to_device", "-1"},
		{"packets_to_manager", "null"},
		{"reason", "1"},
		{"reason", "null"},
	};
	struct usage u = sample(), got = sample();

	u.has_packets = true;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *o = usage_encode(&u);

		json_object_set_new(o, bad[i][0], json_loads(bad[i][1], JSON_DECODE_ANY, NULL));
		assert_int_equal(usage_decode(&got, o), -EBADMSG);
		json_decref(o);
	}
	assert_int_equal(usage_decode(&got, NULL), -EBADMSG);
	assert_int_equal(got.seq, sample().seq);
	assert_false(got.has_packets);
}

static void missing_members_are_refused(void **state)
{
	static const char *const names[] = {"session",		 "seq",
					    "from_ms",		 "to_ms",
					    "bytes_to_device",	 "bytes_to_manager",
					    "packets_to_manager"};
	struct usage u = sample();

	u.has_packets = true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		json_t *o = usage_encode(&u);

		json_object_del(o, names[i]);
		assert_int_equal(usage_decode(&u, o), -EBADMSG);
		json_decref(o);
	}
}

static void reasons_are_cut_and_cleaned(void **state)
{
	struct usage u = sample();
	char longer[400];
	json_t *o = usage_encode(&u);

	memset(longer, 'x', sizeof(longer));
	longer[0] = '\x1b';
	longer[1] = '\n';
	longer[sizeof(longer) - 1] = '\0';
	json_object_set_new(o, "reason", json_string(longer));
	assert_int_equal(usage_decode(&u, o), 0);
	assert_true(u.over);
	assert_int_equal(strlen(u.reason), USAGE_REASON_SIZE - 1);
	assert_memory_equal(u.reason, "??xx", 4);
	json_object_set_new(o, "reason", json_string("gr\xc3\xbc\xc3\x9f"));
	assert_int_equal(usage_decode(&u, o), 0);
	assert_string_equal(u.reason, "gr????");
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_records),
		cmocka_unit_test(bad_members_are_refused),
		cmocka_unit_test(missing_members_are_refused),
		cmocka_unit_test(reasons_are_cut_and_cleaned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
