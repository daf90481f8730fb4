/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/spool.h"

#define OWNER "farlan://lab/device/00112233445566778899aabbccddeeff"
#define ALL_BYTES 1000000

static char dir[64], path[96];
static uv_loop_t loop;

static int set_up(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/test_spool.XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/usage.spool", dir);
	return uv_loop_init(&loop);
}

static int tear_down(void **state)
{
	uv_run(&loop, UV_RUN_DEFAULT);
	unlink(path);
	rmdir(dir);
	return uv_loop_close(&loop);
}

static struct spool *open_capped(const char *owner, size_t max_bytes)
{
	struct spool_config config = {.path = path, .owner = owner, .max_bytes = max_bytes};
	struct spool *s;

	assert_int_equal(spool_open(&s, &loop, &config), 0);
	return s;
}

static struct spool *open_it(void)
{
	return open_capped(OWNER, 100000);
}

static void close_it(struct spool *s)
{
	spool_close(s);
	uv_run(&loop, UV_RUN_DEFAULT);
}

static void add(struct spool *s, int n, uint64_t key)
{
	assert_int_equal(spool_add(s, json_pack("{s:i}", "n", n), key), 0);
}

/* The n of the records that wait, as text: "1 2 3". Their numbers must follow each other. */
static const char *waiting(const struct spool *s)
{
	static char text[4000];
	int64_t last = 0, before = 0;
	json_t *list = spool_batch(s, SIZE_MAX, ALL_BYTES, &last);
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		int64_t seq = json_integer_value(json_object_get(o, "seq"));

		assert_true(seq > before && seq <= SPOOL_SEQ_MAX);
		assert_null(json_object_get(o, "key"));
		before = seq;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%d", i ? " " : "",
					 (int)json_integer_value(json_object_get(o, "n")));
	}
	assert_true(last == before);
	json_decref(list);
	return text;
}

static int64_t last_seq(const struct spool *s, size_t n)
{
	int64_t last = 0;

	json_decref(spool_batch(s, n, ALL_BYTES, &last));
	return last;
}

static bool all_written(const struct spool *s)
{
	struct spool_stats st;

	spool_stats(s, &st);
	return !st.unwritten;
}

static void records_outlive_the_process(void **state)
{
	struct spool *s = open_it();
	int64_t first, seq;
	struct stat st;

	assert_string_equal(waiting(s), "");
	add(s, 1, 0);
	add(s, 2, 0);
	first = last_seq(s, 1);
	close_it(s);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	s = open_it();
	assert_string_equal(waiting(s), "1 2");
	assert_true(last_seq(s, 1) == first);
	add(s, 3, 0);
	spool_acked(s, last_seq(s, 2));
	assert_string_equal(waiting(s), "3");
	close_it(s);
	s = open_it();
	assert_string_equal(waiting(s), "3");
	seq = last_seq(s, 1);
	assert_true(seq == first + 2);
	spool_acked(s, seq);
	close_it(s);
	/* No number is given twice, also when nothing waited. */
	s = open_it();
	assert_string_equal(waiting(s), "");
	add(s, 4, 0);
	assert_true(last_seq(s, 1) == first + 3);
	spool_acked(s, first + 3);
	close_it(s);
}

/* Closed while the thread pool writes, or before it began to: the next owner finds all. */
static void closed_in_the_middle(void **state)
{
	char want[2000] = "";
	size_t used = 0;

	for (int i = 0; i < 200; i++) {
		struct spool *s = open_it();

		add(s, i, 0);
		if (i % 3 == 0)
			uv_sleep(1);
		used += (size_t)snprintf(want + used, sizeof(want) - used, "%s%d", i ? " " : "", i);
		spool_close(s);
		s = open_it();
		assert_string_equal(waiting(s), want);
		spool_close(s);
	}
	uv_run(&loop, UV_RUN_DEFAULT);
}

