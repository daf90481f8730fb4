/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * permit_map - a domain's folders, groups and rules in memory, so that a decision costs a few
 * searches. Built once, then only read; whoever changes the register builds another one. Pure.
 */
#ifndef FARLAN_PERMIT_MAP_H
#define FARLAN_PERMIT_MAP_H

#include "accessd/pure/permit.h"
#include "common/pure/text.h"

#define PERMIT_DEPTH_MAX 16 /* folders below the root, one in another */
#define PERMIT_PATH_SIZE (PERMIT_DEPTH_MAX * (TEXT_NAME_MAX + 1) + 1)

/* A device in a folder; device 0: the folder. */
struct permit_place {
	int64_t folder, device;
};

struct permit_map;

/** permit_map_new() - NULL: out of memory. */
struct permit_map *permit_map_new(void);
/** permit_map_free() - NULL is allowed. */
void permit_map_free(struct permit_map *m);

/* In any order. Return: 0; -ENOMEM. */
int permit_map_add_folder(struct permit_map *m, int64_t id, int64_t parent, const char *name)
	__attribute__((warn_unused_result)); /* parent 0: the root; name: up to TEXT_NAME_MAX */
int permit_map_add_member(struct permit_map *m, int64_t group, int64_t user)
	__attribute__((warn_unused_result));
int permit_map_add_rule(struct permit_map *m, const struct permit_rule *rule)
	__attribute__((warn_unused_result));
/** permit_map_set_everyone() - the group that each user is in. */
void permit_map_set_everyone(struct permit_map *m, int64_t group);
/** permit_map_seal() - all is there. Return: 0; -EBADMSG it is no tree. */
int permit_map_seal(struct permit_map *m) __attribute__((warn_unused_result));

/* Of a sealed map. What it does not know nobody may do anything with. */

bool permit_map_may(const struct permit_map *m, int64_t user, enum permission what,
		    const struct permit_place *at);
/** permit_map_may_any() - is there anything at all that he may do there? */
bool permit_map_may_any(const struct permit_map *m, int64_t user, const struct permit_place *at);
/** permit_map_explain() - the same as permit_map_may() in @a->allowed, with all that led to it. */
void permit_map_explain(const struct permit_map *m, int64_t user, enum permission what,
			const struct permit_place *at, struct permit_answer *a);

/** permit_map_has_member() - is the user in this group? */
bool permit_map_has_member(const struct permit_map *m, int64_t group, int64_t user);
/** permit_map_speaks_of() - is it a rule for this user, or for a group that he is in? */
bool permit_map_speaks_of(const struct permit_map *m, const struct permit_rule *rule, int64_t user);
/** permit_map_is_everyone() - is it a rule for each user? */
bool permit_map_is_everyone(const struct permit_map *m, const struct permit_rule *rule);
/** permit_map_rules() - all of them, by place. */
const struct permit_rule *permit_map_rules(const struct permit_map *m, size_t *n);

/** permit_map_chain() - a folder and those above it, the root last. Return: how many; 0: there is
 * no such folder. */
size_t permit_map_chain(const struct permit_map *m, int64_t folder,
			int64_t chain[PERMIT_DEPTH_MAX + 1]);
/** permit_map_path() - "/", "/italy/plant3"; "?": there is no such folder. */
const char *permit_map_path(const struct permit_map *m, int64_t folder,
			    char path[PERMIT_PATH_SIZE]);
/** permit_map_root() - 0: there is none. */
int64_t permit_map_root(const struct permit_map *m);

#endif
