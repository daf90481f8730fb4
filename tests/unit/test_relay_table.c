/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "vpnd/pure/relay_table.h"
#include "vpnd/pure/rtt.h"

#define UID_A "00112233445566778899aabbccddeeff"
#define UID_B "ffeeddccbbaa99887766554433221100"
#define ENTRY(name, uid, url) \
	"{\"name\":\"" name "\",\"uid\":\"" uid "\",\"urls\":[\"" url "\"],\"more\":1}"
#define A ENTRY("r1", UID_A, "https://r1.example")
#define B ENTRY("r2", UID_B, "https://r2.example:8443/far")
#define LIST(list) "{\"relays\":[" list "]}"

static int decode(struct relay_table *t, const char *text)
{
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	int r;

	if (!o)
		fail_msg("not JSON: %s", text);
	r = relay_table_decode(t, o);
	json_decref(o);
	return r;
}

static int decode_far(struct relay_far *f, const char *text)
{
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	int r;

	if (!o)
		fail_msg("not JSON: %s", text);
	r = relay_far_decode(f, o);
	json_decref(o);
	return r;
}

/* Statistics */

static struct rtt of(size_t n, const uint32_t *us)
{
	struct rtt r = {.n = 0};

	for (size_t i = 0; i < n; i++)
		rtt_add(&r, us[i]);
	return r;
}

static void the_least_counts(void **state)
{
	struct rtt none = of(0, NULL), some = of(4, (uint32_t[]){30100, 10400, 10390, 90000});
	struct rtt many = of(12, (uint32_t[]){9, 8, 7, 6, 5, 4, 3, 2, 1, 1, 1, 1});

	assert_int_equal(rtt_min_us(&none), 0);
	assert_int_equal(rtt_loss_pm(&none, 0, 0), 0);
	assert_int_equal(rtt_min_us(&some), 10390);
	assert_int_equal(rtt_loss_pm(&some, 7, 0), 0);
	assert_int_equal(many.n, RTT_SAMPLES_MAX);
	assert_int_equal(rtt_min_us(&many), 2);
}

static void loss_is_what_came_late_or_was_sent_again(void **state)
{
	struct rtt late = of(4, (uint32_t[]){10000, 10000 + RTT_LATE_US, 11000, UINT32_MAX});
	struct rtt fine = of(4, (uint32_t[]){10000, 10000 + RTT_LATE_US - 1, 11000, 12000});
	struct rtt one = of(1, (uint32_t[]){UINT32_MAX});

	assert_int_equal(rtt_loss_pm(&late, 6, 0), 2 * 1000 / 10);
	assert_int_equal(rtt_loss_pm(&late, 6, 1), 2 * 1000 / 10); /* the same ones, seen twice */
	assert_int_equal(rtt_loss_pm(&late, 6, 3), 3 * 1000 / 10);
	assert_int_equal(rtt_loss_pm(&fine, 6, 0), 0);
	assert_int_equal(rtt_loss_pm(&fine, 0, 1), 250);
	assert_int_equal(rtt_loss_pm(&fine, 6, UINT32_MAX), 1000);
	assert_int_equal(rtt_loss_pm(&one, UINT32_MAX, UINT32_MAX), 999);
	assert_int_equal(rtt_loss_pm(&one, 0, 0), 0);
}

/* The table */

static void results_stay_with_their_relay(void **state)
{
	struct relay_table t = {.n = 0};

	assert_int_equal(decode(&t, LIST(A "," B)), 0);
	assert_int_equal(t.n, 2);
	assert_string_equal(t.at[1].urls[0].host, "r2.example");
	assert_int_equal(t.at[1].urls[0].port, 8443);
	relay_table_find(&t, UID_A)->result =
		(struct relay_result){.known = RELAY_REACHED, .rtt_us = 7, .at_ms = 1};
	relay_table_find(&t, UID_B)->result = (struct relay_result){.known = RELAY_FAILED};
	assert_int_equal(decode(&t, LIST(B "," A)), 0);
	assert_int_equal(t.at[1].result.rtt_us, 7);
	assert_int_equal(t.at[0].result.known, RELAY_FAILED);
	/* Somewhere else now. */
	assert_int_equal(decode(&t, LIST(ENTRY("r1", UID_A, "https://r1.example:444"))), 0);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.at[0].result.known, RELAY_UNKNOWN);
	assert_null(relay_table_find(&t, UID_B));
	assert_int_equal(decode(&t, LIST("")), 0);
	assert_int_equal(t.n, 0);
}

static int merge(struct relay_table *t, const char *text)
{
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	int r = relay_table_merge(t, o);

	json_decref(o);
	return r;
}

