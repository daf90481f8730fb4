/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io/daemon.h"
#include "common/io/file.h"

/* --- a small daemon, run in a child --- */

struct conf {
	long start_error;
	bool stubborn;
	long linger; /* 1: waits for another signal; 2: for a moment of its own */
};

static struct conf conf;
static uv_async_t work; /* keeps its loop alive */

static int start(uv_loop_t *loop, void *c, void *arg)
{
	(void)c;
	(void)arg;
	if (conf.start_error != 0)
		return (int)conf.start_error;
	return uv_async_init(loop, &work, NULL);
}

static bool linger(void *arg)
{
	(void)arg;
	if (conf.linger == 0)
		return false;
	daemon_notify("STATUS=linger is called");
	if (conf.linger == 2)
		raise(SIGTERM); /* seen by the loop's next turn */
	return true;
}

static void stop(void *arg)
{
	(void)arg;
	daemon_notify("STATUS=stop is called");
	if (conf.start_error == 0 && !conf.stubborn)
		uv_close((uv_handle_t *)&work, NULL);
}

static void reload(void *arg)
{
	daemon_notify("STATUS=%s", (const char *)arg);
}

static const char *check(const void *c)
{
	return ((const struct conf *)c)->start_error == -99 ? "no such error" : NULL;
}

static const struct opt table[] = {
	{.section = "d",
	 .key = "start-error",
	 .parse = opt_parse_int,
	 .print = opt_print_int,
	 .offset = offsetof(struct conf, start_error),
	 .size = sizeof(long),
	 .dflt = "0",
	 .min = -100,
	 .max = 0,
	 .help = "what start says"},
	{.section = "d",
	 .key = "stubborn",
	 .parse = opt_parse_bool,
	 .print = opt_print_bool,
	 .offset = offsetof(struct conf, stubborn),
	 .size = sizeof(bool),
	 .dflt = "no",
	 .help = "does not close"},
	{.section = "d",
	 .key = "linger",
	 .parse = opt_parse_int,
	 .print = opt_print_int,
	 .offset = offsetof(struct conf, linger),
	 .size = sizeof(long),
	 .dflt = "0",
	 .max = 2,
	 .help = "how it takes its leave"},
};

static char reload_words[] = "read again";
static const struct daemon_program program = {
	.program = {.name = "testd",
		    .what_it_is = "a test",
		    .default_config = "/nowhere/testd.conf",
		    .table = table,
		    .n = 3},
	.conf = &conf,
	.check = check,
	.start = start,
	.linger = linger,
	.stop = stop,
	.reload = reload,
	.arg = reload_words,
};

static char dir[64], notify_path[100], conf_path[100];
static int notify_fd;
static char text[4096];

