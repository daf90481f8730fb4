/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way to servers and relays: names, then every port at every address, then packet sizes. Only
 * hosts that are configured are asked.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vpnd/doctor_internal.h"

#define FAMILY_ADDRS_MAX 2 /* addresses of one family that are tried */

static void look_at_host(struct doctor_host *h);

/* --- words --- */

void doctor_addr_text(const struct sockaddr_storage *ss, char out[ADDR_TEXT_SIZE])
{
	if (ss->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)ss)->sin6_addr, out,
			  ADDR_TEXT_SIZE);
	else
		inet_ntop(AF_INET, &((const struct sockaddr_in *)ss)->sin_addr, out,
			  ADDR_TEXT_SIZE);
}

struct addr doctor_addr(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET6)
		return addr_from_bytes(6, ((const struct sockaddr_in6 *)ss)->sin6_addr.s6_addr);
	return addr_from_bytes(4, (const uint8_t *)&((const struct sockaddr_in *)ss)->sin_addr);
}

static void set_port(struct sockaddr_storage *ss, uint16_t port)
{
	if (ss->ss_family == AF_INET6)
		((struct sockaddr_in6 *)ss)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)ss)->sin_port = htons(port);
}

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

static void fill_target(const struct doctor_port *p, char host_header[URL_HOST_SIZE + 10],
			char path[URL_PATH_SIZE + 16], struct check_port_target *t)
{
	const struct doctor_host *h = p->host;

	if (url_host_header(&h->url, p->port, host_header, URL_HOST_SIZE + 10) != 0)
		host_header[0] = '\0';
	snprintf(path, URL_PATH_SIZE + 16, "%s/v1/probe", h->url.path);
	*t = (struct check_port_target){.ctx = h->d->ctx,
					.addr = p->addr,
					.host = h->url.host,
					.host_header = host_header,
					.path = path};
}

/* A port that works, else one that falls silent when packets grow: that is what it looks like. */
static const struct doctor_port *port_for_mtu(const struct doctor_host *h)
{
	const struct doctor_port *stuck = NULL;

	for (size_t i = 0; i < h->n_ports; i++) {
		if (port_seen_good(&h->ports[i].seen))
			return &h->ports[i];
		if (port_seen_stuck(&h->ports[i].seen))
			stuck = &h->ports[i];
	}
	return stuck;
}

static void begin_mtu(struct doctor_host *h)
{
	size_t *n = h->access ? &h->d->n_mtu_access : &h->d->n_mtu_relay;
	char host_header[URL_HOST_SIZE + 10], path[URL_PATH_SIZE + 16], where[DIAL_ADDR_SIZE];
	const struct doctor_port *p = port_for_mtu(h);
	struct check_port_target t;

	if (!p || *n >= DOCTOR_MTUS_MAX / 2)
		return;
	fill_target(p, host_header, path, &t);
	dial_addr_format(&p->addr, where);
	snprintf(h->mtu_subject, sizeof(h->mtu_subject), "%.100s %s", h->url.host, where);
	if (check_mtu_start(&h->mtu, h->d->app->loop, &t, on_mtu, h) == 0)
		++*n;
}

/* --- ports --- */

bool doctor_host_good(const struct doctor_host *h)
{
	for (size_t i = 0; i < h->n_ports; i++) {
		if (port_seen_good(&h->ports[i].seen))
			return true;
	}
	return false;
}

/* "IPv4 443, 80; IPv6 443" */
static void say_reached(const struct doctor_host *h, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (int six = 0; six < 2; six++) {
		const char *between = six ? "IPv6 " : "IPv4 ";
		uint16_t last = 0;

		for (size_t i = 0; i < h->n_ports && used < size; i++) {
			const struct doctor_port *p = &h->ports[i];

			if ((p->addr.ss_family == AF_INET6) != six || !port_seen_good(&p->seen) ||
			    p->port == last)
				continue;
			used += (size_t)snprintf(out + used, size - used, "%s%s%u",
						 used && between[0] == 'I' ? "; " : "", between,
						 p->port);
			between = ", ";
			last = p->port;
		}
	}
}

static size_t count(const struct doctor_host *h, enum port_tcp tcp)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_ports; i++)
		n += h->ports[i].seen.tcp == tcp;
	return n;
}

