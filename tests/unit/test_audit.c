/* SPDX-License-Identifier: GPL-3.0-or-later */
/* accessd's audit: what is recorded, with what it records or not at all; what is found when it is
 * tampered with; what both ends of a session sign. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>
#include <cmocka.h>

#include "accessd/audit_check.h"
#include "accessd/store_audit.h"
#include "common/io/clock.h"
#include "common/io/receipt.h"
#include "common/pure/text.h"
#include "tests/unit/accessd_app.h"

static struct net net;
static struct peer site, anna;
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
	net_close(&net);
	return 0;
}

/* As somebody who has the file: triggers are taken away first. */
static void tamper(const char *sql)
{
	static const char *const off[] = {"audit_kept",		 "audit_stays",
					  "audit_cut_kept",	 "audit_cut_stays",
					  "session_record_kept", "session_record_stays"};
	char drop[64], *error = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(store_path(net.app->store), &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
		snprintf(drop, sizeof(drop), "DROP TRIGGER IF EXISTS %s", off[i]);
		assert_int_equal(sqlite3_exec(db, drop, NULL, NULL, NULL), SQLITE_OK);
	}
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
	sqlite3_close(db);
}

/* The answer to audit.list, its records. */
static json_t *list(json_t *params)
{
	json_t *o = net_admin(&net, "audit.list", params, &code), *records;

	if (!o)
		fail_msg("audit.list: %d %s", code, net_error);
	records = json_incref(json_object_get(o, "records"));
	json_decref(o);
	return records;
}

static size_t count(json_t *params)
{
	json_t *l = list(params);
	size_t n = json_array_size(l);

	json_decref(l);
	return n;
}

static const char *text_at(const json_t *o, const char *key, const char *member)
{
	return json_string_value(json_object_get(json_object_get(o, key), member));
}

/* All pieces. Return: "" good; else why not. */
static const char *verify(void)
{
	static char why[256];
	why[0] = '\0';
	for (int rest = 0; rest < 2 && !why[0]; rest++) {
		json_t *o = net_admin(&net, "audit.verify", json_pack("{s:b}", "rest", rest),
				      &code),
		       *fault = json_object_get(o, "fault");

		if (!o)
			fail_msg("audit.verify: %d %s", code, net_error);
		if (fault)
			snprintf(why, sizeof(why), "%s",
				 json_string_value(json_object_get(fault, "why")));
		assert_false(json_is_true(json_object_get(o, "more")));
		json_decref(o);
	}
	return why;
}

static void add_device(const char *name)
{
	net_admin_ok(&net, "device.add",
		     json_pack("{s:s, s:[s]}", "name", name, "lans", "192.168.201.0/24"));
}

/* --- what is recorded ------------------------------------------------------------------------ */

static void operations_are_recorded(void **state)
{
	json_t *l, *o;

	(void)state;
	add_device("press4");
	l = list(json_pack("{s:s}", "event", "device.added"));
	assert_int_equal(json_array_size(l), 1);
	o = json_array_get(l, 0);
	assert_string_equal(text_at(o, "who", "kind"), "host");
	assert_string_equal(text_at(o, "who", "uid"),
			    getuid() == 0 ? "0" : text_at(o, "who", "uid"));
	assert_string_equal(text_at(o, "on", "kind"), "device");
	assert_string_equal(text_at(o, "on", "name"), "press4");
	assert_int_equal(strlen(text_at(o, "on", "uid")), 32);
	assert_string_equal(json_string_value(json_object_get(o, "from")), "local");
	assert_string_equal(json_string_value(json_object_get(o, "path")), "/");
	assert_string_equal(json_string_value(json_object_get(o, "result")), "ok");
	assert_string_equal(json_string_value(json_object_get(o, "domain")), "lab.example");
	json_decref(l);

	/* What was refused, too, with its reason; what only reads, not. */
	assert_null(net_admin(&net, "device.add", json_pack("{s:s}", "name", "press4"), &code));
	l = list(json_pack("{s:s, s:s}", "event", "device.added", "result", "refused"));
	assert_int_equal(json_array_size(l), 1);
	assert_string_equal(text_at(json_array_get(l, 0), "detail", "reason"),
			    "this name is already taken");
	json_decref(l);
	net_admin_ok(&net, "device.list", NULL);
	assert_int_equal(count(json_pack("{s:s}", "event", "device.*")), 2);
	assert_string_equal(verify(), "");
}

