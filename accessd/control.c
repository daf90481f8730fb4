/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What members may ask on their control connection (docs/PROTOCOL.md, 4.2). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accessd/clients_internal.h"
#include "accessd/pure/page.h"
#include "accessd/receipts.h"
#include "accessd/usage.h"
#include "common/io/file.h"
#include "common/pure/msg.h"

bool control_is_allowed(struct client *c, int64_t id, bool managers_only)
{
	if (c->state != CLIENT_ONLINE) {
		rpc_reject(&c->rpc, id, RPC_INVALID_REQUEST, "say hello first");
		return false;
	}
	if (managers_only && c->kind != IDENT_USER) {
		rpc_reject(&c->rpc, id, RPC_DENIED, "only managers may do this");
		return false;
	}
	return true;
}

/* --- hello ----------------------------------------------------------------------------------- */

static void add_addresses(const struct client *c, const struct store_endpoint *e, json_t *o)
{
	struct addr v4 = pool_ipv4(e->host),
		    v6 = pool_ipv6(c->owner->admission->domain->row.ula, e->host);
	char text[ADDR_TEXT_SIZE];

	addr_format(&v4, text);
	json_object_set_new(o, "ipv4", json_string(text));
	addr_format(&v6, text);
	json_object_set_new(o, "ipv6", json_string(text));
}

static json_t *servers_list(const struct client *c)
{
	const struct urls *urls = &c->owner->admission->domain->row.urls;
	json_t *list = json_array();
	char text[URL_TEXT_SIZE];

	for (size_t i = 0; i < urls->n; i++) {
		url_format(&urls->at[i], text);
		json_array_append_new(list, json_pack("{s:s}", "url", text));
	}
	relays_tell_addresses(c->owner->relays, list);
	return list;
}

static json_t *hello_result(const struct client *c, const struct known *known)
{
	const struct domain *d = c->owner->admission->domain;
	json_t *o =
		json_pack("{s:s, s:s, s:o, s:o}", "name", known->member.name, "domain", d->row.name,
			  "urls", urls_to_json(&d->row.urls), "servers", servers_list(c));

	if (control_is_due(c))
		json_object_set_new(o, "renew", json_true());
	if (c->kind == IDENT_RELAY) {
		json_object_set_new(o, "token_keys", domain_token_keys(d));
		json_object_set_new(o, "own_urls", urls_to_json(&known->member.urls));
		return o;
	}
	add_addresses(c, &known->endpoint, o);
	json_object_set_new(o, "relays", relays_list(c->owner->relays));
	if (c->kind == IDENT_DEVICE)
		json_object_set_new(o, "lans", lans_to_json(&known->member.lans));
	return o;
}

/* A program's version, from the peer: printable and short. */
static void take_version(struct client *c, const json_t *params)
{
	const char *version;

	if (rpc_str(params, "version", &version))
		log_clean(c->version, sizeof(c->version), version, strlen(version));
}

static bool take_lans(struct client *c, int64_t id, const json_t *params)
{
	char error[LISTS_ERROR_SIZE];

	if (c->kind != IDENT_USER ||
	    lans_from_json(&c->lans, json_object_get(params, "lans"), error) == 0)
		return true;
	rpc_reject(&c->rpc, id, RPC_BAD_PARAMS, "lans: %s", error);
	return false;
}

/* Its word counts from now on; it may have enrolled a moment ago. */
static void accept_relay(struct client *c)
{
	struct clients *cs = c->owner;
	const struct relay_info *r;

	if (relays_load(cs->relays) != 0)
		log_warn("the register of relays could not be read");
	relays_online(cs->relays, c->member);
	r = relays_find(cs->relays, c->member);
	if (r)
		rpc_notify(&c->rpc, "relay.drain", json_pack("{s:b}", "drain", r->known.drained));
	sessions_relay_hello(cs->sessions, c->member, &c->rpc);
}

static void accept_hello(struct client *c, int64_t id, const json_t *params,
			 const struct known *known)
{
	struct clients *cs = c->owner;
	struct client *older = client_by_endpoint(cs, c->endpoint);

	if (older)
		client_end(older, "another connection of this identity took over", true);
	c->rpc.message_max = MSG_MAX_BYTES;
	/* The invitation that brought this key has done its work. */
	if (store_invite_used(cs->store, c->member, c->key_sha256) != 0)
		log_warn("an invitation could not be closed name=%s", c->name);
	seen_note(&cs->seen, c->member, clock_wall_s(), c->version, c->address);
	client_set_expiry(c, known->endpoint.expires);
	client_set_online(c);
	rpc_reply(&c->rpc, id, hello_result(c, known));
	if (c->state != CLIENT_ONLINE)
		return;
	if (c->kind == IDENT_RELAY) {
		accept_relay(c);
		return;
	}
	sessions_hello(cs->sessions, c->endpoint, json_object_get(params, "sessions"),
		       json_object_get(params, "waiting"));
	control_tell_asked(c);
}

/* Trouble of our own passes, and so may wrong dates; all else only a new invitation or sign-in
 * mends. */
bool control_is_refused(struct client *c, int64_t id)
{
	struct refusal why = c->refusal;

	if (!c->is_refused)
		return false;
	rpc_reject(&c->rpc, id, why.code, "%s", why.message);
	client_end(c, why.message, why.code == RPC_INTERNAL);
	return true;
}

