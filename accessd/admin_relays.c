/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which relays are used: by anybody, and by the sessions of a device. */
#include <errno.h>

#include "accessd/admin_internal.h"
#include "common/io/log.h"
#include "common/pure/text.h"

static void load(struct realm *r)
{
	if (relays_load(r->relays) != 0)
		log_warn("the register of relays could not be read");
}

void admin_relay_gone(struct realm *r, int64_t relay)
{
	load(r);
	sessions_relay_gone(r->sessions, relay);
}

/* --- drain ----------------------------------------------------------------------------------- */

static void set_drained(struct ask *q, const json_t *params, bool drained)
{
	struct realm *r = q->realm;
	struct store_member m;
	int rc;

	if (!admin_find(q, params, IDENT_RELAY, &m))
		return;
	rc = store_member_set_drained(r->store, m.id, drained);
	if (rc) {
		admin_failed(q, rc);
		return;
	}
	log_notice("%s kind=relay name=%s", drained ? "drained" : "enabled", m.name);
	load(r);
	clients_tell_drain(r->clients, m.id, drained);
	ask_reply(q, json_object());
}

void admin_on_relay_drain(struct ask *q, const json_t *params)
{
	set_drained(q, params, true);
}

void admin_on_relay_enable(struct ask *q, const json_t *params)
{
	set_drained(q, params, false);
}

/* --- wishes ---------------------------------------------------------------------------------- */

/* A member that is named by @key. */
static bool find(struct ask *q, const json_t *params, const char *key, enum ident_kind kind,
		 struct store_member *m)
{
	char name[STORE_NAME_SIZE];

	if (rpc_str_max(params, key, name, sizeof(name)) && text_name_ok(name))
		return admin_find_as(q, name, kind, m);
	ask_reject(q, RPC_BAD_PARAMS, "%s: the name of a %s is needed", key, key);
	return false;
}

static void set_wish(struct ask *q, const json_t *params, enum store_wish wish)
{
	static const char *const did[] = {"avoided no more", "pinned", "avoided"};
	struct realm *r = q->realm;
	struct store_member device, relay;
	int rc;

	if (!admin_ready(q) || !find(q, params, "device", IDENT_DEVICE, &device) ||
	    !find(q, params, "relay", IDENT_RELAY, &relay))
		return;
	rc = store_wish_set(r->store, device.id, relay.id, wish);
	if (rc == -ENOSPC) {
		ask_reject(q, RPC_UNAVAILABLE, "a device may have %d such wishes",
			   STORE_WISHES_MAX);
		return;
	}
	if (rc) {
		admin_failed(q, rc);
		return;
	}
	log_notice("relay %s device=%s relay=%s", did[wish], device.name, relay.name);
	sessions_wishes_changed(r->sessions, device.id);
	ask_reply(q, json_object());
}

void admin_on_relay_pin(struct ask *q, const json_t *params)
{
	set_wish(q, params, STORE_WISH_PIN);
}

void admin_on_relay_avoid(struct ask *q, const json_t *params)
{
	set_wish(q, params, STORE_WISH_AVOID);
}

/* Not of a pin: that is unpin's. */
static bool is_avoided(const struct realm *r, int64_t device, int64_t relay)
{
	struct store_wishes w;

	if (store_wishes_of(r->store, device, &w) != 0)
		return false;
	for (size_t i = 0; i < w.n; i++) {
		if (w.at[i].relay == relay)
			return w.at[i].wish == STORE_WISH_AVOID;
	}
	return false;
}

void admin_on_relay_unavoid(struct ask *q, const json_t *params)
{
	const struct realm *r = q->realm;
	struct store_member device, relay;

	if (!admin_ready(q) || !find(q, params, "device", IDENT_DEVICE, &device) ||
	    !find(q, params, "relay", IDENT_RELAY, &relay))
		return;
	if (is_avoided(r, device.id, relay.id))
		set_wish(q, params, STORE_WISH_NONE);
	else
		ask_reject(q, RPC_NOT_FOUND, "%s does not avoid %s", device.name, relay.name);
}

void admin_on_relay_unpin(struct ask *q, const json_t *params)
{
	struct realm *r = q->realm;
	struct store_member device;
	int rc;

	if (!admin_ready(q) || !find(q, params, "device", IDENT_DEVICE, &device))
		return;
	rc = store_wish_unpin(r->store, device.id);
	if (rc == -ENOENT) {
		ask_reject(q, RPC_NOT_FOUND, "%s has no pinned relay", device.name);
	} else if (rc) {
		admin_failed(q, rc);
	} else {
		log_notice("relay pinned no more device=%s", device.name);
		sessions_wishes_changed(r->sessions, device.id);
		ask_reply(q, json_object());
	}
}

/* --- lists ----------------------------------------------------------------------------------- */

static void put_count(json_t *o, const char *key, int64_t n)
{
	json_object_set_new(o, key, json_integer(n));
}

void admin_relay_put(const struct realm *realm, int64_t relay, json_t *o)
{
	const struct relay_info *r = relays_find(realm->relays, relay);

	if (!r)
		return;
	json_object_set_new(o, "health", json_string(health_name(r->health)));
	json_object_set_new(o, "drained", json_boolean(r->known.drained));
	if (!r->known.has_report)
		return;
	put_count(o, "sessions", r->known.report.sessions);
	put_count(o, "max_sessions", r->known.report.max_sessions);
	put_count(o, "bytes_per_s", r->known.report.bytes_per_s);
	put_count(o, "capacity", r->known.report.capacity);
	put_count(o, "loop_lag_ms", r->known.report.loop_lag_ms);
	put_count(o, "load_pm", health_load(&r->known.report));
}

void admin_wishes_put(const struct realm *realm, int64_t device, json_t *o)
{
	json_t *avoided = json_array();
	struct store_wishes w;

	if (store_wishes_of(realm->store, device, &w) != 0)
		w.n = 0;
	for (size_t i = 0; i < w.n; i++) {
		const struct relay_info *r = relays_find(realm->relays, w.at[i].relay);
		struct store_member m;

		if (!r && store_member_get(realm->store, w.at[i].relay, &m) != 0)
			continue;
		if (w.at[i].wish == STORE_WISH_PIN)
			json_object_set_new(o, "pinned", json_string(r ? r->name : m.name));
		else
			json_array_append_new(avoided, json_string(r ? r->name : m.name));
	}
	json_object_set_new(o, "avoided", avoided);
}
