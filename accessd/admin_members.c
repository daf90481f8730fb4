/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Members: added, invited, revoked, removed. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/text.h"

/* --- shared ---------------------------------------------------------------------------------- */

bool admin_ready(struct ask *q)
{
	if (q->realm && q->realm->sessions)
		return true;
	if (q->realm)
		ask_reject(q, RPC_UNAVAILABLE,
			   "the domain %s is not served; accessd's log says why",
			   q->realm->domain.row.name);
	else if (q->app->n_realms == 0)
		ask_reject(q, RPC_UNAVAILABLE, "no domain yet: run accessctl init");
	else if (q->wanted[0])
		ask_reject(q, RPC_NOT_FOUND, "no such domain: %s", q->wanted);
	else
		ask_reject(q, RPC_BAD_PARAMS,
			   "this server has several domains: say which one, with --domain NAME or "
			   "in FARLAN_DOMAIN");
	return false;
}

void admin_failed(struct ask *q, int rc)
{
	if (rc == -EEXIST)
		ask_reject(q, RPC_CONFLICT, "this name is already taken");
	else if (rc == -ENOSPC)
		ask_reject(q, RPC_UNAVAILABLE, "no tunnel address is left");
	else if (audit_trouble(q->app->audit))
		ask_reject(q, RPC_INTERNAL, "accessd cannot record this: %s",
			   audit_trouble(q->app->audit));
	else if (store_trouble(q->app->store))
		ask_reject(q, RPC_INTERNAL, "accessd cannot write this down: %s",
			   store_trouble(q->app->store));
	else
		ask_reject(q, RPC_INTERNAL, "accessd cannot do this now; its log says why");
}

bool admin_name(struct ask *q, const json_t *params, char name[STORE_NAME_SIZE])
{
	return admin_name_of(q, params, "name", name);
}

bool admin_name_of(struct ask *q, const json_t *params, const char *key, char name[STORE_NAME_SIZE])
{
	if (rpc_str_max(params, key, name, STORE_NAME_SIZE) && text_name_ok(name))
		return true;
	ask_reject(q, RPC_BAD_PARAMS,
		   "a name has 1 to 63 of a-z, 0-9, '-', '.' and '_', with a letter or digit at "
		   "both ends");
	return false;
}

bool admin_find_as(struct ask *q, const char *name, enum ident_kind kind, struct store_member *m)
{
	struct realm *r = q->realm;
	int rc = store_member_by_name(r->store, r->domain.row.id, kind, name, m);

	if (rc == 0 && !admin_sees_member(q, m))
		rc = -ENOENT;
	if (rc == -ENOENT)
		ask_reject(q, RPC_NOT_FOUND, "no such %s: %s", ident_kind_name(kind), name);
	else if (rc)
		admin_failed(q, rc);
	return rc == 0;
}

bool admin_find(struct ask *q, const json_t *params, enum ident_kind kind, struct store_member *m)
{
	char name[STORE_NAME_SIZE];

	return admin_ready(q) && admin_name(q, params, name) && admin_find_as(q, name, kind, m);
}

/* --- adding ---------------------------------------------------------------------------------- */

static bool get_expires(struct ask *q, const json_t *params, int64_t now, int64_t *expires)
{
	int64_t seconds = ADMIN_EXPIRES_DEFAULT_S;

	if (json_object_get(params, "expires_s") &&
	    !rpc_int(params, "expires_s", 60, ADMIN_EXPIRES_MAX_S, &seconds)) {
		ask_reject(q, RPC_BAD_PARAMS, "an invitation lives from a minute to a year");
		return false;
	}
	*expires = (now + seconds) / 60 * 60; /* an invitation holds minutes */
	return true;
}

static void reply_invitation(struct ask *q, const struct store_member *m, const char *invitation,
			     int64_t expires)
{
	ask_reply(q, json_pack("{s:s, s:s, s:s, s:I}", "name", m->name, "uid", m->uid, "invitation",
			       invitation, "expires", (json_int_t)expires));
}

static void add(struct ask *q, struct store_member *m, const struct store_password *password,
		int64_t expires)
{
	char invitation[INVITE_TEXT_SIZE];
	int rc = admission_add(&q->realm->admission, m, password, clock_wall_s(), expires,
			       invitation);

	if (rc) {
		admin_failed(q, rc);
		return;
	}
	log_notice("added kind=%s name=%s uid=%s", ident_kind_name(m->kind), m->name, m->uid);
	reply_invitation(q, m, invitation, expires);
	explicit_bzero(invitation, sizeof(invitation));
}

