/* SPDX-License-Identifier: GPL-3.0-or-later */
/* At which relays the two ends of a session meet, when it begins and while it runs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/sessions_internal.h"
#include "common/io/file.h"
#include "common/io/log.h"

#define DUE_MS 10

/* --- what there is to choose from ------------------------------------------------------------ */

struct field {
	size_t n;
	uint64_t max_age_ms; /* of results */
	struct choose_relay at[RELAYS_MAX];
};

static bool is_listed(const struct store_session *row, int64_t relay)
{
	for (size_t i = 0; i < row->n_relays; i++) {
		if (row->relays[i] == relay)
			return true;
	}
	return false;
}

static struct choose_way way_of(const struct measured_kept *k, int64_t relay, uint64_t max_age_ms)
{
	const struct measured_way *w = measured_way(k, relay, clock_mono_ms(), max_age_ms);

	if (!w)
		return (struct choose_way){.state = CHOOSE_UNKNOWN};
	if (w->failed)
		return (struct choose_way){.state = CHOOSE_UNREACHABLE};
	return (struct choose_way){CHOOSE_KNOWN, w->rtt_us, w->loss_pm};
}

/* One that is merely not heard of, or is too busy for more, comes after those that are well. */
static unsigned int rank_of(enum health health)
{
	switch (health) {
	case HEALTH_OK:
		return 0;
	case HEALTH_LATE:
	case HEALTH_FULL:
	case HEALTH_SILENT:
		return 1;
	case HEALTH_OFFLINE:
	case HEALTH_DRAINING:
	case HEALTH_DRAINED:
		return 2;
	}
	return 2;
}

static void add_wish(struct field *f, int64_t relay, enum store_wish wish)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->at[i].id != relay)
			continue;
		f->at[i].pinned = wish == STORE_WISH_PIN;
		f->at[i].avoided = wish == STORE_WISH_AVOID;
	}
}

static int add_wishes(struct sessions *ss, struct field *f, int64_t device_member)
{
	struct store_wishes w;
	int rc = store_wishes_of(ss->store, device_member, &w);

	if (rc)
		return rc;
	for (size_t i = 0; i < w.n; i++)
		add_wish(f, w.at[i].relay, w.at[i].wish);
	return 0;
}

/* Those that can be used and those that the session has; @any: all but the drained ones. */
static void add_relays(const struct sessions *ss, struct field *f, const struct store_session *row,
		       bool any)
{
	const struct measured_kept *manager = measured_find(&ss->measured, row->manager),
				   *device = measured_find(&ss->measured, row->device);

	for (size_t i = 0; i < relays_count(ss->relays); i++) {
		const struct relay_info *r = relays_at(ss->relays, i);

		if (health_leaves(r->health) ||
		    (r->health != HEALTH_OK && !any && !is_listed(row, r->member)))
			continue;
		f->at[f->n++] = (struct choose_relay){
			.id = r->member,
			.manager = way_of(manager, r->member, f->max_age_ms),
			.device = way_of(device, r->member, f->max_age_ms),
			.load = r->known.has_report ? health_load(&r->known.report) : 0,
			.sessions = r->sessions,
			.rank = rank_of(r->health),
		};
	}
}

static struct field *new_field(uint64_t max_age_ms)
{
	struct field *f = calloc(1, sizeof(*f));

	if (f)
		f->max_age_ms = max_age_ms;
	return f;
}

/* Without any that is well, what is known may be stale: accessd was just started, say. */
static int fill_field(struct sessions *ss, struct field *f, const struct store_session *row)
{
	f->n = 0;
	add_relays(ss, f, row, false);
	if (f->n == 0)
		add_relays(ss, f, row, true);
	return add_wishes(ss, f, row->device_member);
}

/* --- a session begins ------------------------------------------------------------------------ */

int meeting_choose(struct sessions *ss, struct store_session *row, bool *guessed)
{
	struct field *f = new_field(MEASURED_KEEP_MS);
	int rc = f ? fill_field(ss, f, row) : -ENOMEM;

	if (rc == 0) {
		row->n_relays = choose_order(f->at, f->n, GRANT_RELAYS_MAX);
		for (size_t i = 0; i < row->n_relays; i++)
			row->relays[i] = f->at[i].id;
		*guessed = measuring_lacks(ss, row->manager) || measuring_lacks(ss, row->device);
	}
	free(f);
	return rc;
}

