/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What vpnctl asks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/app.h"

#define OPEN_MS 15000

#define PAGES_MAX 200 /* of a list */

/* A question that was passed on to accessd. */
struct asked {
	struct app *app;
	struct waiter waiter;
	char device[GRANT_NAME_SIZE]; /* to connect to */
	json_t *list;		      /* devices so far */
	size_t pages;
};

static struct waiter waiter_of(struct rpc *rpc, int64_t id)
{
	return (struct waiter){
		.waiting = true,
		.client = local_client_number(local_client_of(rpc)),
		.id = id,
		.since_ms = clock_mono_ms(),
	};
}

static struct rpc *asker(const struct asked *a)
{
	return a->app->local ? local_client_find(a->app->local, a->waiter.client) : NULL;
}

/* Pass a question on. Takes @params. */
static void ask_access(struct rpc *rpc, int64_t id, const char *method, json_t *params,
		       rpc_answer_fn *fn)
{
	struct app *app = local_arg(rpc);
	struct rpc *access = app->link && app->online ? access_link_rpc(app->link) : NULL;
	struct asked *a = access ? malloc(sizeof(*a)) : NULL;
	struct access_link_status st;
	const char *device = "";

	if (!access) {
		json_decref(params);
		memset(&st, 0, sizeof(st));
		if (app->link)
			access_link_status(app->link, &st);
		rpc_reject(rpc, id, RPC_UNAVAILABLE, "%s%s%s",
			   app->enrolled		      ? "not connected to an Access Server"
			   : app->config.role == TOKEN_DEVICE ? "not enrolled; run: vpnctl enroll"
							      : "not signed in; run: vpnctl login",
			   st.last_error[0] ? ": " : "", st.last_error);
		return;
	}
	if (!a) {
		json_decref(params);
		rpc_reject(rpc, id, RPC_INTERNAL, "out of memory");
		return;
	}
	*a = (struct asked){.app = app, .waiter = waiter_of(rpc, id)};
	(void)rpc_str(params, "device", &device);
	snprintf(a->device, sizeof(a->device), "%s", device);
	if (rpc_request(access, method, params, OPEN_MS, fn, a) != 0) {
		free(a);
		rpc_reject(rpc, id, RPC_UNAVAILABLE, "the Access Server cannot be asked now");
	}
}

static void on_passed(void *arg, const json_t *result, int code, const char *message)
{
	struct asked *a = arg;
	struct rpc *rpc = asker(a);

	if (rpc && result)
		rpc_reply(rpc, a->waiter.id, json_deep_copy(result));
	else if (rpc)
		rpc_reject(rpc, a->waiter.id, code, "%s", message);
	free(a);
}

void control_pass(struct rpc *rpc, int64_t id, const char *method, json_t *params)
{
	ask_access(rpc, id, method, params, on_passed);
}

/* devices */

static void on_device_list(void *arg, const json_t *result, int code, const char *message);

/* Return: true if the rest of the list was asked for. */
static bool ask_more(struct asked *a, const json_t *result)
{
	struct rpc *access = a->app->link && a->app->online ? access_link_rpc(a->app->link) : NULL;
	size_t n = json_array_size(a->list);
	bool more = false;
	const char *after;

	if (!rpc_bool(result, "more", &more) || !more || !access || n == 0 ||
	    ++a->pages >= PAGES_MAX || !rpc_str(json_array_get(a->list, n - 1), "name", &after))
		return false;
	return rpc_request(access, "device.list", json_pack("{s:s}", "after", after), OPEN_MS,
			   on_device_list, a) == 0;
}

static void on_device_list(void *arg, const json_t *result, int code, const char *message)
{
	struct asked *a = arg;
	struct rpc *rpc = asker(a);

	if (!a->list)
		a->list = json_array();
	if (result)
		json_array_extend(a->list, json_object_get(result, "devices"));
	if (rpc && result && ask_more(a, result))
		return;
	if (rpc && result)
		rpc_reply(rpc, a->waiter.id, json_pack("{s:O}", "devices", a->list));
	else if (rpc)
		rpc_reject(rpc, a->waiter.id, code, "%s", message);
	json_decref(a->list);
	free(a);
}

static void on_devices(struct rpc *rpc, int64_t id, const json_t *params)
{
	(void)params;
	ask_access(rpc, id, "device.list", json_object(), on_device_list);
}

/* administration: accessctl --remote */

static void on_administered(void *arg, const json_t *result, int code, const char *message)
{
	struct asked *a = arg;
	struct rpc *rpc = asker(a);

	if (rpc && result)
		rpc_reply(rpc, a->waiter.id, json_deep_copy(result));
	else if (rpc && (code == RPC_TIMEOUT || code == RPC_CLOSED))
		rpc_reject(rpc, a->waiter.id, RPC_UNAVAILABLE,
			   "the Access Server was lost before it answered: look whether it was "
			   "done, then try again");
	else if (rpc)
		rpc_reject(rpc, a->waiter.id, code, "%s", message);
	free(a);
}

