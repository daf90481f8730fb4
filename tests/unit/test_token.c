/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "common/pure/text.h"
#include "common/pure/token.h"

/* The key of PASETO's test vectors. */
#define PUBLIC_HEX "1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2"
#define SECRET_HEX "b4cbfb43df4ce210727d953e4a713307fa19bb7d9f85041438d9e11b942a3774" PUBLIC_HEX
#define KID "8d62301156f3909e"
#define SESSION "00112233445566778899aabbccddeeff"
#define RELAY_UID "ffeeddccbbaa99887766554433221100"
#define RELAY "farlan://plant.example/relay/" RELAY_UID

static uint8_t secret[PASETO_SECRET_BYTES];
static struct token_key keys[2];
static struct ident self;

static int set_up(void **state)
{
	(void)state;
	memset(keys[0].public, 7, sizeof(keys[0].public));
	token_kid(keys[0].kid, keys[0].public);
	if (text_hex_decode(secret, sizeof(secret), SECRET_HEX, strlen(SECRET_HEX)) != 0 ||
	    text_hex_decode(keys[1].public, 32, PUBLIC_HEX, strlen(PUBLIC_HEX)) != 0)
		return 1;
	token_kid(keys[1].kid, keys[1].public);
	return ident_parse(&self, RELAY, strlen(RELAY));
}

static struct token sample(void)
{
	struct token t = {.session = SESSION,
			  .role = TOKEN_DEVICE,
			  .issued = 2224540800, /* 2040-06-29T00:00:00Z */
			  .expires = 2224627199};

	t.relay = self;
	return t;
}

static void sign_raw(char out[PASETO_TOKEN_SIZE], const char *claims, const char *footer)
{
	assert_int_equal(paseto_sign(out, PASETO_TOKEN_SIZE, secret, claims, strlen(claims), footer,
				     strlen(footer), NULL, 0),
			 0);
}

/* In exact memory; a failure leaves the output alone. */
static int check(struct token *t, const char *text, int64_t now)
{
	char *in = exact_copy(text, strlen(text));
	struct token before;
	int r;

	memset(t, 0x5a, sizeof(*t));
	before = *t;
	r = token_check(t, in, strlen(text), keys, 2, &self, now);
	free(in);
	if (r != 0)
		assert_memory_equal(t, &before, sizeof(before));
	return r;
}

static void kid_names_a_key(void **state)
{
	(void)state;
	assert_string_equal(keys[1].kid, KID);
}

static void golden_token(void **state)
{
	static const char claims[] =
		"{\"sub\":\"" SESSION "\",\"role\":\"device\",\"aud\":\"" RELAY
		"\",\"iat\":\"2040-06-29T00:00:00Z\",\"exp\":\"2040-06-29T23:59:59Z\"}";
	char text[PASETO_TOKEN_SIZE], want[PASETO_TOKEN_SIZE];
	struct token t = sample(), got;

	(void)state;
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), 0);
	sign_raw(want, claims, "{\"kid\":\"" KID "\"}");
	assert_string_equal(text, want);
	assert_int_equal(check(&got, text, t.issued), 0);
	assert_string_equal(got.session, SESSION);
	assert_int_equal(got.role, TOKEN_DEVICE);
	assert_true(ident_equal(&got.relay, &self));
	assert_true(got.issued == t.issued);
	assert_true(got.expires == t.expires);
	t.role = TOKEN_MANAGER;
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), 0);
	assert_int_equal(check(&got, text, t.issued), 0);
	assert_int_equal(got.role, TOKEN_MANAGER);
}

#define LIMITED_USER "0f1e2d3c4b5a69788796a5b4c3d2e1f0"

static void golden_limits(void **state)
{
	static const char *const claims[] = {
		"{\"sub\":\"" SESSION "\",\"role\":\"device\",\"aud\":\"" RELAY
		"\",\"iat\":\"2040-06-29T00:00:00Z\",\"exp\":\"2040-06-29T23:59:59Z\","
		"\"rate\":1250000}",
		"{\"sub\":\"" SESSION "\",\"role\":\"device\",\"aud\":\"" RELAY
		"\",\"iat\":\"2040-06-29T00:00:00Z\",\"exp\":\"2040-06-29T23:59:59Z\","
		"\"rate\":1250000,\"user\":\"" LIMITED_USER "\",\"user_rate\":2500000}",
	};
	char text[PASETO_TOKEN_SIZE], want[PASETO_TOKEN_SIZE];
	struct token t = sample(), got;

	t.rate = 1250000;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(token_sign(text, &t, secret, keys[1].public), 0);
		sign_raw(want, claims[i], "{\"kid\":\"" KID "\"}");
		assert_string_equal(text, want);
		assert_int_equal(check(&got, text, t.issued), 0);
		assert_true(got.rate == 1250000);
		assert_true(got.user_rate == t.user_rate);
		assert_string_equal(got.user, t.user);
		strcpy(t.user, LIMITED_USER);
		t.user_rate = 2500000;
	}
	t.rate = t.user_rate = INT64_MAX; /* the longest */
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), 0);
	assert_int_equal(check(&got, text, t.issued), 0);
	assert_true(got.rate == INT64_MAX && got.user_rate == INT64_MAX);
}