void meeting_count(struct sessions *ss, struct session *x, bool over)
{
	int64_t relay = over || x->row.n_relays == 0 ? 0 : x->row.relays[0];
	struct relay_info *was, *is;

	if (!ss->relays || relay == x->begins_at)
		return;
	was = relays_find(ss->relays, x->begins_at);
	is = relays_find(ss->relays, relay);
	if (was && was->sessions > 0)
		was->sessions--;
	if (is)
		is->sessions++;
	x->begins_at = relay;
}

/* --- a session runs -------------------------------------------------------------------------- */

struct list {
	size_t n;
	int64_t at[GRANT_RELAYS_MAX];
};

static bool list_has(const struct list *l, int64_t relay)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->at[i] == relay)
			return true;
	}
	return false;
}

/* The relay of its packets, as an end says; else the one that both ends try first. */
static const struct choose_relay *current_of(const struct session *x, const struct field *f)
{
	int64_t id = x->path[TOKEN_MANAGER] ? x->path[TOKEN_MANAGER] : x->path[TOKEN_DEVICE];

	if (!id)
		id = x->row.relays[0];
	for (size_t i = 0; i < f->n; i++) {
		if (f->at[i].id == id)
			return &f->at[i];
	}
	return NULL;
}

/* @first (0: none) goes before all; it may be one that choose_order() left out. */
static struct list list_of(const struct field *f, size_t n, int64_t first)
{
	struct list l = {.n = 0};

	if (first)
		l.at[l.n++] = first;
	for (size_t i = 0; i < n && l.n < GRANT_RELAYS_MAX; i++) {
		if (f->at[i].id != first)
			l.at[l.n++] = f->at[i].id;
	}
	return l;
}

/* Has the session's list one that may not be used any more, or none in place of one that may? */
static bool is_worse(const struct session *x, const struct field *f, const struct list *l)
{
	size_t ok = 0;

	for (size_t i = 0; i < x->row.n_relays; i++) {
		const struct choose_relay *r = NULL;

		for (size_t k = 0; k < f->n && !r; k++)
			r = f->at[k].id == x->row.relays[i] ? &f->at[k] : NULL;
		if (!r)
			return true;
		ok += r->rank == 0;
	}
	for (size_t i = 0; i < l->n; i++) {
		if (!is_listed(&x->row, l->at[i]) &&
		    (x->row.n_relays < GRANT_RELAYS_MAX || ok < x->row.n_relays))
			return true;
	}
	return false;
}

/* The same relays, the same one first: what comes behind it is not worth a change. */
static bool is_same(const struct session *x, const struct list *l)
{
	if (l->n != x->row.n_relays || l->at[0] != x->row.relays[0])
		return false;
	for (size_t i = 0; i < x->row.n_relays; i++) {
		if (!list_has(l, x->row.relays[i]))
			return false;
	}
	return true;
}

static const char *relay_name(const struct sessions *ss, int64_t relay)
{
	const struct relay_info *r = relays_find(ss->relays, relay);

	return r ? r->name : "-";
}

static void change(struct sessions *ss, struct session *x, const struct list *l,
		   const struct choose_relay *current, const char *why)
{
	struct store_session row = x->row;

	row.serial++;
	row.n_relays = l->n;
	memcpy(row.relays, l->at, l->n * sizeof(l->at[0]));
	x->changed_ms = clock_mono_ms();
	if (store_session_set_relays(ss->store, &row) != 0) {
		log_error("a session's relays could not be stored session=%s", row.id);
		return;
	}
	x->row = row;
	meeting_count(ss, x, false);
	log_notice("session relays session=%s serial=%u first=%s was=%s n=%zu reason=\"%s\"",
		   row.id, row.serial, relay_name(ss, row.relays[0]),
		   current ? relay_name(ss, current->id) : "-", row.n_relays, why);
	grants_send_relays(ss, x, row.manager);
	grants_send_relays(ss, x, row.device);
}

static const char *why_moved(enum choose_event event, const struct choose_relay *current)
{
	if (!current)
		return "its relay is not to be used any more";
	switch (event) {
	case CHOOSE_FIRST:
		return "measured: another one is nearer";
	case CHOOSE_ROUND:
		return "another one has been better for minutes";
	case CHOOSE_CHANGE:
		return "wished so";
	}
	return "";
}

static void look_in(struct sessions *ss, struct session *x, struct field *f,
		    enum choose_event event)
{
	size_t n = choose_order(f->at, f->n, GRANT_RELAYS_MAX);
	const struct choose_relay *current = current_of(x, f);
	int64_t stays = current ? current->id : 0;
	bool move = n > 0 && choose_move(&x->better, &f->at[0], current, event, clock_mono_ms());
	struct list l = list_of(f, n, move ? 0 : stays);

