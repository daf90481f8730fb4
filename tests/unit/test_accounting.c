/* SPDX-License-Identifier: GPL-3.0-or-later */
/* accessd's accounts: what members report lands in the store once, and only what is theirs. */
#include "tests/unit/pure_test.h"

#include <stdio.h>
#include <unistd.h>

#include "accessd/sqlite_core.h"
#include "accessd/usage.h"

#define SESSION "00112233445566778899aabbccddeeff"
#define OTHER "ffeeddccbbaa99887766554433221100"
#define DAY_S INT64_C(86400)

static char dir[64];
static struct store *s;
static int64_t domain;
static struct store_member anna, bert, site1, rs1;

static int64_t add_endpoint(const struct store_member *m, uint32_t host)
{
	struct store_endpoint e = {.domain = domain, .member = m->id, .host = host};

	assert_int_equal(store_endpoint_add(s, &e), 0);
	return e.id;
}

static struct store_member add_member(enum ident_kind kind, const char *name)
{
	struct store_member m = {.domain = domain, .kind = kind, .state = STORE_ENROLLED};
	static unsigned int n;

	snprintf(m.name, sizeof(m.name), "%s", name);
	snprintf(m.uid, sizeof(m.uid), "%032u", ++n);
	assert_int_equal(store_member_add(s, &m), 0);
	return m;
}

static void add_session(const char *id, int64_t started, int64_t ended)
{
	struct store_session x = {.domain = domain,
				  .user_member = anna.id,
				  .device_member = site1.id,
				  .user_name = "anna",
				  .device_name = "site1",
				  .n_relays = 1,
				  .relays = {rs1.id},
				  .started = started,
				  .ends = started + 100};

	snprintf(x.id, sizeof(x.id), "%s", id);
	x.manager = x.device = 1;
	assert_int_equal(store_session_add(s, &x), 0);
	if (!ended)
		return;
	x.state = STORE_SESSION_ENDED;
	x.ended = ended;
	snprintf(x.reason, sizeof(x.reason), "disconnected");
	assert_int_equal(store_session_update(s, &x), 0);
}

static int set_up(void **state)
{
	struct store_domain d = {.name = "lab"};

	strcpy(dir, "/tmp/test_accounting.XXXXXX");
	if (!mkdtemp(dir) || store_open(&s, dir) != 0)
		return 1;
	d.urls.n = 1;
	d.ca_key.len = d.access_key.len = d.ca.len = d.access_cert.len = d.outer_cert.len = 3;
	if (url_parse(&d.urls.at[0], "https://as1.lab") != 0 || store_domain_add(s, &d) != 0)
		return 1;
	domain = d.id;
	anna = add_member(IDENT_USER, "anna");
	bert = add_member(IDENT_USER, "bert");
	site1 = add_member(IDENT_DEVICE, "site1");
	rs1 = add_member(IDENT_RELAY, "rs1");
	(void)add_endpoint(&anna, 1);
	return 0;
}

static int tear_down(void **state)
{
	char cmd[96];

	store_close(s);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd); /* NOLINT(cert-env33-c): a fixed command of this test */
}

static json_t *record(const char *session, int64_t seq, int64_t from_ms, uint64_t bytes,
		      const char *reason)
{
	struct usage u = {.seq = seq,
			  .from_ms = from_ms,
			  .to_ms = from_ms + 1000,
			  .bytes_to_device = bytes,
			  .bytes_to_manager = 2 * bytes,
			  .over = reason != NULL};

	snprintf(u.session, sizeof(u.session), "%s", session);
	snprintf(u.reason, sizeof(u.reason), "%s", reason ? reason : "");
	return usage_encode(&u);
}

static int take(const struct store_member *m, json_t *list)
{
	struct usage_reporter by = {.domain = m->domain,
				    .member = m->id,
				    .kind = m->kind,
				    .uid = m->uid,
				    .name = m->name};
	int rc = usage_take(s, &by, list);

	json_decref(list);
	return rc;
}

static int take_one(const struct store_member *m, json_t *o)
{
	return take(m, json_pack("[o]", o));
}

struct rows {
	size_t n;
	struct store_usage at[500];
};

static bool add_row(void *arg, const struct store_usage *x)
{
	struct rows *r = arg;

	assert_true(r->n < 500);
	r->at[r->n++] = *x;
	return true;
}

static const struct rows *rows(const char *session)
{
	static struct rows r;

	r.n = 0;
	assert_int_equal(store_usage_each(s, session, add_row, &r), 0);
	return &r;
}

