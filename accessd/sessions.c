/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/sessions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/approvals.h"
#include "accessd/sessions_internal.h"
#include "common/io/file.h"
#include "common/io/log.h"

#define LISTED_MAX 1024
#define FORBIDDEN "the permission to connect was taken away"
#define SWEEP_MS 60000
#define TOLD_MAX 4096 /* ended sessions that a relay hears of at once: they fit into its queue */

/* --- the list -------------------------------------------------------------------------------- */

struct session *sessions_find(const struct sessions *ss, const char *id)
{
	for (struct session *x = ss->list; x; x = x->next) {
		int order = strcmp(x->row.id, id);

		if (order == 0)
			return x;
		if (order > 0)
			return NULL;
	}
	return NULL;
}

struct session *sessions_insert(struct sessions *ss, const struct store_session *row)
{
	struct session **at = &ss->list, *x = calloc(1, sizeof(*x));
	int64_t left = row->ends - clock_wall_s();

	if (!x)
		return NULL;
	x->row = *row;
	x->ends_ms = clock_mono_ms() + (left > 0 ? (uint64_t)left * 1000 : 0);
	while (*at && strcmp((*at)->row.id, row->id) < 0)
		at = &(*at)->next;
	x->next = *at;
	*at = x;
	ss->n++;
	meeting_count(ss, x, false);
	return x;
}

static void forget(struct sessions *ss, struct session *x)
{
	struct session **at = &ss->list;

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	ss->n--;
	meeting_count(ss, x, true);
	free(x);
}

void sessions_counts(const struct sessions *ss, struct sessions_counts *n)
{
	*n = (struct sessions_counts){.now = ss->n, .opened = ss->opened, .ended = ss->ended};
}

int64_t sessions_life(const struct sessions *ss)
{
	return ss->life_s;
}

bool sessions_may(const struct sessions *ss, int64_t user, enum permission what, int64_t device)
{
	bool may;

	return access_may_device(ss->access, user, what, device, &may) == 0 && may;
}

size_t sessions_count(const struct sessions *ss)
{
	return ss->n;
}

void sessions_each(const struct sessions *ss, const char *after,
		   bool (*fn)(void *arg, const struct store_session *x, int64_t relay), void *arg)
{
	for (const struct session *x = ss->list; x; x = x->next) {
		int64_t relay =
			x->path[TOKEN_MANAGER] ? x->path[TOKEN_MANAGER] : x->path[TOKEN_DEVICE];

		if (strcmp(x->row.id, after) > 0 && x->row.state == STORE_SESSION_LIVE &&
		    !fn(arg, &x->row, relay))
			return;
	}
}

size_t sessions_count_of(const struct sessions *ss, int64_t endpoint)
{
	size_t n = 0;

	for (const struct session *x = ss->list; x; x = x->next)
		n += x->row.manager == endpoint || x->row.device == endpoint;
	return n;
}

/* --- the audit ------------------------------------------------------------------------------- */

static json_t *record_detail(const struct store_session *row, const char *why)
{
	json_t *detail = json_object();

	if (row->id[0])
		json_object_set_new(detail, "session", json_string(row->id));
	if (row->why[0])
		json_object_set_new(detail, "for", json_string(row->why));
	if (row->approved_by[0])
		json_object_set_new(detail, "approved_by", json_string(row->approved_by));
	if (why[0])
		json_object_set_new(detail, "reason", json_string(why));
	return detail;
}

/* What both texts are borrowed from. */
struct record {
	char who[STORE_NAME_SIZE + 8], what[STORE_NAME_SIZE + 8];
	json_t *detail;
	struct audit_note note;
};

static void fill_record(const struct sessions *ss, struct record *r,
			const struct store_session *row, enum event event, const char *why)
{
	r->detail = record_detail(row, why);
	snprintf(r->who, sizeof(r->who), "user %s", row->user_name);
	snprintf(r->what, sizeof(r->what), "device %s", row->device_name);
	r->note = (struct audit_note){.event = event,
				      .result = AUDIT_OK,
				      .domain = ss->domain->row.id,
				      .who = r->who,
				      .from = row->address,
				      .what = r->what,
				      .detail = r->detail};
}

int sessions_record(struct sessions *ss, const struct store_session *row, enum event event,
		    const char *why)
{
	struct record r;
	int rc;

	fill_record(ss, &r, row, event, why);
	rc = audit_note(ss->audit, &r.note);
	json_decref(r.detail);
	return rc;
}

