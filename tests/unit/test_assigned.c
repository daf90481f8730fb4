/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "vpnd/pure/assigned.h"

#define A "08ceeae3f4fdf59dd4a1a26e8af024b4"
#define B "18ceeae3f4fdf59dd4a1a26e8af024b4"
#define LAN "192.168.1.0/24"

static struct assigned all, again;

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(&p, text), 0);
	return p;
}

static const char *id_of(unsigned int i)
{
	static char id[TOKEN_SESSION_SIZE];

	snprintf(id, sizeof(id), "%032x", i);
	return id;
}

/* One LAN and its place. */
static bool put(const char *id, const char *lan, const char *here, bool waiting)
{
	struct assigned_session s;

	memset(&s, 0, sizeof(s));
	snprintf(s.id, sizeof(s.id), "%s", id);
	s.waiting = waiting;
	s.n = 1;
	s.pairs[0] = (struct translate_pair){.here = prefix(here), .there = prefix(lan)};
	return assigned_put(&all, &s);
}

static bool has(const char *id, const char *lan, const char *here)
{
	struct prefix l = prefix(lan), h = prefix(here);
	const struct prefix *found = assigned_here(&all, id, &l);

	return found && prefix_equal(found, &h);
}

static bool held(const char *for_id, const char *text)
{
	struct prefix p = prefix(text);

	return assigned_holder(&all, for_id, &p) != NULL;
}

static int set_up(void **state)
{
	memset(&all, 0, sizeof(all));
	memset(&again, 0, sizeof(again));
	return 0;
}

static void keeps(void **state)
{
	assert_true(put(A, LAN, LAN, false));
	assert_true(put(B, LAN, "100.80.1.0/24", false));
	assert_true(has(A, LAN, LAN));
	assert_true(has(B, LAN, "100.80.1.0/24"));
	assert_false(has(id_of(1), LAN, LAN));
	assert_false(put(A, LAN, LAN, false)); /* nothing new */
	assert_true(put(A, LAN, "100.80.2.0/24", false));
	assert_true(has(A, LAN, "100.80.2.0/24"));
	assert_int_equal(all.n, 2);
	assert_true(assigned_remove(&all, A));
	assert_false(assigned_remove(&all, A));
	assert_false(has(A, LAN, "100.80.2.0/24"));
	assert_true(has(B, LAN, "100.80.1.0/24"));
}

static void holds_while_it_waits(void **state)
{
	put(A, LAN, LAN, true);
	put(B, LAN, "100.80.1.0/24", true);
	assert_true(held(id_of(1), LAN));
	assert_true(held(id_of(1), "192.168.1.7/32"));
	assert_true(held(id_of(1), "192.168.0.0/16"));
	assert_true(held(id_of(1), "100.80.1.0/25"));
	assert_false(held(id_of(1), "192.168.2.0/24"));
	assert_false(held(A, LAN));
	assert_true(held(B, LAN));
	assert_true(held(A, "100.80.1.0/24"));
	put(A, LAN, LAN, false); /* it is back: the routes know */
	assert_false(held(B, LAN));
	assert_true(assigned_give_up(&all));
	assert_false(assigned_give_up(&all));
	assert_false(held(A, "100.80.1.0/24"));
	assert_int_equal(all.n, 1);
	assert_true(has(A, LAN, LAN));
}

static void wide_ones(void **state)
{
	put(A, "0.0.0.0/0", "0.0.0.0/0", true);
	assert_true(held(B, "0.0.0.0/0"));
	assert_true(held(B, "128.0.0.0/1")); /* half of its route */
	assert_false(held(B, "10.0.0.0/8"));
	assert_false(held(B, "::/0"));
	assert_false(held(B, LAN));
	put(A, LAN, LAN, true);
	assert_false(held(B, "0.0.0.0/0"));
}

static void a_full_memory(void **state)
{
	char lan[40];

	for (unsigned int i = 0; i < ASSIGNED_MAX; i++) {
		snprintf(lan, sizeof(lan), "10.0.%u.0/24", i);
		assert_true(put(id_of(i), lan, lan, i == 3 || i == 5));
	}
	assert_int_equal(all.n, ASSIGNED_MAX);
	put(A, LAN, LAN, false); /* the oldest that waits goes */
	assert_false(has(id_of(3), "10.0.3.0/24", "10.0.3.0/24"));
	assert_true(has(id_of(5), "10.0.5.0/24", "10.0.5.0/24"));
	put(B, LAN, "100.80.1.0/24", false);
	assert_false(held(A, "10.0.5.0/24"));
	assert_true(has(id_of(0), "10.0.0.0/24", "10.0.0.0/24"));
	put(id_of(1000), LAN, "100.80.2.0/24", false); /* nobody waits: the oldest */
	assert_false(has(id_of(0), "10.0.0.0/24", "10.0.0.0/24"));
	assert_int_equal(all.n, ASSIGNED_MAX);
	assert_true(has(A, LAN, LAN));
}

