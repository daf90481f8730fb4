/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * relay_rig - a relay in the test's process, and clients of it on loopback sockets of the same
 * loop. For one test program each: all is static.
 */
#ifndef FARLAN_TESTS_RELAY_RIG_H
#define FARLAN_TESTS_RELAY_RIG_H

#include "tests/unit/pure_test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/file.h"
#include "relayd/relay.h"
#include "tests/unit/relay_ends.h"

#define MB ((size_t)1 << 20)
#define KERNEL_BYTES (40 * MB) /* what two pairs of loopback sockets may hold, generously */

static struct domain domain;
static uv_loop_t loop;
static struct relay *relay;
static struct relay_common common;
static uv_poll_t accepting;
static int listen_fd;
static uint16_t port;
static bool relay_gone;

/* The relay and the loop */

static inline void on_acceptable(uv_poll_t *poll, int status, int events)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)poll;
	(void)status;
	(void)events;
	if (fd < 0)
		return;
	if (relay)
		relay_accept(relay, fd, false);
	else
		close(fd);
}

static inline void start_listening(void)
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

static inline int setup(void **state)
{
	struct relay_config config = {
		.self = domain.relay,
		.tls = domain.server,
		.n_token_keys = 1,
		.token_keys = {domain.key},
		.common = &common,
	};

	(void)state;
	relay_gone = false;
	relay_common_init(&common, 1, 8);
	assert_int_equal(limits_open(&common.limits, 0), 0);
	assert_int_equal(uv_loop_init(&loop), 0);
	start_listening();
	assert_int_equal(relay_open(&relay, &loop, &config), 0);
	return 0;
}

static inline void on_relay_closed(void *arg)
{
	(void)arg;
	relay_gone = true;
	relay = NULL;
}

static inline int teardown(void **state)
{
	(void)state;
	if (relay)
		relay_close(relay, on_relay_closed, NULL);
	uv_close((uv_handle_t *)&accepting, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	close(listen_fd);
	assert_true(relay_gone);
	assert_int_equal(uv_loop_close(&loop), 0);
	limits_close(common.limits);
	return 0;
}

static inline void on_wake(uv_timer_t *timer)
{
	(void)timer;
}

/* Run the loop until @done says so. Return: it did within @ms. */
static inline bool run_until(bool (*done)(void *arg), void *arg, uint64_t ms)
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

static inline bool never(void *arg)
{
	(void)arg;
	return false;
}

static inline void run_for(uint64_t ms)
{
	(void)run_until(never, NULL, ms);
}

static inline bool is_open(void *arg)
{
	const struct end *e = arg;

	return e->open || e->closed;
}

static inline bool is_closed(void *arg)
{
	return ((const struct end *)arg)->closed;
}

struct pair {
	struct end m, d;
};

static inline bool all_arrived(void *arg)
{
	const struct pair *p = arg;

	return p->m.received == p->d.goal && p->d.received == p->m.goal;
}

/* Dialling */

static inline void dial_token(struct end *e, const char *token, uint64_t generation)
{
	char headers[PASETO_TOKEN_SIZE + 100];

	snprintf(headers, sizeof(headers),
		 "Authorization: Bearer %s\r\nFarlan-Generation: %llu\r\n", token,
		 (unsigned long long)generation);
	end_dial(e, &loop, &domain, port, "/v1/session", headers);
}

static inline void dial(struct end *e, unsigned int session, enum token_role role,
			uint64_t generation)
{
	char token[PASETO_TOKEN_SIZE];

	*e = (struct end){.tag = role == TOKEN_MANAGER ? 0x11 : 0x77};
	e->peer_tag = 0x11 ^ 0x77 ^ e->tag;
	domain_token(&domain,
		     &(struct claims){.session = session, .role = role, .from_s = 0, .to_s = 3600},
		     token);
	dial_token(e, token, generation);
}

static inline void dial_open(struct end *e, unsigned int session, enum token_role role,
			     uint64_t generation)
{
	dial(e, session, role, generation);
	assert_true(run_until(is_open, e, 5000));
	assert_true(e->open);
}

static inline void dial_pair(struct pair *p, unsigned int session)
{
	dial_open(&p->m, session, TOKEN_MANAGER, 1);
	dial_open(&p->d, session, TOKEN_DEVICE, 1);
}

/* The answer to a dial that is refused. */
static inline void expect_refused(struct end *e, const char *status)
{
	char want[40];

	assert_true(run_until(is_closed, e, 5000));
	snprintf(want, sizeof(want), "answered %s", status);
	if (!strstr(e->reason, want))
		fail_msg("wanted %s, got: %s", want, e->reason);
}

static inline void close_end(struct end *e)
{
	end_close(e);
	if (e->o)
		assert_true(run_until(is_closed, e, 7000));
}

static inline void close_pair(struct pair *p)
{
	close_end(&p->m);
	if (p->d.o)
		assert_true(run_until(is_closed, &p->d, 7000));
}

static inline bool no_legs(void *arg)
{
	(void)arg;
	return relay->n_legs == 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static inline int group_setup(void **state)
{
	(void)state;
	log_init(LOG_WARN);
	assert_int_equal(tls_global_init(), 0);
	domain_make(&domain);
	return 0;
}

static inline int group_teardown(void **state)
{
	(void)state;
	domain_free(&domain);
	tls_global_deinit();
	return 0;
}

#endif
