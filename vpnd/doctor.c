/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vpnctl doctor: everything is looked at at once, each finding is told as it comes, and at the end
 * whether Farlan can come up here, and what a firewall has to let out for it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/text.h"
#include "vpnd/doctor_internal.h"
#include "vpnd/pure/verdict.h"

#define TICK_MS 200
#define RELAY_LIST_MS 1000
#define RESOLVERS_MAX 8

/* --- the end --- */

static void on_ticker_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_total_closed(uv_handle_t *handle)
{
	struct doctor *d = handle->data;

	uv_close((uv_handle_t *)&d->ticker, on_ticker_closed);
}

static void stop(struct doctor *d)
{
	if (d->over)
		return;
	d->over = true;
	d->app->doctor = NULL;
	if (d->asking)
		rpc_cancel(d->asking, d);
	d->asking = NULL;
	json_decref(d->urls);
	doctor_net_close(d);
	tls_ctx_free(d->ctx);
	d->ctx = NULL;
	uv_timer_stop(&d->ticker);
	uv_close((uv_handle_t *)&d->total, on_total_closed);
}

static struct rpc *asker(const struct doctor *d)
{
	return d->app->local ? local_client_find(d->app->local, d->waiter.client) : NULL;
}

/* --- what is told --- */

void doctor_tell(struct doctor *d, const struct finding *f)
{
	struct rpc *rpc = asker(d);
	json_t *o = finding_encode(f);

	if (rpc && o)
		(void)rpc_notify(rpc, "doctor.check", o);
	else
		json_decref(o);
}

static json_t *ports_of(const struct doctor *d, const struct url *url)
{
	const struct opt_ports *ports = &d->app->config.ports;
	json_t *list = json_array();

	if (url->port)
		json_array_append_new(list, json_integer(url->port));
	for (size_t i = 0; i < ports->n && !url->port; i++)
		json_array_append_new(list, json_integer(ports->port[i]));
	return list;
}

