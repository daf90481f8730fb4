/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way to servers and relays: names, then every port at every address, then packet sizes. Only
 * hosts that are configured are asked.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/netaddr.h"
#include "vpnd/doctor_internal.h"

/* --- packet sizes --- */

static void on_mtu(void *arg, const struct check_mtu_result *r)
{
	struct doctor_host *h = arg;
	struct finding f = {.id = "mtu"};

	h->mtu = NULL;
	if (!r->whole && r->passes)
		h->d->passes = r->passes;
	snprintf(f.subject, sizeof(f.subject), "%s", h->mtu_subject);
	check_mtu_say(r, &f);
	doctor_tell(h->d, &f);
	doctor_look(h->d);
}

/* A port that works, else one that falls silent when packets grow: that is what it looks like. */
static const struct check_host_port *port_for_mtu(const struct doctor_host *h)
{
	const struct check_host_port *stuck = NULL;

	for (size_t i = 0; i < h->c.n_ports; i++) {
		if (port_seen_good(&h->c.at[i].seen))
			return &h->c.at[i];
		if (port_seen_stuck(&h->c.at[i].seen))
			stuck = &h->c.at[i];
	}
	return stuck;
}

static void begin_mtu(struct doctor_host *h)
{
	size_t *n = h->access ? &h->d->n_mtu_access : &h->d->n_mtu_relay;
	char host_header[CHECK_HOST_HEADER_SIZE], path[CHECK_HOST_PATH_SIZE], where[DIAL_ADDR_SIZE];
	const struct check_host_port *p = port_for_mtu(h);
	struct check_port_target t;

	if (!p || *n >= DOCTOR_MTUS_MAX / 2)
		return;
	check_host_target(p, host_header, path, &t);
	dial_addr_format(&p->addr, where);
	snprintf(h->mtu_subject, sizeof(h->mtu_subject), "%.100s %s", h->c.url.host, where);
	if (check_mtu_start(&h->mtu, h->d->app->loop, &t, on_mtu, h) == 0)
		++*n;
}

/* --- ports --- */

static size_t count(const struct doctor_host *h, enum port_tcp tcp)
{
	size_t n = 0;

	for (size_t i = 0; i < h->c.n_ports; i++)
		n += h->c.at[i].seen.tcp == tcp;
	return n;
}

bool doctor_host_no_way(const struct doctor_host *h)
{
	return h->c.n_ports > 0 && count(h, PORT_NO_WAY) == h->c.n_ports;
}

static void say_unreached(const struct doctor_host *h, struct finding *f)
{
	size_t open = count(h, PORT_OPEN), dropped = count(h, PORT_NO_ANSWER);

	if (h->c.n_addrs == 0)
		finding_say(f, FINDING_FAILED, "not reached: no address is known");
	else if (port_for_mtu(h))
		finding_say(f, FINDING_FAILED, "not reached: its ports open and fall silent");
	else if (open > 0)
		finding_say(f, FINDING_FAILED,
			    "not reached: something else answers in its place (see its ports)");
	else if (doctor_host_no_way(h))
		finding_say(f, FINDING_FAILED, "not reached: there is no way there");
	else
		finding_say(f, FINDING_FAILED,
			    "not reached: of %zu ways %zu are refused, %zu dropped", h->c.n_ports,
			    count(h, PORT_REFUSED), dropped);
	if (doctor_host_no_way(h))
		finding_todo(f, "look at the cable, this host's default gateway, and its router");
	else
		finding_todo(f, "the firewall has to let it out: see the list at the end; or, if "
				"this network "
				"has an HTTP proxy: proxy = http://HOST:PORT in vpnd.conf");
}

static void tell_host(struct doctor_host *h)
{
	struct finding f = {.id = "server"};
	char ports[200];

	snprintf(f.subject, sizeof(f.subject), "%.120s", h->c.url.host);
	check_host_by_text(&h->c, ports, sizeof(ports));
	if (ports[0])
		finding_say(&f, FINDING_OK, "reached by %s", ports);
	else
		say_unreached(h, &f);
	doctor_tell(h->d, &f);
}

/* --- what comes --- */

