/* SPDX-License-Identifier: GPL-3.0-or-later */
/* accessd's store: what is written is there again, also after kill -9; broken references are
 * refused. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "accessd/sqlite_core.h"

static char dir[64];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/farlan-store-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd); /* NOLINT(cert-env33-c): a fixed command of this test */
}

static struct store *open_store(void)
{
	struct store *s = NULL;

	assert_int_equal(store_open(&s, dir), 0);
	return s;
}

static struct store_domain add_domain(struct store *s)
{
	struct store_domain d = {.name = "lab.example", .created = 1};

	d.urls.n = 1;
	assert_int_equal(url_parse(&d.urls.at[0], "https://as1.lab.example:8443"), 0);
	d.ca_key.len = d.access_key.len = d.ca.len = d.access_cert.len = d.outer_cert.len = 3;
	memset(d.token_secret, 7, sizeof(d.token_secret));
	memset(d.ula, 0xfd, sizeof(d.ula));
	strcpy(d.access_uid, "00112233445566778899aabbccddeeff");
	assert_int_equal(store_domain_add(s, &d), 0);
	return d;
}

static unsigned last_uid;

static struct store_member add_member(struct store *s, int64_t domain, enum ident_kind kind,
				      const char *name)
{
	struct store_member m = {.domain = domain, .kind = kind, .created = 5};

	snprintf(m.name, sizeof(m.name), "%s", name);
	snprintf(m.uid, sizeof(m.uid), "%031u%u", ++last_uid, (unsigned)kind);
	assert_int_equal(store_member_add(s, &m), 0);
	return m;
}

static void test_domain(void **state)
{
	struct store *s = open_store();
	struct store_domain d, back;

	(void)state;
	assert_int_equal(store_domain_first(s, &back), -ENOENT);
	d = add_domain(s);
	store_close(s);
	s = open_store();
	assert_int_equal(store_domain_first(s, &back), 0);
	assert_memory_equal(&back, &d, sizeof(d));
	d.access_cert.len = 9;
	assert_int_equal(store_domain_set_certs(s, &d), 0);
	assert_int_equal(store_domain_first(s, &back), 0);
	assert_int_equal(back.access_cert.len, 9);
	store_close(s);
}

static void test_files(void **state)
{
	char path[128];
	struct store *s = open_store(), *second;
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/accessd.db", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(path, sizeof(path), "%s/accessd.db-wal", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(store_open(&second, dir), -EBUSY);
	store_close(s);
}

