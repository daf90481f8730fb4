/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"

#define ADDRS_PER_HOST 6
/* For the other names once one is known: a dead one must not hold up the rest. */
#define RESOLVE_WAIT_MS 250
#define HEADERS_SIZE 3072

struct dial_times dial_times = {.stagger_ms = DIAL_STAGGER_MS, .total_ms = DIAL_TOTAL_MS};

struct
try {
	struct dial *dial;
	size_t url;		      /* index in the target */
	struct sockaddr_storage addr; /* with port */
	struct outer *outer;	      /* while it runs */
	uint64_t begun_ms;
};

struct lookup {
	uv_getaddrinfo_t req;
	struct dial *dial;
	size_t url;
	bool pending;
};

struct dial {
	uv_loop_t *loop;
	const struct tls_ctx *ctx;
	struct dial_target target;
	char path[64], *headers;
	struct dial_memory *memory;
	const struct dial_callbacks *cb;
	void *arg;
	uv_timer_t stagger, total;
	unsigned int timers; /* not closed yet */
	bool over, begun;
	struct lookup lookups[DIAL_URLS_MAX];
	size_t n_lookups_pending, n_running;
	size_t n_addrs[DIAL_URLS_MAX];
	struct sockaddr_storage addrs[DIAL_URLS_MAX][ADDRS_PER_HOST];
	size_t n_tries, next_try;
	struct try tries[DIAL_TRIES_MAX];
	char why[DIAL_REASON_SIZE];
};

static void go_on(struct dial *d);
static void begin(struct dial *d);

/* The end */

static void maybe_free(struct dial *d)
{
	if (!d->over || d->timers > 0 || d->n_lookups_pending > 0 || d->n_running > 0)
		return;
	if (d->headers) {
		explicit_bzero(d->headers, strlen(d->headers));
		free(d->headers);
	}
	free(d);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct dial *d = handle->data;

	d->timers--;
	maybe_free(d);
}

void dial_cancel(struct dial *d)
{
	if (d->over)
		return;
	d->over = true;
	uv_close((uv_handle_t *)&d->stagger, on_timer_closed);
	uv_close((uv_handle_t *)&d->total, on_timer_closed);
	for (size_t i = 0; i < d->target.n_urls; i++) {
		if (d->lookups[i].pending)
			(void)uv_cancel((uv_req_t *)&d->lookups[i].req);
	}
	for (size_t i = 0; i < d->n_tries; i++) {
		if (d->tries[i].outer)
			outer_close(d->tries[i].outer, "another one was faster");
	}
}

static void fail(struct dial *d)
{
	char why[DIAL_REASON_SIZE];

	snprintf(why, sizeof(why), "%s", d->why[0] ? d->why : "no address to try");
	dial_cancel(d);
	d->cb->on_failed(d, why);
}

/* What people read */

static unsigned int port_of(const struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)ss)->sin6_port)
					 : ntohs(((const struct sockaddr_in *)ss)->sin_port);
}

static void set_port(struct sockaddr_storage *ss, uint16_t port)
{
	if (ss->ss_family == AF_INET6)
		((struct sockaddr_in6 *)ss)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)ss)->sin_port = htons(port);
}

void dial_addr_format(const struct sockaddr_storage *ss, char out[DIAL_ADDR_SIZE])
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (ss->ss_family == AF_INET6) {
		const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)ss;

		inet_ntop(AF_INET6, &a->sin6_addr, text, sizeof(text));
		snprintf(out, DIAL_ADDR_SIZE, "[%s]:%u", text, port_of(ss));
	} else {
		const struct sockaddr_in *a = (const struct sockaddr_in *)ss;

		inet_ntop(AF_INET, &a->sin_addr, text, sizeof(text));
		snprintf(out, DIAL_ADDR_SIZE, "%s:%u", text, port_of(ss));
	}
}

static void step(struct dial *d, const char *what)
{
	if (d->cb->on_step && !d->over)
		d->cb->on_step(d, what);
}

/* Each reason once: "as1.lab: connection refused" for three ports says no more than for one. */
static void note_failure(struct dial *d, const char *what)
{
	size_t used = strlen(d->why);

	if (strstr(d->why, what))
		return;
	snprintf(d->why + used, sizeof(d->why) - used, "%s%s", used ? "; " : "", what);
}

