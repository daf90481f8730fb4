/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The HTTP part of an outer connection (RFC 9112, RFC 6455 section 4; docs/PROTOCOL.md, section 2).
 */
#include "common/io/outer_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/text.h"

#define SHED_HEADER "Farlan-Shed"
#define SHED_LABEL "EXPORTER-farlan-shed"
#define SHED_PROOF_SIZE TEXT_B64URL_SIZE(TLS_EXPORT_BYTES)

int outer_http_prepare(struct outer *o, const struct outer_target *t)
{
	uint8_t random[16];
	int n;

	o->request = malloc(OUTER_REQUEST_SIZE);
	if (!o->request)
		return -ENOMEM;
	file_random(random, sizeof(random));
	http_ws_key(o->ws_key, random);
	n = snprintf(o->request, OUTER_REQUEST_SIZE,
		     "GET %s HTTP/1.1\r\n"
		     "Host: %s\r\n"
		     "Upgrade: websocket\r\n"
		     "Connection: Upgrade\r\n"
		     "Sec-WebSocket-Version: 13\r\n"
		     "Sec-WebSocket-Key: %s\r\n"
		     "Sec-WebSocket-Protocol: " OUTER_PROTOCOL "\r\n"
		     "%s\r\n",
		     t->path, t->host_header, o->ws_key, t->headers ? t->headers : "");
	return n < 0 || n >= OUTER_REQUEST_SIZE ? -ENAMETOOLONG : 0;
}

/* Proof that nobody sits between, or "" if that cannot be. */
static void shed_proof(struct outer *o, const char *context, char out[SHED_PROOF_SIZE])
{
	uint8_t secret[TLS_EXPORT_BYTES];

	out[0] = '\0';
	if (!o->shed_wanted || tls_export(&o->tls, SHED_LABEL, context, secret) != 0 ||
	    text_b64url_encode(out, SHED_PROOF_SIZE, secret, sizeof(secret)) != 0)
		out[0] = '\0';
	explicit_bzero(secret, sizeof(secret));
}

static bool shed_proof_matches(struct outer *o, const struct http_head *head, const char *context)
{
	const struct http_str *theirs = http_header(head, SHED_HEADER);
	char ours[SHED_PROOF_SIZE];

	if (!theirs)
		return false;
	shed_proof(o, context, ours);
	return ours[0] && theirs->len == strlen(ours) &&
	       text_equal_ct(theirs->at, ours, theirs->len);
}

void outer_http_send_request(struct outer *o)
{
	char proof[SHED_PROOF_SIZE];
	size_t used = strlen(o->request);

	shed_proof(o, "c", proof);
	/* In front of the empty line. A request that would grow too long goes without an offer. */
	if (proof[0] && used + sizeof(SHED_HEADER ": \r\n") + strlen(proof) <= OUTER_REQUEST_SIZE)
		snprintf(o->request + used - 2, OUTER_REQUEST_SIZE - used + 2,
			 SHED_HEADER ": %s\r\n\r\n", proof);
	if (outer_write_plain(o, o->request, strlen(o->request)) != 0)
		return;
	explicit_bzero(o->request, OUTER_REQUEST_SIZE); /* it may hold a token */
	free(o->request);
	o->request = NULL;
}

/* The first line of a refusal's body, for the reason. */
static void describe_refusal(struct outer *o, const struct http_head *head, size_t used)
{
	const char *body = (const char *)buf_data(&o->plain) + used;
	size_t len = buf_len(&o->plain) - used;
	const char *end = memchr(body, '\n', len);
	char text[100];

	log_clean(text, sizeof(text), body, end ? (size_t)(end - body) : len);
	outer_fail(o, "server answered %d%s%s", head->status, text[0] ? ": " : "", text);
}

