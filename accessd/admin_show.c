/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/pure/page.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/server_doctor.h"
#include "common/pure/owntime.h"
#include "common/pure/text.h"

/* --- init ------------------------------------------------------------------------------------ */

static void reply_init(struct rpc *rpc, int64_t id, struct app *a)
{
	char hex[TEXT_HEX_SIZE(32)];
	int rc = app_serve(a);
	json_t *o;

	(void)!text_hex_encode(hex, sizeof(hex), a->domain.ca_sha256, sizeof(a->domain.ca_sha256));
	o = json_pack("{s:s, s:s, s:b}", "domain", a->domain.row.name, "ca_sha256", hex,
		      "listening", rc == 0);
	if (rc)
		json_object_set_new(o, "problem", json_string(strerror(-rc)));
	rpc_reply(rpc, id, o);
}

void admin_on_init(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *a = local_arg(rpc);
	char name[IDENT_DOMAIN_SIZE], error[LISTS_ERROR_SIZE];
	struct urls urls;
	int rc;

	if (a->has_domain) {
		rpc_reject(rpc, id, RPC_CONFLICT, "this server already has the domain %s",
			   a->domain.row.name);
		return;
	}
	if (!rpc_str_max(params, "domain", name, sizeof(name)) || !text_domain_ok(name)) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS,
			   "a domain is named like a host: labels of a-z, 0-9 and '-' with dots, "
			   "up to 63 characters");
		return;
	}
	if (urls_from_json(&urls, json_object_get(params, "urls"), LISTS_URLS_MAX, error)) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "%s", error);
		return;
	}
	if (clock_wall_s() < OWNTIME_RELEASED_S) {
		rpc_reject(rpc, id, RPC_UNAVAILABLE,
			   "this host's clock is wrong: set it first, or the CA would be of "
			   "another year");
		return;
	}
	rc = domain_create(&a->domain, a->store, name, &urls, clock_wall_s());
	if (rc == -E2BIG || rc == -ENOSPC) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "the server addresses are too long together");
	} else if (rc) {
		admin_failed(rpc, id, rc);
	} else {
		log_notice("domain created domain=%s", name);
		reply_init(rpc, id, a);
	}
}

/* --- status ---------------------------------------------------------------------------------- */

static void add_domain(const struct app *a, json_t *o)
{
	char hex[TEXT_HEX_SIZE(32)];
	struct clients_counts n = {0};

	(void)!text_hex_encode(hex, sizeof(hex), a->domain.ca_sha256, sizeof(a->domain.ca_sha256));
	json_object_set_new(o, "domain", json_string(a->domain.row.name));
	json_object_set_new(o, "urls", urls_to_json(&a->domain.row.urls));
	json_object_set_new(o, "ca_sha256", json_string(hex));
	if (app_ca_problem(a))
		json_object_set_new(o, "ca_problem", json_string(app_ca_problem(a)));
	if (a->clients)
		clients_count(a->clients, &n);
	json_object_set_new(o, "connections", json_integer((json_int_t)n.connections));
	json_object_set_new(o, "devices_online", json_integer((json_int_t)n.devices));
	json_object_set_new(o, "users_online", json_integer((json_int_t)n.users));
	json_object_set_new(o, "relays_online", json_integer((json_int_t)n.relays));
	json_object_set_new(
		o, "sessions",
		json_integer(a->sessions ? (json_int_t)sessions_count(a->sessions) : 0));
}

void admin_on_status(struct rpc *rpc, int64_t id, const json_t *params)
{
	const struct app *a = local_arg(rpc);
	char listens[256];
	json_t *o;

	(void)params;
	conf_listen_text(&a->conf, listens, sizeof(listens));
	o = json_pack("{s:s, s:I, s:b, s:s}", "version", FARLAN_VERSION, "uptime_s",
		      (json_int_t)((clock_mono_ms() - a->started_ms) / 1000), "listening",
		      a->listeners != NULL, "listen", listens);
	if (o)
		metrics_status(a->metrics, o);
	if (o && a->has_domain)
		certs_status(a->certs, o);
	if (a->has_domain)
		add_domain(a, o);
	rpc_reply(rpc, id, o);
}

void admin_on_doctor(struct rpc *rpc, int64_t id, const json_t *params)
{
	const struct app *a = local_arg(rpc);
	const struct store_domain *row = &a->domain.row;
	struct server_doctor_facts facts = {
		.program = "accessd",
		.path = "/v1/control",
		.urls = a->has_domain ? urls_to_json(&row->urls) : json_array(),
		.listening = a->listeners != NULL,
		.listen = &a->conf.listen,
	};

	(void)params;
	if (a->has_domain) {
		facts.ca = domain_outer_ca(&a->domain, &row->outer_cert);
		facts.n_certs = 3;
		facts.certs[0] = (struct server_doctor_cert){"identity", &row->access_cert};
		facts.certs[1] = (struct server_doctor_cert){"outer", &row->outer_cert};
		facts.certs[2] = (struct server_doctor_cert){"ca", &row->ca};
	}
	rpc_reply(rpc, id, server_doctor_facts(&facts));
}

/* --- members --------------------------------------------------------------------------------- */

struct listing {
	struct app *app;
	struct page page;
};

const char *admin_state_name(enum store_state state)
{
	switch (state) {
	case STORE_INVITED:
		return "invited";
	case STORE_ENROLLED:
		return "enrolled";
	case STORE_REVOKED:
		return "revoked";
	}
	return "unknown";
}

