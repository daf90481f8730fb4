/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "common/io/ctl.h"
#include "common/io/file.h"
#include "common/pure/msg.h"
#include "common/pure/rpcmsg.h"

static char dir[64], path[128], text[8192];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/farlan-ctl-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/d.sock", dir);
	unsetenv("FARLAN_SOCKET");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

/* --- a daemon that plays a script: after each request it sends the next piece --- */

struct script {
	int listener;
	size_t n;
	struct {
		const void *bytes;
		size_t len;
	} send[8];
	bool stay;    /* open after the last piece, until the tool closes */
	size_t chunk; /* bytes at a time; 0: all */
	pthread_t thread;
	char got[8][200]; /* the requests */
};

static bool read_exactly(int fd, void *out, size_t n)
{
	return n == 0 || recv(fd, out, n, MSG_WAITALL) == (ssize_t)n;
}

static bool take_request(int fd, char out[200])
{
	uint8_t header[MSG_HEADER_BYTES];
	size_t n;

	if (!read_exactly(fd, header, sizeof(header)))
		return false;
	n = (size_t)header[2] << 8 | header[3];
	if (n >= 200)
		return false;
	out[n] = '\0';
	return read_exactly(fd, out, n);
}

static void *play(void *arg)
{
	struct script *s = arg;
	int fd = accept(s->listener, NULL, NULL);
	char c;

	for (size_t i = 0; i < s->n && take_request(fd, s->got[i]); i++) {
		size_t chunk = s->chunk ? s->chunk : s->send[i].len, at;

		for (at = 0; at < s->send[i].len; at += chunk) {
			size_t n = s->send[i].len - at < chunk ? s->send[i].len - at : chunk;

			if (send(fd, (const char *)s->send[i].bytes + at, n, MSG_NOSIGNAL) < 0)
				break;
			if (s->chunk)
				usleep(200);
		}
	}
	if (s->stay && recv(fd, &c, 1, 0) < 0)
		perror("recv");
	close(fd);
	return NULL;
}

static struct ctl *begin(struct script *s)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct ctl *c = NULL;

	memcpy(addr.sun_path, path, strlen(path) + 1);
	unlink(path);
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(s->listener, 4), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, play, s), 0);
	assert_int_equal(ctl_open(&c, NULL, path), 0);
	return c;
}

static void end(struct script *s, struct ctl *c)
{
	ctl_close(c);
	pthread_join(s->thread, NULL);
	close(s->listener);
}

/* Append a message to @out. Return: all bytes in it. */
static size_t add(uint8_t *out, size_t used, const char *json)
{
	msg_header_encode(out + used, strlen(json));
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): there is no NUL on the wire */
	memcpy(out + used + MSG_HEADER_BYTES, json, strlen(json));
	return used + MSG_HEADER_BYTES + strlen(json);
}

static char words[100];

static int call(struct ctl *c, int timeout_ms, json_t **result)
{
	return ctl_call(c, "m", json_pack("{s:i}", "k", 1), timeout_ms, NULL, NULL, result, words,
			sizeof(words));
}

static void result_and_wire(void **state)
{
	struct script s = {.n = 1, .stay = true};
	uint8_t bytes[200];
	json_t *result;
	struct ctl *c;

	(void)state;
	s.send[0].bytes = bytes;
	s.send[0].len = add(bytes, 0, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":[1]}}");
	c = begin(&s);
	assert_int_equal(call(c, 5000, &result), 0);
	assert_int_equal(json_array_size(json_object_get(result, "a")), 1);
	json_decref(result);
	end(&s, c);
	assert_string_equal(s.got[0],
			    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":{\"k\":1}}");
}

