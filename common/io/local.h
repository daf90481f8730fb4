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
#define LOCAL_QUEUE_MAX_BYTES (1u << 20) /* a client that does not read its answers is closed */
#define LOCAL_GROUP "farlan"

struct local;
struct local_client;

/**
 * local_open() - listen on @path (a stale socket file is replaced; a live daemon's is not); its
 * folder is made if missing (0755).
 * @methods: called with rpc->arg = struct local_client.
 * @on_gone: a client went away (may be NULL): forget ids kept for it. Also for those that
 * local_close() closes, before it returns.
 * Return: 0 and *out; -EADDRINUSE a live daemon listens there; -ENAMETOOLONG; -EEXIST something
 * else has that name; -errno; all logged.
 */
int local_open(struct local **out, uv_loop_t *loop, const char *path,
	       const struct rpc_method *methods, size_t n_methods, void *arg,
	       void (*on_gone)(struct local_client *, void *arg))
	__attribute__((warn_unused_result));

/** local_bind() - a socket's file with mode 0600, made as local_open() makes it, but bound only.
 * Return: 0 and *fd; else as local_open(), for local_words(). */
int local_bind(const char *path, int *fd) __attribute__((warn_unused_result));
/** local_give() - a file of ours to a group, which it may belong to already: then no right to
 * change that is needed. Return: 0; -errno. */
int local_give(const char *path, gid_t group) __attribute__((warn_unused_result));
const char *local_words(int error);

/**
 * local_close() - removes the socket file, closes all clients; memory goes with the last handle, no
 * callback comes after it returned. NULL is nothing. Once, also from within a method.
 */
void local_close(struct local *l);

/** local_arg() - what local_open() was given, from within a method. */
void *local_arg(const struct rpc *rpc);
struct local_client *local_client_of(const struct rpc *rpc);
/** local_client_number() - never used twice: keep it beside an id for an answer that comes later.
 */
uint64_t local_client_number(const struct local_client *c);
/** local_client_uid() - whose process it is. */
uid_t local_client_uid(const struct local_client *c);
/** local_client_find() - the client's rpc, or NULL if it has gone. */
struct rpc *local_client_find(struct local *l, uint64_t number);

#endif
