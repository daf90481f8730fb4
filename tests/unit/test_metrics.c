/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server of metrics, asked by sockets of ours. */
#include "tests/unit/pure_test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/metrics.h"

#define WAIT_MS 10000
#define ANSWER_SIZE 65536

static const struct metrics_times usual = {
	.head_ms = 60000, .idle_ms = 60000, .answer_ms = 60000, .linger_ms = 60000, .retry_ms = 20};

static uv_loop_t loop;
static struct metrics *server;
static struct opt_listens where;
static size_t extra_lines;

static void write_some(void *arg, struct expo *e)
{
	static const struct expo_family family = {"farlan_test", NULL, "A test.", EXPO_COUNTER};

	assert_ptr_equal(arg, &where);
	expo_family(e, &family);
	expo_sample(e, 42, NULL, 0);
	for (size_t i = 0; i < extra_lines; i++)
		expo_sample(e, 1e300, NULL, 0);
}

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

static int open_server(void **state)
{
	struct metrics_config config = {
		.program = "tested", .where = &where, .write = write_some, .arg = &where};

	metrics_times = usual;
	extra_lines = 0;
	assert_int_equal(uv_loop_init(&loop), 0);
	where.n = 1;
	assert_int_equal(addr_parse(&where.at[0].addr, "127.0.0.1"), 0);
	where.at[0].port = free_port();
	assert_int_equal(metrics_open(&server, &loop, &config), 0);
	assert_non_null(server);
	return 0;
}

static int close_server(void **state)
{
	metrics_close(server);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	return 0;
}

/* --- a client --- */

struct client {
	int fd;
	char answer[ANSWER_SIZE];
	size_t n;
	bool ended, reset;
};

static void turn(void)
{
	uv_run(&loop, UV_RUN_NOWAIT);
	usleep(200);
}

static struct client *client_new(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(where.at[0].port)};
	struct client *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return c;
}

static void client_free(struct client *c)
{
	close(c->fd);
	free(c);
}

static void client_send(const struct client *c, const char *bytes, size_t n)
{
	assert_int_equal(send(c->fd, bytes, n, MSG_NOSIGNAL), n);
}

static void client_say(const struct client *c, const char *text)
{
	client_send(c, text, strlen(text));
}

static void client_read(struct client *c)
{
	ssize_t n = recv(c->fd, c->answer + c->n, sizeof(c->answer) - 1 - c->n, MSG_DONTWAIT);

	if (n > 0)
		c->n += (size_t)n;
	else if (n == 0)
		c->ended = true;
	else if (errno != EAGAIN)
		c->ended = c->reset = true;
	c->answer[c->n] = '\0';
}

/* The length of the answer at the front, once it is whole; else 0. */
static size_t whole(const struct client *c, bool head_only)
{
	const char *end = strstr(c->answer, "\r\n\r\n"),
		   *length = strstr(c->answer, "Content-Length: ");
	size_t head, body;

	if (!end || !length)
		return 0;
	head = (size_t)(end - c->answer) + 4;
	body = head_only ? 0 : (size_t)atoi(length + 16);
	return c->n >= head + body ? head + body : 0;
}

static size_t client_wait(struct client *c, bool head_only)
{
	uint64_t end = clock_mono_ms() + WAIT_MS;

	while (!c->ended && whole(c, head_only) == 0 && clock_mono_ms() < end) {
		turn();
		client_read(c);
	}
	assert_true(whole(c, head_only) > 0);
	return whole(c, head_only);
}

static void client_wait_end(struct client *c)
{
	uint64_t end = clock_mono_ms() + WAIT_MS;

	while (!c->ended && clock_mono_ms() < end) {
		turn();
		client_read(c);
	}
	assert_true(c->ended);
}

static void drop_front(struct client *c, size_t n)
{
	memmove(c->answer, c->answer + n, c->n - n + 1);
	c->n -= n;
}

static bool has(const struct client *c, const char *part)
{
	return strstr(c->answer, part) != NULL;
}