static int setup(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	(void)state;
	strcpy(dir, "/tmp/farlan-daemon-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(notify_path, sizeof(notify_path), "%s/notify", dir);
	snprintf(conf_path, sizeof(conf_path), "%s/testd.conf", dir);
	memcpy(addr.sun_path, notify_path, strlen(notify_path) + 1);
	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setenv("NOTIFY_SOCKET", notify_path, 1);
	return bind(notify_fd, (struct sockaddr *)&addr, sizeof(addr));
}

static int teardown(void **state)
{
	(void)state;
	close(notify_fd);
	unlink(conf_path);
	unlink(notify_path);
	unsetenv("NOTIFY_SOCKET");
	return rmdir(dir);
}

/* @out gets standard output and error of the child. */
static pid_t spawn(const char *config, const char *option, int *out)
{
	char words[5][100] = {"testd", "-c"};
	char *argv[] = {words[0], words[1], words[2], words[3], NULL};
	int p[2];
	pid_t pid;

	snprintf(words[2], sizeof(words[0]), "%s", conf_path);
	snprintf(words[3], sizeof(words[0]), "%s", option);
	if (config)
		assert_int_equal(file_replace(conf_path, config, strlen(config), 0600), 0);
	assert_int_equal(pipe(p), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		dup2(p[1], STDOUT_FILENO);
		dup2(p[1], STDERR_FILENO);
		close(p[0]);
		close(p[1]);
		exit(daemon_main(&program, option[0] ? 4 : 3, argv));
	}
	close(p[1]);
	*out = p[0];
	return pid;
}

static int wait_status(pid_t pid, int out)
{
	int status = 0;
	size_t n = 0;
	ssize_t r;

	while ((r = read(out, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)r;
	text[n] = '\0';
	close(out);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void expect_note(const char *want)
{
	struct pollfd p = {.fd = notify_fd, .events = POLLIN};
	char note[600];
	ssize_t n;

	assert_int_equal(poll(&p, 1, 10000), 1);
	n = recv(notify_fd, note, sizeof(note) - 1, 0);
	assert_true(n >= 0);
	note[n] = '\0';
	assert_string_equal(note, want);
}

static void expect_no_note(void)
{
	char c;

	assert_int_equal(recv(notify_fd, &c, 1, MSG_DONTWAIT), -1);
}

/* Reads a note that begins so. */
static void expect_note_like(const char *want)
{
	char note[600] = "";
	struct pollfd p = {.fd = notify_fd, .events = POLLIN};

	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_true(recv(notify_fd, note, sizeof(note) - 1, 0) > 0);
	if (strncmp(note, want, strlen(want)) != 0)
		fail_msg("%s, not %s", note, want);
}

static void expect_reload(void)
{
	expect_note_like("RELOADING=1\nMONOTONIC_USEC=");
	expect_note("STATUS=read again");
	expect_note("READY=1");
}

/* For its own process the manager's watchdog is fed, twice as often as it asks. */
static void watchdog_is_fed(void **state)
{
	int out, status;
	pid_t pid;

	(void)state;
	setenv("WATCHDOG_USEC", "100000", 1);
	pid = spawn("", "", &out);
	unsetenv("WATCHDOG_USEC");
	expect_note("READY=1");
	for (int i = 0; i < 4; i++)
		expect_note("WATCHDOG=1");
	assert_int_equal(kill(pid, SIGTERM), 0);
	status = wait_status(pid, out);
	assert_true(WIFEXITED(status));
	while (recv(notify_fd, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
	setenv("WATCHDOG_USEC", "100000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	pid = spawn("", "", &out);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	expect_note("READY=1");
	usleep(200000);
	expect_no_note();
	assert_int_equal(kill(pid, SIGTERM), 0);
	status = wait_status(pid, out);
	assert_true(WIFEXITED(status));
}

static void start_reload_stop(void **state)
{
	int out, status;
	pid_t pid = spawn("", "", &out);

	(void)state;
	expect_note("READY=1");
	assert_int_equal(kill(pid, SIGPIPE), 0);
	assert_int_equal(kill(pid, SIGHUP), 0);
	expect_reload();
	assert_int_equal(kill(pid, SIGHUP), 0);
	expect_reload();
	assert_int_equal(kill(pid, SIGTERM), 0);
	expect_note("STOPPING=1");
	expect_note("STATUS=stop is called");
	status = wait_status(pid, out);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_string_equal(text, "<5>testd " FARLAN_VERSION " starts\n<5>stops signal=TERM\n"
				  "<5>testd stopped\n");
	expect_no_note();
}

static void second_signal_ends_at_once(void **state)
{
	int out, status;
	pid_t pid = spawn("[d]\nstubborn = yes\n", "", &out);

	(void)state;
	expect_note("READY=1");
	assert_int_equal(kill(pid, SIGINT), 0);
	expect_note("STOPPING=1");
	expect_note("STATUS=stop is called");
	assert_int_equal(kill(pid, SIGTERM), 0);
	status = wait_status(pid, out);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
	assert_string_equal(text, "<5>testd " FARLAN_VERSION " starts\n<5>stops signal=INT\n");
}

static void expect_lingers(const char *config, bool second)
{
	int out, status;
	pid_t pid = spawn(config, "", &out);

	expect_note("READY=1");
	assert_int_equal(kill(pid, SIGTERM), 0);
	expect_note("STATUS=linger is called");
	expect_note("STATUS=waits until it may stop");
	if (second)
		assert_int_equal(kill(pid, SIGINT), 0);
	expect_note("STOPPING=1");
	expect_note("STATUS=stop is called");
	status = wait_status(pid, out);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	expect_no_note();
}

static void lingers_until_a_second_signal_or_its_own(void **state)
{
	(void)state;
	expect_lingers("[d]\nlinger = 1\n", true);
	expect_lingers("[d]\nlinger = 2\n", false);
}

static void start_fails(void **state)
{
	int out, status;
	pid_t pid = spawn("[d]\nstart-error = -5\n", "", &out);

	(void)state;
	status = wait_status(pid, out);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	expect_note("STOPPING=1");
	expect_note("STATUS=stop is called");
	expect_no_note();
}

static int run_to_end(const char *config, const char *option)
{
	int out, status;
	pid_t pid = spawn(config, option, &out);

	status = wait_status(pid, out);
	assert_true(WIFEXITED(status));
	expect_no_note();
	return WEXITSTATUS(status);
}

static void configuration(void **state)
{
	char want[300];

	(void)state;
	/* A file that was named must be there. */
	assert_int_equal(run_to_end(NULL, ""), 2);
	snprintf(want, sizeof(want),
		 "<3>configuration cannot be read: %s: No such file or directory\n", conf_path);
	assert_string_equal(text, want);
	assert_int_equal(run_to_end("[d]\nx = 1\n", ""), 2);
	snprintf(want, sizeof(want), "<3>%s:2: unknown key \"x\" in [d]\n", conf_path);
	assert_string_equal(text, want);
	assert_int_equal(run_to_end("[d]\nstart-error = -99\n", "-n"), 2);
	snprintf(want, sizeof(want), "<3>%s: no such error\n", conf_path);
	assert_string_equal(text, want);
	assert_int_equal(run_to_end("[d]\nstart-error = -4\n", "-n"), 0);
	assert_string_equal(text, "[d]\n# what start says\nstart-error = -4\n# does not close\n"
				  "stubborn = no\n# how it takes its leave\nlinger = 0\n");
	assert_int_equal(run_to_end("", "-x"), 2);
	assert_int_equal(run_to_end("", "--help"), 0);
	assert_non_null(strstr(text, "\n[d]\n  start-error = 0\n"));
}

static void process_settings(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct rlimit core;
		struct sigaction sa;

		close(0);
		close(2);
		daemon_process_setup();
		if (fcntl(0, F_GETFD) < 0 || fcntl(2, F_GETFD) < 0)
			_exit(1);
		if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_cur != 0 || core.rlim_max != 0)
			_exit(2);
		if (sigaction(SIGPIPE, NULL, &sa) < 0 || sa.sa_handler != SIG_IGN)
			_exit(3);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void notify_addresses(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char name[40], long_name[200];
	int n;

	(void)state;
	/* Nothing happens with these. */
	unsetenv("NOTIFY_SOCKET");
	daemon_notify("READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	daemon_notify("READY=1");
	memset(long_name, '/', 199);
	long_name[199] = '\0';
	setenv("NOTIFY_SOCKET", long_name, 1);
	daemon_notify("READY=1");
	setenv("NOTIFY_SOCKET", "/nowhere/notify", 1);
	daemon_notify("READY=1");
	expect_no_note();
	/* The abstract space. */
	n = snprintf(name, sizeof(name), "@farlan-test-%d", (int)getpid());
	memcpy(addr.sun_path + 1, name + 1, (size_t)n - 1);
	close(notify_fd);
	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(notify_fd, (struct sockaddr *)&addr,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
	daemon_notify("STATUS=%d sessions", 3);
	expect_note("STATUS=3 sessions");
}

static void never(void *arg)
{
	(void)arg;
	abort();
}

static void signals_open_and_close(void **state)
{
	struct daemon_signals s;
	uv_loop_t loop;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(daemon_signals_open(&s, &loop, never, NULL, NULL), 0);
	assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0); /* not kept alive */
	assert_int_equal(raise(SIGHUP), 0);		    /* ignored */
	uv_run(&loop, UV_RUN_NOWAIT);
	daemon_signals_close(&s);
	daemon_signals_close(&s);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(start_reload_stop),
		TEST(watchdog_is_fed),
		TEST(second_signal_ends_at_once),
		TEST(lingers_until_a_second_signal_or_its_own),
		TEST(start_fails),
		TEST(configuration),
		TEST(process_settings),
		TEST(notify_addresses),
		TEST(signals_open_and_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
