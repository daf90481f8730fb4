/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a session begins: look at its conditions, choose relays, ask the device, answer the manager.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/sessions_internal.h"
#include "accessd/store_policy.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/text.h"

#define NO_DEVICE "no such device"
#define CANNOT "the server cannot do this now; its log says why"

/* What is kept while the device decides. */
struct opening {
	struct sessions *ss;
	char session[TOKEN_SESSION_SIZE];
	bool guessed;
	struct sessions_asker to;
};

static void answer(struct opening *o, const json_t *grant, int code, const char *message)
{
	json_t *result = grant ? json_pack("{s:O}", "grant", grant) : NULL;
	struct session *x;

	if (!o->ss->ops->answer(o->ss->arg, &o->to, result, code, message) && grant) {
		x = sessions_find(o->ss, o->session);
		if (x)
			sessions_finish(o->ss, x,
					"the manager went away while the session was opened", 0);
	}
	json_decref(result);
	free(o);
}

/* The device has accepted: the session counts, and the manager may hear of it. */
static void accept_opening(struct opening *o, struct session *x)
{
	json_t *grant = NULL;

	x->row.state = STORE_SESSION_LIVE;
	if (sessions_keep(o->ss, &x->row, EVENT_SESSION_OPENED, "") != 0 ||
	    grants_make(o->ss, x, TOKEN_MANAGER, &grant) != 0) {
		sessions_finish(o->ss, x, "the server could not grant it", 0);
		answer(o, NULL, RPC_INTERNAL,
		       "the server could not grant the session; its log says why");
		return;
	}
	o->ss->opened++;
	log_notice("session opened session=%s user=%s device=%s", x->row.id, x->row.user_name,
		   x->row.device_name);
	answer(o, grant, 0, "");
	json_decref(grant);
}

static void on_device_answer(void *arg, const json_t *result, int code, const char *message)
{
	struct opening *o = arg;
	struct session *x = sessions_find(o->ss, o->session);
	char words[STORE_REASON_SIZE], reason[STORE_REASON_SIZE + 32];

	if (!x) {
		answer(o, NULL, RPC_UNAVAILABLE, "the session was ended while it was opened");
		return;
	}
	if (result && !ruling_kept(o->ss, x, result)) {
		sessions_finish(o->ss, x, GRANTS_DEVICE_OLD, 0);
		answer(o, NULL, RPC_UNAVAILABLE, GRANTS_DEVICE_OLD);
		return;
	}
	if (result) {
		accept_opening(o, x);
		return;
	}
	if (code == RPC_TIMEOUT || code == RPC_CLOSED) {
		sessions_finish(o->ss, x, "the device did not answer", 0);
		answer(o, NULL, RPC_UNAVAILABLE, "the device did not answer");
		return;
	}
	log_clean(words, sizeof(words), message, strlen(message));
	snprintf(reason, sizeof(reason), "the device refused: %s", words);
	sessions_finish(o->ss, x, reason, x->row.device);
	answer(o, NULL, RPC_CONFLICT, reason);
}

/* --- what is wished for ---------------------------------------------------------------------- */

static int refuse(struct conditions *c, int code, const char *words)
{
	snprintf(c->words, sizeof(c->words), "%s", words);
	return code;
}

/* Who may do nothing at all with a device does not hear that there is one. */
static int check_permission(struct sessions *ss, struct conditions *c)
{
	const struct permit_place at = access_place(&c->device);
	int64_t user = c->manager->member;
	bool may;

	if (access_may(ss->access, user, PERMIT_CONNECT, &at, &may) != 0)
		return refuse(c, RPC_INTERNAL, CANNOT);
	if (may)
		return 0;
	if (!access_sees(ss->access, user, &at))
		return refuse(c, RPC_NOT_FOUND, NO_DEVICE);
	return refuse(c, RPC_DENIED, "you may not connect to this device");
}

