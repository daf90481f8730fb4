/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/realm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/admin.h"
#include "accessd/app.h"
#include "accessd/approvals.h"
#include "common/io/file.h"
#include "common/io/log.h"

#define TOKENS_MS 5000
#define CA_WARN_S (365 * DOMAIN_DAY_S) /* a certificate's life before the CA's end */
#define COMPROMISED "the domain has a new CA: ask the administrator for a new invitation"
#define HOUR_S INT64_C(3600)

/* --- relays ---------------------------------------------------------------------------------- */

static void on_relay_health(void *arg, const struct relay_info *relay, enum health was)
{
	struct realm *r = arg;

	if (r->sessions && !r->closing)
		sessions_relay_health(r->sessions, relay, was);
}

static void on_relay_list(void *arg)
{
	struct realm *r = arg;

	if (r->clients && !r->closing)
		clients_tell_relays(r->clients);
}

static const struct relays_ops RELAYS_OPS = {
	.on_health = on_relay_health,
	.on_list = on_relay_list,
};

static void each_host(struct addresses *as, void *arg)
{
	const struct realm *r = arg;

	addresses_want(as, r->domain.row.urls.at, r->domain.row.urls.n);
	for (size_t i = 0; r->relays && i < relays_count(r->relays); i++) {
		const struct relay_info *relay = relays_at(r->relays, i);

		addresses_want(as, relay->urls.at, relay->urls.n);
	}
}

static int start_relays(struct realm *r)
{
	struct addresses_config addresses = {.each = each_host, .arg = r};
	struct relays_config relays = {
		.store = r->store, .domain = r->domain.row.id, .ops = &RELAYS_OPS, .arg = r};
	int rc = addresses_open(&r->addresses, r->app->loop, &addresses);

	if (rc)
		return rc;
	relays.addresses = r->addresses;
	return relays_open(&r->relays, r->app->loop, &relays);
}

/* --- sessions -------------------------------------------------------------------------------- */

static int start_sessions(struct realm *r)
{
	const struct conf *conf = &r->app->conf;
	struct clients_config clients = {.front = r->app->front,
					 .store = r->store,
					 .audit = r->app->audit,
					 .access = r->access,
					 .admission = &r->admission,
					 .passwords = r->app->passwords,
					 .signin = r->app->signin,
					 .relays = r->relays,
					 .admin = admin_on_control,
					 .admin_arg = r};
	struct sessions_config sessions = {.store = r->store,
					   .access = r->access,
					   .domain = &r->domain,
					   .relays = r->relays,
					   .life_s = conf->session_hours * HOUR_S,
					   .session_rate = conf->session_rate,
					   .user_rate = conf->user_rate,
					   .ops = &CLIENTS_SESSIONS_OPS,
					   .audit = r->app->audit};
	int rc = clients_open(&r->clients, r->app->loop, &clients);

	if (rc)
		return rc;
	sessions.arg = r->clients;
	rc = sessions_open(&r->sessions, r->app->loop, &sessions);
	if (rc == 0)
		clients_set_sessions(r->clients, r->sessions);
	return rc;
}

/* --- token keys ------------------------------------------------------------------------------ */

static void on_tokens(uv_timer_t *t)
{
	struct realm *r = t->data;
	bool changed = false;

	if (domain_token_step(&r->domain, r->store, clock_wall_s(), &changed) != 0)
		log_error("the token keys could not be changed: it is tried again");
	else if (changed) {
		log_notice("token keys changed signs=%s", r->domain.token_key.kid);
		clients_tell_keys(r->clients);
	}
	if (r->domain.row.other_token.use == STORE_TOKEN_NONE)
		uv_timer_stop(t);
}

static void watch_tokens(struct realm *r)
{
	if (r->domain.row.other_token.use != STORE_TOKEN_NONE)
		uv_timer_start(&r->tokens, on_tokens, TOKENS_MS, TOKENS_MS);
}

int realm_roll_tokens(struct realm *r)
{
	int rc = domain_token_roll(&r->domain, r->store, clock_wall_s());

	if (rc)
		return rc;
	log_notice("a new token key: it signs in %d s", DOMAIN_TOKEN_NEXT_S);
	clients_tell_keys(r->clients);
	watch_tokens(r);
	return 0;
}

