/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * listen - a daemon's listening sockets.
 */
#ifndef FARLAN_LISTEN_H
#define FARLAN_LISTEN_H

#include <uv.h>

#include "common/io/opt.h"

struct listen_set;

/**
 * listen_open() - bind and listen on all of @where; "all addresses" is one IPv6 socket that takes
 * IPv4 too (or an IPv4 one where IPv6 is absent).
 * @shared: other sets of this process listen there too, and the kernel deals out the connections
 * (SO_REUSEPORT, socket(7)). It does so with any process of this user: see listen_check().
 * @on_accept: a new connection, non-blocking, close-on-exec; takes @fd.
 * Return: 0; -errno of the first that failed, logged with address and port; nothing is left open
 * then.
 */
int listen_open(struct listen_set **out, uv_loop_t *loop, const struct opt_listens *where,
		bool shared, void (*on_accept)(int fd, void *arg), void *arg)
	__attribute__((warn_unused_result));
/** listen_check() - before shared ones: does nobody else listen there? Return: 0; -errno, logged.
 */
int listen_check(const struct opt_listens *where) __attribute__((warn_unused_result));
/** listen_close() - idempotent on NULL; memory goes with the last handle. */
void listen_close(struct listen_set *l);

#endif
