/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/check_port.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/pure/url.h"

#define NET_MAX_BYTES 65536
#define REQUEST_SIZE 8000
#define PATH_SIZE 200

/* One connection. */
struct attempt {
	struct check_port *check;
	uv_poll_t poll;
	bool used, closed; /* the handle */
	int fd;
	bool clear; /* without TLS */
	bool connected, asked, raw_seen;
	uint8_t first_byte; /* raw_seen */
	bool has_tls;
	struct tls tls;
	struct buf in, out, plain;
	struct port_seen seen;
	uint64_t begun_ms;
};

struct check_port {
	uv_loop_t *loop;
	struct check_port_target target;
	char host[URL_HOST_SIZE], host_header[URL_HOST_SIZE + 10], path[PATH_SIZE];
	check_port_fn *fn;
	void *arg;
	uv_timer_t timer;
	bool timer_closed, over;
	uint64_t begun_ms;
	struct attempt attempts[2];
	struct attempt *now;
};

static void finish_attempt(struct attempt *a);

/* The end */

static void maybe_free(struct check_port *c)
{
	if (!c->over || !c->timer_closed)
		return;
	for (size_t i = 0; i < 2; i++) {
		if (c->attempts[i].used && !c->attempts[i].closed)
			return;
	}
	free(c);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct check_port *c = handle->data;

	c->timer_closed = true;
	maybe_free(c);
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct attempt *a = handle->data;

	close(a->fd);
	a->closed = true;
	maybe_free(a->check);
}

static void close_attempt(struct attempt *a)
{
	if (!a->used || uv_is_closing((uv_handle_t *)&a->poll))
		return;
	uv_close((uv_handle_t *)&a->poll, on_poll_closed);
	if (a->has_tls)
		tls_deinit(&a->tls);
	a->has_tls = false;
	buf_deinit(&a->in);
	buf_deinit(&a->out);
	buf_deinit(&a->plain);
}

