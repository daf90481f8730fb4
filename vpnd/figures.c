/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What vpnd tells a Prometheus; docs/metrics.md lists it. Sums hold all sessions since the start.
 * Each running session is shown, too, by its peer's name and its slot: at most PLANE_SLOTS_MAX of
 * them, and a new session in a slot counts from zero, as counters may.
 */
#include <stdio.h>

#include "vpnd/app.h"

/* --- collecting --- */

static void add_session(struct app_traffic *t, const struct app *app, const struct app_session *as)
{
	const struct plane_counters *c = plane_counters(app->plane, as->slot);
	uint64_t rules[RULES_DROPS];
	struct session_status st;

	rules_drops(app, as, rules);
	for (int i = 0; i < RULES_DROPS; i++)
		t->rules[i] += rules[i];
	session_status(as->session, &st);
	t->bytes_in += st.bytes_in;
	t->bytes_out += st.bytes_out;
	t->packets_in += st.packets_in;
	t->packets_out += st.packets_out;
	t->marked += st.marked;
	t->paths_ready += st.paths_ready;
	t->paths_failed += st.paths_failed;
	t->paths_lost += st.paths_lost;
	t->malformed += c->malformed;
	t->not_taken += c->not_taken;
	t->too_big += c->too_big;
	for (int i = 0; i < SESSION_DROPS; i++)
		t->drops[i] += st.drops[i];
	for (int i = 0; i < GATE_RESULTS; i++)
		t->gate[i] += c->gate[i];
	for (int i = 0; i < LEND_DROPS; i++)
		t->lend[i] += c->lend[i];
	histo_merge(&t->delays, &st.delays);
}

static bool is_shown(const struct app_session *as)
{
	return as->session && !as->ending;
}

void figures_session_ends(struct app *app, const struct app_session *as)
{
	add_session(&app->ended_traffic, app, as);
}

static void sum_up(const struct app *app, struct app_traffic *t)
{
	*t = app->ended_traffic;
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		if (is_shown(&app->sessions[i]))
			add_session(t, app, &app->sessions[i]);
	}
}

/* --- all sessions together --- */

static void write_states(const struct app *app, struct expo *e)
{
	static const struct expo_family sessions = {"farlan_vpnd_sessions", NULL,
						    "Sessions with a grant.", EXPO_GAUGE},
					locked = {"farlan_vpnd_locked", NULL,
						  "1: locked at the machine, so it has no session.",
						  EXPO_GAUGE};
	size_t up = 0, n = 0;

	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		struct session_status st;

		if (!is_shown(&app->sessions[i]))
			continue;
		session_status(app->sessions[i].session, &st);
		up += st.state == SESSION_UP;
		n++;
	}
	expo_family(e, &sessions);
	expo_labelled(e, (double)up, "state", "up");
	expo_labelled(e, (double)(n - up), "state", "searching");
	expo_one(e, &locked, lock_is(app));
}

static void write_traffic(const struct app_traffic *t, struct expo *e)
{
	static const struct expo_family bytes = {"farlan_vpnd_bytes", "bytes",
						 "Bytes of packets of sessions.", EXPO_COUNTER},
					packets = {"farlan_vpnd_packets", NULL,
						   "Packets of sessions.", EXPO_COUNTER},
					marked = {"farlan_vpnd_packets_marked", NULL,
						  "Packets marked (ECN) instead of dropped.",
						  EXPO_COUNTER},
					delay = {"farlan_vpnd_queue_delay_seconds", "seconds",
						 "How long packets waited before they were sealed.",
						 EXPO_HISTOGRAM},
					paths = {"farlan_vpnd_paths", NULL,
						 "Ways to the other end: it was authenticated, "
						 "that failed, or the way in use was lost.",
						 EXPO_COUNTER};

	expo_family(e, &bytes);
	expo_labelled(e, (double)t->bytes_in, "direction", "in");
	expo_labelled(e, (double)t->bytes_out, "direction", "out");
	expo_family(e, &packets);
	expo_labelled(e, (double)t->packets_in, "direction", "in");
	expo_labelled(e, (double)t->packets_out, "direction", "out");
	expo_one(e, &marked, (double)t->marked);
	expo_family(e, &delay);
	expo_histogram(e, &t->delays, NULL, 0);
	expo_family(e, &paths);
	expo_labelled(e, (double)t->paths_ready, "result", "ok");
	expo_labelled(e, (double)t->paths_failed, "result", "failed");
	expo_labelled(e, (double)t->paths_lost, "result", "lost");
}

static void write_drops(const struct app *app, const struct app_traffic *t, struct expo *e)
{
	static const struct expo_family drops = {"farlan_vpnd_drops", NULL, "Packets dropped.",
						 EXPO_COUNTER};
	struct plane_lend_status lend;

	plane_lend_status(app->plane, &lend);
	expo_family(e, &drops);
	for (int i = 0; i < SESSION_DROPS; i++)
		expo_labelled(e, (double)t->drops[i], "reason",
			      session_drop_name((enum session_drop)i));
	for (int i = 0; i < GATE_RESULTS; i++) {
		if (i != GATE_PASS)
			expo_labelled(e, (double)t->gate[i], "reason",
				      gate_result_name((enum gate_result)i));
	}
	for (int i = 0; i < RULES_DROPS; i++)
		expo_labelled(e, (double)t->rules[i], "reason",
			      rules_drop_name((enum rules_drop)i));
	expo_labelled(e, (double)t->malformed, "reason", "malformed");
	expo_labelled(e, (double)t->not_taken, "reason", "not_taken");
	expo_labelled(e, (double)t->too_big, "reason", "too_big");
	for (int i = 0; i < LEND_DROPS; i++)
		expo_labelled(e, (double)t->lend[i], "reason", lend_drop_name((enum lend_drop)i));
	expo_labelled(e, (double)lend.unknown, "reason", "lent_unknown");
	expo_labelled(e, (double)plane_unroutable(app->plane), "reason", "unroutable");
	expo_labelled(e, (double)plane_no_memory(app->plane), "reason", "no_memory");
}

