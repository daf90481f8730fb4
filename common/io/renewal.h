/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * renewal - a new certificate for the key that an identity has, asked for on a control connection;
 * on the way a new CA of the domain is followed. The key stays, so grants that name it stay good.
 * Frozen: identities of any age ask. Source: docs/PROTOCOL.md, section 4.8.
 */
#ifndef FARLAN_RENEWAL_H
#define FARLAN_RENEWAL_H

#include "common/io/identity.h"
#include "common/io/rpc.h"

#define RENEWAL_TIMEOUT_MS 20000
#define RENEWAL_AGAIN_MS (3600 * 1000) /* after a failure; and up to as much again */
#define RENEWAL_LATE_MS 5000	       /* who comes when it is time asks within this */
#define RENEWAL_SPREAD_MAX_S 3600      /* a server may spread a fleet over this */
#define RENEWAL_WORDS_SIZE 300

/**
 * renewal_wait_s() - how long until the identity is to be renewed: when two thirds of its
 * certificate's life are over, and up to a twelfth later, each at its own time, so that a fleet
 * does not come at once. @now: Unix seconds. 0: now. Users sign in instead: INT64_MAX.
 */
int64_t renewal_wait_s(const struct identity *id, int64_t now);
/** renewal_expired() - it has expired, or is not valid yet (a server's clock was ahead): nothing
 * but a renewal is granted to it. Not of users. */
bool renewal_expired(const struct identity *id, int64_t now);

/**
 * renewal_done_fn() - @next: the renewed identity, borrowed: it is to take the place of the old
 * one; NULL: not, and @code (enum rpc_code) and @words say why.
 */
typedef void renewal_done_fn(void *arg, const struct identity *next, int code, const char *words);

/* The times of one identity, over all its connections. */
struct renewal {
	uv_timer_t timer;
	struct rpc *rpc;		 /* borrowed; NULL: no connection */
	const struct identity *identity; /* borrowed */
	renewal_done_fn *done;
	void *arg;
	bool asking;
	bool is_called; /* the server says that it is time */
	void (*on_closed)(struct renewal *r);
};

/** renewal_open() - on the caller's memory. @identity: borrowed for its life; its owner changes it
 * in @done. @done: never before something else here returns. */
void renewal_open(struct renewal *r, uv_loop_t *loop, const struct identity *identity,
		  renewal_done_fn *done, void *arg);
/** renewal_online() - hello was said on this connection: ask on it when it is time. */
void renewal_online(struct renewal *r, struct rpc *rpc);
/** renewal_within() - it is time: ask within @ms from now, if there is a connection. */
void renewal_within(struct renewal *r, uint32_t ms);
/** renewal_now() - ask at once, on a connection that serves nothing else. Return: 0; -EIO; what
 * rpc_request() says. */
int renewal_now(struct renewal *r, struct rpc *rpc) __attribute__((warn_unused_result));
/** renewal_offline() - idempotent; before the rpc is gone. */
void renewal_offline(struct renewal *r);
/** renewal_close() - @on_closed from the loop; once. */
void renewal_close(struct renewal *r, void (*on_closed)(struct renewal *r));

/** renewal_take() - what an answer makes of an identity; nothing of it is believed before it fits
 * together. Return: NULL, or what is wrong, in words; then *next is worth nothing. */
const char *renewal_take(const struct identity *id, const json_t *answer, struct identity *next);

#endif
