/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Domains: made, listed, moved to other addresses, removed. Only for the host's administrator: of
 * one domain nobody may see or touch another. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/store_realms.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/owntime.h"
#include "common/pure/text.h"

/* --- a new one ------------------------------------------------------------------------------- */

/* The outer certificate that a host is shown can be of one domain alone. */
static const char *shared_host(const struct ask *q, const struct realm *mine)
{
	for (size_t i = 0; i < q->app->n_realms; i++) {
		const struct realm *r = q->app->realms[i];

		for (size_t k = 0; r != mine && k < mine->domain.row.urls.n; k++) {
			const char *host = mine->domain.row.urls.at[k].host;

			for (size_t j = 0; j < r->domain.row.urls.n; j++) {
				if (strcmp(r->domain.row.urls.at[j].host, host) == 0)
					return host;
			}
		}
	}
	return NULL;
}

static void put_shared(const struct ask *q, json_t *o)
{
	const char *host = shared_host(q, q->realm);

	if (host && !certs_tls(q->app->certs))
		json_object_set_new(o, "shared_host", json_string(host));
}

static void reply_init(struct ask *q, int64_t domain)
{
	char hex[TEXT_HEX_SIZE(32)];
	const struct domain *d;
	struct realm *r;
	int rc = app_serve(q->app, domain, &r);
	json_t *o;

	if (!r) {
		admin_failed(q, -EIO);
		return;
	}
	ask_set_realm(q, r);
	d = &r->domain;
	(void)!text_hex_encode(hex, sizeof(hex), d->ca_sha256, sizeof(d->ca_sha256));
	o = json_pack("{s:s, s:s, s:b}", "domain", d->row.name, "ca_sha256", hex, "listening",
		      rc == 0);
	if (rc)
		json_object_set_new(o, "problem", json_string(strerror(-rc)));
	put_shared(q, o);
	ask_reply(q, o);
}

static void create(struct ask *q, const char *name, const struct urls *urls)
{
	struct domain *d = calloc(1, sizeof(*d));
	int64_t id = 0;
	int rc;

	ask_about(q, "domain", name);
	rc = d ? domain_create(d, q->app->store, name, urls, clock_wall_s()) : -EIO;
	if (rc == 0)
		id = d->row.id;
	if (d)
		domain_wipe(d);
	free(d);
	if (rc == -E2BIG || rc == -ENOSPC) {
		ask_reject(q, RPC_BAD_PARAMS, "the server addresses are too long together");
	} else if (rc == -EEXIST) {
		ask_reject(q, RPC_CONFLICT, "this server already has the domain %s", name);
	} else if (rc) {
		admin_failed(q, rc);
	} else {
		log_notice("domain created domain=%s", name);
		reply_init(q, id);
	}
}

static bool take_urls(struct ask *q, const json_t *params, struct urls *urls)
{
	char error[LISTS_ERROR_SIZE];

	if (urls_from_json(urls, json_object_get(params, "urls"), LISTS_URLS_MAX, error) == 0)
		return true;
	ask_reject(q, RPC_BAD_PARAMS, "%s", error);
	return false;
}

void admin_on_init(struct ask *q, const json_t *params)
{
	char name[IDENT_DOMAIN_SIZE];
	struct urls urls;

	ask_set_realm(q, NULL); /* no other domain's audit is to tell of it */
	if (!rpc_str_max(params, "domain", name, sizeof(name)) || !text_domain_ok(name))
		ask_reject(q, RPC_BAD_PARAMS,
			   "a domain is named like a host: labels of a-z, 0-9 and '-' with dots, "
			   "up to 63 characters");
	else if (app_realm(q->app, name))
		ask_reject(q, RPC_CONFLICT, "this server already has the domain %s", name);
	else if (q->app->n_realms == REALMS_MAX)
		ask_reject(q, RPC_UNAVAILABLE, "a server has at most %d domains", REALMS_MAX);
	else if (clock_wall_s() < OWNTIME_RELEASED_S)
		ask_reject(q, RPC_UNAVAILABLE,
			   "this host's clock is wrong: set it first, or the CA would be of "
			   "another year");
	else if (take_urls(q, params, &urls))
		create(q, name, &urls);
}

