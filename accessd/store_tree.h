/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store_tree - the part of the store about folders, groups of users, and who may do what where. As
 * in store.h: 0 or -errno; -ENOSPC is a table that is full.
 */
#ifndef FARLAN_STORE_TREE_H
#define FARLAN_STORE_TREE_H

#include "accessd/pure/permit_map.h"
#include "accessd/store.h"

/* Of a domain. */
#define STORE_FOLDERS_MAX 20000
#define STORE_GROUPS_MAX 2000
#define STORE_GROUP_MEMBERS_MAX 200000 /* of all groups */
#define STORE_PERMISSIONS_MAX 100000

/* --- folders --- */

struct store_folder {
	int64_t id, domain;
	int64_t parent; /* 0: it is the root */
	char name[STORE_NAME_SIZE];
};

/** store_path_ok() - "/" or names behind a '/' each; not too many. */
bool store_path_ok(const char *path);
int store_folder_get(struct store *s, int64_t id, struct store_folder *f)
	__attribute__((warn_unused_result));
/** store_folder_find() - by its path. -EINVAL: it is none. */
int store_folder_find(struct store *s, int64_t domain, const char *path, struct store_folder *f)
	__attribute__((warn_unused_result));
/** store_folder_add() - into its parent. -E2BIG: that stands too deep. */
int store_folder_add(struct store *s, struct store_folder *f)
	__attribute__((warn_unused_result)); /* sets id */
int store_folder_rename(struct store *s, int64_t id, const char *name)
	__attribute__((warn_unused_result));
/** store_folder_move() - with all that is in it. -ELOOP: into itself; -E2BIG: too deep. */
int store_folder_move(struct store *s, int64_t id, int64_t parent)
	__attribute__((warn_unused_result));
/** store_folder_remove() - with its settings. -EBUSY: something stands in it, or permissions or
 * policies name it; the root. */
int store_folder_remove(struct store *s, int64_t id) __attribute__((warn_unused_result));
/** store_folder_chain() - a folder and those above it, the root last; 0: the root. For what is
 * inherited; decisions are by access.h. */
int store_folder_chain(struct store *s, int64_t domain, int64_t folder,
		       int64_t chain[PERMIT_DEPTH_MAX + 1], size_t *n)
	__attribute__((warn_unused_result));
struct store_folder_counts {
	int64_t devices, users, groups;
};
/** store_folder_count() - what stands in it, not below. */
int store_folder_count(struct store *s, int64_t id, struct store_folder_counts *n)
	__attribute__((warn_unused_result));
/** store_folder_each() - by id; @fn returns false to stop. */
int store_folder_each(struct store *s, int64_t domain,
		      bool (*fn)(void *arg, const struct store_folder *f), void *arg)
	__attribute__((warn_unused_result));

/** store_member_folder() - where a member stands. */
int store_member_folder(struct store *s, int64_t id, int64_t *folder)
	__attribute__((warn_unused_result));
/** store_member_move() - a device or user. */
int store_member_move(struct store *s, int64_t id, int64_t folder)
	__attribute__((warn_unused_result));

/* --- groups of users --- */

struct store_group {
	int64_t id, domain, folder;
	char name[STORE_NAME_SIZE];
	bool everyone; /* that each user is in */
};

int store_group_add(struct store *s, struct store_group *g)
	__attribute__((warn_unused_result)); /* sets id */
int store_group_get(struct store *s, int64_t id, struct store_group *g)
	__attribute__((warn_unused_result));
int store_group_find(struct store *s, int64_t domain, const char *name, struct store_group *g)
	__attribute__((warn_unused_result));
int store_group_move(struct store *s, int64_t id, int64_t folder)
	__attribute__((warn_unused_result));
/** store_group_remove() - -EBUSY: it has members, or permissions or policies name it. */
int store_group_remove(struct store *s, int64_t id) __attribute__((warn_unused_result));
/** store_group_each() - those whose names come behind @after, by name. */
int store_group_each(struct store *s, int64_t domain, const char *after,
		     bool (*fn)(void *arg, const struct store_group *g), void *arg)
	__attribute__((warn_unused_result));

/** store_group_count() - its members. */
int store_group_count(struct store *s, int64_t id, int64_t *n) __attribute__((warn_unused_result));
/** store_group_policies() - where a firewall policy is attached for it: a folder or a device. */
int store_group_policies(struct store *s, int64_t id,
			 bool (*fn)(void *arg, const struct permit_place *at), void *arg)
	__attribute__((warn_unused_result));
/** store_group_join() - -EEXIST: he is in it. */
int store_group_join(struct store *s, int64_t group, int64_t user)
	__attribute__((warn_unused_result));
/** store_group_leave() - -ENOENT: he is not in it. */
int store_group_leave(struct store *s, int64_t group, int64_t user)
	__attribute__((warn_unused_result));
/** store_group_members() - the users whose names come behind @after, by name. */
int store_group_members(struct store *s, int64_t group, const char *after,
			bool (*fn)(void *arg, const struct store_member *m), void *arg)
	__attribute__((warn_unused_result));
/** store_member_groups() - the groups that a user was put into, by id. */
int store_member_groups(struct store *s, int64_t user,
			bool (*fn)(void *arg, int64_t group, const char *name), void *arg)
	__attribute__((warn_unused_result));

/* --- permissions --- */

/** store_permission_set() - takes the place of what was said about the same. Return: 0, also if it
 * was said already. */
int store_permission_set(struct store *s, int64_t domain, const struct permit_rule *rule)
	__attribute__((warn_unused_result));
/** store_permission_clear() - whatever @rule->allow says. -ENOENT: nothing was said. */
int store_permission_clear(struct store *s, const struct permit_rule *rule)
	__attribute__((warn_unused_result));

/* A permission with the names of its parts. */
struct store_permission {
	int64_t id;
	struct permit_rule rule;
	char subject[STORE_NAME_SIZE];
	char device[STORE_NAME_SIZE]; /* "": a folder */
	int64_t folder;		      /* the target, or where the device stands */
};

/** store_permission_each() - those behind @after (an id), by id. */
int store_permission_each(struct store *s, int64_t domain, int64_t after,
			  bool (*fn)(void *arg, const struct store_permission *p), void *arg)
	__attribute__((warn_unused_result));

/* --- all of it --- */

/** store_tree_changes() - it grows with each change of folders, groups, memberships and
 * permissions; also where that was taken back. Devices and users that move do not count. */
uint64_t store_tree_changes(const struct store *s);
/** store_tree_load() - a domain's map as it is now, sealed. Return: 0; -ENOMEM; -EIO. */
int store_tree_load(struct store *s, int64_t domain, struct permit_map **out)
	__attribute__((warn_unused_result));

#endif
