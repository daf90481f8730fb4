/* SPDX-License-Identifier: GPL-3.0-or-later */
/* accessd, firewall policies and locked devices, seen from both ends of a session. */
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

#define WINDOWED "allow in tcp/7 mon-fri 08:00-17:00 +02:00"

static struct net net;
static struct peer site, anna, rs1;
static int code;

static int setup(void **state)
{
	(void)state;
	net_open(&net);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	peer_free(&site);
	peer_free(&anna);
	peer_free(&rs1);
	net_close(&net);
	return 0;
}

/* @device, @manager: do they know windows? */
static void everybody(bool device, bool manager)
{
	struct invite in = net_invite(&net, IDENT_RELAY, "rs1");

	assert_int_equal(net_enrol(&rs1, &net, &in, NULL, NULL), 0);
	in = net_invite(&net, IDENT_DEVICE, "site1");
	assert_int_equal(net_enrol(&site, &net, &in, NULL, NULL), 0);
	in = net_invite(&net, IDENT_USER, "anna");
	assert_int_equal(net_enrol(&anna, &net, &in, NULL, NET_PASSWORD), 0);
	peer_hello(&rs1, NULL);
	peer_hello(&site, json_pack("{s:b}", "windows", device));
	peer_hello(&anna, manager ? json_pack("{s:b}", "windows", 1) : NULL);
}

static json_t *try_session(void)
{
	return peer_ask(&anna, "session.open", json_pack("{s:s}", "device", "site1"), &code);
}

/* The first of the rules that anna is told of; "none" without a list. */
static const char *open_session(char id[TOKEN_SESSION_SIZE])
{
	static char first[RULE_TEXT_SIZE];
	json_t *o = try_session();
	struct grant g;

	if (!o)
		fail_msg("session.open: %d %s", code, net_error);
	assert_int_equal(grant_decode(&g, json_object_get(o, "grant")), 0);
	json_decref(o);
	snprintf(id, TOKEN_SESSION_SIZE, "%s", g.session);
	snprintf(first, sizeof(first), "none");
	if (g.rules.present)
		rule_format(&g.rules.at[0], first);
	return first;
}

static void make(const char *name, const char *rule)
{
	net_admin_ok(&net, "policy.add", json_pack("{s:s, s:[s]}", "name", name, "rules", rule));
}

static void attach(const char *name, const char *to)
{
	net_admin_ok(&net, "policy.attach", json_pack("{s:s, s:s}", "name", name, "to", to));
}

static void expect_refused(const char *method, json_t *params, int want)
{
	assert_null(net_admin(&net, method, params, &code));
	if (code != want)
		fail_msg("%s: %d %s", method, code, net_error);
}

/* --- policies --- */

static void test_reaches_sessions(void **state)
{
	char id[TOKEN_SESSION_SIZE];

	(void)state;
	everybody(true, true);
	assert_string_equal(open_session(id), "none");
	make("base", "allow in tcp/7");
	attach("base", "/");
	peer_wait(&site, "session.rules 1 allow in tcp/7");
	peer_wait(&anna, "session.rules 1 allow in tcp/7");
	net_admin_ok(&net, "policy.rule",
		     json_pack("{s:s, s:[ss]}", "name", "base", "rules", WINDOWED, "deny"));
	peer_wait(&site, "session.rules 2 " WINDOWED);
	peer_wait(&anna, "session.rules 2 " WINDOWED);
	peer_forget(&site);
	/* What is no change for the session is not sent. */
	make("other", "deny");
	net_admin_ok(&net, "policy.rename", json_pack("{s:s, s:s}", "name", "base", "to", "first"));
	net_for(&net, 100);
	assert_false(peer_heard(&site, "session.rules"));
	assert_string_equal(open_session(id), WINDOWED);
	net_admin_ok(&net, "policy.detach", json_pack("{s:s, s:s}", "name", "first", "to", "/"));
	peer_wait(&site, "session.rules none");
}

/* It would have to let everything pass, or nothing. */
static void test_old_device(void **state)
{
	char id[TOKEN_SESSION_SIZE], end[TOKEN_SESSION_SIZE + 80];

	(void)state;
	everybody(false, true);
	open_session(id);
	make("base", WINDOWED);
	attach("base", "site1");
	snprintf(end, sizeof(end), "session.end %s the device's vpnd is too old", id);
	peer_wait(&site, end);
	peer_wait(&anna, end);
	assert_false(peer_heard(&site, "session.rules"));
	peer_forget(&site);
	assert_null(try_session());
	assert_int_equal(code, RPC_UNAVAILABLE);
	assert_non_null(strstr(net_error, "too old"));
	assert_false(peer_heard(&site, "session.grant"));
}

