/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store_control - of the store, what sessions are controlled by: what is set where, and the wishes
 * that wait for approval.
 */
#ifndef FARLAN_STORE_CONTROL_H
#define FARLAN_STORE_CONTROL_H

#include "accessd/pure/pending.h"
#include "accessd/pure/settings.h"
#include "accessd/store.h"

/**
 * store_settings_of() - what holds in a folder (0: the domain itself), taken from it and those
 * above.
 * @limit_s: see settings_init(). Return: 0; -EIO, also if a value is none: nobody knows what holds.
 */
int store_settings_of(struct store *s, int64_t domain, int64_t folder, int64_t limit_s,
		      struct settings *all) __attribute__((warn_unused_result));
/** store_settings_of_member() - in the folder where a device or user stands. */
int store_settings_of_member(struct store *s, const struct store_member *m, int64_t limit_s,
			     struct settings *all) __attribute__((warn_unused_result));

/** store_group_holds() - is the user in the group of this name? Return: 0; -ENOENT he is not, or
 * there is no such group; -EIO. */
int store_group_holds(struct store *s, int64_t domain, const char *group, int64_t user)
	__attribute__((warn_unused_result));

/* Wishes that wait: none survives a restart, and then it is known which there were. */
int store_pending_add(struct store *s, int64_t domain, const struct pending *p)
	__attribute__((warn_unused_result));
int store_pending_remove(struct store *s, const char *id) __attribute__((warn_unused_result));
/** store_pending_first() - one of them: names, address and reason. Return: 0; -ENOENT there is
 * none; -EIO. */
int store_pending_first(struct store *s, int64_t domain, struct pending *p)
	__attribute__((warn_unused_result));

#endif