static void no_limits_are_none(void **state)
{
	char text[PASETO_TOKEN_SIZE];
	struct token t = sample(), got;

	assert_int_equal(token_sign(text, &t, secret, keys[1].public), 0);
	assert_int_equal(check(&got, text, t.issued), 0);
	assert_true(got.rate == 0 && got.user_rate == 0);
	assert_string_equal(got.user, "");
}

static void time_bounds(void **state)
{
	char text[PASETO_TOKEN_SIZE];
	struct token t = sample(), got;

	(void)state;
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), 0);
	assert_int_equal(check(&got, text, t.issued - TOKEN_CLOCK_SKEW_S), 0);
	assert_int_equal(check(&got, text, t.issued - TOKEN_CLOCK_SKEW_S - 1), -ETIME);
	assert_int_equal(check(&got, text, t.expires + TOKEN_CLOCK_SKEW_S - 1), 0);
	assert_int_equal(check(&got, text, t.expires + TOKEN_CLOCK_SKEW_S), -ETIME);
	assert_int_equal(check(&got, text, INT64_MAX), -ETIME);
	assert_int_equal(check(&got, text, INT64_MIN), -ETIME);
	assert_int_equal(check(&got, text, 0), -ETIME);
}

static void errors_in_their_order(void **state)
{
	char text[PASETO_TOKEN_SIZE];
	struct token t = sample(), got;
	struct ident mine = self;

	(void)state;
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), 0);
	assert_int_equal(token_check(&got, text, strlen(text), keys, 1, &self, t.issued), -ENOKEY);
	assert_int_equal(token_check(&got, text, strlen(text), NULL, 0, &self, t.issued), -ENOKEY);
	/* Another relay is told before the time, a bad signature before both. */
	self.uid[0] = '0';
	assert_int_equal(check(&got, text, 0), -EXDEV);
	self = mine;
	strcpy(self.domain, "other.example");
	assert_int_equal(check(&got, text, 0), -EXDEV);
	text[30] = text[30] == 'A' ? 'B' : 'A';
	assert_int_equal(check(&got, text, 0), -EKEYREJECTED);
	self = mine;
	/* The footer is signed, too: one that names a known key does not fit another's signature.
	 */
	assert_int_equal(token_sign(text, &t, secret, keys[0].public), 0);
	assert_int_equal(check(&got, text, t.issued), -EKEYREJECTED);
}

static void every_truncation_is_refused(void **state)
{
	char text[PASETO_TOKEN_SIZE];
	struct token t = sample(), got;

	(void)state;
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), 0);
	for (size_t len = strlen(text); len-- > 0;) {
		text[len] = '\0';
		assert_int_equal(check(&got, text, t.issued), -EBADMSG);
	}
}

static void bad_footers(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"x",
		"[]",
		"\"" KID "\"",
		"{\"kid\":1}",
		"{\"kid\":\"\"}",
		"{\"kid\":null}",
		"{\"kid\":\"" KID "0\"}",
		"{\"kid\":\"0123456789ABCDEF\"}",
		"{\"kid\":\"" KID "\"}x",
		"{\"kid\":\"" KID "\",\"kid\":\"" KID "\"}",
		"{\"kid\":\"012345678\\u0000abcde\"}",
		"{\"kid\":\"" KID "\"                                                        }",
	};
	char text[PASETO_TOKEN_SIZE];
	struct token got;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sign_raw(text, "{}", bad[i]);
		assert_int_equal(check(&got, text, 0), -EBADMSG);
	}
	sign_raw(text, "{}", "{\"kid\":\"0123456789abcdef\"}");
	assert_int_equal(check(&got, text, 0), -ENOKEY);
}

#define CLAIMS(sub, role, aud, iat, exp) \
	"{\"sub\":" sub ",\"role\":" role ",\"aud\":" aud ",\"iat\":" iat ",\"exp\":" exp "}"
#define SUB "\"" SESSION "\""
#define ROLE "\"manager\""
#define AUD "\"" RELAY "\""
#define IAT "\"2026-11-20T07:00:00Z\""
#define EXP "\"2026-11-21T07:00:00Z\""
#define IAT_UNIX 1795158000

static int check_claims(const char *claims)
{
	char text[PASETO_TOKEN_SIZE];
	struct token got;

	sign_raw(text, claims, "{\"kid\":\"" KID "\"}");
	return check(&got, text, IAT_UNIX);
}

