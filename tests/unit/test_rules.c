/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "common/pure/rules.h"

static struct rule rule(const char *text)
{
	struct rule r;

	if (rule_parse(&r, text) != 0)
		fail_msg("not taken: %s", text);
	return r;
}

static void text_comes_back(void **state)
{
	static const char *const texts[] = {
		"allow",
		"deny",
		"allow in",
		"deny out",
		"allow tcp",
		"allow icmp",
		"deny udp/53",
		"allow in 192.168.1.10/32 tcp/102",
		"allow in 192.168.1.0/24 tcp/1024-65535",
		"deny out fd64:0:0:201::/64 udp/1-2",
		"allow 10.0.0.0/8",
		"allow 0.0.0.0/0 icmp",
		"allow daily 22:00-06:00 +00:00",
		"deny out sat-sun 00:00-24:00 -03:30",
		"allow in 10.0.0.0/8 tcp/102 mon-fri 08:00-17:00 +02:00",
		"allow 10.0.0.0/8 mon 08:00-17:00 +02:00",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct rule r = rule(texts[i]), again;
		char text[RULE_TEXT_SIZE];

		rule_format(&r, text);
		assert_string_equal(text, texts[i]);
		again = rule(text);
		assert_true(rule_equal(&r, &again));
	}
}

static void the_longest_fits(void **state)
{
	struct rule r = rule("allow out ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128 "
			     "tcp/65534-65535 mon,wed,fri,sun 08:00-17:00 +02:00");
	char text[RULE_TEXT_SIZE];

	rule_format(&r, text);
	assert_true(strlen(text) < RULE_TEXT_SIZE - 1);
	r = rule("allow 192.168.1.7");
	rule_format(&r, text);
	assert_string_equal(text, "allow 192.168.1.7/32");
	r = rule("allow tcp/80-80"); /* what older versions do not read */
	rule_format(&r, text);
	assert_string_equal(text, "allow tcp/80");
}

static void other_text_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"permit",
		"Allow",
		"allow ",
		" allow",
		"allow  in",
		"allow in out",
		"allow tcp in",
		"allow tcp 10.0.0.0/8",
		"allow 10.0.0.1/8",
		"allow 10.0.0.0/33",
		"allow tcp/",
		"allow tcp/0",
		"allow tcp/080",
		"allow tcp/65536",
		"allow tcp/100000",
		"allow tcp/80-",
		"allow tcp/90-80",
		"allow tcp/80-90-100",
		"allow tcp/80x",
		"allow icmp/8",
		"allow any",
		"allow sctp",
		"allow tcp udp",
		"allow in 10.0.0.0/8 tcp/1 x",
		"allow\nin",
		"allow mon-fri",
		"allow mon-fri 08:00-17:00",
		"allow mon-fri 08:00-17:00 +02:00 tcp",
		"allow mon-fri 08:00-17:00 +02:00 ",
		"allow mon-fri  08:00-17:00 +02:00",
		"allow tcp/0 mon-fri 08:00-17:00 +02:00",
		"mon-fri 08:00-17:00 +02:00",
	};
	struct rule r = {.allow = true}, before = r;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (rule_parse(&r, texts[i]) != -EINVAL)
			fail_msg("taken: %s", texts[i]);
		assert_memory_equal(&r, &before, sizeof(r));
	}
}

/* Asking */

static void put(struct rules *rs, const char *text)
{
	struct rule r = rule(text);

	assert_int_equal(rules_insert(rs, RULES_MAX, &r), 0);
}

static size_t find(const struct rules *rs, enum rule_direction direction, const char *near,
		   enum rule_protocol protocol, uint16_t port)
{
	struct addr a;
	struct rule_question q = {
		.direction = direction, .protocol = protocol, .near = &a, .port = port};

	assert_int_equal(addr_parse(&a, near), 0);
	return rules_find(rs, &q);
}

