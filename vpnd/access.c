/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is said with the Access Server (docs/PROTOCOL.md, section 4): hello, grants, ends.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/io/log.h"
#include "vpnd/app.h"

#define HELLO_MS 15000
#define CLOSE_MS 15000

static struct app *app_of(struct rpc *rpc)
{
	return access_link_arg(rpc->arg);
}

/* Hello */

static void add_waiting(void *list, const char *session)
{
	json_array_append_new(list, json_string(session));
}

static json_t *hello_params(struct app *app)
{
	json_t *sessions = json_array(), *lans = json_array(), *waiting = json_array();
	char text[PREFIX_TEXT_SIZE];

	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		const struct app_session *as = &app->sessions[i];

		if (as->session && !as->ending)
			json_array_append_new(sessions,
					      json_string(session_grant(as->session)->session));
	}
	for (size_t i = 0; app->config.role == TOKEN_MANAGER && i < app->config.lans.n; i++) {
		prefix_format(&app->config.lans.at[i].prefix, text);
		json_array_append_new(lans, json_string(text));
	}
	plane_each_waiting(app->plane, add_waiting, waiting);
	return json_pack("{s:s, s:o, s:o, s:o, s:b}", "version", FARLAN_VERSION, "sessions",
			 sessions, "waiting", waiting, "lans", lans, "windows", 1);
}

static bool take_address(const json_t *o, const char *key, uint8_t family, struct addr *a)
{
	const char *text;
	struct addr got;

	if (!rpc_str(o, key, &text) || addr_parse(&got, text) != 0 || got.family != family)
		return false;
	*a = got;
	return true;
}

static void take_lans(struct app *app, const json_t *o)
{
	const json_t *list = json_object_get(o, "lans"), *item;
	size_t i;

	app->n_lans = 0;
	json_array_foreach (list, i, item) {
		if (app->n_lans < GRANT_LANS_MAX && json_is_string(item) &&
		    prefix_parse(&app->lans[app->n_lans], json_string_value(item)) == 0)
			app->n_lans++;
	}
}

/* Where the Access Servers are now; used with the next connection, kept for the next start. */
static void take_servers(struct app *app, const json_t *hello)
{
	bool changed = false;

	if (identity_take_urls(&app->identity, json_object_get(hello, "urls"), &changed) != 0)
		log_warn("the Access Server sent a list of servers that is malformed: the old one "
			 "stays");
	else if (changed && identity_save(&app->identity, app->config.state) != 0)
		log_warn("the new list of Access Servers is not kept");
	dial_tell_all(&app->memory, json_object_get(hello, "servers"));
	dial_tell_all(&app->memory, json_object_get(hello, "relays"));
}

void access_tell_path(struct app *app, const struct session *s)
{
	struct rpc *rpc = app->link && app->online ? access_link_rpc(app->link) : NULL;
	const struct grant *g = session_grant(s);

	if (rpc)
		(void)rpc_notify(rpc, "session.path",
				 json_pack("{s:s, s:s, s:I}", "session", g->session, "relay",
					   session_relay_uid(s), "serial", (json_int_t)g->serial));
}

/* A restarted server does not know. */
static void tell_paths(struct app *app)
{
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		if (app->sessions[i].session && !app->sessions[i].ending)
			access_tell_path(app, app->sessions[i].session);
	}
}

static void on_hello(void *arg, const json_t *result, int code, const char *message)
{
	struct app *app = arg;
	char error[PLANE_ERROR_SIZE];

	if (code == RPC_CLOSED || !app->link || app->stopping)
		return;
	if (!result) {
		app_note_error(app,
			       code == RPC_EXPIRED ? "vpnctl login" : "see the Access Server's log",
			       "the Access Server refused: %s", message);
		access_link_lost(app->link, message);
		return;
	}
	if (!take_address(result, "ipv4", 4, &app->ipv4) ||
	    !take_address(result, "ipv6", 6, &app->ipv6)) {
		access_link_lost(app->link, "its hello is malformed");
		return;
	}
	take_lans(app, result);
	take_servers(app, result);
	access_link_hello(app->link, result);
	app->online = true;
	app->refused = false;
	signs_update(app);
	plane_grants_come(app->plane);
	app_remember(app);
	relays_on_hello(app, result);
	reporter_online(app->reporter, access_link_rpc(app->link));
	reporter_online(app->receipts.reporter, access_link_rpc(app->link));
	tell_paths(app);
	lock_tell(app);
	enrolment_finish(app);
	log_notice("online name=%s domain=%s", app->identity.name, app->identity.id.domain);
	if (plane_set_addresses(app->plane, &app->ipv4, &app->ipv6, error) != 0)
		app_note_error(app, "put this right on this host, then start vpnd again", "%s",
			       error);
	names_online(app);
}

