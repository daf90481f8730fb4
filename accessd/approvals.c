/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/approvals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/sessions_internal.h"
#include "accessd/store_control.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/text.h"

#define GONE "no such request waits: it was decided or taken back, or its time is over"

struct approvals {
	struct sessions *ss;
	struct pending_table table;
	uv_timer_t timer; /* for the one that is overdue first */
};

/* --- shared ---------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *t);

static void arm(struct approvals *a)
{
	uint64_t next = pending_next_ms(&a->table), now = clock_mono_ms();

	if (next == UINT64_MAX)
		uv_timer_stop(&a->timer);
	else
		uv_timer_start(&a->timer, on_timer, next > now ? next - now : 0, 0);
}

static int record(struct sessions *ss, const struct pending *p, enum event event, const char *why)
{
	char who[STORE_NAME_SIZE + 8], what[STORE_NAME_SIZE + 8];
	json_t *detail = json_pack("{s:s, s:s}", "request", p->id, "for", p->reason);
	int rc;

	if (why[0])
		json_object_set_new(detail, "reason", json_string(why));
	snprintf(who, sizeof(who), "user %s", p->user_name);
	snprintf(what, sizeof(what), "device %s", p->device_name);
	rc = audit_note(ss->audit, &(struct audit_note){.event = event,
							.result = why[0] ? AUDIT_REFUSED : AUDIT_OK,
							.domain = ss->domain->row.id,
							.who = who,
							.from = p->from,
							.what = what,
							.detail = detail});
	json_decref(detail);
	return rc;
}

/* It is out of the table: nothing of it may come back with a restart. @event: EVENT_NONE: whoever
 * has decided it is recorded, see store_witness(). */
static void forget(struct sessions *ss, const struct pending *p, enum event event, const char *why)
{
	int rc = store_begin(ss->store);

	if (rc == 0) {
		rc = store_pending_remove(ss->store, p->id);
		if (rc == 0 && event != EVENT_NONE)
			rc = record(ss, p, event, why);
		if (rc == 0)
			rc = store_commit(ss->store);
		if (rc)
			store_rollback(ss->store);
	}
	if (rc)
		log_error("the end of a request for approval could not be stored id=%s", p->id);
	if (ss->approvals)
		arm(ss->approvals);
}

static int keep(struct sessions *ss, const struct pending *p)
{
	int rc = store_begin(ss->store);

	if (rc)
		return rc;
	rc = store_pending_add(ss->store, ss->domain->row.id, p);
	if (rc == 0)
		rc = record(ss, p, EVENT_SESSION_ASKED, "");
	if (rc == 0)
		rc = store_commit(ss->store);
	if (rc)
		store_rollback(ss->store);
	return rc;
}

static struct sessions_asker asker_of(const struct pending *p)
{
	struct sessions_asker to = {.client = p->client};

	memcpy(to.pending, p->id, sizeof(to.pending));
	return to;
}

static void deny(struct sessions *ss, const struct pending *p, int code, const char *words)
{
	struct sessions_asker to = asker_of(p);

	log_notice("session denied user=%s device=%s reason=\"%s\"", p->user_name, p->device_name,
		   words);
	(void)!ss->ops->answer(ss->arg, &to, NULL, code, words); /* gone is gone */
}

/* --- asking ---------------------------------------------------------------------------------- */

static int64_t left_s(const struct pending *p)
{
	uint64_t now = clock_mono_ms();

	return p->deadline_ms > now ? (int64_t)((p->deadline_ms - now + 999) / 1000) : 0;
}

/* "waits for approval by a member of shift-leaders or at press4, for 2 min at most" */
static void say_who(const struct pending *p, char *out, size_t size)
{
	bool person = pending_wants(p, false), machine = pending_wants(p, true);
	const char *join = p->mode == APPROVE_BOTH ? " and " : " or ";

	snprintf(out, size, "waits for approval%s%s%s%s%s, %lld s at most",
		 !person	   ? ""
		 : p->approvers[0] ? " by a member of "
				   : " by somebody who may administer ",
		 !person	   ? ""
		 : p->approvers[0] ? p->approvers
				   : p->device_name,
		 person && machine ? join : "", machine ? (person ? "at " : " at ") : "",
		 machine ? p->device_name : "", (long long)left_s(p));
}

