/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What members ask about sessions on their control connection (docs/PROTOCOL.md, 4.2 and 4.11). */
#include <stdio.h>
#include <string.h>

#include "accessd/approvals.h"
#include "accessd/clients_internal.h"
#include "common/pure/words.h"

/* Words of a peer, may be absent. Return: false: no text, and the request is answered. */
static bool take_words(struct client *c, int64_t id, const json_t *params, char out[WORDS_SIZE])
{
	const char *text;

	out[0] = '\0';
	if (!json_object_get(params, "reason"))
		return true;
	if (rpc_str(params, "reason", &text) && words_clean(out, WORDS_SIZE, text))
		return true;
	rpc_reject(&c->rpc, id, RPC_BAD_PARAMS, "reason: this is no text");
	return false;
}

/* --- beginning ------------------------------------------------------------------------------- */

/* What waited is told by its own name: the request was answered then. */
static bool answer_pending(struct client *c, const struct sessions_asker *to, const json_t *result,
			   int code, const char *message)
{
	json_t *o = json_pack("{s:s}", "id", to->pending);

	if (result)
		json_object_set(o, "grant", json_object_get(result, "grant"));
	else
		json_object_update_new(o,
				       json_pack("{s:i, s:s}", "code", code, "message", message));
	return rpc_notify(&c->rpc, "session.decided", o) == 0;
}

bool control_session_answer(void *arg, const struct sessions_asker *to, const json_t *result,
			    int code, const char *message)
{
	struct client *c = client_by_number(arg, to->client);

	if (!c || c->state != CLIENT_ONLINE)
		return false;
	if (!result)
		log_notice("session refused user=%s reason=\"%s\"", c->name, message);
	if (to->pending[0])
		return answer_pending(c, to, result, code, message);
	if (!result) {
		rpc_reject(&c->rpc, to->id, code, "%s", message);
		return true;
	}
	return rpc_reply(&c->rpc, to->id, json_deep_copy(result)) == 0;
}

static struct sessions_manager manager_of(const struct client *c)
{
	return (struct sessions_manager){.endpoint = c->endpoint,
					 .member = c->member,
					 .name = c->name,
					 .address = c->address,
					 .lans = &c->lans};
}

bool control_session_manager(void *arg, uint64_t client, struct sessions_manager *m)
{
	const struct client *c = client_by_number(arg, client);

	if (!c || c->state != CLIENT_ONLINE || c->kind != IDENT_USER)
		return false;
	*m = manager_of(c);
	return true;
}

/* What is sent may close a connection, but frees none before the loop has its turn. */
void control_each_user(void *arg, void (*fn)(void *arg, int64_t user, struct rpc *rpc),
		       void *fn_arg)
{
	struct clients *cs = arg;

	for (struct client *c = cs->all; c; c = c->next) {
		if (c->state == CLIENT_ONLINE && c->kind == IDENT_USER)
			fn(fn_arg, c->member, &c->rpc);
	}
}

void control_on_session_open(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	struct sessions_manager manager = manager_of(c);
	struct sessions_wish wish = {.reason = NULL};
	char device[STORE_NAME_SIZE], reason[WORDS_SIZE];

	if (!control_is_allowed(c, id, true))
		return;
	if (id == 0 || !rpc_str_max(params, "device", device, sizeof(device))) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "device is missing");
		return;
	}
	if (!take_words(c, id, params, reason))
		return;
	wish.device = device;
	if (json_object_get(params, "reason"))
		wish.reason = reason;
	(void)!rpc_bool(params, "wait", &wish.can_wait); /* may be absent */
	sessions_begin(c->owner->sessions, &manager, &wish, c->number, id);
}

/* --- ending ---------------------------------------------------------------------------------- */

void control_on_session_close(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	char session[TOKEN_SESSION_SIZE], words[STORE_REASON_SIZE];
	const char *reason = "closed", *cause = "";
	struct sessions *ss = c->owner->sessions;
	int rc;

	if (!control_is_allowed(c, id, false))
		return;
	if (!rpc_str_max(params, "session", session, sizeof(session))) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "session is missing");
		return;
	}
	(void)!rpc_str(params, "reason", &reason); /* may be absent, both */
	(void)!rpc_str(params, "cause", &cause);
	log_clean(words, sizeof(words), reason, strlen(reason));
	rc = strcmp(cause, "idle") == 0 ? sessions_end_idle(ss, session, words, c->endpoint)
					: sessions_end(ss, session, words, c->endpoint);
	if (rc)
		rpc_reject(rpc, id, RPC_NOT_FOUND, "no such session");
	else
		rpc_reply(rpc, id, json_object());
}

/* --- approval -------------------------------------------------------------------------------- */