/* --- those that there are -------------------------------------------------------------------- */

static json_t *show(const struct realm *r)
{
	const struct domain *d = &r->domain;
	struct clients_counts online = {0};
	struct store_counts n = {0};
	char hex[TEXT_HEX_SIZE(32)];
	uint64_t of[STORE_KINDS] = {0};

	(void)!store_member_count(r->store, d->row.id, &n); /* then without numbers */
	for (size_t k = 0; k < STORE_KINDS; k++) {
		for (size_t s = 0; s < STORE_STATES; s++)
			of[k] += s == STORE_REVOKED ? 0 : n.members[k][s];
	}
	if (r->clients)
		clients_count(r->clients, &online);
	(void)!text_hex_encode(hex, sizeof(hex), d->ca_sha256, sizeof(d->ca_sha256));
	return json_pack("{s:s, s:o, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "domain",
			 d->row.name, "urls", urls_to_json(&d->row.urls), "ca_sha256", hex,
			 "served", r->clients != NULL, "created", (json_int_t)d->row.created,
			 "devices", (json_int_t)of[IDENT_DEVICE], "users",
			 (json_int_t)of[IDENT_USER], "relays", (json_int_t)of[IDENT_RELAY],
			 "devices_online", (json_int_t)online.devices, "users_online",
			 (json_int_t)online.users, "relays_online", (json_int_t)online.relays,
			 "sessions",
			 r->sessions ? (json_int_t)sessions_count(r->sessions) : (json_int_t)0);
}

void admin_on_domain_list(struct ask *q, const json_t *params)
{
	json_t *list = json_array();

	(void)params;
	for (size_t i = 0; i < q->app->n_realms; i++)
		json_array_append_new(list, show(q->app->realms[i]));
	ask_reply(q, json_pack("{s:o}", "domains", list));
}

/* --- changed, removed ------------------------------------------------------------------------ */

void admin_on_domain_move(struct ask *q, const json_t *params)
{
	struct urls urls;
	json_t *o;
	int rc;

	if (!admin_ready(q) || !take_urls(q, params, &urls))
		return;
	ask_tell(q, "urls", urls_to_json(&urls));
	rc = realm_set_urls(q->realm, &urls);
	if (rc == -E2BIG || rc == -ENOSPC) {
		ask_reject(q, RPC_BAD_PARAMS, "the server addresses are too long together");
	} else if (rc) {
		admin_failed(q, rc);
	} else {
		log_notice("server addresses changed domain=%s", q->realm->domain.row.name);
		o = json_object();
		put_shared(q, o);
		ask_reply(q, o);
	}
}

/* Its members can do nothing any more, and nothing brings its keys back but a backup. */
void admin_on_domain_remove(struct ask *q, const json_t *params)
{
	struct realm *r = q->realm;
	char name[IDENT_DOMAIN_SIZE];
	int rc;

	if (!rpc_str_max(params, "domain", name, sizeof(name)) || !r ||
	    strcmp(name, r->domain.row.name) != 0) {
		ask_reject(q, RPC_NOT_FOUND, "no such domain");
	} else if (r->sessions && sessions_count(r->sessions) > 0) {
		ask_reject(q, RPC_CONFLICT,
			   "%zu sessions of it run: end them first, accessctl session kill",
			   sessions_count(r->sessions));
	} else if (r->n_asks > 1) {
		ask_reject(q, RPC_CONFLICT, "somebody changes it just now; try again in a moment");
	} else {
		ask_set_realm(q,
			      NULL); /* the server's audit: its own nobody can ask for any more */
		ask_about(q, "domain", name);
		rc = store_domain_remove(r->store, r->domain.row.id);
		if (rc) {
			admin_failed(q, rc);
			return;
		}
		log_notice("domain removed domain=%s", name);
		app_drop(q->app, r, "the domain was removed");
		ask_reply(q, json_object());
	}
}