static void write_lent(const struct app *app, struct expo *e)
{
	static const struct expo_family lent = {"farlan_vpnd_lent_addresses", NULL,
						"Addresses borrowed on LANs.", EXPO_GAUGE},
					flows = {"farlan_vpnd_lent_flows", NULL,
						 "Flows that are remembered for them.", EXPO_GAUGE},
					evicted = {"farlan_vpnd_lent_flows_evicted", NULL,
						   "Flows forgotten to make room for others.",
						   EXPO_COUNTER};
	struct plane_lend_status st;
	size_t n = 0;

	plane_lend_status(app->plane, &st);
	for (size_t i = 0; i < st.n; i++)
		n += st.lent[i].addr.family != 0;
	expo_one(e, &lent, (double)n);
	expo_one(e, &flows, (double)st.flows);
	expo_one(e, &evicted, (double)st.evicted);
}

/* --- each session --- */

struct shown {
	char slot[8];
	struct expo_label labels[4]; /* peer, slot; two more for what a family adds */
	struct session_status st;
};

/* Each family in one piece, as both forms of the text want it. */
static void each(const struct app *app, struct expo *e, const struct expo_family *f,
		 void (*write)(struct shown *s, struct expo *e))
{
	expo_family(e, f);
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		const struct app_session *as = &app->sessions[i];
		struct shown s;

		if (!is_shown(as))
			continue;
		session_status(as->session, &s.st);
		snprintf(s.slot, sizeof(s.slot), "%u", as->slot);
		s.labels[0] = (struct expo_label){"peer", session_grant(as->session)->peer_name};
		s.labels[1] = (struct expo_label){"slot", s.slot};
		write(&s, e);
	}
}

static void write_both(struct shown *s, struct expo *e, uint64_t in, uint64_t out)
{
	s->labels[2] = (struct expo_label){"direction", "in"};
	expo_sample(e, (double)in, s->labels, 3);
	s->labels[2].value = "out";
	expo_sample(e, (double)out, s->labels, 3);
}

static void write_bytes(struct shown *s, struct expo *e)
{
	write_both(s, e, s->st.bytes_in, s->st.bytes_out);
}

static void write_packets(struct shown *s, struct expo *e)
{
	write_both(s, e, s->st.packets_in, s->st.packets_out);
}

static void write_up(struct shown *s, struct expo *e)
{
	expo_sample(e, s->st.state == SESSION_UP, s->labels, 2);
}

static void write_rtt(struct shown *s, struct expo *e)
{
	if (s->st.path.rtt_ms >= 0)
		expo_sample(e, s->st.path.rtt_ms / 1000, s->labels, 2);
}

static void write_backlog(struct shown *s, struct expo *e)
{
	expo_sample(e, s->st.backlog_bytes, s->labels, 2);
}

static void write_relay(struct shown *s, struct expo *e)
{
	s->labels[2] = (struct expo_label){"relay", s->st.relay};
	s->labels[3] = (struct expo_label){"layers", s->st.path.shed ? "inner" : "both"};
	if (s->st.relay[0])
		expo_sample(e, 1, s->labels, 4);
}

static void write_sessions(const struct app *app, struct expo *e)
{
	static const struct {
		struct expo_family family;
		void (*write)(struct shown *s, struct expo *e);
	} families[] = {
		{{"farlan_vpnd_session_up", NULL, "1: it has a way to its peer.", EXPO_GAUGE},
		 write_up},
		{{"farlan_vpnd_session_relay", NULL, "The relay in use.", EXPO_INFO}, write_relay},
		{{"farlan_vpnd_session_bytes", "bytes", "Bytes of packets.", EXPO_COUNTER},
		 write_bytes},
		{{"farlan_vpnd_session_packets", NULL, "Packets.", EXPO_COUNTER}, write_packets},
		{{"farlan_vpnd_session_rtt_seconds", "seconds", "Round trip to the peer.",
		  EXPO_GAUGE},
		 write_rtt},
		{{"farlan_vpnd_session_backlog_bytes", "bytes", "Bytes in its queue.", EXPO_GAUGE},
		 write_backlog},
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		each(app, e, &families[i].family, families[i].write);
}

void figures_write(void *arg, struct expo *e)
{
	static const struct expo_family online = {"farlan_uplink_online", NULL,
						  "1 while the Access Server is connected.",
						  EXPO_GAUGE};
	const struct app *app = arg;
	const struct metrics_cert certs[] = {{.name = "own", .cert = &app->identity.cert},
					     {.name = "ca", .cert = &app->identity.ca}};
	struct app_traffic t;

	expo_one(e, &online, app->online);
	metrics_write_clock(e);
	metrics_write_certs(e, certs, app->enrolled ? 2 : 0);
	names_figures(app, e);
	if (!app->plane)
		return;
	sum_up(app, &t);
	write_states(app, e);
	write_traffic(&t, e);
	write_drops(app, &t, e);
	write_lent(app, e);
	write_sessions(app, e);
}
