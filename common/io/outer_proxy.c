/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way through an HTTP proxy: CONNECT, and at most two rounds of authentication.
 */
#include "common/io/outer_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/connect.h"

#define TLS_HANDSHAKE 22 /* types of records, RFC 8446 section 5.1 */
#define TLS_ALERT 21

struct proxying {
	struct outer_proxy *proxy;
	char name[PROXY_HOST_PORT_SIZE], target[PROXY_HOST_PORT_SIZE];
	uint16_t port;
	struct http_auth said; /* what the request answered */
	unsigned int rounds;   /* 407s that came */
	size_t skip;	       /* bytes of a 407's body that come yet */
	int status;
	bool asked_again; /* on the connection that the 407 came on */
	bool reconnected;
	bool open, denied, is_tls;
};

int outer_proxy_prepare(struct outer *o, const struct outer_target *t)
{
	struct proxying *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->proxy = t->proxy;
	p->port = t->port;
	proxy_host_port(t->proxy->to.host, t->proxy->to.port, p->name);
	proxy_host_port(t->host, t->port, p->target);
	o->proxying = p;
	return 0;
}

void outer_proxy_free(struct outer *o)
{
	free(o->proxying);
	o->proxying = NULL;
}

bool outer_tunnel(const struct outer *o, struct outer_tunnel *t)
{
	const struct proxying *p = o->proxying;

	if (!p)
		return false;
	*t = (struct outer_tunnel){.proxy = p->name,
				   .port = p->port,
				   .status = p->status,
				   .open = p->open,
				   .denied = p->denied};
	return true;
}

/* Asking */

/* What the last challenge wants, if there was one. */
static int authorization(struct proxying *p, char out[HTTP_AUTH_SIZE])
{
	struct outer_proxy *proxy = p->proxy;
	struct http_auth_request q = {.user = proxy->to.user,
				      .password = proxy->to.password,
				      .method = "CONNECT",
				      .uri = p->target};

	out[0] = '\0';
	p->said = proxy->challenge;
	if (!proxy->to.user[0] || p->said.kind == HTTP_AUTH_NONE)
		return 0;
	q.count = ++proxy->count;
	file_random(q.cnonce, sizeof(q.cnonce));
	return http_auth_answer(out, &p->said, &q);
}

void outer_proxy_ask(struct outer *o)
{
	char login[HTTP_AUTH_SIZE], request[CONNECT_REQUEST_SIZE];
	int r = authorization(o->proxying, login);

	o->state = OUTER_PROXY;
	if (r == 0)
		r = connect_request(request, o->proxying->target, login);
	if (r == 0)
		r = buf_append(&o->net_out, request, strlen(request));
	explicit_bzero(login, sizeof(login));
	explicit_bzero(request, sizeof(request));
	if (r != 0)
		outer_fail(o, "the proxy cannot be asked: %s", strerror(-r));
	else
		outer_flush_later(o);
}

/* Answers */

static void ask_again(struct outer *o)
{
	o->proxying->asked_again = true;
	outer_proxy_ask(o);
}

/* A nonce that is new is counted anew. */
static void log_in(struct outer *o, const struct connect_answer *a)
{
	struct proxying *p = o->proxying;

	p->rounds++;
	p->proxy->challenge = a->challenge;
	p->proxy->count = 0;
	p->skip = a->skip_bytes;
	if (!a->again_here)
		outer_reconnect(o);
	else if (p->skip == 0)
		ask_again(o);
}

/* The first line of its body may say more, if it is for people. */
static void refuse(struct outer *o, const struct connect_answer *a)
{
	const char *body = (const char *)buf_data(&o->net_in) + a->head_bytes;
	size_t len = buf_len(&o->net_in) - a->head_bytes;
	const char *end = a->plain_text ? memchr(body, '\n', len) : NULL;
	char text[80] = "";

	if (a->plain_text)
		log_clean(text, sizeof(text), body, end ? (size_t)(end - body) : len);
	o->proxying->denied = a->outcome == CONNECT_DENIED;
	outer_fail(o, "%s%s%s", a->words, text[0] ? ": " : "", text);
}

/* The server says nothing before the ClientHello, so nothing may stand behind the head. */
static void begin_tunnel(struct outer *o, const struct connect_answer *a)
{
	buf_consume(&o->net_in, a->head_bytes);
	o->proxying->open = true;
	o->state = OUTER_TLS;
}

static int skip_body(struct outer *o)
{
	struct proxying *p = o->proxying;
	size_t n = buf_len(&o->net_in) < p->skip ? buf_len(&o->net_in) : p->skip;

	buf_consume(&o->net_in, n);
	p->skip -= n;
	if (p->skip > 0)
		return -EAGAIN;
	ask_again(o);
	return o->closing ? -ECANCELED : 0;
}

int outer_proxy_step(struct outer *o)
{
	struct proxying *p = o->proxying;
	struct connect_asked asked = {.target = p->target,
				      .has_login = p->proxy->to.user[0],
				      .said = &p->said,
				      .rounds = p->rounds};
	struct connect_answer a;

	if (p->skip > 0)
		return skip_body(o);
	if (connect_answer(&a, &asked, buf_data(&o->net_in), buf_len(&o->net_in)) != 0)
		return -EAGAIN;
	p->status = a.status;
	if (a.outcome == CONNECT_LOGIN) {
		buf_consume(&o->net_in, a.head_bytes);
		log_in(o, &a);
	} else if (a.outcome == CONNECT_OPEN) {
		begin_tunnel(o, &a);
	} else {
		refuse(o, &a);
	}
	if (o->closing)
		return -ECANCELED;
	return o->state == OUTER_CONNECTING ? -EAGAIN : 0;
}

void outer_proxy_eof(struct outer *o)
{
	struct proxying *p = o->proxying;

	/* It may keep connections, as it said, and not this one. */
	if (p->rounds > 0 && !p->reconnected && (p->skip > 0 || p->asked_again)) {
		p->reconnected = true;
		p->skip = 0;
		outer_reconnect(o);
		return;
	}
	outer_close(o, "the proxy closed the connection without an answer");
}

bool outer_proxy_is_tls(struct outer *o)
{
	struct proxying *p = o->proxying;
	uint8_t first;

	if (!p || p->is_tls || buf_len(&o->net_in) == 0)
		return true;
	first = buf_data(&o->net_in)[0];
	p->is_tls = first == TLS_HANDSHAKE || first == TLS_ALERT;
	if (!p->is_tls)
		outer_fail(o,
			   "the proxy answered %d and then something that is not TLS: something "
			   "else than a proxy, perhaps a captive portal, or no server behind it",
			   p->status);
	return p->is_tls;
}
