/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metrics - GET /metrics for a Prometheus: a small HTTP/1.1 server on addresses of the
 * administrator's choice. It knows one path, takes no body, and keeps what a client can cost small:
 * so many connections, so long a head, so much time.
 *
 * All daemons say what they are and what the process uses; the rest is the owner's.
 */
#ifndef FARLAN_METRICS_H
#define FARLAN_METRICS_H

#include <jansson.h>
#include <uv.h>

#include "common/io/opt.h"
#include "common/io/x509.h"
#include "common/pure/expo.h"

#define METRICS_CONNECTIONS_MAX 16 /* one more takes the place of the one that is idle longest */
#define METRICS_TEXT_MAX_BYTES (4u << 20)

/* What holds; only tests set other ones. */
extern struct metrics_times {
	uint32_t head_ms;   /* from the first byte (or the start) until a request is whole */
	uint32_t idle_ms;   /* between requests */
	uint32_t answer_ms; /* for the client to take an answer */
	uint32_t linger_ms; /* after an answer that ends the connection */
	uint32_t retry_ms;  /* until an address that could not be had is tried again */
} metrics_times;

struct metrics;

/* A certificate whose time is shown. */
struct metrics_cert {
	const char *name;	      /* "own", "outer", "ca" */
	const struct x509_cert *cert; /* or, with NULL: */
	int64_t not_after;	      /* Unix seconds; 0: left out */
};

struct metrics_config {
	const char *program;		 /* "relayd"; borrowed for its life */
	const struct opt_listens *where; /* copied */
	/* Write the owner's families. */
	void (*write)(void *arg, struct expo *e);
	void *arg;
};

/**
 * metrics_open() - serve. Addresses that cannot be had (yet) are logged and tried again: a daemon
 * does its work without them. *out is NULL if there are none.
 * Return: 0; -ENOMEM.
 */
int metrics_open(struct metrics **out, uv_loop_t *loop, const struct metrics_config *config)
	__attribute__((warn_unused_result));
/** metrics_close() - NULL is nothing; once. No callback any more; memory goes with the last handle.
 */
void metrics_close(struct metrics *m);

/** metrics_write_certs() - how long they are good yet; those of length 0 are left out. */
void metrics_write_certs(struct expo *e, const struct metrics_cert *certs, size_t n);
/** metrics_write_clock() - of programs that have called clock_open(). */
void metrics_write_clock(struct expo *e);

/** metrics_status() - for a daemon's answer to `status`: puts "metrics": {listen, listening} into
 * it; nothing if @m is NULL. */
void metrics_status(const struct metrics *m, json_t *status);

#endif
