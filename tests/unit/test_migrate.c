/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Databases of older versions are brought up to date: whatever step they are at, whenever the
 * process is killed meanwhile; and keep what is in them. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "accessd/sqlite_core.h"
#include "accessd/store_backup.h"

#define TREE 7 /* the step that brings folders and permissions */

static char dir[64], path[128];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/farlan-migrate-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/accessd.db", dir);
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd); /* NOLINT(cert-env33-c): a fixed command of this test */
}

static void exec(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sqlite3_errmsg(db), sql);
}

/* Rows as version 1 wrote them. */
static const char *const ROWS[] = {
	"INSERT INTO domain (id, name, created, urls, ca_key, ca, token_secret, token_public,"
	" access_uid, access_key, access_cert, outer_cert, ula) VALUES (1, 'lab.example', 1,"
	" 'https://as1.lab.example', x'01', x'02', zeroblob(64), zeroblob(32),"
	" '00112233445566778899aabbccddeeff', x'03', x'04', x'05', zeroblob(6))",
	"INSERT INTO member (id, domain, kind, uid, name, state, created, lans) VALUES"
	" (1, 1, 1, '00000000000000000000000000000001', 'site1', 1, 1, '192.168.201.0/24'),"
	" (2, 1, 2, '00000000000000000000000000000002', 'anna', 1, 1, ''),"
	" (3, 1, 4, '00000000000000000000000000000003', 'rs1', 2, 1, '')",
	"INSERT INTO password VALUES (2, 15, 8, 1, zeroblob(16), zeroblob(32))",
	"INSERT INTO endpoint (id, domain, member, host, key_sha256) VALUES"
	" (1, 1, 1, 1, zeroblob(32)), (2, 1, 2, 2, zeroblob(32))",
	"INSERT INTO invite (id, member, secret_sha256, created, expires, state) VALUES"
	" (1, 1, zeroblob(32), 1, 2, 0)",
};

/* Those that the steps brought; each from its step on. */
static const struct {
	int step;
	const char *sql;
} LATER[] = {
	{2, "INSERT INTO relay_wish VALUES (1, 3, 2)"},
	{3, "UPDATE member SET rate = 1000 WHERE id = 1"},
	{4, "UPDATE member SET rules = 'deny' WHERE id = 1"},
	{5, "INSERT INTO lan_host VALUES (1, 'plc1', 4, '192.168.201.10')"},
	{6, "UPDATE endpoint SET issuer = '0011223344556677' WHERE id = 1"},
};

