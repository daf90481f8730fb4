/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <poll.h>

#include "common/io/inner.h"
#include "common/pure/hello.h"
#include "common/pure/text.h"
#include "tests/unit/tls_fixture.h"

/* One end: an outer connection, and inside it an inner one, unless it is to stay bare. */
struct end {
	struct outer *outer;
	struct inner *inner;
	struct tls_ctx *ctx;
	struct tls_expect expect;
	uint32_t wait_ms;
	bool bare, close_in_ready, close_in_data, finish_in_ready;
	uint64_t to_send, sent, got, noise;
	bool outer_open, ready, closed, clean, drained;
	char reason[OUTER_REASON_SIZE];
};

static uv_loop_t loop;
static struct fix_ca lab;
static struct fix_id device, user, old_user;
static struct x509_key host_key;
static struct x509_cert host_cert;
static struct tls_ctx *outer_client, *outer_server, *inner_client, *inner_server, *inner_nobody,
	*inner_old;
static struct sockaddr_storage where;
static int listener;
static struct end c, s;

static uint8_t byte_at(uint64_t place)
{
	return (uint8_t)(place * 131 + (place >> 8) * 31 + (place >> 16));
}

static void feed(struct end *e)
{
	static uint8_t chunk[50000];

	while (!e->closed && e->sent < e->to_send &&
	       inner_queued(e->inner) < OUTER_QUEUE_HIGH_BYTES) {
		size_t n = 1 + noise_u32(&e->noise) % sizeof(chunk);

		if (n > e->to_send - e->sent)
			n = (size_t)(e->to_send - e->sent);
		for (size_t i = 0; i < n; i++)
			chunk[i] = byte_at(e->sent + i);
		assert_int_equal(inner_send(e->inner, chunk, n), 0);
		e->sent += n;
	}
}

static void on_ready(struct inner *in)
{
	struct end *e = inner_arg(in);

	assert_false(e->ready);
	e->ready = true;
	if (e->close_in_ready)
		inner_close(in, "closed in on_ready");
	else if (e->finish_in_ready)
		inner_finish(in, "finished in on_ready");
	else
		feed(e);
}

static void on_data(struct inner *in, const uint8_t *bytes, size_t n)
{
	struct end *e = inner_arg(in);

	assert_true(e->ready && !e->closed && n > 0);
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != byte_at(e->got + i))
			fail_msg("byte %llu is wrong", (unsigned long long)(e->got + i));
	}
	e->got += n;
	if (e->close_in_data)
		inner_close(in, "closed in on_data");
}

static void on_drain(struct inner *in)
{
	struct end *e = inner_arg(in);

	e->drained = true;
	feed(e);
}

static void on_closed(struct inner *in, bool clean, const char *reason)
{
	struct end *e = inner_arg(in);

	assert_false(e->closed);
	e->closed = true;
	e->clean = clean;
	e->inner = NULL;
	e->outer = NULL;
	assert_true(reason[0]);
	snprintf(e->reason, sizeof(e->reason), "%s", reason);
}

static const char *served; /* the only name that is served; NULL: whatever it is */
static char asked[HELLO_NAME_SIZE];

static const struct tls_ctx *on_hello(struct inner *in, const char *name)
{
	(void)in;
	snprintf(asked, sizeof(asked), "%s", name);
	return !served || strcmp(served, name) == 0 ? inner_server : NULL;
}

static const struct inner_callbacks inner_calls = {
	.on_hello = on_hello,
	.on_ready = on_ready,
	.on_data = on_data,
	.on_drain = on_drain,
	.on_closed = on_closed,
};

static void on_request(struct outer *o, const struct http_head *head)
{
	outer_upgrade(o);
}

static void on_outer_open(struct outer *o)
{
	struct end *e = outer_arg(o);

	e->outer_open = true;
	if (!e->bare)
		assert_int_equal(
			inner_open(&e->inner, o, e->ctx, &e->expect, e->wait_ms, &inner_calls, e),
			0);
}

static void on_outer_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	struct end *e = outer_arg(o);

	e->got += n;
}

static void on_outer_closed(struct outer *o, bool clean, const char *reason)
{
	struct end *e = outer_arg(o);

	e->closed = true;
	e->outer = NULL;
	snprintf(e->reason, sizeof(e->reason), "%s", reason);
}

