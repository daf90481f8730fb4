/* SPDX-License-Identifier: GPL-3.0-or-later */
/* accessd and its relays: how they do, which one a session gets, and how it is led elsewhere. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accessd/app.h"
#include "tests/unit/accessd_app.h"

#define RELAYS 3

static struct net net;
static struct peer site, anna, rs[RELAYS];
static int code;

static int setup(void **state)
{
	(void)state;
	sessions_times = (struct sessions_times){SESSIONS_ROUND_MS, SESSIONS_ROUND_FRESH_MS};
	net_open(&net);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	peer_free(&site);
	peer_free(&anna);
	for (size_t i = 0; i < RELAYS; i++)
		peer_free(&rs[i]);
	net_close(&net);
	return 0;
}

/* --- what they say --------------------------------------------------------------------------- */

static json_t *report_of(int sessions, int lag_ms, bool draining)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:b}", "sessions", sessions, "max_sessions",
			 100, "bytes_per_s", 0, "capacity", 0, "loop_lag_ms", lag_ms, "draining",
			 draining);
}

static void report(struct peer *relay, int sessions, int lag_ms, bool draining)
{
	json_t *o = peer_ask(relay, "relay.report", report_of(sessions, lag_ms, draining), &code);

	if (!o)
		fail_msg("relay.report: %d %s", code, net_error);
	json_decref(o);
}

static void enrol_relay(size_t i)
{
	struct invite in;
	char name[8];

	snprintf(name, sizeof(name), "rs%zu", i + 1);
	in = net_invite(&net, IDENT_RELAY, name);
	assert_int_equal(net_enrol(&rs[i], &net, &in, NULL, NULL), 0);
	peer_hello(&rs[i], NULL);
}

static void ends(void)
{
	struct invite in = net_invite(&net, IDENT_DEVICE, "site1");

	assert_int_equal(net_enrol(&site, &net, &in, NULL, NULL), 0);
	in = net_invite(&net, IDENT_USER, "anna");
	assert_int_equal(net_enrol(&anna, &net, &in, NULL, NET_PASSWORD), 0);
	peer_hello(&site, NULL);
	peer_hello(&anna, NULL);
}

static void everybody(size_t relays)
{
	for (size_t i = 0; i < relays; i++) {
		enrol_relay(i);
		report(&rs[i], 0, 0, false);
	}
	ends();
}

/* In ms; 0: not measured, -1: not reached. */
static void measured(struct peer *end, int rs1_ms, int rs2_ms, int rs3_ms, bool done)
{
	const int ms[RELAYS] = {rs1_ms, rs2_ms, rs3_ms};
	json_t *list = json_array(), *o;

	for (size_t i = 0; i < RELAYS; i++) {
		if (ms[i] > 0)
			json_array_append_new(list,
					      json_pack("{s:s, s:i, s:i}", "uid", rs[i].id.id.uid,
							"rtt_us", ms[i] * 1000, "loss_pm", 0));
		else if (ms[i] < 0)
			json_array_append_new(list, json_pack("{s:s, s:s}", "uid", rs[i].id.id.uid,
							      "failed", "no\nway"));
	}
	o = peer_ask(end, "relay.measured", json_pack("{s:o, s:b}", "relays", list, "done", done),
		     &code);
	if (!o)
		fail_msg("relay.measured: %d %s", code, net_error);
	json_decref(o);
}

/* Return: the names of the grant's relays, in order. */
static const char *open_session(char id[TOKEN_SESSION_SIZE])
{
	static char names[GRANT_RELAYS_MAX * GRANT_NAME_SIZE];
	json_t *o = peer_ask(&anna, "session.open", json_pack("{s:s}", "device", "site1"), &code);
	static struct grant g;

	if (!o)
		fail_msg("session.open: %d %s", code, net_error);
	assert_int_equal(grant_decode(&g, json_object_get(o, "grant")), 0);
	assert_int_equal(g.serial, 1);
	snprintf(id, TOKEN_SESSION_SIZE, "%s", g.session);
	json_decref(o);
	names[0] = '\0';
	for (size_t i = 0; i < g.n_relays; i++) {
		strcat(names, i ? " " : "");
		strcat(names, g.relays[i].name);
	}
	return names;
}

static void path(struct peer *end, const char *session, const struct peer *relay)
{
	json_t *o = peer_ask(end, "session.path",
			     json_pack("{s:s, s:s, s:i}", "session", session, "relay",
				       relay ? relay->id.id.uid : "", "serial", 1),
			     &code);

	if (!o)
		fail_msg("session.path: %d %s", code, net_error);
	json_decref(o);
}

