/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/host_user.h"

/* clang-format off */
const struct admin_method ADMIN_METHODS[] = {
	/* the server and its domain */
	{"init", ADMIN_HOST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_DOMAIN_CREATED, admin_on_init},
	{"status", ADMIN_HOST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_NONE, admin_on_status},
	{"ca.show", ADMIN_HOST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_NONE, admin_on_ca_show},
	{"ca.roll", ADMIN_HOST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_CA_ROLLED, admin_on_ca_roll},
	{"token-key.roll", ADMIN_HOST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_TOKEN_KEY_ROLLED, admin_on_token_key_roll},
	{"doctor", ADMIN_HOST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_NONE, admin_on_doctor},

	/* devices */
	{"device.add", ADMIN_ITEM, PERMIT_DEVICES, ADMIN_INTO, EVENT_DEVICE_ADDED, admin_on_device_add},
	{"device.set", ADMIN_ITEM, PERMIT_DEVICES, ADMIN_DEVICE, EVENT_DEVICE_CHANGED, admin_on_device_set},
	{"device.list", ADMIN_LIST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_NONE, admin_on_device_list},
	{"device.rule.list", ADMIN_ITEM, PERMIT_FIREWALL, ADMIN_DEVICE, EVENT_NONE, admin_on_rule_list},
	{"device.rule.add", ADMIN_ITEM, PERMIT_FIREWALL, ADMIN_DEVICE, EVENT_DEVICE_RULES, admin_on_rule_add},
	{"device.rule.set", ADMIN_ITEM, PERMIT_FIREWALL, ADMIN_DEVICE, EVENT_DEVICE_RULES, admin_on_rule_set},
	{"device.rule.remove", ADMIN_ITEM, PERMIT_FIREWALL, ADMIN_DEVICE, EVENT_DEVICE_RULES, admin_on_rule_remove},
	{"device.rule.clear", ADMIN_ITEM, PERMIT_FIREWALL, ADMIN_DEVICE, EVENT_DEVICE_RULES, admin_on_rule_clear},
	{"device.host.add", ADMIN_ITEM, PERMIT_DEVICES, ADMIN_DEVICE_BY_KEY, EVENT_DEVICE_HOSTS, admin_on_host_add},
	{"device.host.remove", ADMIN_ITEM, PERMIT_DEVICES, ADMIN_DEVICE_BY_KEY, EVENT_DEVICE_HOSTS, admin_on_host_remove},
	{"device.host.list", ADMIN_ITEM, PERMIT_DEVICES, ADMIN_DEVICE_BY_KEY, EVENT_NONE, admin_on_host_list},
	{"device.reinvite", ADMIN_ITEM, PERMIT_INSTALL, ADMIN_DEVICE, EVENT_DEVICE_INVITED, admin_on_device_reinvite},
	{"device.revoke", ADMIN_ITEM, PERMIT_DEVICES, ADMIN_DEVICE, EVENT_DEVICE_REVOKED, admin_on_device_revoke},
	{"device.remove", ADMIN_ITEM, PERMIT_DEVICES, ADMIN_DEVICE, EVENT_DEVICE_REMOVED, admin_on_device_remove},

	/* users */
	{"user.add", ADMIN_ITEM, PERMIT_USERS, ADMIN_INTO, EVENT_USER_ADDED, admin_on_user_add},
	{"user.passwd", ADMIN_ITEM, PERMIT_USERS, ADMIN_USER, EVENT_USER_PASSWORD, admin_on_user_passwd},
	{"user.set", ADMIN_ITEM, PERMIT_USERS, ADMIN_USER, EVENT_USER_CHANGED, admin_on_user_set},
	{"user.list", ADMIN_LIST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_NONE, admin_on_user_list},
	{"user.reinvite", ADMIN_ITEM, PERMIT_USERS, ADMIN_USER, EVENT_USER_INVITED, admin_on_user_reinvite},
	{"user.revoke", ADMIN_ITEM, PERMIT_USERS, ADMIN_USER, EVENT_USER_REVOKED, admin_on_user_revoke},
	{"user.remove", ADMIN_ITEM, PERMIT_USERS, ADMIN_USER, EVENT_USER_REMOVED, admin_on_user_remove},

	/* relays */
	{"relay.add", ADMIN_DOMAIN, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_RELAY_ADDED, admin_on_relay_add},
	{"relay.list", ADMIN_DOMAIN, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_NONE, admin_on_relay_list},
	{"relay.reinvite", ADMIN_DOMAIN, PERMIT_ADMINISTER, ADMIN_RELAY, EVENT_RELAY_INVITED, admin_on_relay_reinvite},
	{"relay.revoke", ADMIN_DOMAIN, PERMIT_ADMINISTER, ADMIN_RELAY, EVENT_RELAY_REVOKED, admin_on_relay_revoke},
	{"relay.remove", ADMIN_DOMAIN, PERMIT_ADMINISTER, ADMIN_RELAY, EVENT_RELAY_REMOVED, admin_on_relay_remove},
	{"relay.drain", ADMIN_DOMAIN, PERMIT_ADMINISTER, ADMIN_RELAY, EVENT_RELAY_DRAINED, admin_on_relay_drain},
	{"relay.enable", ADMIN_DOMAIN, PERMIT_ADMINISTER, ADMIN_RELAY, EVENT_RELAY_DRAINED, admin_on_relay_enable},
	{"relay.pin", ADMIN_DOMAIN, PERMIT_ADMINISTER, ADMIN_DEVICE_BY_KEY, EVENT_RELAY_WISHED, admin_on_relay_pin},
	{"relay.unpin", ADMIN_DOMAIN, PERMIT_ADMINISTER, ADMIN_DEVICE_BY_KEY, EVENT_RELAY_WISHED, admin_on_relay_unpin},
	{"relay.avoid", ADMIN_DOMAIN, PERMIT_ADMINISTER, ADMIN_DEVICE_BY_KEY, EVENT_RELAY_WISHED, admin_on_relay_avoid},
	{"relay.unavoid", ADMIN_DOMAIN, PERMIT_ADMINISTER, ADMIN_DEVICE_BY_KEY, EVENT_RELAY_WISHED, admin_on_relay_unavoid},

	/* sessions */
	{"session.list", ADMIN_LIST, PERMIT_VIEW_CONNECTIONS, ADMIN_NOTHING, EVENT_NONE, admin_on_session_list},
	{"session.history", ADMIN_LIST, PERMIT_VIEW_CONNECTIONS, ADMIN_NOTHING, EVENT_NONE, admin_on_session_history},
	{"session.kill", ADMIN_ITEM, PERMIT_ADMINISTER, ADMIN_SESSION, EVENT_SESSION_KILLED, admin_on_session_kill},
	{"session.kill-many", ADMIN_LIST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_SESSION_KILLED, admin_on_session_kill_many},
	{"session.approvals", ADMIN_LIST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_NONE, admin_on_session_approvals},
	{"session.approve", ADMIN_LIST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_SESSION_APPROVED, admin_on_session_approve},
	{"session.reject", ADMIN_LIST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_SESSION_REJECTED, admin_on_session_reject},

	/* folders, groups, permissions */
	{"folder.add", ADMIN_ITEM, PERMIT_DEVICES, ADMIN_PARENT, EVENT_FOLDER_ADDED, admin_on_folder_add},
	{"folder.rename", ADMIN_ITEM, PERMIT_DEVICES, ADMIN_FOLDER, EVENT_FOLDER_RENAMED, admin_on_folder_rename},
	{"folder.move", ADMIN_ITEM, PERMIT_ADMINISTER, ADMIN_FOLDER, EVENT_FOLDER_MOVED, admin_on_folder_move},
	{"folder.remove", ADMIN_ITEM, PERMIT_DEVICES, ADMIN_FOLDER, EVENT_FOLDER_REMOVED, admin_on_folder_remove},
	{"folder.list", ADMIN_LIST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_NONE, admin_on_folder_list},
	{"device.move", ADMIN_ITEM, PERMIT_ADMINISTER, ADMIN_DEVICE, EVENT_DEVICE_MOVED, admin_on_device_move},
	{"user.move", ADMIN_ITEM, PERMIT_ADMINISTER, ADMIN_USER, EVENT_USER_MOVED, admin_on_user_move},
	{"group.add", ADMIN_ITEM, PERMIT_USERS, ADMIN_INTO, EVENT_GROUP_ADDED, admin_on_group_add},
	{"group.remove", ADMIN_ITEM, PERMIT_USERS, ADMIN_GROUP, EVENT_GROUP_REMOVED, admin_on_group_remove},
	{"group.move", ADMIN_ITEM, PERMIT_ADMINISTER, ADMIN_GROUP, EVENT_GROUP_MOVED, admin_on_group_move},
	{"group.list", ADMIN_LIST, PERMIT_USERS, ADMIN_NOTHING, EVENT_NONE, admin_on_group_list},
	{"group.member.add", ADMIN_ITEM, PERMIT_USERS, ADMIN_GROUP, EVENT_GROUP_JOINED, admin_on_group_join},
	{"group.member.remove", ADMIN_ITEM, PERMIT_USERS, ADMIN_GROUP, EVENT_GROUP_LEFT, admin_on_group_leave},
	{"group.member.list", ADMIN_ITEM, PERMIT_USERS, ADMIN_GROUP, EVENT_NONE, admin_on_group_members},
	{"permission.allow", ADMIN_ITEM, PERMIT_ADMINISTER, ADMIN_TARGET, EVENT_PERMISSION_ALLOWED, admin_on_permission_allow},
	{"permission.deny", ADMIN_ITEM, PERMIT_ADMINISTER, ADMIN_TARGET, EVENT_PERMISSION_DENIED, admin_on_permission_deny},
	{"permission.clear", ADMIN_ITEM, PERMIT_ADMINISTER, ADMIN_TARGET, EVENT_PERMISSION_CLEARED, admin_on_permission_clear},
	{"permission.list", ADMIN_LIST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_NONE, admin_on_permission_list},
	{"can", ADMIN_ITEM, PERMIT_ADMINISTER, ADMIN_TARGET, EVENT_NONE, admin_on_can},

	/* settings */
	{"folder.set", ADMIN_ITEM, PERMIT_ADMINISTER, ADMIN_FOLDER, EVENT_SETTING_CHANGED, admin_on_folder_set},
	{"folder.settings", ADMIN_ITEM, PERMIT_ADMINISTER, ADMIN_FOLDER, EVENT_NONE, admin_on_folder_settings},
	{"domain.set", ADMIN_DOMAIN, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_SETTING_CHANGED, admin_on_domain_set},
	{"domain.settings", ADMIN_DOMAIN, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_NONE, admin_on_domain_settings},

	/* firewall policies */
	{"policy.add", ADMIN_ITEM, PERMIT_FIREWALL, ADMIN_POLICY_FOLDER, EVENT_POLICY_ADDED, admin_on_policy_add},
	{"policy.rule", ADMIN_ITEM, PERMIT_FIREWALL, ADMIN_POLICY, EVENT_POLICY_CHANGED, admin_on_policy_rule},
	{"policy.rename", ADMIN_ITEM, PERMIT_FIREWALL, ADMIN_POLICY, EVENT_POLICY_RENAMED, admin_on_policy_rename},
	{"policy.remove", ADMIN_ITEM, PERMIT_FIREWALL, ADMIN_POLICY, EVENT_POLICY_REMOVED, admin_on_policy_remove},
	{"policy.show", ADMIN_ITEM, PERMIT_FIREWALL, ADMIN_POLICY, EVENT_NONE, admin_on_policy_show},
	{"policy.list", ADMIN_LIST, PERMIT_FIREWALL, ADMIN_NOTHING, EVENT_NONE, admin_on_policy_list},
	{"policy.attach", ADMIN_ITEM, PERMIT_FIREWALL, ADMIN_POLICY_PLACE, EVENT_POLICY_ATTACHED, admin_on_policy_attach},
	{"policy.detach", ADMIN_ITEM, PERMIT_FIREWALL, ADMIN_POLICY_PLACE, EVENT_POLICY_DETACHED, admin_on_policy_detach},
	{"policy.test", ADMIN_ITEM, PERMIT_FIREWALL, ADMIN_DEVICE_BY_KEY, EVENT_NONE, admin_on_policy_test},

	/* signing in */
	{"user.show", ADMIN_ITEM, PERMIT_USERS, ADMIN_USER, EVENT_NONE, admin_on_user_show},
	{"user.unlock", ADMIN_ITEM, PERMIT_USERS, ADMIN_USER, EVENT_SIGNIN_UNLOCKED, admin_on_user_unlock},
	{"user.reset-totp", ADMIN_ITEM, PERMIT_USERS, ADMIN_USER, EVENT_TOTP_RESET, admin_on_user_reset_totp},
	{"user.disable", ADMIN_ITEM, PERMIT_USERS, ADMIN_USER, EVENT_USER_DISABLED, admin_on_user_disable},
	{"user.enable", ADMIN_ITEM, PERMIT_USERS, ADMIN_USER, EVENT_USER_ENABLED, admin_on_user_enable},

	/* several domains, devices' owners */
	{"device.release", ADMIN_DOMAIN, PERMIT_DEVICES, ADMIN_NOTHING, EVENT_DEVICE_RELEASED, admin_on_device_release},
	{"domain.list", ADMIN_HOST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_NONE, admin_on_domain_list},
	{"domain.move", ADMIN_HOST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_DOMAIN_MOVED, admin_on_domain_move},
	{"domain.remove", ADMIN_HOST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_DOMAIN_REMOVED, admin_on_domain_remove},

	/* audit */
	{"audit.list", ADMIN_LIST, PERMIT_VIEW_OPERATIONS, ADMIN_NOTHING, EVENT_NONE, admin_on_audit_list},
	{"audit.export", ADMIN_LIST, PERMIT_VIEW_OPERATIONS, ADMIN_NOTHING, EVENT_NONE, admin_on_audit_export},
	{"audit.head", ADMIN_DOMAIN, PERMIT_VIEW_OPERATIONS, ADMIN_NOTHING, EVENT_NONE, admin_on_audit_head},
	{"audit.verify", ADMIN_DOMAIN, PERMIT_VIEW_OPERATIONS, ADMIN_NOTHING, EVENT_NONE, admin_on_audit_verify},
	{"audit.prune", ADMIN_HOST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_AUDIT_PRUNED, admin_on_audit_prune},
	{"session.record", ADMIN_LIST, PERMIT_VIEW_CONNECTIONS, ADMIN_NOTHING, EVENT_NONE, admin_on_session_record},

	/* import and export */

	/* backup */
	{"backup.make", ADMIN_HOST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_BACKUP_MADE, admin_on_backup_make},
	{"backup.read", ADMIN_HOST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_NONE, admin_on_backup_read},
	{"backup.drop", ADMIN_HOST, PERMIT_ADMINISTER, ADMIN_NOTHING, EVENT_NONE, admin_on_backup_drop},
};
/* clang-format on */

