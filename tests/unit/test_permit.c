/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may do what where: a table of cases, and any cases against the same said in another way. */
#include "accessd/pure/permit_map.h"
#include "tests/unit/pure_test.h"

#include <stdio.h>

/*
 * The world of the table. Users: u, v, w. Groups: g has u, h has u and v, k has w, * everyone.
 * Folders: /a/b/c ... sixteen deep, /a2, /a/b2. Devices: x and x2 in /a/b/c, y in /, z in /a2, q in
 * the deepest.
 *
 * A rule: who, + allows or - denies, what, where: "u+c/a", "g-c x". What: a administer, m
 * manage-users, d manage-devices, i install-devices, c connect, f set-firewall, w view-connections,
 * o view-operations. A question: who, what, where: "ucx", "ud/a". "!" is nowhere, "?" nobody.
 */
struct row {
	const char *rules, *question;
	bool allowed;
	int by; /* which rule decides; -1 none; -2 one of several */
};

#define YES true
#define NO false

/* clang-format off */
static const struct row TABLE[] = {
	/* one permission, and what else it brings: administer all but connect, the others nothing */
	{"u+a/a", "uax", YES, 0},
	{"u+a/a", "umx", YES, 0},
	{"u+a/a", "udx", YES, 0},
	{"u+a/a", "uix", YES, 0},
	{"u+a/a", "ucx", NO, -1},
	{"u+a/a", "ufx", YES, 0},
	{"u+a/a", "uwx", YES, 0},
	{"u+a/a", "uox", YES, 0},
	{"u+m/a", "uax", NO, -1},
	{"u+m/a", "umx", YES, 0},
	{"u+m/a", "udx", NO, -1},
	{"u+m/a", "uix", NO, -1},
	{"u+m/a", "ucx", NO, -1},
	{"u+m/a", "ufx", NO, -1},
	{"u+m/a", "uwx", NO, -1},
	{"u+m/a", "uox", NO, -1},
	{"u+d/a", "uax", NO, -1},
	{"u+d/a", "umx", NO, -1},
	{"u+d/a", "udx", YES, 0},
	{"u+d/a", "uix", NO, -1},
	{"u+d/a", "ucx", NO, -1},
	{"u+d/a", "ufx", NO, -1},
	{"u+d/a", "uwx", NO, -1},
	{"u+d/a", "uox", NO, -1},
	{"u+i/a", "uax", NO, -1},
	{"u+i/a", "umx", NO, -1},
	{"u+i/a", "udx", NO, -1},
	{"u+i/a", "uix", YES, 0},
	{"u+i/a", "ucx", NO, -1},
	{"u+i/a", "ufx", NO, -1},
	{"u+i/a", "uwx", NO, -1},
	{"u+i/a", "uox", NO, -1},
	{"u+c/a", "uax", NO, -1},
	{"u+c/a", "umx", NO, -1},
	{"u+c/a", "udx", NO, -1},
	{"u+c/a", "uix", NO, -1},
	{"u+c/a", "ucx", YES, 0},
	{"u+c/a", "ufx", NO, -1},
	{"u+c/a", "uwx", NO, -1},
	{"u+c/a", "uox", NO, -1},
	{"u+f/a", "uax", NO, -1},
	{"u+f/a", "umx", NO, -1},
	{"u+f/a", "udx", NO, -1},
	{"u+f/a", "uix", NO, -1},
	{"u+f/a", "ucx", NO, -1},
	{"u+f/a", "ufx", YES, 0},
	{"u+f/a", "uwx", NO, -1},
	{"u+f/a", "uox", NO, -1},
	{"u+w/a", "uax", NO, -1},
	{"u+w/a", "umx", NO, -1},
	{"u+w/a", "udx", NO, -1},
	{"u+w/a", "uix", NO, -1},
	{"u+w/a", "ucx", NO, -1},
	{"u+w/a", "ufx", NO, -1},
	{"u+w/a", "uwx", YES, 0},
	{"u+w/a", "uox", NO, -1},
	{"u+o/a", "uax", NO, -1},
	{"u+o/a", "umx", NO, -1},
	{"u+o/a", "udx", NO, -1},
	{"u+o/a", "uix", NO, -1},
	{"u+o/a", "ucx", NO, -1},
	{"u+o/a", "ufx", NO, -1},
	{"u+o/a", "uwx", NO, -1},
	{"u+o/a", "uox", YES, 0},
	/* nothing said; said of somebody, something or somewhere else */
	{"", "uax", NO, -1},
	{"", "umx", NO, -1},
	{"", "udx", NO, -1},
	{"", "uix", NO, -1},
	{"", "ucx", NO, -1},
	{"", "ufx", NO, -1},
	{"", "uwx", NO, -1},
	{"", "uox", NO, -1},
	{"v+c/a", "ucx", NO, -1},
	{"k+c/a", "ucx", NO, -1},
	{"u+c/a2", "ucx", NO, -1},
	{"u+c/a/b2", "ucx", NO, -1},
	{"u+c/a/b/c/d", "ucx", NO, -1},
	{"u+c y", "ucx", NO, -1},
	{"u+f/a", "ucx", NO, -1},
	/* how far away it is said */
	{"u+c x", "ucx", YES, 0},
	{"u-c x", "ucx", NO, 0},
	{"g+c x", "ucx", YES, 0},
	{"*+c x", "ucx", YES, 0},
	{"u+c/a/b/c", "ucx", YES, 0},
	{"u-c/a/b/c", "ucx", NO, 0},
	{"g+c/a/b/c", "ucx", YES, 0},
	{"*+c/a/b/c", "ucx", YES, 0},
	{"u+c/a/b", "ucx", YES, 0},
	{"u-c/a/b", "ucx", NO, 0},
	{"g+c/a/b", "ucx", YES, 0},
	{"*+c/a/b", "ucx", YES, 0},
	{"u+c/a", "ucx", YES, 0},
	{"u-c/a", "ucx", NO, 0},
	{"g+c/a", "ucx", YES, 0},
	{"*+c/a", "ucx", YES, 0},
	{"u+c/", "ucx", YES, 0},
	{"u-c/", "ucx", NO, 0},
	{"g+c/", "ucx", YES, 0},
	{"*+c/", "ucx", YES, 0},
	/* the nearest wins, whatever is said farther away */
	{"u+c x,u-c/a/b/c", "ucx", YES, 0},
	{"u-c x,u+c/a/b/c", "ucx", NO, 0},
	{"u+c x,u-c/a/b", "ucx", YES, 0},
	{"u-c x,u+c/a/b", "ucx", NO, 0},
	{"u+c x,u-c/a", "ucx", YES, 0},
	{"u-c x,u+c/a", "ucx", NO, 0},
	{"u+c x,u-c/", "ucx", YES, 0},
	{"u-c x,u+c/", "ucx", NO, 0},
	{"u+c/a/b/c,u-c/a/b", "ucx", YES, 0},
	{"u-c/a/b/c,u+c/a/b", "ucx", NO, 0},
	{"u+c/a/b/c,u-c/a", "ucx", YES, 0},
	{"u-c/a/b/c,u+c/a", "ucx", NO, 0},
	{"u+c/a/b/c,u-c/", "ucx", YES, 0},
	{"u-c/a/b/c,u+c/", "ucx", NO, 0},
	{"u+c/a/b,u-c/a", "ucx", YES, 0},
	{"u-c/a/b,u+c/a", "ucx", NO, 0},
	{"u+c/a/b,u-c/", "ucx", YES, 0},
	{"u-c/a/b,u+c/", "ucx", NO, 0},
	{"u+c/a,u-c/", "ucx", YES, 0},
	{"u-c/a,u+c/", "ucx", NO, 0},
	/* nearer for a group before farther for the user, in any order of the rules */
	{"u-c/a/b/c,g+c x", "ucx", YES, 1},
	{"g-c x,u+c/a/b/c", "ucx", NO, 0},
	{"*-c x,u+c/a/b/c", "ucx", NO, 0},
	{"u-c/a/b,g+c/a/b/c", "ucx", YES, 1},
	{"g-c/a/b/c,u+c/a/b", "ucx", NO, 0},
	{"*-c/a/b/c,u+c/a/b", "ucx", NO, 0},
	{"u-c/a,g+c/a/b", "ucx", YES, 1},
	{"g-c/a/b,u+c/a", "ucx", NO, 0},
	{"*-c/a/b,u+c/a", "ucx", NO, 0},
	{"u-c/,g+c/a", "ucx", YES, 1},
	{"g-c/a,u+c/", "ucx", NO, 0},
	{"*-c/a,u+c/", "ucx", NO, 0},
	/* at one place: the user before his groups */
	{"u+c x,g-c x", "ucx", YES, 0},
	{"g+c x,u-c x", "ucx", NO, 1},
	{"u+c/a/b/c,g-c/a/b/c", "ucx", YES, 0},
	{"g+c/a/b/c,u-c/a/b/c", "ucx", NO, 1},
	{"u+c/a/b,g-c/a/b", "ucx", YES, 0},
	{"g+c/a/b,u-c/a/b", "ucx", NO, 1},
	{"u+c/a,g-c/a", "ucx", YES, 0},
	{"g+c/a,u-c/a", "ucx", NO, 1},
	{"u+c/,g-c/", "ucx", YES, 0},
	{"g+c/,u-c/", "ucx", NO, 1},
	{"*-c/a,u+c/a", "ucx", YES, 1},
	{"*+c/a,u-c/a", "ucx", NO, 1},
	{"*-c/a,g-c/a,h-c/a,u+c/a", "ucx", YES, 3},
	{"*+c/a,g+c/a,h+c/a,u-c/a", "ucx", NO, 3},
	/* at one place: deny before allow */
	{"g+c x,h-c x", "ucx", NO, 1},
	{"g-c x,h+c x", "ucx", NO, 0},
	{"g+c/a/b/c,h-c/a/b/c", "ucx", NO, 1},
	{"g-c/a/b/c,h+c/a/b/c", "ucx", NO, 0},
	{"g+c/a/b,h-c/a/b", "ucx", NO, 1},
	{"g-c/a/b,h+c/a/b", "ucx", NO, 0},
	{"g+c/a,h-c/a", "ucx", NO, 1},
	{"g-c/a,h+c/a", "ucx", NO, 0},
	{"g+c/,h-c/", "ucx", NO, 1},
	{"g-c/,h+c/", "ucx", NO, 0},
	{"g+c/a,*-c/a", "ucx", NO, 1},
	{"*+c/a,g-c/a", "ucx", NO, 1},
	{"g+c/a,h+c/a", "ucx", YES, -2},
	{"g-c/a,h-c/a", "ucx", NO, -2},
	{"g+c/a,h+c/a,*-c/a", "ucx", NO, 2},
	/* groups that he is not in say nothing of him */
	{"*+c/", "ucx", YES, 0},
	{"*+c/", "vcx", YES, 0},
	{"*+c/", "wcx", YES, 0},
	{"g+c/", "ucx", YES, 0},
	{"g+c/", "vcx", NO, -1},
	{"g+c/", "wcx", NO, -1},
	{"h+c/", "ucx", YES, 0},
	{"h+c/", "vcx", YES, 0},
	{"h+c/", "wcx", NO, -1},
	{"k+c/", "ucx", NO, -1},
	{"k+c/", "wcx", YES, 0},
	{"g-c/,*+c/", "vcx", YES, 1},
	{"g-c/,*+c/", "ucx", NO, 0},
	{"k-c x,*+c/", "ucx", YES, 1},
	{"k-c x,*+c/", "wcx", NO, 0},
	/* folders that are asked about themselves, and other devices */
	{"u+d/a", "ud/a", YES, 0},
	{"u+d/a", "ud/", NO, -1},
	{"u+d/a", "ud/a/b/c", YES, 0},
	{"u+d/a", "ud/a2", NO, -1},
	{"u+d x", "ud/a/b/c", NO, -1},
	{"u+d/a/b", "ud/a", NO, -1},
	{"u+d/,u-d/a", "ud/a2", YES, 0},
	{"u+d/,u-d/a", "ud/a/b", NO, 1},
	{"u+d/,u-d/a", "ud/", YES, 0},
	{"u+c x", "ucx2", NO, -1},
	{"u+c/a/b/c,u-c x", "ucx2", YES, 0},
	{"u+c/a/b/c,u-c x", "ucx", NO, 1},
	{"u+c/", "ucy", YES, 0},
	{"u+c/a", "ucy", NO, -1},
	{"u+c y", "ucy", YES, 0},
	{"u-c y,u+c/", "ucy", NO, 0},
	{"u+c/a2", "ucz", YES, 0},
	{"u+c/a", "ucz", NO, -1},
	{"u-c/,u+c/a2", "ucz", YES, 1},
	{"u+c/,u-c/a", "ucz", YES, 0},
	/* what allows to administer counts for all but connect */
	{"u+a/", "umx", YES, 0},
	{"u+a/,u-m/a", "umx", NO, 1},
	{"u+a/a,u-m/", "umx", YES, 0},
	{"u+a/", "udx", YES, 0},
	{"u+a/,u-d/a", "udx", NO, 1},
	{"u+a/a,u-d/", "udx", YES, 0},
	{"u+a/", "uix", YES, 0},
	{"u+a/,u-i/a", "uix", NO, 1},
	{"u+a/a,u-i/", "uix", YES, 0},
	{"u+a/", "ufx", YES, 0},
	{"u+a/,u-f/a", "ufx", NO, 1},
	{"u+a/a,u-f/", "ufx", YES, 0},
	{"u+a/", "uwx", YES, 0},
	{"u+a/,u-w/a", "uwx", NO, 1},
	{"u+a/a,u-w/", "uwx", YES, 0},
	{"u+a/", "uox", YES, 0},
	{"u+a/,u-o/a", "uox", NO, 1},
	{"u+a/a,u-o/", "uox", YES, 0},
	{"u+a/", "ucx", NO, -1},
	{"u+a x", "ucx", NO, -1},
	{"u+a/,u+c/", "ucx", YES, 1},
	{"u-a/,u+c/", "ucx", YES, 1},
	{"g+a/a,u-f/a", "ufx", NO, 1},
	{"u+a/a,g-f/a", "ufx", YES, 0},
	{"u+a/a,u-f/a", "ufx", NO, 1},
	{"g+a/a,h-f/a", "ufx", NO, 1},
	{"u+a/a,u+f/a", "ufx", YES, -2},
	{"u+a/,g+f/a", "ufx", YES, 1},
	{"u+a/a,g+f/a", "ufx", YES, 0},
	/* who is denied to administer has nothing of it; what is said by itself stays */
	{"u+a/,u-a/a", "ufx", NO, -1},
	{"u+a/,u-a/a", "uf/a2", YES, 0},
	{"u+a/,u-a/a,u+f/", "ufx", YES, 2},
	{"u-a/,u+f/", "ufx", YES, 1},
	{"g+a/a,u-a/a", "ufx", NO, -1},
	{"u+a/a,g-a/a", "ufx", YES, 0},
	{"g+a/a,h-a/a", "ufx", NO, -1},
	{"u-a x,u+f/a", "ufx", YES, 1},
	{"*-a/a,u+a/a", "ufx", YES, 1},
	{"*-a/a,u+a/", "ufx", NO, -1},
	{"u-a/,u+a/a", "ufx", YES, 1},
	{"u-a/,g+a/a", "uox", YES, 1},
	{"u-a/", "ufx", NO, -1},
	{"u-a/a", "uax", NO, 0},
	{"u+a/,g-a x", "uax", NO, 1},
	{"u+a/,g-a x", "ufx", NO, -1},
	/* sixteen folders deep */
	{"u+c/", "ucq", YES, 0},
	{"u-c/,u+c/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p", "ucq", YES, 1},
	{"u+c/,u-c/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p", "ucq", NO, 1},
	{"u+c/a,u-c/a/b", "ucq", NO, 1},
	{"u-c/a,u+c/a/b/c/d/e/f/g", "ucq", YES, 1},
	{"u+c/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p", "uc/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p", YES, 0},
	{"u+c/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p", "uc/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o", NO, -1},
	{"g-c/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p,u+c/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o", "ucq", NO, 0},
	{"*+a/,u-f/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p", "ufq", NO, 1},
	/* who and what is not there */
	{"*+c/", "uc!", NO, -1},
	{"*+a/", "ua!", NO, -1},
	{"u+c/", "?cx", NO, -1},
	{"*+c/", "?cx", YES, 0},
};
/* clang-format on */