static bool is_shut_out(struct client *c, int64_t id)
{
	static const char words[] = "the certificate has expired or is not valid yet";

	if (control_is_refused(c, id))
		return true;
	if (c->out_of_date) {
		rpc_reject(&c->rpc, id, RPC_EXPIRED, words);
		client_end(c, words, true);
	}
	return c->out_of_date;
}

static void on_hello(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	struct known known;
	struct refusal why;

	if (c->state != CLIENT_HELLO || id == 0) {
		rpc_reject(rpc, id, RPC_INVALID_REQUEST, "hello was already said");
		return;
	}
	if (is_shut_out(c, id))
		return;
	take_version(c, params);
	(void)rpc_bool(params, "windows", &c->knows_windows); /* older ones do not say */
	if (!take_lans(c, id, params))
		return;
	/* It may have been revoked since its certificate was looked at. */
	if (!admission_check(c->owner->admission, &c->id, c->key_sha256, clock_wall_s(), &known,
			     &why)) {
		rpc_reject(rpc, id, why.code, "%s", why.message);
		client_end(c, why.message, why.code == RPC_INTERNAL);
		return;
	}
	accept_hello(c, id, params, &known);
}

/* --- managers -------------------------------------------------------------------------------- */

struct listing {
	struct client *client;
	const struct clients *clients;
	struct page page;
};

static bool list_device(void *arg, const struct store_member *m)
{
	struct listing *l = arg;
	const struct permit_place at = access_place(m);
	int64_t user = l->client->member;
	bool connects;
	json_t *o;

	/* What he may do nothing with is not there for him. */
	if (m->state == STORE_REVOKED ||
	    access_may(l->clients->access, user, PERMIT_CONNECT, &at, &connects) != 0 ||
	    (!connects && !access_sees(l->clients->access, user, &at)))
		return true;
	o = json_pack("{s:s, s:s, s:b, s:o}", "name", m->name, "uid", m->uid, "online",
		      clients_member_online(l->clients, m->id), "lans", lans_to_json(&m->lans));
	if (!connects)
		json_object_set_new(o, "connect", json_false());
	return page_add(&l->page, o);
}

/* Beyond the protocol's {}: with {after: NAME} it goes on where an answer with more: true ended. */
static void on_device_list(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	struct listing l = {.client = c, .clients = c->owner};
	char after[STORE_NAME_SIZE] = "";

	if (!control_is_allowed(c, id, true))
		return;
	(void)!rpc_str_max(params, "after", after, sizeof(after)); /* may be absent */
	page_init(&l.page);
	if (store_member_each(c->owner->store, c->owner->admission->domain->row.id, IDENT_DEVICE,
			      after, list_device, &l) != 0) {
		json_decref(l.page.items);
		rpc_reject(rpc, id, RPC_INTERNAL,
			   "the server cannot do this now; its log says why");
		return;
	}
	rpc_reply(rpc, id, page_result(&l.page, "devices"));
}

static void on_session_usage(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	struct usage_reporter by = {.domain = c->owner->admission->domain->row.id,
				    .member = c->member,
				    .kind = c->kind,
				    .uid = c->id.uid,
				    .name = c->name};
	int rc;

	if (!control_is_allowed(c, id, false))
		return;
	rc = usage_take(c->owner->store, &by, json_object_get(params, "records"));
	if (rc == -EBADMSG)
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "records is missing");
	else if (rc)
		rpc_reject(rpc, id, RPC_INTERNAL,
			   "the server cannot do this now; its log says why");
	else
		rpc_reply(rpc, id, json_object());
}

static void on_session_record(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	struct receipts_from by = {.store = c->owner->store,
				   .audit = c->owner->audit,
				   .domain = c->owner->admission->domain,
				   .member = c->member,
				   .id = &c->id,
				   .name = c->name,
				   .address = c->address};
	int rc;

	if (!control_is_allowed(c, id, false))
		return;
	rc = c->kind == IDENT_RELAY ? -EBADMSG
				    : receipts_take(&by, json_object_get(params, "records"));
	if (rc == -EBADMSG)
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "records is missing, or not for you to say");
	else if (rc)
		rpc_reject(rpc, id, RPC_INTERNAL,
			   "the server cannot do this now; its log says why");
	else
		rpc_reply(rpc, id, json_object());
}

/* clang-format off */
static const struct rpc_method METHODS[] = {
	{"time.get", control_on_time},
	{"hello", on_hello},
	{"identity.renew", control_on_renew},
	{"admin", control_on_admin},
	{"device.list", on_device_list},
	{"session.open", control_on_session_open},
	{"session.close", control_on_session_close},
	{"session.approvals", control_on_session_approvals},
	{"session.approve", control_on_session_approve},
	{"session.reject", control_on_session_reject},
	{"session.withdraw", control_on_session_withdraw},
	{"session.usage", on_session_usage},
	{"session.record", on_session_record},
	{"session.path", control_on_path},
	{"relay.report", control_on_report},
	{"relay.measured", control_on_measured},
	{"relay.list", control_on_relay_list},
	{"lock.state", control_on_lock},
	{"account", control_on_account},
};
/* clang-format on */

const struct rpc_ops CONTROL_OPS = {
	.send = client_send,
	.methods = METHODS,
	.n_methods = sizeof(METHODS) / sizeof(METHODS[0]),
};
