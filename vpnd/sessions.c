/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Grants become sessions: a slot of the plane for the packets, a session for the way to the
 * peer, and somebody at a vpnctl, perhaps, who waits for it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/app.h"

#define TICK_MS 1000

json_t *sessions_virtual(const struct app_session *as)
{
	const struct translate *t = plane_translate(as->app->plane, as->slot);
	char lan[PREFIX_TEXT_SIZE], here[PREFIX_TEXT_SIZE];
	json_t *list = json_array();

	for (size_t i = 0; i < t->n; i++) {
		prefix_format(&t->pairs[i].there, lan);
		prefix_format(&t->pairs[i].here, here);
		json_array_append_new(list, json_pack("{s:s, s:s}", "lan", lan, "here", here));
	}
	return list;
}

json_t *sessions_lans(const struct app_session *as)
{
	const struct grant *g = session_grant(as->session);
	json_t *list = json_array();
	char text[PREFIX_TEXT_SIZE];

	for (size_t i = 0; i < g->n_peer_lans; i++) {
		prefix_format(&g->peer_lans[i], text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

/* Who waits */

static struct rpc *waiting_rpc(struct app *app, const struct waiter *w)
{
	return w->waiting && app->local ? local_client_find(app->local, w->client) : NULL;
}

void sessions_step(struct app *app, const struct waiter *w, const char *text)
{
	struct rpc *rpc = waiting_rpc(app, w);

	if (rpc)
		(void)rpc_notify(rpc, "step",
				 json_pack("{s:s, s:I}", "text", text, "ms",
					   (json_int_t)(clock_mono_ms() - w->since_ms)));
}

static void answer_up(struct app_session *as)
{
	struct rpc *rpc = waiting_rpc(as->app, &as->waiter);
	const struct grant *g = session_grant(as->session);
	struct session_status st;

	session_status(as->session, &st);
	if (rpc)
		rpc_reply(rpc, as->waiter.id,
			  json_pack("{s:s, s:s, s:s, s:s, s:I, s:o, s:o}", "session", g->session,
				    "peer", g->peer_name, "relay", st.relay, "cipher",
				    st.path.cipher, "ms",
				    (json_int_t)(clock_mono_ms() - as->waiter.since_ms), "lans",
				    sessions_lans(as), "virtual", sessions_virtual(as)));
	relays_unwatch(as->app, &as->waiter);
	as->waiter.waiting = false;
}

static void answer_failed(struct app_session *as, int code, const char *reason)
{
	struct rpc *rpc = waiting_rpc(as->app, &as->waiter);

	if (rpc)
		rpc_reject(rpc, as->waiter.id, code, "%s", reason);
	relays_unwatch(as->app, &as->waiter);
	as->waiter.waiting = false;
}

static void on_tick(uv_timer_t *timer)
{
	struct app *app = timer->data;
	uint64_t now = clock_mono_ms();
	bool more = false;

	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		struct app_session *as = &app->sessions[i];
		struct session_status st;
		char text[APP_TEXT_SIZE + 80];

		if (!as->session || !as->waiter.waiting)
			continue;
		if (now - as->waiter.since_ms < APP_CONNECT_MS) {
			more = true;
			continue;
		}
		session_status(as->session, &st);
		snprintf(text, sizeof(text), "the device did not come to any relay in time%s%s",
			 st.last_reason[0] ? "; last: " : "", st.last_reason);
		answer_failed(as, RPC_UNAVAILABLE, text);
		sessions_end(as, text, true); /* notes it, too */
	}
	if (enrolment_waits(app)) {
		if (now - app->enrol_waiter.since_ms >= APP_ENROLLED_MS)
			enrolment_finish(app);
		else
			more = true;
	}
	if (!more)
		uv_timer_stop(timer);
}

void sessions_tick(struct app *app)
{
	uv_timer_start(&app->ticker, on_tick, TICK_MS, TICK_MS);
}

/* What sessions report */

static void on_step(struct session *s, const char *text)
{
	struct app_session *as = session_arg(s);

	log_debug("session=%.8s %s", session_grant(s)->session, text);
	sessions_step(as->app, &as->waiter, text);
}

static void on_up(struct session *s)
{
	struct app_session *as = session_arg(s);
	struct session_status st;

	session_status(s, &st);
	if (st.path.peer_mtu)
		plane_set_peer_mtu(as->app->plane, as->slot, st.path.peer_mtu);
	if (as->waiter.waiting)
		answer_up(as);
	app_remember(as->app);
}

static void on_down(struct session *s, const char *reason)
{
	struct app_session *as = session_arg(s);

	app_note_error(as->app, "nothing: another way is being searched",
		       "the way to %s was lost: %s", session_grant(s)->peer_name, reason);
}

static void on_path(struct session *s)
{
	struct app_session *as = session_arg(s);

	access_tell_path(as->app, s);
}

static void on_packet(struct session *s, const struct vnet *v, uint8_t *packet, size_t n)
{
	struct app_session *as = session_arg(s);

	if (!as->ending)
		plane_incoming(as->app->plane, as->slot, v, packet, n);
}

/* The session ended by itself. */
static void on_over(struct session *s, const char *reason)
{
	sessions_end(session_arg(s), reason, true);
}

static void on_closed(struct session *s)
{
	struct app_session *as = session_arg(s);

	as->session = NULL;
	app_parts_closed(as->app);
}

static const struct session_callbacks session_calls = {
	.on_step = on_step,
	.on_up = on_up,
	.on_down = on_down,
	.on_path = on_path,
	.on_packet = on_packet,
	.on_over = on_over,
	.on_closed = on_closed,
};

/* What the plane reports */

static void on_outgoing(void *arg, uint16_t slot, struct packet *packet)
{
	struct app *app = arg;

	if (app->sessions[slot].session)
		(void)session_queue(app->sessions[slot].session, packet); /* counted there */
	else
		packet_free(packet);
}

static void on_flush(void *arg)
{
	struct app *app = arg;

	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		if (app->sessions[i].session)
			session_flush(app->sessions[i].session);
	}
}

static void on_plane_gone(void *arg)
{
	struct app *app = arg;

	app_note_error(app, "connect again; find out what deletes the device",
		       "the TUN device was deleted");
	sessions_end_all(app, "the TUN device was deleted", true);
}

static void on_plane_closed(void *arg)
{
	struct app *app = arg;

	app->plane = NULL;
}

static void on_note(void *arg, const char *todo, const char *text)
{
	app_note_error(arg, todo, "%s", text);
}

/* Connections may be dead, and what waits need not. */
static void on_network(void *arg)
{
	struct app *app = arg;

	log_info("the network of this host has changed: what is connected is checked");
	if (app->link)
		access_link_check(app->link);
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		if (app->sessions[i].session)
			session_check(app->sessions[i].session);
	}
}

