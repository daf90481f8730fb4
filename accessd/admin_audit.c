/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The audit is searched, checked and cut. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/audit_check.h"
#include "accessd/audit_view.h"
#include "accessd/checkpoint.h"
#include "accessd/pure/page.h"
#include "accessd/reading.h"
#include "common/io/clock.h"
#include "common/pure/text.h"
#include "common/pure/utc.h"

#define LIST_MAX 500
#define LIST_SOME 50
#define PRUNE_STEP 1000 /* records removed in one transaction */
#define PRUNE_PAUSE_MS 2

/* Whose records: a domain's, or (server: true) what the server says of itself. */
static bool get_domain(struct ask *q, const json_t *params, int64_t *domain)
{
	if (json_is_true(json_object_get(params, "server"))) {
		*domain = 0;
		if (!ask_is_host(q))
			ask_reject(q, RPC_DENIED, "what the server says of itself is for its host");
		return ask_is_host(q);
	}
	if (!admin_ready(q))
		return false;
	*domain = q->realm->domain.row.id;
	return true;
}

/* Answers what could not be started. Return: was it? */
static bool start(struct ask *q, reading_fn *fn, reading_done_fn *done, void *work)
{
	int rc = reading_start(q->app->loop, q->app->store, fn, done, work);

	if (rc == -EBUSY)
		ask_reject(q, RPC_UNAVAILABLE, "too many questions at once; ask again in a moment");
	else if (rc)
		admin_failed(q, rc);
	return rc == 0;
}

/* --- list ------------------------------------------------------------------------------------ */

struct listing {
	struct ask *q;
	struct store_audit_query query;
	char who[AUDIT_NAME_SIZE], target[AUDIT_NAME_SIZE], event[AUDIT_EVENT_SIZE];
	struct audit_view views[2];
	int64_t left;
	struct page page;
	int rc;
};

static void free_listing(struct listing *l)
{
	json_decref(l->page.items);
	audit_view_deinit(&l->views[0]);
	audit_view_deinit(&l->views[1]);
	free(l);
}

static bool list_row(void *arg, const struct store_audit_row *row)
{
	struct listing *l = arg;
	char text[AUDIT_LINE_SIZE];
	json_t *item = NULL;
	size_t n;

	if (l->left-- == 0) {
		l->page.more = true;
		return false;
	}
	if (audit_canonical(&row->r, text, &n) == 0 && audit_line(text, &n, row->hash) == 0)
		item = json_loadb(text, n, 0, NULL);
	return item ? page_add(&l->page, item) : true;
}

static void do_list(struct store *reader, void *work)
{
	struct listing *l = work;

	l->rc = reader ? store_audit_each(reader, &l->query, list_row, l) : -EIO;
}

static void on_listed(void *work, int status)
{
	struct listing *l = work;

	if (status || l->rc)
		admin_failed(l->q, -EIO);
	else
		ask_reply(l->q, page_result(&l->page, "records"));
	free_listing(l);
}

static bool get_text(struct ask *q, const json_t *params, const char *key, char *out, size_t size,
		     const char **value)
{
	if (!json_object_get(params, key))
		return true;
	if (!rpc_str_max(params, key, out, size)) {
		ask_reject(q, RPC_BAD_PARAMS, "%s is a text of less than %zu bytes", key, size);
		return false;
	}
	*value = out;
	return true;
}

static bool get_number(struct ask *q, const json_t *params, const char *key, int64_t max,
		       int64_t *v)
{
	if (!json_object_get(params, key) || rpc_int(params, key, 0, max, v))
		return true;
	ask_reject(q, RPC_BAD_PARAMS, "%s is a number up to %lld", key, (long long)max);
	return false;
}

static bool get_words(struct ask *q, const json_t *params, struct store_audit_query *query)
{
	const char *text;
	enum audit_kind kind;
	enum audit_result result;

	query->kind = query->result = -1;
	if (rpc_str(params, "kind", &text)) {
		if (audit_kind_parse(&kind, text)) {
			ask_reject(q, RPC_BAD_PARAMS, "kind is operation or connection");
			return false;
		}
		query->kind = (int)kind;
	}
	if (rpc_str(params, "result", &text)) {
		if (audit_result_parse(&result, text)) {
			ask_reject(q, RPC_BAD_PARAMS, "result is ok, refused or failed");
			return false;
		}
		query->result = (int)result;
	}
	return true;
}

static bool get_views(struct listing *l)
{
	static const enum permission needs[2] = {PERMIT_VIEW_OPERATIONS, PERMIT_VIEW_CONNECTIONS};

	for (size_t i = 0; i < 2; i++) {
		if (audit_view_make(&l->views[i], l->q, needs[i]) != 0) {
			admin_failed(l->q, -EIO);
			return false;
		}
		l->query.views[i] = (struct store_audit_view){.folders = l->views[i].folders,
							      .shown = l->views[i].shown,
							      .hidden = l->views[i].hidden};
	}
	return true;
}

