/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom the relay does not let in, and what becomes of strangers. */
#include "relayd/relay.h"
#include "tests/unit/relay_rig.h"

/* Refusals */

static void test_tokens_that_are_not_good(void **state)
{
	static const struct {
		const char *uri;
		int64_t from_s, to_s;
		enum refusal why;
	} rows[] = {
		{"farlan://lab/relay/ffffffffffffffffffffffffffffffff", 0, 100, REFUSAL_RELAY},
		{"farlan://other/relay/0123456789abcdef0123456789abcdef", 0, 100, REFUSAL_RELAY},
		{ENDS_RELAY_URI, -1000, -301, REFUSAL_EXPIRED},
		{ENDS_RELAY_URI, 310, 1000, REFUSAL_EXPIRED},
	};
	char token[PASETO_TOKEN_SIZE];
	struct end e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t before = relay->refused[rows[i].why];

		e = (struct end){0};
		domain_token(&domain,
			     &(struct claims){.session = 1,
					      .role = TOKEN_MANAGER,
					      .relay = rows[i].uri,
					      .from_s = rows[i].from_s,
					      .to_s = rows[i].to_s},
			     token);
		dial_token(&e, token, 1);
		expect_refused(&e, "401");
		assert_int_equal(relay->refused[rows[i].why], before + 1);
	}
	e = (struct end){0};
	dial_token(&e, "v4.public.AAAA", 1);
	expect_refused(&e, "401");
	e = (struct end){0};
	end_dial(&e, &loop, &domain, port, "/v1/session", "");
	expect_refused(&e, "401");
	assert_int_equal(relay->pairs.n_remembered, 0);
}

static void test_a_token_of_another_key(void **state)
{
	struct domain forged = domain;
	char token[PASETO_TOKEN_SIZE];
	struct end e = {0};

	(void)state;
	assert_int_equal(x509_ed25519_generate(forged.secret, forged.key.public), 0);
	domain_token(
		&forged,
		&(struct claims){.session = 1, .role = TOKEN_MANAGER, .from_s = 0, .to_s = 100},
		token);
	dial_token(&e, token, 1);
	expect_refused(&e, "401");
	assert_int_equal(relay->refused[REFUSAL_KEY], 1);
	relay_set_keys(relay, &forged.key, 0); /* no keys: nobody comes in */
	e = (struct end){0};
	domain_token(
		&domain,
		&(struct claims){.session = 1, .role = TOKEN_MANAGER, .from_s = 0, .to_s = 100},
		token);
	dial_token(&e, token, 1);
	expect_refused(&e, "401");
	relay_set_keys(relay, &domain.key, 1);
	dial_open(&e, 1, TOKEN_MANAGER, 1);
	close_end(&e);
}

static void test_a_token_opens_its_own_session_and_role_only(void **state)
{
	struct end a, b, c;

	(void)state;
	dial_open(&a, 1, TOKEN_MANAGER, 1);
	dial_open(&b, 2, TOKEN_DEVICE, 1);  /* another session */
	dial_open(&c, 1, TOKEN_MANAGER, 2); /* the same role: takes over, is not joined */
	run_for(100);
	assert_int_equal(relay->joined_total, 0);
	close_end(&b);
	close_end(&c);
	assert_true(a.closed);
}

static void test_full(void **state)
{
	struct end e[9];

	(void)state;
	for (unsigned int i = 0; i < 8; i++)
		dial_open(&e[i], i, TOKEN_MANAGER, 1);
	dial(&e[8], 8, TOKEN_MANAGER, 1);
	expect_refused(&e[8], "503");
	close_end(&e[0]);
	assert_true(run_until(is_closed, &e[0], 1000));
	run_for(50);
	dial_open(&e[8], 8, TOKEN_MANAGER, 1);
	for (unsigned int i = 1; i < 9; i++)
		close_end(&e[i]);
}

static void test_expiry_ends_a_running_session(void **state)
{
	char token[PASETO_TOKEN_SIZE];
	struct end e = {0};

	(void)state;
	domain_token(&domain,
		     &(struct claims){
			     .session = 1, .role = TOKEN_MANAGER, .from_s = -1000, .to_s = -298},
		     token);
	dial_token(&e, token, 1);
	assert_true(run_until(is_open, &e, 1000));
	assert_true(run_until(is_closed, &e, 5000));
}

