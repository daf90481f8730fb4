/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/paseto.h"
#include "common/pure/text.h"

/* The official vectors of PASETO version 4 (v4.json of the specification's test vectors). */
#define PUBLIC_HEX "1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2"
#define SECRET_HEX "b4cbfb43df4ce210727d953e4a713307fa19bb7d9f85041438d9e11b942a3774" PUBLIC_HEX
#define PAYLOAD "{\"data\":\"this is a signed message\",\"exp\":\"2022-01-01T00:00:00+00:00\"}"
#define KID_FOOTER "{\"kid\":\"zVhMiPBP9fRf2snEcT7gFTioeA9COcNy9DfgL1W60haN\"}"
#define BODY                                                                              \
	"v4.public."                                                                      \
	"eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMDo" \
	"wMCswMDowMCJ9"
#define FOOTER_B64 ".eyJraWQiOiJ6VmhNaVBCUDlmUmYyc25FY1Q3Z0ZUaW9lQTlDT2NOeTlEZmdMMVc2MGhhTiJ9"
#define S1                                                      \
	BODY "bg_XBBzds8lTZShVlwwKSgeKpLT3yukTw6JUz3W4h_ExsQV-" \
	     "P0V54zemZDcAxFaSeef1QlXEFtkqxT1ciiQE"             \
	     "DA"

static const struct {
	const char *token, *footer, *implicit;
} GOOD[] = {
	{S1, "", ""}, /* 4-S-1 */
	{BODY "v3Jt8mx_TdM2ceTGoqwrh4yDFn0XsHvvV_D0DtwQxVrJEBMl0F2caAdgnpKlt4p7xBnx1HcO-"
	      "SPo8FPp214HDw" FOOTER_B64,
	 KID_FOOTER, ""}, /* 4-S-2 */
	{BODY "NPWciuD3d0o5eXJXG5pJy-DiVEoyPYWs1YSTwWHNJq6DZD3je5gf-"
	      "0M4JR9ipdUSJbIovzmBECeaWmaqcaP0DQ" FOOTER_B64,
	 KID_FOOTER, "{\"test-vector\":\"4-S-3\"}"}, /* 4-S-3 */
};

#define LOCAL_TOKEN                                                                          \
	"v4.local.vngXfCISbnKgiP6VWGuOSlYrFYU300fy9ijW33rznDYgxHNPwWluAY2Bgb0z54CUs6aYYkIJ-" \
	"bOOOmJHP"                                                                           \
	"uX_34Agt_IPlNdGDpRdGNnBz2MpWJvB3cttheEc1uyCEYltj7wBQQYX."                           \
	"YXJiaXRyYXJ5LXN0cmluZy10aGF0LWlzbi"                                                 \
	"d0LWpzb24" /* 4-F-1 */
#define OTHER_KEY_TOKEN                                                                         \
	"v4.public.eyJpbnZhbGlkIjoidGhpcyBzaG91bGQgbmV2ZXIgZGVjb2RlIn22Sp4gjCaUw0c7EH84ZSm_jN_" \
	"Qr41M"                                                                                 \
	"rgLNu5LIBCzUr1pn3Z-Wukg9h3ceplWigpoHaTLcwxj0NsI1vjTh67YB" FOOTER_B64 /* 4-F-2 */

static uint8_t secret[PASETO_SECRET_BYTES], public[PASETO_PUBLIC_BYTES];

static int set_up(void **state)
{
	(void)state;
	return text_hex_decode(secret, sizeof(secret), SECRET_HEX, strlen(SECRET_HEX)) ||
	       text_hex_decode(public, sizeof(public), PUBLIC_HEX, strlen(PUBLIC_HEX));
}

/* Verify with the key of the vectors; on failure nothing may have been written. */
static int verify(const char *token, size_t len, const char *implicit)
{
	uint8_t payload[PASETO_TOKEN_SIZE];
	char *in = exact_copy(token, len);
	size_t n = 7777;
	int r;

	memset(payload, 0x5a, sizeof(payload));
	r = paseto_verify(in, len, public, implicit, strlen(implicit), payload, sizeof(payload),
			  &n);
	free(in);
	if (r == 0) {
		assert_int_equal(n, strlen(PAYLOAD));
		assert_memory_equal(payload, PAYLOAD, n);
		return 0;
	}
	assert_int_equal(n, 7777);
	for (size_t i = 0; i < sizeof(payload); i++)
		assert_int_equal(payload[i], 0x5a);
	return r;
}