static void client_answer(struct outer *o, const struct http_head *head, size_t used)
{
	if (head->is_request || !http_ws_response_ok(head, o->ws_key) ||
	    !http_has_token(head, "Sec-WebSocket-Protocol", OUTER_PROTOCOL)) {
		if (!head->is_request && head->status != 101)
			describe_refusal(o, head, used);
		else
			outer_fail(o, "not a Farlan server on this port");
		return;
	}
	o->shed_agreed = shed_proof_matches(o, head, "s");
	tls_export_done(&o->tls);
	buf_consume(&o->plain, used);
	o->state = OUTER_OPEN;
	if (outer_send_short(o, WS_TEXT, "ready", 5) == 0)
		outer_opened(o);
}

static void server_request(struct outer *o, const struct http_head *head, size_t used)
{
	const struct http_str *key = http_header(head, "Sec-WebSocket-Key");

	o->ws_accept[0] = '\0';
	if (!head->is_request) {
		outer_fail(o, "not a request");
		return;
	}
	if (key && http_ws_request_ok(head) &&
	    http_has_token(head, "Sec-WebSocket-Protocol", OUTER_PROTOCOL) &&
	    http_ws_accept(o->ws_accept, *key) != 0)
		o->ws_accept[0] = '\0';
	o->shed_agreed = shed_proof_matches(o, head, "c");
	o->cb->on_request(o, head);
	if (o->closing)
		return;
	if (!o->answered && !o->on_detached)
		outer_respond(o, 404, "Not Found", "nothing here");
	buf_consume(&o->plain, used);
}

int outer_http_step(struct outer *o)
{
	struct http_head head;
	size_t used;
	int r = http_head_decode(buf_data(&o->plain), buf_len(&o->plain), &head, &used);

	if (r == -EAGAIN)
		return -EAGAIN;
	if (r != 0) {
		if (o->is_server)
			outer_respond(o, r == -E2BIG ? 431 : 400,
				      r == -E2BIG ? "Request Header Fields Too Large"
						  : "Bad Request",
				      "malformed request");
		else
			outer_fail(o, "not a Farlan server on this port (malformed HTTP)");
		return -ECANCELED;
	}
	if (o->is_server)
		server_request(o, &head, used);
	else
		client_answer(o, &head, used);
	return o->closing || o->state == OUTER_FINISHING ? -ECANCELED : 0;
}

void outer_upgrade(struct outer *o)
{
	char text[400], proof[SHED_PROOF_SIZE] = "";
	int n;

	if (o->closing || o->answered)
		return;
	if (!o->ws_accept[0]) {
		outer_respond(o, 426, "Upgrade Required",
			      "WebSocket with protocol " OUTER_PROTOCOL);
		return;
	}
	o->answered = true;
	if (o->shed_agreed)
		shed_proof(o, "s", proof);
	o->shed_agreed = proof[0] != '\0';
	tls_export_done(&o->tls);
	n = snprintf(text, sizeof(text),
		     "HTTP/1.1 101 Switching Protocols\r\n"
		     "Upgrade: websocket\r\n"
		     "Connection: Upgrade\r\n"
		     "Sec-WebSocket-Accept: %s\r\n"
		     "Sec-WebSocket-Protocol: " OUTER_PROTOCOL "\r\n"
		     "%s%s%s\r\n",
		     o->ws_accept, proof[0] ? SHED_HEADER ": " : "", proof, proof[0] ? "\r\n" : "");
	if (outer_write_plain(o, text, (size_t)n) == 0)
		o->state = OUTER_READY;
}

void outer_respond(struct outer *o, int status, const char *reason, const char *body)
{
	char text[768];
	int n;

	if (o->closing || o->answered)
		return;
	o->answered = true;
	n = snprintf(text, sizeof(text),
		     "HTTP/1.1 %d %s\r\n"
		     "%s"
		     "Content-Type: text/plain\r\n"
		     "Content-Length: %zu\r\n"
		     "Cache-Control: no-store\r\n"
		     "Connection: close\r\n\r\n"
		     "%.400s\n",
		     status, reason, status == 426 ? "Upgrade: websocket\r\n" : "",
		     strnlen(body, 400) + 1, body);
	if (n > 0 && (size_t)n < sizeof(text) && outer_write_plain(o, text, (size_t)n) == 0) {
		snprintf(text, sizeof(text), "answered %d %s", status, body);
		outer_finish(o, text);
	}
}
