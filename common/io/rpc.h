/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpc - one JSON-RPC 2.0 peer over a byte stream of length-prefixed messages; both sides may
 * ask. Used inside the inner TLS and on the daemons' local sockets.
 *
 * It does not know its transport: bytes come by rpc_feed(), go by the send callback.
 */
#ifndef FARLAN_RPC_H
#define FARLAN_RPC_H

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "common/pure/buf.h"
#include "common/pure/rpcmsg.h"

#define RPC_PENDING_MAX 256 /* requests of ours that wait for an answer */

struct rpc;

/*
 * A method that this side offers. @id is 0 for a notification; else exactly one of
 * rpc_reply() and rpc_reject() must follow, now or later (keep the id, not a pointer).
 * @params: an object or NULL, borrowed for the call (json_incref to keep).
 */
struct rpc_method {
	const char *name;
	void (*fn)(struct rpc *rpc, int64_t id, const json_t *params);
};

/*
 * The answer to a request of ours: @result is set (borrowed) on success; else @code and
 * @message say why; RPC_TIMEOUT and RPC_CLOSED are made up locally.
 */
typedef void rpc_answer_fn(void *arg, const json_t *result, int code, const char *message);

struct rpc_ops {
	/* Send @n bytes, in order. Return 0, or -errno: the transport closes itself then. */
	int (*send)(struct rpc *rpc, const void *bytes, size_t n);
	const struct rpc_method *methods;
	size_t n_methods;
};

struct rpc_pending;

struct rpc {
	uv_loop_t *loop;
	const struct rpc_ops *ops;
	void *arg;          /* the owner's */
	size_t message_max; /* cap on what comes; owner raises it once the peer is authenticated */
	struct buf in;
	int64_t next_id;
	struct rpc_pending *pending; /* list */
	size_t n_pending;
	uv_timer_t *deadline; /* heap: survives until its close callback */
	bool in_feed, dead;
	uint64_t keepalives_in;
};

/** rpc_init() - on the caller's memory. @ops and @arg: borrowed for its life. */
void rpc_init(struct rpc *rpc, uv_loop_t *loop, const struct rpc_ops *ops, void *arg, size_t message_max);

/** rpc_deinit() - answers what is pending with RPC_CLOSED (callbacks run now), frees all. Idempotent. Not from within rpc_feed(). */
void rpc_deinit(struct rpc *rpc);

/**
 * rpc_feed() - bytes from the peer. Calls methods and answers before it returns.
 * Return: 0; -EMSGSIZE or -EBADMSG: close the transport (an error was sent for the latter).
 */
int rpc_feed(struct rpc *rpc, const void *bytes, size_t n) __attribute__((warn_unused_result));

/**
 * rpc_request() - ask. @params: taken, may be NULL. @fn is called exactly once, never before
 * this returns 0; not at all if it returns an error.
 * Return: 0; -ENOBUFS too many pending; -ENOMEM; what send returned.
 */
int rpc_request(struct rpc *rpc, const char *method, json_t *params, uint32_t timeout_ms,
		rpc_answer_fn *fn, void *arg) __attribute__((warn_unused_result));

/** rpc_cancel() - forget all pending requests with this @arg; their @fn will not be called. */
void rpc_cancel(struct rpc *rpc, const void *arg);

int rpc_notify(struct rpc *rpc, const char *method, json_t *params);
int rpc_reply(struct rpc *rpc, int64_t id, json_t *result); /* id 0: nothing is sent */
int rpc_reject(struct rpc *rpc, int64_t id, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/** rpc_keepalive() - send the empty message. */
int rpc_keepalive(struct rpc *rpc);

#endif
