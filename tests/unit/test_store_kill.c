/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the store said was done is there after kill -9, whole, however often that happens.
 *
 * A writer (a process of its own) changes one thing after the other through the store's own
 * functions, and says so by a byte in a pipe after each; it is killed at a time by chance. Which
 * change is the nth follows from n alone, so what must be there is known: all that was said, and at
 * most the one that was under way, or nothing of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "accessd/sqlite_core.h"
#include "common/io/log.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KILLS 100
#else
#define KILLS 1000
#endif
#define DEVICES 8
#define GUESTS 16
#define LIFE_US 4500	 /* of a writer, at most: also while it opens the store */
#define PER_CHECKPOINT 4 /* pages; in use they are 1,000 */

static char dir[64];

/* What the first n changes made. */
struct model {
	uint64_t n;
	uint64_t rate[DEVICES];
	bool guest[GUESTS];
	uint64_t setting;
};

struct kill_state {
	int64_t domain;
	int64_t device[DEVICES]; /* members */
	struct model model;
	uint32_t random;
	size_t killed_early,
		under_way; /* before the first word; in the middle of a change that counts */
};

static uint32_t next_random(uint32_t *r)
{
	*r = *r * 1664525u + 1013904223u;
	return *r >> 8;
}

/* --- the nth change -------------------------------------------------------------------------- */

enum kind { KIND_ONE, KIND_TWO, KIND_GUEST, KIND_SETTING, KINDS };

struct change {
	enum kind kind;
	size_t a, b; /* devices, or a guest */
};

static struct change change_of(uint64_t n)
{
	uint64_t h = n * 0x9e3779b97f4a7c15u;

	h ^= h >> 31;
	return (struct change){
		.kind = (enum kind)(h % KINDS), .a = (h >> 8) % DEVICES, .b = (h >> 16) % GUESTS};
}

static void model_apply(struct model *m)
{
	struct change c = change_of(++m->n);

	switch (c.kind) {
	case KIND_ONE:
		m->rate[c.a] = m->n;
		break;
	case KIND_TWO:
		m->rate[c.a] = m->rate[(c.a + 1) % DEVICES] = m->n;
		break;
	case KIND_GUEST:
		m->guest[c.b] = !m->guest[c.b];
		break;
	case KIND_SETTING:
		m->setting = m->n;
		break;
	case KINDS:
		break;
	}
}

static void name_of_guest(char name[STORE_NAME_SIZE], size_t i)
{
	snprintf(name, STORE_NAME_SIZE, "guest%zu", i);
}

static int store_two(struct store *s, const struct kill_state *k, const struct change *c,
		     uint64_t n)
{
	int rc = store_begin(s);

	if (rc == 0)
		rc = store_member_set_rate(s, k->device[c->a], n);
	if (rc == 0)
		rc = store_member_set_rate(s, k->device[(c->a + 1) % DEVICES], n);
	return rc ? rc : store_commit(s);
}

static int store_guest(struct store *s, const struct kill_state *k, size_t i, bool there)
{
	struct store_member m = {.domain = k->domain, .kind = IDENT_DEVICE};
	char name[STORE_NAME_SIZE];
	int rc;

	name_of_guest(name, i);
	if (there) {
		rc = store_member_by_name(s, k->domain, IDENT_DEVICE, name, &m);
		return rc ? rc : store_member_remove(s, m.id);
	}
	snprintf(m.name, sizeof(m.name), "%s", name);
	snprintf(m.uid, sizeof(m.uid), "%032zx", i + 100);
	return store_member_add(s, &m);
}

/* The next one behind @k->model. */
static int store_apply(struct store *s, const struct kill_state *k)
{
	uint64_t n = k->model.n + 1;
	struct change c = change_of(n);
	char text[24];

	switch (c.kind) {
	case KIND_ONE:
		return store_member_set_rate(s, k->device[c.a], n);
	case KIND_TWO:
		return store_two(s, k, &c, n);
	case KIND_GUEST:
		return store_guest(s, k, c.b, k->model.guest[c.b]);
	case KIND_SETTING:
		snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
		return store_setting_set(s, k->domain, 0, "killed", text);
	case KINDS:
		break;
	}
	return -EINVAL;
}

/* --- what is there --------------------------------------------------------------------------- */

static void must_say(struct store *s, const char *sql, const char *answer)
{
	sqlite3_stmt *st;

	assert_int_equal(sql_first(s, &st, sql, NULL, 0), answer ? 0 : -ENOENT);
	if (!answer)
		return;
	assert_string_equal((const char *)sqlite3_column_text(st, 0), answer);
	sql_close(st);
}

