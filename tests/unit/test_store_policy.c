/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Firewall policies in the store: which concern a session, and what may not go. */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "accessd/policies.h"
#include "accessd/sqlite_core.h"

static char dir[64];
static struct store *s;
static struct store_domain d;
static struct store_member anna, bert, press;
static int64_t root, italy, plant;

static int64_t number(const char *sql)
{
	sqlite3_stmt *st;
	int64_t n;

	assert_int_equal(sql_first(s, &st, sql, NULL, 0), 0);
	n = sqlite3_column_int64(st, 0);
	sql_close(st);
	return n;
}

static int64_t add_folder(int64_t parent, const char *name)
{
	assert_int_equal(sql_run(s, "INSERT INTO folder (domain, parent, name) VALUES (?, ?, ?)",
				 ARGS(INT(d.id), INT(parent), TEXT(name))),
			 0);
	return sqlite3_last_insert_rowid(s->db);
}

static int64_t add_group(const char *name)
{
	assert_int_equal(sql_run(s,
				 "INSERT INTO user_group (domain, folder, name) VALUES (?, ?, ?)",
				 ARGS(INT(d.id), INT(root), TEXT(name))),
			 0);
	return sqlite3_last_insert_rowid(s->db);
}

static void join(int64_t group, int64_t user)
{
	assert_int_equal(
		sql_run(s, "INSERT INTO group_member VALUES (?, ?)", ARGS(INT(group), INT(user))),
		0);
}

static void add_member(struct store_member *m, enum ident_kind kind, const char *name)
{
	static unsigned last;

	*m = (struct store_member){.domain = d.id, .kind = kind, .created = 1};
	snprintf(m->name, sizeof(m->name), "%s", name);
	snprintf(m->uid, sizeof(m->uid), "%032u", ++last);
	assert_int_equal(store_member_add(s, m), 0);
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/farlan-policy-XXXXXX");
	if (!mkdtemp(dir) || store_open(&s, dir) != 0)
		return -1;
	d = (struct store_domain){.name = "lab.example", .created = 1};
	d.urls.n = 1;
	assert_int_equal(url_parse(&d.urls.at[0], "https://as1.lab.example"), 0);
	d.ca_key.len = d.access_key.len = d.ca.len = d.access_cert.len = d.outer_cert.len = 3;
	strcpy(d.access_uid, "00112233445566778899aabbccddeeff");
	assert_int_equal(store_domain_add(s, &d), 0);
	root = number("SELECT id FROM folder");
	italy = add_folder(root, "italy");
	plant = add_folder(italy, "plant3");
	add_member(&anna, IDENT_USER, "anna");
	add_member(&bert, IDENT_USER, "bert");
	add_member(&press, IDENT_DEVICE, "press1");
	assert_int_equal(sql_run(s, "UPDATE member SET folder = ? WHERE id = ?",
				 ARGS(INT(plant), INT(press.id))),
			 0);
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	store_close(s);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd); /* NOLINT(cert-env33-c): a fixed command of this test */
}

/* A policy of one rule, tcp/PORT, or of @n. */
static int64_t add_policy(const char *name, unsigned int port, size_t n)
{
	struct store_policy p = {.domain = d.id, .folder = root};
	struct rules rules = {.present = true, .n = n};
	char text[RULE_TEXT_SIZE];

	snprintf(text, sizeof(text), "allow tcp/%u", port);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(rule_parse(&rules.at[i], text), 0);
	snprintf(p.name, sizeof(p.name), "%s", name);
	assert_int_equal(store_policy_add(s, &p), 0);
	assert_int_equal(store_policy_set_rules(s, p.id, &rules), 0);
	return p.id;
}

static void attach(int64_t policy, int64_t folder, int64_t user, int64_t group)
{
	struct store_attachment a = {.policy = policy,
				     .folder = folder,
				     .device = folder ? 0 : press.id,
				     .user = user,
				     .group = group};

	assert_int_equal(store_attach(s, d.id, &a), 0);
	assert_int_equal(store_attach(s, d.id, &a), -EEXIST);
}

/* Ports in their order; "none": there is no list. */
static void expect(const struct store_member *user, const char *want)
{
	struct rules rules;
	char got[200] = "";
	size_t n = 0;

	assert_int_equal(policies_rules(s, user->id, press.id, &rules), 0);
	assert_int_equal(store_applied_count(s, user->id, press.id, &n), 0);
	assert_int_equal(n, rules.n);
	for (size_t i = 0; i < rules.n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%u", i ? " " : "",
			 rules.at[i].from_port);
	assert_string_equal(rules.present ? got : "none", want);
}