static void bad_claims(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"\"x\"",
		CLAIMS("\"\"", ROLE, AUD, IAT, EXP),
		CLAIMS("1", ROLE, AUD, IAT, EXP),
		CLAIMS("\"" SESSION "0\"", ROLE, AUD, IAT, EXP),
		CLAIMS("\"00112233445566778899AABBCCDDEEFF\"", ROLE, AUD, IAT, EXP),
		CLAIMS(SUB, "\"admin\"", AUD, IAT, EXP),
		CLAIMS(SUB, "\"Manager\"", AUD, IAT, EXP),
		CLAIMS(SUB, "0", AUD, IAT, EXP),
		CLAIMS(SUB, ROLE, "\"\"", IAT, EXP),
		CLAIMS(SUB, ROLE, "[" AUD "]", IAT, EXP),
		CLAIMS(SUB, ROLE, "\"farlan://plant.example/device/" RELAY_UID "\"", IAT, EXP),
		CLAIMS(SUB, ROLE, AUD, "1795158000", EXP),
		CLAIMS(SUB, ROLE, AUD, IAT, IAT),
		CLAIMS(SUB, ROLE, AUD, EXP, IAT),
		CLAIMS(SUB, ROLE, AUD, IAT, EXP) "x",
		"{\"sub\":" SUB ",\"role\":" ROLE ",\"aud\":" AUD ",\"iat\":" IAT "}",
		"{\"role\":" ROLE ",\"aud\":" AUD ",\"iat\":" IAT ",\"exp\":" EXP "}",
		"{\"sub\":" SUB ",\"aud\":" AUD ",\"iat\":" IAT ",\"exp\":" EXP "}",
		"{\"sub\":" SUB ",\"role\":" ROLE ",\"iat\":" IAT ",\"exp\":" EXP "}",
		"{\"sub\":" SUB ",\"role\":" ROLE ",\"aud\":" AUD ",\"exp\":" EXP "}",
		"{\"exp\":" EXP ","
		"\"sub\":" SUB ",\"role\":" ROLE ",\"aud\":" AUD ",\"iat\":" IAT ",\"exp\":" EXP
		"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (check_claims(bad[i]) != -EBADMSG)
			fail_msg("accepted: %s", bad[i]);
	}
	assert_int_equal(check_claims(CLAIMS(SUB, ROLE, AUD, IAT, EXP)), 0);
	assert_int_equal(check_claims("{\"nbf\":1,\"sub\":" SUB ",\"role\":" ROLE ",\"aud\":" AUD
				      ",\"iat\":" IAT ",\"exp\":" EXP ",\"later\":{}}"),
			 0);
}

/* Nobody gets rid of a limit by a claim that is not understood. */
static void bad_limits(void **state)
{
	static const char *const bad[] = {
		"\"rate\":0",
		"\"rate\":-1",
		"\"rate\":1.5",
		"\"rate\":\"1\"",
		"\"rate\":null",
		"\"rate\":9223372036854775808",
		"\"user_rate\":1000000",
		"\"user\":\"ab\"",
		"\"user\":\"\",\"user_rate\":1000000",
		"\"user\":1,\"user_rate\":1000000",
		"\"user\":\"anna\",\"user_rate\":1000000",
		"\"user\":\"AB\",\"user_rate\":1000000",
		"\"user\":\"ab\",\"user_rate\":0",
		"\"user\":\"ab\",\"user_rate\":null",
		"\"user\":\"0123456789abcdef0123456789abcdef0\",\"user_rate\":1000000",
	};
	char claims[400];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(claims, sizeof(claims), CLAIMS(SUB, ROLE, AUD, IAT, EXP ",%s"), bad[i]);
		if (check_claims(claims) != -EBADMSG)
			fail_msg("accepted: %s", bad[i]);
	}
	assert_int_equal(
		check_claims(CLAIMS(SUB, ROLE, AUD, IAT, EXP ",\"user\":\"a\",\"user_rate\":1")),
		0);
}