const size_t ADMIN_METHODS_N = sizeof(ADMIN_METHODS) / sizeof(ADMIN_METHODS[0]);

const struct admin_method *admin_find_method(const char *name)
{
	for (size_t i = 0; i < ADMIN_METHODS_N; i++) {
		if (strcmp(ADMIN_METHODS[i].name, name) == 0)
			return &ADMIN_METHODS[i];
	}
	return NULL;
}

/* --- who may --------------------------------------------------------------------------------- */

/* What the request is about, for the audit. */
static void name_target(struct ask *q, const json_t *params)
{
	static const struct {
		const char *key, *kind;
	} of[] = {
		[ADMIN_DEVICE] = {"name", "device"},
		[ADMIN_USER] = {"name", "user"},
		[ADMIN_DEVICE_BY_KEY] = {"device", "device"},
		[ADMIN_RELAY] = {"name", "relay"},
		[ADMIN_SESSION] = {"session", "session"},
		[ADMIN_POLICY] = {"name", "policy"},
		[ADMIN_POLICY_PLACE] = {"name", "policy"},
		[ADMIN_POLICY_FOLDER] = {"name", "policy"},
		[ADMIN_GROUP] = {"name", "group"},
		[ADMIN_FOLDER] = {"path", "folder"},
		[ADMIN_PARENT] = {"path", "folder"},
		[ADMIN_TARGET] = {"target", "device"},
	};
	char name[PERMIT_PATH_SIZE];
	enum admin_target t = q->method->target;

	if (of[t].key && rpc_str_max(params, of[t].key, name, sizeof(name)))
		ask_about(q,
			  t != ADMIN_TARGET ? of[t].kind
			  : name[0] == '/'  ? "folder"
					    : "device",
			  name);
}

