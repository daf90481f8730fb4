/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/permit_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOWHERE SIZE_MAX

struct folder {
	int64_t id, parent;
	size_t up; /* where the parent is; NOWHERE: the root */
	bool has_rules;
	char name[TEXT_NAME_MAX + 1];
};

struct membership {
	int64_t user, group;
};

/* Something that grows, then is sorted. */
struct table {
	void *at;
	size_t n, room;
};

struct permit_map {
	struct table folders;	/* by id */
	struct table members;	/* by user and group */
	struct table rules;	/* see compare_rules() */
	int64_t everyone, root; /* 0: none */
};

struct permit_map *permit_map_new(void)
{
	return calloc(1, sizeof(struct permit_map));
}

void permit_map_free(struct permit_map *m)
{
	if (!m)
		return;
	free(m->folders.at);
	free(m->members.at);
	free(m->rules.at);
	free(m);
}

/* --- building -------------------------------------------------------------------------------- */

static int grow(struct table *t, const void *item, size_t size)
{
	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		void *at = reallocarray(t->at, room, size);

		if (!at)
			return -ENOMEM;
		t->at = at;
		t->room = room;
	}
	memcpy((char *)t->at + t->n++ * size, item, size);
	return 0;
}

int permit_map_add_folder(struct permit_map *m, int64_t id, int64_t parent, const char *name)
{
	struct folder f = {.id = id, .parent = parent, .up = NOWHERE};

	strncpy(f.name, name, TEXT_NAME_MAX);
	if (parent == 0)
		m->root = id;
	return grow(&m->folders, &f, sizeof(f));
}

int permit_map_add_member(struct permit_map *m, int64_t group, int64_t user)
{
	struct membership x = {.user = user, .group = group};

	return grow(&m->members, &x, sizeof(x));
}

int permit_map_add_rule(struct permit_map *m, const struct permit_rule *rule)
{
	return grow(&m->rules, rule, sizeof(*rule));
}

void permit_map_set_everyone(struct permit_map *m, int64_t group)
{
	m->everyone = group;
}

/* --- searching ------------------------------------------------------------------------------- */

