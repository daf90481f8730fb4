/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "common/pure/http_auth.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char head_text[HTTP_HEAD_MAX_BYTES + 1];

/* A 407 with these lines. */
static void read_lines(struct http_auth_offer *offer, const char *lines)
{
	struct http_head h;
	size_t used;

	snprintf(head_text, sizeof(head_text), "HTTP/1.1 407 Login\r\n%s\r\n", lines);
	assert_int_equal(http_head_decode((const uint8_t *)head_text, strlen(head_text), &h, &used),
			 0);
	http_auth_read(offer, &h, "Proxy-Authenticate");
}

/* One header. */
static struct http_auth_offer offer_of(const char *value)
{
	struct http_auth_offer offer;
	char lines[4100];

	snprintf(lines, sizeof(lines), "Proxy-Authenticate: %s\r\n", value);
	read_lines(&offer, lines);
	return offer;
}

/* The example of RFC 7616 section 3.9.1. */
#define RFC7616(algorithm)                                                                     \
	"Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=" algorithm \
	", nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "                           \
	"opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""

static void rfc_7616(void **state)
{
	static const struct {
		const char *challenge, *algorithm, *response;
	} t[] = {
		{RFC7616("MD5"), "MD5", "8ca523f5e9506fed4657c9700eebdbec"},
		{RFC7616("SHA-256"), "SHA-256",
		 "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
		/* Not in the RFC; by another implementation. */
		{RFC7616("MD5-sess"), "MD5-sess", "e783283f46242139c486a698fec7211d"},
		{RFC7616("sha-256-SESS"), "SHA-256-sess",
		 "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7"},
	};
	const struct http_auth_request q = {.user = "Mufasa",
					    .password = "Circle of Life",
					    .method = "GET",
					    .uri = "/dir/index.html",
					    .count = 1};
	char want[HTTP_AUTH_SIZE], got[HTTP_AUTH_SIZE];

	for (size_t i = 0; i < COUNT(t); i++) {
		struct http_auth_offer o = offer_of(t[i].challenge);

		assert_int_equal(http_auth_digest(got, &o.best, &q,
						  "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"),
				 0);
		snprintf(want, sizeof(want),
			 "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", "
			 "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
			 "uri=\"/dir/index.html\", response=\"%s\", algorithm=%s, "
			 "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\", qop=auth, "
			 "nc=00000001, cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\"",
			 t[i].response, t[i].algorithm);
		assert_string_equal(got, want);
	}
}

static void rfc_2617_and_2069(void **state)
{
	struct http_auth_request q = {.user = "Mufasa",
				      .password = "Circle Of Life",
				      .method = "GET",
				      .uri = "/dir/index.html",
				      .count = 1};
	struct http_auth_offer o =
		offer_of("Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", "
			 "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
			 "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"");
	char got[HTTP_AUTH_SIZE];

	assert_int_equal(http_auth_digest(got, &o.best, &q, "0a4f113b"), 0);
	assert_non_null(strstr(got, "response=\"6629fae49393a05397450978507c4ef1\""));
	assert_null(strstr(got, "algorithm")); /* it was not said */
	/* Without qop; RFC 2069 section 2.4 with erratum 749. */
	o = offer_of("Digest realm=\"testrealm@host.com\", "
		     "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"");
	q.password = "CircleOfLife";
	assert_int_equal(http_auth_digest(got, &o.best, &q, "0a4f113b"), 0);
	assert_non_null(strstr(got, "response=\"1949323746fe6a43ef61f9606e7febea\""));
	assert_null(strstr(got, "cnonce"));
	assert_null(strstr(got, "opaque"));
}

static void rfc_7617(void **state)
{
	struct http_auth_offer o = offer_of("Basic realm=\"WallyWorld\", charset=\"UTF-8\"");
	struct http_auth_request q = {.user = "Aladdin", .password = "open sesame"};
	char got[HTTP_AUTH_SIZE];

	assert_int_equal(http_auth_answer(got, &o.best, &q), 0);
	assert_string_equal(got, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	q = (struct http_auth_request){.user = "test", .password = "123\xc2\xa3"};
	assert_int_equal(http_auth_answer(got, &o.best, &q), 0);
	assert_string_equal(got, "Basic dGVzdDoxMjPCow==");
	o.best.kind = HTTP_AUTH_NONE;
	assert_int_equal(http_auth_answer(got, &o.best, &q), -EINVAL);
}

static void counts_and_random_bytes(void **state)
{
	struct http_auth_offer o = offer_of("Digest realm=r, nonce=n, qop=auth");
	struct http_auth_request q = {
		.user = "u", .password = "p", .method = "CONNECT", .uri = "h:443", .count = 0xab};
	char got[HTTP_AUTH_SIZE], other[HTTP_AUTH_SIZE];

	memset(q.cnonce, 0xc5, sizeof(q.cnonce));
	assert_int_equal(http_auth_answer(got, &o.best, &q), 0);
	assert_non_null(strstr(got, "nc=000000ab, cnonce=\"c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5\""));
	assert_non_null(strstr(got, "uri=\"h:443\""));
	q.count++;
	assert_int_equal(http_auth_answer(other, &o.best, &q), 0);
	assert_string_not_equal(strstr(got, "response="), strstr(other, "response="));
}

static void what_is_quoted(void **state)
{
	struct http_auth_offer o =
		offer_of("Digest realm=\"a \\\"b\\\" \\\\, c\", nonce=\"n,=x\", qop=auth");
	struct http_auth_request q = {
		.user = "dom\\\"u", .password = "p", .method = "M", .uri = "u"};
	char got[HTTP_AUTH_SIZE];

	assert_string_equal(o.best.realm, "a \"b\" \\, c");
	assert_string_equal(o.best.nonce, "n,=x");
	assert_int_equal(http_auth_answer(got, &o.best, &q), 0);
	assert_non_null(strstr(got, "username=\"dom\\\\\\\"u\""));
	assert_non_null(strstr(got, "realm=\"a \\\"b\\\" \\\\, c\""));
}

/* The longest parts fit, or are refused. */
static void long_ones(void **state)
{
	struct http_auth a = {.kind = HTTP_AUTH_DIGEST_MD5, .qop = true, .has_opaque = true};
	struct http_auth_request q = {.method = "CONNECT"};
	char user[128], uri[264], got[HTTP_AUTH_SIZE];

	memset(user, '"', sizeof(user) - 1);
	user[sizeof(user) - 1] = '\0';
	memset(uri, 'u', sizeof(uri) - 1);
	uri[sizeof(uri) - 1] = '\0';
	q.user = q.password = user;
	q.uri = uri;
	memset(a.realm, 'r', sizeof(a.realm) - 1);
	memset(a.nonce, 'n', sizeof(a.nonce) - 1);
	memset(a.opaque, 'o', sizeof(a.opaque) - 1);
	assert_int_equal(http_auth_answer(got, &a, &q), 0);
	memset(a.realm, '"', sizeof(a.realm) - 1);
	memset(a.nonce, '"', sizeof(a.nonce) - 1);
	memset(a.opaque, '\\', sizeof(a.opaque) - 1);
	assert_int_equal(http_auth_answer(got, &a, &q), -ENOSPC);
}

static void which_is_taken(void **state)
{
	static const struct {
		const char *lines, *schemes;
		enum http_auth_kind kind;
	} t[] = {
		{"", "", HTTP_AUTH_NONE},
		{"Proxy-Authenticate: Basic realm=x\r\n", "Basic", HTTP_AUTH_BASIC},
		{"Proxy-Authenticate: Basic\r\n", "Basic", HTTP_AUTH_BASIC},
		{"proxy-authenticate: bASIC realm=x\r\n", "bASIC", HTTP_AUTH_BASIC},
		{"Proxy-Authenticate: Basic realm=x, Digest realm=x, nonce=y\r\n", "Basic, Digest",
		 HTTP_AUTH_DIGEST_MD5},
		{"Proxy-Authenticate: Digest realm=x,nonce=y,Basic realm=z\r\n", "Digest, Basic",
		 HTTP_AUTH_DIGEST_MD5},
		{"Proxy-Authenticate: Digest realm=x, nonce=y, algorithm=SHA-256, qop=auth\r\n"
		 "Proxy-Authenticate: Digest realm=x, nonce=y, algorithm=MD5, qop=auth\r\n"
		 "Proxy-Authenticate: Basic realm=x\r\n",
		 "Digest, Basic", HTTP_AUTH_DIGEST_SHA256},
		{"Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n", "Negotiate, NTLM",
		 HTTP_AUTH_NONE},
		{"Proxy-Authenticate: Negotiate, NTLM TlRMTVNTUAAC==, Basic realm=x\r\n",
		 "Negotiate, NTLM, Basic", HTTP_AUTH_BASIC},
		{"Proxy-Authenticate: ,, Basic ,realm = \"x\" ,,\r\n", "Basic", HTTP_AUTH_BASIC},
		/* Unknown parameters do no harm, unknown algorithms and auth-int alone are not
		   ours. */
		{"Proxy-Authenticate: Digest realm=x, nonce=y, userhash=true, charset=UTF-8, "
		 "a=\"b, "
		 "c=d\"\r\n",
		 "Digest", HTTP_AUTH_DIGEST_MD5},
		{"Proxy-Authenticate: Digest realm=x, nonce=y, algorithm=SHA-512-256\r\n", "Digest",
		 HTTP_AUTH_NONE},
		{"Proxy-Authenticate: Digest realm=x, nonce=y, qop=auth-int\r\n", "Digest",
		 HTTP_AUTH_NONE},
		{"Proxy-Authenticate: Digest realm=x, nonce=y, algorithm=MD5-sess\r\n", "Digest",
		 HTTP_AUTH_NONE},
		{"Proxy-Authenticate: Digest realm=x\r\n", "Digest", HTTP_AUTH_NONE},
		{"Proxy-Authenticate: Digest nonce=y\r\n", "Digest", HTTP_AUTH_NONE},
		/* Said twice; no end of the quote; no value. */
		{"Proxy-Authenticate: Digest realm=x, nonce=y, nonce=z\r\n", "Digest",
		 HTTP_AUTH_NONE},
		{"Proxy-Authenticate: Digest nonce=y, realm=\"x\r\n", "Digest", HTTP_AUTH_NONE},
		{"Proxy-Authenticate: Digest realm=x, nonce=\r\n", "Digest", HTTP_AUTH_NONE},
		{"Proxy-Authenticate: Digest realm=x, nonce=a b\r\n", "Digest", HTTP_AUTH_NONE},
		{"Proxy-Authenticate: realm=x\r\n", "", HTTP_AUTH_NONE},
		{"Proxy-Authenticate: \r\n", "", HTTP_AUTH_NONE},
		{"Proxy-Authenticate: \"Basic\"\r\n", "", HTTP_AUTH_NONE},
		{"WWW-Authenticate: Basic realm=x\r\n", "", HTTP_AUTH_NONE},
	};
	struct http_auth_offer o;

	for (size_t i = 0; i < COUNT(t); i++) {
		read_lines(&o, t[i].lines);
		if (o.best.kind != t[i].kind || strcmp(o.schemes, t[i].schemes) != 0)
			fail_msg("%s: %d, \"%s\"", t[i].lines, o.best.kind, o.schemes);
	}
	o = offer_of("Digest realm=x, nonce=y, stale=TRUE");
	assert_true(o.best.stale);
	o = offer_of("Digest realm=x, nonce=y, stale=\"false\"");
	assert_false(o.best.stale);
}

static void caps(void **state)
{
	char value[4000];
	struct http_auth_offer o;

	for (int n = HTTP_AUTH_NONCE_SIZE - 2; n < HTTP_AUTH_NONCE_SIZE + 2; n++) {
		snprintf(value, sizeof(value), "Digest realm=x, nonce=\"%0*d\"", n, 0);
		o = offer_of(value);
		assert_int_equal(o.best.kind,
				 n < HTTP_AUTH_NONCE_SIZE ? HTTP_AUTH_DIGEST_MD5 : HTTP_AUTH_NONE);
	}
	value[0] = '\0';
	for (int i = 0; i < 200; i++) /* the last one is beyond what is looked at */
		snprintf(value + strlen(value), sizeof(value) - strlen(value), "Scheme%d, ", i);
	strcat(value, "Basic");
	o = offer_of(value);
	assert_int_equal(o.best.kind, HTTP_AUTH_NONE);
	assert_true(strlen(o.schemes) < sizeof(o.schemes));
}

static void noise(void **state)
{
	static const char *const words[] = {
		"Basic", "Digest", "NTLM", " ", ",",  "=",     "\"",   "\\",	 "realm",
		"nonce", "qop",	   "auth", "x", "\t", "stale", "true", "opaque", "algorithm"};
	struct http_auth_request q = {.user = "u", .password = "p", .method = "M", .uri = "h:1"};
	uint64_t seed = 99;
	char value[600], got[HTTP_AUTH_SIZE];

	for (unsigned int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		struct http_auth_offer o;

		value[0] = '\0';
		for (uint32_t n = noise_u32(&seed) % 40; n > 0; n--)
			strcat(value, words[noise_u32(&seed) % COUNT(words)]);
		o = offer_of(value);
		if (o.best.kind != HTTP_AUTH_NONE)
			assert_int_equal(http_auth_answer(got, &o.best, &q), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_7616),	  cmocka_unit_test(rfc_2617_and_2069),
		cmocka_unit_test(rfc_7617),	  cmocka_unit_test(counts_and_random_bytes),
		cmocka_unit_test(what_is_quoted), cmocka_unit_test(long_ones),
		cmocka_unit_test(which_is_taken), cmocka_unit_test(caps),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
