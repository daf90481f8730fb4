/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The members, all required unless said otherwise; unknown ones are ignored:
 *
 *   {
 *     "session": 32 lower-case hex digits,
 *     "serial": 0..2^32-1, "epoch": 0..2^32-1,
 *     "role": "manager" or "device": this end's,
 *     "peer": {
 *       "name": a name, "uri": "farlan://DOMAIN/KIND/UID" (KIND: device for a manager, user for a
 * device), "key": base64 of 32 bytes, "ipv4": "192.0.2.1", "ipv6": "2001:db8::1" (one of them may
 * be absent), "lans": [ "ADDRESS/LENGTH", ... ] (0 to 16)
 *     },
 *     "lans": [ ... ] this end's (0 to 16),
 *     "hosts": [ {"name": a label, "address": "192.0.2.10"}, ... ] (0 to 256; may be absent),
 *     "life_s": 1..86400, "idle_s": 1..86400 (may be absent: any time),
 *     "reason", "from", "approved_by": words for people, clean, up to 200, 63 and 200 bytes (may be
 * absent),
 *     "rules": [ a rule, ... ] (0 to 256; may be absent: see rules.h),
 *     "relays": [ { "name": a name, "uid": 32 lower-case hex digits,
 *                   "urls": [ "https://...", ... ] (1 to 4), "token": "v4.public..." }, ... ] (1 to
 * 5)
 *   }
 */
#include "common/pure/grant.h"

#include <errno.h>
#include <string.h>

#include "common/pure/rpcmsg.h"
#include "common/pure/text.h"

static bool put(json_t *o, const char *key, json_t *value)
{
	return json_object_set_new(o, key, value) == 0;
}

static bool put_str(json_t *o, const char *key, const char *s)
{
	return put(o, key, json_string(s));
}

/* A value that could not be made whole is none. */
static json_t *whole(json_t *value, bool ok)
{
	if (ok)
		return value;
	json_decref(value);
	return NULL;
}

static json_t *encode_lans(const struct prefix *lans, size_t n)
{
	json_t *list = json_array();
	char text[PREFIX_TEXT_SIZE];
	bool ok = list;

	for (size_t i = 0; ok && i < n; i++) {
		prefix_format(&lans[i], text);
		ok = json_array_append_new(list, json_string(text)) == 0;
	}
	return whole(list, ok);
}

static bool put_addr(json_t *o, const char *key, const struct addr *a)
{
	char text[ADDR_TEXT_SIZE];

	if (a->family == 0)
		return true;
	addr_format(a, text);
	return put_str(o, key, text);
}

static json_t *encode_peer(const struct grant *g)
{
	json_t *o = json_object();
	char uri[IDENT_URI_SIZE];
	bool ok;

	ident_format(&g->peer, uri);
	ok = put_str(o, "name", g->peer_name) && put_str(o, "uri", uri) &&
	     put(o, "key", rpc_json_bytes(g->peer_key, sizeof(g->peer_key))) &&
	     put_addr(o, "ipv4", &g->peer_ipv4) && put_addr(o, "ipv6", &g->peer_ipv6) &&
	     put(o, "lans", encode_lans(g->peer_lans, g->n_peer_lans));
	return whole(o, ok);
}

static json_t *encode_urls(const struct grant_relay *r)
{
	json_t *list = json_array();
	char text[URL_TEXT_SIZE];
	bool ok = list;

	for (size_t i = 0; ok && i < r->n_urls; i++) {
		url_format(&r->urls[i], text);
		ok = json_array_append_new(list, json_string(text)) == 0;
	}
	return whole(list, ok);
}

static json_t *encode_relay(const struct grant_relay *r)
{
	json_t *o = json_object();
	bool ok = put_str(o, "name", r->name) && put_str(o, "uid", r->uid) &&
		  put(o, "urls", encode_urls(r)) && put_str(o, "token", r->token);

	return whole(o, ok);
}

