/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several domains on one accessd: each is as if it were alone, and nobody sees the others. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "accessd/admin.h"
#include "common/io/file.h"
#include "tests/unit/accessd_app.h"

#define A "lab.example"
#define B "other.example"
/* Everything of A is named so; nothing of B may ever show it. */
#define MARK "alpha"

static struct net net;
static struct peer site[2], user[2], relay[2];
static int code;

static void say(const char *domain)
{
	net.domain = domain;
}

static void member(struct peer *p, enum ident_kind kind, const char *name)
{
	struct invite in = net_invite(&net, kind, name);

	assert_int_equal(net_enrol(p, &net, &in, NULL, kind == IDENT_USER ? NET_PASSWORD : NULL),
			 0);
}

/* The same in both, but for the names. */
static void everybody(void)
{
	for (int i = 0; i < 2; i++) {
		say(i == 0 ? A : B);
		member(&site[i], IDENT_DEVICE, i == 0 ? MARK "-site" : "beta-site");
		member(&user[i], IDENT_USER, i == 0 ? MARK "-anna" : "beta-bert");
		member(&relay[i], IDENT_RELAY, i == 0 ? MARK "-rs" : "beta-rs");
		net_admin_ok(&net, "permission.allow",
			     json_pack("{s:s, s:s, s:s}", "subject", "everyone", "what", "connect",
				       "target", "/"));
		peer_hello(&site[i], NULL);
		peer_hello(&user[i], json_pack("{s:[s]}", "lans", "192.168.101.0/24"));
		peer_hello(&relay[i], NULL);
	}
	say(NULL);
}

/* One server for all tests: they leave it as it was, but for the last ones. */
static int setup(void **state)
{
	char url[64];

	(void)state;
	net_open(&net);
	snprintf(url, sizeof(url), "https://127.0.0.1:%u", net.port);
	net_admin_ok(&net, "init", json_pack("{s:s, s:[s]}", "domain", B, "urls", url));
	everybody();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		peer_free(&site[i]);
		peer_free(&user[i]);
		peer_free(&relay[i]);
	}
	net_close(&net);
	return 0;
}

static int each(void **state)
{
	(void)state;
	say(NULL);
	net.hardware = NULL;
	return 0;
}

static void open_session(int i, char id[TOKEN_SESSION_SIZE])
{
	json_t *o =
		peer_ask(&user[i], "session.open",
			 json_pack("{s:s}", "device", i == 0 ? MARK "-site" : "beta-site"), &code);
	struct grant g;

	if (!o)
		fail_msg("session.open: %d %s", code, net_error);
	assert_int_equal(grant_decode(&g, json_object_get(o, "grant")), 0);
	snprintf(id, TOKEN_SESSION_SIZE, "%s", g.session);
	json_decref(o);
}

/* --- which one it is about ------------------------------------------------------------------- */

