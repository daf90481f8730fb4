/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metrics_internal - what the files of metrics share; nobody else includes it.
 *
 *   metrics.c       the object: addresses, what all daemons say
 *   metrics_conn.c  one connection: requests in, answers out
 */
#ifndef FARLAN_METRICS_INTERNAL_H
#define FARLAN_METRICS_INTERNAL_H

#include <sys/queue.h>

#include "common/io/lag.h"
#include "common/io/listen.h"
#include "common/io/metrics.h"

#define METRICS_ANSWER_HEAD_SIZE 400

enum metrics_code {
	METRICS_OK,
	METRICS_MALFORMED,
	METRICS_NOT_FOUND,
	METRICS_METHOD,
	METRICS_TOO_LONG,
	METRICS_FAILED,
	METRICS_CODES
};

enum conn_state {
	CONN_READING,
	CONN_ANSWERING, /* reads nothing meanwhile */
	CONN_LINGERING, /* told all; what still comes is thrown away, so that the answer arrives */
};

struct conn {
	TAILQ_ENTRY(conn) list; /* those that were quiet longest first */
	struct metrics *owner;
	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_write_t write;
	uv_shutdown_t shutdown;
	unsigned int handles; /* not closed yet */
	enum conn_state state;
	bool closing;
	bool keep; /* after the answer */
	struct buf in, body;
	char head[METRICS_ANSWER_HEAD_SIZE];
};

TAILQ_HEAD(conn_list, conn);

struct metrics {
	uv_loop_t *loop;
	struct metrics_config config;
	struct opt_listens where;
	struct listen_set *listeners; /* NULL: not listening */
	uv_timer_t retry;
	struct lag lag;	      /* of this loop */
	unsigned int handles; /* of the two, not closed yet */
	bool closing;
	struct conn_list conns;
	size_t n_conns;
	uint64_t started_ms;
	uint64_t answered[METRICS_CODES], turned_away;
};

/** metrics_code_status() - 200, 400, ... */
int metrics_code_status(enum metrics_code code);
/** metrics_write() - all families. Return: 0; -ENOBUFS; -ENOMEM. */
int metrics_write(struct metrics *m, struct buf *out, enum expo_format format)
	__attribute__((warn_unused_result));
/** metrics_conn_gone() - a connection was freed. */
void metrics_conn_gone(struct metrics *m);

/** conn_accept() - takes @fd. */
void conn_accept(struct metrics *m, int fd);
/** conn_close() - idempotent; freed from the loop. */
void conn_close(struct conn *c);

#endif
