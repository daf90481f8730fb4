/* SPDX-License-Identifier: GPL-3.0-or-later */
/* accessd as a whole: members enrol, come by, open and close sessions, and are cut off. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sqlite3.h>
#include <cmocka.h>

#include "accessd/app.h"
#include "common/io/file.h"
#include "common/pure/msg.h"
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

/* All three are enrolled and online. */
static void everybody(void)
{
	struct invite in = net_invite(&net, IDENT_DEVICE, "site1");

	assert_int_equal(net_enrol(&site, &net, &in, NULL, NULL), 0);
	in = net_invite(&net, IDENT_USER, "anna");
	assert_int_equal(net_enrol(&anna, &net, &in, NULL, NET_PASSWORD), 0);
	in = net_invite(&net, IDENT_RELAY, "rs1");
	assert_int_equal(net_enrol(&rs1, &net, &in, NULL, NULL), 0);
	peer_hello(&site, NULL);
	peer_hello(&anna, json_pack("{s:[s]}", "lans", "192.168.101.0/24"));
	peer_hello(&rs1, NULL);
}

static void open_session(char id[TOKEN_SESSION_SIZE])
{
	json_t *o = peer_ask(&anna, "session.open", json_pack("{s:s}", "device", "site1"), &code);
	struct grant g;

	if (!o)
		fail_msg("session.open: %d %s", code, net_error);
	assert_int_equal(grant_decode(&g, json_object_get(o, "grant")), 0);
	snprintf(id, TOKEN_SESSION_SIZE, "%s", g.session);
	json_decref(o);
}

/* --- before there is a domain, and the local socket ---------------------------------------------
 */