/* Somebody may try again and again. */
void sessions_record_refused(struct sessions *ss, const struct conditions *c)
{
	struct store_session row = {.started = 0};
	struct record r;

	conditions_row(c, &row);
	log_clean(row.device_name, sizeof(row.device_name), c->wish->device,
		  strlen(c->wish->device));
	fill_record(ss, &r, &row, EVENT_SESSION_REFUSED, c->words);
	r.note.result = AUDIT_REFUSED;
	audit_stranger(ss->audit, &r.note);
	json_decref(r.detail);
}

int sessions_keep(struct sessions *ss, const struct store_session *row, enum event event,
		  const char *why)
{
	int rc = store_begin(ss->store);

	if (rc)
		return rc;
	rc = store_session_update(ss->store, row);
	if (rc == 0)
		rc = sessions_record(ss, row, event, why);
	if (rc == 0)
		rc = store_commit(ss->store);
	if (rc)
		store_rollback(ss->store);
	return rc;
}

/* --- ending ---------------------------------------------------------------------------------- */

static json_t *end_params(const struct store_session *row)
{
	return json_pack("{s:s, s:s}", "session", row->id, "reason", row->reason);
}

static void tell_end(struct sessions *ss, int64_t endpoint, const json_t *params,
		     int64_t not_endpoint)
{
	struct rpc *rpc = endpoint && endpoint != not_endpoint
				  ? ss->ops->endpoint_rpc(ss->arg, endpoint)
				  : NULL;

	if (rpc)
		rpc_notify(rpc, "session.end", json_deep_copy(params));
}

void sessions_finish(struct sessions *ss, struct session *x, const char *reason,
		     int64_t not_endpoint)
{
	enum event event = x->end_event ? x->end_event : EVENT_SESSION_ENDED;
	struct store_session row;
	json_t *params;

	ss->ended++;
	x->row.state = STORE_SESSION_ENDED;
	x->row.ended = clock_wall_s();
	/* Cut off between characters: half of one is no JSON, and nobody would be told. */
	if (!words_clean(x->row.reason, sizeof(x->row.reason), reason))
		snprintf(x->row.reason, sizeof(x->row.reason), "ended");
	/* It ends, recorded or not. */
	if (sessions_keep(ss, &x->row, event, x->row.reason) != 0 &&
	    store_session_update(ss->store, &x->row) != 0)
		log_error("the end of a session could not be stored session=%s", x->row.id);
	row = x->row;
	forget(ss, x); /* before anybody is told: that may come back to us */
	log_notice("session ended session=%s user=%s device=%s reason=\"%s\"", row.id,
		   row.user_name, row.device_name, row.reason);
	params = end_params(&row);
	tell_end(ss, row.manager, params, not_endpoint);
	tell_end(ss, row.device, params, not_endpoint);
	ss->ops->relays_notify(ss->arg, "session.end", params);
	json_decref(params);
	sessions_arm(ss);
}

static int end_one(struct sessions *ss, const char *id, const char *reason, int64_t by,
		   enum event event)
{
	struct session *x = sessions_find(ss, id);

	if (!x || (by && x->row.manager != by && x->row.device != by))
		return -ENOENT;
	x->end_event = event;
	sessions_finish(ss, x, reason, by);
	return 0;
}

int sessions_end(struct sessions *ss, const char *id, const char *reason, int64_t by)
{
	return end_one(ss, id, reason, by, EVENT_NONE);
}

int sessions_end_idle(struct sessions *ss, const char *id, const char *reason, int64_t by)
{
	return end_one(ss, id, reason, by, EVENT_SESSION_IDLE);
}

/* Each end may change the list: go on behind the id. */
size_t sessions_end_where(struct sessions *ss,
			  bool (*match)(void *arg, const struct store_session *x), void *arg,
			  const char *reason)
{
	char after[TOKEN_SESSION_SIZE] = "";
	struct session *x = ss->list;
	size_t n = 0;

	while (x) {
		if (strcmp(x->row.id, after) <= 0 || !match(arg, &x->row)) {
			x = x->next;
			continue;
		}
		snprintf(after, sizeof(after), "%s", x->row.id);
		sessions_finish(ss, x, reason, 0);
		n++;
		x = ss->list;
	}
	return n;
}

/* Each end may change the list, so look from its beginning again. */
static void end_all(struct sessions *ss,
		    bool (*match)(const struct sessions *ss, const struct session *x, int64_t what),
		    int64_t what, const char *reason)
{
	struct session *x = ss->list;

	while (x) {
		if (match(ss, x, what)) {
			sessions_finish(ss, x, reason, 0);
			x = ss->list;
		} else {
			x = x->next;
		}
	}
}

static bool is_of_endpoint(const struct sessions *ss, const struct session *x, int64_t endpoint)
{
	(void)ss;
	return x->row.manager == endpoint || x->row.device == endpoint;
}

