/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/access_link.h"

#include "common/io/log.h"
#include "tests/unit/link_fixture.h"

static uv_loop_t loop;
static struct fix_ca lab, other;
static struct fix_id device, access_id, false_access, no_access;
static struct identity identity;
static struct opt_ports ports;
static struct dial_memory memory;
static struct fix_access server;
static struct access_link *link_;

/* What happened. */
static unsigned int online, offline, closed, asked, answered;
static int answer_code;
static char reason[OUTER_REASON_SIZE];
static bool close_in_online, close_in_offline, lose_in_online, give_up_in_method, request_in_online;

static void on_answer(void *arg, const json_t *result, int code, const char *message)
{
	answered++;
	answer_code = result ? 0 : code;
}

static void on_online(struct access_link *l)
{
	online++;
	assert_non_null(access_link_rpc(l));
	assert_string_equal(access_link_arg(l), "arg");
	if (close_in_online)
		access_link_close(l);
	if (lose_in_online)
		access_link_lost(l, "lost in on_online");
	if (request_in_online)
		assert_int_equal(
			rpc_request(access_link_rpc(l), "hello", NULL, 5000, on_answer, NULL), 0);
}

static void on_offline(struct access_link *l, const char *why)
{
	offline++;
	assert_null(access_link_rpc(l));
	snprintf(reason, sizeof(reason), "%s", why);
	if (close_in_offline)
		access_link_close(l);
}

static void on_closed(struct access_link *l)
{
	closed++;
	link_ = NULL;
}

static const struct access_link_callbacks calls = {
	.on_online = on_online,
	.on_offline = on_offline,
	.on_closed = on_closed,
};

/* What the server may ask. */
static void do_ask(struct rpc *rpc, int64_t id, const json_t *params)
{
	asked++;
	assert_ptr_equal(rpc->arg, link_);
	rpc_reply(rpc, id, json_object());
}

static void do_bye(struct rpc *rpc, int64_t id, const json_t *params)
{
	asked++;
	if (give_up_in_method)
		access_link_give_up(rpc->arg, "removed");
	else
		access_link_close(rpc->arg);
}

static const struct rpc_method methods[] = {{"ask", do_ask}, {"bye", do_bye}};

/* What the device may ask. */
static void do_hello(struct rpc *rpc, int64_t id, const json_t *params)
{
	rpc_reply(rpc, id, json_object());
}

static const struct rpc_method server_methods[] = {{"hello", do_hello}};

static int set_up(void **state)
{
	uint16_t port;

	online = offline = closed = asked = answered = 0;
	answer_code = -1;
	close_in_online = close_in_offline = lose_in_online = give_up_in_method =
		request_in_online = false;
	reason[0] = '\0';
	memset(&server, 0, sizeof(server));
	memset(&memory, 0, sizeof(memory));
	access_link_times = (struct access_link_times){
		.ping_ms = ACCESS_LINK_PING_MS,
		.silence_ms = ACCESS_LINK_SILENCE_MS,
		.retry_base_ms = 100,
		.retry_max_ms = 400,
	};
	assert_int_equal(uv_loop_init(&loop), 0);
	server.ops.methods = server_methods;
	server.ops.n_methods = 1;
	fix_access_open(&server, &loop, 0, &lab, &access_id);
	port = server.port;
	ports = (struct opt_ports){.n = 1, .port = {port}};
	return 0;
}

static int tear_down(void **state)
{
	if (link_)
		access_link_close(link_);
	if (server.set)
		fix_access_close(&server);
	assert_true(wait_for(!link_, 7000));
	fix_loop_end(&loop);
	return 0;
}

static void open_link(void)
{
	unsigned int before = online + offline + closed;
	struct access_link_config config = {
		.identity = &identity,
		.ports = &ports,
		.memory = &memory,
		.methods = methods,
		.n_methods = 2,
	};

	assert_int_equal(
		access_link_open(&link_, &loop, &config, &calls, (void *)(uintptr_t) "arg"), 0);
	assert_int_equal(online + offline + closed, before); /* no callback before it returns */
}

static void go_online(void)
{
	open_link();
	assert_true(wait_for(online == 1 && server.ready == 1, 5000));
}

static struct access_link_status status(void)
{
	struct access_link_status s;

	access_link_status(link_, &s);
	return s;
}

