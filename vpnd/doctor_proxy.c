/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way to servers and relays through the HTTP proxy, as a dial would go it: a tunnel to each
 * port, and a probe in it.
 */
#include <stdio.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/netaddr.h"
#include "vpnd/doctor_internal.h"

#define GREETING "farlan "

/* --- a tunnel --- */

static void say_bad(const struct outer *o, const struct url *url, uint16_t port, const char *reason,
		    struct finding *f)
{
	struct outer_tunnel t = {.status = 0};

	finding_say(f, FINDING_WARNING, "%.400s", reason);
	if (!outer_tunnel(o, &t) || t.open)
		return;
	if (t.status == 407)
		finding_todo(f, "name user and password: proxy = http://USER:PASSWORD@HOST:PORT in "
				"vpnd.conf");
	else if (t.status == 403 || t.status == 405)
		finding_todo(f, "have the proxy allow CONNECT to %.100s:%u", url->host, port);
	else if (t.status >= 500)
		finding_todo(f, "the proxy has to be let out to %.100s:%u", url->host, port);
}

static void tell_tunnel(struct doctor_tunnel *t, const struct outer *o, const char *reason)
{
	const struct url *url = &t->host->c.url;
	struct finding f = {.id = "proxy", .ms = (uint32_t)(clock_mono_ms() - t->begun_ms)};

	snprintf(f.subject, sizeof(f.subject), "%.120s:%u", url->host, t->port);
	if (t->good)
		finding_say(&f, FINDING_OK, "reached through the proxy");
	else
		say_bad(o, url, t->port, reason, &f);
	doctor_tell(t->host->d, &f);
}

static void tell_host(struct doctor_host *h)
{
	struct finding f = {.id = "server"};
	char ports[100] = "";

	for (size_t i = 0; i < h->n_tunnels; i++) {
		size_t used = strlen(ports);

		if (h->tunnels[i].outer)
			return;
		if (h->tunnels[i].good)
			snprintf(ports + used, sizeof(ports) - used, "%s%u", used ? ", " : "",
				 h->tunnels[i].port);
	}
	snprintf(f.subject, sizeof(f.subject), "%.120s", h->c.url.host);
	if (ports[0]) {
		finding_say(&f, FINDING_OK, "reached through the proxy by %s", ports);
	} else {
		finding_say(&f, FINDING_FAILED, "not reached through the proxy");
		finding_todo(&f, "the proxy has to allow CONNECT to it: see the list at the end");
	}
	doctor_tell(h->d, &f);
}

static void on_open(struct outer *o)
{
	struct doctor_tunnel *t = outer_arg(o);

	t->good = true;
	outer_close(o, "that was all");
}

static void on_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	(void)bytes;
	(void)n;
	outer_close(o, "it sent what nobody asked for");
}

static void on_closed(struct outer *o, bool clean, const char *reason)
{
	struct doctor_tunnel *t = outer_arg(o);
	struct doctor *d = t->host->d;

	(void)clean;
	tell_tunnel(t, o, reason);
	t->outer = NULL;
	d->n_tunnels--;
	tell_host(t->host);
	doctor_look(d);
}

static const struct outer_callbacks calls = {
	.on_open = on_open,
	.on_data = on_data,
	.on_closed = on_closed,
};

static void begin_tunnel(struct doctor_tunnel *t, const struct sockaddr_storage *addr)
{
	struct doctor *d = t->host->d;
	char host_header[CHECK_HOST_HEADER_SIZE], path[CHECK_HOST_PATH_SIZE];
	const struct url *url = &t->host->c.url;
	struct outer_target target = {.addr = *addr,
				      .proxy = &d->app->proxy.use,
				      .port = t->port,
				      .host = url->host,
				      .host_header = host_header,
				      .path = path,
				      .headers = "",
				      .probe = GREETING};

	t->begun_ms = clock_mono_ms();
	if (url_host_header(url, t->port, host_header, sizeof(host_header)) != 0)
		return;
	snprintf(path, sizeof(path), "%s/v1/probe", url->path);
	if (outer_connect(&t->outer, d->app->loop, d->ctx, &target, &calls, t) == 0)
		d->n_tunnels++;
}

/* --- the proxy itself --- */

static void begin_host(struct doctor_host *h, const struct sockaddr_storage *addr)
{
	const struct opt_ports *ports = &h->d->app->config.ports;
	uint16_t own = h->c.url.port;

	for (size_t i = 0; i < (own ? 1 : ports->n); i++) {
		struct doctor_tunnel *t = &h->tunnels[h->n_tunnels++];

		t->host = h;
		t->port = own ? own : ports->port[i];
		begin_tunnel(t, addr);
	}
}

static void begin_tunnels(struct doctor *d, struct sockaddr_storage addr)
{
	const struct proxy *to = &d->app->proxy.use.to;
	const struct dial_memory *m = &d->app->memory;
	struct addr a = check_host_addr(&addr);

	netaddr_to(&addr, &a, to->port);
	if (m->before && m->before(m->before_arg, to->host, &addr) != 0)
		return;
	for (size_t i = 0; i < d->n_hosts; i++) {
		if (d->hosts[i]->by_proxy && !d->hosts[i]->c.brief)
			begin_host(d->hosts[i], &addr);
	}
}

static void on_name(void *arg, const struct check_name_result *r)
{
	struct doctor *d = arg;
	struct finding f = {.id = "dns"};

	d->proxy_lookup = NULL;
	snprintf(f.subject, sizeof(f.subject), "%.120s", d->app->proxy.use.to.host);
	check_name_say(r, &f);
	doctor_tell(d, &f);
	if (r->n > 0)
		begin_tunnels(d, r->addrs[0]);
	doctor_look(d);
}

bool doctor_proxy_is_for(const struct doctor *d, const struct url *url)
{
	const struct dial_proxy *p = &d->app->proxy;
	const struct opt_ports *ports = &d->app->config.ports;

	return p->use.to.host[0] &&
	       !proxy_excepts(&p->except, url->host, url->port ? url->port : ports->port[0]);
}

void doctor_proxy_begin(struct doctor *d)
{
	const struct proxy *to = &d->app->proxy.use.to;
	struct sockaddr_storage ss;
	struct addr a;

	if (!to->host[0])
		return;
	if (addr_parse(&a, to->host) == 0) {
		netaddr_to(&ss, &a, to->port);
		begin_tunnels(d, ss);
		return;
	}
	if (check_name_start(&d->proxy_lookup, d->app->loop, to->host, on_name, d) != 0)
		d->proxy_lookup = NULL;
}

bool doctor_proxy_runs(const struct doctor *d)
{
	return d->proxy_lookup || d->n_tunnels > 0;
}

static void on_late(struct outer *o, bool clean, const char *reason)
{
	(void)o;
	(void)clean;
	(void)reason;
}

/* Nobody is there any more to be told. */
static const struct outer_callbacks no_calls = {.on_data = on_data, .on_closed = on_late};

void doctor_proxy_close(struct doctor *d)
{
	if (d->proxy_lookup)
		check_name_cancel(d->proxy_lookup);
	d->proxy_lookup = NULL;
	for (size_t i = 0; i < d->n_hosts; i++) {
		for (size_t k = 0; k < d->hosts[i]->n_tunnels; k++) {
			struct outer *o = d->hosts[i]->tunnels[k].outer;

			if (!o)
				continue;
			outer_set_callbacks(o, &no_calls, NULL);
			outer_close(o, "time is up");
		}
	}
}
