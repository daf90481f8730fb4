/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way to who hears of the audit's records ends well, wherever it is then. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "accessd/way.h"

#define FILL 8

static uv_loop_t loop;
static int listener, filling[FILL];
static unsigned int n_ready;

/* It listens and takes nobody: after a few, connections are neither made nor refused. */
static uint16_t open_full(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);

	listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
	for (int i = 0; i < FILL; i++) {
		filling[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(filling[i], (struct sockaddr *)&sin, sizeof(sin));
	}
	return ntohs(sin.sin_port);
}

static void on_ready(void *arg)
{
	(void)arg;
	n_ready++;
}

static void on_wake(uv_timer_t *t)
{
	uv_close((uv_handle_t *)t, NULL);
	uv_stop(t->loop);
}

static void run_for(unsigned int ms)
{
	uv_timer_t wake;

	uv_timer_init(&loop, &wake);
	uv_timer_start(&wake, on_wake, ms, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_run(&loop, UV_RUN_NOWAIT);
}

static void closed_while_it_connects(void **state)
{
	struct conf_syslog to = {.way = CONF_TCP};
	struct way *w;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	snprintf(to.at.host, sizeof(to.at.host), "127.0.0.1");
	to.at.port = open_full();
	assert_int_equal(way_open(&w, &loop, &to, on_ready, NULL), 0);
	run_for(50);
	assert_int_equal(n_ready, 0);
	way_close(w);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	for (int i = 0; i < FILL; i++)
		close(filling[i]);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed_while_it_connects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
