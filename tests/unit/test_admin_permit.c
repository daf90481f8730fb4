/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Administrators who are users: every method of the table as somebody without rights and as the
 * administrator of another part of the tree, with anything in its parameters; and the ways in which
 * somebody might make himself more than he is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>
#include <cmocka.h>

#include "accessd/admin.h"
#include "accessd/app.h"
#include "tests/unit/accessd_app.h"

/*
 * The tree:
 *   /                 boss administers; nobody9 stands here and may do nothing; relay rs1
 *   /italy            ita administers; usra manages users, deva devices and folders;
 *                     bert is in fitters-it; carla may connect in /germany, too
 *   /italy/plant3     press4; fitters-it may connect
 *   /italy/secret     vault1; ita is denied to administer
 *   /germany          ger administers; group hallers
 *   /germany/halle    lathe1
 */
static struct net net;

/* --- asking as a user ------------------------------------------------------------------------ */

static struct answer {
	struct rpc rpc;
	bool done;
	json_t *result;
	int code;
	char error[RPC_MESSAGE_SIZE];
} answer;

static int take_answer(struct rpc *rpc, const void *bytes, size_t n)
{
	json_t *o = json_loadb((const char *)bytes + 4, n - 4, JSON_ALLOW_NUL, NULL), *error;

	(void)rpc;
	assert_non_null(o);
	assert_false(answer.done); /* exactly one */
	answer.done = true;
	answer.result = json_incref(json_object_get(o, "result"));
	error = json_object_get(o, "error");
	if (error) {
		answer.code = (int)json_integer_value(json_object_get(error, "code"));
		snprintf(answer.error, sizeof(answer.error), "%s",
			 json_string_value(json_object_get(error, "message")));
	}
	json_decref(o);
	return 0;
}

static const struct rpc_ops OPS = {.send = take_answer};

static struct rpc *find_answer(struct app *app, uint64_t number)
{
	(void)app;
	(void)number;
	return &answer.rpc;
}

static const struct ask_origin ORIGIN = {.find = find_answer};

static bool is_answered(void *arg)
{
	(void)arg;
	return answer.done;
}

/* @params: taken. "": the host's administrator. Return: the code; the result is in answer. */
static int ask_as(const char *user, const char *method, json_t *params)
{
	struct ask q = {.app = net.app, .origin = &ORIGIN, .id = 1};
	const struct admin_method *m = admin_find_method(method);
	struct store_member who;

	assert_non_null(m);
	json_decref(answer.result);
	memset(&answer, 0, sizeof(answer));
	rpc_init(&answer.rpc, &net.loop, &OPS, NULL, 65536);
	q.realm = app_realm(net.app, "");
	assert_non_null(q.realm);
	snprintf(q.caller.address, sizeof(q.caller.address), "192.0.2.1:4711");
	if (user[0]) {
		assert_int_equal(store_member_by_name(net.app->store, q.realm->domain.row.id,
						      IDENT_USER, user, &who),
				 0);
		q.caller.user = who.id;
		snprintf(q.caller.name, sizeof(q.caller.name), "%s", user);
		snprintf(q.caller.uid, sizeof(q.caller.uid), "%s", who.uid);
	}
	admin_run(&q, m, params);
	net_until(&net, is_answered, NULL);
	rpc_deinit(&answer.rpc);
	json_decref(params);
	return answer.code;
}

static void refused(int want, const char *user, const char *method, json_t *params)
{
	int code = ask_as(user, method, params);

	if (code != want)
		fail_msg("%s %s: %d \"%s\", not %d", user, method, code, answer.error, want);
}

static void done(const char *user, const char *method, json_t *params)
{
	if (ask_as(user, method, params) != 0)
		fail_msg("%s %s: %d \"%s\"", user, method, answer.code, answer.error);
}

static json_t *rule(const char *subject, const char *what, const char *target)
{
	return json_pack("{s:s, s:s, s:s}", "subject", subject, "what", what, "target", target);
}

static json_t *named(const char *name)
{
	return json_pack("{s:s}", "name", name);
}

static json_t *into(const char *name, const char *folder)
{
	return json_pack("{s:s, s:s}", "name", name, "folder", folder);
}

static json_t *member(const char *group, const char *user)
{
	return json_pack("{s:s, s:s}", "name", group, "user", user);
}

static json_t *at(const char *path)
{
	return json_pack("{s:s}", "path", path);
}

static bool may(const char *user, const char *what, const char *target)
{
	done("", "can", json_pack("{s:s, s:s, s:s}", "user", user, "what", what, "target", target));
	return json_is_true(json_object_get(answer.result, "allowed"));
}

/* --- the world ------------------------------------------------------------------------------- */

#define SECRET "lab-%s-Engineers-Secret"

static json_t *with_password(const char *name, const char *folder)
{
	char password[128];

	snprintf(password, sizeof(password), SECRET, name);
	return json_pack("{s:s, s:s, s:s}", "name", name, "folder", folder, "password", password);
}

