/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What endpoints measure and relays report: the messages, what is kept, and how well a relay is. */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "accessd/pure/health.h"
#include "accessd/pure/measured.h"

#define A "00112233445566778899aabbccddeeff"
#define B "ffeeddccbbaa99887766554433221100"
#define GOLDEN                                                              \
	"{\"relays\":[{\"uid\":\"" A "\",\"rtt_us\":10420,\"loss_pm\":12}," \
	"{\"uid\":\"" B                                                     \
	"\",\"failed\":\"no\\u0001way \\u00e4\"}],\"done\":true,\"network\":\"changed\"}"

static json_t *parse(const char *text)
{
	json_t *o = json_loads(text, 0, NULL);

	if (!o)
		fail_msg("not JSON: %s", text);
	return o;
}

static int decode(struct measured *m, const char *text)
{
	json_t *o = parse(text);
	int rc = measured_decode(m, o);

	json_decref(o);
	return rc;
}

static void golden_message(void **state)
{
	struct measured m;
	json_t *o;

	assert_int_equal(decode(&m, GOLDEN), 0);
	assert_int_equal(m.n, 2);
	assert_string_equal(m.at[0].uid, A);
	assert_false(m.at[0].way.failed);
	assert_int_equal(m.at[0].way.rtt_us, 10420);
	assert_int_equal(m.at[0].way.loss_pm, 12);
	assert_true(m.at[1].way.failed);
	assert_string_equal(m.at[1].way.why, "no?way ??");
	assert_true(m.done && m.network_changed);
	o = json_object();
	measured_put(o, &m.at[0].way);
	assert_int_equal(json_integer_value(json_object_get(o, "rtt_us")), 10420);
	assert_int_equal(json_integer_value(json_object_get(o, "loss_pm")), 12);
	json_object_clear(o);
	measured_put(o, &m.at[1].way);
	assert_string_equal(json_string_value(json_object_get(o, "failed")), "no?way ??");
	assert_int_equal(json_object_size(o), 1);
	json_decref(o);
	assert_int_equal(decode(&m, "{\"relays\":[],\"done\":false,\"network\":\"same\"}"), 0);
	assert_false(m.done || m.network_changed);
}

static void bad_messages(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"relays\":[]}",
		"{\"done\":true}",
		"{\"relays\":{},\"done\":true}",
		"{\"relays\":[],\"done\":1}",
		"{\"relays\":[],\"done\":true,\"network\":true}",
		"{\"relays\":[1],\"done\":true}",
		"{\"relays\":[{}],\"done\":true}",
		"{\"relays\":[{\"uid\":\"x\",\"rtt_us\":1,\"loss_pm\":0}],\"done\":true}",
		"{\"relays\":[{\"uid\":\"" A "\"}],\"done\":true}",
		"{\"relays\":[{\"uid\":\"" A "\",\"rtt_us\":1}],\"done\":true}",
		"{\"relays\":[{\"uid\":\"" A "\",\"failed\":1}],\"done\":true}",
		"{\"relays\":[{\"uid\":\"" A "\",\"rtt_us\":0,\"loss_pm\":0}],\"done\":true}",
		"{\"relays\":[{\"uid\":\"" A "\",\"rtt_us\":-1,\"loss_pm\":0}],\"done\":true}",
		"{\"relays\":[{\"uid\":\"" A
		"\",\"rtt_us\":60000001,\"loss_pm\":0}],\"done\":true}",
		"{\"relays\":[{\"uid\":\"" A "\",\"rtt_us\":1.5,\"loss_pm\":0}],\"done\":true}",
		"{\"relays\":[{\"uid\":\"" A "\",\"rtt_us\":1,\"loss_pm\":1001}],\"done\":true}",
		"{\"relays\":[{\"uid\":\"" A "\",\"failed\":\"\"},{\"uid\":\"" A
		"\",\"failed\":\"\"}],\"done\":true}",
	};
	struct measured m = {.n = 77};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (decode(&m, bad[i]) != -EBADMSG)
			fail_msg("accepted: %s", bad[i]);
	}
	assert_int_equal(measured_decode(&m, NULL), -EBADMSG);
	assert_int_equal(m.n, 77);
}

