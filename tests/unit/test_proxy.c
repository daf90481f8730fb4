/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "common/pure/proxy.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void urls(void **state)
{
	static const struct {
		const char *in, *out, *host, *user, *password;
		uint16_t port;
	} t[] = {
		{"http://proxy.lab:3128", "http://proxy.lab:3128", "proxy.lab", "", "", 3128},
		{"HTTP://Proxy.Lab/", "http://proxy.lab:80", "proxy.lab", "", "", 80},
		{"proxy:8080", "http://proxy:8080", "proxy", "", "", 8080},
		{"10.1.2.3", "http://10.1.2.3:80", "10.1.2.3", "", "", 80},
		{"http://[2001:DB8:0::1]:3128/", "http://[2001:db8::1]:3128", "2001:db8::1", "", "",
		 3128},
		{"http://u:p@h", "http://u:****@h:80", "h", "u", "p", 80},
		{"http://u@h:1", "http://u@h:1", "h", "u", "", 1},
		{"http://u:@h:1", "http://u@h:1", "h", "u", "", 1},
		{"http://dom%5Cjoe:%40%3a%2F%25@h:1", "http://dom%5Cjoe:****@h:1", "h", "dom\\joe",
		 "@:/%", 1},
		{"http://u:p@w@h:1", "http://u:****@h:1", "h", "u", "p@w", 1},
		{"http://u:a:b@h:1", "http://u:****@h:1", "h", "u", "a:b", 1},
		{"http://u:a/b@h:1", "http://u:****@h:1", "h", "u", "a/b", 1},
		{"http://j%c3%bcrgen:gr%C3%BCn@[::1]:3128", "http://j%C3%BCrgen:****@[::1]:3128",
		 "::1", "j\xc3\xbcrgen", "gr\xc3\xbcn", 3128},
	};
	char text[PROXY_TEXT_SIZE];
	struct proxy p;

	for (size_t i = 0; i < COUNT(t); i++) {
		memset(&p, 0xa5, sizeof(p));
		assert_null(proxy_parse(&p, t[i].in));
		assert_string_equal(p.host, t[i].host);
		assert_string_equal(p.user, t[i].user);
		assert_string_equal(p.password, t[i].password);
		assert_int_equal(p.port, t[i].port);
		proxy_format(&p, text);
		assert_string_equal(text, t[i].out);
	}
}

static void refused(void **state)
{
	static const struct {
		const char *in, *why;
	} t[] = {
		{"", "not http://"},
		{"http://", "not http://"},
		{"http://h:0", "not http://"},
		{"http://h:65536", "not http://"},
		{"http://h:1x", "not http://"},
		{"http://h/path", "not http://"},
		{"http://h ost", "not http://"},
		{"http://[::1", "not http://"},
		{"https://secret-u:secret-p@h", "TLS to the proxy"},
		{"socks5://secret-u:secret-p@h", "only HTTP proxies"},
		{"http://secret-u:secret%@h", "a % that is no %XX"},
		{"http://secret-u:secret%4@h", "a % that is no %XX"},
		{"http://secret-u:secret%zz@h", "a % that is no %XX"},
		{"http://secret-u:secret%0d%0aX@h", "control characters"},
		{"http://secret-u:secret%00@h", "control characters"},
		{"http://secret%3au:secret@h", "a colon in it"},
		{"http://:secret@h", "without a user name"},
		{"http://@h", "without a user name"},
	};
	struct proxy p = {.port = 7};

	for (size_t i = 0; i < COUNT(t); i++) {
		const char *why = proxy_parse(&p, t[i].in);

		assert_non_null(why);
		if (!strstr(why, t[i].why))
			fail_msg("%s: %s", t[i].in, why);
		assert_null(strstr(why, "secret"));
		assert_int_equal(p.port, 7);
	}
}

static void lengths(void **state)
{
	char text[1000], out[PROXY_TEXT_SIZE];
	struct proxy p;

	for (size_t n = PROXY_LOGIN_SIZE - 2; n < PROXY_LOGIN_SIZE + 2; n++) {
		snprintf(text, sizeof(text), "http://%0*d:%0*d@h", (int)n, 0, (int)n, 0);
		assert_int_equal(proxy_parse(&p, text) == NULL, n < PROXY_LOGIN_SIZE);
	}
	memset(&p, 0xfe, sizeof(p)); /* the longest that can be printed */
	p.user[PROXY_LOGIN_SIZE - 1] = p.password[PROXY_LOGIN_SIZE - 1] = '\0';
	p.host[URL_HOST_SIZE - 1] = '\0';
	proxy_format(&p, out);
	assert_true(strlen(out) < sizeof(out));
	proxy_wipe(&p);
	assert_string_equal(p.password, "");
}

static void hosts_and_ports(void **state)
{
	char text[PROXY_HOST_PORT_SIZE];

	proxy_host_port("as1.lab", 443, text);
	assert_string_equal(text, "as1.lab:443");
	proxy_host_port("2001:db8::1", 65535, text);
	assert_string_equal(text, "[2001:db8::1]:65535");
}

