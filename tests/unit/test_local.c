/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io/ctl.h"
#include "common/io/local.h"
#include "common/io/log.h"
#include "common/pure/msg.h"

#define TEST_GID 54321
#define NOBODY 65534

static uv_loop_t loop;
static char dir[64], path[128];
static struct local *server;
static bool group_exists;
static unsigned gone, n_later;
static uint64_t gone_number, later_client[8];
static int64_t later_id[8];

/* Instead of the C library's: the machine that runs this has no such group. */
struct group *getgrnam(const char *name)
{
	static struct group g = {.gr_gid = TEST_GID};

	return group_exists && strcmp(name, "farlan") == 0 ? &g : NULL;
}

/* --- the daemon's side --- */

static void do_echo(struct rpc *rpc, int64_t id, const json_t *params)
{
	json_t *copy = json_deep_copy(params);

	assert_string_equal(local_arg(rpc), "the daemon");
	rpc_notify(rpc, "echoing",
		   json_pack("{s:I}", "client",
			     (json_int_t)local_client_number(local_client_of(rpc))));
	rpc_reply(rpc, id, copy);
}

static void do_later(struct rpc *rpc, int64_t id, const json_t *params)
{
	(void)params;
	later_client[n_later] = local_client_number(local_client_of(rpc));
	later_id[n_later++] = id;
}

static void do_big(struct rpc *rpc, int64_t id, const json_t *params)
{
	char text[50001];

	(void)params;
	memset(text, 'x', 50000);
	text[50000] = '\0';
	rpc_reply(rpc, id, json_pack("{s:s}", "text", text));
}

static void do_fail(struct rpc *rpc, int64_t id, const json_t *params)
{
	(void)params;
	rpc_reject(rpc, id, RPC_NOT_FOUND, "no device named %s", "site9");
}

static void do_stop(struct rpc *rpc, int64_t id, const json_t *params)
{
	(void)params;
	rpc_reply(rpc, id, NULL);
	local_close(server);
	server = NULL;
}

static void on_gone(struct local_client *c, void *arg)
{
	assert_string_equal(arg, "the daemon");
	gone++;
	gone_number = local_client_number(c);
}

static const struct rpc_method methods[] = {{"echo", do_echo},
					    {"later", do_later},
					    {"big", do_big},
					    {"fail", do_fail},
					    {"stop", do_stop}};

static char the_arg[] = "the daemon";

static int open_server(struct local **l)
{
	return local_open(l, &loop, path, methods, 5, the_arg, on_gone);
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/farlan-local-XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0 || uv_loop_init(&loop) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/d.sock", dir);
	server = NULL;
	gone = n_later = 0;
	group_exists = false;
	log_init(LOG_ERROR);
	return 0;
}

static int teardown(void **state)
{
	char cmd[96];

	(void)state;
	local_close(server);
	uv_run(&loop, UV_RUN_DEFAULT);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	/* NOLINTNEXTLINE(cert-env33-c): rm -rf of a folder that this test made */
	return uv_loop_close(&loop) == 0 && system(cmd) == 0 ? 0 : -1;
}

/* --- raw clients, in the same thread --- */

static int raw_connect(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, path, strlen(path) + 1);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void run_ms(unsigned ms)
{
	uint64_t end = uv_hrtime() + (uint64_t)ms * 1000000;

	while (uv_hrtime() < end) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(500);
	}
}

/* Return: bytes that came within 5 s; 0 closed; -1 nothing. */
static ssize_t raw_recv(int fd, void *out, size_t size)
{
	for (int i = 0; i < 5000; i++) {
		ssize_t n;

		uv_run(&loop, UV_RUN_NOWAIT);
		n = recv(fd, out, size, MSG_DONTWAIT);
		if (n >= 0)
			return n;
		if (errno == ECONNRESET)
			return 0;
		usleep(1000);
	}
	return -1;
}