#define ROWS (sizeof(TABLE) / sizeof(TABLE[0]))

enum { ROOT = 1, A2 = 50, B2, DEVICES = 100, USERS = 200, GROUPS = 300, EVERYONE = 400 };

/* --- the table's language -------------------------------------------------------------------- */

static enum permission what_of(char c)
{
	static const char letters[] = "amdicfwo";
	const char *at = strchr(letters, c);

	assert_non_null(at);
	return (enum permission)(at - letters);
}

/* "/a/b" is the folder 3: letters are as deep as they are late in the alphabet. */
static int64_t folder_of(const char *path)
{
	size_t n = strlen(path);

	if (strcmp(path, "/a2") == 0)
		return A2;
	if (strcmp(path, "/a/b2") == 0)
		return B2;
	return n == 1 ? ROOT : ROOT + (int64_t)n / 2;
}

static struct permit_place place_of(const char *text)
{
	static const struct {
		const char *name, *folder;
	} devices[] = {{"x", "/a/b/c"},
		       {"x2", "/a/b/c"},
		       {"y", "/"},
		       {"z", "/a2"},
		       {"q", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p"}};

	while (*text == ' ')
		text++;
	if (*text == '/')
		return (struct permit_place){.folder = folder_of(text)};
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		if (strcmp(devices[i].name, text) == 0)
			return (struct permit_place){.folder = folder_of(devices[i].folder),
						     .device = DEVICES + (int64_t)i};
	}
	return (struct permit_place){.folder = 999};
}

static struct permit_rule rule_of(const char *text)
{
	struct permit_place at = place_of(text + 3);
	struct permit_rule r = {.what = what_of(text[2]), .allow = text[1] == '+'};