static bool get_query(struct listing *l, const json_t *params)
{
	struct store_audit_query *query = &l->query;
	struct ask *q = l->q;

	l->left = LIST_SOME;
	if (!get_domain(q, params, &query->domain) || !get_words(q, params, query) ||
	    !get_text(q, params, "who", l->who, sizeof(l->who), &query->who) ||
	    !get_text(q, params, "target", l->target, sizeof(l->target), &query->target) ||
	    !get_text(q, params, "event", l->event, sizeof(l->event), &query->event) ||
	    !get_number(q, params, "since_ms", UTC_MAX_MS, &query->since_ms) ||
	    !get_number(q, params, "until_ms", UTC_MAX_MS, &query->until_ms) ||
	    !get_number(q, params, "after_seq", AUDIT_SEQ_MAX, &query->after) ||
	    !get_number(q, params, "before_seq", AUDIT_SEQ_MAX, &query->before) ||
	    !get_number(q, params, "n", LIST_MAX, &l->left))
		return false;
	if (!get_views(l))
		return false;
	query->with_prev = true;
	query->oldest_first = json_is_true(json_object_get(params, "oldest_first"));
	return true;
}

static void list(struct ask *q, const json_t *params)
{
	struct listing *l = calloc(1, sizeof(*l));

	if (!l) {
		admin_failed(q, -ENOMEM);
		return;
	}
	l->q = q;
	page_init(&l->page);
	audit_flush(q->app->audit);
	if (!get_query(l, params) || !start(q, do_list, on_listed, l))
		free_listing(l);
}

void admin_on_audit_list(struct ask *q, const json_t *params)
{
	list(q, params);
}

/* As list, the oldest first, and that somebody does so is recorded with the first page. */
void admin_on_audit_export(struct ask *q, const json_t *params)
{
	json_t *all;
	char who[STORE_NAME_SIZE + 8];

	if (!json_object_get(params, "after_seq")) {
		snprintf(who, sizeof(who), "%s %s", ask_is_host(q) ? "host" : "user",
			 q->caller.name);
		if (audit_note(
			    q->app->audit,
			    &(struct audit_note){.event = EVENT_AUDIT_EXPORTED,
						 .domain = q->realm ? q->realm->domain.row.id : 0,
						 .who = who,
						 .who_uid = q->caller.uid,
						 .from = q->caller.address}) != 0) {
			admin_failed(q, -EIO);
			return;
		}
	}
	all = json_copy((json_t *)(uintptr_t)params);
	json_object_set_new(all, "oldest_first", json_true());
	json_object_set_new(all, "n", json_integer(LIST_MAX));
	list(q, all);
	json_decref(all);
}

/* --- head ------------------------------------------------------------------------------------ */

void admin_on_audit_head(struct ask *q, const json_t *params)
{
	struct store_audit_head h;
	char hex[AUDIT_HASH_HEX];
	struct audit_counts n;
	int64_t domain;
	json_t *o;

	if (!get_domain(q, params, &domain))
		return;
	audit_flush(q->app->audit);
	audit_counts(q->app->audit, &n);
	if (store_audit_head(q->app->store, domain, &h) != 0 ||
	    text_hex_encode(hex, sizeof(hex), h.hash, sizeof(h.hash)) != 0) {
		admin_failed(q, -EIO);
		return;
	}
	o = json_pack("{s:s, s:I, s:s, s:I, s:I}", "domain", h.domain, "seq", (json_int_t)h.seq,
		      "hash", hex, "stored", (json_int_t)n.stored, "max_records",
		      (json_int_t)n.max_records);
	ask_reply(q, o);
}

/* --- verify ---------------------------------------------------------------------------------- */

struct checking {
	struct ask *q;
	struct audit_check check;
	bool rest; /* not records: indexes, and what ends have signed */
	uint64_t lost;
	int rc;
};

static void do_check(struct store *reader, void *work)
{
	struct checking *c = work;

	if (!reader)
		c->rc = -EIO;
	else if (c->rest)
		c->rc = audit_check_rest(reader, &c->check, &c->lost);
	else
		c->rc = audit_check_piece(reader, &c->check);
}

static json_t *check_result(const struct checking *c)
{
	const struct audit_check *k = &c->check;
	char hex[AUDIT_HASH_HEX];
	json_t *o;

	(void)!text_hex_encode(hex, sizeof(hex), k->hash, sizeof(k->hash)); /* the size is right */
	o = json_pack("{s:I, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "seq",
		      (json_int_t)k->seq, "hash", hex, "more", k->more, "records",
		      (json_int_t)k->records, "sessions", (json_int_t)k->sessions, "checkpoints",
		      (json_int_t)k->checkpoints, "other_checkpoints",
		      (json_int_t)k->other_checkpoints, "backwards", (json_int_t)k->backwards,
		      "backwards_seq", (json_int_t)k->backwards_seq, "lost", (json_int_t)c->lost);
	if (k->fault_seq)
		json_object_set_new(
			o, "fault",
			json_pack("{s:I, s:s}", "seq", (json_int_t)k->fault_seq, "why", k->fault));
	return o;
}