static void a_record_counts_once(void **state)
{
	const struct rows *r;

	add_session(SESSION, 10, 0);
	assert_int_equal(take_one(&rs1, record(SESSION, 7, 1000, 5, "closed")), 0);
	assert_int_equal(take_one(&rs1, record(SESSION, 7, 1000, 5, "closed")), 0);
	assert_int_equal(take(&rs1, json_pack("[oo]", record(SESSION, 7, 1000, 5, "closed"),
					      record(SESSION, 8, 2000, 6, NULL))),
			 0);
	r = rows(SESSION);
	assert_int_equal(r->n, 2);
	assert_int_equal(r->at[0].u.seq, 7);
	assert_int_equal(r->at[0].kind, IDENT_RELAY);
	assert_string_equal(r->at[0].name, "rs1");
	assert_string_equal(r->at[0].reporter, rs1.uid);
	assert_true(r->at[0].u.bytes_to_device == 5 && r->at[0].u.bytes_to_manager == 10);
	assert_true(r->at[0].u.over && !r->at[1].u.over && !r->at[0].u.has_packets);
	assert_string_equal(r->at[0].u.reason, "closed");
}

/* A later one of the same stretch replaces; an earlier one that comes late does not. */
static void later_figures_count(void **state)
{
	const struct rows *r;

	add_session(SESSION, 10, 0);
	assert_int_equal(take_one(&anna, record(SESSION, 20, 1000, 5, NULL)), 0);
	assert_int_equal(take_one(&anna, record(SESSION, 22, 1000, 50, "disconnected")), 0);
	assert_int_equal(take_one(&anna, record(SESSION, 21, 1000, 10, NULL)), 0);
	r = rows(SESSION);
	assert_int_equal(r->n, 1);
	assert_true(r->at[0].u.bytes_to_device == 50 && r->at[0].u.over);
	/* Others' figures of the same time are their own. */
	assert_int_equal(take_one(&site1, record(SESSION, 22, 1000, 49, NULL)), 0);
	assert_int_equal(rows(SESSION)->n, 2);
}

static void only_its_own_sessions(void **state)
{
	add_session(SESSION, 10, 0);
	assert_int_equal(take_one(&bert, record(SESSION, 1, 1000, 5, NULL)), 0);
	assert_int_equal(take_one(&anna, record(OTHER, 2, 1000, 5, NULL)), 0);
	assert_int_equal(rows(SESSION)->n, 0);
	assert_int_equal(rows(OTHER)->n, 0);
	assert_int_equal(take_one(&anna, record(SESSION, 3, 1000, 5, NULL)), 0);
	assert_int_equal(rows(SESSION)->n, 1);
}

/* What is bad in a message does not hold up the good. */
static void malformed_ones_are_left_out(void **state)
{
	json_t *bad = record(SESSION, 1, 1000, 5, NULL);

	add_session(SESSION, 10, 0);
	json_object_set_new(bad, "to_ms", json_integer(1));
	assert_int_equal(
		take(&anna, json_pack("[osi{}no]", bad, "x", 7, record(SESSION, 2, 2000, 6, NULL))),
		0);
	assert_int_equal(rows(SESSION)->n, 1);
	assert_int_equal(take(&anna, json_object()), -EBADMSG);
	assert_int_equal(take(&anna, NULL), -EBADMSG);
	assert_int_equal(take(&anna, json_array()), 0);
}

static void a_reporter_cannot_fill_the_store(void **state)
{
	json_t *list = json_array();

	add_session(SESSION, 10, 0);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(take_one(&anna, record(SESSION, i + 1, 1000 + i, 1, NULL)), 0);
		json_array_append_new(list, record(SESSION, i + 1, 1000 + i, 1, NULL));
	}
	assert_int_equal(rows(SESSION)->n, STORE_USAGE_OF_END_MAX);
	/* Those that it has still grow. */
	assert_int_equal(take_one(&anna, record(SESSION, 999, 1000, 77, NULL)), 0);
	assert_true(rows(SESSION)->at[0].u.bytes_to_device == 77);
	/* A relay joins the same session often; a message has its end. */
	assert_int_equal(take(&rs1, list), 0);
	assert_int_equal(rows(SESSION)->n, STORE_USAGE_OF_END_MAX + USAGE_BATCH_MAX);
}

struct ids {
	char text[200];
	size_t max;
};

static bool add_id(void *arg, const struct store_session *x)
{
	struct ids *ids = arg;

	snprintf(ids->text + strlen(ids->text), sizeof(ids->text) - strlen(ids->text), "%c",
		 x->id[0]);
	return --ids->max > 0;
}