static bool is_of_member(const struct sessions *ss, const struct session *x, int64_t member)
{
	(void)ss;
	return x->row.user_member == member || x->row.device_member == member;
}

void sessions_end_endpoint(struct sessions *ss, int64_t endpoint, const char *reason)
{
	end_all(ss, is_of_endpoint, endpoint, reason);
}

void sessions_end_member(struct sessions *ss, int64_t member, const char *reason)
{
	(void)approvals_deny_member(ss, member, reason);
	end_all(ss, is_of_member, member, reason);
}

static bool is_any(const struct sessions *ss, const struct session *x, int64_t what)
{
	(void)ss;
	(void)x;
	(void)what;
	return true;
}

void sessions_end_all(struct sessions *ss, const char *reason)
{
	end_all(ss, is_any, 0, reason);
}

/* What cannot be told now ends nothing. */
static bool is_forbidden(const struct sessions *ss, const struct session *x, int64_t what)
{
	bool may;
	int rc = access_may_device(ss->access, x->row.user_member, PERMIT_CONNECT,
				   x->row.device_member, &may);

	(void)what;
	return rc == 0 && !may;
}

void sessions_permissions_changed(struct sessions *ss)
{
	approvals_deny_forbidden(ss, FORBIDDEN);
	end_all(ss, is_forbidden, 0, FORBIDDEN);
}

static bool is_over(const struct sessions *ss, const struct session *x, int64_t what)
{
	(void)ss;
	(void)what;
	return x->ends_ms <= clock_mono_ms();
}

static void on_tick(uv_timer_t *t)
{
	struct sessions *ss = t->data;
	uint64_t now = clock_mono_ms();
	struct session *next;

	for (struct session *x = ss->list; x; x = next) {
		next = x->next; /* it may end; no other one does */
		measuring_tick(ss, x, now);
	}
	if (now >= ss->swept_ms + SWEEP_MS) {
		ss->swept_ms = now;
		measured_sweep(&ss->measured, now);
	}
}

static void on_timer(uv_timer_t *t)
{
	struct sessions *ss = t->data;

	for (struct session *x = ss->list; x; x = x->next) {
		if (is_over(ss, x, 0))
			x->end_event = EVENT_SESSION_EXPIRED;
	}
	end_all(ss, is_over, 0, "the session's time is over");
	sessions_arm(ss);
}

void sessions_arm(struct sessions *ss)
{
	uint64_t first = UINT64_MAX, now = clock_mono_ms();

	if (ss->closing)
		return;
	for (const struct session *x = ss->list; x; x = x->next)
		first = x->ends_ms < first ? x->ends_ms : first;
	if (!ss->list)
		uv_timer_stop(&ss->timer);
	else
		uv_timer_start(&ss->timer, on_timer, first > now ? first - now : 0, 0);
}

/* --- who comes back -------------------------------------------------------------------------- */

static bool is_listed(const json_t *listed, const char *id)
{
	for (size_t i = 0; i < json_array_size(listed) && i < LISTED_MAX; i++) {
		const char *text = json_string_value(json_array_get(listed, i));

		if (text && strcmp(text, id) == 0)
			return true;
	}
	return false;
}

/* What this end runs and should not. */
static void end_unknown(struct sessions *ss, int64_t endpoint, const json_t *listed,
			struct rpc *rpc)
{
	for (size_t i = 0; i < json_array_size(listed) && i < LISTED_MAX; i++) {
		const char *id = json_string_value(json_array_get(listed, i));
		const struct session *x = id ? sessions_find(ss, id) : NULL;

		if (!id || (x && is_of_endpoint(ss, x, endpoint)))
			continue;
		rpc_notify(rpc, "session.end",
			   json_pack("{s:s, s:s}", "session", id, "reason", "the session is over"));
	}
}

/* The sessions that this end should run and does not; by id, since sending may change the list. */
static void send_missing(struct sessions *ss, int64_t endpoint, const json_t *listed)
{
	char after[TOKEN_SESSION_SIZE] = "";
	struct session *x = ss->list;

	while (x) {
		if (strcmp(x->row.id, after) <= 0 || x->row.state != STORE_SESSION_LIVE ||
		    !is_of_endpoint(ss, x, endpoint) || is_listed(listed, x->row.id)) {
			x = x->next;
			continue;
		}
		snprintf(after, sizeof(after), "%s", x->row.id);
		grants_resend(ss, x, x->row.manager == endpoint ? TOKEN_MANAGER : TOKEN_DEVICE);
		x = ss->list;
	}
}

/* What it runs goes on; list, rules and names may have changed meanwhile. A list that it has
 * already is no news to it. */
