/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One-time passwords: the vectors of the RFCs; what counts when, and once. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "accessd/pure/totp.h"

/* RFC 6238 Appendix B: the ASCII digits over and over, as long as the hash. */
static const char DIGITS[] = "1234567890123456789012345678901234567890123456789012345678901234";

static const uint8_t *secret(void)
{
	return (const uint8_t *)DIGITS;
}

static void hotp_vectors(void **state)
{
	/* RFC 4226 Appendix D. */
	static const char *const want[] = {"755224", "287082", "359152", "969429", "338314",
					   "254676", "287922", "162583", "399871", "520489"};
	char out[16];

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(totp_hotp(TOTP_SHA1, secret(), 20, i, 6, out), 0);
		assert_string_equal(out, want[i]);
	}
	/* The whole number of the first: 1284755224. */
	assert_int_equal(totp_hotp(TOTP_SHA1, secret(), 20, 0, 9, out), 0);
	assert_string_equal(out, "284755224");
	assert_int_equal(totp_hotp(TOTP_SHA1, secret(), 20, 0, 0, out), -EINVAL);
	assert_int_equal(totp_hotp(TOTP_SHA1, secret(), 20, 0, 10, out), -EINVAL);
}

static void totp_vectors(void **state)
{
	/* RFC 6238 Appendix B. */
	static const struct {
		int64_t time;
		const char *sha1, *sha256, *sha512;
	} want[] = {
		{59, "94287082", "46119246", "90693936"},
		{1111111109, "07081804", "68084774", "25091201"},
		{1111111111, "14050471", "67062674", "99943326"},
		{1234567890, "89005924", "91819424", "93441116"},
		{2000000000, "69279037", "90698825", "38618901"},
		{20000000000, "65353130", "77737706", "47863826"},
	};
	char out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		uint64_t step = totp_step(want[i].time);

		assert_int_equal(totp_hotp(TOTP_SHA1, secret(), 20, step, 8, out), 0);
		assert_string_equal(out, want[i].sha1);
		assert_int_equal(totp_hotp(TOTP_SHA256, secret(), 32, step, 8, out), 0);
		assert_string_equal(out, want[i].sha256);
		assert_int_equal(totp_hotp(TOTP_SHA512, secret(), 64, step, 8, out), 0);
		assert_string_equal(out, want[i].sha512);
	}
	assert_int_equal(totp_step(-5), 0);
}

static void a_code_counts_for_three_steps(void **state)
{
	char code[TOTP_CODE_SIZE];
	uint64_t step = 0;

	(void)state;
	assert_int_equal(totp_hotp(TOTP_SHA1, secret(), 20, 1000, 6, code), 0);
	for (int64_t now = 998 * 30; now < 1003 * 30; now += 10) {
		bool counts = now >= 999 * 30 && now < 1002 * 30;

		assert_int_equal(totp_check(secret(), code, now, 0, &step), counts ? 0 : -EACCES);
		if (counts)
			assert_int_equal(step, 1000);
	}
}

static void a_code_counts_once(void **state)
{
	char code[TOTP_CODE_SIZE], older[TOTP_CODE_SIZE];
	uint64_t step = 0;

	(void)state;
	assert_int_equal(totp_hotp(TOTP_SHA1, secret(), 20, 1000, 6, code), 0);
	assert_int_equal(totp_hotp(TOTP_SHA1, secret(), 20, 999, 6, older), 0);
	assert_int_equal(totp_check(secret(), code, 30000, 999, &step), 0);
	assert_int_equal(totp_check(secret(), code, 30000, 1000, &step), -EALREADY);
	/* Nor one from before a code that was used. */
	assert_int_equal(totp_check(secret(), older, 30000, 1000, &step), -EALREADY);
	/* The clock has jumped back: what was used stays used. */
	assert_int_equal(totp_check(secret(), older, 29970, 1000, &step), -EALREADY);
}

static void what_is_no_code(void **state)
{
	static const char *const bad[] = {"",	    "1",       "75522",	  "7552240", "75522a",
					  "-55224", " 755224", "755224 ", "+75522",  "٧٥٥٢٢٤",
					  "0x1234", "%s%s%s",  "755 224"};
	uint64_t step;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(totp_check(secret(), bad[i], 0, 0, &step), -EACCES);
}

static void base32_vectors(void **state)
{
	/* RFC 4648 section 10, without the padding. */
	static const char *const want[][2] = {{"", ""},
					      {"f", "MY"},
					      {"fo", "MZXQ"},
					      {"foo", "MZXW6"},
					      {"foob", "MZXW6YQ"},
					      {"fooba", "MZXW6YTB"},
					      {"foobar", "MZXW6YTBOI"}};
	char out[64];

	(void)state;
	for (size_t i = 0; i < 7; i++) {
		size_t n = strlen(want[i][0]);

		assert_int_equal(
			totp_base32(out, TOTP_BASE32_SIZE(n), (const uint8_t *)want[i][0], n), 0);
		assert_string_equal(out, want[i][1]);
		assert_int_equal(
			totp_base32(out, TOTP_BASE32_SIZE(n) - 1, (const uint8_t *)want[i][0], n),
			-ENOSPC);
	}
}

static void uri(void **state)
{
	char out[TOTP_URI_SIZE];

	(void)state;
	assert_int_equal(totp_uri(out, "lab.example", "anna", secret()), 0);
	assert_string_equal(out, "otpauth://totp/lab.example:anna?secret="
				 "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=lab.example&algorithm="
				 "SHA1&digits=6&period=30");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hotp_vectors),
		cmocka_unit_test(totp_vectors),
		cmocka_unit_test(a_code_counts_for_three_steps),
		cmocka_unit_test(a_code_counts_once),
		cmocka_unit_test(what_is_no_code),
		cmocka_unit_test(base32_vectors),
		cmocka_unit_test(uri),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
