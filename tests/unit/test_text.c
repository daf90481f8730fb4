/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/text.h"

/* RFC 4648 section 10. */
static const struct {
	const char *plain, *b64, *b64url, *hex;
} VECTORS[] = {
	{"", "", "", ""},
	{"f", "Zg==", "Zg", "66"},
	{"fo", "Zm8=", "Zm8", "666f"},
	{"foo", "Zm9v", "Zm9v", "666f6f"},
	{"foob", "Zm9vYg==", "Zm9vYg", "666f6f62"},
	{"fooba", "Zm9vYmE=", "Zm9vYmE", "666f6f6261"},
	{"foobar", "Zm9vYmFy", "Zm9vYmFy", "666f6f626172"},
};

static void rfc4648_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(VECTORS) / sizeof(VECTORS[0]); i++) {
		const char *plain = VECTORS[i].plain;
		size_t n = strlen(plain), got = 99;
		char out[16];

		assert_int_equal(text_b64_encode(out, TEXT_B64_SIZE(n), plain, n), 0);
		assert_string_equal(out, VECTORS[i].b64);
		assert_int_equal(strlen(out) + 1, TEXT_B64_SIZE(n));
		assert_int_equal(text_b64_decode(out, n, &got, VECTORS[i].b64, strlen(out)), 0);
		assert_int_equal(got, n);
		assert_memory_equal(out, plain, n);

		assert_int_equal(text_b64url_encode(out, TEXT_B64URL_SIZE(n), plain, n), 0);
		assert_string_equal(out, VECTORS[i].b64url);
		assert_int_equal(strlen(out) + 1, TEXT_B64URL_SIZE(n));
		assert_int_equal(text_b64url_decode(out, n, &got, VECTORS[i].b64url, strlen(out)),
				 0);
		assert_int_equal(got, n);
		assert_memory_equal(out, plain, n);

		assert_int_equal(text_hex_encode(out, TEXT_HEX_SIZE(n), plain, n), 0);
		assert_string_equal(out, VECTORS[i].hex);
		assert_int_equal(text_hex_decode(out, n, VECTORS[i].hex, 2 * n), 0);
		assert_memory_equal(out, plain, n);
	}
}

static void alphabets_differ_in_two(void **state)
{
	static const uint8_t bytes[] = {0xfb, 0xff, 0xfe};
	char out[8];

	(void)state;
	assert_int_equal(text_b64_encode(out, sizeof(out), bytes, 3), 0);
	assert_string_equal(out, "+//+");
	assert_int_equal(text_b64url_encode(out, sizeof(out), bytes, 3), 0);
	assert_string_equal(out, "-__-");
}

static void encoders_need_their_room(void **state)
{
	char out[16] = "untouched";

	(void)state;
	assert_int_equal(text_b64_encode(out, 8, "foob", 4), -ENOSPC);
	assert_int_equal(text_b64url_encode(out, 6, "foob", 4), -ENOSPC);
	assert_int_equal(text_hex_encode(out, 8, "foob", 4), -ENOSPC);
	assert_int_equal(text_b64_encode(out, 0, "", 0), -ENOSPC);
	assert_int_equal(text_b64_encode(out, 16, out, SIZE_MAX), -ENOSPC);
	assert_int_equal(text_b64url_encode(out, 16, out, SIZE_MAX / 2), -ENOSPC);
	assert_int_equal(text_hex_encode(out, 16, out, SIZE_MAX / 2 + 1), -ENOSPC);
	assert_string_equal(out, "untouched");
}

static void b64_is_strict(void **state)
{
	static const char *const bad[] = {"Z",	   "Zg",     "Zg=",  "Zg===", "Zh==",	"Zm9=",
					  "Zm9v=", "=",	     "==",   "====",  "Z===",	"Zg==Zg==",
					  "Zm 9v", "Zm9v\n", "Zm-v", "Zm_v",  "Zm9vYg", "Zm9\x80"};
	uint8_t out[16] = {7};
	size_t n = 5;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_b64_decode(out, 16, &n, bad[i], strlen(bad[i])), -EBADMSG);
	assert_int_equal(text_b64_decode(out, 16, &n, "Zm9\0", 4), -EBADMSG);
	assert_int_equal(text_b64_decode(out, 2, &n, "Zm9v", 4), -ENOSPC);
	assert_int_equal(n, 5);
	assert_int_equal(out[0], 7);
}

static void b64url_is_strict(void **state)
{
	static const char *const bad[] = {"Z",	  "Zg==", "Zh",	 "Zm9",	   "Zm9vY", "Zm+v",
					  "Zm/v", "Zg=",  "Z g", "Zm9v\n", "Zm9v.", "\xff\xff"};
	uint8_t out[16] = {7};
	size_t n = 5;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_b64url_decode(out, 16, &n, bad[i], strlen(bad[i])), -EBADMSG);
	assert_int_equal(text_b64url_decode(out, 3, &n, "Zm9vYg", 6), -ENOSPC);
	assert_int_equal(n, 5);
	assert_int_equal(out[0], 7);
}

