/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several relays in a process, each on a thread: legs meet at their session's home. */
#include "tests/unit/pure_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "relayd/workers.h"
#include "tests/unit/relay_ends.h"

#define WORKERS 3
#define SESSIONS 12
#define BYTES 300000

struct pair {
	struct end m, d;
};

static struct domain domain;
static uv_loop_t loop;
static struct workers *workers;
static struct opt_listens where;
static bool closed;
static struct pair pairs[SESSIONS];

static uint16_t free_port(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	close(fd);
	return ntohs(addr.sin_port);
}

static int open_workers(size_t max_sessions)
{
	struct workers_config config = {
		.tls = true,
		.n = WORKERS,
		.listen = &where,
		.outer_cert = &domain.outer_cert,
		.ca = &domain.ca,
		.key = &domain.relay_key,
		.relay.self = domain.relay,
		.relay.n_token_keys = 1,
		.relay.token_keys = {domain.key},
		.max_sessions = max_sessions,
	};

	return workers_open(&workers, &loop, &config);
}

static int setup(void **state)
{
	(void)state;
	closed = false;
	memset(pairs, 0, sizeof(pairs));
	where.n = 1;
	assert_int_equal(addr_parse(&where.at[0].addr, "127.0.0.1"), 0);
	where.at[0].port = free_port();
	assert_int_equal(uv_loop_init(&loop), 0);
	return open_workers(SESSIONS);
}

static void on_closed(void *arg)
{
	(void)arg;
	closed = true;
	workers = NULL;
}

static int teardown(void **state)
{
	(void)state;
	if (workers)
		workers_close(workers, on_closed, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_true(closed);
	return uv_loop_close(&loop);
}

static void on_wake(uv_timer_t *timer)
{
	(void)timer;
}

static bool run_until(bool (*done)(void *arg), void *arg)
{
	uint64_t end = clock_mono_ms() + 20000;
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

static void dial(struct end *e, unsigned int session, enum token_role role)
{
	char token[PASETO_TOKEN_SIZE], headers[PASETO_TOKEN_SIZE + 100];

	*e = (struct end){.tag = role == TOKEN_MANAGER ? 0x11 : 0x77, .noise = session};
	e->peer_tag = 0x11 ^ 0x77 ^ e->tag;
	domain_token(&domain,
		     &(struct claims){.session = session, .role = role, .from_s = 0, .to_s = 3600},
		     token);
	snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\nFarlan-Generation: 1\r\n",
		 token);
	end_dial(e, &loop, &domain, where.at[0].port, "/v1/session", headers);
}

/* Session ids of relay_ends.h begin with the number, which decides on the home. */
static void dial_all(void)
{
	for (unsigned int i = 0; i < SESSIONS; i++) {
		dial(&pairs[i].m, i, TOKEN_MANAGER);
		dial(&pairs[i].d, i, TOKEN_DEVICE);
	}
}

static bool settled(const struct end *e)
{
	return e->open || e->closed;
}

static bool all_settled(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < SESSIONS; i++) {
		if (!settled(&pairs[i].m) || !settled(&pairs[i].d))
			return false;
	}
	return true;
}

static bool all_arrived(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < SESSIONS; i++) {
		if (pairs[i].m.received != BYTES || pairs[i].d.received != BYTES)
			return false;
	}
	return true;
}

static bool all_closed(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < SESSIONS; i++) {
		if (!pairs[i].m.closed || !pairs[i].d.closed)
			return false;
	}
	return true;
}

static void add(struct relay *r, void *arg)
{
	relay_count(r, arg);
}

static struct relay_counts count(void)
{
	struct relay_counts sum = {0};

	workers_ask_all(workers, add, &sum);
	return sum;
}

static bool no_sessions(void *arg)
{
	(void)arg;
	return count().sessions == 0;
}

static void close_all(void)
{
	for (size_t i = 0; i < SESSIONS; i++) {
		end_close(&pairs[i].m);
		end_close(&pairs[i].d);
	}
	assert_true(run_until(all_closed, NULL));
}

static void count_homes(struct relay *r, void *arg)
{
	unsigned int *at = arg;

	if (r->pairs.n_ends[PAIR_JOINED] == 2 * r->pairs.n_live)
		at[r->config.index] = (unsigned int)r->pairs.n_live;
}

