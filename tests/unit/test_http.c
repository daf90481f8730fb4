/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "common/pure/http.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455 section 1.3 */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static const char REQUEST[] = "GET /v1/path HTTP/1.1\r\n"
			      "Host: relay.example:443\r\n"
			      "upgrade: WebSocket\r\n"
			      "CONNECTION: keep-alive, Upgrade\r\n"
			      "Sec-WebSocket-Key: " KEY "\r\n"
			      "Sec-WebSocket-Version: 13\r\n"
			      "X-Empty:\r\n"
			      "X-Spaces: \t a  b \t \r\n"
			      "\r\n";

static const char RESPONSE[] = "HTTP/1.1 101 Switching Protocols\r\n"
			       "Upgrade: websocket\r\n"
			       "Connection: Upgrade\r\n"
			       "Sec-WebSocket-Accept: " ACCEPT "\r\n"
			       "\r\n";

/* Decode a string in exact memory; *h is only good for what does not look into it. */
static int decode(const char *text)
{
	size_t len = strlen(text), used = 77;
	uint8_t *in = exact_copy(text, len);
	struct http_head h = {.status = 88};
	int r = http_head_decode(in, len, &h, &used);

	assert_true(r == 0 || (used == 77 && h.status == 88));
	free(in);
	return r;
}

static struct http_head head(const char *text)
{
	struct http_head h;
	size_t used;

	assert_int_equal(http_head_decode((const uint8_t *)text, strlen(text), &h, &used), 0);
	assert_int_equal(used, strlen(text));
	return h;
}

static void a_request(void **state)
{
	struct http_head h = head(REQUEST);

	(void)state;
	assert_true(h.is_request);
	assert_true(http_str_is(h.method, "GET"));
	assert_true(http_str_is(h.target, "/v1/path"));
	assert_int_equal(h.minor, 1);
	assert_int_equal(h.n_headers, 7);
	assert_true(http_str_is(*http_header(&h, "host"), "relay.example:443"));
	assert_true(http_str_is(*http_header(&h, "X-EMPTY"), ""));
	assert_true(http_str_is(*http_header(&h, "X-Spaces"), "a  b"));
	assert_null(http_header(&h, "X-None"));
	assert_null(http_header(&h, "X-Empt"));
	assert_true(http_ws_request_ok(&h));
	assert_false(http_ws_response_ok(&h, KEY));
}

static void a_response(void **state)
{
	static const char no_key[HTTP_WS_KEY_SIZE] = "no key";
	struct http_head h = head(RESPONSE);

	(void)state;
	assert_false(h.is_request);
	assert_int_equal(h.status, 101);
	assert_int_equal(h.minor, 1);
	assert_true(http_str_is(h.reason, "Switching Protocols"));
	assert_true(http_ws_response_ok(&h, KEY));
	assert_false(http_ws_response_ok(&h, "AAAAAAAAAAAAAAAAAAAAAA=="));
	assert_false(http_ws_response_ok(&h, no_key));
	assert_false(http_ws_request_ok(&h));
	h = head("HTTP/1.0 200 \r\n\r\n");
	assert_int_equal(h.status, 200);
	assert_int_equal(h.minor, 0);
	assert_int_equal(h.reason.len, 0);
	h = head("HTTP/1.1 407\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n");
	assert_int_equal(h.status, 407);
	assert_int_equal(h.reason.len, 0);
}

static void other_requests(void **state)
{
	struct http_head h = head("CONNECT relay.example:443 HTTP/1.0\r\n\r\n");

	(void)state;
	assert_true(http_str_is(h.method, "CONNECT"));
	assert_true(http_str_is(h.target, "relay.example:443"));
	assert_int_equal(h.n_headers, 0);
	assert_false(http_ws_request_ok(&h));
	h = head("HEAD * HTTP/1.1\r\nX: \xc3\xa4\x80\r\n\r\n");
	assert_true(http_str_is(*http_header(&h, "x"), "\xc3\xa4\x80"));
}

