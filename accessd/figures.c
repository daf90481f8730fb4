/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/figures.h"

#include "accessd/app.h"
#include "common/io/metrics.h"

static const char *const kinds[] = {"device", "user", "relay"};
static const enum ident_kind kind_of[] = {IDENT_DEVICE, IDENT_USER, IDENT_RELAY};
#define KINDS 3

static void sample(struct expo *e, double value, const char *name, const char *label,
		   const char *other_name, const char *other)
{
	expo_sample(e, value, (const struct expo_label[]){{name, label}, {other_name, other}}, 2);
}

/* --- who there is --- */

static void write_members(const struct realm *r, struct expo *e)
{
	static const struct expo_family family = {"farlan_accessd_members", NULL,
						  "Devices, users and relays in the register.",
						  EXPO_GAUGE};
	static const char *const states[STORE_STATES] = {"invited", "enrolled", "revoked"};
	struct store_counts n;

	if (store_member_count(r->store, r->domain.row.id, &n) != 0)
		return;
	expo_family(e, &family);
	for (int k = 0; k < KINDS; k++) {
		for (int s = 0; s < STORE_STATES; s++)
			sample(e, (double)n.members[kind_of[k]][s], "kind", kinds[k], "state",
			       states[s]);
	}
}

static void write_online(const struct clients_counts *n, struct expo *e)
{
	static const struct expo_family online = {"farlan_accessd_online", NULL,
						  "Control connections of members.", EXPO_GAUGE},
					connections = {"farlan_accessd_connections", NULL,
						       "Connections of all kinds.", EXPO_GAUGE},
					unknown = {"farlan_accessd_connections_unknown", NULL,
						   "Connections that have shown no member's "
						   "certificate yet.",
						   EXPO_GAUGE},
					waiting = {"farlan_accessd_connections_waiting", NULL,
						   "Connections that wait for their handshake.",
						   EXPO_GAUGE};

	expo_family(e, &online);
	expo_labelled(e, (double)n->devices, "kind", "device");
	expo_labelled(e, (double)n->users, "kind", "user");
	expo_labelled(e, (double)n->relays, "kind", "relay");
	expo_one(e, &connections, (double)n->connections);
	expo_one(e, &unknown, (double)n->unknown);
	expo_one(e, &waiting, (double)n->waiting);
}

/* --- what happened --- */

static void write_arrivals(const struct clients_counts *n, struct expo *e)
{
	static const struct expo_family shakes = {"farlan_accessd_handshakes", NULL,
						  "TLS handshakes, by layer.", EXPO_COUNTER},
					refused = {"farlan_accessd_refusals", NULL,
						   "Connections refused: too many, or no member.",
						   EXPO_COUNTER},
					later = {"farlan_accessd_told_later", NULL,
						 "Connections that were told when to come back.",
						 EXPO_COUNTER};

	expo_family(e, &shakes);
	sample(e, (double)n->outer_ok, "layer", "outer", "result", "ok");
	sample(e, (double)n->outer_failed, "layer", "outer", "result", "failed");
	sample(e, (double)n->inner_ok, "layer", "inner", "result", "ok");
	sample(e, (double)n->inner_failed, "layer", "inner", "result", "failed");
	expo_family(e, &refused);
	expo_labelled(e, (double)n->refused_full, "reason", "too-many");
	expo_labelled(e, (double)n->refused_member, "reason", "not-a-member");
	expo_one(e, &later, (double)n->told_later);
}

static void write_request(void *arg, const char *method, enum rpc_result result, uint64_t n)
{
	sample(arg, (double)n, "method", method, "result", rpc_result_name(result));
}

static void write_requests(const struct clients *cs, struct expo *e)
{
	static const struct expo_family family = {"farlan_accessd_requests", NULL,
						  "Requests of members and newcomers answered.",
						  EXPO_COUNTER};

	expo_family(e, &family);
	clients_each_request(cs, write_request, e);
}

static void write_sessions(const struct sessions *ss, struct expo *e)
{
	static const struct expo_family sessions = {"farlan_accessd_sessions", NULL,
						    "Sessions that run.", EXPO_GAUGE},
					opened = {"farlan_accessd_sessions_opened", NULL,
						  "Sessions granted to both ends.", EXPO_COUNTER},
					ended = {"farlan_accessd_sessions_ended", NULL,
						 "Sessions that were ended.", EXPO_COUNTER};
	struct sessions_counts n;

	sessions_counts(ss, &n);
	expo_one(e, &sessions, (double)n.now);
	expo_one(e, &opened, (double)n.opened);
	expo_one(e, &ended, (double)n.ended);
}

void figures_write(void *arg, struct expo *e)
{
	const struct app *a = arg;
	const struct realm *r = &a->realm;
	const struct store_domain *d = &r->domain.row;
	const struct metrics_cert certs[] = {
		{.name = "own", .cert = &d->access_cert},
		{.name = "ca", .cert = &d->ca},
		{.name = "outer", .not_after = certs_not_after(a->certs)}};
	struct clients_counts n;

	metrics_write_certs(e, certs, a->has_domain ? 3 : 0);
	if (!r->clients || !r->sessions)
		return;
	clients_count(r->clients, &n);
	write_members(r, e);
	write_online(&n, e);
	write_arrivals(&n, e);
	write_requests(r->clients, e);
	write_sessions(r->sessions, e);
}
