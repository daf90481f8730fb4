/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/app.h"

#include <errno.h>
#include <string.h>

#include "accessd/admin.h"
#include "accessd/figures.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/outer.h"

/* Certificates that were made while this host's clock was wrong must go soon after it was set. */
#define UPKEEP_MS (5 * UINT64_C(60) * 1000)
#define HOUR_S INT64_C(3600)

static void on_accept(int fd, bool plain, void *arg)
{
	struct app *a = arg;

	clients_accept(a->realm.clients, fd, plain);
}

static int start_listening(struct app *a)
{
	const struct listen_ways ways = {
		.where = &a->conf.listen, .tls = a->conf.tls, .on_accept = on_accept, .arg = a};

	return listen_open_ways(&a->listeners, a->loop, &ways);
}

struct realm *app_realm(struct app *a, const char *domain)
{
	if (!a->has_domain || (domain[0] && strcmp(domain, a->realm.domain.row.name) != 0))
		return NULL;
	return &a->realm;
}

int app_serve(struct app *a)
{
	int rc = realm_open(&a->realm, a);

	if (rc == -ENOENT) {
		log_notice("no domain yet: run accessctl init");
		return 0;
	}
	if (rc && !a->realm.timer_open)
		log_error(
			"the domain could not be loaded: %s: check the disk, and this host's clock",
			strerror(-rc));
	a->has_domain = a->realm.timer_open;
	if (rc == 0)
		rc = start_listening(a);
	if (rc == 0)
		log_notice("serving domain=%s", a->realm.domain.row.name);
	return rc;
}

/* --- life ------------------------------------------------------------------------------------ */

static void on_upkeep(uv_timer_t *t)
{
	struct app *a = t->data;

	if (store_purge(a->store, clock_wall_s(), a->conf.history_days * 24 * HOUR_S) != 0)
		log_warn("old rows could not be removed");
	signin_upkeep(a->signin);
	if (a->has_domain)
		realm_upkeep(&a->realm);
}

static void start_upkeep(struct app *a)
{
	uv_timer_init(a->loop, &a->upkeep);
	a->upkeep.data = a;
	uv_timer_start(&a->upkeep, on_upkeep, 0, UPKEEP_MS);
	a->upkeep_open = true;
}

static int open_certs(struct app *a)
{
	const struct certs_config config = {.chain = a->conf.certificate,
					    .key = a->conf.certificate_key};

	return certs_open(&a->certs, a->loop, &config);
}

static int open_metrics(struct app *a)
{
	struct metrics_config config = {
		.program = "accessd", .where = &a->conf.metrics, .write = figures_write, .arg = a};

	return metrics_open(&a->metrics, a->loop, &config);
}

static int open_audit(struct app *a)
{
	const struct audit_config config = {.store = a->store,
					    .max_records = a->conf.audit_records,
					    .full_continues = a->conf.audit_continues};

	return audit_open(&a->audit, a->loop, &config);
}

static int open_signin(struct app *a)
{
	const struct signin_config config = {.store = a->store,
					     .passwords = a->passwords,
					     .audit = a->audit,
					     .min_bytes = (size_t)a->conf.password_bytes,
					     .refused_path = a->conf.refused_passwords};

	return signin_open(&a->signin, &config);
}

int app_start(struct app *a, uv_loop_t *loop, const struct conf *conf)
{
	int rc;

	a->loop = loop;
	a->conf = *conf;
	a->started_ms = clock_mono_ms();
	rc = store_open(&a->store, a->conf.state);
	if (rc)
		return rc;
	rc = passwords_open(&a->passwords, loop, (uint32_t)conf->password_cost);
	if (rc)
		return rc;
	rc = open_audit(a);
	if (rc == 0)
		rc = open_signin(a);
	if (rc)
		return rc;
	start_upkeep(a);
	rc = open_certs(a);
	if (rc == 0)
		rc = admin_open(a);
	if (rc == 0)
		rc = open_metrics(a);
	return rc ? rc : app_serve(a);
}

void app_reload(struct app *a)
{
	if (!a->stopping && a->certs)
		certs_check(a->certs);
}

/* In the order of who uses whom; answers that are still waited for come while the next are still
 * there. */
void app_stop(struct app *a)
{
	if (a->stopping)
		return;
	a->stopping = true;
	outer_hurry();
	listen_close(a->listeners);
	metrics_close(a->metrics);
	a->metrics = NULL;
	certs_close(a->certs);
	passwords_close(a->passwords);
	realm_close(&a->realm);
	if (a->local)
		local_close(a->local);
	audit_close(a->audit);
	if (!a->upkeep_open)
		return;
	uv_close((uv_handle_t *)&a->upkeep, NULL);
}

void app_free(struct app *a)
{
	certs_free(a->certs);
	signin_free(a->signin);
	audit_free(a->audit);
	store_close(a->store);
	realm_free(&a->realm);
}
