/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * link_fixture - an Access Server as far as its connections go: listens, both layers, RPC.
 */
#ifndef FARLAN_LINK_FIXTURE_H
#define FARLAN_LINK_FIXTURE_H

#include "common/io/inner.h"
#include "common/io/listen.h"
#include "common/io/rpc.h"
#include "common/pure/msg.h"
#include "tests/unit/tls_fixture.h"

#define FIX_CONNS 64

struct fix_access;

struct fix_conn {
	struct fix_access *server;
	struct outer *outer; /* until there is an inner one */
	struct inner *inner;
	struct rpc rpc;
	bool rpc_open, asked;
};

struct fix_access {
	uv_loop_t *loop;
	struct listen_set *set;
	uint16_t port;
	struct tls_ctx *outer_ctx, *inner_ctx;
	struct rpc_ops ops;
	void *arg; /* the test's */
	/* How it behaves. */
	bool mute;	  /* answers nothing inside but the first question, not even keep-alives */
	bool no_inner;	  /* opens the outer layer, and then nothing */
	bool close_ready; /* closes as soon as both are authenticated */
	/* What happened. */
	size_t accepted, ready, closed, clean, data;
	struct fix_conn conns[FIX_CONNS];
	char reason[OUTER_REASON_SIZE];
};

static inline int fix_rpc_send(struct rpc *rpc, const void *bytes, size_t n)
{
	struct fix_conn *c = rpc->arg;

	return c->inner ? inner_send(c->inner, bytes, n) : -EPIPE;
}

static inline void fix_inner_ready(struct inner *in)
{
	struct fix_conn *c = inner_arg(in);
	struct fix_access *a = c->server;

	a->ready++;
	if (a->close_ready) {
		inner_finish(in, "not today");
		return;
	}
	rpc_init(&c->rpc, a->loop, &a->ops, c, MSG_MAX_BYTES);
	c->rpc.answer_keepalive = true;
	c->rpc_open = true;
	c->asked = false;
}

static inline void fix_inner_data(struct inner *in, const uint8_t *bytes, size_t n)
{
	struct fix_conn *c = inner_arg(in);

	c->server->data += n;
	if (c->rpc_open && (!c->server->mute || !c->asked) && rpc_feed(&c->rpc, bytes, n) != 0)
		inner_close(in, "malformed message");
	c->asked = true;
}

static inline void fix_inner_closed(struct inner *in, bool clean, const char *reason)
{
	struct fix_conn *c = inner_arg(in);

	c->server->closed++;
	c->server->clean += clean;
	snprintf(c->server->reason, sizeof(c->server->reason), "%s", reason);
	c->inner = NULL;
	if (c->rpc_open)
		rpc_deinit(&c->rpc);
	c->rpc_open = false;
}

static const struct inner_callbacks fix_inner_calls = {
	.on_ready = fix_inner_ready,
	.on_data = fix_inner_data,
	.on_closed = fix_inner_closed,
};

static inline void fix_request(struct outer *o, const struct http_head *head)
{
	outer_upgrade(o);
}

static inline void fix_open(struct outer *o)
{
	struct tls_expect expect = {.alpn = TLS_ALPN_CONTROL "," TLS_ALPN_ENROL,
				    .peer_optional = true,
				    .dates_later = true};
	struct fix_conn *c = outer_arg(o);

	if (c->server->no_inner)
		return;
	c->outer = NULL;
	assert_int_equal(
		inner_open(&c->inner, o, c->server->inner_ctx, &expect, 0, &fix_inner_calls, c), 0);
}

static inline void fix_outer_data(struct outer *o, const uint8_t *bytes, size_t n)
{
}

static inline void fix_outer_closed(struct outer *o, bool clean, const char *reason)
{
	struct fix_conn *c = outer_arg(o);

	c->server->closed++;
	c->outer = NULL;
}

static const struct outer_callbacks fix_outer_calls = {
	.on_request = fix_request,
	.on_open = fix_open,
	.on_data = fix_outer_data,
	.on_closed = fix_outer_closed,
};

static inline void fix_accept(int fd, void *arg)
{
	struct fix_access *a = arg;
	struct fix_conn *c = a->conns;

	while (c->outer || c->inner)
		c++;
	assert_true(c < a->conns + FIX_CONNS);
	a->accepted++;
	c->server = a;
	assert_int_equal(outer_accept(&c->outer, a->loop, a->outer_ctx, fd, &fix_outer_calls, c),
			 0);
}

/* On @port of all addresses, or on a free one; @id is its identity in @ca's domain. */
static inline void fix_access_open(struct fix_access *a, uv_loop_t *loop, uint16_t port,
				   const struct fix_ca *ca, const struct fix_id *id)
{
	struct opt_listens where = {.n = 1};
	struct x509_cert cert;

	a->loop = loop;
	a->ops.send = fix_rpc_send;
	if (port == 0) {
		struct sockaddr_storage ss;
		int fd = fix_listen(&ss);

		port = fix_port(&ss);
		close(fd);
	}
	a->port = where.at[0].port = port;
	fix_host_cert(ca, "localhost,127.0.0.1", &id->key, &cert);
	assert_int_equal(tls_ctx_outer_server(&a->outer_ctx, &cert, &id->key, &ca->cert), 0);
	assert_int_equal(tls_ctx_inner_server(&a->inner_ctx, &id->cert, &id->key, &ca->cert), 0);
	assert_int_equal(listen_open(&a->set, loop, &where, false, fix_accept, a), 0);
}

/* Cut everything off that is open. */
static inline void fix_access_cut(struct fix_access *a)
{
	for (struct fix_conn *c = a->conns; c < a->conns + FIX_CONNS; c++) {
		if (c->inner)
			inner_close(c->inner, "cut");
		else if (c->outer)
			outer_close(c->outer, "cut");
	}
}

static inline void fix_access_close(struct fix_access *a)
{
	listen_close(a->set);
	a->set = NULL;
	fix_access_cut(a);
	tls_ctx_free(a->outer_ctx);
	tls_ctx_free(a->inner_ctx);
	a->outer_ctx = a->inner_ctx = NULL;
}

static inline bool fix_access_has_conn(const struct fix_access *a)
{
	for (size_t i = 0; i < FIX_CONNS; i++) {
		if (a->conns[i].inner && a->conns[i].rpc_open)
			return true;
	}
	return false;
}

/* The connection that stands; there must be one. */
static inline struct fix_conn *fix_access_conn(struct fix_access *a)
{
	struct fix_conn *c = a->conns;

	assert_true(fix_access_has_conn(a));
	while (!(c->inner && c->rpc_open))
		c++;
	return c;
}

#define wait_for(cond, ms)                                             \
	({                                                             \
		uint64_t until_ = clock_mono_ms() + (ms);              \
		bool met_;                                             \
		while (!(met_ = (cond)) && clock_mono_ms() < until_) { \
			uv_run(&loop, UV_RUN_NOWAIT);                  \
			usleep(200);                                   \
		}                                                      \
		met_;                                                  \
	})

#endif