static json_t *addrs_of(const struct doctor_host *h)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < h->c.n_addrs; i++) {
		struct addr a = check_host_addr(&h->c.addrs[i]);

		addr_format(&a, text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static void allow_resolvers(json_t *allow)
{
	struct addr servers[RESOLVERS_MAX];
	size_t n = routes_resolvers(servers, RESOLVERS_MAX);
	json_t *list = json_array();
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < n; i++) {
		if (addr_is_martian(&servers[i])) /* this host's own */
			continue;
		addr_format(&servers[i], text);
		json_array_append_new(list, json_string(text));
	}
	if (json_array_size(list) > 0)
		json_array_append_new(allow,
				      json_pack("{s:s, s:o, s:[i], s:s, s:s}", "name",
						"name server", "addresses", list, "ports", 53,
						"protocol", "UDP and TCP", "why", "DNS"));
	else
		json_decref(list);
}

static void allow_proxy(const struct doctor *d, json_t *allow)
{
	const struct proxy *p = &d->app->proxy.use.to;

	if (p->host[0])
		json_array_append_new(allow, json_pack("{s:s, s:[], s:[i], s:s, s:s}", "name",
						       p->host, "addresses", "ports", p->port,
						       "protocol", "TCP", "why", "HTTP proxy"));
}

static void allow_ntp(const struct doctor *d, json_t *allow)
{
	const struct opt_servers *ntp = &d->app->config.ntp;

	for (size_t i = 0; i < ntp->n; i++)
		json_array_append_new(allow, json_pack("{s:s, s:[], s:[i], s:s, s:s}", "name",
						       ntp->at[i].host, "addresses", "ports",
						       ntp->at[i].port ? ntp->at[i].port : 123,
						       "protocol", "UDP", "why", "time (NTP)"));
}

static bool has_host(const struct doctor *d, const char *name)
{
	for (size_t i = 0; i < d->n_hosts; i++) {
		if (strcmp(d->hosts[i]->c.url.host, name) == 0)
			return true;
	}
	return false;
}

static json_t *told_addrs(const struct dial_host *h)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < h->n_told; i++) {
		addr_format(&h->told[i], text);
		json_array_append_new(list, json_string(text));
	}
	for (size_t i = 0; i < h->n_worked && h->n_told == 0; i++) {
		addr_format(&h->worked[i].addr, text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

/* Relays that are away now, or of which only an earlier connection told. */
static void allow_remembered(const struct doctor *d, json_t *allow)
{
	const struct dial_memory *m = &d->app->memory;
	const struct opt_ports *ports = &d->app->config.ports;

	for (size_t i = 0; i < m->n && d->app->enrolled && json_array_size(d->urls) == 0; i++) {
		const struct dial_host *h = &m->hosts[i];
		json_t *list;

		if (strncmp(h->name, DIAL_PROXIED, strlen(DIAL_PROXIED)) == 0 ||
		    has_host(d, h->name))
			continue;
		list = json_array();
		for (size_t k = 0; k < ports->n; k++)
			json_array_append_new(list, json_integer(ports->port[k]));
		json_array_append_new(allow, json_pack("{s:s, s:o, s:o, s:s, s:s}", "name", h->name,
						       "addresses", told_addrs(h), "ports", list,
						       "protocol", "TCP", "why", "Relay Server"));
	}
}

static json_t *make_allow(const struct doctor *d)
{
	json_t *allow = json_array();

	for (size_t i = 0; i < d->n_hosts; i++) {
		const struct doctor_host *h = d->hosts[i];

		json_array_append_new(allow,
				      json_pack("{s:s, s:o, s:o, s:s, s:s}", "name", h->c.url.host,
						"addresses", addrs_of(h), "ports",
						ports_of(d, &h->c.url), "protocol", "TCP", "why",
						h->both	    ? "Access Server, Relay Server"
						: h->access ? "Access Server"
							    : "Relay Server"));
	}
	allow_remembered(d, allow);
	allow_proxy(d, allow);
	allow_resolvers(allow);
	allow_ntp(d, allow);
	return allow;
}

/* --- the verdict --- */

struct ways {
	struct verdict_way at[VERDICT_WAYS_MAX];
	size_t n;
	const char *portal_url;
};

static void add_ways(struct ways *w, const struct doctor_host *h)
{
	bool refuse = h->d->app->config.refuse_inspection;

	for (size_t i = 0; i < h->c.n_ports && w->n < VERDICT_WAYS_MAX; i++) {
		const struct check_host_port *p = &h->c.at[i];
		bool portal = port_seen_portal(&p->seen);

		if (portal && p->seen.location[0])
			w->portal_url = p->seen.location;
		w->at[w->n++] = (struct verdict_way){.name = h->c.url.host,
						     .access = h->access,
						     .both = h->both,
						     .good = p->done && port_seen_good(&p->seen) &&
							     !(refuse && p->seen.inspected),
						     .portal = portal,
						     .port = p->port};
	}
	for (size_t i = 0; i < h->n_tunnels && w->n < VERDICT_WAYS_MAX; i++)
		w->at[w->n++] = (struct verdict_way){.name = h->c.url.host,
						     .access = h->access,
						     .both = h->both,
						     .good = h->tunnels[i].good,
						     .proxy = true,
						     .port = h->tunnels[i].port};
}

/* The ports that are tried, and those that URLs name. */
static void add_ports(struct verdict_in *in, const struct doctor *d)
{
	const struct opt_ports *ports = &d->app->config.ports;

	for (size_t i = 0; i < ports->n && in->n_ports < VERDICT_PORTS_MAX; i++)
		in->ports[in->n_ports++] = ports->port[i];
	for (size_t i = 0; i < d->n_hosts; i++) {
		uint16_t own = d->hosts[i]->c.url.port;
		size_t k = 0;

		while (k < in->n_ports && in->ports[k] != own)
			k++;
		if (own && k == in->n_ports && k < VERDICT_PORTS_MAX)
			in->ports[in->n_ports++] = own;
	}
}

static void decide(const struct doctor *d, const json_t *allow, struct verdict *v)
{
	struct ways *w = calloc(1, sizeof(*w));
	struct verdict_in in = {
		.obstacle = d->obstacle, .passes = d->passes, .no_names = d->n_hosts > 0};
	bool no_way = d->n_hosts > 0;

	*v = (struct verdict){.text = "out of memory"};
	if (!w)
		return;
	for (size_t i = 0; i < d->n_hosts; i++) {
		add_ways(w, d->hosts[i]);
		in.no_names &= d->hosts[i]->c.n_addrs == 0 && !d->hosts[i]->by_proxy;
		no_way &= doctor_host_no_way(d->hosts[i]) && !d->hosts[i]->by_proxy;
	}
	if (no_way && !in.obstacle)
		in.obstacle = "there is no way out of this network: look at the cable, this "
			      "host's default gateway, and its router";
	if (d->app->config.refuse_inspection)
		in.inspected = d->inspected;
	in.ways = w->at;
	in.n = w->n;
	in.portal_url = w->portal_url;
	add_ports(&in, d);
	verdict_decide(&in, allow, v);
	free(w);
}

/* --- relays are measured meanwhile --- */

static void tell_relay(struct doctor *d, const struct relay_entry *e)
{
	const struct relay_result *r = &e->result;
	struct finding f = {.id = "relay"};

	snprintf(f.subject, sizeof(f.subject), "%s", e->name);
	switch (r->known) {
	case RELAY_REACHED:
		finding_say(&f, r->loss_pm >= 50 ? FINDING_WARNING : FINDING_OK,
			    "%.1f ms away at %s, %.1f %% lost", (double)r->rtt_us / 1000, r->where,
			    (double)r->loss_pm / 10);
		break;
	case RELAY_FAILED:
		finding_say(&f, FINDING_WARNING, "not reached: %s", r->failed);
		break;
	case RELAY_UNKNOWN:
		finding_say(&f, FINDING_SKIPPED, "no result in time");
		break;
	}
	doctor_tell(d, &f);
}

static void tell_relays(struct doctor *d)
{
	const struct relay_table *t = relays_table(d->app);

	d->told_relays = true;
	for (size_t i = 0; i < t->n; i++)
		tell_relay(d, &t->at[i]);
}

/* --- all of it --- */

static void finish(struct doctor *d)
{
	struct rpc *rpc = asker(d);
	json_t *allow;
	struct verdict v;

	if (!d->told_relays)
		tell_relays(d);
	doctor_net_conclude(d);
	allow = make_allow(d);
	decide(d, allow, &v);
	log_info("doctor: %s", v.text);
	if (rpc)
		rpc_reply(rpc, d->waiter.id,
			  json_pack("{s:b, s:s, s:o, s:I}", "up", v.up, "verdict", v.text, "allow",
				    allow, "ms", (json_int_t)(clock_mono_ms() - d->begun_ms)));
	else
		json_decref(allow);
	stop(d);
}

static void on_total(uv_timer_t *timer)
{
	finish(timer->data);
}

/* From the loop: who has come to its end is still on the stack. */
void doctor_look(struct doctor *d)
{
	if (!d->begun || d->over || doctor_net_runs(d) || d->measuring)
		return;
	if (!d->told_relays)
		tell_relays(d);
	uv_timer_start(&d->total, on_total, 0, 0);
}

static void on_tick(uv_timer_t *timer)
{
	struct doctor *d = timer->data;

	if (relays_measuring(d->app))
		return;
	d->measuring = false;
	uv_timer_stop(timer);
	tell_relays(d);
	doctor_look(d);
}

/* --- the beginning --- */

static void add_urls(struct doctor *d, const json_t *urls)
{
	const json_t *item;
	struct url url;
	size_t i;

	json_array_foreach (urls, i, item) {
		if (json_is_string(item) && url_parse(&url, json_string_value(item)) == 0)
			doctor_net_add(d, &url, true, false);
	}
}

static void add_hosts(struct doctor *d)
{
	const struct app *app = d->app;
	const struct relay_table *t = relays_table(app);

	add_urls(d, d->urls);
	if (d->n_hosts > 0 || !app->enrolled)
		return;
	for (size_t i = 0; i < app->identity.n_urls; i++)
		doctor_net_add(d, &app->identity.urls[i], true, false);
	for (size_t i = 0; i < t->n; i++) {
		for (size_t k = 0; k < t->at[i].n_urls; k++)
			doctor_net_add(d, &t->at[i].urls[k], false,
				       i >= DOCTOR_RELAYS_MAX || k > 0);
	}
}

/* Before enrolment the invitation says whose certificates count. */
static void take_pin(struct doctor *d, const json_t *params)
{
	const char *hex;
	uint8_t sha[32];

	if (!rpc_str(params, "ca_sha256", &hex) ||
	    text_hex_decode(sha, sizeof(sha), hex, strlen(hex)) != 0)
		return;
	tls_ctx_outer_pin(d->ctx, sha);
	d->ca_known = true;
}

/* One of its own: that of the connection may be replaced meanwhile. */
static int make_ctx(struct doctor *d)
{
	const struct config *config = &d->app->config;

	if (!d->app->enrolled)
		return tls_ctx_outer_trusting(&d->ctx, NULL, &config->trust);
	return tls_ctx_outer_of(&d->ctx, &d->app->identity, &config->trust,
				config->refuse_inspection);
}

static struct doctor *doctor_new(struct app *app, struct rpc *rpc, int64_t id)
{
	struct doctor *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->app = app;
	d->ca_known = app->enrolled;
	d->begun_ms = clock_mono_ms();
	d->waiter = (struct waiter){.waiting = true,
				    .client = local_client_number(local_client_of(rpc)),
				    .id = id,
				    .since_ms = d->begun_ms};
	if (make_ctx(d) != 0) {
		free(d);
		return NULL;
	}
	uv_timer_init(app->loop, &d->total);
	uv_timer_init(app->loop, &d->ticker);
	d->total.data = d->ticker.data = d;
	app->doctor = d;
	return d;
}

static void begin(struct doctor *d)
{
	add_hosts(d);
	d->measuring = d->app->enrolled && relays_table(d->app)->n > 0 && relays_measure(d->app);
	if (d->measuring)
		uv_timer_start(&d->ticker, on_tick, TICK_MS, TICK_MS);
	doctor_net_begin(d);
	d->begun = true;
	doctor_look(d);
}

static void on_relay_list(void *arg, const json_t *result, int code, const char *message)
{
	struct doctor *d = arg;

	(void)code;
	(void)message;
	d->asking = NULL;
	if (result)
		relays_take_answer(d->app, result);
	begin(d);
}

/* What hello said of the relays may be old. An older server does not know the question, and one
 * that is out of reach is not waited for long. */
static void ask_relays(struct doctor *d)
{
	struct app *app = d->app;
	struct rpc *access = app->link && app->online ? access_link_rpc(app->link) : NULL;

	if (access &&
	    rpc_request(access, "relay.list", json_object(), RELAY_LIST_MS, on_relay_list, d) == 0)
		d->asking = access;
	else
		begin(d);
}

static void start(struct doctor *d, const json_t *params)
{
	d->urls = json_incref(json_object_get(params, "urls"));
	take_pin(d, params);
	if (d->app->config.refuse_inspection && d->ca_known)
		tls_ctx_refuse_inspection(d->ctx); /* tunnels end there */
	uv_timer_start(&d->total, on_total, DOCTOR_MS, 0);
	doctor_host_check(d);
	ask_relays(d);
}

void doctor_on_ask(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *app = local_arg(rpc);
	struct doctor *d;

	if (app->doctor) {
		rpc_reject(rpc, id, RPC_CONFLICT, "a doctor is at work already: try again in 30 s");
		return;
	}
	if (!app->enrolled && json_array_size(json_object_get(params, "urls")) == 0) {
		rpc_reject(rpc, id, RPC_UNAVAILABLE,
			   "not enrolled, so no server is known; name one: --invite FILE or --url "
			   "https://HOST");
		return;
	}
	d = doctor_new(app, rpc, id);
	if (!d)
		rpc_reject(rpc, id, RPC_INTERNAL, "out of memory");
	else
		start(d, params);
}

void doctor_client_gone(struct app *app, uint64_t client)
{
	if (app->doctor && app->doctor->waiter.client == client)
		stop(app->doctor);
}

void doctor_close(struct app *app)
{
	if (app->doctor)
		stop(app->doctor);
}
