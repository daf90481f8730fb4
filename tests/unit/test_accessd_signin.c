/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signing in at a whole accessd: what can be told apart from outside, and what cannot. */
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
#include "accessd/signin_internal.h"
#include "common/io/file.h"
#include "tests/unit/accessd_app.h"

#define SAMPLES 3
#define ROUNDS_MAX 3
#define TOLERANCE_MS 50 /* of means; a hash alone takes more */

static struct net net;
static struct peer anna;
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
	peer_free(&anna);
	net_close(&net);
	return 0;
}

/* --- tries, many at a time ------------------------------------------------------------------- */

struct try_out {
	struct enrol *enrol;
	uint64_t asked_ms, took_ms;
	int code;
	char words[128];
	json_t *answer; /* something is missing, or new recovery codes came */
	bool done;
};

static void on_step(void *arg, const char *what)
{
	struct try_out *t = arg;

	if (strncmp(what, "server authenticated", 20) == 0)
		t->asked_ms = clock_mono_ms();
}

static void on_answer(void *arg, const json_t *answer, bool wants_more)
{
	struct try_out *t = arg;

	t->answer = json_deep_copy(answer);
	t->done = wants_more;
}

static void on_done(void *arg, const struct identity *id, int rc, const char *words)
{
	struct try_out *t = arg;

	t->took_ms = clock_mono_ms() - t->asked_ms;
	t->code = id ? 0 : rc;
	snprintf(t->words, sizeof(t->words), "%s", id ? "" : words);
	if (id && strcmp(id->name, "anna") == 0)
		anna.id = *id;
	t->done = true;
}

static bool is_done(void *arg)
{
	return ((struct try_out *)arg)->done;
}

/* @more: taken. */
static void start(struct try_out *t, const char *user, const char *password, json_t *more)
{
	static const struct enrol_callbacks callbacks = {
		.on_step = on_step, .on_answer = on_answer, .on_done = on_done};
	struct identity known = anna.id;
	struct enrol_request r = {
		.identity = &known,
		.user = user,
		.password = password,
		.more = more,
		.kind = IDENT_USER,
		.ports = &net.ports,
		.memory = &net.memory,
		.version = "0.1.0",
	};

	memset(t, 0, sizeof(*t));
	assert_int_equal(enrol_start(&t->enrol, &net.loop, &r, &callbacks, t), 0);
	json_decref(more);
}

/* Return: the code; -1: something is missing. */
static int try_once(struct try_out *t, const char *user, const char *password, json_t *more)
{
	start(t, user, password, more);
	net_until(&net, is_done, t);
	return json_object_get(t->answer, "missing") ? -1 : t->code;
}

static int64_t member_of(const char *name)
{
	struct store_member m;

	assert_int_equal(store_member_by_name(net.app->store, net.app->realms[0]->domain.row.id,
					      IDENT_USER, name, &m),
			 0);
	return m.id;
}

