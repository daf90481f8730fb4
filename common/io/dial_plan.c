/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which ways there are to a dial's servers, and in which order. Addresses that worked or that the
 * Access Server told stand in for a name that is not answered, and beside what it means: a name
 * server may lie.
 */
#include <arpa/inet.h>
#include <string.h>

#include "common/io/dial_internal.h"
#include "common/io/file.h"

#define KNOWN_MAX (DIAL_WORKED_MAX + DIAL_TOLD_MAX)

bool dial_rests(const struct dial *d, size_t url)
{
	return d->target.any && dial_rest_ms(d->memory, d->target.urls[url].host, clock_mono_ms());
}

/* The order of the URLs */

static bool is_poor(const struct dial *d, size_t url)
{
	return dial_is_poor(d->memory, d->target.urls[url].host, clock_mono_ms());
}

/* Where it worked last: the later in the memory, the later; 0: never. */
static size_t worked_rank(const struct dial *d, size_t url)
{
	size_t rank = 0;

	for (int by_proxy = 0; by_proxy < 2; by_proxy++) {
		const struct dial_host *h = dial_known(d, url, by_proxy);
		size_t at = h && h->n_worked > 0 ? (size_t)(h - d->memory->hosts) + 1 : 0;

		if (at > rank)
			rank = at;
	}
	return rank;
}

static void move_to_front(size_t *order, size_t at)
{
	size_t url = order[at];

	memmove(&order[1], &order[0], at * sizeof(order[0]));
	order[0] = url;
}

static void best_first(struct dial *d)
{
	size_t best = 0;

	for (size_t i = 1; i < d->target.n_urls; i++) {
		if (worked_rank(d, d->order[i]) > worked_rank(d, d->order[best]))
			best = i;
	}
	if (worked_rank(d, d->order[best]) > 0)
		move_to_front(d->order, best);
}

static void poor_last(struct dial *d)
{
	size_t sorted[DIAL_URLS_MAX] = {0}, n = 0;

	for (int poor = 0; poor < 2; poor++) {
		for (size_t i = 0; i < d->target.n_urls; i++) {
			if (is_poor(d, d->order[i]) == (poor == 1))
				sorted[n++] = d->order[i];
		}
	}
	memcpy(d->order, sorted, n * sizeof(sorted[0]));
}

void dial_plan_order(struct dial *d)
{
	uint32_t random[DIAL_URLS_MAX];

	file_random(random, sizeof(random));
	file_random(&d->random, sizeof(d->random));
	tries_shuffle(d->order, d->target.n_urls, random);
	if (!d->target.any) {
		for (size_t i = 0; i < d->target.n_urls; i++)
			d->order[i] = i;
		return;
	}
	best_first(d);
	poor_last(d);
}

/* The tries */

static struct sockaddr_storage sockaddr_of(const struct addr *a, uint16_t port)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_storage ss;

	memset(&ss, 0, sizeof(ss));
	if (a->family == 6) {
		memcpy(&six.sin6_addr, a->bytes, 16);
		memcpy(&ss, &six, sizeof(six));
	} else {
		memcpy(&four.sin_addr, a->bytes, 4);
		memcpy(&ss, &four, sizeof(four));
	}
	return ss;
}

/* The same question to the same address; another name there may be another server behind a proxy.
 */
static bool is_planned(const struct dial *d, const struct try *t)
{
	const struct url *u = &d->target.urls[t->url];

	for (size_t i = 0; i < d->n_tries; i++) {
		const struct url *other = &d->target.urls[d->tries[i].url];

		if (memcmp(&d->tries[i].addr, &t->addr, sizeof(t->addr)) == 0 &&
		    d->tries[i].port == t->port && strcmp(other->host, u->host) == 0 &&
		    strcmp(other->path, u->path) == 0)
			return true;
	}
	return false;
}

