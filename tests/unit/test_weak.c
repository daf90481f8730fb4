/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which passwords are refused, and which are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "accessd/pure/weak_internal.h"

static const struct weak_context HERE = {
	.user = "anna.meier", .domain = "press-works.example", .min_bytes = 10};

static void weak_ones(void **state)
{
	static const struct {
		const char *password;
		enum weak why;
	} want[] = {
		{"", WEAK_SHORT},
		{"f7$kQ!", WEAK_SHORT},
		{"Password123", WEAK_COMMON},
		{"p4ssw0rd!!!!", WEAK_COMMON},
		{"P@$$w0rd2026", WEAK_COMMON},
		{"!!!changeme!!!", WEAK_COMMON},
		{"1234welcome1234", WEAK_COMMON},
		{"summer2026!", WEAK_COMMON},
		{"WinterSommer", WEAK_COMMON},
		{"admin-password", WEAK_COMMON},
		{"letmein.letmein", WEAK_COMMON},
		{"Administrator1", WEAK_COMMON},
		{"anna.meier", WEAK_NAME},
		{"Meier20261201", WEAK_NAME},
		{"anna-anna-1999", WEAK_NAME},
		{"PressWorks123", WEAK_NAME},
		{"works.works.9", WEAK_NAME},
		{"example-2026", WEAK_NAME},
		{"1234567890", WEAK_KEYS},
		{"0987654321", WEAK_KEYS},
		{"qwertzuiop", WEAK_COMMON},
		{"asdfghjkl1", WEAK_COMMON},
		{"1qaz2wsx3edc", WEAK_KEYS},
		{"abcdefghijkl", WEAK_KEYS},
		{"qwertzuiop12", WEAK_KEYS},
		{"aaaaaaaaaaaa", WEAK_REPEATED},
		{"x7x7x7x7x7x7", WEAK_REPEATED},
		{"geh!geh!geh!", WEAK_REPEATED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		enum weak w = weak_check(want[i].password, &HERE);

		if (w != want[i].why &&
		    !(w != WEAK_NOT && want[i].why != WEAK_NOT && w != WEAK_SHORT))
			fail_msg("%s: %s", want[i].password, weak_words(w));
	}
}

static void good_ones(void **state)
{
	static const char *const good[] = {
		"correct horse battery staple",
		"Tr0ub4dor&3xyz",
		"vier Pressen im Keller",
		"annas Wagen steht im Hof",
		"k8Fq2mZp1w",
		"schraube-mutter-feder",
		"\xc3\xa4\xc3\xb6\xc3\xbc \xc3\x9f k\xc3\xa4se brot",
		"%s%n%s%n%x%x",
		"' OR 1=1; --",
		"0xdeadbeef77",
	};
	char longest[WEAK_MAX_BYTES + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		enum weak w = weak_check(good[i], &HERE);

		if (w != WEAK_NOT)
			fail_msg("%s: %s", good[i], weak_words(w));
	}
	memset(longest, 'a', sizeof(longest));
	longest[WEAK_MAX_BYTES] = '\0';
	assert_int_equal(weak_check(longest, &HERE), WEAK_REPEATED);
	longest[WEAK_MAX_BYTES] = 'a';
	longest[WEAK_MAX_BYTES + 1] = '\0';
	assert_int_equal(weak_check(longest, &HERE), WEAK_NOT);
}

static void the_list_is_in_order(void **state)
{
	char plain[64];

	(void)state;
	assert_true(WEAK_LIST_N >= 300);
	for (size_t i = 0; i < WEAK_LIST_N; i++) {
		if (i > 0 && strcmp(WEAK_LIST[i - 1], WEAK_LIST[i]) >= 0)
			fail_msg("%s", WEAK_LIST[i]);
		weak_plain(WEAK_LIST[i], plain);
		assert_string_equal(plain, WEAK_LIST[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weak_ones),
		cmocka_unit_test(good_ones),
		cmocka_unit_test(the_list_is_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
