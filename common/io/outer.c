/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/outer_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/netaddr.h"
#include "common/io/tcp_count.h"

#define NET_IN_BYTES (64u << 10) /* read ahead, and what a paused connection may still hold */
#define READ_FIRST_BYTES 4096	 /* one read of a connection that says little */
#define PLAIN_BYTES (40u << 10)	 /* an HTTP head, or a record behind an unfinished frame */
/* Headers, tags and control frames above OUTER_QUEUE_MAX_BYTES. */
#define NET_OUT_SLACK (256u << 10)
#define OUT_KEEP_BYTES 1024 /* a queue that never holds more is not kept at all */
#define OUT_KEEP_PART 8	    /* one of which less than this part is used, not for long */
#define OUT_KEEP_MS 100
#define TRIM_MS 2000	  /* when nothing came or went for so long */
#define READS_PER_EVENT 4 /* then the others have their turn */
#define FINISH_MS 5000
#define HURRY_MS 2000
/* 64 KiB measured the same within the noise: unshaped, eight streams, 3464 (64: 3541) Mbit/s. */
#define TCP_LOWAT_BYTES (128 << 10)
/* Behind our own keep-alives, so that it costs nothing while they run. */
#define TCP_KEEP_IDLE_S 60
#define TCP_KEEP_INTERVAL_S 10
#define TCP_KEEP_COUNT 3
#define TCP_TIMEOUT_MS 15000

struct outer_times outer_times = {.connect_ms = OUTER_CONNECT_MS,
				  .open_ms = OUTER_OPEN_MS,
				  .finish_ms = FINISH_MS,
				  .trim_ms = TRIM_MS};

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_timer(uv_timer_t *timer);
static void trim_later(struct outer *o);
static void set_socket_options(int fd);
static void open_timer(struct outer *o);

/* Closing */

void outer_free_tls(struct outer *o)
{
	if (o->has_tls)
		tls_deinit(o->tls);
	o->has_tls = false;
	if (!o->is_server)
		return; /* outer_tls_peer(), outer_host() */
	free(o->tls);
	o->tls = NULL;
}

static void outer_free(struct outer *o)
{
	outer_free_tls(o);
	free(o->tls);
	buf_wipe(&o->plain);
	buf_deinit(&o->plain);
	buf_deinit(&o->net_in);
	buf_deinit(&o->net_out);
	if (o->request)
		explicit_bzero(o->request, OUTER_REQUEST_SIZE);
	free(o->request);
	outer_proxy_free(o);
	free(o);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct outer *o = handle->data;

	if (--o->handles > 0)
		return;
	if (o->on_detached && !o->closing) {
		o->loop = NULL;
		o->on_detached(o);
		return;
	}
	close(o->fd);
	o->cb->on_closed(o, o->clean, o->reason);
	outer_free(o);
}

static void close_handles(struct outer *o)
{
	uv_close((uv_handle_t *)&o->poll, on_handle_closed);
	uv_close((uv_handle_t *)&o->timer, on_handle_closed);
	uv_close((uv_handle_t *)&o->flusher, on_handle_closed);
}

void outer_close(struct outer *o, const char *reason)
{
	if (o->closing)
		return;
	o->closing = true;
	if (!o->reason[0])
		snprintf(o->reason, sizeof(o->reason), "%s", reason);
	if (!o->on_detached) /* else they are closing already */
		close_handles(o);
}