static void comes_online(void **state)
{
	struct access_link_status s;

	go_online();
	s = status();
	assert_int_equal(s.state, ACCESS_LINK_ONLINE);
	assert_int_equal(strncmp(s.server, "127.0.0.1 127.0.0.1:", 20), 0);
	assert_true(s.outer_verified);
	assert_string_equal(s.outer_version, "TLSv1.3");
	assert_non_null(strstr(s.cipher, "GCM"));
	assert_string_equal(s.last_error, "");
	assert_true(s.since_ms <= clock_mono_ms());
	assert_string_equal(access_link_state_name(s.state), "online");
	assert_true(ident_equal(&inner_peer(fix_access_conn(&server)->inner)->id, &device.id));
	assert_string_equal(memory.hosts[0].name, "127.0.0.1");
}

static void both_sides_ask(void **state)
{
	request_in_online = true;
	go_online();
	assert_true(wait_for(answered == 1, 1000));
	assert_int_equal(answer_code, 0);
	assert_int_equal(
		rpc_request(&fix_access_conn(&server)->rpc, "ask", NULL, 1000, on_answer, NULL), 0);
	assert_true(wait_for(answered == 2, 1000));
	assert_int_equal(asked, 1);
}

/* The server says how long; its only one, so there is nobody else to go to. */
static void stays_away_as_long_as_it_is_asked(void **state)
{
	uint64_t begin;

	go_online();
	access_link_rest(link_, 2);
	begin = clock_mono_ms();
	fix_access_cut(&server);
	assert_true(wait_for(offline == 1, 2000));
	assert_in_range(status().retry_in_ms, 1800, 2500);
	access_link_retry_now(link_); /* a change of the network is no reason */
	assert_true(wait_for(online == 2, 5000));
	assert_in_range(clock_mono_ms() - begin, 1900, 4500);
}

static void comes_back_after_a_loss(void **state)
{
	server.mute = true;
	request_in_online = true;
	go_online();
	fix_access_cut(&server);
	assert_true(wait_for(offline == 1, 2000));
	assert_int_equal(status().state, ACCESS_LINK_WAITING);
	assert_true(status().retry_in_ms <= 100);
	/* An end, or a reset if it had not read all. */
	assert_true(strstr(status().last_error, "closed") || strstr(status().last_error, "lost"));
	assert_int_equal(answered, 1); /* what was asked is answered with "closed" */
	assert_int_equal(answer_code, RPC_CLOSED);
	assert_true(wait_for(online == 2 && fix_access_has_conn(&server), 3000));
	inner_finish(fix_access_conn(&server)->inner, "restart");
	assert_true(wait_for(offline == 2, 2000));
	assert_string_equal(reason, "closed by peer");
	assert_true(wait_for(online == 3, 3000));
}

static void waits_with_jitter(void **state)
{
	uint64_t began = clock_mono_ms();
	size_t n;

	server.close_ready = true;
	open_link();
	assert_true(wait_for(server.ready >= 6, 10000));
	n = (size_t)(clock_mono_ms() - began);
	print_message("6 tries in %zu ms\n", n);
	assert_true(n > 250); /* 50..100, 50..200, 50..400 ... */
	assert_int_equal(closed, 0);
}

static void retries_at_once_when_told(void **state)
{
	access_link_times.retry_base_ms = 60000;
	access_link_times.retry_max_ms = 60000;
	go_online();
	access_link_retry_now(link_); /* nothing to do */
	fix_access_cut(&server);
	assert_true(wait_for(offline == 1, 2000));
	assert_true(status().retry_in_ms >= 20000);
	access_link_retry_now(link_);
	access_link_retry_now(link_);
	assert_true(wait_for(online == 2 && fix_access_has_conn(&server), 2000));
}

static void comes_when_the_server_comes(void **state)
{
	uint16_t port = server.port;

	fix_access_close(&server);
	wait_for(false, 20);
	open_link();
	assert_true(wait_for(status().state == ACCESS_LINK_WAITING, 3000));
	assert_non_null(strstr(status().last_error, "refused"));
	assert_int_equal(offline, 0); /* it was never online */
	fix_access_open(&server, &loop, port, &lab, &access_id);
	assert_true(wait_for(online == 1, 3000));
}

static void says_that_it_lives(void **state)
{
	access_link_times.ping_ms = 60;
	access_link_times.silence_ms = 200;
	go_online();
	wait_for(false, 500);
	assert_int_equal(online, 1);
	assert_int_equal(offline, 0);
	assert_in_range(fix_access_conn(&server)->rpc.keepalives_in, 5, 9);
}

