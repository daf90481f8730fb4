/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/io/metrics_internal.h"

#define READ_BYTES 2048

static const struct {
	int status;
	const char *phrase, *text;
} answers[METRICS_CODES] = {
	[METRICS_OK] = {200, "OK", ""},
	[METRICS_MALFORMED] = {400, "Bad Request", "malformed request\n"},
	[METRICS_NOT_FOUND] = {404, "Not Found", "metrics are at /metrics\n"},
	[METRICS_METHOD] = {405, "Method Not Allowed", "only GET and HEAD\n"},
	[METRICS_TOO_LONG] = {431, "Request Header Fields Too Large", "the head is too long\n"},
	[METRICS_FAILED] = {500, "Internal Server Error", "the text is too long\n"},
};

int metrics_code_status(enum metrics_code code)
{
	return answers[code].status;
}

static void conn_step(struct conn *c);
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf);
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

/* --- the end --- */

static void on_handle_closed(uv_handle_t *handle)
{
	struct conn *c = handle->data;
	struct metrics *m = c->owner;

	if (--c->handles > 0)
		return;
	TAILQ_REMOVE(&m->conns, c, list);
	buf_deinit(&c->in);
	buf_deinit(&c->body);
	free(c);
	metrics_conn_gone(m);
}

void conn_close(struct conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	uv_close((uv_handle_t *)&c->tcp, on_handle_closed);
	uv_close((uv_handle_t *)&c->timer, on_handle_closed);
}

static void on_late(uv_timer_t *timer)
{
	conn_close(timer->data);
}

static void set_deadline(struct conn *c, uint32_t ms)
{
	uv_timer_start(&c->timer, on_late, ms, 0);
}

static void on_shut_down(uv_shutdown_t *req, int status)
{
	struct conn *c = req->handle->data;

	if (status != 0)
		conn_close(c);
}

/* To close with unread bytes would send a reset, which may overtake the answer. */
static void linger(struct conn *c)
{
	c->state = CONN_LINGERING;
	buf_consume(&c->in, buf_len(&c->in));
	set_deadline(c, metrics_times.linger_ms);
	if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shut_down) != 0 ||
	    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) != 0)
		conn_close(c);
}

/* --- answers --- */

static void on_written(uv_write_t *req, int status)
{
	struct conn *c = req->handle->data;

	if (c->closing)
		return;
	buf_deinit(&c->body);
	buf_init(&c->body, METRICS_TEXT_MAX_BYTES);
	if (status != 0) {
		conn_close(c);
		return;
	}
	if (!c->keep) {
		linger(c);
		return;
	}
	c->state = CONN_READING;
	TAILQ_REMOVE(&c->owner->conns, c, list);
	TAILQ_INSERT_TAIL(&c->owner->conns, c, list);
	set_deadline(c, buf_len(&c->in) > 0 ? metrics_times.head_ms : metrics_times.idle_ms);
	if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) != 0)
		conn_close(c);
	else
		conn_step(c);
}

