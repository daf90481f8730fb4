/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose connection it is: the PROXY protocol and X-Forwarded-For. */
#include "common/pure/proxyproto.h"

#include <errno.h>
#include <stdio.h>

#include "common/pure/forwarded.h"
#include "tests/unit/pure_test.h"

static int decode(struct proxyproto *p, const void *bytes, size_t n, size_t *used)
{
	uint8_t *exact = exact_copy(bytes, n);
	int r = proxyproto_decode(p, exact, n, used);

	free(exact);
	return r;
}

static void assert_client(const struct proxyproto *p, const char *addr, uint16_t port)
{
	char text[ADDR_TEXT_SIZE];

	addr_format(&p->client, text);
	assert_string_equal(text, addr);
	assert_int_equal(p->port, port);
}

static void version_1(void **state)
{
	static const struct {
		const char *line, *addr;
		uint16_t port;
	} cases[] = {
		{"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n", "192.0.2.7", 4711},
		{"PROXY TCP6 2001:db8::7 2001:db8::1 65535 443\r\n", "2001:db8::7", 65535},
		{"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 443\r\n", "192.0.2.7", 1},
		{"PROXY UNKNOWN\r\n", "none", 0},
		{"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "none", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = strlen(cases[i].line), used = 0;
		char bytes[200];
		struct proxyproto p;

		for (size_t k = 0; k < n; k++)
			assert_int_equal(decode(&p, cases[i].line, k, &used), -EAGAIN);
		snprintf(bytes, sizeof(bytes), "%sGET /", cases[i].line);
		assert_int_equal(decode(&p, bytes, strlen(bytes), &used), 0);
		assert_int_equal(used, n);
		assert_client(&p, cases[i].addr, cases[i].port);
	}
}

static void bad_version_1(void **state)
{
	static const char *const lines[] = {
		"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443 1\r\n",
		"PROXY TCP4  192.0.2.7 198.51.100.1 4711 443\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 04711 443\r\n",
		"PROXY TCP4 2001:db8::7 198.51.100.1 4711 443\r\n",
		"PROXY TCP6 192.0.2.7 192.0.2.8 4711 443\r\n",
		"PROXY UDP4 192.0.2.7 198.51.100.1 4711 443\r\n",
		"PROXY \r\n",
		"PROXY UNKNOWN "
		"0123456789012345678901234567890123456789012345678901234567890123456789"
		"01234567890123456789012345678901234567890123456789\r\n",
	};
	struct proxyproto p;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(decode(&p, lines[i], strlen(lines[i]), &used), -EBADMSG);
}

static const uint8_t
	v2_four[] = {'\r', '\n', '\r', '\n', 0,	 '\r', '\n', 'Q', 'U', 'I', 'T',
		     '\n', 0x21, 0x11, 0,    15, 192,  0,    2,	  7,   198, 51,
		     100,  1,	 0x12, 0x67, 1,	 0xbb, 4,    0,	  0 /* a TLV without a value */};

static void version_2(void **state)
{
	struct proxyproto p;
	uint8_t bytes[sizeof(v2_four)];
	size_t used = 0;

	(void)state;
	for (size_t k = 0; k < sizeof(v2_four); k++)
		assert_int_equal(decode(&p, v2_four, k, &used), -EAGAIN);
	assert_int_equal(decode(&p, v2_four, sizeof(v2_four), &used), 0);
	assert_int_equal(used, sizeof(v2_four));
	assert_client(&p, "192.0.2.7", 4711);

	memcpy(bytes, v2_four, sizeof(bytes));
	bytes[12] = 0x20; /* LOCAL: addresses do not count */
	assert_int_equal(decode(&p, bytes, sizeof(bytes), &used), 0);
	assert_client(&p, "none", 0);
	bytes[12] = 0x22;
	assert_int_equal(decode(&p, bytes, sizeof(bytes), &used), -EBADMSG);
	bytes[12] = 0x11;
	assert_int_equal(decode(&p, bytes, sizeof(bytes), &used), -EBADMSG);
	bytes[12] = 0x21;
	bytes[13] = 0x21; /* 36 bytes of addresses in 15 */
	assert_int_equal(decode(&p, bytes, sizeof(bytes), &used), -EBADMSG);
	bytes[13] = 0x12; /* UDP */
	assert_int_equal(decode(&p, bytes, sizeof(bytes), &used), 0);
	assert_client(&p, "none", 0);
	bytes[14] = 0x10; /* longer than is taken: not waited for */
	assert_int_equal(decode(&p, bytes, sizeof(bytes), &used), -EBADMSG);
}

static void without(void **state)
{
	static const char *const begins[] = {"\x16\x03\x01", "GET / HTTP/1.1\r\n", "POST", "PU",
					     "\r\n\r\nX"};
	struct proxyproto p;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		assert_int_equal(decode(&p, begins[i], strlen(begins[i]), &used), -ENOENT);
	assert_int_equal(decode(&p, "P", 1, &used), -EAGAIN);
	assert_int_equal(proxyproto_decode(&p, (const uint8_t *)"", 0, &used), -EAGAIN);
}

static void round_trip(void **state)
{
	static const char *const addrs[] = {"192.0.2.7", "2001:db8::7", NULL};
	uint8_t bytes[PROXYPROTO_ENCODED_BYTES];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct addr a = {.family = 0};
		struct proxyproto p;
		size_t n, used;

		if (addrs[i])
			assert_int_equal(addr_parse(&a, addrs[i]), 0);
		n = proxyproto_encode(bytes, &a, 4711);
		assert_true(n <= sizeof(bytes));
		assert_int_equal(decode(&p, bytes, n, &used), 0);
		assert_int_equal(used, n);
		assert_client(&p, addrs[i] ? addrs[i] : "none", addrs[i] ? 4711 : 0);
	}
}