static void acks_of_what_is_not_there(void **state)
{
	struct spool *s = open_it();
	int64_t seq;

	add(s, 1, 0);
	seq = last_seq(s, 1);
	spool_acked(s, seq + 1);
	spool_acked(s, seq - 1);
	spool_acked(s, 0);
	spool_acked(s, INT64_MAX);
	assert_string_equal(waiting(s), "1");
	spool_acked(s, seq);
	spool_acked(s, seq);
	assert_string_equal(waiting(s), "");
	close_it(s);
}

static void batches(void **state)
{
	struct spool *s = open_it();
	int64_t last = 0;
	json_t *list;

	for (int i = 0; i < 100; i++)
		add(s, i, 0);
	list = spool_batch(s, 7, ALL_BYTES, &last);
	assert_int_equal(json_array_size(list), 7);
	json_decref(list);
	list = spool_batch(s, 100, 200, &last); /* about 35 bytes each */
	assert_in_range(json_array_size(list), 3, 8);
	json_decref(list);
	list = spool_batch(s, 100, 1, &last);
	assert_int_equal(json_array_size(list), 1);
	json_decref(list);
	spool_acked(s, last_seq(s, 100));
	assert_null(spool_batch(s, 100, ALL_BYTES, &last));
	close_it(s);
}

static void newer_ones_take_the_place_of_older_ones(void **state)
{
	struct spool *s = open_it();

	add(s, 1, 7);
	add(s, 2, UINT64_MAX);
	add(s, 3, 7);
	add(s, 4, 0);
	add(s, 5, 0);
	assert_string_equal(waiting(s), "2 3 4 5");
	close_it(s);
	s = open_it();
	assert_string_equal(waiting(s), "2 3 4 5");
	add(s, 6, UINT64_MAX);
	assert_string_equal(waiting(s), "3 4 5 6");
	close_it(s);
}

static void too_many_give_up_the_oldest(void **state)
{
	struct spool *s = open_capped(OWNER, 1000);
	struct spool_stats st;

	for (int i = 0; i < 1000; i++)
		add(s, i, 0);
	spool_stats(s, &st);
	assert_in_range(st.bytes, 900, 1000);
	assert_true(st.lost == 1000 - st.records);
	assert_int_equal(spool_add(s, json_pack("{s:s%}", "text", path, (size_t)5), 0), 0);
	{
		json_t *big = json_object();

		for (int i = 0; i < 600; i++) {
			char key[16];

			snprintf(key, sizeof(key), "k%d", i);
			json_object_set_new(big, key, json_integer(i));
		}
		assert_int_equal(spool_add(s, big, 0), -EMSGSIZE);
	}
	close_it(s);
	s = open_capped(OWNER, 1000);
	spool_stats(s, &st);
	assert_in_range(st.bytes, 800, 1000);
	close_it(s);
}

static bool count_kept(void *arg, const json_t *record, bool arrived)
{
	size_t *n = arg;

	assert_true(json_is_object(record));
	n[arrived]++;
	return true;
}

/* What has arrived may be kept, as long as there is room; it is not sent again, and counts as
 * arrived with the next start. */
static void what_has_arrived_is_kept(void **state)
{
	const struct spool_config config = {
		.path = path, .owner = OWNER, .max_bytes = 1000, .keeps = true};
	size_t n[2] = {0, 0};
	struct spool_stats st;
	struct spool *s;

	(void)state;
	assert_int_equal(spool_open(&s, &loop, &config), 0);
	for (int i = 0; i < 10; i++)
		add(s, i, 0);
	spool_acked(s, last_seq(s, 6));
	spool_stats(s, &st);
	assert_int_equal(st.records, 4);
	close_it(s);
	assert_int_equal(spool_open(&s, &loop, &config), 0);
	spool_each(s, count_kept, n);
	assert_int_equal(n[false], 4);
	assert_int_equal(n[true], 6);
	/* Now the file's first line says how far they have arrived, before those that have. */
	add(s, 10, 0);
	close_it(s);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(spool_open(&s, &loop, &config), 0);
		n[false] = n[true] = 0;
		spool_each(s, count_kept, n);
		assert_int_equal(n[false], 5);
		assert_int_equal(n[true], 6);
		if (i == 0)
			close_it(s);
	}
	for (int i = 0; i < 100; i++) {
		add(s, i, 0);
		spool_acked(s, last_seq(s, 1000));
	}
	spool_stats(s, &st);
	assert_int_equal(st.lost, 0);
	n[false] = n[true] = 0;
	spool_each(s, count_kept, n);
	assert_int_equal(n[false], 0);
	assert_in_range(n[true], 10, 90);
	close_it(s);
}