static json_t *device(const char *name, const char *folder)
{
	return json_pack("{s:s, s:s, s:[]}", "name", name, "folder", folder, "lans");
}

/* Without a password, which takes its time. */
static void add_user(const char *name, const char *folder)
{
	const struct realm *r = app_realm(net.app, "");
	struct store_member m = {.kind = IDENT_USER};
	char invitation[INVITE_TEXT_SIZE];
	struct store_folder f;

	snprintf(m.name, sizeof(m.name), "%s", name);
	assert_int_equal(store_folder_find(r->store, r->domain.row.id, folder, &f), 0);
	m.folder = f.id;
	assert_int_equal(admission_add(&r->admission, &m, NULL, 1800000000, 1900000000, invitation),
			 0);
}

static void make_members(void)
{
	static const char *const users[][2] = {
		{"boss", "/"},	    {"nobody9", "/"},	{"ita", "/italy"},   {"usra", "/italy"},
		{"deva", "/italy"}, {"bert", "/italy"}, {"carla", "/italy"}, {"ger", "/germany"}};
	static const char *const devices[][2] = {{"press4", "/italy/plant3"},
						 {"vault1", "/italy/secret"},
						 {"lathe1", "/germany/halle"}};

	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		add_user(users[i][0], users[i][1]);
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		done("", "device.add", device(devices[i][0], devices[i][1]));
	done("", "relay.add", json_pack("{s:s, s:[s]}", "name", "rs1", "urls", "https://rs1.lab"));
	done("", "group.add", into("fitters-it", "/italy"));
	done("", "group.add", into("hallers", "/germany"));
	done("", "group.add", named("admins"));
	done("", "policy.add", into("pol", "/italy"));
	done("", "policy.add", into("pog", "/germany"));
	done("", "group.member.add", member("fitters-it", "bert"));
}

static void make_rules(void)
{
	static const char *const rules[][4] = {
		{"clear", "everyone", "connect", "/"},
		{"allow", "admins", "administer", "/"},
		{"allow", "boss", "administer", "/"},
		{"allow", "ita", "administer", "/italy"},
		{"deny", "ita", "administer", "/italy/secret"},
		{"allow", "usra", "manage-users", "/italy"},
		{"allow", "deva", "manage-devices", "/italy"},
		{"allow", "fitters-it", "connect", "/italy/plant3"},
		{"allow", "carla", "connect", "/germany"},
		{"allow", "ger", "administer", "/germany"},
	};
	char method[32];

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		snprintf(method, sizeof(method), "permission.%s", rules[i][0]);
		done("", method, rule(rules[i][1], rules[i][2], rules[i][3]));
	}
}

static int setup(void **state)
{
	static const char *const folders[] = {"/italy", "/italy/plant3", "/italy/secret",
					      "/germany", "/germany/halle"};

	(void)state;
	net_open(&net);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		done("", "folder.add", at(folders[i]));
	make_members();
	make_rules();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(answer.result);
	answer.result = NULL;
	net_close(&net);
	return 0;
}

/* --- what the register says, all of it ------------------------------------------------------- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * UINT64_C(1099511628211);
	return hash;
}

static uint64_t mix_table(sqlite3 *db, const char *name, uint64_t hash)
{
	sqlite3_stmt *st;
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY 1", name);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	hash = mix(hash, name, strlen(name));
	while (sqlite3_step(st) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(st); i++) {
			const void *p = sqlite3_column_blob(st, i);

			hash = mix(hash, p, (size_t)sqlite3_column_bytes(st, i));
			hash = mix(hash, "|", 1);
		}
	}
	sqlite3_finalize(st);
	return hash;
}

/* But for the audit, which is to grow. */
static uint64_t fingerprint(void)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	sqlite3_stmt *st;
	char path[256];
	sqlite3 *db;
	int n = 0;

	snprintf(path, sizeof(path), "%s/accessd.db", net.conf.state);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
					    "SELECT name FROM sqlite_master WHERE type = 'table'"
					    " AND name NOT LIKE 'audit%' AND name NOT LIKE "
					    "'sqlite_%' ORDER BY name",
					    -1, &st, NULL),
			 SQLITE_OK);
	for (; sqlite3_step(st) == SQLITE_ROW; n++)
		hash = mix_table(db, (const char *)sqlite3_column_text(st, 0), hash);
	sqlite3_finalize(st);
	sqlite3_close(db);
	assert_true(n > 10);
	return hash;
}

/* --- every method ---------------------------------------------------------------------------- */

/* What a request may name: things of one part, and what is not there. */
struct names {
	const char *device, *user, *group, *folder, *policy, *relay;
};

static const struct names ITALIAN = {"press4", "bert", "fitters-it", "/italy/plant3", "pol", "rs1"},
			  GERMAN = {"lathe1", "ger", "hallers", "/germany/halle", "pog", "rs1"},
			  NONE = {"press5", "berd", "fitters-xt", "/italy/plant5", "pox", "rs2"};