static void the_first_that_fits_decides(void **state)
{
	struct rules rs = {.present = true};

	put(&rs, "deny in 192.168.1.10/32 tcp/22");
	put(&rs, "allow in 192.168.1.0/24 tcp/20-30");
	put(&rs, "allow out udp");
	put(&rs, "allow fd64::/16 icmp");
	assert_int_equal(find(&rs, RULE_IN, "192.168.1.10", RULE_TCP, 22), 0);
	assert_int_equal(find(&rs, RULE_IN, "192.168.1.10", RULE_TCP, 20), 1);
	assert_int_equal(find(&rs, RULE_IN, "192.168.1.11", RULE_TCP, 30), 1);
	assert_int_equal(find(&rs, RULE_IN, "192.168.1.11", RULE_TCP, 31), RULES_NONE);
	assert_int_equal(find(&rs, RULE_IN, "192.168.1.11", RULE_TCP, 19), RULES_NONE);
	assert_int_equal(find(&rs, RULE_IN, "192.168.2.10", RULE_TCP, 22), RULES_NONE);
	assert_int_equal(find(&rs, RULE_OUT, "192.168.1.10", RULE_TCP, 22), RULES_NONE);
	assert_int_equal(find(&rs, RULE_OUT, "192.168.1.10", RULE_UDP, 0), 2);
	assert_int_equal(find(&rs, RULE_IN, "192.168.1.10", RULE_UDP, 22), RULES_NONE);
	assert_int_equal(find(&rs, RULE_IN, "fd64::1", RULE_ICMP, 0), 3);
	assert_int_equal(find(&rs, RULE_OUT, "fd64::1", RULE_ICMP, 0), 3);
	assert_int_equal(find(&rs, RULE_IN, "fd65::1", RULE_ICMP, 0), RULES_NONE);
	assert_int_equal(find(&rs, RULE_IN, "192.168.1.10", RULE_ANY, 0), RULES_NONE);
}

/* A prefix of one family is none of the other, however short. */
static void families_are_apart(void **state)
{
	struct rules rs = {.present = true};

	put(&rs, "allow 0.0.0.0/0");
	assert_int_equal(find(&rs, RULE_IN, "192.168.1.10", RULE_ANY, 0), 0);
	assert_int_equal(find(&rs, RULE_IN, "::1", RULE_ANY, 0), RULES_NONE);
}

static void a_list_denies_the_rest(void **state)
{
	struct rules rs = {.present = false};
	struct addr a;
	struct rule_question q = {
		.direction = RULE_IN, .protocol = RULE_TCP, .near = &a, .port = 7};
	size_t found;

	assert_int_equal(addr_parse(&a, "10.0.0.1"), 0);
	assert_true(rules_allow(&rs, &q, &found));
	assert_int_equal(found, RULES_NONE);
	rs.present = true;
	assert_false(rules_allow(&rs, &q, &found));
	put(&rs, "allow tcp/7");
	assert_true(rules_allow(&rs, &q, &found));
	assert_int_equal(found, 0);
	q.port = 8;
	assert_false(rules_allow(&rs, &q, &found));
	assert_int_equal(found, RULES_NONE);
}

/* 2026-11-30 was a Monday. */
static void windows_open_and_close(void **state)
{
	struct rules rs = {.present = true};
	struct rules_time now = {.known = true, .unix_s = 1795996800};
	struct rules_closed closed;
	struct addr a;
	struct rule_question q = {.direction = RULE_IN,
				  .protocol = RULE_TCP,
				  .near = &a,
				  .port = 7,
				  .closed = &closed};
	size_t found;

	assert_int_equal(addr_parse(&a, "10.0.0.1"), 0);
	put(&rs, "allow tcp");
	assert_false(rules_windowed(&rs));
	rs.n = 0;
	put(&rs, "deny tcp/7 sun 00:00-24:00 +00:00");
	put(&rs, "allow tcp mon 08:00-17:00 +00:00");
	assert_true(rules_windowed(&rs));
	rules_close(&rs, &now, &closed);
	assert_false(rules_allow(&rs, &q, &found));
	assert_int_equal(found, RULES_NONE);
	now.unix_s += 8 * 3600;
	rules_close(&rs, &now, &closed);
	assert_true(rules_allow(&rs, &q, &found));
	assert_int_equal(found, 1);
	now.unix_s -= 24 * 3600;
	rules_close(&rs, &now, &closed);
	assert_false(rules_allow(&rs, &q, &found));
	assert_int_equal(found, 0);
}

/* Who does not know the time lets nothing through by it, and forgets nothing that denies. */
static void without_time_windows_only_deny(void **state)
{
	struct rules rs = {.present = true};
	struct rules_time now = {.known = false, .unix_s = 1795996800};
	struct rules_closed closed;

	put(&rs, "allow daily 00:00-24:00 +00:00");
	put(&rs, "deny fri 00:00-24:00 +00:00");
	put(&rs, "allow");
	while (rs.n < RULES_MAX)
		put(&rs, "deny tcp");
	rs.at[RULES_MAX - 1] = rs.at[0];
	rules_close(&rs, &now, &closed);
	assert_true(rules_is_closed(&closed, 0));
	assert_false(rules_is_closed(&closed, 1));
	assert_false(rules_is_closed(&closed, 2));
	assert_false(rules_is_closed(&closed, RULES_MAX - 2));
	assert_true(rules_is_closed(&closed, RULES_MAX - 1));
	assert_false(rules_is_closed(NULL, 0));
}