/* Acknowledged lines do not stay in the file for ever. */
static void the_file_stays_small(void **state)
{
	struct spool *s = open_it();
	struct stat st;

	for (int i = 0; i < 5000; i++) {
		add(s, i, 0);
		spool_acked(s, last_seq(s, 1));
		if (i % 50 == 0)
			uv_run(&loop, UV_RUN_DEFAULT);
	}
	close_it(s);
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, 1, 200000);
	s = open_it();
	assert_string_equal(waiting(s), "");
	close_it(s);
}

static void not_for_another_owner(void **state)
{
	struct spool *s = open_it();

	add(s, 1, 0);
	close_it(s);
	s = open_capped("farlan://lab/device/ffffffffffffffffffffffffffffffff", 1000);
	assert_string_equal(waiting(s), "");
	add(s, 2, 0);
	close_it(s);
	s = open_it();
	assert_string_equal(waiting(s), "");
	close_it(s);
}

/* --- damage ---------------------------------------------------------------------------------- */

static size_t read_file(uint8_t **bytes)
{
	size_t n;

	assert_int_equal(file_read(path, ALL_BYTES, bytes, &n), 0);
	return n;
}

/* Killed or unplugged at every byte of the file: what is whole is there, and it goes on. */
static void every_truncation(void **state)
{
	static const char *const want[] = {"9", "1 9", "1 2 9", "1 2 3 9"};
	struct spool *s = open_it();
	uint8_t *bytes;
	size_t n, whole = 0;

	add(s, 1, 0);
	add(s, 2, 0);
	add(s, 3, 0);
	close_it(s);
	n = read_file(&bytes);
	for (size_t len = 0; len <= n; len++) {
		assert_int_equal(file_replace(path, bytes, len, 0600), 0);
		if (len > 1 && bytes[len - 1] == '\n')
			whole++;
		s = open_it();
		add(s, 9, 0);
		assert_string_equal(waiting(s), want[whole > 1 ? whole - 1 : 0]);
		close_it(s);
		s = open_it();
		assert_string_equal(waiting(s), want[whole > 1 ? whole - 1 : 0]);
		close_it(s);
	}
	assert_int_equal(whole, 4);
	free(bytes);
}

static void damaged_lines_are_left_out(void **state)
{
	struct spool *s = open_it();
	uint8_t *bytes;
	char *second;
	size_t n;

	for (int i = 1; i <= 4; i++)
		add(s, i, 0);
	close_it(s);
	n = read_file(&bytes);
	second = strstr((char *)bytes, "\"n\":2");
	assert_non_null(second);
	second[0] = 'x';
	assert_int_equal(file_replace(path, bytes, n, 0600), 0);
	s = open_it();
	assert_string_equal(waiting(s), "1 3 4");
	close_it(s);
	free(bytes);
}

static void noise_is_no_spool(void **state)
{
	uint64_t noise = 5;
	uint8_t bytes[3000];

	for (int round = 0; round < 50; round++) {
		struct spool *s;

		noise_fill(&noise, bytes, sizeof(bytes));
		assert_int_equal(file_replace(path, bytes, sizeof(bytes), 0600), 0);
		s = open_it();
		assert_string_equal(waiting(s), "");
		add(s, 1, 0);
		close_it(s);
		s = open_it();
		assert_string_equal(waiting(s), "1");
		close_it(s);
	}
}

