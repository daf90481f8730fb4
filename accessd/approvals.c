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

#define CANNOT "the server cannot do this now; its log says why"
#define GONE "no such request waits: it was decided or taken back, or its time is over"

struct approvals {
	struct sessions *ss;
	struct pending_table table;
	uv_timer_t timer; /* for the one that is overdue first */
};

/* --- shared ---------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *t);
static void tell_asked(struct sessions *ss, const struct pending *p, bool over);

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
 * has decided it is recorded, see store_witness(). Return: 0; -EIO, logged. */
static int forget(struct sessions *ss, const struct pending *p, enum event event, const char *why)
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
	if (ss->approvals) {
		arm(ss->approvals);
		tell_asked(ss, p, true);
	}
	return rc;
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

/* --- who may speak --------------------------------------------------------------------------- */

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

/* Is it asked of him? */
static bool is_asked(struct sessions *ss, const struct pending *p, const struct pending_voice *v)
{
	return pending_wants(p, v->is_machine) && may_speak(ss, p, v) &&
	       (v->is_machine || v->user != p->user);
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

/* --- telling who is asked -------------------------------------------------------------------- */

struct telling {
	struct sessions *ss;
	const struct pending *p;
	bool over;
};

static void tell(const struct telling *t, struct rpc *rpc)
{
	const struct pending *p = t->p;

	if (!rpc)
		return;
	if (t->over)
		(void)rpc_notify(rpc, "session.asked",
				 json_pack("{s:s, s:b}", "id", p->id, "over", 1));
	else
		(void)rpc_notify(rpc, "session.asked",
				 json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "id", p->id, "user",
					   p->user_name, "device", p->device_name, "from", p->from,
					   "reason", p->reason, "within_s", (json_int_t)left_s(p)));
}

static void tell_user(void *arg, int64_t user, struct rpc *rpc)
{
	const struct telling *t = arg;
	const struct pending_voice v = {.user = user};

	if (user != t->p->user && may_speak(t->ss, t->p, &v))
		tell(t, rpc);
}

/* @over: it was decided, also for those who are not asked any more. */
static void tell_asked(struct sessions *ss, const struct pending *p, bool over)
{
	struct telling t = {.ss = ss, .p = p, .over = over};

	if (p->mode != APPROVE_PERSON)
		tell(&t, ss->ops->endpoint_rpc(ss->arg, p->device_endpoint));
	if (p->mode != APPROVE_MACHINE)
		ss->ops->each_user(ss->arg, tell_user, &t);
}

void approvals_hello(struct sessions *ss, const struct pending_voice *voice, struct rpc *rpc)
{
	const struct pending_table *t = &ss->approvals->table;

	for (size_t i = 0; i < t->n; i++) {
		const struct telling telling = {.ss = ss, .p = &t->at[i]};

		if (is_asked(ss, &t->at[i], voice))
			tell(&telling, rpc);
	}
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
		*words = CANNOT;
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
		tell_asked(ss, p, false);
	json_decref(answer);
	return 0;
}

/* --- deciding -------------------------------------------------------------------------------- */

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

int approvals_decide(struct sessions *ss, const struct pending_voice *voice, struct approval *a)
{
	struct pending_table *t = &ss->approvals->table;
	const struct pending *at = pending_find(t, a->id);
	enum pending_outcome o = PENDING_GONE;

	/* Who may not speak learns nothing of it, but for his own. */
	if (at && (may_speak(ss, at, voice) || (!voice->is_machine && voice->user == at->user)))
		o = a->approve ? pending_approve(t, a->id, voice, &a->p)
			       : pending_reject(t, a->id, voice, &a->p);
	a->more = o == PENDING_MORE;
	a->words = "";
	if (o != PENDING_DONE)
		return outcome_words(o, &a->words);
	if (forget(ss, &a->p, EVENT_NONE, "") != 0) {
		/* What cannot be recorded is not done. */
		a->words = CANNOT;
		deny(ss, &a->p, RPC_INTERNAL, CANNOT);
		return RPC_INTERNAL;
	}
	if (a->approve)
		let_begin(ss, &a->p);
	else
		reject(ss, &a->p, voice, a->reason);
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

json_t *approvals_answer(const struct approval *a)
{
	json_t *o = json_pack("{s:s, s:s}", "user", a->p.user_name, "device", a->p.device_name);

	if (a->more)
		json_object_set_new(o, "waits_for", json_string(waits_for(&a->p)));
	return o;
}

/* The host's administrator sees all of them, others what is asked of them. */
static bool is_shown(struct sessions *ss, const struct pending *p, const struct pending_voice *v)
{
	return (!v->is_machine && v->user == 0) || is_asked(ss, p, v);
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
		(void)!forget(a->ss, &p, EVENT_SESSION_TIMEOUT, words);
		deny(a->ss, &p, RPC_DENIED, words);
	}
	arm(a);
}

void approvals_withdraw(struct sessions *ss, uint64_t client, const char *id)
{
	struct approvals *a = ss->approvals;
	struct pending p;

	while (a && pending_take_of_client(&a->table, client, id, &p)) {
		(void)!forget(ss, &p, EVENT_SESSION_WITHDRAWN,
			      id ? "given up" : "the connection was lost");
	}
}

static void deny_recorded(struct sessions *ss, const struct pending *p, const char *why)
{
	(void)!forget(ss, p, EVENT_SESSION_REJECTED, why); /* it is denied all the same */
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

/* What cannot be told now denies nothing. */
static bool is_forbidden(const struct sessions *ss, const struct pending *p)
{
	bool may;

	return access_may_device(ss->access, p->user, PERMIT_CONNECT, p->device, &may) == 0 && !may;
}

void approvals_deny_forbidden(struct sessions *ss, const char *why)
{
	struct pending p;
	size_t i = 0;

	while (ss->approvals && i < ss->approvals->table.n) {
		p = ss->approvals->table.at[i];
		if (!is_forbidden(ss, &p)) {
			i++;
			continue;
		}
		(void)!pending_take_of_client(&ss->approvals->table, p.client, p.id, &p);
		deny_recorded(ss, &p, why);
		i = 0; /* whom that reached may have changed the table */
	}
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
static void deny_left(struct sessions *ss)
{
	struct pending p;

	/* What cannot be recorded now is by the next start: nothing else looks at these rows. */
	while (store_pending_first(ss->store, ss->domain->row.id, &p) == 0 &&
	       forget(ss, &p, EVENT_SESSION_TIMEOUT, "the server was restarted") == 0)
		;
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
	deny_left(ss);
	return 0;
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
