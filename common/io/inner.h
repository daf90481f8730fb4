/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * inner - the inner layer: mutual TLS 1.3 inside an outer connection. It owns the outer
 * connection from inner_open() on.
 */
#ifndef FARLAN_INNER_H
#define FARLAN_INNER_H

#include "common/io/outer.h"

#define INNER_OPEN_MS 10000 /* from inner_open() until ready, then it is closed */
/* Plaintext that makes one inner record fit one outer record with its WebSocket header. */
#define INNER_WRITE_BEST_BYTES (TLS_RECORD_MAX_BYTES - 64)

extern uint32_t inner_open_ms; /* INNER_OPEN_MS; only tests set another one */

struct inner;

struct inner_callbacks {
	/* Where inner_open() got no context: whose it is, by the name that the client wants to
	 * speak to, "": it says none. NULL: nobody's; it hears so and is closed. Else NULL. */
	const struct tls_ctx *(*on_hello)(struct inner *in, const char *name);
	/* Both sides are authenticated: inner_peer() says who, inner_alpn() what for. */
	void (*on_ready)(struct inner *in);
	/* @n bytes of plaintext, borrowed; as the records come. */
	void (*on_data)(struct inner *in, const uint8_t *bytes, size_t n);
	/* See outer_callbacks.on_drain. May be NULL. */
	void (*on_drain)(struct inner *in);
	/* See outer_callbacks.on_hint; also before on_ready. May be NULL. */
	void (*on_hint)(struct inner *in, const struct hint *h);
	/* The end, exactly once; @in is freed after it. */
	void (*on_closed)(struct inner *in, bool clean, const char *reason);
};

/**
 * inner_open() - begin the inner handshake on an open outer connection (takes @o, also on failure).
 * @ctx: NULL: of a server, which asks on_hello for it.
 * @wait_ms: how long the other side may take to begin (a leg that waits at a relay); 0:
 * INNER_OPEN_MS. Return: 0; -errno (o is closed then and its on_closed not reported).
 */
int inner_open(struct inner **out, struct outer *o, const struct tls_ctx *ctx,
	       const struct tls_expect *expect, uint32_t wait_ms, const struct inner_callbacks *cb,
	       void *arg) __attribute__((warn_unused_result));

/**
 * inner_receive_into() - plaintext is opened at the tail of @queue (borrowed), which always has
 * room for a record; on_data tells of it. The owner consumes it.
 */
void inner_receive_into(struct inner *in, struct buf *queue);

/** inner_send() - seal and queue. Return: 0; -ENOBUFS; -EPIPE. */
int inner_send(struct inner *in, const void *bytes, size_t n) __attribute__((warn_unused_result));
size_t inner_queued(const struct inner *in);
/** inner_want_drain() - see outer_want_drain(). */
void inner_want_drain(struct inner *in);

/** inner_lossy() - see outer_lossy(). */
bool inner_lossy(const struct inner *in);

/** inner_finish() - close_notify, then outer_finish(). inner_close() - at once; on_closed follows
 * from the loop. */
void inner_finish(struct inner *in, const char *reason);
void inner_close(struct inner *in, const char *reason);

void *inner_arg(const struct inner *in);
struct outer *inner_outer(const struct inner *in);
const struct tls_peer *inner_peer(const struct inner *in);
const char *inner_alpn(const struct inner *in);
const char *inner_cipher(const struct inner *in); /* "TLS13-AES128-GCM-SHA256 X25519MLKEM768" */

#endif
