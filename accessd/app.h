/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * app - what accessd is made of, and in which order it starts and stops.
 *
 *   no domain yet:  store, local socket
 *   domain:         connections, sessions, listening sockets, too
 */
#ifndef FARLAN_ACCESSD_APP_H
#define FARLAN_ACCESSD_APP_H

#include "accessd/clients.h"
#include "accessd/conf.h"
#include "common/io/listen.h"
#include "common/io/local.h"
#include "common/io/metrics.h"

struct app {
	uv_loop_t *loop;
	struct conf conf;
	struct store *store;
	struct passwords *passwords;
	bool has_domain;
	struct domain domain; /* has_domain */
	struct admission admission;
	struct addresses *addresses; /* with relays */
	struct certs *certs;
	struct relays *relays;	      /* with clients */
	struct clients *clients;      /* has_domain, and it could be started */
	struct sessions *sessions;    /* with clients */
	struct listen_set *listeners; /* NULL: not listening */
	struct local *local;
	struct metrics *metrics;   /* NULL: none asked for */
	uv_timer_t upkeep, tokens; /* tokens: while there are two token keys */
	bool upkeep_open;
	uint64_t started_ms;
	bool stopping;
};

/** app_start() - @a: all zero. @conf: copied. Return: 0; -errno, logged; app_stop() still follows.
 */
int app_start(struct app *a, uv_loop_t *loop, const struct conf *conf)
	__attribute__((warn_unused_result));

/** app_serve() - the domain is there (again): load and serve it. Return: 0; -errno, logged. */
int app_serve(struct app *a) __attribute__((warn_unused_result));

/** app_roll_ca() - see domain_roll(); everybody is told. Return: 0; -ENOSPC; -EIO. */
int app_roll_ca(struct app *a, bool compromised) __attribute__((warn_unused_result));
/** app_roll_tokens() - see domain_token_roll(); relays are told. Return: 0; -EBUSY; -EIO. */
int app_roll_tokens(struct app *a) __attribute__((warn_unused_result));
/** app_ca_problem() - what is to be done about the CA's end, or NULL: it is far. */
const char *app_ca_problem(const struct app *a);

/** app_reload() - look at the certificate's files. */
void app_reload(struct app *a);

/** app_stop() - close everything; the loop ends by itself. Idempotent. */
void app_stop(struct app *a);
/** app_free() - after the loop has ended; also if nothing was started. */
void app_free(struct app *a);

#endif
