/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uv.h>

#define CHAINS 1024

struct user {
	struct bucket bucket; /* first: it is what others hold */
	LIST_ENTRY(user) chain;
	unsigned int held;
	char name[TOKEN_USER_SIZE];
};

LIST_HEAD(chain, user);

struct limits {
	struct bucket relay;
	uv_mutex_t lock; /* of what follows; the buckets need none */
	struct chain users[CHAINS];
};

/* Users' names are of accessd's making and random. */
static struct chain *chain_of(struct limits *l, const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return &l->users[h % CHAINS];
}

int limits_open(struct limits **out, uint64_t rate)
{
	struct limits *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	if (uv_mutex_init(&l->lock) != 0) {
		free(l);
		return -ENOMEM;
	}
	bucket_init(&l->relay, rate);
	*out = l;
	return 0;
}

void limits_close(struct limits *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < CHAINS; i++) {
		if (!LIST_EMPTY(&l->users[i]))
			return; /* the process ends with sessions that did not */
	}
	uv_mutex_destroy(&l->lock);
	free(l);
}

struct bucket *limits_relay(struct limits *l)
{
	return l && bucket_rate(&l->relay) > 0 ? &l->relay : NULL;
}

static struct user *find_or_make(struct limits *l, const char *name)
{
	struct chain *chain = chain_of(l, name);
	struct user *u;

	LIST_FOREACH (u, chain, chain)
		if (strcmp(u->name, name) == 0)
			return u;
	u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	bucket_init(&u->bucket, 0);
	memcpy(u->name, name, strlen(name) + 1);
	LIST_INSERT_HEAD(chain, u, chain);
	return u;
}

struct bucket *limits_user(struct limits *l, const char *user, uint64_t rate)
{
	struct user *u;

	uv_mutex_lock(&l->lock);
	u = find_or_make(l, user);
	if (u) {
		u->held++;
		bucket_set_rate(&u->bucket, rate);
	}
	uv_mutex_unlock(&l->lock);
	return u ? &u->bucket : NULL;
}

void limits_release(struct limits *l, struct bucket *b)
{
	struct user *u = (struct user *)b;

	if (!u)
		return;
	uv_mutex_lock(&l->lock);
	if (--u->held == 0) {
		LIST_REMOVE(u, chain);
		free(u);
	}
	uv_mutex_unlock(&l->lock);
}
