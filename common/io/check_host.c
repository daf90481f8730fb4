/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/check_host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FAMILY_ADDRS_MAX 2 /* addresses of one family that a name has and that are tried */

static void look(struct check_host *h);

/* --- addresses --- */

bool check_host_add(struct check_host *h, const struct sockaddr_storage *ss)
{
	struct addr a = check_host_addr(ss), b;

	for (size_t i = 0; i < h->n_addrs; i++) {
		b = check_host_addr(&h->addrs[i]);
		if (addr_equal(&a, &b))
			return false;
	}
	if (h->n_addrs == CHECK_HOST_ADDRS_MAX)
		return false;
	h->addrs[h->n_addrs++] = *ss;
	return true;
}

static void add_numeric(struct check_host *h)
{
	struct sockaddr_storage ss;
	struct addr a;

	if (addr_parse(&a, h->url.host) != 0)
		return;
	netaddr_to(&ss, &a, 0);
	check_host_add(h, &ss);
}

/* --- ports --- */

void check_host_target(const struct check_host_port *p, char host_header[CHECK_HOST_HEADER_SIZE],
		       char path[CHECK_HOST_PATH_SIZE], struct check_port_target *t)
{
	const struct check_host *h = p->host;

	if (url_host_header(&h->url, p->port, host_header, CHECK_HOST_HEADER_SIZE) != 0)
		host_header[0] = '\0';
	snprintf(path, CHECK_HOST_PATH_SIZE, "%s/v1/probe", h->url.path);
	*t = (struct check_port_target){.ctx = h->ctx,
					.addr = p->addr,
					.host = h->url.host,
					.host_header = host_header,
					.path = path};
}

static void on_port(void *arg, const struct port_seen *seen)
{
	struct check_host_port *p = arg;

	p->check = NULL;
	p->seen = *seen;
	p->done = true;
	p->host->n_running--;
	p->host->ops->on_port(p);
	look(p->host);
}

static void on_cert(void *arg, const uint8_t *der, size_t len, size_t n_chain)
{
	struct check_host_port *p = arg;

	p->host->ops->on_cert(p, der, len, n_chain);
}

/* Return: does it run? */
static bool start_port(struct check_host_port *p)
{
	char host_header[CHECK_HOST_HEADER_SIZE], path[CHECK_HOST_PATH_SIZE];
	struct check_host *h = p->host;
	struct check_port_target t;
	int r = h->ops->before ? h->ops->before(h, &p->addr) : 0;

	check_host_target(p, host_header, path, &t);
	t.on_cert = h->ops->on_cert ? on_cert : NULL;
	if (r == 0)
		r = check_port_start(&p->check, h->loop, &t, on_port, p);
	if (r == 0)
		return true;
	p->seen.tcp = r == -EHOSTUNREACH ? PORT_NO_WAY : PORT_ERROR;
	p->seen.error = -r;
	p->done = true;
	h->ops->on_port(p);
	return false;
}

static void add_port(struct check_host *h, const struct sockaddr_storage *addr, uint16_t port)
{
	struct check_host_port *p = &h->at[h->n_ports];
	struct addr a = check_host_addr(addr);

	if (h->n_ports == sizeof(h->at) / sizeof(h->at[0]))
		return;
	h->n_ports++;
	p->host = h;
	p->port = port;
	netaddr_to(&p->addr, &a, port);
}

static void start_ports(struct check_host *h)
{
	for (size_t a = 0; a < h->n_addrs && !h->brief; a++) {
		if (h->url.port)
			add_port(h, &h->addrs[a], h->url.port);
		for (size_t i = 0; i < h->ports.n && !h->url.port; i++)
			add_port(h, &h->addrs[a], h->ports.port[i]);
	}
	for (size_t i = 0; i < h->n_ports; i++)
		h->n_running += start_port(&h->at[i]);
	look(h);
}

static void look(struct check_host *h)
{
	if (!check_host_runs(h))
		h->ops->on_done(h);
}

/* --- names --- */

static size_t of_family(const struct check_host *h, int family)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_addrs; i++)
		n += h->addrs[i].ss_family == family;
	return n;
}

static void on_name(void *arg, const struct check_name_result *r)
{
	struct check_host *h = arg;

	h->lookup = NULL;
	for (size_t i = 0; i < r->n; i++) {
		struct addr a = check_host_addr(&r->addrs[i]);

		if (of_family(h, r->addrs[i].ss_family) < FAMILY_ADDRS_MAX && !addr_is_martian(&a))
			check_host_add(h, &r->addrs[i]);
	}
	h->ops->on_name(h, r);
	start_ports(h);
}

void check_host_begin(struct check_host *h)
{
	if (!h->url.is_address &&
	    check_name_start(&h->lookup, h->loop, h->url.host, on_name, h) == 0)
		return;
	add_numeric(h);
	start_ports(h);
}

void check_host_stop(struct check_host *h)
{
	if (h->lookup)
		check_name_cancel(h->lookup);
	h->lookup = NULL;
	for (size_t i = 0; i < h->n_ports; i++) {
		if (h->at[i].check)
			check_port_cancel(h->at[i].check);
		h->at[i].check = NULL;
	}
	h->n_running = 0;
}

bool check_host_runs(const struct check_host *h)
{
	return h->lookup || h->n_running > 0;
}

/* --- words --- */

bool check_host_good(const struct check_host *h)
{
	for (size_t i = 0; i < h->n_ports; i++) {
		if (port_seen_good(&h->at[i].seen))
			return true;
	}
	return false;
}

static void add_family(const struct check_host *h, bool six, char *out, size_t size)
{
	const char *between = six ? "IPv6 " : "IPv4 ";
	size_t used = strlen(out);

	for (size_t i = 0; i < h->n_ports && used < size; i++) {
		const struct check_host_port *p = &h->at[i];

		if ((p->addr.ss_family == AF_INET6) != six || !port_seen_good(&p->seen))
			continue;
		used += (size_t)snprintf(out + used, size - used, "%s%s%u",
					 used && between[0] == 'I' ? "; " : "", between, p->port);
		between = ", ";
	}
}

void check_host_by_text(const struct check_host *h, char *out, size_t size)
{
	out[0] = '\0';
	add_family(h, false, out, size);
	add_family(h, true, out, size);
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
		struct addr a = check_host_addr(&r->addrs[i]);

		addr_format(&a, text);
		used += (size_t)snprintf(f->text + used, sizeof(f->text) - used, "%s%s",
					 i ? ", " : "", text);
	}
}

/* An address that no server has. */
static bool find_lie(const struct check_name_result *r, char text[ADDR_TEXT_SIZE])
{
	for (size_t i = 0; i < r->n; i++) {
		struct addr a = check_host_addr(&r->addrs[i]);

		addr_format(&a, text);
		if (addr_is_martian(&a))
			return true;
	}
	return false;
}

void check_name_say(const struct check_name_result *r, struct finding *f)
{
	char text[ADDR_TEXT_SIZE];

	f->ms = r->ms;
	if (r->status != 0) {
		finding_say(f, FINDING_FAILED, "%s", why_nameless(r->status));
		finding_todo(f, "allow DNS (port 53, UDP and TCP) to the name servers of "
				"/etc/resolv.conf, or name one there that knows this name");
	} else if (find_lie(r, text)) {
		finding_say(f, FINDING_FAILED,
			    "the name server lies: %s can be no server's address", text);
		finding_todo(f, "have the name let through in the DNS filter, or name another "
				"name server in /etc/resolv.conf");
	} else {
		say_addresses(r, f);
	}
}
