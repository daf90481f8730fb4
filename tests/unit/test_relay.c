/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The relay in this process, its clients on loopback sockets of the same loop. */
#include "tests/unit/pure_test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/file.h"
#include "relayd/relay.h"
#include "tests/unit/relay_ends.h"

#define MB (1u << 20)
#define KERNEL_BYTES (40u * MB) /* what two pairs of loopback sockets may hold, generously */

static struct domain domain;
static uv_loop_t loop;
static struct relay *relay;
static uv_poll_t accepting;
static int listen_fd;
static uint16_t port;
static bool relay_gone;

/* The relay and the loop */

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)poll;
	(void)status;
	(void)events;
	if (fd < 0)
		return;
	if (relay)
		relay_accept(relay, fd);
	else
		close(fd);
}

static void start_listening(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listen_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(listen_fd, 128), 0);
	assert_int_equal(getsockname(listen_fd, (struct sockaddr *)&addr, &len), 0);
	port = ntohs(addr.sin_port);
	assert_int_equal(uv_poll_init(&loop, &accepting, listen_fd), 0);
	assert_int_equal(uv_poll_start(&accepting, UV_READABLE, on_acceptable), 0);
}

static int setup(void **state)
{
	struct relay_config config = {
		.self = domain.relay,
		.outer_cert = &domain.outer_cert,
		.ca = &domain.ca,
		.key = &domain.relay_key,
		.n_token_keys = 1,
		.token_keys = {domain.key},
		.max_sessions = 8,
	};

	(void)state;
	relay_gone = false;
	assert_int_equal(uv_loop_init(&loop), 0);
	start_listening();
	assert_int_equal(relay_open(&relay, &loop, &config), 0);
	return 0;
}

static void on_relay_closed(void *arg)
{
	(void)arg;
	relay_gone = true;
	relay = NULL;
}

