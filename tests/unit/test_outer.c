/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/io/outer_internal.h"
#include "tests/unit/tls_fixture.h"

/* One end of a connection that is an outer object, and what happened to it. */
struct end {
	struct outer *o;
	/* What it is to do. */
	bool close_in_request, close_in_open, close_in_data, close_in_drain, close_in_gone;
	bool pause_in_data, bounce_in_data, ignore_request, finish_in_open, leave_in_request;
	int respond; /* status, instead of the upgrade */
	uint64_t to_send;
	size_t chunk_max;
	/* What happened. */
	bool opened, closed, clean, requested, gone, drained;
	unsigned int n_closed;
	uint64_t got, sent, noise, queued_max;
	char first[64];
	char reason[OUTER_REASON_SIZE];
};

/* The other side, by hand: an engine on a socket, so that it can do what an outer object never
 * would. */
struct raw {
	int fd;
	struct tls tls;
	struct buf in, out;
	char got[20000]; /* plaintext, as text where it is HTTP */
	size_t n;
	int shake, read; /* last results */
	bool eof;
};

static uv_loop_t loop, other_loop;
static bool has_other_loop;
static struct fix_ca lab;
static struct x509_key host_key;
static struct x509_cert host_cert;
static struct tls_ctx *client_ctx, *server_ctx;
static struct sockaddr_storage where;
static int listener;
static struct end c, s;
static struct raw raw;

/* Counter stream: the byte at a place says which place it is, with a period that no buffer has. */
static uint8_t byte_at(uint64_t place)
{
	return (uint8_t)(place * 131 + (place >> 8) * 31 + (place >> 16));
}

static void feed(struct end *e)
{
	static uint8_t chunk[40000];

	while (!e->closed && e->sent < e->to_send && outer_queued(e->o) < OUTER_QUEUE_HIGH_BYTES) {
		size_t n = 1 + noise_u32(&e->noise) % e->chunk_max;

		if (n > e->to_send - e->sent)
			n = (size_t)(e->to_send - e->sent);
		for (size_t i = 0; i < n; i++)
			chunk[i] = byte_at(e->sent + i);
		assert_int_equal(outer_send(e->o, chunk, n), 0);
		e->sent += n;
		if (outer_queued(e->o) > e->queued_max)
			e->queued_max = outer_queued(e->o);
	}
}

static void on_detached(struct outer *o)
{
	assert_int_equal(outer_attach(o, &other_loop, outer_arg(o)), 0);
	has_other_loop = true;
	outer_upgrade(o);
	outer_resume(o);
}

static void on_request(struct outer *o, const struct http_head *head)
{
	struct end *e = outer_arg(o);

	e->requested = true;
	if (e->leave_in_request)
		outer_detach(o, on_detached);
	else if (e->close_in_request)
		outer_close(o, "closed in on_request");
	else if (e->respond)
		outer_respond(o, e->respond, "Said So", "farlan test 0.1");
	else if (!e->ignore_request)
		outer_upgrade(o);
}

static void on_open(struct outer *o)
{
	struct end *e = outer_arg(o);

	assert_false(e->opened);
	e->opened = true;
	if (e->close_in_open)
		outer_close(o, "closed in on_open");
	else if (e->finish_in_open)
		outer_finish(o, "finished in on_open");
	else
		feed(e);
}

static void on_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	struct end *e = outer_arg(o);

	assert_true(e->opened && !e->closed && n > 0);
	if (e->got < sizeof(e->first) - 1)
		snprintf(e->first + e->got, sizeof(e->first) - (size_t)e->got, "%.*s", (int)n,
			 (const char *)bytes);
	for (size_t i = 0; i < n; i++) {
		if (e->chunk_max && bytes[i] != byte_at(e->got + i))
			fail_msg("byte %llu is wrong", (unsigned long long)(e->got + i));
	}
	e->got += n;
	if (e->close_in_data)
		outer_close(o, "closed in on_data");
	if (e->bounce_in_data) {
		outer_pause(o);
		outer_resume(o);
	}
	if (e->pause_in_data)
		outer_pause(o);
}

static void on_drain(struct outer *o)
{
	struct end *e = outer_arg(o);

	e->drained = true;
	assert_true(outer_queued(o) < OUTER_QUEUE_LOW_BYTES);
	if (e->close_in_drain)
		outer_close(o, "closed in on_drain");
	else
		feed(e);
}

static void on_gone(struct outer *o)
{
	struct end *e = outer_arg(o);

	assert_false(e->gone);
	e->gone = true;
	if (e->close_in_gone)
		outer_close(o, "closed in on_peer_gone");
}

static void on_closed(struct outer *o, bool clean, const char *reason)
{
	struct end *e = outer_arg(o);

	e->closed = true;
	e->n_closed++;
	e->clean = clean;
	assert_true(reason[0]);
	snprintf(e->reason, sizeof(e->reason), "%s", reason);
	e->o = NULL;
}

static const struct outer_callbacks calls = {
	.on_request = on_request,
	.on_open = on_open,
	.on_data = on_data,
	.on_drain = on_drain,
	.on_peer_gone = on_gone,
	.on_closed = on_closed,
};

/* Scenes */

static int set_up(void **state)
{
	memset(&c, 0, sizeof(c));
	memset(&s, 0, sizeof(s));
	c.noise = 88172645463325252u;
	s.noise = 1234567u;
	outer_times.open_ms = OUTER_OPEN_MS;
	outer_times.finish_ms = 5000;
	outer_times.trim_ms = 2000;
	assert_int_equal(uv_loop_init(&loop), 0);
	listener = fix_listen(&where);
	raw.fd = -1;
	return 0;
}

static int tear_down(void **state)
{
	close(listener);
	fix_loop_end(&loop);
	return 0;
}

static void raw_turn(struct raw *r);

/* Turn everything until @cond; false after @ms. */

#define wait_for(cond, ms)                                           \
	({                                                           \
		uint64_t until_ = clock_mono_ms() + (ms);            \
		bool met_;                                           \
		while (!(met_ = (cond)) && clock_mono_ms() < until_) \
			turn();                                      \
		met_;                                                \
	})

static void turn(void)
{
	uv_run(&loop, UV_RUN_NOWAIT);
	if (has_other_loop)
		uv_run(&other_loop, UV_RUN_NOWAIT);
	if (raw.fd >= 0)
		raw_turn(&raw);
	usleep(100);
}

static void turn_for(unsigned int ms)
{
	(void)wait_for(false, ms);
}

static void assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		print_error("\"%s\" does not say \"%s\"\n", text, part);
	assert_non_null(strstr(text, part));
}

static void connect_end(struct end *e, const char *headers)
{
	struct outer_target t = {
		.addr = where,
		.host = "localhost",
		.host_header = "localhost",
		.path = "/v1/control",
		.headers = headers,
	};

	assert_int_equal(outer_connect(&e->o, &loop, client_ctx, &t, &calls, e), 0);
	assert_false(e->opened || e->closed);
}

static int accept_fd(void)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	int fd;

	assert_int_equal(poll(&p, 1, 2000), 1);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void accept_end(struct end *e)
{
	assert_int_equal(outer_accept(&e->o, &loop, server_ctx, accept_fd(), &calls, e), 0);
}

static void open_both(void)
{
	connect_end(&c, "");
	accept_end(&s);
	assert_true(wait_for(c.opened && s.opened, 5000));
}

static void assert_closed(struct end *e, const char *why)
{
	assert_true(wait_for(e->closed, 7000));
	assert_int_equal(e->n_closed, 1);
	assert_says(e->reason, why);
}