static void errors_in_words(void **state)
{
	struct script s = {.n = 3, .stay = true};
	uint8_t bytes[3][200];
	json_t *result;
	struct ctl *c;

	(void)state;
	s.send[0].bytes = bytes[0];
	s.send[0].len = add(bytes[0], 0,
			    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":2,\"message\":"
			    "\"no\\u001b[31m\"}}");
	s.send[1].bytes = bytes[1];
	s.send[1].len =
		add(bytes[1], 0,
		    "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":0,\"message\":\"zero\"}}");
	s.send[2].bytes = bytes[2];
	s.send[2].len = add(bytes[2], 0,
			    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,"
			    "\"message\":\"bad\"}}");
	c = begin(&s);
	assert_int_equal(call(c, 5000, &result), 2);
	assert_null(result);
	assert_string_equal(words, "no?[31m");
	assert_int_equal(call(c, 5000, &result), -32603);
	assert_string_equal(words, "zero");
	assert_int_equal(call(c, 5000, &result), -32700);
	end(&s, c);
}

static void count_notes(void *arg, const char *method, const json_t *params)
{
	int *n = arg;

	if (strcmp(method, "step") == 0)
		*n += (int)json_integer_value(json_object_get(params, "by"));
}

static void notifications_and_keepalives(void **state)
{
	struct script s = {.n = 1, .stay = true, .chunk = 1};
	uint8_t bytes[500];
	json_t *result;
	struct ctl *c;
	int n = 0;

	(void)state;
	s.send[0].bytes = bytes;
	s.send[0].len =
		add(bytes, 0, "{\"jsonrpc\":\"2.0\",\"method\":\"step\",\"params\":{\"by\":10}}");
	s.send[0].len = add(bytes, s.send[0].len, "");
	s.send[0].len = add(bytes, s.send[0].len,
			    "{\"jsonrpc\":\"2.0\",\"method\":\"step\",\"params\":{\"by\":1}}");
	s.send[0].len = add(bytes, s.send[0].len, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
	c = begin(&s);
	assert_int_equal(
		ctl_call(c, "m", NULL, 5000, count_notes, &n, &result, words, sizeof(words)), 0);
	assert_int_equal(n, 11);
	json_decref(result);
	end(&s, c);
	assert_string_equal(s.got[0], "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}");
}

static void timeout_then_next_call(void **state)
{
	struct script s = {.n = 2, .stay = true};
	uint8_t bytes[300];
	uint64_t t;
	json_t *result;
	struct ctl *c;

	(void)state;
	/* The first is answered too late, together with the second. */
	s.send[1].bytes = bytes;
	s.send[1].len = add(bytes, 0, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"n\":1}}");
	s.send[1].len =
		add(bytes, s.send[1].len, "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"n\":2}}");
	c = begin(&s);
	t = clock_mono_ms();
	assert_int_equal(call(c, 60, &result), RPC_TIMEOUT);
	assert_true(clock_mono_ms() - t >= 60 && clock_mono_ms() - t < 2000);
	assert_string_equal(words, "the daemon did not answer in time");
	assert_int_equal(call(c, -1, &result), 0);
	assert_int_equal(json_integer_value(json_object_get(result, "n")), 2);
	json_decref(result);
	end(&s, c);
}

/* The daemon sends @n bytes and is not trusted any more. */
static void check_lost(const void *bytes, size_t n, const char *want)
{
	struct script s = {.n = 1, .stay = n > 0};
	json_t *result;
	struct ctl *c;

	s.send[0].bytes = bytes;
	s.send[0].len = n;
	c = begin(&s);
	assert_int_equal(call(c, 5000, &result), RPC_CLOSED);
	assert_string_equal(words, want);
	assert_int_equal(call(c, 5000, &result), RPC_CLOSED);
	assert_string_equal(words, "the connection to the daemon is closed");
	end(&s, c);
}

static void strict(void **state)
{
	uint8_t bytes[100];

	(void)state;
	check_lost("", 0, "the daemon closed the connection");
	check_lost("\0\1\0\1", 4, "the daemon's answer is too long");
	check_lost("\377\377\377\377", 4, "the daemon's answer is too long");
	check_lost(bytes, add(bytes, 0, "{}"), "the daemon's answer cannot be read");
	check_lost(bytes, add(bytes, 0, "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}"),
		   "the daemon's answer belongs to no question");
	check_lost(bytes, add(bytes, 0, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}"),
		   "the daemon's answer belongs to no question");
}

static void every_truncation(void **state)
{
	uint8_t bytes[100];
	size_t n = add(bytes, 0, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");

	(void)state;
	for (size_t cut = 0; cut < n; cut++) {
		struct script s = {.n = 1};
		json_t *result;
		struct ctl *c;

		s.send[0].bytes = bytes;
		s.send[0].len = cut;
		c = begin(&s);
		assert_int_equal(call(c, 5000, &result), RPC_CLOSED);
		assert_string_equal(words, "the daemon closed the connection");
		end(&s, c);
	}
}

static void request_too_long(void **state)
{
	struct script s = {.n = 1, .stay = true};
	char *big = malloc(70000);
	uint8_t bytes[100];
	json_t *result;
	struct ctl *c;

	(void)state;
	assert_non_null(big);
	memset(big, 'x', 69999);
	big[69999] = '\0';
	s.send[0].bytes = bytes;
	s.send[0].len = add(bytes, 0, "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}");
	c = begin(&s);
	assert_int_equal(ctl_call(c, "m", json_pack("{s:s}", "x", big), 5000, NULL, NULL, &result,
				  words, sizeof(words)),
			 RPC_BAD_PARAMS);
	assert_int_equal(call(c, 5000, &result), 0);
	json_decref(result);
	free(big);
	end(&s, c);
}

/* --- what is printed --- */

static int saved_fd, capture_fd;
static FILE *captured;

static void capture_begin(int fd)
{
	fflush(NULL);
	captured = tmpfile();
	assert_non_null(captured);
	capture_fd = fd;
	saved_fd = dup(fd);
	assert_true(dup2(fileno(captured), fd) >= 0);
}

static void capture_end(void)
{
	ssize_t n;

	fflush(NULL);
	dup2(saved_fd, capture_fd);
	close(saved_fd);
	n = pread(fileno(captured), text, sizeof(text) - 1, 0);
	fclose(captured);
	assert_true(n >= 0);
	text[n] = '\0';
}

static void check_open(const char *given, const char *dflt, int error, const char *want)
{
	struct ctl *c = NULL;
	char line[400];

	capture_begin(STDERR_FILENO);
	assert_int_equal(ctl_open(&c, given, dflt), error);
	capture_end();
	assert_null(c);
	snprintf(line, sizeof(line), "%s: %s", program_invocation_short_name, want);
	assert_string_equal(text, line);
}

static void open_says_what_to_do(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char want[300], too_long[120];
	int fd;

	(void)state;
	snprintf(want, sizeof(want), "no daemon listens on %s: is it running?\n", path);
	check_open(path, "/x", -ENOENT, want);
	check_open(NULL, path, -ENOENT, want);
	/* A socket file that a dead daemon left. */
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	check_open(path, "/x", -ECONNREFUSED, want);
	close(fd);
	/* The environment's comes before the default, the given one before both. */
	setenv("FARLAN_SOCKET", "/nowhere/s", 1);
	check_open(NULL, path, -ENOENT, "no daemon listens on /nowhere/s: is it running?\n");
	check_open("/nowhere/t", path, -ENOENT,
		   "no daemon listens on /nowhere/t: is it running?\n");
	unsetenv("FARLAN_SOCKET");
	memset(too_long, 'x', 108);
	too_long[108] = '\0';
	snprintf(want, sizeof(want), "the socket's path is too long: %s\n", too_long);
	check_open(too_long, "/x", -ENAMETOOLONG, want);
	snprintf(want, sizeof(want), "cannot connect to /etc/passwd/x: Not a directory\n");
	check_open("/etc/passwd/x", NULL, -ENOTDIR, want);
}

static void tables(void **state)
{
	struct ctl_table *t;

	(void)state;
	t = ctl_table_new(3, (const char *const[]){"NAME", "STATE", "LAN"});
	ctl_table_row(t, (const char *const[]){"site1", "online", "192.168.1.0/24"});
	ctl_table_row(t, (const char *const[]){"Zürich", NULL, "x"});
	ctl_table_row(t, (const char *const[]){"工場", "off", ""});
	ctl_table_row(t, (const char *const[]){"e\xcc\x81vil\x1b[2J", "a\nb", "y"});
	ctl_table_row(t, (const char *const[]){"\xff\xe2\x82", "cut", "z"});
	capture_begin(STDOUT_FILENO);
	ctl_table_print(t);
	capture_end();
	assert_string_equal(text, "NAME      STATE   LAN\n"
				  "site1     online  192.168.1.0/24\n"
				  "Zürich            x\n"
				  "工場      off\n"
				  "e\xcc\x81vil?[2J  a?b     y\n"
				  "???       cut     z\n");
	capture_begin(STDOUT_FILENO);
	ctl_table_print(ctl_table_new(2, (const char *const[]){"NAME", "STATE"}));
	capture_end();
	assert_string_equal(text, "NAME  STATE\n");
}

static void json_and_bytes(void **state)
{
	static const struct {
		uint64_t n;
		const char *want;
	} sizes[] = {{0, "0 B"},
		     {999, "999 B"},
		     {1000, "1.0 kB"},
		     {1234567, "1.2 MB"},
		     {999949, "999.9 kB"},
		     {999950, "1.0 MB"},
		     {1500000000, "1.5 GB"},
		     {UINT64_MAX, "18.4 EB"}};
	json_t *o = json_pack("{s:i, s:[s]}", "a", 1, "b", "c");
	char out[20];

	(void)state;
	capture_begin(STDOUT_FILENO);
	ctl_print_json(o);
	capture_end();
	assert_string_equal(text, "{\n  \"a\": 1,\n  \"b\": [\n    \"c\"\n  ]\n}\n");
	json_decref(o);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ctl_bytes(out, sizeof(out), sizes[i].n);
		assert_string_equal(out, sizes[i].want);
	}
}

/* --- lines and secrets --- */

static void lines_from_a_pipe(void **state)
{
	static const char input[] = "first\nsec\0ret\nthird line\r\n12345678\n\n1234567\r\nlast";
	int p[2], saved = dup(STDIN_FILENO);
	char out[8];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], input, sizeof(input) - 1), sizeof(input) - 1);
	close(p[1]);
	assert_true(dup2(p[0], STDIN_FILENO) >= 0);
	close(p[0]);
	assert_int_equal(ctl_read_secret("? ", out, sizeof(out)), 0);
	assert_string_equal(out, "first");
	assert_int_equal(ctl_read_line("? ", out, sizeof(out)), -EILSEQ);
	assert_memory_equal(out, "\0\0\0\0\0\0\0\0", 8);
	assert_int_equal(ctl_read_secret("? ", out, sizeof(out)), -E2BIG);
	assert_memory_equal(out, "\0\0\0\0\0\0\0\0", 8);
	assert_int_equal(ctl_read_secret("? ", out, sizeof(out)), -E2BIG);
	assert_int_equal(ctl_read_secret("? ", out, sizeof(out)), 0);
	assert_string_equal(out, "");
	assert_int_equal(ctl_read_secret("? ", out, sizeof(out)), 0);
	assert_string_equal(out, "1234567");
	assert_int_equal(ctl_read_secret("? ", out, sizeof(out)), 0);
	assert_string_equal(out, "last");
	assert_int_equal(ctl_read_secret("? ", out, sizeof(out)), -ENODATA);
	assert_int_equal(ctl_read_line("? ", out, sizeof(out)), -ENODATA);
	dup2(saved, STDIN_FILENO);
	close(saved);
}

