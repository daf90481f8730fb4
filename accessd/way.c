/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/way.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/lookup.h"
#include "common/io/netaddr.h"
#include "common/pure/backoff.h"

#define AGAIN_MS 50 /* a receiver whose queue is full */
#define BACK_BASE_MS 500
#define BACK_MAX_MS 60000
#define CONNECT_MS 10000
#define LOG_BURST 2

enum state { IDLE, LOOKING, CONNECTING, READY, WAITING };

struct way {
	uv_loop_t *loop;
	struct conf_syslog to;
	char name[CONF_PLACE_SIZE];
	void (*on_ready)(void *arg);
	void *arg;
	enum state state;
	int fd; /* of datagrams; -1 */
	uv_tcp_t *tcp;
	struct lookup *lookup;
	size_t next_addr; /* of an answer with several */
	uv_timer_t timer;
	struct backoff backoff;
	bool closing, refused;
	struct log_limit limit;
};

static void begin(struct way *w);

/* --- trouble --------------------------------------------------------------------------------- */

static void on_tcp_closed(uv_handle_t *h)
{
	free(h);
}

static void drop(struct way *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	if (w->tcp) {
		w->tcp->data = NULL;
		uv_close((uv_handle_t *)w->tcp, on_tcp_closed);
	}
	w->tcp = NULL;
}

static void failed(struct way *w, const char *what, int rc);

static void on_timer(uv_timer_t *t)
{
	struct way *w = t->data;

	if (w->state == READY) {
		w->on_ready(w->arg);
	} else if (w->state == CONNECTING) {
		failed(w, "connect", -ETIMEDOUT);
	} else {
		begin(w);
	}
}

static void failed(struct way *w, const char *what, int rc)
{
	uint32_t random;

	file_random(&random, sizeof(random));
	drop(w);
	w->state = WAITING;
	w->next_addr++;
	if (log_allowed(&w->limit, LOG_BURST))
		log_warn("the audit's records do not reach %s, they wait: %s: %s", w->name, what,
			 rc < -4095 ? "the name is not known" : strerror(-rc));
	uv_timer_start(&w->timer, on_timer, backoff_next_ms(&w->backoff, random), 0);
}

static void ready(struct way *w)
{
	w->state = READY;
	uv_timer_stop(&w->timer);
	backoff_reset(&w->backoff);
	w->on_ready(w->arg);
}

/* --- datagrams ------------------------------------------------------------------------------- */

static int open_unix(struct way *w)
{
	struct sockaddr_storage to;

	w->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd < 0)
		return -errno;
	netaddr_unix(&to, w->to.path);
	return connect(w->fd, (const struct sockaddr *)&to, netaddr_len(&to)) == 0 ? 0 : -errno;
}

static int open_udp(struct way *w, const struct sockaddr_storage *to)
{
	w->fd = socket(to->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd < 0)
		return -errno;
	return connect(w->fd, (const struct sockaddr *)to, netaddr_len(to)) == 0 ? 0 : -errno;
}

/* What a full queue of the receiver does not take now it takes in a moment. */
static int send_datagram(struct way *w, const void *message, size_t n)
{
	ssize_t r;

	do {
		r = send(w->fd, message, n, MSG_NOSIGNAL);
	} while (r < 0 && errno == EINTR);
	if (r >= 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS) {
		uv_timer_start(&w->timer, on_timer, AGAIN_MS, 0);
		return -EAGAIN;
	}
	/* UDP: about an earlier message; nobody can know whether this one would arrive. */
	if (w->to.way == CONF_UDP && errno == ECONNREFUSED && !w->refused) {
		w->refused = true;
		return send_datagram(w, message, n);
	}
	failed(w, "send", -errno);
	return -EAGAIN;
}

/* --- TCP ------------------------------------------------------------------------------------- */

struct sending {
	uv_write_t req;
	char bytes[];
};

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	static char nothing[512]; /* what it says is not of interest, only that it ends */

	(void)h;
	(void)suggested;
	*buf = uv_buf_init(nothing, sizeof(nothing));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct way *w = s->data;

	(void)buf;
	if (w && n < 0)
		failed(w, "it ended the connection", n == UV_EOF ? -EPIPE : (int)n);
}

static void on_connected(uv_connect_t *req, int status)
{
	struct way *w = req->handle->data; /* NULL: it was given up, and may be gone */

	free(req);
	if (!w || w->state != CONNECTING)
		return;
	if (status == 0)
		status = uv_read_start((uv_stream_t *)w->tcp, on_alloc, on_read);
	if (status)
		failed(w, "connect", status);
	else
		ready(w);
}

