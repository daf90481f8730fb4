/* SPDX-License-Identifier: GPL-3.0-or-later */
/* accessd and the names of hosts behind a device: the register, grants, and who is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accessd/app.h"
#include "tests/unit/accessd_app.h"

static struct net net;
static struct peer site, anna, rs1;
static int code;

static int setup(void **state)
{
	(void)state;
	net_open(&net);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	peer_free(&site);
	peer_free(&anna);
	peer_free(&rs1);
	net_close(&net);
	return 0;
}

/* The device's LAN is that of net_invite(). */
static void everybody(void)
{
	struct invite in = net_invite(&net, IDENT_RELAY, "rs1");

	assert_int_equal(net_enrol(&rs1, &net, &in, NULL, NULL), 0);
	in = net_invite(&net, IDENT_DEVICE, "site1");
	assert_int_equal(net_enrol(&site, &net, &in, NULL, NULL), 0);
	in = net_invite(&net, IDENT_USER, "anna");
	assert_int_equal(net_enrol(&anna, &net, &in, NULL, NET_PASSWORD), 0);
	peer_hello(&rs1, NULL);
	peer_hello(&site, NULL);
	peer_hello(&anna, NULL);
	net_admin_ok(&net, "device.set",
		     json_pack("{s:s, s:[ss]}", "name", "site1", "lans", "192.168.201.0/24",
			       "fd00:201::/64"));
	peer_wait(&site, "bye 1"); /* it comes back with its new LANs */
	peer_unlink(&site);
	peer_hello(&site, NULL);
}

static json_t *params_of(const char *device, const char *name, const char *address)
{
	json_t *o = json_pack("{s:s, s:s}", "device", device, "name", name);

	if (address)
		json_object_set_new(o, "address", json_string(address));
	return o;
}

static void add(const char *name, const char *address)
{
	net_admin_ok(&net, "device.host.add", params_of("site1", name, address));
}

static void refused(const char *method, json_t *params, int want)
{
	assert_null(net_admin(&net, method, params, &code));
	assert_int_equal(code, want);
}

/* "plc1 192.168.201.10 yes, ..." */
static const char *listed(void)
{
	static char text[300];
	json_t *o =
		net_admin(&net, "device.host.list", json_pack("{s:s}", "device", "site1"), &code);
	const json_t *list = json_object_get(o, "hosts");
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *x = json_array_get(list, i);

		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "%s%s %s %s", i ? ", " : "",
			json_string_value(json_object_get(x, "name")),
			json_string_value(json_object_get(x, "address")),
			json_is_true(json_object_get(x, "reachable")) ? "yes" : "no");
	}
	json_decref(o);
	return text;
}

static void open_session(struct grant *g)
{
	json_t *o = peer_ask(&anna, "session.open", json_pack("{s:s}", "device", "site1"), &code);

	if (!o)
		fail_msg("session.open: %d %s", code, net_error);
	assert_int_equal(grant_decode(g, json_object_get(o, "grant")), 0);
	json_decref(o);
}

static void test_register(void **state)
{
	(void)state;
	everybody();
	assert_string_equal(listed(), "");
	add("PLC1", "192.168.201.10");
	add("plc1", "fd00:201::10");
	add("hmi", "192.168.201.20");
	assert_string_equal(listed(), "hmi 192.168.201.20 yes, plc1 192.168.201.10 yes, "
				      "plc1 fd00:201::10 yes");
	refused("device.host.add", params_of("site1", "plc1", "192.168.201.11"), RPC_CONFLICT);
	net_admin_ok(&net, "device.host.remove", params_of("site1", "plc1", NULL));
	assert_string_equal(listed(), "hmi 192.168.201.20 yes");
	refused("device.host.remove", params_of("site1", "plc1", NULL), RPC_NOT_FOUND);
	net_restart(&net);
	assert_string_equal(listed(), "hmi 192.168.201.20 yes");
}

static void test_refused(void **state)
{
	(void)state;
	everybody();
	refused("device.host.add", params_of("site9", "a", "192.168.201.10"), RPC_NOT_FOUND);
	refused("device.host.add", params_of("Site1", "a", "192.168.201.10"), RPC_BAD_PARAMS);
	refused("device.host.add", params_of("site1", "a.b", "192.168.201.10"), RPC_BAD_PARAMS);
	refused("device.host.add", params_of("site1", "-a", "192.168.201.10"), RPC_BAD_PARAMS);
	refused("device.host.add", params_of("site1", "a", "192.168.201.0/24"), RPC_BAD_PARAMS);
	refused("device.host.add", params_of("site1", "a", NULL), RPC_BAD_PARAMS);
	refused("device.host.add", params_of("site1", "a", "192.168.202.10"), RPC_CONFLICT);
	refused("device.host.add", params_of("site1", "a", "192.168.201.0"), RPC_CONFLICT);
	refused("device.host.add", params_of("site1", "a", "192.168.201.255"), RPC_CONFLICT);
	refused("device.host.add", params_of("site1", "a", "fd00:202::1"), RPC_CONFLICT);
	refused("device.host.list", json_object(), RPC_BAD_PARAMS);
	assert_string_equal(listed(), "");
}

