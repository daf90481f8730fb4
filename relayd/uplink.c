/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/uplink.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/text.h"

#define HELLO_TIMEOUT_MS 15000

/* How the relay does */

/* Between two reports; the first one of a connection has nothing to compare with. */
static uint64_t bytes_per_s(struct uplink *u, uint64_t bytes)
{
	uint64_t now = clock_mono_ms(), span = now - u->reported_ms, rate = 0;

	if (u->reported_ms > 0 && span > 0 && bytes > u->reported_bytes)
		rate = (bytes - u->reported_bytes) * 1000 / span;
	u->reported_ms = now;
	u->reported_bytes = bytes;
	return rate;
}

void uplink_report_now(struct uplink *u)
{
	struct uplink_report r = {.sessions = 0};
	uint64_t lag;

	if (!u->online || u->closing || !u->link || !access_link_rpc(u->link))
		return;
	u->ops->on_report(u->arg, &r);
	lag = lag_take(&u->lag);
	if (r.loop_lag_ms > lag)
		lag = r.loop_lag_ms;
	(void)rpc_notify(
		access_link_rpc(u->link), "relay.report",
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:b}", "sessions", (json_int_t)r.sessions,
			  "max_sessions", (json_int_t)r.max_sessions, "bytes_per_s",
			  (json_int_t)bytes_per_s(u, r.bytes), "capacity", (json_int_t)r.capacity,
			  "loop_lag_ms", (json_int_t)lag, "draining", r.draining));
}

static void on_report_timer(uv_timer_t *t)
{
	uplink_report_now(t->data);
}

static void start_reports(struct uplink *u)
{
	u->reported_ms = 0;
	uplink_report_now(u);
	uv_timer_start(&u->report_timer, on_report_timer, UPLINK_REPORT_MS, UPLINK_REPORT_MS);
}

static void set_offline(struct uplink *u)
{
	u->online = false;
	reporter_offline(u->reporter);
	if (!uv_is_closing((uv_handle_t *)&u->report_timer))
		uv_timer_stop(&u->report_timer);
}

/* What accessd says */

/* Return: something changed. */
static bool take_keys(struct uplink *u, const json_t *list)
{
	struct identity *id = u->identity;
	bool changed = false;

	if (identity_take_token_keys(id, list, &changed) != 0)
		log_warn("the Access Server sent token keys that are malformed: the old ones stay");
	else if (changed)
		log_notice("token keys changed keys=%zu newest=%s", id->n_token_keys,
			   id->token_keys[id->n_token_keys - 1].kid);
	return changed;
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
	if (identity_take_urls(u->identity, json_object_get(result, "urls"), &changed) != 0)
		log_warn("the Access Server sent a list of servers that is malformed: the old one "
			 "stays");
	access_link_hello(u->link, result);
	dial_tell_all(u->memory, json_object_get(result, "servers"));
	if (u->state_dir)
		dial_memory_keep(u->memory, u->state_dir);
	u->online = true;
	log_notice("online name=%s domain=%s", u->identity->name, u->identity->id.domain);
	start_reports(u);
	reporter_online(u->reporter, access_link_rpc(u->link));
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

static void on_relay_drain(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct uplink *u = uplink_of(rpc);
	bool drain;

	if (!rpc_bool(params, "drain", &drain)) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "drain is missing");
		return;
	}
	u->ops->on_drain(u->arg, drain);
	rpc_reply(rpc, id, NULL);
}

static void on_bye(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct uplink *u = uplink_of(rpc);
	const char *reason = "no reason given";
	char clean[UPLINK_PROBLEM_SIZE];
	int64_t after_s = 0;
	bool retry = true;

	(void)id;
	(void)rpc_int(params, "after_s", 0, DIAL_REST_MAX_S, &after_s);
	(void)rpc_bool(params, "retry", &retry);
	(void)rpc_str(params, "reason", &reason);
	log_clean(clean, sizeof(clean), reason, strlen(reason));
	if (retry) {
		log_notice("the Access Server closes the connection reason=\"%s\" after_s=%d",
			   clean, (int)after_s);
		access_link_rest(u->link, (uint32_t)after_s);
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
	{"relay.drain", on_relay_drain},
	{"identity.due", access_link_on_due},
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
	set_offline(u);
}

static int on_renewed(struct access_link *l, const struct identity *next)
{
	struct uplink *u = access_link_arg(l);

	return u->ops->on_renewed(u->arg, next);
}

static void finally(struct uplink *u)
{
	if (u->closing && !u->link && u->n_handles == 0)
		u->ops->on_closed(u->arg);
}

static void on_closed(struct access_link *l)
{
	struct uplink *u = access_link_arg(l);

	u->link = NULL;
	set_offline(u);
	finally(u);
}

static void on_report_timer_closed(uv_handle_t *h)
{
	struct uplink *u = h->data;

	u->n_handles--;
	finally(u);
}

static void on_lag_closed(uv_handle_t *h)
{
	struct lag *l = h->data;
	struct uplink *u = (struct uplink *)(void *)((char *)l - offsetof(struct uplink, lag));

	u->n_handles--;
	finally(u);
}

static const struct access_link_callbacks callbacks = {
	.on_online = on_online,
	.on_renewed = on_renewed,
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
		.refuse_inspection = u->refuse_inspection,
	};

	int r = access_link_open(&u->link, loop, &config, &callbacks, u);

	if (r)
		return r;
	uv_timer_init(loop, &u->report_timer);
	u->report_timer.data = u;
	lag_open(&u->lag, loop);
	u->n_handles = 2;
	return 0;
}

void uplink_close(struct uplink *u)
{
	if (u->closing)
		return;
	u->closing = true;
	if (u->n_handles > 0) {
		uv_close((uv_handle_t *)&u->report_timer, on_report_timer_closed);
		lag_close(&u->lag, on_lag_closed);
	}
	if (u->link)
		access_link_close(u->link);
	else if (u->ops)
		finally(u);
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
