/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A standing connection whose identity is to be renewed, or has expired; the server is the test's.
 */
#include "common/io/access_link.h"

#include "common/io/ca_link.h"
#include "common/io/log.h"
#include "tests/unit/link_fixture.h"

static uv_loop_t loop;
static struct fix_ca lab, next_ca;
static struct fix_id device, access_id;
static struct identity identity;
static struct opt_ports ports;
static struct dial_memory memory;
static struct fix_access server;
static struct access_link *link_;
static unsigned int online, offline, hellos, asked, renewed;
static bool refuse, says_renew, with_new_ca;
static int keep; /* what on_renewed() says */

static void on_hello(void *arg, const json_t *result, int code, const char *message)
{
	(void)code;
	(void)message;
	if (result)
		access_link_hello(arg, result);
}

static void on_online(struct access_link *l)
{
	online++;
	assert_int_equal(rpc_request(access_link_rpc(l), "hello", NULL, 5000, on_hello, l), 0);
}

static void on_offline(struct access_link *l, const char *why)
{
	(void)l;
	(void)why;
	offline++;
}

static int on_renewed(struct access_link *l, const struct identity *next)
{
	assert_ptr_equal(l, link_);
	assert_true(ident_equal(&next->id, &identity.id));
	renewed++;
	if (keep == 0)
		identity = *next;
	return keep;
}

static void on_closed(struct access_link *l)
{
	(void)l;
	link_ = NULL;
}

static const struct access_link_callbacks calls = {
	.on_online = on_online,
	.on_renewed = on_renewed,
	.on_offline = on_offline,
	.on_closed = on_closed,
};
static const struct rpc_method methods[] = {{"identity.due", access_link_on_due}};

static void do_hello(struct rpc *rpc, int64_t id, const json_t *params)
{
	(void)params;
	hellos++;
	rpc_reply(rpc, id, json_pack("{s:b}", "renew", says_renew));
}

static void sign(struct x509_cert *cert, const struct fix_ca *ca, int64_t from, int64_t to)
{
	struct x509_profile p = {.id = &device.id, .client = true, .server = true};

	p.not_before = clock_wall_s() + from;
	p.not_after = clock_wall_s() + to;
	fix_sign(ca, &p, &device.key, cert);
}

static void do_renew(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct x509_cert cert;
	struct ca_link l;
	json_t *o = json_object();

	assert_non_null(json_object_get(params, "csr"));
	asked++;
	if (refuse) {
		json_decref(o);
		rpc_reject(rpc, id, RPC_DENIED, "not you");
		return;
	}
	sign(&cert, with_new_ca ? &next_ca : &lab, -3600, 100 * DAY_S);
	json_object_set_new(o, "cert", rpc_json_bytes(cert.der, cert.len));
	if (with_new_ca) {
		assert_int_equal(ca_link_make(&l, &lab.cert, &lab.key, &next_ca.cert), 0);
		json_object_set_new(o, "links",
				    json_pack("[o]", ca_link_to_json(&l, &next_ca.cert)));
	}
	rpc_reply(rpc, id, o);
}

static const struct rpc_method server_methods[] = {{"hello", do_hello},
						   {"identity.renew", do_renew}};

static int set_up(void **state)
{
	(void)state;
	online = offline = hellos = asked = renewed = 0;
	refuse = says_renew = with_new_ca = false;
	keep = 0;
	memset(&server, 0, sizeof(server));
	memset(&memory, 0, sizeof(memory));
	access_link_times.retry_base_ms = 100;
	access_link_times.retry_max_ms = 400;
	identity.cert = device.cert;
	identity.ca = lab.cert;
	assert_int_equal(uv_loop_init(&loop), 0);
	server.ops.methods = server_methods;
	server.ops.n_methods = 2;
	fix_access_open(&server, &loop, 0, &lab, &access_id);
	ports = (struct opt_ports){.n = 1, .port = {server.port}};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (link_)
		access_link_close(link_);
	fix_access_close(&server);
	assert_true(wait_for(!link_, 7000));
	fix_loop_end(&loop);
	return 0;
}

static void open_link(void)
{
	struct access_link_config config = {
		.identity = &identity,
		.ports = &ports,
		.memory = &memory,
		.methods = methods,
		.n_methods = 1,
	};

	assert_int_equal(access_link_open(&link_, &loop, &config, &calls, NULL), 0);
}

/* In good time nothing is asked. */
static void asks_when_it_is_time(void **state)
{
	(void)state;
	sign(&identity.cert, &lab, -3600, 100 * DAY_S);
	open_link();
	assert_true(wait_for(hellos == 1, 5000));
	assert_false(wait_for(asked > 0, 300));
	access_link_close(link_);
	assert_true(wait_for(!link_, 5000));
	sign(&identity.cert, &lab, -90 * DAY_S, 10 * DAY_S);
	open_link();
	assert_true(wait_for(renewed == 1, 9000));
	/* The connection goes on, and it does not ask again. */
	assert_false(wait_for(asked > 1 || offline > 1, 300));
	assert_int_equal(hellos, 2);
}