/* --- life ------------------------------------------------------------------------------------ */

int realm_open(struct realm *r, struct app *app, int64_t domain)
{
	int rc;

	r->app = app;
	r->store = app->store;
	rc = domain_load(&r->domain, r->store, domain, clock_wall_s());
	if (rc)
		return rc;
	uv_timer_init(app->loop, &r->tokens);
	r->tokens.data = r;
	r->timer_open = true;
	r->admission = (struct admission){.store = r->store,
					  .domain = &r->domain,
					  .login_s = app->conf.login_hours * HOUR_S,
					  .identity_s = app->conf.identity_days * DOMAIN_DAY_S};
	rc = access_open(&r->access, r->store, r->domain.row.id);
	if (rc == 0)
		rc = start_relays(r);
	if (rc == 0)
		rc = start_sessions(r);
	if (rc)
		return rc;
	watch_tokens(r);
	audit_began(&r->audit, r->app->audit, r->store, &r->domain);
	return 0;
}

void realm_upkeep(struct realm *r)
{
	const char *problem = realm_ca_problem(r);
	bool renewed = false;

	audit_look(&r->audit, r->app->audit, r->store, &r->domain, false);
	if (problem)
		log_warn("%s", problem);
	if (!r->clients)
		return;
	if (domain_renew(&r->domain, r->store, clock_wall_s(), &renewed) != 0 ||
	    (renewed && clients_use_certs(r->clients) != 0))
		log_error(
			"own certificates could not be renewed: connections fail when they expire");
	if (renewed)
		app_watch_certs(r->app);
}

void realm_tree_changed(struct realm *r)
{
	if (!r->sessions || r->closing)
		return;
	sessions_permissions_changed(r->sessions);
	sessions_rules_changed(r->sessions, 0);
}

int realm_roll_ca(struct realm *r, bool compromised)
{
	int rc = domain_roll(&r->domain, r->store, compromised, clock_wall_s());

	if (rc == 0)
		rc = clients_use_certs(r->clients);
	if (rc)
		return rc;
	app_watch_certs(r->app);
	log_notice("the domain has a new CA compromised=%s", compromised ? "yes" : "no");
	if (compromised) {
		uv_timer_stop(&r->tokens);
		sessions_end_all(r->sessions, "the domain has a new CA");
		clients_drop_all(r->clients, COMPROMISED, false);
	} else {
		clients_tell_due(r->clients);
	}
	return 0;
}

const char *realm_ca_problem(const struct realm *r)
{
	struct x509_info info;

	if (x509_parse(&info, r->domain.row.ca.der, r->domain.row.ca.len) != 0 ||
	    clock_wall_s() + CA_WARN_S < info.not_after)
		return NULL;
	return "the domain's CA ends within a year, and all that it signs with it: accessctl ca "
	       "roll";
}

int realm_set_urls(struct realm *r, const struct urls *urls)
{
	int rc = domain_set_urls(&r->domain, r->store, urls, clock_wall_s());

	if (rc == 0)
		rc = clients_use_certs(r->clients);
	if (rc)
		return rc;
	app_watch_certs(r->app);
	addresses_refresh(r->addresses);
	return 0;
}

/* In the order of who uses whom. */
void realm_close(struct realm *r)
{
	if (r->closing)
		return;
	r->closing = true;
	approvals_deny_all(r->sessions, "the server is stopping: ask again in a moment");
	clients_close(r->clients);
	if (r->audit.last_ms > 0)
		audit_ended(&r->audit, r->app->audit, r->store, &r->domain);
	sessions_close(r->sessions);
	addresses_close(r->addresses);
	relays_close(r->relays);
	r->clients = NULL;
	r->sessions = NULL;
	r->addresses = NULL;
	r->relays = NULL;
	if (r->timer_open)
		uv_close((uv_handle_t *)&r->tokens, NULL);
}

void realm_free(struct realm *r)
{
	domain_wipe(&r->domain);
	access_close(r->access);
	free(r);
}
