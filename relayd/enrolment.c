/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/enrolment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/io/log.h"
#include "common/pure/rpcmsg.h"
#include "relayd/daemon.h"

#define PENDING_KEY_FILE "enrolling.key"

static struct rpc *asker(struct daemon *d)
{
	return d->local ? local_client_find(d->local, d->enrolment.client) : NULL;
}

static void on_step(void *arg, const char *what)
{
	struct daemon *d = arg;
	struct rpc *rpc = asker(d);

	log_info("enrolling: %s", what);
	if (rpc)
		(void)rpc_notify(rpc, "enroll.step", json_pack("{s:s}", "what", what));
}

static void answer(struct daemon *d, int code, const char *message)
{
	struct rpc *rpc = asker(d);
	const struct identity *id = d->next ? d->next : &d->identity;

	if (!rpc)
		return;
	if (code)
		rpc_reject(rpc, d->enrolment.id, code, "%s", message);
	else
		rpc_reply(rpc, d->enrolment.id,
			  json_pack("{s:s, s:s, s:s}", "name", id->name, "domain", id->id.domain,
				    "uid", id->id.uid));
}

/* What a relay cannot do without. */
static const char *missing(const struct identity *id)
{
	if (id->id.kind != IDENT_RELAY)
		return "the Access Server sent an identity that is not a relay's";
	if (id->outer_cert.len == 0 || id->n_token_keys == 0)
		return "the Access Server sent no outer certificate or no token keys";
	return NULL;
}

static void on_done(void *arg, const struct identity *identity, int code, const char *message)
{
	struct daemon *d = arg;
	const char *problem;
	char text[128];
	int r;

	d->enrolment.running = NULL;
	if (!identity) {
		log_warn("enrolling failed: %s", message);
		answer(d, code ? code : RPC_INTERNAL, message);
		return;
	}
	problem = missing(identity);
	if (problem) {
		log_error("enrolling failed: %s", problem);
		answer(d, RPC_INTERNAL, problem);
		return;
	}
	r = daemon_enrolled(d, identity);
	snprintf(text, sizeof(text), "the identity could not be taken into use: %s", strerror(-r));
	answer(d, r ? RPC_INTERNAL : 0, text);
	if (r && !d->relaying && !d->next) /* it may be the ports: better seen than half alive */
		daemon_give_up(d);
}

static const struct enrol_callbacks callbacks = {.on_step = on_step, .on_done = on_done};

static int start(struct daemon *d, const struct invite *invite)
{
	char path[CONF_PATH_SIZE + sizeof(PENDING_KEY_FILE) + 1];
	struct enrol_request request = {
		.invite = invite,
		.pending_key_path = path,
		.kind = IDENT_RELAY,
		.ports = &d->conf.ports,
		.memory = &d->memory,
		.version = FARLAN_VERSION,
		.refuse_inspection = d->conf.refuse_inspection,
	};

	snprintf(path, sizeof(path), "%s/%s", d->conf.state, PENDING_KEY_FILE);
	return enrol_start(&d->enrolment.running, d->loop, &request, &callbacks, d);
}

/* Return: what is wrong with the request, NULL if nothing. */
static const char *check(const struct daemon *d, const json_t *params, struct invite *invite)
{
	const char *text;
	bool again = false;

	(void)rpc_bool(params, "again", &again);
	if (!rpc_str(params, "invitation", &text))
		return "no invitation";
	if (d->enrolment.running)
		return "enrolling is under way already";
	if (d->enrolled && !again)
		return "this relay is enrolled already; --again replaces its identity";
	switch (invite_decode(invite, text)) {
	case 0:
		break;
	case -EBADMSG:
		return "the invitation is damaged; was all of it copied?";
	default:
		return "this is not an invitation";
	}
	if (invite->kind != IDENT_RELAY)
		return "this invitation is not for a relay; make one with: accessctl relay add "
		       "NAME";
	return NULL;
}

void enrolment_on_enroll(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct daemon *d = local_arg(rpc);
	struct invite invite;
	const char *problem = check(d, params, &invite);
	int r;

	if (problem) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "%s", problem);
		return;
	}
	d->enrolment.client = local_client_number(local_client_of(rpc));
	d->enrolment.id = id;
	r = start(d, &invite);
	explicit_bzero(&invite, sizeof(invite));
	if (r)
		rpc_reject(rpc, id, RPC_INTERNAL, "enrolling could not begin: %s", strerror(-r));
}

void enrolment_stop(struct daemon *d)
{
	if (d->enrolment.running)
		enrol_cancel(d->enrolment.running);
	d->enrolment.running = NULL;
}