static void end_scene(void)
{
	if (c.o)
		outer_close(c.o, "end of the test");
	if (s.o)
		outer_close(s.o, "end of the test");
	assert_true(wait_for(!c.o && !s.o, 1000));
	assert_true(c.n_closed <= 1 && s.n_closed <= 1);
}

/* The other side by hand */

static void raw_start(struct raw *r, int fd, const struct tls_ctx *ctx)
{
	memset(r, 0, sizeof(*r));
	r->fd = fd;
	buf_init(&r->in, 1u << 20);
	buf_init(&r->out, 4u << 20);
	assert_int_equal(tls_init(&r->tls, ctx, &r->in, &r->out,
				  ctx == client_ctx ? "localhost" : NULL, NULL),
			 0);
	r->shake = r->read = -EAGAIN;
}

static int connect_fd(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&where, sizeof(struct sockaddr_in)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void raw_connect(struct raw *r)
{
	int fd = connect_fd();

	accept_end(&s);
	raw_start(r, fd, client_ctx);
}

static void raw_flush(struct raw *r)
{
	ssize_t n = buf_len(&r->out)
			    ? send(r->fd, buf_data(&r->out), buf_len(&r->out), MSG_NOSIGNAL)
			    : 0;

	if (n > 0)
		buf_consume(&r->out, (size_t)n);
}

static void raw_turn(struct raw *r)
{
	uint8_t bytes[16384];
	ssize_t n = recv(r->fd, bytes, sizeof(bytes), 0);
	size_t part;

	if (n > 0)
		assert_int_equal(buf_append(&r->in, bytes, (size_t)n), 0);
	else if (n == 0 || errno != EAGAIN)
		r->eof = true;
	if (r->shake == -EAGAIN)
		r->shake = tls_handshake(&r->tls);
	while (r->shake == 0 && r->n < sizeof(r->got) - 1) {
		r->read = tls_read(&r->tls, r->got + r->n, sizeof(r->got) - 1 - r->n, &part);
		if (r->read != 0)
			break;
		r->n += part;
		r->got[r->n] = '\0';
	}
	raw_flush(r);
}

static void raw_close(struct raw *r)
{
	if (r->fd < 0)
		return;
	close(r->fd);
	r->fd = -1;
	tls_deinit(&r->tls);
	buf_deinit(&r->in);
	buf_deinit(&r->out);
}

static void raw_reset(struct raw *r)
{
	struct linger now = {.l_onoff = 1};

	assert_int_equal(setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	raw_close(r);
}

static void raw_say(struct raw *r, const void *bytes, size_t n)
{
	assert_int_equal(tls_write(&r->tls, bytes, n), 0);
	raw_flush(r);
}

static void raw_text(struct raw *r, const char *text)
{
	raw_say(r, text, strlen(text));
}

static void raw_frame(struct raw *r, enum ws_op op, const void *bytes, size_t n, bool masked)
{
	static const uint8_t mask[4] = {1, 2, 3, 4};
	uint8_t frame[WS_HEADER_MAX_BYTES + 40000];
	size_t head = ws_header_encode(frame, op, n, masked ? mask : NULL);

	assert_true(n <= 40000);
	if (n > 0)
		memcpy(frame + head, bytes, n);
	if (masked)
		ws_mask(frame + head, n, mask, 0);
	raw_say(r, frame, head + n);
}

#define REQUEST_START                                                           \
	"GET /v1/control HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n" \
	"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                  \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define REQUEST REQUEST_START "Sec-WebSocket-Protocol: farlan.1\r\n\r\n"

static void raw_shake(struct raw *r)
{
	raw_connect(r);
	assert_true(wait_for(r->shake == 0, 3000));
}

static void raw_upgrade(struct raw *r)
{
	raw_shake(r);
	raw_text(r, REQUEST);
	assert_true(wait_for(r->n > 4 && strstr(r->got, "\r\n\r\n"), 3000));
	assert_says(r->got, "HTTP/1.1 101 ");
	assert_says(r->got, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
	assert_says(r->got, "Sec-WebSocket-Protocol: farlan.1\r\n");
	r->n = 0;
	r->got[0] = '\0';
}

static void raw_open(struct raw *r)
{
	raw_upgrade(r);
	turn_for(20);
	assert_int_equal(r->n, 0); /* nothing before "ready" */
	assert_false(s.opened);
	raw_frame(r, WS_TEXT, "ready", 5, true);
	assert_true(wait_for(s.opened, 3000));
}

/* A client's outer object against a server by hand, as far as the end of its request. */
static void raw_serve(struct raw *r)
{
	connect_end(&c, "");
	raw_start(r, accept_fd(), server_ctx);
	assert_true(wait_for(r->n > 4 && strstr(r->got, "\r\n\r\n"), 3000));
}

static void raw_answer_101(struct raw *r, const char *protocol)
{
	const char *key = strstr(r->got, "Sec-WebSocket-Key: ") + 19;
	char accept[HTTP_WS_ACCEPT_SIZE], text[400];

	assert_int_equal(http_ws_accept(accept, (struct http_str){.at = key, .len = 24}), 0);
	snprintf(text, sizeof(text),
		 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		 "Sec-WebSocket-Accept: %s\r\n%s\r\n",
		 accept, protocol);
	r->n = 0;
	raw_text(r, text);
}

/* --- the stream --- */

static void opens_and_tells_about_itself(void **state)
{
	struct outer_stats stats;

	open_both();
	assert_true(outer_tls_peer(c.o)->verified);
	assert_string_equal(outer_host(c.o), "localhost");
	assert_ptr_equal(outer_loop(s.o), &loop);
	outer_stats(c.o, &stats);
	assert_string_equal(stats.tls_version, "TLSv1.3");
	assert_true(stats.bytes_in > 500 && stats.bytes_out > 500);
	assert_int_equal(fix_port(outer_peer_addr(c.o)), fix_port(&where));
	assert_int_equal(outer_peer_addr(s.o)->ss_family, AF_INET);
	end_scene();
}

static void carries_a_stream_exactly(void **state)
{
	unsigned int turns = 0;

	c.to_send = s.to_send = 20u << 20;
	c.chunk_max = 40000;
	s.chunk_max = 3000;
	open_both();
	while ((c.got < s.to_send || s.got < c.to_send) && turns < 2000000) {
		uv_run(&loop, UV_RUN_NOWAIT);
		feed(&c);
		feed(&s);
		if (++turns % 7 == 0)
			outer_pause(turns % 2 ? c.o : s.o);
		if (turns % 7 == 5) {
			outer_resume(c.o);
			outer_resume(s.o);
		}
	}
	assert_int_equal(c.got, s.to_send);
	assert_int_equal(s.got, c.to_send);
	assert_true(c.drained && s.drained);
	assert_true(c.queued_max < OUTER_QUEUE_HIGH_BYTES + 41000);
	outer_resume(s.o);
	outer_finish(c.o, "all sent");
	assert_closed(&c, "all sent");
	assert_closed(&s, "closed by peer");
	assert_true(c.clean && s.clean);
}

/* Without on_drain being helped along by the test: the loop sleeps between events. */
static void drains_by_itself(void **state)
{
	c.to_send = 5u << 20;
	c.chunk_max = s.chunk_max = 40000;
	open_both();
	for (int i = 0; i < 100000 && s.got < c.to_send; i++)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(s.got, c.to_send);
	end_scene();
}

static void a_paused_receiver_stops_the_sender(void **state)
{
	uint64_t sent, got;

	c.to_send = 40u << 20;
	c.chunk_max = s.chunk_max = 40000;
	open_both();
	outer_pause(s.o);
	got = s.got;
	turn_for(300);
	sent = c.sent;
	turn_for(100);
	assert_int_equal(c.sent, sent);
	assert_true(sent < c.to_send);
	assert_true(outer_queued(c.o) >= OUTER_QUEUE_LOW_BYTES);
	assert_int_equal(s.got, got);
	assert_true(s.o->net_in.size <= 64u << 10);
	assert_true(s.o->plain.size <= 64u << 10);
	outer_resume(s.o);
	assert_true(wait_for(s.got == c.to_send, 20000));
	end_scene();
}

static void refuses_more_than_its_queue(void **state)
{
	static uint8_t much[100000];
	size_t sum = 0;
	int r;

	connect_end(&c, "");
	assert_int_equal(outer_send(c.o, "x", 1), -EPIPE);
	accept_end(&s);
	assert_true(wait_for(c.opened && s.opened, 5000));
	outer_pause(s.o);
	while ((r = outer_send(c.o, much, sizeof(much))) == 0)
		sum += sizeof(much);
	assert_int_equal(r, -ENOBUFS);
	assert_true(sum > 900000 && sum <= OUTER_QUEUE_MAX_BYTES);
	outer_resume(s.o);
	assert_true(wait_for(s.got == sum, 5000));
	assert_true(c.drained);
	assert_int_equal(outer_send(c.o, much, 1), 0);
	assert_int_equal(outer_send(c.o, much, 0), 0);
	outer_close(c.o, "enough");
	assert_int_equal(outer_send(c.o, much, 1), -EPIPE);
	end_scene();
}

static void finish_delivers_what_is_queued(void **state)
{
	static uint8_t chunk[50000];
	uint64_t sum = 0;

	c.chunk_max = s.chunk_max = 1;
	open_both();
	outer_pause(s.o);
	while (outer_queued(c.o) < 900000) {
		for (size_t i = 0; i < sizeof(chunk); i++)
			chunk[i] = byte_at(sum + i);
		assert_int_equal(outer_send(c.o, chunk, sizeof(chunk)), 0);
		sum += sizeof(chunk);
	}
	outer_finish(c.o, "done");
	outer_finish(c.o, "done twice");
	assert_int_equal(outer_send(c.o, chunk, 1), -EPIPE);
	turn_for(50);
	outer_resume(s.o);
	assert_closed(&s, "closed by peer");
	assert_closed(&c, "done");
	assert_int_equal(s.got, sum);
	assert_true(s.clean && c.clean);
}

/* Both at once; and one whose input is full, because it was paused. */
static void both_may_finish_at_once(void **state)
{
	uint64_t start = clock_mono_ms();

	open_both();
	assert_int_equal(outer_send(c.o, "one", 3), 0);
	assert_int_equal(outer_send(s.o, "two", 3), 0);
	outer_finish(c.o, "done");
	outer_finish(s.o, "done");
	assert_closed(&c, "done");
	assert_closed(&s, "done");
	assert_true(c.clean && s.clean);
	assert_true(clock_mono_ms() - start < 2000);
}

static void finish_while_paused_ends_soon(void **state)
{
	uint64_t start;

	c.to_send = 10u << 20;
	c.chunk_max = s.chunk_max = 40000;
	open_both();
	outer_pause(s.o);
	turn_for(200);
	start = clock_mono_ms();
	c.to_send = 0;
	outer_finish(s.o, "no more of it");
	assert_closed(&s, "no more of it");
	assert_closed(&c, "");
	assert_true(clock_mono_ms() - start < 3000);
}

static void a_peer_that_never_ends_is_cut_off(void **state)
{
	raw_open(&raw);
	outer_times.finish_ms = 200;
	outer_finish(s.o, "done");
	assert_true(wait_for(raw.eof, 1000)); /* our FIN; it does not answer */
	assert_closed(&s, "done");
	assert_false(s.clean);
	raw_close(&raw);
}

static void resumes_within_on_data(void **state)
{
	c.to_send = 3u << 20;
	c.chunk_max = s.chunk_max = 10000;
	s.bounce_in_data = true;
	open_both();
	assert_true(wait_for(s.got == c.to_send, 10000));
	end_scene();
}

static void pauses_within_on_data(void **state)
{
	c.to_send = 1u << 20;
	c.chunk_max = s.chunk_max = 10000;
	s.pause_in_data = true;
	open_both();
	while (s.got < c.to_send) {
		uint64_t before = s.got;

		outer_resume(s.o);
		assert_true(wait_for(s.got > before, 1000));
		before = s.got;
		turn();
		assert_int_equal(s.got, before);
	}
	end_scene();
}

/* --- closing from every place --- */

static void closes_from_within_any_callback(void **state)
{
	bool *const flags[] = {&s.close_in_request, &c.close_in_open,  &s.close_in_open,
			       &s.close_in_data,    &c.close_in_drain, &c.finish_in_open,
			       &s.finish_in_open};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		memset(&c, 0, sizeof(c));
		memset(&s, 0, sizeof(s));
		c.noise = s.noise = 99;
		c.to_send = 3u << 20;
		c.chunk_max = s.chunk_max = 10000;
		*flags[i] = true;
		if (flags[i] == &s.close_in_data)
			c.to_send = 5;
		connect_end(&c, "");
		accept_end(&s);
		assert_closed(&c, "");
		assert_closed(&s, "");
	}
}

static void closes_at_once(void **state)
{
	connect_end(&c, "");
	outer_close(c.o, "never mind");
	outer_close(c.o, "never mind again");
	assert_false(c.closed);
	assert_closed(&c, "never mind");
	assert_false(c.clean);
	assert_string_equal(c.reason, "never mind");
}

static void closes_in_any_state(void **state)
{
	for (int turns = 0; turns < 60; turns++) {
		memset(&c, 0, sizeof(c));
		memset(&s, 0, sizeof(s));
		connect_end(&c, "");
		accept_end(&s);
		for (int i = 0; i < turns && !s.opened; i++)
			uv_run(&loop, UV_RUN_NOWAIT);
		if (turns % 3 == 0)
			outer_close(turns % 2 ? c.o : s.o, "now");
		else if (turns % 3 == 1)
			outer_finish(turns % 2 ? c.o : s.o, "now");
		else
			outer_close(c.o, "now"), outer_finish(s.o, "now");
		assert_closed(&c, "");
		assert_closed(&s, "");
	}
}

static void hands_over_to_another_owner(void **state)
{
	struct end heir = {.noise = 1};

	open_both();
	outer_set_callbacks(s.o, &calls, &heir);
	heir.o = s.o;
	heir.opened = true;
	s.o = NULL;
	assert_int_equal(outer_send(c.o, "hello", 5), 0);
	assert_true(wait_for(heir.got == 5, 1000));
	outer_close(c.o, "bye");
	assert_closed(&heir, "");
	assert_int_equal(s.got, 0);
	end_scene();
}

/* --- the other side goes away --- */

/* It has not looked at the clock since before the connection began. */
static void goes_on_on_a_loop_that_slept(void **state)
{
	assert_int_equal(uv_loop_init(&other_loop), 0);
	turn_for(30);
	s.leave_in_request = true;
	c.to_send = 100000;
	c.chunk_max = s.chunk_max = 5000;
	open_both();
	assert_ptr_equal(outer_loop(s.o), &other_loop);
	assert_true(wait_for(s.got == c.to_send, 5000));
	end_scene();
	has_other_loop = false;
	fix_loop_end(&other_loop);
}

static void a_reset_ends_it(void **state)
{
	for (int stage = 0; stage < 5; stage++) {
		memset(&s, 0, sizeof(s));
		if (stage == 0)
			raw_connect(&raw);
		else if (stage == 1)
			raw_shake(&raw);
		else if (stage == 2)
			raw_upgrade(&raw);
		else
			raw_open(&raw);
		if (stage == 4)
			outer_pause(s.o);
		raw_reset(&raw);
		assert_closed(&s, "connection lost: Connection reset by peer");
		assert_false(s.clean);
	}
}

static void a_fin_ends_it(void **state)
{
	static const char *const why[] = {"during the handshake", "during the handshake", "by peer",
					  "by peer"};

	for (int stage = 0; stage < 4; stage++) {
		memset(&s, 0, sizeof(s));
		if (stage == 0)
			raw_connect(&raw);
		else if (stage == 1)
			raw_shake(&raw);
		else if (stage == 2)
			raw_upgrade(&raw);
		else
			raw_open(&raw);
		assert_int_equal(shutdown(raw.fd, SHUT_WR), 0);
		assert_closed(&s, why[stage]);
		assert_true(wait_for(raw.eof, 1000));
		raw_close(&raw);
	}
}

static void tells_of_a_peer_that_left_while_paused(void **state)
{
	raw_open(&raw);
	outer_pause(s.o);
	raw_frame(&raw, WS_BINARY, "last words", 10, true);
	turn_for(20);
	raw_close(&raw);
	assert_true(wait_for(s.gone, 1000));
	turn_for(50);
	assert_false(s.closed);
	assert_int_equal(s.got, 0);
	outer_resume(s.o);
	assert_closed(&s, "closed by peer");
	assert_string_equal(s.first, "last words");
}

static void hands_out_much_that_a_gone_peer_left(void **state)
{
	c.to_send = 110000; /* more than is read ahead, less than the kernel takes besides */
	c.chunk_max = s.chunk_max = 40000;
	open_both();
	outer_pause(s.o);
	turn_for(100);
	assert_int_equal(c.sent, c.to_send);
	outer_finish(c.o, "bye");
	assert_true(wait_for(s.gone, 2000));
	assert_false(s.closed);
	outer_resume(s.o);
	assert_closed(&s, "closed by peer");
	assert_int_equal(s.got, c.to_send);
	assert_closed(&c, "bye");
}

static void closes_when_told_of_a_gone_peer(void **state)
{
	s.close_in_gone = true;
	raw_open(&raw);
	outer_pause(s.o);
	raw_frame(&raw, WS_BINARY, "last words", 10, true);
	turn_for(20);
	raw_close(&raw);
	assert_closed(&s, "closed in on_peer_gone");
}

static void a_paused_end_without_data_hears_the_fin(void **state)
{
	raw_open(&raw);
	outer_pause(s.o);
	raw_close(&raw);
	assert_closed(&s, "closed by peer");
}

/* --- time --- */

static void a_server_does_not_wait_for_ever(void **state)
{
	static const char *const why[] = {"TLS handshake timed out", "no valid request",
					  "no valid request"};

	for (int stage = 0; stage < 3; stage++) {
		memset(&s, 0, sizeof(s));
		if (stage == 2)
			outer_times.open_ms = 600;
		else
			outer_times.open_ms = 200;
		if (stage == 0) {
			int fd = connect_fd();

			accept_end(&s);
			assert_closed(&s, why[stage]);
			close(fd);
			continue;
		}
		if (stage == 1)
			raw_shake(&raw);
		else
			raw_upgrade(&raw);
		assert_closed(&s, why[stage]);
		raw_close(&raw);
	}
}

static void a_client_does_not_wait_for_ever(void **state)
{
	int fd;

	outer_times.open_ms = 200;
	connect_end(&c, "");
	assert_closed(&c, "TLS handshake timed out"); /* the kernel accepted, nobody else did */
	memset(&c, 0, sizeof(c));
	close(accept_fd());
	raw_serve(&raw);
	assert_closed(&c, "no valid request or answer in time");
	raw_close(&raw);
	/* A full backlog: nobody answers at all. */
	memset(&c, 0, sizeof(c));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_true(connect(fd, (struct sockaddr *)&where, sizeof(struct sockaddr_in)) == 0 ||
		    errno == EINPROGRESS);
	turn_for(20);
	connect_end(&c, "");
	assert_closed(&c, "no answer (connection timed out)");
	close(fd);
}

static void notices_silence(void **state)
{
	uint64_t start;

	raw_open(&raw);
	outer_set_silence(s.o, 150);
	for (int i = 0; i < 6; i++) {
		turn_for(50);
		assert_false(s.closed);
		raw_frame(&raw, WS_PING, "", 0, true);
	}
	start = clock_mono_ms();
	assert_closed(&s, "nothing was received for too long");
	assert_true(clock_mono_ms() - start >= 100);
	raw_close(&raw);
	memset(&s, 0, sizeof(s));
	raw_open(&raw);
	outer_set_silence(s.o, 50);
	outer_set_silence(s.o, 0);
	turn_for(120);
	assert_false(s.closed);
	end_scene();
	raw_close(&raw);
}

static void a_byte_now_and_then_does_not_prolong_it(void **state)
{
	static const char text[] = REQUEST;
	size_t at = 0;

	outer_times.open_ms = 400;
	raw_shake(&raw);
	while (!s.closed && at < sizeof(text)) {
		raw_say(&raw, text + at++, 1);
		turn_for(20);
	}
	assert_closed(&s, "no valid request");
	raw_close(&raw);
}

/* --- HTTP --- */

static void takes_a_request_byte_by_byte(void **state)
{
	static const char text[] = REQUEST;

	raw_shake(&raw);
	for (size_t i = 0; i + 1 < sizeof(text); i++) {
		assert_false(s.requested);
		raw_say(&raw, text + i, 1);
		if (i % 16 == 0)
			turn();
	}
	assert_true(wait_for(s.requested, 1000));
	assert_true(wait_for(strstr(raw.got, "101"), 1000));
	end_scene();
	raw_close(&raw);
}

/* Everything in one record: request, "ready", data. */
static void takes_an_eager_client(void **state)
{
	char text[600];
	static const uint8_t ready[] = {0x81, 0x85, 0,	  0, 0, 0, 'r', 'e', 'a', 'd',
					'y',  0x82, 0x82, 0, 0, 0, 0,	'h', 'i'};
	size_t n = sizeof(REQUEST) - 1;

	memcpy(text, REQUEST, n);
	memcpy(text + n, ready, sizeof(ready));
	raw_shake(&raw);
	raw_say(&raw, text, n + sizeof(ready));
	assert_true(wait_for(s.got == 2, 1000));
	assert_string_equal(s.first, "hi");
	end_scene();
	raw_close(&raw);
}

static void expect_answer(const char *request, size_t n, const char *status)
{
	memset(&s.opened, 0, sizeof(s) - offsetof(struct end, opened));
	raw_shake(&raw);
	raw_say(&raw, request, n);
	if (!wait_for(raw.eof, 3000))
		fail_msg("no end: %d %s / %.40s", raw.read, raw.got, request);
	assert_int_equal(raw.read, -EPIPE); /* close_notify, not only FIN */
	assert_says(raw.got, status);
	assert_says(raw.got, "Content-Length: ");
	raw_close(&raw);
	assert_closed(&s, "answered ");
}

static void answers_requests_that_are_no_upgrade(void **state)
{
	static const char get[] = "GET /v1/probe HTTP/1.1\r\nHost: localhost\r\n\r\n";
	static const char no_protocol[] = REQUEST_START "\r\n";
	static const char foreign[] =
		REQUEST_START "Sec-WebSocket-Protocol: chat, farlan.10\r\n\r\n";
	static const char response[] = "HTTP/1.1 200 OK\r\n\r\n";

	s.respond = 200;
	expect_answer(get, sizeof(get) - 1, "HTTP/1.1 200 Said So\r\n");
	assert_true(s.requested);
	expect_answer(REQUEST, sizeof(REQUEST) - 1, "HTTP/1.1 200 Said So\r\n");
	s.respond = 503;
	expect_answer(REQUEST, sizeof(REQUEST) - 1, "HTTP/1.1 503 ");
	s.respond = 0;
	expect_answer(get, sizeof(get) - 1, "HTTP/1.1 426 Upgrade Required\r\n");
	expect_answer(no_protocol, sizeof(no_protocol) - 1, "HTTP/1.1 426 ");
	expect_answer(foreign, sizeof(foreign) - 1, "HTTP/1.1 426 ");
	s.ignore_request = true;
	expect_answer(get, sizeof(get) - 1, "HTTP/1.1 404 Not Found\r\n");
	expect_answer("NONSENSE\r\n\r\n", 12, "HTTP/1.1 400 ");
	expect_answer("\x01\x02zzzzzzzzzzzzzz", 16, "HTTP/1.1 400 ");
	memset(&s, 0, sizeof(s));
	raw_shake(&raw);
	raw_text(&raw, response);
	assert_closed(&s, "not a request");
	raw_close(&raw);
}

static void accepts_one_of_several_protocols(void **state)
{
	raw_shake(&raw);
	raw_text(&raw, REQUEST_START "Sec-WebSocket-Protocol: chat, farlan.1\r\n\r\n");
	assert_true(wait_for(strstr(raw.got, "\r\n\r\n"), 1000));
	assert_says(raw.got, "HTTP/1.1 101 ");
	end_scene();
	raw_close(&raw);
}

static void refuses_an_oversized_head(void **state)
{
	static char head[9000] = "GET / HTTP/1.1\r\nX: ";

	memset(head + strlen(head), 'a', sizeof(head) - strlen(head));
	expect_answer(head, sizeof(head), "HTTP/1.1 431 ");
	expect_answer(head, 8193, "HTTP/1.1 431 ");
}

static void refuses_garbage_and_plain_http(void **state)
{
	static const char *const first[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
					    "SSH-2.0-OpenSSH_9.2\r\n",
					    "\x16\x03\x01\xff\xff garbage", "\x80\x2e\x01\x03\x01"};

	for (size_t i = 0; i < 4; i++) {
		int fd = connect_fd();

		memset(&s, 0, sizeof(s));
		accept_end(&s);
		assert_int_equal(send(fd, first[i], strlen(first[i]), 0), strlen(first[i]));
		shutdown(fd, SHUT_WR);
		assert_closed(&s, "");
		print_message("%s\n", s.reason);
		assert_false(s.opened || s.requested || s.clean);
		close(fd);
	}
}

static void sends_its_headers(void **state)
{
	connect_end(&c, "Authorization: Bearer v4.public.abc\r\nFarlan-Generation: 7\r\n");
	raw_start(&raw, accept_fd(), server_ctx);
	assert_true(wait_for(strstr(raw.got, "\r\n\r\n"), 3000));
	assert_says(raw.got, "GET /v1/control HTTP/1.1\r\nHost: localhost\r\n");
	assert_says(raw.got,
		    "\r\nAuthorization: Bearer v4.public.abc\r\nFarlan-Generation: 7\r\n\r\n");
	end_scene();
	raw_close(&raw);
}

static void refuses_a_request_that_is_too_long(void **state)
{
	struct outer_target t = {
		.addr = where, .host = "localhost", .host_header = "localhost", .path = "/"};
	static char headers[5000];
	struct outer *o;

	memset(headers, 'a', sizeof(headers) - 1);
	t.headers = headers;
	assert_int_equal(outer_connect(&o, &loop, client_ctx, &t, &calls, &c), -ENAMETOOLONG);
}

static void a_client_passes_over_other_servers(void **state)
{
	static const struct {
		const char *answer, *why;
	} servers[] = {
		{"HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\nnothing here\nmore",
		 "server answered 404: nothing here"},
		{"HTTP/1.1 200 OK\r\n\r\n<html>", "server answered 200: <html>"},
		{"HTTP/1.1 503 Busy\r\n\r\nb\x01\xc3x", "server answered 503: b??x"},
		{"HTTP/1.0 302 Found\r\n\r\n", "server answered 302"},
		{"HTTP/1.1 302 Found\r\nLocation: http://login.lab/?u=1\r\n\r\n<html>",
		 "server answered 302, to be sent to \"http://login.lab/?u=1\""},
		{"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\nd\r\nnothing "
		 "here\n\r\n",
		 "server answered 404"},
		{"SSH-2.0-x\r\n\r\n", "not a Farlan server"},
		{"GET / HTTP/1.1\r\n\r\n", "not a Farlan server"},
		{"HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		 "not a Farlan server"},
	};

	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		memset(&c, 0, sizeof(c));
		raw_serve(&raw);
		raw_text(&raw, servers[i].answer);
		assert_closed(&c, servers[i].why);
		assert_false(c.opened);
		raw_close(&raw);
	}
	/* A head that does not end, in one header or in many. */
	for (int many = 0; many < 2; many++) {
		memset(&c, 0, sizeof(c));
		raw_serve(&raw);
		raw_text(&raw, "HTTP/1.1 101 OK\r\nX-A: b");
		for (int i = 0; i < 100 && !c.closed; i++) {
			char kib[1025];

			memset(kib, 'x', 1024);
			kib[1024] = '\0';
			if (many)
				memcpy(kib + 1000, "\r\nX-A: ", 7);
			raw_text(&raw, kib);
			turn();
		}
		assert_closed(&c, "the head of its HTTP answer does not end");
		raw_close(&raw);
	}
	for (int i = 0; i < 3; i++) {
		static const char *const protocols[] = {"", "Sec-WebSocket-Protocol: chat\r\n",
							"Sec-WebSocket-Protocol: farlan.10\r\n"};

		memset(&c, 0, sizeof(c));
		raw_serve(&raw);
		raw_answer_101(&raw, protocols[i]);
		assert_closed(&c, "not a Farlan server");
		assert_false(c.opened);
		raw_close(&raw);
	}
}

/* Nothing is said to somebody who ends the TLS on the way, if that is not wanted. */
static void a_client_may_refuse_who_sits_between(void **state)
{
	struct tls_ctx *mine = client_ctx;

	assert_int_equal(tls_ctx_outer_client(&client_ctx, NULL, false), 0);
	tls_ctx_refuse_inspection(client_ctx);
	connect_end(&c, "Authorization: Bearer secret\r\n");
	accept_end(&s);
	assert_closed(&c, "refused (inspection = refuse)");
	assert_says(c.reason, "TLS is inspected or ended on the way");
	assert_true(wait_for(s.closed, 2000));
	assert_false(s.requested);
	tls_ctx_free(client_ctx);
	client_ctx = mine;
}

static void a_client_refuses_what_is_no_tls(void **state)
{
	static const char *const first[] = {"HTTP/1.1 400 Bad Request\r\n\r\n",
					    "220 mail ESMTP\r\n", ""};

	for (size_t i = 0; i < 3; i++) {
		int fd;

		memset(&c, 0, sizeof(c));
		connect_end(&c, "");
		fd = accept_fd();
		turn_for(20);
		if (first[i][0])
			assert_true(send(fd, first[i], strlen(first[i]), 0) > 0);
		close(fd); /* with its hello unread: a reset follows */
		assert_closed(&c, "");
		print_message("%s\n", c.reason);
		assert_false(c.opened);
	}
}

static void a_server_that_speaks_first_does_no_harm(void **state)
{
	raw_serve(&raw);
	raw_answer_101(&raw, "Sec-WebSocket-Protocol: farlan.1\r\n");
	raw_frame(&raw, WS_BINARY, "too early", 9, false);
	assert_true(wait_for(c.opened && c.got == 9, 1000));
	assert_true(wait_for(raw.n >= 11, 1000));
	assert_int_equal((uint8_t)raw.got[0], 0x81); /* its "ready", masked */
	assert_int_equal((uint8_t)raw.got[1], 0x85);
	end_scene();
	raw_close(&raw);
}

/* --- WebSocket --- */

static void refuses_data_before_ready(void **state)
{
	raw_upgrade(&raw);
	raw_frame(&raw, WS_BINARY, "early", 5, true);
	assert_closed(&s, "data before \"ready\"");
	assert_false(s.opened);
	raw_close(&raw);
}

static void refuses_malformed_frames(void **state)
{
	static const uint8_t huge[] = {0x82, 0xff, 0, 0, 0, 0, 0x00, 0x20, 0, 0, 1, 2, 3, 4};
	static const uint8_t reserved[] = {0xc2, 0x80, 1, 2, 3, 4};
	static const uint8_t long_ping[] = {0x89, 0xfe, 0, 200, 1, 2, 3, 4};
	static const uint8_t unmasked[] = {0x82, 0x01, 'x'};
	const struct {
		const uint8_t *bytes;
		size_t n;
	} frames[] = {{huge, sizeof(huge)},
		      {reserved, sizeof(reserved)},
		      {long_ping, sizeof(long_ping)},
		      {unmasked, sizeof(unmasked)}};

	for (size_t i = 0; i < 4; i++) {
		memset(&s, 0, sizeof(s));
		raw_open(&raw);
		raw_say(&raw, frames[i].bytes, frames[i].n);
		assert_closed(&s, "malformed WebSocket frame");
		assert_false(s.clean);
		raw_close(&raw);
	}
	raw_serve(&raw);
	raw_answer_101(&raw, "Sec-WebSocket-Protocol: farlan.1\r\n");
	raw_frame(&raw, WS_BINARY, "masked", 6, true);
	assert_closed(&c, "malformed WebSocket frame");
	raw_close(&raw);
}

static void ignores_text_and_pongs(void **state)
{
	char text[126];

	memset(text, 't', sizeof(text));
	raw_open(&raw);
	raw_frame(&raw, WS_TEXT, "ready", 5, true);
	raw_frame(&raw, WS_TEXT, "of a later version", 18, true);
	raw_frame(&raw, WS_TEXT, text, 125, true);
	raw_frame(&raw, WS_PONG, "?", 1, true);
	raw_frame(&raw, WS_BINARY, "", 0, true);
	raw_frame(&raw, WS_BINARY, "data", 4, true);
	assert_true(wait_for(s.got == 4, 1000));
	assert_false(s.closed);
	raw_frame(&raw, WS_TEXT, text, 126, true);
	assert_closed(&s, "malformed WebSocket frame");
	raw_close(&raw);
}

static void answers_pings(void **state)
{
	raw_open(&raw);
	raw_frame(&raw, WS_PING, "12345", 5, true);
	assert_true(wait_for(raw.n == 7, 1000));
	assert_memory_equal(raw.got,
			    "\x8a\x05"
			    "12345",
			    7);
	end_scene();
	raw_close(&raw);
}

static void ends_a_flood_of_pings(void **state)
{
	static uint8_t pings[16000];
	const uint8_t one[] = {0x89, 0xfd, 0, 0, 0, 0};
	size_t n = 0, most = 0;
	int fd;

	while (n + 6 + 125 <= sizeof(pings)) {
		memcpy(pings + n, one, 6);
		n += 6 + 125;
	}
	raw_open(&raw);
	fd = raw.fd;
	for (int i = 0; i < 5000 && !s.closed; i++) {
		if (buf_len(&raw.out) < 100000)
			assert_int_equal(tls_write(&raw.tls, pings, n), 0);
		raw_flush(&raw);
		raw.fd = -1; /* it does not read */
		turn();
		raw.fd = fd;
		if (s.o && outer_queued(s.o) > most)
			most = outer_queued(s.o);
	}
	assert_closed(&s, "peer sends pings and does not read");
	assert_true(most <= OUTER_QUEUE_MAX_BYTES + 20000);
	raw_close(&raw);
}

static void closes_as_websocket_says(void **state)
{
	raw_open(&raw);
	raw_frame(&raw, WS_CLOSE,
		  "\x03\xe8"
		  "bye",
		  5, true);
	assert_true(wait_for(raw.eof, 1000));
	assert_int_equal(raw.n, 4);
	assert_memory_equal(raw.got, "\x88\x02\x03\xe8", 4);
	assert_int_equal(raw.read, -EPIPE);
	raw_close(&raw);
	assert_closed(&s, "closed by peer");
	assert_true(s.clean);
}

static void takes_frames_in_pieces(void **state)
{
	/* A fragmented message with a ping in between, byte by byte, each in a record of its own.
	 */
	static const uint8_t bytes[] = {0x02, 0x83, 0,	  0, 0, 0,   'o', 'n',
					'e',  0x89, 0x80, 0, 0, 0,   0,	  0x80,
					0x83, 0,    0,	  0, 0, 't', 'w', 'o'};

	raw_open(&raw);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		raw_say(&raw, bytes + i, 1);
		turn();
	}
	assert_true(wait_for(s.got == 6, 1000));
	assert_string_equal(s.first, "onetwo");
	assert_true(wait_for(raw.n == 2, 1000));
	end_scene();
	raw_close(&raw);
}

/* TLS records torn at every place of the TCP stream. */
static void takes_records_in_pieces(void **state)
{
	raw_open(&raw);
	for (int i = 0; i < 20; i++) {
		uint8_t bytes[200];
		size_t n;

		assert_int_equal(tls_write(&raw.tls, "\x82\x84\0\0\0\0data", 10), 0);
		n = buf_len(&raw.out);
		memcpy(bytes, buf_data(&raw.out), n);
		buf_consume(&raw.out, n);
		for (size_t at = 0; at < n; at++) {
			assert_int_equal(send(raw.fd, bytes + at, 1, MSG_NOSIGNAL), 1);
			turn();
		}
	}
	assert_true(wait_for(s.got == 80, 1000));
	end_scene();
	raw_close(&raw);
}

/* --- neighbours --- */

/* One end's owner sends on another connection from its callbacks: it must go out without delay. */
static struct outer *relay_to;
static uint64_t relayed;

static void relay_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	(void)o;
	relayed += n;
	assert_int_equal(outer_send(relay_to, bytes, n), 0);
}

