/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/control.h"

#include <string.h>

#include "common/io/file.h"
#include "common/pure/rpcmsg.h"
#include "relayd/daemon.h"

#define SESSIONS_PER_ANSWER 80 /* about 500 bytes each, in a message of 64 KiB */
#define LISTEN_TEXT_SIZE 512
#define CURSOR_SERIALS (1ull << 44) /* more than a worker's sessions ever get */

/* @o takes @v; out of memory the member is missing, and that is all. */
static void put(json_t *o, const char *key, json_t *v)
{
	(void)json_object_set_new(o, key, v);
}

static void put_count(json_t *o, const char *key, uint64_t n)
{
	put(o, key, json_integer((json_int_t)n));
}

/* Status */

static const char *state_name(const struct daemon *d)
{
	if (!d->enrolled)
		return "not-enrolled";
	return d->uplink_open ? uplink_state_name(&d->uplink) : "connecting";
}

static void put_identity(json_t *o, const struct identity *id)
{
	json_t *kids = json_array();

	put(o, "name", json_string(id->name));
	put(o, "domain", json_string(id->id.domain));
	put(o, "uid", json_string(id->id.uid));
	for (size_t i = 0; i < id->n_token_keys; i++)
		(void)json_array_append_new(kids, json_string(id->token_keys[i].kid));
	put(o, "token_keys", kids);
}

static void put_uplink(json_t *o, const struct uplink *u)
{
	struct access_link_status s;

	put(o, "removed", json_boolean(u->for_good));
	put(o, "problem", json_string(u->problem));
	if (!u->link)
		return;
	access_link_status(u->link, &s);
	if (!u->for_good && !u->online)
		put(o, "problem", json_string(s.last_error));
	put(o, "server", json_string(s.server));
	if (s.proxy[0])
		put(o, "proxy", json_string(s.proxy));
	put_count(o, "retry_in_ms", s.retry_in_ms);
	put(o, "outer_verified", json_boolean(s.outer_verified));
	put(o, "outer_problem", json_string(s.outer_problem));
	put(o, "inspection", json_string(s.inspection));
}

/* What the workers have counted, together. */
static void add_relay(struct relay *r, void *arg)
{
	struct relay_counts *sum = arg;

	relay_count(r, sum);
}

static void put_relays(json_t *o, struct workers *w)
{
	struct relay_counts n = {0};
	json_t *refused = json_object();

	workers_ask_all(w, add_relay, &n);
	put_count(o, "workers", workers_count(w));
	put_count(o, "sessions", n.sessions);
	put_count(o, "joined", n.joined);
	put_count(o, "waiting", n.waiting);
	put_count(o, "connections", n.legs);
	put_count(o, "unknown", n.unknown);
	put_count(o, "bytes", n.bytes);
	put_count(o, "legs_total", n.legs_total);
	put_count(o, "joined_total", n.joined_total);
	put_count(o, "moved_total", n.moved_total);
	put_count(o, "probes", n.probes);
	put_count(o, "remembered", n.remembered);
	put_count(o, "ended", n.ended);
	for (int i = REFUSAL_NONE + 1; i < REFUSALS; i++)
		put_count(refused, refusal_info((enum refusal)i)->name, n.refused[i]);
	put(o, "refused", refused);
}

static void on_status(struct rpc *rpc, int64_t id, const json_t *params)
{
	const struct daemon *d = local_arg(rpc);
	json_t *o = json_object();
	char listen[LISTEN_TEXT_SIZE];

	(void)params;
	conf_listen_text(&d->conf, listen, sizeof(listen));
	put(o, "state", json_string(state_name(d)));
	put(o, "version", json_string(FARLAN_VERSION));
	put_count(o, "uptime_s", (clock_mono_ms() - d->started_ms) / 1000);
	put(o, "listen", json_string(listen));
	put(o, "listening", json_boolean(d->relaying));
	put_count(o, "max_sessions", (uint64_t)d->conf.max_sessions);
	put(o, "draining", json_boolean(drain_on(&d->drain)));
	if (drain_on(&d->drain)) {
		put(o, "draining_why", json_string(drain_why_text(&d->drain)));
		put_count(o, "draining_left_s", drain_left_s(&d->drain));
	}
	put(o, "enrolling", json_boolean(d->enrolment.running != NULL));
	if (d->enrolled)
		put_identity(o, &d->identity);
	if (d->uplink_open)
		put_uplink(o, &d->uplink);
	if (d->workers)
		put_relays(o, d->workers);
	put(o, "clock", clock_json());
	metrics_status(d->metrics, o);
	rpc_reply(rpc, id, o);
}

