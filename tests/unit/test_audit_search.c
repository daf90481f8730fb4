/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The audit with many records: each kind of search is fast, whether an index helps or not, and all
 * can be checked. AUDIT_RECORDS=1000000 is what is promised (scripts/bench audit); fewer here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "accessd/audit_check.h"
#include "common/io/file.h"
#include "tests/unit/accessd_fixture.h"

#define STEP 50000
#define SEARCH_MS 2000 /* of a million */
#define PAGE 50

static struct fixture f;
static int64_t n_records = 20000;

static void write_one(int64_t i)
{
	static const char *const events[] = {"device.online", "device.offline", "session.opened",
					     "session.ended", "user.online",	"device.changed"};
	struct audit_record r = {.time_ms = 1800000000000 + i * 1000,
				 .synced = true,
				 .kind = i % 6 == 5 ? AUDIT_OPERATION : AUDIT_CONNECTION,
				 .who = {.kind = "user"},
				 .on = {.kind = "device"},
				 .from = "198.51.100.77:49152",
				 .folder = 1 + i % 40,
				 .path = "/italy/plant3/line2"};

	snprintf(r.event, sizeof(r.event), "%s", events[i % 6]);
	if (i % 100000 == 7)
		r.result = AUDIT_FAILED;
	snprintf(r.who.name, sizeof(r.who.name), "user%03d", (int)(i % 300));
	snprintf(r.who.uid, sizeof(r.who.uid), "%032llx", (unsigned long long)(i % 300));
	snprintf(r.on.name, sizeof(r.on.name), "device-%05d", (int)(i * 7919 % 10000));
	snprintf(r.on.uid, sizeof(r.on.uid), "%032llx", (unsigned long long)(i * 7919 % 10000));
	snprintf(r.detail, sizeof(r.detail),
		 "{\"session\":\"%032llx\",\"reason\":\"disconnected\"}", (unsigned long long)i);
	assert_int_equal(store_audit_append(f.store, 1, &r), 0);
}

static int write_all(void **state)
{
	const char *text = getenv("AUDIT_RECORDS"); /* NOLINT(concurrency-mt-unsafe) */
	uint64_t begin = clock_mono_ms();
	struct stat st;

	(void)state;
	if (text)
		n_records = strtoll(text, NULL, 10);
	fixture_open(&f);
	for (int64_t i = 0; i < n_records; i++) {
		if (i % STEP == 0)
			assert_int_equal(store_begin(f.store), 0);
		write_one(i);
		if (i % STEP == STEP - 1 || i == n_records - 1)
			assert_int_equal(store_commit(f.store), 0);
	}
	store_close(f.store); /* the journal's pages go into the file */
	assert_int_equal(store_open(&f.store, f.dir), 0);
	assert_int_equal(stat(store_path(f.store), &st), 0);
	print_message("# %lld records in %llu ms, %lld bytes each\n", (long long)n_records,
		      (unsigned long long)(clock_mono_ms() - begin),
		      (long long)(st.st_size / n_records));
	return 0;
}

static int remove_all(void **state)
{
	(void)state;
	fixture_close(&f);
	return 0;
}

static bool take(void *arg, const struct store_audit_row *row)
{
	int64_t *n = arg;

	(void)row;
	return ++*n < PAGE;
}

static void search(const char *what, const struct store_audit_query *q, int64_t want)
{
	struct store *reader;
	uint64_t begin = clock_mono_ms(), ms;
	int64_t n = 0;

	assert_int_equal(store_reader(&reader, store_path(f.store)), 0);
	assert_int_equal(store_audit_each(reader, q, take, &n), 0);
	store_close(reader);
	ms = clock_mono_ms() - begin;
	print_message("# %s: %lld in %llu ms\n", what, (long long)n, (unsigned long long)ms);
	if (want >= 0)
		assert_int_equal(n, want);
	assert_true(ms < SEARCH_MS);
}

#define ANY .domain = 1, .kind = -1, .with_prev = true, .result = -1

static void searching(void **state)
{
	int64_t last_ms = 1800000000000 + n_records * 1000;

	(void)state;
	search("the newest", &(struct store_audit_query){ANY}, PAGE);
	search("a user", &(struct store_audit_query){ANY, .who = "user017"}, PAGE);
	search("nobody of this name", &(struct store_audit_query){ANY, .who = "nobody"}, 0);
	search("a user's UID",
	       &(struct store_audit_query){ANY, .who = "00000000000000000000000000000fff"}, 0);
	search("a device", &(struct store_audit_query){ANY, .target = "device-07919"}, -1);
	search("a device of one user",
	       &(struct store_audit_query){ANY, .target = "device-07919", .who = "user001"}, -1);
	search("a device's UID",
	       &(struct store_audit_query){ANY, .target = "0000000000000000000000000000ffff"}, 0);
	search("an event", &(struct store_audit_query){ANY, .event = "device.changed"}, PAGE);
	search("an event that never was", &(struct store_audit_query){ANY, .event = "ca.rolled"},
	       0);
	search("events that begin so", &(struct store_audit_query){ANY, .event = "session.*"},
	       PAGE);
	search("what failed",
	       &(struct store_audit_query){
		       .domain = 1, .kind = -1, .with_prev = true, .result = AUDIT_FAILED},
	       -1);
	search("a folder that is not there", &(struct store_audit_query){ANY, .target = "/france"},
	       0);
	search("the first minute", &(struct store_audit_query){ANY, .until_ms = 1800000060000},
	       PAGE);
	search("the last minute", &(struct store_audit_query){ANY, .since_ms = last_ms - 60000},
	       PAGE);
	search("before all", &(struct store_audit_query){ANY, .until_ms = 1800000000000}, 0);
	search("of a folder's administrator",
	       &(struct store_audit_query){
		       ANY, .views = {{.folders = "[7]", .shown = "[]", .hidden = "[]"},
				      {.folders = "[99]", .shown = "[]", .hidden = "[]"}}},
	       -1);
	search("of somebody who may see nothing",
	       &(struct store_audit_query){
		       ANY, .views = {{.folders = "[]", .shown = "[]", .hidden = "[]"},
				      {.folders = "[]", .shown = "[]", .hidden = "[]"}}},
	       0);
}

static void checking(void **state)
{
	struct audit_check c = {.domain = 1};
	uint64_t begin = clock_mono_ms(), pieces = 0, records = 0, lost;
	struct store *reader;

	(void)state;
	assert_int_equal(store_reader(&reader, store_path(f.store)), 0);
	do {
		assert_int_equal(audit_check_piece(reader, &c), 0);
		assert_int_equal(c.fault_seq, 0);
		records += c.records;
		pieces++;
	} while (c.more);
	assert_int_equal(records, n_records);
	print_message("# all checked in %llu ms, %llu pieces\n",
		      (unsigned long long)(clock_mono_ms() - begin), (unsigned long long)pieces);
	begin = clock_mono_ms();
	assert_int_equal(audit_check_rest(reader, &c, &lost), 0);
	print_message("# indexes in %llu ms\n", (unsigned long long)(clock_mono_ms() - begin));
	store_close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(searching),
		cmocka_unit_test(checking),
	};

	return cmocka_run_group_tests(tests, write_all, remove_all);
}