static void on_port(struct check_host_port *p)
{
	struct doctor_host *h = p->host->arg;
	struct finding f = {.id = "port"};
	char where[DIAL_ADDR_SIZE];

	if (p->seen.tls && !p->seen.verified && !h->d->ca_known)
		snprintf(p->seen.problem, sizeof(p->seen.problem),
			 "the domain's CA is not known before enrolment");
	dial_addr_format(&p->addr, where);
	snprintf(f.subject, sizeof(f.subject), "%.100s %s", h->c.url.host, where);
	port_seen_say(&p->seen, p->addr.ss_family == AF_INET6, &f);
	doctor_tell(h->d, &f);
}

static void on_done(struct check_host *c)
{
	struct doctor_host *h = c->arg;

	if (!c->brief) {
		tell_host(h);
		begin_mtu(h);
	}
	doctor_look(h->d);
}

static int before(struct check_host *c, const struct sockaddr_storage *addr)
{
	const struct doctor_host *h = c->arg;
	const struct dial_memory *m = &h->d->app->memory;

	return m->before ? m->before(m->before_arg, c->url.host, addr) : 0;
}

static bool add_known(struct doctor_host *h, const struct addr *a)
{
	struct sockaddr_storage ss;

	netaddr_to(&ss, a, 0);
	return check_host_add(&h->c, &ss);
}

/* What worked before, and what the Access Server told, is tried, too: names may lie. *a: one that
 * the name did not say. */
static bool add_known_addrs(struct doctor_host *h, struct addr *a)
{
	const struct dial_host *known = dial_find_host(&h->d->app->memory, h->c.url.host);
	bool found = false;

	for (size_t i = 0; known && i < known->n_worked; i++) {
		if (add_known(h, &known->worked[i].addr) && !found) {
			*a = known->worked[i].addr;
			found = true;
		}
	}
	for (size_t i = 0; known && i < known->n_told; i++) {
		if (add_known(h, &known->told[i]) && !found) {
			*a = known->told[i];
			found = true;
		}
	}
	return found;
}

static void on_resolver(void *arg, const struct finding *f)
{
	struct doctor_resolver *r = arg;
	struct doctor *d = r->d;

	r->check = NULL;
	d->n_resolving--;
	doctor_tell(d, f);
	doctor_look(d);
}

/* A name has failed: which of the name servers is it? */
static void ask_resolvers(struct doctor *d, const char *name)
{
	struct addr servers[DOCTOR_RESOLVERS_MAX];
	size_t n = d->asked_resolvers ? 0 : routes_resolvers(servers, DOCTOR_RESOLVERS_MAX);

	d->asked_resolvers = true;
	for (size_t i = 0; i < n; i++) {
		struct doctor_resolver *r = &d->resolvers[i];

		r->d = d;
		if (check_resolver_start(&r->check, d->app->loop, &servers[i], name, on_resolver,
					 r) == 0)
			d->n_resolving++;
		else
			r->check = NULL;
	}
}

static void on_name(struct check_host *c, const struct check_name_result *r)
{
	struct doctor_host *h = c->arg;
	struct finding f = {.id = "dns"};
	char text[ADDR_TEXT_SIZE];
	struct addr known;
	bool has_known = add_known_addrs(h, &known);

	snprintf(f.subject, sizeof(f.subject), "%.120s", c->url.host);
	check_name_say(r, &f);
	if (has_known && f.state != FINDING_OK) {
		size_t used = strlen(f.text);

		addr_format(&known, text);
		f.state = FINDING_WARNING;
		snprintf(f.text + used, sizeof(f.text) - used,
			 "; %s is known from before, and used instead", text);
	}
	doctor_tell(h->d, &f);
	if (r->status != 0)
		ask_resolvers(h->d, c->url.host);
	if (c->n_addrs > 0 && h->access)
		doctor_host_way(h->d, c->url.host, &c->addrs[0]);
}

static const struct check_host_ops ops = {
	.before = before,
	.on_name = on_name,
	.on_port = on_port,
	.on_done = on_done,
};

/* --- all of them --- */

static struct doctor_host *find(const struct doctor *d, const struct url *url)
{
	for (size_t i = 0; i < d->n_hosts; i++) {
		const struct url *have = &d->hosts[i]->c.url;

		if (strcmp(have->host, url->host) == 0 && have->port == url->port)
			return d->hosts[i];
	}
	return NULL;
}

