/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dial_internal - what the files of dial share; nobody else includes it.
 *
 *   dial.c         the object: names, tries, the end
 *   dial_plan.c    which ways there are, and in which order
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
	struct sockaddr_storage addr; /* with port */
	struct outer *outer;	      /* while it runs */
	uint64_t begun_ms;
};

/* What the name of a URL means. */
struct dial_name {
	struct dial *dial;
	size_t url;
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
	struct dial_name names[DIAL_URLS_MAX];
	size_t n_lookups, n_running; /* not done yet */
	uint64_t asked_ms;	     /* when names were asked for */
	size_t order[DIAL_URLS_MAX]; /* of the URLs */
	uint32_t random;
	size_t n_tries, next_try;
	struct try tries[TRIES_MAX];
	char why[DIAL_REASON_SIZE];
};

/** dial_plan_order() - of the URLs: once, before anything else. */
void dial_plan_order(struct dial *d);
/** dial_plan() - the tries, with what is known of names now; those that have begun stay. */
void dial_plan(struct dial *d);
/** dial_plan_known() - are there addresses without waiting for names? */
bool dial_plan_known(const struct dial *d);
/** dial_rests() - URL number @url is to be left alone now. */
bool dial_rests(const struct dial *d, size_t url);

unsigned int dial_port_of(const struct sockaddr_storage *ss);

#endif