static void what_follows_is_not_touched(void **state)
{
	static const char in[] = "HTTP/1.1 200 OK\r\n\r\n\x16\x03\x01\r\n\r\n";
	struct http_head h;
	size_t used;

	(void)state;
	assert_int_equal(http_head_decode((const uint8_t *)in, sizeof(in) - 1, &h, &used), 0);
	assert_int_equal(used, 19);
}

static void every_truncation_waits(void **state)
{
	static const char *const whole[] = {REQUEST, RESPONSE};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (size_t len = 0; len < strlen(whole[i]); len++) {
			uint8_t *in = exact_copy(whole[i], len);
			struct http_head h;
			size_t used;

			assert_int_equal(http_head_decode(in, len, &h, &used), -EAGAIN);
			free(in);
		}
	}
}

static void malformed(void **state)
{
	static const char *const bad[] = {
		"\r\n\r\n",
		"\r\nGET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\n\n",
		"GET / HTTP/1.1\r\nA: b\n\r\n",
		"GET / HTTP/1.1\rA: b\r\n\r\n",
		"GET / HTTP/1.1\r\nA: b\r\r\n\r\n",
		"GET / HTTP/1.2\r\n\r\n",
		"GET / HTTP/2.0\r\n\r\n",
		"GET / HTTP/1.\r\n\r\n",
		"GET / HTTP/1.11\r\n\r\n",
		"GET / http/1.1\r\n\r\n",
		"GET / HTTP/1.1 \r\n\r\n",
		"GET /\r\n\r\n",
		"GET\r\n\r\n",
		"GET  / HTTP/1.1\r\n\r\n",
		"GET /  HTTP/1.1\r\n\r\n",
		" GET / HTTP/1.1\r\n\r\n",
		"GET /a b HTTP/1.1\r\n\r\n",
		"GET\t/ HTTP/1.1\r\n\r\n",
		"G@T / HTTP/1.1\r\n\r\n",
		"GET /\x80 HTTP/1.1\r\n\r\n",
		"GET /\t HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\n: b\r\n\r\n",
		"GET / HTTP/1.1\r\nA\r\n\r\n",
		"GET / HTTP/1.1\r\nA : b\r\n\r\n",
		"GET / HTTP/1.1\r\nA\t: b\r\n\r\n",
		"GET / HTTP/1.1\r\n A: b\r\n\r\n",
		"GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n",
		"GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n",
		"GET / HTTP/1.1\r\nA(: b\r\n\r\n",
		"GET / HTTP/1.1\r\n\xc3\xa4: b\r\n\r\n",
		"GET / HTTP/1.1\r\nA: b\x01\r\n\r\n",
		"GET / HTTP/1.1\r\nA: b\x7f\r\n\r\n",
		"HTTP/1.1 99 x\r\n\r\n",
		"HTTP/1.1 099 x\r\n\r\n",
		"HTTP/1.1 600 x\r\n\r\n",
		"HTTP/1.1 2000 x\r\n\r\n",
		"HTTP/1.1 20 x\r\n\r\n",
		"HTTP/1.1 2x0 x\r\n\r\n",
		"HTTP/1.1 -20 x\r\n\r\n",
		"HTTP/1.1  200 x\r\n\r\n",
		"HTTP/1.1\r\n\r\n",
		"HTTP/1.1 \r\n\r\n",
		"HTTP/1.2 200 OK\r\n\r\n",
		"HTTP/ 200 OK\r\n\r\n",
	};
	struct http_head h;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (decode(bad[i]) != -EBADMSG)
			fail_msg("accepted: %s", bad[i]);
	}
	assert_int_equal(
		http_head_decode((const uint8_t *)"GET /\0 HTTP/1.1\r\n\r\n", 20, &h, &used),
		-EBADMSG);
}

static void garbage_is_refused_at_once(void **state)
{
	(void)state;
	assert_int_equal(decode("\x16\x03\x01"), -EBADMSG);
	assert_int_equal(decode("GET / HTTP/1.1\n"), -EBADMSG);
	assert_int_equal(decode("GET / HTTP/1.1\rx"), -EBADMSG);
	assert_int_equal(decode("GET / HTTP/1.1\r"), -EAGAIN);
}

