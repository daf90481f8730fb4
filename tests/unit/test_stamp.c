/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/stamp.h"

#include "tests/unit/pure_test.h"

/* RFC 8032, section 7.1, test 1. */
static const uint8_t SECRET[SIGNATURE_SECRET_BYTES] = {
	0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92,
	0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b,
	0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60, 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a,
	0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3,
	0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
};
#define PUBLIC (SECRET + 32)
#define WHEN_MS INT64_C(1796000000123)

static void rfc8032(void **state)
{
	static const uint8_t begins[] = {0xe5, 0x56, 0x43, 0x00};
	uint8_t sig[SIGNATURE_BYTES];

	(void)state;
	assert_int_equal(signature_make(sig, SECRET, "", 0), 0);
	assert_memory_equal(sig, begins, sizeof(begins));
	assert_int_equal(signature_check(sig, PUBLIC, "", 0), 0);
	assert_int_equal(signature_check(sig, PUBLIC, "x", 1), -EKEYREJECTED);
}

static void each_part_counts(void **state)
{
	uint8_t nonce[STAMP_NONCE_BYTES] = {1, 2, 3}, sig[SIGNATURE_BYTES], other[32];

	(void)state;
	assert_int_equal(stamp_sign(sig, SECRET, "lab", nonce, WHEN_MS), 0);
	assert_int_equal(stamp_check(sig, PUBLIC, "lab", nonce, WHEN_MS), 0);
	assert_int_equal(stamp_check(sig, PUBLIC, "lab", nonce, WHEN_MS + 1), -EKEYREJECTED);
	assert_int_equal(stamp_check(sig, PUBLIC, "lab2", nonce, WHEN_MS), -EKEYREJECTED);
	nonce[31] = 1;
	assert_int_equal(stamp_check(sig, PUBLIC, "lab", nonce, WHEN_MS), -EKEYREJECTED);
	nonce[31] = 0;
	memcpy(other, PUBLIC, sizeof(other));
	other[0] ^= 1;
	assert_int_equal(stamp_check(sig, other, "lab", nonce, WHEN_MS), -EKEYREJECTED);
	sig[0] ^= 1;
	assert_int_equal(stamp_check(sig, PUBLIC, "lab", nonce, WHEN_MS), -EKEYREJECTED);
}

/* As docs/PROTOCOL.md has it, byte for byte. */
static void golden(void **state)
{
	static const char key_begins[] = "farlan-token-key/1\0lab";
	static const uint8_t time_text[] = "farlan-time/1\0lab\0"
					   "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"
					   "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"
					   "\0\0\1\xa2\x29\xea\x0c\x7b";
	uint8_t text[STAMP_KEY_TEXT_MAX_BYTES], nonce[STAMP_NONCE_BYTES], sig[SIGNATURE_BYTES];
	size_t n = stamp_key_text(text, "lab", PUBLIC);

	(void)state;
	assert_int_equal(n, sizeof(key_begins) + 32);
	assert_memory_equal(text, key_begins, sizeof(key_begins));
	assert_memory_equal(text + sizeof(key_begins), PUBLIC, 32);
	memset(nonce, 1, sizeof(nonce));
	assert_int_equal(stamp_sign(sig, SECRET, "lab", nonce, 0x1a229ea0c7b), 0);
	assert_int_equal(signature_check(sig, PUBLIC, time_text, sizeof(time_text) - 1), 0);
}

/* The longest name fits; what is longer is no domain. */
static void names_of_any_length(void **state)
{
	char domain[IDENT_DOMAIN_SIZE + 1];
	uint8_t nonce[STAMP_NONCE_BYTES] = {0}, sig[SIGNATURE_BYTES];
	uint8_t text[STAMP_KEY_TEXT_MAX_BYTES];

	(void)state;
	memset(domain, 'd', sizeof(domain));
	domain[IDENT_DOMAIN_SIZE - 1] = '\0';
	assert_int_equal(stamp_sign(sig, SECRET, domain, nonce, 1), 0);
	assert_int_equal(stamp_check(sig, PUBLIC, domain, nonce, 1), 0);
	assert_int_equal(stamp_key_text(text, domain, PUBLIC), 19 + IDENT_DOMAIN_SIZE + 32);
	domain[IDENT_DOMAIN_SIZE - 1] = 'd';
	domain[IDENT_DOMAIN_SIZE] = '\0';
	assert_int_equal(stamp_sign(sig, SECRET, domain, nonce, 1), -EIO);
	assert_int_equal(stamp_check(sig, PUBLIC, domain, nonce, 1), -EKEYREJECTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc8032),
		cmocka_unit_test(each_part_counts),
		cmocka_unit_test(golden),
		cmocka_unit_test(names_of_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
