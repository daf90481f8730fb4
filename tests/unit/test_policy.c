/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which rules a session gets: their order. */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "accessd/pure/policy.h"

/* A list of @n rules that allow one port each, from @port on. */
static struct rules list(uint16_t port, size_t n)
{
	struct rules rs = {.present = true, .n = n};

	for (size_t i = 0; i < n; i++) {
		char text[RULE_TEXT_SIZE];

		snprintf(text, sizeof(text), "allow tcp/%zu", port + i);
		assert_int_equal(rule_parse(&rs.at[i], text), 0);
	}
	return rs;
}

static struct policy_part part(int64_t policy, unsigned int depth, enum policy_whom whom,
			       int64_t number, const struct rules *rules)
{
	return (struct policy_part){policy, depth, whom, number, rules};
}

/* As "3 1 2": policies in their order. */
static void expect_order(struct policy_part *parts, size_t n, const char *want)
{
	char got[200] = "";

	n = policy_sort(parts, n);
	for (size_t i = 0; i < n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%d", i ? " " : "",
			 (int)parts[i].policy);
	assert_string_equal(got, want);
}

static void nearer_goes_first(void **state)
{
	struct policy_part parts[] = {
		part(1, 3, POLICY_USER, 1, NULL),     part(2, 1, POLICY_EVERYONE, 2, NULL),
		part(3, 0, POLICY_EVERYONE, 9, NULL), part(4, 2, POLICY_GROUP, 3, NULL),
		part(5, 16, POLICY_USER, 4, NULL),
	};

	expect_order(parts, 5, "3 2 4 1 5");
}

static void the_user_goes_before_groups_and_everyone(void **state)
{
	struct policy_part parts[] = {
		part(1, 1, POLICY_EVERYONE, 1, NULL),
		part(2, 1, POLICY_GROUP, 2, NULL),
		part(3, 1, POLICY_USER, 3, NULL),
		part(4, 0, POLICY_EVERYONE, 4, NULL),
	};

	expect_order(parts, 4, "4 3 2 1");
}

static void what_was_attached_first_goes_first(void **state)
{
	struct policy_part parts[] = {
		part(1, 1, POLICY_GROUP, 30, NULL),
		part(2, 1, POLICY_GROUP, 10, NULL),
		part(3, 1, POLICY_GROUP, 20, NULL),
	};

	expect_order(parts, 3, "2 3 1");
}

/* At two folders, or for two groups of his: where it comes first. */
static void twice_counts_once(void **state)
{
	struct policy_part parts[] = {
		part(1, 2, POLICY_USER, 1, NULL),
		part(2, 1, POLICY_EVERYONE, 2, NULL),
		part(1, 0, POLICY_GROUP, 3, NULL),
		part(1, 0, POLICY_GROUP, 4, NULL),
	};

	expect_order(parts, 4, "1 2");
	assert_int_equal(policy_sort(parts, 0), 0);
}

/* The joined list, and where each rule is from, must tell the same. */
static void expect_sources(const struct rules *own, const struct policy_part *parts, size_t n,
			   const struct rules *joined)
{
	for (size_t i = 0; i < joined->n; i++) {
		size_t p, rule;

		policy_source(own, parts, n, i, &p, &rule);
		assert_true(rule_equal(&joined->at[i], p == POLICY_OWN
							       ? &own->at[rule]
							       : &parts[p].rules->at[rule]));
	}
}

static void lists_are_joined(void **state)
{
	struct rules own = list(1, 2), a = list(10, 3), b = list(20, 1), none = {.n = 0}, joined;
	struct policy_part parts[] = {
		part(1, 0, POLICY_EVERYONE, 1, &a),
		part(2, 1, POLICY_EVERYONE, 2, &b),
	};

	assert_int_equal(policy_join(&own, parts, 2, &joined), 0);
	assert_true(joined.present);
	assert_int_equal(joined.n, 6);
	assert_true(rule_equal(&joined.at[0], &own.at[0]));
	assert_true(rule_equal(&joined.at[2], &a.at[0]));
	assert_true(rule_equal(&joined.at[5], &b.at[0]));
	expect_sources(&own, parts, 2, &joined);
	assert_int_equal(policy_join(&none, parts, 2, &joined), 0);
	assert_int_equal(joined.n, 4);
	expect_sources(&none, parts, 2, &joined);
	assert_int_equal(policy_join(&none, NULL, 0, &joined), 0);
	assert_false(joined.present); /* as before there were policies: all passes */
}

/* A list that is there and empty denies. */
static void an_empty_list_denies(void **state)
{
	struct rules own = {.present = true}, empty = {.present = true}, none = {.n = 0}, joined;
	struct policy_part parts[] = {part(1, 0, POLICY_USER, 1, &empty)};

	assert_int_equal(policy_join(&own, NULL, 0, &joined), 0);
	assert_true(joined.present);
	assert_int_equal(policy_join(&none, parts, 1, &joined), 0);
	assert_true(joined.present);
	assert_int_equal(joined.n, 0);
}

static void too_many_deny_all(void **state)
{
	struct rules own = list(1, 200), a = list(1000, 56), b = list(2000, 1), joined;
	struct policy_part parts[] = {
		part(1, 0, POLICY_USER, 1, &a),
		part(2, 0, POLICY_USER, 2, &b),
	};

	assert_int_equal(policy_join(&own, parts, 1, &joined), 0);
	assert_int_equal(joined.n, RULES_MAX);
	expect_sources(&own, parts, 1, &joined);
	assert_int_equal(policy_join(&own, parts, 2, &joined), -E2BIG);
	assert_true(joined.present);
	assert_int_equal(joined.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nearer_goes_first),
		cmocka_unit_test(the_user_goes_before_groups_and_everyone),
		cmocka_unit_test(what_was_attached_first_goes_first),
		cmocka_unit_test(twice_counts_once),
		cmocka_unit_test(lists_are_joined),
		cmocka_unit_test(an_empty_list_denies),
		cmocka_unit_test(too_many_deny_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
