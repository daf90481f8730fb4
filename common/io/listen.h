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

/* Ways in that are not all alike. */
struct listen_ways {
	const struct opt_listens *where;
	bool tls; /* of those that do not say */
	/* As above; @plain: without TLS. */
	void (*on_accept)(int fd, bool plain, void *arg);
	void *arg;
	bool shared, ports_only; /* ports_only: another set of this process has the Unix sockets */
};
/** listen_open_ways() - as listen_open(). A Unix socket's file is made with mode 0660 for the group
 * LISTEN_GROUP, if there is one and this process may do so; a stale one is replaced. */
int listen_open_ways(struct listen_set **out, uv_loop_t *loop, const struct listen_ways *ways)
	__attribute__((warn_unused_result));
#define LISTEN_GROUP "farlan-front"
/** listen_check() - before shared ones: does nobody else listen there? Return: 0; -errno, logged.
 */
int listen_check(const struct opt_listens *where) __attribute__((warn_unused_result));
/** listen_close() - idempotent on NULL; memory goes with the last handle. Files of Unix sockets are
 * removed. */
void listen_close(struct listen_set *l);

#endif
