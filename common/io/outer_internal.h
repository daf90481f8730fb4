/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * outer_internal - what the files of outer share; nobody else includes it.
 *
 *   outer.c       the object: socket, polling, states, closing
 *   outer_http.c  the upgrade, both sides
 *   outer_proxy.c the way through an HTTP proxy
 *   outer_plain.c behind a proxy: no TLS, whose connection it is; passing on
 *   outer_loss.c  which congestion control
 */
#ifndef FARLAN_OUTER_INTERNAL_H
#define FARLAN_OUTER_INTERNAL_H

#include "common/io/outer.h"
#include "common/pure/buf.h"
#include "common/pure/loss.h"
#include "common/pure/record.h"
#include "common/pure/ws.h"

#define OUTER_PROTOCOL "farlan.1"
#define OUTER_REQUEST_SIZE 4096
#define OUTER_CONTROL_SIZE 17 /* the name of a congestion control */

enum outer_state {
	OUTER_CONNECTING, /* client: TCP */
	OUTER_PROXY,	  /* client: asked a proxy for a tunnel */
	OUTER_TLS,	  /* handshake */
	OUTER_HTTP,	  /* client: waits for the 101; server: for the request */
	OUTER_READY,	  /* server: sent the 101, waits for "ready" */
	OUTER_OPEN,
	OUTER_FINISHING, /* sends what is queued, then FIN, waits for the other's FIN */
};

/* The deadlines; only tests set other ones. */
struct outer_times {
	uint32_t connect_ms;
	uint32_t open_ms;
	_Atomic uint32_t finish_ms; /* one thread's outer_hurry() is for all */
	uint32_t trim_ms;	    /* quiet for so long: buffers that grew are given back */
};
extern struct outer_times outer_times;

struct outer {
	uv_loop_t *loop;
	uv_poll_t poll;
	uv_timer_t timer;     /* until open, silence, or finishing */
	uv_prepare_t flusher; /* sends what this turn of the loop queued, in one piece */
	unsigned int handles; /* not closed yet */
	int fd;
	int polled; /* events that poll waits for */
	enum outer_state state;
	bool is_server, closing, paused, clean;
	bool busy;    /* takes apart what came: a callback's outer_resume() must not do so, too */
	bool eof;     /* the socket has no more to read */
	bool has_tls; /* tls has its engine */
	bool fin_sent, gone_told, above_high, fatal_request;
	bool trim_due;		    /* once it is quiet, buffers that have grown are given back */
	bool plain_tcp;		    /* there is no TLS */
	bool passing;		    /* the stream is what the connection carries */
	bool held;		    /* server: the request waits for its answer */
	bool trusted;		    /* server: o->peer, or what it was at first, is a proxy */
	bool await_client;	    /* server: a PROXY header may come */
	bool await_begin;	    /* server: the owner wants to know of the first bytes */
	size_t read_bytes;	    /* of the next read */
	uint64_t out_used_ms;	    /* when net_out was used in good part */
	struct buf net_in, net_out; /* ciphertext */
	struct buf plain;	    /* opened, not yet taken apart */
	struct tls *tls; /* a server's goes with the layer; a client's tells of its peer */
	struct ws_rx rx;
	struct proxying *proxying; /* client: through a proxy; else NULL */
	const struct outer_callbacks *cb;
	void *arg;
	void (*on_detached)(struct outer *o); /* it leaves its loop; NULL: it does not */
	const struct opt_prefixes *proxies;   /* server: who may say whose it is */
	uint64_t born_ms;
	struct sockaddr_storage peer;
	char reason[OUTER_REASON_SIZE];
	char *request;		       /* client: the GET, until it is sent; a probe keeps it */
	const char *probe;	       /* what a good answer begins with; NULL: no probe */
	bool asked, last_answer;       /* probe: an answer is due; no further one will be given */
	uint64_t asked_ns;	       /* probe */
	uint32_t answer_us;	       /* probe */
	unsigned int answers;	       /* server: on this connection */
	char ws_key[HTTP_WS_KEY_SIZE]; /* client */
	char ws_accept[HTTP_WS_ACCEPT_SIZE]; /* server; empty: the request was no upgrade to our
						protocol */
	bool answered;			     /* server */
	uint32_t retry_after_s;		     /* client: what a 503 asked for */
	uint32_t silence_ms;
	/* Shedding: agreed in the upgrade; due at the next record boundary; each direction by
	 * itself. */
	bool shed_wanted, shed_agreed, shed_due, shed_came, tx_raw, rx_raw;
	struct record_follow tx_follow; /* boundaries of what we send, if it may be or is shed */
	bool hint_due;			/* at the next boundary */
	struct hint hint;
	size_t rx_left;		      /* of the record that comes bare */
	size_t piece;		      /* most that is handed out of it at a time; 0: all */
	uint64_t shed_ms;	      /* since when both are raw; 0: not */
	char version[16], cipher[48]; /* of the outer TLS, also when it is gone */
	uint64_t bytes_in, bytes_out, last_in_ms, last_out_ms;
	struct loss loss_out, loss_in;
	uint64_t loss_looked_ms;
	char system_control[OUTER_CONTROL_SIZE]; /* the system's choice, while it is not used */
};