static void one_connection_feeds_another(void **state)
{
	static struct end c2, s2;
	struct outer_callbacks relay = calls;

	memset(&c2, 0, sizeof(c2));
	memset(&s2, 0, sizeof(s2));
	relay.on_data = relay_data;
	connect_end(&c2, "");
	accept_end(&s2);
	assert_true(wait_for(c2.opened && s2.opened, 3000));
	open_both();
	outer_set_callbacks(s.o, &relay, &s);
	relay_to = s2.o;
	for (int i = 0; i < 50; i++) {
		uint64_t until = clock_mono_ms() + 1000;

		assert_int_equal(outer_send(c.o, "ping", 4), 0);
		while (c2.got < 4u * (unsigned int)(i + 1) && clock_mono_ms() < until)
			uv_run(&loop, UV_RUN_ONCE);
		assert_int_equal(c2.got, 4 * (i + 1));
	}
	outer_close(c2.o, "end");
	outer_close(s2.o, "end");
	assert_true(wait_for(c2.closed && s2.closed, 1000));
	end_scene();
}

static void a_stuck_peer_hurts_nobody_else(void **state)
{
	static struct end c2, s2;

	memset(&c2, 0, sizeof(c2));
	memset(&s2, 0, sizeof(s2));
	c2.noise = s2.noise = 7;
	open_both();
	c.to_send = 10u << 20;
	c.chunk_max = s.chunk_max = 40000;
	outer_pause(s.o);
	feed(&c);
	turn_for(100);
	c2.to_send = 2u << 20;
	c2.chunk_max = s2.chunk_max = 40000;
	connect_end(&c2, "");
	accept_end(&s2);
	assert_true(wait_for(s2.got == c2.to_send, 10000));
	assert_false(c.closed || s.closed);
	outer_close(c2.o, "end");
	assert_true(wait_for(c2.closed && s2.closed, 2000));
	end_scene();
}