static void bad_times(void **state)
{
	static const char *const bad[] = {
		"",
		"2026-11-21",
		"2026-11-21T07:00:00",
		"2026-11-21T07:00:00z",
		"2026-11-21t07:00:00Z",
		"2026-11-21 07:00:00Z",
		"2026-11-21T07:00:00+01:00",
		"2026-11-21T07:00:00-00:00",
		"2026-11-21T07:00:00.0Z",
		"2026-11-21T24:00:00Z",
		"2026-11-21T07:60:00Z",
		"2026-11-21T07:00:60Z",
		"2026-13-21T07:00:00Z",
		"2026-00-21T07:00:00Z",
		"2026-11-31T07:00:00Z",
		"2026-11-00T07:00:00Z",
		"2027-02-29T07:00:00Z",
		"2100-02-29T07:00:00Z",
		"1969-12-31T23:59:59Z",
		"12026-11-21T07:00:00Z",
		"2026-1-21T07:00:00Z",
		"2026-11-21T7:00:00Z",
		"2026-11-21T07:00:00ZZ",
		"2026-11-21T07:00:00+00:00Z",
		" 2026-11-21T07:00:00Z",
		"+026-11-21T07:00:00Z",
		"2026/11/21T07:00:00Z",
		"2026-11-21T07-00-00Z",
		"2026-11-2xT07:00:00Z",
	};
	char claims[400];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(claims, sizeof(claims), CLAIMS(SUB, ROLE, AUD, IAT, "\"%s\""), bad[i]);
		if (check_claims(claims) != -EBADMSG)
			fail_msg("accepted: %s", bad[i]);
	}
	assert_int_equal(check_claims(CLAIMS(SUB, ROLE, AUD, "\"2026-11-20T07:00:00+00:00\"",
					     "\"2026-11-20T07:00:01+00:00\"")),
			 0);
	assert_int_equal(check_claims(CLAIMS(SUB, ROLE, AUD, IAT, "\"2096-02-29T07:00:00Z\"")), 0);
	assert_int_equal(check_claims(CLAIMS(SUB, ROLE, AUD, IAT, "\"9999-12-31T23:59:59Z\"")), 0);
}

/* Days around every edge of the calendar, through text and back. */
static void calendar_round_trip(void **state)
{
	static const int64_t times[] = {
		0,
		86399,
		68169599,
		68169600,
		951782399,
		951782400,
		951868800,
		INT32_MAX,
		INT64_C(2147483648),
		INT64_C(4107542399),
		INT64_C(4107542400),
		INT64_C(4294967296),
		INT64_C(32503680000),
		INT64_C(253402300798),
	};
	char text[PASETO_TOKEN_SIZE];
	struct token t = sample(), got;

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		t.issued = times[i];
		t.expires = times[i] + 1;
		assert_int_equal(token_sign(text, &t, secret, keys[1].public), 0);
		assert_int_equal(check(&got, text, t.issued), 0);
		assert_true(got.issued == t.issued);
		assert_true(got.expires == t.expires);
	}
	for (int day = 0; day < 366 * 9; day += 1) {
		t.issued = INT64_C(2208988800) + day * INT64_C(86400) + day; /* from 2040 on */
		t.expires = t.issued + 86400;
		if (day % 11 != 0 && (t.issued / 86400) % 365 > 70)
			continue;
		assert_int_equal(token_sign(text, &t, secret, keys[1].public), 0);
		assert_int_equal(check(&got, text, t.issued), 0);
		assert_true(got.issued == t.issued);
	}
}

static void nothing_wrong_is_signed(void **state)
{
	char text[PASETO_TOKEN_SIZE] = "untouched";
	struct token t = sample();

	(void)state;
	t.session[3] = 'X';
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), -EINVAL);
	t = sample();
	t.relay.kind = IDENT_DEVICE;
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), -EINVAL);
	t = sample();
	t.expires = t.issued;
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), -EINVAL);
	t.issued = -1;
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), -EINVAL);
	t.issued = 0;
	t.expires = INT64_C(253402300800); /* the year 10000 */
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), -EINVAL);
	t.expires = INT64_MAX;
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), -EINVAL);
	t = sample();
	t.user_rate = 1; /* nobody's */
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), -EINVAL);
	strcpy(t.user, "x\",");
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), -EINVAL);
	strcpy(t.user, "ab");
	t.user_rate = 0;
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), -EINVAL);
	t = sample();
	t.rate = (uint64_t)INT64_MAX + 1;
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), -EINVAL);
	t = sample();
	t.role = (enum token_role)5;
	assert_int_equal(token_sign(text, &t, secret, keys[1].public), -EINVAL);
	assert_string_equal(text, "untouched");
}

static void errors_in_words(void **state)
{
	static const int codes[] = {0, -EBADMSG, -ENOKEY, -EKEYREJECTED, -EXDEV, -ETIME, -ENOSPC};

	(void)state;
	for (size_t i = 0; i < 7; i++) {
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(token_error(codes[i]), token_error(codes[j]));
	}
	assert_string_equal(token_error(-EXDEV), "token is for another relay");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kid_names_a_key),
		cmocka_unit_test(golden_token),
		cmocka_unit_test(golden_limits),
		cmocka_unit_test(no_limits_are_none),
		cmocka_unit_test(time_bounds),
		cmocka_unit_test(errors_in_their_order),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(bad_footers),
		cmocka_unit_test(bad_claims),
		cmocka_unit_test(bad_limits),
		cmocka_unit_test(bad_times),
		cmocka_unit_test(calendar_round_trip),
		cmocka_unit_test(nothing_wrong_is_signed),
		cmocka_unit_test(errors_in_words),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
