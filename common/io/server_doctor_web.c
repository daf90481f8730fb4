/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server as it is published: each URL by its name, as an endpoint would come. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/dial.h"
#include "common/io/file.h"
#include "common/io/server_doctor_internal.h"
#include "common/pure/publication.h"

static const struct outer_callbacks ws_calls;

static void subject(struct finding *f, const struct server_doctor_site *s,
		    const struct sockaddr_storage *addr)
{
	char where[DIAL_ADDR_SIZE] = "";

	if (addr)
		dial_addr_format(addr, where);
	snprintf(f->subject, sizeof(f->subject), "%.100s%s%s", s->c.url.host, addr ? " " : "",
		 where);
}

/* --- a WebSocket, and how long it may be idle --- */

static void tell_ws(struct server_doctor_site *s, const char *reason)
{
	struct publication_ws w = {.access = s->d->access, .opened = s->opened, .reason = reason};
	struct finding f = {.id = "websocket"};

	if (s->told)
		return;
	s->told = true;
	subject(&f, s, NULL);
	publication_ws_say(&w, &f);
	server_doctor_tell(s->d, &f);
}

static void tell_idle(struct server_doctor_site *s, bool cut)
{
	struct finding f = {.id = "idle"};

	subject(&f, s, NULL);
	publication_idle_say((uint32_t)(clock_mono_ms() - s->open_ms), cut, &f);
	server_doctor_tell(s->d, &f);
}

/* A relay lets nobody stay who has no session. */
static void tell_no_idle(struct server_doctor_site *s)
{
	struct finding f = {.id = "idle"};

	subject(&f, s, NULL);
	finding_say(&f, FINDING_SKIPPED, "a relay holds sessions only, so it cannot be tried");
	finding_todo(&f, "see that what is in front cuts no connection within an hour: nginx: "
			 "proxy_read_timeout; haproxy: timeout tunnel; Apache: ProxyTimeout");
	server_doctor_tell(s->d, &f);
}

static void on_idle_over(uv_timer_t *timer)
{
	struct server_doctor_site *s = timer->data;

	if (!s->ws)
		return;
	tell_idle(s, false);
	s->opened = false;
	outer_close(s->ws, "it was long enough");
}

static void on_ws_open(struct outer *o)
{
	struct server_doctor_site *s = outer_arg(o);

	s->opened = true;
	s->open_ms = clock_mono_ms();
	tell_ws(s, "");
	if (!s->d->options->idle) {
		s->opened = false;
		outer_close(o, "that was all");
		return;
	}
	uv_timer_start(&s->idle, on_idle_over, SERVER_DOCTOR_IDLE_MS, 0);
}

static void on_ws_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	(void)bytes;
	(void)n;
	outer_close(o, "the server spoke first");
}

static void on_ws_closed(struct outer *o, bool clean, const char *reason)
{
	struct server_doctor_site *s = outer_arg(o);

	(void)clean;
	s->ws = NULL;
	if (s->opened && !s->d->over)
		tell_idle(s, true);
	else if (!s->d->over)
		tell_ws(s, reason);
	if (s->d->options->idle && !s->d->access && !s->d->over)
		tell_no_idle(s);
	server_doctor_look(s->d);
}

static const struct outer_callbacks ws_calls = {
	.on_open = on_ws_open,
	.on_data = on_ws_data,
	.on_closed = on_ws_closed,
};

/* By a port that answers, whoever it is: a proxy in front may not know the way. */
static const struct check_host_port *port_for_ws(const struct check_host *c)
{
	const struct check_host_port *other = NULL;

	for (size_t i = 0; i < c->n_ports; i++) {
		if (port_seen_good(&c->at[i].seen))
			return &c->at[i];
		if (!other && c->at[i].seen.tcp == PORT_OPEN && c->at[i].seen.tls)
			other = &c->at[i];
	}
	return other;
}

