/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ways to the relays: what the Access Server names is measured when it asks, or when somebody
 * here is about to connect; what comes out is told to it (docs/PROTOCOL.md, section 4: relay.list,
 * relay.measure, relay.measured, session.measured), and to whoever looks on at a vpnctl.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/app.h"
#include "vpnd/measure.h"

#define FAR_MAX 16
#define WATCHERS_MAX 16
#define MAX_AGE_MAX_S 86400

struct watcher {
	struct waiter waiter;
	char device[GRANT_NAME_SIZE];
};

struct relays {
	struct app *app;
	struct measure *measure;
	bool changed;	/* the network; accessd has not been told yet */
	json_t *unsaid; /* results of the round that runs */
	struct relay_far far[FAR_MAX];
	size_t next_far;
	struct watcher watchers[WATCHERS_MAX];
	size_t next_watcher;
};

static struct app *app_of(struct rpc *rpc)
{
	return access_link_arg(rpc->arg);
}

/* What accessd hears */

/* Takes @results. */
static void say(struct relays *rs, json_t *results, bool done)
{
	struct app *app = rs->app;
	struct rpc *rpc = app->link && app->online ? access_link_rpc(app->link) : NULL;
	json_t *params = json_pack("{s:o, s:b}", "relays", results, "done", done);

	if (rs->changed)
		json_object_set_new(params, "network", json_string("changed"));
	if (!rpc) {
		json_decref(params);
		return;
	}
	rs->changed = false;
	(void)rpc_notify(rpc, "relay.measured", params);
}

static void look_at_network(struct relays *rs)
{
	if (!measure_check_network(rs->measure))
		return;
	rs->changed = true;
	log_info("the network changed: what was measured in the other one is forgotten");
}

static void append_result(json_t *list, const struct relay_entry *e)
{
	json_t *o = relay_result_encode(e);

	if (o)
		json_array_append_new(list, o);
}

/* Of what was asked all that is young enough; the rest is on its way. */
static void say_known(struct relays *rs, uint64_t max_age_ms, bool running)
{
	const struct relay_table *t = measure_table(rs->measure);
	json_t *list = json_array();

	for (size_t i = 0; i < t->n; i++) {
		if (t->at[i].asked && !relay_due(&t->at[i], clock_mono_ms(), max_age_ms))
			append_result(list, &t->at[i]);
	}
	if (running && json_array_size(list) == 0 && !rs->changed)
		json_decref(list);
	else
		say(rs, list, !running);
}

/* Who looks on */

static const char *in_use(struct app *app, const char *session)
{
	struct app_session *as = sessions_find(app, session);
	struct session_status st;

	if (!as)
		return "";
	session_status(as->session, &st);
	return st.relay;
}

static void put_result(json_t *o, const struct relay_result *r)
{
	switch (r->known) {
	case RELAY_UNKNOWN:
		break;
	case RELAY_REACHED:
		json_object_set_new(o, "rtt_us", json_integer(r->rtt_us));
		json_object_set_new(o, "loss_pm", json_integer(r->loss_pm));
		break;
	case RELAY_FAILED:
		json_object_set_new(o, "failed", json_string(r->failed));
		break;
	}
	if (r->known != RELAY_UNKNOWN && r->at_ms)
		json_object_set_new(
			o, "age_s",
			json_integer((json_int_t)((clock_mono_ms() - r->at_ms) / 1000)));
	if (r->where[0])
		json_object_set_new(o, "address", json_string(r->where));
}