/** outer_proxy_prepare() - client: through @target's proxy. Return: 0; -ENOMEM. */
int outer_proxy_prepare(struct outer *o, const struct outer_target *target)
	__attribute__((warn_unused_result));
void outer_proxy_free(struct outer *o);
/** outer_proxy_ask() - connected: send the CONNECT. */
void outer_proxy_ask(struct outer *o);
/** outer_proxy_step() - take the proxy's answer. Return: 0 go on; -EAGAIN, -ECANCELED stop. */
int outer_proxy_step(struct outer *o) __attribute__((warn_unused_result));
/** outer_proxy_eof() - the proxy closed the connection before there was a tunnel. */
void outer_proxy_eof(struct outer *o);
/** outer_proxy_is_tls() - does what came through the tunnel begin as TLS does? Else it is closed.
 */
bool outer_proxy_is_tls(struct outer *o);
/** outer_reconnect() - to the same address once more, from OUTER_PROXY; what came is forgotten. */
void outer_reconnect(struct outer *o);

/** outer_http_prepare() - client: write the GET down. Return: 0; -ENOMEM; -ENAMETOOLONG. */
int outer_http_prepare(struct outer *o, const struct outer_target *target)
	__attribute__((warn_unused_result));
/** outer_http_send_request() - client: after the TLS handshake. */
void outer_http_send_request(struct outer *o);
/** outer_http_step() - take the head out of o->plain if it is whole. Return: 0 taken; -EAGAIN;
 * -ECANCELED closing. */
int outer_http_step(struct outer *o) __attribute__((warn_unused_result));

/** outer_stream_step() - take the next thing that was received. Return: 0 go on; -EAGAIN,
 * -ECANCELED stop. */
int outer_stream_step(struct outer *o) __attribute__((warn_unused_result));
/** outer_stream_pass() - @n bytes came bare, where cb->onward() said: what is whole is passed. */
void outer_stream_pass(struct outer *o, const uint8_t *bytes, size_t n);
/** outer_peer_finished() - the other side said that it sends no more. */
void outer_peer_finished(struct outer *o, const char *reason);
/** outer_flush_later() - something was queued: send it at the end of this turn of the loop. */
void outer_flush_later(struct outer *o);
/** outer_send_queued() - now, as far as the kernel takes it. Return: false if the connection is
 * closing. */
bool outer_send_queued(struct outer *o);

/** outer_plain_client() - before all else from a trusted peer: a PROXY header. Return: 0 go on;
 * -EAGAIN; -ECANCELED closing. */
int outer_plain_client(struct outer *o) __attribute__((warn_unused_result));
/** outer_plain_forwarded() - the request came: whose is it? */
void outer_plain_forwarded(struct outer *o, const struct http_head *head);
/** outer_plain_read() - without TLS: what came goes into o->plain. Return: 0; -EAGAIN;
 * -ECANCELED. outer_plain_write() - Return: 0; -EPIPE. */
int outer_plain_read(struct outer *o) __attribute__((warn_unused_result));
int outer_plain_write(struct outer *o, const void *bytes, size_t n)
	__attribute__((warn_unused_result));

/** outer_watch_loss() - something was sent: does another congestion control fit? */
void outer_watch_loss(struct outer *o);

/** outer_free_tls() - the engine, and what only a client has a use for. Idempotent. */
void outer_free_tls(struct outer *o);
/** outer_fail() - outer_close() with a formatted reason. */
void outer_fail(struct outer *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** outer_write_plain() - seal bytes of the HTTP or WebSocket layer; flushed at the end of the turn.
 */
int outer_write_plain(struct outer *o, const void *bytes, size_t n)
	__attribute__((warn_unused_result));
/** outer_opened() - the stream is open: tell the owner. */
void outer_opened(struct outer *o);
/** outer_send_text() - a hop message or control frame, at most 125 bytes. */
int outer_send_short(struct outer *o, enum ws_op op, const void *bytes, size_t n)
	__attribute__((warn_unused_result));

#endif