static void notices_a_silent_server(void **state)
{
	uint64_t began;

	access_link_times.ping_ms = 150;
	access_link_times.silence_ms = 200;
	server.mute = true;
	go_online();
	began = clock_mono_ms();
	assert_true(wait_for(offline == 1, 3000));
	assert_string_equal(reason, "the server has been silent for too long");
	assert_in_range(clock_mono_ms() - began, 150, 290); /* not only with the next keep-alive */
	assert_true(server.data >= 4);
	server.mute = false;
	assert_true(wait_for(online == 2 && fix_access_has_conn(&server), 3000));
}

static void ends_a_server_that_talks_nonsense(void **state)
{
	go_online();
	assert_int_equal(inner_send(fix_access_conn(&server)->inner, "\xff\xff\xff\xff", 4), 0);
	assert_true(wait_for(offline == 1, 2000));
	assert_string_equal(reason, "the server sent a malformed message");
	assert_true(wait_for(online == 2 && fix_access_has_conn(&server), 2000));
}

static void refuses_false_servers(void **state)
{
	uint16_t port = server.port;

	for (int i = 0; i < 2; i++) {
		fix_access_close(&server);
		wait_for(false, 20);
		memset(&server, 0, sizeof(server));
		fix_access_open(&server, &loop, port, i == 0 ? &other : &lab,
				i == 0 ? &false_access : &no_access);
		if (!link_)
			open_link();
		assert_true(
			wait_for(strstr(status().last_error,
					i == 0 ? "not signed by the domain CA" : "another kind"),
				 3000));
		assert_int_equal(online, 0);
	}
}

static void hears_that_it_is_refused(void **state)
{
	struct fix_id stranger;
	struct identity mine = identity;

	/* A certificate that is a CA's is not let through to hear words. */
	fix_id_make(&stranger, &other, IDENT_DEVICE, '1');
	assert_int_equal(x509_ca_make(&identity.cert, &stranger.key, "lab", clock_wall_s() - DAY_S,
				      clock_wall_s() + DAY_S),
			 0);
	identity.key = stranger.key;
	open_link();
	assert_true(wait_for(strstr(status().last_error, "TLS alert"), 3000));
	print_message("%s\n", status().last_error);
	identity = mine;
}

static void gives_a_mute_server_its_time(void **state)
{
	inner_open_ms = 200;
	server.no_inner = true;
	open_link();
	assert_true(wait_for(status().state == ACCESS_LINK_AUTH, 2000));
	assert_true(wait_for(strstr(status().last_error, "did not come in time"), 2000));
	server.no_inner = false;
	assert_true(wait_for(online == 1, 3000));
	inner_open_ms = INNER_OPEN_MS;
}

static void can_be_lost_on_purpose(void **state)
{
	lose_in_online = true;
	open_link();
	assert_true(wait_for(offline == 1, 3000));
	assert_string_equal(reason, "lost in on_online");
	lose_in_online = false;
	assert_true(wait_for(online == 2 && fix_access_has_conn(&server), 3000));
	assert_int_equal(offline, 1);
}

static void gives_up_when_the_server_says_so(void **state)
{
	give_up_in_method = true;
	go_online();
	rpc_notify(&fix_access_conn(&server)->rpc, "bye", NULL);
	assert_true(wait_for(offline == 1, 3000));
	assert_string_equal(reason, "removed");
	assert_int_equal(status().state, ACCESS_LINK_OFF);
	access_link_retry_now(link_);
	wait_for(false, 600);
	assert_int_equal(online, 1);
	assert_int_equal(status().state, ACCESS_LINK_OFF);
	assert_non_null(strstr(status().last_error, "removed"));
}

