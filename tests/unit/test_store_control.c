/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store's part of sessions under control: what is set where, who is in which group, what waits.
 */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "accessd/store_control.h"
#include "accessd/store_tree.h"

#define LIMIT_S (8 * 3600)

static char dir[64];
static struct store *s;
static struct store_domain lab, other;
static unsigned last_uid;

static struct store_domain add_domain(const char *name)
{
	struct store_domain d = {.created = 1};

	snprintf(d.name, sizeof(d.name), "%s", name);
	d.urls.n = 1;
	assert_int_equal(url_parse(&d.urls.at[0], "https://as1.lab.example"), 0);
	d.ca_key.len = d.access_key.len = d.ca.len = d.access_cert.len = d.outer_cert.len = 3;
	snprintf(d.access_uid, sizeof(d.access_uid), "%032u", ++last_uid);
	assert_int_equal(store_domain_add(s, &d), 0);
	return d;
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/farlan-control-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(store_open(&s, dir), 0);
	lab = add_domain("lab");
	other = add_domain("other");
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

static int64_t folder(const struct store_domain *d, int64_t parent, const char *name)
{
	struct store_folder f = {.domain = d->id, .parent = parent};

	snprintf(f.name, sizeof(f.name), "%s", name);
	assert_int_equal(store_folder_add(s, &f), 0);
	return f.id;
}

static int64_t root_of(const struct store_domain *d)
{
	struct store_folder f;

	assert_int_equal(store_folder_find(s, d->id, "/", &f), 0);
	return f.id;
}

static struct store_member member(const struct store_domain *d, enum ident_kind kind,
				  const char *name, int64_t in)
{
	struct store_member m = {.domain = d->id, .kind = kind, .created = 5, .folder = in};

	snprintf(m.name, sizeof(m.name), "%s", name);
	snprintf(m.uid, sizeof(m.uid), "%032u", ++last_uid);
	assert_int_equal(store_member_add(s, &m), 0);
	return m;
}

static void set(const struct store_domain *d, int64_t in, const char *key, const char *value)
{
	assert_int_equal(store_setting_set(s, d->id, in, key, value), 0);
}

/* What holds, and where it comes from. */
static void expect(const struct store_domain *d, int64_t in, enum setting key, int64_t number,
		   int64_t from)
{
	struct settings all;

	assert_int_equal(store_settings_of(s, d->id, in, LIMIT_S, &all), 0);
	assert_int_equal(all.at[key].number, number);
	assert_int_equal(all.at[key].from, from);
}

static void inherited(void **state)
{
	int64_t root = root_of(&lab), italy = folder(&lab, root, "italy"),
		plant = folder(&lab, italy, "plant3"), spain = folder(&lab, root, "spain");
	struct store_member press = member(&lab, IDENT_DEVICE, "press4", plant);
	struct settings all;

	(void)state;
	expect(&lab, plant, SETTING_IDLE, 1800, SETTINGS_FROM_SERVER);
	expect(&lab, plant, SETTING_LIMIT, LIMIT_S, SETTINGS_FROM_SERVER);
	set(&lab, 0, "idle", "1h");
	expect(&lab, plant, SETTING_IDLE, 3600, SETTINGS_FROM_DOMAIN);
	expect(&lab, 0, SETTING_IDLE, 3600, SETTINGS_FROM_DOMAIN);
	set(&lab, root, "idle", "2h");
	set(&lab, italy, "idle", "3h");
	expect(&lab, plant, SETTING_IDLE, 3 * 3600, italy);
	expect(&lab, spain, SETTING_IDLE, 2 * 3600, root);
	expect(&lab, 0, SETTING_IDLE, 3600, SETTINGS_FROM_DOMAIN);
	set(&lab, plant, "idle", "none");
	assert_int_equal(store_settings_of_member(s, &press, LIMIT_S, &all), 0);
	assert_int_equal(all.at[SETTING_IDLE].number, 0);
	set(&lab, plant, "idle", NULL);
	assert_int_equal(store_folder_move(s, plant, spain), 0);
	expect(&lab, plant, SETTING_IDLE, 2 * 3600, root);
	/* Nothing comes from another domain, even by a folder of it. */
	expect(&other, root_of(&other), SETTING_IDLE, 1800, SETTINGS_FROM_SERVER);
	expect(&other, plant, SETTING_IDLE, 1800, SETTINGS_FROM_SERVER);
}

/* What was written by another version: nobody may take the default for it. */
static void unreadable(void **state)
{
	struct settings all;

	(void)state;
	set(&lab, 0, "colour", "red");
	assert_int_equal(store_settings_of(s, lab.id, 0, LIMIT_S, &all), 0);
	set(&lab, 0, "approve", "two-persons");
	assert_int_equal(store_settings_of(s, lab.id, 0, LIMIT_S, &all), -EIO);
	assert_int_equal(store_settings_of(s, lab.id, root_of(&lab), LIMIT_S, &all), -EIO);
	assert_int_equal(store_settings_of(s, other.id, 0, LIMIT_S, &all), 0);
	set(&lab, root_of(&lab), "approve", "person"); /* nearer: that one is not asked */
	assert_int_equal(store_settings_of(s, lab.id, root_of(&lab), LIMIT_S, &all), 0);
}

static void groups(void **state)
{
	struct store_member anna = member(&lab, IDENT_USER, "anna", 0),
			    bert = member(&lab, IDENT_USER, "bert", 0);
	struct store_group g = {.domain = lab.id, .folder = root_of(&lab), .name = "leaders"};

	(void)state;
	assert_int_equal(store_group_add(s, &g), 0);
	assert_int_equal(store_group_join(s, g.id, anna.id), 0);
	assert_int_equal(store_group_holds(s, lab.id, "leaders", anna.id), 0);
	assert_int_equal(store_group_holds(s, lab.id, "leaders", bert.id), -ENOENT);
	assert_int_equal(store_group_holds(s, lab.id, "everyone", bert.id), 0);
	assert_int_equal(store_group_holds(s, lab.id, "nobody", anna.id), -ENOENT);
	assert_int_equal(store_group_holds(s, lab.id, "' OR 1=1 --", anna.id), -ENOENT);
	assert_int_equal(store_group_holds(s, other.id, "leaders", anna.id), -ENOENT);
	assert_int_equal(store_group_leave(s, g.id, anna.id), 0);
	assert_int_equal(store_group_holds(s, lab.id, "leaders", anna.id), -ENOENT);
}

static void waiting(void **state)
{
	struct pending p = {.id = "04302db8ef22",
			    .user_name = "anna",
			    .device_name = "press4",
			    .from = "192.0.2.1",
			    .reason = "'); DROP TABLE approval; --"},
		       got;

	(void)state;
	assert_int_equal(store_pending_first(s, lab.id, &got), -ENOENT);
	assert_int_equal(store_pending_add(s, lab.id, &p), 0);
	assert_int_equal(store_pending_add(s, lab.id, &p), -EEXIST);
	assert_int_equal(store_pending_first(s, other.id, &got), -ENOENT);
	assert_int_equal(store_pending_first(s, lab.id, &got), 0);
	assert_memory_equal(&got, &p, sizeof(p));
	assert_int_equal(store_pending_remove(s, p.id), 0);
	assert_int_equal(store_pending_remove(s, p.id), 0);
	assert_int_equal(store_pending_first(s, lab.id, &got), -ENOENT);
}

static void sessions(void **state)
{
	struct store_session x = {.id = "00112233445566778899aabbccddeeff",
				  .domain = lab.id,
				  .user_name = "anna",
				  .device_name = "press4",
				  .started = 1,
				  .ends = 2,
				  .why = "Bänder %s",
				  .address = "2001:db8::1",
				  .approved_by = "bert and the machine",
				  .idle_s = 900},
			     got;
	struct store_member anna = member(&lab, IDENT_USER, "anna", 0),
			    press = member(&lab, IDENT_DEVICE, "press4", 0);
	struct store_endpoint e = {.domain = lab.id, .member = anna.id, .host = 2},
			      f = {.domain = lab.id, .member = press.id, .host = 3};

	(void)state;
	assert_int_equal(store_endpoint_add(s, &e), 0);
	assert_int_equal(store_endpoint_add(s, &f), 0);
	x.manager = e.id;
	x.device = f.id;
	x.user_member = anna.id;
	x.device_member = press.id;
	assert_int_equal(store_session_add(s, &x), 0);
	assert_int_equal(store_session_get(s, x.id, &got), 0);
	assert_string_equal(got.why, x.why);
	assert_string_equal(got.address, x.address);
	assert_string_equal(got.approved_by, x.approved_by);
	assert_int_equal(got.idle_s, 900);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(inherited), TEST(unreadable), TEST(groups), TEST(waiting), TEST(sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