	r.is_group = strchr("ghk*", text[0]);
	r.subject = text[0] == '*' ? EVERYONE : r.is_group ? GROUPS + text[0] : USERS + text[0];
	r.device = at.device;
	r.folder = at.device ? 0 : at.folder;
	return r;
}

static struct permit_map *world(void)
{
	struct permit_map *m = permit_map_new();

	assert_non_null(m);
	for (int i = PERMIT_DEPTH_MAX; i >= 0; i--) {
		char name[2] = {(char)(i ? 'a' + i - 1 : '\0'), '\0'};

		assert_int_equal(permit_map_add_folder(m, ROOT + i, i ? ROOT + i - 1 : 0, name), 0);
	}
	assert_int_equal(permit_map_add_folder(m, A2, ROOT, "a2"), 0);
	assert_int_equal(permit_map_add_folder(m, B2, ROOT + 1, "b2"), 0);
	assert_int_equal(permit_map_add_member(m, GROUPS + 'g', USERS + 'u'), 0);
	assert_int_equal(permit_map_add_member(m, GROUPS + 'h', USERS + 'v'), 0);
	assert_int_equal(permit_map_add_member(m, GROUPS + 'h', USERS + 'u'), 0);
	assert_int_equal(permit_map_add_member(m, GROUPS + 'k', USERS + 'w'), 0);
	permit_map_set_everyone(m, EVERYONE);
	return m;
}

static bool same(const struct permit_rule *a, const struct permit_rule *b)
{
	return a->subject == b->subject && a->is_group == b->is_group && a->folder == b->folder &&
	       a->device == b->device && a->what == b->what && a->allow == b->allow;
}

/* Which of the row's rules decides. */
static int decider(const struct permit_answer *a, const struct permit_rule *rules, int n)
{
	int found = -1, deciders = 0;

	for (size_t s = 0; s < a->n; s++) {
		if (a->steps[s].why != PERMIT_DECIDES)
			continue;
		deciders++;
		for (int i = 0; i < n; i++) {
			if (same(&a->steps[s].rule, &rules[i]))
				found = i;
		}
	}
	assert_int_equal(deciders, a->decided ? 1 : 0);
	return found;
}

static void check_row(const struct row *r)
{
	struct permit_place at = place_of(r->question + 2);
	enum permission what = what_of(r->question[1]);
	int64_t user = USERS + r->question[0];
	struct permit_map *m = world();
	struct permit_rule rules[8];
	struct permit_answer a;
	char text[256], *save;
	int n = 0, by;

	snprintf(text, sizeof(text), "%s", r->rules);
	for (char *one = strtok_r(text, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
		rules[n] = rule_of(one);
		assert_int_equal(permit_map_add_rule(m, &rules[n++]), 0);
	}
	assert_int_equal(permit_map_seal(m), 0);
	permit_map_explain(m, user, what, &at, &a);
	by = decider(&a, rules, n);
	if (a.allowed != r->allowed || (r->by >= -1 && by != r->by))
		fail_msg("rules \"%s\" question \"%s\": %s by %d", r->rules, r->question,
			 a.allowed ? "yes" : "no", by);
	assert_int_equal(permit_map_may(m, user, what, &at), r->allowed);
	permit_map_free(m);
}

static void test_table(void **state)
{
	(void)state;
	assert_true(ROWS >= 200);
	for (size_t i = 0; i < ROWS; i++)
		check_row(&TABLE[i]);
}

/* --- the same in another way ----------------------------------------------------------------- */

/* A small world, by paths alone: what is above is what a path begins with. */
#define FOLDERS 40
#define GUYS 6
#define CLUBS 5
#define RULES 30

struct random_world {
	char path[FOLDERS][80];
	int parent[FOLDERS];
	bool in[CLUBS][GUYS]; /* the first one has everybody */
	struct permit_rule rules[RULES];
	int n_rules, n_folders;
};

static void make_folders(struct random_world *w, uint64_t *noise)
{
	w->n_folders = 1;
	snprintf(w->path[0], sizeof(w->path[0]), "/");
	while (w->n_folders < FOLDERS) {
		int up = (int)(noise_u32(noise) % (uint32_t)w->n_folders);
		char above[80], *path = w->path[w->n_folders];

		if (strlen(w->path[up]) > 60)
			continue;
		w->parent[w->n_folders] = up;
		snprintf(above, sizeof(above), "%s", w->path[up]);
		snprintf(path, sizeof(w->path[0]), "%.60s%02d/", above, w->n_folders);
		w->n_folders++;
	}
}

static void make_rules(struct random_world *w, uint64_t *noise)
{
	int n = (int)(noise_u32(noise) % RULES);

	for (w->n_rules = 0; w->n_rules < n;) {
		struct permit_rule r = {.is_group = noise_u32(noise) % 2,
					.what = (enum permission)(noise_u32(noise) % PERMISSIONS),
					.allow = noise_u32(noise) % 2};
		bool twice = false;

		if (noise_u32(noise) % 3 == 0)
			r.what = PERMIT_ADMINISTER;
		r.subject = 1 + noise_u32(noise) % (r.is_group ? CLUBS : GUYS);
		if (noise_u32(noise) % 4 == 0)
			r.device = 1 + noise_u32(noise) % FOLDERS;
		else
			r.folder = 1 + noise_u32(noise) % FOLDERS;
		for (int i = 0; i < w->n_rules; i++) {
			struct permit_rule other = w->rules[i];

			other.allow = r.allow;
			twice = twice || same(&other, &r);
		}
		if (!twice)
			w->rules[w->n_rules++] = r;
	}
}

static struct permit_map *make_map(struct random_world *w, uint64_t *noise)
{
	struct permit_map *m = permit_map_new();

	assert_non_null(m);
	for (int i = FOLDERS - 1; i >= 0; i--)
		assert_int_equal(permit_map_add_folder(m, i + 1, i ? w->parent[i] + 1 : 0, "n"), 0);
	for (int g = 0; g < CLUBS; g++) {
		for (int u = 0; u < GUYS; u++) {
			w->in[g][u] = g == 0 || noise_u32(noise) % 3 == 0;
			if (g > 0 && w->in[g][u])
				assert_int_equal(permit_map_add_member(m, g + 1, u + 1), 0);
		}
	}
	permit_map_set_everyone(m, 1);
	for (int i = 0; i < w->n_rules; i++)
		assert_int_equal(permit_map_add_rule(m, &w->rules[i]), 0);
	return m;
}

/* What is said at one place: the first of these four that somebody says. -1: nobody says anything.
 */
static int said_at(const struct random_world *w, int user, enum permission what, int folder,
		   int device)
{
	bool said[4] = {false};

	for (int i = 0; i < w->n_rules; i++) {
		const struct permit_rule *r = &w->rules[i];
		bool here = device >= 0 ? r->device == device + 1 : r->folder == folder + 1;
		bool he = r->is_group ? w->in[r->subject - 1][user] : r->subject == user + 1;

		if (here && he && r->what == what)
			said[(r->is_group ? 2 : 0) + (r->allow ? 1 : 0)] = true;
	}
	for (int i = 0; i < 4; i++) {
		if (said[i])
			return i;
	}
	return -1;
}

/* How heavy the heaviest is: less is heavier, odd allows. -1: nothing. */
static int said_up(const struct random_world *w, int user, enum permission what, int folder,
		   int device)
{
	int level = 0, said = -1;

	if (device >= 0)
		said = said_at(w, user, what, folder, device);
	/* From the longest path that it begins with to the shortest. */
	for (size_t len = strlen(w->path[folder]); said < 0 && len > 0; len--) {
		for (int i = 0; said < 0 && i < w->n_folders; i++) {
			if (strlen(w->path[i]) != len ||
			    strncmp(w->path[i], w->path[folder], len) != 0)
				continue;
			level = (int)(100 - len);
			said = said_at(w, user, what, i, -1);
		}
	}
	return said < 0 ? -1 : level * 4 + said;
}

static bool naive_may(const struct random_world *w, int user, enum permission what, int folder,
		      int device)
{
	int own = said_up(w, user, what, folder, device);
	int administers = said_up(w, user, PERMIT_ADMINISTER, folder, device);

	if (what != PERMIT_CONNECT && administers >= 0 && administers % 2 == 1 &&
	    (own < 0 || administers < own))
		return true;
	return own >= 0 && own % 2 == 1;
}

static void compare_world(struct random_world *w, const struct permit_map *m, uint64_t *noise)
{
	for (int i = 0; i < 200; i++) {
		int user = (int)(noise_u32(noise) % GUYS),
		    folder = (int)(noise_u32(noise) % FOLDERS);
		/* The device n stands in the folder n. */
		int device = noise_u32(noise) % 2 ? folder : -1;
		enum permission what = (enum permission)(noise_u32(noise) % PERMISSIONS);
		struct permit_place at = {.folder = folder + 1, .device = device + 1};
		bool may = permit_map_may(m, user + 1, what, &at);

		if (may != naive_may(w, user, what, folder, device))
			fail_msg("user %d %s folder %s device %d: %s", user, permit_name(what),
				 w->path[folder], device, may ? "yes" : "no");
	}
}

static void test_any_world(void **state)
{
	uint64_t noise = 4711;

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct random_world w;
		struct permit_map *m;

		make_folders(&w, &noise);
		make_rules(&w, &noise);
		m = make_map(&w, &noise);
		assert_int_equal(permit_map_seal(m), 0);
		compare_world(&w, m, &noise);
		permit_map_free(m);
	}
}

/* --- the explanation ------------------------------------------------------------------------- */

static void test_why(void **state)
{
	static const char *const rules[] = {"u+c/a/b", "g-c/a/b", "h-c/a/b", "*+c/"};
	static const enum permit_why whys[] = {PERMIT_DECIDES, PERMIT_AFTER_USER, PERMIT_AFTER_USER,
					       PERMIT_FARTHER};
	struct permit_place at = place_of("x");
	struct permit_map *m = world();
	struct permit_answer a;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct permit_rule r = rule_of(rules[i]);

		assert_int_equal(permit_map_add_rule(m, &r), 0);
	}
	assert_int_equal(permit_map_seal(m), 0);
	permit_map_explain(m, USERS + 'u', PERMIT_CONNECT, &at, &a);
	assert_int_equal(a.n, 4);
	for (size_t i = 0; i < a.n; i++)
		assert_int_equal(a.steps[i].why, whys[i]);
	assert_int_equal(a.steps[0].distance, 2);
	assert_int_equal(a.steps[3].distance, 4);
	permit_map_explain(m, USERS + 'v', PERMIT_CONNECT, &at, &a);
	assert_int_equal(a.n, 2);
	assert_int_equal(a.steps[0].why, PERMIT_DECIDES);
	assert_false(a.allowed);
	permit_map_free(m);
}