/* --- what accessctl sees --------------------------------------------------------------------- */

/* One member of one item of a list; "" if absent. */
static const char *listed(const char *method, const char *what, size_t i, const char *key)
{
	static char text[100];
	json_t *o = net_admin(&net, method, NULL, &code);
	const json_t *v = json_object_get(json_array_get(json_object_get(o, what), i), key);

	text[0] = '\0';
	if (json_is_string(v))
		snprintf(text, sizeof(text), "%s", json_string_value(v));
	else if (json_is_integer(v))
		snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		snprintf(text, sizeof(text), "%s", json_is_true(v) ? "yes" : "no");
	else if (json_is_array(v) && json_array_size(v) > 0)
		snprintf(text, sizeof(text), "%s", json_string_value(json_array_get(v, 0)));
	json_decref(o);
	return text;
}

static const char *relay_says(size_t i, const char *key)
{
	return listed("relay.list", "relays", i, key);
}

struct awaited {
	size_t relay;
	const char *health;
};

static bool is_so(void *arg)
{
	const struct awaited *a = arg;
	const struct relay_info *r = a->relay < relays_count(net.app->realms[0]->relays)
					     ? relays_at(net.app->realms[0]->relays, a->relay)
					     : NULL;

	return r && strcmp(health_name(r->health), a->health) == 0;
}

static void wait_health(size_t relay, const char *health)
{
	struct awaited a = {relay, health};

	net_until(&net, is_so, &a);
}

/* --- how they do ----------------------------------------------------------------------------- */

