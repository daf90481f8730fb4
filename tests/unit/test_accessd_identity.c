/* SPDX-License-Identifier: GPL-3.0-or-later */
/* accessd as a whole: identities are renewed, also too late; new CAs and token keys. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accessd/app.h"
#include "common/io/file.h"
#include "common/io/renewal.h"
#include "tests/unit/accessd_app.h"

#define DAY INT64_C(86400)

static struct net net;
static struct peer site, anna, rs1;
static struct identity next;
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

static void enrol(struct peer *p, enum ident_kind kind, const char *name)
{
	struct invite in = net_invite(&net, kind, name);

	assert_int_equal(net_enrol(p, &net, &in, NULL, kind == IDENT_USER ? NET_PASSWORD : NULL),
			 0);
}

static json_t *request(const struct x509_key *key)
{
	uint8_t csr[X509_CSR_MAX_BYTES];
	size_t n;

	assert_int_equal(x509_csr_make(key, csr, sizeof(csr), &n), 0);
	return json_pack("{s:o}", "csr", rpc_json_bytes(csr, n));
}

/* The answer must be one that a device takes. */
static void renew(struct peer *p)
{
	json_t *o = peer_ask(p, "identity.renew", request(&p->id.key), &code);
	const char *problem;

	if (!o)
		fail_msg("not renewed: %d %s", code, net_error);
	problem = renewal_take(&p->id, o, &next);
	if (problem)
		fail_msg("not taken: %s", problem);
	json_decref(o);
}

static void renew_refused(struct peer *p, json_t *params, int want)
{
	assert_null(peer_ask(p, "identity.renew", params, &code));
	assert_int_equal(code, want);
}

static bool says_renew(struct peer *p)
{
	json_t *o = peer_ask(p, "hello", NULL, &code);
	bool yes = json_is_true(json_object_get(o, "renew"));

	assert_non_null(o);
	json_decref(o);
	return yes;
}

/* Its certificate has expired, by the CA that it has. */
static void let_expire(struct peer *p)
{
	int64_t now = clock_wall_s();
	struct public_key key;

	assert_int_equal(x509_spki(&p->id.key, key.spki, sizeof(key.spki), &key.len), 0);
	assert_int_equal(domain_issue(&net.app->realms[0]->domain, &p->id.id, &key,
				      now - 1000 * DAY, now - 1, &p->id.cert),
			 0);
}

static void test_renew(void **state)
{
	struct x509_key other;

	(void)state;
	enrol(&site, IDENT_DEVICE, "site1");
	enrol(&rs1, IDENT_RELAY, "rs1");
	peer_hello(&site, NULL);
	renew(&site);
	assert_memory_not_equal(next.cert.der, site.id.cert.der, site.id.cert.len);
	assert_int_equal(x509_key_generate(&other), 0);
	renew_refused(&site, request(&other), RPC_DENIED);
	renew_refused(&site, NULL, RPC_BAD_PARAMS);
	renew_refused(&site, json_pack("{s:s}", "csr", "AAAA"), RPC_BAD_PARAMS);
	for (int i = 4; i < CLIENTS_RENEWALS_MAX; i++)
		renew(&site);
	renew_refused(&site, request(&site.id.key), RPC_UNAVAILABLE);
	assert_false(site.offline);
	peer_hello(&rs1, NULL);
	renew(&rs1);
	assert_true(next.outer_cert.len > 0);
	/* It comes with what it got. */
	rs1.id = next;
	peer_unlink(&rs1);
	peer_hello(&rs1, NULL);
}

static void test_users_sign_in_instead(void **state)
{
	(void)state;
	enrol(&anna, IDENT_USER, "anna");
	peer_hello(&anna, NULL);
	renew_refused(&anna, request(&anna.id.key), RPC_DENIED);
	assert_false(anna.offline);
}

static void test_expired(void **state)
{
	(void)state;
	enrol(&site, IDENT_DEVICE, "site1");
	let_expire(&site);
	peer_link(&site);
	assert_null(peer_ask(&site, "hello", NULL, &code));
	assert_int_equal(code, RPC_EXPIRED);
	peer_wait(&site, "bye 1 the certificate has expired");
	peer_unlink(&site);
	peer_link(&site);
	assert_null(peer_ask(&site, "device.list", NULL, &code));
	assert_int_equal(code, RPC_INVALID_REQUEST);
	renew(&site);
	/* Not by its old one, even now. */
	assert_null(peer_ask(&site, "hello", NULL, &code));
	peer_unlink(&site);
	site.id = next;
	peer_hello(&site, NULL);
}

static void test_expired_and_revoked(void **state)
{
	(void)state;
	enrol(&site, IDENT_DEVICE, "site1");
	let_expire(&site);
	net_admin_ok(&net, "device.revoke", json_pack("{s:s}", "name", "site1"));
	peer_link(&site);
	renew_refused(&site, request(&site.id.key), RPC_DENIED);
	assert_non_null(strstr(net_error, "revoked"));
	peer_wait(&site, "bye 0 this device was revoked");
}

