/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/http.h"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/hash.h>

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/pure/text.h"

#define WS_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 section 1.3 */
#define WS_KEY_BYTES 16

static bool is_token_char(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c);
}

static bool is_token(struct http_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_token_char(s.at[i]))
			return false;
	}
	return s.len > 0;
}

/* Visible ASCII. */
static bool is_target(struct http_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < 0x21 || s.at[i] > 0x7e)
			return false;
	}
	return s.len > 0;
}

/* What a head may hold at all: visible, space, tab, bytes above ASCII; CR LF only together. */
static bool byte_ok(const uint8_t *in, size_t i, size_t len)
{
	switch (in[i]) {
	case '\t':
		return true;
	case '\n':
		return i > 0 && in[i - 1] == '\r';
	case '\r':
		return i + 1 == len || in[i + 1] == '\n';
	default:
		return in[i] >= ' ' && in[i] != 0x7f;
	}
}

/* Find the empty line. Garbage is refused before it comes, so nothing waits for it in vain. */
static int head_end(const uint8_t *in, size_t len, size_t *end)
{
	for (size_t i = 0; i < len; i++) {
		if (i == HTTP_HEAD_MAX_BYTES)
			return -E2BIG;
		if (!byte_ok(in, i, len))
			return -EBADMSG;
		if (i >= 3 && in[i] == '\n' && in[i - 2] == '\n') {
			*end = i + 1;
			return 0;
		}
	}
	return len < HTTP_HEAD_MAX_BYTES ? -EAGAIN : -E2BIG;
}

/* Cut @s at the first @c: the part before is returned, @s becomes the part behind. */
static bool cut(struct http_str *s, char c, struct http_str *before)
{
	const char *at = memchr(s->at, c, s->len);

	if (!at)
		return false;
	*before = (struct http_str){s->at, (size_t)(at - s->at)};
	*s = (struct http_str){at + 1, s->len - before->len - 1};
	return true;
}

struct http_str http_str_trim(struct http_str s)
{
	while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static bool parse_version(struct http_head *h, struct http_str s)
{
	if (http_str_is(s, "HTTP/1.1"))
		h->minor = 1;
	else if (!http_str_is(s, "HTTP/1.0"))
		return false;
	return true;
}

/* RFC 9112 section 3: one space between method, target and version. */
static bool parse_request_line(struct http_head *h, struct http_str line)
{
	h->is_request = true;
	return cut(&line, ' ', &h->method) && cut(&line, ' ', &h->target) && is_token(h->method) &&
	       is_target(h->target) && parse_version(h, line);
}

static bool parse_status(struct http_head *h, struct http_str s)
{
	if (s.len != 3)
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return false;
		h->status = h->status * 10 + (s.at[i] - '0');
	}
	return h->status >= 100 && h->status <= 599;
}

/* RFC 9112 section 4. Some servers leave out the space before an empty reason. */
static bool parse_status_line(struct http_head *h, struct http_str line)
{
	struct http_str version, status;

	if (!cut(&line, ' ', &version) || !parse_version(h, version))
		return false;
	if (cut(&line, ' ', &status))
		h->reason = line;
	else
		status = line;
	return parse_status(h, status);
}

/* A folded line begins with white space and so has no token before its colon. */
static int parse_header(struct http_head *h, struct http_str line)
{
	struct http_str name;

	if (!cut(&line, ':', &name) || !is_token(name))
		return -EBADMSG;
	if (h->n_headers == HTTP_HEADERS_MAX)
		return -E2BIG;
	h->headers[h->n_headers++] = (struct http_header){name, http_str_trim(line)};
	return 0;
}

/* @head: all lines with their CR LF, without the empty one. */
static int parse_head(struct http_head *h, struct http_str head)
{
	struct http_str line = {NULL, 0};
	bool ok = cut(&head, '\n', &line) && line.len > 0;
	int r = 0;

	if (!ok)
		return -EBADMSG;
	line.len--; /* CR */
	if (line.len >= 5 && memcmp(line.at, "HTTP/", 5) == 0)
		ok = parse_status_line(h, line);
	else
		ok = parse_request_line(h, line);
	if (!ok)
		return -EBADMSG;
	while (r == 0 && cut(&head, '\n', &line)) {
		line.len--;
		r = parse_header(h, line);
	}
	return r;
}

