/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/io/file.h"

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/farlan-file-XXXXXX");
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int entries(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static int remove_dir(void **state)
{
	char cmd[96];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	/* NOLINTNEXTLINE(cert-env33-c): rm -rf of a folder that this test made */
	return chdir("/") == 0 && system(cmd) == 0 ? 0 : -1;
}

static void check_content(const char *path, const char *want)
{
	uint8_t *bytes = NULL;
	size_t n = 0;

	assert_int_equal(file_read(path, 100, &bytes, &n), 0);
	assert_int_equal(n, strlen(want));
	assert_string_equal((const char *)bytes, want);
	free(bytes);
}

static void read_caps(void **state)
{
	uint8_t *bytes = NULL;
	size_t n = 99;

	(void)state;
	assert_int_equal(file_replace("f", "12345", 5, 0644), 0);
	assert_int_equal(file_read("f", 4, &bytes, &n), -EFBIG);
	assert_null(bytes);
	assert_int_equal(n, 99);
	assert_int_equal(file_read("f", 5, &bytes, &n), 0);
	assert_int_equal(n, 5);
	assert_memory_equal(bytes, "12345\0", 6);
	free(bytes);
	assert_int_equal(file_read("absent", 5, &bytes, &n), -ENOENT);
	assert_int_equal(file_read(".", 5, &bytes, &n), -EISDIR);
	assert_int_equal(file_replace("empty", "", 0, 0644), 0);
	assert_int_equal(file_read("empty", 0, &bytes, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(bytes[0], 0);
	free(bytes);
	assert_int_equal(file_read("/proc/self/stat", 4096, &bytes, &n), 0);
	assert_true(n > 20);
	free(bytes);
}

static void replace_mode_and_content(void **state)
{
	struct stat st;
	mode_t old = umask(077);

	(void)state;
	assert_int_equal(file_replace("f", "one", 3, 0640), 0);
	umask(old);
	check_content("f", "one");
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(file_replace("f", "two!", 4, 0600), 0);
	check_content("f", "two!");
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(entries("."), 1);
}

static void replace_fails_keeps_old(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0755), 0);
	assert_int_equal(file_replace("d/f", "old", 3, 0644), 0);
	/* rename() over a folder fails after the temporary file was written. */
	assert_int_equal(mkdir("d/sub", 0755), 0);
	assert_int_equal(file_replace("d/sub", "x", 1, 0644), -EISDIR);
	assert_int_equal(entries("d"), 2);
	assert_int_equal(file_replace("nowhere/f", "x", 1, 0644), -ENOENT);
	check_content("d/f", "old");
}

/* In a child, because it gives rights up: root may write into read-only folders. */
static int replace_in_read_only_folder(void)
{
	if (geteuid() == 0 && setuid(65534) < 0)
		return 100;
	return -file_replace("d/f", "new", 3, 0644);
}

static int replace_without_space(void)
{
	struct rlimit limit = {.rlim_cur = 2, .rlim_max = 2};

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 100;
	return -file_replace("d/f", "newer", 5, 0644);
}

static int in_child(int (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void replace_in_child_keeps_old(void **state)
{
	(void)state;
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(mkdir("d", 0755), 0);
	assert_int_equal(file_replace("d/f", "old", 3, 0644), 0);
	assert_int_equal(in_child(replace_without_space), EFBIG);
	check_content("d/f", "old");
	assert_int_equal(entries("d"), 1);
	assert_int_equal(chmod("d", 0555), 0);
	assert_int_equal(in_child(replace_in_read_only_folder), EACCES);
	check_content("d/f", "old");
	assert_int_equal(entries("d"), 1);
	assert_int_equal(chmod("d", 0755), 0);
}

static void mkdirs(void **state)
{
	struct stat st;
	char path[128];

	(void)state;
	assert_int_equal(file_mkdirs("a/b/c", 0750), 0);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(file_mkdirs("a/b/c", 0700), 0);
	assert_int_equal(file_mkdirs("a//b/d/", 0700), 0);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	snprintf(path, sizeof(path), "%s/x/y", dir);
	assert_int_equal(file_mkdirs(path, 0755), 0);
	assert_int_equal(stat("x/y", &st), 0);
	assert_int_equal(file_mkdirs("/", 0755), 0);
	assert_int_equal(file_replace("plain", "", 0, 0644), 0);
	assert_int_equal(file_mkdirs("plain", 0755), -ENOTDIR);
	assert_int_equal(file_mkdirs("plain/x", 0755), -ENOTDIR);
	assert_int_equal(file_mkdirs("", 0755), -ENOENT);
}

static void random_and_clocks(void **state)
{
	static const uint8_t zero[512];
	uint8_t a[512] = {0}, b[512] = {0};
	uint64_t before = clock_mono_us();
	struct timespec pause = {.tv_nsec = 3000000};

	(void)state;
	file_random(a, sizeof(a));
	file_random(b, sizeof(b));
	assert_memory_not_equal(a, zero, sizeof(a));
	assert_memory_not_equal(a, b, sizeof(a));
	nanosleep(&pause, NULL);
	assert_true(clock_mono_us() - before >= 3000);
	assert_true(clock_mono_ms() - before / 1000 < 60000);
	assert_true(clock_wall_s() > 1700000000);
	assert_true(llabs((long long)clock_wall_s() - (long long)time(NULL)) <= 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(read_caps),
		TEST(replace_mode_and_content),
		TEST(replace_fails_keeps_old),
		TEST(replace_in_child_keeps_old),
		TEST(mkdirs),
		TEST(random_and_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
