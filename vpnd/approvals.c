/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sessions that somebody has to approve (docs/PROTOCOL.md, section 4.11): what a manager here waits
 * for, and what a person here says to others' wishes. Who may, and what counts, is the Access
 * Server's business; a wish lives no longer than the connection it was made by.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/app.h"

#define WAITING_MAX 16
#define ASKED_MAX 16 /* beyond, the oldest is no more counted; vpnctl approvals lists all */
#define WITHIN_MAX_S 3600
#define PATIENCE_S 20  /* of vpnctl, beyond */
#define GRACE_MS 10000 /* for the Access Server to say that the time is over */
#define ID_SIZE 33

struct waiting {
	char id[ID_SIZE]; /* "": free */
	struct waiter waiter;
	uint64_t deadline_ms;
	rpc_answer_fn *done;
	void *arg;
};

/* What somebody here is asked to approve. */
struct asked {
	char id[ID_SIZE]; /* "": free */
	uint64_t until_ms;
};

struct approvals {
	struct app *app;
	struct waiting at[WAITING_MAX];
	struct asked asked[ASKED_MAX];
	size_t next_asked;
	uv_timer_t timer;
};

static struct waiting *find(struct approvals *as, const char *id)
{
	for (size_t i = 0; i < WAITING_MAX; i++) {
		if (strcmp(as->at[i].id, id) == 0)
			return &as->at[i];
	}
	return NULL;
}

/* The place is free before anybody hears of it. */
static void finish(struct waiting *w, const json_t *result, int code, const char *message)
{
	struct waiting was = *w;

	memset(w, 0, sizeof(*w));
	was.done(was.arg, result, code, message);
}

static void on_timer(uv_timer_t *timer)
{
	struct approvals *as = timer->data;
	uint64_t now = clock_mono_ms(), next = UINT64_MAX;

	for (size_t i = 0; i < WAITING_MAX; i++) {
		struct waiting *w = &as->at[i];

		if (w->id[0] && w->deadline_ms <= now)
			finish(w, NULL, RPC_TIMEOUT, "nobody has answered in time");
		else if (w->id[0] && w->deadline_ms < next)
			next = w->deadline_ms;
	}
	if (next != UINT64_MAX)
		uv_timer_start(timer, on_timer, next - now, 0);
}

/* How vpnctl learns to be patient, and why. */
static void tell_waiter(struct app *app, const struct waiter *w, const char *text, int64_t within_s)
{
	struct rpc *rpc = app->local ? local_client_find(app->local, w->client) : NULL;
	char clean[APP_TEXT_SIZE];

	if (rpc)
		(void)rpc_notify(rpc, "wait",
				 json_pack("{s:I}", "within_s", (json_int_t)within_s + PATIENCE_S));
	words_clean(clean, sizeof(clean), text);
	sessions_step(app, w, clean);
}

int approvals_wait(struct app *app, const json_t *pending, const struct waiter *w,
		   rpc_answer_fn *done, void *arg)
{
	struct waiting *at = find(app->approvals, "");
	const char *text = "waits for approval";
	char id[ID_SIZE];
	int64_t within_s;

	if (!rpc_str_max(pending, "id", id, sizeof(id)) || !id[0] ||
	    !rpc_int(pending, "within_s", 1, WITHIN_MAX_S, &within_s) || find(app->approvals, id))
		return -EBADMSG;
	if (!at)
		return -ENOSPC;
	(void)rpc_str(pending, "text", &text);
	*at = (struct waiting){.waiter = *w,
			       .deadline_ms =
				       clock_mono_ms() + (uint64_t)within_s * 1000 + GRACE_MS,
			       .done = done,
			       .arg = arg};
	memcpy(at->id, id, sizeof(id));
	on_timer(&app->approvals->timer);
	tell_waiter(app, w, text, within_s);
	return 0;
}

void approvals_on_decided(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = access_link_arg(rpc->arg);
	const json_t *grant = json_object_get(params, "grant");
	const char *wish, *message = "no reason given", *session;
	struct waiting *w = NULL;
	int64_t code = RPC_DENIED;

	(void)id;
	if (rpc_str(params, "id", &wish) && wish[0])
		w = find(app->approvals, wish);
	if (!w && rpc_str(grant, "session", &session)) /* who asked has gone meanwhile */
		access_close_session(app, session, "cancelled", NULL);
	if (!w)
		return;
	if (grant) {
		finish(w, params, 0, "");
		return;
	}
	(void)rpc_int(params, "code", 1, INT32_MAX, &code);
	(void)rpc_str(params, "message", &message);
	finish(w, NULL, (int)code, message);
}