/* Strangers */

static bool hand_done(void *arg)
{
	struct hand *h = arg;

	hand_step(h);
	return h->eof || h->tls.broken;
}

static bool hand_shaken(void *arg)
{
	struct hand *h = arg;

	hand_step(h);
	return h->shaken || h->eof;
}

static void ask_by_hand(const char *text, const char *want)
{
	struct hand h;

	hand_open(&h, &domain, port);
	assert_true(run_until(hand_shaken, &h, 3000));
	hand_say(&h, text, strlen(text));
	assert_true(run_until(hand_done, &h, 7000));
	if (strncmp(h.got, want, strlen(want)) != 0)
		fail_msg("wanted %s, got: %s", want, h.got);
	hand_close(&h);
}

static void test_probe_and_wrong_requests(void **state)
{
	(void)state;
	ask_by_hand("GET /v1/probe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		    "HTTP/1.1 200 ");
	ask_by_hand("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 ");
	ask_by_hand("GET /v1/session HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 426 ");
	ask_by_hand("GET /v1/session\r\n\r\n", "HTTP/1.1 400 ");
	ask_by_hand("\x16\x03\x01 rubbish\r\n\r\n", "HTTP/1.1 400 ");
	assert_int_equal(relay->probes, 1);
	assert_int_equal(relay->refused[REFUSAL_PATH], 1);
	assert_int_equal(relay->refused[REFUSAL_UPGRADE], 1);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		n++;
	return n;
}

static bool got_three(void *arg)
{
	struct hand *h = arg;

	hand_step(h);
	return count(h->got, "farlan relayd ") == 3 || h->eof;
}

#define PROBE "GET /v1/probe HTTP/1.1\r\nHost: x\r\n\r\n"

#define SESSION "GET /v1/session HTTP/1.1\r\nHost: x\r\n\r\n"

static void test_probes_on_one_connection(void **state)
{
	struct hand h;
	uint64_t before = relay->probes;

	(void)state;
	hand_open(&h, &domain, port);
	assert_true(run_until(hand_shaken, &h, 3000));
	hand_say(&h, PROBE, strlen(PROBE));
	hand_say(&h, PROBE PROBE, 2 * strlen(PROBE));
	assert_true(run_until(got_three, &h, 3000));
	assert_false(h.eof);
	assert_null(strstr(h.got, "Connection: close"));
	assert_int_equal(relay->probes, before + 3);
	/* Who measures only measures. */
	hand_say(&h, SESSION, strlen(SESSION));
	assert_true(run_until(hand_done, &h, 3000));
	assert_non_null(strstr(h.got, "HTTP/1.1 404 "));
	hand_close(&h);
}

static void test_probes_are_not_without_end(void **state)
{
	char many[2 * OUTER_ANSWERS_MAX * sizeof(PROBE)] = "";
	struct hand h;

	(void)state;
	for (unsigned int i = 0; i < 2 * OUTER_ANSWERS_MAX; i++)
		memcpy(many + i * strlen(PROBE), PROBE, sizeof(PROBE));
	hand_open(&h, &domain, port);
	assert_true(run_until(hand_shaken, &h, 3000));
	hand_say(&h, many, strlen(many));
	assert_true(run_until(hand_done, &h, 3000));
	assert_int_equal(count(h.got, "farlan relayd "), OUTER_ANSWERS_MAX);
	assert_int_equal(count(h.got, "Connection: close"), 1);
	hand_close(&h);
	ask_by_hand(PROBE "rubbish\r\n\r\n", "HTTP/1.1 200 "); /* closed at once */
	/* What has a body, or might have one, is the last. */
	ask_by_hand("GET /v1/probe HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET /", "HTTP/1.1 200 ");
	ask_by_hand("GET /v1/probe HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		    "HTTP/1.1 200 ");
	ask_by_hand("GET /v1/probe HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ");
}

static bool three_done(void *arg)
{
	struct hand *h = arg;

	for (int i = 0; i < 3; i++)
		(void)hand_done(&h[i]);
	return h[0].eof && h[1].eof && h[2].eof;
}

static void test_who_does_not_come_to_the_point_is_closed(void **state)
{
	static const char half[] = "GET /v1/session HTTP/1.1\r\nHost: x\r\nX: ";
	char upgrade[PASETO_TOKEN_SIZE + 400], token[PASETO_TOKEN_SIZE];
	struct hand h[3];
	uint64_t start = clock_mono_ms();

	(void)state;
	domain_token(
		&domain,
		&(struct claims){.session = 1, .role = TOKEN_MANAGER, .from_s = 0, .to_s = 100},
		token);
	snprintf(upgrade, sizeof(upgrade),
		 "GET /v1/session HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
		 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		 "Sec-WebSocket-Protocol: farlan.1\r\nAuthorization: Bearer %s\r\n"
		 "Farlan-Generation: 1\r\n\r\n",
		 token);
	for (int i = 0; i < 3; i++) {
		hand_open(&h[i], &domain, port);
		assert_true(run_until(hand_shaken, &h[i], 3000));
	}
	hand_say(&h[0], half, sizeof(half) - 1);   /* half a head; the second says nothing */
	hand_say(&h[2], upgrade, strlen(upgrade)); /* the third never says "ready" */
	assert_true(run_until(three_done, h, 12000));
	assert_true(clock_mono_ms() - start > 9000);
	assert_int_equal(strncmp(h[2].got, "HTTP/1.1 101 ", 13), 0);
	for (int i = 0; i < 3; i++)
		hand_close(&h[i]);
	assert_int_equal(relay->n_legs, 0);
	assert_int_equal(common.crowd.n, 0);
	assert_int_equal(relay->refused[REFUSAL_NO_REQUEST], 2);
}

static bool all_let_in(void *arg)
{
	return common.crowd.n >= *(size_t *)arg;
}

static void test_too_many_strangers(void **state)
{
	struct hand h[80];
	size_t want = RELAY_UNKNOWN_EACH_MAX;
	size_t closed = 0;
	struct end e;

	(void)state;
	for (size_t i = 0; i < 80; i++)
		hand_open(&h[i], &domain, port);
	assert_true(run_until(all_let_in, &want, 3000));
	run_for(200);
	for (size_t i = 0; i < 80; i++) {
		hand_step(&h[i]);
		closed += h[i].eof;
	}
	assert_int_equal(closed, 80 - want);
	assert_int_equal(relay->refused[REFUSAL_TOO_MANY], 80 - want);
	for (size_t i = 0; i < 80; i++)
		hand_close(&h[i]);
	assert_true(run_until(no_legs, NULL, 2000));
	assert_int_equal(common.crowd.n, 0);
	dial_open(&e, 1, TOKEN_MANAGER, 1);
	close_end(&e);
}

static void test_garbage_on_every_layer(void **state)
{
	uint64_t noise = 99;
	uint8_t bytes[3000];
	struct hand h;
	struct pair p;

	(void)state;
	hand_open(&h, &domain, port);
	noise_fill(&noise, bytes, sizeof(bytes));
	bytes[0] = 'X';
	assert_int_equal(send(h.fd, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
	assert_true(run_until(hand_done, &h, 3000)); /* instead of TLS */
	hand_close(&h);
	hand_open(&h, &domain, port);
	assert_true(run_until(hand_shaken, &h, 3000));
	assert_true(send(h.fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0); /* after the handshake */
	assert_true(run_until(hand_done, &h, 3000));
	hand_close(&h);
	ask_by_hand("GET /v1/session HTTP/1.1\r\nA : b\r\n\r\n", "HTTP/1.1 400 ");
	dial_pair(&p, 1);
	end_send(&p.m, 100000);
	assert_true(run_until(all_arrived, &p, 3000));
	close_pair(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tokens_that_are_not_good),
		TEST(test_a_token_of_another_key),
		TEST(test_a_token_opens_its_own_session_and_role_only),
		TEST(test_full),
		TEST(test_expiry_ends_a_running_session),
		TEST(test_probe_and_wrong_requests),
		TEST(test_probes_on_one_connection),
		TEST(test_probes_are_not_without_end),
		TEST(test_garbage_on_every_layer),
		TEST(test_who_does_not_come_to_the_point_is_closed),
		TEST(test_too_many_strangers),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
