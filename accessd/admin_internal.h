/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What admin.c (the table of methods, and who may), admin_members.c, admin_set.c (changing them),
 * admin_may.c (who may), admin_folders.c, admin_groups.c, admin_permissions.c (the tree),
 * admin_relays.c (drain, pin ...), admin_rules.c (what sessions may do), admin_ca.c, admin_hosts.c,
 * admin_show.c (lists, status), admin_realms.c (domains), admin_sessions.c (sessions now),
 * admin_settings.c (of folders) and admin_history.c share. */
#ifndef FARLAN_ADMIN_INTERNAL_H
#define FARLAN_ADMIN_INTERNAL_H

#include "accessd/admin.h"

/** admin_ready() - is there a domain that is served? Else the request is answered. */
bool admin_ready(struct ask *q);
/** admin_may() - is this permitted to the caller? Else the request is answered (admin_may.c). */
bool admin_may(struct ask *q, const json_t *params);
/** admin_may_still() - for a request about a user (@m; id 0: who is to be added) that has waited.
 * Else it is answered. */
bool admin_may_still(struct ask *q, const struct store_member *m);
/** admin_lacks() - answer that he lacks something. @whose: "bert may do", or NULL. */
void admin_lacks(struct ask *q, const struct access_lack *lack, const char *why);
/** admin_needs() - may he do this there? Else the request is answered. */
bool admin_needs(struct ask *q, enum permission what, const struct permit_place *at);
/** admin_sees_member() - is it there for him? */
bool admin_sees_member(const struct ask *q, const struct store_member *m);
/** admin_works_on() - may he do something with a device beside connecting to it? */
bool admin_works_on(const struct ask *q, const struct store_member *device);
bool admin_sees_group(const struct ask *q, const struct store_group *g);
/** admin_place_name() - a device's name, a folder's path. */
const char *admin_place_name(const struct ask *q, const struct permit_place *at,
			     char out[PERMIT_PATH_SIZE]);
/** admin_path() - of a folder. */
const char *admin_path(const struct ask *q, int64_t folder, char out[PERMIT_PATH_SIZE]);
/** admin_get_folder() - the folder that @params name, which the caller sees. @root: it may be
 * absent. Else the request is answered (admin_folders.c). */
bool admin_get_folder(struct ask *q, const json_t *params, const char *key, bool root,
		      struct store_folder *f);
/** admin_get_group() - the group called so. Else the request is answered (admin_groups.c). */
bool admin_get_group(struct ask *q, const json_t *params, const char *key, struct store_group *g);
/** admin_get_subject() - the user or group in @params, which the caller sees, as @rule's. Else the
 * request is answered (admin_permissions.c). */
bool admin_get_subject(struct ask *q, const json_t *params, const char *key,
		       struct permit_rule *rule);
/** admin_get_target() - the folder or device in @params. Else the request is answered. */
bool admin_get_target(struct ask *q, const json_t *params, struct permit_place *at);
/** admin_get_target_of() - the same by another member. */
bool admin_get_target_of(struct ask *q, const json_t *params, const char *key,
			 struct permit_place *at);
/** admin_failed() - answer with what an error of the store means to a person. */
void admin_failed(struct ask *q, int rc);
/** admin_name() - the name in @params. Else the request is answered. */
bool admin_name(struct ask *q, const json_t *params, char name[STORE_NAME_SIZE]);
/** admin_name_of() - the same in another member. */
bool admin_name_of(struct ask *q, const json_t *params, const char *key,
		   char name[STORE_NAME_SIZE]);
/** admin_find() - a member by the name in @params. Else the request is answered. */
bool admin_find(struct ask *q, const json_t *params, enum ident_kind kind, struct store_member *m);
/** admin_lans() - the networks in @params, which fit into the domain. Else the request is answered.
 */
