/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * app - what accessd is made of, and in which order it starts and stops.
 *
 *   no domain yet:  store, local socket
 *   domain:         connections, sessions, listening sockets, too
 */
#ifndef FARLAN_ACCESSD_APP_H
#define FARLAN_ACCESSD_APP_H

#include "accessd/audit.h"
#include "accessd/conf.h"
#include "accessd/realm.h"
#include "accessd/signin.h"
#include "common/io/listen.h"
#include "common/io/local.h"
#include "common/io/metrics.h"

struct app {
	uv_loop_t *loop;
	struct conf conf;
	struct store *store;
	struct passwords *passwords;
	struct signin *signin;
	struct audit *audit;
	struct certs *certs;
	bool has_domain;
	struct realm realm;	      /* has_domain */
	struct listen_set *listeners; /* NULL: not listening */
	struct local *local;
	struct metrics *metrics; /* NULL: none asked for */
	uv_timer_t upkeep;
	bool upkeep_open;
	uint64_t started_ms;
	bool stopping;
};

/** app_start() - @a: all zero. @conf: copied. Return: 0; -errno, logged; app_stop() still follows.
 */
int app_start(struct app *a, uv_loop_t *loop, const struct conf *conf)
	__attribute__((warn_unused_result));

/** app_realm() - the realm of a domain; "": the only one. Return: NULL there is none. */
struct realm *app_realm(struct app *a, const char *domain);

/** app_serve() - the domain is there (again): load and serve it. Return: 0; -errno, logged. */
int app_serve(struct app *a) __attribute__((warn_unused_result));

/** app_reload() - look at the certificate's files. */
void app_reload(struct app *a);

/** app_stop() - close everything; the loop ends by itself. Idempotent. */
void app_stop(struct app *a);
/** app_free() - after the loop has ended; also if nothing was started. */
void app_free(struct app *a);

#endif