/* Draining */

static void answer_draining(struct rpc *rpc, int64_t id, const struct daemon *d)
{
	json_t *o = json_object();

	put(o, "draining", json_boolean(drain_on(&d->drain)));
	put(o, "why", json_string(drain_why_text(&d->drain)));
	put_count(o, "sessions", d->drain.ops->sessions(d->drain.arg));
	rpc_reply(rpc, id, o);
}

static void on_drain(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct daemon *d = local_arg(rpc);

	(void)params;
	drain_set(&d->drain, DRAIN_BY_HAND, true);
	answer_draining(rpc, id, d);
}

static void on_enable(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct daemon *d = local_arg(rpc);

	(void)params;
	drain_set(&d->drain, DRAIN_BY_HAND, false);
	answer_draining(rpc, id, d);
}

/* Sessions */

static json_t *end_json(const struct pair_end *e, uint64_t now_ms)
{
	static const char *const states[PAIR_STATES] = {"none", "opening", "waiting", "joined"};
	const struct leg *l = e->leg;
	char peer[LEG_PEER_SIZE];
	json_t *o = json_object();

	put(o, "state", json_string(states[e->state]));
	if (e->state == PAIR_NONE)
		return o;
	leg_peer(l, peer);
	put(o, "peer", json_string(peer));
	put_count(o, "since_s", (now_ms - e->since_ms) / 1000);
	put_count(o, "bytes", l->bytes);
	put_count(o, "queued", outer_queued(l->outer));
	put(o, "stalled", json_boolean(l->stalled));
	put_count(o, "generation", e->generation);
	return o;
}

static json_t *session_json(const struct pair_session *s, struct pair_clock now)
{
	bool joined = s->ends[0].state == PAIR_JOINED;
	char id[TOKEN_SESSION_SIZE];
	json_t *o = json_object();

	relay_id_text(s->id, id);
	put(o, "session", json_string(id));
	put(o, "state", json_string(joined ? "joined" : "waiting"));
	put_count(o, "left_s", s->over_ms > now.mono_ms ? (s->over_ms - now.mono_ms) / 1000 : 0);
	put(o, "manager", end_json(&s->ends[TOKEN_MANAGER], now.mono_ms));
	put(o, "device", end_json(&s->ends[TOKEN_DEVICE], now.mono_ms));
	return o;
}

/* The next sessions of one worker. */
struct page {
	json_t *list;
	uint64_t after; /* serial number of the last one that was answered */
	bool more;
};

static void add_sessions(struct relay *r, void *arg)
{
	struct pair_clock now = relay_clock();
	const struct pair_session *s;
	struct page *p = arg;

	for (s = TAILQ_FIRST(&r->pairs.live); s; s = TAILQ_NEXT(s, list)) {
		if (s->serial <= p->after)
			continue;
		if (json_array_size(p->list) == SESSIONS_PER_ANSWER) {
			p->more = true;
			return;
		}
		(void)json_array_append_new(p->list, session_json(s, now));
		p->after = s->serial;
	}
}

/* @after: where the last answer ended: the worker, and the serial number there. */
static json_t *sessions_json(struct workers *w, uint64_t after)
{
	json_t *o = json_object();
	struct page p = {.list = json_array(), .after = after % CURSOR_SERIALS};
	uint64_t i = after / CURSOR_SERIALS;

	while (i < workers_count(w)) {
		workers_ask(w, (unsigned int)i, add_sessions, &p);
		if (p.more) {
			put_count(o, "after", i * CURSOR_SERIALS + p.after);
			break;
		}
		i++;
		p.after = 0;
	}
	put(o, "sessions", p.list);
	return o;
}

static void on_sessions(struct rpc *rpc, int64_t id, const json_t *params)
{
	const struct daemon *d = local_arg(rpc);
	int64_t after = 0;

	(void)rpc_int(params, "after", 0, INT64_MAX, &after);
	if (d->workers)
		rpc_reply(rpc, id, sessions_json(d->workers, (uint64_t)after));
	else
		rpc_reply(rpc, id, json_pack("{s:[]}", "sessions"));
}

static const struct rpc_method methods[] = {
	{"status", on_status}, {"sessions", on_sessions},	{"drain", on_drain},
	{"enable", on_enable}, {"enroll", enrolment_on_enroll},
};

int control_open(struct daemon *d)
{
	return local_open(&d->local, d->loop, d->conf.socket, methods,
			  sizeof(methods) / sizeof(methods[0]), d, NULL);
}
