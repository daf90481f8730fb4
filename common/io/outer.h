/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * outer - the outer layer of a connection: TCP, TLS, HTTP upgrade, WebSocket; a byte stream
 * inside. One object per connection, client or server side, on a uv_poll of its own.
 *
 *   client: connecting -> TLS -> sends GET -> 101 -> sends text "ready" -> open
 *           through a proxy: connecting -> CONNECT -> 200 -> TLS -> ...
 *   server: TLS -> on_request: upgrade or respond -> waits for "ready" -> open
 *
 * A probe is a client that asks for no stream: plain requests one after the other, on_open with
 * the first good answer, on_answer with each further one. A server answers those by
 * outer_answer().
 *
 * The stream is flow-controlled by the owner: what outer_send() takes is never dropped and
 * outer_queued() says how much waits for the kernel; outer_pause() stops reading, so TCP
 * stops the peer. Callbacks may call any function here, outer_close() included.
 */
#ifndef FARLAN_OUTER_H
#define FARLAN_OUTER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <uv.h>

#include "common/io/opt.h"
#include "common/io/tls.h"
#include "common/pure/hint.h"
#include "common/pure/http.h"
#include "common/pure/http_auth.h"
#include "common/pure/proxy.h"

#define OUTER_OPEN_MS 10000   /* from the start until open, then it is closed */
#define OUTER_CONNECT_MS 4000 /* until TCP has an answer: the kernel asks ever more seldom */
#define OUTER_QUEUE_HIGH_BYTES (256u << 10) /* owners stop feeding above this */
#define OUTER_QUEUE_LOW_BYTES (64u << 10)   /* on_drain below this */
#define OUTER_QUEUE_MAX_BYTES (1u << 20)    /* outer_send() refuses beyond */
#define OUTER_REASON_SIZE 360
#define OUTER_ANSWERS_MAX 16 /* of a server on one connection, all within OUTER_OPEN_MS */

struct outer;

struct outer_callbacks {
	/* Server: the connection's first bytes came, and nothing was done with them yet. The owner
	 * may outer_pause(), and outer_resume() when there is time for the handshake. May be NULL.
	 */
	void (*on_begin)(struct outer *o);
	/* Server: the request's head (borrowed). Answer with outer_upgrade() or outer_respond()
	 * before returning, or leave the loop with outer_detach() and answer on the next one. */
	void (*on_request)(struct outer *o, const struct http_head *head);
	/* Server: a trusted proxy said whose connection it is; outer_peer_addr() tells it from now
	 * on. Before the request, and again with one of another client. May be NULL. */
	void (*on_client)(struct outer *o);
	/* The stream is open in both directions. */
	void (*on_open)(struct outer *o);
	/* Probe: the answer to outer_ask(). May be NULL where none is asked. */
	void (*on_answer)(struct outer *o);
	/* @n bytes of the stream, borrowed. */
	void (*on_data)(struct outer *o, const uint8_t *bytes, size_t n);
	/* For who passes the stream on: the queue that it goes to, outer_raw_queue() of another
	 * connection. What comes bare may be received straight into it, behind what is there, and
	 * on_passed tells how much that is: outer_raw_commit() it. NULL: on_data gets it. Both may
	 * be NULL. */
	struct buf *(*onward)(struct outer *o);
	void (*on_passed)(struct outer *o, size_t n);
	/* The queue had been above OUTER_QUEUE_HIGH_BYTES and is below OUTER_QUEUE_LOW_BYTES now.
	 * May be NULL. */
	void (*on_drain)(struct outer *o);
	/* The peer went away (FIN) while this is paused and bytes of it are not handed out yet:
	 * they come with outer_resume(). May be NULL. */
	void (*on_peer_gone)(struct outer *o);
	/* Client: the server, or whoever can write on the connection, gives a hint. May be NULL. */
	void (*on_hint)(struct outer *o, const struct hint *h);
	/* The end, exactly once, the last call; @o is freed after it. @reason: in words. @clean:
	 * after WebSocket close or FIN in order. */
	void (*on_closed)(struct outer *o, bool clean, const char *reason);
};

/* An HTTP proxy, and what all connections through it share. */
struct outer_proxy {
	struct proxy to;
	struct http_auth challenge; /* its last one: answered before it asks; kind NONE: none */
	uint32_t count;		    /* how often that was answered */
};