static void test_words(void **state)
{
	json_t *o;

	(void)state;
	assert_null(net_admin(&net, "user.list", NULL, &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_non_null(strstr(net_error, "several domains"));
	say("nosuch.example");
	assert_null(net_admin(&net, "user.list", NULL, &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	say("lab.example.lab.example.lab.example.lab.example.lab.example.lab.example");
	assert_null(net_admin(&net, "user.list", NULL, &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	say(A);
	net_admin_ok(&net, "user.list", NULL);
	say(NULL);
	assert_null(net_admin(&net, "init",
			      json_pack("{s:s, s:[s]}", "domain", B, "urls", "https://x"), &code));
	assert_int_equal(code, RPC_CONFLICT);
	o = net_admin(&net, "domain.list", NULL, &code);
	assert_non_null(o);
	assert_int_equal(json_array_size(json_object_get(o, "domains")), 2);
	json_decref(o);
	o = net_admin(&net, "status", NULL, &code);
	assert_int_equal(json_integer_value(json_object_get(o, "domains")), 2);
	assert_null(json_object_get(o, "domain"));
	json_decref(o);
}

/* --- nobody sees the other ------------------------------------------------------------------- */

static void end_session(int i, const char *id)
{
	say(i == 0 ? A : B);
	net_admin_ok(&net, "session.kill", json_pack("{s:s}", "session", id));
	say(NULL);
}

/* @asked: names that were asked for may be told again: B's own audit says that they were. */
static bool shows(const json_t *o, bool asked)
{
	char *text = json_dumps(o, JSON_ENCODE_ANY);
	bool yes = strstr(text, site[0].id.id.uid) || strstr(text, user[0].id.id.uid) ||
		   strstr(text, A) || (!asked && strstr(text, MARK));

	free(text);
	return yes;
}

static bool shows_mark(const json_t *o)
{
	return shows(o, false);
}

static void test_members_see_their_own(void **state)
{
	json_t *o;

	(void)state;
	o = peer_ask(&user[1], "device.list", NULL, &code);
	assert_int_equal(json_array_size(json_object_get(o, "devices")), 1);
	assert_false(shows_mark(o));
	json_decref(o);
	o = peer_ask(&user[1], "relay.list", NULL, &code);
	assert_false(shows_mark(o));
	json_decref(o);
	assert_null(peer_ask(&user[1], "session.open", json_pack("{s:s}", "device", MARK "-site"),
			     &code));
	assert_int_equal(code, RPC_NOT_FOUND);
}

/* Whatever B's administrator asks, with names, UIDs and sessions of A. */
static json_t *of_a(const char *session)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:[s], s:[s], s:i}", "name",
			 MARK "-site", "device", MARK "-site", "user", MARK "-anna", "relay",
			 MARK "-rs", "session", session, "after", session, "target", MARK "-site",
			 "subject", MARK "-anna", "id", session, "lans", "10.9.9.0/24", "rules",
			 "deny", "index", 1);
}

static bool is_left_out(const struct admin_method *m)
{
	/* They say something to the host, or name new things as they are told to. */
	return m->scope == ADMIN_HOST || strstr(m->name, ".add") || strstr(m->name, ".create") ||
	       strstr(m->name, "import");
}

static void test_no_method_reaches_over(void **state)
{
	char id[TOKEN_SESSION_SIZE];
	json_t *before, *after;

	(void)state;
	open_session(0, id);
	say(A);
	before = net_admin(&net, "device.list", NULL, &code);
	say(B);
	for (size_t i = 0; i < ADMIN_METHODS_N; i++) {
		const struct admin_method *m = &ADMIN_METHODS[i];
		json_t *o;

		if (is_left_out(m))
			continue;
		o = net_admin(&net, m->name, of_a(id), &code);
		if (o && shows(o, strncmp(m->name, "audit.", 6) == 0))
			fail_msg("%s shows something of another domain", m->name);
		if (m->scope == ADMIN_ITEM && m->target <= ADMIN_SESSION && o)
			fail_msg("%s reaches into another domain", m->name);
		json_decref(o);
	}
	say(A);
	after = net_admin(&net, "device.list", NULL, &code);
	assert_true(json_equal(
		json_object_get(json_array_get(json_object_get(before, "devices"), 0), "lans"),
		json_object_get(json_array_get(json_object_get(after, "devices"), 0), "lans")));
	assert_int_equal(sessions_count(net.app->realms[0]->sessions), 1);
	json_decref(before);
	json_decref(after);
	end_session(0, id);
}

static void test_sessions_are_their_own(void **state)
{
	char id[TOKEN_SESSION_SIZE];
	json_t *o;

	(void)state;
	open_session(0, id);
	assert_null(peer_ask(&user[1], "session.close", json_pack("{s:s}", "session", id), &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	assert_null(peer_ask(&site[1], "session.close", json_pack("{s:s}", "session", id), &code));
	/* A relay reports what it has carried, but not of others' sessions. */
	o = peer_ask(&relay[1], "session.usage",
		     json_pack("{s:[{s:s, s:i, s:I, s:I, s:i, s:i}]}", "records", "session", id,
			       "seq", 1, "from_ms", (json_int_t)1800000000000, "to_ms",
			       (json_int_t)1800000001000, "bytes_to_device", 777777777,
			       "bytes_to_manager", 777777777),
		     &code);
	assert_non_null(o);
	json_decref(o);
	say(A);
	o = net_admin(&net, "session.history", NULL, &code);
	assert_non_null(o);
	{
		char *text = json_dumps(o, 0);

		assert_null(strstr(text, "777777777"));
		free(text);
	}
	json_decref(o);
	assert_int_equal(sessions_count(net.app->realms[0]->sessions), 1);
	end_session(0, id);
}

/* --- identities and invitations -------------------------------------------------------------- */

static void test_identity_of_another(void **state)
{
	struct peer spy = {0};

	(void)state;
	/* It names the other domain's CA, and shows its own certificate. */
	spy.net = &net;
	spy.id = site[0].id;
	spy.id.ca = site[1].id.ca;
	snprintf(spy.id.id.domain, sizeof(spy.id.id.domain), B);
	peer_link(&spy);
	assert_null(peer_ask(&spy, "hello", json_pack("{s:s}", "version", "1"), &code));
	assert_int_equal(code, RPC_DENIED);
	assert_string_equal(net_error, "no certificate of a member");
	peer_free(&spy);
}

static void test_invitation_of_another(void **state)
{
	struct invite in, other;
	struct peer spy = {0};

	(void)state;
	say(A);
	in = net_invite(&net, IDENT_DEVICE, MARK "-spare");
	say(B);
	other = net_invite(&net, IDENT_DEVICE, "beta-spare");
	memcpy(in.ca_sha256, other.ca_sha256, sizeof(in.ca_sha256));
	assert_int_equal(net_enrol(&spy, &net, &in, NULL, NULL), RPC_DENIED);
	assert_string_equal(net_error, "unknown invitation");
	/* A CA that nobody here has: refused before anything is said. */
	memset(in.ca_sha256, 7, sizeof(in.ca_sha256));
	assert_int_equal(net_enrol(&spy, &net, &in, NULL, NULL), RPC_UNAVAILABLE);
	assert_non_null(strstr(net_error, "serves no domain"));
	say(A);
	net_admin_ok(&net, "device.remove", json_pack("{s:s}", "name", MARK "-spare"));
	say(B);
	net_admin_ok(&net, "device.remove", json_pack("{s:s}", "name", "beta-spare"));
}

static void test_password_of_another(void **state)
{
	(void)state;
	peer_unlink(&user[1]);
	assert_int_equal(net_enrol(&user[1], &net, NULL, MARK "-anna", NET_PASSWORD), RPC_DENIED);
	assert_int_equal(net_enrol(&user[1], &net, NULL, "beta-bert", NET_PASSWORD), 0);
	peer_hello(&user[1], NULL);
}

/* --- administration by users ----------------------------------------------------------------- */

static json_t *ask_admin(struct peer *p, const char *method, json_t *params)
{
	json_t *o = json_pack("{s:s}", "method", method);

	if (params)
		json_object_set_new(o, "params", params);
	return peer_ask(p, "admin", o, &code);
}

static void refused(struct peer *p, const char *method, json_t *params, int want)
{
	json_t *o = ask_admin(p, method, params);

	if (o)
		fail_msg("%s is done", method);
	if (code != want)
		fail_msg("%s: %d %s", method, code, net_error);
}

static void test_users_administer(void **state)
{
	json_t *o;

	(void)state;
	/* Nobody may anything that was not permitted to him. */
	refused(&user[0], "user.add", json_pack("{s:s, s:s}", "name", "eve", "password", "x"),
		RPC_DENIED);
	refused(&user[0], "init", NULL, RPC_DENIED);
	refused(&user[0], "domain.list", NULL, RPC_DENIED);
	refused(&user[0], "domain.remove", json_pack("{s:s}", "domain", A), RPC_DENIED);
	say(A);
	net_admin_ok(&net, "permission.allow",
		     json_pack("{s:s, s:s, s:s}", "subject", MARK "-anna", "what", "administer",
			       "target", "/"));
	o = ask_admin(&user[0], "user.add",
		      json_pack("{s:s, s:s}", "name", "gamma", "password",
				"a long one for gamma, who is new"));
	if (!o)
		fail_msg("user.add: %d %s", code, net_error);
	assert_non_null(json_object_get(o, "invitation"));
	json_decref(o);
	o = ask_admin(&user[0], "user.list", json_pack("{s:s}", "in_domain", A));
	assert_int_equal(json_array_size(json_object_get(o, "users")), 2);
	json_decref(o);
	/* What is the host's stays so; another domain there is not, whether there is or not. */
	refused(&user[0], "init", NULL, RPC_DENIED);
	assert_non_null(strstr(net_error, "host"));
	refused(&user[0], "user.list", json_pack("{s:s}", "in_domain", B), RPC_NOT_FOUND);
	refused(&user[0], "user.list", json_pack("{s:s}", "in_domain", "nosuch"), RPC_NOT_FOUND);
	refused(&user[0], "user.list", json_pack("{s:i}", "in_domain", 1), RPC_NOT_FOUND);
	refused(&user[0], "device.set",
		json_pack("{s:s, s:[s]}", "name", "beta-site", "lans", "10.9.9.0/24"),
		RPC_NOT_FOUND);
	say(B);
	o = net_admin(&net, "user.list", NULL, &code);
	assert_int_equal(json_array_size(json_object_get(o, "users")), 1);
	json_decref(o);
}

static void test_admin_is_bounded(void **state)
{
	int many = 0;

	(void)state;
	refused(&user[0], "no.such", NULL, RPC_NO_METHOD);
	assert_null(peer_ask(&user[0], "admin", NULL, &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_null(peer_ask(&user[0], "admin",
			     json_pack("{s:s, s:[i]}", "method", "user.list", "params", 1), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	refused(&site[0], "user.list", NULL, RPC_DENIED);
	refused(&relay[0], "user.list", NULL, RPC_DENIED);
	peer_tell(&user[0], "admin", json_pack("{s:s}", "method", "user.list"));
	for (int i = 0; i <= CLIENTS_ASKING_MAX && many == 0; i++) {
		json_t *o = ask_admin(&user[0], "no.such", NULL);

		assert_null(o);
		many = code == RPC_UNAVAILABLE ? i : 0;
	}
	assert_true(many > 0);
	/* It is that user's limit. */
	json_decref(ask_admin(&user[1], "user.list", NULL));
	assert_int_equal(code, 0);
}

/* --- removed --------------------------------------------------------------------------------- */

/* Both are served, also by a server that was started anew. */
static void test_both(void **state)
{
	char id[2][TOKEN_SESSION_SIZE];

	(void)state;
	for (int i = 0; i < 2; i++) {
		open_session(i, id[i]);
		peer_unlink(&site[i]);
		peer_unlink(&user[i]);
		peer_unlink(&relay[i]);
	}
	net_restart(&net);
	for (int i = 0; i < 2; i++) {
		peer_hello(&site[i], json_pack("{s:[s]}", "sessions", id[i]));
		peer_hello(&user[i], json_pack("{s:[s], s:[s]}", "sessions", id[i], "lans",
					       "192.168.101.0/24"));
		peer_hello(&relay[i], NULL);
	}
	assert_int_equal(net.app->n_realms, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sessions_count(net.app->realms[i]->sessions), 1);
		end_session(i, id[i]);
	}
}

static void remove_domain(const char *name)
{
	say(name);
	net_admin_ok(&net, "domain.remove", json_pack("{s:s}", "domain", name));
	say(NULL);
}

static void test_remove(void **state)
{
	char id[TOKEN_SESSION_SIZE];

	(void)state;
	open_session(0, id);
	say(A);
	assert_null(net_admin(&net, "domain.remove", json_pack("{s:s}", "domain", A), &code));
	assert_int_equal(code, RPC_CONFLICT);
	assert_null(net_admin(&net, "domain.remove", json_pack("{s:s}", "domain", B), &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	net_admin_ok(&net, "session.kill", json_pack("{s:s}", "session", id));
	remove_domain(A);
	assert_int_equal(net.app->n_realms, 1);
	peer_wait(&site[0], "bye 0 the domain was removed");
	/* The other one is as it was, and now the only one. */
	net_admin_ok(&net, "user.list", NULL);
	open_session(1, id);
	/* The name is free, and what comes under it is another domain. */
	net_admin_ok(&net, "init",
		     json_pack("{s:s, s:[s]}", "domain", A, "urls", "https://127.0.0.1:1"));
	assert_true(net.app->realms[1]->domain.row.id > net.app->realms[0]->domain.row.id);
	net_restart(&net);
	assert_int_equal(net.app->n_realms, 2);
}

static void test_move(void **state)
{
	(void)state;
	say(B);
	net_admin_ok(&net, "domain.move",
		     json_pack("{s:[s, s]}", "urls", "https://as9.example", "https://127.0.0.1:1"));
	assert_null(
		net_admin(&net, "domain.move", json_pack("{s:[s]}", "urls", "nonsense"), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	peer_unlink(&site[1]);
	peer_hello(&site[1], NULL); /* by the address that it knows */
	assert_int_equal(net.app->realms[1]->domain.row.urls.n, 2);
	assert_int_equal(net.app->realms[0]->domain.row.urls.n, 1);
}

/* --- a machine stays its owner's ------------------------------------------------------------- */

static const struct hardware MACHINE = {.n = 2, .marks = {{1}, {2}}},
			     PARTS = {.n = 1, .marks = {{2}}}, /* of it */
	OTHER = {.n = 1, .marks = {{9}}};

static int enrol_at(const char *domain, const char *name, const struct hardware *h)
{
	struct invite in;
	struct peer p = {0};
	int rc;

	say(domain);
	net.hardware = h;
	in = net_invite(&net, IDENT_DEVICE, name);
	rc = net_enrol(&p, &net, &in, NULL, NULL);
	peer_free(&p);
	return rc;
}

static void release(const char *domain, const char *name, int want)
{
	json_t *o;

	say(domain);
	o = net_admin(&net, "device.release", json_pack("{s:s}", "name", name), &code);
	assert_int_equal(code, want);
	json_decref(o);
}

static void test_machine_is_bound(void **state)
{
	(void)state;
	assert_int_equal(enrol_at(A, "press", &MACHINE), 0);
	assert_int_equal(enrol_at(A, "press", &MACHINE), 0); /* again, with another key */
	assert_int_equal(enrol_at(A, "press2", &PARTS), 0);  /* its owner may */
	assert_int_equal(enrol_at(B, "stolen", &MACHINE), RPC_CONFLICT);
	assert_non_null(strstr(net_error, "belongs to another domain"));
	assert_null(strstr(net_error, A));
	assert_int_equal(enrol_at(B, "stolen", &PARTS), RPC_CONFLICT);
	assert_int_equal(enrol_at(B, "stolen", &OTHER), 0);
	say(A);
	net_admin_ok(&net, "device.revoke", json_pack("{s:s}", "name", "press"));
	assert_int_equal(enrol_at(B, "stolen", &MACHINE), RPC_CONFLICT);
	say(A);
	net_admin_ok(&net, "device.remove", json_pack("{s:s}", "name", "press"));
	net_admin_ok(&net, "device.remove", json_pack("{s:s}", "name", "press2"));
	assert_int_equal(enrol_at(B, "stolen", &MACHINE), RPC_CONFLICT);
	release(B, "press", RPC_NOT_FOUND);
	release(A, "press", 0);
	assert_int_equal(enrol_at(B, "stolen", &MACHINE), RPC_CONFLICT); /* a part is press2's */
	release(A, "press2", 0);
	assert_int_equal(enrol_at(B, "stolen", &MACHINE), 0);
	assert_int_equal(enrol_at(A, "press", &MACHINE), RPC_CONFLICT);
	release(A, "press", RPC_NOT_FOUND);
}

static void test_machine_need_not_say(void **state)
{
	(void)state;
	assert_int_equal(enrol_at(A, "press", NULL), 0);
	assert_int_equal(enrol_at(B, "press", NULL), 0);
	say(B);
	net_admin_ok(&net, "domain.set", json_pack("{s:{s:s}}", "set", "hardware", "required"));
	assert_int_equal(enrol_at(B, "press", NULL), RPC_DENIED);
	assert_non_null(strstr(net_error, "which machine it is"));
	assert_int_equal(enrol_at(B, "press", &OTHER), 0);
	assert_int_equal(enrol_at(A, "press", NULL), 0);
}

static void test_shown(void **state)
{
	json_t *o, *bound;

	(void)state;
	assert_int_equal(enrol_at(A, "press", &MACHINE), 0);
	o = net_admin(&net, "device.list", NULL, &code);
	bound = json_object_get(json_array_get(json_object_get(o, "devices"), 1), "bound");
	assert_int_equal(json_integer_value(json_object_get(bound, "marks")), 2);
	assert_true(json_integer_value(json_object_get(bound, "since")) > 0);
	json_decref(o);
	release(A, "press", 0);
	o = net_admin(&net, "device.list", NULL, &code);
	assert_null(json_object_get(json_array_get(json_object_get(o, "devices"), 1), "bound"));
	json_decref(o);
}

#define TEST(name) cmocka_unit_test_setup(name, each)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_words),
		TEST(test_members_see_their_own),
		TEST(test_no_method_reaches_over),
		TEST(test_sessions_are_their_own),
		TEST(test_identity_of_another),
		TEST(test_invitation_of_another),
		TEST(test_password_of_another),
		TEST(test_shown),
		TEST(test_machine_is_bound),
		TEST(test_machine_need_not_say),
		TEST(test_users_administer),
		TEST(test_admin_is_bounded),
		TEST(test_move),
		TEST(test_both),
		TEST(test_remove),
	};
	int rc = tls_global_init();

	return rc ? 1 : cmocka_run_group_tests(tests, setup, teardown);
}
