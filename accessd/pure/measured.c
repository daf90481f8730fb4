/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/measured.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/rpcmsg.h"

/* --- the message ----------------------------------------------------------------------------- */

/* A peer's words: short and printable. */
static void clean(char out[MEASURED_WHY_SIZE], const char *text)
{
	size_t n = strnlen(text, MEASURED_WHY_SIZE - 1);

	for (size_t i = 0; i < n; i++)
		out[i] = text[i] >= ' ' && text[i] < 127 ? text[i] : '?';
	out[n] = '\0';
}

static bool decode_way(struct measured_way *way, const json_t *o)
{
	int64_t rtt, loss;
	const char *why;

	if (json_object_get(o, "failed")) {
		way->failed = true;
		if (!rpc_str(o, "failed", &why))
			return false;
		clean(way->why, why);
		return true;
	}
	if (!rpc_int(o, "rtt_us", 1, MEASURED_RTT_MAX_US, &rtt) ||
	    !rpc_int(o, "loss_pm", 0, 1000, &loss))
		return false;
	way->rtt_us = (uint32_t)rtt;
	way->loss_pm = (uint16_t)loss;
	return true;
}

static bool is_twice(const struct measured *m, const char *uid)
{
	for (size_t i = 0; i < m->n; i++) {
		if (strcmp(m->at[i].uid, uid) == 0)
			return true;
	}
	return false;
}

static bool decode_relays(struct measured *m, const json_t *list)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list) || n > MEASURED_RELAYS_MAX)
		return false;
	for (; m->n < n; m->n++) {
		const json_t *o = json_array_get(list, m->n);
		char uid[IDENT_UID_SIZE];

		if (!rpc_str_max(o, "uid", uid, sizeof(uid)) || !ident_uid_ok(uid) ||
		    is_twice(m, uid) || !decode_way(&m->at[m->n].way, o))
			return false;
		memcpy(m->at[m->n].uid, uid, sizeof(uid));
	}
	return true;
}

int measured_decode(struct measured *m, const json_t *params)
{
	struct measured found = {.n = 0};
	const json_t *network = json_object_get(params, "network");
	const char *what;

	if (!decode_relays(&found, json_object_get(params, "relays")) ||
	    !rpc_bool(params, "done", &found.done))
		return -EBADMSG;
	if (network && !rpc_str(params, "network", &what))
		return -EBADMSG;
	found.network_changed = network && strcmp(what, "changed") == 0;
	*m = found;
	return 0;
}

void measured_put(json_t *o, const struct measured_way *way)
{
	if (way->failed) {
		json_object_set_new(o, "failed", json_string(way->why));
		return;
	}
	json_object_set_new(o, "rtt_us", json_integer(way->rtt_us));
	json_object_set_new(o, "loss_pm", json_integer(way->loss_pm));
}

/* --- kept ------------------------------------------------------------------------------------ */

static size_t bucket(int64_t endpoint)
{
	return (size_t)((uint64_t)endpoint % MEASURED_BUCKETS);
}

struct measured_kept *measured_find(const struct measured_table *t, int64_t endpoint)
{
	struct measured_kept *k = t->buckets[bucket(endpoint)];

	while (k && k->endpoint != endpoint)
		k = k->next;
	return k;
}

struct measured_kept *measured_need(struct measured_table *t, int64_t endpoint)
{
	struct measured_kept *k = measured_find(t, endpoint);
	size_t b = bucket(endpoint);

	if (k || t->n >= MEASURED_ENDPOINTS_MAX)
		return k;
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->endpoint = endpoint;
	k->next = t->buckets[b];
	t->buckets[b] = k;
	t->n++;
	return k;
}

/* Where the result for this relay stands, or is to stand. */
static size_t slot(struct measured_kept *k, int64_t relay)
{
	size_t oldest = 0;

	for (size_t i = 0; i < k->n; i++) {
		if (k->at[i].relay == relay)
			return i;
		if (k->at[i].at_ms < k->at[oldest].at_ms)
			oldest = i;
	}
	return k->n < MEASURED_RELAYS_MAX ? k->n++ : oldest;
}

void measured_keep(struct measured_kept *k, int64_t relay, const struct measured_way *way,
		   uint64_t now_ms)
{
	size_t i = slot(k, relay);

	k->at[i].relay = relay;
	k->at[i].at_ms = now_ms;
	k->at[i].way = *way;
}

const struct measured_way *measured_way(const struct measured_kept *k, int64_t relay,
					uint64_t now_ms, uint64_t max_age_ms)
{
	for (size_t i = 0; k && i < k->n; i++) {
		if (k->at[i].relay == relay && now_ms <= k->at[i].at_ms + max_age_ms)
			return &k->at[i].way;
	}
	return NULL;
}

void measured_drop(struct measured_kept *k)
{
	k->n = 0;
}

static bool is_old(const struct measured_kept *k, uint64_t now_ms)
{
	for (size_t i = 0; i < k->n; i++) {
		if (now_ms <= k->at[i].at_ms + MEASURED_KEEP_MS)
			return false;
	}
	return now_ms > k->asked_ms + MEASURED_KEEP_MS && now_ms > k->done_ms + MEASURED_KEEP_MS;
}

void measured_sweep(struct measured_table *t, uint64_t now_ms)
{
	for (size_t b = 0; b < MEASURED_BUCKETS; b++) {
		struct measured_kept **at = &t->buckets[b];

		while (*at) {
			struct measured_kept *k = *at;

			if (!is_old(k, now_ms)) {
				at = &k->next;
				continue;
			}
			*at = k->next;
			free(k);
			t->n--;
		}
	}
}

void measured_deinit(struct measured_table *t)
{
	measured_sweep(t, UINT64_MAX);
}
