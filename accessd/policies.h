/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * policies - the rules of a session, gathered from the store: pure/policy.h says in which order
 * they count.
 */
#ifndef FARLAN_POLICIES_H
#define FARLAN_POLICIES_H

#include "accessd/store_policy.h"

#define POLICIES_TOO_MANY                                                               \
	"its firewall policies have too many rules together, so nothing may pass: the " \
	"administrator has to shorten them"

struct policies {
	struct rules own; /* the device's list */
	size_t n;	  /* in the order in which they count */
	struct policy_part parts[POLICY_PARTS_MAX];
	size_t n_lists;
	struct policies_list {
		struct store_applied applied;
		struct rules rules;
	} * lists[POLICY_PARTS_MAX]; /* in any order */
};

/** policies_gather() - all that concerns @user at @device. Return: 0; -E2BIG more than
 * POLICY_PARTS_MAX policies; -ENOENT; -EIO. policies_free() follows only success. */
int policies_gather(struct store *s, int64_t user, int64_t device, struct policies **out)
	__attribute__((warn_unused_result));
void policies_free(struct policies *p); /* NULL is nothing */
/** policies_list() - that of a part. */
const struct policies_list *policies_list(const struct policies *p, size_t part);

/** policies_rules() - joined. Return: 0; -E2BIG too many: *out denies all; -ENOENT; -EIO. */
int policies_rules(struct store *s, int64_t user, int64_t device, struct rules *out)
	__attribute__((warn_unused_result));

#endif
