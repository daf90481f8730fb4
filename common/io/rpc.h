/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpc - one JSON-RPC 2.0 peer over a byte stream of length-prefixed messages; both sides may
 * ask. Used inside the inner TLS and on the daemons' local sockets.
 *
 * It does not know its transport: bytes come by rpc_feed(), go by the send callback.
 *
 * Methods and answers may do anything from within their call: ask, answer, close the transport,
 * call rpc_deinit() and free the memory of struct rpc after it. The rest of what was
 * being fed is dropped then. Only rpc_feed() itself must not be called again before it returned.
 */
#ifndef FARLAN_RPC_H
#define FARLAN_RPC_H

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "common/io/rpc_tally.h"
#include "common/pure/buf.h"
#include "common/pure/rpcmsg.h"

#define RPC_PENDING_MAX 256  /* requests of ours that wait for an answer */
#define RPC_MESSAGE_SIZE 512 /* of an error's words, with NUL; longer is cut */

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
	/*
	 * Send @n bytes, one whole message, in order. Must not feed before it returns.
	 * Return 0, or -errno: the transport closes itself then.
	 */
	int (*send)(struct rpc *rpc, const void *bytes, size_t n);
	const struct rpc_method *methods;
	size_t n_methods;
};

struct rpc_pending;

struct rpc {
	uv_loop_t *loop;
	const struct rpc_ops *ops;
	void *arg;	    /* the owner's */
	size_t message_max; /* cap on what comes; owner raises it once the peer is authenticated */
	struct buf in;
	int64_t next_id;
	struct rpc_pending *pending; /* list */
	size_t n_pending;
	uv_timer_t *deadline; /* heap: survives until its close callback; NULL until something is
				 asked */
	bool *gone;	      /* on rpc_feed()'s stack while it runs */
	bool dead;
	bool answer_keepalive; /* the owner's: answer each keep-alive with one (servers only) */
	uint64_t keepalives_in;
	const char *called;	 /* the method that is running: its name in ops */
	struct rpc_tally *tally; /* the owner's; NULL: not counted */
	struct rpc_tally_open open;
	uint64_t unknown_answers; /* too late, or to something that was never asked; ignored */
};

/** rpc_init() - on the caller's memory. @ops and @arg: borrowed for its life. */
void rpc_init(struct rpc *rpc, uv_loop_t *loop, const struct rpc_ops *ops, void *arg,
	      size_t message_max);

/**
 * rpc_deinit() - answers what is pending with RPC_CLOSED (callbacks run now, and get -EPIPE if they
 * ask anew), wipes and frees all. Idempotent. The memory of @rpc may go once this has returned; one
 * handle is closing on the loop then. From within those callbacks do not free it.
 */
void rpc_deinit(struct rpc *rpc);

/**
 * rpc_feed() - bytes from the peer, in pieces of any size. Calls methods and answers before it
 * returns. A malformed message is answered with RPC_PARSE, an unknown method with RPC_NO_METHOD.
 * Return: 0, also when rpc_deinit() was called meanwhile or before; -EMSGSIZE, -EBADMSG or
 * -ENOMEM: close the transport.
 */
int rpc_feed(struct rpc *rpc, const void *bytes, size_t n) __attribute__((warn_unused_result));

/**
 * rpc_request() - ask. @params: taken, also on failure; may be NULL. @fn is called exactly once,
 * never before this returns 0; not at all if it returns an error.
 * @timeout_ms: from now until @fn is called with RPC_TIMEOUT.
 * Return: 0; -EPIPE after rpc_deinit(); -ENOBUFS too many pending; -EMSGSIZE over MSG_MAX_BYTES;
 * -ENOMEM (also @params that are no valid JSON); what send returned.
 */
int rpc_request(struct rpc *rpc, const char *method, json_t *params, uint32_t timeout_ms,
		rpc_answer_fn *fn, void *arg) __attribute__((warn_unused_result));

/** rpc_cancel() - forget all pending requests with this @arg; their @fn will not be called. */
void rpc_cancel(struct rpc *rpc, const void *arg);

/*
 * rpc_notify(), rpc_reply(), rpc_reject(), rpc_keepalive() - @params, @result: taken, also on
 * failure. With @id 0 (a notification) nothing is answered. A result over MSG_MAX_BYTES is answered
 * with RPC_INTERNAL. Errors may be ignored: send closed the transport, or it was closed before.
 * Return: 0; -EPIPE after rpc_deinit(); -EMSGSIZE; -ENOMEM; what send returned.
 */
int rpc_notify(struct rpc *rpc, const char *method, json_t *params);
int rpc_reply(struct rpc *rpc, int64_t id, json_t *result);
int rpc_reject(struct rpc *rpc, int64_t id, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/** rpc_keepalive() - send the empty message. */
int rpc_keepalive(struct rpc *rpc);

#endif
