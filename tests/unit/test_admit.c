/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "common/io/x509.h"
#include "relayd/pure/admit.h"
#include "relayd/pure/crowd.h"

#define SESSION "00112233445566778899aabbccddeeff"
#define RELAY "farlan://lab/relay/0123456789abcdef0123456789abcdef"
#define OTHER "farlan://lab/relay/ffffffffffffffffffffffffffffffff"
#define NOW 1800000000

static uint8_t secret[PASETO_SECRET_BYTES];
static struct token_key key;
static struct ident self;
static char good[PASETO_TOKEN_SIZE];

static void sign(char out[PASETO_TOKEN_SIZE], const char *relay, int64_t issued, int64_t expires)
{
	struct token t = {.session = SESSION, .role = TOKEN_DEVICE};

	t.issued = issued;
	t.expires = expires;
	assert_int_equal(ident_parse(&t.relay, relay, strlen(relay)), 0);
	assert_int_equal(token_sign(out, &t, secret, key.public), 0);
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(x509_ed25519_generate(secret, key.public), 0);
	token_kid(key.kid, key.public);
	assert_int_equal(ident_parse(&self, RELAY, strlen(RELAY)), 0);
	sign(good, RELAY, NOW, NOW + 3600);
	return 0;
}

static int decode(struct http_head *h, char *text, size_t size, const char *first,
		  const char *headers)
{
	size_t used;

	snprintf(text, size,
		 "%s HTTP/1.1\r\nHost: rs\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
		 "dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
		 first, headers);
	return http_head_decode((const uint8_t *)text, strlen(text), h, &used);
}

static enum refusal ask_with(struct admit_leg *leg, const char *protocol, const char *token,
			     const char *generation, const struct token_key *keys, int64_t now)
{
	char text[6000], headers[4000];
	struct http_head h;

	snprintf(headers, sizeof(headers), "%s%s%s%s%s%s%s", protocol,
		 token ? "Authorization: " : "", token ? token : "", token ? "\r\n" : "",
		 generation ? "Farlan-Generation: " : "", generation ? generation : "",
		 generation ? "\r\n" : "");
	assert_int_equal(decode(&h, text, sizeof(text), "GET /v1/session", headers), 0);
	return admit_session(leg, &h, keys, 1, &self, now);
}

static enum refusal ask(struct admit_leg *leg, const char *token, const char *generation)
{
	return ask_with(leg, "Sec-WebSocket-Protocol: farlan.1\r\n", token, generation, &key, NOW);
}

static const char *bearer(const char *token)
{
	static char text[PASETO_TOKEN_SIZE + 16];

	snprintf(text, sizeof(text), "Bearer %s", token);
	return text;
}

static void test_a_good_token_is_let_in(void **state)
{
	struct admit_leg leg;
	char lower[PASETO_TOKEN_SIZE + 16];

	(void)state;
	assert_int_equal(ask(&leg, bearer(good), "1"), REFUSAL_NONE);
	assert_int_equal(leg.generation, 1);
	assert_int_equal(leg.token.role, TOKEN_DEVICE);
	assert_int_equal(leg.session[15], 0xff);
	snprintf(lower, sizeof(lower), "bearer  %s", good);
	assert_int_equal(ask(&leg, lower, "9223372036854775807"), REFUSAL_NONE);
	assert_true(leg.generation == INT64_MAX);
}

static void test_generations_that_are_none(void **state)
{
	static const char *const bad[] = {"",
					  "0",
					  "01",
					  "-1",
					  "+1",
					  "1 2",
					  "0x1",
					  "1.0",
					  "a",
					  "9223372036854775808",
					  "99999999999999999999999"};
	struct admit_leg leg;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ask(&leg, bearer(good), bad[i]), REFUSAL_MALFORMED);
	assert_int_equal(ask(&leg, bearer(good), NULL), REFUSAL_MALFORMED);
	assert_int_equal(ask(&leg, bearer(good), "1\r\nFarlan-Generation: 2"), REFUSAL_MALFORMED);
}