/* A user speaks for himself, a device for whoever is allowed at its local socket. */
static struct pending_voice voice_of(const struct client *c)
{
	struct pending_voice v = {.is_machine = c->kind == IDENT_DEVICE,
				  .device_endpoint = c->endpoint,
				  .user = c->member};

	snprintf(v.name, sizeof(v.name), "%s", c->name);
	return v;
}

void control_tell_asked(struct client *c)
{
	const struct pending_voice v = voice_of(c);

	approvals_hello(c->owner->sessions, &v, &c->rpc);
}

static bool take_voice(struct client *c, int64_t id, struct pending_voice *v)
{
	if (!control_is_allowed(c, id, false))
		return false;
	if (c->kind == IDENT_RELAY) {
		rpc_reject(&c->rpc, id, RPC_DENIED, "only managers and devices may do this");
		return false;
	}
	*v = voice_of(c);
	return true;
}

void control_on_session_approvals(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	struct pending_voice v;

	(void)params;
	if (take_voice(c, id, &v))
		rpc_reply(rpc, id,
			  json_pack("{s:o}", "approvals", approvals_list(c->owner->sessions, &v)));
}

/* A decision, for the audit. */
struct decision {
	struct client *c;
	bool approve, is_recorded;
	enum audit_result result;
	const char *wish, *words;
	char user[STORE_NAME_SIZE], device[STORE_NAME_SIZE + 8]; /* "": no such wish */
};

static int record(struct decision *d)
{
	char who[STORE_NAME_SIZE + 8];
	json_t *detail = json_pack("{s:s}", "request", d->wish);
	struct audit_note note = {.event = d->approve ? EVENT_SESSION_APPROVED
						      : EVENT_SESSION_REJECTED,
				  .result = d->result,
				  .domain = d->c->owner->admission->domain->row.id,
				  .who = who,
				  .from = d->c->address,
				  .what = d->device[0] ? d->device : NULL,
				  .detail = detail};
	int rc = 0;

	if (d->words[0])
		json_object_set_new(detail, "reason", json_string(d->words));
	if (d->user[0])
		json_object_set_new(detail, "user", json_string(d->user));
	snprintf(who, sizeof(who), "%s %s", ident_kind_name(d->c->kind), d->c->name);
	/* Who is refused may try again and again. */
	if (d->result == AUDIT_OK)
		rc = audit_note(d->c->owner->audit, &note);
	else
		audit_stranger(d->c->owner->audit, &note);
	json_decref(detail);
	return rc;
}

static int witness(void *arg)
{
	struct decision *d = arg;

	d->is_recorded = true;
	return record(d);
}

static void name_wish(struct decision *d)
{
	const struct pending *p = approvals_find(d->c->owner->sessions, d->wish);

	if (!p)
		return;
	snprintf(d->user, sizeof(d->user), "%s", p->user_name);
	snprintf(d->device, sizeof(d->device), "device %s", p->device_name);
}

static void decide(struct rpc *rpc, int64_t id, const json_t *params, bool approve)
{
	struct client *c = rpc->arg;
	char wish[PENDING_ID_SIZE], reason[WORDS_SIZE];
	struct approval a = {.id = wish, .approve = approve, .reason = reason};
	struct decision d = {.c = c, .approve = approve, .wish = wish, .words = reason};
	struct pending_voice v;
	int code;

	if (!take_voice(c, id, &v) || !take_words(c, id, params, reason))
		return;
	if (!rpc_str_max(params, "id", wish, sizeof(wish)))
		wish[0] = '\0'; /* there is none of this name */
	name_wish(&d);
	store_witness(c->owner->store, witness, &d);
	code = approvals_decide(c->owner->sessions, &v, &a);
	store_witness(c->owner->store, NULL, NULL);
	if (code) {
		d.result = AUDIT_REFUSED;
		d.words = a.words;
	}
	if (!d.is_recorded)
		(void)!record(&d);
	if (code)
		rpc_reject(rpc, id, code, "%s", a.words);
	else
		rpc_reply(rpc, id, approvals_answer(&a));
}

void control_on_session_approve(struct rpc *rpc, int64_t id, const json_t *params)
{
	decide(rpc, id, params, true);
}

void control_on_session_reject(struct rpc *rpc, int64_t id, const json_t *params)
{
	decide(rpc, id, params, false);
}

/* A notification: there is nobody left to answer. */
void control_on_session_withdraw(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	char wish[PENDING_ID_SIZE];

	if (!control_is_allowed(c, id, true))
		return;
	if (rpc_str_max(params, "id", wish, sizeof(wish)))
		approvals_withdraw(c->owner->sessions, c->number, wish);
	rpc_reply(rpc, id, json_object());
}