/* A child with a terminal of its own; says what it read on @report. */
static void child_reads(const char *tty, int report, bool secret)
{
	char out[32] = "", line[64];
	int fd, r, n;

	setsid();
	fd = open(tty, O_RDWR);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0)
		_exit(100);
	dup2(fd, STDIN_FILENO);
	r = secret ? ctl_read_secret("Password: ", out, sizeof(out))
		   : ctl_read_line("Name: ", out, sizeof(out));
	n = snprintf(line, sizeof(line), "%d %s", r, out);
	if (write(report, line, (size_t)n) != n)
		_exit(101);
	_exit(0);
}

struct terminal {
	int master, slave, report;
	pid_t pid;
};

static void terminal_open(struct terminal *t, bool secret)
{
	char name[64];
	int p[2];

	t->master = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(t->master >= 0);
	assert_int_equal(grantpt(t->master) + unlockpt(t->master), 0);
	assert_int_equal(ptsname_r(t->master, name, sizeof(name)), 0);
	t->slave = open(name, O_RDWR | O_NOCTTY);
	assert_true(t->slave >= 0);
	assert_int_equal(pipe(p), 0);
	t->pid = fork();
	if (t->pid == 0) {
		close(p[0]);
		close(t->master);
		child_reads(name, p[1], secret);
	}
	close(p[1]);
	t->report = p[0];
}

