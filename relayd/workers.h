/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * workers - the relays of the process, one for each core: each has a thread, a loop, a struct relay
 * and listening sockets of its own; the kernel deals out connections among them, and a leg whose
 * session is at home on another one moves there. The owner's loop never touches a relay: it asks by
 * the functions here, which wait for a turn of the worker's loop.
 */
#ifndef FARLAN_RELAYD_WORKERS_H
#define FARLAN_RELAYD_WORKERS_H

#include "common/io/opt.h"
#include "common/io/x509.h"
#include "relayd/relay.h"

#define WORKERS_MAX 64

struct workers;

struct workers_config {
	unsigned int n; /* 1 to WORKERS_MAX */
	const struct opt_listens *listen;
	bool tls;		     /* of entries that do not say */
	const struct tls_ctx *outer; /* borrowed until on_closed; NULL: made of the next ones */
	const struct x509_cert *outer_cert, *ca;
	const struct x509_key *key;
	struct relay_config relay; /* without tls, common and index */
	size_t max_sessions;	   /* of all together */
	struct limits *limits;	   /* borrowed until on_closed */
	/* What a session has carried; from the owner's loop, the last ones before on_closed. May be
	 * NULL. */
	void (*on_usage)(void *arg, const struct usage *u);
	void *arg;
};

/** workers_open() - @config: borrowed for the call. Return: 0; -errno, logged. */
int workers_open(struct workers **out, uv_loop_t *loop, const struct workers_config *config)
	__attribute__((warn_unused_result));

/** workers_close() - as relay_close(), of all; @on_closed comes from the loop. Idempotent. */
void workers_close(struct workers *w, void (*on_closed)(void *arg), void *arg);

/** workers_use_tls() - for connections from now on; borrowed until on_closed. */
void workers_use_tls(struct workers *w, const struct tls_ctx *tls);

unsigned int workers_count(const struct workers *w);

/** workers_ask() - run @fn with relay @i on its thread; not once its relay is closed. */
void workers_ask(struct workers *w, unsigned int i, void (*fn)(struct relay *r, void *arg),
		 void *arg);
/** workers_ask_all() - one after the other. */
void workers_ask_all(struct workers *w, void (*fn)(struct relay *r, void *arg), void *arg);

#endif
