/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When sessions end by themselves: unused for too long, which both ends look after (the Access
 * Server may be away), and their time, which the session itself knows. Both are told a minute
 * before.
 */
#include <stdio.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/app.h"

#define LOOK_MS 1000
#define SPAN_SIZE 32

/* "30 min", or "45 s". */
static const char *span(char out[SPAN_SIZE], uint64_t ms)
{
	unsigned long long s = (ms + 999) / 1000;

	snprintf(out, SPAN_SIZE, s % 60 == 0 ? "%llu min" : "%llu s", s % 60 == 0 ? s / 60 : s);
	return out;
}

static void end_idle(struct app_session *as)
{
	char text[64], time[SPAN_SIZE];

	snprintf(text, sizeof(text), "not used for %s", span(time, as->limits.idle_ms));
	as->cause = "idle";
	sessions_end(as, text, true);
}

/* The machine's end has nobody who could do something about it. */
static void warn(struct app_session *as, uint64_t left_ms, const char *what, const char *todo)
{
	const struct grant *g = session_grant(as->session);
	char time[SPAN_SIZE];

	span(time, left_ms);
	if (g->role == TOKEN_MANAGER)
		app_note_error(as->app, todo, "the session with %s ends in %s: %s", g->peer_name,
			       time, what);
	else
		log_notice("session ends soon session=%.8s peer=%s in=\"%s\" reason=\"%s\"",
			   g->session, g->peer_name, time, what);
}

static void look(struct app_session *as, uint64_t now)
{
	struct session_status st;

	session_status(as->session, &st);
	switch (limits_look(&as->limits, plane_take_used(as->app->plane, as->slot), st.expires_in_s,
			    now)) {
	case LIMITS_NOTHING:
		break;
	case LIMITS_IDLE_SOON:
		warn(as, limits_idle_left_ms(&as->limits, now), "nobody uses it",
		     "use it, if it is still needed: a ping will do");
		break;
	case LIMITS_IDLE:
		end_idle(as);
		break;
	case LIMITS_END_SOON:
		warn(as, (uint64_t)st.expires_in_s * 1000, "its time is over then",
		     "come to an end, or disconnect and connect again now");
		break;
	}
}

static void on_look(uv_timer_t *timer)
{
	struct app *app = timer->data;
	uint64_t now = clock_mono_ms();

	for (size_t i = 0; i < PLANE_SLOTS_MAX && app->plane; i++) {
		if (app->sessions[i].session && !app->sessions[i].ending)
			look(&app->sessions[i], now);
	}
	if (!sessions_any(app))
		uv_timer_stop(timer);
}

void limits_start(struct app_session *as)
{
	limits_begin(&as->limits, session_grant(as->session)->idle_s, clock_mono_ms());
	if (!uv_is_active((uv_handle_t *)&as->app->limits))
		uv_timer_start(&as->app->limits, on_look, LOOK_MS, LOOK_MS);
}

static void put_text(json_t *o, const char *key, const char *text)
{
	if (text[0])
		json_object_set_new(o, key, json_string(text));
}

void limits_status(const struct app_session *as, json_t *o)
{
	const struct grant *g = session_grant(as->session);
	uint64_t left = limits_idle_left_ms(&as->limits, clock_mono_ms());

	put_text(o, "from", g->from);
	put_text(o, "reason", g->reason);
	put_text(o, "approved_by", g->approved_by);
	if (left == LIMITS_NEVER)
		return;
	json_object_set_new(o, "idle_limit_s", json_integer((json_int_t)g->idle_s));
	json_object_set_new(o, "idle_ends_in_s", json_integer((json_int_t)((left + 999) / 1000)));
}

void limits_open(struct app *app)
{
	uv_timer_init(app->loop, &app->limits);
	app->limits.data = app;
}

void limits_close(struct app *app)
{
	uv_close((uv_handle_t *)&app->limits, NULL);
}