static void try_ws(struct server_doctor_site *s)
{
	char host_header[CHECK_HOST_HEADER_SIZE], path[CHECK_HOST_PATH_SIZE];
	const struct check_host_port *p = port_for_ws(&s->c);
	struct outer_target t = {.host = s->c.url.host, .headers = ""};

	if (!p || url_host_header(&s->c.url, p->port, host_header, sizeof(host_header)) != 0)
		return;
	snprintf(path, sizeof(path), "%s%s", s->c.url.path, s->d->path);
	t.addr = p->addr;
	t.host_header = host_header;
	t.path = path;
	if (outer_connect(&s->ws, &s->d->loop, s->d->ctx, &t, &ws_calls, s) != 0)
		tell_ws(s, "it could not begin");
}

/* --- what comes --- */

/* Is it one of this host's? */
static bool is_own(const struct addr *a)
{
	uv_interface_address_t *list;
	bool own = false;
	int n;

	if (uv_interface_addresses(&list, &n) != 0)
		return false;
	for (int i = 0; i < n && !own; i++) {
		struct sockaddr_storage ss;
		struct addr have;

		memset(&ss, 0, sizeof(ss));
		memcpy(&ss, &list[i].address, sizeof(list[i].address));
		have = check_host_addr(&ss);
		own = addr_equal(a, &have);
	}
	uv_free_interface_addresses(list, n);
	return own;
}

static void on_name(struct check_host *c, const struct check_name_result *r)
{
	struct server_doctor_site *s = c->arg;
	struct finding f = {.id = "dns"};
	size_t own = 0, used;

	for (size_t i = 0; i < c->n_addrs; i++) {
		struct addr a = check_host_addr(&c->addrs[i]);

		own += is_own(&a);
	}
	s->own_address = own > 0;
	subject(&f, s, NULL);
	check_name_say(r, &f);
	if (f.state == FINDING_FAILED)
		finding_todo(&f, "give the name an address in DNS (A, AAAA)");
	used = strlen(f.text);
	if (f.state == FINDING_OK)
		snprintf(f.text + used, sizeof(f.text) - used, "%s",
			 own == c->n_addrs ? ": addresses of this host"
			 : own > 0	   ? ": some are addresses of this host"
				   : ": none of this host, so a NAT or a proxy is in front");
	server_doctor_tell(s->d, &f);
}

static void on_cert(struct check_host_port *p, const uint8_t *der, size_t len, size_t n_chain)
{
	struct server_doctor_site *s = p->host->arg;

	if (s->has_cert || x509_words_read(&s->cert, der, len) != 0)
		return;
	s->has_cert = true;
	s->n_chain = n_chain;
	s->domain_ca = s->d->has_ca && x509_verify(der, len, &s->d->ca, false) == 0;
}

static void say_other(const struct check_host_port *p, const char *program, struct finding *f)
{
	if (port_seen_good(&p->seen) && strcmp(p->seen.program, program) != 0) {
		finding_say(f, FINDING_OK, "%s %s answers, in the place of %s", p->seen.program,
			    p->seen.version, program);
	}
}

static void on_port(struct check_host_port *p)
{
	struct server_doctor_site *s = p->host->arg;
	bool six = p->addr.ss_family == AF_INET6;
	struct finding f = {.id = "port"};

	subject(&f, s, &p->addr);
	port_seen_say(&p->seen, six, &f);
	if ((p->seen.tcp == PORT_REFUSED || p->seen.tcp == PORT_NO_ANSWER) && !s->own_address)
		finding_todo(&f, "if the router does not lead its own network back (hairpin NAT), "
				 "this says nothing: look from outside, by vpnctl doctor");
	say_other(p, s->d->program, &f);
	server_doctor_tell(s->d, &f);
}

static const char *problem_of(const struct check_host *c, bool *verified)
{
	for (size_t i = 0; i < c->n_ports; i++) {
		const struct port_seen *seen = &c->at[i].seen;

		if (!seen->tls)
			continue;
		*verified = seen->verified;
		return seen->problem;
	}
	return "";
}

