/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/dial_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"

/* For names once addresses are known: one that is not answered must not hold up the rest. */
#define RESOLVE_WAIT_MS 250
/* And when all of these have failed. */
#define RESOLVE_PATIENCE_MS 3000
#define HEADERS_SIZE 3072

struct dial_times dial_times = {.stagger_ms = DIAL_STAGGER_MS, .total_ms = DIAL_TOTAL_MS};

static void go_on(struct dial *d);
static void begin(struct dial *d);
static void note_failure(char why[DIAL_REASON_SIZE], const char *what);

/* The end */

static void maybe_free(struct dial *d)
{
	if (!d->over || d->timers > 0 || d->n_running > 0)
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
	for (size_t i = 0; i < DIAL_NAMES; i++) {
		if (d->names[i].lookup)
			lookup_cancel(d->names[i].lookup);
		d->names[i].lookup = NULL;
	}
	d->n_lookups = 0;
	for (size_t i = 0; i < d->n_tries; i++) {
		if (d->tries[i].outer)
			outer_close(d->tries[i].outer, "another one was faster");
	}
}

static void fail(struct dial *d)
{
	char why[DIAL_REASON_SIZE];

	if (d->ports[0])
		note_failure(d->why, d->ports);
	snprintf(why, sizeof(why), "%s", d->why[0] ? d->why : "no address to try");
	dial_cancel(d);
	d->cb->on_failed(d, why);
}

/* What people read */

unsigned int dial_port_of(const struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)ss)->sin6_port)
					 : ntohs(((const struct sockaddr_in *)ss)->sin_port);
}

static void step(struct dial *d, const char *what)
{
	if (d->cb->on_step && !d->over)
		d->cb->on_step(d, what);
}

/* Each reason once: "as1.lab: connection refused" for three ports says no more than for one. */
static void note_failure(char why[DIAL_REASON_SIZE], const char *what)
{
	size_t used = strlen(why);

	if (strstr(why, what))
		return;
	snprintf(why + used, DIAL_REASON_SIZE - used, "%s%s", used ? "; " : "", what);
}

/* One try */

static void on_try_open(struct outer *o)
{
	struct try *t = outer_arg(o);
	struct dial *d = t->dial;

	if (d->over)
		return;
	dial_worked(t);
	t->outer = NULL;
	d->n_running--;
	dial_cancel(d);
	d->cb->on_open(d, o);
}

/* Who proves to be the server may ask for a rest; others only fail. */
static void obey(const struct try *t, const struct outer *o)
{
	struct dial *d = t->dial;
	const char *host = d->target.urls[t->url].host;
	uint32_t s = outer_retry_after_s(o);

	if (s == 0 || !d->target.any || !tls_peer_verified(outer_tls_peer(o)))
		return;
	dial_rest(d->memory, host, s, clock_mono_ms());
	log_info("server asks to come back later host=%s seconds=%u", host, s);
	for (size_t i = 0; i < d->next_try; i++) {
		if (d->tries[i].outer && d->tries[i].url == t->url)
			outer_close(d->tries[i].outer, "the server asks to come back later");
	}
}

