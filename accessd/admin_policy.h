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
/** policy_folder() - by the path in @params ("folder"; absent: the root). Else the request is
 * answered. */
bool policy_folder(struct ask *q, const json_t *params, int64_t *folder);
/** policy_folder_at() - the same by a path. */
bool policy_folder_at(struct ask *q, const char *path, int64_t *folder);
/** policy_subject() - "anna" or "fitters", "user anna" or "group fitters" where both are. Else the
 * request is answered. */
bool policy_subject(struct ask *q, const char *text, struct store_attachment *a);
/** policy_path() - of a folder; "/" if it cannot be said. Return: @out. */
const char *policy_path(const struct ask *q, int64_t folder, char out[POLICY_PATH_SIZE]);
/** policy_may_see() - the caller, this one? */
bool policy_may_see(const struct ask *q, const struct store_policy *p);
/**
 * policy_commit() - the end of a transaction whose changes gave @rc: unless a session would have
 * too many rules then. Sessions are told. Else all is taken back, and the request is answered.
 */
bool policy_commit(struct ask *q, int rc);

#endif