void check_port_cancel(struct check_port *c)
{
	if (c->over)
		return;
	c->over = true;
	close_attempt(&c->attempts[0]);
	close_attempt(&c->attempts[1]);
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

static void done(struct check_port *c, struct port_seen *seen)
{
	seen->ms = (uint32_t)(clock_mono_ms() - c->begun_ms);
	check_port_cancel(c);
	c->fn(c->arg, seen);
}

/* Sending */

static void watch(struct attempt *a);

/* Return: false: the connection is broken, and that was seen to. */
static bool flush(struct attempt *a)
{
	while (buf_len(&a->out) > 0) {
		ssize_t n = send(a->fd, buf_data(&a->out), buf_len(&a->out), MSG_NOSIGNAL);

		if (n > 0) {
			buf_consume(&a->out, (size_t)n);
			continue;
		}
		if (errno == EAGAIN || errno == EINTR)
			break;
		a->seen.cut = true;
		finish_attempt(a);
		return false;
	}
	watch(a);
	return true;
}

static int make_request(const struct check_port *c, char *out, size_t size)
{
	char pad[REQUEST_SIZE] = "";
	int n;

	if (c->target.pad > 0 && c->target.pad < sizeof(pad))
		memset(pad, 'x', c->target.pad);
	n = snprintf(out, size, "GET %s HTTP/1.1\r\nHost: %s\r\n%s%s%sConnection: close\r\n\r\n",
		     c->path, c->host_header, pad[0] ? "Farlan-Pad: " : "", pad,
		     pad[0] ? "\r\n" : "");
	return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

static void ask(struct attempt *a)
{
	char request[REQUEST_SIZE + 1000];

	a->asked = true;
	if (make_request(a->check, request, sizeof(request)) != 0)
		return; /* it times out; paths are not that long */
	if (a->clear)
		(void)!buf_append(&a->out, request, strlen(request));
	else
		(void)!tls_write(&a->tls, request, strlen(request));
}

/* Receiving */

static uint32_t path_mtu(const struct attempt *a)
{
	bool six = a->check->target.addr.ss_family == AF_INET6;
	socklen_t len = sizeof(int);
	int mtu = 0;

	if (getsockopt(a->fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MTU : IP_MTU, &mtu,
		       &len) != 0)
		return 0;
	return mtu > 0 ? (uint32_t)mtu : 0;
}

static bool is_text(uint8_t byte)
{
	return byte >= 0x20 && byte < 0x7f;
}

/* Return: true if the answer tells who it is. */
static bool look(struct attempt *a, bool end)
{
	const struct buf *b = a->clear || !a->asked ? &a->in : &a->plain;
	bool records = !a->clear && !a->asked && a->raw_seen && !is_text(a->first_byte);

	if (port_seen_take(&a->seen, buf_data(b), records ? 0 : buf_len(b), end) != 0)
		return false;
	a->seen.pmtu = path_mtu(a);
	finish_attempt(a);
	return true;
}

static void tls_failed(struct attempt *a)
{
	snprintf(a->seen.problem, sizeof(a->seen.problem), "%s", a->tls.reason);
	if (a->raw_seen && !is_text(a->first_byte))
		a->seen.who = PORT_TLS; /* an alert, or something like it */
	finish_attempt(a);
}

/* Return: true to go on with what is inside. */
static bool shake(struct attempt *a)
{
	const struct tls_peer *peer;
	int r = tls_handshake(&a->tls);

	if (r == -EAGAIN)
		return false;
	if (r != 0) {
		tls_failed(a);
		return false;
	}
	peer = tls_peer(&a->tls);
	a->seen.tls = true;
	a->seen.verified = tls_peer_verified(peer);
	a->seen.inspected = tls_peer_inspected(peer);
	snprintf(a->seen.subject, sizeof(a->seen.subject), "%s", peer->subject);
	snprintf(a->seen.issuer, sizeof(a->seen.issuer), "%s", peer->issuer);
	snprintf(a->seen.problem, sizeof(a->seen.problem), "%s", peer->problem);
	snprintf(a->seen.tls_version, sizeof(a->seen.tls_version), "%s", tls_version(&a->tls));
	ask(a);
	return true;
}

/* Return: false: over. */
static bool open_records(struct attempt *a)
{
	uint8_t *at;
	size_t n;
	int r = 0;

	while (r == 0 && buf_reserve(&a->plain, TLS_RECORD_MAX_BYTES, &at) == 0) {
		r = tls_read(&a->tls, at, TLS_RECORD_MAX_BYTES, &n);
		if (r == 0)
			buf_commit(&a->plain, n);
	}
	return !look(a, r != -EAGAIN);
}

static void take_input(struct attempt *a)
{
	if (a->clear) {
		if (!look(a, false))
			(void)flush(a);
		return;
	}
	/* What greets by itself, or answers in clear, would only confuse the engine. */
	if (!a->asked && a->raw_seen && is_text(a->first_byte)) {
		if (!look(a, false))
			watch(a);
		return;
	}
	if (!a->asked && !shake(a)) {
		if (!a->check->over && a->check->now == a)
			(void)flush(a);
		return;
	}
	if (open_records(a))
		(void)flush(a);
}

static void on_end(struct attempt *a, bool reset)
{
	if (reset && buf_len(&a->in) == 0 && buf_len(&a->plain) == 0)
		a->seen.cut = true;
	if (look(a, true))
		return;
	finish_attempt(a);
}

static void receive(struct attempt *a)
{
	uint8_t *at;
	ssize_t n;

	if (buf_reserve(&a->in, 4096, &at) != 0) {
		on_end(a, false);
		return;
	}
	n = recv(a->fd, at, 4096, 0);
	if (n > 0) {
		if (!a->raw_seen)
			a->first_byte = at[0];
		a->raw_seen = true;
		buf_commit(&a->in, (size_t)n);
		take_input(a);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		a->seen.cut = buf_len(&a->in) == 0 && !a->asked;
		on_end(a, n != 0);
	}
}

/* Connecting */

static void say_tcp(struct port_seen *s, int error)
{
	s->error = error;
	switch (error) {
	case 0:
		s->tcp = PORT_OPEN;
		break;
	case ECONNREFUSED:
	case ECONNRESET:
		s->tcp = PORT_REFUSED;
		break;
	case ETIMEDOUT:
		s->tcp = PORT_NO_ANSWER;
		break;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
		s->tcp = PORT_NO_WAY;
		break;
	case EPERM:
	case EACCES:
		s->tcp = PORT_FORBIDDEN;
		break;
	default:
		s->tcp = PORT_ERROR;
	}
}

static void on_connected(struct attempt *a)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	say_tcp(&a->seen, error);
	a->seen.connect_ms = (uint32_t)(clock_mono_ms() - a->begun_ms);
	if (error) {
		finish_attempt(a);
		return;
	}
	a->connected = true;
	if (a->clear)
		ask(a);
	else if (!shake(a) && (a->check->over || a->check->now != a))
		return;
	(void)flush(a);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct attempt *a = poll->data;

	if (a->check->over || a->check->now != a)
		return;
	if (!a->connected) {
		on_connected(a);
		return;
	}
	if (status < 0 || (events & (UV_READABLE | UV_DISCONNECT))) {
		receive(a);
		if (status < 0 && !a->check->over && a->check->now == a)
			on_end(a, true);
		return;
	}
	(void)flush(a);
}

static void watch(struct attempt *a)
{
	int events = UV_READABLE;

	if (!a->connected || buf_len(&a->out) > 0)
		events |= UV_WRITABLE;
	if (uv_poll_start(&a->poll, a->connected ? events : UV_WRITABLE, on_poll) != 0)
		finish_attempt(a);
}

static void on_cert(void *arg, const uint8_t *der, size_t len, size_t n_chain)
{
	const struct attempt *a = arg;

	a->check->target.on_cert(a->check->arg, der, len, n_chain);
}

static int start_tls(struct attempt *a)
{
	int r = tls_init(&a->tls, a->check->target.ctx, &a->in, &a->out, a->check->host, NULL);

	if (r != 0)
		return r;
	a->has_tls = true;
	if (a->check->target.on_cert)
		a->tls.on_cert = on_cert;
	a->tls.on_cert_arg = a;
	return 0;
}

static void on_timer(uv_timer_t *timer);

/* Return: 0; -errno, and nothing is left open; what connect() itself said is in a->seen. */
static int start_attempt(struct check_port *c, bool clear)
{
	struct attempt *a = &c->attempts[clear];
	const struct sockaddr *addr = (const struct sockaddr *)&c->target.addr;
	int mss = c->target.mss, r;
	socklen_t len = addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
						   : sizeof(struct sockaddr_in6);

	*a = (struct attempt){.check = c, .clear = clear, .begun_ms = clock_mono_ms()};
	a->fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		return -errno;
	if (mss > 0 && setsockopt(a->fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof(mss)) != 0)
		mss = 0;
	buf_init(&a->in, NET_MAX_BYTES);
	buf_init(&a->out, NET_MAX_BYTES);
	buf_init(&a->plain, NET_MAX_BYTES);
	r = connect(a->fd, addr, len) != 0 && errno != EINPROGRESS ? -errno : 0;
	if (r == 0)
		r = uv_poll_init(c->loop, &a->poll, a->fd);
	if (r != 0) {
		close(a->fd);
		return r;
	}
	a->used = true;
	a->poll.data = a;
	c->now = a;
	uv_timer_start(&c->timer, on_timer, CHECK_PORT_MS, 0);
	if (!clear && start_tls(a) != 0) {
		finish_attempt(a);
		return 0;
	}
	watch(a);
	return 0;
}

/* In clear is worth a try where TLS did not come about: captive portals speak so. */
static bool wants_second(const struct attempt *a)
{
	const struct port_seen *s = &a->seen;

	return !a->clear && !a->check->target.quick && s->tcp == PORT_OPEN && !s->tls &&
	       (s->who == PORT_NOBODY || s->who == PORT_HTTP || s->who == PORT_TLS);
}

/* The second one tells more, unless it found nothing that can be read. */
static struct port_seen *better(struct check_port *c)
{
	struct port_seen *first = &c->attempts[0].seen, *second = &c->attempts[1].seen;
	bool more = c->attempts[1].used && second->tcp == PORT_OPEN &&
		    (second->who == PORT_HTTP || second->who == PORT_FARLAN ||
		     (second->who == PORT_OTHER && is_text(c->attempts[1].first_byte)));

	return more ? second : first;
}

/* What follows comes from the loop. */
static void finish_attempt(struct attempt *a)
{
	struct check_port *c = a->check;

	if (c->over || c->now != a)
		return;
	c->now = NULL;
	close_attempt(a);
	uv_timer_start(&c->timer, on_timer, 0, 0);
}

static void go_on(struct check_port *c)
{
	struct attempt *first = &c->attempts[0];

	if (!c->attempts[1].used && wants_second(first) && start_attempt(c, true) == 0)
		return;
	done(c, better(c));
}

static void on_timer(uv_timer_t *timer)
{
	struct check_port *c = timer->data;
	struct attempt *a = c->now;

	if (!a) {
		go_on(c);
		return;
	}
	a->seen.silent = a->connected;
	if (!a->connected)
		say_tcp(&a->seen, ETIMEDOUT);
	if (!a->connected || !look(a, true))
		finish_attempt(a);
}

static void copy_target(struct check_port *c, const struct check_port_target *t)
{
	c->target = *t;
	snprintf(c->host, sizeof(c->host), "%s", t->host);
	snprintf(c->host_header, sizeof(c->host_header), "%s", t->host_header);
	snprintf(c->path, sizeof(c->path), "%s", t->path);
	c->target.host = c->target.host_header = c->target.path = NULL;
}

int check_port_start(struct check_port **out, uv_loop_t *loop,
		     const struct check_port_target *target, check_port_fn *fn, void *arg)
{
	struct check_port *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->loop = loop;
	copy_target(c, target);
	c->fn = fn;
	c->arg = arg;
	c->begun_ms = clock_mono_ms();
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	r = start_attempt(c, false);
	if (r != 0) {
		say_tcp(&c->attempts[0].seen, -r);
		uv_timer_start(&c->timer, on_timer, 0, 0);
	}
	*out = c;
	return 0;
}