void approvals_offline(struct app *app)
{
	for (size_t i = 0; app->approvals && i < WAITING_MAX; i++) {
		if (app->approvals->at[i].id[0])
			finish(&app->approvals->at[i], NULL, RPC_CLOSED, "");
	}
}

/* Nobody waits any more: what is not decided yet is taken back. */
void approvals_client_gone(struct app *app, uint64_t client)
{
	struct rpc *rpc = app->link && app->online ? access_link_rpc(app->link) : NULL;

	for (size_t i = 0; app->approvals && i < WAITING_MAX; i++) {
		struct waiting *w = &app->approvals->at[i];

		if (!w->id[0] || w->waiter.client != client)
			continue;
		if (rpc)
			(void)rpc_notify(rpc, "session.withdraw", json_pack("{s:s}", "id", w->id));
		finish(w, NULL, RPC_CLOSED, "");
	}
}

/* --- what is asked of somebody here --- */

static void forget_asked(struct approvals *as, const char *id)
{
	for (size_t i = 0; i < ASKED_MAX; i++) {
		if (strcmp(as->asked[i].id, id) == 0)
			as->asked[i].id[0] = '\0';
	}
}

static void remember_asked(struct approvals *as, const char *id, int64_t within_s)
{
	struct asked *a = &as->asked[as->next_asked];

	as->next_asked = (as->next_asked + 1) % ASKED_MAX;
	snprintf(a->id, sizeof(a->id), "%s", id);
	a->until_ms = clock_mono_ms() + (uint64_t)within_s * 1000;
}

size_t approvals_asked(const struct app *app)
{
	const struct approvals *as = app->approvals;
	uint64_t now = clock_mono_ms();
	size_t n = 0;

	for (size_t i = 0; as && app->online && i < ASKED_MAX; i++)
		n += as->asked[i].id[0] && as->asked[i].until_ms > now;
	return n;
}

static void log_asked(const json_t *params, const char *id)
{
	static const char *const keys[] = {"user", "device", "from", "reason"};
	char clean[4][WORDS_SIZE], clean_id[ID_SIZE];

	for (int i = 0; i < 4; i++) {
		const char *text = "";

		(void)rpc_str(params, keys[i], &text);
		log_clean(clean[i], sizeof(clean[i]), text, strlen(text));
	}
	log_notice("a session waits for approval: vpnctl approve %s user=%s device=%s from=%s "
		   "reason=\"%s\"",
		   log_clean(clean_id, sizeof(clean_id), id, strlen(id)), clean[0], clean[1],
		   clean[2], clean[3]);
}

void approvals_on_asked(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct approvals *as = ((struct app *)access_link_arg(rpc->arg))->approvals;
	int64_t within_s = 0;
	char wish[ID_SIZE];
	bool over = false;

	(void)id;
	if (!rpc_str_max(params, "id", wish, sizeof(wish)) || !wish[0])
		return;
	(void)rpc_bool(params, "over", &over);
	(void)rpc_int(params, "within_s", 1, WITHIN_MAX_S, &within_s);
	forget_asked(as, wish);
	if (over)
		return;
	remember_asked(as, wish, within_s);
	log_asked(params, wish);
}

void approvals_on_list(struct rpc *rpc, int64_t id, const json_t *params)
{
	(void)params;
	control_pass(rpc, id, "session.approvals", json_object());
}

static void decide(struct rpc *rpc, int64_t id, const json_t *params, const char *method)
{
	const char *wish, *reason = NULL;

	if (!rpc_str(params, "id", &wish)) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "which one? vpnctl approvals lists them");
		return;
	}
	(void)rpc_str(params, "reason", &reason);
	control_pass(rpc, id, method, json_pack("{s:s, s:s*}", "id", wish, "reason", reason));
}

void approvals_on_approve(struct rpc *rpc, int64_t id, const json_t *params)
{
	decide(rpc, id, params, "session.approve");
}

void approvals_on_reject(struct rpc *rpc, int64_t id, const json_t *params)
{
	decide(rpc, id, params, "session.reject");
}

int approvals_open(struct app *app)
{
	struct approvals *as = calloc(1, sizeof(*as));

	if (!as)
		return -ENOMEM;
	as->app = app;
	uv_timer_init(app->loop, &as->timer);
	as->timer.data = as;
	app->approvals = as;
	return 0;
}

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

void approvals_close(struct app *app)
{
	struct approvals *as = app->approvals;

	if (!as)
		return;
	approvals_offline(app);
	app->approvals = NULL;
	uv_close((uv_handle_t *)&as->timer, on_closed);
}