/* The device, and whether it is there. Return: 0; an RPC code, and c->words. */
static int find_device(struct sessions *ss, struct conditions *c, struct store_endpoint *e)
{
	struct store_member *m = &c->device;
	int rc = store_member_by_name(ss->store, ss->domain->row.id, IDENT_DEVICE, c->wish->device,
				      m),
	    code;

	if (rc == -ENOENT || (rc == 0 && m->state == STORE_REVOKED))
		return refuse(c, RPC_NOT_FOUND, NO_DEVICE);
	code = rc ? refuse(c, RPC_INTERNAL, CANNOT) : check_permission(ss, c);
	if (code)
		return code;
	if (store_endpoint_of(ss->store, m->id, e) != 0)
		return refuse(c, RPC_INTERNAL, CANNOT);
	if (m->state != STORE_ENROLLED || !ss->ops->endpoint_rpc(ss->arg, e->id))
		return refuse(c, RPC_UNAVAILABLE, "the device is not online");
	return 0;
}

/* Relays and the rest of @row. Return: 0; an RPC code, and c->words. */
static int prepare(struct sessions *ss, struct conditions *c, int64_t device,
		   struct store_session *row, bool *guessed)
{
	uint8_t id[TOKEN_SESSION_BYTES];

	row->manager = c->manager->endpoint;
	row->device = device;
	row->device_member = c->device.id;
	if (meeting_choose(ss, row, guessed) != 0)
		return refuse(c, RPC_INTERNAL, CANNOT);
	if (row->n_relays == 0)
		return refuse(c, RPC_UNAVAILABLE,
			      "there is no relay that can be used: the administrator has to add or "
			      "enable one");
	if (ss->n >= SESSIONS_MAX ||
	    sessions_count_of(ss, row->manager) >= SESSIONS_OF_ENDPOINT_MAX ||
	    sessions_count_of(ss, device) >= SESSIONS_OF_ENDPOINT_MAX)
		return refuse(c, RPC_UNAVAILABLE, "too many sessions");
	file_random(id, sizeof(id));
	(void)!text_hex_encode(row->id, sizeof(row->id), id, sizeof(id)); /* the size is right */
	snprintf(row->device_name, sizeof(row->device_name), "%s", c->device.name);
	row->started = clock_wall_s();
	row->state = STORE_SESSION_OPENING;
	conditions_row(c, row);
	return 0;
}

/* --- beginning ------------------------------------------------------------------------------- */

/* A manager that opens anew has lost the old session. */
static void end_older(struct sessions *ss, int64_t manager, int64_t device)
{
	for (struct session *x = ss->list; x; x = x->next) {
		if (x->row.manager == manager && x->row.device == device) {
			sessions_finish(ss, x, "replaced by a newer session", 0);
			return;
		}
	}
}

static int ask_device(struct opening *o, struct session *x)
{
	struct rpc *rpc = o->ss->ops->endpoint_rpc(o->ss->arg, x->row.device);
	json_t *grant = NULL;
	int rc = rpc ? grants_make(o->ss, x, TOKEN_DEVICE, &grant) : -EPIPE;

	if (rc)
		return rc;
	return rpc_request(rpc, "session.grant", json_pack("{s:o}", "grant", grant),
			   SESSIONS_GRANT_MS, on_device_answer, o);
}

static void start(struct opening *o, const struct store_session *row)
{
	struct sessions *ss = o->ss;
	struct session *x = NULL;
	int rc;

	if (store_session_add(ss->store, row) == 0)
		x = sessions_insert(ss, row);
	if (!x) {
		answer(o, NULL, RPC_INTERNAL, CANNOT);
		return;
	}
	sessions_arm(ss);
	snprintf(o->session, sizeof(o->session), "%s", row->id);
	x->guessed = o->guessed;
	rc = ask_device(o, x);
	if (rc != 0) {
		const char *words = rc == -E2BIG || rc == -EPROTO ? grants_words(rc)
								  : "the device could not be asked";

		sessions_finish(ss, x, words, 0);
		answer(o, NULL, RPC_UNAVAILABLE, words);
		return;
	}
	x = sessions_find(ss, row->id); /* sending may have changed the list */
	if (x)
		measuring_begin(ss, x);
}