static void make(int steps)
{
	char pragma[64];
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (int i = 0; i < steps; i++) {
		exec(db, SQLITE_MIGRATIONS[i]);
		for (size_t r = 0; i == 0 && r < sizeof(ROWS) / sizeof(ROWS[0]); r++)
			exec(db, ROWS[r]);
		for (size_t r = 0; r < sizeof(LATER) / sizeof(LATER[0]); r++) {
			if (LATER[r].step == i + 1)
				exec(db, LATER[r].sql);
		}
	}
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", steps);
	exec(db, pragma);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void check_sound(struct store *s)
{
	char words[STORE_REASON_SIZE], table[STORE_NAME_SIZE];
	int version, known;

	assert_int_equal(store_version_of(s, &version, &known), 0);
	assert_int_equal(version, known);
	assert_int_equal(store_sound(s, words), 0);
	if (store_references(s, table) != 0)
		fail_msg("%s", table);
}

static void count_one(struct store *s, const char *sql, int64_t want)
{
	sqlite3_stmt *st;

	assert_int_equal(sql_first(s, &st, sql, NULL, 0), 0);
	if (sqlite3_column_int64(st, 0) != want)
		fail_msg("%s: %lld", sql, (long long)sqlite3_column_int64(st, 0));
	sql_close(st);
}

/* @steps: of what it was made by. */
static void check_content(struct store *s, int steps)
{
	struct store_password password;
	struct store_member m;
	struct rules rules;
	struct store_domain d;

	assert_int_equal(store_domain_first(s, &d), 0);
	assert_string_equal(d.name, "lab.example");
	assert_int_equal(store_member_by_name(s, 1, IDENT_DEVICE, "site1", &m), 0);
	assert_int_equal(m.lans.n, 1);
	assert_int_equal(m.rate, steps >= 3 ? 1000 : 0);
	assert_true(m.folder > 0);
	assert_int_equal(store_rules_of(s, m.id, &rules), 0);
	assert_int_equal(rules.present, steps >= 4);
	assert_int_equal(store_member_by_name(s, 1, IDENT_USER, "anna", &m), 0);
	assert_int_equal(store_password_get(s, m.id, &password), 0);
	assert_int_equal(password.cost, 15);
	assert_int_equal(store_member_by_name(s, 1, IDENT_RELAY, "rs1", &m), 0);
	assert_int_equal(m.state, STORE_REVOKED);
	count_one(s, "SELECT COUNT(*) FROM endpoint WHERE length(key_sha256) = 32", 2);
	count_one(s, "SELECT COUNT(*) FROM invite", 1);
	count_one(s, "SELECT COUNT(*) FROM relay_wish", steps >= 2);
	count_one(s, "SELECT COUNT(*) FROM lan_host", steps >= 5);
	count_one(s, "SELECT COUNT(*) FROM endpoint WHERE issuer <> ''", steps >= 6);
	/* Everybody could connect everywhere: that is a permission now. */
	count_one(s,
		  "SELECT COUNT(*) FROM permission JOIN user_group ON user_group.id ="
		  " permission.user_group WHERE everyone = 1 AND what = 4 AND allow = 1",
		  1);
	count_one(s, "SELECT COUNT(*) FROM member WHERE folder IS NULL", 0);
}

static void from_each_step(void **state)
{
	(void)state;
	for (int steps = 1; steps <= SQLITE_MIGRATIONS_N; steps++) {
		struct store *s = NULL;

		make(steps);
		assert_int_equal(store_open(&s, dir), 0);
		check_sound(s);
		check_content(s, steps);
		store_close(s);
		/* The next start has nothing left to do. */
		assert_int_equal(store_open(&s, dir), 0);
		check_content(s, steps);
		store_close(s);
		assert_int_equal(teardown(NULL), 0);
		assert_int_equal(setup(NULL), 0);
	}
}

/* The process is killed after some time of its work: how much of it that is, is chance. */
static void open_for(unsigned us)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct store *s = NULL;

		_exit(!freopen("/dev/null", "w", stderr) || store_open(&s, dir) != 0);
	}
	usleep(us);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void killed_on_its_way(void **state)
{
	static const unsigned tries_us[] = {0, 500, 1000, 2000, 3000, 5000, 8000, 12000, 20000};
	struct store *s = NULL;

	(void)state;
	for (int round = 0; round < 3; round++) {
		make(1);
		for (size_t i = 0; i < sizeof(tries_us) / sizeof(tries_us[0]); i++)
			open_for(tries_us[i]);
		assert_int_equal(store_open(&s, dir), 0);
		check_sound(s);
		check_content(s, 1);
		store_close(s);
		assert_int_equal(teardown(NULL), 0);
		assert_int_equal(setup(NULL), 0);
	}
}

static void a_newer_one_is_left_alone(void **state)
{
	struct store *s = NULL;
	char pragma[64];
	sqlite3 *db;

	(void)state;
	make(SQLITE_MIGRATIONS_N);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", SQLITE_MIGRATIONS_N + 1);
	exec(db, pragma);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(store_open(&s, dir), -EPROTO);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	exec(db, "UPDATE member SET name = 'site2' WHERE name = 'site1'");
	assert_int_equal(sqlite3_changes(db), 1);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(from_each_step),
		TEST(killed_on_its_way),
		TEST(a_newer_one_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
