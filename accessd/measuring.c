/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which end measures which relays, when, and who hears of it. */
#include <stdlib.h>
#include <string.h>

#include "accessd/sessions_internal.h"
#include "common/io/file.h"
#include "common/io/log.h"

#define QUIET_ROUNDS_MAX 4 /* then one in 32 minutes */

struct sessions_times sessions_times = {
	.round_ms = SESSIONS_ROUND_MS,
	.fresh_ms = SESSIONS_ROUND_FRESH_MS,
};

/* --- asking ---------------------------------------------------------------------------------- */

/* The relays of relays_list() whose results are missing or too old, as they go into a message. */
static json_t *missing(const struct sessions *ss, int64_t endpoint, uint64_t max_age_ms)
{
	const struct measured_kept *k = measured_find(&ss->measured, endpoint);
	uint64_t now = clock_mono_ms();
	json_t *list = json_array();
	size_t seen = 0;

	for (size_t i = 0; i < relays_count(ss->relays) && seen < RELAYS_LIST_MAX; i++) {
		const struct relay_info *r = relays_at(ss->relays, i);

		if (r->health != HEALTH_OK)
			continue;
		seen++;
		if (!measured_way(k, r->member, now, max_age_ms))
			json_array_append_new(list, relay_json(r));
	}
	return list;
}

bool measuring_lacks(const struct sessions *ss, int64_t endpoint)
{
	json_t *list = missing(ss, endpoint, MEASURED_KEEP_MS);
	bool lacks = json_array_size(list) > 0;

	json_decref(list);
	return lacks;
}

/* Was this end asked, and is still at it? */
static bool is_measuring(const struct measured_kept *k, uint64_t now)
{
	return k && k->asked_ms && !k->done_ms && now < k->asked_ms + SESSIONS_GUESS_MAX_MS;
}

/* Nothing is asked of an end that has it all, is at it, or is away. */
static void ask(struct sessions *ss, int64_t endpoint, uint64_t max_age_ms)
{
	struct rpc *rpc = ss->ops->endpoint_rpc(ss->arg, endpoint);
	json_t *list = missing(ss, endpoint, max_age_ms);
	struct measured_kept *k = NULL;
	uint64_t now = clock_mono_ms();

	if (rpc && json_array_size(list) > 0)
		k = measured_need(&ss->measured, endpoint);
	if (!k || is_measuring(k, now)) {
		json_decref(list);
		return;
	}
	k->asked_ms = now;
	k->done_ms = 0;
	rpc_notify(rpc, "relay.measure",
		   json_pack("{s:o, s:I}", "relays", list, "max_age_s",
			     (json_int_t)(max_age_ms / 1000)));
}

static void ask_both(struct sessions *ss, const struct session *x, uint64_t max_age_ms)
{
	int64_t manager = x->row.manager;

	ask(ss, x->row.device, max_age_ms);
	ask(ss, manager, max_age_ms);
}

static bool are_in(const struct sessions *ss, const struct session *x, uint64_t now)
{
	return !is_measuring(measured_find(&ss->measured, x->row.manager), now) &&
	       !is_measuring(measured_find(&ss->measured, x->row.device), now);
}

/* --- telling the manager --------------------------------------------------------------------- */

static json_t *told_way(const struct relay_info *r, const struct measured_way *way)
{
	json_t *o = json_pack("{s:s, s:s}", "uid", r->uid, "name", r->name);

	measured_put(o, way);
	return o;
}

/* @list: taken. */
static void tell_manager(struct sessions *ss, const struct session *x, json_t *list)
{
	struct rpc *rpc = ss->ops->endpoint_rpc(ss->arg, x->row.manager);

	if (!rpc || json_array_size(list) == 0) {
		json_decref(list);
		return;
	}
	rpc_notify(rpc, "session.measured",
		   json_pack("{s:s, s:s, s:o}", "session", x->row.id, "device", x->row.device_name,
			     "relays", list));
}

/* What is known of the device already. */
static void tell_known(struct sessions *ss, const struct session *x)
{
	const struct measured_kept *k = measured_find(&ss->measured, x->row.device);
	uint64_t now = clock_mono_ms();
	json_t *list = json_array();

	for (size_t i = 0; i < relays_count(ss->relays); i++) {
		const struct relay_info *r = relays_at(ss->relays, i);
		const struct measured_way *way = measured_way(k, r->member, now, MEASURED_KEEP_MS);

		if (way)
			json_array_append_new(list, told_way(r, way));
	}
	tell_manager(ss, x, list);
}

