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
#define RENEWAL_WORDS_SIZE 300

/**
 * renewal_wait_s() - how long until the identity is to be renewed: when two thirds of its
 * certificate's life are over, and up to a twelfth later, each at its own time, so that a fleet
 * does not come at once. @now: Unix seconds. 0: now. Users sign in instead: INT64_MAX.
 */
int64_t renewal_wait_s(const struct identity *id, int64_t now);
/** renewal_expired() - nothing but a renewal is granted to it. Not of users. */
bool renewal_expired(const struct identity *id, int64_t now);

/**
 * renewal_done_fn() - @next: the renewed identity, borrowed; NULL: not, and @code (enum rpc_code)
 * and @words say why.
 */
typedef void renewal_done_fn(void *arg, const struct identity *next, int code, const char *words);

struct renewal {
	struct rpc *rpc;		 /* borrowed */
	const struct identity *identity; /* borrowed */
	renewal_done_fn *done;		 /* NULL: not under way */
	void *arg;
};

/**
 * renewal_start() - on the caller's memory. @done: once, never before this returns, and not after
 * renewal_stop(); if the connection closes, not at all.
 * Return: 0; -EIO no request can be made; what rpc_request() says.
 */
int renewal_start(struct renewal *r, struct rpc *rpc, const struct identity *identity,
		  renewal_done_fn *done, void *arg) __attribute__((warn_unused_result));
/** renewal_stop() - idempotent; before the rpc is gone. */
void renewal_stop(struct renewal *r);

/** renewal_take() - what an answer makes of an identity; nothing of it is believed before it fits
 * together. Return: NULL, or what is wrong, in words; then *next is worth nothing. */
const char *renewal_take(const struct identity *id, const json_t *answer, struct identity *next);

#endif