static const struct outer_callbacks outer_calls = {
	.on_request = on_request,
	.on_open = on_outer_open,
	.on_data = on_outer_data,
	.on_closed = on_outer_closed,
};

static int set_up(void **state)
{
	memset(&c, 0, sizeof(c));
	memset(&s, 0, sizeof(s));
	inner_open_ms = INNER_OPEN_MS;
	c.noise = 88172645463325252u;
	s.noise = 4711;
	c.ctx = inner_client;
	s.ctx = inner_server;
	c.expect = (struct tls_expect){.alpn = TLS_ALPN_PATH, .has_ident = true, .id = device.id};
	s.expect = (struct tls_expect){.alpn = TLS_ALPN_PATH, .has_ident = true, .id = user.id};
	assert_int_equal(uv_loop_init(&loop), 0);
	listener = fix_listen(&where);
	return 0;
}

static int tear_down(void **state)
{
	if (c.inner)
		inner_close(c.inner, "end of the test");
	else if (c.outer)
		outer_close(c.outer, "end of the test");
	if (s.inner)
		inner_close(s.inner, "end of the test");
	else if (s.outer)
		outer_close(s.outer, "end of the test");
	close(listener);
	fix_loop_end(&loop);
	return 0;
}

#define wait_for(cond, ms)                                             \
	({                                                             \
		uint64_t until_ = clock_mono_ms() + (ms);              \
		bool met_;                                             \
		while (!(met_ = (cond)) && clock_mono_ms() < until_) { \
			uv_run(&loop, UV_RUN_NOWAIT);                  \
			usleep(100);                                   \
		}                                                      \
		met_;                                                  \
	})

static void start(void)
{
	struct outer_target t = {
		.addr = where,
		.host = "localhost",
		.host_header = "localhost",
		.path = "/v1/session",
		.headers = "",
	};
	struct pollfd p = {.fd = listener, .events = POLLIN};

	assert_int_equal(outer_connect(&c.outer, &loop, outer_client, &t, &outer_calls, &c), 0);
	assert_int_equal(poll(&p, 1, 2000), 1);
	assert_int_equal(outer_accept(&s.outer, &loop, outer_server,
				      accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC),
				      &outer_calls, &s),
			 0);
}

static void open_both(void)
{
	start();
	assert_true(wait_for(c.ready && s.ready, 5000));
}

static void assert_closed(struct end *e, bool clean, const char *why)
{
	assert_true(wait_for(e->closed, 7000));
	if (!strstr(e->reason, why))
		print_error("\"%s\" does not say \"%s\"\n", e->reason, why);
	assert_non_null(strstr(e->reason, why));
	assert_int_equal(e->clean, clean);
}

static void both_know_each_other(void **state)
{
	open_both();
	assert_true(ident_equal(&inner_peer(c.inner)->id, &device.id));
	assert_true(ident_equal(&inner_peer(s.inner)->id, &user.id));
	assert_string_equal(inner_alpn(c.inner), TLS_ALPN_PATH);
	assert_string_equal(inner_alpn(s.inner), TLS_ALPN_PATH);
	assert_string_equal(inner_cipher(c.inner), inner_cipher(s.inner));
	assert_ptr_equal(inner_outer(c.inner), c.outer);
#ifdef WOLFSSL_HAVE_MLKEM
	assert_non_null(strstr(inner_cipher(c.inner), " X25519MLKEM768"));
#endif
}

static void carries_a_stream_exactly(void **state)
{
	c.to_send = s.to_send = 8u << 20;
	open_both();
	assert_true(wait_for(c.got == s.to_send && s.got == c.to_send, 30000));
	assert_true(c.drained && s.drained);
	inner_finish(c.inner, "all sent");
	assert_closed(&c, true, "all sent");
	assert_closed(&s, true, "closed by peer");
}

static void sends_much_at_once(void **state)
{
	enum { N = 700000 };
	uint8_t *much = malloc(N);

	assert_non_null(much);
	for (size_t i = 0; i < N; i++)
		much[i] = byte_at(i);
	open_both();
	assert_int_equal(inner_send(c.inner, much, N), 0);
	assert_int_equal(inner_send(c.inner, much, 0), 0);
	assert_true(wait_for(s.got == N, 5000));
	free(much);
}