json_t *grant_relays_encode(const struct grant_relay *relays, size_t n)
{
	json_t *list = json_array();
	bool ok = list;

	for (size_t i = 0; ok && i < n; i++)
		ok = json_array_append_new(list, encode_relay(&relays[i])) == 0;
	return whole(list, ok);
}

static bool put_hosts(json_t *o, const struct grant *g)
{
	return g->hosts.n == 0 || put(o, "hosts", hosts_encode(&g->hosts));
}

static bool put_words(json_t *o, const char *key, const char *words)
{
	return !words[0] || put_str(o, key, words);
}

/* Who comes, for what, and for how long without using it. */
static bool put_control(json_t *o, const struct grant *g)
{
	return (g->idle_s == 0 || put(o, "idle_s", json_integer(g->idle_s))) &&
	       put_words(o, "reason", g->reason) && put_words(o, "from", g->from) &&
	       put_words(o, "approved_by", g->approved_by);
}

json_t *grant_encode(const struct grant *g)
{
	json_t *o = json_object();
	bool ok = put_str(o, "session", g->session) && put(o, "serial", json_integer(g->serial)) &&
		  put(o, "epoch", json_integer(g->epoch)) &&
		  put_str(o, "role", token_role_name(g->role)) && put(o, "peer", encode_peer(g)) &&
		  put(o, "lans", encode_lans(g->own_lans, g->n_own_lans)) && put_hosts(o, g) &&
		  put(o, "life_s", json_integer(g->life_s)) && put_control(o, g) &&
		  put(o, "relays", grant_relays_encode(g->relays, g->n_relays)) &&
		  (!g->rules.present || put(o, "rules", rules_encode(&g->rules)));

	return whole(o, ok);
}

static bool get_u32(const json_t *o, const char *key, uint32_t *v)
{
	int64_t n;

	if (!rpc_int(o, key, 0, UINT32_MAX, &n))
		return false;
	*v = (uint32_t)n;
	return true;
}

static bool get_uid(const json_t *o, const char *key, char out[IDENT_UID_SIZE])
{
	return rpc_str_max(o, key, out, IDENT_UID_SIZE) && ident_uid_ok(out);
}

static bool get_name(const json_t *o, char out[GRANT_NAME_SIZE])
{
	return rpc_str_max(o, "name", out, GRANT_NAME_SIZE) && text_name_ok(out);
}

/* @of_device: what is behind a device may be wide, what a manager announces may not: it would take
 * all that the device sends. */
static bool get_lans(const json_t *o, struct prefix *lans, size_t *n, bool of_device)
{
	const json_t *list = json_object_get(o, "lans");
	size_t size = json_array_size(list);

	if (!json_is_array(list) || size > GRANT_LANS_MAX)
		return false;
	for (size_t i = 0; i < size; i++) {
		const char *s = json_string_value(json_array_get(list, i));

		if (!s || prefix_parse(&lans[i], s) != 0 ||
		    !(of_device ? prefix_reachable(&lans[i]) : prefix_routable(&lans[i])))
			return false;
	}
	*n = size;
	return true;
}

/* Absent is fine, and leaves family 0. An address that no host can have is not. */
static bool get_addr(const json_t *o, const char *key, uint8_t family, struct addr *a)
{
	struct prefix host;
	const char *s;

	if (!json_object_get(o, key))
		return true;
	if (!rpc_str(o, key, &s) || addr_parse(a, s) != 0 || a->family != family)
		return false;
	host = prefix_of(a, UINT8_MAX);
	return prefix_routable(&host);
}

static bool get_role(const json_t *o, enum token_role *role)
{
	const char *s;

	return rpc_str(o, "role", &s) && token_role_parse(role, s) == 0;
}

static bool get_peer_ident(const json_t *o, struct grant *g)
{
	enum ident_kind want = g->role == TOKEN_MANAGER ? IDENT_DEVICE : IDENT_USER;
	const char *uri;

	return rpc_str(o, "uri", &uri) && ident_parse(&g->peer, uri, strlen(uri)) == 0 &&
	       g->peer.kind == want;
}