/* Whatever decodes is the text that its bytes encode to. */
static void one_value_has_one_text(void **state)
{
	static const char chars[] = "ABCZaz059-_+/=";
	uint64_t seed = 1;
	char text[9], again[16];
	uint8_t out[16];
	size_t n, good = 0;

	(void)state;
	for (int i = 0; i < 10 * PURE_NOISE_ROUNDS; i++) {
		size_t len = noise_u32(&seed) % 9;

		for (size_t j = 0; j < len; j++)
			text[j] = chars[noise_u32(&seed) % (sizeof(chars) - 1)];
		text[len] = '\0';
		if (text_b64url_decode(out, sizeof(out), &n, text, len) == 0) {
			assert_int_equal(text_b64url_encode(again, sizeof(again), out, n), 0);
			assert_string_equal(again, text);
			good++;
		}
		if (text_b64_decode(out, sizeof(out), &n, text, len) == 0) {
			assert_int_equal(text_b64_encode(again, sizeof(again), out, n), 0);
			assert_string_equal(again, text);
			good++;
		}
	}
	assert_true(good > 1000);
}

static void every_length_round_trips(void **state)
{
	uint64_t seed = 2;
	uint8_t in[100], out[100];
	char text[TEXT_HEX_SIZE(100)];
	size_t n;

	(void)state;
	for (size_t len = 0; len <= sizeof(in); len++) {
		noise_fill(&seed, in, len);
		assert_int_equal(text_b64_encode(text, sizeof(text), in, len), 0);
		assert_int_equal(text_b64_decode(out, len, &n, text, strlen(text)), 0);
		assert_int_equal(n, len);
		assert_memory_equal(in, out, len);
		assert_int_equal(text_b64url_encode(text, sizeof(text), in, len), 0);
		assert_int_equal(text_b64url_decode(out, len, &n, text, strlen(text)), 0);
		assert_int_equal(n, len);
		assert_memory_equal(in, out, len);
		assert_int_equal(text_hex_encode(text, sizeof(text), in, len), 0);
		assert_int_equal(text_hex_decode(out, len, text, strlen(text)), 0);
		assert_memory_equal(in, out, len);
	}
}

static void hex_wants_all_digits(void **state)
{
	uint8_t out[4] = {1, 2, 3, 4};

	(void)state;
	assert_int_equal(text_hex_decode(out, 2, "abc", 3), -EBADMSG);
	assert_int_equal(text_hex_decode(out, 2, "abcdef", 6), -EBADMSG);
	assert_int_equal(text_hex_decode(out, 2, "abcg", 4), -EBADMSG);
	assert_int_equal(text_hex_decode(out, 2, "ab d", 4), -EBADMSG);
	assert_memory_equal(out, "\1\2\3\4", 4);
	assert_int_equal(text_hex_decode(out, 2, "aBcD", 4), 0);
	assert_memory_equal(out, "\xab\xcd\3\4", 4);
}

#define X63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"

static void names(void **state)
{
	static const char *const good[] = {"a", "0", "press-7.hall_2", X63};
	static const char *const bad[] = {"",	 "-a",	"a-",  ".a",   "a.",	   "_a",
					  "Abc", "a b", "a/b", "a\nb", "\xc3\xa4", X63 "a"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(text_name_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_name_ok(bad[i]));
}

static void domains(void **state)
{
	static const char *const good[] = {"a", "example.com", "x-1.y-2.z", "a--b", X63};
	static const char *const bad[] = {"",	".",   "a.",  ".a",   "a..b", "a-.b", "a.-b", "-a",
					  "a-", "A.b", "a_b", "a.b-", "a/b",  "a b",  X63 "a"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(text_domain_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_domain_ok(bad[i]));
}

static void secrets_are_compared_to_the_last_bit(void **state)
{
	uint8_t a[32] = {0}, b[32] = {0};

	(void)state;
	assert_true(text_equal_ct(a, b, sizeof(a)));
	for (size_t i = 0; i < 8 * sizeof(a); i++) {
		b[i / 8] = (uint8_t)(1 << i % 8);
		assert_false(text_equal_ct(a, b, sizeof(a)));
		b[i / 8] = 0;
	}
	b[31] = 1;
	assert_true(text_equal_ct(a, b, 31));
	assert_true(text_equal_ct(a, b, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc4648_vectors),
		cmocka_unit_test(alphabets_differ_in_two),
		cmocka_unit_test(encoders_need_their_room),
		cmocka_unit_test(b64_is_strict),
		cmocka_unit_test(b64url_is_strict),
		cmocka_unit_test(one_value_has_one_text),
		cmocka_unit_test(every_length_round_trips),
		cmocka_unit_test(hex_wants_all_digits),
		cmocka_unit_test(names),
		cmocka_unit_test(domains),
		cmocka_unit_test(secrets_are_compared_to_the_last_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
