/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/connect.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#ifndef FARLAN_VERSION
#define FARLAN_VERSION "0.0.0"
#endif

#define ROUNDS_MAX 2 /* a nonce of an earlier connection may have become stale */
#define CODE_MAX_CHARS 40

int connect_request(char out[CONNECT_REQUEST_SIZE], const char *target, const char *authorization)
{
	int n = snprintf(out, CONNECT_REQUEST_SIZE,
			 "CONNECT %s HTTP/1.1\r\n"
			 "Host: %s\r\n"
			 "User-Agent: farlan/" FARLAN_VERSION "\r\n"
			 "%s%s%s\r\n",
			 target, target, authorization[0] ? "Proxy-Authorization: " : "",
			 authorization, authorization[0] ? "\r\n" : "");

	return n > 0 && n < CONNECT_REQUEST_SIZE ? 0 : -ENOSPC;
}

static void say(struct connect_answer *a, enum connect_outcome outcome, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void say(struct connect_answer *a, enum connect_outcome outcome, const char *fmt, ...)
{
	va_list ap;

	a->outcome = outcome;
	va_start(ap, fmt);
	vsnprintf(a->words, sizeof(a->words), fmt, ap);
	va_end(ap);
}

/* Content-Length, if that says all about the body and it is worth to wait for. */
static bool body_length(const struct http_head *h, size_t *n)
{
	const struct http_str *value = http_header(h, "Content-Length");
	size_t length = 0;

	if (!value || value->len == 0 || value->len > 5 || http_header(h, "Transfer-Encoding") ||
	    http_has_token(h, "Transfer-Encoding", "chunked"))
		return false;
	for (size_t i = 0; i < value->len; i++) {
		if (value->at[i] < '0' || value->at[i] > '9')
			return false;
		length = length * 10 + (size_t)(value->at[i] - '0');
	}
	if (length > CONNECT_SKIP_MAX_BYTES)
		return false;
	*n = length;
	return true;
}

static bool stays(const struct http_head *h)
{
	return h->minor == 1 && !http_has_token(h, "Connection", "close") &&
	       !http_has_token(h, "Proxy-Connection", "close");
}

/* Was this challenge answered, and is the answer wrong? A new nonce for an old one is no refusal.
 */
static bool is_refused(const struct connect_asked *asked, const struct http_auth *now)
{
	if (asked->said->kind == HTTP_AUTH_BASIC)
		return now->kind == HTTP_AUTH_BASIC;
	/* At first a nonce of an earlier connection, which the proxy may have forgotten. */
	return asked->said->kind != HTTP_AUTH_NONE && asked->rounds > 0 && !now->stale;
}

static void wants_login(struct connect_answer *a, const struct connect_asked *asked,
			const struct http_head *h)
{
	struct http_auth_offer offer;

	http_auth_read(&offer, h, "Proxy-Authenticate");
	if (offer.best.kind == HTTP_AUTH_NONE) {
		say(a, CONNECT_DENIED,
		    "the proxy asks for a login by %s, which is not supported; Basic and Digest "
		    "are: "
		    "let the proxy pass this host without a login, or by one of those (407)",
		    offer.schemes[0] ? offer.schemes : "no method that it names");
	} else if (!asked->has_login) {
		say(a, CONNECT_DENIED,
		    "the proxy wants a user name and password (%s): set proxy = "
		    "http://USER:PASSWORD@HOST:PORT (407)",
		    offer.schemes);
	} else if (asked->rounds >= ROUNDS_MAX || is_refused(asked, &offer.best)) {
		say(a, CONNECT_DENIED,
		    "the proxy refused user name or password (%s): check proxy = "
		    "http://USER:PASSWORD@HOST:PORT (407)",
		    offer.schemes);
	} else {
		a->outcome = CONNECT_LOGIN;
		a->challenge = offer.best;
		a->again_here = stays(h) && body_length(h, &a->skip_bytes);
	}
	explicit_bzero(&offer, sizeof(offer));
}

/* " (ERR_DNS_FAIL 0)": what squid calls it; else "". */
static const char *squid_code(const struct http_head *h, char out[CODE_MAX_CHARS + 4])
{
	const struct http_str *code = http_header(h, "X-Squid-Error");

	out[0] = '\0';
	if (!code || code->len == 0 || code->len > CODE_MAX_CHARS)
		return out;
	for (size_t i = 0; i < code->len; i++) {
		char c = code->at[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ' '))
			return out;
	}
	snprintf(out, CODE_MAX_CHARS + 4, ", %.*s", (int)code->len, code->at);
	return out;
}

static bool is_portal(const struct http_head *h)
{
	return h->status < 400 || h->status == 511; /* RFC 6585 section 6 */
}

static void explain(struct connect_answer *a, const struct connect_asked *asked,
		    const struct http_head *h)
{
	const struct http_str *type = http_header(h, "Content-Type");
	char code[CODE_MAX_CHARS + 4];

	a->plain_text = type && type->len >= 10 && memcmp(type->at, "text/plain", 10) == 0;
	squid_code(h, code);
	if (is_portal(h))
		say(a, CONNECT_DENIED,
		    "something else than a proxy answers there, perhaps a captive portal (%d)",
		    h->status);
	else if (h->status == 403)
		say(a, CONNECT_FAILED,
		    "the proxy does not allow %.100s: whoever runs it has to (403%s)",
		    asked->target, code);
	else if (h->status == 502 || h->status == 503 || h->status == 504)
		say(a, CONNECT_FAILED, "the proxy did not reach %.100s (%d%s)", asked->target,
		    h->status, code);
	else if (h->status == 400 || h->status == 404 || h->status == 405 || h->status == 501)
		say(a, CONNECT_FAILED,
		    "what answers there is no proxy, or does no CONNECT to %.80s (%d%s)",
		    asked->target, h->status, code);
	else
		say(a, CONNECT_FAILED, "the proxy answered %d%s for %.100s", h->status, code,
		    asked->target);
}

/* So that nobody waits for the end of a line that something else says. */
static bool is_http(const uint8_t *in, size_t len)
{
	return len == 0 || memcmp(in, "HTTP/", len < 5 ? len : 5) == 0;
}

int connect_answer(struct connect_answer *a, const struct connect_asked *asked, const uint8_t *in,
		   size_t len)
{
	struct http_head h;
	size_t used;
	int r = is_http(in, len) ? http_head_decode(in, len, &h, &used) : -EBADMSG;

	if (r == -EAGAIN)
		return r;
	*a = (struct connect_answer){.outcome = CONNECT_DENIED};
	if (r != 0 || h.is_request) {
		say(a, CONNECT_DENIED, "what answers there is no HTTP proxy (%s)",
		    r == -E2BIG ? "the head of its answer is too long" : "no HTTP");
		return 0;
	}
	a->status = h.status;
	a->head_bytes = used;
	if (h.status >= 200 && h.status <= 299)
		a->outcome = CONNECT_OPEN;
	else if (h.status == 407)
		wants_login(a, asked, &h);
	else
		explain(a, asked, &h);
	return 0;
}
