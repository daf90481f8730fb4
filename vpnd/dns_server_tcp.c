/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 1035, section 4.2.2: each message behind its length; RFC 7766: several on a connection. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/pure/bytes.h"
#include "vpnd/dns_server_internal.h"
#include "vpnd/pure/dns.h"

#define LENGTH_BYTES 2
#define READ_BYTES 1024

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf);
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void on_handle_closed(uv_handle_t *handle)
{
	struct dns_conn *c = handle->data;
	struct dns_server *s = c->owner;

	if (--c->handles > 0)
		return;
	TAILQ_REMOVE(&s->conns, c, list);
	buf_deinit(&c->in);
	buf_deinit(&c->out);
	free(c);
	dns_server_conn_gone(s);
}

void dns_conn_close(struct dns_conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	uv_close((uv_handle_t *)&c->tcp, on_handle_closed);
	uv_close((uv_handle_t *)&c->timer, on_handle_closed);
}

static void on_late(uv_timer_t *timer)
{
	dns_conn_close(timer->data);
}

/* It has done something: it is the last to give way. */
static void stir(struct dns_conn *c)
{
	TAILQ_REMOVE(&c->owner->conns, c, list);
	TAILQ_INSERT_TAIL(&c->owner->conns, c, list);
	uv_timer_start(&c->timer, on_late, dns_server_times.idle_ms, 0);
}

/* The message at the front, if it is whole: 0; -EAGAIN; -EMSGSIZE more than anybody asks. */
static int whole(const struct dns_conn *c, size_t *n)
{
	struct rd r = rd_init(buf_data(&c->in), buf_len(&c->in));
	uint16_t length;

	if (!rd_u16(&r, &length))
		return -EAGAIN;
	*n = length;
	if (length > DNS_QUERY_MAX_BYTES)
		return -EMSGSIZE;
	return r.left >= length ? 0 : -EAGAIN;
}

static void step(struct dns_conn *c);

static void on_written(uv_write_t *req, int status)
{
	struct dns_conn *c = req->handle->data;

	if (c->closing)
		return;
	c->answering = false;
	buf_consume(&c->out, buf_len(&c->out));
	if (status != 0) {
		dns_conn_close(c);
		return;
	}
	stir(c);
	step(c);
}

static int send_answer(struct dns_conn *c, const uint8_t *answer, size_t n)
{
	const uint8_t length[LENGTH_BYTES] = {(uint8_t)(n >> 8), (uint8_t)n};
	uv_buf_t out;
	int r = buf_append(&c->out, length, sizeof(length));

	if (r == 0)
		r = buf_append(&c->out, answer, n);
	if (r != 0)
		return r;
	out = uv_buf_init((char *)buf_data_mut(&c->out), (unsigned int)buf_len(&c->out));
	c->answering = true;
	uv_read_stop((uv_stream_t *)&c->tcp);
	return uv_write(&c->write, (uv_stream_t *)&c->tcp, &out, 1, on_written);
}

/* One answer is under way at a time, and nothing is read meanwhile: who does not take its answers
 * has no more made. A message that gets no answer ends the connection: its asker would wait. */
static void step(struct dns_conn *c)
{
	struct dns_server *s = c->owner;
	size_t n = 0, length;
	int r = whole(c, &n);

	if (r == 0) {
		length = s->config.answer(s->config.arg, buf_data(&c->in) + LENGTH_BYTES, n, true,
					  s->out, sizeof(s->out));
		buf_consume(&c->in, LENGTH_BYTES + n);
		r = length > 0 ? send_answer(c, s->out, length) : -EBADMSG;
	} else if (r == -EAGAIN) {
		r = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
		r = r == UV_EALREADY ? 0 : r;
	}
	if (r != 0)
		dns_conn_close(c);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct dns_conn *c = handle->data;
	size_t n = buf_room(&c->in) < READ_BYTES ? buf_room(&c->in) : READ_BYTES;
	uint8_t *at;

	(void)suggested;
	if (buf_reserve(&c->in, n, &at) == 0)
		*buf = uv_buf_init((char *)at, (unsigned int)n);
	else
		*buf = uv_buf_init(NULL, 0);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct dns_conn *c = stream->data;

	(void)buf;
	if (c->closing || n == 0)
		return;
	if (n < 0) {
		dns_conn_close(c);
		return;
	}
	buf_commit(&c->in, (size_t)n);
	step(c);
}

static bool make_room(struct dns_server *s)
{
	struct dns_conn *c;

	if (s->n_conns < DNS_SERVER_CONNECTIONS_MAX)
		return true;
	TAILQ_FOREACH (c, &s->conns, list) {
		if (!c->closing) {
			dns_conn_close(c);
			return s->n_conns < 2 * DNS_SERVER_CONNECTIONS_MAX;
		}
	}
	return false;
}

void dns_conn_accept(struct dns_server *s, int fd)
{
	struct dns_conn *c = make_room(s) ? calloc(1, sizeof(*c)) : NULL;

	if (!c) {
		close(fd);
		return;
	}
	c->owner = s;
	buf_init(&c->in, LENGTH_BYTES + DNS_QUERY_MAX_BYTES);
	buf_init(&c->out, LENGTH_BYTES + UINT16_MAX);
	uv_tcp_init(s->loop, &c->tcp);
	uv_timer_init(s->loop, &c->timer);
	c->tcp.data = c->timer.data = c;
	c->handles = 2;
	TAILQ_INSERT_TAIL(&s->conns, c, list);
	s->n_conns++;
	if (uv_tcp_open(&c->tcp, fd) != 0) {
		close(fd);
		dns_conn_close(c);
		return;
	}
	stir(c);
	step(c);
}