/* A head of exactly @len bytes. */
static char *long_head(size_t len)
{
	static const char start[] = "GET / HTTP/1.1\r\nA: ";
	char *text = malloc(len + 1);

	assert_non_null(text);
	memset(text, 'x', len);
	memcpy(text, start, sizeof(start) - 1);
	memcpy(text + len - 4, "\r\n\r\n", 5);
	return text;
}

static void too_long(void **state)
{
	char *fits = long_head(HTTP_HEAD_MAX_BYTES), *over = long_head(HTTP_HEAD_MAX_BYTES + 1);

	(void)state;
	assert_int_equal(decode(fits), 0);
	assert_int_equal(decode(over), -E2BIG);
	over[HTTP_HEAD_MAX_BYTES] = '\0';
	assert_int_equal(decode(over), -E2BIG); /* full, and still no end */
	over[HTTP_HEAD_MAX_BYTES - 1] = '\0';
	assert_int_equal(decode(over), -EAGAIN);
	free(fits);
	free(over);
}

static void too_many_headers(void **state)
{
	char text[2000] = "GET / HTTP/1.1\r\n";
	size_t n = strlen(text);

	(void)state;
	for (int i = 0; i < HTTP_HEADERS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "H%d: %d\r\n", i, i);
	strcpy(text + n, "\r\n");
	assert_int_equal(decode(text), 0);
	strcpy(text + n, "H: x\r\n\r\n");
	assert_int_equal(decode(text), -E2BIG);
}

static void a_header_twice_is_none(void **state)
{
	struct http_head h = head("GET / HTTP/1.1\r\nA: 1\r\na: 1\r\nB: 2\r\n\r\n");

	(void)state;
	assert_null(http_header(&h, "A"));
	assert_true(http_str_is(*http_header(&h, "B"), "2"));
}

static void lists(void **state)
{
	struct http_head h =
		head("GET / HTTP/1.1\r\nC: a, b ,\tc,,\r\nC: d\r\nD: upgraded, x-upgrade\r\n"
		     "E: a b\r\nF:\r\n\r\n");

	(void)state;
	assert_true(http_has_token(&h, "c", "A"));
	assert_true(http_has_token(&h, "C", "b"));
	assert_true(http_has_token(&h, "C", "c"));
	assert_true(http_has_token(&h, "C", "d"));
	assert_false(http_has_token(&h, "C", "e"));
	assert_false(http_has_token(&h, "D", "upgrade"));
	assert_false(http_has_token(&h, "E", "a"));
	assert_false(http_has_token(&h, "F", "a"));
	assert_false(http_has_token(&h, "G", "a"));
}

static void strings(void **state)
{
	struct http_str s = {"WebSocket!", 9};

	(void)state;
	assert_true(http_str_is(s, "WebSocket"));
	assert_false(http_str_is(s, "websocket"));
	assert_false(http_str_is(s, "WebSocket!"));
	assert_true(http_str_is_nocase(s, "wEBsOCKET"));
	assert_false(http_str_is_nocase(s, "websock"));
	assert_true(http_str_is((struct http_str){NULL, 0}, ""));
	assert_true(http_str_is_nocase((struct http_str){NULL, 0}, ""));
}

static void websocket_keys(void **state)
{
	static const char *const bad[] = {"",
					  "dGhlIHNhbXBsZSBub25jZQ=",
					  "dGhlIHNhbXBsZSBub25jZR==",
					  "dGhlIHNhbXBsZSBub25jZQAA",
					  "dGhlIHNhbXBsZSBub25jZQ==A",
					  "dGhlIHNhbXBsZSBub25j ZQ==",
					  "dGhlIHNhbXBsZSBub2_jZQ=="};
	char key[HTTP_WS_KEY_SIZE], accept[HTTP_WS_ACCEPT_SIZE] = "untouched";

	(void)state;
	http_ws_key(key, (const uint8_t *)"the sample nonce");
	assert_string_equal(key, KEY);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct http_str s = {bad[i], strlen(bad[i])};

		assert_int_equal(http_ws_accept(accept, s), -EBADMSG);
	}
	assert_string_equal(accept, "untouched");
	assert_int_equal(http_ws_accept(accept, (struct http_str){KEY, 24}), 0);
	assert_string_equal(accept, ACCEPT);
}