/* Where it will stand. A device comes with an invitation. */
static bool get_place(struct ask *q, const json_t *params, struct store_member *m)
{
	char path[PERMIT_PATH_SIZE];
	struct store_folder f;

	if (m->kind == IDENT_RELAY)
		return true;
	if (!admin_get_folder(q, params, "folder", true, &f))
		return false;
	m->folder = f.id;
	if (f.parent)
		ask_tell(q, "folder", json_string(admin_path(q, f.id, path)));
	return m->kind != IDENT_DEVICE ||
	       admin_needs(q, PERMIT_INSTALL, &(struct permit_place){.folder = f.id});
}

/* Name, place and expiry, which all have. */
static bool get_new(struct ask *q, const json_t *params, struct store_member *m, int64_t *expires)
{
	if (!admin_ready(q) || !admin_name(q, params, m->name))
		return false;
	ask_about(q, ident_kind_name(m->kind), m->name);
	return get_place(q, params, m) && get_expires(q, params, clock_wall_s(), expires);
}

bool admin_lans(struct ask *q, const json_t *params, struct lans *lans)
{
	const struct realm *r = q->realm;
	char error[LISTS_ERROR_SIZE], text[PREFIX_TEXT_SIZE];

	if (lans_of_device_from_json(lans, json_object_get(params, "lans"), error)) {
		ask_reject(q, RPC_BAD_PARAMS, "%s", error);
		return false;
	}
	for (size_t i = 0; i < lans->n; i++) {
		prefix_format(&lans->at[i], text);
		/* In a wide one, tunnel addresses are routes of their own. */
		if (!prefix_is_wide(&lans->at[i]) &&
		    pool_overlaps(r->domain.row.ula, &lans->at[i])) {
			ask_reject(q, RPC_CONFLICT, "%s: overlaps with the tunnel addresses", text);
			return false;
		}
	}
	return true;
}

void admin_on_device_add(struct ask *q, const json_t *params)
{
	struct store_member m = {.kind = IDENT_DEVICE};
	int64_t expires;

	if (get_new(q, params, &m, &expires) && admin_name_clear(q, m.name) &&
	    admin_lans(q, params, &m.lans) && admin_rate(q, params, &m.rate))
		add(q, &m, NULL, expires);
}

void admin_on_relay_add(struct ask *q, const json_t *params)
{
	struct store_member m = {.kind = IDENT_RELAY};
	char error[LISTS_ERROR_SIZE];
	int64_t expires;

	if (!get_new(q, params, &m, &expires))
		return;
	if (urls_from_json(&m.urls, json_object_get(params, "urls"), GRANT_URLS_MAX, error))
		ask_reject(q, RPC_BAD_PARAMS, "%s", error);
	else
		add(q, &m, NULL, expires);
}

/* --- users: their passwords are hashed first ----------------------------------------------------
 */

struct hashing {
	struct ask *q;
	bool is_new, must_change;
	struct store_member member;
	int64_t expires;
};

static void change_password(struct ask *q, const struct hashing *h,
			    const struct store_password *hash)
{
	int rc = store_password_set(q->realm->store, h->member.id, hash);

	if (rc) {
		admin_failed(q, rc);
		return;
	}
	log_notice("password changed name=%s", h->member.name);
	ask_reply(q, json_object());
}

static void store_hash(struct hashing *h, const struct store_password *hash)
{
	struct store_password p = *hash;

	p.must_change = h->must_change;
	if (h->is_new)
		add(h->q, &h->member, &p, h->expires);
	else
		change_password(h->q, h, &p);
}

static void on_hashed(void *arg, bool ok, const struct store_password *hash)
{
	struct hashing *h = arg;

	ask_begin(h->q);
	if (!ok)
		ask_reject(h->q, RPC_UNAVAILABLE, "the password could not be hashed");
	else if (admin_may_still(h->q, &h->member)) /* else it was said */
		store_hash(h, hash);
	free(h);
}

static void hash_password(struct ask *q, const json_t *params, const struct hashing *what)
{
	char password[PASSWORD_MAX_BYTES + 1];
	struct hashing *h;

	if (!rpc_str_max(params, "password", password, sizeof(password)) || !password[0]) {
		ask_reject(q, RPC_BAD_PARAMS, "a password of 1 to 256 bytes is needed");
		return;
	}
	if (!admin_new_password(q, what->member.name, password)) {
		explicit_bzero(password, sizeof(password));
		return;
	}
	h = malloc(sizeof(*h));
	if (h) {
		*h = *what;
		h->q = q;
		h->must_change = !json_is_true(json_object_get(params, "no_change"));
	}
	if (!h || passwords_hash(q->app->passwords, password, on_hashed, h)) {
		free(h);
		ask_reject(q, RPC_UNAVAILABLE, "too many passwords at once; try again in a moment");
	}
	explicit_bzero(password, sizeof(password));
}

