/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vpnctl enroll and vpnctl login: the first contact, and a manager's sign-in.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/app.h"
#include "vpnd/hardware.h"

#define PENDING_KEY_FILE "enrolling.key"

static void on_step(void *arg, const char *what)
{
	struct app *app = arg;

	log_info("enrolling: %s", what);
	sessions_step(app, &app->enrol_waiter, what);
}

/* What is missing goes to the person who is asked for it; new recovery codes wait for the end. */
static void on_answer(void *arg, const json_t *answer, bool wants_more)
{
	struct app *app = arg;
	struct waiter *w = &app->enrol_waiter;
	struct rpc *rpc = app->local ? local_client_find(app->local, w->client) : NULL;

	if (!wants_more) {
		app->recovery_codes = json_deep_copy(json_object_get(answer, "recovery_codes"));
		return;
	}
	app->enrol = NULL;
	w->waiting = false;
	log_info("signing in: more is needed");
	if (rpc)
		rpc_reply(rpc, w->id, json_deep_copy(answer));
}

static json_t *take_codes(struct app *app)
{
	json_t *codes = app->recovery_codes;

	app->recovery_codes = NULL;
	return codes;
}

static void on_done(void *arg, const struct identity *identity, int code, const char *message)
{
	struct app *app = arg;
	struct waiter *w = &app->enrol_waiter;
	struct rpc *rpc = app->local ? local_client_find(app->local, w->client) : NULL;
	int r = identity ? app_enrolled(app, identity) : 0;

	app->enrol = NULL;
	w->waiting = false;
	if (code == RPC_CONFLICT && !app->online) { /* it is another domain's */
		app->refused = true;
		signs_update(app);
	}
	if (!identity)
		log_warn("enrolling failed reason=\"%s\"", message);
	else if (r == 0)
		log_notice("enrolled name=%s domain=%s uid=%s", identity->name, identity->id.domain,
			   identity->id.uid);
	if (identity && r == 0) { /* the answer comes when it has been used */
		w->waiting = rpc != NULL;
		if (rpc)
			sessions_tick(app);
		else
			json_decref(take_codes(app));
		return;
	}
	json_decref(take_codes(app));
	if (!rpc)
		return;
	if (!identity)
		rpc_reject(rpc, w->id, code, "%s", message);
	else
		rpc_reject(rpc, w->id, RPC_INTERNAL, "the identity could not be stored: %s",
			   strerror(-r));
}

bool enrolment_waits(const struct app *app)
{
	return app->enrol_waiter.waiting && !app->enrol;
}

/* The identity is stored: that is a success even if the first connection with it takes its time. */
void enrolment_finish(struct app *app)
{
	struct waiter *w = &app->enrol_waiter;
	const struct identity *id = app->next ? app->next : &app->identity;
	struct rpc *rpc = app->local ? local_client_find(app->local, w->client) : NULL;

	if (!enrolment_waits(app))
		return;
	w->waiting = false;
	if (rpc)
		rpc_reply(rpc, w->id,
			  json_pack("{s:s, s:s, s:s, s:b, s:o*}", "name", id->name, "domain",
				    id->id.domain, "uid", id->id.uid, "online", app->online,
				    "recovery_codes", take_codes(app)));
	else
		json_decref(take_codes(app));
}

static const struct enrol_callbacks calls = {
	.on_step = on_step, .on_answer = on_answer, .on_done = on_done};

static void start(struct rpc *rpc, int64_t id, struct enrol_request *q)
{
	struct app *app = local_arg(rpc);
	char path[CONFIG_PATH_SIZE + sizeof(PENDING_KEY_FILE) + 1];
	struct hardware hardware;
	int r;

	if (app->config.role == TOKEN_DEVICE) {
		hardware_read(&hardware, app->config.hardware_id, "");
		q->hardware = &hardware;
	}
	snprintf(path, sizeof(path), "%s/%s", app->config.state, PENDING_KEY_FILE);
	q->pending_key_path = q->invite ? path : NULL;
	q->kind = app->config.role == TOKEN_DEVICE ? IDENT_DEVICE : IDENT_USER;
	q->ports = &app->config.ports;
	q->trust = &app->config.trust;
	q->memory = &app->memory;
	q->version = FARLAN_VERSION;
	q->refuse_inspection = app->config.refuse_inspection;
	app->enrol_waiter = (struct waiter){
		.waiting = true,
		.client = local_client_number(local_client_of(rpc)),
		.id = id,
		.since_ms = clock_mono_ms(),
	};
	r = enrol_start(&app->enrol, app->loop, q, &calls, app);
	if (r != 0) {
		app->enrol = NULL;
		app->enrol_waiter.waiting = false;
		rpc_reject(rpc, id, RPC_INTERNAL, "it could not begin: %s", strerror(-r));
	}
}

