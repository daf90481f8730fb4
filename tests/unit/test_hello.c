/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/hello.h"

#include <stdio.h>

#include "common/pure/bytes.h"
#include "tests/unit/pure_test.h"

/* A ClientHello with one extension before server_name, which has an entry of another type first. */
static size_t make(uint8_t *out, size_t size, const char *host, uint8_t kind)
{
	size_t n = strlen(host), list = 3 + n + 3 + 2, extensions = 4 + 1 + 4 + 2 + list;
	size_t body = 2 + 32 + 1 + 2 + 2 + 1 + 1 + 2 + extensions;
	uint8_t random[32] = {7};
	struct wr w = wr_init(out, size);

	wr_u8(&w, 22);
	wr_u16(&w, 0x0301);
	wr_u16(&w, (uint16_t)(4 + body));
	wr_u8(&w, 1);
	wr_u24(&w, (uint32_t)body);
	wr_u16(&w, 0x0303);
	wr_bytes(&w, random, sizeof(random));
	wr_u8(&w, 0);
	wr_u16(&w, 2);
	wr_u16(&w, 0x1301);
	wr_u8(&w, 1);
	wr_u8(&w, 0);
	wr_u16(&w, (uint16_t)extensions);
	wr_u16(&w, 23);
	wr_u16(&w, 1);
	wr_u8(&w, 0);
	wr_u16(&w, 0);
	wr_u16(&w, (uint16_t)(2 + list));
	wr_u16(&w, (uint16_t)list);
	wr_u8(&w, 9);
	wr_u16(&w, 2);
	wr_bytes(&w, "xx", 2);
	wr_u8(&w, kind);
	wr_u16(&w, (uint16_t)n);
	wr_bytes(&w, host, n);
	assert_true(wr_ok(&w));
	return w.used;
}

static int name_in(const uint8_t *bytes, size_t n, char name[HELLO_NAME_SIZE])
{
	uint8_t *exact = exact_copy(bytes, n);
	int r = hello_server_name(exact, n, name);

	free(exact);
	return r;
}

static void finds_the_name(void **state)
{
	char name[HELLO_NAME_SIZE];
	uint8_t hello[512];
	size_t n = make(hello, sizeof(hello), "ca-697b0e8e218dd4d0", 0);

	(void)state;
	assert_int_equal(name_in(hello, n, name), 0);
	assert_string_equal(name, "ca-697b0e8e218dd4d0");
	memset(hello + n, 0xee, 20); /* what comes behind it is not its affair */
	assert_int_equal(name_in(hello, n + 20, name), 0);
}

static void waits_for_the_whole_record(void **state)
{
	char name[HELLO_NAME_SIZE];
	uint8_t hello[512];
	size_t n = make(hello, sizeof(hello), "ca-697b0e8e218dd4d0", 0);

	(void)state;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(name_in(hello, i, name), -EAGAIN);
}

static void takes_only_names(void **state)
{
	char name[HELLO_NAME_SIZE], longest[HELLO_NAME_SIZE], longer[HELLO_NAME_SIZE + 1];
	uint8_t hello[512];
	size_t n;

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	n = make(hello, sizeof(hello), longest, 0);
	assert_int_equal(name_in(hello, n, name), 0);
	assert_string_equal(name, longest);
	n = make(hello, sizeof(hello), longer, 0);
	assert_int_equal(name_in(hello, n, name), -ENOENT);
	n = make(hello, sizeof(hello), "", 0);
	assert_int_equal(name_in(hello, n, name), -ENOENT);
	n = make(hello, sizeof(hello), "a b", 0);
	assert_int_equal(name_in(hello, n, name), -ENOENT);
	n = make(hello, sizeof(hello), "\xc3\xa9", 0);
	assert_int_equal(name_in(hello, n, name), -ENOENT);
	n = make(hello, sizeof(hello), "host", 1);
	assert_int_equal(name_in(hello, n, name), -ENOENT);
}

/* Each byte of it changed: never more than what is there is read, and nothing else is made of it.
 */
static void survives_noise(void **state)
{
	uint64_t noise = 1;
	uint8_t hello[512], bent[512];
	char name[HELLO_NAME_SIZE];
	size_t n = make(hello, sizeof(hello), "ca-697b0e8e218dd4d0", 0);

	(void)state;
	for (int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		int r;

		memcpy(bent, hello, n);
		bent[noise_u32(&noise) % n] = (uint8_t)noise_u32(&noise);
		r = name_in(bent, n, name);
		assert_true(r == 0 || r == -EAGAIN || r == -ENOENT);
		if (r == 0)
			assert_true(strnlen(name, sizeof(name)) < sizeof(name));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_name),
		cmocka_unit_test(waits_for_the_whole_record),
		cmocka_unit_test(takes_only_names),
		cmocka_unit_test(survives_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