static void on_online(struct access_link *l)
{
	struct app *app = access_link_arg(l);

	if (rpc_request(access_link_rpc(l), "hello", hello_params(app), HELLO_MS, on_hello, app) !=
	    0)
		access_link_lost(l, "hello could not be sent");
}

static int on_renewed(struct access_link *l, const struct identity *next)
{
	return app_renewed(access_link_arg(l), next);
}

static void on_offline(struct access_link *l, const char *reason)
{
	struct app *app = access_link_arg(l);

	struct access_link_status st;

	reporter_offline(app->reporter);
	reporter_offline(app->receipts.reporter);
	access_link_status(l, &st);
	if (app->online && st.state != ACCESS_LINK_OFF) /* else it was told, with what to do */
		app_note_error(app, "nothing: it is tried again", "Access Server lost: %s", reason);
	app->online = false;
	signs_update(app);
	approvals_offline(app);
}

static void on_closed(struct access_link *l)
{
	struct app *app = access_link_arg(l);

	reporter_offline(app->reporter);
	reporter_offline(app->receipts.reporter);
	app->link = NULL;
	app->online = false;
	approvals_offline(app);
	app_parts_closed(app);
}

static const struct access_link_callbacks link_calls = {
	.on_online = on_online,
	.on_renewed = on_renewed,
	.on_offline = on_offline,
	.on_closed = on_closed,
};

/* What accessd asks */

/* accessd was away when it ended here, and takes this end for a restarted one. */
static bool was_ended(const struct app *app, const char *session)
{
	for (size_t i = 0; i < APP_ENDED_MAX; i++) {
		if (strcmp(app->ended[i], session) == 0)
			return true;
	}
	return false;
}

static char *find_unsure(struct app *app, const char *device)
{
	for (size_t i = 0; i < APP_UNSURE_MAX; i++) {
		if (strcmp(app->unsure[i], device) == 0)
			return app->unsure[i];
	}
	return NULL;
}

void access_set_unsure(struct app *app, const char *device, bool unsure)
{
	char *at = find_unsure(app, device);

	if (!unsure && at) {
		at[0] = '\0';
	} else if (unsure && !at) {
		snprintf(app->unsure[app->next_unsure], GRANT_NAME_SIZE, "%s", device);
		app->next_unsure = (app->next_unsure + 1) % APP_UNSURE_MAX;
	}
}

/* It is over with this answer. */
static void refuse(struct rpc *rpc, int64_t id, const struct grant *g, const char *words)
{
	plane_session_over(app_of(rpc)->plane, g->session);
	rpc_reject(rpc, id, RPC_CONFLICT, "%s", words);
}

static void on_grant(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = app_of(rpc);
	char error[PLANE_ERROR_SIZE];
	struct grant grant;

	if (grant_decode(&grant, json_object_get(params, "grant")) != 0) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "malformed grant");
		return;
	}
	dial_tell_all(&app->memory, json_object_get(json_object_get(params, "grant"), "relays"));
	if (!app->online)
		rpc_reject(rpc, id, RPC_UNAVAILABLE, "not ready yet");
	else if (was_ended(app, grant.session))
		refuse(rpc, id, &grant, "it was ended while the server was away");
	else if (find_unsure(app, grant.peer_name))
		refuse(rpc, id, &grant, "its connect was given up before the answer came");
	else if (sessions_begin(app, &grant, NULL, error) != 0)
		refuse(rpc, id, &grant, error);
	else /* a server whose rules or idle limit are not kept here must know */
		rpc_reply(rpc, id,
			  json_pack("{s:b, s:b, s:b}", "rules", 1, "windows", 1, "idle", 1));
	explicit_bzero(&grant, sizeof(grant));
}

static struct app_session *session_of(struct rpc *rpc, const json_t *params)
{
	const char *id;

	return rpc_str(params, "session", &id) ? sessions_find(app_of(rpc), id) : NULL;
}

