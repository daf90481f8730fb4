/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/app.h"

#include <errno.h>
#include <string.h>

#include "accessd/admin.h"
#include "accessd/figures.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/outer.h"

#define UPKEEP_MS (6 * UINT64_C(3600) * 1000)
#define HOUR_S INT64_C(3600)

/* --- the domain ------------------------------------------------------------------------------ */

static void on_relay_health(void *arg, const struct relay_info *r, enum health was)
{
	struct app *a = arg;

	if (a->sessions && !a->stopping)
		sessions_relay_health(a->sessions, r, was);
}

static void on_relay_list(void *arg)
{
	struct app *a = arg;

	if (a->clients && !a->stopping)
		clients_tell_relays(a->clients);
}

static const struct relays_ops RELAYS_OPS = {
	.on_health = on_relay_health,
	.on_list = on_relay_list,
};

static void each_host(struct addresses *as, void *arg)
{
	const struct app *a = arg;

	addresses_want(as, a->domain.row.urls.at, a->domain.row.urls.n);
	for (size_t i = 0; a->relays && i < relays_count(a->relays); i++) {
		const struct relay_info *r = relays_at(a->relays, i);

		addresses_want(as, r->urls.at, r->urls.n);
	}
}

static int start_relays(struct app *a)
{
	struct addresses_config addresses = {.each = each_host, .arg = a};
	struct relays_config relays = {
		.store = a->store, .domain = a->domain.row.id, .ops = &RELAYS_OPS, .arg = a};
	int rc = addresses_open(&a->addresses, a->loop, &addresses);

	if (rc)
		return rc;
	relays.addresses = a->addresses;
	return relays_open(&a->relays, a->loop, &relays);
}

static int start_sessions(struct app *a)
{
	struct clients_config clients = {.store = a->store,
					 .admission = &a->admission,
					 .passwords = a->passwords,
					 .relays = a->relays};
	struct sessions_config sessions = {.store = a->store,
					   .domain = &a->domain,
					   .relays = a->relays,
					   .life_s = a->conf.session_hours * HOUR_S,
					   .session_rate = a->conf.session_rate,
					   .user_rate = a->conf.user_rate,
					   .ops = &CLIENTS_SESSIONS_OPS};
	int rc = clients_open(&a->clients, a->loop, &clients);

	if (rc)
		return rc;
	sessions.arg = a->clients;
	rc = sessions_open(&a->sessions, a->loop, &sessions);
	if (rc == 0)
		clients_set_sessions(a->clients, a->sessions);
	return rc;
}

static void on_accept(int fd, void *arg)
{
	struct app *a = arg;

	clients_accept(a->clients, fd);
}

int app_serve(struct app *a)
{
	int rc = domain_load(&a->domain, a->store, clock_wall_s());

	if (rc == -ENOENT) {
		log_notice("no domain yet: run accessctl init");
		return 0;
	}
	if (rc)
		return rc;
	a->has_domain = true;
	a->admission = (struct admission){
		.store = a->store, .domain = &a->domain, .login_s = a->conf.login_hours * HOUR_S};
	rc = start_relays(a);
	if (rc == 0)
		rc = start_sessions(a);
	if (rc == 0)
		rc = listen_open(&a->listeners, a->loop, &a->conf.listen, false, on_accept, a);
	if (rc == 0)
		log_notice("serving domain=%s", a->domain.row.name);
	return rc;
}

/* --- life ------------------------------------------------------------------------------------ */

static void renew(struct app *a)
{
	bool renewed = false;

	if (!a->clients)
		return;
	if (domain_renew(&a->domain, a->store, clock_wall_s(), &renewed) != 0 ||
	    (renewed && clients_use_certs(a->clients) != 0))
		log_error(
			"own certificates could not be renewed: connections fail when they expire");
}

static void on_upkeep(uv_timer_t *t)
{
	struct app *a = t->data;

	if (store_purge(a->store, clock_wall_s(), a->conf.history_days * 24 * HOUR_S) != 0)
		log_warn("old rows could not be removed");
	renew(a);
}

static void start_upkeep(struct app *a)
{
	uv_timer_init(a->loop, &a->upkeep);
	a->upkeep.data = a;
	uv_timer_start(&a->upkeep, on_upkeep, 0, UPKEEP_MS);
	a->upkeep_open = true;
}

static int open_metrics(struct app *a)
{
	struct metrics_config config = {
		.program = "accessd", .where = &a->conf.metrics, .write = figures_write, .arg = a};

	return metrics_open(&a->metrics, a->loop, &config);
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
	rc = passwords_open(&a->passwords, loop);
	if (rc)
		return rc;
	start_upkeep(a);
	rc = admin_open(a);
	if (rc == 0)
		rc = open_metrics(a);
	return rc ? rc : app_serve(a);
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
	passwords_close(a->passwords);
	clients_close(a->clients);
	sessions_close(a->sessions);
	addresses_close(a->addresses);
	relays_close(a->relays);
	if (a->local)
		local_close(a->local);
	if (a->upkeep_open)
		uv_close((uv_handle_t *)&a->upkeep, NULL);
}

void app_free(struct app *a)
{
	store_close(a->store);
	domain_wipe(&a->domain);
}