bool sessions_idle(const struct app *app)
{
	bool any = false;

	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		const struct session *s = app->sessions[i].session;

		if (s && session_in_use(s))
			return false;
		any = any || s;
	}
	return any;
}

const struct plane_callbacks sessions_plane_calls = {
	.on_outgoing = on_outgoing,
	.on_flush = on_flush,
	.on_captured = captures_packet,
	.on_gone = on_plane_gone,
	.on_closed = on_plane_closed,
	.on_note = on_note,
	.on_network = on_network,
};

/* Begin and end */

struct app_session *sessions_find(struct app *app, const char *session)
{
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		struct app_session *as = &app->sessions[i];

		if (as->session && !as->ending &&
		    strcmp(session_grant(as->session)->session, session) == 0)
			return as;
	}
	return NULL;
}

struct app_session *sessions_find_peer(struct app *app, const char *peer)
{
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		struct app_session *as = &app->sessions[i];

		if (as->session && !as->ending &&
		    strcmp(session_grant(as->session)->peer_name, peer) == 0)
			return as;
	}
	return NULL;
}

bool sessions_any(const struct app *app)
{
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		if (app->sessions[i].session)
			return true;
	}
	return false;
}

static struct app_session *free_slot(struct app *app)
{
	for (uint16_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		struct app_session *as = &app->sessions[i];

		if (as->session)
			continue;
		memset(as, 0, sizeof(*as));
		as->app = app;
		as->slot = i;
		return as;
	}
	return NULL;
}

static int open_session(struct app *app, struct app_session *as, const struct grant *grant)
{
	struct session_config config = {
		.loop = app->loop,
		.outer_ctx = app->contexts->outer,
		.inner_client_ctx = app->contexts->client,
		.inner_server_ctx = app->contexts->server,
		.ports = &app->config.ports,
		.memory = &app->memory,
		.shed = app->config.shed,
		.super = plane_super(app->plane),
		.uso = plane_uso(app->plane),
		.mtu = plane_mtu(app->plane),
	};

	return session_open(&as->session, &config, grant, &session_calls, as);
}

