/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Folders, groups and permissions in the store, and how long a decision takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <time.h>

#include "accessd/access.h"
#include "accessd/sqlite_core.h"
#include "tests/unit/accessd_fixture.h"

static struct fixture f;
static int64_t root, other_domain, other_root;

static int64_t root_of(int64_t domain)
{
	struct store_folder r;

	assert_int_equal(store_folder_find(f.store, domain, "/", &r), 0);
	return r.id;
}

static int setup(void **state)
{
	struct domain *other = calloc(1, sizeof(*other));
	struct urls urls = {.n = 1};

	(void)state;
	fixture_open(&f);
	root = root_of(f.domain.row.id);
	assert_non_null(other);
	assert_int_equal(url_parse(&urls.at[0], "https://as2.lab.example"), 0);
	assert_int_equal(domain_create(other, f.store, "other.example", &urls, FIXTURE_NOW), 0);
	other_domain = other->row.id;
	other_root = root_of(other_domain);
	domain_wipe(other);
	free(other);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	domain_wipe(&f.domain);
	fixture_close(&f);
	return 0;
}

static int64_t folder(int64_t parent, const char *name, int want)
{
	struct store_folder x = {.domain = f.domain.row.id, .parent = parent};

	snprintf(x.name, sizeof(x.name), "%s", name);
	assert_int_equal(store_folder_add(f.store, &x), want);
	return x.id;
}

static int64_t add_member(enum ident_kind kind, const char *name, int64_t in)
{
	struct store_member m = {.domain = f.domain.row.id, .kind = kind, .folder = in};

	snprintf(m.name, sizeof(m.name), "%s", name);
	domain_uid(m.uid);
	assert_int_equal(store_member_add(f.store, &m), 0);
	return m.id;
}

static int64_t group(const char *name, int64_t in)
{
	struct store_group g = {.domain = f.domain.row.id, .folder = in};

	snprintf(g.name, sizeof(g.name), "%s", name);
	assert_int_equal(store_group_add(f.store, &g), 0);
	return g.id;
}

static void set(int64_t subject, bool is_group, int64_t at, enum permission what, bool allow)
{
	const struct permit_rule r = {.subject = subject,
				      .is_group = is_group,
				      .folder = at,
				      .what = what,
				      .allow = allow};

	assert_int_equal(store_permission_set(f.store, f.domain.row.id, &r), 0);
}

/* --- paths ----------------------------------------------------------------------------------- */

static void test_paths(void **state)
{
	static const char *const good[] = {"/",		 "/a",
					   "/a/b",	 "/italy/plant3",
					   "/1/2.x/y_z", "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"};
	static const char *const bad[] = {
		"",	   "a",	  "a/b",  "//",	       "/a/",
		"/a//b",   "/A",  "/a b", "/.",	       "/..",
		"/a/../b", "/-a", "/a-",  "/\xc3\xa4", "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a",
		"/a\n",	   "/%s"};
	char name[200] = "/";

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(store_path_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (store_path_ok(bad[i]))
			fail_msg("\"%s\"", bad[i]);
	}
	memset(name + 1, 'a', 63);
	assert_true(store_path_ok(name));
	memset(name + 1, 'a', 64);
	assert_false(store_path_ok(name));
}

/* --- folders --------------------------------------------------------------------------------- */