/* One try */

static void on_try_open(struct outer *o)
{
	struct try *t = outer_arg(o);
	struct dial *d = t->dial;

	if (d->over)
		return;
	dial_remember(d->memory, d->target.urls[t->url].host, &t->addr);
	t->outer = NULL;
	d->n_running--;
	dial_cancel(d);
	d->cb->on_open(d, o);
}

static void on_try_closed(struct outer *o, bool clean, const char *reason)
{
	struct try *t = outer_arg(o);
	struct dial *d = t->dial;
	char addr[DIAL_ADDR_SIZE], what[DIAL_ADDR_SIZE + OUTER_REASON_SIZE + URL_HOST_SIZE];

	(void)clean;
	t->outer = NULL;
	d->n_running--;
	if (!d->over) {
		dial_addr_format(&t->addr, addr);
		snprintf(what, sizeof(what), "%s %s: %s", d->target.urls[t->url].host, addr,
			 reason);
		note_failure(d, what);
		step(d, what);
	}
	if (d->over)
		maybe_free(d);
	else
		go_on(d);
}

static void on_try_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	(void)bytes;
	(void)n;
	outer_close(o, "the server spoke first");
}

static const struct outer_callbacks try_calls = {
	.on_open = on_try_open,
	.on_data = on_try_data,
	.on_closed = on_try_closed,
};

static int announce(const struct dial *d, const char *host, const struct sockaddr_storage *addr)
{
	const struct dial_memory *m = d->memory;

	return m && m->before ? m->before(m->before_arg, host, addr) : 0;
}

static int start_outer(struct try *t)
{
	struct dial *d = t->dial;
	const struct url *u = &d->target.urls[t->url];
	char host_header[URL_HOST_SIZE + 10], path[URL_PATH_SIZE + sizeof(d->path)];
	struct sockaddr_storage from;
	struct outer_target target = {
		.addr = t->addr,
		.host = u->host,
		.host_header = host_header,
		.path = path,
		.headers = d->headers,
		.shed = d->target.shed,
		.probe = d->target.probe,
	};
	int r = url_host_header(u, (uint16_t)port_of(&t->addr), host_header, sizeof(host_header));

	snprintf(path, sizeof(path), "%s%s", u->path, d->path);
	if (r == 0)
		r = announce(d, u->host, &t->addr);
	if (r == 0)
		r = outer_connect(&t->outer, d->loop, d->ctx, &target, &try_calls, t);
	if (r == 0 && d->target.shed) {
		outer_local_addr(t->outer, &from);
		if (dial_is_sealed(d->memory, u->host, &from, clock_mono_ms()))
			outer_keep(t->outer);
	}
	return r;
}

/* Return: true if it runs. */
static bool start_try(struct dial *d)
{
	struct try *t = &d->tries[d->next_try++];
	char addr[DIAL_ADDR_SIZE], what[DIAL_ADDR_SIZE + URL_HOST_SIZE + 100];
	int r = start_outer(t);

	dial_addr_format(&t->addr, addr);
	t->begun_ms = uv_now(d->loop);
	if (r == 0) {
		d->n_running++;
		return true;
	}
	snprintf(what, sizeof(what), "%s %s: %s", d->target.urls[t->url].host, addr, strerror(-r));
	note_failure(d, what);
	step(d, what);
	return false;
}

/* A probe's try that somebody took has good prospects. */
static bool may_wait(const struct dial *d)
{
	for (size_t i = 0; d->target.probe && i < d->next_try; i++) {
		const struct try *t = &d->tries[i];

		if (t->outer && outer_connected(t->outer) &&
		    uv_now(d->loop) - t->begun_ms < DIAL_PATIENCE_MS)
			return true;
	}
	return false;
}

static void on_stagger(uv_timer_t *timer)
{
	struct dial *d = timer->data;

	if (d->over)
		return;
	if (!d->begun)
		begin(d);
	else if (may_wait(d))
		uv_timer_start(&d->stagger, on_stagger, dial_times.stagger_ms, 0);
	else
		go_on(d);
}