	/* With the list that they have, too, where the ends met behind the first of it. */
	if (l.n == 0 || (!move && (!is_worse(x, f, &l) || is_same(x, &l))))
		return;
	change(ss, x, &l, current, move ? why_moved(event, current) : "others can be used");
}

/* All its relays were taken out of the register, and there is no other. */
static bool has_none(const struct sessions *ss, const struct session *x)
{
	for (size_t i = 0; i < x->row.n_relays; i++) {
		if (relays_find(ss->relays, x->row.relays[i]))
			return false;
	}
	return true;
}

void meeting_look(struct sessions *ss, struct session *x, enum choose_event event)
{
	struct field *f;

	if (x->row.state != STORE_SESSION_LIVE)
		return;
	/* One measurement is not to count for several rounds. */
	f = new_field(event == CHOOSE_ROUND ? sessions_times.round_ms : MEASURED_KEEP_MS);
	if (f && fill_field(ss, f, &x->row) == 0)
		look_in(ss, x, f, event);
	free(f);
	if (has_none(ss, x))
		sessions_finish(ss, x, "its relays are gone", 0);
}

/* --- relays come and go ---------------------------------------------------------------------- */

static void on_due(uv_timer_t *t)
{
	struct sessions *ss = t->data;
	uint64_t now = clock_mono_ms(), again = 0;
	size_t left = SESSIONS_AT_ONCE;
	struct session *x = ss->list, *next;

	for (; x && left > 0; x = next) {
		next = x->next;
		if (!x->is_due)
			continue;
		if (x->changed_ms && now < x->changed_ms + SESSIONS_CHANGE_MS) {
			again = SESSIONS_CHANGE_MS;
			continue;
		}
		left--;
		x->is_due = false;
		meeting_look(ss, x, CHOOSE_CHANGE); /* ends no other one */
	}
	if (left == 0)
		again = DUE_MS;
	if (again && !ss->closing)
		uv_timer_start(t, on_due, again, 0);
}

void meeting_due(struct sessions *ss, struct session *x)
{
	x->is_due = true;
	if (!ss->closing)
		uv_timer_start(&ss->due, on_due, 0, 0);
}

void sessions_relay_health(struct sessions *ss, const struct relay_info *r, enum health was)
{
	bool leaves = health_leaves(r->health), comes = r->health == HEALTH_OK;

	if (!leaves && !comes)
		return;
	(void)was;
	for (struct session *x = ss->list; x; x = x->next) {
		if (is_listed(&x->row, r->member) ? leaves
						  : comes && x->row.n_relays < GRANT_RELAYS_MAX)
			meeting_due(ss, x);
	}
}

void sessions_relay_gone(struct sessions *ss, int64_t relay)
{
	for (struct session *x = ss->list; x; x = x->next) {
		if (x->path[TOKEN_MANAGER] == relay)
			x->path[TOKEN_MANAGER] = 0;
		if (x->path[TOKEN_DEVICE] == relay)
			x->path[TOKEN_DEVICE] = 0;
		if (is_listed(&x->row, relay))
			meeting_due(ss, x);
	}
}

void sessions_wishes_changed(struct sessions *ss, int64_t device_member)
{
	for (struct session *x = ss->list; x; x = x->next) {
		if (x->row.device_member == device_member)
			meeting_due(ss, x);
	}
}

/* One end has lost its path: the other one may have nothing to send, and not know. */
static void nudge(struct sessions *ss, const struct session *x, int64_t endpoint)
{
	struct rpc *rpc = ss->ops->endpoint_rpc(ss->arg, endpoint);

	if (rpc)
		(void)rpc_notify(rpc, "session.search", json_pack("{s:s}", "session", x->row.id));
}

int sessions_path(struct sessions *ss, int64_t endpoint, const char *id, const char *relay)
{
	struct session *x = sessions_find(ss, id);
	const struct relay_info *r = relay[0] ? relays_by_uid(ss->relays, relay) : NULL;
	bool manager;

	if (!x || (x->row.manager != endpoint && x->row.device != endpoint) || (relay[0] && !r))
		return -ENOENT;
	manager = x->row.manager == endpoint;
	if (!r && x->path[manager ? TOKEN_MANAGER : TOKEN_DEVICE] &&
	    x->path[manager ? TOKEN_DEVICE : TOKEN_MANAGER])
		nudge(ss, x, manager ? x->row.device : x->row.manager);
	x->path[manager ? TOKEN_MANAGER : TOKEN_DEVICE] = r ? r->member : 0;
	if (manager && r)
		meeting_due(ss, x); /* it may be another one than is wished */
	return 0;
}