static void on_checked(void *work, int status)
{
	struct checking *c = work;

	if (status || c->rc)
		admin_failed(c->q, -EIO);
	else
		ask_reply(c->q, check_result(c));
	free(c);
}

/* @after_seq with @hash: where the last piece ended. */
static bool get_place(struct checking *c, const json_t *params)
{
	const char *hash = "";

	if (!get_domain(c->q, params, &c->check.domain) ||
	    !get_number(c->q, params, "after_seq", AUDIT_SEQ_MAX, &c->check.seq))
		return false;
	if (c->check.seq == 0 ||
	    (rpc_str(params, "hash", &hash) &&
	     text_hex_decode(c->check.hash, sizeof(c->check.hash), hash, strlen(hash)) == 0))
		return true;
	ask_reject(c->q, RPC_BAD_PARAMS, "hash is 64 hexadecimal digits");
	return false;
}

void admin_on_audit_verify(struct ask *q, const json_t *params)
{
	struct checking *c = calloc(1, sizeof(*c));

	if (!c) {
		admin_failed(q, -ENOMEM);
		return;
	}
	c->q = q;
	c->rest = json_is_true(json_object_get(params, "rest"));
	audit_flush(q->app->audit);
	if (q->realm)
		c->check.cert = q->realm->domain.row.access_cert;
	if (!get_place(c, params) || !start(q, do_check, on_checked, c))
		free(c);
}

/* --- prune ----------------------------------------------------------------------------------- */

/* The cut, and what the audit says of it, which the key signs, in one transaction. */
static int cut(struct ask *q, int64_t domain, int64_t before_ms, struct store_audit_cut *c)
{
	struct store *s = q->app->store;
	char hex[AUDIT_HASH_HEX], time[UTC_TEXT_SIZE];
	int rc = store_audit_cut_before(s, domain, before_ms, c);

	if (rc || text_hex_encode(hex, sizeof(hex), c->hash, sizeof(c->hash)) != 0)
		return rc ? rc : -EIO;
	utc_format(before_ms, time);
	ask_tell(q, "before", json_string(time));
	ask_tell(q, "up_to", json_integer(c->seq));
	ask_tell(q, "hash", json_string(hex));
	rc = store_begin(s);
	if (rc == 0)
		rc = store_audit_cut(s, domain, c);
	if (rc == 0)
		rc = store_commit(s);
	if (rc)
		store_rollback(s);
	return rc;
}

/* What was cut off goes in steps, between which the loop has its turn; what a crash leaves goes
 * with the next cut. */
struct pruning {
	struct ask *q;
	int64_t domain;
	json_t *answer;
	uv_timer_t timer;
};

static void on_pruning_closed(uv_handle_t *h)
{
	free(h->data);
}

static void end_pruning(struct pruning *p, int rc)
{
	audit_recount(p->q->app->audit);
	if (rc) {
		json_decref(p->answer);
		admin_failed(p->q, rc);
	} else {
		ask_reply(p->q, p->answer);
	}
	uv_close((uv_handle_t *)&p->timer, on_pruning_closed);
}

static void on_pruning(uv_timer_t *t)
{
	struct pruning *p = t->data;
	struct store *s = p->q->app->store;
	bool left = false;
	int rc = p->q->app->stopping ? 0 : store_begin(s);

	if (rc == 0 && !p->q->app->stopping) {
		rc = store_audit_remove(s, p->domain, PRUNE_STEP, &left);
		if (rc == 0)
			rc = store_commit(s);
		if (rc)
			store_rollback(s);
	}
	if (rc || !left)
		end_pruning(p, rc);
}

static void begin_pruning(struct ask *q, int64_t domain, json_t *answer)
{
	struct pruning *p = calloc(1, sizeof(*p));

	if (!p)
		abort(); /* the cut is made */
	*p = (struct pruning){.q = q, .domain = domain, .answer = answer};
	uv_timer_init(q->app->loop, &p->timer);
	p->timer.data = p;
	uv_timer_start(&p->timer, on_pruning, 0, PRUNE_PAUSE_MS);
}

void admin_on_audit_prune(struct ask *q, const json_t *params)
{
	struct store_audit_cut c, old = {.seq = 0};
	int64_t domain, before_ms = 0;
	int rc;

	if (!get_domain(q, params, &domain) ||
	    !get_number(q, params, "before_ms", UTC_MAX_MS, &before_ms))
		return;
	if (before_ms > clock_wall_ms()) {
		ask_reject(q, RPC_BAD_PARAMS, "this time is still to come");
		return;
	}
	rc = store_audit_last_cut(q->app->store, domain, &old);
	if (rc == 0)
		rc = cut(q, domain, before_ms, &c);
	if (rc == -ENOENT) {
		ask_reject(q, RPC_NOT_FOUND, "there are no records from before that time");
		return;
	}
	if (rc)
		admin_failed(q, rc);
	else
		begin_pruning(q, domain,
			      json_pack("{s:I, s:I}", "removed", (json_int_t)(c.seq - old.seq),
					"up_to", (json_int_t)c.seq));
}