static const char *history(int64_t since, const char *user, const char *device, const char *after,
			   size_t max)
{
	struct store_history h = {
		.domain = domain, .since = since, .user = user, .device = device, .after = after};
	static struct ids ids;

	ids = (struct ids){.max = max};
	assert_int_equal(store_session_history(s, &h, add_id, &ids), 0);
	return ids.text;
}

static void the_history_has_the_newest_first(void **state)
{
	add_session("a0000000000000000000000000000000", 10, 20);
	add_session("c0000000000000000000000000000000", 30, 90);
	add_session("b0000000000000000000000000000000", 30, 40);
	add_session("d0000000000000000000000000000000", 50, 0);
	assert_string_equal(history(0, "", "", "", 99), "dcba");
	assert_string_equal(history(0, "", "", "", 2), "dc");
	assert_string_equal(history(0, "", "", "c0000000000000000000000000000000", 99), "ba");
	assert_string_equal(history(0, "", "", "a0000000000000000000000000000000", 99), "");
	assert_string_equal(history(40, "", "", "", 99), "dcb");
	assert_string_equal(history(91, "", "", "", 99), "d");
	assert_string_equal(history(0, "anna", "site1", "", 99), "dcba");
	assert_string_equal(history(0, "bert", "", "", 99), "");
	assert_string_equal(history(0, "", "site2", "", 99), "");
}

static void history_is_forgotten_with_its_figures(void **state)
{
	add_session(SESSION, 10, 50);
	add_session(OTHER, 10, 0);
	assert_int_equal(take_one(&anna, record(SESSION, 1, 1000, 5, NULL)), 0);
	assert_int_equal(take_one(&anna, record(OTHER, 2, 1000, 5, NULL)), 0);
	assert_int_equal(store_purge(s, 50 + 90 * DAY_S, 90 * DAY_S), 0);
	assert_int_equal(rows(SESSION)->n, 1);
	assert_int_equal(store_purge(s, 51 + 90 * DAY_S, 90 * DAY_S), 0);
	assert_int_equal(rows(SESSION)->n, 0);
	assert_int_equal(rows(OTHER)->n, 1); /* runs */
	assert_string_equal(history(0, "", "", "", 99), "f");
}

static void rates_are_kept(void **state)
{
	struct store_member m;

	assert_int_equal(store_member_get(s, site1.id, &m), 0);
	assert_true(m.rate == 0);
	assert_int_equal(store_member_set_rate(s, site1.id, 1250000), 0);
	assert_int_equal(store_member_get(s, site1.id, &m), 0);
	assert_true(m.rate == 1250000);
	assert_int_equal(store_member_set_rate(s, 4711, 1), -ENOENT);
}

/* The database of the first release, with something in it. */
static void an_old_database_is_brought_up(void **state)
{
	char path[96];
	sqlite3 *db;

	store_close(s);
	snprintf(path, sizeof(path), "%s/accessd.db", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, SQLITE_MIGRATIONS[0], NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db,
			     "INSERT INTO domain VALUES (1, 'lab', 1, 'https://as1.lab', x'01',"
			     " x'02', x'03', x'04', 'u', x'05', x'06', x'07', x'08');"
			     "INSERT INTO member (id, domain, kind, uid, name, state, created)"
			     " VALUES (1, 1, 2, 'aa', 'anna', 1, 1);"
			     "INSERT INTO session (id, domain, user_name, device_name, user_member,"
			     " manager_lans, serial, manager_epoch, device_epoch, started, ends,"
			     " ended, state)"
			     " VALUES ('" SESSION
			     "', 1, 'anna', 'site1', 1, '', 1, 1, 1, 1, 9, 5, 2);"
			     "PRAGMA user_version = 1",
			     NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(store_open(&s, dir), 0);
	domain = 1;
	assert_string_equal(history(0, "anna", "", "", 99), "0");
	assert_int_equal(store_member_get(s, 1, &anna), 0);
	assert_true(anna.rate == 0 && !anna.drained);
	assert_int_equal(take_one(&anna, record(SESSION, 1, 1000, 5, NULL)), 0);
	assert_int_equal(rows(SESSION)->n, 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_record_counts_once),
		TEST(later_figures_count),
		TEST(only_its_own_sessions),
		TEST(malformed_ones_are_left_out),
		TEST(a_reporter_cannot_fill_the_store),
		TEST(the_history_has_the_newest_first),
		TEST(history_is_forgotten_with_its_figures),
		TEST(rates_are_kept),
		TEST(an_old_database_is_brought_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
