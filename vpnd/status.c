/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vpnctl status, as JSON. The members are part of the interface: docs/PROTOCOL.md, section 9.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "vpnd/app.h"

static const char *state_of(const struct app *app)
{
	struct access_link_status st;

	if (!app->enrolled)
		return "not-enrolled";
	if (app->online)
		return "online";
	if (!app->link)
		return "offline";
	access_link_status(app->link, &st);
	return st.state == ACCESS_LINK_WAITING || st.state == ACCESS_LINK_OFF ? "offline"
									      : "connecting";
}

static json_t *ints(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* "as1.lab 203.0.113.10:443", or "as1.lab:443" by a proxy, taken apart. */
static void add_server(json_t *o, const struct access_link_status *st)
{
	char name[sizeof(st->server)], outer[TLS_REASON_SIZE + 20], *addr, *port;
	json_t *server;

	snprintf(name, sizeof(name), "%s", st->server);
	addr = strchr(name, ' ');
	port = strrchr(name, ':');
	if (!port)
		return;
	*port++ = '\0';
	if (addr)
		*addr++ = '\0';
	if (addr && addr[0] == '[') {
		addr++;
		addr[strcspn(addr, "]")] = '\0';
	}
	snprintf(outer, sizeof(outer), "%s%s", st->outer_verified ? "verified" : "unverified: ",
		 st->outer_verified ? "" : st->outer_problem);
	server = json_pack("{s:s, s:s*, s:s*, s:i, s:I, s:s, s:s, s:s}", "name", name, "address",
			   addr, "proxy", st->proxy[0] ? st->proxy : NULL, "port", atoi(port),
			   "since_s", (json_int_t)((clock_mono_ms() - st->since_ms) / 1000),
			   "outer", outer, "tls", st->outer_version, "cipher", st->cipher);
	if (st->inspection[0])
		json_object_set_new(server, "inspection", json_string(st->inspection));
	json_object_set_new(o, "server", server);
}

static json_t *prefix_list(const struct prefix *p, size_t n)
{
	json_t *list = json_array();
	char text[PREFIX_TEXT_SIZE];

	for (size_t i = 0; i < n; i++) {
		prefix_format(&p[i], text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

/* Those that devices may reach. */
static json_t *manager_lans(const struct opt_lans *lans)
{
	struct prefix p[OPT_PREFIXES_MAX];

	for (size_t i = 0; i < lans->n; i++)
		p[i] = lans->at[i].prefix;
	return prefix_list(p, lans->n);
}

static void add_drops(json_t *o, struct app *app, const struct app_session *as,
		      const struct session_status *st)
{
	const struct plane_counters *c = plane_counters(app->plane, as->slot);
	json_t *drops = json_object();
	uint64_t rules[RULES_DROPS];

	for (int i = 0; i < GATE_RESULTS; i++) {
		if (i != GATE_PASS && c->gate[i])
			json_object_set_new(drops, gate_result_name((enum gate_result)i),
					    ints(c->gate[i]));
	}
	for (int i = 0; i < SESSION_DROPS; i++) {
		if (st->drops[i])
			json_object_set_new(drops, session_drop_name((enum session_drop)i),
					    ints(st->drops[i]));
	}
	if (c->malformed)
		json_object_set_new(drops, "malformed", ints(c->malformed));
	if (c->not_taken)
		json_object_set_new(drops, "not_taken", ints(c->not_taken));
	if (c->too_big)
		json_object_set_new(drops, "too_big", ints(c->too_big));
	rules_drops(app, as, rules);
	for (int i = 0; i < RULES_DROPS; i++) {
		if (rules[i])
			json_object_set_new(drops, rules_drop_name((enum rules_drop)i),
					    ints(rules[i]));
	}
	for (int i = 0; i < LEND_DROPS; i++) {
		if (c->lend[i])
			json_object_set_new(drops, lend_drop_name((enum lend_drop)i),
					    ints(c->lend[i]));
	}
	json_object_set_new(o, "drops", drops);
}

static void add_lend(json_t *o, const struct app *app)
{
	struct plane_lend_status st;
	json_t *list = json_array();
	char address[ADDR_TEXT_SIZE], subnet[PREFIX_TEXT_SIZE];

	json_object_set_new(
		o, "lan_mode",
		json_string(plane_lan_mode(app->plane) == PLANE_LAN_LEND ? "lend" : "route"));
	plane_lend_status(app->plane, &st);
	for (size_t i = 0; i < st.n; i++) {
		json_t *one;

		addr_format(&st.lent[i].addr, address);
		prefix_format(&st.lent[i].subnet, subnet);
		one = json_pack("{s:s, s:s, s:s}", "subnet", subnet, "interface",
				st.lent[i].interface, "state", st.lent[i].state);
		if (st.lent[i].addr.family)
			json_object_set_new(one, "address", json_string(address));
		json_array_append_new(list, one);
	}
	json_object_set_new(o, "lent", list);
	json_object_set_new(o, "lent_flows", ints(st.flows));
	json_object_set_new(o, "lent_evicted", ints(st.evicted));
	json_object_set_new(o, "lent_unknown", ints(st.unknown));
}

static void add_relay(json_t *o, const struct session_status *st)
{
	char addr[DIAL_ADDR_SIZE], *host = addr, *port;

	memcpy(addr, st->path.relay_addr, sizeof(addr));
	port = strrchr(addr, ':');
	if (!port)
		return;
	*port++ = '\0';
	if (addr[0] == '[') {
		host = addr + 1;
		host[strcspn(host, "]")] = '\0';
	}
	if (host[0]) /* a proxy's business else */
		json_object_set_new(o, "relay_address", json_string(host));
	if (st->path.proxy[0])
		json_object_set_new(o, "proxy", json_string(st->path.proxy));
	json_object_set_new(o, "relay_port", json_integer(atoi(port)));
}

static void add_queue(json_t *o, const struct session_status *st)
{
	json_object_set_new(o, "rate_bytes_s", ints(st->path.rate));
	json_object_set_new(o, "under_way_bytes", ints(st->path.under_way));
	json_object_set_new(o, "backlog_bytes", ints(st->backlog_bytes));
	json_object_set_new(o, "marked", ints(st->marked));
}

static json_t *session_json(struct app *app, const struct app_session *as)
{
	const struct grant *g = session_grant(as->session);
	struct session_status st;
	json_t *o;

	session_status(as->session, &st);
	o = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:o}", "id", g->session, "peer", g->peer_name,
		"state", session_state_name(st.state), "relay", st.relay, "cipher", st.path.cipher,
		"since_s", (json_int_t)((clock_mono_ms() - st.since_ms) / 1000), "expires_in_s",
		(json_int_t)st.expires_in_s, "lans", prefix_list(g->peer_lans, g->n_peer_lans));
	if (!o)
		return NULL;
	json_object_set_new(o, "virtual", sessions_virtual(as));
	add_relay(o, &st);
	json_object_set_new(o, "moves", ints(st.moves));
	json_object_set_new(o, "moving", json_boolean(st.moving));
	if (st.path.state == PATH_READY && st.relay[0]) {
		json_object_set_new(o, "layers",
				    json_string(st.path.shed ? "inner" : "outer and inner"));
		json_object_set_new(o, "super",
				    json_boolean(st.path.peer_super && plane_super(app->plane)));
		json_object_set_new(o, "peer_mtu", ints(st.path.peer_mtu));
	}
	if (st.path.inspection[0])
		json_object_set_new(o, "inspection", json_string(st.path.inspection));
	if (st.path.rtt_ms >= 0)
		json_object_set_new(o, "rtt_ms", json_real(st.path.rtt_ms));
	json_object_set_new(o, "bytes_in", ints(st.bytes_in));
	json_object_set_new(o, "bytes_out", ints(st.bytes_out));
	json_object_set_new(o, "packets_in", ints(st.packets_in));
	json_object_set_new(o, "packets_out", ints(st.packets_out));
	add_queue(o, &st);
	add_drops(o, app, as, &st);
	rules_status(app, as, o);
	limits_status(as, o);
	return o;
}

static json_t *sessions_json(struct app *app)
{
	json_t *list = json_array();

	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		if (app->sessions[i].session && !app->sessions[i].ending)
			json_array_append_new(list, session_json(app, &app->sessions[i]));
	}
	return list;
}

/* The newest first. */
static json_t *errors_json(const struct app *app)
{
	json_t *list = json_array();
	uint64_t now = clock_mono_ms();

	for (size_t i = 1; i <= APP_ERRORS_MAX; i++) {
		const struct app_error *e =
			&app->errors[(app->next_error + APP_ERRORS_MAX - i) % APP_ERRORS_MAX];

		if (e->at_ms)
			json_array_append_new(list, json_pack("{s:I, s:s, s:s}", "ago_s",
							      (json_int_t)((now - e->at_ms) / 1000),
							      "text", e->text, "todo", e->todo));
	}
	return list;
}

static json_t *addresses_json(const struct app *app)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_SIZE];

	if (app->ipv4.family) {
		addr_format(&app->ipv4, text);
		json_array_append_new(list, json_string(text));
	}
	if (app->ipv6.family) {
		addr_format(&app->ipv6, text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static void add_link(json_t *o, struct app *app)
{
	struct access_link_status st;

	if (!app->link)
		return;
	access_link_status(app->link, &st);
	add_server(o, &st);
	if (st.state == ACCESS_LINK_WAITING)
		json_object_set_new(o, "retry_in_s", json_real((double)st.retry_in_ms / 1000.0));
	if (!app->online && st.last_error[0])
		json_object_set_new(o, "last_error", json_string(st.last_error));
}

json_t *status_make(struct app *app)
{
	bool device = app->config.role == TOKEN_DEVICE;
	const struct identity *id = &app->identity;
	json_t *o = json_pack(
		"{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:b, s:I}", "version",
		FARLAN_VERSION, "role", device ? "device" : "manager", "state", state_of(app),
		"tun", app->config.tun, "addresses", addresses_json(app), "lans",
		device ? prefix_list(app->lans, app->n_lans) : manager_lans(&app->config.lans),
		"sessions", sessions_json(app), "errors", errors_json(app), "unroutable",
		(json_int_t)plane_unroutable(app->plane), "no_memory",
		(json_int_t)plane_no_memory(app->plane), "offload", plane_super(app->plane), "mtu",
		(json_int_t)plane_mtu(app->plane));

	if (o && app->enrolled) {
		json_object_set_new(o, "name", json_string(id->name));
		json_object_set_new(o, "domain", json_string(id->id.domain));
		json_object_set_new(o, "uid", json_string(id->id.uid));
	}
	if (o && device)
		add_lend(o, app);
	if (o)
		lock_status(app, o);
	if (o)
		add_link(o, app);
	if (o && approvals_asked(app) > 0)
		json_object_set_new(o, "approvals", ints(approvals_asked(app)));
	if (o)
		names_status(app, o);
	if (o)
		json_object_set_new(o, "clock", clock_json());
	if (o)
		metrics_status(app->metrics, o);
	return o;
}