static void changing(void **state)
{
	struct rules rs = {.present = false};
	struct rule first = rule("allow tcp/1");
	char text[RULE_TEXT_SIZE];

	put(&rs, "allow tcp/2");
	assert_true(rs.present);
	put(&rs, "allow tcp/3");
	assert_int_equal(rules_insert(&rs, 0, &first), 0);
	for (size_t i = 0; i < 3; i++) {
		char want[RULE_TEXT_SIZE];

		snprintf(want, sizeof(want), "allow tcp/%zu", i + 1);
		rule_format(&rs.at[i], text);
		assert_string_equal(text, want);
	}
	assert_int_equal(rules_remove(&rs, 3), -ENOENT);
	assert_int_equal(rules_remove(&rs, 1), 0);
	rule_format(&rs.at[1], text);
	assert_string_equal(text, "allow tcp/3");
	assert_int_equal(rules_remove(&rs, 0), 0);
	assert_int_equal(rules_remove(&rs, 0), 0);
	assert_true(rs.present); /* an empty list denies all: nobody opens a device by mistake */
	while (rs.n < RULES_MAX)
		put(&rs, "deny");
	assert_int_equal(rules_insert(&rs, 0, &first), -ENOSPC);
	assert_int_equal(rs.n, RULES_MAX);
}

/* JSON */

static int decode(struct rules *rs, const char *text)
{
	json_t *list = json_loads(text, JSON_DECODE_ANY, NULL);
	int r = rules_decode(rs, list);

	assert_non_null(list);
	json_decref(list);
	return r;
}

static void json_comes_back(void **state)
{
	struct rules rs, again;
	json_t *list;

	assert_int_equal(decode(&rs, "[\"allow in tcp/7\", \"deny\"]"), 0);
	assert_true(rs.present);
	assert_int_equal(rs.n, 2);
	list = rules_encode(&rs);
	assert_int_equal(rules_decode(&again, list), 0);
	assert_int_equal(again.n, 2);
	assert_true(rule_equal(&rs.at[0], &again.at[0]) && rule_equal(&rs.at[1], &again.at[1]));
	json_decref(list);
	assert_int_equal(decode(&rs, "[]"), 0);
	assert_true(rs.present && rs.n == 0);
	assert_int_equal(decode(&rs, "null"), 0);
	assert_false(rs.present);
	assert_null(rules_encode(&rs));
	rs.present = true;
	assert_int_equal(rules_decode(&rs, NULL), 0);
	assert_false(rs.present);
}

static void bad_json_is_refused(void **state)
{
	struct rules rs = {.present = true, .n = 1};
	json_t *many = json_array();

	assert_int_equal(decode(&rs, "{}"), -EBADMSG);
	assert_int_equal(decode(&rs, "\"allow\""), -EBADMSG);
	assert_int_equal(decode(&rs, "[1]"), -EBADMSG);
	assert_int_equal(decode(&rs, "[\"allow\", null]"), -EBADMSG);
	assert_int_equal(decode(&rs, "[\"allow\", \"allow everything\"]"), -EBADMSG);
	for (size_t i = 0; i < RULES_MAX; i++)
		json_array_append_new(many, json_string("allow"));
	assert_int_equal(rs.n, 1);
	assert_int_equal(rules_decode(&rs, many), 0);
	assert_int_equal(rs.n, RULES_MAX);
	json_array_append_new(many, json_string("allow"));
	assert_int_equal(rules_decode(&rs, many), -EBADMSG);
	json_decref(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_comes_back),
		cmocka_unit_test(the_longest_fits),
		cmocka_unit_test(other_text_is_refused),
		cmocka_unit_test(the_first_that_fits_decides),
		cmocka_unit_test(families_are_apart),
		cmocka_unit_test(a_list_denies_the_rest),
		cmocka_unit_test(windows_open_and_close),
		cmocka_unit_test(without_time_windows_only_deny),
		cmocka_unit_test(changing),
		cmocka_unit_test(json_comes_back),
		cmocka_unit_test(bad_json_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
