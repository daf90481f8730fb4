/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What admin_policy.c (policies), admin_attach.c (where they hold) and admin_policy_test.c (what
 * they would say) share.
 */
#ifndef FARLAN_ADMIN_POLICY_H
#define FARLAN_ADMIN_POLICY_H

#include "accessd/ask.h"
#include "accessd/store_policy.h"

#define POLICY_SHOWN_MAX 200 /* attachments in one answer */

/** policy_find() - by the name in @params. Else the request is answered. */
bool policy_find(struct ask *q, const json_t *params, struct store_policy *p);
/** policy_subject() - for whom ("for"; absent: everyone), into @a. Else the request is answered. */
bool policy_subject(struct ask *q, const json_t *params, struct store_attachment *a);
/** policy_may_see() - the caller, this one? */
bool policy_may_see(const struct ask *q, const struct store_policy *p);
/** policy_may_change() - the caller, wherever it is attached? Else the request is answered. */
bool policy_may_change(struct ask *q, const struct store_policy *p);
/** policy_place() - of an attachment. -ENOENT; -EIO. */
int policy_place(const struct ask *q, const struct store_attachment *a, struct permit_place *at)
	__attribute__((warn_unused_result));
/**
 * policy_commit() - the end of a transaction whose changes gave @rc: unless a session would have
 * too many rules then. @device: only its sessions are concerned; 0: any. They are told. Else all is
 * taken back, and the request is answered.
 */
bool policy_commit(struct ask *q, int rc, int64_t device);

#endif