/* Return: NULL, or what is wrong with the invitation. */
static const char *take_invitation(const char *text, enum ident_kind kind, struct invite *invite)
{
	switch (invite_decode(invite, text)) {
	case 0:
		break;
	case -EBADMSG:
		return "the invitation is damaged; was all of it copied?";
	default:
		return "this is not an invitation";
	}
	if (invite->kind != kind)
		return kind == IDENT_DEVICE ? "this invitation is not for a device"
					    : "this invitation is not for a user";
	return NULL;
}

static bool may_start(struct rpc *rpc, int64_t id, enum token_role role)
{
	struct app *app = local_arg(rpc);

	if (app->config.role != role)
		rpc_reject(rpc, id, RPC_DENIED,
			   role == TOKEN_DEVICE ? "this end is a manager: use vpnctl login"
						: "this end is a device: use vpnctl enroll");
	else if (app->enrol || app->next || enrolment_waits(app))
		rpc_reject(rpc, id, RPC_CONFLICT, "enrolling is under way already");
	else
		return true;
	return false;
}

void enrolment_on_enroll(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct enrol_request q = {.invite = NULL};
	struct invite invite;
	const char *text, *problem = "no invitation";

	if (!may_start(rpc, id, TOKEN_DEVICE))
		return;
	if (rpc_str(params, "invitation", &text))
		problem = take_invitation(text, IDENT_DEVICE, &invite);
	if (problem) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "%s", problem);
		return;
	}
	q.invite = &invite;
	start(rpc, id, &q);
	explicit_bzero(&invite, sizeof(invite));
}

/* Never nothing: who asks knows what to do when more is needed. */
static json_t *pick_more(const json_t *params)
{
	static const char *const keys[] = {"code", "new_password", "totp"};
	json_t *more = json_object();

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *v = json_object_get(params, keys[i]);

		if (v)
			json_object_set(more, keys[i], v);
	}
	return more;
}

void enrolment_on_login(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = local_arg(rpc);
	struct enrol_request q = {.identity = app->enrolled ? &app->identity : NULL};
	const char *text, *problem = NULL;
	struct invite invite;
	json_t *more;

	if (!may_start(rpc, id, TOKEN_MANAGER))
		return;
	if (!rpc_str(params, "password", &q.password))
		problem = "no password";
	if (rpc_str(params, "user", &text))
		q.user = text;
	else if (app->enrolled)
		q.user = app->identity.name;
	if (!problem && rpc_str(params, "invitation", &text)) {
		problem = take_invitation(text, IDENT_USER, &invite);
		q.invite = problem ? NULL : &invite;
		q.identity = NULL;
		if (!rpc_str(params, "user", &text))
			q.user = NULL; /* the invitation says who */
	} else if (!problem && !app->enrolled) {
		problem = "the first sign-in here needs an invitation: vpnctl login --invite FILE";
	}
	if (problem) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "%s", problem);
		return;
	}
	more = pick_more(params);
	q.more = more;
	start(rpc, id, &q);
	json_decref(more);
	explicit_bzero(&invite, sizeof(invite));
}

/* How the user signs in: the Access Server asks for the password again. */
void enrolment_on_account(struct rpc *rpc, int64_t id, const json_t *params)
{
	control_pass(rpc, id, "account", json_deep_copy(params));
}

void enrolment_stop(struct app *app)
{
	if (app->enrol)
		enrol_cancel(app->enrol);
	app->enrol = NULL;
	json_decref(take_codes(app));
}
