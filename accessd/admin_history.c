/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session.history: sessions with what their stations say that they have carried. */
#include <stdio.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/pure/page.h"

#define REPORTS_MAX 100 /* of a session in an answer: they fit into a message */

struct listing {
	const struct ask *q;
	struct realm *realm;
	struct page page;
};

/* Stretches of one reporter, summed up. */
struct sum {
	json_t *list;
	struct store_usage x;
	int64_t n; /* 0: none yet */
};

static const char *station_name(enum ident_kind kind)
{
	return kind == IDENT_USER ? "manager" : ident_kind_name(kind);
}

static void put_count(json_t *o, const char *key, uint64_t v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

static void flush_sum(struct sum *s)
{
	const struct usage *u = &s->x.u;
	json_t *o;

	if (s->n == 0 || json_array_size(s->list) == REPORTS_MAX)
		return;
	o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:b}", "kind", station_name(s->x.kind), "name",
		      s->x.name, "stretches", (json_int_t)s->n, "from_ms", (json_int_t)u->from_ms,
		      "to_ms", (json_int_t)u->to_ms, "over", u->over);
	put_count(o, "bytes_to_device", u->bytes_to_device);
	put_count(o, "bytes_to_manager", u->bytes_to_manager);
	if (u->has_packets) {
		put_count(o, "packets_to_device", u->packets_to_device);
		put_count(o, "packets_to_manager", u->packets_to_manager);
	}
	if (u->over)
		json_object_set_new(o, "reason", json_string(u->reason));
	json_array_append_new(s->list, o);
	s->n = 0;
}

/* They come by reporter and time: the last one's words count. */
static bool add_usage(void *arg, const struct store_usage *x)
{
	struct sum *s = arg;
	struct usage *u = &s->x.u;

	if (s->n > 0 && strcmp(s->x.reporter, x->reporter) == 0) {
		u->bytes_to_device += x->u.bytes_to_device;
		u->bytes_to_manager += x->u.bytes_to_manager;
		u->packets_to_device += x->u.packets_to_device;
		u->packets_to_manager += x->u.packets_to_manager;
		u->to_ms = x->u.to_ms > u->to_ms ? x->u.to_ms : u->to_ms;
		u->over = x->u.over;
		snprintf(u->reason, sizeof(u->reason), "%s", x->u.reason);
		s->n++;
		return true;
	}
	flush_sum(s);
	s->x = *x;
	s->n = 1;
	return true;
}

static json_t *relay_names(struct store *s, const struct store_session *x)
{
	json_t *list = json_array();
	struct store_member m;

	for (size_t i = 0; i < x->n_relays; i++) {
		if (store_member_get(s, x->relays[i], &m) == 0)
			json_array_append_new(list, json_string(m.name));
	}
	return list;
}

static bool add_session(void *arg, const struct store_session *x)
{
	static const char *const states[] = {"opening", "live", "ended"};
	struct listing *l = arg;
	struct sum sum = {0};
	json_t *o;

	if (!ask_may_device(l->q, PERMIT_VIEW_CONNECTIONS, x->device_member))
		return true;
	sum.list = json_array();
	o = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:o}", "session", x->id, "user",
		      x->user_name, "device", x->device_name, "state", states[x->state], "started",
		      (json_int_t)x->started, "ended", (json_int_t)x->ended, "reason", x->reason,
		      "relays", relay_names(l->realm->store, x));

	if (store_usage_each(l->realm->store, x->id, add_usage, &sum) == 0)
		flush_sum(&sum);
	admin_put_control(x, o);
	json_object_set_new(o, "usage", sum.list);
	return page_add(&l->page, o);
}

static bool get_name(const json_t *params, const char *key, char out[STORE_NAME_SIZE])
{
	out[0] = '\0';
	return !json_object_get(params, key) || rpc_str_max(params, key, out, STORE_NAME_SIZE);
}

void admin_on_session_history(struct ask *q, const json_t *params)
{
	char after[TOKEN_SESSION_SIZE] = "", user[STORE_NAME_SIZE], device[STORE_NAME_SIZE];
	struct listing l = {.q = q, .realm = q->realm};
	struct store_history h = {.user = user, .device = device, .after = after};
	int rc;

	if (!admin_ready(q))
		return;
	(void)!rpc_str_max(params, "after", after, sizeof(after)); /* may be absent, as is since */
	(void)!rpc_int(params, "since", 0, INT64_MAX, &h.since);
	if (!get_name(params, "user", user) || !get_name(params, "device", device)) {
		ask_reject(q, RPC_BAD_PARAMS, "user and device are names");
		return;
	}
	h.domain = l.realm->domain.row.id;
	page_init(&l.page);
	rc = store_session_history(l.realm->store, &h, add_session, &l);
	if (rc) {
		json_decref(l.page.items);
		admin_failed(q, rc);
		return;
	}
	ask_reply(q, page_result(&l.page, "sessions"));
}
