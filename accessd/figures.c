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

/* Of all domains together: who reads this is the host's administrator, and names of customers are
 * no labels. */
static void write_members(const struct app *a, struct expo *e)
{
	static const struct expo_family family = {"farlan_accessd_members", NULL,
						  "Devices, users and relays in the register.",
						  EXPO_GAUGE};
	static const char *const states[STORE_STATES] = {"invited", "enrolled", "revoked"};
	uint64_t sum[STORE_KINDS][STORE_STATES] = {{0}};
	struct store_counts n;

	for (size_t i = 0; i < a->n_realms; i++) {
		if (store_member_count(a->store, a->realms[i]->domain.row.id, &n) != 0)
			return;
		for (int k = 0; k < KINDS; k++) {
			for (int s = 0; s < STORE_STATES; s++)
				sum[kind_of[k]][s] += n.members[kind_of[k]][s];
		}
	}
	expo_family(e, &family);
	for (int k = 0; k < KINDS; k++) {
		for (int s = 0; s < STORE_STATES; s++)
			sample(e, (double)sum[kind_of[k]][s], "kind", kinds[k], "state", states[s]);
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

static void write_sessions(const struct app *a, struct expo *e)
{
	static const struct expo_family sessions = {"farlan_accessd_sessions", NULL,
						    "Sessions that run.", EXPO_GAUGE},
					opened = {"farlan_accessd_sessions_opened", NULL,
						  "Sessions granted to both ends.", EXPO_COUNTER},
					ended = {"farlan_accessd_sessions_ended", NULL,
						 "Sessions that were ended.", EXPO_COUNTER};
	struct sessions_counts sum = a->sessions_gone, n;

	for (size_t i = 0; i < a->n_realms; i++) {
		if (!a->realms[i]->sessions)
			continue;
		sessions_counts(a->realms[i]->sessions, &n);
		sum.now += n.now;
		sum.opened += n.opened;
		sum.ended += n.ended;
	}
	expo_one(e, &sessions, (double)sum.now);
	expo_one(e, &opened, (double)sum.opened);
	expo_one(e, &ended, (double)sum.ended);
}

static void write_domains(const struct app *a, struct expo *e)
{
	static const struct expo_family family = {"farlan_accessd_domains", NULL,
						  "Domains that are served.", EXPO_GAUGE};

	expo_one(e, &family, (double)a->n_realms);
}

/* The one that ends first. */
static void take_end(struct metrics_cert *x, const struct x509_cert *cert)
{
	struct x509_info info;

	if (x509_parse(&info, cert->der, cert->len) == 0 &&
	    (x->not_after == 0 || info.not_after < x->not_after))
		x->not_after = info.not_after;
}

static void write_certs(const struct app *a, struct expo *e)
{
	struct metrics_cert own = {.name = "own"}, ca = {.name = "ca"};

	for (size_t i = 0; i < a->n_realms; i++) {
		const struct store_domain *d = &a->realms[i]->domain.row;

		take_end(&own, &d->access_cert);
		take_end(&ca, &d->ca);
	}
	metrics_write_certs(
		e,
		(const struct metrics_cert[]){
			own, ca, {.name = "outer", .not_after = certs_not_after(a->certs)}},
		a->n_realms > 0 ? 3 : 0);
}

static void write_audit(const struct app *a, struct expo *e)
{
	static const struct expo_family written = {"farlan_accessd_audit_records", NULL,
						   "Records of the audit that were written.",
						   EXPO_COUNTER},
					failed = {"farlan_accessd_audit_failures", NULL,
						  "What could not be recorded.", EXPO_COUNTER},
					stored = {"farlan_accessd_audit_stored", NULL,
						  "Records of the audit that are there.",
						  EXPO_GAUGE};
	struct audit_counts n;

	audit_counts(a->audit, &n);
	expo_one(e, &written, (double)n.written);
	expo_one(e, &failed, (double)n.failed);
	expo_one(e, &stored, (double)n.stored);
}

static void write_disk(const struct app *a, struct expo *e)
{
	static const struct expo_family total = {"farlan_accessd_disk_bytes", "bytes",
						 "Size of the database's disk.", EXPO_GAUGE},
					free = {"farlan_accessd_disk_free_bytes", "bytes",
						"Free on the database's disk.", EXPO_GAUGE},
					well = {"farlan_accessd_database_writable", NULL,
						"1: the last change could be written, 0: not.",
						EXPO_GAUGE};

	expo_one(e, &total, (double)a->disk.total_bytes);
	expo_one(e, &free, (double)a->disk.free_bytes);
	expo_one(e, &well, store_trouble(a->store) ? 0 : 1);
}

void figures_write(void *arg, struct expo *e)
{
	const struct app *a = arg;
	struct clients_counts n;

	write_certs(a, e);
	write_audit(a, e);
	write_disk(a, e);
	if (!a->front || a->n_realms == 0)
		return;
	clients_count(a->front, &n);
	write_domains(a, e);
	write_members(a, e);
	write_online(&n, e);
	write_arrivals(&n, e);
	write_requests(a->front, e);
	write_sessions(a, e);
}
