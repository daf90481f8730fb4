/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/text.h"

/* --- shared ---------------------------------------------------------------------------------- */

bool admin_ready(struct rpc *rpc, int64_t id)
{
	const struct app *a = local_arg(rpc);

	if (a->sessions)
		return true;
	rpc_reject(rpc, id, RPC_UNAVAILABLE, "no domain yet: run accessctl init");
	return false;
}

void admin_failed(struct rpc *rpc, int64_t id, int rc)
{
	if (rc == -EEXIST)
		rpc_reject(rpc, id, RPC_CONFLICT, "this name is already taken");
	else if (rc == -ENOSPC)
		rpc_reject(rpc, id, RPC_UNAVAILABLE, "no tunnel address is left");
	else
		rpc_reject(rpc, id, RPC_INTERNAL, "accessd cannot do this now; its log says why");
}

bool admin_name(struct rpc *rpc, int64_t id, const json_t *params, char name[STORE_NAME_SIZE])
{
	if (rpc_str_max(params, "name", name, STORE_NAME_SIZE) && text_name_ok(name))
		return true;
	rpc_reject(rpc, id, RPC_BAD_PARAMS,
		   "a name has 1 to 63 of a-z, 0-9, '-', '.' and '_', with a letter or digit at "
		   "both ends");
	return false;
}

bool admin_find_as(struct rpc *rpc, int64_t id, const char *name, enum ident_kind kind,
		   struct store_member *m)
{
	struct app *a = local_arg(rpc);
	int rc = store_member_by_name(a->store, a->domain.row.id, kind, name, m);

	if (rc == -ENOENT)
		rpc_reject(rpc, id, RPC_NOT_FOUND, "no such %s: %s", ident_kind_name(kind), name);
	else if (rc)
		admin_failed(rpc, id, rc);
	return rc == 0;
}

bool admin_find(struct rpc *rpc, int64_t id, const json_t *params, enum ident_kind kind,
		struct store_member *m)
{
	char name[STORE_NAME_SIZE];

	return admin_ready(rpc, id) && admin_name(rpc, id, params, name) &&
	       admin_find_as(rpc, id, name, kind, m);
}

/* --- adding ---------------------------------------------------------------------------------- */

static bool get_expires(struct rpc *rpc, int64_t id, const json_t *params, int64_t now,
			int64_t *expires)
{
	int64_t seconds = ADMIN_EXPIRES_DEFAULT_S;

	if (json_object_get(params, "expires_s") &&
	    !rpc_int(params, "expires_s", 60, ADMIN_EXPIRES_MAX_S, &seconds)) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "an invitation lives from a minute to a year");
		return false;
	}
	*expires = (now + seconds) / 60 * 60; /* an invitation holds minutes */
	return true;
}

static void reply_invitation(struct rpc *rpc, int64_t id, const struct store_member *m,
			     const char *invitation, int64_t expires)
{
	rpc_reply(rpc, id,
		  json_pack("{s:s, s:s, s:s, s:I}", "name", m->name, "uid", m->uid, "invitation",
			    invitation, "expires", (json_int_t)expires));
}

/* @rpc: NULL if the asker has gone; the member is there then, and can be invited anew. */
static void add(struct app *a, struct rpc *rpc, int64_t id, struct store_member *m,
		const struct store_password *password, int64_t expires)
{
	char invitation[INVITE_TEXT_SIZE];
	int rc = admission_add(&a->admission, m, password, clock_wall_s(), expires, invitation);

	if (rc == 0)
		log_notice("added kind=%s name=%s uid=%s", ident_kind_name(m->kind), m->name,
			   m->uid);
	if (rpc && rc)
		admin_failed(rpc, id, rc);
	else if (rpc)
		reply_invitation(rpc, id, m, invitation, expires);
	explicit_bzero(invitation, sizeof(invitation));
}

/* Name and expiry, which all have. */
static bool get_new(struct rpc *rpc, int64_t id, const json_t *params, struct store_member *m,
		    int64_t *expires)
{
	return admin_ready(rpc, id) && admin_name(rpc, id, params, m->name) &&
	       get_expires(rpc, id, params, clock_wall_s(), expires);
}

bool admin_lans(struct rpc *rpc, int64_t id, const json_t *params, struct lans *lans)
{
	const struct app *a = local_arg(rpc);
	char error[LISTS_ERROR_SIZE], text[PREFIX_TEXT_SIZE];

	if (lans_of_device_from_json(lans, json_object_get(params, "lans"), error)) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "%s", error);
		return false;
	}
	for (size_t i = 0; i < lans->n; i++) {
		prefix_format(&lans->at[i], text);
		/* In a wide one, tunnel addresses are routes of their own. */
		if (!prefix_is_wide(&lans->at[i]) &&
		    pool_overlaps(a->domain.row.ula, &lans->at[i])) {
			rpc_reject(rpc, id, RPC_CONFLICT, "%s: overlaps with the tunnel addresses",
				   text);
			return false;
		}
	}
	return true;
}