/* As the user who is signed in here: what he may is for the Access Server to say. */
static void on_admin(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = local_arg(rpc);

	if (app->config.role != TOKEN_MANAGER)
		rpc_reject(rpc, id, RPC_DENIED, "this end is a device; users administer");
	else if (!params)
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "which method?");
	else
		ask_access(rpc, id, "admin", json_deep_copy(params), on_administered);
}

/* connect */

static void step_relays(struct asked *a, const struct grant *g)
{
	char text[APP_TEXT_SIZE] = "granted; relays:";

	for (size_t i = 0; i < g->n_relays; i++) {
		size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used, " %s", g->relays[i].name);
	}
	sessions_step(a->app, &a->waiter, text);
}

/* "routes set: 192.168.201.0/24, 192.168.1.0/24 is here 100.80.17.0/24" */
static void step_routes(struct asked *a, const struct grant *g)
{
	const struct app_session *as = sessions_find(a->app, g->session);
	char text[APP_TEXT_SIZE] = "routes set:", prefix[PREFIX_TEXT_SIZE];

	for (size_t i = 0; as && i < g->n_peer_lans; i++) {
		const struct prefix *lan = &g->peer_lans[i];
		struct prefix here =
			translate_here_prefix(plane_translate(a->app->plane, as->slot), lan);
		size_t used = strlen(text);

		prefix_format(lan, prefix);
		snprintf(text + used, sizeof(text) - used, "%s %s", i > 0 ? "," : "", prefix);
		if (prefix_equal(&here, lan))
			continue;
		prefix_format(&here, prefix);
		used = strlen(text);
		snprintf(text + used, sizeof(text) - used, " is here %s", prefix);
	}
	sessions_step(a->app, &a->waiter, text);
}

static void begin_granted(struct asked *a, struct grant *grant)
{
	char error[PLANE_ERROR_SIZE];
	struct rpc *rpc = asker(a);

	step_relays(a, grant);
	if (!rpc) { /* who asked has gone */
		access_close_session(a->app, grant->session, "cancelled", NULL);
		return;
	}
	if (sessions_begin(a->app, grant, &a->waiter, error) == 0) {
		step_routes(a, grant);
		return;
	}
	access_close_session(a->app, grant->session, error, NULL);
	relays_unwatch(a->app, &a->waiter);
	rpc_reject(rpc, a->waiter.id, RPC_CONFLICT, "%s", error);
}

/*
 * The session may have been granted all the same; accessd would send it again with the next
 * hello, when nobody waits for it any more. A server that says nothing for so long is most likely
 * gone: the network was changed.
 */
static void open_unanswered(struct asked *a, int code)
{
	access_set_unsure(a->app, a->device, true);
	if (code == RPC_TIMEOUT && a->app->link)
		access_link_lost(a->app->link, "a question was not answered");
}

static void on_opened(void *arg, const json_t *result, int code, const char *message);

/* Somebody has to approve it first. Return: will on_opened() be called again? */
static bool wait_for_approval(struct asked *a, const json_t *result)
{
	const json_t *pending = json_object_get(result, "pending");
	struct rpc *access = access_link_rpc(a->app->link), *rpc = asker(a);
	const char *wish;
	int r;

	if (!pending)
		return false;
	r = rpc ? approvals_wait(a->app, pending, &a->waiter, on_opened, a) : -EPIPE;
	if (r == 0)
		return true;
	if (access && rpc_str(pending, "id", &wish))
		(void)rpc_notify(access, "session.withdraw", json_pack("{s:s}", "id", wish));
	relays_unwatch(a->app, &a->waiter);
	if (rpc)
		rpc_reject(rpc, a->waiter.id, RPC_UNAVAILABLE, "%s",
			   r == -ENOSPC ? "too many sessions wait for approval here already"
					: "the Access Server's answer is malformed");
	free(a);
	return true;
}