static void on_try_closed(struct outer *o, bool clean, const char *reason)
{
	struct try *t = outer_arg(o);
	struct dial *d = t->dial;
	char name[DIAL_TRY_SIZE], what[DIAL_TRY_SIZE + OUTER_REASON_SIZE];
	struct outer_tunnel tunnel = {.status = 0};

	(void)clean;
	dial_try_name(t, name);
	t->outer = NULL;
	d->n_running--;
	if (outer_tunnel(o, &tunnel))
		dial_note_denied(d, &tunnel, reason);
	if (!d->over) {
		obey(t, o);
		snprintf(what, sizeof(what), "%s: %s", name, reason);
		note_failure(tunnel.status == 403 && !tunnel.open ? d->ports : d->why, what);
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
	struct dial_proxy *proxy = t->by_proxy ? d->memory->proxy : NULL;
	char host_header[URL_HOST_SIZE + 10], path[URL_PATH_SIZE + sizeof(d->path)];
	struct sockaddr_storage from;
	struct outer_target target = {
		.addr = t->addr,
		.proxy = proxy ? &proxy->use : NULL,
		.port = t->port,
		.host = u->host,
		.host_header = host_header,
		.path = path,
		.headers = d->headers,
		.shed = d->target.shed,
		.probe = d->target.probe,
	};
	int r = url_host_header(u, t->port, host_header, sizeof(host_header));

	snprintf(path, sizeof(path), "%s%s", u->path, d->path);
	if (r == 0)
		r = announce(d, dial_host_of(d, proxy ? DIAL_PROXY : t->url), &t->addr);
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
	char name[DIAL_TRY_SIZE], what[DIAL_TRY_SIZE + 100];
	int r;

	if (t->by_proxy && d->denied)
		return false;
	r = start_outer(t);
	t->begun_ms = uv_now(d->loop);
	if (r == 0) {
		d->n_running++;
		return true;
	}
	dial_try_name(t, name);
	snprintf(what, sizeof(what), "%s: %s", name, strerror(-r));
	note_failure(d->why, what);
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
	note_failure(d->why, "no server answered in time");
	fail(d);
}

/* All that is known has failed, and names are still asked for. */
static void wait_for_names(struct dial *d)
{
	uint64_t waited = uv_now(d->loop) - d->asked_ms;

	if (d->n_tries == 0)
		return; /* until there is one, or the time is over */
	if (waited >= RESOLVE_PATIENCE_MS)
		fail(d);
	else
		uv_timer_start(&d->stagger, on_stagger, RESOLVE_PATIENCE_MS - waited, 0);
}

/* Start the next try, or find that there is nothing more to hope for. */
static void go_on(struct dial *d)
{
	bool runs = false;

	if (!d->begun)
		return;
	while (!d->over && !runs && d->next_try < d->n_tries) {
		if (dial_rests(d, d->tries[d->next_try].url))
			d->next_try++;
		else
			runs = start_try(d);
	}
	if (d->over) /* cancelled from within on_step */
		return;
	if (d->next_try < d->n_tries)
		uv_timer_start(&d->stagger, on_stagger,
			       tries_wait_ms(d->next_try, d->n_tries, dial_times.stagger_ms), 0);
	else if (d->n_running == 0 && d->n_lookups == 0)
		fail(d);
	else if (d->n_running == 0)
		wait_for_names(d);
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

static void note_rests(struct dial *d)
{
	char what[URL_HOST_SIZE + 100], refused[DIAL_TRY_SIZE + OUTER_REASON_SIZE];

	if (dial_refused(d, refused, sizeof(refused))) {
		d->denied = true;
		note_failure(d->why, refused);
	}
	for (size_t i = 0; i < d->target.n_urls; i++) {
		const char *host = d->target.urls[i].host;

		if (!dial_rests(d, i))
			continue;
		snprintf(what, sizeof(what), "%s: it asked to be left alone for %u s more", host,
			 (unsigned int)(dial_rest_ms(d->memory, host, clock_mono_ms()) / 1000) + 1);
		note_failure(d->why, what);
	}
}

/* With the names that are known; called again for those that come later. */
static void begin(struct dial *d)
{
	bool first = !d->begun;

	d->begun = true;
	if (first)
		note_rests(d);
	dial_plan(d);
	if (first || !uv_is_active((uv_handle_t *)&d->stagger) || d->n_running == 0)
		go_on(d);
}

/* Names */

static void take_answer(struct dial_name *name, const struct addr *addrs, size_t n)
{
	name->known = true;
	name->n = n < LOOKUP_ADDRS_MAX ? n : LOOKUP_ADDRS_MAX;
	memcpy(name->addrs, addrs, name->n * sizeof(addrs[0]));
}

static void on_resolved(void *arg, int status, const struct addr *addrs, size_t n)
{
	struct dial_name *name = arg;
	struct dial *d = name->dial;
	char what[URL_HOST_SIZE + 100];

	name->lookup = NULL;
	d->n_lookups--;
	if (status == 0) {
		take_answer(name, addrs, n);
	} else {
		snprintf(what, sizeof(what), "%s%s: name not found (%s)",
			 name->place == DIAL_PROXY ? "proxy " : "", dial_host_of(d, name->place),
			 uv_strerror(status));
		note_failure(d->why, what);
		step(d, what);
	}
	if (d->over) /* cancelled from within on_step */
		return;
	if (d->n_lookups == 0 || d->begun)
		begin(d);
	else if (status == 0 && !uv_is_active((uv_handle_t *)&d->stagger))
		uv_timer_start(&d->stagger, on_stagger, RESOLVE_WAIT_MS, 0);
}

/* Addresses need nobody's answer. */
static int look_up(struct dial *d, size_t place)
{
	struct dial_name *name = &d->names[place];
	struct addr a;
	int r = 0;

	name->dial = d;
	name->place = place;
	if (!dial_needs(d, place) || (place != DIAL_PROXY && dial_rests(d, place)))
		return 0;
	if (addr_parse(&a, dial_host_of(d, place)) == 0) {
		take_answer(name, &a, 1);
		return 0;
	}
	r = lookup_start(&name->lookup, d->loop, dial_host_of(d, place), on_resolved, name);
	d->n_lookups += r == 0;
	return r;
}

/* The dial begins when all names are there, or a little later with what is known anyway. */
static void wait_to_begin(struct dial *d)
{
	d->asked_ms = uv_now(d->loop);
	uv_timer_start(&d->total, on_total, dial_times.total_ms, 0);
	if (d->n_lookups == 0)
		uv_timer_start(&d->stagger, on_stagger, 0, 0);
	else if (dial_plan_known(d))
		uv_timer_start(&d->stagger, on_stagger, RESOLVE_WAIT_MS, 0);
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
	dial_plan_order(d);
	(void)announce(d, "", NULL);
	for (size_t i = 0; i < DIAL_NAMES && r == 0; i++)
		r = look_up(d, i);
	if (r != 0) {
		dial_cancel(d);
		return r;
	}
	wait_to_begin(d);
	*out = d;
	return 0;
}

void *dial_arg(const struct dial *d)
{
	return d->arg;
}