static void test_why_of_administrators(void **state)
{
	static const char *const rules[] = {"u-a/a/b", "g+a/a", "h+f/", "k+f/"};
	struct permit_place at = place_of("x");
	struct permit_map *m = world();
	struct permit_answer a;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct permit_rule r = rule_of(rules[i]);

		assert_int_equal(permit_map_add_rule(m, &r), 0);
	}
	assert_int_equal(permit_map_seal(m), 0);
	permit_map_explain(m, USERS + 'u', PERMIT_FIREWALL, &at, &a);
	assert_true(a.allowed);
	assert_int_equal(a.n, 3);
	assert_int_equal(a.steps[0].why, PERMIT_OTHER_RIGHT);
	assert_int_equal(a.steps[1].why, PERMIT_OVERRULED);
	assert_int_equal(a.steps[2].why, PERMIT_DECIDES);
	permit_map_free(m);
}

/* More than an explanation holds: the heaviest are there, and the answer is right. */
static void test_many_steps(void **state)
{
	struct permit_place at = {.folder = ROOT};
	struct permit_map *m = world();
	struct permit_answer a;

	(void)state;
	for (int i = 0; i < 500; i++) {
		struct permit_rule r = {.subject = 1000 + i,
					.is_group = true,
					.folder = ROOT,
					.what = PERMIT_CONNECT,
					.allow = i != 250};

		assert_int_equal(permit_map_add_member(m, 1000 + i, USERS + 'u'), 0);
		assert_int_equal(permit_map_add_rule(m, &r), 0);
	}
	assert_int_equal(permit_map_seal(m), 0);
	permit_map_explain(m, USERS + 'u', PERMIT_CONNECT, &at, &a);
	assert_false(a.allowed);
	assert_true(a.more);
	assert_int_equal(a.n, PERMIT_STEPS_MAX);
	assert_int_equal(a.steps[0].rule.subject, 1250);
	permit_map_free(m);
}