static void test_health(void **state)
{
	(void)state;
	enrol_relay(0);
	assert_string_equal(relay_says(0, "health"), "silent");
	assert_string_equal(relay_says(0, "sessions"), "");
	report(&rs[0], 7, 12, false);
	assert_string_equal(relay_says(0, "health"), "ok");
	assert_string_equal(relay_says(0, "sessions"), "7");
	assert_string_equal(relay_says(0, "max_sessions"), "100");
	assert_string_equal(relay_says(0, "load_pm"), "70");
	report(&rs[0], 7, 1000, false);
	wait_health(0, "late");
	report(&rs[0], 100, 0, false);
	wait_health(0, "full");
	report(&rs[0], 0, 0, true);
	wait_health(0, "draining");
	report(&rs[0], 0, 0, false);
	wait_health(0, "ok");
	/* What is no report changes nothing. */
	assert_null(peer_ask(&rs[0], "relay.report", json_pack("{s:b}", "draining", 1), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_null(peer_ask(&rs[0], "relay.measured", NULL, &code));
	assert_int_equal(code, RPC_DENIED);
	assert_string_equal(relay_says(0, "health"), "ok");
	peer_unlink(&rs[0]);
	wait_health(0, "offline");
	assert_string_equal(relay_says(0, "sessions"), "");
}

/* Who is told which ones there are: everybody at hello, a manager when it changes, an idle device
 * not. */
static void test_list(void **state)
{
	json_t *o;

	(void)state;
	everybody(1);
	enrol_relay(1);
	peer_unlink(&site);
	peer_link(&site);
	o = peer_ask(&site, "hello", NULL, &code);
	assert_int_equal(json_array_size(json_object_get(o, "relays")), 1);
	json_decref(o);
	peer_wait(&anna, "relay.list rs1");
	report(&rs[1], 0, 0, false);
	peer_wait(&anna, "relay.list rs1 rs2"); /* 5 s after the first */
	assert_false(peer_heard(&site, "relay.list"));
}

/* --- choosing -------------------------------------------------------------------------------- */

static void test_measured_before(void **state)
{
	char id[TOKEN_SESSION_SIZE];

	(void)state;
	everybody(3);
	measured(&anna, 10, 80, 60, true);
	measured(&site, 200, 60, 90, true);
	assert_string_equal(open_session(id), "rs2 rs3 rs1");
	peer_wait(&anna, "session.measured site1 rs1 200 rs2 60 rs3 90");
	net_for(&net, 100);
	assert_false(peer_heard(&anna, "relay.measure"));
	assert_false(peer_heard(&site, "relay.measure"));
	/* Measured again: what a manager draws. Running sessions do not move at once. */
	measured(&site, 1, 300, -1, true);
	peer_wait(&anna, "session.measured site1 rs1 1 rs2 300 rs3 no?way");
	net_for(&net, 700);
	assert_false(peer_heard(&anna, "session.relays"));
	/* The next one does not even get what an end cannot reach. */
	assert_string_equal(open_session(id), "rs1 rs2");
}

static void test_guess_then_move(void **state)
{
	char id[TOKEN_SESSION_SIZE];

	(void)state;
	everybody(3);
	measured(&anna, 10, 80, 60, true);		      /* began by itself */
	assert_string_equal(open_session(id), "rs1 rs3 rs2"); /* near to the manager */
	peer_wait(&site, "relay.measure 600 rs1 rs2 rs3");
	net_for(&net, 100);
	assert_false(peer_heard(&anna, "relay.measure"));
	path(&anna, id, &rs[0]);
	path(&site, id, &rs[0]);
	measured(&site, 200, 60, 0, false);
	peer_wait(&anna, "session.measured site1 rs1 200 rs2 60");
	assert_false(peer_heard(&anna, "session.relays"));
	measured(&site, 0, 0, 90, true);
	peer_wait(&anna, "session.relays 2 rs2 rs3 rs1");
	peer_wait(&site, "session.relays 2 rs2 rs3 rs1");
	path(&anna, id, &rs[1]);
	net_for(&net, 700);
	assert_false(peer_heard(&anna, "session.relays 3"));
}

/* An end that says nothing does not hold up the other for long. */
static void test_guess_half(void **state)
{
	char id[TOKEN_SESSION_SIZE];

	(void)state;
	everybody(3);
	open_session(id);
	peer_wait(&anna, "relay.measure 600 rs1 rs2 rs3");
	measured(&anna, 100, 10, 50, true);
	measured(&site, 100, 10, 0, false); /* and never done */
	peer_wait(&anna, "session.relays 2 rs2 rs3 rs1");
	peer_wait(&site, "session.relays 2 rs2 rs3 rs1");
}

/* Somewhere else, nothing that was measured counts. */
static void test_network_changed(void **state)
{
	char id[TOKEN_SESSION_SIZE];

	(void)state;
	everybody(3);
	measured(&anna, 10, 80, 60, true);
	measured(&site, 10, 80, 60, true);
	assert_string_equal(open_session(id), "rs1 rs3 rs2");
	path(&anna, id, &rs[0]);
	peer_tell(&anna, "relay.measured",
		  json_pack("{s:[], s:b, s:s}", "relays", "done", 0, "network", "changed"));
	peer_wait(&anna, "relay.measure 600 rs1 rs2 rs3");
	net_for(&net, 100);
	assert_false(peer_heard(&anna, "session.relays"));
	measured(&anna, 300, 20, 300, true);
	peer_wait(&site, "session.relays 2 rs2 rs1 rs3");
	assert_false(peer_heard(&site, "relay.measure"));
}

/* A running session's ends measure again and again; what is clearly better for minutes is choose's.
 */
static void test_rounds(void **state)
{
	char id[TOKEN_SESSION_SIZE];

	(void)state;
	sessions_times = (struct sessions_times){.round_ms = 1000, .fresh_ms = 0};
	everybody(2);
	measured(&anna, 10, 10, 0, true);
	measured(&site, 10, 10, 0, true);
	open_session(id);
	peer_wait(&anna, "relay.measure 0 rs1 rs2");
	peer_wait(&site, "relay.measure 0 rs1 rs2");
	measured(&anna, 300, 10, 0, true);
	measured(&site, 300, 10, 0, true);
	peer_forget(&anna);
	peer_wait(&anna, "relay.measure 0 rs1 rs2");
	assert_false(peer_heard(&anna, "session.relays"));
}

/* --- led elsewhere --------------------------------------------------------------------------- */

static void test_drain(void **state)
{
	char id[TOKEN_SESSION_SIZE];

	(void)state;
	everybody(2);
	peer_wait(&rs[0], "relay.drain 0");
	assert_string_equal(open_session(id), "rs1 rs2");
	assert_null(net_admin(&net, "relay.drain", json_pack("{s:s}", "name", "rs9"), &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	net_admin_ok(&net, "relay.drain", json_pack("{s:s}", "name", "rs1"));
	peer_wait(&rs[0], "relay.drain 1");
	peer_wait(&anna, "session.relays 2 rs2");
	peer_wait(&site, "session.relays 2 rs2");
	assert_string_equal(relay_says(0, "health"), "drained");
	assert_string_equal(open_session(id), "rs2");
	/* It is remembered. */
	net_restart(&net);
	peer_unlink(&rs[0]);
	peer_unlink(&rs[1]);
	peer_forget(&rs[0]);
	peer_hello(&rs[0], NULL);
	peer_wait(&rs[0], "relay.drain 1");
	report(&rs[0], 0, 0, false);
	assert_string_equal(relay_says(0, "health"), "drained");
	peer_hello(&rs[1], NULL);
	report(&rs[1], 0, 0, false);
	peer_unlink(&anna);
	peer_unlink(&site);
	peer_forget(&anna);
	peer_hello(&anna, json_pack("{s:[s]}", "sessions", id));
	peer_hello(&site, json_pack("{s:[s]}", "sessions", id));
	net_admin_ok(&net, "relay.enable", json_pack("{s:s}", "name", "rs1"));
	peer_wait(&rs[0], "relay.drain 0");
	peer_wait(&anna, "session.relays 2 rs2 rs1"); /* it stays where it is */
	/* By its own word: the other end of the list. */
	report(&rs[1], 0, 0, true);
	peer_wait(&anna, "session.relays 3 rs1");
	/* Nothing is left: the session keeps what it has. */
	report(&rs[0], 0, 0, true);
	wait_health(0, "draining");
	net_for(&net, 1500);
	assert_false(peer_heard(&anna, "session.relays 4"));
	assert_false(peer_heard(&anna, "session.end"));
	assert_null(peer_ask(&anna, "session.open", json_pack("{s:s}", "device", "site1"), &code));
	assert_int_equal(code, RPC_UNAVAILABLE);
}

/* A relay that is not heard of may carry its sessions well; new ones go elsewhere. */
static void test_offline(void **state)
{
	char id[TOKEN_SESSION_SIZE];

	(void)state;
	everybody(2);
	assert_string_equal(open_session(id), "rs1 rs2");
	peer_unlink(&rs[0]);
	wait_health(0, "offline");
	net_for(&net, 700);
	assert_false(peer_heard(&anna, "session.relays"));
	assert_string_equal(open_session(id), "rs2");
	/* None is heard of: better any than none. */
	peer_unlink(&rs[1]);
	wait_health(1, "offline");
	assert_string_equal(open_session(id), "rs1 rs2");
}

/* Who was away hears of the list when it is back. */
static void test_missed(void **state)
{
	char id[TOKEN_SESSION_SIZE];

	(void)state;
	everybody(2);
	open_session(id);
	peer_unlink(&site);
	net_admin_ok(&net, "relay.drain", json_pack("{s:s}", "name", "rs1"));
	peer_wait(&anna, "session.relays 2 rs2");
	peer_hello(&site, json_pack("{s:[s]}", "sessions", id));
	peer_wait(&site, "session.relays 2 rs2");
	peer_unlink(&site);
	peer_hello(&site, NULL); /* has forgotten it */
	net_for(&net, 100);
	assert_int_equal(json_array_size(json_object_get(site.grant, "relays")), 1);
	assert_int_equal(json_integer_value(json_object_get(site.grant, "serial")), 2);
}

static void test_revoked(void **state)
{
	char id[TOKEN_SESSION_SIZE];

	(void)state;
	everybody(2);
	open_session(id);
	net_admin_ok(&net, "relay.revoke", json_pack("{s:s}", "name", "rs1"));
	peer_wait(&anna, "session.relays 2 rs2");
	net_admin_ok(&net, "relay.remove", json_pack("{s:s}", "name", "rs2"));
	peer_wait(&anna, "session.end");
	peer_wait(&site, "session.end");
}

/* --- wishes ---------------------------------------------------------------------------------- */

static void wish(const char *method, const char *relay)
{
	json_t *params = json_pack("{s:s}", "device", "site1");

	if (relay)
		json_object_set_new(params, "relay", json_string(relay));
	net_admin_ok(&net, method, params);
}

static void test_wishes(void **state)
{
	char id[TOKEN_SESSION_SIZE];

	(void)state;
	everybody(3);
	measured(&anna, 10, 80, 60, true);
	measured(&site, 10, 80, 60, true);
	assert_string_equal(open_session(id), "rs1 rs3 rs2");
	wish("relay.pin", "rs2");
	peer_wait(&anna, "session.relays 2 rs2 rs1 rs3");
	peer_wait(&site, "session.relays 2 rs2 rs1 rs3");
	assert_string_equal(listed("device.list", "devices", 0, "pinned"), "rs2");
	assert_string_equal(open_session(id), "rs2 rs1 rs3");
	wish("relay.avoid", "rs2"); /* takes the pin back */
	peer_wait(&anna, "session.relays 2 rs1 rs3 rs2");
	assert_string_equal(listed("device.list", "devices", 0, "pinned"), "");
	assert_string_equal(listed("device.list", "devices", 0, "avoided"), "rs2");
	wish("relay.unavoid", "rs2");
	assert_null(net_admin(&net, "relay.unavoid",
			      json_pack("{s:s, s:s}", "device", "site1", "relay", "rs2"), &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	assert_null(net_admin(&net, "relay.unpin", json_pack("{s:s}", "device", "site1"), &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	wish("relay.pin", "rs3");
	wish("relay.unpin", NULL);
	assert_string_equal(listed("device.list", "devices", 0, "pinned"), "");
	assert_null(net_admin(&net, "relay.pin",
			      json_pack("{s:s, s:s}", "device", "rs1", "relay", "site1"), &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	assert_null(net_admin(&net, "relay.pin", json_pack("{s:s}", "device", "site1"), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
}

/* --- what ends say --------------------------------------------------------------------------- */

static void test_path(void **state)
{
	char id[TOKEN_SESSION_SIZE];

	(void)state;
	everybody(2);
	open_session(id);
	assert_string_equal(listed("session.list", "sessions", 0, "relay"), "");
	path(&site, id, &rs[1]);
	assert_string_equal(listed("session.list", "sessions", 0, "relay"), "rs2");
	path(&anna, id, &rs[0]);
	assert_string_equal(listed("session.list", "sessions", 0, "relay"), "rs1");
	path(&anna, id, NULL);
	path(&site, id, NULL);
	assert_string_equal(listed("session.list", "sessions", 0, "relay"), "");
	assert_null(peer_ask(&anna, "session.path",
			     json_pack("{s:s, s:s}", "session", id, "relay", site.id.id.uid),
			     &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	assert_null(peer_ask(&anna, "session.path", json_pack("{s:s}", "session", id), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_null(peer_ask(&rs[0], "session.path",
			     json_pack("{s:s, s:s}", "session", id, "relay", ""), &code));
	assert_int_equal(code, RPC_DENIED);
	/* Somebody else's session. */
	peer_unlink(&anna);
	assert_int_equal(net_enrol(&anna, &net, NULL, "anna", NET_PASSWORD), 0);
	peer_hello(&anna, NULL);
	net_for(&net, 50);
	assert_null(peer_ask(
		&anna, "session.path",
		json_pack("{s:s, s:s}", "session", "00000000000000000000000000000000", "relay", ""),
		&code));
	assert_int_equal(code, RPC_NOT_FOUND);
}

static void test_hostile(void **state)
{
	json_t *list = json_array(), *o;
	char id[TOKEN_SESSION_SIZE];
	unsigned int refused = 0;

	(void)state;
	everybody(1);
	open_session(id);
	assert_null(peer_ask(&site, "relay.report", report_of(0, 0, false), &code));
	assert_int_equal(code, RPC_DENIED);
	/* Of relays that there are not; more than there may be. */
	for (int i = 0; i < 17; i++) {
		char uid[IDENT_UID_SIZE];

		snprintf(uid, sizeof(uid), "%032x", i);
		json_array_append_new(
			list, json_pack("{s:s, s:i, s:i}", "uid", uid, "rtt_us", 1, "loss_pm", 0));
	}
	assert_null(peer_ask(&site, "relay.measured",
			     json_pack("{s:O, s:b}", "relays", list, "done", 1), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	json_array_remove(list, 0);
	o = peer_ask(&site, "relay.measured", json_pack("{s:O, s:b}", "relays", list, "done", 1),
		     &code);
	assert_non_null(o);
	json_decref(o);
	json_decref(list);
	/* A flood is cut off; the connection stays, and is of use later. */
	for (int i = 0; i < 60; i++) {
		o = peer_ask(&site, "relay.measured", json_pack("{s:[], s:b}", "relays", "done", 1),
			     &code);
		refused += o == NULL && code == RPC_UNAVAILABLE;
		json_decref(o);
	}
	assert_in_range(refused, 1, 20);
	path(&site, id, &rs[0]);
	assert_false(peer_heard(&anna, "session.measured"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_health),
		TEST(test_list),
		TEST(test_measured_before),
		TEST(test_guess_then_move),
		TEST(test_guess_half),
		TEST(test_network_changed),
		TEST(test_rounds),
		TEST(test_drain),
		TEST(test_offline),
		TEST(test_missed),
		TEST(test_revoked),
		TEST(test_wishes),
		TEST(test_path),
		TEST(test_hostile),
	};
	int rc;

	if (tls_global_init() != 0)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	tls_global_deinit();
	return rc;
}
