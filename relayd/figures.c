/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/figures.h"

#include "relayd/daemon.h"

static void write_sessions(const struct daemon *d, const struct relay_counts *n, struct expo *e)
{
	static const struct expo_family sessions = {"farlan_relayd_sessions", NULL,
						    "Sessions with a leg here.", EXPO_GAUGE},
					max = {"farlan_relayd_sessions_max", NULL,
					       "Sessions that may be here.", EXPO_GAUGE},
					legs = {"farlan_relayd_legs", NULL,
						"Legs that showed a good token.", EXPO_GAUGE},
					connections = {"farlan_relayd_connections", NULL,
						       "Connections of all kinds.", EXPO_GAUGE},
					unknown = {"farlan_relayd_connections_unknown", NULL,
						   "Connections that have shown no token yet.",
						   EXPO_GAUGE};

	expo_one(e, &sessions, (double)n->sessions);
	expo_one(e, &max, (double)d->conf.max_sessions);
	expo_family(e, &legs);
	expo_labelled(e, (double)n->opening, "state", "opening");
	expo_labelled(e, (double)(n->waiting - n->opening), "state", "waiting");
	expo_labelled(e, (double)n->joined * 2, "state", "joined");
	expo_one(e, &connections, (double)n->legs);
	expo_one(e, &unknown, (double)n->unknown);
}

static void write_front(const struct relay_counts *n, struct expo *e)
{
	static const struct expo_family now = {"farlan_relayd_front_connections", NULL,
					       "Connections that go to the Access Server behind.",
					       EXPO_GAUGE},
					total = {"farlan_relayd_fronted", NULL,
						 "Connections that were to go there.",
						 EXPO_COUNTER},
					bytes = {"farlan_relayd_front_bytes", "bytes",
						 "Bytes carried to it and from it.", EXPO_COUNTER};

	expo_one(e, &now, (double)n->front);
	expo_one(e, &total, (double)n->front_total);
	expo_one(e, &bytes, (double)n->bytes_front);
}

static void write_traffic(const struct relay_counts *n, struct expo *e)
{
	static const struct expo_family bytes = {"farlan_relayd_bytes", "bytes",
						 "Bytes of sessions carried, by the end that sent "
						 "them.",
						 EXPO_COUNTER},
					queued = {"farlan_relayd_queued_bytes", "bytes",
						  "Bytes that wait for the network.", EXPO_GAUGE},
					stalled = {"farlan_relayd_legs_stalled", NULL,
						   "Legs that are not read, because the other "
						   "one's queue is full.",
						   EXPO_GAUGE};

	expo_family(e, &bytes);
	expo_labelled(e, (double)n->bytes_from[TOKEN_MANAGER], "from", "manager");
	expo_labelled(e, (double)n->bytes_from[TOKEN_DEVICE], "from", "device");
	expo_one(e, &queued, (double)n->queued);
	expo_one(e, &stalled, (double)n->stalled);
}

static void write_arrivals(const struct relay_counts *n, struct expo *e)
{
	static const struct expo_family shakes = {"farlan_relayd_handshakes", NULL,
						  "TLS handshakes of the outer layer.",
						  EXPO_COUNTER},
					legs = {"farlan_relayd_legs_admitted", NULL,
						"Legs that were let in.", EXPO_COUNTER},
					pairs = {"farlan_relayd_pairs", NULL,
						 "Times that two legs were joined.", EXPO_COUNTER},
					probes = {"farlan_relayd_probes", NULL, "Probes answered.",
						  EXPO_COUNTER},
					refusals = {"farlan_relayd_refusals", NULL,
						    "Connections refused.", EXPO_COUNTER};

	expo_family(e, &shakes);
	expo_labelled(e, (double)n->handshakes, "result", "ok");
	expo_labelled(e, (double)n->handshakes_failed, "result", "failed");
	expo_one(e, &legs, (double)n->legs_total);
	expo_one(e, &pairs, (double)n->joined_total);
	expo_one(e, &probes, (double)n->probes);
	expo_family(e, &refusals);
	for (int i = REFUSAL_NONE + 1; i < REFUSALS; i++)
		expo_labelled(e, (double)n->refused[i], "reason",
			      refusal_info((enum refusal)i)->name);
}

/* On the thread of @r. */
static void add_relay(struct relay *r, void *arg)
{
	relay_count(r, arg);
}

static void write_workers(const struct daemon *d, const struct relay_counts *n, struct expo *e)
{
	static const struct expo_family workers = {"farlan_relayd_workers", NULL,
						   "Threads that carry sessions.", EXPO_GAUGE},
					moved = {"farlan_relayd_legs_moved", NULL,
						 "Legs that went to the thread of their session.",
						 EXPO_COUNTER},
					lag = {"farlan_relayd_loop_lag_seconds", "seconds",
					       "How much too late the loops of these threads were, "
					       "looked at twice a second.",
					       EXPO_HISTOGRAM};

	expo_one(e, &workers, d->workers ? workers_count(d->workers) : 0);
	expo_one(e, &moved, (double)n->moved_total);
	expo_family(e, &lag);
	expo_histogram(e, &n->lag, NULL, 0);
}

void figures_write(void *arg, struct expo *e)
{
	static const struct expo_family online = {"farlan_uplink_online", NULL,
						  "1 while the Access Server is connected.",
						  EXPO_GAUGE};
	static const struct expo_family draining = {"farlan_relayd_draining", NULL,
						    "1: it takes no new sessions.", EXPO_GAUGE};
	const struct daemon *d = arg;
	const struct metrics_cert certs[] = {
		{.name = "own", .cert = &d->identity.cert},
		{.name = "ca", .cert = &d->identity.ca},
		{.name = "outer", .not_after = certs_not_after(d->certs)}};
	struct relay_counts n = {0};

	if (d->workers)
		workers_ask_all(d->workers, add_relay, &n);
	expo_one(e, &online, d->uplink_open && d->uplink.online);
	expo_one(e, &draining, drain_on(&d->drain));
	metrics_write_clock(e);
	metrics_write_certs(e, certs, d->enrolled ? 3 : 0);
	write_workers(d, &n, e);
	write_sessions(d, &n, e);
	write_traffic(&n, e);
	write_front(&n, e);
	write_arrivals(&n, e);
}