static void test_tokens_that_are_none(void **state)
{
	struct admit_leg leg;
	char text[PASETO_TOKEN_SIZE + 32];

	(void)state;
	assert_int_equal(ask(&leg, NULL, "1"), REFUSAL_NO_TOKEN);
	assert_int_equal(ask(&leg, "", "1"), REFUSAL_NO_TOKEN);
	assert_int_equal(ask(&leg, "Bearer", "1"), REFUSAL_NO_TOKEN);
	assert_int_equal(ask(&leg, "Bearer ", "1"), REFUSAL_NO_TOKEN);
	assert_int_equal(ask(&leg, "Basic dTpw", "1"), REFUSAL_NO_TOKEN);
	assert_int_equal(ask(&leg, "Bearer x", "1"), REFUSAL_MALFORMED);
	snprintf(text, sizeof(text), "Bearer %s x", good);
	assert_int_equal(ask(&leg, text, "1"), REFUSAL_MALFORMED);
	for (size_t n = 1; n < strlen(good); n++) { /* every truncation */
		snprintf(text, sizeof(text), "Bearer %.*s", (int)n, good);
		assert_int_not_equal(ask(&leg, text, "1"), REFUSAL_NONE);
	}
}

static void test_tokens_for_something_else(void **state)
{
	char token[PASETO_TOKEN_SIZE];
	struct admit_leg leg;
	struct token_key other = key;

	(void)state;
	sign(token, OTHER, NOW, NOW + 10);
	assert_int_equal(ask(&leg, bearer(token), "1"), REFUSAL_RELAY);
	sign(token, RELAY, NOW - 1000, NOW - 301);
	assert_int_equal(ask(&leg, bearer(token), "1"), REFUSAL_EXPIRED);
	sign(token, RELAY, NOW - 1000, NOW - 299);
	assert_int_equal(ask(&leg, bearer(token), "1"), REFUSAL_NONE);
	sign(token, RELAY, NOW + 302, NOW + 1000);
	assert_int_equal(ask(&leg, bearer(token), "1"), REFUSAL_EXPIRED);
	snprintf(token, sizeof(token), "%s", good);
	token[40] = token[40] == 'A' ? 'B' : 'A';
	assert_int_equal(ask(&leg, bearer(token), "1"), REFUSAL_SIGNATURE);
	other.kid[0] = other.kid[0] == 'a' ? 'b' : 'a';
	assert_int_equal(ask_with(&leg, "Sec-WebSocket-Protocol: farlan.1\r\n", bearer(good), "1",
				  &other, NOW),
			 REFUSAL_KEY);
}

static void test_what_is_no_upgrade(void **state)
{
	struct admit_leg leg;

	(void)state;
	assert_int_equal(ask_with(&leg, "", bearer(good), "1", &key, NOW), REFUSAL_UPGRADE);
	assert_int_equal(
		ask_with(&leg, "Sec-WebSocket-Protocol: chat\r\n", bearer(good), "1", &key, NOW),
		REFUSAL_UPGRADE);
	assert_int_equal(ask_with(&leg,
				  "Sec-WebSocket-Protocol: farlan.1\r\nSec-WebSocket-Key: x\r\n",
				  bearer(good), "1", &key, NOW),
			 REFUSAL_UPGRADE);
}

static void test_paths(void **state)
{
	static const struct {
		const char *first;
		enum admit_what what;
	} rows[] = {
		{"GET /v1/session", ADMIT_SESSION},
		{"GET /a/b/v1/session", ADMIT_SESSION},
		{"POST /v1/session", ADMIT_OTHER},
		{"GET /v1/probe", ADMIT_PROBE},
		{"GET /x/v1/probe", ADMIT_PROBE},
		{"POST /v1/probe", ADMIT_OTHER},
		{"GET /", ADMIT_OTHER},
		{"GET /v1/session/", ADMIT_OTHER},
		{"GET /v1/control", ADMIT_CONTROL},
		{"GET /farlan/v1/control", ADMIT_CONTROL},
		{"POST /v1/control", ADMIT_OTHER},
		{"GET /v1/session?x", ADMIT_OTHER},
		{"GET /v1/sessio", ADMIT_OTHER},
		{"GET /v1/Session", ADMIT_OTHER},
	};
	struct http_head h;
	char text[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(decode(&h, text, sizeof(text), rows[i].first, ""), 0);
		assert_int_equal(admit_what(&h), rows[i].what);
	}
}

