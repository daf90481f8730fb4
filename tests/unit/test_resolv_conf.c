/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "vpnd/pure/resolv_conf.h"

#define MAX 3

/* @want: the addresses with spaces between them. */
static void servers(const char *text, const char *want)
{
	struct addr found[MAX];
	char all[MAX * ADDR_TEXT_SIZE] = "", one[ADDR_TEXT_SIZE];
	size_t len = strlen(text);
	char *copy = (char *)exact_copy((const uint8_t *)text, len);
	size_t n = resolv_conf_servers(found, MAX, copy, len);

	for (size_t i = 0; i < n; i++) {
		addr_format(&found[i], one);
		strcat(all, i ? " " : "");
		strcat(all, one);
	}
	assert_string_equal(all, want);
	free(copy);
}

static void name_servers(void **state)
{
	(void)state;
	servers("", "");
	servers("nameserver 192.0.2.1\n", "192.0.2.1");
	servers("nameserver 192.0.2.1", "192.0.2.1");
	servers("# a comment\nsearch lab\nnameserver\t2001:db8::1  \r\noptions ndots:2\n"
		"nameserver   192.0.2.1 # near\n",
		"2001:db8::1 192.0.2.1");
	servers("nameserver 127.0.0.53\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n"
		"nameserver 10.0.0.3\n",
		"127.0.0.53 10.0.0.1 10.0.0.2");
}

static void what_is_none(void **state)
{
	(void)state;
	servers(" nameserver 192.0.2.1\n#nameserver 192.0.2.1\n;nameserver 192.0.2.1\n", "");
	servers("nameserver\nnameserver \nnameserver192.0.2.1\nnameservers 192.0.2.1\n", "");
	servers("nameserver fe80::1%eth0\nnameserver one.example\nnameserver 192.0.2\n", "");
	servers("nameserver 192.0.2.1111111111111111111111111111111111111111111111111111\n", "");
	servers("nameserver", "");
	servers("\n\n\n", "");
}

static void noise(void **state)
{
	static const char words[][12] = {"nameserver", " ", "\n", "10.0.0.1", "fd00::1", "\t", "#"};
	uint64_t seed = 6;

	(void)state;
	for (int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		struct addr found[MAX];
		char text[128] = "";
		char *copy;
		size_t len;

		for (int w = 0; w < 8; w++)
			strcat(text, words[noise_u32(&seed) % 7]);
		len = strlen(text);
		copy = (char *)exact_copy((const uint8_t *)text, len);
		assert_in_range(resolv_conf_servers(found, MAX, copy, len), 0, MAX);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_servers),
		cmocka_unit_test(what_is_none),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
