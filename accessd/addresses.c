/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/addresses.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/log.h"
#include "common/io/lookup.h"
#include "common/pure/addr.h"

struct host {
	char name[URL_HOST_SIZE];
	size_t n;
	struct addr addrs[ADDRESSES_OF_HOST_MAX];
};

struct addresses {
	uv_loop_t *loop;
	struct addresses_config config;
	uv_timer_t timer;
	uint64_t begun_ms; /* the last round */
	struct lookup *lookup;
	size_t at; /* of the host that is asked for; n: no round runs */
	size_t n;
	struct host *hosts; /* ADDRESSES_HOSTS_MAX */
	bool closing;
};

static struct host *find(const struct addresses *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->hosts[i].name, name) == 0)
			return &a->hosts[i];
	}
	return NULL;
}

/* --- asking ---------------------------------------------------------------------------------- */

static void ask_next(struct addresses *a);

static int compare(const void *x, const void *y)
{
	return memcmp(x, y, sizeof(struct addr));
}

/* In one order: a name server that takes turns is no news. */
static void keep(struct host *h, const struct addr *addrs, size_t n)
{
	struct addr sorted[LOOKUP_ADDRS_MAX];
	size_t m = 0;

	for (size_t i = 0; i < n; i++) {
		if (!addr_is_martian(&addrs[i]))
			sorted[m++] = addrs[i];
	}
	if (m == 0)
		return;
	qsort(sorted, m, sizeof(sorted[0]), compare);
	h->n = m < ADDRESSES_OF_HOST_MAX ? m : ADDRESSES_OF_HOST_MAX;
	memcpy(h->addrs, sorted, h->n * sizeof(sorted[0]));
}

static void on_answer(void *arg, int status, const struct addr *addrs, size_t n)
{
	struct addresses *a = arg;

	a->lookup = NULL;
	if (status == 0)
		keep(&a->hosts[a->at], addrs, n);
	else
		log_debug("name not found host=%s error=\"%s\"", a->hosts[a->at].name,
			  uv_strerror(status));
	a->at++;
	ask_next(a);
}

static void ask_next(struct addresses *a)
{
	while (a->at < a->n &&
	       lookup_start(&a->lookup, a->loop, a->hosts[a->at].name, on_answer, a) != 0)
		a->at++;
}

void addresses_want(struct addresses *a, const struct url *urls, size_t n)
{
	for (size_t i = 0; i < n && a->n < ADDRESSES_HOSTS_MAX; i++) {
		if (!urls[i].is_address && !find(a, urls[i].host))
			memcpy(a->hosts[a->n++].name, urls[i].host, sizeof(urls[i].host));
	}
}

/* Hosts that are gone are forgotten, the others keep what they have. */
static void begin_round(struct addresses *a)
{
	struct addresses old = *a;
	struct host *h = calloc(ADDRESSES_HOSTS_MAX, sizeof(*h)), *before;

	if (!h)
		return;
	a->hosts = h;
	a->n = a->at = 0;
	a->config.each(a, a->config.arg);
	for (size_t i = 0; i < a->n; i++) {
		before = find(&old, a->hosts[i].name);
		if (before)
			a->hosts[i] = *before;
	}
	free(old.hosts);
	a->begun_ms = uv_now(a->loop);
	ask_next(a);
}

static void on_timer(uv_timer_t *t)
{
	struct addresses *a = t->data;

	uv_timer_start(t, on_timer, a->lookup ? ADDRESSES_NEWS_MS : ADDRESSES_AGAIN_MS, 0);
	if (!a->lookup) /* else the round before still runs */
		begin_round(a);
}

void addresses_refresh(struct addresses *a)
{
	uint64_t since;

	if (!a || a->closing)
		return;
	since = uv_now(a->loop) - a->begun_ms;
	if (uv_timer_get_due_in(&a->timer) > ADDRESSES_NEWS_MS)
		uv_timer_start(&a->timer, on_timer,
			       since < ADDRESSES_NEWS_MS ? ADDRESSES_NEWS_MS - since : 0, 0);
}

/* --- telling --------------------------------------------------------------------------------- */

static void add_of(const struct addresses *a, const json_t *url, json_t *list)
{
	const char *url_text = json_string_value(url);
	char text[ADDR_TEXT_SIZE];
	const struct host *h;
	struct url u;

	if (!url_text || url_parse(&u, url_text) != 0)
		return;
	h = find(a, u.host);
	for (size_t i = 0; h && i < h->n && json_array_size(list) < ADDRESSES_OF_HOST_MAX; i++) {
		addr_format(&h->addrs[i], text);
		json_array_append_new(list, json_string(text));
	}
}

static void tell_one(const struct addresses *a, json_t *item)
{
	const json_t *urls = json_object_get(item, "urls");
	json_t *list = json_array();

	add_of(a, json_object_get(item, "url"), list);
	for (size_t i = 0; i < json_array_size(urls); i++)
		add_of(a, json_array_get(urls, i), list);
	if (json_array_size(list) > 0)
		json_object_set(item, "addresses", list);
	json_decref(list);
}

void addresses_tell(const struct addresses *a, json_t *items)
{
	if (!a)
		return;
	if (json_is_object(items))
		tell_one(a, items);
	for (size_t i = 0; i < json_array_size(items); i++)
		tell_one(a, json_array_get(items, i));
}

/* --- life ------------------------------------------------------------------------------------ */

int addresses_open(struct addresses **out, uv_loop_t *loop, const struct addresses_config *config)
{
	struct addresses *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->loop = loop;
	a->config = *config;
	uv_timer_init(loop, &a->timer);
	a->timer.data = a;
	uv_timer_start(&a->timer, on_timer, 0, 0);
	*out = a;
	return 0;
}

static void on_timer_closed(uv_handle_t *h)
{
	struct addresses *a = h->data;

	free(a->hosts);
	free(a);
}

void addresses_close(struct addresses *a)
{
	if (!a || a->closing)
		return;
	a->closing = true;
	if (a->lookup)
		lookup_cancel(a->lookup);
	uv_close((uv_handle_t *)&a->timer, on_timer_closed);
}