static void terminal_close(struct terminal *t)
{
	close(t->master);
	close(t->slave);
	close(t->report);
}

/* What the screen shows until @last, within 5 s. */
static void screen_until(struct terminal *t, const char *last)
{
	size_t n = 0;

	text[0] = '\0';
	while (!strstr(text, last)) {
		struct pollfd p = {.fd = t->master, .events = POLLIN};
		ssize_t r;

		assert_int_equal(poll(&p, 1, 5000), 1);
		r = read(t->master, text + n, sizeof(text) - 1 - n);
		assert_true(r > 0);
		n += (size_t)r;
		text[n] = '\0';
	}
}

static bool echo_is_on(struct terminal *t)
{
	struct termios now;

	assert_int_equal(tcgetattr(t->slave, &now), 0);
	return (now.c_lflag & ECHO) != 0;
}

static int child_status(struct terminal *t)
{
	int status = 0;

	assert_int_equal(waitpid(t->pid, &status, WUNTRACED), t->pid);
	return status;
}

static void read_report(struct terminal *t)
{
	ssize_t n = read(t->report, text, sizeof(text) - 1);

	assert_true(n >= 0);
	text[n] = '\0';
}

static void secret_without_echo(void **state)
{
	struct terminal t;

	(void)state;
	terminal_open(&t, true);
	screen_until(&t, "Password: ");
	assert_false(echo_is_on(&t));
	assert_int_equal(write(t.master, "hunter2\n", 8), 8);
	screen_until(&t, "\n");
	assert_string_equal(text, "\r\n");
	assert_int_equal(child_status(&t), 0);
	read_report(&t);
	assert_string_equal(text, "0 hunter2");
	assert_true(echo_is_on(&t));
	terminal_close(&t);
}