/* X-Forwarded-For */

static void client_is(const char *headers, const char *want, uint16_t want_port)
{
	struct prefix trusted[2];
	struct http_head head;
	char text[2000], got[ADDR_TEXT_SIZE] = "-";
	struct addr a;
	uint16_t port = 0;
	size_t used;

	assert_int_equal(prefix_parse(&trusted[0], "10.0.0.0/8"), 0);
	assert_int_equal(prefix_parse(&trusted[1], "fd00::/8"), 0);
	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", headers);
	assert_int_equal(http_head_decode((const uint8_t *)text, strlen(text), &head, &used), 0);
	if (forwarded_client(&head, trusted, 2, &a, &port))
		addr_format(&a, got);
	assert_string_equal(got, want);
	if (want[0] != '-')
		assert_int_equal(port, want_port);
}

static void forwarded(void **state)
{
	(void)state;
	client_is("", "-", 0);
	client_is("X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7", 0);
	client_is("x-forwarded-for: 192.0.2.7:4711\r\n", "192.0.2.7", 4711);
	client_is("X-Forwarded-For: [2001:db8::7]:4711\r\n", "2001:db8::7", 4711);
	client_is("X-Forwarded-For: [2001:db8::7]\r\n", "2001:db8::7", 0);
	client_is("X-Forwarded-For: 2001:db8::7\r\n", "2001:db8::7", 0);
	client_is("X-Forwarded-For: ::ffff:192.0.2.7\r\n", "192.0.2.7", 0);
	/* What the client wrote stands in front. */
	client_is("X-Forwarded-For: 198.51.100.1, 192.0.2.7\r\n", "192.0.2.7", 0);
	client_is("X-Forwarded-For: 198.51.100.1,192.0.2.7 , 10.1.2.3,fd00::1\r\n", "192.0.2.7", 0);
	client_is("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7",
		  0);
	/* A client in the proxies' own networks. */
	client_is("X-Forwarded-For: 10.9.9.9, 10.1.2.3\r\n", "10.9.9.9", 0);
	/* What is no address is not looked behind. */
	client_is("X-Forwarded-For: 192.0.2.7, unknown\r\n", "-", 0);
	client_is("X-Forwarded-For: 192.0.2.7, , 10.1.2.3\r\n", "10.1.2.3", 0);
	client_is("X-Forwarded-For: \r\n", "-", 0);
	client_is("X-Forwarded-For: 192.0.2.7:0\r\n", "-", 0);
	client_is("X-Forwarded-For: 192.0.2.7:65536\r\n", "-", 0);
	client_is("X-Forwarded-For: [192.0.2.7]\r\n", "-", 0);
	client_is("X-Forwarded-For: [2001:db8::7\r\n", "-", 0);
	client_is("X-Forwarded-For: [2001:db8::7]x\r\n", "-", 0);
	client_is("Forwarded: for=192.0.2.7\r\n", "-", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1),  cmocka_unit_test(bad_version_1),
		cmocka_unit_test(version_2),  cmocka_unit_test(without),
		cmocka_unit_test(round_trip), cmocka_unit_test(forwarded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