#define UP "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define WK "Sec-WebSocket-Key: " KEY "\r\n"
#define WV "Sec-WebSocket-Version: 13\r\n"
#define WA "Sec-WebSocket-Accept: " ACCEPT "\r\n"

static void incomplete_upgrades_are_refused(void **state)
{
	static const char *const requests[] = {
		"POST / HTTP/1.1\r\n" UP WK WV "\r\n",
		"get / HTTP/1.1\r\n" UP WK WV "\r\n",
		"GET / HTTP/1.0\r\n" UP WK WV "\r\n",
		"GET / HTTP/1.1\r\nConnection: Upgrade\r\n" WK WV "\r\n",
		"GET / HTTP/1.1\r\nUpgrade: websocket\r\n" WK WV "\r\n",
		"GET / HTTP/1.1\r\n" UP WV "\r\n",
		"GET / HTTP/1.1\r\n" UP WK "\r\n",
		"GET / HTTP/1.1\r\n" UP WK WK WV "\r\n",
		"GET / HTTP/1.1\r\n" UP WK WV WV "\r\n",
		"GET / HTTP/1.1\r\n" UP WK "Sec-WebSocket-Version: 12\r\n\r\n",
		"GET / HTTP/1.1\r\n" UP "Sec-WebSocket-Key: x\r\n" WV "\r\n",
	};
	static const char *const responses[] = {
		"HTTP/1.1 200 OK\r\n" UP WA "\r\n",
		"HTTP/1.0 101 x\r\n" UP WA "\r\n",
		"HTTP/1.1 101 x\r\nConnection: Upgrade\r\n" WA "\r\n",
		"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n" WA "\r\n",
		"HTTP/1.1 101 x\r\n" UP "\r\n",
		"HTTP/1.1 101 x\r\n" UP WA WA "\r\n",
		"HTTP/1.1 101 x\r\n" UP
		"Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
		"HTTP/1.1 101 x\r\n" UP WA "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
	};
	struct http_head h = head("GET / HTTP/1.1\r\n" UP WK WV "\r\n");

	(void)state;
	assert_true(http_ws_request_ok(&h));
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		h = head(requests[i]);
		assert_false(http_ws_request_ok(&h));
	}
	h = head("HTTP/1.1 101 x\r\n" UP WA "\r\n");
	assert_true(http_ws_response_ok(&h, KEY));
	for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++) {
		h = head(responses[i]);
		assert_false(http_ws_response_ok(&h, KEY));
	}
}

/* One changed byte of a good head: whatever comes of it stays within the bytes. */
static void noise(void **state)
{
	uint64_t seed = 12;

	(void)state;
	for (int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		size_t len = sizeof(REQUEST) - 1, used;
		uint8_t *in = exact_copy(REQUEST, len);
		struct http_head h;

		in[noise_u32(&seed) % len] = (uint8_t)noise_u32(&seed);
		in[noise_u32(&seed) % len] = (uint8_t)(noise_u32(&seed) % 64);
		if (http_head_decode(in, len, &h, &used) == 0) {
			assert_true(used <= len);
			for (size_t j = 0; j < h.n_headers; j++) {
				const char *end = h.headers[j].value.at + h.headers[j].value.len;

				assert_true(end <= (char *)in + used);
			}
			(void)http_ws_request_ok(&h);
		}
		free(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request),
		cmocka_unit_test(a_response),
		cmocka_unit_test(other_requests),
		cmocka_unit_test(what_follows_is_not_touched),
		cmocka_unit_test(every_truncation_waits),
		cmocka_unit_test(malformed),
		cmocka_unit_test(garbage_is_refused_at_once),
		cmocka_unit_test(too_long),
		cmocka_unit_test(too_many_headers),
		cmocka_unit_test(a_header_twice_is_none),
		cmocka_unit_test(lists),
		cmocka_unit_test(strings),
		cmocka_unit_test(websocket_keys),
		cmocka_unit_test(incomplete_upgrades_are_refused),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
