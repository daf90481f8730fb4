/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/clients.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/approvals.h"
#include "accessd/clients_internal.h"
#include "accessd/store_signin.h"
#include "common/io/file.h"

#define TICK_MS 1000
#define FLUSH_TICKS 5

/* --- tables ---------------------------------------------------------------------------------- */

static size_t bucket(uint64_t key)
{
	return (size_t)(key % CLIENTS_BUCKETS);
}

struct client *client_by_number(const struct clients *cs, uint64_t number)
{
	struct client *c = cs->by_number[bucket(number)];

	while (c && c->number != number)
		c = c->next_by_number;
	return c;
}

struct client *client_by_endpoint(const struct clients *cs, int64_t endpoint)
{
	struct client *c = cs->by_endpoint[bucket((uint64_t)endpoint)];

	while (c && c->endpoint != endpoint)
		c = c->next_by_endpoint;
	return c;
}

bool clients_member_online(const struct clients *cs, int64_t member)
{
	const struct client *c = cs->by_member[bucket((uint64_t)member)];

	while (c && c->member != member)
		c = c->next_by_member;
	return c != NULL;
}

static void list_add(struct clients *cs, struct client *c)
{
	c->owner = cs;
	c->prev = NULL;
	c->next = cs->all;
	if (cs->all)
		cs->all->prev = c;
	cs->all = c;
	c->next_by_number = cs->by_number[bucket(c->number)];
	cs->by_number[bucket(c->number)] = c;
	cs->n++;
}

void client_count(struct client *c, bool counts)
{
	struct origins *origins = &c->owner->front->origins;

	counts = counts && !c->is_known && !c->is_local && !c->by_proxy;
	if (counts && !c->is_counted)
		origins_add(origins, c->source);
	else if (!counts && c->is_counted)
		origins_remove(origins, c->source);
	c->is_counted = counts;
}

void client_set_known(struct client *c)
{
	c->is_known = true;
	c->owner->front->n_unknown--;
	client_count(c, false);
}

static void list_remove(struct clients *cs, struct client *c)
{
	struct client **at = &cs->by_number[bucket(c->number)];

	while (*at != c)
		at = &(*at)->next_by_number;
	*at = c->next_by_number;
	if (c->prev)
		c->prev->next = c->next;
	else
		cs->all = c->next;
	if (c->next)
		c->next->prev = c->prev;
	cs->n--;
}

void client_link(struct clients *cs, struct client *c)
{
	c->number = ++cs->front->last_number;
	list_add(cs, c);
	cs->front->n_all++;
	cs->front->n_unknown++;
	client_count(c, true);
}

void client_move(struct client *c, struct clients *to)
{
	list_remove(c->owner, c);
	list_add(to, c);
}

static void unlink_client(struct clients *cs, struct client *c)
{
	client_count(c, false);
	intake_forget(&cs->front->intake, c);
	list_remove(cs, c);
	cs->front->n_all--;
	cs->front->n_unknown -= !c->is_known;
	cs->front->n_later -= c->later != NULL;
}

void client_set_online(struct client *c)
{
	struct clients *cs = c->owner;
	size_t e = bucket((uint64_t)c->endpoint), m = bucket((uint64_t)c->member);

	c->state = CLIENT_ONLINE;
	c->next_by_endpoint = cs->by_endpoint[e];
	cs->by_endpoint[e] = c;
	c->next_by_member = cs->by_member[m];
	cs->by_member[m] = c;
	if (c->kind == IDENT_RELAY) {
		c->next_relay = cs->online_relays;
		cs->online_relays = c;
	}
	log_notice("online kind=%s name=%s address=%s version=%s", ident_kind_name(c->kind),
		   c->name, c->address, c->version);
	client_note_presence(c, NULL);
}

static void relay_offline(struct client *c)
{
	struct client **at = &c->owner->online_relays;

	while (*at != c)
		at = &(*at)->next_relay;
	*at = c->next_relay;
	relays_offline(c->owner->relays, c->member);
}

static void set_offline(struct client *c, const char *reason)
{
	struct clients *cs = c->owner;
	struct client **at = &cs->by_endpoint[bucket((uint64_t)c->endpoint)];

	while (*at != c)
		at = &(*at)->next_by_endpoint;
	*at = c->next_by_endpoint;
	at = &cs->by_member[bucket((uint64_t)c->member)];
	while (*at != c)
		at = &(*at)->next_by_member;
	*at = c->next_by_member;
	seen_note(&cs->seen, c->member, clock_wall_s(), c->version, c->address);
	client_note_presence(c, reason);
	if (c->kind == IDENT_RELAY)
		relay_offline(c);
	else
		approvals_withdraw(cs->sessions, c->number, NULL);
	log_notice("offline kind=%s name=%s address=%s reason=\"%s\"", ident_kind_name(c->kind),
		   c->name, c->address, reason);
}

