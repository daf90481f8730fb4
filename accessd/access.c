/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/access.h"

#include <errno.h>
#include <stdlib.h>

struct access {
	struct store *store;
	int64_t domain;
	struct permit_map *map; /* NULL: to be read */
	uint64_t changes;	/* of the store, when it was read */
};

int access_open(struct access **out, struct store *s, int64_t domain)
{
	struct access *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->store = s;
	a->domain = domain;
	if (!access_map(a)) {
		access_close(a);
		return -EIO;
	}
	*out = a;
	return 0;
}

void access_close(struct access *a)
{
	if (!a)
		return;
	permit_map_free(a->map);
	free(a);
}

/* An old one says nothing about now. */
const struct permit_map *access_map(struct access *a)
{
	uint64_t changes = store_tree_changes(a->store);

	if (a->map && a->changes == changes)
		return a->map;
	permit_map_free(a->map);
	a->map = NULL;
	a->changes = changes;
	if (store_tree_load(a->store, a->domain, &a->map) != 0)
		a->map = NULL;
	return a->map;
}

int access_may(struct access *a, int64_t user, enum permission what, const struct permit_place *at,
	       bool *may)
{
	const struct permit_map *m = access_map(a);

	*may = m && permit_map_may(m, user, what, at);
	return m ? 0 : -EIO;
}

int access_may_device(struct access *a, int64_t user, enum permission what, int64_t device,
		      bool *may)
{
	struct permit_place at = {.device = device};
	int rc = store_member_folder(a->store, device, &at.folder);

	*may = false;
	return rc ? rc : access_may(a, user, what, &at, may);
}

bool access_sees(struct access *a, int64_t user, const struct permit_place *at)
{
	const struct permit_map *m = access_map(a);

	return m && permit_map_may_any(m, user, at);
}

/* --- to have as much as others --------------------------------------------------------------- */

/* A rule's place; a device's folder is looked up. */
static bool place_of(const struct access *a, const struct permit_rule *rule,
		     struct permit_place *at)
{
	*at = (struct permit_place){.folder = rule->folder, .device = rule->device};
	return !rule->device || store_member_folder(a->store, rule->device, &at->folder) == 0;
}

static bool has(const struct permit_map *m, int64_t user, enum permission what,
		const struct permit_place *at)
{
	return permit_map_may(m, user, what, at) || permit_map_may(m, user, PERMIT_ADMINISTER, at);
}

static bool covers_place(const struct permit_map *m, int64_t user, int64_t other,
			 const struct permit_place *at, struct access_lack *lack)
{
	for (int i = 0; i < PERMISSIONS; i++) {
		enum permission what = (enum permission)i;

		if (permit_map_may(m, other, what, at) && !has(m, user, what, at)) {
			*lack = (struct access_lack){.what = what, .at = *at};
			return false;
		}
	}
	return true;
}

/* What somebody may do is another thing only where a rule speaks of him: elsewhere it is as above.
 */
bool access_covers(struct access *a, int64_t user, int64_t other, struct access_lack *lack)
{
	const struct permit_map *m = access_map(a);
	const struct permit_rule *rules;
	struct permit_place at;
	size_t n;

	*lack = (struct access_lack){.what = PERMIT_ADMINISTER};
	if (!m)
		return false;
	if (user == other)
		return true;
	rules = permit_map_rules(m, &n);
	for (size_t i = 0; i < n; i++) {
		if (!permit_map_speaks_of(m, &rules[i], user) &&
		    !permit_map_speaks_of(m, &rules[i], other))
			continue;
		if (!place_of(a, &rules[i], &at) || !covers_place(m, user, other, &at, lack))
			return false;
	}
	return true;
}

/* --- to give no more than one has ------------------------------------------------------------ */

static bool is_below(const struct permit_map *m, int64_t folder, const struct permit_place *at)
{
	int64_t chain[PERMIT_DEPTH_MAX + 1];
	size_t n = permit_map_chain(m, at->folder, chain);

	for (size_t i = 0; i < n; i++) {
		if (chain[i] == folder)
			return true;
	}
	return false;
}

