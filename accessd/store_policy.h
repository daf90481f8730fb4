/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store_policy - firewall policies, where they are attached, and devices that are locked at the
 * machine. Return: 0; -ENOENT; -EIO, logged; what is said besides.
 */
#ifndef FARLAN_STORE_POLICY_H
#define FARLAN_STORE_POLICY_H

#include "accessd/pure/policy.h"
#include "accessd/store.h"

#define STORE_WHY_SIZE 256

/* Of a domain. */
#define STORE_POLICIES_MAX 2000
#define STORE_ATTACHMENTS_MAX 20000

/* --- policies --- */

struct store_policy {
	int64_t id, domain, folder;
	char name[STORE_NAME_SIZE];
	size_t n_rules, n_attached;
};

/** store_policy_add() - without rules. Sets id. -EEXIST; -ENOSPC. */
int store_policy_add(struct store *s, struct store_policy *p) __attribute__((warn_unused_result));
int store_policy_by_name(struct store *s, int64_t domain, const char *name, struct store_policy *p)
	__attribute__((warn_unused_result));
/** store_policy_each() - those whose names come behind @after, in order, until @fn returns false.
 */
int store_policy_each(struct store *s, int64_t domain, const char *after,
		      bool (*fn)(void *arg, const struct store_policy *p), void *arg)
	__attribute__((warn_unused_result));
/** store_policy_rename() - -EEXIST. */
int store_policy_rename(struct store *s, int64_t id, const char *name)
	__attribute__((warn_unused_result));
/** store_policy_remove() - -EBUSY it is attached. */
int store_policy_remove(struct store *s, int64_t id) __attribute__((warn_unused_result));
int store_policy_rules(struct store *s, int64_t id, struct rules *rules)
	__attribute__((warn_unused_result));
int store_policy_set_rules(struct store *s, int64_t id, const struct rules *rules)
	__attribute__((warn_unused_result));

/* --- attachments --- */

struct store_attachment {
	int64_t policy;
	int64_t folder, device; /* one of them; 0: not */
	int64_t user, group;	/* at most one of them: both 0: everyone */
};

/** store_attach() - -EEXIST it is; -ENOSPC. */
int store_attach(struct store *s, int64_t domain, const struct store_attachment *a)
	__attribute__((warn_unused_result));
int store_detach(struct store *s, const struct store_attachment *a)
	__attribute__((warn_unused_result));

/* One for people. */
struct store_attached {
	struct store_attachment at;
	char device[STORE_NAME_SIZE], subject[STORE_NAME_SIZE]; /* "": none */
};
int store_attached_each(struct store *s, int64_t policy,
			bool (*fn)(void *arg, const struct store_attached *a), void *arg)
	__attribute__((warn_unused_result));

/* --- what concerns a session --- */

struct store_applied {
	struct policy_part part; /* its rules: of this call */
	char name[STORE_NAME_SIZE];
	int64_t folder; /* where it is attached; 0: at the device */
	char subject[STORE_NAME_SIZE];
};
/** store_applied_each() - the policies that concern @user at @device, in any order. */
int store_applied_each(struct store *s, int64_t user, int64_t device,
		       bool (*fn)(void *arg, const struct store_applied *a), void *arg)
	__attribute__((warn_unused_result));
/** store_applied_count() - how many rules a session of them gets. */
int store_applied_count(struct store *s, int64_t user, int64_t device, size_t *n)
	__attribute__((warn_unused_result));

/** store_applied_bound() - no session of the domain has more rules than this. */
int store_applied_bound(struct store *s, int64_t domain, size_t *n)
	__attribute__((warn_unused_result));

/* --- locked at the machine --- */

struct store_lock {
	int64_t since; /* Unix seconds, by the device's clock */
	char why[STORE_WHY_SIZE];
};
/** store_lock_set() - @lock: NULL takes it back. Return: 0 also if nothing changes, then *changed
 * is false; -EIO. */
int store_lock_set(struct store *s, int64_t device, const struct store_lock *lock, bool *changed)
	__attribute__((warn_unused_result));
/** store_lock_of() - -ENOENT: it is not. */
int store_lock_of(struct store *s, int64_t device, struct store_lock *lock)
	__attribute__((warn_unused_result));

#endif