/* It only shows them. */
static void test_old_manager(void **state)
{
	char id[TOKEN_SESSION_SIZE];

	(void)state;
	everybody(true, false);
	make("base", WINDOWED);
	attach("base", "site1");
	assert_string_equal(open_session(id), "allow in tcp/7");
	net_admin_ok(&net, "policy.rule",
		     json_pack("{s:s, s:[s]}", "name", "base", "rules",
			       "deny daily 10:00-11:00 +00:00"));
	peer_wait(&anna, "session.rules 1 deny");
	peer_wait(&site, "session.rules 1 deny daily 10:00-11:00 +00:00");
	assert_false(peer_heard(&anna, "session.rules 1 deny daily"));
}

static json_t *big_text(void)
{
	static char text[40000];

	memset(text, 'x', sizeof(text) - 1);
	return json_string(text);
}

/* What is wrong with one member is wrong whatever the others say. */
static void test_bad_input(void **state)
{
	static const char *const methods[] = {"policy.add",    "policy.rule",	"policy.rename",
					      "policy.remove", "policy.attach", "policy.detach",
					      "policy.show",   "policy.test"};
	static const char *const members[] = {"name",  "to",   "for",	 "folder",
					      "rules", "user", "device", "packet"};
	static const char *const bait[] = {"",	   "/a/",	"x'); DROP TABLE policy; --",
					   "%n%s", "group:x:y", "in 1.2.3.4"};

	(void)state;
	everybody(true, true);
	make("base", "deny");
	for (size_t m = 0; m < sizeof(methods) / sizeof(methods[0]); m++) {
		for (size_t k = 0; k < sizeof(members) / sizeof(members[0]); k++) {
			for (size_t b = 0; b < sizeof(bait) / sizeof(bait[0]) + 3; b++) {
				json_t *params = json_pack("{s:s, s:s, s:s}", "name", "absent",
							   "device", "absent", "user", "absent");
				json_t *value = b == 0	 ? json_null()
						: b == 1 ? json_integer(7)
						: b == 2 ? big_text()
							 : json_string(bait[b - 3]);

				json_object_set_new(params, members[k], value);
				if (strcmp(methods[m], "policy.add") == 0 && k != 0)
					json_object_set_new(params, "name", json_string("base"));
				json_decref(net_admin(&net, methods[m], params, &code));
				if (code == 0 || code == RPC_INTERNAL)
					fail_msg("%s %s %zu: %d %s", methods[m], members[k], b,
						 code, net_error);
			}
		}
	}
	expect_refused("policy.rule", json_pack("{s:s, s:[]}", "name", "base", "rules"),
		       RPC_BAD_PARAMS);
	expect_refused("policy.add", json_pack("{s:s}", "name", "base"), RPC_CONFLICT);
}

/* --- locked at the machine --- */

static bool is_listed(const char *why)
{
	json_t *o = net_admin(&net, "device.list", json_object(), &code);
	const json_t *locked =
		json_object_get(json_array_get(json_object_get(o, "devices"), 0), "locked");
	const char *text = json_string_value(json_object_get(locked, "why"));
	bool is = why ? text && strcmp(text, why) == 0 : !locked;

	json_decref(o);
	return is;
}

static void test_lock(void **state)
{
	(void)state;
	everybody(true, true);
	assert_true(is_listed(NULL));
	peer_tell(&site, "lock.state",
		  json_pack("{s:b, s:s, s:i}", "locked", 1, "why", "locked\nat the machine",
			    "since", 5));
	net_for(&net, 100);
	assert_true(is_listed("locked?at the machine"));
	/* It is known while the device is away, and after a restart. */
	peer_unlink(&site);
	net_restart(&net);
	assert_true(is_listed("locked?at the machine"));
	peer_hello(&site, NULL);
	peer_tell(&site, "lock.state", json_pack("{s:s}", "locked", "no"));
	peer_tell(&site, "lock.state", json_object());
	net_for(&net, 100);
	assert_true(is_listed("locked?at the machine"));
	peer_tell(&site, "lock.state", json_pack("{s:b}", "locked", 0));
	net_for(&net, 100);
	assert_true(is_listed(NULL));
	/* Nobody says it for a device. */
	peer_unlink(&anna);
	peer_hello(&anna, NULL);
	json_decref(peer_ask(&anna, "lock.state", json_pack("{s:b}", "locked", 1), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_true(is_listed(NULL));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reaches_sessions), TEST(test_old_device), TEST(test_old_manager),
		TEST(test_bad_input),	     TEST(test_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
