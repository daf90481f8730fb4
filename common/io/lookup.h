/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lookup - the addresses of a name, asked on the thread pool. Who asks for a name that is being
 * asked for already waits for that answer: a name server that does not answer holds one thread for
 * each name, however often it is dialled. (libuv itself leaves half of the pool to others.)
 */
#ifndef FARLAN_LOOKUP_H
#define FARLAN_LOOKUP_H

#include <uv.h>

#include "common/pure/addr.h"

#define LOOKUP_ADDRS_MAX 64 /* of one answer; what is beyond is left out */
#define LOOKUP_NAMES_MAX 64 /* at the same time */

struct lookup;

/* @status: 0, or UV_EAI_*: then there are none. @addrs: in the resolver's order, without what no
 * host can have; borrowed. */
typedef void lookup_done_fn(void *arg, int status, const struct addr *addrs, size_t n);

/** lookup_start() - @done comes from the loop, once, never before this returns; not after
 * lookup_cancel(). Return: 0; -ENOMEM; -ENOBUFS too many names; -errno. */
int lookup_start(struct lookup **out, uv_loop_t *loop, const char *name, lookup_done_fn *done,
		 void *arg) __attribute__((warn_unused_result));
/** lookup_cancel() - the answer is not wanted any more. Not after @done. */
void lookup_cancel(struct lookup *l);

/** lookup_hung() - how many names are asked for on @loop while nobody waits for the answer any
 * more: the loop, and an orderly end of the process, would wait for these threads. */
size_t lookup_hung(const uv_loop_t *loop);

#endif
