/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/url.h"

static void fields(void **state)
{
	static const struct {
		const char *in, *out, *host, *path;
		uint16_t port;
		bool is_address;
	} t[] = {
		{"https://a.example", "https://a.example", "a.example", "", 0, false},
		{"HTTPS://A.Example/", "https://a.example", "a.example", "", 0, false},
		{"https://relay:5935", "https://relay:5935", "relay", "", 5935, false},
		{"https://r1.example:443/x/y/", "https://r1.example:443/x/y", "r1.example", "/x/y",
		 443, false},
		{"https://r/%41:@!$&'()*+,;=-._~", "https://r/%41:@!$&'()*+,;=-._~", "r",
		 "/%41:@!$&'()*+,;=-._~", 0, false},
		{"https://10.0.0.1:65535", "https://10.0.0.1:65535", "10.0.0.1", "", 65535, true},
		{"https://[2001:DB8:0::1]/p", "https://[2001:db8::1]/p", "2001:db8::1", "/p", 0,
		 true},
		{"https://[::1]:1", "https://[::1]:1", "::1", "", 1, true},
		{"https://3com.example", "https://3com.example", "3com.example", "", 0, false},
	};
	char text[URL_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct url u, again;

		assert_int_equal(url_parse(&u, t[i].in), 0);
		assert_string_equal(u.host, t[i].host);
		assert_string_equal(u.path, t[i].path);
		assert_int_equal(u.port, t[i].port);
		assert_int_equal(u.is_address, t[i].is_address);
		url_format(&u, text);
		assert_string_equal(text, t[i].out);
		assert_int_equal(url_parse(&again, text), 0);
		assert_memory_equal(&u, &again, sizeof(u));
	}
}

static void refused(void **state)
{
	static const char *const bad[] = {
		"",
		"https:",
		"https://",
		"http://a",
		"ftp://a",
		"//a",
		"a",
		"https:/a",
		" https://a",
		"https://a ",
		"https://a b",
		"https://a\n",
		"https://u@a",
		"https://u:p@a",
		"https://a?q",
		"https://a/?q",
		"https://a#f",
		"https://a/x#f",
		"https://a:",
		"https://a:0",
		"https://a:65536",
		"https://a:123456",
		"https://a:080",
		"https://a:-1",
		"https://a:8x",
		"https://a:80:80",
		"https:///x",
		"https://:80",
		"https://a//",
		"https://a//b",
		"https://a/./b",
		"https://a/../b",
		"https://a/..",
		"https://a/%",
		"https://a/%4",
		"https://a/%4g",
		"https://a/b\\c",
		"https://a/\x7f",
		"https://a/\xc3\xa4",
		"https://-a",
		"https://a-",
		"https://a..b",
		"https://.a",
		"https://a.",
		"https://a_b",
		"https://a%41",
		"https://1.2.3",
		"https://256.1.1.1",
		"https://1.2.3.4.5",
		"https://01.2.3.4",
		"https://a.1",
		"https://0x7f.1",
		"https://12",
		"https://[::1",
		"https://::1",
		"https://[::1]x",
		"https://[1.2.3.4]",
		"https://[a]",
		"https://[fe80::1%eth0]",
		"https://[]",
		"https://\xc3\xa4",
		"https://a/<",
		"https://a/\"",
		"https://a/^",
	};
	struct url u = {.port = 77};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(url_parse(&u, bad[i]), -EINVAL);
	assert_int_equal(u.port, 77);
}

#define L50 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwx"

static void longest(void **state)
{
	struct url u;
	char text[2000] = "https://" L50 "." L50 "." L50 "." L50 "." L50 "";
	size_t n = strlen(text);

	(void)state;
	assert_int_equal(url_parse(&u, text), -EINVAL); /* 254 */
	text[n - 1] = '\0';
	assert_int_equal(url_parse(&u, text), 0);
	assert_int_equal(strlen(u.host), 253);
	assert_int_equal(url_parse(&u, "https://" L50 "abcdefghijklm"), 0);
	assert_int_equal(url_parse(&u, "https://" L50 "abcdefghijklmn"), -EINVAL); /* label of 64 */
	strcpy(text, "https://a/");
	memset(text + 10, 'p', 126);
	text[136] = '\0';
	assert_int_equal(url_parse(&u, text), 0);
	assert_int_equal(strlen(u.path), 127);
	strcpy(text + 136, "p");
	assert_int_equal(url_parse(&u, text), -EINVAL);
	memset(text + 8, 'a', 1900);
	assert_int_equal(url_parse(&u, text), -EINVAL);
}

static void host_header(void **state)
{
	struct url u;
	char out[32] = "untouched";

	(void)state;
	assert_int_equal(url_parse(&u, "https://a.example:443"), 0);
	assert_int_equal(url_host_header(&u, 443, out, 9), -ENOSPC);
	assert_string_equal(out, "untouched");
	assert_int_equal(url_host_header(&u, 443, out, 10), 0);
	assert_string_equal(out, "a.example");
	assert_int_equal(url_host_header(&u, 80, out, sizeof(out)), 0);
	assert_string_equal(out, "a.example:80");
	assert_int_equal(url_parse(&u, "https://[fd00::1]"), 0);
	assert_int_equal(url_host_header(&u, 443, out, sizeof(out)), 0);
	assert_string_equal(out, "[fd00::1]");
	assert_int_equal(url_host_header(&u, 5935, out, sizeof(out)), 0);
	assert_string_equal(out, "[fd00::1]:5935");
}

/* What is accepted is a fixed point of parsing and formatting. */
static void noise(void **state)
{
	static const char chars[] = "aZ09.-:/[]%@?#_ 1";
	uint64_t seed = 6;
	size_t good = 0;

	(void)state;
	for (int i = 0; i < 10 * PURE_NOISE_ROUNDS; i++) {
		char text[URL_TEXT_SIZE] = "https://";
		size_t n = 8 + noise_u32(&seed) % 12;
		struct url u, again;

		for (size_t j = 8; j < n; j++)
			text[j] = chars[noise_u32(&seed) % (sizeof(chars) - 1)];
		if (url_parse(&u, text) != 0)
			continue;
		url_format(&u, text);
		assert_int_equal(url_parse(&again, text), 0);
		assert_memory_equal(&u, &again, sizeof(u));
		good++;
	}
	assert_true(good > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),      cmocka_unit_test(refused), cmocka_unit_test(longest),
		cmocka_unit_test(host_header), cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