static void test_folders(void **state)
{
	int64_t italy = folder(root, "italy", 0), plant = folder(italy, "plant3", 0), deep = plant,
		chain[PERMIT_DEPTH_MAX + 1];
	struct store_folder x = {.domain = f.domain.row.id, .parent = other_root, .name = "x"};
	size_t n;

	(void)state;
	folder(root, "italy", -EEXIST);
	folder(12345, "italy", -ENOENT);
	assert_int_equal(store_folder_add(f.store, &x), -ENOENT); /* of another domain */
	assert_int_equal(store_folder_find(f.store, f.domain.row.id, "/italy/plant3", &x), 0);
	assert_int_equal(x.id, plant);
	assert_int_equal(store_folder_find(f.store, other_domain, "/italy/plant3", &x), -ENOENT);
	assert_int_equal(store_folder_find(f.store, f.domain.row.id, "/italy/", &x), -EINVAL);
	assert_int_equal(store_folder_chain(f.store, f.domain.row.id, plant, chain, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(chain[0], plant);
	assert_int_equal(chain[2], root);
	assert_int_equal(store_folder_chain(f.store, other_domain, plant, chain, &n), -ENOENT);
	/* Sixteen deep, and no more. */
	for (int i = 2; i < PERMIT_DEPTH_MAX; i++)
		deep = folder(deep, "d", 0);
	folder(deep, "d", -E2BIG);
	assert_int_equal(store_folder_move(f.store, italy, plant), -ELOOP);
	assert_int_equal(store_folder_move(f.store, italy, italy), -ELOOP);
	assert_int_equal(store_folder_move(f.store, root, italy), -ELOOP);
	assert_int_equal(store_folder_move(f.store, italy, other_root), -ENOENT);
	assert_int_equal(store_folder_move(f.store, italy, folder(root, "spain", 0)), -E2BIG);
	assert_int_equal(store_folder_rename(f.store, italy, "spain"), -EEXIST);
	assert_int_equal(store_folder_rename(f.store, root, "spain"), -ENOENT);
	assert_int_equal(store_folder_rename(f.store, italy, "rome"), 0);
	assert_int_equal(store_folder_find(f.store, f.domain.row.id, "/rome/plant3", &x), 0);
}

static void test_in_use(void **state)
{
	int64_t a = folder(root, "a", 0), b = folder(a, "b", 0),
		device = add_member(IDENT_DEVICE, "press4", b),
		user = add_member(IDENT_USER, "anna", root), g = group("fitters", b);
	struct permit_rule rule = {.subject = user, .folder = b, .allow = true};

	(void)state;
	assert_int_equal(store_folder_remove(f.store, root), -EBUSY);
	assert_int_equal(store_folder_remove(f.store, a), -EBUSY);
	assert_int_equal(store_folder_remove(f.store, b), -EBUSY); /* a device */
	assert_int_equal(store_member_move(f.store, device, a), 0);
	assert_int_equal(store_member_move(f.store, device, other_root), -ENOENT);
	assert_int_equal(store_folder_remove(f.store, b), -EBUSY); /* a group */
	assert_int_equal(store_group_move(f.store, g, other_root), -ENOENT);
	assert_int_equal(store_group_move(f.store, g, a), 0);
	assert_int_equal(store_permission_set(f.store, f.domain.row.id, &rule), 0);
	assert_int_equal(store_folder_remove(f.store, b), -EBUSY); /* a permission */
	assert_int_equal(store_permission_clear(f.store, &rule), 0);
	assert_int_equal(store_permission_clear(f.store, &rule), -ENOENT);
	assert_int_equal(store_setting_set(f.store, f.domain.row.id, b, "idle", "10m"), 0);
	assert_int_equal(store_folder_remove(f.store, b), 0);
	assert_int_equal(store_folder_remove(f.store, b), -ENOENT);
	assert_int_equal(store_group_join(f.store, g, user), 0);
	assert_int_equal(store_group_join(f.store, g, user), -EEXIST);
	assert_int_equal(store_group_join(f.store, g, device), -ENOENT); /* no user */
	assert_int_equal(store_group_remove(f.store, g), -EBUSY);
	assert_int_equal(store_group_leave(f.store, g, user), 0);
	assert_int_equal(store_group_leave(f.store, g, user), -ENOENT);
	set(g, true, a, PERMIT_CONNECT, false);
	assert_int_equal(store_group_remove(f.store, g), -EBUSY);
	rule = (struct permit_rule){
		.subject = g, .is_group = true, .folder = a, .what = PERMIT_CONNECT};
	assert_int_equal(store_permission_clear(f.store, &rule), 0);
	assert_int_equal(store_group_remove(f.store, g), 0);
}

/* --- what holds now -------------------------------------------------------------------------- */

static bool may(struct access *a, int64_t user, int64_t device)
{
	bool yes;

	assert_int_equal(access_may_device(a, user, PERMIT_CONNECT, device, &yes), 0);
	return yes;
}

static void test_always_now(void **state)
{
	int64_t hall = folder(root, "hall", 0), user = add_member(IDENT_USER, "anna", root),
		device = add_member(IDENT_DEVICE, "press4", root), g = group("fitters", root);
	struct permit_rule rule = {
		.subject = user, .device = device, .what = PERMIT_CONNECT, .allow = true};
	struct access *a;
	bool yes;

	(void)state;
	assert_int_equal(access_open(&a, f.store, f.domain.row.id), 0);
	assert_false(may(a, user, device)); /* a new domain allows nothing */
	set(g, true, hall, PERMIT_CONNECT, true);
	assert_false(may(a, user, device));
	assert_int_equal(store_group_join(f.store, g, user), 0);
	assert_false(may(a, user, device));
	assert_int_equal(store_member_move(f.store, device, hall), 0);
	assert_true(may(a, user, device));
	assert_int_equal(store_permission_set(f.store, f.domain.row.id, &rule), 0);
	assert_int_equal(store_group_leave(f.store, g, user), 0);
	assert_true(may(a, user, device));
	/* Said again in another way: it is one rule. */
	rule.allow = false;
	assert_int_equal(store_permission_set(f.store, f.domain.row.id, &rule), 0);
	assert_false(may(a, user, device));
	/* What is taken back was never so. */
	assert_int_equal(store_begin(f.store), 0);
	assert_int_equal(store_permission_clear(f.store, &rule), 0);
	set(user, false, root, PERMIT_CONNECT, true);
	assert_true(may(a, user, device));
	store_rollback(f.store);
	assert_false(may(a, user, device));
	assert_int_equal(store_member_remove(f.store, device), 0);
	assert_int_equal(access_may_device(a, user, PERMIT_CONNECT, device, &yes), -ENOENT);
	assert_false(yes);
	access_close(a);
}

/* --- a domain of before there were permissions -------------------------------------------------
 */

#define BEFORE 6 /* the schema's step then */

static void make_old(const char *path)
{
	char pragma[48];
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (int i = 0; i < BEFORE; i++)
		assert_int_equal(sqlite3_exec(db, SQLITE_MIGRATIONS[i], NULL, NULL, NULL),
				 SQLITE_OK);
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", BEFORE);
	assert_int_equal(sqlite3_exec(db, pragma, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db,
			     "INSERT INTO domain (id, name, created, urls, ca_key, ca, "
			     "token_secret, token_public, access_uid, access_key, access_cert, "
			     "outer_cert, ula) VALUES (7, 'old.example', 1, '', x'', x'', x'', "
			     "x'', 'x', x'', x'', x'', x'');"
			     "INSERT INTO member (id, domain, kind, uid, name, state, created)"
			     " VALUES (1, 7, 1, 'a', 'press4', 1, 1), (2, 7, 2, 'b', 'anna', 1, 1)",
			     NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Everybody could connect to everything, and can. */
static void test_before(void **state)
{
	char dir[64], path[128];
	struct store_member m;
	struct access *a;
	struct store *s;
	bool yes;

	(void)state;
	fixture_dir(dir);
	snprintf(path, sizeof(path), "%s/accessd.db", dir);
	make_old(path);
	assert_int_equal(store_open(&s, dir), 0);
	assert_int_equal(access_open(&a, s, 7), 0);
	assert_int_equal(access_may_device(a, 2, PERMIT_CONNECT, 1, &yes), 0);
	assert_true(yes);
	assert_int_equal(access_may_device(a, 2, PERMIT_FIREWALL, 1, &yes), 0);
	assert_false(yes);
	assert_int_equal(store_member_get(s, 2, &m), 0);
	assert_int_equal(m.folder, permit_map_root(access_map(a)));
	access_close(a);
	store_close(s);
	fixture_remove(dir);
}

/* --- time ------------------------------------------------------------------------------------ */

#define DEVICES 10000
#define USERS 1000
#define GROUPS 200
#define TREE 12 /* deep */
#define DECISIONS 20000
#define LIMIT_US 100

static int64_t device_ids[DEVICES], user_ids[USERS], group_ids[GROUPS], folder_ids[2000];
static size_t n_folders;

/* Three in each down to five, then chains: twelve deep. */
static void grow(int64_t parent, int depth)
{
	char name[16];

	for (int i = 0; i < (depth <= 5 ? 3 : 1) && n_folders < 2000 && depth <= TREE; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		folder_ids[n_folders] = folder(parent, name, 0);
		grow(folder_ids[n_folders++], depth + 1);
	}
}

static void fill(void)
{
	char name[32];

	assert_int_equal(store_begin(f.store), 0);
	grow(root, 1);
	for (int i = 0; i < GROUPS; i++) {
		snprintf(name, sizeof(name), "g%d", i);
		group_ids[i] = group(name, folder_ids[(size_t)i % n_folders]);
	}
	for (int i = 0; i < USERS; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		user_ids[i] = add_member(IDENT_USER, name, root);
		for (int k = 0; k < 10; k++)
			assert_int_equal(store_group_join(f.store, group_ids[(i + k * 17) % GROUPS],
							  user_ids[i]),
					 0);
	}
	for (size_t i = 0; i < DEVICES; i++) {
		snprintf(name, sizeof(name), "d%zu", i);
		device_ids[i] = add_member(IDENT_DEVICE, name, folder_ids[i * 7 % n_folders]);
	}
	/* Every group somewhere, every fourth user too; twenty groups at the root. */
	for (int i = 0; i < 4000; i++)
		set(group_ids[i % GROUPS], true, folder_ids[(size_t)i * 31 % n_folders],
		    (enum permission)(i % PERMISSIONS), i % 3 != 0);
	for (int i = 0; i < USERS; i += 4)
		set(user_ids[i], false, folder_ids[(size_t)i * 13 % n_folders], PERMIT_CONNECT,
		    true);
	for (int i = 0; i < 20; i++)
		set(group_ids[i], true, root, PERMIT_CONNECT, true);
	assert_int_equal(store_commit(f.store), 0);
}

/* Of this process, so that a busy machine does not count. */
static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* As a connect asks: the device by its id, from the register. */
static void test_time(void **state)
{
	double begin, load, by_device, in_map;
	const struct permit_map *m;
	size_t yes = 0;
	struct access *a;

	(void)state;
	fill();
	begin = cpu_us();
	assert_int_equal(access_open(&a, f.store, f.domain.row.id), 0);
	load = cpu_us() - begin;
	begin = cpu_us();
	for (size_t i = 0; i < DECISIONS; i++)
		yes += may(a, user_ids[i * 7919 % USERS], device_ids[i * 104729 % DEVICES]);
	by_device = (cpu_us() - begin) / DECISIONS;
	m = access_map(a);
	begin = cpu_us();
	for (size_t i = 0; i < DECISIONS; i++)
		(void)permit_map_may(m, user_ids[i * 7919 % USERS], PERMIT_FIREWALL,
				     &(struct permit_place){.folder = folder_ids[i % n_folders]});
	in_map = (cpu_us() - begin) / DECISIONS;
	print_message("%d devices, %d users, %d groups, %zu folders %d deep: %.1f us a decision "
		      "(%.1f us in memory), %.1f ms to read all anew; %zu of %d allowed\n",
		      DEVICES, USERS, GROUPS, n_folders, TREE, by_device, in_map, load / 1e3, yes,
		      DECISIONS);
	assert_true(yes > 0 && yes < DECISIONS);
	assert_true(by_device <= LIMIT_US);
	access_close(a);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),  WITH_STORE(test_folders),
		WITH_STORE(test_in_use),       WITH_STORE(test_always_now),
		cmocka_unit_test(test_before), WITH_STORE(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