static void test_both_legs_meet_wherever_they_came_in(void **state)
{
	unsigned int at[WORKERS] = {0};
	struct relay_counts n;

	(void)state;
	dial_all();
	assert_true(run_until(all_settled, NULL));
	for (size_t i = 0; i < SESSIONS; i++) {
		assert_true(pairs[i].m.open && pairs[i].d.open);
		end_send(&pairs[i].m, BYTES);
		end_send(&pairs[i].d, BYTES);
	}
	assert_true(run_until(all_arrived, NULL));
	workers_ask_all(workers, count_homes, at);
	n = count();
	assert_int_equal(n.joined, SESSIONS);
	assert_int_equal(n.sessions, SESSIONS);
	assert_int_equal(n.unknown, 0);
	assert_int_equal(n.legs, 2 * SESSIONS);
	assert_int_equal(n.bytes, 2ull * SESSIONS * BYTES);
	/* The numbers 0 to 11 in little-endian order: four at each. */
	for (size_t i = 0; i < WORKERS; i++)
		assert_int_equal(at[i], SESSIONS / WORKERS);
	/* 24 connections that all came in at their home by chance: once in 3^24. */
	assert_true(n.moved_total > 0);
	close_all();
	for (size_t i = 0; i < SESSIONS; i++)
		assert_false(pairs[i].m.wrong || pairs[i].d.wrong);
	assert_true(run_until(no_sessions, NULL));
}

static void test_the_cap_counts_the_sessions_of_all(void **state)
{
	struct end more;
	char want[] = "answered 503";

	(void)state;
	dial_all();
	assert_true(run_until(all_settled, NULL));
	for (unsigned int i = 0; i < WORKERS; i++) {
		uint64_t end = clock_mono_ms() + 10000;

		dial(&more, SESSIONS + i, TOKEN_MANAGER);
		while (!more.closed && clock_mono_ms() < end)
			uv_run(&loop, UV_RUN_ONCE);
		assert_non_null(strstr(more.reason, want));
	}
	close_all();
	assert_true(run_until(no_sessions, NULL));
	dial(&pairs[0].m, SESSIONS + 5, TOKEN_MANAGER);
	dial(&pairs[0].d, SESSIONS + 5, TOKEN_DEVICE);
	assert_true(run_until(all_settled, NULL));
	assert_true(pairs[0].m.open && pairs[0].d.open);
	close_all();
}

static void end_one(struct relay *r, void *arg)
{
	relay_end_session(r, arg);
}

static bool pair_closed(void *arg)
{
	const struct pair *p = arg;

	return p->m.closed && p->d.closed;
}

static void test_an_ended_session_ends_at_its_home(void **state)
{
	uint8_t id[PAIR_ID_BYTES];

	(void)state;
	dial_all();
	assert_true(run_until(all_settled, NULL));
	domain_session_id(7, id);
	workers_ask_all(workers, end_one, id);
	assert_true(run_until(pair_closed, &pairs[7]));
	assert_int_equal(count().sessions, SESSIONS - 1);
	dial(&pairs[7].m, 7, TOKEN_MANAGER);
	assert_true(run_until(all_settled, NULL));
	assert_non_null(strstr(pairs[7].m.reason, "answered 403"));
	close_all();
}

/* At any moment of a leg's way: handshakes, moves, waiting. */
static void test_closing_while_legs_arrive_and_move(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 8; round++) {
		uint64_t end = clock_mono_ms() + 4 * round;

		if (!workers)
			assert_int_equal(open_workers(SESSIONS), 0);
		dial_all();
		while (clock_mono_ms() < end)
			uv_run(&loop, UV_RUN_NOWAIT);
		workers_close(workers, on_closed, NULL);
		close_all();
		while (workers)
			uv_run(&loop, UV_RUN_ONCE);
	}
}

static void test_ports_that_another_program_has_are_refused(void **state)
{
	struct workers *first = workers;

	(void)state;
	assert_int_equal(open_workers(SESSIONS), -EADDRINUSE);
	assert_ptr_equal(workers, first);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int group_setup(void **state)
{
	(void)state;
	log_init(LOG_ERROR);
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
		TEST(test_both_legs_meet_wherever_they_came_in),
		TEST(test_the_cap_counts_the_sessions_of_all),
		TEST(test_an_ended_session_ends_at_its_home),
		TEST(test_closing_while_legs_arrive_and_move),
		TEST(test_ports_that_another_program_has_are_refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
