/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/pure/page.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/server_doctor.h"
#include "common/pure/owntime.h"
#include "common/pure/text.h"

/* --- status ---------------------------------------------------------------------------------- */

static void add_domain(const struct realm *r, json_t *o)
{
	const struct domain *d = &r->domain;
	char hex[TEXT_HEX_SIZE(32)];
	struct clients_counts n = {0};

	(void)!text_hex_encode(hex, sizeof(hex), d->ca_sha256, sizeof(d->ca_sha256));
	json_object_set_new(o, "domain", json_string(d->row.name));
	json_object_set_new(o, "urls", urls_to_json(&d->row.urls));
	json_object_set_new(o, "ca_sha256", json_string(hex));
	if (realm_ca_problem(r))
		json_object_set_new(o, "ca_problem", json_string(realm_ca_problem(r)));
	if (r->clients)
		clients_count(r->clients, &n);
	json_object_set_new(o, "connections", json_integer((json_int_t)n.connections));
	json_object_set_new(o, "devices_online", json_integer((json_int_t)n.devices));
	json_object_set_new(o, "users_online", json_integer((json_int_t)n.users));
	json_object_set_new(o, "relays_online", json_integer((json_int_t)n.relays));
	json_object_set_new(
		o, "sessions",
		json_integer(r->sessions ? (json_int_t)sessions_count(r->sessions) : 0));
}

void admin_on_status(struct ask *q, const json_t *params)
{
	const struct app *a = q->app;
	char listens[256];
	json_t *o;

	(void)params;
	if (q->wanted[0] && !q->realm) {
		(void)admin_ready(q);
		return;
	}
	conf_listen_text(&a->conf, listens, sizeof(listens));
	o = json_pack("{s:s, s:I, s:b, s:s}", "version", FARLAN_VERSION, "uptime_s",
		      (json_int_t)((clock_mono_ms() - a->started_ms) / 1000), "listening",
		      a->listeners != NULL, "listen", listens);
	if (o)
		metrics_status(a->metrics, o);
	if (o)
		disk_status(&a->disk, o);
	if (o && q->realm)
		certs_status(a->certs, o);
	json_object_set_new(o, "domains", json_integer((json_int_t)a->n_realms));
	if (q->realm)
		add_domain(q->realm, o);
	ask_reply(q, o);
}

void admin_on_doctor(struct ask *q, const json_t *params)
{
	const struct realm *r = q->realm;
	struct server_doctor_facts facts = {
		.program = "accessd",
		.path = "/v1/control",
		.urls = r ? urls_to_json(&r->domain.row.urls) : json_array(),
		.listening = q->app->listeners != NULL,
		.listen = &q->app->conf.listen,
	};

	(void)params;
	if (!r && q->app->n_realms > 0) {
		json_decref(facts.urls);
		(void)admin_ready(q);
		return;
	}
	if (r) {
		const struct store_domain *row = &r->domain.row;

		facts.ca = domain_outer_ca(&r->domain, &row->outer_cert);
		facts.n_certs = 3;
		facts.certs[0] = (struct server_doctor_cert){"identity", &row->access_cert};
		facts.certs[1] = (struct server_doctor_cert){"outer", &row->outer_cert};
		facts.certs[2] = (struct server_doctor_cert){"ca", &row->ca};
	}
	ask_reply(q, server_doctor_facts(&facts));
}

/* --- members --------------------------------------------------------------------------------- */

struct listing {
	const struct ask *q;
	struct realm *realm;
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

static void add_tunnel(const struct realm *r, const struct store_member *m, json_t *o)
{
	struct store_endpoint e;
	char text[ADDR_TEXT_SIZE];
	struct addr v4, v6;

	if (store_endpoint_of(r->store, m->id, &e) != 0 || e.host == 0)
		return;
	v4 = pool_ipv4(e.host);
	v6 = pool_ipv6(r->domain.row.ula, e.host);
	addr_format(&v4, text);
	json_object_set_new(o, "ipv4", json_string(text));
	addr_format(&v6, text);
	json_object_set_new(o, "ipv6", json_string(text));
}

struct groups {
	const struct ask *q;
	json_t *names;
};

static bool list_group(void *arg, int64_t id, const char *name)
{
	struct groups *g = arg;
	struct store_group group;

	if (store_group_get(g->q->realm->store, id, &group) == 0 && admin_sees_group(g->q, &group))
		json_array_append_new(g->names, json_string(name));
	return true;
}

static void put_groups(const struct ask *q, int64_t user, json_t *o)
{
	struct groups g = {.q = q, .names = json_array()};

	if (store_member_groups(q->realm->store, user, list_group, &g) != 0)
		log_warn("the groups of a user could not be read");
	json_object_set_new(o, "groups", g.names);
}

static bool list_member(void *arg, const struct store_member *m)
{
	struct listing *l = arg;
	char path[PERMIT_PATH_SIZE];
	json_t *o;

	if (!admin_sees_member(l->q, m))
		return true;
	o = json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:s, s:s}", "name", m->name, "uid", m->uid,
		      "state", admin_state_name(m->state), "online",
		      clients_member_online(l->realm->clients, m->id), "created",
		      (json_int_t)m->created, "last_seen", (json_int_t)m->last_seen, "version",
		      m->version, "address", m->address);

	if (m->kind == IDENT_RELAY) {
		json_object_set_new(o, "urls", urls_to_json(&m->urls));
		admin_relay_put(l->realm, m->id, o);
	} else {
		json_object_set_new(o, "rate", json_integer((json_int_t)m->rate));
		json_object_set_new(o, "folder", json_string(admin_path(l->q, m->folder, path)));
	}
	if (m->kind == IDENT_USER)
		put_groups(l->q, m->id, o);
	if (m->kind == IDENT_DEVICE) {
		add_tunnel(l->realm, m, o);
		json_object_set_new(o, "lans", lans_to_json(&m->lans));
		admin_wishes_put(l->realm, m->id, o);
		admin_hardware_put(l->realm, m->name, o);
		admin_lock_put(l->realm, m->id, o);
	}
	if (m->kind == IDENT_USER)
		admin_account_put(l->realm, m->id, o);
	if (m->kind == IDENT_DEVICE && !admin_works_on(l->q, m)) {
		json_object_del(o, "address");
		json_object_del(o, "version");
		json_object_del(o, "last_seen");
	}
	return page_add(&l->page, o);
}

static void list_members(struct ask *q, const json_t *params, enum ident_kind kind,
			 const char *what)
{
	struct listing l = {.q = q, .realm = q->realm};
	char after[STORE_NAME_SIZE] = "";
	int rc;

	if (!admin_ready(q))
		return;
	(void)!rpc_str_max(params, "after", after, sizeof(after)); /* may be absent */
	clients_flush(l.realm->clients);
	page_init(&l.page);
	rc = store_member_each(l.realm->store, l.realm->domain.row.id, kind, after, list_member,
			       &l);
	if (rc) {
		json_decref(l.page.items);
		admin_failed(q, rc);
		return;
	}
	ask_reply(q, page_result(&l.page, what));
}

void admin_on_device_list(struct ask *q, const json_t *params)
{
	list_members(q, params, IDENT_DEVICE, "devices");
}

void admin_on_user_list(struct ask *q, const json_t *params)
{
	list_members(q, params, IDENT_USER, "users");
}

void admin_on_relay_list(struct ask *q, const json_t *params)
{
	list_members(q, params, IDENT_RELAY, "relays");
}
