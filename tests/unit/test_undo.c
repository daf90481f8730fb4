/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In a network namespace of its own, whose sysctls it may change; skipped where that is not
 * permitted. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/undo.h"

#define LO4 "net/ipv4/conf/lo/forwarding"
#define LO4_RP "net/ipv4/conf/lo/rp_filter"
#define ALL6 "net/ipv6/conf/all/forwarding"
#define LO6 "net/ipv6/conf/lo/forwarding"

static char folder[64], journal[80];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_undo.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(journal, sizeof(journal), "%s/undo", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(journal);
	return rmdir(folder);
}

static void new_namespace(void)
{
	if (unshare(CLONE_NEWNET) != 0 || access("/proc/sys/" LO4, W_OK) != 0)
		skip();
}

static struct undo *open_undo(void)
{
	struct undo *u;

	assert_int_equal(undo_open(&u, journal), 0);
	return u;
}

static void assert_value(const char *path, const char *want)
{
	char now[UNDO_VALUE_SIZE];

	assert_int_equal(undo_read(path, now, sizeof(now)), 0);
	assert_string_equal(now, want);
}

static void write_value(const char *path, const char *value)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "/proc/sys/%s", path);
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(value, f);
	assert_int_equal(fclose(f), 0);
}

static bool journal_is_there(void)
{
	return access(journal, F_OK) == 0;
}

static void test_set_and_close(void **state)
{
	struct undo *u;
	uint32_t hold;

	(void)state;
	new_namespace();
	u = open_undo();
	hold = undo_hold(u);
	assert_false(journal_is_there());
	write_value(LO4, "0");
	assert_int_equal(undo_set(u, hold, LO4, "1"), 0);
	assert_true(undo_owns(u, LO4));
	assert_true(journal_is_there());
	assert_value(LO4, "1");
	undo_close(u);
	assert_value(LO4, "0");
	assert_false(journal_is_there());
}

static void test_counts_holds(void **state)
{
	struct undo *u;
	uint32_t a, b;

	(void)state;
	new_namespace();
	u = open_undo();
	a = undo_hold(u);
	b = undo_hold(u);
	assert_int_equal(undo_set(u, a, LO4, "1"), 0);
	assert_int_equal(undo_set(u, a, LO4, "1"), 0);
	assert_int_equal(undo_set(u, b, LO4, "1"), 0);
	assert_int_equal(undo_set(u, b, LO4, "0"), -EEXIST);
	undo_release(u, a);
	assert_value(LO4, "1");
	undo_release(u, a);
	undo_release(u, 99);
	assert_value(LO4, "1");
	undo_release(u, b);
	assert_value(LO4, "0");
	assert_false(undo_owns(u, LO4));
	assert_false(journal_is_there());
	undo_close(u);
}

static void test_leaves_alone_what_is_right_already(void **state)
{
	struct undo *u;

	(void)state;
	new_namespace();
	write_value(LO4, "1");
	u = open_undo();
	assert_int_equal(undo_set(u, undo_hold(u), LO4, "1"), 0);
	assert_false(undo_owns(u, LO4));
	undo_close(u);
	assert_value(LO4, "1");
}

static void test_respects_later_changes(void **state)
{
	struct undo *u;

	(void)state;
	new_namespace();
	write_value(LO4_RP, "0");
	u = open_undo();
	assert_int_equal(undo_set(u, undo_hold(u), LO4_RP, "2"), 0);
	write_value(LO4_RP, "1");
	undo_close(u);
	assert_value(LO4_RP, "1");
}

static void test_keep_survives_a_cascade(void **state)
{
	struct undo *u;
	uint32_t hold;

	(void)state;
	new_namespace();
	if (access("/proc/sys/" ALL6, W_OK) != 0)
		skip();
	write_value(LO6, "1");
	u = open_undo();
	hold = undo_hold(u);
	assert_int_equal(undo_keep(u, hold, LO6), 0);
	assert_int_equal(undo_set(u, hold, LO6, "0"), -EEXIST);
	assert_int_equal(undo_set(u, hold, ALL6, "1"), 0);
	undo_release(u, hold);
	assert_value(ALL6, "0");
	assert_value(LO6, "1");
	undo_close(u);
}

static void test_errors_change_nothing(void **state)
{
	struct undo *u;
	uint32_t hold;

	(void)state;
	new_namespace();
	u = open_undo();
	hold = undo_hold(u);
	assert_int_equal(undo_set(u, hold, "net/ipv4/conf/nosuch/forwarding", "1"), -ENOENT);
	assert_int_equal(undo_set(u, hold, "kernel/hostname", "x"), -EINVAL);
	assert_int_equal(undo_set(u, hold, "net/../kernel/hostname", "x"), -EINVAL);
	assert_int_equal(undo_set(u, hold, LO4, "1 2"), -EINVAL);
	assert_int_equal(undo_set(u, hold, LO4, ""), -EINVAL);
	assert_int_equal(undo_set(u, hold, LO4, "words"), -EINVAL);
	assert_false(undo_owns(u, LO4));
	assert_false(journal_is_there());
	undo_close(u);
}