static void asks_when_the_server_says_so(void **state)
{
	(void)state;
	sign(&identity.cert, &lab, -3600, 100 * DAY_S);
	open_link();
	assert_true(wait_for(hellos == 1, 5000));
	(void)rpc_notify(&fix_access_conn(&server)->rpc, "identity.due",
			 json_pack("{s:i}", "within_s", 0));
	assert_true(wait_for(renewed == 1, 5000));
	assert_int_equal(offline, 0);
	/* By hello's answer. */
	says_renew = true;
	fix_access_cut(&server);
	assert_true(wait_for(renewed == 2, 9000));
}

/* Nothing but the renewal comes from it; then it dials anew, at once, with what it got. */
static void an_expired_one_is_renewed_first(void **state)
{
	(void)state;
	sign(&identity.cert, &lab, -100 * DAY_S, -DAY_S);
	access_link_times.retry_base_ms = access_link_times.retry_max_ms = 60000;
	open_link();
	assert_true(wait_for(hellos == 1, 9000));
	assert_int_equal(renewed, 1);
	assert_int_equal(asked, 1);
	assert_int_equal(online, 1);
	assert_int_equal(server.ready, 2);
}

static void says_why_it_is_not_renewed(void **state)
{
	(void)state;
	sign(&identity.cert, &lab, -100 * DAY_S, -DAY_S);
	refuse = true;
	open_link();
	assert_true(wait_for(asked == 2, 9000)); /* it tries again */
	{
		struct access_link_status s;

		access_link_status(link_, &s);
		assert_string_equal(s.last_error, "not you");
	}
	assert_int_equal(online, 0);
	assert_int_equal(renewed, 0);
}

/* A disk that is full: what it has stays. */
static void keeps_the_old_one_if_the_new_one_cannot_be_kept(void **state)
{
	struct x509_cert before;

	(void)state;
	sign(&identity.cert, &lab, -90 * DAY_S, 10 * DAY_S);
	before = identity.cert;
	keep = -ENOSPC;
	open_link();
	assert_true(wait_for(renewed == 1, 9000));
	assert_memory_equal(before.der, identity.cert.der, before.len);
	assert_int_equal(offline, 0);
}

/* The next connection names the new CA, and takes the server for what it is by that one alone. */
static void follows_a_new_ca(void **state)
{
	struct fix_id by_next;
	struct tls_ctx *rolled;

	(void)state;
	sign(&identity.cert, &lab, -3600, 100 * DAY_S);
	says_renew = with_new_ca = true;
	open_link();
	assert_true(wait_for(renewed == 1, 9000));
	assert_memory_equal(identity.ca.der, next_ca.cert.der, next_ca.cert.len);
	assert_int_equal(offline, 0);
	says_renew = false;
	/* This server has no identity by the new one. */
	fix_access_cut(&server);
	assert_false(wait_for(hellos == 2, 500));
	fix_id_make(&by_next, &next_ca, IDENT_ACCESS, 'a');
	assert_int_equal(tls_ctx_inner_server(&rolled, &by_next.cert, &by_next.key, &next_ca.cert),
			 0);
	{
		struct tls_ctx *old = server.inner_ctx;

		server.inner_ctx = rolled;
		assert_true(wait_for(hellos == 2, 5000));
		access_link_close(link_);
		assert_true(wait_for(!link_, 5000));
		fix_access_cut(&server);
		assert_false(wait_for(false, 200));
		tls_ctx_free(old);
	}
}

/* While it is asked, and while it waits for its time. */
static void closes_in_the_middle(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		sign(&identity.cert, &lab, -100 * DAY_S, i == 0 ? -DAY_S : 10 * DAY_S);
		open_link();
		assert_true(wait_for(i == 0 ? asked == 1 : hellos == 2, 5000));
		access_link_close(link_);
		assert_true(wait_for(!link_, 5000));
		hellos = 1;
	}
}

static int group_set_up(void **state)
{
	(void)state;
	log_init(LOG_ERROR);
	assert_int_equal(tls_global_init(), 0);
	fix_ca_make(&lab, "lab");
	fix_ca_make(&next_ca, "lab");
	fix_id_make(&device, &lab, IDENT_DEVICE, '1');
	fix_id_make(&access_id, &lab, IDENT_ACCESS, 'a');
	identity.id = device.id;
	identity.key = device.key;
	identity.n_urls = 1;
	return url_parse(&identity.urls[0], "https://127.0.0.1");
}

static int group_tear_down(void **state)
{
	(void)state;
	tls_global_deinit();
	uv_library_shutdown();
	return 0;
}

#define t(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(asks_when_it_is_time),
		t(asks_when_the_server_says_so),
		t(an_expired_one_is_renewed_first),
		t(says_why_it_is_not_renewed),
		t(keeps_the_old_one_if_the_new_one_cannot_be_kept),
		t(follows_a_new_ca),
		t(closes_in_the_middle),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
