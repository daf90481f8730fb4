/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/app.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"

void app_note_error(struct app *app, const char *todo, const char *fmt, ...)
{
	struct app_error *e = &app->errors[app->next_error];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	snprintf(e->todo, sizeof(e->todo), "%s", todo);
	e->at_ms = clock_mono_ms();
	app->next_error = (app->next_error + 1) % APP_ERRORS_MAX;
	log_warn("%s%s%s", e->text, todo[0] ? " todo=" : "", todo);
}

/* The identity */

static void free_contexts(struct session_contexts *c)
{
	struct session_contexts *older;

	for (; c; c = older) {
		older = c->older;
		tls_ctx_free(c->outer);
		tls_ctx_free(c->client);
		tls_ctx_free(c->server);
		free(c);
	}
}

static void drop_contexts(struct app *app)
{
	free_contexts(app->contexts);
	app->contexts = NULL;
}

/* Older ends of paths send a CA along, which may be one that was followed. */
static int fill_contexts(struct app *app, struct session_contexts *c)
{
	const struct identity *id = &app->identity;
	int r = tls_ctx_outer_of(&c->outer, id, &app->config.trust, app->config.refuse_inspection);

	if (r == 0 && app->config.refuse_inspection)
		r = relays_verify(app, id);
	if (r == 0)
		r = tls_ctx_inner_client(&c->client, &id->cert, &id->key, &id->ca);
	if (r == 0)
		r = tls_ctx_trust_formers(c->client, id);
	if (r == 0)
		r = tls_ctx_inner_path_server(&c->server, &id->cert, &id->key, &id->ca);
	return r;
}

static int make_contexts(struct app *app)
{
	struct session_contexts *c = calloc(1, sizeof(*c));
	int r = c ? fill_contexts(app, c) : -ENOMEM;

	if (r != 0) {
		free_contexts(c);
		return r;
	}
	c->older = app->contexts;
	app->contexts = c;
	return 0;
}

int app_renewed(struct app *app, const struct identity *id)
{
	int r = identity_save(id, app->config.state);

	if (r != 0)
		return r;
	app->identity = *id;
	r = make_contexts(app);
	if (r != 0) {
		/* Sessions begin with the old certificate until then: grants bear that. */
		log_error("the renewed certificate is used from the next start on error=\"%s\"",
			  strerror(-r));
	} else if (!sessions_any(app)) {
		free_contexts(app->contexts->older);
		app->contexts->older = NULL;
	}
	return 0;
}

/* Does the identity fit the role that the configuration gives us? */
static const char *misfit(const struct app *app, const struct identity *id)
{
	bool device = app->config.role == TOKEN_DEVICE;

	if (id->id.kind == (device ? IDENT_DEVICE : IDENT_USER))
		return NULL;
	return device ? "the identity here is a user's, but role = device"
		      : "the identity here is a device's, but role = manager";
}

static int use_identity(struct app *app)
{
	const char *problem = misfit(app, &app->identity);
	int r;

	if (problem) {
		app_note_error(app, "correct the role in the configuration, or enrol anew", "%s",
			       problem);
		app->refused = true;
		return -EINVAL;
	}
	app->enrolled = true;
	app->refused = false;
	accounting_use_identity(app);
	receipts_use_identity(app);
	r = make_contexts(app);
	if (r == 0)
		r = access_open(app);
	if (r != 0)
		app_note_error(app, "enrol anew", "the identity cannot be used: %s", strerror(-r));
	return r;
}

/* All that used the old identity is closed: take the next one. */
static void take_next(struct app *app)
{
	if (!app->next || app->link || sessions_any(app) || app->stopping)
		return;
	drop_contexts(app);
	identity_wipe(&app->identity);
	app->identity = *app->next;
	identity_wipe(app->next);
	free(app->next);
	app->next = NULL;
	if (use_identity(app) != 0)
		log_error("the new identity is not in use");
}

int app_enrolled(struct app *app, const struct identity *id)
{
	int r = identity_save(id, app->config.state);

	if (r != 0)
		return r;
	if (!app->next)
		app->next = malloc(sizeof(*app->next));
	if (!app->next)
		return -ENOMEM;
	*app->next = *id;
	app->online = false;
	sessions_end_all(app, "signed in anew", true);
	if (app->link)
		access_link_close(app->link);
	take_next(app);
	return 0;
}

void app_remember(struct app *app)
{
	dial_memory_keep(&app->memory, app->config.state);
}

