/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/dns_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/log.h"
#include "vpnd/dns_server_internal.h"

struct dns_server_times dns_server_times = {.idle_ms = 10000, .retry_ms = 60000};

/* --- UDP --- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct dns_udp *u = handle->data;

	(void)suggested;
	*buf = uv_buf_init((char *)u->owner->in, sizeof(u->owner->in));
}

/* An answer that the socket does not take is lost, as UDP may be. */
static void on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
			unsigned int flags)
{
	struct dns_udp *u = udp->data;
	struct dns_server *s = u->owner;
	size_t length;
	uv_buf_t out;

	if (n <= 0 || !from || flags & UV_UDP_PARTIAL || s->closing)
		return;
	length = s->config.answer(s->config.arg, (const uint8_t *)buf->base, (size_t)n, false,
				  s->out, sizeof(s->out));
	out = uv_buf_init((char *)s->out, (unsigned int)length);
	if (length > 0 && uv_udp_try_send(udp, &out, 1, from) < 0)
		log_debug("dns: an answer was not taken");
}

static void free_if_done(struct dns_server *s)
{
	if (s->closing && s->handles == 0 && s->n_conns == 0)
		free(s);
}

static void on_udp_closed(uv_handle_t *handle)
{
	struct dns_udp *u = handle->data;
	struct dns_server *s = u->owner;

	free(u);
	s->handles--;
	free_if_done(s);
}

static int bind_udp(struct dns_udp *u, const struct opt_listen *where)
{
	char text[ADDR_TEXT_SIZE];
	struct sockaddr_storage ss;
	int r;

	addr_format(&where->addr, text);
	if (where->addr.family == 6)
		r = uv_ip6_addr(text, where->port, (struct sockaddr_in6 *)&ss);
	else
		r = uv_ip4_addr(text, where->port, (struct sockaddr_in *)&ss);
	if (r == 0)
		r = uv_udp_bind(&u->udp, (const struct sockaddr *)&ss, 0);
	if (r == 0)
		r = uv_udp_recv_start(&u->udp, on_alloc, on_datagram);
	if (r != 0 && r != u->owner->said)
		log_warn("names are not answered: cannot listen address=%s port=%u/udp "
			 "error=\"%s\"; tried again every %u s",
			 text, where->port, strerror(-r), dns_server_times.retry_ms / 1000);
	u->owner->said = r;
	return r;
}

static int open_udp(struct dns_server *s, size_t i)
{
	struct dns_udp *u = calloc(1, sizeof(*u));
	int r = u ? uv_udp_init(s->loop, &u->udp) : -ENOMEM;

	if (r != 0) {
		free(u);
		return r;
	}
	u->owner = s;
	u->udp.data = u;
	s->handles++;
	s->udp[i] = u;
	return bind_udp(u, &s->where.at[i]);
}

/* --- life --- */

static void stop_listening(struct dns_server *s)
{
	listen_close(s->listeners);
	s->listeners = NULL;
	for (size_t i = 0; i < s->where.n; i++) {
		if (s->udp[i])
			uv_close((uv_handle_t *)&s->udp[i]->udp, on_udp_closed);
		s->udp[i] = NULL;
	}
}

static void on_accept(int fd, void *arg)
{
	dns_conn_accept(arg, fd);
}

static void on_retry(uv_timer_t *timer);

static void try_listen(struct dns_server *s)
{
	int r = 0;

	for (size_t i = 0; i < s->where.n && r == 0; i++)
		r = open_udp(s, i);
	if (r == 0)
		r = listen_open(&s->listeners, s->loop, &s->where, false, on_accept, s);
	if (r == 0)
		return;
	s->listeners = NULL;
	stop_listening(s);
	uv_timer_start(&s->retry, on_retry, dns_server_times.retry_ms, 0);
}

static void on_retry(uv_timer_t *timer)
{
	struct dns_server *s = timer->data;

	if (!s->closing)
		try_listen(s);
}

int dns_server_open(struct dns_server **out, uv_loop_t *loop,
		    const struct dns_server_config *config)
{
	struct dns_server *s;

	*out = NULL;
	if (config->where->n == 0)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->config = *config;
	s->where = *config->where;
	s->config.where = &s->where;
	TAILQ_INIT(&s->conns);
	uv_timer_init(loop, &s->retry);
	s->retry.data = s;
	s->handles = 1;
	try_listen(s);
	*out = s;
	return 0;
}

static void on_retry_closed(uv_handle_t *handle)
{
	struct dns_server *s = handle->data;

	s->handles--;
	free_if_done(s);
}

void dns_server_close(struct dns_server *s)
{
	struct dns_conn *c;

	if (!s || s->closing)
		return;
	s->closing = true;
	stop_listening(s);
	TAILQ_FOREACH (c, &s->conns, list)
		dns_conn_close(c);
	uv_close((uv_handle_t *)&s->retry, on_retry_closed);
}

void dns_server_conn_gone(struct dns_server *s)
{
	s->n_conns--;
	free_if_done(s);
}

bool dns_server_listening(const struct dns_server *s)
{
	return s && s->listeners;
}
