/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * connect - asking an HTTP proxy for a tunnel: CONNECT (RFC 9110 section 9.3.6) and what its answer
 * means. Pure.
 */
#ifndef FARLAN_CONNECT_H
#define FARLAN_CONNECT_H

#include "common/pure/http_auth.h"
#include "common/pure/proxy.h"

#define CONNECT_REQUEST_SIZE (2 * PROXY_HOST_PORT_SIZE + HTTP_AUTH_SIZE + 200)
#define CONNECT_WORDS_SIZE 200
#define CONNECT_SKIP_MAX_BYTES 16384 /* a longer body of a 407 costs a new connection */

/**
 * connect_request() - @target: "HOST:PORT". @authorization: of http_auth_answer(); "": none.
 * Return: 0; -ENOSPC.
 */
int connect_request(char out[CONNECT_REQUEST_SIZE], const char *target, const char *authorization)
	__attribute__((warn_unused_result));

enum connect_outcome {
	CONNECT_OPEN,	/* 2xx: the tunnel begins behind the head */
	CONNECT_LOGIN,	/* 407, and it may be answered */
	CONNECT_FAILED, /* this target is not reached by it */
	CONNECT_DENIED, /* the proxy will not do it for any target: it does not know us, or is none
			 */
};

struct connect_answer {
	enum connect_outcome outcome;
	int status; /* 0: not HTTP */
	size_t head_bytes;
	/* LOGIN: what to answer; and whether the next request may go on this connection, after so
	 * many bytes of a body. */
	struct http_auth challenge;
	bool again_here;
	size_t skip_bytes;
	/* FAILED, DENIED: what is wrong and what to do. Of the proxy's own words only names. */
	char words[CONNECT_WORDS_SIZE];
	/* FAILED, DENIED: the body is plain text: its first line may be shown. */
	bool plain_text;
};

/* What was asked. */
struct connect_asked {
	const char *target; /* "HOST:PORT" */
	bool has_login;	    /* there are user name and password */
	/* What the request said already; kind NONE: nothing. @rounds: how often a 407 came. */
	const struct http_auth *said;
	unsigned int rounds;
};

/**
 * connect_answer() - take one answer from the start of @in.
 * Return: 0; -EAGAIN its head is not whole yet. What is no HTTP, or too long, is an answer: DENIED.
 */
int connect_answer(struct connect_answer *a, const struct connect_asked *asked, const uint8_t *in,
		   size_t len) __attribute__((warn_unused_result));

#endif