static const char *name_for(const struct admin_method *m, const struct names *n)
{
	switch (m->target) {
	case ADMIN_DEVICE:
		return n->device;
	case ADMIN_USER:
		return n->user;
	case ADMIN_GROUP:
		return n->group;
	case ADMIN_RELAY:
		return n->relay;
	case ADMIN_POLICY:
	case ADMIN_POLICY_PLACE:
		return n->policy;
	case ADMIN_NOTHING:
	case ADMIN_DEVICE_BY_KEY:
	case ADMIN_SESSION:
	case ADMIN_POLICY_FOLDER:
	case ADMIN_FOLDER:
	case ADMIN_PARENT:
	case ADMIN_INTO:
	case ADMIN_TARGET:
		break;
	}
	return "new1";
}

/* All that any method asks for, and right: what is refused is refused for want of a right. */
static json_t *all_params(const struct admin_method *m, const struct names *n)
{
	char path[128];
	json_t *o =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", name_for(m, n),
			  "device", n->device, "user", n->user, "group", n->group, "folder",
			  n->folder, "target", n->device, "subject", n->user, "what", "connect");

	snprintf(path, sizeof(path), "%s%s", n->folder, m->target == ADMIN_PARENT ? "/new1" : "");
	json_object_set_new(o, "path", json_string(path));
	json_object_set_new(o, "to", json_string(n->folder));
	json_object_set_new(o, "relay", json_string(n->relay));
	json_object_set_new(o, "policy", json_string(n->policy));
	json_object_set_new(o, "lans", json_array());
	json_object_set_new(o, "rate", json_string("10mbit"));
	json_object_set_new(o, "password", json_string("some-Long-Secret-4711"));
	json_object_set_new(o, "rule", json_string("allow"));
	json_object_set_new(o, "rules", json_array());
	json_object_set_new(o, "at", json_integer(1));
	json_object_set_new(o, "set", json_pack("{s:s}", "idle", "10m"));
	json_object_set_new(o, "session", json_string("0123456789abcdef0123456789abcdef"));
	json_object_set_new(o, "urls", json_pack("[s]", "https://new.lab"));
	json_object_set_new(o, "domain", json_string("new.example"));
	json_object_set_new(o, "address", json_string("192.0.2.7"));
	json_object_set_new(o, "reason", json_string("because"));
	return o;
}

static bool names_any(const char *text, const char *const *words)
{
	for (; *words; words++) {
		if (strstr(text, *words))
			return true;
	}
	return false;
}

/* Refused, or, where it only lists, without a word of what is not his to see. */
static void check_method(const char *user, const struct admin_method *m, const struct names *n,
			 const char *const *hidden)
{
	int code = ask_as(user, m->name, all_params(m, n));
	char *text;

	if (code) {
		if (code != RPC_DENIED && code != RPC_NOT_FOUND && m->scope != ADMIN_LIST)
			fail_msg("%s %s: %d \"%s\"", user, m->name, code, answer.error);
		return;
	}
	if (m->scope != ADMIN_LIST)
		fail_msg("%s %s was done", user, m->name);
	text = json_dumps(answer.result, JSON_COMPACT);
	assert_non_null(text);
	if (names_any(text, hidden))
		fail_msg("%s %s tells %s", user, m->name, text);
	free(text);
}

static void walk(const char *user, const struct names *n, const char *const *hidden)
{
	uint64_t before = fingerprint();

	for (size_t i = 0; i < ADMIN_METHODS_N; i++) {
		check_method(user, &ADMIN_METHODS[i], n, hidden);
		if (fingerprint() != before)
			fail_msg("%s %s changed something", user, ADMIN_METHODS[i].name);
	}
}

static void test_without_rights(void **state)
{
	static const char *const all[] = {"press4", "vault1",  "lathe1",  "bert",   "italy",
					  "german", "fitters", "hallers", "admins", "rs1",
					  "boss",   "carla",   NULL};

	(void)state;
	walk("nobody9", &ITALIAN, all);
	walk("nobody9", &NONE, all);
	walk("bert", &GERMAN,
	     (const char *const[]){"lathe1", "vault1", "german", "hallers", "boss", "carla", "rs1",
				   NULL});
}

static void test_of_another_part(void **state)
{
	static const char *const italian[] = {"press4", "vault1", "bert", "italy", "fitters",
					      "admins", "rs1",	  "boss", "carla", NULL};
	static const char *const german[] = {"lathe1", "german", "hallers", "admins",
					     "rs1",    "boss",	 "vault1",  NULL};

	(void)state;
	walk("ger", &ITALIAN, italian);
	walk("ita", &GERMAN, german);
}