static void as_many_as_fit(void **state)
{
	json_t *list = json_array(), *o = json_pack("{s:o, s:b}", "relays", list, "done", 1);
	char uid[IDENT_UID_SIZE], why[500];
	struct measured m;

	memset(why, 'x', sizeof(why) - 1);
	why[sizeof(why) - 1] = '\0';
	for (int i = 0; i < MEASURED_RELAYS_MAX; i++) {
		snprintf(uid, sizeof(uid), "%032x", i);
		json_array_append_new(list, json_pack("{s:s, s:s}", "uid", uid, "failed", why));
	}
	assert_int_equal(measured_decode(&m, o), 0);
	assert_int_equal(m.n, MEASURED_RELAYS_MAX);
	assert_int_equal(strlen(m.at[15].way.why), MEASURED_WHY_SIZE - 1);
	json_array_append_new(list, json_pack("{s:s, s:s}", "uid", A, "failed", why));
	assert_int_equal(measured_decode(&m, o), -EBADMSG);
	json_decref(o);
}

/* --- kept ------------------------------------------------------------------------------------ */

static struct measured_way way(uint32_t us)
{
	return (struct measured_way){.rtt_us = us};
}

static void keep(struct measured_kept *k, int64_t relay, uint32_t us, uint64_t now)
{
	struct measured_way w = way(us);

	measured_keep(k, relay, &w, now);
}

static void kept_for_ten_minutes(void **state)
{
	struct measured_table t = {.n = 0};
	struct measured_kept *k = measured_need(&t, 7);

	assert_non_null(k);
	assert_null(measured_way(NULL, 1, 0, MEASURED_KEEP_MS));
	keep(k, 1, 100, 5000);
	keep(k, 2, 200, 6000);
	keep(k, 1, 300, 7000); /* in place of the first */
	assert_int_equal(k->n, 2);
	assert_int_equal(measured_way(k, 1, 7000, 0)->rtt_us, 300);
	assert_non_null(measured_way(k, 2, 6000 + MEASURED_KEEP_MS, MEASURED_KEEP_MS));
	assert_null(measured_way(k, 2, 6001 + MEASURED_KEEP_MS, MEASURED_KEEP_MS));
	assert_null(measured_way(k, 3, 7000, MEASURED_KEEP_MS));
	measured_sweep(&t, 6001 + MEASURED_KEEP_MS);
	assert_ptr_equal(measured_find(&t, 7), k);
	measured_sweep(&t, 7001 + MEASURED_KEEP_MS);
	assert_null(measured_find(&t, 7));
	assert_int_equal(t.n, 0);
	/* One that was only asked is kept as long. */
	k = measured_need(&t, 8);
	k->asked_ms = 1000;
	measured_sweep(&t, 1000 + MEASURED_KEEP_MS);
	assert_non_null(measured_find(&t, 8));
	keep(k, 1, 1, 5000);
	measured_drop(k);
	assert_null(measured_way(k, 1, 5000, MEASURED_KEEP_MS));
	measured_deinit(&t);
	assert_int_equal(t.n, 0);
}

static void caps(void **state)
{
	struct measured_table t = {.n = 0};
	struct measured_kept *k = measured_need(&t, 1);

	for (int64_t i = 0; i < MEASURED_RELAYS_MAX; i++)
		keep(k, 100 + i, 1, (uint64_t)(i == 5 ? 10 : 1000 + i));
	keep(k, 999, 1, 5000);
	assert_int_equal(k->n, MEASURED_RELAYS_MAX);
	assert_null(measured_way(k, 105, 5000, MEASURED_KEEP_MS)); /* was the oldest */
	assert_non_null(measured_way(k, 100, 5000, MEASURED_KEEP_MS));
	assert_non_null(measured_way(k, 999, 5000, MEASURED_KEEP_MS));
	for (int64_t i = 2; i <= MEASURED_ENDPOINTS_MAX; i++)
		assert_non_null(measured_need(&t, i));
	assert_null(measured_need(&t, MEASURED_ENDPOINTS_MAX + 1));
	assert_ptr_equal(measured_need(&t, 1), k);
	measured_deinit(&t);
}

/* --- relays ---------------------------------------------------------------------------------- */

#define REPORT(sessions, max, bytes, capacity, lag, draining)                        \
	"{\"sessions\":" sessions ",\"max_sessions\":" max ",\"bytes_per_s\":" bytes \
	",\"capacity\":" capacity ",\"loop_lag_ms\":" lag ",\"draining\":" draining "}"

