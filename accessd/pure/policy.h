/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * policy - which rules a session gets, of all lists that concern it. Pure.
 *
 *   1. the device's own list
 *   2. policies attached to the device, then those of its folder, then upward to the root
 *   3. at one place: for the user, then for a group of his, then for everyone
 *   4. of these, the one that was attached first
 *
 * They are one list then: the first rule that fits decides. A policy that comes twice counts where
 * it comes first. Without any of them there is no list.
 */
#ifndef FARLAN_POLICY_H
#define FARLAN_POLICY_H

#include "common/pure/rules.h"

#define POLICY_PARTS_MAX 64 /* policies of one session */
#define POLICY_OWN SIZE_MAX /* no part: the device's own list */

enum policy_whom { POLICY_USER, POLICY_GROUP, POLICY_EVERYONE };

/* A policy that is attached where it concerns the session. */
struct policy_part {
	int64_t policy;	    /* which one it is */
	unsigned int depth; /* 0: the device, 1: its folder, 2: the one above ... */
	enum policy_whom whom;
	int64_t number; /* grows with each attachment */
	const struct rules *rules;
};

/** policy_sort() - into the order in which they count; of those that come twice only the first one
 * stays. Return: how many stay. */
size_t policy_sort(struct policy_part *parts, size_t n);

/** policy_join() - one list. @own: the device's. @parts: sorted. Return: 0; -E2BIG more than
 * RULES_MAX: *out denies all. */
int policy_join(const struct rules *own, const struct policy_part *parts, size_t n,
		struct rules *out) __attribute__((warn_unused_result));

/** policy_source() - where a rule of the joined list came from. *part: an index, or POLICY_OWN;
 * *rule: its index there. @at: below the joined list's length. */
void policy_source(const struct rules *own, const struct policy_part *parts, size_t n, size_t at,
		   size_t *part, size_t *rule);

#endif