/* What is there and not his cannot be told from what is not there. */
static void test_cannot_tell(void **state)
{
	(void)state;
	for (size_t i = 0; i < ADMIN_METHODS_N; i++) {
		const struct admin_method *m = &ADMIN_METHODS[i];
		char there[RPC_MESSAGE_SIZE], *found;
		size_t same;
		int code;

		if (m->scope != ADMIN_ITEM)
			continue;
		code = ask_as("ger", m->name, all_params(m, &ITALIAN));
		snprintf(there, sizeof(there), "%s", answer.error);
		if (ask_as("ger", m->name, all_params(m, &NONE)) != code)
			fail_msg("%s: %d \"%s\", %d \"%s\"", m->name, code, there, answer.code,
				 answer.error);
		/* Words before the name of the thing are the same ones. */
		found = strchr(there, ':');
		same = found ? (size_t)(found - there) : strlen(there);
		if (strncmp(there, answer.error, same) != 0)
			fail_msg("%s: \"%s\", \"%s\"", m->name, there, answer.error);
	}
}

/* --- anything in the parameters -------------------------------------------------------------- */

#define HUGE_BYTES (1 << 20)

static json_t *bait(size_t i)
{
	static const char *const baits[] = {
		"'; DROP TABLE member; --",
		"\" OR 1=1 --",
		"%s%s%n%x%1000000d",
		"../../etc/passwd",
		"/",
		"//",
		"/italy/",
		"/italy//plant3",
		"/../italy",
		"/italy/plant3/..",
		"",
		" ",
		"Press4",
		"press4 ",
		"a\nb",
		"\x1b[2J",
		"user:",
		"group:group:x",
		"user:user:bert",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a",
		"-9223372036854775809"};
	size_t n = sizeof(baits) / sizeof(baits[0]);
	char *huge;
	json_t *o;

	if (i < n)
		return json_string(baits[i]);
	switch (i - n) {
	case 0:
		huge = malloc(HUGE_BYTES + 1);
		assert_non_null(huge);
		memset(huge, 'a', HUGE_BYTES);
		huge[HUGE_BYTES] = '\0';
		huge[0] = '/';
		o = json_string(huge);
		free(huge);
		return o;
	case 1:
		return json_string_nocheck("\xff\xfe\xc0\xaf");
	case 2:
		return json_string("\xf0\x9f\x92\xa5");
	case 3:
		return json_integer(-1);
	case 4:
		return json_integer(INT64_MAX);
	case 5:
		return json_null();
	case 6:
		return json_pack("[[[{}]]]");
	case 7:
		return json_pack("{s:{s:[]}}", "a", "b");
	case 8:
		return json_true();
	case 9:
		return json_real(1e308);
	}
	return NULL;
}

static const char *const KEYS[] = {
	"name", "device",  "user",  "folder", "path",	  "to",	       "target", "subject",
	"what", "session", "relay", "after",  "group",	  "policy",    "lans",	 "rate",
	"rule", "rules",   "at",    "set",    "password", "expires_s", "since",	 "address"};

/* One of them at a time, in each member of each method. */
static void throw_at(size_t at, const char *user)
{
	const struct admin_method *m = &ADMIN_METHODS[at];
	json_t *value;

	for (size_t k = 0; k < sizeof(KEYS) / sizeof(KEYS[0]); k++) {
		/* Each refusal is a record on disk: a part of all for each. */
		for (size_t i = (k + at) % 48; (value = bait(i)) != NULL; i += 48) {
			json_t *params = all_params(m, &ITALIAN);

			json_object_set_new(params, KEYS[k], value);
			if (ask_as(user, m->name, params) == 0 && m->scope != ADMIN_LIST)
				fail_msg("%s %s with a strange %s was done", user, m->name,
					 KEYS[k]);
		}
	}
}

static void test_strange_parameters(void **state)
{
	uint64_t before = fingerprint();

	(void)state;
	for (size_t i = 0; i < ADMIN_METHODS_N; i++)
		throw_at(i, i % 2 ? "ger" : "nobody9");
	assert_true(fingerprint() == before);
}

/* Names that are none, as one who may do everything. */
static void test_strange_names(void **state)
{
	static const char *const keys[] = {"name", "path", "folder", "target", "subject", "user"};
	uint64_t before = fingerprint();
	json_t *value;

	(void)state;
	for (size_t i = 0; i < ADMIN_METHODS_N; i++) {
		const struct admin_method *m = &ADMIN_METHODS[i];

		if (m->scope != ADMIN_ITEM || m->target == ADMIN_SESSION)
			continue;
		for (size_t b = i % 3; (value = bait(b)) != NULL; b += 3) {
			json_t *params = json_object();

			for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
				json_object_set(params, keys[k], value);
			json_object_set_new(params, "device", value);
			if (ask_as("boss", m->name, params) == 0 && m->event != EVENT_NONE)
				fail_msg("%s was done, bait %zu", m->name, b);
		}
	}
	assert_true(fingerprint() == before);
}

/* --- to make oneself more than one is -------------------------------------------------------- */