/* --- closing --------------------------------------------------------------------------------- */

void client_set_closing(struct client *c, const char *reason)
{
	enum client_state was = c->state;

	c->state = CLIENT_CLOSING;
	if (was == CLIENT_ONLINE)
		set_offline(c, reason);
	else if (c->is_served)
		log_debug("connection closed address=%s reason=\"%s\"", c->address, reason);
	else if (was != CLIENT_CLOSING && log_allowed(&c->owner->broken_limit, CLIENTS_LOG_BURST))
		log_info("connection closed address=%s reason=\"%s\"", c->address, reason);
}

static void drop_transport(struct client *c, const char *reason, bool in_order)
{
	if (c->inner && in_order)
		inner_finish(c->inner, reason);
	else if (c->inner)
		inner_close(c->inner, reason);
	else if (c->outer)
		outer_close(c->outer, reason);
}

static void end_client(struct client *c, const char *reason, bool retry, uint32_t after_s)
{
	bool in_order = c->has_rpc;
	json_t *params;

	if (c->state == CLIENT_CLOSING)
		return;
	client_set_closing(c, reason);
	if (c->has_rpc) {
		params = json_pack("{s:s, s:b}", "reason", reason, "retry", retry);
		if (after_s > 0)
			json_object_set_new(params, "after_s", json_integer(after_s));
		rpc_notify(&c->rpc, "bye", params);
		rpc_deinit(&c->rpc);
	}
	drop_transport(c, reason, in_order);
}

void client_end(struct client *c, const char *reason, bool retry)
{
	end_client(c, reason, retry, 0);
}

/* From within sending: what waits for answers is told later, when the connection has closed. */
int client_send(struct rpc *rpc, const void *bytes, size_t n)
{
	struct client *c = rpc->arg;
	int rc = c->inner ? inner_send(c->inner, bytes, n) : -EPIPE;

	if (rc && c->state != CLIENT_CLOSING) {
		client_set_closing(c, "does not take what is sent");
		drop_transport(c, "does not take what is sent", false);
	}
	return rc;
}

static void drop_contexts(struct clients *cs)
{
	struct contexts *older;

	for (; cs->contexts; cs->contexts = older) {
		older = cs->contexts->older;
		tls_ctx_free(cs->contexts->tls);
		free(cs->contexts);
	}
}

/* The struct stays until the front's end: who waits for something may still ask it for a client. */
static void end_if_done(struct clients *cs)
{
	if (!cs->closing || cs->n > 0 || cs->handles > 0)
		return;
	drop_contexts(cs);
	cs->ended = true;
	front_ended(cs->front);
}

void client_gone(struct client *c, const char *reason)
{
	struct clients *cs = c->owner;

	client_set_closing(c, reason);
	c->outer = NULL;
	c->inner = NULL;
	if (c->has_rpc)
		rpc_deinit(&c->rpc);
	unlink_client(cs, c);
	explicit_bzero(c, sizeof(*c));
	free(c);
	end_if_done(cs);
}

/* --- time ------------------------------------------------------------------------------------ */

/* By the clock that nobody sets; @expires 0: never. */
void client_set_expiry(struct client *c, int64_t expires)
{
	int64_t left = expires - clock_wall_s();

	c->expires_ms = expires ? clock_mono_ms() + (left > 0 ? (uint64_t)left * 1000 : 0) : 0;
}

static const char *why_late(const struct client *c, uint64_t now)
{
	switch (c->state) {
	case CLIENT_OUTER:
	case CLIENT_INNER:
	case CLIENT_CLOSING:
		return NULL; /* the layers below have their own deadlines */
	case CLIENT_ENROL:
		return now > c->deadline_ms ? "enrolment took too long" : NULL;
	case CLIENT_HELLO:
		return now > c->deadline_ms ? "did not say hello" : NULL;
	case CLIENT_ONLINE:
		if (c->reported_ms && now > c->reported_ms + HEALTH_SILENCE_MS)
			return "no report came for 25 s";
		return now > c->heard_ms + CLIENTS_SILENCE_MS ? "nothing was heard for 75 s" : NULL;
	}
	return NULL;
}