static void some_are_asked(void **state)
{
	struct relay_table t = {.n = 0};

	assert_int_equal(decode(&t, LIST(A)), 0);
	assert_false(t.at[0].asked);
	t.at[0].result = (struct relay_result){.known = RELAY_REACHED, .rtt_us = 7, .at_ms = 1};
	assert_int_equal(merge(&t, LIST(B)), 0);
	assert_int_equal(t.n, 2);
	assert_true(relay_table_find(&t, UID_B)->asked);
	assert_false(relay_table_find(&t, UID_A)->asked);
	assert_int_equal(relay_table_find(&t, UID_A)->result.rtt_us, 7);
	assert_int_equal(merge(&t, LIST(A "," A)), -EBADMSG);
	assert_true(relay_table_find(&t, UID_B)->asked);
	assert_int_equal(merge(&t, LIST(A)), 0);
	assert_int_equal(t.n, 2);
	assert_true(relay_table_find(&t, UID_A)->asked);
	assert_false(relay_table_find(&t, UID_B)->asked);
	assert_int_equal(relay_table_find(&t, UID_A)->result.rtt_us, 7);
}

static void a_bad_list_changes_nothing(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"relays\":{}}",
		LIST("1"),
		LIST("{}"),
		LIST(A "," A),
		LIST(A "," ENTRY("R 2", UID_B, "https://x")),
		LIST(A "," ENTRY("r2", "0011", "https://x")),
		LIST(A "," ENTRY("r2", UID_B, "http://x")),
		LIST(A ",{\"name\":\"r2\",\"uid\":\"" UID_B "\",\"urls\":[]}"),
		LIST(A ",{\"name\":\"r2\",\"uid\":\"" UID_B "\"}"),
	};
	struct relay_table t = {.n = 0}, before;

	assert_int_equal(decode(&t, LIST(B)), 0);
	t.at[0].result.rtt_us = 5;
	before = t;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(decode(&t, bad[i]), -EBADMSG);
		assert_memory_equal(&t, &before, sizeof(t));
	}
}

static void the_table_has_an_end(void **state)
{
	struct relay_table t = {.n = 0};
	json_t *list = json_array(), *o = json_pack("{s:o}", "relays", list);
	char uid[IDENT_UID_SIZE];

	for (unsigned int i = 0; i < RELAY_TABLE_MAX + 1; i++) {
		assert_int_equal(relay_table_decode(&t, o), 0);
		assert_int_equal(t.n, i);
		snprintf(uid, sizeof(uid), "%032x", i);
		json_array_append_new(list, json_pack("{s:s, s:s, s:[s]}", "name", "r", "uid", uid,
						      "urls", "https://x"));
	}
	assert_int_equal(relay_table_decode(&t, o), -EBADMSG);
	assert_int_equal(t.n, RELAY_TABLE_MAX);
	json_decref(o);
	assert_int_equal(merge(&t, LIST(A)), 0);
	assert_int_equal(t.n, RELAY_TABLE_MAX);
	assert_true(t.at[0].asked);
}

static void what_is_due(void **state)
{
	struct relay_entry e = {.result = {.known = RELAY_UNKNOWN}};
	const uint64_t now = 100000000;

	assert_true(relay_due(&e, 0, RELAY_KEEP_MS));
	e.result = (struct relay_result){.known = RELAY_REACHED, .at_ms = now};
	assert_false(relay_due(&e, now, RELAY_KEEP_MS));
	assert_false(relay_due(&e, now + RELAY_KEEP_MS, RELAY_KEEP_MS));
	assert_true(relay_due(&e, now + RELAY_KEEP_MS + 1, RELAY_KEEP_MS));
	assert_true(relay_due(&e, now + 1, 0));
	assert_true(relay_due(&e, now - 1, RELAY_KEEP_MS)); /* a clock that went back */
	e.result.known = RELAY_FAILED;
	assert_false(relay_due(&e, now + RELAY_KEEP_FAILED_MS, RELAY_KEEP_MS));
	assert_true(relay_due(&e, now + RELAY_KEEP_FAILED_MS + 1, RELAY_KEEP_MS));
	assert_true(relay_due(&e, now + 1001, 1000));
}

static void a_changed_network_is_forgotten(void **state)
{
	struct relay_table t = {.n = 0};

	assert_int_equal(decode(&t, LIST(A "," B)), 0);
	t.at[1].result = (struct relay_result){.known = RELAY_REACHED, .rtt_us = 7, .at_ms = 1};
	relay_table_forget(&t);
	assert_true(relay_due(&t.at[1], 1, RELAY_KEEP_MS));
	assert_int_equal(t.n, 2);
}

static void results_as_text(void **state)
{
	struct relay_entry e = {.uid = UID_A};
	json_t *o;
	char *text;

	assert_null(relay_result_encode(&e));
	e.result = (struct relay_result){.known = RELAY_REACHED, .rtt_us = 10420, .loss_pm = 3};
	o = relay_result_encode(&e);
	text = json_dumps(o, JSON_COMPACT);
	assert_string_equal(text, "{\"uid\":\"" UID_A "\",\"rtt_us\":10420,\"loss_pm\":3}");
	free(text);
	json_decref(o);
	e.result = (struct relay_result){.known = RELAY_FAILED, .failed = "refused"};
	o = relay_result_encode(&e);
	text = json_dumps(o, JSON_COMPACT);
	assert_string_equal(text, "{\"uid\":\"" UID_A "\",\"failed\":\"refused\"}");
	free(text);
	json_decref(o);
}