static void test_every_refusal_has_words(void **state)
{
	(void)state;
	for (int i = 0; i < REFUSALS; i++) {
		const struct refusal_info *info = refusal_info((enum refusal)i);

		assert_non_null(info->name);
		assert_non_null(info->phrase);
		assert_true(strlen(info->text) > 5);
	}
}

static void test_crowd(void **state)
{
	static struct crowd c;
	struct addr a, b, near;

	(void)state;
	crowd_init(&c, 5, 3, 12345);
	assert_int_equal(addr_parse(&a, "192.0.2.1"), 0);
	assert_int_equal(addr_parse(&b, "2001:db8::1"), 0);
	assert_int_equal(addr_parse(&near, "2001:db8::ffff"), 0);
	for (int i = 0; i < 3; i++)
		assert_true(crowd_enter(&c, &a, 0));
	assert_false(crowd_enter(&c, &a, 0));
	assert_true(crowd_enter(&c, &b, 0));
	assert_true(crowd_enter(&c, &near, 0));
	assert_false(crowd_enter(&c, &b, 0)); /* five in all */
	crowd_leave(&c, &a, false, 0);
	assert_true(crowd_enter(&c, &b, 0)); /* the same /64 */
	crowd_leave(&c, &a, false, 0);
	assert_false(crowd_enter(&c, &near, 0));
	assert_true(crowd_enter(&c, &a, 0));
	assert_int_equal(c.n, 5);
}

/* One leaves without a good token. */
static void offend(struct crowd *c, const struct addr *a, uint64_t now_ms)
{
	assert_true(crowd_enter(c, a, now_ms));
	crowd_leave(c, a, true, now_ms);
}

static void test_offences_of_an_address(void **state)
{
	static struct crowd c;
	struct addr a, b;
	uint64_t now = 1000000, seconds = 100, n = 0;

	(void)state;
	crowd_init(&c, 5, 3, 12345);
	assert_int_equal(addr_parse(&a, "192.0.2.1"), 0);
	assert_int_equal(addr_parse(&b, "192.0.2.2"), 0);
	for (int i = 0; i < CROWD_OFFENCES_MAX * 4; i++) { /* good ones, as many as they like */
		assert_true(crowd_enter(&c, &a, now));
		crowd_leave(&c, &a, false, now);
	}
	for (int i = 0; i <= CROWD_OFFENCES_MAX; i++)
		offend(&c, &a, now);
	assert_false(crowd_enter(&c, &a, now));
	assert_true(crowd_enter(&c, &b, now)); /* another one does not feel it */
	crowd_leave(&c, &b, false, now);
	assert_false(crowd_enter(&c, &a, now + CROWD_OFFENCE_MS - 1));
	assert_true(crowd_enter(&c, &a, now + CROWD_OFFENCE_MS));
	crowd_leave(&c, &a, true, now + CROWD_OFFENCE_MS);
	/* A flood gets in as often as it is forgiven, and no more. */
	for (uint64_t ms = now; ms < now + seconds * 1000; ms++) {
		if (crowd_enter(&c, &a, ms)) {
			crowd_leave(&c, &a, true, ms);
			n++;
		}
	}
	assert_in_range(n, seconds * 1000 / CROWD_OFFENCE_MS - 3,
			seconds * 1000 / CROWD_OFFENCE_MS + 3);
	/* Left alone, it has all of them again. */
	now += seconds * 2000;
	for (int i = 0; i <= CROWD_OFFENCES_MAX; i++)
		offend(&c, &a, now);
	assert_false(crowd_enter(&c, &a, now));
	assert_int_equal(c.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_good_token_is_let_in),
		cmocka_unit_test(test_generations_that_are_none),
		cmocka_unit_test(test_tokens_that_are_none),
		cmocka_unit_test(test_tokens_for_something_else),
		cmocka_unit_test(test_what_is_no_upgrade),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_every_refusal_has_words),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_offences_of_an_address),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