static void on_device_add(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct store_member m = {.kind = IDENT_DEVICE};
	int64_t expires;

	if (get_new(rpc, id, params, &m, &expires) && admin_name_clear(rpc, id, m.name) &&
	    admin_lans(rpc, id, params, &m.lans) && admin_rate(rpc, id, params, &m.rate))
		add(local_arg(rpc), rpc, id, &m, NULL, expires);
}

static void on_relay_add(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct store_member m = {.kind = IDENT_RELAY};
	char error[LISTS_ERROR_SIZE];
	int64_t expires;

	if (!get_new(rpc, id, params, &m, &expires))
		return;
	if (urls_from_json(&m.urls, json_object_get(params, "urls"), GRANT_URLS_MAX, error))
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "%s", error);
	else
		add(local_arg(rpc), rpc, id, &m, NULL, expires);
}

/* --- users: their passwords are hashed first ----------------------------------------------------
 */

struct hashing {
	struct app *app;
	uint64_t client;
	int64_t id;
	bool is_new;
	struct store_member member;
	int64_t expires;
};

static void change_password(struct app *a, struct rpc *rpc, const struct hashing *h,
			    const struct store_password *hash)
{
	int rc = store_password_set(a->store, h->member.id, hash);

	if (rc == 0)
		log_notice("password changed name=%s", h->member.name);
	if (rpc && rc)
		admin_failed(rpc, h->id, rc);
	else if (rpc)
		rpc_reply(rpc, h->id, json_object());
}

static void on_hashed(void *arg, bool ok, const struct store_password *hash)
{
	struct hashing *h = arg;
	struct app *a = h->app;
	struct rpc *rpc = a->local ? local_client_find(a->local, h->client) : NULL;

	if (ok && h->is_new)
		add(a, rpc, h->id, &h->member, hash, h->expires);
	else if (ok)
		change_password(a, rpc, h, hash);
	else if (rpc)
		rpc_reject(rpc, h->id, RPC_UNAVAILABLE, "the password could not be hashed");
	free(h);
}

static void hash_password(struct rpc *rpc, int64_t id, const json_t *params,
			  const struct hashing *what)
{
	struct app *a = local_arg(rpc);
	char password[PASSWORD_MAX_BYTES + 1];
	struct hashing *h;

	if (!rpc_str_max(params, "password", password, sizeof(password)) || !password[0]) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "a password of 1 to 256 bytes is needed");
		return;
	}
	h = malloc(sizeof(*h));
	if (h) {
		*h = *what;
		h->app = a;
		h->client = local_client_number(local_client_of(rpc));
		h->id = id;
	}
	if (!h || passwords_hash(a->passwords, password, on_hashed, h)) {
		free(h);
		rpc_reject(rpc, id, RPC_UNAVAILABLE,
			   "too many passwords at once; try again in a moment");
	}
	explicit_bzero(password, sizeof(password));
}

static void on_user_add(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct hashing h = {.is_new = true, .member = {.kind = IDENT_USER}};
	const struct app *a = local_arg(rpc);
	struct store_member other;

	if (!get_new(rpc, id, params, &h.member, &h.expires) ||
	    !admin_rate(rpc, id, params, &h.member.rate))
		return;
	/* Told before a minute of typing, and again by the store when it is added. */
	if (store_member_by_name(a->store, a->domain.row.id, IDENT_USER, h.member.name, &other) ==
	    0)
		admin_failed(rpc, id, -EEXIST);
	else
		hash_password(rpc, id, params, &h);
}

static void on_user_passwd(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct hashing h = {.is_new = false};

	if (admin_find(rpc, id, params, IDENT_USER, &h.member))
		hash_password(rpc, id, params, &h);
}

/* --- changing -------------------------------------------------------------------------------- */

static void reinvite(struct rpc *rpc, int64_t id, const json_t *params, enum ident_kind kind)
{
	struct app *a = local_arg(rpc);
	char invitation[INVITE_TEXT_SIZE];
	int64_t now = clock_wall_s(), expires;
	struct store_member m;
	int rc;

	if (!admin_find(rpc, id, params, kind, &m) || !get_expires(rpc, id, params, now, &expires))
		return;
	rc = admission_reinvite(&a->admission, &m, now, expires, invitation);
	if (rc) {
		admin_failed(rpc, id, rc);
		return;
	}
	log_notice("invited again kind=%s name=%s", ident_kind_name(kind), m.name);
	reply_invitation(rpc, id, &m, invitation, expires);
	explicit_bzero(invitation, sizeof(invitation));
}

