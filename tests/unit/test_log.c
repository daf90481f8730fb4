/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/log.h"

/* Standard error goes into @fd meanwhile. */
static int capture_begin(int fd)
{
	int saved = dup(STDERR_FILENO);

	assert_true(saved >= 0);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	return saved;
}

static void capture_end(int saved)
{
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
}

static size_t got;
static char line[4096];

/* A datagram is one write(2). */
static void next_write(int fd)
{
	ssize_t n = recv(fd, line, sizeof(line) - 1, MSG_DONTWAIT);

	got = n > 0 ? (size_t)n : 0;
	line[got] = '\0';
}

static int pair[2];

static int make_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair);
}

static int close_pair(void **state)
{
	(void)state;
	close(pair[0]);
	close(pair[1]);
	log_init(LOG_INFO);
	return 0;
}

static void lines_and_levels(void **state)
{
	int saved;

	(void)state;
	saved = capture_begin(pair[0]);
	log_error("a %d", 1);
	log_warn("b");
	log_notice("c key=%s", "value");
	log_info("d");
	log_debug("not printed");
	log_init(LOG_DEBUG);
	log_debug("e");
	log_init(LOG_WARN);
	log_notice("not printed");
	log_warn("f");
	capture_end(saved);
	for (const char *const *want =
		     (const char *const[]){"<3>a 1\n", "<4>b\n", "<5>c key=value\n", "<6>d\n",
					   "<7>e\n", "<4>f\n", "", NULL};
	     *want; want++) {
		next_write(pair[1]);
		assert_string_equal(line, *want);
	}
}

static void errno_is_kept(void **state)
{
	int saved = capture_begin(pair[0]), after, closed;

	(void)state;
	errno = ENOENT;
	log_error("open: %m");
	after = errno;
	capture_end(saved);
	assert_int_equal(after, ENOENT);
	next_write(pair[1]);
	assert_string_equal(line, "<3>open: No such file or directory\n");

	/* Also when writing fails. */
	saved = dup(STDERR_FILENO);
	close(STDERR_FILENO);
	errno = EXDEV;
	log_error("nobody hears this");
	after = errno;
	closed = dup2(saved, STDERR_FILENO);
	close(saved);
	assert_true(closed >= 0);
	assert_int_equal(after, EXDEV);
}

static void one_line_whatever_comes(void **state)
{
	char *text = malloc(5001);
	int saved;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 5000);
	text[5000] = '\0';
	saved = capture_begin(pair[0]);
	log_info("a\nb\r\tc\x1b[31m\x7f%s", "\n<3>false");
	log_info("%s", text);
	text[2043] = '\0'; /* the longest that fits: 3 + 2043 + 1 */
	log_info("%s", text);
	capture_end(saved);
	next_write(pair[1]);
	assert_string_equal(line, "<6>a b  c [31m  <3>false\n");
	next_write(pair[1]);
	assert_int_equal(got, 2047);
	assert_string_equal(line + 2040, "xxx...\n");
	next_write(pair[1]);
	assert_int_equal(got, 2047);
	assert_string_equal(line + 2040, "xxxxxx\n");
	free(text);
}

static void terminal_format(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave, saved;
	struct termios raw;
	regex_t re;
	ssize_t n;

	(void)state;
	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	assert_int_equal(tcgetattr(slave, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
	saved = capture_begin(slave);
	errno = EDOM;
	log_warn("relay is away name=%s", "rs1");
	n = errno;
	capture_end(saved);
	assert_int_equal(n, EDOM);
	n = read(master, line, sizeof(line) - 1);
	assert_true(n > 0);
	line[n] = '\0';
	assert_int_equal(regcomp(&re,
				 "^[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{3} warn relay is away "
				 "name=rs1\n$",
				 REG_EXTENDED | REG_NOSUB),
			 0);
	assert_int_equal(regexec(&re, line, 0, NULL, 0), 0);
	regfree(&re);
	close(slave);
	close(master);
}

static void limit(void **state)
{
	struct log_limit l = {0};
	int saved;

	(void)state;
	assert_true(log_allowed(&l, 2));
	assert_true(log_allowed(&l, 2));
	assert_false(log_allowed(&l, 2));
	assert_false(log_allowed(&l, 2));
	assert_int_equal(l.suppressed, 2);
	l.window_start_ms = clock_mono_ms() - 10000;
	saved = capture_begin(pair[0]);
	assert_true(log_allowed(&l, 2));
	capture_end(saved);
	next_write(pair[1]);
	assert_string_equal(line, "<5>left out 2 lines like the next one\n");
	assert_int_equal(l.suppressed, 0);
	assert_true(log_allowed(&l, 2));
	assert_false(log_allowed(&l, 2));
	assert_false(log_allowed(&(struct log_limit){0}, 0));
}

static void clean(void **state)
{
	char out[8];

	(void)state;
	assert_ptr_equal(log_clean(out, sizeof(out), "a\nb\xc3\xa4~", 6), out);
	assert_string_equal(out, "a?b??~");
	assert_string_equal(log_clean(out, sizeof(out), "0123456789", 10), "0123456");
	assert_string_equal(log_clean(out, sizeof(out), "ab\0cd", 5), "ab?cd");
	assert_string_equal(log_clean(out, sizeof(out), "abc", 0), "");
	assert_string_equal(log_clean(out, 1, "abc", 3), "");
	assert_string_equal(log_clean(out, 0, "abc", 3), "");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make_pair, close_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_and_levels), TEST(errno_is_kept), TEST(one_line_whatever_comes),
		TEST(terminal_format),	TEST(limit),	     TEST(clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