static void add_tunnel(const struct app *a, const struct store_member *m, json_t *o)
{
	struct store_endpoint e;
	char text[ADDR_TEXT_SIZE];
	struct addr v4, v6;

	if (store_endpoint_of(a->store, m->id, &e) != 0 || e.host == 0)
		return;
	v4 = pool_ipv4(e.host);
	v6 = pool_ipv6(a->domain.row.ula, e.host);
	addr_format(&v4, text);
	json_object_set_new(o, "ipv4", json_string(text));
	addr_format(&v6, text);
	json_object_set_new(o, "ipv6", json_string(text));
}

static bool list_member(void *arg, const struct store_member *m)
{
	struct listing *l = arg;
	json_t *o = json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:s, s:s}", "name", m->name, "uid",
			      m->uid, "state", admin_state_name(m->state), "online",
			      clients_member_online(l->app->clients, m->id), "created",
			      (json_int_t)m->created, "last_seen", (json_int_t)m->last_seen,
			      "version", m->version, "address", m->address);

	if (m->kind == IDENT_RELAY) {
		json_object_set_new(o, "urls", urls_to_json(&m->urls));
		admin_relay_put(l->app, m->id, o);
	} else {
		json_object_set_new(o, "rate", json_integer((json_int_t)m->rate));
	}
	if (m->kind == IDENT_DEVICE) {
		add_tunnel(l->app, m, o);
		json_object_set_new(o, "lans", lans_to_json(&m->lans));
		admin_wishes_put(l->app, m->id, o);
	}
	return page_add(&l->page, o);
}

static void list_members(struct rpc *rpc, int64_t id, const json_t *params, enum ident_kind kind,
			 const char *what)
{
	struct listing l = {.app = local_arg(rpc)};
	char after[STORE_NAME_SIZE] = "";
	int rc;

	if (!admin_ready(rpc, id))
		return;
	(void)!rpc_str_max(params, "after", after, sizeof(after)); /* may be absent */
	clients_flush(l.app->clients);
	page_init(&l.page);
	rc = store_member_each(l.app->store, l.app->domain.row.id, kind, after, list_member, &l);
	if (rc) {
		json_decref(l.page.items);
		admin_failed(rpc, id, rc);
		return;
	}
	rpc_reply(rpc, id, page_result(&l.page, what));
}

void admin_on_device_list(struct rpc *rpc, int64_t id, const json_t *params)
{
	list_members(rpc, id, params, IDENT_DEVICE, "devices");
}

void admin_on_user_list(struct rpc *rpc, int64_t id, const json_t *params)
{
	list_members(rpc, id, params, IDENT_USER, "users");
}

void admin_on_relay_list(struct rpc *rpc, int64_t id, const json_t *params)
{
	list_members(rpc, id, params, IDENT_RELAY, "relays");
}

/* --- sessions -------------------------------------------------------------------------------- */

static bool list_session(void *arg, const struct store_session *x, int64_t in_use)
{
	struct listing *l = arg;
	const struct relay_info *used = in_use ? relays_find(l->app->relays, in_use) : NULL;
	struct store_member relay;
	json_t *relays = json_array();

	for (size_t i = 0; i < x->n_relays; i++) {
		if (store_member_get(l->app->store, x->relays[i], &relay) == 0)
			json_array_append_new(relays, json_string(relay.name));
	}
	return page_add(&l->page,
			json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:o}", "session", x->id, "user",
				  x->user_name, "device", x->device_name, "started",
				  (json_int_t)x->started, "ends", (json_int_t)x->ends, "relay",
				  used ? used->name : "", "relays", relays));
}

void admin_on_session_list(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct listing l = {.app = local_arg(rpc)};
	char after[TOKEN_SESSION_SIZE] = "";

	if (!admin_ready(rpc, id))
		return;
	(void)!rpc_str_max(params, "after", after, sizeof(after)); /* may be absent */
	page_init(&l.page);
	sessions_each(l.app->sessions, after, list_session, &l);
	rpc_reply(rpc, id, page_result(&l.page, "sessions"));
}

/* The beginning of an id is enough if only one session begins so. */
struct search {
	const char *prefix;
	char id[TOKEN_SESSION_SIZE];
	int found;
};

static bool match_session(void *arg, const struct store_session *x, int64_t relay)
{
	struct search *s = arg;

	(void)relay;

	if (strncmp(x->id, s->prefix, strlen(s->prefix)) == 0) {
		memcpy(s->id, x->id, sizeof(s->id));
		s->found++;
	}
	return s->found < 2;
}

void admin_on_session_kill(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct app *a = local_arg(rpc);
	char prefix[TOKEN_SESSION_SIZE];
	struct search s = {.prefix = prefix};

	if (!admin_ready(rpc, id))
		return;
	if (!rpc_str_max(params, "session", prefix, sizeof(prefix)) || !prefix[0]) {
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "session is missing");
		return;
	}
	sessions_each(a->sessions, "", match_session, &s);
	if (s.found > 1) {
		rpc_reject(rpc, id, RPC_CONFLICT, "several sessions begin with %s", prefix);
	} else if (s.found == 0 ||
		   sessions_end(a->sessions, s.id, "ended by the administrator", 0) != 0) {
		rpc_reject(rpc, id, RPC_NOT_FOUND, "no such session: %s", prefix);
	} else {
		rpc_reply(rpc, id, json_pack("{s:s}", "session", s.id));
	}
}
