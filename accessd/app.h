/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * app - what accessd is made of, and in which order it starts and stops.
 *
 *   no domain yet:  store, local socket
 *   domains:        connections, sessions, listening sockets, too
 */
#ifndef FARLAN_ACCESSD_APP_H
#define FARLAN_ACCESSD_APP_H

#include "accessd/audit.h"
#include "accessd/backup.h"
#include "accessd/conf.h"
#include "accessd/disk.h"
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
	struct backup *backup;
	struct signin *signin;
	struct audit *audit;
	struct forward *forward; /* of what the audit records; NULL: nowhere */
	struct certs *certs;
	struct clients *front; /* which accepts for all domains */
	size_t n_realms, n_gone;
	struct realm *realms[REALMS_MAX]; /* in the order in which they were made */
	struct realm **gone;		  /* were removed; other parts may still point to them */
	struct sessions_counts sessions_gone; /* what those had counted */
	struct listen_set *listeners;	      /* NULL: not listening */
	struct local *local;
	struct metrics *metrics; /* NULL: none asked for */
	struct disk disk;
	uv_timer_t upkeep;
	bool upkeep_open;
	uint64_t started_ms;
	bool stopping;
};

/** app_start() - @a: all zero. @conf: copied. Return: 0; -errno, logged; app_stop() still follows.
 */
int app_start(struct app *a, uv_loop_t *loop, const struct conf *conf)
	__attribute__((warn_unused_result));

/** app_realm() - the realm of a domain; "": the only one. Return: NULL there is none, or (for "")
 * there are several. */
struct realm *app_realm(struct app *a, const char *domain);

/** app_serve() - a domain is there: load and serve it. @out: set also if it is not served. Return:
 * 0; -ENOSPC REALMS_MAX; -errno, logged. */
int app_serve(struct app *a, int64_t domain, struct realm **out)
	__attribute__((warn_unused_result));
/** app_drop() - a domain was removed: nobody is served by it any more. */
void app_drop(struct app *a, struct realm *r, const char *reason);

/** app_watch_certs() - the domains' certificates are other ones. */
void app_watch_certs(struct app *a);

/** app_reload() - look at the certificate's files. */
void app_reload(struct app *a);

/** app_stop() - close everything; the loop ends by itself. Idempotent. */
void app_stop(struct app *a);
/** app_free() - after the loop has ended; also if nothing was started. */
void app_free(struct app *a);

#endif