/* In DNS both would be plc1.site1.DOMAIN.farlan. */
static void test_same_name(void **state)
{
	(void)state;
	everybody();
	(void)net_invite(&net, IDENT_DEVICE, "plc1.site1");
	(void)net_invite(&net, IDENT_USER, "plc2.site1");
	refused("device.host.add", params_of("site1", "PLC1", "192.168.201.10"), RPC_CONFLICT);
	assert_non_null(strstr(net_error, "a device plc1.site1"));
	add("plc2", "192.168.201.10");
	refused("device.add", json_pack("{s:s, s:[]}", "name", "plc2.site1", "lans"), RPC_CONFLICT);
	assert_non_null(strstr(net_error, "site1 has a host plc2"));
	(void)net_invite(&net, IDENT_DEVICE, "plc2.site2");
	(void)net_invite(&net, IDENT_DEVICE, "x.plc2.site1");
	(void)net_invite(&net, IDENT_RELAY, "plc2.site1");
	net_admin_ok(&net, "device.remove", json_pack("{s:s}", "name", "plc1.site1"));
	add("plc1", "192.168.201.11");
	net_admin_ok(&net, "device.host.remove", params_of("site1", "plc2", NULL));
	(void)net_invite(&net, IDENT_DEVICE, "plc2.site1");
}

static void test_cap(void **state)
{
	char name[16], address[32];

	(void)state;
	everybody();
	for (int i = 0; i < HOSTS_MAX; i++) {
		snprintf(name, sizeof(name), "h%d", i);
		snprintf(address, sizeof(address), "fd00:201::%x", i + 1);
		add(name, address);
	}
	refused("device.host.add", params_of("site1", "more", "192.168.201.10"), RPC_UNAVAILABLE);
}

static void test_grant(void **state)
{
	static struct grant g;

	(void)state;
	everybody();
	open_session(&g);
	assert_int_equal(g.hosts.n, 0);
	add("plc1", "192.168.201.10");
	open_session(&g);
	assert_int_equal(g.hosts.n, 1);
	assert_string_equal(g.hosts.at[0].name, "plc1");
	assert_null(json_object_get(site.grant, "hosts")); /* names are for the manager */
}

static void test_pushed(void **state)
{
	static struct grant g;

	(void)state;
	everybody();
	open_session(&g);
	add("plc1", "192.168.201.10");
	peer_wait(&anna, "hosts plc1 192.168.201.10");
	add("hmi", "fd00:201::1");
	peer_wait(&anna, "hosts hmi fd00:201::1 plc1 192.168.201.10");
	net_admin_ok(&net, "device.host.remove", params_of("site1", "plc1", NULL));
	peer_wait(&anna, "hosts hmi fd00:201::1");
	assert_false(peer_heard(&site, "hosts"));
}

/* What changed while the manager's connection was away. */
static void test_comes_back(void **state)
{
	static struct grant g;

	(void)state;
	everybody();
	open_session(&g);
	peer_unlink(&anna);
	add("plc1", "192.168.201.10");
	peer_forget(&anna);
	peer_hello(&anna, json_pack("{s:[s]}", "sessions", g.session));
	peer_wait(&anna, "hosts plc1 192.168.201.10");
	assert_false(peer_heard(&anna, "session.end") || peer_heard(&anna, "session.grant"));
}

/* A name stays in the register, and is given to nobody until its address is behind the device
 * again. */
static void test_other_lans(void **state)
{
	static struct grant g;

	(void)state;
	everybody();
	add("plc1", "192.168.201.10");
	add("plc2", "fd00:201::2");
	net_admin_ok(&net, "device.set",
		     json_pack("{s:s, s:[s]}", "name", "site1", "lans", "192.168.201.0/28"));
	assert_string_equal(listed(), "plc1 192.168.201.10 yes, plc2 fd00:201::2 no");
	peer_unlink(&site);
	peer_hello(&site, NULL);
	open_session(&g);
	assert_int_equal(g.hosts.n, 1);
	assert_string_equal(g.hosts.at[0].name, "plc1");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_register),   TEST(test_refused),    TEST(test_same_name),
		TEST(test_cap),	       TEST(test_grant),      TEST(test_pushed),
		TEST(test_comes_back), TEST(test_other_lans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
