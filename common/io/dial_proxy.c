/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which proxy a daemon uses, and what of a dial goes through it.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/dial_internal.h"
#include "common/io/file.h"
#include "common/io/log.h"

void dial_addr_format(const struct sockaddr_storage *ss, char out[DIAL_ADDR_SIZE])
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (ss->ss_family == AF_INET6) {
		const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)ss;

		inet_ntop(AF_INET6, &a->sin6_addr, text, sizeof(text));
		snprintf(out, DIAL_ADDR_SIZE, "[%s]:%u", text, dial_port_of(ss));
	} else {
		const struct sockaddr_in *a = (const struct sockaddr_in *)ss;

		inet_ntop(AF_INET, &a->sin_addr, text, sizeof(text));
		snprintf(out, DIAL_ADDR_SIZE, "%s:%u", text, dial_port_of(ss));
	}
}

void dial_where(const struct outer *o, char out[DIAL_ADDR_SIZE])
{
	struct outer_tunnel t;

	if (outer_tunnel(o, &t))
		snprintf(out, DIAL_ADDR_SIZE, ":%u", t.port);
	else
		dial_addr_format(outer_peer_addr(o), out);
}

const char *dial_host_of(const struct dial *d, size_t place)
{
	return place == DIAL_PROXY ? d->memory->proxy->use.to.host : d->target.urls[place].host;
}

bool dial_by_proxy(const struct dial *d, size_t url, uint16_t port)
{
	const struct dial_proxy *p = d->memory ? d->memory->proxy : NULL;

	return p && p->use.to.host[0] && !proxy_excepts(&p->except, d->target.urls[url].host, port);
}

/* Is a port of this URL reached so? */
static bool has_way(const struct dial *d, size_t url, bool by_proxy)
{
	const struct opt_ports *ports = &d->target.ports;
	uint16_t own = d->target.urls[url].port;

	for (size_t i = 0; i < (own ? 1 : ports->n); i++) {
		if (dial_by_proxy(d, url, own ? own : ports->port[i]) == by_proxy)
			return true;
	}
	return false;
}

bool dial_needs(const struct dial *d, size_t place)
{
	if (place != DIAL_PROXY)
		return place < d->target.n_urls && has_way(d, place, false);
	for (size_t i = 0; i < d->target.n_urls; i++) {
		if (has_way(d, i, true))
			return true;
	}
	return false;
}

/*
 * What goes through a proxy is remembered apart: there the address says nothing of the server. And
 * for each proxy apart: nothing goes to one that is not configured any more.
 */
static bool memory_key(const struct dial *d, size_t url, bool by_proxy, char key[URL_HOST_SIZE])
{
	const char *host = d->target.urls[url].host;
	int n = by_proxy ? snprintf(key, URL_HOST_SIZE, DIAL_PROXIED "%s %s",
				    d->memory->proxy->use.to.host, host)
			 : snprintf(key, URL_HOST_SIZE, "%s", host);

	return n < URL_HOST_SIZE;
}

const struct dial_host *dial_known(const struct dial *d, size_t url, bool by_proxy)
{
	char key[URL_HOST_SIZE];

	if (by_proxy && !has_way(d, url, true))
		return NULL;
	return memory_key(d, url, by_proxy, key) ? dial_find_host(d->memory, key) : NULL;
}

void dial_worked(const struct try *t)
{
	struct sockaddr_storage addr = t->addr;
	char key[URL_HOST_SIZE];

	if (addr.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&addr)->sin6_port = htons(t->port);
	else
		((struct sockaddr_in *)&addr)->sin_port = htons(t->port);
	if (memory_key(t->dial, t->url, t->by_proxy, key))
		dial_remember(t->dial->memory, key, &addr);
}

void dial_note_denied(struct dial *d, const struct outer_tunnel *t, const char *reason)
{
	struct dial_proxy *p = d->memory->proxy;

	if (!t->denied)
		return;
	d->denied = true;
	if (t->status != 407 || !t->told_login)
		return;
	p->refused_until_ms = clock_mono_ms() + DIAL_REFUSED_MS;
	snprintf(p->refused, sizeof(p->refused), "%s", reason);
}

bool dial_refused(const struct dial *d, char *what, size_t size)
{
	const struct dial_proxy *p = d->memory ? d->memory->proxy : NULL;
	uint64_t now = clock_mono_ms();

	if (!p || now >= p->refused_until_ms || !dial_needs(d, DIAL_PROXY))
		return false;
	snprintf(what, size,
		 "proxy %s: %s; asked again in %u s, as accounts get locked, or after a restart",
		 p->use.to.host, p->refused,
		 (unsigned int)((p->refused_until_ms - now) / 1000) + 1);
	return true;
}

void dial_try_name(const struct try *t, char out[DIAL_TRY_SIZE])
{
	const char *host = t->dial->target.urls[t->url].host;
	char addr[DIAL_ADDR_SIZE];
	struct outer_tunnel tunnel;

	dial_addr_format(&t->addr, addr);
	if (!t->by_proxy)
		snprintf(out, DIAL_TRY_SIZE, "%s %s", host, addr);
	else if (t->outer && outer_tunnel(t->outer, &tunnel) && tunnel.open)
		snprintf(out, DIAL_TRY_SIZE, "%s port %u by proxy %s", host, t->port, tunnel.proxy);
	else
		snprintf(out, DIAL_TRY_SIZE, "proxy %s %s", dial_host_of(t->dial, DIAL_PROXY),
			 addr);
}

/* In small letters first, as others do. */
static const char *environment(const char *small, const char *capital)
{
	const char *value = getenv(small);

	if (!value || !value[0])
		value = getenv(capital);
	return value && value[0] ? value : NULL;
}

static void from_environment(struct dial_proxy *p, const struct proxy_except *except)
{
	const char *url = environment("https_proxy", "HTTPS_PROXY"), *wrong;
	const char *list = environment("no_proxy", "NO_PROXY");

	if (!url)
		return;
	wrong = proxy_parse(&p->use.to, url);
	if (wrong)
		log_warn("https_proxy of the environment is not used: %s", wrong);
	if (except->n > 0 || !list)
		return;
	wrong = proxy_except_parse(&p->except, list);
	if (wrong)
		log_warn("a part of no_proxy of the environment is not used: %s", wrong);
}

void dial_proxy_use(struct dial_proxy *p, const struct opt_proxy *conf,
		    const struct proxy_except *except)
{
	char text[PROXY_TEXT_SIZE], list[512];

	memset(p, 0, sizeof(*p));
	p->except = *except;
	switch (conf->from) {
	case OPT_PROXY_ENVIRONMENT:
		from_environment(p, except);
		break;
	case OPT_PROXY_NONE:
		break;
	case OPT_PROXY_GIVEN:
		p->use.to = conf->to;
		break;
	}
	if (!p->use.to.host[0])
		return;
	proxy_format(&p->use.to, text);
	proxy_except_format(&p->except, list, sizeof(list));
	log_notice("servers are reached through a proxy proxy=%s from=%s directly=\"%s\"", text,
		   conf->from == OPT_PROXY_GIVEN ? "configuration" : "environment", list);
}

void dial_proxy_deinit(struct dial_proxy *p)
{
	explicit_bzero(p, sizeof(*p));
}
