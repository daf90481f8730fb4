/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * http - heads of HTTP/1.1 requests and responses (RFC 9110, RFC 9112), as much as a
 * WebSocket upgrade, a probe and a CONNECT need. Pure: heads only, bodies are the caller's.
 */
#ifndef FARLAN_HTTP_H
#define FARLAN_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX_BYTES 8192 /* a longer head is refused */
#define HTTP_HEADERS_MAX 48
#define HTTP_WS_KEY_SIZE 25    /* Sec-WebSocket-Key, with NUL */
#define HTTP_WS_ACCEPT_SIZE 29 /* Sec-WebSocket-Accept, with NUL */

/* A piece of the head; borrowed from the bytes that were decoded, not NUL-terminated. */
struct http_str {
	const char *at;
	size_t len;
};

struct http_header {
	struct http_str name, value; /* value without surrounding white space */
};

struct http_head {
	bool is_request;
	struct http_str method, target; /* request */
	int status;			/* response: 100..599 */
	struct http_str reason;		/* response; may be empty */
	int minor;			/* HTTP/1.minor: 0 or 1 */
	size_t n_headers;
	struct http_header headers[HTTP_HEADERS_MAX];
};

/**
 * http_head_decode() - parse one head, request or response, from the start of @in.
 * Strict: lines end with CR LF; no folded lines; names are tokens; no control characters
 * in values; no white space before a colon.
 * Bytes that no head can hold are refused at once, also before the empty line is there.
 * @h, @used: set on success only; @used is the bytes of the head with its empty line.
 * Return: 0; -EAGAIN no empty line yet; -E2BIG longer than HTTP_HEAD_MAX_BYTES or too many
 * headers; -EBADMSG malformed.
 */
int http_head_decode(const uint8_t *in, size_t len, struct http_head *h, size_t *used)
	__attribute__((warn_unused_result));

/** http_header() - value (may be empty) of the only header @name (any case); NULL if absent or
 * twice. */
const struct http_str *http_header(const struct http_head *h, const char *name);

/** http_has_token() - is @token (any case) in the comma-separated lists of all headers @name? */
bool http_has_token(const struct http_head *h, const char *name, const char *token);

/** http_str_is() - exact comparison; http_str_is_nocase() ASCII case-insensitive. */
bool http_str_is(struct http_str s, const char *want);
bool http_str_is_nocase(struct http_str s, const char *want);
/** http_str_trim() - without the blanks around it. */
struct http_str http_str_trim(struct http_str s);

/** http_ws_key() - Sec-WebSocket-Key of 16 random bytes (RFC 6455 section 4.1). */
void http_ws_key(char key[HTTP_WS_KEY_SIZE], const uint8_t random[16]);

/**
 * http_ws_accept() - Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2).
 * Return: 0; -EBADMSG the key is not the canonical base64 of 16 bytes.
 */
int http_ws_accept(char accept[HTTP_WS_ACCEPT_SIZE], struct http_str key)
	__attribute__((warn_unused_result));

/**
 * http_ws_request_ok() - GET, HTTP/1.1, Upgrade: websocket, Connection: upgrade, version 13,
 * a valid key. Host is the caller's to look at.
 */
bool http_ws_request_ok(const struct http_head *h);

/**
 * http_ws_response_ok() - 101 with Upgrade, Connection and the Accept that belongs to @key,
 * and no extension, because none is ever asked for.
 */
bool http_ws_response_ok(const struct http_head *h, const char key[HTTP_WS_KEY_SIZE]);

#endif
