/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What systemd-resolved is told, and what becomes of a resolvectl that fails, hangs, or is not
 * there: a script in its place. (tests/net/names.bats has the real one.) */
#include "tests/unit/pure_test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/file.h"
#include "vpnd/resolved.h"

#define WAIT_MS 20000

static uv_loop_t loop;
static struct resolved *r;
static char dir[64], log_path[100], old_path[4096];

static void script(const char *body)
{
	char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/resolvectl", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\nPATH=/usr/bin:/bin\necho \"$*\" >>%s\n%s\n", log_path, body);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0755), 0);
}

static const char *told(void)
{
	static char text[2000];
	FILE *f = fopen(log_path, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = '\0';
	if (f)
		fclose(f);
	return text;
}

static int setup(void **state)
{
	strcpy(dir, "/tmp/farlan-resolved-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(log_path, sizeof(log_path), "%s/log", dir);
	snprintf(old_path, sizeof(old_path), "%s", getenv("PATH"));
	setenv("PATH", dir, 1);
	resolved_ways = (struct resolved_ways){.folder = dir, .step_ms = 10000};
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(resolved_open(&r, &loop), 0);
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	resolved_close(r);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	setenv("PATH", old_path, 1);
	snprintf(cmd, sizeof(cmd), "/bin/rm -r %s", dir);
	return system(cmd); /* NOLINT(cert-env33-c): a fixed command of this test */
}

static void tell(const char *server)
{
	uint64_t end = clock_mono_ms() + WAIT_MS;
	const char *words;

	resolved_tell(r, "lo", server, "acme.farlan");
	while (resolved_state(r, &words) == RESOLVED_TELLING) {
		if (clock_mono_ms() > end)
			fail_msg("it does not end");
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
}

static void expect(enum resolved_state want, const char *want_words)
{
	const char *words;

	assert_string_equal(resolved_state_name(resolved_state(r, &words)),
			    resolved_state_name(want));
	assert_string_equal(words, want_words);
}

static void is_told(void **state)
{
	static const char once[] = "default-route lo no\ndomain lo ~acme.farlan\ndnssec lo no\n"
				   "dns lo 127.0.0.1:453\n";

	script("exit 0");
	expect(RESOLVED_UNTOLD, "");
	tell("127.0.0.1:453");
	expect(RESOLVED_KNOWS, "");
	assert_string_equal(told(), once);
	tell("127.0.0.1:453");
	assert_string_equal(told(), once);
	tell("127.0.0.1:454");
	expect(RESOLVED_KNOWS, "");
	assert_non_null(strstr(told(), "dns lo 127.0.0.1:454\n"));
}

static void fails(void **state)
{
	script("echo 'Failed to set domain: nobody\tmay' >&2; echo more >&2; exit 1");
	tell("127.0.0.1:453");
	expect(RESOLVED_FAILED, "Failed to set domain: nobody?may");
	assert_string_equal(told(), "default-route lo no\n");
	script("exit 3");
	tell("127.0.0.1:453"); /* it may be better next time */
	expect(RESOLVED_FAILED, "resolvectl failed");
	script("exit 0");
	tell("127.0.0.1:453");
	expect(RESOLVED_KNOWS, "");
}

static void says_much(void **state)
{
	const char *words;

	script("head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1");
	tell("127.0.0.1:453");
	assert_int_equal(resolved_state(r, &words), RESOLVED_FAILED);
	assert_int_equal(strlen(words), RESOLVED_WORDS_SIZE - 1);
}

static void hangs(void **state)
{
	resolved_ways.step_ms = 100;
	script("exec sleep 1000");
	tell("127.0.0.1:453");
	expect(RESOLVED_FAILED, "resolvectl did not end in time");
}

/* Somebody whom it left behind holds on to its standard error. */
static void leaves_somebody(void **state)
{
	char cmd[200];

	snprintf(cmd, sizeof(cmd), "sleep 1000 & echo $! >>%s/pids; exit 0", dir);
	script(cmd);
	tell("127.0.0.1:453");
	expect(RESOLVED_KNOWS, "");
	snprintf(cmd, sizeof(cmd), "/bin/kill $(/bin/cat %s/pids)", dir);
	assert_int_equal(system(cmd), 0); /* NOLINT(cert-env33-c): a fixed command of this test */
}

static void absent(void **state)
{
	tell("127.0.0.1:453"); /* no resolvectl on this PATH */
	expect(RESOLVED_ABSENT, "");
}

static void does_not_run(void **state)
{
	script("exit 0");
	resolved_ways.folder = "/nonexistent";
	tell("127.0.0.1:453");
	expect(RESOLVED_ABSENT, "");
	assert_string_equal(told(), "");
	resolved_tell(r, "no-such-link", "127.0.0.1:453", "acme.farlan");
	expect(RESOLVED_ABSENT, "");
}

/* Closed while a command runs: the loop ends soon all the same. */
static void closed_meanwhile(void **state)
{
	uint64_t begin = clock_mono_ms();

	script("exec sleep 1000");
	resolved_tell(r, "lo", "127.0.0.1:453", "acme.farlan");
	expect(RESOLVED_TELLING, "");
	resolved_close(r);
	r = NULL;
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_true(clock_mono_ms() - begin < 500000);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(is_told),	       TEST(fails),  TEST(says_much),	 TEST(hangs),
		TEST(leaves_somebody), TEST(absent), TEST(does_not_run), TEST(closed_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