/* --- other programs --- */

static bool have(const char *program)
{
	char command[100];

	snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", program);
	return system(command) == 0; // NOLINT(cert-env33-c): a test's own words
}

/* Accept one connection for @s as soon as it comes. */
static bool accept_when_there(void)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};

	turn();
	if (poll(&p, 1, 0) != 1)
		return false;
	accept_end(&s);
	return true;
}

static void run_and_read(const char *command, char *out, size_t size)
{
	FILE *f = popen(command, "r"); // NOLINT(cert-env33-c)
	size_t n = 0;
	ssize_t part;
	int fd;

	assert_non_null(f);
	fd = fileno(f);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	assert_true(wait_for(accept_when_there(), 10000));
	for (;;) {
		part = read(fd, out + n, size - 1 - n);
		if (part == 0)
			break;
		if (part > 0)
			n += (size_t)part;
		turn();
	}
	out[n] = '\0';
	pclose(f);
}

static void curl_can_probe(void **state)
{
	char command[200], text[1000];

	if (!have("curl"))
		skip();
	s.respond = 200;
	snprintf(command, sizeof(command),
		 "curl -sS -m 5 -k -i --noproxy '*' https://127.0.0.1:%u/v1/probe 2>&1",
		 fix_port(&where));
	run_and_read(command, text, sizeof(text));
	assert_says(text, "HTTP/1.1 200 Said So");
	assert_says(text, "\r\n\r\nfarlan test 0.1\n");
	assert_closed(&s, "answered 200");
	assert_true(s.clean);
}