static int teardown(void **state)
{
	(void)state;
	if (relay)
		relay_close(relay, on_relay_closed, NULL);
	uv_close((uv_handle_t *)&accepting, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	close(listen_fd);
	assert_true(relay_gone);
	assert_int_equal(uv_loop_close(&loop), 0);
	return 0;
}

static void on_wake(uv_timer_t *timer)
{
	(void)timer;
}

/* Run the loop until @done says so. Return: it did within @ms. */
static bool run_until(bool (*done)(void *arg), void *arg, uint64_t ms)
{
	uint64_t end = clock_mono_ms() + ms;
	uv_timer_t wake;
	bool ok;

	uv_timer_init(&loop, &wake);
	uv_timer_start(&wake, on_wake, 5, 5);
	while (!(ok = done(arg)) && clock_mono_ms() < end)
		uv_run(&loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&wake, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	return ok;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

static void run_for(uint64_t ms)
{
	(void)run_until(never, NULL, ms);
}

static bool is_open(void *arg)
{
	const struct end *e = arg;

	return e->open || e->closed;
}

static bool is_closed(void *arg)
{
	return ((const struct end *)arg)->closed;
}

struct pair {
	struct end m, d;
};

static bool all_arrived(void *arg)
{
	const struct pair *p = arg;

	return p->m.received == p->d.goal && p->d.received == p->m.goal;
}

/* Dialling */

static void dial_token(struct end *e, const char *token, uint64_t generation)
{
	char headers[PASETO_TOKEN_SIZE + 100];

	snprintf(headers, sizeof(headers),
		 "Authorization: Bearer %s\r\nFarlan-Generation: %llu\r\n", token,
		 (unsigned long long)generation);
	end_dial(e, &loop, &domain, port, "/v1/session", headers);
}

static void dial(struct end *e, unsigned int session, enum token_role role, uint64_t generation)
{
	char token[PASETO_TOKEN_SIZE];

	*e = (struct end){.tag = role == TOKEN_MANAGER ? 0x11 : 0x77};
	e->peer_tag = 0x11 ^ 0x77 ^ e->tag;
	domain_token(&domain, session, role, ENDS_RELAY_URI, 0, 3600, token);
	dial_token(e, token, generation);
}

static void dial_open(struct end *e, unsigned int session, enum token_role role,
		      uint64_t generation)
{
	dial(e, session, role, generation);
	assert_true(run_until(is_open, e, 5000));
	assert_true(e->open);
}

static void dial_pair(struct pair *p, unsigned int session)
{
	dial_open(&p->m, session, TOKEN_MANAGER, 1);
	dial_open(&p->d, session, TOKEN_DEVICE, 1);
}

/* The answer to a dial that is refused. */
static void expect_refused(struct end *e, const char *status)
{
	char want[40];

	assert_true(run_until(is_closed, e, 5000));
	snprintf(want, sizeof(want), "answered %s", status);
	if (!strstr(e->reason, want))
		fail_msg("wanted %s, got: %s", want, e->reason);
}

static void close_end(struct end *e)
{
	end_close(e);
	if (e->o)
		assert_true(run_until(is_closed, e, 7000));
}

static void close_pair(struct pair *p)
{
	close_end(&p->m);
	if (p->d.o)
		assert_true(run_until(is_closed, &p->d, 7000));
}

/* Carrying */

static void test_streams_are_exact_in_both_directions(void **state)
{
	struct pair p;

	(void)state;
	dial_pair(&p, 1);
	end_send(&p.m, 9 * MB + 12345);
	end_send(&p.d, 7 * MB + 1);
	assert_true(run_until(all_arrived, &p, 30000));
	assert_false(p.m.wrong || p.d.wrong);
	assert_int_equal(relay->bytes, p.m.sent + p.d.sent);
	close_pair(&p);
}

static void test_what_waits_is_delivered_later(void **state)
{
	struct pair p;

	(void)state;
	dial_open(&p.m, 1, TOKEN_MANAGER, 1);
	end_send(&p.m, 2 * MB);
	run_for(300);
	assert_int_equal(relay->bytes, 0);
	dial_open(&p.d, 1, TOKEN_DEVICE, 1);
	assert_true(run_until(all_arrived, &p, 10000));
	assert_false(p.d.wrong);
	close_pair(&p);
}

static void test_what_was_sent_before_the_end_is_delivered(void **state)
{
	struct pair p;

	(void)state;
	dial_pair(&p, 1);
	p.m.finish = true;
	end_send(&p.m, 3 * MB);
	assert_true(run_until(is_closed, &p.d, 10000));
	assert_int_equal(p.d.received, 3 * MB);
	assert_false(p.d.wrong);
	assert_true(p.d.clean);
	assert_true(run_until(is_closed, &p.m, 6000));
	assert_int_equal(relay->n_legs, 0);
}

static const struct leg *leg_of(unsigned int session, enum token_role role)
{
	uint8_t id[PAIR_ID_BYTES];
	const struct pair_session *s;

	domain_session_id(session, id);
	s = pair_find(&relay->pairs, id);
	if (!s || !s->ends[role].leg)
		abort();
	return s->ends[role].leg;
}

static void test_a_receiver_that_stops_stops_the_sender(void **state)
{
	struct pair p;
	uint64_t sent;

	(void)state;
	dial_pair(&p, 1);
	outer_pause(p.d.o);
	end_send(&p.m, 100 * MB);
	run_for(1500);
	sent = p.m.sent;
	assert_true(sent < KERNEL_BYTES);
	assert_true(outer_queued(leg_of(1, TOKEN_DEVICE)->outer) < 2 * OUTER_QUEUE_HIGH_BYTES);
	assert_true(leg_of(1, TOKEN_MANAGER)->stalled);
	run_for(500);
	assert_int_equal(p.m.sent, sent); /* it stands still */
	end_send(&p.d, MB);		  /* the other direction does not */
	run_for(500);
	assert_int_equal(p.m.received, MB);
	outer_resume(p.d.o);
	assert_true(run_until(all_arrived, &p, 60000));
	assert_false(p.d.wrong || p.m.wrong);
	assert_false(leg_of(1, TOKEN_MANAGER)->stalled);
	close_pair(&p);
}

static void test_a_stalled_session_does_not_touch_another(void **state)
{
	struct pair stalled, other;

	(void)state;
	dial_pair(&stalled, 1);
	outer_pause(stalled.d.o);
	end_send(&stalled.m, 100 * MB);
	run_for(500);
	dial_pair(&other, 2);
	end_send(&other.m, 4 * MB);
	end_send(&other.d, 4 * MB);
	assert_true(run_until(all_arrived, &other, 10000));
	assert_false(other.m.wrong || other.d.wrong);
	close_pair(&other);
	end_close(&stalled.m);
	end_close(&stalled.d);
	run_for(100);
}

static void test_a_sender_that_dies_while_the_other_is_stalled(void **state)
{
	struct pair p;

	(void)state;
	dial_pair(&p, 1);
	outer_pause(p.d.o);
	end_send(&p.m, 20 * MB);
	run_for(500);
	close_end(&p.m);
	outer_resume(p.d.o);
	assert_true(run_until(is_closed, &p.d, 12000));
	assert_false(p.d.wrong); /* cut off, but never a hole */
	assert_int_equal(relay->n_legs, 0);
}

/* Pairing */

static void test_replays_are_refused(void **state)
{
	struct pair p;
	struct end again;

	(void)state;
	dial_pair(&p, 1);
	dial(&again, 1, TOKEN_MANAGER, 1);
	expect_refused(&again, "409");
	end_send(&p.m, MB); /* the pair does not notice */
	assert_true(run_until(all_arrived, &p, 5000));
	close_pair(&p);
	dial(&again, 1, TOKEN_DEVICE, 1);
	expect_refused(&again, "409");
	assert_int_equal(relay->refused[REFUSAL_REPLAY], 2);
}

static void test_a_newer_leg_takes_over_the_waiting_place(void **state)
{
	struct pair p;
	struct end old;

	(void)state;
	dial_open(&old, 1, TOKEN_MANAGER, 1);
	end_send(&old, 5000); /* must not get into the new stream */
	dial_open(&p.m, 1, TOKEN_MANAGER, 2);
	assert_true(run_until(is_closed, &old, 5000));
	dial_open(&p.d, 1, TOKEN_DEVICE, 1);
	end_send(&p.m, MB);
	end_send(&p.d, MB);
	assert_true(run_until(all_arrived, &p, 5000));
	assert_false(p.m.wrong || p.d.wrong);
	close_pair(&p);
}

static void test_a_newer_leg_dissolves_the_pair(void **state)
{
	struct pair p, next;

	(void)state;
	dial_pair(&p, 1);
	end_send(&p.m, 30 * MB);
	run_for(20);
	dial_open(&next.d, 1, TOKEN_DEVICE, 2);
	assert_true(run_until(is_closed, &p.m, 5000));
	assert_true(run_until(is_closed, &p.d, 5000));
	run_for(100);
	assert_int_equal(next.d.received, 0);
	assert_int_equal(relay->n_legs, 1);
	dial_open(&next.m, 1, TOKEN_MANAGER, 2);
	end_send(&next.m, MB);
	assert_true(run_until(all_arrived, &next, 5000));
	assert_false(next.d.wrong);
	close_pair(&next);
}

static bool no_legs(void *arg)
{
	(void)arg;
	return relay->n_legs == 0;
}

static void test_a_waiting_leg_that_goes_is_noticed(void **state)
{
	struct end e;

	(void)state;
	dial_open(&e, 1, TOKEN_MANAGER, 1);
	close_end(&e);
	assert_true(run_until(no_legs, NULL, 2000));
	dial_open(&e, 1, TOKEN_MANAGER, 2);
	end_send(&e, 50000); /* bytes that nobody reads do not hide it */
	run_for(100);
	close_end(&e);
	assert_true(run_until(no_legs, NULL, 2000));
	dial_open(&e, 1, TOKEN_MANAGER, 3);
	end_send(&e, 110000); /* nor does a full ring (more than the kernel takes would: no FIN) */
	run_for(300);
	close_end(&e);
	assert_true(run_until(no_legs, NULL, 2000));
	assert_int_equal(relay->pairs.n_live, 0);
}

static void test_an_ended_session_is_cut_and_stays_out(void **state)
{
	uint8_t id[PAIR_ID_BYTES];
	struct pair p;
	struct end again;

	(void)state;
	dial_pair(&p, 1);
	domain_session_id(1, id);
	relay_end_session(relay, id);
	assert_true(run_until(is_closed, &p.m, 1000));
	assert_true(run_until(is_closed, &p.d, 1000));
	dial(&again, 1, TOKEN_MANAGER, 2);
	expect_refused(&again, "403");
}

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
		domain_token(&domain, 1, TOKEN_MANAGER, rows[i].uri, rows[i].from_s, rows[i].to_s,
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
	domain_token(&forged, 1, TOKEN_MANAGER, ENDS_RELAY_URI, 0, 100, token);
	dial_token(&e, token, 1);
	expect_refused(&e, "401");
	assert_int_equal(relay->refused[REFUSAL_KEY], 1);
	relay_set_keys(relay, &forged.key, 0); /* no keys: nobody comes in */
	e = (struct end){0};
	domain_token(&domain, 1, TOKEN_MANAGER, ENDS_RELAY_URI, 0, 100, token);
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
	domain_token(&domain, 1, TOKEN_MANAGER, ENDS_RELAY_URI, -1000, -298, token);
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
	ask_by_hand("GET /v1/probe HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ");
	ask_by_hand("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 ");
	ask_by_hand("GET /v1/session HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 426 ");
	ask_by_hand("GET /v1/session\r\n\r\n", "HTTP/1.1 400 ");
	ask_by_hand("\x16\x03\x01 rubbish\r\n\r\n", "HTTP/1.1 400 ");
	assert_int_equal(relay->probes, 1);
	assert_int_equal(relay->refused[REFUSAL_PATH], 1);
	assert_int_equal(relay->refused[REFUSAL_UPGRADE], 1);
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
	domain_token(&domain, 1, TOKEN_MANAGER, ENDS_RELAY_URI, 0, 100, token);
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
	assert_int_equal(relay->crowd.n, 0);
	assert_int_equal(relay->refused[REFUSAL_NO_REQUEST], 2);
}

static bool all_let_in(void *arg)
{
	return relay->crowd.n >= *(size_t *)arg;
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
	assert_int_equal(relay->crowd.n, 0);
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

/* The end */

static void test_stop_ends_legs_in_order(void **state)
{
	struct pair p;

	(void)state;
	dial_pair(&p, 1);
	relay_close(relay, on_relay_closed, NULL);
	assert_true(run_until(is_closed, &p.m, 2000));
	assert_true(run_until(is_closed, &p.d, 2000));
	assert_true(p.m.clean && p.d.clean);
}

static bool is_relay_gone(void *arg)
{
	(void)arg;
	return relay_gone;
}

static void test_stop_has_an_end(void **state)
{
	struct pair p;
	struct end waiting;
	uint64_t start;

	(void)state;
	dial_pair(&p, 1);
	dial_open(&waiting, 2, TOKEN_DEVICE, 1);
	outer_pause(p.d.o);
	end_send(&p.m, 50 * MB);
	run_for(300);
	start = clock_mono_ms();
	relay_close(relay, on_relay_closed, NULL);
	assert_true(run_until(is_relay_gone, NULL, 6000));
	assert_true(clock_mono_ms() - start < 5500);
	end_close(&p.m);
	end_close(&p.d);
	end_close(&waiting);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int group_setup(void **state)
{
	(void)state;
	log_init(LOG_WARN);
	assert_int_equal(tls_global_init(), 0);
	domain_make(&domain);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	domain_free(&domain);
	tls_global_deinit();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_streams_are_exact_in_both_directions),
		TEST(test_what_waits_is_delivered_later),
		TEST(test_what_was_sent_before_the_end_is_delivered),
		TEST(test_a_receiver_that_stops_stops_the_sender),
		TEST(test_a_stalled_session_does_not_touch_another),
		TEST(test_a_sender_that_dies_while_the_other_is_stalled),
		TEST(test_replays_are_refused),
		TEST(test_a_newer_leg_takes_over_the_waiting_place),
		TEST(test_a_newer_leg_dissolves_the_pair),
		TEST(test_a_waiting_leg_that_goes_is_noticed),
		TEST(test_an_ended_session_is_cut_and_stays_out),
		TEST(test_tokens_that_are_not_good),
		TEST(test_a_token_of_another_key),
		TEST(test_a_token_opens_its_own_session_and_role_only),
		TEST(test_full),
		TEST(test_expiry_ends_a_running_session),
		TEST(test_probe_and_wrong_requests),
		TEST(test_garbage_on_every_layer),
		TEST(test_who_does_not_come_to_the_point_is_closed),
		TEST(test_too_many_strangers),
		TEST(test_stop_ends_legs_in_order),
		TEST(test_stop_has_an_end),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