static void exceptions(void **state)
{
	static const struct {
		const char *list, *host;
		uint16_t port;
		bool direct;
	} t[] = {
		{"", "as1.lab", 443, false},
		{"lab", "as1.lab", 443, true},
		{".lab", "as1.lab", 443, true},
		{"*.lab", "as1.lab", 443, true},
		{".lab.", "as1.lab", 443, true},
		{"LAB", "as1.lab", 443, true},
		{"as1.lab", "as1.lab", 443, true},
		{"s1.lab", "as1.lab", 443, false}, /* not in the middle of a label */
		{"ab", "as1.lab", 443, false},
		{"as1", "as1.lab", 443, false},
		{"x.as1.lab", "as1.lab", 443, false},
		{"a.example,  b.example\tlab", "as1.lab", 443, true},
		{"*", "as1.lab", 443, true},
		{"*", "10.0.0.1", 443, true},
		{"lab:443", "as1.lab", 443, true},
		{"lab:443", "as1.lab", 80, false},
		{"lab:80, lab:5935", "as1.lab", 5935, true},
		{"*:80", "as1.lab", 80, true},
		{"*:80", "as1.lab", 443, false},
		{"10.0.0.1", "10.0.0.1", 443, true},
		{"10.0.0.1", "10.0.0.11", 443, false},
		{"10.0.0.0/8", "10.255.0.1", 443, true},
		{"10.0.0.0/8", "11.0.0.1", 443, false},
		{"10.1.2.3/8", "10.9.9.9", 443, true},
		{"10.1.2.3/8", "11.1.2.3", 443, false},
		{"[fd00::1/8]:443", "fd01::", 443, true},
		{"10.0.0.0/8:80", "10.1.1.1", 443, false},
		{"10.0.0.0/8:80", "10.1.1.1", 80, true},
		{"0.0.1", "10.0.0.1", 443, false}, /* a name, as it is no address */
		{"10.0.0.0/8", "10.lab", 443, false},
		{"2001:db8::/32", "2001:db8::5", 443, true},
		{"2001:db8::/32", "2001:db9::5", 443, false},
		{"::1", "::1", 443, true},
		{"[::1]", "::1", 443, true},
		{"[::1]:443", "::1", 443, true},
		{"[::1]:443", "::1", 80, false},
		{"fd00::1:80", "fd00::1:80", 443, true},
	};
	struct proxy_except e;

	for (size_t i = 0; i < COUNT(t); i++) {
		assert_null(proxy_except_parse(&e, t[i].list));
		if (proxy_excepts(&e, t[i].host, t[i].port) != t[i].direct)
			fail_msg("%s: %s:%u", t[i].list, t[i].host, t[i].port);
	}
}

static void exceptions_are_written(void **state)
{
	char text[200], small[12];
	struct proxy_except e, again;

	assert_null(proxy_except_parse(&e, ".Lab:80 10.0.0.0/8,[::1]:443  fd00::/8 *"));
	proxy_except_format(&e, text, sizeof(text));
	assert_string_equal(text, "lab:80, 10.0.0.0/8, [::1/128]:443, fd00::/8, *");
	assert_null(proxy_except_parse(&again, text));
	assert_int_equal(again.n, e.n);
	for (size_t i = 0; i < e.n; i++)
		assert_memory_equal(&e.at[i], &again.at[i], sizeof(e.at[i]));
	proxy_except_format(&e, small, sizeof(small));
	assert_string_equal(small, "lab:80, 10.");
}

static void odd_exceptions_are_left_out(void **state)
{
	static const char *const odd[] = {"10.0.0.1/33", "a/b",	  "lab:", "lab:0", "lab:99999",
					  "lab:x",	 "a b@c", "[::1", ".",	   "*x*"};
	char many[2000] = "", text[100];
	struct proxy_except e;

	for (size_t i = 0; i < COUNT(odd); i++) {
		snprintf(text, sizeof(text), "first.lab, %s, last.lab", odd[i]);
		assert_non_null(proxy_except_parse(&e, text));
		assert_true(proxy_excepts(&e, "first.lab", 1));
		assert_true(proxy_excepts(&e, "last.lab", 1));
		assert_false(proxy_excepts(&e, "as1.example", 80));
	}
	for (int i = 0; i < PROXY_EXCEPT_MAX + 1; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many), "h%d ", i);
	assert_non_null(strstr(proxy_except_parse(&e, many), "one too many"));
	assert_int_equal(e.n, PROXY_EXCEPT_MAX);
}

static void noise(void **state)
{
	static const char alphabet[] = "http://ab:%@[]:0123456789.,*/ \t-_";
	uint64_t seed = 4711;
	char text[60], out[300];
	struct proxy_except e;
	struct proxy p;

	for (unsigned int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		size_t n = noise_u32(&seed) % sizeof(text);

		for (size_t j = 0; j < n; j++)
			text[j] = alphabet[noise_u32(&seed) % (sizeof(alphabet) - 1)];
		text[n < sizeof(text) ? n : n - 1] = '\0';
		if (!proxy_parse(&p, text))
			assert_true(p.host[0] && p.port > 0);
		(void)!proxy_except_parse(&e, text);
		proxy_except_format(&e, out, sizeof(out));
		(void)proxy_excepts(&e, "a.b", 443);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls),
		cmocka_unit_test(refused),
		cmocka_unit_test(lengths),
		cmocka_unit_test(hosts_and_ports),
		cmocka_unit_test(exceptions),
		cmocka_unit_test(exceptions_are_written),
		cmocka_unit_test(odd_exceptions_are_left_out),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