/* Say @request, expect one answer that begins so; the connection ends after it, or stays. */
static void expect(const char *request, const char *status, bool ends)
{
	struct client *c = client_new();

	client_say(c, request);
	client_wait(c, false);
	if (strncmp(c->answer, status, strlen(status)) != 0)
		fail_msg("%s\nis answered with %s", request, c->answer);
	assert_true(has(c, "Connection: close\r\n") == ends);
	if (ends) {
		client_wait_end(c);
		assert_false(c->reset);
	}
	client_free(c);
}

/* --- tests --- */

#define GET "GET /metrics HTTP/1.1\r\nHost: x\r\n"

static void both_forms(void **state)
{
	struct client *c = client_new();

	client_say(c, GET "\r\n");
	drop_front(c, client_wait(c, false) - 1); /* the last byte, to look at */
	assert_string_equal(c->answer, "\n");
	drop_front(c, 1);
	client_say(c, GET "Accept: text/plain\r\n\r\n");
	client_wait(c, false);
	assert_true(has(c, "HTTP/1.1 200 OK\r\n"));
	assert_true(has(c, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_true(has(c, "\r\n\r\n# HELP farlan_build_info "));
	assert_true(
		has(c, "farlan_build_info{program=\"tested\",version=\"" FARLAN_VERSION "\"} 1\n"));
	assert_true(has(c, "# TYPE farlan_test_total counter\nfarlan_test_total 42\n"));
	assert_true(has(c, "farlan_metrics_answers_total{code=\"200\"} 1\n"));
	assert_false(has(c, "# EOF"));
	drop_front(c, client_wait(c, false));
	client_say(c, GET "Accept: application/openmetrics-text\r\n\r\n");
	client_wait(c, false);
	assert_true(has(c, "Content-Type: application/openmetrics-text; version=1.0.0; "
			   "charset=utf-8\r\n"));
	assert_true(has(c, "# TYPE farlan_test counter\nfarlan_test_total 42\n"));
	assert_true(has(c, "\n# EOF\n"));
	drop_front(c, client_wait(c, false));
	assert_int_equal(c->n, 0);
	assert_false(c->ended);
	client_free(c);
}

/* Return: the value behind @name at the beginning of a line. */
static double value(const struct client *c, const char *name)
{
	char line[100];
	const char *at;

	snprintf(line, sizeof(line), "\n%s ", name);
	at = strstr(c->answer, line);
	assert_non_null(at);
	return strtod(at + strlen(line), NULL);
}

static void the_process(void **state)
{
	struct client *c = client_new();
	int64_t now = clock_wall_s();

	client_say(c, GET "Connection: close\r\n\r\n");
	client_wait(c, false);
	assert_true(value(c, "process_cpu_seconds_total") >= 0);
	assert_true(value(c, "process_resident_memory_bytes") > 100000);
	assert_true(value(c, "process_virtual_memory_bytes") >=
		    value(c, "process_resident_memory_bytes"));
	assert_true(value(c, "process_open_fds") > 3 &&
		    value(c, "process_open_fds") <= value(c, "process_max_fds"));
	assert_true(value(c, "process_start_time_seconds") <= (double)now &&
		    value(c, "process_start_time_seconds") > (double)(now - 600));
	client_wait_end(c);
	client_free(c);
}

static void only_the_head(void **state)
{
	struct client *c = client_new();
	const char *length;

	client_say(c, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
		      "HEAD /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	client_wait(c, true);
	length = strstr(c->answer, "Content-Length: ");
	assert_non_null(length);
	assert_true(atoi(length + 16) > 1000);
	client_wait_end(c);
	drop_front(c, whole(c, true));
	assert_memory_equal(c->answer, "HTTP/1.1 404 ", 13); /* at once behind the first head */
	drop_front(c, whole(c, true));
	assert_int_equal(c->n, 0);
	client_free(c);
}

static void what_is_refused(void **state)
{
	char head[9000];
	size_t n;

	expect("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 ", false);
	expect("GET /metricsx HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 ", false);
	expect("GET /metrics/ HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 ", false);
	expect("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 ",
	       false);
	expect("get /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 ", false);
	expect("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /",
	       "HTTP/1.1 405 ", true);
	expect(GET "Content-Length: 3\r\n\r\nabc", "HTTP/1.1 400 ", true);
	expect(GET "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400 ", true);
	expect("GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", true);
	expect(GET "Host: y\r\n\r\n", "HTTP/1.1 400 ", true);
	expect("GET /metrics HTTP/2.0\r\n\r\n", "HTTP/1.1 400 ", true);
	expect("HTTP/1.1 200 OK\r\nHost: x\r\n\r\n", "HTTP/1.1 400 ", true);
	expect("\x16\x03\x01\x02", "HTTP/1.1 400 ", true);
	expect("GET /metrics\n\n", "HTTP/1.1 400 ", true);
	n = (size_t)snprintf(head, sizeof(head), GET "X: ");
	memset(head + n, 'x', sizeof(head) - n);
	head[sizeof(head) - 1] = '\0';
	expect(head, "HTTP/1.1 431 ", true);
}

static void what_is_taken(void **state)
{
	expect("GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", false);
	expect("GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ", true);
	expect(GET "Connection: Close\r\n\r\n", "HTTP/1.1 200 ", true);
	expect(GET "Content-Length: 0\r\n\r\n", "HTTP/1.1 200 ", false);
}

static void byte_by_byte(void **state)
{
	static const char text[] = GET "\r\n" GET "Connection: close\r\n\r\n";
	struct client *c = client_new();

	for (size_t i = 0; text[i]; i++) {
		client_send(c, &text[i], 1);
		turn();
		client_read(c);
	}
	client_wait_end(c);
	drop_front(c, whole(c, false));
	assert_true(whole(c, false) == c->n && c->n > 0);
	client_free(c);
}

static void many_at_once_in_one_piece(void **state)
{
	char text[sizeof(GET) * 20] = "";
	struct client *c = client_new();

	for (int i = 0; i < 15; i++)
		strcat(text, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	client_say(c, text);
	for (int i = 0; i < 15; i++)
		drop_front(c, client_wait(c, true));
	assert_int_equal(c->n, 0);
	client_free(c);
}

static void who_is_slow_is_closed(void **state)
{
	struct client *c = client_new();

	metrics_times.head_ms = 30;
	client_say(c, GET);
	client_wait_end(c);
	assert_int_equal(c->n, 0);
	client_free(c);
	metrics_times = usual;
	metrics_times.idle_ms = metrics_times.linger_ms = 30;
	c = client_new();
	client_say(c, GET "\r\n");
	client_wait(c, false);
	client_wait_end(c);
	client_free(c);
	c = client_new(); /* it does not close its side after the answer */
	client_say(c, "x\n");
	client_wait_end(c);
	assert_true(has(c, "HTTP/1.1 400 "));
	client_free(c);
}

static void crowds_keep_nobody_out(void **state)
{
	struct client *crowd[METRICS_CONNECTIONS_MAX * 3];
	const size_t n = sizeof(crowd) / sizeof(crowd[0]);
	size_t ended = 0;

	for (size_t i = 0; i < n; i++) {
		crowd[i] = client_new();
		client_say(crowd[i], "GET /metr");
		turn();
	}
	expect(GET "\r\n", "HTTP/1.1 200 ", false);
	for (size_t i = 0; i < n; i++) {
		client_read(crowd[i]);
		ended += crowd[i]->ended;
	}
	assert_int_equal(ended, n - METRICS_CONNECTIONS_MAX + 1);
	for (size_t i = 0; i < n; i++)
		client_free(crowd[i]);
}

static void a_text_beyond_the_cap(void **state)
{
	extra_lines = METRICS_TEXT_MAX_BYTES / 20;
	expect(GET "\r\n", "HTTP/1.1 500 ", false);
	extra_lines = 0;
	expect(GET "\r\n", "HTTP/1.1 200 ", false);
}

/* More than the socket takes, and nobody reads it. */
static void an_answer_that_is_not_taken(void **state)
{
	struct client *c = client_new();
	uint64_t end = clock_mono_ms() + WAIT_MS;
	char text[100];
	ssize_t n = 1;

	metrics_times.answer_ms = 30;
	extra_lines = METRICS_TEXT_MAX_BYTES / 60;
	for (int i = 0; i < 20; i++)
		(void)!send(c->fd, GET "\r\n", sizeof(GET "\r\n") - 1, MSG_NOSIGNAL);
	for (int i = 0; i < 500; i++)
		turn();
	while (n > 0 && clock_mono_ms() < end) /* what was sent until then, and the end */
		n = recv(c->fd, text, sizeof(text), 0);
	assert_true(n <= 0);
	client_free(c);
}

static void an_address_that_comes_late(void **state)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(free_port())};
	struct metrics_config config = {
		.program = "tested", .where = &where, .write = write_some, .arg = &where};
	struct metrics *other;
	json_t *status = json_object();
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	where.at[0].port = ntohs(addr.sin_port);
	assert_int_equal(metrics_open(&other, &loop, &config), 0);
	metrics_status(other, status);
	assert_true(
		json_is_false(json_object_get(json_object_get(status, "metrics"), "listening")));
	close(fd);
	for (uint64_t end = clock_mono_ms() + WAIT_MS; clock_mono_ms() < end;) {
		turn();
		metrics_status(other, status);
		if (json_is_true(json_object_get(json_object_get(status, "metrics"), "listening")))
			break;
	}
	expect(GET "\r\n", "HTTP/1.1 200 ", false);
	json_decref(status);
	metrics_close(other);
}

static void none_where_none_is_asked_for(void **state)
{
	struct opt_listens none = {0};
	struct metrics_config config = {.program = "tested", .where = &none, .write = write_some};
	struct metrics *other = server;
	json_t *status = json_object();

	assert_int_equal(metrics_open(&other, &loop, &config), 0);
	assert_null(other);
	metrics_status(NULL, status);
	assert_int_equal(json_object_size(status), 0);
	metrics_close(NULL);
	json_decref(status);
}

static void closing_with_connections(void **state)
{
	struct client *c = client_new();

	client_say(c, GET "\r\n");
	client_wait(c, false);
	client_say(c, "GET /me");
	turn();
	metrics_close(server);
	client_wait_end(c);
	client_free(c);
	server = NULL;
}

static void what_the_option_takes(void **state)
{
	static const struct {
		const char *text, *printed; /* NULL: refused */
	} cases[] = {
		{"", ""},
		{"9470", "127.0.0.1:9470"},
		{"127.0.0.1:9470, [::1]:9470", "127.0.0.1:9470, [::1]:9470"},
		{"0.0.0.0:1, [::]:2, 192.0.2.1:3", "0.0.0.0:1, [::]:2, 192.0.2.1:3"},
		{"localhost:9470", NULL},
		{"::1:9470", NULL},
		{"127.0.0.1", NULL},
		{"127.0.0.1:0", NULL},
		{"127.0.0.1:65536", NULL},
	};
	struct opt_listens l;
	char text[200];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *wrong;

		memset(&l, 0, sizeof(l));
		wrong = opt_parse_listen_here(NULL, cases[i].text, &l);
		assert_true((wrong == NULL) == (cases[i].printed != NULL));
		if (wrong)
			continue;
		opt_print_listen(NULL, &l, text, sizeof(text));
		assert_string_equal(text, cases[i].printed);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_server, close_server)
	const struct CMUnitTest tests[] = {
		TEST(both_forms),
		TEST(the_process),
		TEST(only_the_head),
		TEST(what_is_refused),
		TEST(what_is_taken),
		TEST(byte_by_byte),
		TEST(many_at_once_in_one_piece),
		TEST(who_is_slow_is_closed),
		TEST(crowds_keep_nobody_out),
		TEST(a_text_beyond_the_cap),
		TEST(an_answer_that_is_not_taken),
		TEST(an_address_that_comes_late),
		TEST(none_where_none_is_asked_for),
		TEST(closing_with_connections),
		cmocka_unit_test(what_the_option_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