static int load_identity(struct app *app)
{
	int r = identity_load(&app->identity, app->config.state);

	if (r == 0) {
		(void)use_identity(app); /* noted: vpnd stays, so that it can be mended */
		return 0;
	}
	if (r == -ENOENT)
		log_notice("not enrolled todo=\"%s\"",
			   app->config.role == TOKEN_DEVICE ? "vpnctl enroll" : "vpnctl login");
	else if (r == -EPERM)
		app_note_error(app, "chmod 600 it, and start vpnd again; enrol anew if it was read",
			       "the identity in %s is not used: others may read it",
			       app->config.state);
	else
		app_note_error(app, "enrol anew, or restore the file",
			       "the identity in %s cannot be read: %s", app->config.state,
			       r == -EBADMSG ? "damaged" : strerror(-r));
	return 0;
}

/* Start and stop */

void app_parts_closed(struct app *app)
{
	if (app->stopping && !app->link && !sessions_any(app))
		drop_contexts(app);
	take_next(app);
	signs_update(app);
}

static int open_plane(struct app *app)
{
	char journal[CONFIG_PATH_SIZE + 8], virtual[CONFIG_PATH_SIZE + 16];
	char assigned[CONFIG_PATH_SIZE + 16];
	struct plane_config config;
	char *dir = strdup(app->config.socket), *slash = dir ? strrchr(dir, '/') : NULL;
	int r = slash ? 0 : -EINVAL;

	if (r == 0) {
		*slash = '\0';
		r = file_mkdirs(dir[0] ? dir : "/", 0755);
	}
	free(dir);
	if (r != 0) {
		log_error("no folder for the socket path=%s error=\"%s\"", app->config.socket,
			  strerror(-r));
		return r;
	}
	snprintf(journal, sizeof(journal), "%s.undo", app->config.socket);
	snprintf(virtual, sizeof(virtual), "%s/virtual.json", app->config.state);
	snprintf(assigned, sizeof(assigned), "%s/assigned.json", app->config.state);
	app->packets = packets_new();
	config = (struct plane_config){
		.tun_name = app->config.tun,
		.journal = journal,
		.packets = app->packets,
		.offload = app->config.offload,
		.mtu = (uint32_t)app->config.mtu,
		.pools = &app->config.virtual,
		.virtual_file = virtual,
		.assigned_file = assigned,
		.lend = {.mode = app->config.lan_mode, .pool = app->config.lend},
		.allow_overlap = app->config.allow_overlap,
		.lans = &app->config.lans,
	};
	return app->packets
		       ? plane_open(&app->plane, app->loop, &config, &sessions_plane_calls, app)
		       : -ENOMEM;
}

static int open_metrics(struct app *app)
{
	struct metrics_config config = {.program = "vpnd",
					.where = &app->config.metrics,
					.write = figures_write,
					.arg = app};

	return metrics_open(&app->metrics, app->loop, &config);
}

int app_start(struct app *app, uv_loop_t *loop, const struct config *config)
{
	int r;

	app->config = *config;
	app->loop = loop;
	uv_timer_init(loop, &app->ticker);
	app->ticker.data = app;
	accounting_open(app);
	limits_open(app);
	r = file_mkdirs(app->config.state, 0700);
	if (r != 0) {
		log_error("no state folder path=%s error=\"%s\"", app->config.state, strerror(-r));
		return r;
	}
	clock_open(app->config.state, app->config.set_clock);
	dial_memory_recall(&app->memory, app->config.state);
	dial_proxy_use(&app->proxy, &config->proxy, &config->no_proxy);
	app->memory.proxy = &app->proxy;
	routes_open(app);
	r = lock_open(app);
	if (r == 0)
		r = sntp_client_open(&app->sntp, loop, &app->config.ntp);
	if (r == 0)
		r = relays_open(app);
	if (r == 0)
		r = captures_open(app);
	if (r == 0)
		r = approvals_open(app);
	if (r == 0)
		r = control_open(app);
	if (r == 0)
		r = open_metrics(app);
	if (r == 0)
		r = names_open(app);
	if (r != 0)
		return r;
	r = open_plane(app);
	if (r == 0)
		r = load_identity(app);
	return r != 0 ? r : signs_open(app);
}

void app_stop(struct app *app)
{
	if (app->stopping)
		return;
	app->stopping = true;
	log_notice("stopping");
	outer_hurry();
	sessions_end_all(app, "vpnd is stopping", true);
	lock_close(app);
	signs_close(app);
	accounting_close(app);
	limits_close(app);
	receipts_close(app);
	enrolment_stop(app);
	doctor_close(app);
	relays_close(app);
	names_close(app);
	metrics_close(app->metrics);
	app->metrics = NULL;
	sntp_client_close(app->sntp);
	app->sntp = NULL;
	if (app->local)
		local_close(app->local);
	app->local = NULL;
	captures_close(app);
	approvals_close(app);
	if (app->link)
		access_link_close(app->link);
	if (app->plane)
		plane_close(app->plane);
	uv_close((uv_handle_t *)&app->ticker, NULL);
	if (app->next)
		identity_wipe(app->next);
	free(app->next);
	app->next = NULL;
	app_parts_closed(app);
}