static void on_total(uv_timer_t *timer)
{
	struct dial *d = timer->data;

	if (d->over)
		return;
	note_failure(d, "no server answered in time");
	fail(d);
}

/* Start the next try, or find that there is nothing more to hope for. */
static void go_on(struct dial *d)
{
	if (!d->begun)
		return;
	while (!d->over && d->next_try < d->n_tries && !start_try(d))
		;
	if (d->over) /* cancelled from within on_step */
		return;
	if (d->next_try < d->n_tries)
		uv_timer_start(&d->stagger, on_stagger, dial_times.stagger_ms, 0);
	else if (d->n_running == 0 && d->n_lookups_pending == 0)
		fail(d);
}

/* The order of tries */

/* The same question to the same address; another name there may be another server behind a proxy.
 */
static bool known(const struct dial *d, size_t url, const struct sockaddr_storage *ss)
{
	const struct url *u = &d->target.urls[url];

	for (size_t i = 0; i < d->n_tries; i++) {
		const struct url *other = &d->target.urls[d->tries[i].url];

		if (memcmp(&d->tries[i].addr, ss, sizeof(*ss)) == 0 &&
		    strcmp(other->host, u->host) == 0 && strcmp(other->path, u->path) == 0)
			return true;
	}
	return false;
}

static void add_try(struct dial *d, size_t url, const struct sockaddr_storage *ss)
{
	if (d->n_tries == DIAL_TRIES_MAX || known(d, url, ss))
		return;
	d->tries[d->n_tries++] = (struct try){.dial = d, .url = url, .addr = *ss};
}

static const struct sockaddr_storage *remembered(const struct dial *d, size_t url)
{
	for (size_t i = 0; d->memory && i < d->memory->n; i++) {
		if (strcmp(d->memory->good[i].host, d->target.urls[url].host) == 0)
			return &d->memory->good[i].addr;
	}
	return NULL;
}

/* What worked last goes first, if the name still means that address and the port is still wanted.
 */
static void add_remembered(struct dial *d, size_t url)
{
	const struct sockaddr_storage *good = remembered(d, url);

	for (size_t i = 0; good && i < d->n_addrs[url]; i++) {
		struct sockaddr_storage ss = d->addrs[url][i];

		set_port(&ss, (uint16_t)port_of(good));
		if (memcmp(&ss, good, sizeof(ss)) == 0 &&
		    dial_wants_port(&d->target, url, (uint16_t)port_of(good)))
			add_try(d, url, good);
	}
}

bool dial_wants_port(const struct dial_target *t, size_t url, uint16_t port)
{
	if (t->urls[url].port)
		return t->urls[url].port == port;
	for (size_t i = 0; i < t->ports.n; i++) {
		if (t->ports.port[i] == port)
			return true;
	}
	return false;
}

/* Every address of every server with the first port, then with the second, ... */
static void add_round(struct dial *d, size_t round)
{
	for (size_t u = 0; u < d->target.n_urls; u++) {
		uint16_t own = d->target.urls[u].port;

		if (own ? round > 0 : round >= d->target.ports.n)
			continue;
		for (size_t a = 0; a < d->n_addrs[u]; a++) {
			struct sockaddr_storage ss = d->addrs[u][a];

			set_port(&ss, own ? own : d->target.ports.port[round]);
			add_try(d, u, &ss);
		}
	}
}

/* With the names that are known; called again for those that come later. */
static void begin(struct dial *d)
{
	bool first = !d->begun;

	d->begun = true;
	for (size_t u = 0; u < d->target.n_urls; u++)
		add_remembered(d, u);
	for (size_t round = 0; round < OPT_PORTS_MAX; round++)
		add_round(d, round);
	if (first || !uv_is_active((uv_handle_t *)&d->stagger))
		go_on(d);
}

/* Names */

