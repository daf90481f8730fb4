/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * local - a daemon's own socket for its tool: JSON-RPC on a Unix stream socket, for root, the
 * daemon's user and the group `farlan` (0660; checked again by peer credentials).
 */
#ifndef FARLAN_LOCAL_H
#define FARLAN_LOCAL_H

#include <sys/types.h>
#include <uv.h>

#include "common/io/rpc.h"

#define LOCAL_CLIENTS_MAX 32
#define LOCAL_GROUP "farlan"

struct local;
struct local_client;

/**
 * local_open() - listen on @path (a stale socket file is replaced; a live daemon's is not:
 * -EADDRINUSE). @methods: called with rpc->arg = struct local_client.
 * @on_gone: a client went away (may be NULL): forget ids kept for it.
 * Return: 0 and *out; -errno, logged.
 */
int local_open(struct local **out, uv_loop_t *loop, const char *path, const struct rpc_method *methods,
	       size_t n_methods, void *arg, void (*on_gone)(struct local_client *, void *arg))
	__attribute__((warn_unused_result));

/** local_close() - idempotent; removes the socket file, closes all clients; memory goes with the last handle. */
void local_close(struct local *l);

/** local_arg() - what local_open() was given, from within a method. */
void *local_arg(const struct rpc *rpc);
struct local_client *local_client_of(const struct rpc *rpc);
/** A client's number, never used twice: keep this beside an id for an answer that comes later. */
uint64_t local_client_number(const struct local_client *c);
/** local_client_find() - the client's rpc, or NULL if it has gone. */
struct rpc *local_client_find(struct local *l, uint64_t number);

#endif