/* Somebody may stand there. */
static void tell_machine(struct sessions *ss, const struct pending *p)
{
	struct rpc *rpc =
		pending_wants(p, true) ? ss->ops->endpoint_rpc(ss->arg, p->device_endpoint) : NULL;

	if (rpc)
		(void)rpc_notify(rpc, "session.asked",
				 json_pack("{s:s, s:s, s:s, s:s, s:I}", "id", p->id, "user",
					   p->user_name, "from", p->from, "reason", p->reason,
					   "within_s", (json_int_t)left_s(p)));
}

static int refused_words(int rc, const char **words)
{
	switch (rc) {
	case -EEXIST:
		*words = "this waits for approval already";
		return RPC_CONFLICT;
	case -EDQUOT:
		*words = "too many of your sessions wait for approval";
		return RPC_UNAVAILABLE;
	case -EBUSY:
		*words = "too many sessions with this device wait for approval";
		return RPC_UNAVAILABLE;
	case -ENOSPC:
		*words = "too many sessions wait for approval";
		return RPC_UNAVAILABLE;
	default:
		*words = "the server cannot do this now; its log says why";
		return RPC_INTERNAL;
	}
}

int approvals_ask(struct sessions *ss, struct pending *p, const struct sessions_asker *to,
		  const char **words)
{
	struct approvals *a = ss->approvals;
	uint8_t id[(PENDING_ID_SIZE - 1) / 2];
	char text[256];
	json_t *answer;
	int rc;

	file_random(id, sizeof(id));
	(void)!text_hex_encode(p->id, sizeof(p->id), id, sizeof(id)); /* the size is right */
	p->client = to->client;
	rc = pending_add(&a->table, p);
	if (rc)
		return refused_words(rc, words);
	rc = keep(ss, p);
	if (rc) {
		(void)!pending_take_of_client(&a->table, p->client, p->id, p);
		return refused_words(rc, words);
	}
	arm(a);
	log_notice("session waits for approval id=%s user=%s device=%s", p->id, p->user_name,
		   p->device_name);
	say_who(p, text, sizeof(text));
	answer = json_pack("{s:{s:s, s:I, s:s}}", "pending", "id", p->id, "within_s",
			   (json_int_t)left_s(p), "text", text);
	if (ss->ops->answer(ss->arg, to, answer, 0, ""))
		tell_machine(ss, p);
	json_decref(answer);
	return 0;
}

/* --- deciding -------------------------------------------------------------------------------- */

/* As it is now: rights may have gone since he saw the request. */
static bool may_speak(struct sessions *ss, const struct pending *p, const struct pending_voice *v)
{
	if (v->is_machine)
		return p->device_endpoint == v->device_endpoint;
	if (v->user == 0)
		return true;
	if (p->approvers[0])
		return store_group_holds(ss->store, ss->domain->row.id, p->approvers, v->user) == 0;
	return sessions_may(ss, v->user, PERMIT_ADMINISTER, p->device);
}

static void let_begin(struct sessions *ss, const struct pending *p)
{
	struct sessions_asker to = asker_of(p);
	struct sessions_manager m;

	if (ss->ops->manager(ss->arg, p->client, &m) && m.endpoint == p->manager)
		opening_begin_approved(ss, &m, p, &to);
}

static int outcome_words(enum pending_outcome o, const char **words)
{
	switch (o) {
	case PENDING_GONE:
		*words = GONE;
		return RPC_NOT_FOUND;
	case PENDING_SELF:
		*words = "nobody approves or rejects what he asked for himself";
		return RPC_DENIED;
	case PENDING_UNASKED:
		*words = "this approval is not asked for, or was given already";
		return RPC_CONFLICT;
	case PENDING_MORE:
	case PENDING_DONE:
		break;
	}
	return 0;
}

static void reject(struct sessions *ss, const struct pending *p, const struct pending_voice *v,
		   const char *reason)
{
	char words[RPC_MESSAGE_SIZE];

	snprintf(words, sizeof(words), "rejected by %s%s%s",
		 v->is_machine ? "the machine" : v->name, reason[0] ? ": " : "", reason);
	deny(ss, p, RPC_DENIED, words);
}

int approvals_decide(struct sessions *ss, const char *id, const struct pending_voice *voice,
		     bool approve, const char *reason, struct pending *p, bool *more,
		     const char **words)
{
	struct approvals *a = ss->approvals;
	const struct pending *at = pending_find(&a->table, id);
	enum pending_outcome o = PENDING_GONE;

	/* Who may not speak learns nothing of it, but for his own. */
	if (at && (may_speak(ss, at, voice) || (!voice->is_machine && voice->user == at->user)))
		o = approve ? pending_approve(&a->table, id, voice, p)
			    : pending_reject(&a->table, id, voice, p);
	*more = o == PENDING_MORE;
	if (o == PENDING_MORE)
		tell_machine(ss, p);
	if (o != PENDING_DONE)
		return outcome_words(o, words);
	forget(ss, p, EVENT_NONE, "");
	if (approve)
		let_begin(ss, p);
	else
		reject(ss, p, voice, reason);
	return 0;
}