static void on_opened(void *arg, const json_t *result, int code, const char *message)
{
	struct asked *a = arg;
	struct rpc *rpc = asker(a);
	struct grant grant;

	if (wait_for_approval(a, result))
		return;
	access_set_unsure(a->app, a->device, false);
	if (!result && (code == RPC_TIMEOUT || code == RPC_CLOSED))
		open_unanswered(a, code);
	if (!result) {
		relays_unwatch(a->app, &a->waiter);
		if (rpc && code == RPC_CLOSED)
			rpc_reject(rpc, a->waiter.id, RPC_UNAVAILABLE,
				   "the Access Server was lost, another way to one is looked for: "
				   "try again");
		else if (rpc)
			rpc_reject(rpc, a->waiter.id, code, "%s", message);
	} else if (grant_decode(&grant, json_object_get(result, "grant")) != 0) {
		if (rpc)
			rpc_reject(rpc, a->waiter.id, RPC_INTERNAL,
				   "the Access Server's grant is malformed");
	} else {
		dial_tell_all(&a->app->memory,
			      json_object_get(json_object_get(result, "grant"), "relays"));
		begin_granted(a, &grant);
		explicit_bzero(&grant, sizeof(grant));
	}
	free(a);
}

static void on_connect(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = local_arg(rpc);
	struct waiter w = waiter_of(rpc, id);
	struct app_session *as;
	struct session_status st;
	const char *device, *reason = NULL;

	if (!rpc_str(params, "device", &device)) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "which device?");
		return;
	}
	if (app->config.role != TOKEN_MANAGER) {
		rpc_reject(rpc, id, RPC_DENIED, "this end is a device; only managers connect");
		return;
	}
	as = sessions_find_peer(app, device);
	if (as) {
		session_status(as->session, &st);
		if (st.state == SESSION_UP)
			rpc_reply(rpc, id,
				  json_pack("{s:s, s:s, s:s, s:b, s:o, s:o}", "session",
					    session_grant(as->session)->session, "peer", device,
					    "relay", st.relay, "already", 1, "lans",
					    sessions_lans(as), "virtual", sessions_virtual(as)));
		else
			rpc_reject(rpc, id, RPC_CONFLICT, "%s is being connected already%s%s",
				   device, st.last_reason[0] ? "; last: " : "", st.last_reason);
		return;
	}
	sessions_step(app, &w, "asking the Access Server");
	relays_watch(app, &w, device);
	relays_begin(app);
	if (app->link && app->online) /* one that died silently is not waited for */
		access_link_check(app->link);
	(void)rpc_str(params, "reason", &reason);
	ask_access(rpc, id, "session.open",
		   json_pack("{s:s, s:s*, s:b}", "device", device, "reason", reason, "wait", 1),
		   on_opened);
}

/* disconnect */

static void on_disconnect(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = local_arg(rpc);
	const char *device = NULL;
	size_t ended = 0;

	(void)rpc_str(params, "device", &device);
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		struct app_session *as = &app->sessions[i];

		if (!as->session || as->ending ||
		    (device && strcmp(session_grant(as->session)->peer_name, device) != 0))
			continue;
		sessions_end(as, APP_DISCONNECTED, true);
		ended++;
	}
	if (device && ended == 0)
		rpc_reject(rpc, id, RPC_NOT_FOUND, "there is no session with %.64s", device);
	else
		rpc_reply(rpc, id, json_pack("{s:I}", "ended", (json_int_t)ended));
}

static void on_status(struct rpc *rpc, int64_t id, const json_t *params)
{
	(void)params;
	rpc_reply(rpc, id, status_make(local_arg(rpc)));
}

static const struct rpc_method methods[] = {
	{"status", on_status},
	{"enroll", enrolment_on_enroll},
	{"login", enrolment_on_login},
	{"account", enrolment_on_account},
	{"connect", on_connect},
	{"disconnect", on_disconnect},
	{"devices", on_devices},
	{"admin", on_admin},
	{"approvals", approvals_on_list},
	{"approve", approvals_on_approve},
	{"reject", approvals_on_reject},
	{"relays", relays_on_ask},
	{"trace", trace_on_ask},
	{"routes", routes_on_ask},
	{"sessions", receipts_on_ask},
	{"capture.start", captures_on_start},
	{"capture.read", captures_on_read},
	{"capture.stop", captures_on_stop},
	{"dns", names_on_ask},
	{"lock", lock_on_lock},
	{"unlock", lock_on_unlock},
	{"doctor", doctor_on_ask},
};

/* A vpnctl that was interrupted while it waited: nobody wants the session that is not up yet. */
static void on_client_gone(struct local_client *c, void *arg)
{
	struct app *app = arg;
	uint64_t number = local_client_number(c);

	captures_client_gone(app, number);
	doctor_client_gone(app, number);
	approvals_client_gone(app, number);
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		struct app_session *as = &app->sessions[i];

		if (!as->session || !as->waiter.waiting || as->waiter.client != number)
			continue;
		as->waiter.waiting = false;
		sessions_end(as, "cancelled", true);
	}
}

int control_open(struct app *app)
{
	return local_open(&app->local, app->loop, app->config.socket, methods,
			  sizeof(methods) / sizeof(methods[0]), app, on_client_gone);
}