/* Where and what to ask as a client; copied. */
struct outer_target {
	struct sockaddr_storage addr; /* the server's, or the proxy's */
	/* Not NULL: ask it for a tunnel to @port of @host. Borrowed for the connection's life. */
	struct outer_proxy *proxy;
	uint16_t port;	  /* of the server; only used with a proxy */
	const char *host; /* for SNI, certificate and Host */
	const char *host_header;
	const char *path;    /* "/v1/control" */
	const char *headers; /* further lines, each ending in CR LF; or "" */
	bool shed;	     /* offer to shed the outer layer */
	bool pass;	     /* no HTTP either: open as soon as it is connected, as outer_pass() */
	/* Not NULL: a probe; a good answer's body begins so. Borrowed for the connection's life. */
	const char *probe;
};

/** outer_connect() - begin; the outcome comes by on_open or on_closed, never before it returns.
 * @ctx: NULL: without TLS, to what the administrator named; its peer counts as verified.
 * Return: 0; -errno. */
int outer_connect(struct outer **out, uv_loop_t *loop, const struct tls_ctx *ctx,
		  const struct outer_target *target, const struct outer_callbacks *cb, void *arg)
	__attribute__((warn_unused_result));

/** outer_accept() - take an accepted socket (takes @fd, also on failure: it is closed then).
 * Return: 0; -errno. */
int outer_accept(struct outer **out, uv_loop_t *loop, const struct tls_ctx *ctx, int fd,
		 const struct outer_callbacks *cb, void *arg) __attribute__((warn_unused_result));

/* The way in by which a server got a connection. */
struct outer_entry {
	const struct tls_ctx *tls; /* NULL: the connection begins with HTTP */
	/* Who may say whose connection it is, by a PROXY header or X-Forwarded-For, beside those of
	 * Unix sockets. NULL: nobody. Borrowed for the connection's life. */
	const struct opt_prefixes *proxies;
};
/** outer_accept_at() - as outer_accept(). */
int outer_accept_at(struct outer **out, uv_loop_t *loop, const struct outer_entry *at, int fd,
		    const struct outer_callbacks *cb, void *arg)
	__attribute__((warn_unused_result));
/** outer_trusts() - is @peer one of @proxies, or at a Unix socket? */
bool outer_trusts(const struct opt_prefixes *proxies, const struct sockaddr_storage *peer);

/**
 * outer_hold() - server, from within on_request: answer later. Until then nothing is read; it is
 * still closed after OUTER_OPEN_MS.
 * outer_pass() - then, instead of an answer: the stream is all that came and will come, the
 * request's head included, and all that is sent, without WebSocket. outer_resume() hands it out.
 */
void outer_hold(struct outer *o);
void outer_pass(struct outer *o);

/** outer_upgrade() - server: answer 101 to a request that http_ws_request_ok() passed; open follows
 * with "ready". */
void outer_upgrade(struct outer *o);

/** outer_respond() - server: answer with a status and a short text body, then close. */
void outer_respond(struct outer *o, int status, const char *reason, const char *body);
/** outer_respond_later() - server: 503, and the client is to come back after @s seconds. */
void outer_respond_later(struct outer *o, uint32_t s, const char *body);

/**
 * outer_answer() - server: answer 200 with a short text body and wait for the next request; as
 * outer_respond() if the client wants no more (`Connection: close`, HTTP/1.0), sent a body, or had
 * OUTER_ANSWERS_MAX answers. Return: whether the connection stays.
 */
bool outer_answer(struct outer *o, const struct http_head *head, const char *body);

/** outer_ask() - probe: send the request once more. Return: 0; -EPIPE the last answer is not there
 * yet, or the server takes no more. */
int outer_ask(struct outer *o) __attribute__((warn_unused_result));

/** outer_set_callbacks() - hand the connection to another owner; not from within on_closed. */
void outer_set_callbacks(struct outer *o, const struct outer_callbacks *cb, void *arg);
void *outer_arg(const struct outer *o);
uv_loop_t *outer_loop(const struct outer *o);

/** outer_send() - queue @n bytes of the stream. Return: 0; -ENOBUFS over OUTER_QUEUE_MAX_BYTES;
 * -EPIPE not open or closing. */
int outer_send(struct outer *o, const void *bytes, size_t n) __attribute__((warn_unused_result));
size_t outer_queued(const struct outer *o);

/**
 * outer_hint() - server: tell the client something about this connection, beside the stream; when
 * the layer is shed, at the next boundary of its records.
 * Return: 0; -EPIPE not open; -ENOBUFS the client does not read.
 */
int outer_hint(struct outer *o, const struct hint *h) __attribute__((warn_unused_result));

/** outer_want_drain() - call on_drain when the kernel takes more, however little is queued now. */
void outer_want_drain(struct outer *o);

/**
 * outer_raw_queue() - for who makes the stream's bytes: the queue that they go to when this
 * direction is shed, so that they need not be copied; NULL: use outer_send(). Not beyond
 * OUTER_QUEUE_MAX_BYTES. Append whole records, then call outer_raw_queued(); or write any part of
 * the stream behind what is there, then call outer_raw_commit().
 */