static void say_unreached(const struct doctor_host *h, struct finding *f)
{
	size_t open = count(h, PORT_OPEN), dropped = count(h, PORT_NO_ANSWER);

	if (h->n_addrs == 0)
		finding_say(f, FINDING_FAILED, "not reached: no address is known");
	else if (port_for_mtu(h))
		finding_say(f, FINDING_FAILED, "not reached: its ports open and fall silent");
	else if (open > 0)
		finding_say(f, FINDING_FAILED,
			    "not reached: something else answers in its place (see its ports)");
	else
		finding_say(f, FINDING_FAILED,
			    "not reached: of %zu ways %zu are refused, %zu dropped", h->n_ports,
			    count(h, PORT_REFUSED), dropped);
	finding_todo(f, "the firewall has to let it out: see the list at the end");
}

static void tell_host(struct doctor_host *h)
{
	struct finding f = {.id = "server"};
	char ports[200];

	snprintf(f.subject, sizeof(f.subject), "%.120s", h->url.host);
	say_reached(h, ports, sizeof(ports));
	if (ports[0])
		finding_say(&f, FINDING_OK, "reached by %s", ports);
	else
		say_unreached(h, &f);
	doctor_tell(h->d, &f);
}

static void tell_port(struct doctor_port *p)
{
	struct finding f = {.id = "port"};
	char where[DIAL_ADDR_SIZE];

	dial_addr_format(&p->addr, where);
	snprintf(f.subject, sizeof(f.subject), "%.100s %s", p->host->url.host, where);
	port_seen_say(&p->seen, p->addr.ss_family == AF_INET6, &f);
	doctor_tell(p->host->d, &f);
}

static void port_done(struct doctor_port *p)
{
	struct doctor_host *h = p->host;

	p->check = NULL;
	p->done = true;
	if (p->seen.tls && !p->seen.verified && !h->d->ca_known)
		snprintf(p->seen.problem, sizeof(p->seen.problem),
			 "the domain's CA is not known before enrolment");
	tell_port(p);
	h->n_running--;
	look_at_host(h);
}

static void on_port(void *arg, const struct port_seen *seen)
{
	struct doctor_port *p = arg;

	p->seen = *seen;
	port_done(p);
}

/* Return: does it run? */
static bool start_port(struct doctor_port *p)
{
	char host_header[URL_HOST_SIZE + 10], path[URL_PATH_SIZE + 16];
	const struct dial_memory *m = &p->host->d->app->memory;
	struct check_port_target t;
	int r = m->before ? m->before(m->before_arg, p->host->url.host, &p->addr) : 0;

	fill_target(p, host_header, path, &t);
	if (r == 0)
		r = check_port_start(&p->check, p->host->d->app->loop, &t, on_port, p);
	if (r == 0)
		return true;
	p->seen.tcp = r == -EHOSTUNREACH ? PORT_NO_WAY : PORT_ERROR;
	p->seen.error = -r;
	p->done = true;
	tell_port(p);
	return false;
}

static void add_port(struct doctor_host *h, const struct sockaddr_storage *addr, uint16_t port)
{
	struct doctor_port *p = &h->ports[h->n_ports];

	if (h->n_ports == sizeof(h->ports) / sizeof(h->ports[0]))
		return;
	h->n_ports++;
	p->host = h;
	p->addr = *addr;
	p->port = port;
	set_port(&p->addr, port);
}

static void start_ports(struct doctor_host *h)
{
	const struct opt_ports *ports = &h->d->app->config.ports;

	for (size_t a = 0; a < h->n_addrs && !h->brief; a++) {
		if (h->url.port)
			add_port(h, &h->addrs[a], h->url.port);
		for (size_t i = 0; i < ports->n && !h->url.port; i++)
			add_port(h, &h->addrs[a], ports->port[i]);
	}
	h->n_running = 1; /* until all have begun */
	for (size_t i = 0; i < h->n_ports; i++)
		h->n_running += start_port(&h->ports[i]);
	h->n_running--;
	look_at_host(h);
}

static void look_at_host(struct doctor_host *h)
{
	if (h->n_running > 0 || h->lookup)
		return;
	if (!h->brief) {
		tell_host(h);
		begin_mtu(h);
	}
	doctor_look(h->d);
}

/* --- names --- */