void doctor_net_add(struct doctor *d, const struct url *url, bool access, bool brief)
{
	struct doctor_host *h = find(d, url);

	if (h)
		h->both |= h->access != access;
	if (h || d->n_hosts == DOCTOR_HOSTS_MAX)
		return;
	h = calloc(1, sizeof(*h));
	if (!h)
		return;
	h->d = d;
	h->access = access;
	h->c = (struct check_host){.loop = d->app->loop,
				   .ctx = d->ctx,
				   .url = *url,
				   .ports = d->app->config.ports,
				   .brief = brief,
				   .ops = &ops,
				   .arg = h};
	h->by_proxy = doctor_proxy_is_for(d, url);
	d->hosts[d->n_hosts++] = h;
}

void doctor_net_begin(struct doctor *d)
{
	const struct dial_memory *m = &d->app->memory;

	if (m->before)
		(void)m->before(m->before_arg, "", NULL);
	doctor_proxy_begin(d);
	for (size_t i = 0; i < d->n_hosts; i++) {
		if (!d->hosts[i]->by_proxy)
			check_host_begin(&d->hosts[i]->c);
	}
}

bool doctor_net_runs(const struct doctor *d)
{
	for (size_t i = 0; i < d->n_hosts; i++) {
		if (check_host_runs(&d->hosts[i]->c) || d->hosts[i]->mtu)
			return true;
	}
	return d->n_resolving > 0 || doctor_proxy_runs(d);
}

void doctor_net_close(struct doctor *d)
{
	doctor_proxy_close(d);
	for (size_t i = 0; i < DOCTOR_RESOLVERS_MAX; i++) {
		if (d->resolvers[i].check)
			check_resolver_cancel(d->resolvers[i].check);
	}
	for (size_t i = 0; i < d->n_hosts; i++) {
		struct doctor_host *h = d->hosts[i];

		check_host_stop(&h->c);
		if (h->mtu)
			check_mtu_cancel(h->mtu);
		free(h);
	}
	d->n_hosts = 0;
}

/* --- what it means together --- */

static const struct check_host_port *find_port(const struct doctor *d,
					       bool (*fits)(const struct check_host_port *p))
{
	for (size_t i = 0; i < d->n_hosts; i++) {
		const struct check_host *c = &d->hosts[i]->c;

		for (size_t k = 0; k < c->n_ports; k++) {
			if (c->at[k].done && fits(&c->at[k]))
				return &c->at[k];
		}
	}
	return NULL;
}

static bool is_inspected(const struct check_host_port *p)
{
	return p->seen.tls && p->seen.inspected;
}

static bool is_portal(const struct check_host_port *p)
{
	return port_seen_portal(&p->seen) && !check_host_good(p->host);
}

static void tell_inspection(struct doctor *d)
{
	const struct check_host_port *p = find_port(d, is_inspected);
	struct finding f = {.id = "inspection", .subject = "TLS"};

	if (!p) {
		finding_say(&f, FINDING_OK, "nobody is seen to open TLS on the way");
	} else {
		finding_say(&f, FINDING_WARNING,
			    "TLS to %.100s is opened on the way: certificate of \"%s\" by \"%s\" "
			    "(%s)",
			    p->host->url.host, p->seen.subject, p->seen.issuer, p->seen.problem);
		d->inspected = p->host->url.host;
		if (d->app->config.refuse_inspection)
			f.state = FINDING_FAILED;
		finding_todo(&f,
			     port_seen_good(&p->seen) && !d->app->config.refuse_inspection
				     ? "nothing has to be done, what is inside has a second "
				       "encryption; it is faster if the name is exempted from TLS "
				       "inspection"
				     : "exempt the name from TLS inspection");
	}
	doctor_tell(d, &f);
}

static void tell_portal(struct doctor *d)
{
	const struct check_host_port *p = find_port(d, is_portal);
	struct finding f = {.id = "portal", .subject = "captive portal"};

	if (!p) {
		finding_say(&f, FINDING_OK, "none is seen");
	} else {
		finding_say(&f, FINDING_FAILED,
			    "one answers in the place of %.100s: it leads to %s", p->host->url.host,
			    p->seen.location[0] ? p->seen.location : "a page");
		finding_todo(&f,
			     "open %s in a browser in this network and sign in, or have this "
			     "machine exempted from it",
			     p->seen.location[0] ? p->seen.location : "any http:// page");
	}
	doctor_tell(d, &f);
}

void doctor_net_conclude(struct doctor *d)
{
	tell_portal(d);
	if (d->ca_known)
		tell_inspection(d);
}