struct buf *outer_raw_queue(struct outer *o);
void outer_raw_queued(struct outer *o);
/** outer_raw_commit() - Return: 0; -EPIPE and closing: a server carries nothing but records. */
int outer_raw_commit(struct outer *o, size_t n) __attribute__((warn_unused_result));

/** outer_lossy() - segments get lost on it lately, of either direction: what is behind a lost one
 * waits until it was sent again. */
bool outer_lossy(const struct outer *o);

/** outer_pause(), outer_resume() - stop and go on reading; nothing that was received is lost. */
void outer_pause(struct outer *o);
void outer_resume(struct outer *o);

/** outer_set_piece() - hand out no more than so many bytes at a time, where they come bare; else
 * records limit them. 0: as many as are there. */
void outer_set_piece(struct outer *o, size_t bytes);

/** outer_finish() - send what is queued, close in order (WebSocket close, close_notify, FIN), at
 * most 5 s; then on_closed. */
void outer_finish(struct outer *o, const char *reason);
/** outer_hurry() - the process is about to end: from now on outer_finish() gives a peer that does
 * not answer 2 s. */
void outer_hurry(void);

/** outer_close() - at once; on_closed follows from the loop, not before this returns. Idempotent.
 */
void outer_close(struct outer *o, const char *reason);

/**
 * outer_detach() - from within on_request: leave this loop for another. Until @on_detached, which
 * comes from the loop, only outer_close() may be called; it comes instead of a close, or not at
 * all: after outer_close() on_closed is the end, as ever.
 * outer_attach() - on the thread of the next loop: go on there, with @arg as the owner; then answer
 * the request and outer_resume(). Return: 0; -errno: outer_discard() is left to do.
 * outer_discard() - free one that has no loop; no callback, the connection is closed.
 */
void outer_detach(struct outer *o, void (*on_detached)(struct outer *o));
int outer_attach(struct outer *o, uv_loop_t *loop, void *arg) __attribute__((warn_unused_result));
void outer_discard(struct outer *o);

/** outer_allow_shed() - server: agree if a client offers to shed. Before the request came. */
void outer_allow_shed(struct outer *o);

/** outer_keep() - client: do not offer after all. Before the TLS handshake is done. */
void outer_keep(struct outer *o);

/**
 * outer_shed() - client: from here on the stream is made of whole TLS 1.3 ciphertext records in
 * both directions (the inner handshake is done): go on without the outer layer. The other side
 * follows. Return: 0; -ENOTSUP not agreed: something sits between, or one side does not want;
 * -EPIPE.
 */
int outer_shed(struct outer *o);

/** outer_set_silence() - close when nothing was received for @ms; 0: never (the default). Once
 * open. */
void outer_set_silence(struct outer *o, uint32_t ms);

/* What is known about it. */
const struct sockaddr_storage *outer_peer_addr(const struct outer *o);
/** outer_local_addr() - our address on it, without port; all zeros if there is none. */
void outer_local_addr(const struct outer *o, struct sockaddr_storage *addr);
/** outer_connected() - has the other side taken the TCP connection? */
bool outer_connected(const struct outer *o);
const struct tls_peer *outer_tls_peer(const struct outer *o);
const char *outer_host(const struct outer *o);
/** outer_retry_after_s() - client: the server answered 503 and asked to come back after so many
 * seconds (RFC 9110 section 10.2.3); 0: it did not. */
uint32_t outer_retry_after_s(const struct outer *o);
/* Of a connection through a proxy. */
struct outer_tunnel {
	const char *proxy; /* "proxy.example.org:3128" */
	uint16_t port;	   /* of the server */
	int status;	   /* of the proxy's last answer; 0: none */
	bool open;	   /* the proxy has reached the server, as it says */
	bool denied;	   /* it would not do so for any other server */
	bool told_login;   /* it was told user name and password */
};
/** outer_tunnel() - Return: false: straight to the server, @t is not set. */
bool outer_tunnel(const struct outer *o, struct outer_tunnel *t);
struct outer_stats {
	uint64_t bytes_in, bytes_out; /* of the TCP connection */
	bool shed;		      /* both directions go without the outer layer */
	const char *tls_version, *cipher;
};
void outer_stats(const struct outer *o, struct outer_stats *s);
/* What TCP and a probe know of the way. */
struct outer_way {
	uint32_t answer_us;	  /* probe: from the last request to its answer */
	uint32_t segments, again; /* ours with data, and the first one; sent again */
};
void outer_way(const struct outer *o, struct outer_way *w);

#endif