/* RFC 9110 section 5.6.7. The locale is always C. */
static void put_date(char out[40])
{
	time_t now = (time_t)clock_wall_s();
	struct tm tm;

	if (!gmtime_r(&now, &tm) || strftime(out, 40, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
		out[0] = '\0';
}

/* What the body holds goes with it, unless @head_only. */
static void send_answer(struct conn *c, enum metrics_code code, const char *type, bool head_only)
{
	char date[40];
	uv_buf_t bufs[2];
	int n;

	put_date(date);
	n = snprintf(c->head, sizeof(c->head),
		     "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		     "Cache-Control: no-store\r\nVary: Accept\r\n%s%s\r\n",
		     answers[code].status, answers[code].phrase, date, type, buf_len(&c->body),
		     code == METRICS_METHOD ? "Allow: GET, HEAD\r\n" : "",
		     c->keep ? "" : "Connection: close\r\n");
	c->owner->answered[code]++;
	bufs[0] = uv_buf_init(c->head, (unsigned int)n);
	bufs[1] = uv_buf_init((char *)buf_data_mut(&c->body),
			      head_only ? 0 : (unsigned int)buf_len(&c->body));
	c->state = CONN_ANSWERING;
	uv_read_stop((uv_stream_t *)&c->tcp);
	set_deadline(c, metrics_times.answer_ms);
	if (uv_write(&c->write, (uv_stream_t *)&c->tcp, bufs, head_only ? 1 : 2, on_written) != 0)
		conn_close(c);
}

static void send_words(struct conn *c, enum metrics_code code, bool head_only)
{
	const char *text = answers[code].text;

	buf_consume(&c->body, buf_len(&c->body));
	if (buf_append(&c->body, text, strlen(text)) != 0)
		c->keep = false;
	send_answer(c, code, "text/plain; charset=utf-8", head_only);
}

/* After this nobody knows where a next request would begin. */
static void send_malformed(struct conn *c, enum metrics_code code)
{
	c->keep = false;
	send_words(c, code, false);
}

static bool is_path(struct http_str target, const char *path)
{
	const char *query = memchr(target.at, '?', target.len);

	if (query)
		target.len = (size_t)(query - target.at);
	return http_str_is(target, path);
}

static bool has_body(const struct http_head *h)
{
	for (size_t i = 0; i < h->n_headers; i++) {
		if (http_str_is_nocase(h->headers[i].name, "Transfer-Encoding") ||
		    (http_str_is_nocase(h->headers[i].name, "Content-Length") &&
		     !http_str_is(h->headers[i].value, "0")))
			return true;
	}
	return false;
}

static void serve(struct conn *c, const struct http_head *h)
{
	bool head_only = http_str_is(h->method, "HEAD");
	enum expo_format format = expo_choose(h);

	c->keep = h->minor == 1 && !http_has_token(h, "Connection", "close") && !has_body(h);
	if (!h->is_request || (h->minor == 1 && !http_header(h, "Host")))
		send_malformed(c, METRICS_MALFORMED);
	else if (!is_path(h->target, "/metrics"))
		send_words(c, METRICS_NOT_FOUND, head_only);
	else if (!head_only && !http_str_is(h->method, "GET"))
		send_words(c, METRICS_METHOD, false);
	else if (has_body(h))
		send_malformed(c, METRICS_MALFORMED);
	else if (metrics_write(c->owner, &c->body, format) != 0)
		send_words(c, METRICS_FAILED, head_only);
	else
		send_answer(c, METRICS_OK, expo_content_type(format), head_only);
}

/* --- requests --- */

static void conn_step(struct conn *c)
{
	struct http_head h;
	size_t used = 0;
	int r = http_head_decode(buf_data(&c->in), buf_len(&c->in), &h, &used);

	if (r == -EAGAIN)
		return;
	if (r == 0)
		serve(c, &h);
	else
		send_malformed(c, r == -E2BIG ? METRICS_TOO_LONG : METRICS_MALFORMED);
	buf_consume(&c->in, used);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct conn *c = handle->data;
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
	struct conn *c = stream->data;
	bool first = buf_len(&c->in) == 0;

	(void)buf;
	if (c->closing || n == 0)
		return;
	if (n < 0) {
		conn_close(c);
		return;
	}
	buf_commit(&c->in, (size_t)n);
	if (c->state == CONN_LINGERING) {
		buf_consume(&c->in, buf_len(&c->in));
		return;
	}
	if (first)
		set_deadline(c, metrics_times.head_ms);
	conn_step(c);
}

/* --- the beginning --- */

/* One that waits for a request gives way: who sends slowly keeps nobody out. */
static bool make_room(struct metrics *m)
{
	struct conn *c;

	if (m->n_conns < METRICS_CONNECTIONS_MAX)
		return true;
	m->turned_away++;
	TAILQ_FOREACH (c, &m->conns, list) {
		if (!c->closing && c->state != CONN_ANSWERING) {
			conn_close(c);
			return true;
		}
	}
	return false;
}

void conn_accept(struct metrics *m, int fd)
{
	struct conn *c = make_room(m) ? calloc(1, sizeof(*c)) : NULL;

	if (!c) {
		close(fd);
		return;
	}
	c->owner = m;
	buf_init(&c->in, HTTP_HEAD_MAX_BYTES);
	buf_init(&c->body, METRICS_TEXT_MAX_BYTES);
	uv_tcp_init(m->loop, &c->tcp);
	uv_timer_init(m->loop, &c->timer);
	c->tcp.data = c->timer.data = c;
	c->handles = 2;
	TAILQ_INSERT_TAIL(&m->conns, c, list);
	m->n_conns++;
	if (uv_tcp_open(&c->tcp, fd) != 0) {
		close(fd);
		conn_close(c);
		return;
	}
	set_deadline(c, metrics_times.head_ms);
	if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) != 0)
		conn_close(c);
}