/* Families alternate, beginning with the resolver's first (RFC 8305 section 4). */
static void keep_addrs(struct dial *d, size_t url, const struct addrinfo *list)
{
	const struct addrinfo *first = list, *second = list;
	int family = list ? list->ai_family : AF_UNSPEC;
	bool other = false;

	while (d->n_addrs[url] < ADDRS_PER_HOST && (first || second)) {
		const struct addrinfo **at = other ? &second : &first;

		while (*at && ((*at)->ai_family == family) == other)
			*at = (*at)->ai_next;
		if (*at) {
			memcpy(&d->addrs[url][d->n_addrs[url]++], (*at)->ai_addr,
			       (*at)->ai_addrlen);
			*at = (*at)->ai_next;
		}
		other = !other;
	}
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
	struct lookup *l = req->data;
	struct dial *d = l->dial;
	char what[URL_HOST_SIZE + 100];

	l->pending = false;
	d->n_lookups_pending--;
	if (status == 0)
		keep_addrs(d, l->url, list);
	uv_freeaddrinfo(list);
	if (d->over) {
		maybe_free(d);
		return;
	}
	if (status != 0) {
		snprintf(what, sizeof(what), "%s: name not found (%s)", d->target.urls[l->url].host,
			 uv_strerror(status));
		note_failure(d, what);
		step(d, what);
	}
	if (d->over) /* cancelled from within on_step */
		maybe_free(d);
	else if (d->n_lookups_pending == 0 || d->begun)
		begin(d);
	else if (status == 0)
		uv_timer_start(&d->stagger, on_stagger, RESOLVE_WAIT_MS, 0);
}

static int look_up(struct dial *d, size_t url)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct lookup *l = &d->lookups[url];
	int r;

	if (d->target.urls[url].is_address)
		hints.ai_flags = AI_NUMERICHOST;
	l->dial = d;
	l->url = url;
	l->req.data = l;
	r = uv_getaddrinfo(d->loop, &l->req, on_resolved, d->target.urls[url].host, NULL, &hints);
	if (r == 0) {
		l->pending = true;
		d->n_lookups_pending++;
	}
	return r;
}

static struct dial *dial_new(const struct dial_target *target)
{
	struct dial *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->target = *target;
	d->headers = strdup(target->headers ? target->headers : "");
	if (!d->headers || strlen(d->headers) > HEADERS_SIZE) {
		free(d->headers);
		free(d);
		return NULL;
	}
	snprintf(d->path, sizeof(d->path), "%s", target->path);
	d->target.path = NULL;
	d->target.headers = NULL;
	return d;
}

/* NOLINTNEXTLINE(readability-function-size): what a dial needs, once */
int dial_start(struct dial **out, uv_loop_t *loop, const struct tls_ctx *ctx,
	       const struct dial_target *target, struct dial_memory *memory,
	       const struct dial_callbacks *cb, void *arg)
{
	struct dial *d = target->n_urls > 0 ? dial_new(target) : NULL;
	int r = 0;

	if (!d)
		return target->n_urls > 0 ? -ENOMEM : -EINVAL;
	d->loop = loop;
	d->ctx = ctx;
	d->memory = memory;
	d->cb = cb;
	d->arg = arg;
	uv_timer_init(loop, &d->stagger);
	uv_timer_init(loop, &d->total);
	d->stagger.data = d->total.data = d;
	d->timers = 2;
	(void)announce(d, "", NULL);
	for (size_t i = 0; i < d->target.n_urls && r == 0; i++)
		r = look_up(d, i);
	if (r != 0) {
		dial_cancel(d);
		return r;
	}
	uv_timer_start(&d->total, on_total, dial_times.total_ms, 0);
	*out = d;
	return 0;
}

void *dial_arg(const struct dial *d)
{
	return d->arg;
}

void dial_remember(struct dial_memory *m, const char *host, const struct sockaddr_storage *addr)
{
	size_t i = 0;

	if (!m)
		return;
	while (i < m->n && strcmp(m->good[i].host, host) != 0)
		i++;
	if (i < m->n && memcmp(&m->good[i].addr, addr, sizeof(*addr)) == 0)
		return;
	m->changed = true;
	if (i == DIAL_MEMORY_MAX) { /* the oldest goes */
		memmove(&m->good[0], &m->good[1], (DIAL_MEMORY_MAX - 1) * sizeof(m->good[0]));
		i--;
	} else if (i == m->n) {
		m->n++;
	}
	snprintf(m->good[i].host, sizeof(m->good[i].host), "%s", host);
	m->good[i].addr = *addr;
}