static bool get_peer(const json_t *o, struct grant *g)
{
	size_t n;

	return get_name(o, g->peer_name) && get_peer_ident(o, g) &&
	       rpc_bytes(o, "key", g->peer_key, sizeof(g->peer_key), &n) &&
	       n == sizeof(g->peer_key) && get_addr(o, "ipv4", 4, &g->peer_ipv4) &&
	       get_addr(o, "ipv6", 6, &g->peer_ipv6) &&
	       (g->peer_ipv4.family != 0 || g->peer_ipv6.family != 0) &&
	       get_lans(o, g->peer_lans, &g->n_peer_lans, g->role == TOKEN_MANAGER);
}

/* Goes into a header of HTTP, so nothing but the characters of a token. */
static bool get_token(const json_t *o, char out[PASETO_TOKEN_SIZE])
{
	static const char chars[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

	return rpc_str_max(o, "token", out, PASETO_TOKEN_SIZE) && out[0] != '\0' &&
	       out[strspn(out, chars)] == '\0';
}

int grant_urls_decode(struct url urls[GRANT_URLS_MAX], size_t *n, const json_t *list)
{
	size_t size = json_array_size(list);

	if (!json_is_array(list) || size < 1 || size > GRANT_URLS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < size; i++) {
		const char *s = json_string_value(json_array_get(list, i));

		if (!s || url_parse(&urls[i], s) != 0)
			return -EBADMSG;
	}
	*n = size;
	return 0;
}

static bool get_relay(const json_t *o, struct grant_relay *r)
{
	return get_name(o, r->name) && get_uid(o, "uid", r->uid) &&
	       grant_urls_decode(r->urls, &r->n_urls, json_object_get(o, "urls")) == 0 &&
	       get_token(o, r->token);
}

int grant_relays_decode(struct grant_relay relays[GRANT_RELAYS_MAX], size_t *n, const json_t *list)
{
	size_t size = json_array_size(list);

	if (!json_is_array(list) || size < 1 || size > GRANT_RELAYS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < size; i++) {
		if (!get_relay(json_array_get(list, i), &relays[i]))
			return -EBADMSG;
	}
	*n = size;
	return 0;
}

/* Absent is fine, and leaves "". Whoever looks at it may print it. */
static bool get_words(const json_t *o, const char *key, char *out, size_t out_size)
{
	char clean[WORDS_SIZE];

	if (!json_object_get(o, key))
		return true;
	return rpc_str_max(o, key, out, out_size) && words_clean(clean, sizeof(clean), out) &&
	       strcmp(clean, out) == 0;
}

static bool get_control(const json_t *o, struct grant *g)
{
	return (!json_object_get(o, "idle_s") ||
		rpc_int(o, "idle_s", 1, GRANT_LIFE_MAX_S, &g->idle_s)) &&
	       get_words(o, "reason", g->reason, sizeof(g->reason)) &&
	       get_words(o, "from", g->from, sizeof(g->from)) &&
	       get_words(o, "approved_by", g->approved_by, sizeof(g->approved_by));
}

int grant_decode(struct grant *g, const json_t *o)
{
	struct grant found = {.n_relays = 0};
	bool ok = get_uid(o, "session", found.session) && get_u32(o, "serial", &found.serial) &&
		  get_u32(o, "epoch", &found.epoch) && get_role(o, &found.role) &&
		  get_peer(json_object_get(o, "peer"), &found) &&
		  get_lans(o, found.own_lans, &found.n_own_lans, found.role == TOKEN_DEVICE) &&
		  hosts_decode(&found.hosts, json_object_get(o, "hosts")) == 0 &&
		  rpc_int(o, "life_s", 1, GRANT_LIFE_MAX_S, &found.life_s) &&
		  get_control(o, &found) &&
		  grant_relays_decode(found.relays, &found.n_relays,
				      json_object_get(o, "relays")) == 0 &&
		  rules_decode(&found.rules, json_object_get(o, "rules")) == 0;

	if (!ok)
		return -EBADMSG;
	*g = found;
	return 0;
}
