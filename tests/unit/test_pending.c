/* SPDX-License-Identifier: GPL-3.0-or-later */
/* anna (1) asks for press4 (50, endpoint 51); bert (2) or the machine approves. */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "accessd/pure/pending.h"

static struct pending_table t;
static struct pending out;

static const struct pending_voice anna = {.user = 1, .name = "anna"},
				  bert = {.user = 2, .name = "bert"},
				  host = {.user = 0, .name = "the administrator"},
				  press4 = {.is_machine = true, .device_endpoint = 51},
				  press5 = {.is_machine = true, .device_endpoint = 61};

static struct pending wish(const char *id, enum setting_approve mode)
{
	struct pending p = {.user = 1,
			    .manager = 11,
			    .device = 50,
			    .device_endpoint = 51,
			    .mode = mode,
			    .deadline_ms = 120000,
			    .client = 7};

	snprintf(p.id, sizeof(p.id), "%s", id);
	return p;
}

static void add(const char *id, enum setting_approve mode)
{
	struct pending p = wish(id, mode);

	memset(&t, 0, sizeof(t));
	assert_int_equal(pending_add(&t, &p), 0);
}

static void who_decides(void **state)
{
	static const struct {
		enum setting_approve mode;
		const struct pending_voice *voice;
		enum pending_outcome want;
	} rows[] = {
		{APPROVE_PERSON, &bert, PENDING_DONE},
		{APPROVE_PERSON, &host, PENDING_DONE},
		{APPROVE_PERSON, &anna, PENDING_SELF},
		{APPROVE_PERSON, &press4, PENDING_UNASKED},
		{APPROVE_MACHINE, &press4, PENDING_DONE},
		{APPROVE_MACHINE, &press5, PENDING_GONE},
		{APPROVE_MACHINE, &bert, PENDING_UNASKED},
		{APPROVE_MACHINE, &anna, PENDING_SELF},
		{APPROVE_EITHER, &bert, PENDING_DONE},
		{APPROVE_EITHER, &press4, PENDING_DONE},
		{APPROVE_EITHER, &anna, PENDING_SELF},
		{APPROVE_BOTH, &bert, PENDING_MORE},
		{APPROVE_BOTH, &press4, PENDING_MORE},
		{APPROVE_BOTH, &press5, PENDING_GONE},
		{APPROVE_NONE, &bert, PENDING_UNASKED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum pending_outcome got;

		add("a", rows[i].mode);
		got = pending_approve(&t, "a", rows[i].voice, &out);
		if (got != rows[i].want)
			fail_msg("row %zu: %d", i, got);
		assert_int_equal(t.n, got == PENDING_DONE ? 0 : 1);
		/* One "no" is enough, of whom is asked. */
		add("a", rows[i].mode);
		got = pending_reject(&t, "a", rows[i].voice, &out);
		assert_int_equal(got, rows[i].want == PENDING_MORE ? PENDING_DONE : rows[i].want);
		assert_int_equal(t.n, got == PENDING_DONE ? 0 : 1);
	}
}

static void both(void **state)
{
	(void)state;
	add("a", APPROVE_BOTH);
	assert_int_equal(pending_approve(&t, "a", &bert, &out), PENDING_MORE);
	assert_int_equal(pending_approve(&t, "a", &bert, &out),
			 PENDING_UNASKED); /* twice is once */
	assert_int_equal(pending_approve(&t, "a", &host, &out), PENDING_UNASKED);
	assert_false(pending_wants(pending_find(&t, "a"), false));
	assert_true(pending_wants(pending_find(&t, "a"), true));
	assert_int_equal(pending_approve(&t, "a", &press4, &out), PENDING_DONE);
	assert_string_equal(out.approved_by, "bert and the machine");
	assert_string_equal(out.id, "a");
	/* Decided once: no replay, no race. */
	assert_int_equal(pending_approve(&t, "a", &press4, &out), PENDING_GONE);
	assert_int_equal(pending_reject(&t, "a", &bert, &out), PENDING_GONE);
	add("a", APPROVE_BOTH);
	assert_int_equal(pending_approve(&t, "a", &press4, &out), PENDING_MORE);
	assert_int_equal(pending_reject(&t, "a", &bert, &out), PENDING_DONE);
	assert_int_equal(pending_approve(&t, "a", &bert, &out), PENDING_GONE);
}

static void binds_to_one_wish(void **state)
{
	struct pending p = wish("b", APPROVE_PERSON);

	(void)state;
	add("a", APPROVE_PERSON);
	assert_int_equal(pending_add(&t, &p), -EEXIST); /* the same PC, the same device */
	p.manager = 12;					/* another PC of hers */
	assert_int_equal(pending_add(&t, &p), 0);
	assert_int_equal(pending_approve(&t, "b", &anna, &out), PENDING_SELF);
	assert_int_equal(pending_approve(&t, "", &bert, &out), PENDING_GONE);
	assert_int_equal(pending_approve(&t, "ab", &bert, &out), PENDING_GONE);
	assert_int_equal(pending_approve(&t, "b", &bert, &out), PENDING_DONE);
	assert_int_equal(out.manager, 12);
	assert_non_null(pending_find(&t, "a")); /* the other one still waits */
}

static void ends_otherwise(void **state)
{
	(void)state;
	add("a", APPROVE_PERSON);
	assert_true(pending_next_ms(&t) == 120000);
	assert_false(pending_take_overdue(&t, 119999, &out));
	assert_true(pending_take_overdue(&t, 120000, &out));
	assert_int_equal(pending_approve(&t, "a", &bert, &out), PENDING_GONE);
	assert_true(pending_next_ms(&t) == UINT64_MAX);
	add("a", APPROVE_PERSON);
	assert_false(pending_take_of_client(&t, 8, NULL, &out));
	assert_false(pending_take_of_client(&t, 8, "a", &out)); /* not his to take back */
	assert_false(pending_take_of_client(&t, 7, "b", &out));
	assert_true(pending_take_of_client(&t, 7, "a", &out));
	add("a", APPROVE_PERSON);
	assert_true(pending_take_of_client(&t, 7, NULL, &out));
	add("a", APPROVE_PERSON);
	assert_false(pending_take_of_member(&t, 2, &out));
	assert_true(pending_take_of_member(&t, 50, &out));
	assert_false(pending_take_any(&t, &out));
	add("a", APPROVE_PERSON);
	assert_true(pending_take_any(&t, &out));
	assert_int_equal(t.n, 0);
}

static void floods(void **state)
{
	struct pending p = wish("", APPROVE_PERSON);

	(void)state;
	memset(&t, 0, sizeof(t));
	for (int i = 0; i < PENDING_OF_USER_MAX; i++) {
		snprintf(p.id, sizeof(p.id), "u%d", i);
		p.manager++;
		assert_int_equal(pending_add(&t, &p), 0);
	}
	p.manager++;
	p.id[0] = 'v';
	p.device = 60;
	assert_int_equal(pending_add(&t, &p), -EDQUOT);
	p.device = 50;
	for (int i = PENDING_OF_USER_MAX; i < PENDING_OF_DEVICE_MAX; i++) {
		snprintf(p.id, sizeof(p.id), "d%d", i);
		p.user++;
		p.manager++;
		assert_int_equal(pending_add(&t, &p), 0);
	}
	p.id[0] = 'v';
	p.user++;
	p.manager++;
	assert_int_equal(pending_add(&t, &p), -EBUSY);
	for (size_t i = t.n; i < PENDING_MAX; i++) {
		snprintf(p.id, sizeof(p.id), "m%zu", i);
		p.user++;
		p.manager++;
		p.device++;
		assert_int_equal(pending_add(&t, &p), 0);
	}
	p.id[0] = 'v';
	p.user++;
	p.device++;
	assert_int_equal(pending_add(&t, &p), -ENOSPC);
	while (pending_take_any(&t, &out))
		assert_null(pending_find(&t, out.id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_decides),
		cmocka_unit_test(both),
		cmocka_unit_test(binds_to_one_wish),
		cmocka_unit_test(ends_otherwise),
		cmocka_unit_test(floods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
