/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * preamble - what is said with an Access Server before anything else, on each connection: what time
 * is it? Until then its certificate counts whatever its dates are; then all dates are looked at.
 *
 *   TIME -> (the dates) -> done
 */
#ifndef FARLAN_PREAMBLE_H
#define FARLAN_PREAMBLE_H

#include "common/io/rpc.h"
#include "common/io/tls.h"
#include "common/pure/stamp.h"

#define PREAMBLE_TIME_MS 10000 /* an answer that took longer says nothing about the time */
#define PREAMBLE_WORDS_SIZE 200

/** @problem: NULL, go on; else close the connection, with these words. */
typedef void preamble_done_fn(void *arg, const char *problem);

struct preamble {
	struct rpc *rpc;	     /* borrowed */
	const struct tls_peer *peer; /* borrowed: the server; its identity names the domain */
	uint8_t nonce[STAMP_NONCE_BYTES];
	uint64_t asked_ms;
	preamble_done_fn *done; /* NULL: over */
	void *arg;
};

/**
 * preamble_start() - on the caller's memory. @done: once, never before this returns, and not after
 * preamble_stop(); if the connection closes, not at all.
 * Return: 0; what rpc_request() says: close the connection.
 */
int preamble_start(struct preamble *p, struct rpc *rpc, const struct tls_peer *peer,
		   preamble_done_fn *done, void *arg) __attribute__((warn_unused_result));
/** preamble_stop() - idempotent; before the rpc is gone. */
void preamble_stop(struct preamble *p);

/** preamble_ask_again() - the time alone, on a connection that is in use; failures are logged. */
void preamble_ask_again(struct preamble *p);

#endif
