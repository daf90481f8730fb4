/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/uplink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/io/log.h"
#include "common/pure/text.h"

#define HELLO_TIMEOUT_MS 15000

/* What accessd says */

static int key_decode(struct token_key *key, const json_t *o)
{
	char kid[TOKEN_KID_SIZE];
	size_t n;

	if (!rpc_bytes(o, "public", key->public, sizeof(key->public), &n) ||
	    n != sizeof(key->public) || !rpc_str_max(o, "kid", key->kid, sizeof(key->kid)))
		return -EBADMSG;
	token_kid(kid, key->public);
	return strcmp(kid, key->kid) == 0 ? 0 : -EBADMSG;
}

int uplink_keys_decode(const json_t *list, struct token_key keys[IDENTITY_TOKEN_KEYS_MAX],
		       size_t *n)
{
	struct token_key got[IDENTITY_TOKEN_KEYS_MAX] = {0};
	size_t count = json_array_size(list);

	if (count < 1 || count > IDENTITY_TOKEN_KEYS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < count; i++)
		if (key_decode(&got[i], json_array_get(list, i)))
			return -EBADMSG;
	memcpy(keys, got, sizeof(got));
	*n = count;
	return 0;
}

/* Return: something changed. */
static bool take_keys(struct uplink *u, const json_t *list)
{
	struct identity *id = u->identity;
	struct token_key keys[IDENTITY_TOKEN_KEYS_MAX] = {0};
	size_t n;

	if (uplink_keys_decode(list, keys, &n)) {
		log_warn("the Access Server sent token keys that are malformed: the old ones stay");
		return false;
	}
	if (n == id->n_token_keys && memcmp(keys, id->token_keys, n * sizeof(keys[0])) == 0)
		return false;
	memcpy(id->token_keys, keys, sizeof(keys));
	id->n_token_keys = n;
	log_notice("token keys changed keys=%zu newest=%s", n, keys[n - 1].kid);
	return true;
}

static bool take_name(struct uplink *u, const json_t *hello)
{
	char name[IDENTITY_NAME_SIZE];

	if (!rpc_str_max(hello, "name", name, sizeof(name)) || !text_name_ok(name) ||
	    strcmp(name, u->identity->name) == 0)
		return false;
	memcpy(u->identity->name, name, sizeof(name));
	return true;
}

/* Where the Access Servers of the domain are; a list that is wrong changes nothing. */
static bool take_urls(struct uplink *u, const json_t *hello)
{
	const json_t *list = json_object_get(hello, "urls");
	struct url urls[IDENTITY_URLS_MAX];
	char old[URL_TEXT_SIZE], new[URL_TEXT_SIZE];
	size_t n = json_array_size(list);
	bool same = n == u->identity->n_urls;

	if (n < 1 || n > IDENTITY_URLS_MAX)
		return false;
	memset(urls, 0, sizeof(urls));
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!text || url_parse(&urls[i], text))
			return false;
		url_format(&urls[i], new);
		url_format(&u->identity->urls[i], old);
		same = same && strcmp(old, new) == 0;
	}
	if (same)
		return false;
	memcpy(u->identity->urls, urls, sizeof(urls));
	u->identity->n_urls = n;
	return true;
}

static void on_hello(void *arg, const json_t *result, int code, const char *message)
{
	struct uplink *u = arg;
	bool changed;

	if (code == RPC_CLOSED || u->closing || !u->link)
		return;
	if (!result) {
		access_link_lost(u->link, message);
		return;
	}
	changed = take_keys(u, json_object_get(result, "token_keys"));
	changed = take_name(u, result) || changed;
	changed = take_urls(u, result) || changed;
	u->online = true;
	log_notice("online name=%s domain=%s", u->identity->name, u->identity->id.domain);
	if (changed)
		u->ops->on_changed(u->arg);
}

static struct uplink *uplink_of(const struct rpc *rpc)
{
	return access_link_arg(rpc->arg);
}

static void on_session_end(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct uplink *u = uplink_of(rpc);
	uint8_t session[PAIR_ID_BYTES];
	char clean[100];
	const char *text, *reason = "";

	if (!rpc_str(params, "session", &text) ||
	    text_hex_decode(session, sizeof(session), text, strlen(text))) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "session is not an id");
		return;
	}
	(void)rpc_str(params, "reason", &reason);
	log_info("session ended by the Access Server session=%s reason=\"%s\"", text,
		 log_clean(clean, sizeof(clean), reason, strlen(reason)));
	u->ops->on_session_end(u->arg, session);
	rpc_reply(rpc, id, NULL);
}

static void on_relay_keys(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct uplink *u = uplink_of(rpc);

	if (take_keys(u, json_object_get(params, "token_keys")))
		u->ops->on_changed(u->arg);
	rpc_reply(rpc, id, NULL);
}

static void on_bye(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct uplink *u = uplink_of(rpc);
	const char *reason = "no reason given";
	char clean[UPLINK_PROBLEM_SIZE];
	bool retry = true;

	(void)id;
	(void)rpc_bool(params, "retry", &retry);
	(void)rpc_str(params, "reason", &reason);
	log_clean(clean, sizeof(clean), reason, strlen(reason));
	if (retry) {
		log_notice("the Access Server closes the connection reason=\"%s\"", clean);
		return;
	}
	log_error("the Access Server does not want this relay any more reason=\"%s\": "
		  "run relayctl enroll --again with a new invitation",
		  clean);
	memcpy(u->problem, clean, sizeof(clean));
	u->for_good = true;
	access_link_give_up(u->link, clean);
	u->ops->on_refused(u->arg);
}

static const struct rpc_method methods[] = {
	{"session.end", on_session_end},
	{"relay.keys", on_relay_keys},
	{"bye", on_bye},
};

/* The connection */

static void on_online(struct access_link *l)
{
	struct uplink *u = access_link_arg(l);
	json_t *params = json_pack("{s:s, s:[]}", "version", FARLAN_VERSION, "sessions");

	if (rpc_request(access_link_rpc(l), "hello", params, HELLO_TIMEOUT_MS, on_hello, u))
		access_link_lost(l, "hello could not be sent");
}

/* The link has logged it, with its next try. */
static void on_offline(struct access_link *l, const char *reason)
{
	struct uplink *u = access_link_arg(l);

	(void)reason;
	u->online = false;
}

static void on_closed(struct access_link *l)
{
	struct uplink *u = access_link_arg(l);

	u->link = NULL;
	u->online = false;
	if (u->closing)
		u->ops->on_closed(u->arg);
}

static const struct access_link_callbacks callbacks = {
	.on_online = on_online,
	.on_offline = on_offline,
	.on_closed = on_closed,
};

int uplink_open(struct uplink *u, uv_loop_t *loop)
{
	struct access_link_config config = {
		.identity = u->identity,
		.ports = u->ports,
		.memory = u->memory,
		.methods = methods,
		.n_methods = sizeof(methods) / sizeof(methods[0]),
	};

	return access_link_open(&u->link, loop, &config, &callbacks, u);
}

void uplink_close(struct uplink *u)
{
	if (u->closing)
		return;
	u->closing = true;
	if (u->link)
		access_link_close(u->link);
	else if (u->ops)
		u->ops->on_closed(u->arg);
}

const char *uplink_state_name(const struct uplink *u)
{
	struct access_link_status s;

	if (u->online)
		return "online";
	if (!u->link || u->closing || u->for_good)
		return "offline";
	access_link_status(u->link, &s);
	return s.state == ACCESS_LINK_WAITING || s.state == ACCESS_LINK_OFF ? "offline"
									    : "connecting";
}
