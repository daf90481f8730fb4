/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dial_internal - what the files of dial share; nobody else includes it.
 *
 *   dial.c         the object: names, tries, the end
 *   dial_plan.c    which ways there are, and in which order
 *   dial_proxy.c   which proxy, and what goes through it
 *   dial_memory.c  what is remembered, dial_marks.c: what a restart may forget
 */
#ifndef FARLAN_DIAL_INTERNAL_H
#define FARLAN_DIAL_INTERNAL_H

#include "common/io/dial.h"
#include "common/io/lookup.h"

struct
try {
	struct dial *dial;
	size_t url;		      /* index in the target */
	struct sockaddr_storage addr; /* with port; by_proxy: the proxy's */
	uint16_t port;		      /* of the server */
	bool by_proxy;
	struct outer *outer; /* while it runs */
	uint64_t begun_ms;
};

/* Places of names: one for each URL, and the proxy's. */
#define DIAL_PROXY DIAL_URLS_MAX
#define DIAL_NAMES (DIAL_URLS_MAX + 1)

/* What the name of a URL, or of the proxy, means. */
struct dial_name {
	struct dial *dial;
	size_t place;
	struct lookup *lookup; /* while it is asked for */
	bool known;	       /* there was an answer, or it is an address */
	size_t n;
	struct addr addrs[LOOKUP_ADDRS_MAX];
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
	struct dial_name names[DIAL_NAMES];
	size_t n_lookups, n_running; /* not done yet */
	uint64_t asked_ms;	     /* when names were asked for */
	size_t order[DIAL_URLS_MAX]; /* of the URLs */
	uint32_t random;
	size_t n_tries, next_try;
	struct try tries[TRIES_MAX];
	bool denied; /* the proxy does not want us */
	char why[DIAL_REASON_SIZE];
	char ports[DIAL_REASON_SIZE]; /* what the proxy does not allow: less of a reason */
};

/** dial_plan_order() - of the URLs: once, before anything else. */
void dial_plan_order(struct dial *d);
/** dial_plan() - the tries, with what is known of names now; those that have begun stay. */
void dial_plan(struct dial *d);
/** dial_plan_known() - are there addresses without waiting for names? */
bool dial_plan_known(const struct dial *d);
/** dial_rests() - URL number @url is to be left alone now. */
bool dial_rests(const struct dial *d, size_t url);

/** dial_host_of() - the name at a place. */
const char *dial_host_of(const struct dial *d, size_t place);
/** dial_by_proxy() - does the proxy serve this port of URL number @url? */
bool dial_by_proxy(const struct dial *d, size_t url, uint16_t port);
/** dial_needs() - is the name at this place to be looked up? No name of a server is that only a
 * proxy reaches. */
bool dial_needs(const struct dial *d, size_t place);
/** dial_known() - what is remembered of URL number @url, reached directly or through the proxy;
 * NULL. dial_worked() - remember a try. */
const struct dial_host *dial_known(const struct dial *d, size_t url, bool by_proxy);
void dial_worked(const struct try *t);
/** dial_try_name() - for people: "as1.lab 192.0.2.1:443"; "proxy proxy.lab 10.0.0.1:3128", and when
 * that has opened a tunnel "as1.lab port 443 by proxy proxy.lab:3128". */
#define DIAL_TRY_SIZE (URL_HOST_SIZE + PROXY_HOST_PORT_SIZE + 40)
void dial_try_name(const struct try *t, char out[DIAL_TRY_SIZE]);

unsigned int dial_port_of(const struct sockaddr_storage *ss);

#endif