static void on_session_relays(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app_session *as = session_of(rpc, params);
	struct grant_relay relays[GRANT_RELAYS_MAX];
	int64_t serial;
	size_t n;
	int r;

	(void)id;
	if (!as)
		return;
	dial_tell_all(&app_of(rpc)->memory, json_object_get(params, "relays"));
	r = !rpc_int(params, "serial", 0, UINT32_MAX, &serial)
		    ? -EBADMSG
		    : grant_relays_decode(relays, &n, json_object_get(params, "relays"));
	if (r == 0)
		r = session_set_relays(as->session, (uint32_t)serial, relays, n);
	explicit_bzero(relays, sizeof(relays));
	if (r == 0)
		log_info("another list of relays session=%.8s serial=%lld relays=%zu first=%s",
			 session_grant(as->session)->session, (long long)serial, n,
			 session_grant(as->session)->relays[0].name);
	else if (r != -EALREADY)
		log_warn("a list of relays is not taken session=%.8s error=\"%s\"",
			 session_grant(as->session)->session, strerror(-r));
}

/* The other end has lost its path: ours may be dead, too, and nothing was sent that would show it.
 */
static void on_session_search(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app_session *as = session_of(rpc, params);

	(void)id;
	if (as)
		session_suspect(as->session);
}

static void on_session_end(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = app_of(rpc);
	struct app_session *as;
	const char *session, *reason;
	char clean[WORDS_SIZE];

	(void)id;
	if (!rpc_str(params, "session", &session) || !rpc_str(params, "reason", &reason))
		return;
	as = sessions_find(app, session);
	words_clean(clean, sizeof(clean), reason);
	if (as)
		sessions_end(as, clean, false);
	else
		plane_session_over(app->plane, session);
}

static void on_bye(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = app_of(rpc);
	const char *reason = "";
	int64_t after_s = 0;
	bool retry = true;
	char clean[200];

	(void)id;
	(void)rpc_int(params, "after_s", 0, DIAL_REST_MAX_S, &after_s);
	(void)rpc_str(params, "reason", &reason);
	(void)rpc_bool(params, "retry", &retry);
	log_clean(clean, sizeof(clean), reason, strlen(reason));
	if (retry) {
		log_info("Access Server says good-bye reason=\"%s\" after_s=%d", clean,
			 (int)after_s);
		access_link_rest(app->link, (uint32_t)after_s);
		return;
	}
	app_note_error(app, "ask the administrator for a new invitation",
		       "the Access Server does not accept this identity any more: %s", clean);
	app->refused = true;
	sessions_end_all(app, clean, false);
	signs_update(app);
	access_link_give_up(app->link, clean);
}

static const struct rpc_method methods[] = {
	{"session.grant", on_grant},
	{"session.end", on_session_end},
	{"session.relays", on_session_relays},
	{"session.search", on_session_search},
	{"session.rules", rules_on_change},
	{"session.hosts", names_on_hosts},
	{"session.asked", approvals_on_asked},
	{"session.decided", approvals_on_decided},
	{"session.measured", relays_on_far},
	{"relay.list", relays_on_list},
	{"relay.measure", relays_on_measure},
	{"identity.due", access_link_on_due},
	{"bye", on_bye},
};

int access_open(struct app *app)
{
	struct access_link_config config = {
		.identity = &app->identity,
		.ports = &app->config.ports,
		.trust = &app->config.trust,
		.memory = &app->memory,
		.methods = methods,
		.n_methods = sizeof(methods) / sizeof(methods[0]),
		.refuse_inspection = app->config.refuse_inspection,
	};

	return access_link_open(&app->link, app->loop, &config, &link_calls, app);
}

static void on_session_closed(void *arg, const json_t *result, int code, const char *message)
{
	(void)arg;
	if (!result)
		log_debug("session.close code=%d message=\"%s\"", code, message);
}

void access_close_session(struct app *app, const char *session, const char *reason,
			  const char *cause)
{
	struct rpc *rpc = app->link ? access_link_rpc(app->link) : NULL;

	snprintf(app->ended[app->next_ended], TOKEN_SESSION_SIZE, "%s", session);
	app->next_ended = (app->next_ended + 1) % APP_ENDED_MAX;
	if (rpc && rpc_request(rpc, "session.close",
			       json_pack("{s:s, s:s, s:s*}", "session", session, "reason", reason,
					 "cause", cause),
			       CLOSE_MS, on_session_closed, NULL) != 0)
		log_debug("session.close could not be sent session=%.8s", session);
}