static void test_own_part(void **state)
{
	(void)state;
	done("ita", "folder.add", at("/italy/plant4"));
	done("ita", "device.add", device("oven2", "/italy/plant4"));
	done("ita", "device.move", into("oven2", "/italy/plant3"));
	done("ita", "folder.rename",
	     json_pack("{s:s, s:s}", "path", "/italy/plant4", "name", "plant5"));
	done("ita", "folder.remove", at("/italy/plant5"));
	done("ita", "user.passwd", with_password("bert", "/italy"));
	done("ita", "permission.allow", rule("bert", "connect", "oven2"));
	assert_true(may("bert", "connect", "oven2"));
	done("ita", "permission.clear", rule("bert", "connect", "oven2"));
	done("ita", "permission.list", NULL);
	assert_int_equal(json_array_size(json_object_get(answer.result, "permissions")), 4);
	done("ita", "device.list", NULL);
	assert_int_equal(json_array_size(json_object_get(answer.result, "devices")), 2);
	done("ita", "user.list", NULL);
	assert_int_equal(json_array_size(json_object_get(answer.result, "users")), 5);
	done("ita", "group.list", NULL);
	assert_int_equal(json_array_size(json_object_get(answer.result, "groups")), 2);
	done("ita", "folder.list", NULL);
	assert_int_equal(json_array_size(json_object_get(answer.result, "folders")), 2);
	done("ita", "can",
	     json_pack("{s:s, s:s, s:s}", "user", "bert", "what", "connect", "target", "press4"));
	done("ita", "device.remove", named("oven2"));
}

static void test_permissions_of_others(void **state)
{
	(void)state;
	/* Where he does not administer, and for whom he does not see. */
	refused(RPC_NOT_FOUND, "ita", "permission.allow", rule("ita", "connect", "lathe1"));
	refused(RPC_NOT_FOUND, "ita", "permission.allow", rule("ita", "administer", "/germany"));
	refused(RPC_DENIED, "ita", "permission.allow", rule("ita", "administer", "/"));
	refused(RPC_NOT_FOUND, "ita", "permission.allow", rule("ger", "connect", "press4"));
	refused(RPC_NOT_FOUND, "ita", "permission.allow", rule("hallers", "connect", "press4"));
	refused(RPC_NOT_FOUND, "ita", "permission.clear",
		rule("ita", "administer", "/italy/secret"));
	refused(RPC_NOT_FOUND, "ita", "permission.allow", rule("ita", "connect", "vault1"));
	/* Who manages users or devices does not give permissions. */
	refused(RPC_DENIED, "usra", "permission.allow", rule("usra", "connect", "/italy"));
	refused(RPC_DENIED, "deva", "permission.allow", rule("deva", "connect", "press4"));
	/* It would count in a folder that he may not administer. */
	refused(RPC_DENIED, "ita", "permission.allow", rule("ita", "connect", "/italy"));
	refused(RPC_DENIED, "ita", "permission.allow", rule("bert", "administer", "/italy"));
	refused(RPC_DENIED, "ita", "permission.allow", rule("everyone", "connect", "/italy"));
	done("", "permission.allow", rule("bert", "connect", "/italy"));
	done("ita", "permission.clear", rule("bert", "connect", "/italy"));
	done("", "permission.deny", rule("bert", "connect", "/italy"));
	refused(RPC_DENIED, "ita", "permission.clear", rule("bert", "connect", "/italy"));
	refused(RPC_DENIED, "ita", "permission.allow", rule("bert", "connect", "/italy"));
	done("", "permission.deny", rule("everyone", "connect", "/italy/secret"));
	done("ita", "permission.allow", rule("bert", "connect", "/italy"));
	assert_false(may("bert", "connect", "vault1"));
	assert_true(may("bert", "connect", "press4"));
}

