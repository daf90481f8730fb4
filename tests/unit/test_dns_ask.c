/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/dns_ask.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/pure_test.h"

static const uint8_t question[] = {0x12, 0x34, 1,   0, 0,   1,	 0,   0, 0, 0, 0, 0, 3,
				   'a',	 's',  '1', 3, 'l', 'a', 'b', 0, 0, 1, 0, 1};

static void golden(void **state)
{
	uint8_t out[DNS_ASK_MAX_BYTES];
	size_t n;

	(void)state;
	assert_int_equal(dns_ask_encode(out, &n, "as1.lab", 0x1234), 0);
	assert_int_equal(n, sizeof(question));
	assert_memory_equal(out, question, n);
	assert_int_equal(dns_ask_encode(out, &n, "as1.lab.", 0x1234), 0);
	assert_memory_equal(out, question, n);
}

static void bad_names(void **state)
{
	char label[66], name[300];
	uint8_t out[DNS_ASK_MAX_BYTES];
	size_t n;

	(void)state;
	memset(label, 'a', 64);
	label[64] = '\0';
	memset(name, 0, sizeof(name));
	for (int i = 0; i < 130; i++)
		memcpy(name + 2 * i, "a.", 2);
	assert_int_equal(dns_ask_encode(out, &n, "", 1), -EINVAL);
	assert_int_equal(dns_ask_encode(out, &n, "a..b", 1), -EINVAL);
	assert_int_equal(dns_ask_encode(out, &n, ".a", 1), -EINVAL);
	assert_int_equal(dns_ask_encode(out, &n, label, 1), -EINVAL);
	assert_int_equal(dns_ask_encode(out, &n, name, 1), -EINVAL);
}

static int decode(struct dns_told *t, const uint8_t *bytes, size_t len)
{
	uint8_t *exact = exact_copy(bytes, len);
	int r = dns_ask_decode(t, exact, len, question, sizeof(question));

	free(exact);
	return r;
}

static void answers(void **state)
{
	uint8_t a[sizeof(question) + 16] = {0};
	struct dns_told t;

	(void)state;
	memcpy(a, question, sizeof(question));
	assert_int_equal(decode(&t, a, sizeof(a)), -ENOMSG); /* no answer, but a question */
	a[2] |= 0x80;
	a[3] = 3;
	assert_int_equal(decode(&t, a, sizeof(question)), 0);
	assert_int_equal(t.rcode, 3);
	a[3] = 0;
	a[7] = 2;
	a[13] = 'A'; /* other letters are the same name */
	assert_int_equal(decode(&t, a, sizeof(a)), 0);
	assert_int_equal(t.rcode, 0);
	assert_int_equal(t.answers, 2);
	for (size_t n = 0; n < sizeof(question); n++)
		assert_int_equal(decode(&t, a, n), -ENOMSG);
	a[13] = 'b';
	assert_int_equal(decode(&t, a, sizeof(a)), -ENOMSG);
	a[13] = 'a';
	a[0]++;
	assert_int_equal(decode(&t, a, sizeof(a)), -ENOMSG);
	a[0]--;
	a[sizeof(question) - 1] = 2; /* another class */
	assert_int_equal(decode(&t, a, sizeof(a)), -ENOMSG);
	a[5] = 0; /* an error without the question */
	a[3] = 5;
	assert_int_equal(decode(&t, a, 12), 0);
	assert_string_equal(dns_ask_word(t.rcode), "REFUSED");
	assert_string_equal(dns_ask_word(15), "an error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(bad_names),
		cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
