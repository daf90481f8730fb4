/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "common/pure/connect.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BASIC "HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic realm=x\r\n"
#define DIGEST(more) "HTTP/1.1 407 Login\r\nProxy-Authenticate: Digest realm=x, nonce=y" more "\r\n"

static const struct http_auth nothing, basic = {.kind = HTTP_AUTH_BASIC},
				       digest = {.kind = HTTP_AUTH_DIGEST_MD5};
static struct connect_asked asked;
static struct connect_answer a;

static int set_up(void **state)
{
	asked = (struct connect_asked){.target = "as1.lab:443", .said = &nothing};
	return 0;
}

static int answer(const char *text)
{
	size_t n = strlen(text);
	uint8_t *bytes = exact_copy(text, n);
	int r;

	memset(&a, 0xa5, sizeof(a));
	r = connect_answer(&a, &asked, bytes, n);
	free(bytes);
	return r;
}

static void expect(const char *text, enum connect_outcome outcome, const char *words)
{
	assert_int_equal(answer(text), 0);
	if (a.outcome != outcome || !strstr(a.words, words))
		fail_msg("%s: %d, \"%s\"", text, a.outcome, a.words);
}

static void requests(void **state)
{
	char text[CONNECT_REQUEST_SIZE], target[PROXY_HOST_PORT_SIZE], login[HTTP_AUTH_SIZE];

	assert_int_equal(connect_request(text, "as1.lab:443", ""), 0);
	assert_string_equal(text, "CONNECT as1.lab:443 HTTP/1.1\r\nHost: as1.lab:443\r\n"
				  "User-Agent: farlan/" FARLAN_VERSION "\r\n\r\n");
	assert_int_equal(connect_request(text, "[2001:db8::1]:80", "Basic eA=="), 0);
	assert_non_null(strstr(text, "CONNECT [2001:db8::1]:80 HTTP/1.1\r\n"));
	assert_non_null(strstr(text, "\r\nProxy-Authorization: Basic eA==\r\n\r\n"));
	memset(target, 'x', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	memset(login, 'y', sizeof(login) - 1);
	login[sizeof(login) - 1] = '\0';
	assert_int_equal(connect_request(text, target, login), 0);
}

static void opens(void **state)
{
	static const char ok[] = "HTTP/1.0 200 Connection established\r\n\r\n";

	expect(ok, CONNECT_OPEN, "");
	assert_int_equal(a.head_bytes, sizeof(ok) - 1);
	assert_int_equal(a.status, 200);
	/* Both say nothing in an answer to CONNECT (RFC 9110 section 9.3.6). */
	expect("HTTP/1.1 204 x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
	       CONNECT_OPEN, "");
	for (size_t n = 0; n < sizeof(ok) - 1; n++)
		assert_int_equal(connect_answer(&a, &asked, (const uint8_t *)ok, n), -EAGAIN);
}

static void wants_a_login(void **state)
{
	expect(BASIC "\r\n", CONNECT_DENIED,
	       "wants a user name and password (Basic): set proxy = "
	       "http://USER:PASSWORD@HOST:PORT");
	expect("HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: "
	       "NTLM\r\n\r\n",
	       CONNECT_DENIED, "by Negotiate, NTLM, which is not supported");
	expect("HTTP/1.1 407 x\r\n\r\n", CONNECT_DENIED, "no method that it names");
	asked.has_login = true;
	expect(BASIC "\r\n", CONNECT_LOGIN, "");
	assert_int_equal(a.challenge.kind, HTTP_AUTH_BASIC);
	assert_false(a.again_here); /* who knows where its body ends */
	expect("HTTP/1.1 407 x\r\nProxy-Authenticate: NTLM\r\n\r\n", CONNECT_DENIED, "NTLM");
}

static void on_the_same_connection(void **state)
{
	static const struct {
		const char *text;
		bool here;
	} t[] = {
		{BASIC "Content-Length: 0\r\n\r\n", true},
		{BASIC "Content-Length: 16384\r\n\r\n", true},
		{BASIC "Content-Length: 16385\r\n\r\n", false},
		{BASIC "Content-Length: 99999999999999999999\r\n\r\n", false},
		{BASIC "Content-Length: -1\r\n\r\n", false},
		{BASIC "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", false},
		{BASIC "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", false},
		{BASIC "Content-Length: 1\r\nTransfer-Encoding: gzip\r\n\r\n", false},
		{BASIC "Content-Length: 1\r\nConnection: close\r\n\r\n", false},
		{BASIC "Content-Length: 1\r\nProxy-Connection: close\r\n\r\n", false},
		{BASIC "Content-Length: 1\r\nConnection: keep-alive\r\n\r\n", true},
		{"HTTP/1.0 407 x\r\nProxy-Authenticate: Basic\r\nContent-Length: 1\r\n\r\n", false},
	};

	asked.has_login = true;
	for (size_t i = 0; i < COUNT(t); i++) {
		assert_int_equal(answer(t[i].text), 0);
		assert_int_equal(a.outcome, CONNECT_LOGIN);
		if (a.again_here != t[i].here || (!t[i].here && a.skip_bytes > 0))
			fail_msg("%s", t[i].text);
	}
}

static void refuses_a_login(void **state)
{
	asked.has_login = true;
	asked.said = &basic; /* remembered from another connection: a password stays wrong */
	expect(BASIC "\r\n", CONNECT_DENIED, "refused user name or password (Basic)");
	expect(DIGEST("") "\r\n", CONNECT_LOGIN, "");
	asked.said = &digest; /* remembered: the proxy may have forgotten the nonce */
	expect(DIGEST("") "\r\n", CONNECT_LOGIN, "");
	asked.rounds = 1;
	expect(DIGEST("") "\r\n", CONNECT_DENIED, "refused user name or password (Digest)");
	expect(DIGEST(", stale=true") "\r\n", CONNECT_LOGIN, "");
	asked.rounds = 2;
	expect(DIGEST(", stale=true") "\r\n", CONNECT_DENIED, "refused");
}

static void says_what_is_wrong(void **state)
{
	static const struct {
		const char *text;
		enum connect_outcome outcome;
		const char *words;
	} t[] = {
		{"HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n\r\n",
		 CONNECT_FAILED, "does not allow as1.lab:443"},
		{"HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n\r\n",
		 CONNECT_FAILED, "(403, ERR_ACCESS_DENIED 0)"},
		{"HTTP/1.1 403 x\r\nX-Squid-Error: <h1>\r\n\r\n", CONNECT_FAILED, "(403)"},
		{"HTTP/1.1 502 x\r\n\r\n", CONNECT_FAILED, "did not reach as1.lab:443 (502)"},
		{"HTTP/1.1 503 x\r\n\r\n", CONNECT_FAILED, "did not reach as1.lab:443 (503)"},
		{"HTTP/1.1 504 x\r\n\r\n", CONNECT_FAILED, "did not reach as1.lab:443 (504)"},
		{"HTTP/1.1 405 x\r\n\r\n", CONNECT_FAILED, "is no proxy"},
		{"HTTP/1.1 429 x\r\n\r\n", CONNECT_FAILED, "answered 429"},
		{"HTTP/1.1 302 x\r\nLocation: http://portal/\r\n\r\n", CONNECT_DENIED,
		 "captive portal (302)"},
		{"HTTP/1.1 511 x\r\n\r\n", CONNECT_DENIED, "captive portal (511)"},
		{"HTTP/1.1 100 x\r\n\r\n", CONNECT_DENIED, "something else than a proxy"},
		{"SSH-2.0-OpenSSH\r\n", CONNECT_DENIED, "no HTTP proxy"},
		{"\x16\x03\x01", CONNECT_DENIED, "no HTTP proxy"},
		{"GET / HTTP/1.1\r\n\r\n", CONNECT_DENIED, "no HTTP proxy"},
	};

	for (size_t i = 0; i < COUNT(t); i++) {
		if (answer(t[i].text) == -EAGAIN) /* not yet */
			continue;
		expect(t[i].text, t[i].outcome, t[i].words);
		assert_false(a.plain_text);
	}
	expect("\x16\x03\x01\x02\x03", CONNECT_DENIED, "no HTTP proxy");
	expect("HTTP/1.1 503 x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", CONNECT_FAILED,
	       "");
	assert_true(a.plain_text);
}

static void endless_heads(void **state)
{
	char *text = malloc(100001);

	assert_non_null(text);
	memset(text, 'x', 100000);
	memcpy(text, "HTTP/1.1 200 OK\r\nA: ", 20);
	assert_int_equal(connect_answer(&a, &asked, (const uint8_t *)text, 8191), -EAGAIN);
	assert_int_equal(connect_answer(&a, &asked, (const uint8_t *)text, 100000), 0);
	assert_int_equal(a.outcome, CONNECT_DENIED);
	assert_non_null(strstr(a.words, "too long"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(requests, set_up),
		cmocka_unit_test_setup(opens, set_up),
		cmocka_unit_test_setup(wants_a_login, set_up),
		cmocka_unit_test_setup(on_the_same_connection, set_up),
		cmocka_unit_test_setup(refuses_a_login, set_up),
		cmocka_unit_test_setup(says_what_is_wrong, set_up),
		cmocka_unit_test_setup(endless_heads, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
