/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * access - who may do what in a domain, as the register says now: store_tree.h's tables in memory,
 * read anew when they have changed.
 */
#ifndef FARLAN_ACCESS_H
#define FARLAN_ACCESS_H

#include "accessd/store_tree.h"

struct access;

/** access_open() - of a domain; @s is borrowed. Return: 0; -ENOMEM; -EIO. */
int access_open(struct access **out, struct store *s, int64_t domain)
	__attribute__((warn_unused_result));
/** access_close() - NULL is allowed. */
void access_close(struct access *a);

/** access_map() - for permit_map.h; it holds until the store is changed. NULL: it cannot be read
 * now (logged); then nobody may do anything. */
const struct permit_map *access_map(struct access *a);

/**
 * access_may() - may a user do this there? Return: 0, *may is set; -EIO it cannot be told now, and
 * *may is false.
 */
int access_may(struct access *a, int64_t user, enum permission what, const struct permit_place *at,
	       bool *may) __attribute__((warn_unused_result));
/** access_may_device() - the same with a device by its member. -ENOENT: no such device. */
int access_may_device(struct access *a, int64_t user, enum permission what, int64_t device,
		      bool *may) __attribute__((warn_unused_result));
/** access_sees() - is there anything that he may do there? Else it is not there for him. */
bool access_sees(struct access *a, int64_t user, const struct permit_place *at);

/*
 * Nobody can give away more than he has, to others or to himself. These tell what is lacking; if
 * that cannot be told now, they return false and lack->at.folder is 0.
 */
struct access_lack {
	enum permission what;
	struct permit_place at;
};

/** access_covers() - may @user do whatever @other may do, or administer there? Who can give
 * somebody another password can be him. */
bool access_covers(struct access *a, int64_t user, int64_t other, struct access_lack *lack);
/**
 * access_may_give() - may @user make a rule that allows something, or take one back that denies it?
 * He must administer its place (what is allowed he may also just have), and all below where it
 * counts.
 */
bool access_may_give(struct access *a, int64_t user, const struct permit_rule *rule,
		     struct access_lack *lack);
/** access_may_regroup() - may he put somebody into a group, or (@leaves) out of it? */
bool access_may_regroup(struct access *a, int64_t user, int64_t group, bool leaves,
			struct access_lack *lack);
/** access_is_above() - does @other administer anywhere where @user does not? Then nothing is denied
 * to him by that one. Also if it cannot be told now. */
bool access_is_above(struct access *a, int64_t other, int64_t user);
/** access_may_move() - does he administer a folder, and all that is in it? */
bool access_may_move(struct access *a, int64_t user, int64_t folder, struct access_lack *lack);

/** access_place() - of a member that is a device. */
static inline struct permit_place access_place(const struct store_member *m)
{
	return (struct permit_place){.folder = m->folder, .device = m->id};
}

#endif
