/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What vpnd has to do with the machine beside it: the switch that locks, and the administrator's
 * program. */
#include "tests/unit/pure_test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/io/log.h"
#include "vpnd/hook.h"
#include "vpnd/lock_input.h"

static char dir[64], path[128];
static uv_loop_t loop;

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/farlan-machine-XXXXXX");
	if (!mkdtemp(dir) || uv_loop_init(&loop) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/file", dir);
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd); /* NOLINT(cert-env33-c): a fixed command of this test */
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(name, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(name, mode), 0);
}

static void on_over(uv_timer_t *t)
{
	*(bool *)t->data = true;
}

/* Run the loop until @done, or for so long. Return: was it? */
static bool run_until(bool (*done)(void), uint64_t ms)
{
	bool over = false;
	uv_timer_t t;

	uv_timer_init(&loop, &t);
	t.data = &over;
	uv_timer_start(&t, on_over, ms, 0);
	while (!over && !(done && done()))
		uv_run(&loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&t, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	return done && done();
}

/* --- the switch --- */

static enum lock_input_state seen, wanted;
static unsigned int changes;
static char why[LOCK_INPUT_WORDS_SIZE];

static void on_input(void *arg, enum lock_input_state s, const char *words)
{
	(void)arg;
	seen = s;
	changes++;
	snprintf(why, sizeof(why), "%s", words);
}

static bool is_seen(void)
{
	return seen == wanted;
}

static void expect_input(enum lock_input_state s)
{
	wanted = s;
	assert_true(run_until(is_seen, 5000));
}

static void a_file_that_changes(void **state)
{
	char other[140];
	struct lock_input *in;

	(void)state;
	changes = 0;
	write_file(path, "0\n", 0644);
	assert_int_equal(lock_input_open(&in, &loop, path, false, on_input, NULL), 0);
	assert_int_equal(changes, 1);
	assert_int_equal(seen, LOCK_INPUT_OFF);
	write_file(path, "1", 0644);
	expect_input(LOCK_INPUT_ON);
	snprintf(other, sizeof(other), "%s.new", path);
	write_file(other, "0\n", 0644);
	assert_int_equal(rename(other, path), 0);
	expect_input(LOCK_INPUT_OFF);
	write_file(path, "yes\n", 0644);
	expect_input(LOCK_INPUT_BROKEN);
	assert_non_null(strstr(why, "neither 0 nor 1"));
	write_file(path, "1\n", 0644);
	expect_input(LOCK_INPUT_ON);
	assert_int_equal(unlink(path), 0);
	expect_input(LOCK_INPUT_BROKEN);
	assert_non_null(strstr(why, "No such file"));
	assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes it, and nobody waits for it */
	run_until(NULL, 2 * LOCK_INPUT_LOOK_MS);
	assert_int_equal(seen, LOCK_INPUT_BROKEN);
	lock_input_close(in);
}

static void inverted(void **state)
{
	struct lock_input *in;

	(void)state;
	write_file(path, "0\n", 0644);
	assert_int_equal(lock_input_open(&in, &loop, path, true, on_input, NULL), 0);
	assert_int_equal(seen, LOCK_INPUT_ON);
	write_file(path, "1\n", 0644);
	expect_input(LOCK_INPUT_OFF);
	lock_input_close(in);
}

/* /proc/sys/kernel/hostname wakes who polls it just as a GPIO's value does. */
static void a_file_of_the_kernel(void **state)
{
	static const char name[] = "/proc/sys/kernel/hostname";
	struct lock_input *in;
	uint64_t began;

	(void)state;
	if (unshare(CLONE_NEWUTS) != 0 || sethostname("0", 1) != 0)
		skip();
	assert_int_equal(lock_input_open(&in, &loop, name, false, on_input, NULL), 0);
	assert_int_equal(seen, LOCK_INPUT_OFF);
	run_until(NULL, 20);
	for (int i = 0; i < 4; i++) {
		began = clock_mono_ms();
		assert_int_equal(sethostname(i % 2 ? "0" : "1", 1), 0);
		expect_input(i % 2 ? LOCK_INPUT_OFF : LOCK_INPUT_ON);
		assert_true(clock_mono_ms() - began < 4000);
	}
	lock_input_close(in);
}

/* --- the hook --- */

#define SCRIPT "#!/bin/sh\n"

static char out_path[140];

static const char *output(void)
{
	static char text[2000];
	FILE *f = fopen(out_path, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = '\0';
	if (f)
		fclose(f);
	return text;
}

static void make_hook(const char *body, mode_t mode)
{
	char script[600];

	snprintf(out_path, sizeof(out_path), "%s/out", dir);
	snprintf(script, sizeof(script), SCRIPT "out=%s\n%s\n", out_path, body);
	write_file(path, script, mode);
}

static bool has_last(void)
{
	return strstr(output(), "session\n") != NULL;
}

/* One at a time; of what came meanwhile only the last. */
static void the_latest_state_is_told(void **state)
{
	struct hook *h;

	(void)state;
	make_hook("sleep 0.3; echo $1 $FARLAN_STATE$HOME >>$out", 0755);
	assert_int_equal(hook_open(&h, &loop, path, 0), 0);
	hook_say(h, "offline");
	hook_say(h, "connected");
	hook_say(h, "locked");
	hook_say(h, "session");
	assert_true(run_until(has_last, 5000));
	assert_string_equal(output(), "offline offline\nsession session\n");
	hook_say(h, "session"); /* no news */
	run_until(NULL, 50);
	hook_close(h);
}

static bool is_given_up(void)
{
	return strstr(output(), "late connected") != NULL;
}

/* With all that it has started. */
static void who_takes_too_long_is_killed(void **state)
{
	struct hook *h;

	(void)state;
	make_hook("[ $1 = connected ] && { echo late $1 >>$out; exit; }\n"
		  "(sleep 1; echo child >>$out) & sleep 1; echo never >>$out",
		  0755);
	assert_int_equal(hook_open(&h, &loop, path, 100), 0);
	hook_say(h, "offline");
	hook_say(h, "connected");
	assert_true(run_until(is_given_up, 5000));
	run_until(NULL, 1200);
	assert_string_equal(output(), "late connected\n");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left to be waited for */
	hook_close(h);
}

static void a_program_of_others_is_not_run(void **state)
{
	struct hook *h;

	(void)state;
	make_hook("echo $1 >>$out", 0777);
	assert_int_equal(hook_open(&h, &loop, path, 0), 0);
	hook_say(h, "offline");
	run_until(NULL, 100);
	assert_string_equal(output(), "");
	hook_close(h);
	assert_int_equal(hook_open(&h, &loop, "/nonexistent/x", 0), 0);
	hook_say(h, "offline");
	hook_close(h);
}

static bool has_caps(void)
{
	return strstr(output(), "NoNewPrivs") != NULL;
}

static void rights_are_given_up(void **state)
{
	struct hook *h;

	(void)state;
	make_hook("grep -E 'CapAmb|NoNewPrivs' /proc/self/status >>$out; echo $(pwd) >>$out", 0755);
	assert_int_equal(hook_open(&h, &loop, path, 0), 0);
	hook_say(h, "offline");
	assert_true(run_until(has_caps, 5000));
	assert_non_null(strstr(output(), "NoNewPrivs:\t1"));
	assert_non_null(strstr(output(), "CapAmb:\t0000000000000000"));
	run_until(NULL, 50);
	hook_close(h);
}

/* It runs, and is killed. */
static void closed_while_it_runs(void **state)
{
	struct hook *h;

	(void)state;
	make_hook("sleep 1; echo never >>$out", 0755);
	assert_int_equal(hook_open(&h, &loop, path, 0), 0);
	hook_say(h, "offline");
	hook_close(h);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_string_equal(output(), "");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_file_that_changes),	    TEST(inverted),
		TEST(a_file_of_the_kernel),	    TEST(the_latest_state_is_told),
		TEST(who_takes_too_long_is_killed), TEST(a_program_of_others_is_not_run),
		TEST(rights_are_given_up),	    TEST(closed_while_it_runs),
	};

	log_init(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