static int compare(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int compare_folders(const void *one, const void *other)
{
	const struct folder *a = one, *b = other;

	return compare(a->id, b->id);
}

static int compare_members(const void *one, const void *other)
{
	const struct membership *a = one, *b = other;
	int by_user = compare(a->user, b->user);

	return by_user ? by_user : compare(a->group, b->group);
}

/* By place and permission; there users first; each by subject. */
static int compare_rules(const void *one, const void *other)
{
	const struct permit_rule *a = one, *b = other;
	int by = compare(a->device, b->device);

	if (by == 0)
		by = compare(a->folder, b->folder);
	if (by == 0)
		by = compare(a->what, b->what);
	if (by == 0)
		by = compare(a->is_group, b->is_group);
	return by ? by : compare(a->subject, b->subject);
}

/* The first that does not come before @key. */
static size_t lower(const struct table *t, size_t size, const void *key,
		    int (*order)(const void *one, const void *other))
{
	size_t from = 0, to = t->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (order((const char *)t->at + mid * size, key) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static const struct folder *folder_at(const struct permit_map *m, size_t i)
{
	return (const struct folder *)m->folders.at + i;
}

static size_t find_folder(const struct permit_map *m, int64_t id)
{
	struct folder key = {.id = id};
	size_t i = lower(&m->folders, sizeof(key), &key, compare_folders);

	return i < m->folders.n && folder_at(m, i)->id == id ? i : NOWHERE;
}

static const struct permit_rule *rule_at(const struct permit_map *m, size_t i)
{
	return (const struct permit_rule *)m->rules.at + i;
}

static size_t find_rules(const struct permit_map *m, const struct permit_rule *key)
{
	return lower(&m->rules, sizeof(*key), key, compare_rules);
}

static void sort(struct table *t, size_t size, int (*order)(const void *one, const void *other))
{
	if (t->n > 0)
		qsort(t->at, t->n, size, order);
}

/* Every folder comes to the one root within the depth that is allowed: so there is no cycle. */
static bool is_tree(const struct permit_map *m)
{
	for (size_t i = 0; i < m->folders.n; i++) {
		size_t depth = 0, at = i;

		while (folder_at(m, at)->up != NOWHERE && depth++ < PERMIT_DEPTH_MAX)
			at = folder_at(m, at)->up;
		if (folder_at(m, at)->id != m->root)
			return false;
	}
	return true;
}

int permit_map_seal(struct permit_map *m)
{
	struct folder *folders = m->folders.at;

	sort(&m->folders, sizeof(struct folder), compare_folders);
	sort(&m->members, sizeof(struct membership), compare_members);
	sort(&m->rules, sizeof(struct permit_rule), compare_rules);
	for (size_t i = 0; i < m->folders.n; i++)
		folders[i].up = folders[i].parent ? find_folder(m, folders[i].parent) : NOWHERE;
	for (size_t i = 0; i < m->rules.n; i++) {
		size_t at = find_folder(m, rule_at(m, i)->folder);

		if (at != NOWHERE)
			folders[at].has_rules = true;
	}
	return is_tree(m) ? 0 : -EBADMSG;
}

bool permit_map_has_member(const struct permit_map *m, int64_t group, int64_t user)
{
	struct membership key = {.user = user, .group = group}, *all = m->members.at;
	size_t i;

	if (group == m->everyone)
		return true;
	i = lower(&m->members, sizeof(key), &key, compare_members);
	return i < m->members.n && compare_members(&all[i], &key) == 0;
}

bool permit_map_speaks_of(const struct permit_map *m, const struct permit_rule *rule, int64_t user)
{
	return rule->is_group ? permit_map_has_member(m, rule->subject, user)
			      : rule->subject == user;
}

bool permit_map_is_everyone(const struct permit_map *m, const struct permit_rule *rule)
{
	return rule->is_group && rule->subject == m->everyone;
}

const struct permit_rule *permit_map_rules(const struct permit_map *m, size_t *n)
{
	*n = m->rules.n;
	return m->rules.at;
}

/* --- walking up ------------------------------------------------------------------------------ */

/* Of rules that differ in their subjects alone: his own, and those for groups that he is in. */
static void add_rules(const struct permit_map *m, int64_t user, struct permit_rule key,
		      unsigned int distance, struct permit_answer *a)
{
	size_t i;

	key.subject = user;
	i = find_rules(m, &key);
	if (i < m->rules.n && compare_rules(rule_at(m, i), &key) == 0)
		permit_add(a, rule_at(m, i), distance);
	key.is_group = true;
	key.subject = INT64_MIN;
	for (i = find_rules(m, &key); i < m->rules.n; i++) {
		key.subject = rule_at(m, i)->subject;
		if (compare_rules(rule_at(m, i), &key) != 0)
			return;
		if (permit_map_has_member(m, key.subject, user))
			permit_add(a, rule_at(m, i), distance);
	}
}

static void add_place(const struct permit_map *m, int64_t user, enum permission what,
		      struct permit_rule key, unsigned int distance, struct permit_answer *a)
{
	key.what = what;
	add_rules(m, user, key, distance, a);
	key.what = PERMIT_ADMINISTER;
	if (what != PERMIT_ADMINISTER && permit_implies(what))
		add_rules(m, user, key, distance, a);
}

void permit_map_explain(const struct permit_map *m, int64_t user, enum permission what,
			const struct permit_place *at, struct permit_answer *a)
{
	size_t folder = find_folder(m, at->folder);
	unsigned int distance = 0;

	a->n = 0;
	a->more = false;
	if (at->device && folder != NOWHERE)
		add_place(m, user, what, (struct permit_rule){.device = at->device}, distance++, a);
	for (; folder != NOWHERE; folder = folder_at(m, folder)->up, distance++) {
		const struct folder *f = folder_at(m, folder);

		if (f->has_rules)
			add_place(m, user, what, (struct permit_rule){.folder = f->id}, distance,
				  a);
	}
	permit_decide(a, what);
}

/* --- asking ---------------------------------------------------------------------------------- */

bool permit_map_may(const struct permit_map *m, int64_t user, enum permission what,
		    const struct permit_place *at)
{
	struct permit_answer a;

	permit_map_explain(m, user, what, at, &a);
	return a.allowed;
}

bool permit_map_may_any(const struct permit_map *m, int64_t user, const struct permit_place *at)
{
	for (int what = 0; what < PERMISSIONS; what++) {
		if (permit_map_may(m, user, (enum permission)what, at))
			return true;
	}
	return false;
}

size_t permit_map_chain(const struct permit_map *m, int64_t folder,
			int64_t chain[PERMIT_DEPTH_MAX + 1])
{
	size_t n = 0;

	for (size_t i = find_folder(m, folder); i != NOWHERE; i = folder_at(m, i)->up)
		chain[n++] = folder_at(m, i)->id;
	return n;
}

const char *permit_map_path(const struct permit_map *m, int64_t folder, char path[PERMIT_PATH_SIZE])
{
	int64_t chain[PERMIT_DEPTH_MAX + 1];
	size_t n = permit_map_chain(m, folder, chain), len = 0;

	memcpy(path, n == 1 ? "/" : "?", 2);
	while (n-- > 1) {
		const char *name = folder_at(m, find_folder(m, chain[n - 1]))->name;
		size_t part = strlen(name);

		path[len++] = '/';
		memcpy(path + len, name, part + 1);
		len += part;
	}
	return path;
}

int64_t permit_map_root(const struct permit_map *m)
{
	return m->root;
}