/* To @port by this address, the server's or the proxy's. */
static void add_try(struct dial *d, size_t url, const struct addr *a, uint16_t port)
{
	struct try t = {.dial = d, .url = url, .port = port};

	t.by_proxy = dial_by_proxy(d, url, port);
	t.addr = sockaddr_of(a, t.by_proxy ? d->memory->proxy->use.to.port : port);
	if (d->n_tries < TRIES_MAX && !is_planned(d, &t))
		d->tries[d->n_tries++] = t;
}

static bool name_means(const struct dial_name *name, const struct addr *a)
{
	for (size_t i = 0; i < name->n; i++) {
		if (addr_equal(&name->addrs[i], a))
			return true;
	}
	return false;
}

/* What worked last goes first, unless the name means something else now or the port is not wanted
 * any more. */
static void plan_worked(struct dial *d, size_t url, bool by_proxy)
{
	const struct dial_name *name = &d->names[by_proxy ? DIAL_PROXY : url];
	const struct dial_host *h = dial_known(d, url, by_proxy);
	const struct dial_worked *w = h ? &h->worked[0] : NULL;

	if (!h || h->n_worked == 0 || !dial_wants_port(&d->target, url, w->port) ||
	    dial_by_proxy(d, url, w->port) != by_proxy)
		return;
	if (!name->known || name_means(name, &w->addr))
		add_try(d, url, &w->addr, w->port);
}

static size_t known_addrs(const struct dial *d, size_t url, bool by_proxy,
			  struct addr out[KNOWN_MAX])
{
	const struct dial_host *h = dial_known(d, url, by_proxy);
	struct addr literal;
	size_t n = 0;

	if (!h || addr_parse(&literal, dial_host_of(d, by_proxy ? DIAL_PROXY : url)) == 0)
		return 0;
	for (size_t i = 0; i < h->n_worked; i++)
		out[n++] = h->worked[i].addr;
	for (size_t i = 0; i < h->n_told; i++)
		out[n++] = h->told[i];
	return n;
}

/* Those of its ports that are reached so. */
static void plan_host(const struct dial *d, size_t url, bool by_proxy, struct tries_host *h)
{
	const struct dial_target *t = &d->target;
	const struct dial_name *name = &d->names[by_proxy ? DIAL_PROXY : url];
	uint16_t own = t->urls[url].port;
	struct addr known[KNOWN_MAX];
	size_t n = known_addrs(d, url, by_proxy, known);

	tries_addrs(h, name->addrs, name->n, known, n, d->random);
	h->n_ports = 0;
	for (size_t i = 0; i < (own ? 1 : t->ports.n); i++) {
		uint16_t port = own ? own : t->ports.port[i];

		if (dial_by_proxy(d, url, port) == by_proxy)
			h->ports[h->n_ports++] = port;
	}
	if (dial_rests(d, url))
		h->n_addrs = 0;
}

/* Poor ones stand at the end. */
static bool has_better(const struct dial *d)
{
	return d->target.any && !is_poor(d, d->order[0]);
}

void dial_plan(struct dial *d)
{
	struct tries_host hosts[2 * DIAL_URLS_MAX]; /* each directly and by the proxy */
	struct tries_one ones[TRIES_MAX];
	size_t n;

	d->n_tries = d->next_try;
	for (size_t i = 0; i < d->target.n_urls; i++) {
		size_t url = d->order[i];

		if (!dial_rests(d, url) && !(is_poor(d, url) && has_better(d))) {
			plan_worked(d, url, false);
			plan_worked(d, url, true);
		}
		plan_host(d, url, false, &hosts[2 * i]);
		plan_host(d, url, true, &hosts[2 * i + 1]);
	}
	n = tries_order(ones, hosts, 2 * d->target.n_urls);
	for (size_t i = 0; i < n; i++)
		add_try(d, d->order[ones[i].host / 2], &hosts[ones[i].host].addrs[ones[i].addr],
			ones[i].port);
}

bool dial_plan_known(const struct dial *d)
{
	for (size_t url = 0; url < d->target.n_urls; url++) {
		const struct dial_host *direct = dial_known(d, url, false);

		if (d->names[url].known || dial_known(d, url, true) ||
		    (direct && dial_needs(d, url)))
			return true;
	}
	return d->names[DIAL_PROXY].known;
}