/* A file that grew beyond all measure is not read into memory. */
static void too_long_a_file(void **state)
{
	struct spool *s = open_it();

	add(s, 1, 0);
	close_it(s);
	assert_int_equal(truncate(path, 10000000), 0);
	s = open_it();
	assert_string_equal(waiting(s), "");
	add(s, 2, 0);
	close_it(s);
	s = open_it();
	assert_string_equal(waiting(s), "2");
	close_it(s);
}

/* --- a disk that is full --------------------------------------------------------------------- */

static void limit_files(rlim_t bytes)
{
	struct rlimit l;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void a_full_disk_loses_nothing(void **state)
{
	struct spool *s = open_it();
	char want[400] = "";
	size_t used = 0;

	signal(SIGXFSZ, SIG_IGN);
	add(s, 0, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_true(all_written(s));
	limit_files(300); /* the write that crosses it is cut short: a torn line */
	for (int i = 1; i < 20; i++) {
		add(s, i, 0);
		uv_run(&loop, UV_RUN_DEFAULT);
	}
	assert_false(all_written(s));
	for (int i = 0; i < 20; i++)
		used += (size_t)snprintf(want + used, sizeof(want) - used, "%s%d", i ? " " : "", i);
	assert_string_equal(waiting(s), want);
	limit_files(RLIM_INFINITY);
	add(s, 20, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_true(all_written(s));
	snprintf(want + used, sizeof(want) - used, " 20");
	close_it(s);
	s = open_it();
	assert_string_equal(waiting(s), want);
	close_it(s);
}

/* --- kill -9 --------------------------------------------------------------------------------- */

/* Tells the pipe what is on disk, until it is killed. */
static void write_for_ever(int fd)
{
	struct spool *s;

	if (uv_loop_init(&loop) != 0) /* the other one is the parent's */
		_exit(1);
	s = open_it();

	for (int i = 1;; i++) {
		add(s, i, 0);
		if (i % 3 == 0)
			add(s, i, 0);
		uv_run(&loop, UV_RUN_DEFAULT);
		if (i % 5 == 0)
			spool_acked(s, last_seq(s, 1));
		if (all_written(s) && write(fd, &i, sizeof(i)) != sizeof(i))
			_exit(1);
	}
}

static void killed_while_it_writes(void **state)
{
	for (unsigned int round = 0; round < 10; round++) {
		int fds[2], said = 0, i;
		struct spool *s;
		json_t *list;
		int64_t last;
		pid_t pid;

		unlink(path);
		assert_int_equal(pipe(fds), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			write_for_ever(fds[1]);
		close(fds[1]);
		for (unsigned int n = 0; n < 5 + round * 3; n++)
			assert_int_equal(read(fds[0], &said, sizeof(said)), sizeof(said));
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		while (read(fds[0], &i, sizeof(i)) == sizeof(i))
			said = i;
		close(fds[0]);
		s = open_it();
		list = spool_batch(s, SIZE_MAX, ALL_BYTES, &last);
		assert_non_null(list);
		i = (int)json_integer_value(
			json_object_get(json_array_get(list, json_array_size(list) - 1), "n"));
		assert_in_range(i, said, said + 1);
		json_decref(list);
		(void)waiting(s); /* in order */
		close_it(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(records_outlive_the_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(closed_in_the_middle, set_up, tear_down),
		cmocka_unit_test_setup_teardown(acks_of_what_is_not_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(batches, set_up, tear_down),
		cmocka_unit_test_setup_teardown(newer_ones_take_the_place_of_older_ones, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(too_many_give_up_the_oldest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_has_arrived_is_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_file_stays_small, set_up, tear_down),
		cmocka_unit_test_setup_teardown(not_for_another_owner, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_truncation, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damaged_lines_are_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(noise_is_no_spool, set_up, tear_down),
		cmocka_unit_test_setup_teardown(too_long_a_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_disk_loses_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(killed_while_it_writes, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