static void what_concerns_a_session(void **state)
{
	int64_t fitters = add_group("fitters");
	struct rules own = {.present = true, .n = 1};

	(void)state;
	expect(&anna, "none");
	attach(add_policy("base", 1, 1), root, 0, 0);
	attach(add_policy("italy", 2, 1), italy, 0, 0);
	attach(add_policy("fitters", 3, 1), italy, 0, fitters);
	attach(add_policy("anna", 4, 1), italy, anna.id, 0);
	attach(add_policy("press", 5, 1), 0, 0, 0);
	attach(add_policy("elsewhere", 6, 1), add_folder(root, "france"), 0, 0);
	expect(&anna, "5 4 2 1");
	expect(&bert, "5 2 1");
	join(fitters, bert.id);
	expect(&bert, "5 3 2 1");
	assert_int_equal(rule_parse(&own.at[0], "deny tcp/9"), 0);
	assert_int_equal(store_rules_set(s, press.id, &own), 0);
	expect(&bert, "9 5 3 2 1");
	assert_int_equal(sql_run(s, "UPDATE folder SET parent = ? WHERE id = ?",
				 ARGS(INT(root), INT(plant))),
			 0); /* /plant3 */
	expect(&bert, "9 5 1");
}

static void what_is_attached_stays(void **state)
{
	int64_t policy = add_policy("base", 1, 1), fitters = add_group("fitters");
	struct store_attachment a = {.policy = policy, .folder = italy, .group = fitters};

	(void)state;
	assert_int_equal(store_attach(s, d.id, &a), 0);
	assert_int_equal(store_policy_remove(s, policy), -EBUSY);
	assert_true(sql_run(s, "DELETE FROM user_group WHERE id = ?", ARGS(INT(fitters))) != 0);
	a.group = 0;
	assert_int_equal(store_detach(s, &a), -ENOENT);
	a.group = fitters;
	assert_int_equal(store_detach(s, &a), 0);
	assert_int_equal(store_policy_remove(s, policy), 0);
	/* With the device or user goes what was attached to or for him. */
	policy = add_policy("base", 1, 1);
	attach(policy, 0, anna.id, 0);
	assert_int_equal(store_member_remove(s, press.id), 0);
	assert_int_equal(store_policy_remove(s, policy), 0);
}

static void names(void **state)
{
	int64_t policy = add_policy("base", 1, 2);
	struct store_policy p;
	struct rules rules;

	(void)state;
	(void)add_policy("other", 1, 0);
	assert_int_equal(store_policy_by_name(s, d.id, "base", &p), 0);
	assert_int_equal(p.n_rules, 2);
	assert_int_equal(p.n_attached, 0);
	assert_int_equal(store_policy_by_name(s, d.id + 1, "base", &p), -ENOENT);
	assert_int_equal(store_policy_rename(s, policy, "other"), -EEXIST);
	assert_int_equal(store_policy_rename(s, policy, "first"), 0);
	assert_int_equal(store_policy_by_name(s, d.id, "base", &p), -ENOENT);
	assert_int_equal(store_policy_rules(s, policy, &rules), 0);
	assert_int_equal(rules.n, 2);
	assert_int_equal(store_policy_rename(s, policy + 100, "x"), -ENOENT);
}

static void too_many(void **state)
{
	struct rules rules;
	size_t n;

	(void)state;
	attach(add_policy("a", 1, 200), root, 0, 0);
	attach(add_policy("b", 1, 57), italy, anna.id, 0);
	assert_int_equal(policies_rules(s, bert.id, press.id, &rules), 0);
	assert_int_equal(policies_rules(s, anna.id, press.id, &rules), -E2BIG);
	assert_true(rules.present && rules.n == 0);
	assert_int_equal(store_applied_count(s, anna.id, press.id, &n), 0);
	assert_int_equal(n, 257);
	assert_int_equal(store_applied_bound(s, d.id, &n), 0);
	assert_int_equal(n, 257);
	for (unsigned int i = 0; i < POLICY_PARTS_MAX; i++) {
		char name[16];

		snprintf(name, sizeof(name), "p%u", i);
		attach(add_policy(name, 1, 1), plant, 0, 0);
	}
	assert_int_equal(policies_rules(s, bert.id, press.id, &rules), -E2BIG);
	assert_true(rules.present && rules.n == 0);
}

static void the_lock_is_kept(void **state)
{
	struct store_lock lock = {.since = 5, .why = "locked at the machine"}, back;
	bool changed;

	(void)state;
	assert_int_equal(store_lock_of(s, press.id, &back), -ENOENT);
	assert_int_equal(store_lock_set(s, press.id, NULL, &changed), 0);
	assert_false(changed);
	assert_int_equal(store_lock_set(s, press.id, &lock, &changed), 0);
	assert_true(changed);
	assert_int_equal(store_lock_set(s, press.id, &lock, &changed), 0);
	assert_false(changed); /* it says so with each hello */
	assert_int_equal(store_lock_of(s, press.id, &back), 0);
	assert_string_equal(back.why, lock.why);
	assert_int_equal(store_lock_set(s, press.id, NULL, &changed), 0);
	assert_true(changed);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_concerns_a_session),
		TEST(what_is_attached_stays),
		TEST(names),
		TEST(too_many),
		TEST(the_lock_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
