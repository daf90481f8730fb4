/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/relays.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"

#define TICK_MS 1000
#define LOG_BURST 20 /* lines in 10 s */

struct relays {
	struct store *store;
	struct addresses *addresses;
	int64_t domain;
	const struct relays_ops *ops;
	void *arg;
	struct relay_info *at;
	size_t n;
	uv_timer_t tick;
	json_t *told; /* the list of the last on_list() */
	uint64_t told_ms;
	struct log_limit limit;
	bool closing;
};

/* --- who there is ---------------------------------------------------------------------------- */

size_t relays_count(const struct relays *rs)
{
	return rs->n;
}

struct relay_info *relays_at(const struct relays *rs, size_t i)
{
	return &rs->at[i];
}

struct relay_info *relays_find(const struct relays *rs, int64_t member)
{
	for (size_t i = 0; i < rs->n; i++) {
		if (rs->at[i].member == member)
			return &rs->at[i];
	}
	return NULL;
}

struct relay_info *relays_by_uid(const struct relays *rs, const char *uid)
{
	for (size_t i = 0; i < rs->n; i++) {
		if (strcmp(rs->at[i].uid, uid) == 0)
			return &rs->at[i];
	}
	return NULL;
}

json_t *relay_json(const struct relay_info *r)
{
	return json_pack("{s:s, s:s, s:o}", "name", r->name, "uid", r->uid, "urls",
			 urls_to_json(&r->urls));
}

void relays_tell_addresses(const struct relays *rs, json_t *items)
{
	addresses_tell(rs->addresses, items);
}

json_t *relays_list(const struct relays *rs)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rs->n && json_array_size(list) < RELAYS_LIST_MAX; i++) {
		if (rs->at[i].health == HEALTH_OK)
			json_array_append_new(list, relay_json(&rs->at[i]));
	}
	relays_tell_addresses(rs, list);
	return list;
}

/* --- the register ---------------------------------------------------------------------------- */

struct loading {
	const struct relays *old;
	struct relay_info *at;
	size_t n;
	bool full;
};

static bool load_one(void *arg, const struct store_member *m)
{
	struct loading *l = arg;
	const struct relay_info *old = relays_find(l->old, m->id);
	struct relay_info *r = &l->at[l->n];

	if (m->state != STORE_ENROLLED)
		return true;
	l->full = l->n == RELAYS_MAX;
	if (l->full)
		return false;
	*r = old ? *old : (struct relay_info){.member = m->id, .health = HEALTH_OFFLINE};
	snprintf(r->name, sizeof(r->name), "%s", m->name);
	snprintf(r->uid, sizeof(r->uid), "%s", m->uid);
	r->urls = m->urls;
	r->known.drained = m->drained;
	l->n++;
	return true;
}

static void judge_all(struct relays *rs);

int relays_load(struct relays *rs)
{
	struct loading l = {.old = rs, .at = calloc(RELAYS_MAX, sizeof(*l.at))};
	int rc = l.at ? store_member_each(rs->store, rs->domain, IDENT_RELAY, "", load_one, &l)
		      : -ENOMEM;

	if (rc) {
		free(l.at);
		return rc;
	}
	if (l.full)
		log_warn("more than %d relays: the others are not used", RELAYS_MAX);
	free(rs->at);
	rs->at = l.at;
	rs->n = l.n;
	addresses_refresh(rs->addresses);
	judge_all(rs);
	return 0;
}

/* --- health ---------------------------------------------------------------------------------- */

static void judge(struct relays *rs, struct relay_info *r, uint64_t now)
{
	enum health was = r->health;

	r->health = health_judge(&r->known, now);
	if (r->health == was)
		return;
	if (log_allowed(&rs->limit, LOG_BURST))
		log_notice("relay name=%s health=%s was=%s", r->name, health_name(r->health),
			   health_name(was));
	rs->ops->on_health(rs->arg, r, was);
}

static void judge_all(struct relays *rs)
{
	uint64_t now = clock_mono_ms();

	for (size_t i = 0; i < rs->n; i++)
		judge(rs, &rs->at[i], now);
}

/* Not more often than every few seconds, and only what is different. */
static void tell(struct relays *rs, uint64_t now)
{
	json_t *list;

	if (now < rs->told_ms + RELAYS_LIST_MS)
		return;
	list = relays_list(rs);
	if (json_equal(list, rs->told)) {
		json_decref(list);
		return;
	}
	json_decref(rs->told);
	rs->told = list;
	rs->told_ms = now;
	rs->ops->on_list(rs->arg);
}

static void on_tick(uv_timer_t *t)
{
	struct relays *rs = t->data;

	judge_all(rs);
	tell(rs, clock_mono_ms());
}

void relays_online(struct relays *rs, int64_t member)
{
	struct relay_info *r = relays_find(rs, member);

	if (!r || rs->closing)
		return;
	r->known.online = true;
	r->known.has_report = false;
	judge(rs, r, clock_mono_ms());
}

void relays_offline(struct relays *rs, int64_t member)
{
	struct relay_info *r = relays_find(rs, member);

	if (!r || rs->closing)
		return;
	r->known.online = false;
	r->known.has_report = false;
	judge(rs, r, clock_mono_ms());
}

/* A relay that changes its mind all the time is believed twice a second, by the tick at least. */
void relays_report(struct relays *rs, int64_t member, const struct health_report *report)
{
	struct relay_info *r = relays_find(rs, member);
	uint64_t now = clock_mono_ms();
	bool hasty;

	if (!r || rs->closing || !r->known.online)
		return;
	hasty = r->known.has_report && now < r->known.reported_ms + RELAYS_REPORT_MS;
	r->known.has_report = true;
	r->known.reported_ms = now;
	r->known.report = *report;
	if (!hasty)
		judge(rs, r, now);
}

/* --- life ------------------------------------------------------------------------------------ */

int relays_open(struct relays **out, uv_loop_t *loop, const struct relays_config *config)
{
	struct relays *rs = calloc(1, sizeof(*rs));
	int rc;

	if (!rs)
		return -ENOMEM;
	*rs = (struct relays){.store = config->store,
			      .addresses = config->addresses,
			      .domain = config->domain,
			      .ops = config->ops,
			      .arg = config->arg,
			      .told = json_array()};
	rc = relays_load(rs);
	if (rc) {
		json_decref(rs->told);
		free(rs);
		return rc;
	}
	uv_timer_init(loop, &rs->tick);
	rs->tick.data = rs;
	uv_timer_start(&rs->tick, on_tick, TICK_MS, TICK_MS);
	*out = rs;
	return 0;
}

static void on_tick_closed(uv_handle_t *h)
{
	struct relays *rs = h->data;

	json_decref(rs->told);
	free(rs->at);
	free(rs);
}

void relays_close(struct relays *rs)
{
	if (!rs || rs->closing)
		return;
	rs->closing = true;
	uv_close((uv_handle_t *)&rs->tick, on_tick_closed);
}