static json_t *own_json(struct relays *rs)
{
	const struct relay_table *t = measure_table(rs->measure);
	json_t *list = json_array();

	for (size_t i = 0; i < t->n; i++) {
		json_t *o = json_pack("{s:s, s:s}", "name", t->at[i].name, "uid", t->at[i].uid);

		put_result(o, &t->at[i].result);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *far_json(struct relays *rs, const struct relay_far *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->n; i++) {
		json_t *o = json_pack("{s:s, s:s}", "name", f->rows[i].name, "uid", f->rows[i].uid);

		put_result(o, &f->rows[i].result);
		json_array_append_new(list, o);
	}
	return json_pack("{s:s, s:s, s:s, s:o}", "session", f->session, "peer", f->device, "relay",
			 in_use(rs->app, f->session), "relays", list);
}

static bool is_watched(const struct relays *rs, const char *device)
{
	for (size_t i = 0; i < WATCHERS_MAX; i++) {
		if (rs->watchers[i].waiter.waiting && strcmp(rs->watchers[i].device, device) == 0)
			return true;
	}
	return false;
}

static json_t *everything(struct relays *rs)
{
	json_t *sessions = json_array();

	for (size_t i = 0; i < FAR_MAX; i++) {
		const struct relay_far *f = &rs->far[i];

		if (f->session[0] &&
		    (sessions_find(rs->app, f->session) || is_watched(rs, f->device)))
			json_array_append_new(sessions, far_json(rs, f));
	}
	return json_pack("{s:o, s:b, s:o}", "relays", own_json(rs), "measuring",
			 measure_runs(rs->measure), "sessions", sessions);
}

static void tell_watchers(struct relays *rs)
{
	for (size_t i = 0; i < WATCHERS_MAX; i++) {
		struct waiter *w = &rs->watchers[i].waiter;
		struct rpc *rpc = w->waiting && rs->app->local
					  ? local_client_find(rs->app->local, w->client)
					  : NULL;

		w->waiting = rpc != NULL;
		if (rpc)
			(void)rpc_notify(rpc, "relays", everything(rs));
	}
}

void relays_watch(struct app *app, const struct waiter *w, const char *device)
{
	struct relays *rs = app->relays;
	struct watcher *to = &rs->watchers[rs->next_watcher];

	rs->next_watcher = (rs->next_watcher + 1) % WATCHERS_MAX;
	to->waiter = *w;
	snprintf(to->device, sizeof(to->device), "%s", device);
}

void relays_unwatch(struct app *app, const struct waiter *w)
{
	for (size_t i = 0; app->relays && i < WATCHERS_MAX; i++) {
		struct waiter *at = &app->relays->watchers[i].waiter;

		if (at->client == w->client && at->id == w->id)
			at->waiting = false;
	}
}

/* What a round reports */

static void on_result(struct measure *m, const struct relay_entry *e)
{
	struct relays *rs = measure_arg(m);
	const struct relay_result *r = &e->result;

	if (r->known == RELAY_REACHED)
		log_info("relay measured relay=%s at=%s rtt_us=%u loss_pm=%u", e->name, r->where,
			 r->rtt_us, r->loss_pm);
	else
		log_info("relay not reached relay=%s reason=\"%s\"", e->name, r->failed);
	append_result(rs->unsaid, e);
	if (measure_runs(m)) {
		say(rs, rs->unsaid, false);
		rs->unsaid = json_array();
	}
	tell_watchers(rs);
}

static void on_done(struct measure *m)
{
	struct relays *rs = measure_arg(m);

	say(rs, rs->unsaid, true);
	rs->unsaid = json_array();
	tell_watchers(rs);
	app_remember(rs->app);
}

static const struct measure_callbacks measure_calls = {.on_result = on_result, .on_done = on_done};

/* What accessd says */

static bool take_list(struct relays *rs, const json_t *params)
{
	if (!json_object_get(params, "relays"))
		return false;
	if (relay_table_decode(measure_table(rs->measure), params) == 0)
		return true;
	log_warn("the Access Server sent a list of relays that is malformed: the old one stays");
	return false;
}

int relays_verify(struct app *app)
{
	return app->relays ? measure_verify(app->relays->measure, &app->identity) : 0;
}

void relays_on_hello(struct app *app, const json_t *hello)
{
	(void)take_list(app->relays, hello);
	look_at_network(app->relays);
	if (app->relays->changed)
		say(app->relays, json_array(), !measure_runs(app->relays->measure));
}

void relays_on_list(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = app_of(rpc);

	(void)id;
	dial_tell_all(&app->memory, json_object_get(params, "relays"));
	if (app->relays && take_list(app->relays, params))
		tell_watchers(app->relays);
}

void relays_on_measure(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct relays *rs = app_of(rpc)->relays;
	int64_t max_age_s = RELAY_KEEP_MS / 1000;
	uint64_t max_age_ms;

	(void)id;
	(void)rpc_int(params, "max_age_s", 0, MAX_AGE_MAX_S, &max_age_s);
	if (!rs || relay_table_merge(measure_table(rs->measure), params) != 0)
		return;
	max_age_ms = (uint64_t)max_age_s * 1000;
	look_at_network(rs);
	say_known(rs, max_age_ms, measure_begin(rs->measure, false, max_age_ms));
}

void relays_on_far(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct relays *rs = app_of(rpc)->relays;
	struct relay_far fresh;
	struct relay_far *to = NULL;

	(void)id;
	if (!rs || relay_far_decode(&fresh, params) != 0)
		return;
	for (size_t i = 0; i < FAR_MAX; i++) {
		if (strcmp(rs->far[i].session, fresh.session) == 0)
			to = &rs->far[i];
	}
	if (!to) {
		to = &rs->far[rs->next_far];
		rs->next_far = (rs->next_far + 1) % FAR_MAX;
	}
	if (strcmp(to->session, fresh.session) == 0)
		relay_far_merge(to, &fresh);
	else
		*to = fresh;
	tell_watchers(rs);
}

/* What people here want */

void relays_begin(struct app *app)
{
	look_at_network(app->relays);
	if (app->relays->changed)
		say(app->relays, json_array(), false);
	(void)measure_begin(app->relays->measure, true, RELAY_KEEP_MS);
}

void relays_on_ask(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = local_arg(rpc);
	bool again = false;

	(void)rpc_bool(params, "measure", &again);
	if (again) {
		look_at_network(app->relays);
		(void)measure_begin(app->relays->measure, true, 0);
	}
	rpc_reply(rpc, id, everything(app->relays));
}

int relays_open(struct app *app)
{
	struct measure_config config = {
		.loop = app->loop, .ports = &app->config.ports, .memory = &app->memory};
	struct relays *rs = calloc(1, sizeof(*rs));
	int r;

	if (!rs)
		return -ENOMEM;
	rs->app = app;
	rs->unsaid = json_array();
	r = measure_open(&rs->measure, &config, &measure_calls, rs);
	if (r != 0) {
		json_decref(rs->unsaid);
		free(rs);
		return r;
	}
	app->relays = rs;
	return 0;
}

void relays_close(struct app *app)
{
	if (!app->relays)
		return;
	measure_close(app->relays->measure);
	json_decref(app->relays->unsaid);
	free(app->relays);
	app->relays = NULL;
}
