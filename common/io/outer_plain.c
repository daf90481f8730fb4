/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a server needs that stands behind another one: connections without TLS, whose the
 * connection is, and those that are passed on as they are (docs/PROTOCOL.md, section 2).
 */
#include "common/io/outer_internal.h"

#include <errno.h>
#include <string.h>

#include "common/io/netaddr.h"
#include "common/pure/forwarded.h"
#include "common/pure/proxyproto.h"

bool outer_trusts(const struct opt_prefixes *proxies, const struct sockaddr_storage *peer)
{
	uint16_t port;
	struct addr a = netaddr_of(peer, &port);

	if (peer->ss_family == AF_UNIX)
		return true;
	for (size_t i = 0; proxies && i < proxies->n; i++) {
		if (prefix_contains(&proxies->at[i], &a))
			return true;
	}
	return false;
}

static void set_client(struct outer *o, const struct addr *client, uint16_t port)
{
	struct sockaddr_storage was = o->peer;

	netaddr_to(&o->peer, client, port);
	if (memcmp(&was, &o->peer, sizeof(was)) != 0 && o->cb->on_client)
		o->cb->on_client(o);
}

/* It may be a proxy's, too, which says by X-Forwarded-For whose its own are. */
static void take_client(struct outer *o, const struct proxyproto *p)
{
	struct sockaddr_storage client;

	netaddr_to(&client, &p->client, p->port);
	o->trusted = outer_trusts(o->proxies, &client);
	set_client(o, &p->client, p->port);
}

int outer_plain_client(struct outer *o)
{
	struct proxyproto p;
	size_t used;
	int r = proxyproto_decode(&p, buf_data(&o->net_in), buf_len(&o->net_in), &used);

	if (r == -EAGAIN)
		return -EAGAIN;
	o->await_client = false;
	if (r == -EBADMSG) {
		outer_close(o, "malformed PROXY header");
		return -ECANCELED;
	}
	if (r == 0) {
		buf_consume(&o->net_in, used);
		if (p.client.family != 0)
			take_client(o, &p);
	}
	return o->closing ? -ECANCELED : 0;
}

/* For each request: a proxy may send those of several clients on one connection. */
void outer_plain_forwarded(struct outer *o, const struct http_head *head)
{
	const struct opt_prefixes *p = o->proxies;
	struct addr client;
	uint16_t port;

	if (o->trusted && forwarded_client(head, p ? p->at : NULL, p ? p->n : 0, &client, &port))
		set_client(o, &client, port);
}

int outer_plain_read(struct outer *o)
{
	size_t n = buf_len(&o->net_in);
	uint8_t *at;

	if (n == 0)
		return -EAGAIN;
	if (n > TLS_RECORD_MAX_BYTES)
		n = TLS_RECORD_MAX_BYTES;
	if (n > buf_room(&o->plain)) {
		outer_close(o, "a frame or head is too long");
		return -ECANCELED;
	}
	if (buf_reserve(&o->plain, n, &at) != 0) {
		outer_close(o, "out of memory");
		return -ECANCELED;
	}
	memcpy(at, buf_data(&o->net_in), n);
	buf_commit(&o->plain, n);
	buf_consume(&o->net_in, n);
	return 0;
}

int outer_plain_write(struct outer *o, const void *bytes, size_t n)
{
	if (buf_append(&o->net_out, bytes, n) != 0) {
		outer_close(o, "out of memory");
		return -EPIPE;
	}
	outer_flush_later(o);
	return 0;
}

void outer_hold(struct outer *o)
{
	o->held = true;
	o->paused = true;
}

void outer_pass(struct outer *o)
{
	if (o->closing)
		return;
	o->held = false;
	o->answered = true;
	o->passing = true;
	o->state = OUTER_OPEN;
	uv_timer_stop(&o->timer);
}