static void python_can_talk(void **state)
{
	static const char script[] =
		"import socket,ssl,sys\n"
		"c=ssl.create_default_context();c.check_hostname=False;c.verify_mode=ssl.CERT_"
		"NONE\n"
		"s=c.wrap_socket(socket.create_connection((\"127.0.0.1\",int(sys.argv[1])),5))\n"
		"s.sendall(b\"GET /v1/control HTTP/1.1\\r\\nHost: x\\r\\nupgrade: WebSocket\\r\\n"
		"connection: keep-alive, upgrade\\r\\nsec-websocket-version: 13\\r\\n"
		"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nsec-websocket-protocol: "
		"farlan.1\\r\\n\\r\\n\")\n"
		"h=b\"\"\n"
		"while not h.endswith(b\"\\r\\n\\r\\n\"): h+=s.recv(1)\n"
		"m=lambda op,b: bytes([0x80|op,0x80|len(b),9,8,7,6])+bytes(x^(9,8,7,6)[i%4] for "
		"i,x in enumerate(b))\n"
		"s.sendall(m(1,b\"ready\")+m(2,b\"from python\")+m(9,b\"p\")+m(8,b\"\"))\n"
		"d=b\"\"\n"
		"while True:\n"
		"  x=s.recv(100)\n"
		"  if not x: break\n"
		"  d+=x\n"
		"print(h.split(b\"\\r\\n\")[0].decode(),d.hex(),s.version())\n";
	char command[2500], text[1000];

	if (!have("python3"))
		skip();
	snprintf(command, sizeof(command), "python3 -c '%s' %u 2>&1", script, fix_port(&where));
	run_and_read(command, text, sizeof(text));
	assert_says(text, "HTTP/1.1 101 Switching Protocols 8a0170880203e8 TLSv1.3");
	assert_string_equal(s.first, "from python");
	assert_closed(&s, "closed by peer");
	assert_true(s.clean);
}