static int decode(const char *text, size_t n)
{
	char *exact = exact_copy(text, n);
	int r = assigned_decode(&again, exact, n);

	free(exact);
	return r;
}

/* As much as there can be, with the longest texts. */
static void fill(void)
{
	struct assigned_session s;

	for (unsigned int i = 0; i < ASSIGNED_MAX; i++) {
		memset(&s, 0, sizeof(s));
		snprintf(s.id, sizeof(s.id), "%s", id_of(i));
		s.waiting = true;
		for (s.n = 0; s.n < TRANSLATE_MAX; s.n++) {
			struct prefix p = prefix("fdfb:9402:999f:1234:5678:9abc:def0:1234/128");

			p.addr.bytes[14] = (uint8_t)s.n;
			s.pairs[s.n] = (struct translate_pair){.here = p, .there = p};
		}
		assigned_put(&all, &s);
	}
}

static void comes_back_from_a_file(void **state)
{
	size_t n;
	char *text;

	fill();
	text = assigned_encode(&all, &n);
	assert_non_null(text);
	assert_in_range(n, 1, ASSIGNED_FILE_MAX_BYTES);
	assert_int_equal(decode(text, n), 0);
	assert_memory_equal(&again, &all, sizeof(all));
	free(text);
	set_up(state);
	put(A, LAN, "100.80.1.0/24", false);
	text = assigned_encode(&all, &n);
	assert_non_null(text);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(decode(text, cut), -EBADMSG);
	assert_int_equal(decode(text, n), 0);
	assert_true(again.n == 1 && again.sessions[0].waiting);
	free(text);
}

#define PAIR(lan, here) "{\"lan\":\"" lan "\",\"here\":\"" here "\"}"
#define SESSION(id, pairs) "{\"session\":\"" id "\",\"prefixes\":[" pairs "]}"
#define LIST(sessions) "{\"sessions\":[" sessions "]}"

static void damaged_files(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"sessions\":{}}",
		LIST("1"),
		LIST("{}"),
		LIST("{\"session\":\"" A "\"}"),
		LIST("{\"session\":\"" A "\",\"prefixes\":{}}"),
		LIST(SESSION("08CEEAE3f4fdf59dd4a1a26e8af024b4", "")),
		LIST(SESSION(A "0", "")),
		LIST(SESSION("", "")),
		LIST(SESSION(A, "") "," SESSION(A, "")),
		LIST(SESSION(A, "1")),
		LIST(SESSION(A, "{\"lan\":\"10.0.0.0/24\"}")),
		LIST(SESSION(A, PAIR("10.0.0.0/24", "10.0.1.0/25"))),
		LIST(SESSION(A, PAIR("10.0.0.0/24", "10.0.1.1/24"))),
		LIST(SESSION(A, PAIR("10.0.0.0/24", "127.0.1.0/24"))),
		LIST(SESSION(A, PAIR("10.0.0.0/24", "fd00::/24"))),
		LIST(SESSION(A, PAIR(LAN, LAN) "," PAIR(LAN, "10.0.1.0/24"))),
		LIST(SESSION(A, "")) "x",
	};
	static const char good[] = LIST(SESSION(A, PAIR(LAN, LAN)) "," SESSION(B, ""));

	assert_int_equal(decode(good, strlen(good)), 0);
	assert_int_equal(again.n, 2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (decode(bad[i], strlen(bad[i])) != -EBADMSG)
			fail_msg("%s", bad[i]);
	}
	assert_int_equal(again.n, 2); /* untouched */
}

static void too_many(void **state)
{
	static char text[ASSIGNED_FILE_MAX_BYTES];
	size_t n = (size_t)snprintf(text, sizeof(text), "{\"sessions\":[");

	for (unsigned int i = 0; i <= ASSIGNED_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "%s{\"session\":\"%s\",\"prefixes\":[]}", i ? "," : "",
				      id_of(i));
	n += (size_t)snprintf(text + n, sizeof(text) - n, "]}");
	assert_int_equal(decode(text, n), -EBADMSG);
	n = (size_t)snprintf(text, sizeof(text),
			     "{\"sessions\":[{\"session\":\"" A "\",\"prefixes\":[");
	for (unsigned int i = 0; i <= TRANSLATE_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "%s" PAIR("10.0.%u.0/24", "10.0.%u.0/24"), i ? "," : "", i,
				      i);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "]}]}");
	assert_int_equal(decode(text, n), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(keeps, set_up),
		cmocka_unit_test_setup(holds_while_it_waits, set_up),
		cmocka_unit_test_setup(wide_ones, set_up),
		cmocka_unit_test_setup(a_full_memory, set_up),
		cmocka_unit_test_setup(comes_back_from_a_file, set_up),
		cmocka_unit_test_setup(damaged_files, set_up),
		cmocka_unit_test_setup(too_many, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