/* Its sessions first, so that both ends still hear the reason; then its connections. */
static void cut_off(struct app *a, const struct store_member *m, const char *reason)
{
	if (m->kind == IDENT_RELAY)
		admin_relay_gone(a, m->id);
	else
		sessions_end_member(a->sessions, m->id, reason);
	clients_drop_member(a->clients, m->id, reason, false);
}

static void revoke_member(struct rpc *rpc, int64_t id, const json_t *params, enum ident_kind kind)
{
	struct app *a = local_arg(rpc);
	struct store_member m;
	char reason[64];
	int rc;

	if (!admin_find(rpc, id, params, kind, &m))
		return;
	rc = admission_revoke(&a->admission, &m);
	if (rc) {
		admin_failed(rpc, id, rc);
		return;
	}
	log_notice("revoked kind=%s name=%s", ident_kind_name(kind), m.name);
	snprintf(reason, sizeof(reason), "the %s was revoked", ident_kind_name(kind));
	cut_off(a, &m, reason);
	rpc_reply(rpc, id, json_object());
}

static void remove_member(struct rpc *rpc, int64_t id, const json_t *params, enum ident_kind kind)
{
	struct app *a = local_arg(rpc);
	struct store_member m;
	char reason[64];
	int rc;

	if (!admin_find(rpc, id, params, kind, &m))
		return;
	/* Revoked first: whatever happens in between, it is out. */
	rc = admission_revoke(&a->admission, &m);
	if (rc == 0) {
		snprintf(reason, sizeof(reason), "the %s was removed", ident_kind_name(kind));
		cut_off(a, &m, reason);
		rc = store_member_remove(a->store, m.id);
	}
	if (rc) {
		admin_failed(rpc, id, rc);
		return;
	}
	log_notice("removed kind=%s name=%s", ident_kind_name(kind), m.name);
	rpc_reply(rpc, id, json_object());
}

/* A method of the table for each kind of member. */
#define FOR_KIND(kind_name, KIND)                                                                \
	static void on_##kind_name##_reinvite(struct rpc *rpc, int64_t id, const json_t *params) \
	{                                                                                        \
		reinvite(rpc, id, params, KIND);                                                 \
	}                                                                                        \
	static void on_##kind_name##_revoke(struct rpc *rpc, int64_t id, const json_t *params)   \
	{                                                                                        \
		revoke_member(rpc, id, params, KIND);                                            \
	}                                                                                        \
	static void on_##kind_name##_remove(struct rpc *rpc, int64_t id, const json_t *params)   \
	{                                                                                        \
		remove_member(rpc, id, params, KIND);                                            \
	}

FOR_KIND(device, IDENT_DEVICE)
FOR_KIND(user, IDENT_USER)
FOR_KIND(relay, IDENT_RELAY)

static const struct rpc_method METHODS[] = {
	{"init", admin_on_init},
	{"status", admin_on_status},
	{"ca.show", admin_on_ca_show},
	{"ca.roll", admin_on_ca_roll},
	{"token-key.roll", admin_on_token_key_roll},
	{"doctor", admin_on_doctor},
	{"device.add", on_device_add},
	{"device.set", admin_on_device_set},
	{"device.list", admin_on_device_list},
	{"device.rule.list", admin_on_rule_list},
	{"device.rule.add", admin_on_rule_add},
	{"device.rule.set", admin_on_rule_set},
	{"device.rule.remove", admin_on_rule_remove},
	{"device.rule.clear", admin_on_rule_clear},
	{"device.host.add", admin_on_host_add},
	{"device.host.remove", admin_on_host_remove},
	{"device.host.list", admin_on_host_list},
	{"device.reinvite", on_device_reinvite},
	{"device.revoke", on_device_revoke},
	{"device.remove", on_device_remove},
	{"user.add", on_user_add},
	{"user.passwd", on_user_passwd},
	{"user.set", admin_on_user_set},
	{"user.list", admin_on_user_list},
	{"user.reinvite", on_user_reinvite},
	{"user.revoke", on_user_revoke},
	{"user.remove", on_user_remove},
	{"relay.add", on_relay_add},
	{"relay.list", admin_on_relay_list},
	{"relay.reinvite", on_relay_reinvite},
	{"relay.revoke", on_relay_revoke},
	{"relay.remove", on_relay_remove},
	{"relay.drain", admin_on_relay_drain},
	{"relay.enable", admin_on_relay_enable},
	{"relay.pin", admin_on_relay_pin},
	{"relay.unpin", admin_on_relay_unpin},
	{"relay.avoid", admin_on_relay_avoid},
	{"relay.unavoid", admin_on_relay_unavoid},
	{"session.list", admin_on_session_list},
	{"session.history", admin_on_session_history},
	{"session.kill", admin_on_session_kill},
};

int admin_open(struct app *a)
{
	return local_open(&a->local, a->loop, a->conf.socket, METHODS,
			  sizeof(METHODS) / sizeof(METHODS[0]), a, NULL);
}
