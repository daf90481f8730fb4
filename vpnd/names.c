/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The names of what a manager is connected to: from grants and session.hosts into a zone, which is
 * asked by DNS; systemd-resolved is told of it where it runs. Only on a manager: on a device
 * app->names is NULL, and everything here does nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/log.h"
#include "vpnd/app.h"
#include "vpnd/dns_server.h"
#include "vpnd/pure/zone.h"
#include "vpnd/resolved.h"

#define LISTEN_TEXT_SIZE 512
#define PAGE_MAX_BYTES 60000 /* of a message */

_Static_assert(PLANE_SLOTS_MAX <= ZONE_DEVICES_MAX, "each session has a place in the zone");

struct names {
	struct zone zone;
	struct zone_device *device[PLANE_SLOTS_MAX];
	struct dns_server *server; /* NULL: dns = no */
	struct resolved *resolved; /* NULL: resolved = no */
	uint64_t results[ZONE_RESULTS];
	char first[LISTEN_TEXT_SIZE]; /* the address that others are told of */
};

/* --- what is asked --- */

static size_t answer(void *arg, const uint8_t *message, size_t n, bool tcp, uint8_t *out,
		     size_t size)
{
	struct names *names = arg;
	enum zone_result result;
	struct dns_query q;
	size_t length;

	if (dns_query_decode(&q, message, n) != 0)
		return 0;
	result = zone_answer(&names->zone, &q, tcp, out, size, &length);
	names->results[result]++;
	if (result == ZONE_NO_NAME)
		log_debug("dns: nothing that is connected has this name name=%s", q.name);
	return length;
}

/* --- what there is --- */

/* An address of the peer of @slot, or of a host behind it, as this host reaches it. */
static struct addr here(const struct app *app, uint16_t slot, const struct addr *real)
{
	struct addr a = *real;

	(void)translate_here(plane_translate(app->plane, slot), &a); /* else as it is */
	return a;
}

static bool is_behind(const struct grant *g, const struct addr *a)
{
	for (size_t i = 0; i < g->n_peer_lans; i++) {
		if (prefix_contains(&g->peer_lans[i], a))
			return true;
	}
	return false;
}

/* Names of addresses that the session does not reach are left out. */
static void take_hosts(const struct app_session *as, const struct grant *g,
		       const struct hosts *hosts)
{
	struct zone_device *d = as->app->names->device[as->slot];

	d->hosts.n = 0;
	for (size_t i = 0; i < hosts->n; i++) {
		struct host *h = &d->hosts.at[d->hosts.n];

		if (!is_behind(g, &hosts->at[i].addr))
			continue;
		*h = hosts->at[i];
		h->addr = here(as->app, as->slot, &hosts->at[i].addr);
		d->hosts.n++;
	}
}

static void tell_resolved(const struct app *app)
{
	struct names *names = app->names;

	if (names->resolved && names->zone.apex[0] && dns_server_listening(names->server))
		resolved_tell(names->resolved, app->config.tun, names->first, names->zone.apex);
}

void names_begin(struct app_session *as, const struct grant *grant)
{
	struct names *names = as->app->names;
	struct zone_device *d;

	if (!names || !zone_can_name(grant->peer_name))
		return;
	d = calloc(1, sizeof(*d));
	if (!d)
		return;
	snprintf(d->name, sizeof(d->name), "%s", grant->peer_name);
	d->ipv4 = here(as->app, as->slot, &grant->peer_ipv4);
	d->ipv6 = here(as->app, as->slot, &grant->peer_ipv6);
	d->n_lans = grant->n_peer_lans;
	for (size_t i = 0; i < d->n_lans; i++) {
		struct addr at = here(as->app, as->slot, &grant->peer_lans[i].addr);

		d->lans[i] = prefix_of(&at, grant->peer_lans[i].len);
	}
	names->device[as->slot] = d;
	names->zone.at[as->slot] = d;
	take_hosts(as, grant, &grant->hosts);
	tell_resolved(as->app);
}

void names_end(const struct app_session *as)
{
	struct names *names = as->app->names;

	if (!names)
		return;
	names->zone.at[as->slot] = NULL;
	free(names->device[as->slot]);
	names->device[as->slot] = NULL;
}

void names_online(struct app *app)
{
	if (!app->names)
		return;
	zone_set_domain(&app->names->zone, app->identity.id.domain);
	tell_resolved(app);
}

void names_on_hosts(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = access_link_arg(rpc->arg);
	struct app_session *as = NULL;
	struct hosts hosts;
	const char *session;

	(void)id;
	if (rpc_str(params, "session", &session))
		as = sessions_find(app, session);
	if (!as || !app->names || !app->names->device[as->slot])
		return;
	if (!json_object_get(params, "hosts") ||
	    hosts_decode(&hosts, json_object_get(params, "hosts")) != 0) {
		log_warn("names of hosts are malformed: the old ones stay session=%.8s", session);
		return;
	}
	take_hosts(as, session_grant(as->session), &hosts);
	log_info("names of hosts session=%.8s peer=%s hosts=%zu", session,
		 session_grant(as->session)->peer_name, hosts.n);
}

/* --- what is shown: what DNS answers --- */

