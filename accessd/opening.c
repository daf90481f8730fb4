/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a session begins: choose relays, ask the device, answer the manager. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/sessions_internal.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/text.h"

#define NO_DEVICE "no such device"

/* What is kept while the device decides. */
struct opening {
	struct sessions *ss;
	char session[TOKEN_SESSION_SIZE];
	bool guessed;
	sessions_done_fn *done;
	uint64_t client;
	int64_t id;
};

static void answer(struct opening *o, const json_t *grant, int code, const char *message)
{
	struct session *x;

	if (!o->done(o->ss->arg, o->client, o->id, grant, code, message) && grant) {
		x = sessions_find(o->ss, o->session);
		if (x)
			sessions_finish(o->ss, x,
					"the manager went away while the session was opened", 0);
	}
	free(o);
}

/* The device has accepted: the session counts, and the manager may hear of it. */
static void accept_opening(struct opening *o, struct session *x)
{
	json_t *grant = NULL;

	x->row.state = STORE_SESSION_LIVE;
	if (store_session_update(o->ss->store, &x->row) != 0 ||
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
	if (result && !grants_device_keeps(o->ss, x, result)) {
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

/* Who may do nothing at all with a device does not hear that there is one. */
static int check_permission(struct sessions *ss, int64_t user, const struct store_member *device,
			    const char **words)
{
	const struct permit_place at = access_place(device);
	bool may;
	int rc = access_may(ss->access, user, PERMIT_CONNECT, &at, &may);

	if (rc || may)
		return rc ? RPC_INTERNAL : 0;
	if (!access_sees(ss->access, user, &at)) {
		*words = NO_DEVICE;
		return RPC_NOT_FOUND;
	}
	*words = "you may not connect to this device";
	return RPC_DENIED;
}

/* Why a session cannot be: an RPC code, or 0 and @row is filled in. */
static int prepare(struct sessions *ss, const struct sessions_manager *manager, const char *device,
		   struct store_session *row, bool *guessed, const char **words)
{
	struct store_endpoint e;
	struct store_member m;
	uint8_t id[TOKEN_SESSION_BYTES];
	int code,
		rc = store_member_by_name(ss->store, ss->domain->row.id, IDENT_DEVICE, device, &m);

	*words = NO_DEVICE;
	if (rc == -ENOENT || (rc == 0 && m.state == STORE_REVOKED))
		return RPC_NOT_FOUND;
	*words = "the server cannot do this now; its log says why";
	code = rc ? RPC_INTERNAL : check_permission(ss, manager->member, &m, words);
	if (code)
		return code;
	if (store_endpoint_of(ss->store, m.id, &e) != 0)
		return RPC_INTERNAL;
	row->manager = manager->endpoint;
	row->device = e.id;
	row->device_member = m.id;
	if (meeting_choose(ss, row, guessed) != 0)
		return RPC_INTERNAL;
	*words = "the device is not online";
	if (m.state != STORE_ENROLLED || !ss->ops->endpoint_rpc(ss->arg, e.id))
		return RPC_UNAVAILABLE;
	*words = "there is no relay that can be used: the administrator has to add or enable one";
	if (row->n_relays == 0)
		return RPC_UNAVAILABLE;
	*words = "too many sessions";
	if (ss->n >= SESSIONS_MAX ||
	    sessions_count_of(ss, manager->endpoint) >= SESSIONS_OF_ENDPOINT_MAX ||
	    sessions_count_of(ss, e.id) >= SESSIONS_OF_ENDPOINT_MAX)
		return RPC_UNAVAILABLE;
	file_random(id, sizeof(id));
	(void)!text_hex_encode(row->id, sizeof(row->id), id, sizeof(id)); /* the size is right */
	snprintf(row->device_name, sizeof(row->device_name), "%s", m.name);
	return 0;
}

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

static void start(struct sessions *ss, struct opening *o, const struct store_session *row)
{
	struct session *x = NULL;

	if (store_session_add(ss->store, row) == 0)
		x = sessions_insert(ss, row);
	if (!x) {
		answer(o, NULL, RPC_INTERNAL, "the server cannot do this now; its log says why");
		return;
	}
	sessions_arm(ss);
	snprintf(o->session, sizeof(o->session), "%s", row->id);
	x->guessed = o->guessed;
	if (ask_device(o, x) != 0) {
		sessions_finish(ss, x, "the device could not be asked", 0);
		answer(o, NULL, RPC_UNAVAILABLE, "the device could not be asked");
		return;
	}
	x = sessions_find(ss, row->id); /* sending may have changed the list */
	if (x)
		measuring_begin(ss, x);
}

void sessions_begin(struct sessions *ss, const struct sessions_manager *manager, const char *device,
		    sessions_done_fn *done, uint64_t client, int64_t id)
{
	struct store_session row = {
		.domain = ss->domain->row.id, .serial = 1, .manager_epoch = 1, .device_epoch = 1};
	struct opening *o = calloc(1, sizeof(*o));
	const char *words;
	int code;

	if (!o) {
		done(ss->arg, client, id, NULL, RPC_INTERNAL, "out of memory");
		return;
	}
	*o = (struct opening){.ss = ss, .done = done, .client = client, .id = id};
	code = prepare(ss, manager, device, &row, &o->guessed, &words);
	if (code) {
		answer(o, NULL, code, words);
		return;
	}
	row.user_member = manager->member;
	snprintf(row.user_name, sizeof(row.user_name), "%s", manager->name);
	row.manager_lans = *manager->lans;
	row.started = clock_wall_s();
	row.ends = row.started + ss->life_s;
	row.state = STORE_SESSION_OPENING;
	end_older(ss, row.manager, row.device);
	start(ss, o, &row);
}