static void test_roll(void **state)
{
	struct invite before = net_invite(&net, IDENT_DEVICE, "site2");
	struct identity old;

	(void)state;
	enrol(&site, IDENT_DEVICE, "site1");
	enrol(&anna, IDENT_USER, "anna");
	enrol(&rs1, IDENT_RELAY, "rs1");
	peer_hello(&site, NULL);
	peer_hello(&anna, NULL);
	old = site.id;
	net_admin_ok(&net, "ca.roll", NULL);
	peer_wait(&site, "identity.due 0");
	assert_false(peer_heard(&anna, "identity.due"));
	renew(&site);
	assert_memory_not_equal(next.ca.der, old.ca.der, old.ca.len);
	/* Who comes later hears it, too, until it has followed. */
	peer_link(&rs1);
	assert_true(says_renew(&rs1));
	renew(&rs1);
	rs1.id = next;
	peer_unlink(&rs1);
	peer_link(&rs1);
	assert_false(says_renew(&rs1));
	/* A second one, for who has not followed the first. */
	net_admin_ok(&net, "ca.roll", NULL);
	peer_unlink(&site);
	site.id = old;
	let_expire(&rs1);
	peer_link(&site);
	assert_true(says_renew(&site));
	renew(&site);
	site.id = next;
	peer_unlink(&site);
	peer_link(&site);
	assert_false(says_renew(&site));
	/* An invitation of before both, and a sign-in with the first CA. */
	peer_free(&rs1);
	assert_int_equal(net_enrol(&rs1, &net, &before, NULL, NULL), 0);
	assert_memory_equal(rs1.id.ca.der, next.ca.der, next.ca.len);
	peer_unlink(&anna);
	assert_int_equal(net_enrol(&anna, &net, NULL, "anna", NET_PASSWORD), 0);
	assert_memory_equal(anna.id.ca.der, next.ca.der, next.ca.len);
	peer_hello(&anna, NULL);
}

static void test_compromised(void **state)
{
	(void)state;
	enrol(&site, IDENT_DEVICE, "site1");
	enrol(&anna, IDENT_USER, "anna");
	peer_hello(&site, NULL);
	net_admin_ok(&net, "ca.roll", json_pack("{s:b}", "compromised", 1));
	peer_wait(&site, "bye 0 the domain has a new CA");
	peer_unlink(&site);
	peer_forget(&site);
	peer_link(&site);
	renew_refused(&site, request(&site.id.key), RPC_DENIED);
	peer_wait(&site, "bye 0 the domain has a new CA");
	/* The password does not help who trusts the CA that was stolen. */
	assert_int_equal(net_enrol(&anna, &net, NULL, "anna", NET_PASSWORD), RPC_DENIED);
	assert_non_null(strstr(net_error, "new invitation"));
}

static bool has_two_keys(const json_t *o)
{
	return json_array_size(json_object_get(o, "token_keys")) == 2;
}

static void test_token_key(void **state)
{
	json_t *o;

	(void)state;
	enrol(&rs1, IDENT_RELAY, "rs1");
	peer_hello(&rs1, NULL);
	net_admin_ok(&net, "token-key.roll", NULL);
	peer_wait(&rs1, "relay.keys 2");
	assert_null(net_admin(&net, "token-key.roll", NULL, &code));
	assert_int_equal(code, RPC_CONFLICT);
	peer_unlink(&rs1);
	peer_link(&rs1);
	o = peer_ask(&rs1, "hello", NULL, &code);
	assert_true(has_two_keys(o));
	json_decref(o);
}

static void test_show(void **state)
{
	json_t *o;

	(void)state;
	enrol(&site, IDENT_DEVICE, "site1");
	net_admin_ok(&net, "ca.roll", NULL);
	o = net_admin(&net, "ca.show", NULL, &code);
	assert_int_equal(json_array_size(json_object_get(o, "cas")), 2);
	assert_int_equal(json_integer_value(json_object_get(
				 json_array_get(json_object_get(o, "cas"), 0), "members")),
			 1);
	assert_null(json_object_get(o, "problem"));
	json_decref(o);
}

static void test_ca_ends(void **state)
{
	struct store_domain *d = &net.app->realms[0]->domain.row;
	int64_t now = clock_wall_s();
	json_t *o;

	(void)state;
	assert_null(realm_ca_problem(net.app->realms[0]));
	assert_int_equal(x509_ca_make(&d->ca, &d->ca_key, d->name, now - DAY, now + 364 * DAY), 0);
	o = net_admin(&net, "status", NULL, &code);
	assert_non_null(strstr(json_string_value(json_object_get(o, "ca_problem")), "ca roll"));
	json_decref(o);
	net_admin_ok(&net, "ca.roll", NULL);
	assert_null(realm_ca_problem(net.app->realms[0]));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_renew),     TEST(test_users_sign_in_instead),
		TEST(test_expired),   TEST(test_expired_and_revoked),
		TEST(test_roll),      TEST(test_compromised),
		TEST(test_token_key), TEST(test_show),
		TEST(test_ca_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