/* --- the map --------------------------------------------------------------------------------- */

static void test_names(void **state)
{
	enum permission p;

	(void)state;
	for (int i = 0; i < PERMISSIONS; i++) {
		assert_true(permit_parse(&p, permit_name((enum permission)i)));
		assert_int_equal(p, i);
	}
	assert_false(permit_parse(&p, ""));
	assert_false(permit_parse(&p, "Connect"));
	assert_false(permit_parse(&p, "connect "));
	assert_false(permit_parse(&p, "%s"));
}

static void test_paths(void **state)
{
	int64_t chain[PERMIT_DEPTH_MAX + 1];
	char path[PERMIT_PATH_SIZE];
	struct permit_map *m = world();

	(void)state;
	assert_int_equal(permit_map_seal(m), 0);
	assert_string_equal(permit_map_path(m, ROOT, path), "/");
	assert_string_equal(permit_map_path(m, B2, path), "/a/b2");
	assert_string_equal(permit_map_path(m, ROOT + PERMIT_DEPTH_MAX, path),
			    "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p");
	assert_string_equal(permit_map_path(m, 999, path), "?");
	assert_int_equal(permit_map_chain(m, B2, chain), 3);
	assert_int_equal(chain[0], B2);
	assert_int_equal(chain[2], ROOT);
	assert_int_equal(permit_map_chain(m, ROOT + PERMIT_DEPTH_MAX, chain), PERMIT_DEPTH_MAX + 1);
	assert_int_equal(permit_map_chain(m, 999, chain), 0);
	assert_int_equal(permit_map_root(m), ROOT);
	permit_map_free(m);
}

