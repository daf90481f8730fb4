/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sockets of DNS, asked by sockets of ours. The answer is the message backwards. */
#include "tests/unit/pure_test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/file.h"
#include "vpnd/dns_server.h"

#define WAIT_MS 10000
#define LONG_ANSWER 60000

static uv_loop_t loop;
static struct dns_server *server;
static struct opt_listens where;

/* 'x' gets none, 'L' a long one. */
static size_t answer(void *arg, const uint8_t *message, size_t n, bool tcp, uint8_t *out,
		     size_t size)
{
	assert_ptr_equal(arg, &where);
	assert_int_equal(size, UINT16_MAX);
	if (n == 0 || message[0] == 'x')
		return 0;
	if (message[0] == 'L') {
		memset(out, tcp ? 't' : 'u', LONG_ANSWER);
		return LONG_ANSWER;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = message[n - 1 - i];
	return n;
}

static struct sockaddr_in address(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(where.at[0].port)};

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

/* Free for both. */
static void choose_port(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int tcp, udp;

	do {
		where.at[0].port = 0;
		a = address();
		tcp = socket(AF_INET, SOCK_STREAM, 0);
		udp = socket(AF_INET, SOCK_DGRAM, 0);
		assert_int_equal(bind(tcp, (struct sockaddr *)&a, sizeof(a)), 0);
		assert_int_equal(getsockname(tcp, (struct sockaddr *)&a, &len), 0);
		where.at[0].port = ntohs(a.sin_port);
		if (bind(udp, (struct sockaddr *)&a, sizeof(a)) != 0)
			where.at[0].port = 0;
		close(tcp);
		close(udp);
	} while (where.at[0].port == 0);
}

static void open_server(void)
{
	struct dns_server_config config = {.where = &where, .answer = answer, .arg = &where};

	assert_int_equal(dns_server_open(&server, &loop, &config), 0);
	assert_non_null(server);
}

static int setup(void **state)
{
	dns_server_times = (struct dns_server_times){.idle_ms = 60000, .retry_ms = 20};
	assert_int_equal(uv_loop_init(&loop), 0);
	where.n = 1;
	assert_int_equal(addr_parse(&where.at[0].addr, "127.0.0.1"), 0);
	choose_port();
	open_server();
	return 0;
}

static int teardown(void **state)
{
	dns_server_close(server);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	return 0;
}

static void turn(void)
{
	uv_run(&loop, UV_RUN_NOWAIT);
	usleep(200);
}

static int client(int type)
{
	struct sockaddr_in a = address();
	int fd = socket(AF_INET, type, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* Return: what came; 0 the end. */
static size_t receive(int fd, char *out, size_t size)
{
	uint64_t end = clock_mono_ms() + WAIT_MS;
	ssize_t n;

	while ((n = recv(fd, out, size, MSG_DONTWAIT)) < 0 && errno == EAGAIN) {
		if (clock_mono_ms() > end)
			fail_msg("nothing came");
		turn();
	}
	return n > 0 ? (size_t)n : 0; /* a reset is an end, too */
}

static void receive_all(int fd, char *out, size_t size)
{
	for (size_t n, used = 0; used < size; used += n) {
		n = receive(fd, out + used, size - used);
		assert_true(n > 0);
	}
}

static void say(int fd, const void *bytes, size_t n)
{
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

static void udp(void **state)
{
	int fd = client(SOCK_DGRAM);
	char out[100];

	say(fd, "x", 1); /* no answer; the next one has */
	say(fd, "abc", 3);
	assert_int_equal(receive(fd, out, sizeof(out)), 3);
	assert_memory_equal(out, "cba", 3);
	say(fd, "", 0);
	say(fd, "de", 2);
	assert_int_equal(receive(fd, out, sizeof(out)), 2);
	close(fd);
}

/* Whole, in pieces, and several at once: answered in order. */
static void tcp(void **state)
{
	static const char three[] = "\0\2ab\0\1c\0\3def", answers[] = "\0\2ba\0\1c\0\3fed";
	int fd = client(SOCK_STREAM);
	char out[100];

	for (size_t piece = 1; piece < sizeof(three); piece++) {
		for (size_t at = 0; at < sizeof(three) - 1; at += piece) {
			size_t left = sizeof(three) - 1 - at;

			say(fd, three + at, left < piece ? left : piece);
			turn();
		}
		receive_all(fd, out, sizeof(answers) - 1);
		assert_memory_equal(out, answers, sizeof(answers) - 1);
	}
	close(fd);
}

static void long_answer(void **state)
{
	static char out[LONG_ANSWER + 2];
	int fd = client(SOCK_STREAM);

	say(fd, "\0\1L", 3);
	receive_all(fd, out, sizeof(out));
	assert_memory_equal(out, "\xea\x60tt", 4);
	assert_int_equal(out[LONG_ANSWER + 1], 't');
	close(fd);
}

static void ends(const char *bytes, size_t n)
{
	int fd = client(SOCK_STREAM);
	char out[100];

	say(fd, bytes, n);
	assert_int_equal(receive(fd, out, sizeof(out)), 0);
	close(fd);
}

static void what_ends_a_connection(void **state)
{
	ends("\0\1x", 3);  /* no answer to that */
	ends("\0\0", 2);   /* nothing asked */
	ends("\x10\1", 2); /* 4097 bytes */
	ends("\xff\xff", 2);
}

static void idle(void **state)
{
	int fd;
	char out[10];

	dns_server_times.idle_ms = 50;
	fd = client(SOCK_STREAM);
	say(fd, "\0", 1);
	assert_int_equal(receive(fd, out, sizeof(out)), 0);
	close(fd);
}

/* The one that is quiet longest gives way. */
static void many(void **state)
{
	int fd[DNS_SERVER_CONNECTIONS_MAX + 1];
	char out[10];

	for (size_t i = 0; i < DNS_SERVER_CONNECTIONS_MAX; i++) {
		fd[i] = client(SOCK_STREAM);
		say(fd[i], "\0\1a", 3);
		receive_all(fd[i], out, 3);
	}
	say(fd[0], "\0\1b", 3);
	receive_all(fd[0], out, 3);
	fd[DNS_SERVER_CONNECTIONS_MAX] = client(SOCK_STREAM);
	say(fd[DNS_SERVER_CONNECTIONS_MAX], "\0\1c", 3);
	receive_all(fd[DNS_SERVER_CONNECTIONS_MAX], out, 3);
	assert_int_equal(receive(fd[1], out, sizeof(out)), 0);
	say(fd[0], "\0\1d", 3);
	receive_all(fd[0], out, 3);
	for (size_t i = 0; i <= DNS_SERVER_CONNECTIONS_MAX; i++)
		close(fd[i]);
}

/* A client that takes no answers has none made beyond those that fit on the way, and holds nobody
 * up. */
static void takes_nothing(void **state)
{
	int greedy = client(SOCK_STREAM), other;
	char out[100];

	for (int i = 0; i < 2000; i++) {
		if (send(greedy, "\0\1L", 3, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		turn();
	}
	other = client(SOCK_STREAM);
	say(other, "\0\2ab", 4);
	receive_all(other, out, 4);
	assert_memory_equal(out, "\0\2ba", 4);
	close(greedy);
	close(other);
}

static void address_in_use(void **state)
{
	struct sockaddr_in a;
	uint64_t end = clock_mono_ms() + WAIT_MS;
	int on = 1, fd;
	char out[10];

	assert_true(dns_server_listening(server));
	dns_server_close(server);
	turn();
	a = address();
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	open_server();
	assert_false(dns_server_listening(server));
	for (int i = 0; i < 300; i++)
		turn();
	assert_false(dns_server_listening(server));
	close(fd);
	while (!dns_server_listening(server) && clock_mono_ms() < end)
		turn();
	fd = client(SOCK_DGRAM);
	say(fd, "ab", 2);
	assert_int_equal(receive(fd, out, sizeof(out)), 2);
	close(fd);
}

static void nowhere(void **state)
{
	struct opt_listens none = {.n = 0};
	struct dns_server_config config = {.where = &none, .answer = answer};
	struct dns_server *s;

	assert_int_equal(dns_server_open(&s, &loop, &config), 0);
	assert_null(s);
	assert_false(dns_server_listening(s));
	dns_server_close(s);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(udp),     TEST(tcp),  TEST(long_answer),	TEST(what_ends_a_connection),
		TEST(idle),    TEST(many), TEST(takes_nothing), TEST(address_in_use),
		TEST(nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