static void official_vectors_sign(void **state)
{
	char out[PASETO_TOKEN_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
		size_t size = strlen(GOOD[i].token) + 1;

		assert_int_equal(paseto_sign(out, size, secret, PAYLOAD, strlen(PAYLOAD),
					     GOOD[i].footer, strlen(GOOD[i].footer),
					     GOOD[i].implicit, strlen(GOOD[i].implicit)),
				 0);
		assert_string_equal(out, GOOD[i].token);
		strcpy(out, "untouched");
		assert_int_equal(paseto_sign(out, size - 1, secret, PAYLOAD, strlen(PAYLOAD),
					     GOOD[i].footer, strlen(GOOD[i].footer),
					     GOOD[i].implicit, strlen(GOOD[i].implicit)),
				 -ENOSPC);
		assert_string_equal(out, "untouched");
	}
}

static void official_vectors_verify(void **state)
{
	uint8_t footer[100];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
		const char *t = GOOD[i].token;

		assert_int_equal(verify(t, strlen(t), GOOD[i].implicit), 0);
		assert_int_equal(verify(t, strlen(t), "x"), -EKEYREJECTED);
		assert_int_equal(paseto_footer(t, strlen(t), footer, sizeof(footer), &n), 0);
		assert_int_equal(n, strlen(GOOD[i].footer));
		assert_memory_equal(footer, GOOD[i].footer, n);
	}
}

static void official_vectors_fail(void **state)
{
	uint8_t footer[100];
	size_t n;

	(void)state;
	assert_int_equal(verify(LOCAL_TOKEN, strlen(LOCAL_TOKEN), "{\"test-vector\":\"4-F-1\"}"),
			 -EBADMSG);
	assert_int_equal(
		paseto_footer(LOCAL_TOKEN, strlen(LOCAL_TOKEN), footer, sizeof(footer), &n),
		-EBADMSG);
	assert_int_equal(verify(OTHER_KEY_TOKEN, strlen(OTHER_KEY_TOKEN), ""), -EKEYREJECTED);
	assert_int_equal(
		verify(OTHER_KEY_TOKEN, strlen(OTHER_KEY_TOKEN), "{\"test-vector\":\"4-F-2\"}"),
		-EKEYREJECTED);
}

static void every_truncation_is_refused(void **state)
{
	const char *t = GOOD[1].token;

	(void)state;
	for (size_t len = 0; len < strlen(t); len++) {
		int r = verify(t, len, "");

		assert_true(r == -EBADMSG || r == -EKEYREJECTED);
		assert_true(len >= 96 || r == -EBADMSG); /* shorter than header and signature */
	}
}

static void every_changed_character_is_refused(void **state)
{
	char t[sizeof(S1)];

	(void)state;
	for (size_t i = 0; i < strlen(S1); i++) {
		for (int c = 1; c < 128; c += 7) {
			int r;

			memcpy(t, S1, sizeof(S1));
			if (t[i] == c)
				continue;
			t[i] = (char)c;
			r = verify(t, strlen(S1), "");
			assert_true(r == -EBADMSG || r == -EKEYREJECTED);
		}
	}
}