/* What the store does not let happen is found, should a database be damaged. */
static void test_no_tree(void **state)
{
	static const struct {
		int64_t id, parent;
	} bad[][3] = {
		{{1, 0}, {2, 3}, {3, 2}}, /* a cycle */
		{{1, 0}, {2, 2}, {3, 1}}, /* in itself */
		{{1, 0}, {2, 9}, {3, 1}}, /* in nothing */
		{{1, 0}, {2, 0}, {3, 1}}, /* two roots */
	};
	struct permit_map *m;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		m = permit_map_new();
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(
				permit_map_add_folder(m, bad[i][k].id, bad[i][k].parent, "x"), 0);
		assert_int_equal(permit_map_seal(m), -EBADMSG);
		permit_map_free(m);
	}
	m = world();
	assert_int_equal(permit_map_add_folder(m, 60, ROOT + PERMIT_DEPTH_MAX, "q"), 0);
	assert_int_equal(permit_map_seal(m), -EBADMSG); /* too deep */
	permit_map_free(m);
	m = permit_map_new();
	assert_int_equal(permit_map_seal(m), 0); /* empty: nobody may do anything */
	assert_false(permit_map_may(m, 1, PERMIT_CONNECT, &(struct permit_place){.folder = 1}));
	assert_false(permit_map_may_any(m, 1, &(struct permit_place){.folder = 0}));
	permit_map_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	   cmocka_unit_test(test_any_world),
		cmocka_unit_test(test_why),	   cmocka_unit_test(test_why_of_administrators),
		cmocka_unit_test(test_many_steps), cmocka_unit_test(test_names),
		cmocka_unit_test(test_paths),	   cmocka_unit_test(test_no_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