/* Does @nearer, whoever is in it, decide before @rule about the same, from @at on down? */
static bool shadows(const struct permit_map *m, const struct permit_rule *nearer,
		    const struct permit_rule *rule, const struct permit_place *at)
{
	if (nearer->what != rule->what || nearer->folder == rule->folder)
		return false;
	if (!permit_map_is_everyone(m, nearer) &&
	    (nearer->subject != rule->subject || nearer->is_group != rule->is_group))
		return false;
	return nearer->device ? nearer->device == at->device
			      : is_below(m, rule->folder,
					 &(struct permit_place){.folder = nearer->folder}) &&
					is_below(m, nearer->folder, at);
}

static bool is_shadowed(const struct permit_map *m, const struct permit_rule *rule,
			const struct permit_place *at)
{
	const struct permit_rule *rules;
	size_t n;

	rules = permit_map_rules(m, &n);
	for (size_t i = 0; i < n; i++) {
		if (shadows(m, &rules[i], rule, at))
			return true;
	}
	return false;
}

/* What he must be able to do himself to give what @rule allows, or take away what it denies. */
static bool commands(const struct permit_map *m, int64_t user, const struct permit_rule *rule,
		     const struct permit_place *at)
{
	return permit_map_may(m, user, PERMIT_ADMINISTER, at) ||
	       (rule->allow && permit_map_may(m, user, rule->what, at));
}

bool access_may_give(struct access *a, int64_t user, const struct permit_rule *rule,
		     struct access_lack *lack)
{
	const struct permit_map *m = access_map(a);
	const struct permit_rule *rules;
	struct permit_place at;
	size_t n;

	*lack = (struct access_lack){.what = rule->what};
	if (!m || !place_of(a, rule, &at))
		return false;
	lack->at = at;
	if (!commands(m, user, rule, &at))
		return false;
	/* It counts below, too: there he may be able to do less. */
	rules = permit_map_rules(m, &n);
	for (size_t i = 0; i < n && !rule->device; i++) {
		if (!permit_map_speaks_of(m, &rules[i], user))
			continue;
		if (!place_of(a, &rules[i], &at))
			return false;
		lack->at = at;
		if (is_below(m, rule->folder, &at) && !commands(m, user, rule, &at) &&
		    !is_shadowed(m, rule, &at))
			return false;
	}
	return true;
}

bool access_is_above(struct access *a, int64_t other, int64_t user)
{
	const struct permit_map *m = access_map(a);
	const struct permit_rule *rules;
	struct permit_place at;
	size_t n;

	if (!m)
		return true;
	rules = permit_map_rules(m, &n);
	for (size_t i = 0; i < n; i++) {
		if (rules[i].what != PERMIT_ADMINISTER ||
		    (!permit_map_speaks_of(m, &rules[i], user) &&
		     !permit_map_speaks_of(m, &rules[i], other)))
			continue;
		if (!place_of(a, &rules[i], &at) ||
		    (permit_map_may(m, other, PERMIT_ADMINISTER, &at) &&
		     !permit_map_may(m, user, PERMIT_ADMINISTER, &at)))
			return true;
	}
	return false;
}

bool access_may_move(struct access *a, int64_t user, int64_t folder, struct access_lack *lack)
{
	/* Whatever is inherited there may change: as if it were given to somebody new. */
	const struct permit_rule all = {.what = PERMIT_ADMINISTER, .folder = folder, .allow = true};

	return access_may_give(a, user, &all, lack);
}

bool access_may_regroup(struct access *a, int64_t user, int64_t group, bool leaves,
			struct access_lack *lack)
{
	const struct permit_map *m = access_map(a);
	const struct permit_rule *rules;
	size_t n;

	*lack = (struct access_lack){.what = PERMIT_ADMINISTER};
	if (!m)
		return false;
	rules = permit_map_rules(m, &n);
	for (size_t i = 0; i < n; i++) {
		const struct permit_rule *r = &rules[i];

		if (r->is_group && r->subject == group && r->allow != leaves &&
		    !access_may_give(a, user, r, lack))
			return false;
	}
	return true;
}