/* A user's time is over, unless the same key was signed in again meanwhile. */
static void client_renew(struct client *c)
{
	struct known known;
	struct refusal why;

	if (admission_check(c->owner->admission, &c->id, c->key_sha256, clock_wall_s(), &known,
			    &why))
		client_set_expiry(c, known.endpoint.expires);
	else
		client_end(c, why.message, why.code == RPC_INTERNAL);
}

/* Whose time is over loses all at once; each is recorded once. */
static void expire_users(struct clients *cs)
{
	static const char words[] = "the account has expired";
	int64_t domain = cs->admission->domain->row.id, member = 0;
	struct store_member m;

	while (store_expired(cs->store, domain, clock_wall_s(), &member) == 0 &&
	       store_member_get(cs->store, member, &m) == 0) {
		char what[STORE_NAME_SIZE + 8];
		const struct audit_note n = {.event = EVENT_USER_EXPIRED,
					     .domain = domain,
					     .who = "server",
					     .what = what};
		int rc = store_begin(cs->store);

		snprintf(what, sizeof(what), "user %s", m.name);
		if (rc == 0)
			rc = store_expired_noted(cs->store, member);
		if (rc == 0)
			rc = audit_note(cs->audit, &n);
		if (rc == 0)
			rc = store_commit(cs->store);
		if (rc) {
			store_rollback(cs->store);
			return; /* the next tick tries again */
		}
		log_notice("expired kind=user name=%s", m.name);
		sessions_end_member(cs->sessions, member, words);
		clients_drop_member(cs, member, words, false);
	}
}

static void on_tick(uv_timer_t *t)
{
	struct clients *cs = t->data;
	uint64_t now = clock_mono_ms();
	struct client *next;

	for (struct client *c = cs->all; c; c = next) {
		const char *late = why_late(c, now);

		next = c->next; /* ending frees nothing before the loop's next round */
		if (late)
			client_end(c, late, true);
		else if (c->state == CLIENT_ONLINE && c->expires_ms && now >= c->expires_ms)
			client_renew(c);
	}
	if (++cs->ticks % FLUSH_TICKS == 0)
		seen_flush(&cs->seen);
	if (cs->sessions)
		expire_users(cs);
}

/* --- from outside ---------------------------------------------------------------------------- */

static void drop(struct clients *cs, bool by_member, int64_t id, const char *reason, bool retry)
{
	struct client *next;

	for (struct client *c = cs->all; c; c = next) {
		next = c->next;
		if (c->is_known && (by_member ? c->member : c->endpoint) == id)
			client_end(c, reason, retry);
	}
}

void clients_drop_member(struct clients *cs, int64_t member, const char *reason, bool retry)
{
	drop(cs, true, member, reason, retry);
}

void clients_drop_endpoint(struct clients *cs, int64_t endpoint, const char *reason, bool retry)
{
	drop(cs, false, endpoint, reason, retry);
}

void clients_look_again(struct clients *cs, int64_t member)
{
	for (struct client *c = cs->all; c; c = c->next) {
		if (c->state == CLIENT_ONLINE && c->member == member && c->expires_ms)
			c->expires_ms = 1; /* the next tick asks what holds now */
	}
	expire_users(cs);
}

void clients_flush(struct clients *cs)
{
	seen_flush(&cs->seen);
}

static void count_online(const struct clients *cs, struct clients_counts *n)
{
	for (const struct client *c = cs->all; c; c = c->next) {
		n->unknown += !c->is_known;
		if (c->state != CLIENT_ONLINE)
			continue;
		n->devices += c->kind == IDENT_DEVICE;
		n->users += c->kind == IDENT_USER;
		n->relays += c->kind == IDENT_RELAY;
	}
}

static void add_counts(const struct clients *cs, struct clients_counts *n)
{
	n->connections += cs->n;
	n->outer_ok += cs->outer_ok;
	n->outer_failed += cs->outer_failed;
	n->inner_ok += cs->inner_ok;
	n->inner_failed += cs->inner_failed;
	n->refused_full += cs->refused_full;
	n->refused_member += cs->refused_member;
	count_online(cs, n);
}

void clients_count(const struct clients *cs, struct clients_counts *n)
{
	*n = (struct clients_counts){0};
	n->waiting = cs->intake.n;
	n->told_later = cs->intake.told;
	add_counts(cs, n);
	for (const struct clients *d = cs->domains; d; d = d->next)
		add_counts(d, n);
	for (const struct clients *d = cs->gone; d; d = d->next)
		add_counts(d, n);
}