void measuring_begin(struct sessions *ss, struct session *x)
{
	x->guess_ms = clock_mono_ms();
	x->next_round_ms = x->guess_ms + sessions_times.round_ms;
	tell_known(ss, x);
	if (x->guessed)
		ask_both(ss, x, MEASURED_KEEP_MS);
}

/* --- what came ------------------------------------------------------------------------------- */

/* Into the table. Return: those of relays that there are, for managers. */
static json_t *keep(struct sessions *ss, struct measured_kept *k, const struct measured *m,
		    uint64_t now)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n; i++) {
		const struct relay_info *r = relays_by_uid(ss->relays, m->at[i].uid);

		if (!r)
			continue;
		measured_keep(k, r->member, &m->at[i].way, now);
		json_array_append_new(list, told_way(r, &m->at[i].way));
	}
	return list;
}

/* Somewhere else now: what was measured does not count, and the sessions begin on a guess again. */
static void network_changed(struct session *x, uint64_t now)
{
	x->guessed = true;
	x->guess_ms = now;
	x->round_ms = 0;
}

void sessions_measured(struct sessions *ss, int64_t endpoint, const struct measured *m)
{
	struct measured_kept *k = measured_need(&ss->measured, endpoint);
	uint64_t now = clock_mono_ms();
	struct session *next;
	json_t *list;

	if (!k)
		return;
	if (m->network_changed)
		measured_drop(k);
	list = keep(ss, k, m, now);
	if (m->done)
		k->done_ms = now;
	if (m->network_changed)
		ask(ss, endpoint, MEASURED_KEEP_MS);
	for (struct session *x = ss->list; x; x = next) {
		next = x->next;
		if (x->row.manager != endpoint && x->row.device != endpoint)
			continue;
		if (m->network_changed)
			network_changed(x, now);
		x->has_news = true;
		x->has_found |= m->n > 0;
		if (x->row.device == endpoint)
			tell_manager(ss, x, json_incref(list));
		measuring_tick(ss, x, now);
	}
	json_decref(list);
}

/* --- time ------------------------------------------------------------------------------------ */

/* A session that began on a guess: when both ends have measured all, and of what is there after a
 * while. */
static void tick_guess(struct sessions *ss, struct session *x, uint64_t now)
{
	if (are_in(ss, x, now))
		x->guessed = false;
	else if (!x->has_news || now < x->guess_ms + SESSIONS_GUESS_MS)
		return;
	x->has_news = false;
	meeting_look(ss, x, CHOOSE_FIRST);
}

static bool is_choice(const struct sessions *ss)
{
	size_t ok = 0;

	for (size_t i = 0; i < relays_count(ss->relays); i++)
		ok += relays_at(ss->relays, i)->health == HEALTH_OK;
	return ok > 1;
}

static bool are_there(const struct sessions *ss, const struct session *x)
{
	return ss->ops->endpoint_rpc(ss->arg, x->row.manager) &&
	       ss->ops->endpoint_rpc(ss->arg, x->row.device);
}

static void begin_round(struct sessions *ss, struct session *x, uint64_t now)
{
	x->next_round_ms = now + sessions_times.round_ms;
	if (!is_choice(ss) || !are_there(ss, x))
		return;
	x->round_ms = now;
	x->has_found = false;
	ask_both(ss, x, sessions_times.fresh_ms);
}

/* Ends that are idle measure nothing: they are asked ever more rarely, since each question has its
 * price on their lines. */
static void end_round(struct session *x)
{
	if (x->has_found)
		x->quiet_rounds = 0;
	else if (x->quiet_rounds < QUIET_ROUNDS_MAX)
		x->quiet_rounds++;
	x->next_round_ms = x->round_ms + ((uint64_t)sessions_times.round_ms << x->quiet_rounds);
	x->round_ms = 0;
}

static void tick_round(struct sessions *ss, struct session *x, uint64_t now)
{
	if (x->round_ms && are_in(ss, x, now)) {
		end_round(x);
		meeting_look(ss, x, CHOOSE_ROUND);
	} else if (now >= x->next_round_ms) {
		begin_round(ss, x, now);
	}
}

void measuring_tick(struct sessions *ss, struct session *x, uint64_t now)
{
	if (x->row.state != STORE_SESSION_LIVE)
		return;
	if (x->guessed)
		tick_guess(ss, x, now);
	else
		tick_round(ss, x, now);
}