/* A chain by another hand: root, CA between, RSA leaf; served by openssl. */
static const char make_chain[] =
	"cd %s && exec >/dev/null 2>&1 && "
	"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout r.key -out "
	"r.pem -subj /CN=root -days 2 && "
	"openssl req -newkey rsa:2048 -nodes -keyout i.key -out i.csr -subj /CN=between && "
	"printf 'basicConstraints=critical,CA:TRUE\\nkeyUsage=keyCertSign\\n' >i.ext && "
	"openssl x509 -req -in i.csr -CA r.pem -CAkey r.key -CAcreateserial -days 2 -extfile i.ext "
	"-out i.pem && "
	"openssl req -newkey rsa:2048 -nodes -keyout l.key -out l.csr -subj /CN=leaf && "
	"printf 'subjectAltName=DNS:localhost\\n' >l.ext && "
	"openssl x509 -req -in l.csr -CA i.pem -CAkey i.key -CAcreateserial -days 2 -extfile l.ext "
	"-out l.pem && "
	"openssl x509 -in r.pem -outform DER -out r.der";

static int free_port(void)
{
	struct sockaddr_storage ss;
	int fd = fix_listen(&ss);

	close(fd);
	return fix_port(&ss);
}

static pid_t start_s_server(const char *dir, int port, const char *version, bool with_chain)
{
	pid_t pid = fork();
	char text[10];

	if (pid != 0)
		return pid;
	snprintf(text, sizeof(text), "%d", port);
	if (chdir(dir) != 0 || !freopen("/dev/null", "w", stdout) ||
	    !freopen("/dev/null", "w", stderr))
		_exit(1);
	if (with_chain)
		execlp("openssl", "openssl", "s_server", "-accept", text, "-cert", "l.pem", "-key",
		       "l.key", "-www", version, "-cert_chain", "i.pem", (char *)NULL);
	else
		execlp("openssl", "openssl", "s_server", "-accept", text, "-cert", "l.pem", "-key",
		       "l.key", "-www", version, (char *)NULL);
	_exit(1);
}