static bool is_as(struct store *s, const struct kill_state *k, const struct model *m)
{
	char value[STORE_VALUE_SIZE] = "0", name[STORE_NAME_SIZE];
	struct store_member row;
	int rc;

	for (size_t i = 0; i < DEVICES; i++) {
		assert_int_equal(store_member_get(s, k->device[i], &row), 0);
		if (row.rate != m->rate[i])
			return false;
	}
	for (size_t i = 0; i < GUESTS; i++) {
		name_of_guest(name, i);
		rc = store_member_by_name(s, k->domain, IDENT_DEVICE, name, &row);
		assert_true(rc == 0 || rc == -ENOENT);
		if ((rc == 0) != m->guest[i])
			return false;
	}
	rc = store_setting_get(s, k->domain, 0, "killed", value);
	assert_true(rc == 0 || rc == -ENOENT);
	return strtoull(value, NULL, 10) == m->setting;
}

static void verify(struct kill_state *k)
{
	struct model next = k->model;
	struct store *s = NULL;

	assert_int_equal(store_open(&s, dir), 0);
	must_say(s, "PRAGMA integrity_check", "ok");
	must_say(s, "PRAGMA foreign_key_check", NULL);
	if (!is_as(s, k, &k->model)) {
		model_apply(&next);
		assert_true(is_as(s, k, &next));
		k->model = next;
		k->under_way++;
	}
	store_close(s);
}

/* --- the writer ------------------------------------------------------------------------------ */

__attribute__((noreturn)) static void write_on(struct kill_state *k, int out)
{
	struct store *s;

	if (store_open(&s, dir) != 0)
		_exit(1);
	sqlite3_wal_autocheckpoint(s->db, PER_CHECKPOINT);
	while (store_apply(s, k) == 0) {
		model_apply(&k->model);
		if (write(out, "", 1) != 1)
			_exit(2);
	}
	_exit(3);
}

static void take_words(struct kill_state *k, int in)
{
	char words[4096];
	ssize_t n;
	uint64_t before = k->model.n;

	while ((n = read(in, words, sizeof(words))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			model_apply(&k->model);
	}
	assert_int_equal(n, 0);
	k->killed_early += k->model.n == before;
}

static void run_once(struct kill_state *k)
{
	struct timespec life = {.tv_nsec = (long)(next_random(&k->random) % LIFE_US) * 1000};
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		write_on(k, ends[1]);
	close(ends[1]);
	nanosleep(&life, NULL);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* else it did not like something */
	take_words(k, ends[0]);
	close(ends[0]);
	verify(k);
}

/* --- the test -------------------------------------------------------------------------------- */

static void make_domain(struct kill_state *k)
{
	struct store_domain d = {.name = "kill.example", .created = 1};
	struct store *s = NULL;

	assert_int_equal(store_open(&s, dir), 0);
	d.urls.n = 1;
	assert_int_equal(url_parse(&d.urls.at[0], "https://as1.kill.example"), 0);
	d.ca_key.len = d.access_key.len = d.ca.len = d.access_cert.len = d.outer_cert.len = 3;
	strcpy(d.access_uid, "00112233445566778899aabbccddeeff");
	assert_int_equal(store_domain_add(s, &d), 0);
	k->domain = d.id;
	for (size_t i = 0; i < DEVICES; i++) {
		struct store_member m = {.domain = d.id, .kind = IDENT_DEVICE};

		snprintf(m.name, sizeof(m.name), "device%zu", i);
		snprintf(m.uid, sizeof(m.uid), "%032zx", i + 1);
		assert_int_equal(store_member_add(s, &m), 0);
		k->device[i] = m.id;
	}
	store_close(s);
}

static void test_kill(void **state)
{
	static struct kill_state k;

	(void)state;
	k.random = (uint32_t)time(NULL);
	print_message("seed %u\n", k.random);
	make_domain(&k);
	for (int i = 0; i < KILLS; i++)
		run_once(&k);
	print_message("%d kills, %llu changes; %zu before the first word, %zu while one was "
		      "written that counts\n",
		      KILLS, (unsigned long long)k.model.n, k.killed_early, k.under_way);
	assert_true(k.model.n > KILLS);
	assert_true(k.killed_early < KILLS * 9 / 10);
}

/* In memory, if there is a place for that: it is the process that dies here, not the machine. */
static int setup(void **state)
{
	(void)state;
	log_init(LOG_ERROR);
	strcpy(dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/farlan-kill-XXXXXX"
						  : "/tmp/farlan-kill-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd); /* NOLINT(cert-env33-c): a fixed command of this test */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