static void other_spellings_are_refused(void **state)
{
	static const char *const bad[] = {S1 ".", S1 "=",  S1 "..", S1 ".AA.AA",  S1 " ",
					  " " S1, S1 "\n", "V4" S1, "v4.public.", "v4.public..AA"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(verify(bad[i], strlen(bad[i]), ""), -EBADMSG);
	assert_int_equal(verify(S1, sizeof(S1), ""), -EBADMSG);		       /* with its NUL */
	assert_int_equal(verify(S1 ".AA", strlen(S1) + 3, ""), -EKEYREJECTED); /* another footer */
}

/* The signature's second half S plus the group's order L is the same number modulo L (RFC
 * 8032, 8.4). */
static void malleable_signatures_are_refused(void **state)
{
	static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a,	      0x63,
					  0x12, 0x58, 0xd6, 0x9c, 0xf7,	      0xa2,
					  0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
	uint8_t body[200];
	char t[400];
	size_t n;
	unsigned int carry = 0;

	(void)state;
	assert_int_equal(text_b64url_decode(body, sizeof(body), &n, &S1[10], strlen(S1) - 10), 0);
	for (size_t i = 0; i < 32; i++) {
		carry += (unsigned int)body[n - 32 + i] + order[i];
		body[n - 32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_int_equal(carry, 0);
	memcpy(t, S1, 10);
	assert_int_equal(text_b64url_encode(t + 10, sizeof(t) - 10, body, n), 0);
	assert_int_equal(verify(t, strlen(t), ""), -EKEYREJECTED);
}

/* Signatures of zeros, and the all-zero and identity keys, of which forgeries are made. */
static void small_points_are_refused(void **state)
{
	static const uint8_t keys[3][32] = {{0}, {1}, {[31] = 0x80}};
	uint8_t body[72] = "payload", payload[100];
	char t[200] = "v4.public.";
	size_t n;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (int r0 = 0; r0 < 2; r0++) {
			body[8] = (uint8_t)r0;
			assert_int_equal(text_b64url_encode(t + 10, sizeof(t) - 10, body, 72), 0);
			assert_int_equal(paseto_verify(t, strlen(t), public, "", 0, payload,
						       sizeof(payload), &n),
					 -EKEYREJECTED);
			assert_int_equal(paseto_verify(t, strlen(t), keys[i], "", 0, payload,
						       sizeof(payload), &n),
					 -EKEYREJECTED);
		}
	}
}

static void sizes(void **state)
{
	uint8_t big[2 * PASETO_TOKEN_SIZE] = {0}, payload[PASETO_TOKEN_SIZE];
	char out[PASETO_TOKEN_SIZE + 10] = "untouched";
	size_t n = 5, most = (PASETO_TOKEN_SIZE - 1 - 10) * 3 / 4 - 64;

	(void)state;
	assert_int_equal(paseto_sign(out, sizeof(out), secret, big, most + 1, NULL, 0, NULL, 0),
			 -ENOSPC);
	assert_int_equal(paseto_sign(out, sizeof(out), secret, big, sizeof(big), NULL, 0, NULL, 0),
			 -ENOSPC);
	assert_int_equal(paseto_sign(out, sizeof(out), secret, "", 0, big, sizeof(big), NULL, 0),
			 -ENOSPC);
	assert_int_equal(paseto_sign(out, sizeof(out), secret, "", 0, NULL, 0, big, sizeof(big)),
			 -ENOSPC);
	assert_string_equal(out, "untouched");
	assert_int_equal(paseto_sign(out, sizeof(out), secret, big, most, NULL, 0, NULL, 0), 0);
	assert_true(strlen(out) < PASETO_TOKEN_SIZE);
	assert_int_equal(paseto_verify(out, strlen(out), public, NULL, 0, payload, most - 1, &n),
			 -ENOSPC);
	assert_int_equal(n, 5);
	assert_int_equal(
		paseto_verify(out, strlen(out), public, NULL, 0, payload, sizeof(payload), &n), 0);
	assert_int_equal(n, most);
	assert_int_equal(paseto_sign(out, sizeof(out), secret, NULL, 0, "f", 1, NULL, 0), 0);
	assert_int_equal(paseto_verify(out, strlen(out), public, NULL, 0, payload, 0, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(paseto_footer(out, strlen(out), payload, 0, &n), -ENOSPC);
}

static void halves_of_a_key_belong_together(void **state)
{
	uint8_t wrong[PASETO_SECRET_BYTES];
	char out[300];

	(void)state;
	memcpy(wrong, secret, sizeof(wrong));
	wrong[0] ^= 1;
	assert_int_equal(paseto_sign(out, sizeof(out), wrong, "x", 1, NULL, 0, NULL, 0), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(official_vectors_sign),
		cmocka_unit_test(official_vectors_verify),
		cmocka_unit_test(official_vectors_fail),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_changed_character_is_refused),
		cmocka_unit_test(other_spellings_are_refused),
		cmocka_unit_test(malleable_signatures_are_refused),
		cmocka_unit_test(small_points_are_refused),
		cmocka_unit_test(sizes),
		cmocka_unit_test(halves_of_a_key_belong_together),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