static void send_news(struct sessions *ss, int64_t endpoint, const json_t *listed)
{
	for (struct session *x = ss->list; x; x = x->next) {
		if (x->row.state != STORE_SESSION_LIVE || !is_of_endpoint(ss, x, endpoint) ||
		    !is_listed(listed, x->row.id))
			continue;
		if (x->row.serial > 1)
			grants_send_relays(ss, x, endpoint);
		ruling_due(ss, x, true);
		if (x->row.manager == endpoint)
			naming_send(ss, x);
	}
}

void sessions_hello(struct sessions *ss, int64_t endpoint, const json_t *listed,
		    const json_t *waiting)
{
	struct rpc *rpc = ss->ops->endpoint_rpc(ss->arg, endpoint);

	if (!rpc)
		return;
	end_unknown(ss, endpoint, listed, rpc);
	end_unknown(ss, endpoint, waiting, rpc);
	send_missing(ss, endpoint, listed);
	send_news(ss, endpoint, listed);
}

struct telling {
	struct rpc *rpc;
	size_t left;
};

static bool tell_relay(void *arg, const struct store_session *x)
{
	struct telling *t = arg;

	return t->left-- > 0 && rpc_notify(t->rpc, "session.end", end_params(x)) == 0;
}

void sessions_relay_hello(struct sessions *ss, int64_t relay, struct rpc *rpc)
{
	struct telling t = {.rpc = rpc, .left = TOLD_MAX};

	/* Their tokens would still be good. */
	(void)!store_session_each_ended(ss->store, ss->domain->row.id, relay, clock_wall_s(),
					tell_relay, &t);
}

/* --- life ------------------------------------------------------------------------------------ */

/* Their rounds do not all begin at once. */
static bool take_up(void *arg, const struct store_session *row)
{
	struct session *x = sessions_insert(arg, row);
	uint16_t spread;

	if (!x)
		return false;
	file_random(&spread, sizeof(spread));
	x->next_round_ms = clock_mono_ms() + sessions_times.round_ms / 2 + spread;
	return true;
}

/* A session that was only being opened: nobody was promised anything. So is one without an end. */
static bool is_broken(const struct sessions *ss, const struct session *x, int64_t what)
{
	(void)ss;
	(void)what;
	return x->row.state == STORE_SESSION_OPENING || !x->row.manager || !x->row.device ||
	       x->row.n_relays == 0;
}

static void init_timer(struct sessions *ss, uv_timer_t *t)
{
	uv_timer_init(ss->loop, t);
	t->data = ss;
	ss->n_handles++;
}

int sessions_open(struct sessions **out, uv_loop_t *loop, const struct sessions_config *config)
{
	struct sessions *ss = calloc(1, sizeof(*ss));
	int rc;

	if (!ss)
		return -ENOMEM;
	*ss = (struct sessions){.loop = loop,
				.store = config->store,
				.access = config->access,
				.domain = config->domain,
				.relays = config->relays,
				.life_s = config->life_s,
				.session_rate = config->session_rate,
				.user_rate = config->user_rate,
				.ops = config->ops,
				.arg = config->arg,
				.audit = config->audit};
	init_timer(ss, &ss->timer);
	init_timer(ss, &ss->tick);
	init_timer(ss, &ss->due);
	init_timer(ss, &ss->ruling);
	uv_timer_start(&ss->tick, on_tick, SESSIONS_TICK_MS, SESSIONS_TICK_MS);
	rc = approvals_open(ss);
	if (rc == 0)
		rc = store_session_each(ss->store, ss->domain->row.id, take_up, ss);
	if (rc) {
		sessions_close(ss);
		return rc;
	}
	end_all(ss, is_broken, 0, "the server was restarted");
	sessions_permissions_changed(ss); /* perhaps nobody was told */
	sessions_arm(ss);
	if (ss->n > 0)
		log_info("sessions taken up n=%zu", ss->n);
	*out = ss;
	return 0;
}

static void on_timer_closed(uv_handle_t *h)
{
	struct sessions *ss = h->data;

	if (--ss->n_handles > 0)
		return;
	ss->relays = NULL; /* gone by now */
	while (ss->list)
		forget(ss, ss->list);
	measured_deinit(&ss->measured);
	free(ss);
}

void sessions_close(struct sessions *ss)
{
	if (!ss || ss->closing)
		return;
	ss->closing = true;
	approvals_close(ss);
	uv_close((uv_handle_t *)&ss->timer, on_timer_closed);
	uv_close((uv_handle_t *)&ss->tick, on_timer_closed);
	uv_close((uv_handle_t *)&ss->due, on_timer_closed);
	uv_close((uv_handle_t *)&ss->ruling, on_timer_closed);
}