static void test_groups_of_others(void **state)
{
	(void)state;
	refused(RPC_NOT_FOUND, "ita", "group.member.add", member("admins", "ita"));
	refused(RPC_NOT_FOUND, "ita", "group.member.add", member("hallers", "ita"));
	refused(RPC_NOT_FOUND, "ita", "group.member.add", member("fitters-it", "ger"));
	refused(RPC_DENIED, "ita", "group.member.add", member("everyone", "bert"));
	/* He manages users, but may not connect: the group would bring it. */
	refused(RPC_DENIED, "usra", "group.member.add", member("fitters-it", "usra"));
	done("", "permission.allow", rule("usra", "connect", "/italy/plant3"));
	done("usra", "group.member.add", member("fitters-it", "usra"));
	/* A group of his own part that may do something elsewhere. */
	done("", "permission.allow", rule("fitters-it", "connect", "lathe1"));
	refused(RPC_DENIED, "ita", "group.member.add", member("fitters-it", "ita"));
	assert_null(strstr(answer.error, "lathe1")); /* which he does not see */
	/* To be rid of what is denied. */
	done("", "permission.deny", rule("fitters-it", "connect", "/germany"));
	refused(RPC_DENIED, "ita", "group.member.remove", member("fitters-it", "bert"));
	done("", "permission.clear", rule("fitters-it", "connect", "/germany"));
	/* A firewall policy that holds for its members. */
	done("", "policy.add", into("quiet", "/italy"));
	done("", "policy.rule", json_pack("{s:s, s:[s]}", "name", "quiet", "rules", "deny"));
	done("", "policy.attach",
	     json_pack("{s:s, s:s, s:s}", "name", "quiet", "to", "vault1", "for",
		       "group:fitters-it"));
	refused(RPC_DENIED, "ita", "group.member.remove", member("fitters-it", "bert"));
	assert_null(strstr(answer.error, "vault1"));
	done("", "policy.detach",
	     json_pack("{s:s, s:s, s:s}", "name", "quiet", "to", "vault1", "for",
		       "group:fitters-it"));
	done("ita", "group.member.remove", member("fitters-it", "bert"));
	refused(RPC_CONFLICT, "ita", "group.remove", named("fitters-it"));
	refused(RPC_NOT_FOUND, "ita", "group.move", into("admins", "/italy"));
	refused(RPC_DENIED, "ita", "group.move", into("fitters-it", "/"));
}

static void test_users_who_may_more(void **state)
{
	(void)state;
	/* Carla stands in /italy and may connect in /germany. */
	refused(RPC_DENIED, "ita", "user.passwd", with_password("carla", "/italy"));
	assert_null(strstr(answer.error, "german"));
	refused(RPC_DENIED, "ita", "user.reinvite", named("carla"));
	refused(RPC_DENIED, "ita", "user.remove", named("carla"));
	refused(RPC_DENIED, "ita", "user.revoke", named("carla"));
	/* Who manages users is no administrator. */
	refused(RPC_DENIED, "usra", "user.passwd", with_password("ita", "/italy"));
	refused(RPC_DENIED, "usra", "user.passwd", with_password("bert", "/italy"));
	refused(RPC_DENIED, "usra", "user.revoke", named("ita"));
	refused(RPC_DENIED, "usra", "user.move", into("ita", "/italy/plant3"));
	done("usra", "user.add", with_password("dora", "/italy"));
	done("usra", "user.passwd", with_password("dora", "/italy"));
	refused(RPC_DENIED, "usra", "user.add", with_password("emil", "/"));
	refused(RPC_NOT_FOUND, "usra", "user.add", with_password("emil", "/germany"));
	refused(RPC_NOT_FOUND, "ita", "user.passwd", with_password("boss", "/"));
	/* What he may do in /italy/secret ita may not. */
	done("", "permission.allow", rule("dora", "view-operations", "/italy/secret"));
	refused(RPC_DENIED, "ita", "user.passwd", with_password("dora", "/italy"));
	done("boss", "user.passwd", with_password("carla", "/italy"));
}

static void test_moving_out(void **state)
{
	(void)state;
	done("", "permission.deny", rule("ita", "connect", "/italy/plant3"));
	refused(RPC_DENIED, "deva", "device.move", into("press4", "/italy"));
	refused(RPC_NOT_FOUND, "ita", "device.move", into("vault1", "/italy"));
	refused(RPC_NOT_FOUND, "ita", "device.move", into("press4", "/germany"));
	refused(RPC_DENIED, "ita", "device.move", into("press4", "/"));
	refused(RPC_NOT_FOUND, "ita", "folder.move",
		json_pack("{s:s, s:s}", "path", "/italy/secret", "to", "/italy/plant3"));
	refused(RPC_NOT_FOUND, "ita", "folder.remove", at("/italy/secret"));
	refused(RPC_NOT_FOUND, "ita", "folder.rename",
		json_pack("{s:s, s:s}", "path", "/italy/secret", "name", "open"));
	/* His own top folder concerns where it stands. */
	refused(RPC_DENIED, "ita", "folder.rename",
		json_pack("{s:s, s:s}", "path", "/italy", "name", "rome"));
	refused(RPC_DENIED, "ita", "folder.move",
		json_pack("{s:s, s:s}", "path", "/italy", "to", "/italy/plant3"));
	refused(RPC_DENIED, "ita", "folder.remove", at("/italy"));
	/* What he may not administer would come along. */
	done("", "folder.add", at("/italy/north"));
	done("", "folder.move",
	     json_pack("{s:s, s:s}", "path", "/italy/secret", "to", "/italy/north"));
	refused(RPC_DENIED, "ita", "folder.move",
		json_pack("{s:s, s:s}", "path", "/italy/north", "to", "/italy/plant3"));
	/* Who manages devices makes folders, and adds no device without the right to install it. */
	done("deva", "folder.add", at("/italy/plant7"));
	refused(RPC_DENIED, "deva", "device.add", device("saw1", "/italy/plant7"));
	done("", "permission.allow", rule("deva", "install-devices", "/italy/plant7"));
	done("deva", "device.add", device("saw1", "/italy/plant7"));
	refused(RPC_DENIED, "deva", "device.reinvite", named("press4"));
	refused(RPC_DENIED, "deva", "folder.add", at("/plant8"));
}