static void each_result(const uint64_t n[RPC_RESULTS], const char *method,
			void (*fn)(void *arg, const char *method, enum rpc_result result,
				   uint64_t n),
			void *arg)
{
	for (int r = 0; r < RPC_RESULTS; r++) {
		if (n[r] > 0)
			fn(arg, method, (enum rpc_result)r, n[r]);
	}
}

static void add_tally(struct rpc_tally *sum, const struct rpc_tally *t)
{
	for (size_t m = 0; m < RPC_TALLY_METHODS; m++) {
		for (int r = 0; r < RPC_RESULTS; r++)
			sum->n[m][r] += t->n[m][r];
	}
}

static void add_tallies(struct rpc_tally sum[2], const struct clients *list)
{
	for (const struct clients *cs = list; cs; cs = cs->next) {
		add_tally(&sum[0], &cs->members_tally);
		add_tally(&sum[1], &cs->newcomers_tally);
	}
}

void clients_each_request(const struct clients *front,
			  void (*fn)(void *arg, const char *method, enum rpc_result result,
				     uint64_t n),
			  void *arg)
{
	static const struct rpc_ops *const of[2] = {&CONTROL_OPS, &NEWCOMER_OPS};
	struct rpc_tally sum[2] = {0};
	uint64_t others[RPC_RESULTS];

	add_tallies(sum, front->domains);
	add_tallies(sum, front->gone);
	for (int k = 0; k < 2; k++) {
		for (size_t i = 0; i < of[k]->n_methods && i < RPC_TALLY_OTHER; i++)
			each_result(sum[k].n[i], of[k]->methods[i].name, fn, arg);
	}
	for (int r = 0; r < RPC_RESULTS; r++)
		others[r] = sum[0].n[RPC_TALLY_OTHER][r] + sum[1].n[RPC_TALLY_OTHER][r];
	each_result(others, "other", fn, arg);
}

static bool op_endpoint_knows_windows(void *arg, int64_t endpoint)
{
	const struct client *c = client_by_endpoint(arg, endpoint);

	return c && c->knows_windows;
}

static struct rpc *op_endpoint_rpc(void *arg, int64_t endpoint)
{
	struct client *c = client_by_endpoint(arg, endpoint);

	return c ? &c->rpc : NULL;
}

static void op_relays_notify(void *arg, const char *method, const json_t *params)
{
	struct clients *cs = arg;

	struct client *next;

	for (struct client *c = cs->online_relays; c; c = next) {
		next = c->next_relay;
		rpc_notify(&c->rpc, method, json_deep_copy(params));
	}
}

/* --- relays, for everybody ------------------------------------------------------------------- */

static void tell_list(struct client *c, json_t *params)
{
	struct clients *cs = c->owner;

	if (c->list_told == cs->lists)
		return;
	c->list_told = cs->lists;
	rpc_notify(&c->rpc, "relay.list", json_incref(params));
}

struct telling {
	struct clients *cs;
	json_t *params;
};

static bool tell_device(void *arg, const struct store_session *x, int64_t relay)
{
	struct telling *t = arg;
	struct client *c = client_by_endpoint(t->cs, x->device);

	(void)relay;
	if (c)
		tell_list(c, t->params);
	return true;
}

void clients_tell_relays(struct clients *cs)
{
	json_t *params = json_pack("{s:o}", "relays", relays_list(cs->relays));
	struct telling t = {cs, params};

	cs->lists++;
	for (struct client *c = cs->all; c; c = c->next) {
		if (c->state == CLIENT_ONLINE && c->kind == IDENT_USER)
			tell_list(c, params);
	}
	if (cs->sessions)
		sessions_each(cs->sessions, "", tell_device, &t);
	json_decref(params);
}

void clients_tell_drain(struct clients *cs, int64_t member, bool drain)
{
	for (struct client *c = cs->all; c; c = c->next) {
		if (c->state == CLIENT_ONLINE && c->member == member)
			rpc_notify(&c->rpc, "relay.drain", json_pack("{s:b}", "drain", drain));
	}
}

/* A fleet takes its time: some 50 a second. */
#define DUE_EACH_S 50

void clients_tell_due(struct clients *cs)
{
	json_int_t within_s = (json_int_t)(cs->n / DUE_EACH_S);

	for (struct client *c = cs->all; c; c = c->next) {
		if (c->state == CLIENT_ONLINE && control_is_due(c))
			rpc_notify(&c->rpc, "identity.due",
				   json_pack("{s:I}", "within_s", within_s));
	}
}

void clients_drop_all(struct clients *cs, const char *reason, bool retry)
{
	struct client *next;

	for (struct client *c = cs->all; c; c = next) {
		next = c->next;
		if (c->is_known)
			client_end(c, reason, retry);
	}
}