static void reports(void **state)
{
	static const char *const bad[] = {
		"{}",
		REPORT("-1", "10", "0", "0", "0", "false"),
		REPORT("1", "0", "0", "0", "0", "false"),
		REPORT("1", "10", "-1", "0", "0", "false"),
		REPORT("1", "10", "0", "1000000000000001", "0", "false"),
		REPORT("1", "10", "0", "0", "-1", "false"),
		REPORT("1", "10", "0", "0", "0", "0"),
		REPORT("\"1\"", "10", "0", "0", "0", "false"),
		REPORT("10000001", "10", "0", "0", "0", "false"),
	};
	struct health_report r = {.sessions = 77};
	json_t *o;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		o = parse(bad[i]);
		if (health_decode(&r, o) != -EBADMSG)
			fail_msg("accepted: %s", bad[i]);
		json_decref(o);
	}
	assert_int_equal(health_decode(&r, NULL), -EBADMSG);
	assert_int_equal(r.sessions, 77);
	o = parse(REPORT("1", "10", "5", "6", "7", "true"));
	assert_int_equal(health_decode(&r, o), 0);
	json_decref(o);
	assert_int_equal(r.sessions, 1);
	assert_int_equal(r.max_sessions, 10);
	assert_int_equal(r.bytes_per_s, 5);
	assert_int_equal(r.capacity, 6);
	assert_int_equal(r.loop_lag_ms, 7);
	assert_true(r.draining);
}

static void healths(void **state)
{
	static const struct {
		const char *name;
		struct health_of of;
		uint64_t now_ms;
		bool leaves;
	} table[] = {
		{"ok",
		 {.online = true,
		  .has_report = true,
		  .reported_ms = 1000,
		  .report = {.sessions = 9, .max_sessions = 10, .loop_lag_ms = 999}},
		 26000,
		 false},
		{"silent",
		 {.online = true,
		  .has_report = true,
		  .reported_ms = 1000,
		  .report = {.max_sessions = 10}},
		 26001,
		 false},
		{"silent", {.online = true}, 1, false},
		{"offline", {.has_report = true, .report = {.draining = true}}, 1, false},
		{"late",
		 {.online = true,
		  .has_report = true,
		  .report = {.max_sessions = 10, .loop_lag_ms = 1000}},
		 1,
		 false},
		{"full",
		 {.online = true,
		  .has_report = true,
		  .report = {.sessions = 10, .max_sessions = 10}},
		 1,
		 false},
		{"draining",
		 {.online = true,
		  .has_report = true,
		  .report = {.max_sessions = 10, .draining = true}},
		 1,
		 true},
		{"drained",
		 {.drained = true,
		  .online = true,
		  .has_report = true,
		  .report = {.max_sessions = 10}},
		 1,
		 true},
		{"drained", {.drained = true}, 1, true},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		enum health h = health_judge(&table[i].of, table[i].now_ms);

		assert_string_equal(health_name(h), table[i].name);
		assert_int_equal(health_leaves(h), table[i].leaves);
	}
}

static void loads(void **state)
{
	static const struct {
		struct health_report of;
		unsigned int load;
	} table[] = {
		{{.max_sessions = 10000}, 0},
		{{.sessions = 2500, .max_sessions = 10000}, 250},
		{{.sessions = 20000, .max_sessions = 10000}, 1000},
		{{.sessions = 1, .max_sessions = 10, .bytes_per_s = 60, .capacity = 100}, 600},
		{{.sessions = 1, .max_sessions = 10, .bytes_per_s = 60}, 100},
		{{.sessions = 1, .max_sessions = 10, .loop_lag_ms = 300}, 300},
		{{.sessions = 1, .max_sessions = 10, .loop_lag_ms = INT64_C(1000000000)}, 1000},
		{{.max_sessions = 1,
		  .bytes_per_s = INT64_C(999999999999999),
		  .capacity = INT64_C(1000000000000000)},
		 999},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(health_load(&table[i].of), table[i].load);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_message), cmocka_unit_test(bad_messages),
		cmocka_unit_test(as_many_as_fit), cmocka_unit_test(kept_for_ten_minutes),
		cmocka_unit_test(caps),		  cmocka_unit_test(reports),
		cmocka_unit_test(healths),	  cmocka_unit_test(loads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