/* A password goes through the thread pool: the record is still part of the change. */
static void what_waits_is_recorded_once(void **state)
{
	(void)state;
	net_admin_ok(&net, "user.add",
		     json_pack("{s:s, s:s}", "name", "anna", "password", "a-password-1234"));
	assert_int_equal(count(json_pack("{s:s}", "event", "user.added")), 1);
	assert_int_equal(count(json_pack("{s:s}", "who", "a-password-1234")), 0);
	assert_string_equal(verify(), "");
}

/* Bait of all kinds, in a name and a filter. */
static void hostile_texts(void **state)
{
	static const char *const bait[] = {"'; DROP TABLE audit; --",
					   "%s%n%x",
					   "a\nb\x1b[31m",
					   "\xe2\x80\xaeROOT",
					   "\" OR 1=1",
					   "*",
					   "~",
					   "/",
					   "/x%",
					   ""};
	char *long_text = malloc(1 << 16);

	(void)state;
	assert_non_null(long_text);
	memset(long_text, 'a', (1 << 16) - 1);
	long_text[(1 << 16) - 1] = '\0';
	for (size_t i = 0; i < sizeof(bait) / sizeof(bait[0]); i++) {
		assert_null(net_admin(&net, "device.revoke", json_pack("{s:s}", "name", bait[i]),
				      &code));
		(void)count(json_pack("{s:s}", "who", bait[i]));
		(void)count(json_pack("{s:s}", "target", bait[i]));
		(void)count(json_pack("{s:s}", "event", bait[i]));
	}
	long_text[50000] = '\0';
	assert_null(net_admin(&net, "audit.list", json_pack("{s:s}", "who", long_text), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_null(net_admin(&net, "audit.list", json_pack("{s:i}", "n", 100000), &code));
	assert_null(net_admin(&net, "audit.list", json_pack("{s:s}", "result", "x"), &code));
	assert_null(net_admin(&net, "audit.list", json_pack("{s:I}", "since_ms", (json_int_t)-1),
			      &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_string_equal(verify(), "");
	free(long_text);
}

/* --- together or not at all ------------------------------------------------------------------ */

static void what_cannot_be_recorded_is_not_done(void **state)
{
	json_t *o;

	(void)state;
	tamper("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END");
	assert_null(net_admin(
		&net, "device.add",
		json_pack("{s:s, s:[s]}", "name", "press4", "lans", "192.168.201.0/24"), &code));
	assert_int_equal(code, RPC_INTERNAL);
	o = net_admin(&net, "device.list", NULL, &code);
	assert_int_equal(json_array_size(json_object_get(o, "devices")), 0);
	json_decref(o);
	tamper("DROP TRIGGER full");
	add_device("press4");
	assert_int_equal(count(json_pack("{s:s}", "event", "audit.gap")), 1);
	assert_string_equal(verify(), "");
}

static void with_continue_it_is_done(void **state)
{
	json_t *l;

	(void)state;
	net.conf.audit_continues = true;
	net_restart(&net);
	tamper("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END");
	add_device("press4");
	add_device("press5");
	tamper("DROP TRIGGER full");
	add_device("press6");
	l = list(json_pack("{s:s}", "event", "audit.gap"));
	assert_int_equal(json_array_size(l), 1);
	assert_int_equal(json_integer_value(json_object_get(
				 json_object_get(json_array_get(l, 0), "detail"), "records")),
			 2);
	json_decref(l);
	assert_string_equal(verify(), "");
	net.conf.audit_continues = false;
}

static void a_full_audit_refuses(void **state)
{
	char name[32];
	int n = 0;

	(void)state;
	net.conf.audit_records = 30;
	net_restart(&net);
	do {
		json_t *o;

		snprintf(name, sizeof(name), "press%d", n);
		o = net_admin(&net, "device.add", json_pack("{s:s}", "name", name), &code);
		json_decref(o);
	} while (code == 0 && ++n < 100);
	assert_in_range(n, 10, 30);
	assert_int_equal(count(json_pack("{s:s}", "event", "audit.filling")), 1);
	/* It can be mended: what says so has room. */
	net_admin_ok(&net, "audit.export", NULL);
	net_admin_ok(&net, "audit.prune",
		     json_pack("{s:I}", "before_ms", (json_int_t)clock_wall_ms()));
	add_device("press4711");
	assert_string_equal(verify(), "");
	net.conf.audit_records = 10000000;
}

/* --- tampering ------------------------------------------------------------------------------- */

static void the_database_refuses_changes(void **state)
{
	sqlite3 *db;

	(void)state;
	add_device("press4");
	assert_int_equal(sqlite3_open(store_path(net.app->store), &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	assert_int_equal(sqlite3_exec(db, "UPDATE audit SET who = 'x'", NULL, NULL, NULL),
			 SQLITE_CONSTRAINT);
	assert_int_equal(sqlite3_exec(db, "DELETE FROM audit", NULL, NULL, NULL),
			 SQLITE_CONSTRAINT);
	assert_int_equal(sqlite3_exec(db, "DELETE FROM audit WHERE seq = 1", NULL, NULL, NULL),
			 SQLITE_CONSTRAINT);
	sqlite3_close(db);
	assert_string_equal(verify(), "");
}

static void tampering_is_found(void **state)
{
	static const struct {
		const char *sql, *why;
	} t[] = {
		{"UPDATE audit SET who = 'anna' WHERE seq = 3", "it was changed"},
		{"UPDATE audit SET time_ms = time_ms + 1 WHERE seq = 3", "it was changed"},
		{"UPDATE audit SET synced = 1 - synced WHERE seq = 3", "it was changed"},
		{"UPDATE audit SET result = 1 WHERE seq = 3", "it was changed"},
		{"UPDATE audit SET folder = folder + 1 WHERE seq = 3", "it was changed"},
		{"UPDATE audit SET detail = '{\"a\":1}' WHERE seq = 3", "it was changed"},
		{"UPDATE audit SET hash = zeroblob(32) WHERE seq = 3", "it was changed"},
		{"DELETE FROM audit WHERE seq = 3", "records before it are missing"},
		{"DELETE FROM audit WHERE seq = 1", "records before it are missing"},
		{"DELETE FROM audit WHERE seq > 3", "records at the end are missing"},
		{"UPDATE audit SET seq = 1000 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = "
		 "4;"
		 "UPDATE audit SET seq = 4 WHERE seq = 1000",
		 "it was changed"},
		{"UPDATE audit_head SET hash = zeroblob(32)",
		 "the end of the chain is not where it was left"},
	};
	char save[256];

	(void)state;
	for (int i = 0; i < 4; i++) {
		snprintf(save, sizeof(save), "press%d", i);
		add_device(save);
	}
	assert_string_equal(verify(), "");
	tamper("CREATE TABLE good AS SELECT * FROM audit; CREATE TABLE good_head AS SELECT * FROM "
	       "audit_head");
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		tamper(t[i].sql);
		if (strcmp(verify(), t[i].why) != 0)
			fail_msg("%s: %s", t[i].sql, verify());
		tamper("DELETE FROM audit; INSERT INTO audit SELECT * FROM good; DELETE FROM "
		       "audit_head; INSERT INTO audit_head SELECT * FROM good_head");
		assert_string_equal(verify(), "");
	}
}

/* Who makes all hashes anew has no key to sign the checkpoints with. */
static void a_chain_that_was_made_anew_has_no_signature(void **state)
{
	struct audit_check c = {.domain = 1};
	struct store *s = net.app->store;

	(void)state;
	c.cert = net.app->realms[0]->domain.row.access_cert;
	assert_int_equal(audit_check_piece(s, &c), 0);
	assert_int_equal(c.fault_seq, 0);
	assert_in_range(c.checkpoints, 1, 10);
	c = (struct audit_check){.domain = 1, .cert = net.app->realms[0]->domain.row.ca};
	assert_int_equal(audit_check_piece(s, &c), 0);
	assert_int_equal(c.checkpoints, 0);
	assert_int_equal(c.other_checkpoints, 1);
}

/* --- searching, cutting ---------------------------------------------------------------------- */

static void filters_and_pages(void **state)
{
	char name[32];
	int64_t seq = 0;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "press%d", i);
		add_device(name);
	}
	net_admin_ok(&net, "device.revoke", json_pack("{s:s}", "name", "press7"));
	assert_int_equal(count(json_pack("{s:s, s:i}", "event", "device.added", "n", 100)), 60);
	assert_int_equal(count(json_pack("{s:s}", "target", "press7")), 2);
	assert_int_equal(count(json_pack("{s:s, s:i}", "target", "/", "n", 100)), 62);
	assert_int_equal(count(json_pack("{s:s, s:s}", "target", "press7", "event", "device.r*")),
			 1);
	assert_int_equal(count(json_pack("{s:s}", "kind", "connection")), 0);
	assert_int_equal(count(json_pack("{s:I}", "since_ms", (json_int_t)4000000000000)), 0);
	assert_int_equal(count(json_pack("{s:I}", "until_ms", (json_int_t)1000)), 0);
	assert_int_equal(count(json_pack("{s:i}", "n", 5)), 5);
	/* Forward, by small pages: each once, in order. */
	for (bool more = true; more;) {
		json_t *o = net_admin(&net, "audit.list",
				      json_pack("{s:I, s:i, s:b}", "after_seq", (json_int_t)seq,
						"n", 7, "oldest_first", 1),
				      &code),
		       *records = json_object_get(o, "records");

		for (size_t i = 0; i < json_array_size(records); i++) {
			int64_t got;

			assert_true(rpc_int(json_array_get(records, i), "seq", 1, 1000, &got));
			assert_int_equal(got, seq + 1);
			seq = got;
			n++;
		}
		more = json_is_true(json_object_get(o, "more"));
		json_decref(o);
	}
	assert_in_range(n, 62, 80);
}

static void a_cut_leaves_its_record(void **state)
{
	json_t *o, *l;

	(void)state;
	add_device("press4");
	assert_null(net_admin(&net, "audit.prune", json_pack("{s:i}", "before_ms", 1000), &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	o = net_admin(&net, "audit.prune",
		      json_pack("{s:I}", "before_ms", (json_int_t)4000000000000), &code);
	assert_null(o); /* what is still to come cannot be cut */
	assert_int_equal(code, RPC_BAD_PARAMS);
	o = net_admin(&net, "audit.prune",
		      json_pack("{s:I}", "before_ms", (json_int_t)clock_wall_ms()), &code);
	assert_non_null(o);
	assert_in_range(json_integer_value(json_object_get(o, "removed")), 3, 20);
	json_decref(o);
	assert_int_equal(count(json_pack("{s:s}", "event", "device.added")), 0);
	l = list(json_pack("{s:s, s:s}", "event", "audit.pruned", "result", "ok"));
	assert_int_equal(json_array_size(l), 1);
	assert_int_equal(strlen(text_at(json_array_get(l, 0), "detail", "hash")), 64);
	json_decref(l);
	assert_string_equal(verify(), "");
	add_device("press5");
	net_restart(&net);
	assert_string_equal(verify(), "");
	/* Nobody takes one more away unseen. */
	tamper("DELETE FROM audit WHERE domain = 1 AND seq = (SELECT min(seq) FROM audit "
	       "WHERE domain = 1)");
	/* The first one that was left may have been the cut's own record. */
	if (strcmp(verify(), "records before it are missing") != 0)
		assert_string_equal(
			verify(),
			"those before it are gone, and no record says that they were cut off");
}

/* --- connections, sessions ------------------------------------------------------------------- */

static void everybody(void)
{
	struct invite in = net_invite(&net, IDENT_DEVICE, "site1");

	assert_int_equal(net_enrol(&site, &net, &in, NULL, NULL), 0);
	in = net_invite(&net, IDENT_USER, "anna");
	assert_int_equal(net_enrol(&anna, &net, &in, NULL, NET_PASSWORD), 0);
	peer_hello(&site, NULL);
	peer_hello(&anna, NULL);
}

static void who_came_and_who_was_refused(void **state)
{
	struct invite in = net_invite(&net, IDENT_USER, "bert");
	struct peer bert = {0};
	json_t *l;

	(void)state;
	everybody();
	assert_int_not_equal(net_enrol(&bert, &net, &in, NULL, "wrong"), 0);
	net_for(&net, 200);
	assert_int_equal(count(json_pack("{s:s, s:s}", "event", "enrolled", "result", "ok")), 1);
	assert_int_equal(count(json_pack("{s:s, s:s}", "event", "signed-in", "who", "anna")), 1);
	l = list(json_pack("{s:s, s:s}", "event", "signed-in", "result", "refused"));
	assert_int_equal(json_array_size(l), 1);
	assert_string_equal(text_at(json_array_get(l, 0), "who", "name"), "bert");
	json_decref(l);
	assert_int_equal(count(json_pack("{s:s}", "event", "device.online")), 1);
	assert_int_equal(count(json_pack("{s:s}", "event", "user.online")), 1);
	peer_unlink(&site);
	net_for(&net, 300);
	l = list(json_pack("{s:s}", "event", "device.offline"));
	assert_int_equal(json_array_size(l), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(l, 0), "kind")),
			    "connection");
	json_decref(l);
	assert_string_equal(verify(), "");
	peer_free(&bert);
}

/* Whoever tries a thousand passwords does not fill the disk. */
static void strangers_are_summed_up(void **state)
{
	struct audit *a = net.app->audit;
	struct audit_counts before, after;
	const struct audit_note n = {
		.event = EVENT_ENROLLED, .result = AUDIT_REFUSED, .domain = 1, .from = "192.0.2.1"};
	const struct audit_note other = {
		.event = EVENT_ENROLLED, .result = AUDIT_REFUSED, .domain = 0, .from = "192.0.2.1"};

	(void)state;
	audit_counts(a, &before);
	for (int i = 0; i < 1000; i++)
		audit_stranger(a, &n);
	audit_flush(a);
	audit_counts(a, &after);
	assert_int_equal(after.written - before.written, 20);
	/* What happens at another domain has room of its own, and its own sum. */
	for (int i = 0; i < 30; i++)
		audit_stranger(a, &other);
	audit_flush(a);
	audit_counts(a, &after);
	assert_int_equal(after.written - before.written, 40);
	audit_close(a); /* what is left is said */
	audit_counts(a, &after);
	assert_int_equal(after.written - before.written, 42);
	assert_string_equal(verify(), "");
}

/* A session that the register knows, ended, as from the ends' point of view. */
static void a_session(const char *id)
{
	struct store_member device, user;
	struct store_endpoint de, ue;
	struct store_session x = {.domain = 1, .serial = 1, .manager_epoch = 1, .device_epoch = 1};
	struct store *s = net.app->store;

	assert_int_equal(store_member_by_name(s, 1, IDENT_DEVICE, "site1", &device), 0);
	assert_int_equal(store_member_by_name(s, 1, IDENT_USER, "anna", &user), 0);
	assert_int_equal(store_endpoint_of(s, device.id, &de), 0);
	assert_int_equal(store_endpoint_of(s, user.id, &ue), 0);
	snprintf(x.id, sizeof(x.id), "%s", id);
	x.manager = ue.id;
	x.device = de.id;
	x.user_member = user.id;
	x.device_member = device.id;
	snprintf(x.user_name, sizeof(x.user_name), "anna");
	snprintf(x.device_name, sizeof(x.device_name), "site1");
	x.started = 1800000000;
	x.ends = 1800003600;
	x.ended = 1800000060;
	x.state = STORE_SESSION_ENDED;
	assert_int_equal(store_session_add(s, &x), 0);
}

static struct session_record record_of(const struct peer *own, const struct peer *peer,
				       const char *id, int64_t number)
{
	struct session_record r = {.role = own->id.id.kind == IDENT_DEVICE ? TOKEN_DEVICE
									   : TOKEN_MANAGER,
				   .own = own->id.id,
				   .peer = peer->id.id,
				   .start_ms = 1800000000000,
				   .end_ms = 1800000060000,
				   .clock = SESSION_CLOCK_SIGNED,
				   .bytes_to_device = 1000000,
				   .bytes_to_manager = 2000000,
				   .number = number};
	struct x509_info info;

	snprintf(r.session, sizeof(r.session), "%s", id);
	snprintf(r.ended, sizeof(r.ended), "disconnected");
	assert_int_equal(x509_parse(&info, own->id.cert.der, own->id.cert.len), 0);
	memcpy(r.own_key, info.spki_sha256, sizeof(r.own_key));
	assert_int_equal(x509_parse(&info, peer->id.cert.der, peer->id.cert.len), 0);
	memcpy(r.peer_key, info.spki_sha256, sizeof(r.peer_key));
	return r;
}

static struct receipt sign(const struct peer *by, const struct session_record *r)
{
	struct receipt x;

	assert_int_equal(receipt_make(&x, r, &by->id.key, &by->id.cert), 0);
	return x;
}

static void send_receipt(struct peer *p, const struct receipt *x)
{
	json_t *o = peer_ask(p, "session.record",
			     json_pack("{s:[o]}", "records", receipt_to_json(x)), &code);

	if (!o)
		fail_msg("session.record: %d %s", code, net_error);
	json_decref(o);
}

static json_t *shown(const char *id)
{
	json_t *o = net_admin(&net, "session.record", json_pack("{s:s}", "session", id), &code);

	if (!o)
		fail_msg("session.record: %d %s", code, net_error);
	return o;
}

static bool has_problem(const json_t *o, const char *words)
{
	const json_t *list_of = json_object_get(o, "problems"), *p;
	size_t i;

	json_array_foreach (list_of, i, p) {
		if (strcmp(json_string_value(p), words) == 0)
			return true;
	}
	return false;
}

#define ID1 "00112233445566778899aabbccddeeff"
#define ID2 "10112233445566778899aabbccddeeff"

static void both_ends_sign(void **state)
{
	struct session_record r;
	struct receipt x;
	json_t *o;

	(void)state;
	everybody();
	a_session(ID1);
	assert_null(net_admin(&net, "session.record", json_pack("{s:s}", "session", "00"), &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	r = record_of(&site, &anna, ID1, 1);
	x = sign(&site, &r);
	send_receipt(&site, &x);
	send_receipt(&site, &x); /* again, as after a lost answer */
	o = shown("0011");
	assert_int_equal(json_array_size(json_object_get(o, "records")), 1);
	assert_true(has_problem(o, "the manager's record is missing"));
	json_decref(o);
	r = record_of(&anna, &site, ID1, 1);
	x = sign(&anna, &r);
	send_receipt(&anna, &x);
	o = shown(ID1);
	assert_int_equal(json_array_size(json_object_get(o, "records")), 2);
	assert_int_equal(json_array_size(json_object_get(o, "problems")), 0);
	json_decref(o);
	assert_int_equal(
		count(json_pack("{s:s, s:s}", "event", "session.recorded", "result", "ok")), 2);
	assert_string_equal(verify(), "");

	/* Neither can be rewritten: not by who has the database. */
	tamper("CREATE TABLE good AS SELECT * FROM session_record");
	tamper("UPDATE session_record SET text = replace(text, 'disconnected', 'disconnecteD')");
	assert_string_equal(verify(), "the session record that it speaks of was changed");
	tamper("UPDATE session_record SET text = (SELECT text FROM good WHERE good.seq = "
	       "session_record.seq), signature = zeroblob(70)");
	assert_non_null(strstr(verify(), "is not signed by the key that it names"));
	tamper("DELETE FROM session_record");
	assert_string_equal(verify(), "the session record that it speaks of is gone");
}

static void ends_that_differ(void **state)
{
	struct session_record r;
	struct receipt x;
	json_t *o;

	(void)state;
	everybody();
	a_session(ID1);
	r = record_of(&site, &anna, ID1, 1);
	x = sign(&site, &r);
	send_receipt(&site, &x);
	r = record_of(&anna, &site, ID1, 5); /* four before it never came */
	r.bytes_to_device *= 2;
	r.start_ms -= 3600 * 1000;
	r.peer_key[0] ^= 1;
	x = sign(&anna, &r);
	send_receipt(&anna, &x);
	o = shown(ID1);
	assert_true(has_problem(o, "the two ends do not name each other"));
	assert_true(has_problem(o, "the two ends count different amounts"));
	assert_true(has_problem(o, "the two ends' clocks or times differ by more than a minute"));
	json_decref(o);
	o = net_admin(&net, "audit.verify", json_pack("{s:b}", "rest", 1), &code);
	assert_int_equal(json_integer_value(json_object_get(o, "lost")), 4);
	json_decref(o);
}

static void false_records_are_refused(void **state)
{
	struct session_record r;
	struct receipt x;
	json_t *l;

	(void)state;
	everybody();
	a_session(ID1);
	/* Somebody else's name, key, session, role; an unknown session; a false signature. */
	r = record_of(&anna, &site, ID1, 1);
	x = sign(&anna, &r);
	send_receipt(&site, &x);
	x.cert = site.id.cert;
	send_receipt(&site, &x);
	r = record_of(&site, &anna, ID2, 1);
	x = sign(&site, &r);
	send_receipt(&site, &x);
	r = record_of(&site, &anna, ID1, 1);
	r.role = TOKEN_MANAGER;
	x = sign(&site, &r);
	send_receipt(&site, &x);
	r = record_of(&site, &site, ID1, 1);
	x = sign(&site, &r);
	send_receipt(&site, &x);
	r = record_of(&site, &anna, ID1, 1);
	x = sign(&site, &r);
	x.signature[10] ^= 1;
	send_receipt(&site, &x);
	x = sign(&site, &r);
	memcpy(x.text, "farlan-session-record/2", 23);
	send_receipt(&site, &x);
	net_for(&net, 200);
	assert_int_equal(
		count(json_pack("{s:s, s:s}", "event", "session.recorded", "result", "ok")), 0);
	l = list(json_pack("{s:s}", "event", "session.recorded"));
	assert_int_equal(json_array_size(l), 7);
	assert_string_equal(text_at(json_array_get(l, 0), "detail", "reason"),
			    "the record is malformed");
	json_decref(l);
	assert_null(peer_ask(&site, "session.record", json_pack("{s:i}", "records", 1), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_string_equal(verify(), "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(operations_are_recorded),
		TEST(what_waits_is_recorded_once),
		TEST(hostile_texts),
		TEST(what_cannot_be_recorded_is_not_done),
		TEST(with_continue_it_is_done),
		TEST(a_full_audit_refuses),
		TEST(the_database_refuses_changes),
		TEST(tampering_is_found),
		TEST(a_chain_that_was_made_anew_has_no_signature),
		TEST(filters_and_pages),
		TEST(a_cut_leaves_its_record),
		TEST(who_came_and_who_was_refused),
		TEST(strangers_are_summed_up),
		TEST(both_ends_sign),
		TEST(ends_that_differ),
		TEST(false_records_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
