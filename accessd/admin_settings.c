/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Settings of folders and of the domain: set, show what holds and where it comes from. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/store_control.h"
#include "common/io/log.h"

/* --- setting --------------------------------------------------------------------------------- */

/* A key with a value that fits, or null: taken back. Else the request is answered. */
static bool check_one(struct ask *q, const char *key, const json_t *value, bool is_folder)
{
	const char *text = json_string_value(value);
	char clean[STORE_KEY_SIZE];
	struct setting_value v;
	enum setting s;

	if (settings_find(&s, key) != 0) {
		ask_reject(q, RPC_BAD_PARAMS, "there is no setting %s",
			   log_clean(clean, sizeof(clean), key, strlen(key)));
		return false;
	}
	if (is_folder && settings_info(s)->domain_only) {
		ask_reject(q, RPC_BAD_PARAMS, "%s is a setting of the whole domain", key);
		return false;
	}
	if (json_is_null(value) || (text && settings_parse(s, text, &v) == 0))
		return true;
	ask_reject(q, RPC_BAD_PARAMS, "%s is %s", key, settings_info(s)->values);
	return false;
}

/* Nobody could ever approve what a group decides that is not there. */
static bool check_group(struct ask *q, const json_t *set)
{
	const char *name = json_string_value(json_object_get(set, "approvers"));
	struct store_group g;
	int rc;

	if (!name || !name[0])
		return true;
	rc = store_group_find(q->realm->store, q->realm->domain.row.id, name, &g);
	if (rc == -ENOENT ||
	    (rc == 0 && !g.everyone && !ask_sees(q, &(struct permit_place){.folder = g.folder})))
		ask_reject(q, RPC_NOT_FOUND, "approvers: there is no group %s", name);
	else if (rc)
		admin_failed(q, rc);
	else
		return true;
	return false;
}

static bool check(struct ask *q, json_t *set, bool is_folder)
{
	const char *key;
	json_t *value;

	if (!json_is_object(set) || json_object_size(set) == 0) {
		ask_reject(q, RPC_BAD_PARAMS, "set what? KEY=VALUE, or KEY= to take it back");
		return false;
	}
	json_object_foreach (set, key, value) {
		if (!check_one(q, key, value, is_folder))
			return false;
	}
	return check_group(q, set);
}

/* All of them, or none. */
static int store(const struct realm *r, int64_t folder, json_t *set)
{
	int rc = store_begin(r->store);
	const char *key;
	json_t *value;

	if (rc)
		return rc;
	json_object_foreach (set, key, value) {
		if (rc == 0)
			rc = store_setting_set(r->store, r->domain.row.id, folder, key,
					       json_string_value(value));
	}
	if (rc == 0)
		rc = store_commit(r->store);
	if (rc)
		store_rollback(r->store);
	return rc;
}

/* --- showing --------------------------------------------------------------------------------- */

static void put_from(const struct ask *q, json_t *o, int64_t from)
{
	char path[PERMIT_PATH_SIZE];
	const char *text = from == SETTINGS_FROM_SERVER	  ? "default"
			   : from == SETTINGS_FROM_DOMAIN ? "domain"
							  : admin_path(q, from, path);

	json_object_set_new(o, "from", json_string(text));
}

static void reply_settings(struct ask *q, int64_t folder)
{
	const struct realm *r = q->realm;
	struct settings all;
	json_t *list = json_array();
	int rc = store_settings_of(r->store, r->domain.row.id, folder, sessions_life(r->sessions),
				   &all);

	for (int i = 0; rc == 0 && i < SETTINGS; i++) {
		const struct setting_info *info = settings_info((enum setting)i);
		json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:b}", "key", info->key, "value",
				      all.at[i].text, "help", info->help, "values", info->values,
				      "here", all.at[i].from == folder);

		put_from(q, o, all.at[i].from);
		json_array_append_new(list, o);
	}
	if (rc == 0) {
		ask_reply(q, json_pack("{s:o}", "settings", list));
		return;
	}
	json_decref(list);
	admin_failed(q, rc);
}

static void set(struct ask *q, const json_t *params, int64_t folder, bool is_folder)
{
	json_t *what = json_object_get(params, "set");
	int rc;

	if (!check(q, what, is_folder))
		return;
	ask_tell(q, "set", json_deep_copy(what));
	rc = store(q->realm, folder, what);
	if (rc)
		admin_failed(q, rc);
	else
		reply_settings(q, folder);
}

/* --- methods --------------------------------------------------------------------------------- */

void admin_on_folder_set(struct ask *q, const json_t *params)
{
	struct store_folder f;

	if (admin_get_folder(q, params, "path", false, &f))
		set(q, params, f.id, true);
}

void admin_on_folder_settings(struct ask *q, const json_t *params)
{
	struct store_folder f;

	if (admin_get_folder(q, params, "path", false, &f))
		reply_settings(q, f.id);
}

void admin_on_domain_set(struct ask *q, const json_t *params)
{
	if (admin_ready(q))
		set(q, params, SETTINGS_FROM_DOMAIN, false);
}

void admin_on_domain_settings(struct ask *q, const json_t *params)
{
	(void)params;
	if (admin_ready(q))
		reply_settings(q, SETTINGS_FROM_DOMAIN);
}