bool admin_lans(struct ask *q, const json_t *params, struct lans *lans);
/** admin_rate() - the rate in @params; absent: @rate stays. Else the request is answered. */
bool admin_rate(struct ask *q, const json_t *params, uint64_t *rate);
/** admin_find_as() - the same by a name that is known to be one. */
bool admin_find_as(struct ask *q, const char *name, enum ident_kind kind, struct store_member *m);
/** admin_relay_gone() - it was revoked: sessions go elsewhere. */
void admin_relay_gone(struct realm *r, int64_t relay);
/** admin_relay_put() - how a relay does, into its object of a list. */
void admin_relay_put(const struct realm *r, int64_t relay, json_t *o);
/** admin_wishes_put() - a device's pin and what it avoids, into its object. */
void admin_wishes_put(const struct realm *r, int64_t device, json_t *o);
void admin_on_device_add(struct ask *q, const json_t *params);
void admin_on_device_reinvite(struct ask *q, const json_t *params);
void admin_on_device_remove(struct ask *q, const json_t *params);
void admin_on_device_revoke(struct ask *q, const json_t *params);
void admin_on_relay_add(struct ask *q, const json_t *params);
void admin_on_relay_reinvite(struct ask *q, const json_t *params);
void admin_on_relay_remove(struct ask *q, const json_t *params);
void admin_on_relay_revoke(struct ask *q, const json_t *params);
void admin_on_user_add(struct ask *q, const json_t *params);
void admin_on_user_passwd(struct ask *q, const json_t *params);
void admin_on_user_reinvite(struct ask *q, const json_t *params);
void admin_on_user_remove(struct ask *q, const json_t *params);
void admin_on_user_revoke(struct ask *q, const json_t *params);
void admin_on_relay_drain(struct ask *q, const json_t *params);
void admin_on_relay_enable(struct ask *q, const json_t *params);
void admin_on_relay_pin(struct ask *q, const json_t *params);
void admin_on_relay_unpin(struct ask *q, const json_t *params);
void admin_on_relay_avoid(struct ask *q, const json_t *params);
void admin_on_relay_unavoid(struct ask *q, const json_t *params);
void admin_on_folder_add(struct ask *q, const json_t *params);
void admin_on_folder_rename(struct ask *q, const json_t *params);
void admin_on_folder_move(struct ask *q, const json_t *params);
void admin_on_folder_remove(struct ask *q, const json_t *params);
void admin_on_folder_list(struct ask *q, const json_t *params);
void admin_on_device_move(struct ask *q, const json_t *params);
void admin_on_user_move(struct ask *q, const json_t *params);
void admin_on_group_add(struct ask *q, const json_t *params);
void admin_on_group_remove(struct ask *q, const json_t *params);
void admin_on_group_move(struct ask *q, const json_t *params);
void admin_on_group_list(struct ask *q, const json_t *params);
void admin_on_group_join(struct ask *q, const json_t *params);
void admin_on_group_leave(struct ask *q, const json_t *params);
void admin_on_group_members(struct ask *q, const json_t *params);
void admin_on_permission_allow(struct ask *q, const json_t *params);
void admin_on_permission_deny(struct ask *q, const json_t *params);
void admin_on_permission_clear(struct ask *q, const json_t *params);
void admin_on_permission_list(struct ask *q, const json_t *params);
void admin_on_can(struct ask *q, const json_t *params);
void admin_on_rule_list(struct ask *q, const json_t *params);
void admin_on_rule_add(struct ask *q, const json_t *params);
void admin_on_rule_set(struct ask *q, const json_t *params);
void admin_on_rule_remove(struct ask *q, const json_t *params);
void admin_on_rule_clear(struct ask *q, const json_t *params);
void admin_on_host_add(struct ask *q, const json_t *params);
void admin_on_host_remove(struct ask *q, const json_t *params);
/** admin_name_clear() - is there no host whose full name would be that of a new device @name? Else
 * the request is answered. */
bool admin_name_clear(struct ask *q, const char *name);
void admin_on_host_list(struct ask *q, const json_t *params);

/** admin_lock_put() - that a device is locked at the machine, into its object. */
void admin_lock_put(const struct realm *r, int64_t device, json_t *o);