void admin_on_user_add(struct ask *q, const json_t *params)
{
	struct hashing h = {.is_new = true, .member = {.kind = IDENT_USER}};
	const struct realm *r = q->realm;
	struct store_member other;

	if (!get_new(q, params, &h.member, &h.expires) || !admin_rate(q, params, &h.member.rate) ||
	    !admin_valid_until(q, params, &h.member.valid_until))
		return;
	/* Told before a minute of typing, and again by the store when it is added. */
	if (store_member_by_name(r->store, r->domain.row.id, IDENT_USER, h.member.name, &other) ==
	    0)
		admin_failed(q, -EEXIST);
	else
		hash_password(q, params, &h);
}

void admin_on_user_passwd(struct ask *q, const json_t *params)
{
	struct hashing h = {.is_new = false};

	if (admin_find(q, params, IDENT_USER, &h.member))
		hash_password(q, params, &h);
}

/* --- changing -------------------------------------------------------------------------------- */

static void reinvite(struct ask *q, const json_t *params, enum ident_kind kind)
{
	struct realm *r = q->realm;
	char invitation[INVITE_TEXT_SIZE];
	int64_t now = clock_wall_s(), expires;
	struct store_member m;
	int rc;

	if (!admin_find(q, params, kind, &m) || !get_expires(q, params, now, &expires))
		return;
	rc = admission_reinvite(&r->admission, &m, now, expires, invitation);
	if (rc) {
		admin_failed(q, rc);
		return;
	}
	log_notice("invited again kind=%s name=%s", ident_kind_name(kind), m.name);
	reply_invitation(q, &m, invitation, expires);
	explicit_bzero(invitation, sizeof(invitation));
}

/* Its sessions first, so that both ends still hear the reason; then its connections. */
static void cut_off(struct realm *r, const struct store_member *m, const char *reason)
{
	if (m->kind == IDENT_RELAY)
		admin_relay_gone(r, m->id);
	else
		sessions_end_member(r->sessions, m->id, reason);
	clients_drop_member(r->clients, m->id, reason, false);
}

static void revoke_member(struct ask *q, const json_t *params, enum ident_kind kind)
{
	struct realm *r = q->realm;
	struct store_member m;
	char reason[64];
	int rc;

	if (!admin_find(q, params, kind, &m))
		return;
	rc = admission_revoke(&r->admission, &m);
	if (rc) {
		admin_failed(q, rc);
		return;
	}
	log_notice("revoked kind=%s name=%s", ident_kind_name(kind), m.name);
	snprintf(reason, sizeof(reason), "the %s was revoked", ident_kind_name(kind));
	cut_off(r, &m, reason);
	ask_reply(q, json_object());
}

static void remove_member(struct ask *q, const json_t *params, enum ident_kind kind)
{
	struct realm *r = q->realm;
	struct store_member m;
	char reason[64];
	int rc;

	if (!admin_find(q, params, kind, &m))
		return;
	/* Revoked first: whatever happens in between, it is out. */
	rc = admission_revoke(&r->admission, &m);
	if (rc == 0) {
		snprintf(reason, sizeof(reason), "the %s was removed", ident_kind_name(kind));
		cut_off(r, &m, reason);
		rc = store_member_remove(r->store, m.id);
	}
	if (rc) {
		admin_failed(q, rc);
		return;
	}
	log_notice("removed kind=%s name=%s", ident_kind_name(kind), m.name);
	ask_reply(q, json_object());
}

/* A method of the table for each kind of member. */
#define FOR_KIND(kind_name, KIND)                                                 \
	void admin_on_##kind_name##_reinvite(struct ask *q, const json_t *params) \
	{                                                                         \
		reinvite(q, params, KIND);                                        \
	}                                                                         \
	void admin_on_##kind_name##_revoke(struct ask *q, const json_t *params)   \
	{                                                                         \
		revoke_member(q, params, KIND);                                   \
	}                                                                         \
	void admin_on_##kind_name##_remove(struct ask *q, const json_t *params)   \
	{                                                                         \
		remove_member(q, params, KIND);                                   \
	}

FOR_KIND(device, IDENT_DEVICE)
FOR_KIND(user, IDENT_USER)
FOR_KIND(relay, IDENT_RELAY)
