/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * daemon - what relayd is made of, and in which order it starts and stops.
 *
 *   not enrolled:  only the local socket
 *   enrolled:      workers (threads with relays and listening sockets), uplink
 *
 * Enrolling again stops both, changes the identity and starts them anew.
 */
#ifndef FARLAN_RELAYD_DAEMON_H
#define FARLAN_RELAYD_DAEMON_H

#include "common/io/local.h"
#include "common/io/metrics.h"
#include "common/io/sntp_client.h"
#include "relayd/conf.h"
#include "relayd/drain.h"
#include "relayd/enrolment.h"
#include "relayd/uplink.h"
#include "relayd/workers.h"

/* An outer certificate that was renewed; as long as the workers. */
struct daemon_renewed {
	struct daemon_renewed *older;
	struct tls_ctx *tls;
};

struct daemon {
	uv_loop_t *loop;
	struct conf conf;
	bool enrolled;
	struct identity identity; /* enrolled */
	struct identity *next;	  /* takes its place when all is stopped; NULL: none */
	struct workers *workers;  /* NULL: not running */
	bool relaying;		  /* they let connections in */
	struct daemon_renewed *renewed;
	struct limits *limits;
	struct reporter *reporter; /* with workers; NULL: none */
	bool uplink_open;
	struct uplink uplink;
	struct dial_memory memory;
	struct dial_proxy proxy;
	struct local *local;
	struct metrics *metrics;  /* NULL: none asked for */
	struct sntp_client *sntp; /* NULL: no time servers */
	struct enrolment enrolment;
	struct drain drain;
	uint64_t started_ms;
	bool stopping;
	int exit_code; /* of a program that ends by itself */
};

/** daemon_start() - @d: conf is set, the rest zero. Return: 0; -errno, logged; then daemon_stop()
 * still follows. */
int daemon_start(struct daemon *d, uv_loop_t *loop) __attribute__((warn_unused_result));

/** daemon_enrolled() - a new identity: saved, then used; in the place of an old one as soon as
 * all of that has stopped. @id: copied.
 * Return: 0; -errno, logged: not saved, or saved and the services do not start (no listeners). */
int daemon_enrolled(struct daemon *d, const struct identity *id)
	__attribute__((warn_unused_result));

/** daemon_give_up() - the program cannot go on: it stops as by SIGTERM, with exit code 1. */
void daemon_give_up(struct daemon *d);

/** daemon_linger() - the program is to end. Return: true: not yet, sessions are on their way to
 * other relays; SIGTERM is raised when they have gone. */
bool daemon_linger(struct daemon *d);

/** daemon_stop() - close everything, within RELAY_STOP_MS; the loop ends by itself. Idempotent. */
void daemon_stop(struct daemon *d);

/** daemon_deinit() - after the loop: what is left, and the keys are wiped. */
void daemon_deinit(struct daemon *d);

#endif