void admin_on_policy_add(struct ask *q, const json_t *params);
void admin_on_policy_rule(struct ask *q, const json_t *params);
void admin_on_policy_rename(struct ask *q, const json_t *params);
void admin_on_policy_remove(struct ask *q, const json_t *params);
void admin_on_policy_list(struct ask *q, const json_t *params);
void admin_on_policy_show(struct ask *q, const json_t *params);
void admin_on_policy_attach(struct ask *q, const json_t *params);
void admin_on_policy_detach(struct ask *q, const json_t *params);
void admin_on_policy_test(struct ask *q, const json_t *params);

void admin_on_audit_list(struct ask *q, const json_t *params);
void admin_on_audit_export(struct ask *q, const json_t *params);
void admin_on_audit_head(struct ask *q, const json_t *params);
void admin_on_audit_verify(struct ask *q, const json_t *params);
void admin_on_audit_prune(struct ask *q, const json_t *params);
void admin_on_session_record(struct ask *q, const json_t *params);
const char *admin_state_name(enum store_state state);

void admin_on_backup_make(struct ask *q, const json_t *params);
void admin_on_backup_read(struct ask *q, const json_t *params);
void admin_on_backup_drop(struct ask *q, const json_t *params);

/* How users sign in (admin_signin.c). */
/** admin_valid_until() - the time in @params; absent: @until stays. Else the request is answered.
 */
bool admin_valid_until(struct ask *q, const json_t *params, int64_t *until);
/** admin_new_password() - is it good enough for @user? Else the request is answered. */
bool admin_new_password(struct ask *q, const char *user, const char *password);
/** admin_account_put() - how a user stands, into its object. */
void admin_account_put(const struct realm *r, int64_t user, json_t *o);
/** admin_end_user() - his sessions and connections, now. */
void admin_end_user(struct realm *r, int64_t user, const char *reason);
void admin_on_user_show(struct ask *q, const json_t *params);
void admin_on_user_unlock(struct ask *q, const json_t *params);
void admin_on_user_reset_totp(struct ask *q, const json_t *params);
void admin_on_user_disable(struct ask *q, const json_t *params);
void admin_on_user_enable(struct ask *q, const json_t *params);

void admin_on_ca_show(struct ask *q, const json_t *params);
void admin_on_ca_roll(struct ask *q, const json_t *params);
void admin_on_token_key_roll(struct ask *q, const json_t *params);

void admin_on_init(struct ask *q, const json_t *params);
/** admin_hardware_put() - is a machine bound by a device of this name? Into its object. */
void admin_hardware_put(const struct realm *r, const char *device, json_t *o);
void admin_on_device_release(struct ask *q, const json_t *params);
void admin_on_domain_list(struct ask *q, const json_t *params);
void admin_on_domain_move(struct ask *q, const json_t *params);
void admin_on_domain_remove(struct ask *q, const json_t *params);
void admin_on_status(struct ask *q, const json_t *params);
void admin_on_doctor(struct ask *q, const json_t *params);
void admin_on_device_set(struct ask *q, const json_t *params);
void admin_on_user_set(struct ask *q, const json_t *params);
void admin_on_device_list(struct ask *q, const json_t *params);
void admin_on_user_list(struct ask *q, const json_t *params);
void admin_on_relay_list(struct ask *q, const json_t *params);
void admin_on_session_list(struct ask *q, const json_t *params);
void admin_on_session_history(struct ask *q, const json_t *params);
void admin_on_session_kill(struct ask *q, const json_t *params);
void admin_on_session_kill_many(struct ask *q, const json_t *params);
void admin_on_session_approvals(struct ask *q, const json_t *params);
void admin_on_session_approve(struct ask *q, const json_t *params);
void admin_on_session_reject(struct ask *q, const json_t *params);
/** admin_put_control() - for what, from where, who approved it, into a session's object. */
void admin_put_control(const struct store_session *x, json_t *o);

void admin_on_folder_set(struct ask *q, const json_t *params);
void admin_on_folder_settings(struct ask *q, const json_t *params);
void admin_on_domain_set(struct ask *q, const json_t *params);
void admin_on_domain_settings(struct ask *q, const json_t *params);

#endif