static bool has_addr(const struct doctor_host *h, const struct sockaddr_storage *ss)
{
	struct addr a = doctor_addr(ss), b;

	for (size_t i = 0; i < h->n_addrs; i++) {
		b = doctor_addr(&h->addrs[i]);
		if (addr_equal(&a, &b))
			return true;
	}
	return false;
}

static size_t of_family(const struct doctor_host *h, int family)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_addrs; i++)
		n += h->addrs[i].ss_family == family;
	return n;
}

static void add_addr(struct doctor_host *h, const struct sockaddr_storage *ss)
{
	if (h->n_addrs < DOCTOR_ADDRS_MAX && !has_addr(h, ss))
		h->addrs[h->n_addrs++] = *ss;
}

/* What worked last is tried, too: names may lie. Return: the one that the name did not say. */
static const struct sockaddr_storage *add_remembered(struct doctor_host *h)
{
	const struct dial_memory *m = &h->d->app->memory;

	for (size_t i = 0; i < m->n; i++) {
		if (strcmp(m->good[i].host, h->url.host) != 0 || has_addr(h, &m->good[i].addr))
			continue;
		add_addr(h, &m->good[i].addr);
		return &m->good[i].addr;
	}
	return NULL;
}

/* Return: an address that no public server has; NULL. */
static const struct sockaddr_storage *find_lie(const struct check_name_result *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct addr a = doctor_addr(&r->addrs[i]);

		if (addr_is_martian(&a))
			return &r->addrs[i];
	}
	return NULL;
}

static const char *why_nameless(int status)
{
	switch (status) {
	case UV_ETIMEDOUT:
		return "no name server answers";
	case UV_EAI_AGAIN:
		return "the name server does not answer, or fails (SERVFAIL)";
	case UV_EAI_NONAME:
	case UV_EAI_NODATA:
		return "the name server says that there is no such name, or no address";
	default:
		return uv_strerror(status);
	}
}

static void say_addresses(const struct check_name_result *r, struct finding *f)
{
	char text[ADDR_TEXT_SIZE];
	size_t used = 0;

	f->state = FINDING_OK;
	for (size_t i = 0; i < r->n && used < sizeof(f->text); i++) {
		doctor_addr_text(&r->addrs[i], text);
		used += (size_t)snprintf(f->text + used, sizeof(f->text) - used, "%s%s",
					 i ? ", " : "", text);
	}
}

static void tell_name(struct doctor_host *h, const struct check_name_result *r,
		      const struct sockaddr_storage *remembered)
{
	const struct sockaddr_storage *lie = find_lie(r);
	char text[ADDR_TEXT_SIZE];
	struct finding f = {.id = "dns", .ms = r->ms};

	snprintf(f.subject, sizeof(f.subject), "%.120s", h->url.host);
	if (r->status != 0) {
		finding_say(&f, FINDING_FAILED, "%s", why_nameless(r->status));
		finding_todo(&f, "allow DNS (port 53, UDP and TCP) to the name servers of "
				 "/etc/resolv.conf, or name one there that knows this name");
	} else if (lie) {
		doctor_addr_text(lie, text);
		finding_say(&f, FINDING_FAILED,
			    "the name server lies: %s can be no server's address", text);
		finding_todo(&f, "have the name let through in the DNS filter, or name another "
				 "name server in /etc/resolv.conf");
	} else {
		say_addresses(r, &f);
	}
	if (remembered && f.state != FINDING_OK) {
		size_t used = strlen(f.text);

		doctor_addr_text(remembered, text);
		f.state = FINDING_WARNING;
		snprintf(f.text + used, sizeof(f.text) - used,
			 "; %s worked before, and is used instead", text);
	}
	doctor_tell(h->d, &f);
}

static void on_name(void *arg, const struct check_name_result *r)
{
	struct doctor_host *h = arg;

	h->lookup = NULL;
	h->nameless = r->status != 0;
	for (size_t i = 0; i < r->n; i++) {
		struct addr a = doctor_addr(&r->addrs[i]);

		if (of_family(h, r->addrs[i].ss_family) < FAMILY_ADDRS_MAX && !addr_is_martian(&a))
			add_addr(h, &r->addrs[i]);
	}
	tell_name(h, r, add_remembered(h));
	if (h->n_addrs > 0 && h->access)
		doctor_host_way(h->d, h->url.host, &h->addrs[0]);
	start_ports(h);
}

/* --- all of them --- */