static size_t count_hosts(const struct zone *z, const struct zone_device *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->hosts.n; i++)
		n += !zone_hides(z, d, d->hosts.at[i].name);
	return n;
}

static size_t count_names(const struct names *names)
{
	size_t n = 0;

	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		if (names->device[i])
			n += 1 + count_hosts(&names->zone, names->device[i]);
	}
	return n;
}

static json_t *queries_json(const struct names *names)
{
	json_t *o = json_object();

	for (int i = 0; i < ZONE_RESULTS; i++)
		json_object_set_new(o, zone_result_name((enum zone_result)i),
				    json_integer((json_int_t)names->results[i]));
	return o;
}

static json_t *state_json(const struct app *app)
{
	const struct names *names = app->names;
	const char *words = "", *state = "off";
	char text[LISTEN_TEXT_SIZE];
	json_t *o;

	opt_print_listen(NULL, &app->config.dns, text, sizeof(text));
	if (names->resolved)
		state = resolved_state_name(resolved_state(names->resolved, &words));
	o = json_pack("{s:s, s:b, s:s, s:s, s:I}", "listen", text, "listening",
		      dns_server_listening(names->server), "domain", names->zone.apex, "resolved",
		      state, "count", (json_int_t)count_names(names));
	if (o && words[0])
		json_object_set_new(o, "resolved_error", json_string(words));
	if (o)
		json_object_set_new(o, "queries", queries_json(names));
	return o;
}

void names_status(const struct app *app, json_t *o)
{
	if (app->names)
		json_object_set_new(o, "dns", state_json(app));
}

/* A list in the making: from the @skip-th name on, as many as fit. */
struct listing {
	json_t *list;
	size_t skip, at, bytes;
	bool full;
};

static void list_one(struct listing *l, const char *name, const struct addr *a)
{
	char text[ADDR_TEXT_SIZE];
	size_t n;

	if (a->family == 0 || l->full || l->at++ < l->skip)
		return;
	addr_format(a, text);
	n = strlen(name) + strlen(text) + sizeof("{\"name\":\"\",\"address\":\"\"},");
	if (l->bytes + n > PAGE_MAX_BYTES) {
		l->full = true;
		l->at--;
		return;
	}
	l->bytes += n;
	json_array_append_new(l->list, json_pack("{s:s, s:s}", "name", name, "address", text));
}

static void list_device(struct listing *l, const struct zone *z, const struct zone_device *d)
{
	char name[DNS_NAME_SIZE];

	zone_name(z, d, NULL, name);
	list_one(l, name, &d->ipv4);
	list_one(l, name, &d->ipv6);
	for (size_t i = 0; i < d->hosts.n; i++) {
		if (zone_hides(z, d, d->hosts.at[i].name))
			continue;
		zone_name(z, d, d->hosts.at[i].name, name);
		list_one(l, name, &d->hosts.at[i].addr);
	}
}

void names_on_ask(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = local_arg(rpc);
	struct listing l = {.list = NULL};
	int64_t after = 0;
	json_t *o;

	if (!app->names) {
		rpc_reject(rpc, id, RPC_DENIED, "this end is a device; only managers have names");
		return;
	}
	tell_resolved(app);				       /* it may have come meanwhile */
	(void)!rpc_int(params, "after", 0, INT32_MAX, &after); /* may be absent */
	l.skip = (size_t)after;
	l.list = json_array();
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		if (app->names->device[i])
			list_device(&l, &app->names->zone, app->names->device[i]);
	}
	o = state_json(app);
	json_object_set_new(o, "tun", json_string(app->config.tun));
	json_object_set_new(o, "server", json_string(app->names->first));
	json_object_set_new(o, "names", l.list);
	if (l.full)
		json_object_set_new(o, "after", json_integer((json_int_t)l.at));
	rpc_reply(rpc, id, o);
}

void names_figures(const struct app *app, struct expo *e)
{
	static const struct expo_family asked = {"farlan_vpnd_dns_queries", NULL,
						 "Questions for names, by what became of them.",
						 EXPO_COUNTER};

	if (!app->names)
		return;
	expo_family(e, &asked);
	for (int i = 0; i < ZONE_RESULTS; i++)
		expo_labelled(e, (double)app->names->results[i], "result",
			      zone_result_name((enum zone_result)i));
}

/* --- life --- */

int names_open(struct app *app)
{
	struct dns_server_config config = {.where = &app->config.dns, .answer = answer};
	struct opt_listens first = {.n = app->config.dns.n > 0};
	struct names *names;
	int r;

	if (app->config.role != TOKEN_MANAGER)
		return 0;
	names = calloc(1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	app->names = names;
	first.at[0] = app->config.dns.at[0];
	opt_print_listen(NULL, &first, names->first, sizeof(names->first));
	config.arg = names;
	r = dns_server_open(&names->server, app->loop, &config);
	if (r == 0 && names->server && app->config.resolved)
		r = resolved_open(&names->resolved, app->loop);
	return r;
}

/* What systemd-resolved was told goes with the TUN device. */
void names_close(struct app *app)
{
	if (!app->names)
		return;
	dns_server_close(app->names->server);
	resolved_close(app->names->resolved);
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++)
		free(app->names->device[i]);
	free(app->names);
	app->names = NULL;
}