static bool answers(const struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0;

	close(fd);
	if (!ok)
		usleep(20000);
	return ok;
}

static void meet_openssl(const char *dir, const char *option, const char *version, bool with_chain,
			 bool verified)
{
	struct sockaddr_in *a = (struct sockaddr_in *)&where;
	struct tls_ctx *mine = client_ctx;
	struct x509_cert root;
	char path[100];
	uint8_t *der;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/r.der", dir);
	assert_int_equal(file_read(path, sizeof(root.der), &der, &root.len), 0);
	memcpy(root.der, der, root.len);
	free(der);
	memset(&c, 0, sizeof(c));
	a->sin_port = htons((uint16_t)free_port());
	pid = start_s_server(dir, ntohs(a->sin_port), option, with_chain);
	assert_true(wait_for(answers(a), 10000));
	assert_int_equal(tls_ctx_outer_client(&client_ctx, &root, false), 0);
	connect_end(&c, "");
	assert_true(wait_for(c.closed || c.o->state >= OUTER_HTTP, 5000));
	if (c.o) {
		struct outer_stats stats;

		outer_stats(c.o, &stats);
		assert_string_equal(stats.tls_version, version);
		print_message("%s %s\n", version, stats.cipher);
		if (outer_tls_peer(c.o)->verified != verified)
			print_error("%s\n", outer_tls_peer(c.o)->problem);
		assert_int_equal(outer_tls_peer(c.o)->verified, verified);
	}
	assert_closed(&c, "server answered 200");
	tls_ctx_free(client_ctx);
	client_ctx = mine;
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

static void meets_other_tls_servers(void **state)
{
	char dir[] = "/tmp/farlan-outer-XXXXXX", command[2000];

	if (!have("openssl"))
		skip();
	assert_non_null(mkdtemp(dir));
	snprintf(command, sizeof(command), make_chain, dir);
	assert_int_equal(system(command), 0); // NOLINT(cert-env33-c)
	meet_openssl(dir, "-tls1_2", "TLSv1.2", true, true);
	meet_openssl(dir, "-tls1_3", "TLSv1.3", true, true);
	meet_openssl(dir, "-tls1_3", "TLSv1.3", false, false);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0); // NOLINT(cert-env33-c)
}