static void count_failures(enum lockout_kind kind, int64_t row, size_t n)
{
	struct lockout_key k = lockout_key_of(kind, row);
	const struct lockout_key *locked;

	assert_int_equal(store_begin(net.app->store), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(signin_count(net.app->signin, &k, NULL, &locked), 0);
	assert_int_equal(store_commit(net.app->store), 0);
}

static void first_user(void)
{
	struct invite in = net_invite(&net, IDENT_USER, "anna");

	anna.net = &net;
	assert_int_equal(net_enrol(&anna, &net, &in, NULL, NET_PASSWORD), 0);
}

/* A user who has signed in once, elsewhere. */
static void other_user(const char *name)
{
	struct invite in = net_invite(&net, IDENT_USER, name);
	struct peer other = {.net = &net};

	assert_int_equal(net_enrol(&other, &net, &in, NULL, NET_PASSWORD), 0);
	peer_free(&other);
}

/* --- what cannot be told apart --------------------------------------------------------------- */

enum kind { UNKNOWN, WRONG, LOCKED, DISABLED, INVITED, FACTOR, KINDS };
static const char *const WHAT[KINDS] = {"unknown",  "wrong password", "locked",
					"disabled", "not enrolled",   "wrong code, too"};

static void name_of(enum kind k, int sample, char out[32])
{
	static const char *const names[KINDS] = {"nobody", "wrong",   "locked",
						 "away",   "invited", "factor"};

	snprintf(out, 32, "%s%d", names[k], sample);
}

/* Straight into the register: hashes take their time. */
static void put_user(const char *name, const struct store_password *password, bool has_signed_in)
{
	struct store_member m = {.kind = IDENT_USER};
	char invitation[INVITE_TEXT_SIZE];
	int64_t now = clock_wall_s();

	snprintf(m.name, sizeof(m.name), "%s", name);
	assert_int_equal(admission_add(&net.app->realms[0]->admission, &m, password, now, now + 600,
				       invitation),
			 0);
	if (has_signed_in)
		assert_int_equal(store_member_set_state(net.app->store, m.id, STORE_ENROLLED), 0);
}

static void prepare(int sample)
{
	const uint8_t secret[TOTP_SECRET_BYTES] = {1};
	struct store_password password;
	char name[32];

	assert_int_equal(store_password_get(net.app->store, member_of("anna"), &password), 0);
	for (int k = WRONG; k < KINDS; k++) {
		name_of((enum kind)k, sample, name);
		put_user(name, &password, k != INVITED);
	}
	name_of(LOCKED, sample, name);
	count_failures(LOCKOUT_USER, member_of(name), LOCKOUT_FAILURES);
	name_of(DISABLED, sample, name);
	assert_int_equal(store_account_set_disabled(net.app->store, member_of(name), true), 0);
	name_of(FACTOR, sample, name);
	assert_int_equal(store_totp_set(net.app->store, member_of(name), secret, 0, 0), 0);
}

/* One of each at a time, in turning order. */
static void measure(double mean[KINDS])
{
	for (int s = 0; s < SAMPLES; s++) {
		struct try_out t[KINDS];

		for (int i = 0; i < KINDS; i++) {
			enum kind k = (enum kind)((i + s) % KINDS);
			bool right = k == LOCKED || k == DISABLED || k == INVITED;
			char name[32];

			name_of(k, s, name);
			start(&t[k], name, right ? NET_PASSWORD : "not-this-one-either",
			      k == FACTOR ? json_pack("{s:s}", "code", "123456") : json_object());
		}
		for (int k = 0; k < KINDS; k++) {
			net_until(&net, is_done, &t[k]);
			assert_int_equal(t[k].code, RPC_DENIED);
			assert_string_equal(t[k].words, SIGNIN_WRONG);
			/* Full seconds are of how many wait on this machine: for all of them alike.
			 */
			assert_true(t[k].took_ms > PASSWORD_FAILED_MS - TOLERANCE_MS);
			mean[k] += (double)((t[k].took_ms + PASSWORD_FAILED_MS / 2) %
					    PASSWORD_FAILED_MS) /
				   SAMPLES;
		}
	}
}

static bool alike(const double mean[KINDS])
{
	bool all = true;

	for (int k = 0; k < KINDS; k++) {
		double apart = mean[k] - mean[UNKNOWN];

		print_message("%s: %+.1f ms\n", WHAT[k], mean[k] - PASSWORD_FAILED_MS / 2.0);
		all = all && apart < TOLERANCE_MS && apart > -TOLERANCE_MS;
	}
	return all;
}

static void test_alike(void **state)
{
	bool ok = false;

	(void)state;
	first_user();
	for (int s = 0; s < SAMPLES; s++)
		prepare(s);
	/* A busy machine has a second chance, and a third one. */
	for (int i = 0; i < ROUNDS_MAX && !ok; i++) {
		double mean[KINDS] = {0};

		measure(mean);
		ok = alike(mean);
	}
	assert_true(ok);
}

/* --- locks ----------------------------------------------------------------------------------- */

static void test_locks(void **state)
{
	struct try_out t;

	(void)state;
	first_user();
	other_user("bert");
	count_failures(LOCKOUT_USER, member_of("bert"), LOCKOUT_FAILURES - 1);
	assert_int_equal(try_once(&t, "bert", "not-this-one", json_object()), RPC_DENIED);
	assert_int_equal(try_once(&t, "bert", NET_PASSWORD, json_object()), RPC_DENIED);
	assert_string_equal(t.words, SIGNIN_WRONG);
	/* It is known after a restart, too. */
	net_restart(&net);
	assert_true(signin_locked_s(net.app->signin, member_of("bert")) > 890);
	assert_int_equal(try_once(&t, "bert", NET_PASSWORD, json_object()), RPC_DENIED);
	net_admin_ok(&net, "user.unlock", json_pack("{s:s}", "name", "bert"));
	assert_int_equal(try_once(&t, "bert", NET_PASSWORD, json_object()), 0);
	json_decref(t.answer);
	/* What others try does not lock a user out at his own PC; what is tried there does. */
	count_failures(LOCKOUT_USER, member_of("anna"), LOCKOUT_FAILURES);
	assert_int_equal(try_once(&t, "anna", NET_PASSWORD, json_object()), 0);
	json_decref(t.answer);
	for (int i = 0; i < LOCKOUT_FAILURES; i++) {
		struct store_endpoint e;

		assert_int_equal(store_endpoint_of(net.app->store, member_of("anna"), &e), 0);
		count_failures(LOCKOUT_PC, e.id, 1);
	}
	assert_int_equal(try_once(&t, "anna", NET_PASSWORD, json_object()), RPC_DENIED);
	net_admin_ok(&net, "user.unlock", json_pack("{s:s}", "name", "anna"));
	assert_int_equal(try_once(&t, "anna", NET_PASSWORD, json_object()), 0);
	json_decref(t.answer);
}

/* --- second factors -------------------------------------------------------------------------- */

static json_t *totp_of(const struct try_out *t, const char *digits)
{
	const char *ticket;

	assert_true(rpc_str(json_object_get(t->answer, "totp"), "ticket", &ticket));
	return json_pack("{s:{s:s, s:s}}", "totp", "ticket", ticket, "code", digits);
}

/* The code of a secret that was offered, @steps from now. */
static void code_of(const struct try_out *t, int steps, char out[TOTP_CODE_SIZE])
{
	uint8_t bytes[ASKED_TICKET_BYTES];
	size_t n;

	assert_true(
		rpc_bytes(json_object_get(t->answer, "totp"), "ticket", bytes, sizeof(bytes), &n));
	assert_int_equal(totp_hotp(TOTP_SHA1, bytes, TOTP_SECRET_BYTES,
				   totp_step(clock_wall_s()) + (uint64_t)(int64_t)steps,
				   TOTP_DIGITS, out),
			 0);
}

static void test_factor(void **state)
{
	char digits[TOTP_CODE_SIZE];
	struct try_out t, other;
	json_t *more;

	(void)state;
	first_user();
	other_user("bert");
	net_admin_ok(&net, "domain.set", json_pack("{s:{s:s}}", "set", "mfa", "required"));
	/* An older vpnd hears it in words, and gets nothing. */
	assert_int_equal(net_enrol(&anna, &net, NULL, "anna", NET_PASSWORD), RPC_DENIED);
	assert_non_null(strstr(net_error, "this vpnd is too old to ask for"));
	assert_int_equal(try_once(&t, "anna", NET_PASSWORD, json_object()), -1);
	/* A secret is of whom it was offered to, and of this server. */
	assert_int_equal(try_once(&other, "bert", NET_PASSWORD, json_object()), -1);
	code_of(&other, 0, digits);
	more = totp_of(&other, digits);
	json_decref(other.answer);
	assert_int_equal(try_once(&other, "anna", NET_PASSWORD, more), -1);
	json_decref(other.answer);
	code_of(&t, 0, digits);
	more = totp_of(&t, digits);
	json_decref(t.answer);
	assert_int_equal(try_once(&t, "anna", NET_PASSWORD, json_incref(more)), 0);
	assert_int_equal(json_array_size(json_object_get(t.answer, "recovery_codes")), 10);
	json_decref(t.answer);
	/* Not a second time: there is a factor now, whose code it is not. */
	assert_int_equal(try_once(&t, "anna", NET_PASSWORD, more), -1);
	json_decref(t.answer);
	net_admin_ok(&net, "domain.set", json_pack("{s:{s:n}}", "set", "mfa"));
}

/* What an administrator or a stranger may send. */
static void test_bad_input(void **state)
{
	char *much = malloc((1 << 20) + 1);
	struct try_out t;
	json_t *o;

	(void)state;
	first_user();
	assert_non_null(much);
	memset(much, 'a', 1 << 20);
	much[1 << 20] = '\0';
	assert_null(net_admin(&net, "user.show", json_pack("{s:s}", "name", "no'body%s"), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_null(net_admin(&net, "user.unlock", json_pack("{s:s}", "name", "nobody"), &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	assert_null(net_admin(
		&net, "user.set",
		json_pack("{s:s, s:I}", "name", "anna", "valid_until", (json_int_t)-1), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	for (int i = 0; i < 4; i++) {
		static const char *const keys[] = {"code", "new_password", "totp", "dialogue"};

		o = json_pack("{s:s}", keys[i], i == 1 ? NULL : "%n%n'; DROP TABLE member; --");
		if (!o) {
			much[2000] = '\0';
			o = json_pack("{s:s}", keys[i], much);
		}
		assert_int_not_equal(try_once(&t, "anna", "not-this-one", o), 0);
		json_decref(t.answer);
	}
	free(much);
}

/* A larger list than the built-in one: lines of any case and end, the last one without. */
static void test_refused_list(void **state)
{
	static const char list[] =
		"Blue-Lagoon-77\r\n\n  two words  \nsilentforest\n\xff\xfe\nlast-one-here";
	char path[128];
	struct refused *r;

	(void)state;
	snprintf(path, sizeof(path), "%s/refused", net.dir);
	assert_int_equal(refused_load(&r, path), -ENOENT);
	assert_int_equal(file_replace(path, list, sizeof(list) - 1, 0600), 0);
	assert_int_equal(refused_load(&r, path), 0);
	assert_true(refused_has(r, "blue-lagoon-77"));
	assert_true(refused_has(r, "BLUE-LAGOON-77"));
	assert_true(refused_has(r, "S1lentF0rest2026!"));
	assert_true(refused_has(r, "last-one-here"));
	assert_false(refused_has(r, "blue-lagoon-78x"));
	assert_false(refused_has(r, ""));
	refused_free(r);
	/* In use. */
	snprintf(net.conf.refused_passwords, sizeof(net.conf.refused_passwords), "%s", path);
	net_restart(&net);
	assert_null(net_admin(&net, "user.add",
			      json_pack("{s:s, s:s}", "name", "bert", "password", "Blue-Lagoon-77"),
			      &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	net.conf.refused_passwords[0] = '\0';
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_alike, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_factor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_input, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_list, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