static void raw(const char *sql)
{
	char path[128];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/accessd.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A database of an older accessd: the first @steps of the schema, with a domain, a device and its
 * endpoint, and a user. */
static void make_older(int steps)
{
	char path[128], pragma[64];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/accessd.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (int i = 0; i < steps; i++)
		assert_int_equal(sqlite3_exec(db, SQLITE_MIGRATIONS[i], NULL, NULL, NULL),
				 SQLITE_OK);
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", steps);
	assert_int_equal(sqlite3_exec(db, pragma, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	raw("INSERT INTO domain (id, name, created, urls, ca_key, ca, token_secret, token_public,"
	    " access_uid, access_key, access_cert, outer_cert, ula) VALUES (1, 'lab.example', 1, "
	    "'https://as1.lab.example', x'01',"
	    " x'02', zeroblob(64), zeroblob(32), '00112233445566778899aabbccddeeff', x'03', x'04',"
	    " x'05', zeroblob(6))");
	raw("INSERT INTO member (id, domain, kind, uid, name, state, created) VALUES"
	    " (1, 1, 1, '00000000000000000000000000000001', 'site1', 1, 1),"
	    " (2, 1, 2, '00000000000000000000000000000002', 'anna', 1, 1)");
	raw("INSERT INTO endpoint (id, domain, member, host) VALUES (1, 1, 1, 1)");
}

static void test_migrations(void **state)
{
	struct store *s = open_store();

	(void)state;
	store_close(s);
	raw("PRAGMA user_version = 1000");
	assert_int_equal(store_open(&s, dir), -EPROTO);
	/* As if nothing had been applied: the tables are there already, so the step fails as a
	 * whole. */
	raw("PRAGMA user_version = 0; DROP TABLE session_relay");
	assert_int_equal(store_open(&s, dir), -EIO);
	raw("CREATE TABLE session_relay (x)");
}

static bool count_member(void *arg, const struct store_member *m)
{
	int *n = arg;

	assert_int_equal(m->kind, IDENT_DEVICE);
	++*n;
	return true;
}

static void test_counts(void **state)
{
	struct store *s = open_store();
	struct store_domain d = add_domain(s);
	struct store_member m;
	struct store_counts n;

	(void)state;
	assert_int_equal(store_member_count(s, d.id, &n), 0);
	for (int k = 0; k < STORE_KINDS; k++)
		for (int i = 0; i < STORE_STATES; i++)
			assert_int_equal(n.members[k][i], 0);
	add_member(s, d.id, IDENT_DEVICE, "a");
	add_member(s, d.id, IDENT_DEVICE, "b");
	m = add_member(s, d.id, IDENT_DEVICE, "c");
	assert_int_equal(store_member_set_state(s, m.id, STORE_ENROLLED), 0);
	m = add_member(s, d.id, IDENT_RELAY, "a");
	assert_int_equal(store_member_set_state(s, m.id, STORE_REVOKED), 0);
	assert_int_equal(store_member_count(s, d.id, &n), 0);
	assert_int_equal(n.members[IDENT_DEVICE][STORE_INVITED], 2);
	assert_int_equal(n.members[IDENT_DEVICE][STORE_ENROLLED], 1);
	assert_int_equal(n.members[IDENT_RELAY][STORE_REVOKED], 1);
	assert_int_equal(n.members[IDENT_USER][STORE_INVITED], 0);
	assert_int_equal(store_member_count(s, d.id + 1, &n), 0);
	assert_int_equal(n.members[IDENT_DEVICE][STORE_INVITED], 0);
	store_close(s);
}

static void test_members(void **state)
{
	struct store *s = open_store();
	struct store_domain d = add_domain(s);
	struct store_member a = add_member(s, d.id, IDENT_DEVICE, "site1"), b, back;
	struct lans lans = {.n = 1};
	int n = 0;

	(void)state;
	b = a;
	assert_int_equal(store_member_add(s, &b), -EEXIST);
	add_member(s, d.id, IDENT_DEVICE, "site2");
	add_member(s, d.id, IDENT_USER, "site1"); /* another kind may have the name */
	assert_int_equal(store_member_by_name(s, d.id, IDENT_DEVICE, "site1", &back), 0);
	assert_memory_equal(&back, &a, sizeof(a));
	assert_int_equal(store_member_by_uid(s, d.id, IDENT_DEVICE, a.uid, &back), 0);
	assert_int_equal(store_member_by_uid(s, d.id, IDENT_RELAY, a.uid, &back), -ENOENT);
	assert_int_equal(store_member_by_name(s, d.id + 1, IDENT_DEVICE, "site1", &back), -ENOENT);
	assert_int_equal(prefix_parse(&lans.at[0], "10.0.0.0/8"), 0);
	assert_int_equal(store_member_set_lans(s, a.id, &lans), 0);
	assert_int_equal(store_member_set_state(s, a.id, STORE_ENROLLED), 0);
	assert_int_equal(store_member_seen(s, a.id, 77, "0.1.0", "192.0.2.1:1"), 0);
	assert_int_equal(store_member_get(s, a.id, &back), 0);
	assert_int_equal(back.lans.n, 1);
	assert_int_equal(back.state, STORE_ENROLLED);
	assert_int_equal(back.last_seen, 77);
	assert_string_equal(back.version, "0.1.0");
	assert_int_equal(store_member_each(s, d.id, IDENT_DEVICE, "", count_member, &n), 0);
	assert_int_equal(n, 2);
	n = 0;
	assert_int_equal(store_member_each(s, d.id, IDENT_DEVICE, "site1", count_member, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(store_member_remove(s, a.id), 0);
	assert_int_equal(store_member_remove(s, a.id), -ENOENT);
	assert_int_equal(store_member_set_state(s, a.id, STORE_REVOKED), -ENOENT);
	/* References are checked: there is no such domain. */
	b.domain = 99;
	assert_int_equal(store_member_add(s, &b), -EIO);
	store_close(s);
}

static void test_passwords(void **state)
{
	struct store *s = open_store();
	struct store_domain d = add_domain(s);
	struct store_member u = add_member(s, d.id, IDENT_USER, "anna");
	struct store_password p = {.cost = 15, .block = 8, .parallel = 1}, back;

	(void)state;
	assert_int_equal(store_password_get(s, u.id, &back), -ENOENT);
	memset(p.hash, 1, sizeof(p.hash));
	assert_int_equal(store_password_set(s, u.id, &p), 0);
	p.hash[0] = 9;
	assert_int_equal(store_password_set(s, u.id, &p), 0);
	assert_int_equal(store_password_get(s, u.id, &back), 0);
	assert_memory_equal(&back, &p, sizeof(p));
	assert_int_equal(store_member_remove(s, u.id), 0);
	assert_int_equal(store_password_get(s, u.id, &back), -ENOENT);
	store_close(s);
}

static void test_endpoints(void **state)
{
	struct store *s = open_store();
	struct store_domain d = add_domain(s);
	struct store_member u = add_member(s, d.id, IDENT_USER, "anna"),
			    r = add_member(s, d.id, IDENT_RELAY, "rs1");
	struct store_endpoint e[3], back, relay = {.domain = d.id, .member = r.id};
	uint32_t host;
	int64_t id;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		e[i] = (struct store_endpoint){
			.domain = d.id, .member = u.id, .has_key = true, .expires = 100 - i};
		e[i].key_sha256[0] = (uint8_t)i;
		assert_int_equal(store_host_free(s, d.id, &e[i].host), 0);
		assert_int_equal(e[i].host, i + 1);
		assert_int_equal(store_endpoint_add(s, &e[i]), 0);
	}
	assert_int_equal(store_endpoint_add(s, &e[1]), -EEXIST);
	assert_int_equal(store_endpoint_add(s, &relay), 0);
	relay.id = 0;
	assert_int_equal(store_endpoint_add(s, &relay),
			 0); /* without an address there may be several */
	assert_int_equal(store_endpoint_by_key(s, u.id, e[1].key_sha256, &back), 0);
	assert_memory_equal(&back, &e[1], sizeof(back));
	assert_int_equal(store_endpoint_by_key(s, r.id, e[1].key_sha256, &back), -ENOENT);
	assert_int_equal(store_endpoint_oldest(s, u.id, 3, &id), -ENOENT);
	assert_int_equal(store_endpoint_oldest(s, u.id, 2, &id), 0);
	assert_int_equal(id, e[2].id);
	assert_int_equal(store_endpoint_remove(s, e[1].id), 0);
	assert_int_equal(store_host_free(s, d.id, &host), 0);
	assert_int_equal(host, 2); /* the lowest that is free */
	e[0].cert.len = 4;
	assert_int_equal(store_endpoint_set_key(s, &e[0]), 0);
	assert_int_equal(store_endpoint_get(s, e[0].id, &back), 0);
	assert_int_equal(back.cert.len, 4);
	store_close(s);
}

static void test_rules(void **state)
{
	struct store *s = open_store();
	struct store_domain d = add_domain(s);
	struct store_member m = add_member(s, d.id, IDENT_DEVICE, "site1");
	struct rules rules, back;

	(void)state;
	assert_int_equal(store_rules_of(s, m.id, &back), 0);
	assert_false(back.present);
	assert_int_equal(store_rules_of(s, m.id + 1, &back), -ENOENT);
	memset(&rules, 0, sizeof(rules));
	rules.present = true;
	for (size_t i = 0; i < 2; i++) { /* an empty list, then as many as may be */
		assert_int_equal(store_rules_set(s, m.id, &rules), 0);
		assert_int_equal(store_rules_of(s, m.id, &back), 0);
		assert_memory_equal(&back, &rules, sizeof(back));
		for (rules.n = 0; rules.n < RULES_MAX; rules.n++)
			assert_int_equal(
				rule_parse(&rules.at[rules.n],
					   rules.n % 2 ? "allow in fd01::/64 tcp/1-99" : "deny"),
				0);
	}
	assert_int_equal(store_rules_set(s, m.id + 1, &rules), -ENOENT);
	assert_int_equal(store_rules_set(s, m.id, &rules), 0);
	store_close(s);
	s = open_store();
	assert_int_equal(store_rules_of(s, m.id, &back), 0);
	assert_memory_equal(&back, &rules, sizeof(back));
	rules.present = false;
	assert_int_equal(store_rules_set(s, m.id, &rules), 0);
	assert_int_equal(store_rules_of(s, m.id, &back), 0);
	assert_false(back.present);
	store_close(s);
	raw("UPDATE member SET rules = 'allow everything'");
	s = open_store();
	assert_int_equal(store_rules_of(s, m.id, &back), -EIO);
	store_close(s);
}

static void test_invites(void **state)
{
	struct store *s = open_store();
	struct store_domain d = add_domain(s);
	struct store_member m = add_member(s, d.id, IDENT_DEVICE, "site1");
	struct store_invite i = {.member = m.id, .created = 1, .expires = 100}, back;
	uint8_t key[32] = {1}, other[32] = {2};

	(void)state;
	assert_int_equal(store_invite_add(s, &i), 0);
	assert_int_equal(store_invite_add(s, &i), -EEXIST);
	assert_int_equal(store_invite_redeem(s, i.id, key), 0);
	assert_int_equal(store_invite_used(s, m.id, other), 0);
	assert_int_equal(store_invite_by_secret(s, i.secret_sha256, &back), 0);
	assert_int_equal(back.state, STORE_INVITE_REDEEMED);
	assert_memory_equal(back.key_sha256, key, 32);
	assert_int_equal(store_invite_used(s, m.id, key), 0);
	assert_int_equal(store_invite_by_secret(s, i.secret_sha256, &back), 0);
	assert_int_equal(back.state, STORE_INVITE_USED);
	i.secret_sha256[0] = 1;
	assert_int_equal(store_invite_add(s, &i), 0);
	assert_int_equal(store_invite_replace(s, m.id), 0);
	assert_int_equal(store_invite_by_secret(s, i.secret_sha256, &back), 0);
	assert_int_equal(back.state, STORE_INVITE_REPLACED);
	assert_int_equal(store_purge(s, 100 + 31 * INT64_C(86400), INT64_C(86400)), 0);
	assert_int_equal(store_invite_by_secret(s, i.secret_sha256, &back), -ENOENT);
	store_close(s);
}

static bool copy_session(void *arg, const struct store_session *x)
{
	*(struct store_session *)arg = *x;
	return false;
}

/* A session between anna and site1 over rs2 and rs1. */
struct joined {
	struct store *s;
	struct store_domain d;
	struct store_member user, device, r1, r2;
	struct store_session x;
};

static void join(struct joined *j)
{
	struct store_endpoint manager = {.host = 1}, device = {.host = 2};

	j->s = open_store();
	j->d = add_domain(j->s);
	j->user = add_member(j->s, j->d.id, IDENT_USER, "anna");
	j->device = add_member(j->s, j->d.id, IDENT_DEVICE, "site1");
	j->r1 = add_member(j->s, j->d.id, IDENT_RELAY, "rs1");
	j->r2 = add_member(j->s, j->d.id, IDENT_RELAY, "rs2");
	manager.domain = device.domain = j->d.id;
	manager.member = j->user.id;
	device.member = j->device.id;
	assert_int_equal(store_endpoint_add(j->s, &manager), 0);
	assert_int_equal(store_endpoint_add(j->s, &device), 0);
	j->x = (struct store_session){.id = "00112233445566778899aabbccddeeff",
				      .domain = j->d.id,
				      .manager = manager.id,
				      .device = device.id,
				      .user_member = j->user.id,
				      .device_member = j->device.id,
				      .user_name = "anna",
				      .device_name = "site1",
				      .serial = 1,
				      .n_relays = 2,
				      .relays = {j->r2.id, j->r1.id},
				      .started = 10,
				      .ends = 100};
	j->x.manager_lans.n = 1;
	assert_int_equal(prefix_parse(&j->x.manager_lans.at[0], "10.0.0.0/8"), 0);
	assert_int_equal(store_session_add(j->s, &j->x), 0);
}

static bool first(const struct joined *j, struct store_session *x)
{
	memset(x, 0, sizeof(*x));
	assert_int_equal(store_session_each(j->s, j->d.id, copy_session, x), 0);
	return x->id[0] != '\0';
}

static bool first_ended(const struct joined *j, int64_t relay, int64_t now, struct store_session *x)
{
	memset(x, 0, sizeof(*x));
	assert_int_equal(store_session_each_ended(j->s, j->d.id, relay, now, copy_session, x), 0);
	return x->id[0] != '\0';
}

static void test_sessions(void **state)
{
	struct joined j;
	struct store_session back;

	(void)state;
	join(&j);
	assert_int_equal(store_session_add(j.s, &j.x), -EEXIST);
	assert_true(first(&j, &back));
	assert_memory_equal(&back, &j.x, sizeof(back));
	j.x.state = STORE_SESSION_ENDED;
	j.x.ended = 50;
	strcpy(j.x.reason, "killed");
	assert_int_equal(store_session_update(j.s, &j.x), 0);
	assert_false(first(&j, &back));
	assert_true(first_ended(&j, j.r1.id, 99, &back));
	assert_string_equal(back.reason, "killed");
	assert_false(first_ended(&j, j.user.id, 99, &back));
	assert_false(first_ended(&j, j.r1.id, 100, &back));
	assert_int_equal(store_purge(j.s, 50 + 31 * INT64_C(86400), 30 * INT64_C(86400)), 0);
	assert_int_equal(store_session_update(j.s, &j.x), -ENOENT);
	store_close(j.s);
}

/* What is removed leaves the list of relays, and its end of the session. */
static void test_session_members(void **state)
{
	struct joined j;
	struct store_session back;

	(void)state;
	join(&j);
	j.x.state = STORE_SESSION_LIVE;
	j.x.device_epoch = 4;
	assert_int_equal(store_session_update(j.s, &j.x), 0);
	assert_int_equal(store_member_remove(j.s, j.r2.id), 0);
	assert_int_equal(store_member_remove(j.s, j.device.id), 0);
	assert_true(first(&j, &back));
	assert_int_equal(back.n_relays, 1);
	assert_int_equal(back.relays[0], j.r1.id);
	assert_int_equal(back.device, 0);
	assert_int_equal(back.device_epoch, 4);
	assert_string_equal(back.device_name, "site1");
	strcpy(j.x.id, "another");
	assert_int_equal(store_session_add(j.s, &j.x),
			 -EIO); /* its device is gone: a broken reference */
	store_close(j.s);
}

/* A session that was led elsewhere, and back: its relays hear of its end, the former ones, too. */
static void test_session_relays(void **state)
{
	struct joined j;
	struct store_session back;

	(void)state;
	join(&j);
	j.x.serial = 2;
	j.x.n_relays = 1;
	j.x.relays[0] = j.r1.id;
	assert_int_equal(store_session_set_relays(j.s, &j.x), 0);
	assert_true(first(&j, &back));
	assert_int_equal(back.serial, 2);
	assert_int_equal(back.n_relays, 1);
	assert_int_equal(back.relays[0], j.r1.id);
	for (uint32_t i = 0; i < 4; i++) {
		j.x.serial++;
		j.x.n_relays = 2;
		j.x.relays[i % 2] = j.r2.id;
		j.x.relays[(i + 1) % 2] = j.r1.id;
		assert_int_equal(store_session_set_relays(j.s, &j.x), 0);
		assert_true(first(&j, &back));
		assert_memory_equal(back.relays, j.x.relays, 2 * sizeof(back.relays[0]));
		j.x.n_relays = 1;
		j.x.relays[0] = j.r1.id;
		assert_int_equal(store_session_set_relays(j.s, &j.x), 0);
		assert_true(first(&j, &back));
		assert_int_equal(back.n_relays, 1);
	}
	j.x.state = STORE_SESSION_ENDED;
	assert_int_equal(store_session_update(j.s, &j.x), 0);
	assert_true(first_ended(&j, j.r1.id, 99, &back));
	assert_true(first_ended(&j, j.r2.id, 99, &back));
	assert_int_equal(store_member_remove(j.s, j.r2.id), 0);
	assert_false(first_ended(&j, j.r2.id, 99, &back));
	strcpy(j.x.id, "another");
	assert_int_equal(store_session_set_relays(j.s, &j.x), -ENOENT);
	store_close(j.s);
}

static void expect_wishes(const struct joined *j, enum store_wish r1, enum store_wish r2)
{
	enum store_wish got[2] = {STORE_WISH_NONE, STORE_WISH_NONE};
	struct store_wishes w;

	assert_int_equal(store_wishes_of(j->s, j->device.id, &w), 0);
	for (size_t i = 0; i < w.n; i++)
		got[w.at[i].relay == j->r2.id] = w.at[i].wish;
	assert_int_equal(got[0], r1);
	assert_int_equal(got[1], r2);
}

static void test_wishes(void **state)
{
	struct store_member back;
	struct joined j;

	(void)state;
	join(&j);
	expect_wishes(&j, STORE_WISH_NONE, STORE_WISH_NONE);
	assert_int_equal(store_wish_unpin(j.s, j.device.id), -ENOENT);
	assert_int_equal(store_wish_set(j.s, j.device.id, j.r1.id, STORE_WISH_PIN), 0);
	expect_wishes(&j, STORE_WISH_PIN, STORE_WISH_NONE);
	assert_int_equal(store_wish_set(j.s, j.device.id, j.r2.id, STORE_WISH_PIN), 0);
	expect_wishes(&j, STORE_WISH_NONE, STORE_WISH_PIN); /* one pin */
	assert_int_equal(store_wish_set(j.s, j.device.id, j.r1.id, STORE_WISH_AVOID), 0);
	assert_int_equal(store_wish_set(j.s, j.device.id, j.r2.id, STORE_WISH_AVOID), 0);
	expect_wishes(&j, STORE_WISH_AVOID, STORE_WISH_AVOID);
	assert_int_equal(store_wish_set(j.s, j.device.id, j.r2.id, STORE_WISH_NONE), 0);
	assert_int_equal(store_wish_set(j.s, j.device.id, j.r2.id, STORE_WISH_NONE), 0);
	expect_wishes(&j, STORE_WISH_AVOID, STORE_WISH_NONE);
	assert_int_equal(store_wish_set(j.s, j.device.id, 99, STORE_WISH_PIN), -EIO);
	assert_int_equal(store_member_remove(j.s, j.r1.id), 0);
	expect_wishes(&j, STORE_WISH_NONE, STORE_WISH_NONE);
	assert_int_equal(store_member_set_drained(j.s, j.r2.id, true), 0);
	assert_int_equal(store_member_get(j.s, j.r2.id, &back), 0);
	assert_true(back.drained);
	store_close(j.s);
}

static void test_lan_hosts(void **state)
{
	static struct hosts h;
	struct host a = {"plc1", {4, {192, 168, 1, 10}}}, b = {"hmi", {6, {0xfd, [15] = 1}}};
	struct joined j;

	(void)state;
	join(&j);
	assert_int_equal(store_lan_hosts_of(j.s, j.device.id, &h), 0);
	assert_int_equal(h.n, 0);
	assert_int_equal(store_lan_host_add(j.s, j.device.id, &a), 0);
	assert_int_equal(store_lan_host_add(j.s, j.device.id, &b), 0);
	assert_int_equal(store_lan_host_add(j.s, j.device.id, &a), -EEXIST);
	a.addr = b.addr; /* of the other kind */
	assert_int_equal(store_lan_host_add(j.s, j.device.id, &a), 0);
	store_close(j.s);
	j.s = open_store();
	assert_int_equal(store_lan_hosts_of(j.s, j.device.id, &h), 0);
	assert_int_equal(h.n, 3);
	assert_memory_equal(&h.at[0], &b, sizeof(b));
	assert_string_equal(h.at[1].name, "plc1");
	assert_int_equal(h.at[1].addr.family, 4);
	assert_memory_equal(&h.at[2], &a, sizeof(a));
	assert_int_equal(store_lan_host_named(j.s, j.device.id, "plc1"), 0);
	assert_int_equal(store_lan_host_named(j.s, j.device.id, "plc"), -ENOENT);
	assert_int_equal(store_lan_host_named(j.s, j.device.id + 1, "plc1"), -ENOENT);
	assert_int_equal(store_lan_host_remove(j.s, j.device.id, "plc1"), 0);
	assert_int_equal(store_lan_host_remove(j.s, j.device.id, "plc1"), -ENOENT);
	assert_int_equal(store_lan_host_add(j.s, 99, &a), -EIO);
	assert_int_equal(store_member_remove(j.s, j.device.id), 0);
	assert_int_equal(store_lan_hosts_of(j.s, j.device.id, &h), 0);
	assert_int_equal(h.n, 0);
	store_close(j.s);
}

/* Of before there was a tree: it keeps what it has, and knows what is new. */
static void test_older_schemas(void **state)
{
	static struct store_former at[STORE_FORMERS_MAX];
	static struct hosts h;
	struct store_domain d;
	struct store_member back;
	struct store_endpoint e;
	struct rules rules;
	size_t n;

	(void)state;
	for (int steps = 1; steps <= 6; steps++) {
		struct store *s;

		make_older(steps);
		s = open_store();
		assert_int_equal(store_domain_first(s, &d), 0);
		assert_int_equal(d.other_token.use, STORE_TOKEN_NONE);
		assert_int_equal(store_member_by_name(s, d.id, IDENT_DEVICE, "site1", &back), 0);
		assert_true(back.folder > 0);
		assert_int_equal(store_rules_of(s, back.id, &rules), 0);
		assert_false(rules.present);
		assert_int_equal(store_lan_hosts_of(s, back.id, &h), 0);
		assert_int_equal(h.n, 0);
		assert_int_equal(store_endpoint_of(s, back.id, &e), 0);
		assert_string_equal(e.issuer, "");
		assert_int_equal(store_formers(s, d.id, at, &n), 0);
		assert_int_equal(n, 0);
		store_close(s);
		assert_int_equal(teardown(NULL), 0);
		assert_int_equal(setup(NULL), 0);
	}
}

struct settings {
	char text[128];
};

static bool join_setting(void *arg, const char *key, const char *value)
{
	struct settings *x = arg;
	size_t at = strlen(x->text);

	snprintf(x->text + at, sizeof(x->text) - at, "%s=%s ", key, value);
	return true;
}

static void test_settings(void **state)
{
	struct store *s = open_store();
	struct store_domain d = add_domain(s);
	struct store_member m = add_member(s, d.id, IDENT_DEVICE, "site1");
	struct settings all = {.text = ""};
	char value[STORE_VALUE_SIZE];

	(void)state;
	assert_int_equal(store_setting_get(s, d.id, 0, "mfa", value), -ENOENT);
	assert_int_equal(store_setting_set(s, d.id, 0, "mfa", "optional"), 0);
	assert_int_equal(store_setting_set(s, d.id, 0, "mfa", "required"), 0);
	assert_int_equal(store_setting_set(s, d.id, m.folder, "mfa", "of the folder"), 0);
	assert_int_equal(store_setting_set(s, d.id, 0, "idle", "30m"), 0);
	assert_int_equal(store_setting_get(s, d.id, 0, "mfa", value), 0);
	assert_string_equal(value, "required");
	assert_int_equal(store_setting_get(s, d.id + 1, 0, "mfa", value), -ENOENT);
	assert_int_equal(store_setting_each(s, d.id, 0, join_setting, &all), 0);
	assert_string_equal(all.text, "idle=30m mfa=required ");
	assert_int_equal(store_setting_set(s, d.id, 0, "mfa", NULL), 0);
	assert_int_equal(store_setting_set(s, d.id, 0, "mfa", NULL), 0);
	assert_int_equal(store_setting_get(s, d.id, 0, "mfa", value), -ENOENT);
	assert_int_equal(store_setting_get(s, d.id, m.folder, "mfa", value), 0);
	assert_string_equal(value, "of the folder");
	store_close(s);
}

struct issuers {
	uint64_t old, new;
};

static void on_issuer(void *arg, const char *issuer, uint64_t members)
{
	struct issuers *x = arg;

	if (issuer[0])
		x->new = members;
	else
		x->old = members;
}

static void test_rolls(void **state)
{
	static struct store_former at[STORE_FORMERS_MAX];
	struct store_former f = {.key.len = 3, .ca.len = 4, .link.len = 5};
	struct store *s = open_store();
	struct store_domain d = add_domain(s), back;
	struct store_member a = add_member(s, d.id, IDENT_DEVICE, "a"),
			    u = add_member(s, d.id, IDENT_USER, "u");
	struct store_endpoint e = {.domain = d.id, .member = a.id, .host = 1, .cert.len = 4};
	struct issuers x = {0};
	size_t n;

	(void)state;
	for (int i = 0; i < 2; i++) {
		f.ca.der[0] = (uint8_t)i;
		assert_int_equal(store_former_add(s, d.id, &f), 0);
	}
	assert_int_equal(store_formers(s, d.id, at, &n), 0);
	assert_int_equal(n, 2);
	assert_memory_equal(&at[1], &f, sizeof(f));
	assert_int_equal(at[0].ca.der[0], 0);
	assert_int_equal(store_former_unlink(s, d.id), 0);
	assert_int_equal(store_formers(s, d.id, at, &n), 0);
	assert_int_equal(at[0].link.len + at[1].link.len, 0);
	d.ca.len = 77;
	d.access_cert.len = 78;
	assert_int_equal(store_domain_set_ca(s, &d), 0);
	d.other_token = (struct store_token){.use = STORE_TOKEN_NEXT, .since = 9};
	memset(d.other_token.secret, 5, sizeof(d.other_token.secret));
	assert_int_equal(store_domain_set_tokens(s, &d), 0);
	assert_int_equal(store_domain_first(s, &back), 0);
	assert_memory_equal(&back, &d, sizeof(d));
	d.other_token = (struct store_token){.use = STORE_TOKEN_LAST, .public = {1}};
	d.token_public[0] = 8;
	assert_int_equal(store_domain_set_tokens(s, &d), 0);
	assert_int_equal(store_domain_first(s, &back), 0);
	assert_memory_equal(&back, &d, sizeof(d));
	/* Users have their certificates for hours only, they are not counted. */
	assert_int_equal(store_endpoint_add(s, &e), 0);
	e.host = 2;
	strcpy(e.issuer, "00112233445566aa");
	assert_int_equal(store_endpoint_add(s, &e), 0);
	e = (struct store_endpoint){.domain = d.id, .member = u.id, .host = 3, .cert.len = 4};
	assert_int_equal(store_endpoint_add(s, &e), 0);
	assert_int_equal(store_issuers(s, d.id, on_issuer, &x), 0);
	assert_int_equal(x.old, 1);
	assert_int_equal(x.new, 1);
	store_close(s);
}

static void test_rollback(void **state)
{
	struct store *s = open_store();
	struct store_domain d = add_domain(s);
	struct store_member back;

	(void)state;
	assert_int_equal(store_begin(s), 0);
	add_member(s, d.id, IDENT_DEVICE, "site1");
	store_rollback(s);
	assert_int_equal(store_member_by_name(s, d.id, IDENT_DEVICE, "site1", &back), -ENOENT);
	store_rollback(s); /* outside of a transaction: nothing */
	store_close(s);
}

/* Adds members one after the other and says so after each, until it is killed. */
static void write_until_killed(int fd, int64_t domain)
{
	struct store *s;
	struct store_member m = {.domain = domain, .kind = IDENT_DEVICE};

	if (store_open(&s, dir) != 0)
		_exit(1);
	for (int i = 0;; i++) {
		snprintf(m.name, sizeof(m.name), "site%d", i);
		snprintf(m.uid, sizeof(m.uid), "%032d", i);
		if (store_begin(s) || store_member_add(s, &m) || store_commit(s))
			_exit(1);
		if (write(fd, &i, sizeof(i)) != sizeof(i))
			_exit(1);
		snprintf(m.name, sizeof(m.name), "half%d", i);
		snprintf(m.uid, sizeof(m.uid), "f%031d", i);
		/* Not committed: must never be seen. */
		if (store_begin(s) || store_member_add(s, &m))
			_exit(1);
		store_rollback(s);
	}
}

static void test_kill(void **state)
{
	struct store *s = open_store();
	struct store_domain d = add_domain(s);
	struct store_member back;
	int fds[2], last = -1, n, status;
	char name[32];
	pid_t pid;

	(void)state;
	store_close(s);
	for (int round = 0; round < 5; round++) {
		last = -1; /* a slow round acknowledges nothing */
		raw("DELETE FROM member");
		assert_int_equal(pipe(fds), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			write_until_killed(fds[1], d.id);
		close(fds[1]);
		usleep(20000 + (useconds_t)round * 7001);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		while (read(fds[0], &n, sizeof(n)) == sizeof(n))
			last = n;
		close(fds[0]);
		s = open_store();
		for (int i = 0; i <= last; i++) {
			snprintf(name, sizeof(name), "site%d", i);
			assert_int_equal(store_member_by_name(s, d.id, IDENT_DEVICE, name, &back),
					 0);
			snprintf(name, sizeof(name), "half%d", i);
			assert_int_equal(store_member_by_name(s, d.id, IDENT_DEVICE, name, &back),
					 -ENOENT);
		}
		store_close(s);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rules),      TEST(test_domain),	   TEST(test_files),
		TEST(test_migrations), TEST(test_counts),	   TEST(test_members),
		TEST(test_passwords),  TEST(test_endpoints),	   TEST(test_invites),
		TEST(test_sessions),   TEST(test_session_members), TEST(test_session_relays),
		TEST(test_wishes),     TEST(test_rollback),	   TEST(test_kill),
		TEST(test_lan_hosts),  TEST(test_older_schemas),   TEST(test_settings),
		TEST(test_rolls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