static void line_with_echo(void **state)
{
	struct terminal t;

	(void)state;
	terminal_open(&t, false);
	screen_until(&t, "Name: ");
	assert_true(echo_is_on(&t));
	assert_int_equal(write(t.master, "eva\n", 4), 4);
	screen_until(&t, "eva");
	assert_int_equal(child_status(&t), 0);
	read_report(&t);
	assert_string_equal(text, "0 eva");
	terminal_close(&t);
}

static void echo_is_restored_on_signals(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct terminal t;
		int status;

		terminal_open(&t, true);
		screen_until(&t, "Password: ");
		assert_false(echo_is_on(&t));
		if (signals[i] == SIGINT)
			assert_int_equal(write(t.master, "hun\003", 4), 4);
		else
			assert_int_equal(kill(t.pid, signals[i]), 0);
		status = child_status(&t);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), signals[i]);
		assert_true(echo_is_on(&t));
		terminal_close(&t);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(result_and_wire),
		TEST(errors_in_words),
		TEST(notifications_and_keepalives),
		TEST(timeout_then_next_call),
		TEST(strict),
		TEST(every_truncation),
		TEST(request_too_long),
		TEST(open_says_what_to_do),
		TEST(tables),
		TEST(json_and_bytes),
		TEST(lines_from_a_pipe),
		TEST(secret_without_echo),
		TEST(line_with_echo),
		TEST(echo_is_restored_on_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