static void gives_up_in_any_state(void **state)
{
	/* Connecting. */
	open_link();
	access_link_give_up(link_, "enough");
	access_link_give_up(link_, "enough");
	assert_int_equal(status().state, ACCESS_LINK_OFF);
	wait_for(false, 300);
	assert_int_equal(online, 0);
	access_link_close(link_);
	assert_true(wait_for(closed == 1, 1000));
	/* Waiting. */
	server.close_ready = true;
	open_link();
	assert_true(wait_for(status().state == ACCESS_LINK_WAITING, 3000));
	access_link_give_up(link_, "enough");
	assert_int_equal(status().state, ACCESS_LINK_OFF);
	server.close_ready = false;
	online = 0;
	wait_for(false, 300);
	assert_int_equal(online, 0);
	access_link_close(link_);
	assert_true(wait_for(closed == 2, 1000));
	/* Authenticating. */
	server.no_inner = true;
	open_link();
	assert_true(wait_for(status().state == ACCESS_LINK_AUTH, 3000));
	access_link_give_up(link_, "enough");
	fix_access_cut(&server);
	assert_true(wait_for(status().state == ACCESS_LINK_OFF, 6000));
}

static void closes_in_any_state(void **state)
{
	for (unsigned int turns = 0; turns < 60; turns++) {
		open_link();
		for (unsigned int i = 0; i < turns; i++) {
			uv_run(&loop, UV_RUN_NOWAIT);
			usleep(100);
		}
		access_link_close(link_);
		access_link_close(link_);
		assert_null(access_link_rpc(link_));
		assert_true(wait_for(closed == turns + 1, 6000));
	}
	assert_int_equal(offline, 0);
}

static void closes_while_waiting(void **state)
{
	server.close_ready = true;
	open_link();
	assert_true(wait_for(status().state == ACCESS_LINK_WAITING, 3000));
	access_link_close(link_);
	assert_true(wait_for(closed == 1, 1000));
}

static void closes_from_within_callbacks(void **state)
{
	close_in_online = true;
	open_link();
	assert_true(wait_for(closed == 1, 6000));
	assert_int_equal(offline, 0);
	close_in_online = false;
	close_in_offline = true;
	online = 0;
	open_link();
	assert_true(wait_for(online == 1, 3000));
	assert_true(wait_for(fix_access_has_conn(&server), 1000));
	fix_access_cut(&server);
	assert_true(wait_for(closed == 2, 3000));
	assert_int_equal(offline, 1);
	online = 0;
	open_link();
	assert_true(wait_for(online == 1, 3000));
	assert_true(wait_for(fix_access_has_conn(&server), 1000));
	rpc_notify(&fix_access_conn(&server)->rpc, "bye", NULL);
	assert_true(wait_for(closed == 3, 6000));
}

/* A close answers what was asked, before on_closed. */
static void a_close_answers_what_is_open(void **state)
{
	server.mute = true;
	request_in_online = true;
	go_online();
	access_link_close(link_);
	assert_true(wait_for(closed == 1, 6000));
	assert_int_equal(answered, 1);
	assert_int_equal(answer_code, RPC_CLOSED);
	assert_true(wait_for(server.closed == 1, 1000));
	assert_int_equal(server.clean, 1);
}

static int group_set_up(void **state)
{
	log_init(LOG_ERROR);
	assert_int_equal(tls_global_init(), 0);
	fix_ca_make(&lab, "lab");
	fix_ca_make(&other, "lab");
	fix_id_make(&device, &lab, IDENT_DEVICE, '1');
	fix_id_make(&access_id, &lab, IDENT_ACCESS, 'a');
	fix_id_make(&false_access, &other, IDENT_ACCESS, 'a');
	fix_id_make(&no_access, &lab, IDENT_RELAY, 'a');
	identity.id = device.id;
	identity.key = device.key;
	identity.cert = device.cert;
	identity.ca = lab.cert;
	identity.n_urls = 1;
	return url_parse(&identity.urls[0], "https://127.0.0.1");
}

static int group_tear_down(void **state)
{
	tls_global_deinit();
	uv_library_shutdown();
	return 0;
}

#define t(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(comes_online),
		t(both_sides_ask),
		t(stays_away_as_long_as_it_is_asked),
		t(comes_back_after_a_loss),
		t(waits_with_jitter),
		t(retries_at_once_when_told),
		t(comes_when_the_server_comes),
		t(says_that_it_lives),
		t(notices_a_silent_server),
		t(ends_a_server_that_talks_nonsense),
		t(refuses_false_servers),
		t(hears_that_it_is_refused),
		t(gives_a_mute_server_its_time),
		t(can_be_lost_on_purpose),
		t(gives_up_when_the_server_says_so),
		t(gives_up_in_any_state),
		t(closes_in_any_state),
		t(closes_while_waiting),
		t(closes_from_within_callbacks),
		t(a_close_answers_what_is_open),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