static void finish_delivers_what_is_queued(void **state)
{
	c.to_send = 200000;
	open_both();
	outer_pause(inner_outer(s.inner));
	inner_finish(c.inner, "done");
	assert_int_equal(inner_send(c.inner, "x", 1), -EPIPE);
	outer_resume(inner_outer(s.inner));
	assert_closed(&s, true, "closed by peer");
	assert_closed(&c, true, "done");
	assert_int_equal(s.got, c.to_send);
}

static void a_peer_that_does_not_read_ends_it(void **state)
{
	static uint8_t much[100000];
	int r;

	open_both();
	outer_pause(inner_outer(s.inner));
	while ((r = inner_send(c.inner, much, sizeof(much))) == 0)
		;
	assert_int_equal(r, -ENOBUFS);
	assert_closed(&c, false, "peer does not read");
}

static void a_cut_is_not_clean(void **state)
{
	open_both();
	outer_close(inner_outer(c.inner), "cut");
	assert_closed(&s, false, "closed by peer");
	assert_closed(&c, false, "cut");
}

/* The outer layer ends in order, by somebody in the middle; the inner one did not. */
static void an_outer_end_is_not_clean(void **state)
{
	open_both();
	outer_finish(inner_outer(c.inner), "in the middle");
	assert_closed(&s, false, "closed by peer");
	assert_closed(&c, false, "in the middle");
}

static void closes_from_within_callbacks(void **state)
{
	bool *const flags[] = {&c.close_in_ready, &s.close_in_ready, &s.close_in_data,
			       &c.finish_in_ready, &s.finish_in_ready};

	for (size_t i = 0; i < 5; i++) {
		if (i > 0) {
			tear_down(NULL);
			set_up(NULL);
		}
		c.to_send = 100000;
		*flags[i] = true;
		start();
		assert_true(wait_for(c.closed && s.closed, 3000));
		assert_int_equal(i == 3 ? c.clean : i == 4 ? s.clean : 0, i > 2);
	}
}

static void closes_in_any_state(void **state)
{
	for (int turns = 0; turns < 40; turns++) {
		tear_down(NULL);
		set_up(NULL);
		start();
		for (int i = 0; i < turns; i++)
			uv_run(&loop, UV_RUN_NOWAIT);
		if (turns % 2 && c.inner)
			inner_close(c.inner, "now");
		else if (c.inner)
			inner_finish(c.inner, "now");
		else
			outer_close(c.outer, "now");
		assert_true(wait_for(c.closed && s.closed, 3000));
	}
}

static void waits_as_long_as_it_is_told(void **state)
{
	uint64_t begin = clock_mono_ms();

	s.bare = true; /* says nothing */
	c.wait_ms = 300;
	start();
	assert_closed(&c, false, "did not come in time");
	assert_true(clock_mono_ms() - begin >= 290);
	assert_true(s.got > 500); /* the hello was there at once */
}

static void gives_a_handshake_its_time(void **state)
{
	inner_open_ms = 200;
	c.wait_ms = 5000;
	s.bare = true;
	start();
	assert_true(wait_for(s.got > 0, 3000));
	assert_int_equal(outer_send(s.outer, "\x16\x03\x03\x00\x7a\x02", 6),
			 0); /* the beginning of an answer */
	assert_closed(&c, false, "did not finish the handshake in time");
}

static void garbage_ends_it(void **state)
{
	s.bare = true;
	start();
	assert_true(wait_for(s.got > 0, 3000));
	assert_int_equal(outer_send(s.outer, "what is this, please?", 21), 0);
	assert_closed(&c, false, "TLS");
	assert_true(wait_for(s.closed, 2000));
}

static void garbage_in_the_middle_ends_it(void **state)
{
	open_both();
	assert_int_equal(outer_send(c.outer,
				    "\x17\x03\x03\x00\x20"
				    "0123456789abcdef0123456789abcdef",
				    37),
			 0);
	assert_true(wait_for(c.closed && s.closed, 2000));
	assert_false(s.clean || c.clean);
	print_message("%s / %s\n", s.reason, c.reason);
}

static void reasons_reach_the_other_side(void **state)
{
	s.expect.id.uid[0] = '9'; /* the server wants somebody else */
	start();
	assert_closed(&s, false, "peer's certificate is somebody else's");
	assert_closed(&c, false, "it does not accept our certificate");
	assert_false(s.ready);
}