/* @p: it was approved; NULL: it was not, and need not be. Return: 0; an RPC code, and c->words. */
static int begin(struct opening *o, struct conditions *c, const struct store_endpoint *device,
		 const struct pending *p)
{
	struct store_session row = {.domain = o->ss->domain->row.id,
				    .serial = 1,
				    .manager_epoch = 1,
				    .device_epoch = 1};
	int code = prepare(o->ss, c, device->id, &row, &o->guessed);

	if (code)
		return code;
	if (p)
		snprintf(row.approved_by, sizeof(row.approved_by), "%s", p->approved_by);
	end_older(o->ss, row.manager, row.device);
	start(o, &row);
	return 0;
}

/* Return: 0: it waits, and that was said; an RPC code, and c->words. */
static int wait_for_approval(struct opening *o, struct conditions *c,
			     const struct store_endpoint *device)
{
	const char *words = "";
	struct store_lock lock;
	struct pending p;
	int code;

	/* Nobody is to be bothered: the device would refuse it all the same. */
	if (store_lock_of(o->ss->store, c->device.id, &lock) == 0)
		return refuse(c, RPC_CONFLICT, lock.why);
	if (!c->wish->can_wait)
		return refuse(
			c, RPC_UNAVAILABLE,
			"somebody has to approve this, which this vpnd is too old to wait for: "
			"update it");
	conditions_pending(c, device->id, &p);
	code = approvals_ask(o->ss, &p, &o->to, &words);
	if (code)
		return refuse(c, code, words);
	free(o);
	return 0;
}

/* What was approved is what was asked for: the same device, under the same conditions. */
static int still_so(struct conditions *c, const struct pending *p, const struct store_endpoint *e)
{
	struct pending now;

	conditions_pending(c, e->id, &now);
	if (now.device == p->device && now.device_endpoint == p->device_endpoint &&
	    now.user == p->user && now.mode == p->mode && strcmp(now.approvers, p->approvers) == 0)
		return 0;
	return refuse(c, RPC_CONFLICT,
		      "what holds for this device was changed while it waited: ask again");
}

static void try_begin(struct opening *o, struct conditions *c, const struct pending *p)
{
	struct store_endpoint e;
	int code = find_device(o->ss, c, &e);

	if (code == 0)
		code = conditions_check(o->ss, c);
	if (code == 0 && p)
		code = still_so(c, p, &e);
	if (code == 0)
		code = !p && conditions_must_wait(c) ? wait_for_approval(o, c, &e)
						     : begin(o, c, &e, p);
	if (code == 0)
		return;
	if (code != RPC_REASON)
		sessions_record_refused(o->ss, c);
	answer(o, NULL, code, c->words);
}

static void take_wish(struct sessions *ss, struct conditions *c, const struct pending *p,
		      const struct sessions_asker *to)
{
	struct opening *o = calloc(1, sizeof(*o));

	if (!o) {
		(void)!ss->ops->answer(ss->arg, to, NULL, RPC_INTERNAL, "out of memory");
		return;
	}
	*o = (struct opening){.ss = ss, .to = *to};
	try_begin(o, c, p);
}

void sessions_begin(struct sessions *ss, const struct sessions_manager *manager,
		    const struct sessions_wish *wish, uint64_t client, int64_t id)
{
	struct conditions c = {.manager = manager, .wish = wish};
	struct sessions_asker to = {.client = client, .id = id};

	take_wish(ss, &c, NULL, &to);
}

void opening_begin_approved(struct sessions *ss, const struct sessions_manager *manager,
			    const struct pending *p, const struct sessions_asker *to)
{
	struct sessions_wish wish = {.device = p->device_name, .reason = p->reason};
	struct conditions c = {.manager = manager, .wish = &wish};

	take_wish(ss, &c, p, to);
}
