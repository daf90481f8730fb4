/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions: those there are, ending them, and approving those that wait. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/approvals.h"
#include "accessd/pure/page.h"
#include "common/io/log.h"

/* What the caller wrote for people, may be absent. Else the request is answered. */
static bool get_words(struct ask *q, const json_t *params, char out[WORDS_SIZE])
{
	const char *text = "";

	if (json_object_get(params, "reason") &&
	    (!rpc_str(params, "reason", &text) || !words_clean(out, WORDS_SIZE, text))) {
		ask_reject(q, RPC_BAD_PARAMS, "reason: this is no text");
		return false;
	}
	(void)words_clean(out, WORDS_SIZE, text);
	return true;
}

static const char *caller_name(const struct ask *q)
{
	return ask_is_host(q) ? "the administrator" : q->caller.name;
}

static bool may_administer(const struct ask *q, int64_t device)
{
	return ask_may_device(q, PERMIT_ADMINISTER, device);
}

/* --- the list -------------------------------------------------------------------------------- */

struct listing {
	const struct ask *q;
	const struct realm *realm;
	struct page page;
};

static bool list_session(void *arg, const struct store_session *x, int64_t in_use)
{
	struct listing *l = arg;
	const struct relay_info *used = in_use ? relays_find(l->realm->relays, in_use) : NULL;
	struct store_member relay;
	json_t *relays, *o;

	if (!ask_may_device(l->q, PERMIT_VIEW_CONNECTIONS, x->device_member))
		return true;
	relays = json_array();
	for (size_t i = 0; i < x->n_relays; i++) {
		if (store_member_get(l->realm->store, x->relays[i], &relay) == 0)
			json_array_append_new(relays, json_string(relay.name));
	}
	o = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:o}", "session", x->id, "user", x->user_name,
		      "device", x->device_name, "started", (json_int_t)x->started, "ends",
		      (json_int_t)x->ends, "relay", used ? used->name : "", "relays", relays);
	admin_put_control(x, o);
	return page_add(&l->page, o);
}

void admin_put_control(const struct store_session *x, json_t *o)
{
	json_object_set_new(o, "from", json_string(x->address));
	json_object_set_new(o, "for", json_string(x->why));
	json_object_set_new(o, "approved_by", json_string(x->approved_by));
	json_object_set_new(o, "idle_s", json_integer((json_int_t)x->idle_s));
}

void admin_on_session_list(struct ask *q, const json_t *params)
{
	struct listing l = {.q = q, .realm = q->realm};
	char after[TOKEN_SESSION_SIZE] = "";

	if (!admin_ready(q))
		return;
	(void)!rpc_str_max(params, "after", after, sizeof(after)); /* may be absent */
	page_init(&l.page);
	sessions_each(l.realm->sessions, after, list_session, &l);
	ask_reply(q, page_result(&l.page, "sessions"));
}

/* --- ending ---------------------------------------------------------------------------------- */

/* "ended by bert: maintenance" */
static void end_words(const struct ask *q, const char *reason, char *out, size_t size)
{
	snprintf(out, size, "ended by %s%s%s", caller_name(q), reason[0] ? ": " : "", reason);
}

/* The beginning of an id is enough if only one session begins so. */
struct search {
	const char *prefix;
	char id[TOKEN_SESSION_SIZE];
	int found;
};

static bool match_session(void *arg, const struct store_session *x, int64_t relay)
{
	struct search *s = arg;

	(void)relay;

	if (strncmp(x->id, s->prefix, strlen(s->prefix)) == 0) {
		memcpy(s->id, x->id, sizeof(s->id));
		s->found++;
	}
	return s->found < 2;
}

void admin_on_session_kill(struct ask *q, const json_t *params)
{
	struct realm *r = q->realm;
	char prefix[TOKEN_SESSION_SIZE], reason[WORDS_SIZE], words[2 * WORDS_SIZE];
	struct search s = {.prefix = prefix};

	if (!admin_ready(q))
		return;
	if (!rpc_str_max(params, "session", prefix, sizeof(prefix)) || !prefix[0]) {
		ask_reject(q, RPC_BAD_PARAMS, "session is missing");
		return;
	}
	if (!get_words(q, params, reason))
		return;
	end_words(q, reason, words, sizeof(words));
	sessions_each(r->sessions, "", match_session, &s);
	if (s.found > 1) {
		ask_reject(q, RPC_CONFLICT, "several sessions begin with %s", prefix);
		return;
	}
	if (s.found == 1)
		ask_about(q, "session", s.id);
	if (reason[0])
		ask_tell(q, "for", json_string(reason));
	if (s.found == 0 || sessions_end(r->sessions, s.id, words, 0) != 0)
		ask_reject(q, RPC_NOT_FOUND, "no such session: %s", prefix);
	else
		ask_reply(q, json_pack("{s:s}", "session", s.id));
}

