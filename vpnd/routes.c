/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What vpnd connects to stays outside of the tunnel; and what vpnctl routes shows.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/netaddr.h"
#include "vpnd/app.h"
#include "vpnd/pure/resolv_conf.h"

#define RESOLV_CONF_MAX_BYTES 65536
#define SERVERS_MAX 16

/* --- what stays outside --- */

static size_t read_resolvers(const char *path, struct addr *out, size_t max)
{
	uint8_t *text;
	size_t n;

	if (file_read(path, RESOLV_CONF_MAX_BYTES, &text, &n) != 0)
		return 0;
	n = resolv_conf_servers(out, max, (const char *)text, n);
	free(text);
	return n;
}

/* The second one has the servers that systemd-resolved asks, where the first names only itself. */
size_t routes_resolvers(struct addr *out, size_t max)
{
	size_t n = read_resolvers("/etc/resolv.conf", out, max);

	return n + read_resolvers("/run/systemd/resolve/resolv.conf", out + n, max - n);
}

void routes_protect_resolvers(struct app *app)
{
	struct addr server[SERVERS_MAX];
	size_t n = routes_resolvers(server, SERVERS_MAX);

	for (size_t i = 0; i < n; i++)
		(void)plane_protect(app->plane, &server[i], "a name server");
}

static int before_dial(void *arg, const char *host, const struct sockaddr_storage *ss)
{
	struct app *app = arg;
	struct addr a;
	uint16_t port;

	if (!app->plane)
		return 0;
	if (!ss) {
		routes_protect_resolvers(app);
		return 0;
	}
	a = netaddr_of(ss, &port);
	return plane_protect(app->plane, &a, host);
}

void routes_open(struct app *app)
{
	app->memory.before = before_dial;
	app->memory.before_arg = app;
}

/* --- what is there --- */

struct listing {
	struct app *app;
	json_t *list;
};

static const char *kind_name(enum plane_thing_kind kind)
{
	switch (kind) {
	case PLANE_ADDRESS:
		return "address";
	case PLANE_ROUTE:
		return "route";
	case PLANE_PIN:
		return "pin";
	case PLANE_VIA:
		return "via";
	case PLANE_LENT:
		return "lent";
	case PLANE_SETTING:
		return "setting";
	}
	return "?";
}

static void put_prefix(json_t *o, const char *key, const struct prefix *p)
{
	char text[PREFIX_TEXT_SIZE];

	prefix_format(p, text);
	json_object_set_new(o, key, json_string(text));
}

static void why_route(json_t *o, const struct app *app, const struct plane_thing *t)
{
	const struct session *s = app->sessions[t->slot].session;
	const struct grant *g = s ? session_grant(s) : NULL;
	char of[PREFIX_TEXT_SIZE], why[APP_TEXT_SIZE];
	bool tunnel = g && (addr_equal(&t->of.addr, &g->peer_ipv4) ||
			    addr_equal(&t->of.addr, &g->peer_ipv6));

	if (!g)
		return;
	prefix_format(&t->of, of);
	json_object_set_new(o, "session", json_string(g->session));
	json_object_set_new(o, "peer", json_string(g->peer_name));
	json_object_set_new(o, "lan", json_string(of));
	if (tunnel)
		snprintf(why, sizeof(why), "tunnel address of %s", g->peer_name);
	else if (prefix_equal(&t->of, &t->prefix))
		snprintf(why, sizeof(why), "LAN of %s", g->peer_name);
	else
		snprintf(why, sizeof(why), "%s %s, LAN of %s",
			 t->prefix.len == t->of.len ? "stands for" : "half of", of, g->peer_name);
	json_object_set_new(o, "why", json_string(why));
}

static const char *reason_of(const char *setting)
{
	if (strstr(setting, "forwarding"))
		return "packets pass between tunnel and LAN";
	if (strstr(setting, "accept_ra"))
		return "routes from router advertisements stay while it forwards";
	return strstr(setting, "proxy") ? "the LAN is answered for a lent address" : "needed";
}

static void why_setting(json_t *o, const struct plane_thing *t)
{
	char why[APP_TEXT_SIZE];

	json_object_set_new(o, "setting", json_string(t->setting));
	json_object_set_new(o, "value", json_string(t->value));
	json_object_set_new(o, "before", json_string(t->before));
	snprintf(why, sizeof(why), "%s; it was %s", reason_of(t->setting), t->before);
	json_object_set_new(o, "why", json_string(why));
}

static void add_why(json_t *o, const struct app *app, const struct plane_thing *t)
{
	char why[APP_TEXT_SIZE];

	switch (t->kind) {
	case PLANE_ADDRESS:
		json_object_set_new(o, "why", json_string("tunnel address of this end"));
		break;
	case PLANE_ROUTE:
		why_route(o, app, t);
		break;
	case PLANE_PIN:
		snprintf(why, sizeof(why), "%s stays outside of the tunnel", t->name);
		json_object_set_new(o, "server", json_string(t->name));
		json_object_set_new(o, "why", json_string(why));
		break;
	case PLANE_VIA:
		json_object_set_new(o, "why", json_string("own LAN behind a gateway"));
		break;
	case PLANE_LENT:
		json_object_set_new(o, "why", json_string("lent address of that LAN"));
		break;
	case PLANE_SETTING:
		why_setting(o, t);
		break;
	}
}

static void on_thing(const struct plane_thing *t, void *arg)
{
	struct listing *l = arg;
	json_t *o = json_pack("{s:s, s:b}", "kind", kind_name(t->kind), "there", t->there);
	char gateway[ADDR_TEXT_SIZE];

	if (t->kind != PLANE_SETTING) {
		put_prefix(o, "prefix", &t->prefix);
		json_object_set_new(o, "interface", json_string(t->interface));
	}
	if (t->gateway.family) {
		addr_format(&t->gateway, gateway);
		json_object_set_new(o, "gateway", json_string(gateway));
	}
	add_why(o, l->app, t);
	json_array_append_new(l->list, o);
}

void routes_on_ask(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct listing l = {.app = local_arg(rpc), .list = json_array()};
	int r = plane_list(l.app->plane, on_thing, &l);

	(void)params;
	if (r == 0) {
		rpc_reply(rpc, id, json_pack("{s:o}", "routes", l.list));
		return;
	}
	json_decref(l.list);
	rpc_reject(rpc, id, RPC_INTERNAL, "the kernel cannot be asked: %s", strerror(-r));
}