/* The journal cannot be written: then the change is not made. */
static void test_no_journal_no_change(void **state)
{
	struct undo *u;

	(void)state;
	new_namespace();
	assert_int_equal(undo_open(&u, "/nosuch/folder/undo"), 0);
	assert_int_equal(undo_set(u, undo_hold(u), LO4, "1"), -ENOENT);
	assert_value(LO4, "0");
	undo_close(u);
}

/* In a child that is killed with two settings and a change by somebody else. */
static void change_and_be_killed(void)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct undo *u;

		if (undo_open(&u, journal) == 0 && undo_set(u, undo_hold(u), LO4, "1") == 0 &&
		    undo_set(u, undo_hold(u), LO4_RP, "2") == 0)
			raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void test_restores_after_kill(void **state)
{
	(void)state;
	new_namespace();
	write_value(LO4_RP, "0");
	change_and_be_killed();
	assert_value(LO4, "1");
	assert_value(LO4_RP, "2");
	assert_true(journal_is_there());
	undo_close(open_undo());
	assert_value(LO4, "0");
	assert_value(LO4_RP, "0");
	assert_false(journal_is_there());
}

static void test_respects_changes_after_kill(void **state)
{
	(void)state;
	new_namespace();
	write_value(LO4_RP, "0");
	change_and_be_killed();
	write_value(LO4_RP, "1");
	undo_close(open_undo());
	assert_value(LO4, "0");
	assert_value(LO4_RP, "1");
}

static void test_drops_a_foreign_journal(void **state)
{
	(void)state;
	new_namespace();
	change_and_be_killed();
	new_namespace(); /* a different one */
	write_value(LO4, "1");
	undo_close(open_undo());
	assert_value(LO4, "1");
	assert_false(journal_is_there());
}

/* Every truncation: what can be read is restored, nothing else, and the next start is clean. */
static void test_truncated_journal(void **state)
{
	uint8_t *bytes;
	size_t n, head;

	(void)state;
	new_namespace();
	write_value(LO4_RP, "0");
	change_and_be_killed();
	assert_int_equal(file_read(journal, UNDO_JOURNAL_MAX_BYTES, &bytes, &n), 0);
	head = (size_t)((uint8_t *)memchr(bytes, '\n', n) - bytes) + 1;
	for (size_t cut = 0; cut <= n; cut++) {
		uint8_t *first_end = memchr(bytes + head, '\n', n - head);

		write_value(LO4, "1");
		write_value(LO4_RP, "2");
		assert_int_equal(file_replace(journal, bytes, cut, 0600), 0);
		undo_close(open_undo());
		assert_value(LO4, cut > (size_t)(first_end - bytes) ? "0" : "1");
		assert_value(LO4_RP, cut == n ? "0" : "2");
		assert_false(journal_is_there());
	}
	free(bytes);
}

static void test_journal_text(void **state)
{
	const struct undo_entry in[] = {{.path = LO4, .old = "0", .set = "1"},
					{.path = LO6, .old = "1", .keep = true}};
	const char *golden = "farlan-undo 1 here\nset " LO4 " 0 1\nkeep " LO6 " 1\n";
	struct undo_entry back[2];
	char text[512], where[UNDO_WHERE_SIZE];
	size_t len, n;

	(void)state;
	assert_int_equal(undo_journal_encode(text, sizeof(text), &len, "here", in, 2), 0);
	assert_int_equal(len, strlen(golden));
	assert_memory_equal(text, golden, len);
	assert_int_equal(undo_journal_decode(text, len, where, back, 2, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(where, "here");
	assert_memory_equal(back, in, sizeof(in));
	assert_int_equal(undo_journal_encode(text, len - 1, &len, "here", in, 2), -ENOSPC);
}

static void test_journal_refuses(void **state)
{
	static const char *const bad[] = {
		"set kernel/core_pattern x y\n",
		"set net/../kernel/core_pattern x y\n",
		"set net/a\n",
		"set net/a b\n",
		"set net/a b c d\n",
		"keep net/a  b\n",
		"keep net/a \x01\n",
		"other net/a b c\n",
		"\n",
		"set net/a 0 1",
	};
	struct undo_entry e[2];
	char text[512], where[UNDO_WHERE_SIZE];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "farlan-undo 1 here\nkeep net/good 1\n%s", bad[i]);
		assert_int_equal(undo_journal_decode(text, strlen(text), where, e, 2, &n),
				 -EBADMSG);
		assert_int_equal(n, 1);
	}
	assert_int_equal(undo_journal_decode("farlan-undo 2 x\n", 16, where, e, 2, &n), -EBADMSG);
	assert_int_equal(n, 0);
	assert_string_equal(where, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_set_and_close),
		TEST(test_counts_holds),
		TEST(test_leaves_alone_what_is_right_already),
		TEST(test_respects_later_changes),
		TEST(test_keep_survives_a_cascade),
		TEST(test_errors_change_nothing),
		TEST(test_no_journal_no_change),
		TEST(test_restores_after_kill),
		TEST(test_respects_changes_after_kill),
		TEST(test_drops_a_foreign_journal),
		TEST(test_truncated_journal),
		cmocka_unit_test(test_journal_text),
		cmocka_unit_test(test_journal_refuses),
	};

	log_init(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