/* What the device measured */

#define FAR(session, device, list) \
	"{\"session\":\"" session "\",\"device\":\"" device "\",\"relays\":[" list "]}"
#define ROW(uid, rest) "{\"name\":\"r1\",\"uid\":\"" uid "\"," rest "}"

static void far_results(void **state)
{
	struct relay_far f;
	const struct relay_far_row *row;

	assert_int_equal(decode_far(&f, FAR(UID_A, "site1",
					    ROW(UID_A, "\"rtt_us\":200000,\"loss_pm\":0") "," ROW(
						    UID_B, "\"failed\":\"no\\u001b[2J way\""))),
			 0);
	assert_string_equal(f.device, "site1");
	row = relay_far_find(&f, UID_A);
	assert_int_equal(row->result.known, RELAY_REACHED);
	assert_int_equal(row->result.rtt_us, 200000);
	row = relay_far_find(&f, UID_B);
	assert_int_equal(row->result.known, RELAY_FAILED);
	assert_string_equal(row->result.failed, "no?[2J way");
	assert_null(relay_far_find(&f, "nobody"));
}

static void far_results_come_in_parts(void **state)
{
	struct relay_far all, part;
	char text[300], uid[IDENT_UID_SIZE];

	assert_int_equal(
		decode_far(&all, FAR(UID_A, "site1", ROW(UID_A, "\"rtt_us\":5,\"loss_pm\":0"))), 0);
	assert_int_equal(decode_far(&part, FAR(UID_A, "site1",
					       ROW(UID_B, "\"failed\":\"x\"") "," ROW(
						       UID_A, "\"rtt_us\":9,\"loss_pm\":0"))),
			 0);
	relay_far_merge(&all, &part);
	assert_int_equal(all.n, 2);
	assert_int_equal(relay_far_find(&all, UID_A)->result.rtt_us, 9);
	assert_int_equal(relay_far_find(&all, UID_B)->result.known, RELAY_FAILED);
	for (unsigned int i = 0; i < 3 * RELAY_TABLE_MAX; i++) {
		snprintf(uid, sizeof(uid), "%032x", i);
		snprintf(text, sizeof(text), FAR(UID_A, "site1", ROW("%s", "\"failed\":\"y\"")),
			 uid);
		assert_int_equal(decode_far(&part, text), 0);
		relay_far_merge(&all, &part);
		assert_non_null(relay_far_find(&all, uid));
	}
	assert_int_equal(all.n, RELAY_TABLE_MAX);
	assert_null(relay_far_find(&all, UID_A));
}

static void bad_far_results(void **state)
{
	static const char *const bad[] = {
		"{}",
		FAR("0011", "site1", ""),
		FAR(UID_A, "a b", ""),
		"{\"session\":\"" UID_A "\",\"device\":\"site1\"}",
		FAR(UID_A, "site1", "1"),
		FAR(UID_A, "site1", ROW("00", "\"rtt_us\":1,\"loss_pm\":0")),
		FAR(UID_A, "site1", ROW(UID_A, "\"rtt_us\":0,\"loss_pm\":0")),
		FAR(UID_A, "site1", ROW(UID_A, "\"rtt_us\":60000001,\"loss_pm\":0")),
		FAR(UID_A, "site1", ROW(UID_A, "\"rtt_us\":1,\"loss_pm\":1001")),
		FAR(UID_A, "site1", ROW(UID_A, "\"rtt_us\":1,\"loss_pm\":-1")),
		FAR(UID_A, "site1", ROW(UID_A, "\"rtt_us\":1")),
		FAR(UID_A, "site1", ROW(UID_A, "\"failed\":1")),
		FAR(UID_A, "site1",
		    ROW(UID_A, "\"failed\":\"\"") "," ROW(UID_A, "\"failed\":\"\"")),
	};
	struct relay_far f, before;

	assert_int_equal(decode_far(&f, FAR(UID_A, "site1", "")), 0);
	before = f;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(decode_far(&f, bad[i]), -EBADMSG);
		assert_memory_equal(&f, &before, sizeof(f));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_counts),
		cmocka_unit_test(loss_is_what_came_late_or_was_sent_again),
		cmocka_unit_test(results_stay_with_their_relay),
		cmocka_unit_test(some_are_asked),
		cmocka_unit_test(a_bad_list_changes_nothing),
		cmocka_unit_test(the_table_has_an_end),
		cmocka_unit_test(what_is_due),
		cmocka_unit_test(a_changed_network_is_forgotten),
		cmocka_unit_test(results_as_text),
		cmocka_unit_test(far_results),
		cmocka_unit_test(far_results_come_in_parts),
		cmocka_unit_test(bad_far_results),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