static void raw_send(int fd, const char *text)
{
	uint8_t header[MSG_HEADER_BYTES];

	msg_header_encode(header, strlen(text));
	assert_int_equal(send(fd, header, sizeof(header), MSG_NOSIGNAL), 4);
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void raw_expect(int fd, const char *want)
{
	char got[4096];
	size_t have = 0, need = MSG_HEADER_BYTES + strlen(want);

	while (have < need) {
		ssize_t n = raw_recv(fd, got + have, need - have);

		assert_true(n > 0);
		have += (size_t)n;
	}
	assert_int_equal((uint8_t)got[2] << 8 | (uint8_t)got[3], strlen(want));
	assert_memory_equal(got + MSG_HEADER_BYTES, want, strlen(want));
}

static bool raw_closed(int fd)
{
	char c[4096];
	ssize_t n;

	while ((n = raw_recv(fd, c, sizeof(c))) > 0)
		;
	return n == 0;
}

/* --- a real tool, in a thread --- */

struct tool {
	int opened, code, code2;
	char error[200], error2[200];
	json_t *result, *result2;
	unsigned notified;
	int64_t notified_client;
	uv_async_t done;
};

static void tool_notified(void *arg, const char *method, const json_t *params)
{
	struct tool *t = arg;

	if (strcmp(method, "echoing") == 0)
		t->notified++;
	t->notified_client = json_integer_value(json_object_get(params, "client"));
}

static void tool_main(void *arg)
{
	struct tool *t = arg;
	struct ctl *c;

	t->opened = ctl_open(&c, path, NULL);
	if (t->opened == 0) {
		t->code = ctl_call(c, "echo", json_pack("{s:s}", "name", "Zürich"), 5000,
				   tool_notified, t, &t->result, t->error, sizeof(t->error));
		t->code2 = ctl_call(c, "fail", NULL, 5000, NULL, NULL, &t->result2, t->error2,
				    sizeof(t->error2));
		ctl_close(c);
	}
	uv_async_send(&t->done);
}

static void tool_done(uv_async_t *async)
{
	uv_close((uv_handle_t *)async, NULL);
	uv_stop(&loop);
}

static void calls_by_tool(void **state)
{
	struct tool t = {0};
	uv_thread_t thread;

	(void)state;
	assert_int_equal(open_server(&server), 0);
	assert_int_equal(uv_async_init(&loop, &t.done, tool_done), 0);
	assert_int_equal(uv_thread_create(&thread, tool_main, &t), 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_thread_join(&thread);
	run_ms(5);
	assert_int_equal(t.opened, 0);
	assert_int_equal(t.code, 0);
	assert_string_equal(t.error, "");
	assert_string_equal(json_string_value(json_object_get(t.result, "name")), "Zürich");
	assert_int_equal(t.notified, 1);
	assert_int_equal(t.notified_client, 1);
	assert_int_equal(t.code2, RPC_NOT_FOUND);
	assert_string_equal(t.error2, "no device named site9");
	assert_null(t.result2);
	assert_int_equal(gone, 1);
	assert_int_equal(gone_number, 1);
	json_decref(t.result);
}

static void answers_later(void **state)
{
	int a, b;

	(void)state;
	assert_int_equal(open_server(&server), 0);
	a = raw_connect();
	run_ms(5);
	b = raw_connect();
	raw_send(a, "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"later\"}");
	while (n_later < 1)
		run_ms(1);
	raw_send(b, "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"later\"}");
	while (n_later < 2)
		run_ms(1);
	assert_int_equal(later_client[0], 1);
	assert_int_equal(later_client[1], 2);
	assert_int_equal(
		rpc_reply(local_client_find(server, 2), later_id[1], json_pack("{s:i}", "n", 2)),
		0);
	assert_int_equal(
		rpc_reply(local_client_find(server, 1), later_id[0], json_pack("{s:i}", "n", 1)),
		0);
	raw_expect(a, "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{\"n\":1}}");
	raw_expect(b, "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{\"n\":2}}");
	close(a);
	while (gone == 0)
		run_ms(1);
	assert_int_equal(gone_number, 1);
	assert_null(local_client_find(server, 1));
	assert_null(local_client_find(server, 3));
	assert_non_null(local_client_find(server, 2));
	close(b);
}

static void every_cut(void **state)
{
	static const char json[] = "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"nix\"}";
	uint8_t text[100];
	size_t n = MSG_HEADER_BYTES + strlen(json);

	msg_header_encode(text, strlen(json));
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): there is no NUL on the wire */
	memcpy(text + MSG_HEADER_BYTES, json, strlen(json));
	(void)state;
	assert_int_equal(open_server(&server), 0);
	for (size_t cut = 0; cut < n; cut++) {
		int fd = raw_connect();

		assert_int_equal(send(fd, text, cut, 0), cut);
		run_ms(1);
		assert_int_equal(send(fd, text + cut, n - cut, 0), n - cut);
		raw_expect(fd,
			   "{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":{\"code\":-32601,\"message\":"
			   "\"unknown method nix\"}}");
		close(fd);
		/* And one that goes away in the middle. */
		fd = raw_connect();
		assert_int_equal(send(fd, text, cut, 0), cut);
		run_ms(1);
		close(fd);
	}
	run_ms(10);
	assert_int_equal(gone, 2 * n);
}

static void keepalive_is_answered(void **state)
{
	int fd;
	char got[8];

	(void)state;
	assert_int_equal(open_server(&server), 0);
	fd = raw_connect();
	raw_send(fd, "");
	assert_int_equal(raw_recv(fd, got, sizeof(got)), 4);
	assert_memory_equal(got, "\0\0\0\0", 4);
	close(fd);
}

static void garbage_is_closed(void **state)
{
	static const uint8_t too_long[] = {0, 1, 0, 1};
	int fd;

	(void)state;
	assert_int_equal(open_server(&server), 0);
	fd = raw_connect();
	assert_int_equal(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
	assert_true(raw_closed(fd));
	close(fd);
	fd = raw_connect();
	assert_int_equal(send(fd, too_long, 4, 0), 4);
	assert_true(raw_closed(fd));
	close(fd);
	fd = raw_connect();
	raw_send(fd, "{\"jsonrpc\":\"1.0\"}");
	raw_expect(fd, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":"
		       "\"malformed message\"}}");
	assert_true(raw_closed(fd));
	close(fd);
	assert_int_equal(gone, 3);
}

static void too_many_clients(void **state)
{
	int fd[LOCAL_CLIENTS_MAX], more;

	(void)state;
	assert_int_equal(open_server(&server), 0);
	for (size_t i = 0; i < LOCAL_CLIENTS_MAX; i++) {
		fd[i] = raw_connect();
		run_ms(1);
	}
	more = raw_connect();
	assert_true(raw_closed(more));
	close(more);
	raw_send(fd[31], "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fail\"}");
	raw_expect(fd[31], "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":2,\"message\":"
			   "\"no device named site9\"}}");
	assert_int_equal(gone, 0);
	close(fd[0]);
	while (gone == 0)
		run_ms(1);
	fd[0] = raw_connect();
	raw_send(fd[0], "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fail\"}");
	raw_expect(fd[0], "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":2,\"message\":"
			  "\"no device named site9\"}}");
	/* local_close() tells of each that it closes. */
	local_close(server);
	server = NULL;
	assert_int_equal(gone, 1 + LOCAL_CLIENTS_MAX);
	for (size_t i = 0; i < LOCAL_CLIENTS_MAX; i++) {
		assert_true(raw_closed(fd[i]));
		close(fd[i]);
	}
}

static void client_that_does_not_read(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(open_server(&server), 0);
	fd = raw_connect();
	/* In one piece, so the end comes in the middle of rpc_feed(). */
	for (int i = 0; i < 60; i++)
		raw_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"big\"}");
	for (int i = 0; i < 5000 && gone == 0; i++)
		run_ms(1);
	assert_int_equal(gone, 1);
	assert_true(raw_closed(fd));
	close(fd);
}

static void stop_from_a_method(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(open_server(&server), 0);
	fd = raw_connect();
	raw_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"stop\"}");
	assert_true(raw_closed(fd));
	close(fd);
	assert_null(server);
	assert_int_equal(gone, 1);
	assert_int_equal(access(path, F_OK), -1);
}

static void socket_file(void **state)
{
	struct local *second = NULL;
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/a/b/d.sock", dir);
	assert_int_equal(open_server(&server), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	log_init((enum log_level)0);
	assert_int_equal(open_server(&second), -EADDRINUSE);
	assert_null(second);
	local_close(server);
	assert_int_equal(stat(path, &st), -1);
	snprintf(path, sizeof(path), "%s/a/b", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	/* A folder, and a plain file, are left alone. */
	assert_int_equal(open_server(&server), -EEXIST);
	snprintf(path, sizeof(path), "%s/a/b/plain", dir);
	close(creat(path, 0644));
	assert_int_equal(open_server(&server), -EEXIST);
	assert_int_equal(stat(path, &st), 0);
	snprintf(path, sizeof(path), "%s/a/b/plain/d.sock", dir);
	assert_int_equal(open_server(&server), -ENOTDIR);
	server = NULL;
}

static void stale_file_is_replaced(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int old = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	struct stat st;

	(void)state;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(old, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(old);
	assert_int_equal(open_server(&server), 0);
	fd = raw_connect();
	raw_send(fd, "");
	assert_int_equal(raw_recv(fd, addr.sun_path, 100), 4);
	close(fd);
	/* What replaced our own is not removed. */
	assert_int_equal(unlink(path), 0);
	close(creat(path, 0644));
	local_close(server);
	server = NULL;
	assert_int_equal(stat(path, &st), 0);
}

static void path_too_long(void **state)
{
	size_t n = strlen(dir);

	(void)state;
	log_init((enum log_level)0);
	memcpy(path, dir, strlen(dir) + 1);
	memset(path + n, 'x', 108 - n);
	path[n] = '/';
	path[108] = '\0';
	assert_int_equal(open_server(&server), -ENAMETOOLONG);
	path[107] = '\0';
	assert_int_equal(open_server(&server), 0);
}

/* --- credentials --- */

/* Connect with these rights and say whether a question is answered: 0 answered, 1 closed, else
 * errno. */
static int child_asks(uid_t uid, gid_t gid, bool with_group)
{
	gid_t extra = TEST_GID;
	struct ctl *c;
	json_t *result;
	char error[100];
	int r;

	close(STDERR_FILENO);
	if (setgroups(with_group, &extra) < 0 || setgid(gid) < 0 || setuid(uid) < 0)
		return 100;
	r = ctl_open(&c, path, NULL);
	if (r != 0)
		return -r;
	r = ctl_call(c, "fail", NULL, 5000, NULL, NULL, &result, error, sizeof(error));
	ctl_close(c);
	return r == RPC_NOT_FOUND ? 0 : 1;
}

static int outcome_as(uid_t uid, gid_t gid, bool with_group)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(child_asks(uid, gid, with_group));
	while (waitpid(pid, &status, WNOHANG) == 0)
		run_ms(1);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 101;
}

/* The same from a parent that has kept root only as its saved user. */
static int outcome_as_saved(uid_t uid)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(seteuid(0) == 0 ? child_asks(uid, NOBODY, false) : 100);
	while (waitpid(pid, &status, WNOHANG) == 0)
		run_ms(1);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 101;
}

static void credentials(void **state)
{
	struct stat st;

	(void)state;
	if (geteuid() != 0) {
		print_message("needs root\n");
		skip();
	}
	group_exists = true;
	assert_int_equal(open_server(&server), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, TEST_GID);
	assert_int_equal(outcome_as(0, 0, false), 0);
	assert_int_equal(outcome_as(NOBODY, NOBODY, true), 0);
	assert_int_equal(outcome_as(NOBODY, TEST_GID, false), 0);
	assert_int_equal(outcome_as(NOBODY, NOBODY, false), EACCES);
	/* Should the file's mode let somebody by, the check of the peer does not. */
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(outcome_as(NOBODY, NOBODY, false), 1);
	assert_int_equal(outcome_as(NOBODY, NOBODY, true), 0);
	assert_int_equal(outcome_as(0, NOBODY, false), 0);
}

/* Return: what the daemon, as nobody, lets its own user and another one do: 0 and 1. */
static int nobody_daemon(void)
{
	pid_t pid = getpid();
	int own, other;

	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, 0) < 0)
		return 100;
	snprintf(path, sizeof(path), "/tmp/farlan-local-%d.sock", (int)pid);
	if (open_server(&server) != 0 || chmod(path, 0666) < 0)
		return 101;
	own = outcome_as_saved(NOBODY);
	other = outcome_as_saved(NOBODY - 1);
	local_close(server);
	uv_run(&loop, UV_RUN_DEFAULT);
	return own * 10 + other;
}

static void own_user(void **state)
{
	int status = 0;
	pid_t pid;

	(void)state;
	if (geteuid() != 0) {
		print_message("needs root\n");
		skip();
	}
	pid = fork();
	if (pid == 0)
		_exit(uv_loop_fork(&loop) == 0 ? nobody_daemon() : 102);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void credentials_without_group(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("needs root\n");
		skip();
	}
	assert_int_equal(open_server(&server), 0);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(outcome_as(0, 0, false), 0);
	assert_int_equal(outcome_as(NOBODY, TEST_GID, true), 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(calls_by_tool),
		TEST(answers_later),
		TEST(every_cut),
		TEST(keepalive_is_answered),
		TEST(garbage_is_closed),
		TEST(too_many_clients),
		TEST(client_that_does_not_read),
		TEST(stop_from_a_method),
		TEST(socket_file),
		TEST(stale_file_is_replaced),
		TEST(path_too_long),
		TEST(credentials),
		TEST(credentials_without_group),
		TEST(own_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