static void tell_cert(struct server_doctor_site *s)
{
	struct publication_cert c = {.subject = s->cert.subject,
				     .issuer = s->cert.issuer,
				     .domain_ca = s->domain_ca,
				     .n_chain = s->n_chain,
				     .not_after = s->cert.not_after};
	struct finding f = {.id = "certificate"};

	if (!s->has_cert)
		return;
	c.problem = problem_of(&s->c, &c.verified);
	subject(&f, s, NULL);
	publication_cert_say(&c, clock_wall_s(), &f);
	server_doctor_tell(s->d, &f);
}

/* The URL's port may be that of something in front. */
static void say_way_in(const struct server_doctor_site *s, struct finding *f)
{
	const json_t *ports = json_object_get(s->d->facts, "ports"), *item;
	uint16_t port = s->c.url.port;
	bool own = false;
	size_t i;

	json_array_foreach (ports, i, item) {
		own |= json_integer_value(item) == port;
	}
	if (!port)
		finding_todo(f, "let TCP 443, 80 or 5935 in, and lead it to %s", s->d->program);
	else if (own)
		finding_todo(f, "let TCP %u in", port);
	else
		finding_todo(f,
			     "let TCP %u in; %s does not listen there itself, so what is in front "
			     "has to lead it on",
			     port, s->d->program);
}

static void on_done(struct check_host *c)
{
	struct server_doctor_site *s = c->arg;
	struct finding f = {.id = "server"};
	char by[200];

	subject(&f, s, NULL);
	check_host_by_text(c, by, sizeof(by));
	if (by[0]) {
		finding_say(&f, FINDING_OK, "reached by %s", by);
	} else {
		finding_say(&f, FINDING_FAILED, "not reached by any port");
		say_way_in(s, &f);
	}
	server_doctor_tell(s->d, &f);
	tell_cert(s);
	try_ws(s);
	server_doctor_look(s->d);
}

static const struct check_host_ops ops = {
	.on_name = on_name,
	.on_port = on_port,
	.on_cert = on_cert,
	.on_done = on_done,
};

/* --- all of them --- */

static void add(struct server_doctor *d, const struct url *url)
{
	struct server_doctor_site *s =
		d->n_sites < SERVER_DOCTOR_URLS_MAX ? calloc(1, sizeof(*s)) : NULL;

	if (!s)
		return;
	s->d = d;
	s->c = (struct check_host){.loop = &d->loop,
				   .ctx = d->ctx,
				   .url = *url,
				   .ports = {.n = 3, .port = {443, 80, 5935}},
				   .ops = &ops,
				   .arg = s};
	uv_timer_init(&d->loop, &s->idle);
	s->idle.data = s;
	s->has_idle = true;
	d->sites[d->n_sites++] = s;
}

void server_doctor_web_begin(struct server_doctor *d, const json_t *urls)
{
	const json_t *item;
	struct url url;
	size_t i;

	json_array_foreach (urls, i, item) {
		if (json_is_string(item) && url_parse(&url, json_string_value(item)) == 0)
			add(d, &url);
	}
	for (i = 0; i < d->n_sites; i++)
		check_host_begin(&d->sites[i]->c);
}

bool server_doctor_web_runs(const struct server_doctor *d)
{
	for (size_t i = 0; i < d->n_sites; i++) {
		if (check_host_runs(&d->sites[i]->c) || d->sites[i]->ws)
			return true;
	}
	return false;
}

void server_doctor_web_stop(struct server_doctor *d)
{
	for (size_t i = 0; i < d->n_sites; i++) {
		struct server_doctor_site *s = d->sites[i];

		check_host_stop(&s->c);
		if (s->ws)
			outer_close(s->ws, "time is up");
		if (s->has_idle)
			uv_close((uv_handle_t *)&s->idle, NULL);
		s->has_idle = false;
	}
}

void server_doctor_web_free(struct server_doctor *d)
{
	for (size_t i = 0; i < d->n_sites; i++)
		free(d->sites[i]);
}