void outer_fail(struct outer *o, const char *fmt, ...)
{
	char text[OUTER_REASON_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	outer_close(o, text);
}

/* Polling */

static bool drained(const struct outer *o)
{
	return o->above_high && buf_len(&o->net_out) < OUTER_QUEUE_LOW_BYTES;
}

static int wanted_events(const struct outer *o)
{
	bool full = buf_room(&o->net_in) == 0;
	int events = 0;

	if (o->state == OUTER_CONNECTING)
		return UV_WRITABLE;
	if (!o->eof)
		events |= full ? (o->gone_told ? 0 : UV_DISCONNECT) : UV_READABLE;
	if (buf_len(&o->net_out) > 0 || drained(o))
		events |= UV_WRITABLE;
	return events;
}

/* Each change costs system calls: only those that are changes. */
static void update_poll(struct outer *o)
{
	int events = wanted_events(o);

	if (o->closing || events == o->polled)
		return;
	o->polled = events;
	if (events == 0)
		uv_poll_stop(&o->poll);
	else
		uv_poll_start(&o->poll, events, on_poll);
}

/* Sending */

static void send_fin(struct outer *o)
{
	if (o->state != OUTER_FINISHING || o->fin_sent || buf_len(&o->net_out) > 0)
		return;
	o->fin_sent = true;
	shutdown(o->fd, SHUT_WR);
	if (o->eof)
		outer_close(o, "closed");
}

/* Return: false if the connection is closing. */
bool outer_send_queued(struct outer *o)
{
	while (!o->closing && buf_len(&o->net_out) > 0) {
		ssize_t n = send(o->fd, buf_data(&o->net_out), buf_len(&o->net_out), MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			o->clean = false;
			outer_fail(o, "sending failed: %s", strerror(errno));
			return false;
		}
		o->bytes_out += (size_t)n;
		o->last_out_ms = uv_now(o->loop);
		buf_consume(&o->net_out, (size_t)n);
	}
	if (!o->closing) {
		outer_watch_loss(o);
		send_fin(o);
	}
	return !o->closing;
}

static void flush(struct outer *o)
{
	if (!outer_send_queued(o))
		return;
	if (drained(o)) {
		o->above_high = false;
		if (o->cb->on_drain && o->state == OUTER_OPEN)
			o->cb->on_drain(o);
	}
	update_poll(o);
}

/*
 * A queue that was long once is not kept for a connection that has become quiet. Not at once: a
 * stream has short turns, too, and the next long one would have to touch new pages.
 */
static void release_queue(struct outer *o, size_t used)
{
	uint64_t now = uv_now(o->loop);

	if (used > OUT_KEEP_BYTES && used > o->net_out.size / OUT_KEEP_PART)
		o->out_used_ms = now;
	else if (buf_len(&o->net_out) == 0 && now - o->out_used_ms >= OUT_KEEP_MS)
		buf_deinit(&o->net_out);
}

/*
 * No callback from here: what its owner would send on another connection could miss that one's
 * turn in this round and wait for the loop to wake. A drain is told by the poll that follows.
 */
static void on_flush(uv_prepare_t *handle)
{
	struct outer *o = handle->data;
	size_t used = buf_len(&o->net_out);

	uv_prepare_stop(handle);
	if (o->closing || !outer_send_queued(o))
		return;
	release_queue(o, used);
	trim_later(o);
	update_poll(o);
}

void outer_flush_later(struct outer *o)
{
	if (!o->closing && buf_len(&o->net_out) > 0)
		uv_prepare_start(&o->flusher, on_flush);
	if (buf_len(&o->net_out) > OUTER_QUEUE_HIGH_BYTES)
		o->above_high = true;
}

int outer_write_plain(struct outer *o, const void *bytes, size_t n)
{
	int r;

	if (o->closing)
		return -EPIPE;
	if (o->tx_raw)
		return 0;
	if (o->plain_tcp)
		return outer_plain_write(o, bytes, n);
	r = tls_write(o->tls, bytes, n);
	if (r != 0) {
		outer_fail(o, "%s", o->tls->reason);
		return -EPIPE;
	}
	outer_flush_later(o);
	return 0;
}

void outer_want_drain(struct outer *o)
{
	o->above_high = true;
	if (!o->closing)
		uv_prepare_start(&o->flusher, on_flush); /* which asks the poll */
}

struct buf *outer_raw_queue(struct outer *o)
{
	bool open = o->state == OUTER_OPEN && !o->closing;

	/* A hint has to find its place between two records. */
	return open && o->tx_raw && !o->hint_due ? &o->net_out : NULL;
}

void outer_raw_queued(struct outer *o)
{
	outer_flush_later(o);
}

size_t outer_queued(const struct outer *o)
{
	return buf_len(&o->net_out);
}

static void discard_input(struct outer *o)
{
	buf_consume(&o->net_in, buf_len(&o->net_in));
	buf_consume(&o->plain, buf_len(&o->plain));
}

void outer_hurry(void)
{
	if (outer_times.finish_ms > HURRY_MS)
		outer_times.finish_ms = HURRY_MS;
}

void outer_finish(struct outer *o, const char *reason)
{
	static const uint8_t normal[2] = {1000 >> 8, 1000 & 0xff}; /* RFC 6455 section 7.4.1 */

	if (o->closing || o->state == OUTER_FINISHING)
		return;
	if (o->state < OUTER_HTTP) {
		outer_close(o, reason);
		return;
	}
	snprintf(o->reason, sizeof(o->reason), "%s", reason);
	if ((o->state == OUTER_OPEN || o->state == OUTER_READY) &&
	    outer_send_short(o, WS_CLOSE, normal, sizeof(normal)) != 0 && o->closing)
		return;
	if (o->has_tls && !o->tx_raw)
		tls_close_notify(o->tls);
	o->state = OUTER_FINISHING;
	o->clean = true;
	o->paused = false;
	if (!o->busy) /* else it happens on the way out */
		discard_input(o);
	uv_timer_start(&o->timer, on_timer, outer_times.finish_ms, 0);
	outer_flush_later(o);
	send_fin(o);
	if (!o->closing)
		update_poll(o);
}

/* Receiving */

static void handle_eof(struct outer *o)
{
	if (o->closing || !o->eof)
		return;
	if (o->state == OUTER_FINISHING) {
		if (o->fin_sent)
			outer_close(o, "closed");
		return;
	}
	if (o->paused && (buf_len(&o->net_in) > 0 || buf_len(&o->plain) > 0)) {
		if (!o->gone_told && o->cb->on_peer_gone) {
			o->gone_told = true;
			o->cb->on_peer_gone(o);
		}
		return;
	}
	if (o->state == OUTER_PROXY)
		outer_proxy_eof(o);
	else if (o->state == OUTER_TLS || o->state == OUTER_HTTP)
		outer_close(o, "peer closed the connection during the handshake");
	else
		outer_peer_finished(o, "connection closed by peer");
}

/* Take what has been received as far as it goes. */
static void process(struct outer *o)
{
	if (o->busy)
		return;
	o->busy = true;
	while (!o->closing && !o->paused && o->state != OUTER_FINISHING &&
	       outer_stream_step(o) == 0)
		;
	o->busy = false;
	if (o->on_detached)
		return;
	if (o->state == OUTER_FINISHING)
		discard_input(o);
	handle_eof(o);
}

static void connection_lost(struct outer *o, int error)
{
	o->clean = false;
	outer_fail(o, "%s%s", o->state == OUTER_CONNECTING ? "" : "connection lost: ",
		   strerror(error ? error : ECONNRESET));
}

/* The next read is sized by the last one. */
static void adapt_reads(struct outer *o, size_t n)
{
	if (n >= o->read_bytes && o->read_bytes < NET_IN_BYTES)
		o->read_bytes *= 2;
	else if (n < o->read_bytes / 4 && o->read_bytes > READ_FIRST_BYTES)
		o->read_bytes /= 2;
}

/* An idle connection holds no buffers: a server has many. */
static void release_buffers(struct outer *o)
{
	if (o->read_bytes > READ_FIRST_BYTES)
		return;
	if (buf_len(&o->net_in) == 0)
		buf_deinit(&o->net_in);
	if (buf_len(&o->plain) == 0) {
		buf_wipe(&o->plain);
		buf_deinit(&o->plain);
	}
}

/* Return: bytes; 0 nothing, or the end. */
static size_t receive_some(struct outer *o, uint8_t *at, size_t room)
{
	ssize_t n = recv(o->fd, at, room, 0);

	if (n > 0) {
		o->bytes_in += (size_t)n;
		o->last_in_ms = uv_now(o->loop);
		adapt_reads(o, (size_t)n);
		return (size_t)n;
	}
	if (n == 0)
		o->eof = true;
	else if (errno != EAGAIN && errno != EINTR)
		connection_lost(o, errno);
	return 0;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Return: true to go on. */
static bool receive_here(struct outer *o)
{
	size_t room = min_size(buf_room(&o->net_in), o->read_bytes), n;
	uint8_t *at;

	if (room == 0 || buf_reserve(&o->net_in, room, &at) != 0)
		return false;
	n = receive_some(o, at, room);
	buf_commit(&o->net_in, n);
	return n == room;
}

/* The queue that takes what comes as it is; behind no more than a header that is not whole. */
static struct buf *onward(struct outer *o)
{
	struct buf *to = NULL;

	if (o->cb->onward && o->rx_raw && !o->has_tls && !o->paused && o->state == OUTER_OPEN &&
	    buf_len(&o->net_in) < RECORD_HEADER_BYTES + RECORD_HINT_MAX_BYTES)
		to = o->cb->onward(o);
	return to && buf_room(to) >= NET_IN_BYTES ? to : NULL;
}

/* Return: true to go on. */
static bool receive_onward(struct outer *o, struct buf *to)
{
	size_t lead = buf_len(&o->net_in), room = o->read_bytes - lead, n;
	uint8_t *at;

	if (buf_reserve(to, lead + room, &at) != 0)
		return false;
	if (lead > 0)
		memcpy(at, buf_data(&o->net_in), lead);
	n = receive_some(o, at + lead, room);
	if (n == 0)
		return false;
	buf_consume(&o->net_in, lead);
	outer_stream_pass(o, at, lead + n);
	return n == room;
}

/* Return: true to go on. */
static bool receive_once(struct outer *o)
{
	struct buf *to = onward(o);

	return to ? receive_onward(o, to) : receive_here(o);
}

static void receive(struct outer *o)
{
	for (int i = 0; i < READS_PER_EVENT && !o->closing && !o->on_detached; i++) {
		bool more = receive_once(o);

		if (!o->closing)
			process(o);
		if (!more || o->state == OUTER_CONNECTING) /* anew */
			break;
	}
	release_buffers(o);
	trim_later(o);
}

static int socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return errno;
	return error;
}

static void on_connected(struct outer *o)
{
	int error = socket_error(o->fd);

	if (error) {
		outer_fail(o, "%s", strerror(error));
		return;
	}
	if (o->passing) {
		o->state = OUTER_OPEN;
		outer_opened(o);
	} else if (o->proxying) {
		outer_proxy_ask(o);
	} else {
		o->state = OUTER_TLS;
	}
	if (!o->passing)
		open_timer(o);
	process(o);
}

/* The new socket takes the old one's number, so that the handles stay what they are. */
static int replace_socket(struct outer *o)
{
	int fd = socket(o->peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return -errno;
	set_socket_options(fd);
	if (connect(fd, (const struct sockaddr *)&o->peer, netaddr_len(&o->peer)) != 0 &&
	    errno != EINPROGRESS)
		r = -errno;
	uv_poll_stop(&o->poll); /* takes it out of the kernel's set, too */
	o->polled = 0;
	if (r == 0 && dup3(fd, o->fd, O_CLOEXEC) < 0)
		r = -errno;
	close(fd);
	return r;
}

void outer_reconnect(struct outer *o)
{
	int r = replace_socket(o);

	if (r != 0) {
		outer_fail(o, "%s", strerror(-r));
		return;
	}
	buf_consume(&o->net_in, buf_len(&o->net_in));
	buf_consume(&o->net_out, buf_len(&o->net_out));
	o->eof = false;
	o->state = OUTER_CONNECTING;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct outer *o = poll->data;

	if (o->closing)
		return;
	if (status < 0) { /* EPOLLERR: libuv has stopped the handle */
		bool connected = o->state != OUTER_CONNECTING;

		o->polled = 0;
		if (connected)
			receive(o); /* its last words came before the reset */
		if (connected && o->state == OUTER_CONNECTING)
			update_poll(o);
		else if (!o->closing)
			connection_lost(o, socket_error(o->fd));
		return;
	}
	if (o->state == OUTER_CONNECTING) {
		on_connected(o);
	} else {
		if (events & UV_READABLE)
			receive(o);
		if (!o->closing && (events & UV_DISCONNECT) && o->paused && !o->gone_told) {
			o->gone_told = true;
			if (o->cb->on_peer_gone)
				o->cb->on_peer_gone(o);
		}
	}
	if (!o->closing && !o->on_detached)
		flush(o);
}

void outer_pause(struct outer *o)
{
	o->paused = true;
}

void outer_set_piece(struct outer *o, size_t bytes)
{
	o->piece = bytes;
}

void outer_resume(struct outer *o)
{
	if (!o->paused || o->closing)
		return;
	o->paused = false;
	process(o);
	if (!o->closing) {
		outer_flush_later(o);
		update_poll(o);
	}
}

/* Time */

static uint64_t left_of(uint64_t period_ms, uint64_t since_ms, uint64_t now_ms)
{
	uint64_t passed = now_ms > since_ms ? now_ms - since_ms : 0;

	return passed < period_ms ? period_ms - passed : 0;
}

static uint64_t left_to_silence(const struct outer *o)
{
	return o->silence_ms ? left_of(o->silence_ms, o->last_in_ms, uv_now(o->loop)) : UINT64_MAX;
}

static uint64_t left_to_trim(const struct outer *o)
{
	uint64_t last = o->last_in_ms > o->last_out_ms ? o->last_in_ms : o->last_out_ms;

	return o->trim_due ? left_of(outer_times.trim_ms, last, uv_now(o->loop)) : UINT64_MAX;
}

/* The timer of an open connection. */
static void arm_timer(struct outer *o)
{
	uint64_t silence = left_to_silence(o), trim = left_to_trim(o);
	uint64_t next = silence < trim ? silence : trim;

	if (next == UINT64_MAX)
		uv_timer_stop(&o->timer);
	else
		uv_timer_start(&o->timer, on_timer, next, 0);
}

/* It may have been busy and then fallen silent at once: nothing else would look at it again. */
static void trim_later(struct outer *o)
{
	if (o->trim_due || o->closing || o->state != OUTER_OPEN)
		return;
	o->trim_due = true;
	arm_timer(o);
}

/* After a pause the kernel acknowledges at once, in a packet of its own. What comes after this is a
 * keep-alive: its answer can carry that. */
static void await_answers(const struct outer *o)
{
	int off = 0;

	setsockopt(o->fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off)); /* a refinement */
}

static void trim(struct outer *o)
{
	o->trim_due = false;
	await_answers(o);
	o->read_bytes = READ_FIRST_BYTES;
	release_buffers(o);
	if (buf_len(&o->net_out) == 0)
		buf_deinit(&o->net_out);
}

static void on_open_timer(struct outer *o)
{
	if (left_to_silence(o) == 0) {
		outer_close(o, "nothing was received for too long");
		return;
	}
	if (left_to_trim(o) == 0)
		trim(o);
	arm_timer(o);
}

static void on_timer(uv_timer_t *timer)
{
	struct outer *o = timer->data;

	if (o->closing)
		return;
	if (o->state == OUTER_CONNECTING) {
		outer_close(o, "no answer (connection timed out)");
	} else if (o->state == OUTER_PROXY) {
		outer_close(o, "the proxy did not answer in time");
	} else if (o->state == OUTER_FINISHING) {
		o->clean = false;
		outer_close(o, "closed");
	} else if (o->state != OUTER_OPEN) {
		outer_close(o, o->state == OUTER_TLS ? "TLS handshake timed out"
						     : "no valid request or answer in time");
	} else {
		on_open_timer(o);
	}
}

void outer_set_silence(struct outer *o, uint32_t ms)
{
	if (o->closing || o->state != OUTER_OPEN)
		return;
	o->silence_ms = ms;
	o->last_in_ms = uv_now(o->loop);
	arm_timer(o);
}

/* Making one */

static void set_socket_options(int fd)
{
	int on = 1, idle = TCP_KEEP_IDLE_S, interval = TCP_KEEP_INTERVAL_S, count = TCP_KEEP_COUNT;
	int timeout = TCP_TIMEOUT_MS, lowat = TCP_LOWAT_BYTES;

	/* Each is a refinement: an old kernel may lack one. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
}

/* A client without TLS has one that only tells of its peer; a server without has none. */
static bool make_engine(struct outer *o, const struct tls_ctx *ctx, const char *host)
{
	if (o->plain_tcp && o->is_server)
		return true;
	o->tls = calloc(1, sizeof(*o->tls));
	if (!o->tls)
		return false;
	if (o->plain_tcp) {
		snprintf(o->tls->host, sizeof(o->tls->host), "%s", host);
		o->tls->peer.verified = true; /* the administrator named it */
		return true;
	}
	o->has_tls = tls_init(o->tls, ctx, &o->net_in, &o->net_out, host, NULL) == 0;
	return o->has_tls;
}

static struct outer *outer_new(uv_loop_t *loop, int fd, const struct tls_ctx *ctx, const char *host,
			       const struct outer_callbacks *cb, void *arg)
{
	struct outer *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->loop = loop;
	o->fd = fd;
	o->cb = cb;
	o->arg = arg;
	o->read_bytes = READ_FIRST_BYTES;
	buf_init(&o->net_in, NET_IN_BYTES);
	buf_init(&o->net_out, OUTER_QUEUE_MAX_BYTES + NET_OUT_SLACK);
	buf_init(&o->plain, PLAIN_BYTES);
	o->is_server = !host;
	o->plain_tcp = !ctx;
	if (!make_engine(o, ctx, host)) {
		free(o->tls);
		free(o);
		return NULL;
	}
	ws_rx_init(&o->rx, o->is_server ? WS_SERVER : WS_CLIENT);
	return o;
}

/* Until it is open. */
static void open_timer(struct outer *o)
{
	uint64_t now = uv_now(o->loop), ms = outer_times.open_ms;
	/* Each loop looks at the clock when it wakes: this one may have slept since then. */
	uint64_t age = now > o->born_ms ? now - o->born_ms : 0;

	if (o->state == OUTER_CONNECTING && ms > outer_times.connect_ms)
		ms = outer_times.connect_ms;
	uv_timer_start(&o->timer, on_timer, age < ms ? ms - age : 0, 0);
}

/* From here on errors come by on_closed. Return: 0; -errno and nothing is left open but the socket.
 */
static int open_handles(struct outer *o)
{
	int r = uv_poll_init(o->loop, &o->poll, o->fd);

	if (r != 0)
		return r;
	o->polled = 0;
	uv_timer_init(o->loop, &o->timer);
	uv_prepare_init(o->loop, &o->flusher);
	o->poll.data = o->timer.data = o->flusher.data = o;
	o->handles = 3;
	open_timer(o);
	update_poll(o);
	return 0;
}

static int outer_begin(struct outer *o, enum outer_state state)
{
	o->state = state;
	o->born_ms = o->last_in_ms = uv_now(o->loop);
	return open_handles(o);
}

void outer_detach(struct outer *o, void (*on_detached)(struct outer *o))
{
	if (o->closing || o->on_detached)
		return;
	o->on_detached = on_detached;
	o->paused = true;
	close_handles(o);
}

int outer_attach(struct outer *o, uv_loop_t *loop, void *arg)
{
	o->loop = loop;
	o->arg = arg;
	o->on_detached = NULL;
	return open_handles(o);
}

void outer_discard(struct outer *o)
{
	close(o->fd);
	outer_free(o);
}

int outer_connect(struct outer **out, uv_loop_t *loop, const struct tls_ctx *ctx,
		  const struct outer_target *target, const struct outer_callbacks *cb, void *arg)
{
	const struct sockaddr *addr = (const struct sockaddr *)&target->addr;
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct outer *o;
	int r;

	if (fd < 0)
		return -errno;
	o = outer_new(loop, fd, ctx, target->host, cb, arg);
	if (!o) {
		close(fd);
		return -ENOMEM;
	}
	o->peer = target->addr;
	o->shed_wanted = target->shed;
	o->probe = target->probe;
	set_socket_options(fd);
	o->passing = target->pass;
	r = target->pass ? 0 : outer_http_prepare(o, target);
	if (r == 0 && target->proxy)
		r = outer_proxy_prepare(o, target);
	if (r == 0 && connect(fd, addr, netaddr_len(&target->addr)) != 0 && errno != EINPROGRESS)
		r = -errno;
	if (r == 0)
		r = outer_begin(o, OUTER_CONNECTING);
	if (r != 0) {
		outer_discard(o);
		return r;
	}
	*out = o;
	return 0;
}

int outer_accept(struct outer **out, uv_loop_t *loop, const struct tls_ctx *ctx, int fd,
		 const struct outer_callbacks *cb, void *arg)
{
	const struct outer_entry at = {.tls = ctx};

	return outer_accept_at(out, loop, &at, fd, cb, arg);
}

int outer_accept_at(struct outer **out, uv_loop_t *loop, const struct outer_entry *at, int fd,
		    const struct outer_callbacks *cb, void *arg)
{
	struct outer *o = outer_new(loop, fd, at->tls, NULL, cb, arg);
	socklen_t len = sizeof(o->peer);
	int r;

	if (!o) {
		close(fd);
		return -ENOMEM;
	}
	set_socket_options(fd);
	if (getpeername(fd, (struct sockaddr *)&o->peer, &len) != 0)
		r = -errno;
	else
		r = outer_begin(o, OUTER_TLS);
	o->proxies = at->proxies;
	o->trusted = o->await_client = outer_trusts(o->proxies, &o->peer);
	o->await_begin = cb->on_begin != NULL;
	if (r != 0) {
		outer_discard(o);
		return r;
	}
	*out = o;
	return 0;
}

void outer_allow_shed(struct outer *o)
{
	o->shed_wanted = true;
}

void outer_keep(struct outer *o)
{
	o->shed_wanted = false;
}

void outer_set_callbacks(struct outer *o, const struct outer_callbacks *cb, void *arg)
{
	o->cb = cb;
	o->arg = arg;
}

void *outer_arg(const struct outer *o)
{
	return o->arg;
}

uv_loop_t *outer_loop(const struct outer *o)
{
	return o->loop;
}

const struct sockaddr_storage *outer_peer_addr(const struct outer *o)
{
	return &o->peer;
}

void outer_local_addr(const struct outer *o, struct sockaddr_storage *addr)
{
	socklen_t len = sizeof(*addr);

	memset(addr, 0, sizeof(*addr));
	if (getsockname(o->fd, (struct sockaddr *)addr, &len) != 0)
		memset(addr, 0, sizeof(*addr));
	if (addr->ss_family == AF_INET6)
		((struct sockaddr_in6 *)addr)->sin6_port = 0;
	else if (addr->ss_family == AF_INET)
		((struct sockaddr_in *)addr)->sin_port = 0;
}

bool outer_connected(const struct outer *o)
{
	return o->state != OUTER_CONNECTING;
}

void outer_way(const struct outer *o, struct outer_way *w)
{
	struct tcp_counts c;

	*w = (struct outer_way){.answer_us = o->answer_us};
	if (tcp_count(o->fd, &c) != 0)
		return;
	w->again = c.again;
	w->segments = c.sent + 1 > c.again ? c.sent + 1 - c.again : 1; /* the SYN has no data */
}

const struct tls_peer *outer_tls_peer(const struct outer *o)
{
	return tls_peer(o->tls);
}

uint32_t outer_retry_after_s(const struct outer *o)
{
	return o->retry_after_s;
}

const char *outer_host(const struct outer *o)
{
	return o->tls->host;
}

void outer_stats(const struct outer *o, struct outer_stats *s)
{
	s->bytes_in = o->bytes_in;
	s->bytes_out = o->bytes_out;
	s->tls_version = o->version;
	s->cipher = o->cipher;
	s->shed = o->tx_raw && o->rx_raw;
}