/* Servers and relays: those that were reached, and those whose URL is an address. */
static void avoid_servers(struct app *app, const struct grant *grant)
{
	struct addr addrs[PLANE_AVOID_MAX], a;
	size_t n = 0;

	for (size_t i = 0; i < grant->n_relays; i++) {
		const struct grant_relay *r = &grant->relays[i];

		for (size_t u = 0; u < r->n_urls && n < PLANE_AVOID_MAX; u++) {
			if (addr_parse(&a, r->urls[u].host) == 0)
				addrs[n++] = a;
		}
	}
	for (size_t i = app->memory.n; i > 0; i--) { /* the last ones first */
		const struct dial_host *h = &app->memory.hosts[i - 1];

		for (size_t k = 0; k < h->n_worked && n < PLANE_AVOID_MAX; k++)
			addrs[n++] = h->worked[k].addr;
	}
	plane_set_avoid(app->plane, addrs, n);
}

int sessions_begin(struct app *app, struct grant *grant, const struct waiter *waiter,
		   char error[PLANE_ERROR_SIZE])
{
	struct app_session *as;
	int r;

	error[0] = '\0';
	if (lock_is(app)) {
		lock_say(app, error, PLANE_ERROR_SIZE);
		return -EPERM;
	}
	if (sessions_find(app, grant->session))
		return 0;
	as = free_slot(app);
	if (!as) {
		snprintf(error, PLANE_ERROR_SIZE, "there are %d sessions here already",
			 PLANE_SLOTS_MAX);
		return -ENOSPC;
	}
	if (grant->role != app->config.role) {
		snprintf(error, PLANE_ERROR_SIZE, "this end is not a %s",
			 grant->role == TOKEN_DEVICE ? "device" : "manager");
		return -EINVAL;
	}
	avoid_servers(app, grant);
	r = plane_set_addresses(app->plane, &app->ipv4, &app->ipv6, error);
	routes_protect_resolvers(app);
	if (r == 0)
		r = plane_attach(app->plane, as->slot, grant, error);
	if (r != 0)
		return r;
	if (error[0])
		app_note_error(app, "give one of the networks other addresses", "%s", error);
	r = open_session(app, as, grant);
	if (r != 0) {
		as->session = NULL;
		plane_detach(app->plane, as->slot);
		plane_session_over(app->plane, grant->session);
		snprintf(error, PLANE_ERROR_SIZE, "%s", strerror(-r));
		return r;
	}
	accounting_begin(as);
	limits_start(as);
	names_begin(as, grant);
	signs_update(app);
	if (waiter) {
		as->waiter = *waiter;
		sessions_tick(app);
	}
	log_info("session begins session=%.8s peer=%s role=%s relays=%zu", grant->session,
		 grant->peer_name, grant->role == TOKEN_DEVICE ? "device" : "manager",
		 grant->n_relays);
	return 0;
}

void sessions_end(struct app_session *as, const char *reason, bool tell)
{
	struct app *app = as->app;

	if (!as->session || as->ending)
		return;
	as->ending = true;
	log_info("session ends session=%.8s peer=%s reason=\"%s\"",
		 session_grant(as->session)->session, session_grant(as->session)->peer_name,
		 reason);
	figures_session_ends(app, as);
	accounting_end(as, reason);
	receipts_add(as, reason);
	names_end(as);
	plane_detach(app->plane, as->slot);
	if (!app->stopping || app->online) /* else the server grants it to the next run */
		plane_session_over(app->plane, session_grant(as->session)->session);
	if (app->config.role == TOKEN_MANAGER && !as->waiter.waiting && !app->stopping &&
	    strcmp(reason, APP_DISCONNECTED) != 0)
		app_note_error(app, "connect again, if that was not meant",
			       "the session with %s ended: %s",
			       session_grant(as->session)->peer_name, reason);
	if (as->waiter.waiting)
		answer_failed(as, RPC_UNAVAILABLE, reason);
	if (tell)
		access_close_session(app, session_grant(as->session)->session, reason, as->cause);
	session_end(as->session, reason);
	signs_update(app);
}

void sessions_end_all(struct app *app, const char *reason, bool tell)
{
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		if (app->sessions[i].session)
			sessions_end(&app->sessions[i], reason, tell);
	}
}