/* --- to put others out ----------------------------------------------------------------------- */

static void test_those_above(void **state)
{
	(void)state;
	refused(RPC_DENIED, "ita", "permission.deny", rule("everyone", "administer", "/italy"));
	refused(RPC_DENIED, "ita", "permission.deny", rule("everyone", "set-firewall", "press4"));
	refused(RPC_NOT_FOUND, "ita", "permission.deny", rule("boss", "administer", "/italy"));
	/* One who stands in his part and administers all. */
	done("", "user.move", into("boss", "/italy"));
	refused(RPC_DENIED, "ita", "permission.deny", rule("boss", "administer", "/italy"));
	done("", "group.member.add", member("fitters-it", "boss"));
	refused(RPC_DENIED, "ita", "permission.deny", rule("fitters-it", "administer", "/italy"));
	refused(RPC_DENIED, "ita", "group.member.remove", member("fitters-it", "boss"));
	assert_true(may("boss", "administer", "press4"));
	done("ita", "permission.deny", rule("everyone", "connect", "/italy/plant3"));
	done("ita", "permission.deny", rule("usra", "manage-users", "/italy/plant3"));
	done("boss", "permission.deny", rule("ita", "administer", "/italy"));
	refused(RPC_NOT_FOUND, "ita", "folder.add", at("/italy/plant9"));
	/* Who may only connect sees the device, not where it is. */
	done("bert", "device.list", NULL);
	assert_int_equal(json_array_size(json_object_get(answer.result, "devices")), 0);
	done("", "permission.allow", rule("bert", "connect", "press4"));
	done("bert", "device.list", NULL);
	assert_int_equal(json_array_size(json_object_get(answer.result, "devices")), 1);
	assert_null(json_object_get(json_array_get(json_object_get(answer.result, "devices"), 0),
				    "address"));
}

/* --- the tree -------------------------------------------------------------------------------- */

static void test_tree(void **state)
{
	char path[PERMIT_PATH_SIZE] = "", deeper[PERMIT_PATH_SIZE + 8];

	(void)state;
	refused(RPC_CONFLICT, "", "folder.add", at("/italy"));
	refused(RPC_NOT_FOUND, "", "folder.add", at("/spain/north"));
	refused(RPC_BAD_PARAMS, "", "folder.add", at("/"));
	for (int i = 0; i < PERMIT_DEPTH_MAX; i++) {
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "/d%d", i);
		done("", "folder.add", at(path));
	}
	snprintf(deeper, sizeof(deeper), "%s/x", path);
	refused(RPC_BAD_PARAMS, "", "folder.add", at(deeper));
	refused(RPC_CONFLICT, "", "folder.move",
		json_pack("{s:s, s:s}", "path", "/d0", "to", path));
	refused(RPC_CONFLICT, "", "folder.move",
		json_pack("{s:s, s:s}", "path", "/d0", "to", "/d0"));
	refused(RPC_CONFLICT, "", "folder.move",
		json_pack("{s:s, s:s}", "path", "/italy", "to", path)); /* too deep */
	refused(RPC_CONFLICT, "", "folder.move", json_pack("{s:s, s:s}", "path", "/", "to", "/d0"));
	refused(RPC_CONFLICT, "", "folder.remove", at("/"));
	refused(RPC_CONFLICT, "", "folder.remove", at("/italy"));
	refused(RPC_CONFLICT, "", "folder.remove", at("/germany/halle"));
	done("", "permission.allow", rule("bert", "connect", path));
	refused(RPC_CONFLICT, "", "folder.remove", at(path));
	done("", "permission.clear", rule("bert", "connect", path));
	done("", "folder.remove", at(path));
	refused(RPC_NOT_FOUND, "", "permission.clear", rule("bert", "connect", "/d0"));
	refused(RPC_CONFLICT, "", "folder.rename",
		json_pack("{s:s, s:s}", "path", "/italy", "name", "germany"));
	done("", "device.move", into("press4", "/d0/d1"));
	refused(RPC_NOT_FOUND, "", "device.move", into("press4", "/d0/d2"));
	refused(RPC_CONFLICT, "", "group.add", named("admins"));
	refused(RPC_CONFLICT, "", "group.add", named("everyone"));
	refused(RPC_CONFLICT, "", "group.remove", named("everyone"));
	refused(RPC_CONFLICT, "", "group.move", into("everyone", "/italy"));
	refused(RPC_CONFLICT, "", "group.member.add", member("fitters-it", "bert"));
	refused(RPC_NOT_FOUND, "", "group.member.remove", member("hallers", "bert"));
	refused(RPC_NOT_FOUND, "", "group.member.add", member("hallers", "press4"));
	/* A user and a group of one name. */
	done("", "group.add", named("bert"));
	refused(RPC_CONFLICT, "", "permission.allow", rule("bert", "connect", "/"));
	done("", "permission.allow", rule("group:bert", "connect", "/"));
	done("", "permission.allow", rule("user:bert", "connect", "/"));
	done("", "permission.list", json_pack("{s:s}", "subject", "group:bert"));
	assert_int_equal(json_array_size(json_object_get(answer.result, "permissions")), 1);
}

