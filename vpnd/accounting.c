/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What each session carried, for the Access Server: when it ends, and every reporter_times.every_ms
 * while it runs (docs/PROTOCOL.md, session.usage).
 */
#include <stdio.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/app.h"

#define SPOOL_BYTES (256 << 10)
#define LOOK_MS 60000

/* @reason: NULL: it goes on. */
static void report(const struct app_session *as, const char *reason)
{
	const struct grant *g = session_grant(as->session);
	bool device = g->role == TOKEN_DEVICE;
	struct session_status st;
	struct usage u = {
		.from_ms = as->from_ms,
		.to_ms = as->from_ms + (int64_t)(clock_mono_ms() - as->began_ms),
		.has_packets = true,
		.over = reason != NULL,
	};

	session_status(as->session, &st);
	memcpy(u.session, g->session, sizeof(u.session));
	u.bytes_to_device = device ? st.bytes_in : st.bytes_out;
	u.bytes_to_manager = device ? st.bytes_out : st.bytes_in;
	u.packets_to_device = device ? st.packets_in : st.packets_out;
	u.packets_to_manager = device ? st.packets_out : st.packets_in;
	snprintf(u.reason, sizeof(u.reason), "%s", reason ? reason : "");
	reporter_add(as->app->reporter, &u);
}

static void on_look(uv_timer_t *timer)
{
	struct app *app = timer->data;
	uint64_t now = clock_mono_ms();

	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		struct app_session *as = &app->sessions[i];

		if (!as->session || as->ending || now - as->reported_ms < reporter_times.every_ms)
			continue;
		as->reported_ms = now;
		report(as, NULL);
	}
	if (!sessions_any(app))
		uv_timer_stop(timer);
}

void accounting_begin(struct app_session *as)
{
	as->from_ms = clock_wall_ms();
	as->began_ms = as->reported_ms = clock_mono_ms();
	uv_timer_start(&as->app->accounting, on_look, LOOK_MS, LOOK_MS);
}

void accounting_end(struct app_session *as, const char *reason)
{
	report(as, reason);
}

void accounting_open(struct app *app)
{
	uv_timer_init(app->loop, &app->accounting);
	app->accounting.data = app;
}

void accounting_use_identity(struct app *app)
{
	int r;

	reporter_close(app->reporter);
	app->reporter = NULL;
	r = reporter_open(&app->reporter, app->loop, app->config.state, &app->identity.id,
			  SPOOL_BYTES);
	if (r != 0)
		log_error("usage is not recorded error=\"%s\"", strerror(-r));
}

void accounting_close(struct app *app)
{
	reporter_close(app->reporter);
	app->reporter = NULL;
	uv_close((uv_handle_t *)&app->accounting, NULL);
}