static struct doctor_host *find(const struct doctor *d, const struct url *url)
{
	for (size_t i = 0; i < d->n_hosts; i++) {
		if (strcmp(d->hosts[i]->url.host, url->host) == 0 &&
		    d->hosts[i]->url.port == url->port)
			return d->hosts[i];
	}
	return NULL;
}

void doctor_net_add(struct doctor *d, const struct url *url, bool access, const char *relay,
		    bool brief)
{
	struct doctor_host *h = NULL;

	if (d->n_hosts < DOCTOR_HOSTS_MAX && !find(d, url))
		h = calloc(1, sizeof(*h));
	if (!h)
		return;
	h->d = d;
	h->url = *url;
	h->access = access;
	h->brief = brief;
	snprintf(h->relay, sizeof(h->relay), "%s", relay);
	d->hosts[d->n_hosts++] = h;
}

static void add_numeric(struct doctor_host *h)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_storage ss;
	struct addr a;

	memset(&ss, 0, sizeof(ss));
	if (addr_parse(&a, h->url.host) != 0)
		return;
	if (a.family == 6) {
		memcpy(&v6.sin6_addr, a.bytes, 16);
		memcpy(&ss, &v6, sizeof(v6));
	} else {
		memcpy(&v4.sin_addr, a.bytes, 4);
		memcpy(&ss, &v4, sizeof(v4));
	}
	add_addr(h, &ss);
}

void doctor_net_begin(struct doctor *d)
{
	const struct dial_memory *m = &d->app->memory;

	if (m->before)
		(void)m->before(m->before_arg, "", NULL);
	for (size_t i = 0; i < d->n_hosts; i++) {
		struct doctor_host *h = d->hosts[i];

		if (!h->url.is_address &&
		    check_name_start(&h->lookup, d->app->loop, h->url.host, on_name, h) == 0)
			continue;
		add_numeric(h);
		start_ports(h);
	}
}

bool doctor_net_runs(const struct doctor *d)
{
	for (size_t i = 0; i < d->n_hosts; i++) {
		const struct doctor_host *h = d->hosts[i];

		if (h->lookup || h->n_running > 0 || h->mtu)
			return true;
	}
	return false;
}

void doctor_net_close(struct doctor *d)
{
	for (size_t i = 0; i < d->n_hosts; i++) {
		struct doctor_host *h = d->hosts[i];

		if (h->lookup)
			check_name_cancel(h->lookup);
		for (size_t k = 0; k < h->n_ports; k++) {
			if (h->ports[k].check)
				check_port_cancel(h->ports[k].check);
		}
		if (h->mtu)
			check_mtu_cancel(h->mtu);
		free(h);
	}
	d->n_hosts = 0;
}

/* --- what it means together --- */

static const struct doctor_port *find_port(const struct doctor *d,
					   bool (*fits)(const struct doctor_port *p))
{
	for (size_t i = 0; i < d->n_hosts; i++) {
		const struct doctor_host *h = d->hosts[i];

		for (size_t k = 0; k < h->n_ports; k++) {
			if (h->ports[k].done && fits(&h->ports[k]))
				return &h->ports[k];
		}
	}
	return NULL;
}

static bool is_inspected(const struct doctor_port *p)
{
	return p->seen.tls && !p->seen.verified;
}

static bool is_portal(const struct doctor_port *p)
{
	return port_seen_portal(&p->seen) && !doctor_host_good(p->host);
}

static void tell_inspection(struct doctor *d)
{
	const struct doctor_port *p = find_port(d, is_inspected);
	struct finding f = {.id = "inspection", .subject = "TLS"};

	if (!p) {
		finding_say(&f, FINDING_OK, "nobody is seen to open TLS on the way");
	} else {
		finding_say(&f, FINDING_WARNING,
			    "TLS to %.100s is opened on the way: certificate of \"%s\" by \"%s\" "
			    "(%s)",
			    p->host->url.host, p->seen.subject, p->seen.issuer, p->seen.problem);
		finding_todo(&f,
			     port_seen_good(&p->seen)
				     ? "nothing has to be done, what is inside has a second "
				       "encryption; it is faster if the name is exempted from TLS "
				       "inspection"
				     : "exempt the name from TLS inspection");
	}
	doctor_tell(d, &f);
}

static void tell_portal(struct doctor *d)
{
	const struct doctor_port *p = find_port(d, is_portal);
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