int http_head_decode(const uint8_t *in, size_t len, struct http_head *h, size_t *used)
{
	struct http_head found = {.n_headers = 0};
	size_t end;
	int r = head_end(in, len, &end);

	if (r != 0)
		return r;
	r = parse_head(&found, (struct http_str){(const char *)in, end - 2});
	if (r != 0)
		return r;
	*h = found;
	*used = end;
	return 0;
}

bool http_str_is(struct http_str s, const char *want)
{
	return s.len == strlen(want) && (s.len == 0 || memcmp(s.at, want, s.len) == 0);
}

bool http_str_is_nocase(struct http_str s, const char *want)
{
	return s.len == strlen(want) && (s.len == 0 || strncasecmp(s.at, want, s.len) == 0);
}

const struct http_str *http_header(const struct http_head *h, const char *name)
{
	const struct http_str *value = NULL;

	for (size_t i = 0; i < h->n_headers; i++) {
		if (!http_str_is_nocase(h->headers[i].name, name))
			continue;
		if (value)
			return NULL;
		value = &h->headers[i].value;
	}
	return value;
}

static bool is_present(const struct http_head *h, const char *name)
{
	for (size_t i = 0; i < h->n_headers; i++) {
		if (http_str_is_nocase(h->headers[i].name, name))
			return true;
	}
	return false;
}

static bool list_has(struct http_str list, const char *token)
{
	struct http_str item;

	while (cut(&list, ',', &item)) {
		if (http_str_is_nocase(http_str_trim(item), token))
			return true;
	}
	return http_str_is_nocase(http_str_trim(list), token);
}

bool http_has_token(const struct http_head *h, const char *name, const char *token)
{
	for (size_t i = 0; i < h->n_headers; i++) {
		if (http_str_is_nocase(h->headers[i].name, name) &&
		    list_has(h->headers[i].value, token))
			return true;
	}
	return false;
}

void http_ws_key(char key[HTTP_WS_KEY_SIZE], const uint8_t random[16])
{
	/* The sizes are constants that fit. */
	if (text_b64_encode(key, HTTP_WS_KEY_SIZE, random, WS_KEY_BYTES) != 0)
		key[0] = '\0';
}

int http_ws_accept(char accept[HTTP_WS_ACCEPT_SIZE], struct http_str key)
{
	uint8_t bytes[WS_KEY_BYTES], digest[WC_SHA_DIGEST_SIZE];
	char text[HTTP_WS_KEY_SIZE - 1 + sizeof(WS_GUID) - 1];
	size_t n;

	if (key.len != HTTP_WS_KEY_SIZE - 1)
		return -EBADMSG;
	if (text_b64_decode(bytes, sizeof(bytes), &n, key.at, key.len) != 0 || n != sizeof(bytes))
		return -EBADMSG;
	memcpy(text, key.at, key.len);
	memcpy(text + key.len, WS_GUID, sizeof(WS_GUID) - 1);
	if (wc_ShaHash((const uint8_t *)text, sizeof(text), digest) != 0)
		return -EBADMSG;
	return text_b64_encode(accept, HTTP_WS_ACCEPT_SIZE, digest, sizeof(digest));
}

static bool upgrades(const struct http_head *h)
{
	return h->minor == 1 && http_has_token(h, "Upgrade", "websocket") &&
	       http_has_token(h, "Connection", "upgrade");
}

bool http_ws_request_ok(const struct http_head *h)
{
	const struct http_str *version = http_header(h, "Sec-WebSocket-Version");
	const struct http_str *key = http_header(h, "Sec-WebSocket-Key");
	char accept[HTTP_WS_ACCEPT_SIZE];

	return h->is_request && http_str_is(h->method, "GET") && upgrades(h) && version && key &&
	       http_str_is(*version, "13") && http_ws_accept(accept, *key) == 0;
}

bool http_ws_response_ok(const struct http_head *h, const char key[HTTP_WS_KEY_SIZE])
{
	const struct http_str *got = http_header(h, "Sec-WebSocket-Accept");
	char want[HTTP_WS_ACCEPT_SIZE];

	if (h->is_request || h->status != 101 || !upgrades(h) || !got)
		return false;
	if (is_present(h, "Sec-WebSocket-Extensions"))
		return false;
	if (http_ws_accept(want, (struct http_str){key, strlen(key)}) != 0)
		return false;
	return http_str_is(*got, want);
}