static void a_client_says_why_it_refuses(void **state)
{
	c.expect.id.uid[0] = '9';
	start();
	assert_closed(&c, false, "peer's certificate is somebody else's");
	assert_closed(&s, false, "it does not accept our certificate");
	assert_false(c.ready || s.ready);
}

static void other_refusals_in_words(void **state)
{
	c.ctx = inner_old;
	start();
	assert_closed(&s, false, "certificate has expired");
	assert_closed(&c, false, "our certificate has expired");
	tear_down(NULL);
	set_up(NULL);
	c.ctx = inner_nobody;
	start();
	assert_closed(&s, false, "certificate");
	assert_closed(&c, false, "it wants a certificate");
	tear_down(NULL);
	set_up(NULL);
	c.expect.alpn = TLS_ALPN_ENROL;
	start();
	assert_closed(&s, false, "protocol");
	assert_closed(&c, false, "no common protocol");
}

static void opens_on_a_closing_connection(void **state)
{
	c.bare = true;
	start();
	assert_true(wait_for(c.outer_open, 3000));
	outer_close(c.outer, "too late");
	assert_int_equal(inner_open(&c.inner, c.outer, c.ctx, &c.expect, 0, &inner_calls, &c), 0);
	assert_closed(&c, false, "");
}

/* The server has no context before it knows whom the client wants. */
static void is_chosen_by_its_hello(void **state)
{
	char own[HELLO_NAME_SIZE] = "ca-";
	uint8_t sha[32];

	x509_sha256(lab.cert.der, lab.cert.len, sha);
	assert_int_equal(text_hex_encode(own + 3, sizeof(own) - 3, sha, 8), 0);
	served = NULL;
	s.ctx = NULL;
	start();
	assert_true(wait_for(c.ready && s.ready, 3000));
	assert_string_equal(asked, own);
}

static void nobody_is_served_by_that_name(void **state)
{
	served = "ca-0000000000000000";
	s.ctx = NULL;
	start();
	assert_closed(&c, false, "it serves no domain with the CA that we trust");
	assert_false(s.ready);
	served = NULL;
}

static int group_set_up(void **state)
{
	assert_int_equal(tls_global_init(), 0);
	fix_ca_make(&lab, "lab");
	fix_id_make(&device, &lab, IDENT_DEVICE, '1');
	fix_id_make(&user, &lab, IDENT_USER, '2');
	fix_id_make_dated(&old_user, &lab, IDENT_USER, '2', -7200, -3600);
	assert_int_equal(x509_key_generate(&host_key), 0);
	fix_host_cert(&lab, "localhost", &host_key, &host_cert);
	assert_int_equal(tls_ctx_outer_client(&outer_client, &lab.cert, false), 0);
	assert_int_equal(tls_ctx_outer_server(&outer_server, &host_cert, &host_key, &lab.cert), 0);
	assert_int_equal(tls_ctx_inner_client(&inner_client, &user.cert, &user.key, &lab.cert), 0);
	assert_int_equal(tls_ctx_inner_client(&inner_nobody, NULL, NULL, &lab.cert), 0);
	assert_int_equal(tls_ctx_inner_client(&inner_old, &old_user.cert, &old_user.key, &lab.cert),
			 0);
	assert_int_equal(tls_ctx_inner_server(&inner_server, &device.cert, &device.key, &lab.cert),
			 0);
	return 0;
}

static int group_tear_down(void **state)
{
	tls_ctx_free(outer_client);
	tls_ctx_free(outer_server);
	tls_ctx_free(inner_client);
	tls_ctx_free(inner_nobody);
	tls_ctx_free(inner_old);
	tls_ctx_free(inner_server);
	tls_global_deinit();
	return 0;
}

#define t(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(both_know_each_other),
		t(carries_a_stream_exactly),
		t(is_chosen_by_its_hello),
		t(nobody_is_served_by_that_name),
		t(sends_much_at_once),
		t(finish_delivers_what_is_queued),
		t(a_peer_that_does_not_read_ends_it),
		t(a_cut_is_not_clean),
		t(an_outer_end_is_not_clean),
		t(closes_from_within_callbacks),
		t(closes_in_any_state),
		t(waits_as_long_as_it_is_told),
		t(gives_a_handshake_its_time),
		t(garbage_ends_it),
		t(garbage_in_the_middle_ends_it),
		t(reasons_reach_the_other_side),
		t(a_client_says_why_it_refuses),
		t(other_refusals_in_words),
		t(opens_on_a_closing_connection),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