/* --- sessions -------------------------------------------------------------------------------- */

static struct peer site, anna, rs1;

static int open_session(void)
{
	int code = 0;
	json_t *o = peer_ask(&anna, "session.open", json_pack("{s:s}", "device", "site1"), &code);

	json_decref(o);
	return o ? 0 : code;
}

static size_t listed(void)
{
	int code;
	json_t *o = peer_ask(&anna, "device.list", NULL, &code);
	size_t n = json_array_size(json_object_get(o, "devices"));

	json_decref(o);
	return n;
}

static void everybody(void)
{
	struct invite in;

	net_open(&net);
	in = net_invite(&net, IDENT_RELAY, "rs1");
	assert_int_equal(net_enrol(&rs1, &net, &in, NULL, NULL), 0);
	in = net_invite(&net, IDENT_DEVICE, "site1");
	assert_int_equal(net_enrol(&site, &net, &in, NULL, NULL), 0);
	in = net_invite(&net, IDENT_USER, "anna");
	assert_int_equal(net_enrol(&anna, &net, &in, NULL, NET_PASSWORD), 0);
	peer_hello(&rs1, NULL);
	peer_hello(&site, NULL);
	peer_hello(&anna, NULL);
}

static void test_sessions(void **state)
{
	(void)state;
	everybody();
	assert_int_equal(open_session(), 0);
	assert_int_equal(listed(), 1);
	/* A change that still allows it leaves it alone. */
	done("", "permission.allow", rule("anna", "connect", "site1"));
	done("", "permission.clear", rule("everyone", "connect", "/"));
	net_for(&net, 100);
	assert_false(peer_heard(&site, "session.end"));
	done("", "permission.deny", rule("anna", "connect", "site1"));
	peer_wait(&anna, "session.end");
	peer_wait(&site, "session.end");
	peer_forget(&anna);
	peer_forget(&site);
	/* Who may do nothing with it does not hear that it is there, as if it were another name. */
	assert_int_equal(open_session(), RPC_NOT_FOUND);
	assert_string_equal(net_error, "no such device");
	assert_int_equal(listed(), 0);
	done("", "permission.allow", rule("anna", "view-connections", "/"));
	assert_int_equal(open_session(), RPC_DENIED);
	assert_int_equal(listed(), 1);
	/* By a group: in, and out. */
	done("", "permission.clear", rule("anna", "connect", "site1"));
	done("", "group.add", named("fitters"));
	done("", "permission.allow", rule("fitters", "connect", "/"));
	assert_int_equal(open_session(), RPC_DENIED);
	done("", "group.member.add", member("fitters", "anna"));
	assert_int_equal(open_session(), 0);
	done("", "group.member.remove", member("fitters", "anna"));
	peer_wait(&site, "session.end");
	peer_forget(&site);
	/* By where it stands. */
	done("", "group.member.add", member("fitters", "anna"));
	done("", "folder.add", at("/closed"));
	done("", "permission.deny", rule("everyone", "connect", "/closed"));
	assert_int_equal(open_session(), 0);
	done("", "device.move", into("site1", "/closed"));
	peer_wait(&site, "session.end");
	peer_forget(&site);
	done("", "folder.add", at("/open"));
	done("", "folder.add", at("/open/hall"));
	done("", "device.move", into("site1", "/open/hall"));
	assert_int_equal(open_session(), 0);
	done("", "folder.move", json_pack("{s:s, s:s}", "path", "/open/hall", "to", "/closed"));
	peer_wait(&site, "session.end");
	peer_free(&site);
	peer_free(&anna);
	peer_free(&rs1);
	json_decref(answer.result);
	answer.result = NULL;
	net_close(&net);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* These change nothing: one world serves them all. */
		cmocka_unit_test_setup(test_without_rights, setup),
		cmocka_unit_test(test_of_another_part),
		cmocka_unit_test(test_cannot_tell),
		cmocka_unit_test(test_strange_parameters),
		cmocka_unit_test_teardown(test_strange_names, teardown),
		IN_WORLD(test_own_part),
		IN_WORLD(test_permissions_of_others),
		IN_WORLD(test_groups_of_others),
		IN_WORLD(test_users_who_may_more),
		IN_WORLD(test_moving_out),
		IN_WORLD(test_those_above),
		IN_WORLD(test_tree),
		cmocka_unit_test(test_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