void clients_tell_keys(struct clients *cs)
{
	json_t *keys = domain_token_keys(cs->admission->domain);

	for (struct client *c = cs->all; c; c = c->next) {
		if (c->state == CLIENT_ONLINE && c->kind == IDENT_RELAY)
			rpc_notify(&c->rpc, "relay.keys", json_pack("{s:O}", "token_keys", keys));
	}
	json_decref(keys);
}

const struct sessions_ops CLIENTS_SESSIONS_OPS = {
	.endpoint_rpc = op_endpoint_rpc,
	.endpoint_knows_windows = op_endpoint_knows_windows,
	.relays_notify = op_relays_notify,
	.answer = control_session_answer,
	.manager = control_session_manager,
	.each_user = control_each_user,
};

/* --- life ------------------------------------------------------------------------------------ */

/* For who trusts a CA that the domain had. In order: their numbers are the anchors'. */
static int add_anchors(struct tls_ctx *inner, const struct domain *d)
{
	int rc = 0;

	for (size_t i = 0; i < d->n_formers && rc == 0; i++) {
		const struct domain_former *f = &d->formers[i];
		bool lives = f->access_cert.len > 0;

		rc = tls_ctx_add_anchor(inner, lives ? &f->access_cert : &d->row.access_cert,
					&f->row.ca, domain_anchor_ok(d, (int)i));
	}
	return rc;
}

int clients_use_certs(struct clients *cs)
{
	const struct domain *domain = cs->admission->domain;
	const struct store_domain *d = &domain->row;
	struct contexts *x = calloc(1, sizeof(*x));
	int rc;

	if (!x)
		return -ENOMEM;
	rc = tls_ctx_inner_server(&x->tls, &d->access_cert, &d->access_key, &d->ca);
	if (rc == 0)
		rc = add_anchors(x->tls, domain);
	if (rc) {
		tls_ctx_free(x->tls);
		free(x);
		return rc;
	}
	x->anchor = (int)domain->n_formers;
	x->older = cs->contexts;
	cs->contexts = x;
	return front_use_certs(cs->front);
}

int clients_open(struct clients **out, uv_loop_t *loop, const struct clients_config *config)
{
	struct clients *cs = calloc(1, sizeof(*cs));
	uint64_t seed;

	if (!cs)
		return -ENOMEM;
	cs->loop = loop;
	cs->front = config->front ? config->front : cs;
	cs->store = config->store;
	cs->audit = config->audit;
	cs->access = config->access;
	cs->admission = config->admission;
	cs->passwords = config->passwords;
	cs->signin = config->signin;
	cs->relays = config->relays;
	cs->admin = config->admin;
	cs->admin_arg = config->admin_arg;
	cs->proxies = config->proxies;
	cs->certs = config->certs;
	seen_init(&cs->seen, cs->store);
	file_random(&seed, sizeof(seed));
	origins_init(&cs->origins, seed);
	uv_timer_init(loop, &cs->tick);
	cs->tick.data = cs;
	uv_timer_start(&cs->tick, on_tick, TICK_MS, TICK_MS);
	cs->handles = 1;
	*out = cs;
	if (cs->front == cs) {
		intake_open(&cs->intake, loop, config->per_s);
		cs->handles++;
		return 0;
	}
	front_add(cs->front, cs);
	return clients_use_certs(cs);
}

void clients_set_sessions(struct clients *cs, struct sessions *sessions)
{
	cs->sessions = sessions;
}

static void handle_closed(struct clients *cs)
{
	cs->handles--;
	end_if_done(cs);
}

static void on_tick_closed(uv_handle_t *h)
{
	handle_closed(h->data);
}

static void on_intake_closed(uv_handle_t *h)
{
	void *cs = (char *)h->data - offsetof(struct clients, intake);

	handle_closed(cs);
}

void clients_close(struct clients *cs)
{
	struct client *next;

	if (!cs || cs->closing)
		return;
	cs->closing = true;
	if (cs->front != cs)
		front_remove(cs->front, cs);
	for (struct client *c = cs->all; c; c = next) {
		next = c->next;
		end_client(c, "the server is shutting down", true,
			   c->has_rpc ? intake_later_s(&cs->front->intake) : 0);
		if (c->has_rpc)
			rpc_deinit(&c->rpc); /* answers what waits while those who wait are still
						there */
	}
	seen_flush(&cs->seen);
	uv_close((uv_handle_t *)&cs->tick, on_tick_closed);
	if (cs->front == cs)
		intake_close(&cs->intake, on_intake_closed);
}
