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
#define TOKENS_MS 5000
#define CA_WARN_S (365 * DOMAIN_DAY_S) /* a certificate's life before the CA's end */
#define COMPROMISED "the domain has a new CA: ask the administrator for a new invitation"
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
					 .relays = a->relays,
					 .proxies = &a->conf.proxies,
					 .certs = a->certs};
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

static void on_tokens(uv_timer_t *t)
{
	struct app *a = t->data;
	bool changed = false;

	if (domain_token_step(&a->domain, a->store, clock_wall_s(), &changed) != 0)
		log_error("the token keys could not be changed: it is tried again");
	else if (changed) {
		log_notice("token keys changed signs=%s", a->domain.token_key.kid);
		clients_tell_keys(a->clients);
	}
	if (a->domain.row.other_token.use == STORE_TOKEN_NONE)
		uv_timer_stop(t);
}

static void watch_tokens(struct app *a)
{
	if (a->domain.row.other_token.use != STORE_TOKEN_NONE)
		uv_timer_start(&a->tokens, on_tokens, TOKENS_MS, TOKENS_MS);
}

static void on_accept(int fd, bool plain, void *arg)
{
	struct app *a = arg;

	clients_accept(a->clients, fd, plain);
}

static int start_listening(struct app *a)
{
	const struct listen_ways ways = {
		.where = &a->conf.listen, .tls = a->conf.tls, .on_accept = on_accept, .arg = a};

	return listen_open_ways(&a->listeners, a->loop, &ways);
}

int app_serve(struct app *a)
{
	int rc = domain_load(&a->domain, a->store, clock_wall_s());

	if (rc == -ENOENT) {
		log_notice("no domain yet: run accessctl init");
		return 0;
	}
	if (rc) {
		log_error(
			"the domain could not be loaded: %s: check the disk, and this host's clock",
			strerror(-rc));
		return rc;
	}
	a->has_domain = true;
	certs_watch(a->certs, &a->domain.row.outer_cert, &a->domain.row.ca);
	a->admission = (struct admission){.store = a->store,
					  .domain = &a->domain,
					  .login_s = a->conf.login_hours * HOUR_S,
					  .identity_s = a->conf.identity_days * DOMAIN_DAY_S};
	rc = start_relays(a);
	if (rc == 0)
		rc = start_sessions(a);
	if (rc == 0)
		rc = start_listening(a);
	if (rc == 0)
		watch_tokens(a);
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
	if (renewed)
		certs_watch(a->certs, &a->domain.row.outer_cert, &a->domain.row.ca);
}

/* --- new CAs and token keys ------------------------------------------------------------------ */

int app_roll_tokens(struct app *a)
{
	int rc = domain_token_roll(&a->domain, a->store, clock_wall_s());

	if (rc)
		return rc;
	log_notice("a new token key: it signs in %d s", DOMAIN_TOKEN_NEXT_S);
	clients_tell_keys(a->clients);
	watch_tokens(a);
	return 0;
}

int app_roll_ca(struct app *a, bool compromised)
{
	int rc = domain_roll(&a->domain, a->store, compromised, clock_wall_s());

	if (rc == 0)
		rc = clients_use_certs(a->clients);
	if (rc)
		return rc;
	certs_watch(a->certs, &a->domain.row.outer_cert, &a->domain.row.ca);
	log_notice("the domain has a new CA compromised=%s", compromised ? "yes" : "no");
	if (compromised) {
		uv_timer_stop(&a->tokens);
		sessions_end_all(a->sessions, "the domain has a new CA");
		clients_drop_all(a->clients, COMPROMISED, false);
	} else {
		clients_tell_due(a->clients);
	}
	return 0;
}

const char *app_ca_problem(const struct app *a)
{
	struct x509_info info;

	if (!a->has_domain || x509_parse(&info, a->domain.row.ca.der, a->domain.row.ca.len) != 0 ||
	    clock_wall_s() + CA_WARN_S < info.not_after)
		return NULL;
	return "the domain's CA ends within a year, and all that it signs with it: accessctl ca "
	       "roll";
}

static void on_upkeep(uv_timer_t *t)
{
	struct app *a = t->data;
	const char *problem = app_ca_problem(a);

	if (problem)
		log_warn("%s", problem);

	if (store_purge(a->store, clock_wall_s(), a->conf.history_days * 24 * HOUR_S) != 0)
		log_warn("old rows could not be removed");
	renew(a);
}

static void start_upkeep(struct app *a)
{
	uv_timer_init(a->loop, &a->tokens);
	a->tokens.data = a;
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
	clients_close(a->clients);
	sessions_close(a->sessions);
	addresses_close(a->addresses);
	relays_close(a->relays);
	if (a->local)
		local_close(a->local);
	if (!a->upkeep_open)
		return;
	uv_close((uv_handle_t *)&a->upkeep, NULL);
	uv_close((uv_handle_t *)&a->tokens, NULL);
}

void app_free(struct app *a)
{
	certs_free(a->certs);
	store_close(a->store);
	domain_wipe(&a->domain);
}