void admin_run(const struct ask *from, const struct admin_method *m, const json_t *params)
{
	struct ask *q = malloc(sizeof(*q));

	if (!q)
		abort(); /* the request could be neither answered nor recorded */
	*q = *from;
	q->realm = NULL;
	ask_set_realm(q, from->realm);
	q->method = m;
	name_target(q, params);
	if (!admin_may(q, params))
		return;
	ask_begin(q);
	m->run(q, params);
	store_witness(from->app->store, NULL, NULL); /* it may wait for something */
}

/* --- the local socket ------------------------------------------------------------------------ */

static struct rpc *find_local(struct app *app, uint64_t number)
{
	return app->local ? local_client_find(app->local, number) : NULL;
}

static const struct ask_origin LOCAL = {.find = find_local};

static void on_local(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct local_client *c = local_client_of(rpc);
	struct app *app = local_arg(rpc);
	struct ask q = {.app = app, .origin = &LOCAL, .number = local_client_number(c), .id = id};

	if (json_object_get(params, "in_domain") &&
	    !rpc_str_max(params, "in_domain", q.wanted, sizeof(q.wanted)))
		snprintf(q.wanted, sizeof(q.wanted), "?"); /* no domain has this name */
	q.realm = app_realm(app, q.wanted);
	snprintf(q.caller.uid, sizeof(q.caller.uid), "%u", (unsigned)local_client_uid(c));
	host_user_name(local_client_uid(c), q.caller.name, sizeof(q.caller.name));
	snprintf(q.caller.address, sizeof(q.caller.address), "local");
	admin_run(&q, admin_find_method(rpc->called), params);
}

int admin_open(struct app *a)
{
	static struct rpc_method methods[sizeof(ADMIN_METHODS) / sizeof(ADMIN_METHODS[0])];

	for (size_t i = 0; i < ADMIN_METHODS_N; i++)
		methods[i] = (struct rpc_method){ADMIN_METHODS[i].name, on_local};
	return local_open(&a->local, a->loop, a->conf.socket, methods, ADMIN_METHODS_N, a, NULL);
}
