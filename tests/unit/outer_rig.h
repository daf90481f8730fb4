/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * outer_rig - both ends of an outer connection, or one and an engine by hand, on one loop. Once in
 * a program.
 */
#ifndef FARLAN_OUTER_RIG_H
#define FARLAN_OUTER_RIG_H

#include <poll.h>

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
static inline uint8_t byte_at(uint64_t place)
{
	return (uint8_t)(place * 131 + (place >> 8) * 31 + (place >> 16));
}

static inline void feed(struct end *e)
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

static inline void on_detached(struct outer *o)
{
	assert_int_equal(outer_attach(o, &other_loop, outer_arg(o)), 0);
	has_other_loop = true;
	outer_upgrade(o);
	outer_resume(o);
}

static inline void on_request(struct outer *o, const struct http_head *head)
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

static inline void on_open(struct outer *o)
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

static inline void on_data(struct outer *o, const uint8_t *bytes, size_t n)
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

static inline void on_drain(struct outer *o)
{
	struct end *e = outer_arg(o);

	e->drained = true;
	assert_true(outer_queued(o) < OUTER_QUEUE_LOW_BYTES);
	if (e->close_in_drain)
		outer_close(o, "closed in on_drain");
	else
		feed(e);
}

static inline void on_gone(struct outer *o)
{
	struct end *e = outer_arg(o);

	assert_false(e->gone);
	e->gone = true;
	if (e->close_in_gone)
		outer_close(o, "closed in on_peer_gone");
}

static inline void on_closed(struct outer *o, bool clean, const char *reason)
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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
	close(listener);
	fix_loop_end(&loop);
	return 0;
}

static inline void raw_turn(struct raw *r);

/* Turn everything until @cond; false after @ms. */

#define wait_for(cond, ms)                                           \
	({                                                           \
		uint64_t until_ = clock_mono_ms() + (ms);            \
		bool met_;                                           \
		while (!(met_ = (cond)) && clock_mono_ms() < until_) \
			turn();                                      \
		met_;                                                \
	})

static inline void turn(void)
{
	uv_run(&loop, UV_RUN_NOWAIT);
	if (has_other_loop)
		uv_run(&other_loop, UV_RUN_NOWAIT);
	if (raw.fd >= 0)
		raw_turn(&raw);
	usleep(100);
}

static inline void turn_for(unsigned int ms)
{
	(void)wait_for(false, ms);
}

static inline void assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		print_error("\"%s\" does not say \"%s\"\n", text, part);
	assert_non_null(strstr(text, part));
}

static inline void connect_end(struct end *e, const char *headers)
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

static inline int accept_fd(void)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	int fd;

	assert_int_equal(poll(&p, 1, 2000), 1);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static inline void accept_end(struct end *e)
{
	assert_int_equal(outer_accept(&e->o, &loop, server_ctx, accept_fd(), &calls, e), 0);
}

static inline void open_both(void)
{
	connect_end(&c, "");
	accept_end(&s);
	assert_true(wait_for(c.opened && s.opened, 5000));
}

static inline void assert_closed(struct end *e, const char *why)
{
	assert_true(wait_for(e->closed, 7000));
	assert_int_equal(e->n_closed, 1);
	assert_says(e->reason, why);
}

static inline void end_scene(void)
{
	if (c.o)
		outer_close(c.o, "end of the test");
	if (s.o)
		outer_close(s.o, "end of the test");
	assert_true(wait_for(!c.o && !s.o, 1000));
	assert_true(c.n_closed <= 1 && s.n_closed <= 1);
}

/* The other side by hand */

static inline void raw_start(struct raw *r, int fd, const struct tls_ctx *ctx)
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

static inline int connect_fd(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&where, sizeof(struct sockaddr_in)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static inline void raw_connect(struct raw *r)
{
	int fd = connect_fd();

	accept_end(&s);
	raw_start(r, fd, client_ctx);
}

static inline void raw_flush(struct raw *r)
{
	ssize_t n = buf_len(&r->out)
			    ? send(r->fd, buf_data(&r->out), buf_len(&r->out), MSG_NOSIGNAL)
			    : 0;

	if (n > 0)
		buf_consume(&r->out, (size_t)n);
}

static inline void raw_turn(struct raw *r)
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

static inline void raw_close(struct raw *r)
{
	if (r->fd < 0)
		return;
	close(r->fd);
	r->fd = -1;
	tls_deinit(&r->tls);
	buf_deinit(&r->in);
	buf_deinit(&r->out);
}

static inline void raw_reset(struct raw *r)
{
	struct linger now = {.l_onoff = 1};

	assert_int_equal(setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	raw_close(r);
}

static inline void raw_say(struct raw *r, const void *bytes, size_t n)
{
	assert_int_equal(tls_write(&r->tls, bytes, n), 0);
	raw_flush(r);
}

static inline void raw_text(struct raw *r, const char *text)
{
	raw_say(r, text, strlen(text));
}

static inline void raw_frame(struct raw *r, enum ws_op op, const void *bytes, size_t n, bool masked)
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

static inline void raw_shake(struct raw *r)
{
	raw_connect(r);
	assert_true(wait_for(r->shake == 0, 3000));
}

static inline void raw_upgrade(struct raw *r)
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

static inline void raw_open(struct raw *r)
{
	raw_upgrade(r);
	turn_for(20);
	assert_int_equal(r->n, 0); /* nothing before "ready" */
	assert_false(s.opened);
	raw_frame(r, WS_TEXT, "ready", 5, true);
	assert_true(wait_for(s.opened, 3000));
}

/* A client's outer object against a server by hand, as far as the end of its request. */
static inline void raw_serve(struct raw *r)
{
	connect_end(&c, "");
	raw_start(r, accept_fd(), server_ctx);
	assert_true(wait_for(r->n > 4 && strstr(r->got, "\r\n\r\n"), 3000));
}

static inline void raw_answer_101(struct raw *r, const char *protocol)
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

static inline int group_set_up(void **state)
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

static inline int group_tear_down(void **state)
{
	tls_ctx_free(client_ctx);
	tls_ctx_free(server_ctx);
	tls_global_deinit();
	return 0;
}

/* A test between set_up() and tear_down(); group_set_up() and group_tear_down() are around all. */
#define t(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