static int open_tcp(struct way *w, const struct sockaddr_storage *to)
{
	uv_connect_t *req = calloc(1, sizeof(*req));
	uv_tcp_t *tcp = calloc(1, sizeof(*tcp));
	int rc = req && tcp ? uv_tcp_init(w->loop, tcp) : -ENOMEM;

	if (rc) {
		free(req);
		free(tcp);
		return rc;
	}
	w->tcp = tcp;
	tcp->data = w;
	rc = uv_tcp_connect(req, tcp, (const struct sockaddr *)to, on_connected);
	if (rc)
		free(req);
	w->state = CONNECTING;
	uv_timer_start(&w->timer, on_timer, CONNECT_MS, 0);
	return rc;
}

static void on_written(uv_write_t *req, int status)
{
	struct way *w = req->handle->data;

	free(req->data);
	if (w && status < 0 && status != UV_ECANCELED)
		failed(w, "send", status);
	else if (w && w->state == READY)
		w->on_ready(w->arg);
}

static int send_tcp(struct way *w, const void *message, size_t n)
{
	struct sending *s;
	uv_buf_t buf;
	int head;

	/* As fast as the kernel takes it: what waits here would be lost with the connection. */
	if (uv_stream_get_write_queue_size((uv_stream_t *)w->tcp) > 0)
		return -EAGAIN;
	s = malloc(sizeof(*s) + n + 16);
	if (!s)
		return -EAGAIN;
	head = snprintf(s->bytes, 16, "%zu ", n);
	memcpy(s->bytes + head, message, n);
	s->req.data = s;
	buf = uv_buf_init(s->bytes, (unsigned int)((size_t)head + n));
	if (uv_write(&s->req, (uv_stream_t *)w->tcp, &buf, 1, on_written) == 0)
		return 0;
	free(s);
	failed(w, "send", -EPIPE);
	return -EAGAIN;
}

/* --- beginning ------------------------------------------------------------------------------- */

static void go_to(struct way *w, const struct addr *a)
{
	struct sockaddr_storage to;
	int rc;

	netaddr_to(&to, a, w->to.at.port);
	rc = w->to.way == CONF_UDP ? open_udp(w, &to) : open_tcp(w, &to);
	if (rc)
		failed(w, "connect", rc);
	else if (w->to.way == CONF_UDP)
		ready(w);
}

static void on_looked_up(void *arg, int status, const struct addr *addrs, size_t n)
{
	struct way *w = arg;

	w->lookup = NULL;
	if (status || n == 0)
		failed(w, w->to.at.host, -5000);
	else
		go_to(w, &addrs[w->next_addr % n]);
}

static void begin(struct way *w)
{
	struct addr a;
	int rc;

	w->refused = false;
	if (w->to.way == CONF_UNIX) {
		rc = open_unix(w);
		if (rc)
			failed(w, "connect", rc);
		else
			ready(w);
		return;
	}
	if (addr_parse(&a, w->to.at.host) == 0) {
		go_to(w, &a);
		return;
	}
	w->state = LOOKING;
	rc = lookup_start(&w->lookup, w->loop, w->to.at.host, on_looked_up, w);
	if (rc)
		failed(w, w->to.at.host, rc);
}

int way_send(struct way *w, const void *message, size_t n)
{
	if (w->state != READY)
		return -EAGAIN;
	return w->to.way == CONF_TCP ? send_tcp(w, message, n) : send_datagram(w, message, n);
}

bool way_idle(const struct way *w)
{
	return !w->tcp || uv_stream_get_write_queue_size((const uv_stream_t *)w->tcp) == 0;
}

static void on_begin(uv_timer_t *t)
{
	begin(t->data);
}

int way_open(struct way **out, uv_loop_t *loop, const struct conf_syslog *to,
	     void (*on_ready)(void *arg), void *arg)
{
	struct way *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->loop = loop;
	w->to = *to;
	w->fd = -1;
	w->on_ready = on_ready;
	w->arg = arg;
	conf_print_syslog(NULL, to, w->name, sizeof(w->name));
	backoff_init(&w->backoff, BACK_BASE_MS, BACK_MAX_MS);
	uv_timer_init(loop, &w->timer);
	w->timer.data = w;
	uv_timer_start(&w->timer, on_begin, 0, 0); /* not before this returns */
	*out = w;
	return 0;
}

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

void way_close(struct way *w)
{
	if (!w || w->closing)
		return;
	w->closing = true;
	if (w->lookup)
		lookup_cancel(w->lookup);
	drop(w);
	uv_close((uv_handle_t *)&w->timer, on_closed);
}