/* Those of a user, with a device, or all: of them what the caller may end. */
struct killing {
	const struct ask *q;
	int64_t member; /* 0: any */
};

static bool is_to_end(void *arg, const struct store_session *x)
{
	struct killing *k = arg;

	return (!k->member || x->user_member == k->member || x->device_member == k->member) &&
	       may_administer(k->q, x->device_member);
}

/* Whoever administers a device sees who is there, of users that are else none for him: so for a
 * name that he may not know it is as if nobody of it was there. */
static bool find_user(struct ask *q, const char *name, struct store_member *m)
{
	if (ask_is_host(q))
		return admin_find_as(q, name, IDENT_USER, m);
	m->id = -1;
	(void)!store_member_by_name(q->realm->store, q->realm->domain.row.id, IDENT_USER, name, m);
	snprintf(m->name, sizeof(m->name), "%s", name);
	return true;
}

/* Whose? Else the request is answered. */
static bool get_whose(struct ask *q, const json_t *params, int64_t *member)
{
	struct store_member m;
	char name[STORE_NAME_SIZE];
	bool user = json_object_get(params, "user"), device = json_object_get(params, "device"),
	     all = false;

	(void)!rpc_bool(params, "all", &all); /* may be absent */
	*member = 0;
	if (user + device + all != 1) {
		ask_reject(q, RPC_BAD_PARAMS, "a user, a device, or all");
		return false;
	}
	if (all) {
		ask_tell(q, "all", json_true());
		return true;
	}
	if (!rpc_str_max(params, user ? "user" : "device", name, sizeof(name))) {
		ask_reject(q, RPC_NOT_FOUND, "no such %s", user ? "user" : "device");
		return false;
	}
	if (!(user ? find_user(q, name, &m) : admin_find_as(q, name, IDENT_DEVICE, &m)))
		return false;
	*member = m.id;
	ask_about(q, user ? "user" : "device", m.name);
	return true;
}

/* What waits would begin right after. */
static size_t deny_waiting(const struct ask *q, int64_t member, const char *words)
{
	if (!ask_is_host(q))
		return 0;
	return member ? approvals_deny_member(q->realm->sessions, member, words)
		      : approvals_deny_all(q->realm->sessions, words);
}

void admin_on_session_kill_many(struct ask *q, const json_t *params)
{
	struct killing k = {.q = q};
	char reason[WORDS_SIZE], words[2 * WORDS_SIZE];
	size_t ended, denied;

	if (!admin_ready(q) || !get_whose(q, params, &k.member) || !get_words(q, params, reason))
		return;
	if (reason[0])
		ask_tell(q, "for", json_string(reason));
	end_words(q, reason, words, sizeof(words));
	denied = deny_waiting(q, k.member, words);
	ended = sessions_end_where(q->realm->sessions, is_to_end, &k, words);
	if (ended == 0 && !ask_is_host(q)) {
		ask_reject(q, RPC_NOT_FOUND, "there is no such session that you may end");
		return;
	}
	ask_reply(q, json_pack("{s:I, s:I}", "ended", (json_int_t)ended, "denied",
			       (json_int_t)denied));
}

/* --- approval -------------------------------------------------------------------------------- */

static struct pending_voice voice_of(const struct ask *q)
{
	struct pending_voice v = {.user = q->caller.user};

	snprintf(v.name, sizeof(v.name), "%s", caller_name(q));
	return v;
}

void admin_on_session_approvals(struct ask *q, const json_t *params)
{
	struct pending_voice v = voice_of(q);

	(void)params;
	if (admin_ready(q))
		ask_reply(q,
			  json_pack("{s:o}", "approvals", approvals_list(q->realm->sessions, &v)));
}

static void decide(struct ask *q, const json_t *params, bool approve)
{
	char id[PENDING_ID_SIZE] = "", reason[WORDS_SIZE];
	struct approval a = {.id = id, .approve = approve, .reason = reason};
	struct pending_voice v = voice_of(q);
	const struct pending *at;
	int code;

	if (!admin_ready(q) || !get_words(q, params, reason))
		return;
	(void)!rpc_str_max(params, "id", id, sizeof(id)); /* then there is none */
	ask_tell(q, "request", json_string(id));
	if (reason[0])
		ask_tell(q, "for", json_string(reason));
	at = approvals_find(q->realm->sessions, id);
	if (at) {
		ask_tell(q, "user", json_string(at->user_name));
		ask_about(q, "device", at->device_name);
	}
	code = approvals_decide(q->realm->sessions, &v, &a);
	if (code)
		ask_reject(q, code, "%s", a.words);
	else
		ask_reply(q, approvals_answer(&a));
}

void admin_on_session_approve(struct ask *q, const json_t *params)
{
	decide(q, params, true);
}

void admin_on_session_reject(struct ask *q, const json_t *params)
{
	decide(q, params, false);
}