static void test_admin(void **state)
{
	json_t *o;

	(void)state;
	o = net_admin(&net, "status", NULL, &code);
	assert_true(json_is_true(json_object_get(o, "listening")));
	json_decref(o);
	assert_null(net_admin(
		&net, "init",
		json_pack("{s:s, s:[s]}", "domain", "lab.example", "urls", "https://x"), &code));
	assert_int_equal(code, RPC_CONFLICT);
	assert_null(net_admin(&net, "device.add", json_pack("{s:s}", "name", "Site"), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_null(net_admin(&net, "device.add",
			      json_pack("{s:s, s:[s]}", "name", "s", "lans", "100.64.0.0/24"),
			      &code));
	assert_int_equal(code, RPC_CONFLICT);
	assert_null(net_admin(&net, "device.revoke", json_pack("{s:s}", "name", "nobody"), &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	assert_null(net_admin(&net, "session.kill", json_pack("{s:s}", "session", "00"), &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	assert_null(net_admin(&net, "device.add",
			      json_pack("{s:s, s:i}", "name", "s", "expires_s", 5), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_null(net_admin(&net, "user.add", json_pack("{s:s}", "name", "u"), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_null(net_admin(&net, "no.such", NULL, &code));
	assert_int_equal(code, RPC_NO_METHOD);
	net_invite(&net, IDENT_DEVICE, "site1");
	assert_null(net_admin(&net, "device.add", json_pack("{s:s}", "name", "site1"), &code));
	assert_int_equal(code, RPC_CONFLICT);
	net_admin_ok(&net, "device.remove", json_pack("{s:s}", "name", "site1"));
}

/* More devices than fit into one message. */
static void test_admin_pages(void **state)
{
	size_t n = 0;
	char name[32], after[STORE_NAME_SIZE] = "";
	bool more = true;

	(void)state;
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "device-%03d", i);
		net_invite(&net, IDENT_DEVICE, name);
	}
	while (more) {
		json_t *o =
			net_admin(&net, "device.list", json_pack("{s:s}", "after", after), &code);
		json_t *list = json_object_get(o, "devices");

		assert_true(json_array_size(list) > 0);
		n += json_array_size(list);
		assert_true(rpc_str_max(json_array_get(list, json_array_size(list) - 1), "name",
					after, sizeof(after)));
		more = json_is_true(json_object_get(o, "more"));
		assert_true(more == (n < 300));
		json_decref(o);
	}
	assert_int_equal(n, 300);
}

static void test_http(void **state)
{
	char cmd[400], base[120];
	static const char *const key =
		"-H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='";

	(void)state;
	snprintf(base, sizeof(base),
		 "curl -sk --max-time 5 -w ' %%{http_code}' https://127.0.0.1:%u", net.port);
	snprintf(cmd, sizeof(cmd), "%s/v1/probe", base);
	assert_string_equal(net_shell(&net, cmd), "farlan accessd " FARLAN_VERSION "\n 200");
	snprintf(cmd, sizeof(cmd), "%s/other", base);
	assert_non_null(strstr(net_shell(&net, cmd), " 404"));
	snprintf(cmd, sizeof(cmd), "%s/v1/control", base);
	assert_non_null(strstr(net_shell(&net, cmd), " 426"));
	snprintf(cmd, sizeof(cmd),
		 "%s/v1/control -H 'Upgrade: websocket' -H 'Connection: Upgrade' %s", base, key);
	assert_non_null(strstr(net_shell(&net, cmd), " 426")); /* farlan.1 is missing */
}

/* --- enrolment ------------------------------------------------------------------------------- */

static void test_enrol(void **state)
{
	struct invite in = net_invite(&net, IDENT_DEVICE, "site1"), wrong = in;
	struct peer other = {0};

	(void)state;
	wrong.secret[0] ^= 1;
	assert_int_equal(net_enrol(&site, &net, &wrong, NULL, NULL), RPC_DENIED);
	assert_string_equal(net_error, "unknown invitation");
	assert_int_equal(net_enrol(&site, &net, &in, NULL, NULL), 0);
	assert_string_equal(site.id.name, "site1");
	assert_int_equal(site.id.id.kind, IDENT_DEVICE);
	assert_int_equal(net_enrol(&other, &net, &in, NULL, NULL), RPC_DENIED);
	assert_string_equal(net_error, "invitation was already used");
	/* A CA that is not the invitation's is not talked to. */
	wrong = net_invite(&net, IDENT_DEVICE, "site2");
	wrong.ca_sha256[0] ^= 1;
	assert_int_not_equal(net_enrol(&other, &net, &wrong, NULL, NULL), 0);
	peer_free(&other);
}

static void test_login(void **state)
{
	struct invite in = net_invite(&net, IDENT_USER, "anna");
	uint64_t before;
	uint64_t known_ms, unknown_ms;

	(void)state;
	assert_int_equal(net_enrol(&anna, &net, &in, NULL, "wrong"), RPC_DENIED);
	assert_string_equal(net_error, "wrong user name or password");
	assert_int_equal(net_enrol(&anna, &net, &in, NULL, NET_PASSWORD), 0);
	assert_int_equal(anna.id.id.kind, IDENT_USER);
	assert_int_equal(net_enrol(&anna, &net, NULL, "anna", NET_PASSWORD), 0);
	/* Somebody who does not exist takes as long as somebody who does. */
	before = clock_mono_ms();
	assert_int_equal(net_enrol(&anna, &net, NULL, "anna", "wrong"), RPC_DENIED);
	known_ms = clock_mono_ms() - before;
	before = clock_mono_ms();
	assert_int_equal(net_enrol(&anna, &net, NULL, "otto", "wrong"), RPC_DENIED);
	unknown_ms = clock_mono_ms() - before;
	assert_string_equal(net_error, "wrong user name or password");
	assert_true(known_ms > 1000 && unknown_ms > 1000);
	net_admin_ok(&net, "user.passwd",
		     json_pack("{s:s, s:s, s:b}", "name", "anna", "password", "another-slow-camel",
			       "no_change", 1));
	assert_int_equal(net_enrol(&anna, &net, NULL, "anna", NET_PASSWORD), RPC_DENIED);
	assert_int_equal(net_enrol(&anna, &net, NULL, "anna", "another-slow-camel"), 0);
}

/* --- control --------------------------------------------------------------------------------- */

static void test_hello(void **state)
{
	struct invite in = net_invite(&net, IDENT_DEVICE, "site1");
	json_t *o;

	(void)state;
	assert_int_equal(net_enrol(&site, &net, &in, NULL, NULL), 0);
	peer_link(&site);
	assert_null(peer_ask(&site, "device.list", NULL, &code));
	assert_int_equal(code, RPC_INVALID_REQUEST);
	o = peer_ask(&site, "hello", json_pack("{s:s}", "version", "0.1\n<3>x"), &code);
	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "name")), "site1");
	assert_string_equal(json_string_value(json_object_get(o, "domain")), "lab.example");
	assert_string_equal(json_string_value(json_object_get(o, "ipv4")), "100.64.0.1");
	assert_int_equal(json_array_size(json_object_get(o, "lans")), 1);
	json_decref(o);
	assert_null(peer_ask(&site, "hello", NULL, &code));
	assert_int_equal(code, RPC_INVALID_REQUEST);
	assert_null(peer_ask(&site, "device.list", NULL, &code));
	assert_int_equal(code, RPC_DENIED);
	assert_null(peer_ask(&site, "session.open", json_pack("{s:s}", "device", "site1"), &code));
	assert_int_equal(code, RPC_DENIED);
	o = net_admin(&net, "device.list", NULL, &code);
	assert_true(json_is_true(
		json_object_get(json_array_get(json_object_get(o, "devices"), 0), "online")));
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(o, "devices"), 0), "version")),
			    "0.1?<3>x");
	json_decref(o);
	/* Used for the first time: from now on nobody gets this invitation's identity. */
	assert_int_equal(net_enrol(&anna, &net, &in, NULL, NULL), RPC_DENIED);
}

static int ask_time(const char *nonce)
{
	json_t *o = peer_ask(&site, "time.get", json_pack("{s:s}", "nonce", nonce), &code);

	if (!o)
		return code;
	assert_true(llabs(json_integer_value(json_object_get(o, "time_ms")) - clock_wall_ms()) <
		    5000);
	json_decref(o);
	return 0;
}

/* What it is worth is in test_preamble.c. */
static void test_time(void **state)
{
	struct invite in = net_invite(&net, IDENT_DEVICE, "site1");
	char nonce[45];

	(void)state;
	snprintf(nonce, sizeof(nonce), "%043d=", 0);
	assert_int_equal(net_enrol(&site, &net, &in, NULL, NULL), 0);
	peer_link(&site); /* asks once */
	assert_int_equal(ask_time("AAAA"), RPC_BAD_PARAMS);
	assert_int_equal(ask_time(""), RPC_BAD_PARAMS);
	assert_int_equal(ask_time(nonce), 0);
	assert_int_equal(ask_time(nonce), RPC_UNAVAILABLE); /* nobody asks so often before hello */
	peer_unlink(&site);
	peer_hello(&site, NULL);
	for (int i = 0; i < 10; i++)
		assert_int_equal(ask_time(nonce), 0);
}

static void test_takeover(void **state)
{
	struct peer second = {0};
	struct invite in = net_invite(&net, IDENT_DEVICE, "site1");

	(void)state;
	assert_int_equal(net_enrol(&site, &net, &in, NULL, NULL), 0);
	peer_hello(&site, NULL);
	second.net = &net;
	second.id = site.id;
	peer_hello(&second, NULL);
	peer_wait(&site, "bye 1");
	assert_false(peer_heard(&second, "bye"));
	peer_free(&second);
}

/* A manager's second PC is no takeover. */
static void test_two_pcs(void **state)
{
	struct peer pc2 = {0};
	json_t *o;

	(void)state;
	everybody();
	pc2.id = anna.id;
	x509_key_wipe(&pc2.id.key); /* the key makes the PC: this one knows the domain alone */
	assert_int_equal(net_enrol(&pc2, &net, NULL, "anna", NET_PASSWORD), 0);
	peer_link(&pc2);
	o = peer_ask(&pc2, "hello", NULL, &code);
	assert_string_equal(json_string_value(json_object_get(o, "ipv4")), "100.64.0.3");
	json_decref(o);
	net_for(&net, 200);
	assert_false(peer_heard(&anna, "bye"));
	peer_free(&pc2);
}

static void test_reinvite(void **state)
{
	struct peer again = {0};
	struct invite in;

	(void)state;
	everybody();
	in = net_invite(&net, IDENT_DEVICE, "site1"); /* is there already: reinvite */
	net_for(&net, 100);
	assert_false(peer_heard(&site, "bye"));
	assert_int_equal(net_enrol(&again, &net, &in, NULL, NULL), 0);
	assert_string_equal(again.id.id.uid, site.id.id.uid);
	peer_wait(&site, "bye 0");
	peer_hello(&again, NULL);
	peer_free(&again);
}

/* --- hostile peers --------------------------------------------------------------------------- */

static bool is_offline(void *arg)
{
	return ((struct peer *)arg)->offline;
}

static void send_raw(struct peer *p, const void *bytes, size_t n)
{
	struct rpc *rpc = access_link_rpc(p->link);

	p->offline = false;
	assert_int_equal(rpc->ops->send(rpc, bytes, n), 0);
}

static void test_hostile(void **state)
{
	static const char *const bad[] = {
		"{}", "nothing", "[]", "{\"jsonrpc\":\"2.0\",\"id\":1}",
		"{\"jsonrpc\":\"2.0\",\"method\":\"hello\",\"id\":1,\"id\":2}"};
	struct invite in = net_invite(&net, IDENT_DEVICE, "site1");
	uint8_t message[300];

	(void)state;
	assert_int_equal(net_enrol(&site, &net, &in, NULL, NULL), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		peer_link(&site);
		msg_header_encode(message, strlen(bad[i]));
		memcpy(message + MSG_HEADER_BYTES, bad[i], strlen(bad[i]));
		send_raw(&site, message, MSG_HEADER_BYTES + strlen(bad[i]));
		net_until(&net, is_offline, &site);
		peer_unlink(&site);
	}
	/* Too long before hello, good after it. */
	peer_link(&site);
	msg_header_encode(message, MSG_MAX_BYTES_UNKNOWN + 1);
	send_raw(&site, message, MSG_HEADER_BYTES);
	net_until(&net, is_offline, &site);
	peer_unlink(&site);
	peer_hello(&site, NULL);
	msg_header_encode(message, MSG_MAX_BYTES_UNKNOWN + 1);
	send_raw(&site, message, MSG_HEADER_BYTES);
	net_for(&net, 200);
	assert_false(site.offline);
	peer_unlink(&site);
	peer_hello(&site, NULL);
	msg_header_encode(message, MSG_MAX_BYTES + 1);
	send_raw(&site, message, MSG_HEADER_BYTES);
	net_until(&net, is_offline, &site);
}

/* Certificates that are renewed while it runs are used for the next connection. */
static void test_renewal(void **state)
{
	struct invite in = net_invite(&net, IDENT_DEVICE, "site1");
	bool renewed = true;

	(void)state;
	assert_int_equal(
		domain_renew(&net.app->realms[0]->domain, net.app->store, clock_wall_s(), &renewed),
		0);
	assert_false(renewed);
	net.app->realms[0]->domain.row.access_cert.len = 0;
	assert_int_equal(
		domain_renew(&net.app->realms[0]->domain, net.app->store, clock_wall_s(), &renewed),
		0);
	assert_true(renewed);
	assert_int_equal(clients_use_certs(net.app->realms[0]->clients), 0);
	assert_int_equal(net_enrol(&site, &net, &in, NULL, NULL), 0);
	peer_hello(&site, NULL);
}

/* --- sessions -------------------------------------------------------------------------------- */

static void test_session(void **state)
{
	struct token_key key;
	struct grant mine, theirs;
	struct ident relay;
	struct token t;
	json_t *o;

	(void)state;
	everybody();
	o = peer_ask(&anna, "device.list", NULL, &code);
	assert_int_equal(json_array_size(json_object_get(o, "devices")), 1);
	json_decref(o);
	assert_null(peer_ask(&anna, "session.open", json_pack("{s:s}", "device", "nosuch"), &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	o = peer_ask(&anna, "session.open", json_pack("{s:s}", "device", "site1"), &code);
	assert_non_null(o);
	assert_int_equal(grant_decode(&mine, json_object_get(o, "grant")), 0);
	json_decref(o);
	assert_int_equal(grant_decode(&theirs, site.grant), 0);
	assert_string_equal(mine.session, theirs.session);
	assert_int_equal(mine.role, TOKEN_MANAGER);
	assert_int_equal(theirs.role, TOKEN_DEVICE);
	assert_true(ident_equal(&mine.peer, &site.id.id));
	assert_true(ident_equal(&theirs.peer, &anna.id.id));
	assert_string_equal(theirs.peer_name, "anna");
	assert_int_equal(mine.n_peer_lans, 1);
	assert_int_equal(mine.n_own_lans, 1);
	assert_true(prefix_equal(&mine.peer_lans[0], &theirs.own_lans[0]));
	assert_true(prefix_equal(&theirs.peer_lans[0], &mine.own_lans[0]));
	assert_true(mine.life_s > 28790 && mine.life_s <= 28800);
	assert_int_equal(mine.n_relays, 1);
	assert_string_equal(mine.relays[0].name, "rs1");
	assert_string_equal(mine.relays[0].uid, rs1.id.id.uid);
	relay = rs1.id.id;
	key = rs1.id.token_keys[0];
	assert_int_equal(token_check(&t, mine.relays[0].token, strlen(mine.relays[0].token), &key,
				     1, &relay, clock_wall_s()),
			 0);
	assert_int_equal(t.role, TOKEN_MANAGER);
	assert_string_equal(t.session, mine.session);
	assert_int_equal(token_check(&t, theirs.relays[0].token, strlen(theirs.relays[0].token),
				     &key, 1, &relay, clock_wall_s()),
			 0);
	assert_int_equal(t.role, TOKEN_DEVICE);
	/* A foreign one closes nothing; an end does, and the other end and the relay hear it. */
	assert_null(peer_ask(&rs1, "session.close", json_pack("{s:s}", "session", mine.session),
			     &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	o = peer_ask(&anna, "session.close",
		     json_pack("{s:s, s:s}", "session", mine.session, "reason", "done"), &code);
	assert_non_null(o);
	json_decref(o);
	peer_wait(&site, "session.end");
	peer_wait(&rs1, "session.end");
	assert_false(peer_heard(&anna, "session.end"));
}

static void test_session_unavailable(void **state)
{
	(void)state;
	everybody();
	site.mood = PEER_REFUSES;
	assert_null(peer_ask(&anna, "session.open", json_pack("{s:s}", "device", "site1"), &code));
	assert_int_equal(code, RPC_CONFLICT);
	assert_string_equal(net_error, "the device refused: its LAN overlaps");
	site.mood = PEER_IS_SILENT;
	assert_null(peer_ask(&anna, "session.open", json_pack("{s:s}", "device", "site1"), &code));
	assert_int_equal(code, RPC_UNAVAILABLE);
	peer_wait(&site, "session.end"); /* in case it had accepted after all */
	peer_unlink(&site);
	net_for(&net, 100);
	assert_null(peer_ask(&anna, "session.open", json_pack("{s:s}", "device", "site1"), &code));
	assert_int_equal(code, RPC_UNAVAILABLE);
	site.mood = PEER_ACCEPTS;
	peer_hello(&site, NULL);
	net_admin_ok(&net, "relay.revoke", json_pack("{s:s}", "name", "rs1"));
	assert_null(peer_ask(&anna, "session.open", json_pack("{s:s}", "device", "site1"), &code));
	assert_int_equal(code, RPC_UNAVAILABLE);
	assert_non_null(strstr(net_error, "relay"));
}

static void test_session_again(void **state)
{
	char first[TOKEN_SESSION_SIZE], second[TOKEN_SESSION_SIZE], end[80];

	(void)state;
	everybody();
	open_session(first);
	open_session(second);
	assert_string_not_equal(first, second);
	snprintf(end, sizeof(end), "session.end %s", first);
	peer_wait(&site, end);
	peer_wait(&anna, end);
}

/* Who comes back hears what it missed. */
static void test_session_comes_back(void **state)
{
	char id[TOKEN_SESSION_SIZE], end[80];
	struct grant g;

	(void)state;
	everybody();
	open_session(id);
	peer_unlink(&site);
	net_for(&net, 100);
	peer_forget(&site);
	peer_hello(&site,
		   json_pack("{s:[s, s]}", "sessions", id, "ffffffffffffffffffffffffffffffff"));
	peer_wait(&site, "session.end ffffffffffffffffffffffffffffffff");
	net_for(&net, 100);
	assert_false(peer_heard(&site, "session.grant")); /* it was adopted */
	peer_unlink(&site);
	net_for(&net, 100);
	peer_hello(&site, NULL); /* has forgotten it */
	peer_wait(&site, "session.grant");
	assert_int_equal(grant_decode(&g, site.grant), 0);
	assert_string_equal(g.session, id);
	assert_int_equal(g.epoch, 2);
	/* Ended while the relay was away. */
	peer_unlink(&rs1);
	net_for(&net, 100);
	net_admin_ok(&net, "session.kill", json_pack("{s:s}", "session", id));
	snprintf(end, sizeof(end), "session.end %s", id);
	peer_wait(&site, end);
	peer_wait(&anna, end);
	peer_hello(&rs1, NULL);
	peer_wait(&rs1, end);
}

static void test_restart(void **state)
{
	char id[TOKEN_SESSION_SIZE];
	struct grant g;
	json_t *o;

	(void)state;
	everybody();
	open_session(id);
	net_restart(&net);
	peer_wait(&site, "bye 1");
	peer_unlink(&site);
	peer_unlink(&anna);
	peer_unlink(&rs1);
	peer_forget(&site);
	peer_forget(&anna);
	peer_hello(&anna, json_pack("{s:[s]}", "sessions", id));
	peer_hello(&site, NULL);
	peer_wait(&site, "session.grant");
	assert_int_equal(grant_decode(&g, site.grant), 0);
	assert_string_equal(g.session, id);
	assert_int_equal(g.epoch, 2);
	assert_int_equal(g.n_peer_lans, 1);
	assert_false(peer_heard(&anna, "session.grant"));
	assert_false(peer_heard(&anna, "session.end"));
	o = net_admin(&net, "session.list", NULL, &code);
	assert_int_equal(json_array_size(json_object_get(o, "sessions")), 1);
	json_decref(o);
}

/* Change the database beside accessd. */
static void sql(const char *update, long long value)
{
	char path[300], text[200];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/accessd.db", net.conf.state);
	snprintf(text, sizeof(text), "UPDATE %s %lld", update, value);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_session_time(void **state)
{
	char id[TOKEN_SESSION_SIZE];

	(void)state;
	everybody();
	open_session(id);
	sql("session SET ends =", clock_wall_s() + 2);
	net_restart(&net);
	peer_unlink(&site);
	peer_hello(&site, json_pack("{s:[s]}", "sessions", id));
	peer_wait(&site, "session.end");
	assert_non_null(strstr(site.heard[site.n_heard - 1], "time is over"));
}

/* The connection of a manager ends with its sign-in, unless it was renewed; its sessions go on. */
static void test_login_time(void **state)
{
	char id[TOKEN_SESSION_SIZE];

	(void)state;
	everybody();
	open_session(id);
	peer_unlink(&anna);
	sql("endpoint SET expires = (expires > 0) *", clock_wall_s() + 2);
	peer_hello(&anna, json_pack("{s:[s]}", "sessions", id));
	peer_wait(&anna, "bye 0 the sign-in has expired");
	net_for(&net, 100);
	assert_false(peer_heard(&site, "session.end"));
	assert_int_equal(net_enrol(&anna, &net, NULL, "anna", NET_PASSWORD), 0);
	peer_unlink(&anna);
	peer_hello(&anna, NULL);
}

/* Within a second, at both ends and the relay. */
static void test_revoke(void **state)
{
	char id[TOKEN_SESSION_SIZE];
	uint64_t before;

	(void)state;
	everybody();
	open_session(id);
	before = clock_mono_ms();
	net_admin_ok(&net, "device.revoke", json_pack("{s:s}", "name", "site1"));
	peer_wait(&anna, "session.end");
	peer_wait(&rs1, "session.end");
	peer_wait(&site, "session.end");
	peer_wait(&site, "bye 0 the device was revoked");
	assert_true(clock_mono_ms() - before < 1000);
	/* It is refused from now on, in words. */
	peer_unlink(&site);
	peer_forget(&site);
	peer_link(&site);
	assert_null(peer_ask(&site, "hello", NULL, &code));
	assert_int_equal(code, RPC_DENIED);
	peer_wait(&site, "bye 0 this device was revoked");
	assert_null(peer_ask(&anna, "session.open", json_pack("{s:s}", "device", "site1"), &code));
	assert_int_equal(code, RPC_NOT_FOUND);
	net_admin_ok(&net, "user.remove", json_pack("{s:s}", "name", "anna"));
	peer_wait(&anna, "bye 0 the user was removed");
	assert_int_equal(net_enrol(&anna, &net, NULL, "anna", NET_PASSWORD), RPC_DENIED);
}

/* The same LANs once more change nothing for those who are there. */
static void test_same_lans(void **state)
{
	char id[TOKEN_SESSION_SIZE];
	json_t *o;

	(void)state;
	everybody();
	open_session(id);
	net_admin_ok(&net, "device.set",
		     json_pack("{s:s, s:[s], s:s}", "name", "site1", "lans", "192.168.201.0/24",
			       "rate", "none"));
	o = net_admin(&net, "session.list", NULL, &code);
	assert_int_equal(json_array_size(json_object_get(o, "sessions")), 1);
	json_decref(o);
}

static void test_lans(void **state)
{
	(void)state;
	everybody();
	peer_unlink(&anna);
	peer_link(&anna);
	assert_null(peer_ask(&anna, "hello", json_pack("{s:[s]}", "lans", "127.0.0.0/8"), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	net_admin_ok(&net, "device.set",
		     json_pack("{s:s, s:[s]}", "name", "site1", "lans", "10.9.0.0/16"));
	peer_wait(&site, "bye 1");
}

/* --- rules ------------------------------------------------------------------------------------ */

static void add_rule(const char *rule, int at)
{
	json_t *params = json_pack("{s:s, s:s}", "name", "site1", "rule", rule);

	if (at)
		json_object_set_new(params, "at", json_integer(at));
	net_admin_ok(&net, "device.rule.add", params);
}

static void assert_no_rule(const char *method, json_t *params, int want)
{
	assert_null(net_admin(&net, method, params, &code));
	assert_int_equal(code, want);
}

static void test_rules(void **state)
{
	char id[TOKEN_SESSION_SIZE];
	struct grant g;
	json_t *o;

	(void)state;
	everybody();
	open_session(id);
	assert_int_equal(grant_decode(&g, site.grant), 0);
	assert_false(g.rules.present);
	/* A change reaches both ends of what runs. */
	add_rule("allow in 192.168.201.10/32 tcp/7", 0);
	peer_wait(&site, "session.rules 1 allow in 192.168.201.10/32 tcp/7");
	peer_wait(&anna, "session.rules 1 allow in 192.168.201.10/32 tcp/7");
	add_rule("deny in udp", 1);
	peer_wait(&site, "session.rules 2 deny in udp");
	add_rule("allow out", 3);
	/* A new session has them from the beginning, at both ends. */
	open_session(id);
	assert_int_equal(grant_decode(&g, site.grant), 0);
	assert_true(g.rules.present);
	assert_int_equal(g.rules.n, 3);
	/* Who was away hears of them. */
	peer_unlink(&site);
	net_for(&net, 100);
	peer_forget(&site);
	peer_forget(&anna);
	net_admin_ok(&net, "device.rule.remove", json_pack("{s:s, s:i}", "name", "site1", "at", 1));
	peer_wait(&anna, "session.rules 2 allow in");
	peer_hello(&site, json_pack("{s:[s]}", "sessions", id));
	peer_wait(&site, "session.rules 2 allow in");
	net_admin_ok(&net, "device.rule.remove", json_pack("{s:s, s:i}", "name", "site1", "at", 2));
	net_admin_ok(&net, "device.rule.remove", json_pack("{s:s, s:i}", "name", "site1", "at", 1));
	peer_wait(&site, "session.rules 0");
	o = net_admin(&net, "device.rule.list", json_pack("{s:s}", "name", "site1"), &code);
	assert_int_equal(json_array_size(json_object_get(o, "rules")), 0);
	assert_true(json_is_array(json_object_get(o, "rules"))); /* it denies all */
	json_decref(o);
	net_admin_ok(&net, "device.rule.clear", json_pack("{s:s}", "name", "site1"));
	peer_wait(&site, "session.rules none");
	o = net_admin(&net, "device.rule.list", json_pack("{s:s}", "name", "site1"), &code);
	assert_null(json_object_get(o, "rules"));
	json_decref(o);
}

static void test_rules_refused(void **state)
{
	(void)state;
	everybody();
	assert_no_rule("device.rule.add", json_pack("{s:s}", "name", "site1"), RPC_BAD_PARAMS);
	assert_no_rule("device.rule.add",
		       json_pack("{s:s, s:s}", "name", "site1", "rule", "allow everything"),
		       RPC_BAD_PARAMS);
	assert_no_rule("device.rule.add",
		       json_pack("{s:s, s:s, s:i}", "name", "site1", "rule", "allow", "at", 0),
		       RPC_BAD_PARAMS);
	assert_no_rule("device.rule.add", json_pack("{s:s, s:s}", "name", "anna", "rule", "allow"),
		       RPC_NOT_FOUND);
	assert_no_rule("device.rule.remove", json_pack("{s:s, s:i}", "name", "site1", "at", 1),
		       RPC_NOT_FOUND);
	assert_no_rule("device.rule.remove", json_pack("{s:s}", "name", "site1"), RPC_BAD_PARAMS);
	for (int i = 0; i < RULES_MAX; i++)
		add_rule("deny", 0);
	assert_no_rule("device.rule.add", json_pack("{s:s, s:s}", "name", "site1", "rule", "allow"),
		       RPC_UNAVAILABLE);
}

static json_t *set_rules(json_t *rules)
{
	return net_admin(&net, "device.rule.set",
			 json_pack("{s:s, s:o}", "name", "site1", "rules", rules), &code);
}

/* The numbers of rules for addresses that are not there, as they are answered. */
static void assert_outside(json_t *answer, json_t *numbers)
{
	assert_non_null(answer);
	if (!json_equal(json_object_get(answer, "outside"), numbers))
		fail_msg("%s", json_dumps(answer, 0));
	json_decref(answer);
	json_decref(numbers);
}

static size_t count_heard(const struct peer *p, const char *what)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_heard; i++)
		n += strncmp(p->heard[i], what, strlen(what)) == 0;
	return n;
}

/* The whole list at once: nobody ever hears of a part. */
static void test_rules_set(void **state)
{
	char id[TOKEN_SESSION_SIZE];
	json_t *many = json_array(), *o;

	(void)state;
	everybody();
	open_session(id);
	o = set_rules(
		json_pack("[sss]", "allow in tcp/7", "allow in 192.168.201.10 udp/9-9", "deny"));
	assert_string_equal(json_string_value(json_array_get(json_object_get(o, "rules"), 1)),
			    "allow in 192.168.201.10/32 udp/9");
	json_decref(o);
	peer_wait(&site, "session.rules 3 allow in tcp/7");
	peer_wait(&anna, "session.rules 3 allow in tcp/7");
	json_decref(set_rules(json_pack("[s]", "allow out")));
	peer_wait(&site, "session.rules 1 allow out");
	peer_wait(&anna, "session.rules 1 allow out");
	assert_int_equal(count_heard(&site, "session.rules"), 2);
	assert_int_equal(count_heard(&anna, "session.rules"), 2);
	/* All or nothing. */
	assert_null(set_rules(json_pack("[ss]", "allow in tcp/7", "allow everything")));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_null(set_rules(json_string("allow")));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_null(set_rules(json_null()));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_no_rule("device.rule.set", json_pack("{s:s}", "name", "site1"), RPC_BAD_PARAMS);
	for (int i = 0; i < RULES_MAX; i++)
		json_array_append_new(many, json_string("allow tcp"));
	json_decref(set_rules(json_deep_copy(many)));
	peer_wait(&site, "session.rules 256 allow tcp");
	json_array_append_new(many, json_string("deny"));
	assert_null(set_rules(many));
	json_decref(set_rules(json_array()));
	peer_wait(&site, "session.rules 0");
	assert_int_equal(count_heard(&site, "session.rules"), 4);
}

static void test_rules_outside(void **state)
{
	json_t *list, *site1;
	char four[64], tunnel[80];

	(void)state;
	everybody();
	list = net_admin(&net, "device.list", json_object(), &code);
	site1 = json_array_get(json_object_get(list, "devices"), 0);
	snprintf(four, sizeof(four), "%s", json_string_value(json_object_get(site1, "ipv4")));
	snprintf(tunnel, sizeof(tunnel), "allow in %s", four);
	json_decref(list);
	assert_outside(set_rules(json_pack("[ssssss]", "allow in tcp/7", "allow 192.168.201.0/28",
					   "deny 10.9.9.0/24", "allow 192.0.0.0/8",
					   "allow fd00:9::1", tunnel)),
		       json_pack("[ii]", 3, 5));
	assert_outside(net_admin(&net, "device.rule.add",
				 json_pack("{s:s, s:s, s:i}", "name", "site1", "rule",
					   "allow 192.168.202.1", "at", 1),
				 &code),
		       json_pack("[iii]", 1, 4, 6));
	assert_outside(
		net_admin(&net, "device.rule.list", json_pack("{s:s}", "name", "site1"), &code),
		json_pack("[iii]", 1, 4, 6));
}

/* A version that knows no rules would let everything pass. */
static void test_rules_of_an_old_device(void **state)
{
	char id[TOKEN_SESSION_SIZE], end[TOKEN_SESSION_SIZE + 20];

	(void)state;
	everybody();
	site.mood = PEER_IS_OLD;
	open_session(id); /* there are none */
	add_rule("allow in tcp/7", 0);
	snprintf(end, sizeof(end), "session.end %s", id);
	peer_wait(&site, end);
	peer_wait(&anna, end);
	assert_null(peer_ask(&anna, "session.open", json_pack("{s:s}", "device", "site1"), &code));
	assert_int_equal(code, RPC_UNAVAILABLE);
	assert_non_null(strstr(net_error, "too old"));
	site.mood = PEER_ACCEPTS;
	open_session(id);
}

static struct token token_of(const struct grant *g)
{
	struct token_key key = rs1.id.token_keys[0];
	struct ident relay = rs1.id.id;
	struct token t;

	assert_int_equal(token_check(&t, g->relays[0].token, strlen(g->relays[0].token), &key, 1,
				     &relay, clock_wall_s()),
			 0);
	return t;
}

static struct token open_limited(struct token *device)
{
	json_t *o = peer_ask(&anna, "session.open", json_pack("{s:s}", "device", "site1"), &code);
	struct grant g;

	assert_int_equal(grant_decode(&g, site.grant), 0);
	*device = token_of(&g);
	assert_int_equal(grant_decode(&g, json_object_get(o, "grant")), 0);
	json_decref(o);
	return token_of(&g);
}

/* A member's own limit goes before the server's; both ends' tokens say the same. */
static void test_limits(void **state)
{
	struct token manager, device;

	net.conf.session_rate = 1000000;
	net_restart(&net);
	everybody();
	manager = open_limited(&device);
	assert_true(manager.rate == 1000000 && device.rate == 1000000);
	assert_true(manager.user_rate == 0);
	assert_string_equal(manager.user, "");
	net_admin_ok(&net, "device.set",
		     json_pack("{s:s, s:s}", "name", "site1", "rate", "10mbit"));
	net_admin_ok(&net, "user.set", json_pack("{s:s, s:s}", "name", "anna", "rate", "20mbit"));
	manager = open_limited(&device);
	assert_true(manager.rate == 1250000 && device.rate == 1250000);
	assert_true(manager.user_rate == 2500000 && device.user_rate == 2500000);
	assert_string_equal(manager.user, anna.id.id.uid);
	assert_string_equal(device.user, anna.id.id.uid);
	net_admin_ok(&net, "device.set", json_pack("{s:s, s:s}", "name", "site1", "rate", "none"));
	net_admin_ok(&net, "user.set", json_pack("{s:s, s:s}", "name", "anna", "rate", "none"));
	manager = open_limited(&device);
	assert_true(manager.rate == 1000000 && manager.user_rate == 0);
	assert_null(net_admin(&net, "user.set", json_pack("{s:s}", "name", "anna"), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	assert_null(net_admin(&net, "device.set",
			      json_pack("{s:s, s:s}", "name", "site1", "rate", "fast"), &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	net.conf.session_rate = 0;
}

static void report(struct peer *p, const char *id, int seq, int bytes, const char *reason)
{
	json_t *o = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i}", "session", id, "seq", seq,
			      "from_ms", seq * 1000, "to_ms", seq * 1000 + 500, "bytes_to_device",
			      bytes, "bytes_to_manager", 2 * bytes);

	if (reason)
		json_object_set_new(o, "reason", json_string(reason));
	o = peer_ask(p, "session.usage", json_pack("{s:[o]}", "records", o), &code);
	assert_non_null(o);
	json_decref(o);
}

static const json_t *usage_of(const json_t *session, const char *kind)
{
	const json_t *list = json_object_get(session, "usage"), *o;
	size_t i;

	json_array_foreach (list, i, o) {
		if (strcmp(json_string_value(json_object_get(o, "kind")), kind) == 0)
			return o;
	}
	return NULL;
}

static void check_sum(const json_t *session, const char *kind, int stretches, int bytes,
		      const char *reason)
{
	const json_t *o = usage_of(session, kind);

	assert_non_null(o);
	assert_int_equal(json_integer_value(json_object_get(o, "stretches")), stretches);
	assert_int_equal(json_integer_value(json_object_get(o, "bytes_to_device")), bytes);
	assert_int_equal(json_integer_value(json_object_get(o, "bytes_to_manager")), 2 * bytes);
	assert_string_equal(json_string_value(json_object_get(o, "reason")), reason);
}

/* Both ends and the relay report, twice, and after the session has ended: each counts once. */
static void test_usage(void **state)
{
	char id[TOKEN_SESSION_SIZE];
	const json_t *session;
	json_t *o;

	everybody();
	open_session(id);
	report(&anna, id, 1, 100, NULL);
	report(&rs1, id, 1, 60, "closed");
	net_admin_ok(&net, "session.kill", json_pack("{s:s}", "session", id));
	for (int i = 0; i < 2; i++) {
		report(&anna, id, 1, 100, "disconnected");
		report(&rs1, id, 2, 50, "the other end has gone");
		report(&site, id, 1, 99, "ended by the administrator");
	}
	report(&rs1, "00112233445566778899aabbccddeeff", 3, 50, NULL);
	assert_null(peer_ask(&anna, "session.usage", NULL, &code));
	assert_int_equal(code, RPC_BAD_PARAMS);
	o = net_admin(&net, "session.history", json_pack("{s:s}", "user", "anna"), &code);
	assert_int_equal(json_array_size(json_object_get(o, "sessions")), 1);
	session = json_array_get(json_object_get(o, "sessions"), 0);
	assert_string_equal(json_string_value(json_object_get(session, "session")), id);
	assert_string_equal(json_string_value(json_object_get(session, "state")), "ended");
	assert_string_equal(json_string_value(json_object_get(session, "reason")),
			    "ended by the administrator");
	assert_int_equal(json_array_size(json_object_get(session, "usage")), 3);
	check_sum(session, "device", 1, 99, "ended by the administrator");
	check_sum(session, "relay", 2, 110, "the other end has gone");
	/* The same number again is no news. */
	assert_int_equal(json_integer_value(
				 json_object_get(usage_of(session, "manager"), "bytes_to_device")),
			 100);
	json_decref(o);
	o = net_admin(&net, "session.history", json_pack("{s:s}", "device", "nosuch"), &code);
	assert_int_equal(json_array_size(json_object_get(o, "sessions")), 0);
	json_decref(o);
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* Who comes when there is no room hears when to come back; when there are many of them, no more. */
static void test_full(void **state)
{
	static int fd[CLIENTS_UNKNOWN_MAX + CLIENTS_LATER_MAX];
	struct rlimit files;
	char command[200];
	const char *answer;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur < 2 * CLIENTS_UNKNOWN_MAX + 400)
		skip();
	snprintf(command, sizeof(command), "curl -sk -m 5 -D - https://127.0.0.1:%u/v1/probe",
		 net.port);
	for (size_t i = 0; i < CLIENTS_UNKNOWN_MAX; i++) {
		fd[i] = connect_to(net.port);
		if (i % 50 == 0)
			net_for(&net, 1);
	}
	net_for(&net, 50);
	answer = net_shell(&net, command);
	assert_non_null(strstr(answer, "503"));
	assert_non_null(strstr(answer, "Retry-After: "));
	assert_non_null(strstr(answer, "too many connections"));
	for (size_t i = CLIENTS_UNKNOWN_MAX; i < sizeof(fd) / sizeof(fd[0]); i++)
		fd[i] = connect_to(net.port);
	net_for(&net, 50);
	assert_null(strstr(net_shell(&net, command), "503"));
	for (size_t i = 0; i < sizeof(fd) / sizeof(fd[0]); i++)
		close(fd[i]);
	net_for(&net, 200);
	assert_non_null(strstr(net_shell(&net, command), "farlan accessd"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_admin),
		TEST(test_admin_pages),
		TEST(test_http),
		TEST(test_full),
		TEST(test_enrol),
		TEST(test_login),
		TEST(test_hello),
		TEST(test_time),
		TEST(test_takeover),
		TEST(test_two_pcs),
		TEST(test_reinvite),
		TEST(test_session),
		TEST(test_session_unavailable),
		TEST(test_session_again),
		TEST(test_session_comes_back),
		TEST(test_restart),
		TEST(test_revoke),
		TEST(test_same_lans),
		TEST(test_lans),
		TEST(test_rules),
		TEST(test_rules_refused),
		TEST(test_rules_set),
		TEST(test_rules_outside),
		TEST(test_rules_of_an_old_device),
		TEST(test_limits),
		TEST(test_usage),
		TEST(test_hostile),
		TEST(test_renewal),
		TEST(test_session_time),
		TEST(test_login_time),
	};
	int rc;

	if (tls_global_init() != 0)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	tls_global_deinit();
	return rc;
}