const struct pending *approvals_find(const struct sessions *ss, const char *id)
{
	return ss->approvals ? pending_find(&ss->approvals->table, id) : NULL;
}

static const char *waits_for(const struct pending *p)
{
	bool person = pending_wants(p, false), machine = pending_wants(p, true);

	if (person && machine)
		return p->mode == APPROVE_BOTH ? "a person and the machine"
					       : "a person or the machine";
	return person ? "a person" : "the machine";
}

json_t *approvals_answer(const struct pending *p, bool more)
{
	json_t *o = json_pack("{s:s, s:s}", "user", p->user_name, "device", p->device_name);

	if (more)
		json_object_set_new(o, "waits_for", json_string(waits_for(p)));
	return o;
}

/* The host's administrator sees all of them, others what is asked of them. */
static bool is_shown(struct sessions *ss, const struct pending *p, const struct pending_voice *v)
{
	if (!v->is_machine && v->user == 0)
		return true;
	return pending_wants(p, v->is_machine) && may_speak(ss, p, v) &&
	       (v->is_machine || v->user != p->user);
}

json_t *approvals_list(struct sessions *ss, const struct pending_voice *voice)
{
	const struct pending_table *t = &ss->approvals->table;
	json_t *list = json_array();

	for (size_t i = 0; i < t->n; i++) {
		const struct pending *p = &t->at[i];

		if (!is_shown(ss, p, voice))
			continue;
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I}", "id", p->id,
						"user", p->user_name, "device", p->device_name,
						"from", p->from, "reason", p->reason, "waits_for",
						waits_for(p), "left_s", (json_int_t)left_s(p)));
	}
	return list;
}

/* --- other ends ------------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *t)
{
	static const char words[] = "nobody has approved it in time";
	struct approvals *a = t->data;
	struct pending p;

	while (pending_take_overdue(&a->table, clock_mono_ms(), &p)) {
		forget(a->ss, &p, EVENT_SESSION_TIMEOUT, words);
		deny(a->ss, &p, RPC_DENIED, words);
	}
	arm(a);
}

void approvals_withdraw(struct sessions *ss, uint64_t client, const char *id)
{
	struct approvals *a = ss->approvals;
	struct pending p;

	while (a && pending_take_of_client(&a->table, client, id, &p)) {
		forget(ss, &p, EVENT_SESSION_WITHDRAWN,
		       id ? "given up" : "the connection was lost");
	}
}

static void deny_recorded(struct sessions *ss, const struct pending *p, const char *why)
{
	forget(ss, p, EVENT_SESSION_REJECTED, why);
	deny(ss, p, RPC_DENIED, why);
}

size_t approvals_deny_member(struct sessions *ss, int64_t member, const char *why)
{
	struct pending p;
	size_t n = 0;

	for (; ss->approvals && pending_take_of_member(&ss->approvals->table, member, &p); n++)
		deny_recorded(ss, &p, why);
	return n;
}

size_t approvals_deny_all(struct sessions *ss, const char *why)
{
	struct pending p;
	size_t n = 0;

	for (; ss && ss->approvals && pending_take_any(&ss->approvals->table, &p); n++)
		deny_recorded(ss, &p, why);
	return n;
}

/* --- life ------------------------------------------------------------------------------------ */

/* What waited when accessd ended: whoever asked has heard that the server was lost. */
static int deny_left(struct sessions *ss)
{
	struct pending p;
	int rc;

	while ((rc = store_pending_first(ss->store, ss->domain->row.id, &p)) == 0) {
		forget(ss, &p, EVENT_SESSION_TIMEOUT, "the server was restarted");
		if (store_pending_remove(ss->store, p.id) != 0)
			return -EIO;
	}
	return rc == -ENOENT ? 0 : rc;
}

int approvals_open(struct sessions *ss)
{
	struct approvals *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->ss = ss;
	uv_timer_init(ss->loop, &a->timer);
	a->timer.data = a;
	ss->approvals = a;
	return deny_left(ss);
}

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

void approvals_close(struct sessions *ss)
{
	struct approvals *a = ss->approvals;

	ss->approvals = NULL;
	if (a)
		uv_close((uv_handle_t *)&a->timer, on_closed);
}
