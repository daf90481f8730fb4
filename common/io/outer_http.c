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
#include "common/pure/proxyproto.h"
#include "common/pure/text.h"

#define PROBE_BODY_MAX_BYTES 200
#define SHED_HEADER "Farlan-Shed"
#define SHED_LABEL "EXPORTER-farlan-shed"
#define SHED_PROOF_SIZE TEXT_B64URL_SIZE(TLS_EXPORT_BYTES)

static int prepare_probe(struct outer *o, const struct outer_target *t)
{
	int n = snprintf(o->request, OUTER_REQUEST_SIZE, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n",
			 t->path, t->host_header);

	return n < 0 || n >= OUTER_REQUEST_SIZE ? -ENAMETOOLONG : 0;
}

int outer_http_prepare(struct outer *o, const struct outer_target *t)
{
	uint8_t random[16];
	int n;

	o->request = malloc(OUTER_REQUEST_SIZE);
	if (!o->request)
		return -ENOMEM;
	if (o->probe)
		return prepare_probe(o, t);
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
	if (!o->shed_wanted || !o->has_tls ||
	    tls_export(o->tls, SHED_LABEL, context, secret) != 0 ||
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

	if (o->probe) {
		if (outer_ask(o) != 0)
			outer_close(o, "the request could not be sent");
		return;
	}
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

/* Seconds only: a date would need a clock that is right (RFC 9110 section 10.2.3). */
static uint32_t retry_after_s(const struct http_head *head)
{
	const struct http_str *value =
		head->status == 503 ? http_header(head, "Retry-After") : NULL;
	uint32_t s = 0;

	if (!value || value->len == 0 || value->len > 9)
		return 0;
	for (size_t i = 0; i < value->len; i++) {
		if (value->at[i] < '0' || value->at[i] > '9')
			return 0;
		s = s * 10 + (uint32_t)(value->at[i] - '0');
	}
	return s;
}

/* Followed nowhere: who answers may be anybody. */
static bool describe_redirect(struct outer *o, const struct http_head *head)
{
	const struct http_str *to = http_header(head, "Location");
	char text[100] = "";

	if (head->status < 300 || head->status > 399)
		return false;
	if (to)
		log_clean(text, sizeof(text), to->at, to->len);
	outer_fail(o, "server answered %d, to be sent to \"%s\": no Farlan server", head->status,
		   text);
	return true;
}

/* The first line of a refusal's body, for the reason. */
static void describe_refusal(struct outer *o, const struct http_head *head, size_t used)
{
	const char *body = (const char *)buf_data(&o->plain) + used;
	size_t len = buf_len(&o->plain) - used;
	const char *end = memchr(body, '\n', len);
	char text[100];

	o->retry_after_s = retry_after_s(head);
	if (describe_redirect(o, head))
		return;
	if (http_header(head, "Transfer-Encoding"))
		len = 0; /* in chunks: its first line is a number */
	log_clean(text, sizeof(text), body, end && len > 0 ? (size_t)(end - body) : len);
	outer_fail(o, "server answered %d%s%s", head->status, text[0] ? ": " : "", text);
}

/* A body's length; without one, or with a body in chunks, false. */
static bool body_length(const struct http_head *head, size_t *n)
{
	const struct http_str *value = http_header(head, "Content-Length");

	if (!value || value->len == 0 || value->len > 3 || http_header(head, "Transfer-Encoding"))
		return false;
	*n = 0;
	for (size_t i = 0; i < value->len; i++) {
		if (value->at[i] < '0' || value->at[i] > '9')
			return false;
		*n = *n * 10 + (size_t)(value->at[i] - '0');
	}
	return true;
}

int outer_ask(struct outer *o)
{
	if (o->closing || o->state != OUTER_HTTP || !o->probe || o->asked || o->last_answer)
		return -EPIPE;
	o->asked = true;
	o->asked_ns = uv_hrtime();
	return outer_write_plain(o, o->request, strlen(o->request));
}

static void take_probe_answer(struct outer *o, const struct http_head *head, size_t used)
{
	uint64_t us = (uv_hrtime() - o->asked_ns) / 1000;
	bool first = !o->answers++;

	buf_consume(&o->plain, used);
	o->asked = false;
	o->answer_us = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
	o->last_answer = head->minor == 0 || http_has_token(head, "Connection", "close");
	if (first)
		o->cb->on_open(o);
	else if (o->cb->on_answer)
		o->cb->on_answer(o);
}

/* Return: 0; -EAGAIN the body is not whole yet. */
static int probe_answer(struct outer *o, const struct http_head *head, size_t used)
{
	const char *body = (const char *)buf_data(&o->plain) + used;
	size_t have = buf_len(&o->plain) - used, n = 0, begin = strlen(o->probe);

	if (!o->asked || head->is_request || head->status != 200) {
		if (o->asked && !head->is_request)
			describe_refusal(o, head, used);
		else
			outer_fail(o, "not a Farlan server on this port");
		return 0;
	}
	if (!body_length(head, &n) || n < begin || n > PROBE_BODY_MAX_BYTES ||
	    memcmp(body, o->probe, have < begin ? have : begin) != 0) {
		outer_fail(o, "not a Farlan relay on this port");
		return 0;
	}
	if (have < n)
		return -EAGAIN;
	take_probe_answer(o, head, used + n);
	return 0;
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
	if (o->has_tls)
		tls_export_done(o->tls);
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
	outer_plain_forwarded(o, head);
	if (!o->closing)
		o->cb->on_request(o, head);
	if (o->closing || o->held)
		return;
	if (!o->answered && !o->on_detached)
		outer_respond(o, 404, "Not Found", "nothing here");
	buf_consume(&o->plain, used);
}

/* What stands where a request should: the commonest mistake has words of its own. */
static const char *malformed(const struct outer *o)
{
	struct proxyproto p;
	size_t used;

	return proxyproto_decode(&p, buf_data(&o->plain), buf_len(&o->plain), &used) == 0
		       ? "PROXY header of an address that is not among trusted-proxies"
		       : "malformed request";
}

int outer_http_step(struct outer *o)
{
	struct http_head head;
	size_t used;
	int r = http_head_decode(buf_data(&o->plain), buf_len(&o->plain), &head, &used);

	if (r == -EAGAIN)
		return -EAGAIN;
	o->answered = false; /* another request than the one before */
	if (r != 0) {
		if (o->is_server)
			outer_respond(o, r == -E2BIG ? 431 : 400,
				      r == -E2BIG ? "Request Header Fields Too Large"
						  : "Bad Request",
				      malformed(o));
		else
			outer_fail(o, "not a Farlan server on this port (%s)",
				   r == -E2BIG ? "the head of its HTTP answer does not end"
					       : "malformed HTTP");
		return -ECANCELED;
	}
	if (o->is_server)
		server_request(o, &head, used);
	else if (o->probe)
		r = probe_answer(o, &head, used);
	else
		client_answer(o, &head, used);
	if (r != 0)
		return r;
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
	if (o->has_tls)
		tls_export_done(o->tls);
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

/* @connection: a header line, or "". Return: whether it was written. */
static bool write_answer(struct outer *o, int status, const char *reason, const char *body,
			 const char *connection)
{
	char text[768];
	int n;

	if (o->closing || o->answered)
		return false;
	o->answered = true;
	n = snprintf(text, sizeof(text),
		     "HTTP/1.1 %d %s\r\n"
		     "%s"
		     "Content-Type: text/plain\r\n"
		     "Content-Length: %zu\r\n"
		     "Cache-Control: no-store\r\n"
		     "%s\r\n"
		     "%.400s\n",
		     status, reason, status == 426 ? "Upgrade: websocket\r\n" : "",
		     strnlen(body, 400) + 1, connection, body);
	return n > 0 && (size_t)n < sizeof(text) && outer_write_plain(o, text, (size_t)n) == 0;
}

void outer_respond(struct outer *o, int status, const char *reason, const char *body)
{
	char text[OUTER_REASON_SIZE];

	if (!write_answer(o, status, reason, body, "Connection: close\r\n"))
		return;
	snprintf(text, sizeof(text), "answered %d %.150s", status, body);
	outer_finish(o, text);
}

void outer_respond_later(struct outer *o, uint32_t s, const char *body)
{
	char lines[64], text[OUTER_REASON_SIZE];

	snprintf(lines, sizeof(lines), "Connection: close\r\nRetry-After: %u\r\n", s);
	if (!write_answer(o, 503, "Service Unavailable", body, lines))
		return;
	snprintf(text, sizeof(text), "answered 503 %.150s", body);
	outer_finish(o, text);
}

/* As little doubt as possible: what is no body for one may be the next request for another. */
static bool has_body(const struct http_head *head)
{
	for (size_t i = 0; i < head->n_headers; i++) {
		const struct http_header *h = &head->headers[i];

		if (http_str_is_nocase(h->name, "Transfer-Encoding") ||
		    (http_str_is_nocase(h->name, "Content-Length") && !http_str_is(h->value, "0")))
			return true;
	}
	return false;
}

bool outer_answer(struct outer *o, const struct http_head *head, const char *body)
{
	if (++o->answers >= OUTER_ANSWERS_MAX || head->minor == 0 || has_body(head) ||
	    http_has_token(head, "Connection", "close")) {
		outer_respond(o, 200, "OK", body);
		return false;
	}
	return write_answer(o, 200, "OK", body, "");
}
