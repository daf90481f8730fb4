/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * addresses - which addresses the names of Access Servers and relays have, so that endpoints hear
 * them and get along where names fail. Asked one after the other at the start, every ten minutes,
 * and when there are new hosts. A name that fails keeps what it had.
 */
#ifndef FARLAN_ADDRESSES_H
#define FARLAN_ADDRESSES_H

#include <jansson.h>
#include <uv.h>

#include "common/pure/url.h"

#define ADDRESSES_HOSTS_MAX 256 /* more are not asked for */
#define ADDRESSES_OF_HOST_MAX 8 /* the lowest; what is beyond is left out */
#define ADDRESSES_AGAIN_MS (10 * 60 * 1000)
#define ADDRESSES_NEWS_MS 2000 /* between two rounds at least */

struct addresses;

struct addresses_config {
	/* Call addresses_want() for each host there is now. */
	void (*each)(struct addresses *a, void *arg);
	void *arg;
};

/** addresses_open() - nothing is asked before the loop runs. Return: 0; -ENOMEM. */
int addresses_open(struct addresses **out, uv_loop_t *loop, const struct addresses_config *config)
	__attribute__((warn_unused_result));
/** addresses_close() - NULL is nothing. */
void addresses_close(struct addresses *a);

/** addresses_want() - from within each(): the hosts of these. */
void addresses_want(struct addresses *a, const struct url *urls, size_t n);
/** addresses_refresh() - there may be other hosts now: ask soon. NULL is nothing. */
void addresses_refresh(struct addresses *a);

/** addresses_tell() - to an item with "url" or "urls", or each one of a list of such, add
 * "addresses", where some are known. NULL @a is nothing. */
void addresses_tell(const struct addresses *a, json_t *items);

#endif