/* --- size --- */

static size_t held(const struct end *e)
{
	return e->o->net_in.size + e->o->net_out.size + e->o->plain.size;
}

/* A transfer that ends at once: no further word makes anybody look at the buffers. */
static void gives_back_what_grew(void **state)
{
	outer_times.trim_ms = 50;
	c.chunk_max = s.chunk_max = 40000;
	c.to_send = 8u << 20;
	open_both();
	assert_true(wait_for(s.got == c.to_send, 10000));
	assert_true(wait_for(held(&c) == 0 && held(&s) == 0, 5000));
	/* Not what somebody waits for. */
	s.pause_in_data = true;
	c.to_send += 4u << 20;
	feed(&c);
	turn_for(300);
	assert_true(held(&c) > 0 && held(&s) > 0 && s.got < c.to_send);
	s.pause_in_data = false;
	outer_resume(s.o);
	assert_true(wait_for(s.got == c.to_send, 10000));
	assert_true(wait_for(held(&c) == 0 && held(&s) == 0, 5000));
	/* The other use of the same timer. */
	outer_set_silence(s.o, 200);
	assert_closed(&s, "nothing was received");
	end_scene();
}

/* What an idle connection costs a server; told, not demanded. */
static void tells_its_size(void **state)
{
	enum { N = 20 };
	struct end cs[N], ss[N];
	struct mallinfo2 before, after;

	before = mallinfo2();
	for (int i = 0; i < N; i++) {
		memset(&cs[i], 0, sizeof(cs[i]));
		memset(&ss[i], 0, sizeof(ss[i]));
		cs[i].noise = ss[i].noise = 5;
		cs[i].to_send = ss[i].to_send = 300;
		cs[i].chunk_max = ss[i].chunk_max = 100;
		connect_end(&cs[i], "");
		accept_end(&ss[i]);
		assert_true(wait_for(ss[i].got == 300 && cs[i].got == 300, 5000));
	}
	turn_for(20);
	after = mallinfo2();
	print_message("%zu bytes of heap for both ends of an idle connection; server: net_in %zu, "
		      "plain %zu, net_out %zu\n",
		      (after.uordblks - before.uordblks) / N, ss[0].o->net_in.size,
		      ss[0].o->plain.size, ss[0].o->net_out.size);
	for (int i = 0; i < N; i++) {
		outer_close(cs[i].o, "end");
		outer_close(ss[i].o, "end");
		assert_true(wait_for(cs[i].closed && ss[i].closed, 1000));
	}
}

static int group_set_up(void **state)
{
	assert_int_equal(tls_global_init(), 0);
	signal(SIGPIPE, SIG_IGN);
	fix_ca_make(&lab, "lab");
	assert_int_equal(x509_key_generate(&host_key), 0);
	fix_host_cert(&lab, "localhost,127.0.0.1", &host_key, &host_cert);
	assert_int_equal(tls_ctx_outer_client(&client_ctx, &lab.cert, false), 0);
	assert_int_equal(tls_ctx_outer_server(&server_ctx, &host_cert, &host_key, &lab.cert), 0);
	return 0;
}

static int group_tear_down(void **state)
{
	tls_ctx_free(client_ctx);
	tls_ctx_free(server_ctx);
	tls_global_deinit();
	return 0;
}

#define t(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(opens_and_tells_about_itself),
		t(carries_a_stream_exactly),
		t(drains_by_itself),
		t(a_paused_receiver_stops_the_sender),
		t(refuses_more_than_its_queue),
		t(finish_delivers_what_is_queued),
		t(both_may_finish_at_once),
		t(finish_while_paused_ends_soon),
		t(a_peer_that_never_ends_is_cut_off),
		t(resumes_within_on_data),
		t(pauses_within_on_data),
		t(closes_from_within_any_callback),
		t(closes_at_once),
		t(closes_in_any_state),
		t(hands_over_to_another_owner),
		t(goes_on_on_a_loop_that_slept),
		t(a_reset_ends_it),
		t(a_fin_ends_it),
		t(tells_of_a_peer_that_left_while_paused),
		t(hands_out_much_that_a_gone_peer_left),
		t(closes_when_told_of_a_gone_peer),
		t(a_paused_end_without_data_hears_the_fin),
		t(a_server_does_not_wait_for_ever),
		t(a_client_does_not_wait_for_ever),
		t(notices_silence),
		t(a_byte_now_and_then_does_not_prolong_it),
		t(takes_a_request_byte_by_byte),
		t(takes_an_eager_client),
		t(answers_requests_that_are_no_upgrade),
		t(accepts_one_of_several_protocols),
		t(refuses_an_oversized_head),
		t(refuses_garbage_and_plain_http),
		t(sends_its_headers),
		t(refuses_a_request_that_is_too_long),
		t(a_client_passes_over_other_servers),
		t(a_client_may_refuse_who_sits_between),
		t(a_client_refuses_what_is_no_tls),
		t(a_server_that_speaks_first_does_no_harm),
		t(refuses_data_before_ready),
		t(refuses_malformed_frames),
		t(ignores_text_and_pongs),
		t(answers_pings),
		t(ends_a_flood_of_pings),
		t(closes_as_websocket_says),
		t(takes_frames_in_pieces),
		t(takes_records_in_pieces),
		t(one_connection_feeds_another),
		t(a_stuck_peer_hurts_nobody_else),
		t(curl_can_probe),
		t(python_can_talk),
		t(meets_other_tls_servers),
		t(gives_back_what_grew),
		t(tells_its_size),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
