/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "vpnd/pure/vprefix.h"

#define UID "e399fbe53a50739f989ca030a13f9953"

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(&p, text), 0);
	return p;
}

static size_t prefixes(struct prefix *out, const char *const *texts)
{
	size_t n = 0;

	while (texts[n]) {
		out[n] = prefix(texts[n]);
		n++;
	}
	return n;
}

static const char *uid_of(unsigned int i)
{
	static char uid[IDENT_UID_SIZE];

	snprintf(uid, sizeof(uid), "%032x", i * 2654435761U);
	return uid;
}

static int choose(struct prefix *out, const char *uid, const struct prefix *lan,
		  const struct prefix *pools, size_t n_pools, const struct prefix *taken,
		  size_t n_taken)
{
	struct vprefix_list from = {n_pools, pools}, without = {n_taken, taken};

	return vprefix_choose(out, uid, lan, &from, &without);
}

static void expect(const struct prefix *p, const char *text)
{
	char out[PREFIX_TEXT_SIZE];

	prefix_format(p, out);
	assert_string_equal(out, text);
}

/* Golden: what is written in no file has to be the same in the next version. */
static void the_same_again(void **state)
{
	struct prefix lan = prefix("192.168.1.0/24"), six = prefix("fd00:1::/64"),
		      pools[] = {prefix("100.64.0.0/10"), prefix("fdfb:9402:999f::/48")}, out;

	assert_int_equal(choose(&out, UID, &lan, pools, 2, NULL, 0), 0);
	expect(&out, "100.122.19.0/24");
	assert_int_equal(choose(&out, UID, &six, pools, 2, NULL, 0), 0);
	expect(&out, "fdfb:9402:999f:226f::/64");
	assert_int_equal(choose(&out, uid_of(1), &lan, pools, 2, NULL, 0), 0);
	expect(&out, "100.91.39.0/24");
}

/* 20 machines with the same LAN, and many more. */
static void many_of_the_same(void **state)
{
	static const char *const texts[] = {"100.64.0.0/10", "198.18.0.0/15", NULL};
	struct prefix lan = prefix("192.168.1.0/24"), pools[2], taken[2000];
	size_t n_pools = prefixes(pools, texts);

	for (unsigned int i = 0; i < 2000; i++) {
		assert_int_equal(choose(&taken[i], uid_of(i), &lan, pools, n_pools, taken, i), 0);
		assert_int_equal(taken[i].len, 24);
		assert_true(vprefix_in_pools(&taken[i], pools, 1));
		assert_false(vprefix_is_taken(&taken[i], taken, i));
		assert_false(prefix_overlaps(&taken[i], &vprefix_tunnels));
	}
}

static void a_pool_is_used_up(void **state)
{
	static const char *const texts[] = {"198.18.0.0/20", "10.7.0.0/22", NULL};
	struct prefix lan = prefix("192.168.1.0/24"), pools[2], taken[21];
	size_t n_pools = prefixes(pools, texts);

	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(choose(&taken[i], uid_of(i), &lan, pools, n_pools, taken, i), 0);
		assert_false(vprefix_is_taken(&taken[i], taken, i));
		assert_int_equal(vprefix_in_pools(&taken[i], pools, 1), i < 16);
	}
	assert_int_equal(choose(&taken[20], UID, &lan, pools, n_pools, taken, 20), -ENOSPC);
}

/* Wider, narrower and equal ones; what is free lies between them. */
static void what_is_taken(void **state)
{
	static const char *const texts[] = {"198.18.0.0/16",   "198.19.0.0/17",	  "198.19.128.0/24",
					    "198.19.129.7/32", "198.19.131.0/26", "198.19.132.0/22",
					    "198.19.136.0/21", "198.19.144.0/20", "198.19.160.0/19",
					    "198.19.192.0/18", "fd00::/8",	  NULL};
	struct prefix lan = prefix("192.168.1.0/24"), pool = prefix("198.18.0.0/15"), taken[20],
		      out;
	size_t n = prefixes(taken, texts);

	for (unsigned int i = 0; i < 300; i++) {
		assert_int_equal(choose(&out, uid_of(i), &lan, &pool, 1, taken, n), 0);
		expect(&out, "198.19.130.0/24");
	}
	taken[n] = prefix("192.0.0.0/7");
	taken[n + 1] = prefix("0.0.0.0/0");
	taken[n + 2] = prefix("128.0.0.0/1");
	assert_int_equal(choose(&out, UID, &lan, &pool, 1, taken, n + 3), 0);
	expect(&out, "198.19.130.0/24");
	taken[n] = prefix("198.0.0.0/8");
	assert_int_equal(choose(&out, UID, &lan, &pool, 1, taken, n + 1), -ENOSPC);
}

static void sizes(void **state)
{
	static const char *const texts[] = {"198.18.0.0/15", "10.0.0.0/8", "fdfb:9402:999f::/48",
					    NULL};
	struct prefix pools[3], taken = prefix("10.1.1.1/32"), lan, out;
	size_t n = prefixes(pools, texts);

	lan = prefix("172.16.0.0/12");
	assert_int_equal(choose(&out, UID, &lan, pools, n, &taken, 1), 0);
	assert_true(out.len == 12 && vprefix_in_pools(&out, &pools[1], 1));
	lan = prefix("11.0.0.0/8");
	assert_int_equal(choose(&out, UID, &lan, pools, n, NULL, 0), 0);
	expect(&out, "10.0.0.0/8");
	assert_int_equal(choose(&out, UID, &lan, pools, n, &taken, 1), -ENOSPC);
	lan = prefix("128.0.0.0/7");
	assert_int_equal(choose(&out, UID, &lan, pools, n, NULL, 0), -ERANGE);
	lan = prefix("fd00::/40");
	assert_int_equal(choose(&out, UID, &lan, pools, n, NULL, 0), -ERANGE);
	assert_int_equal(choose(&out, UID, &lan, pools, 2, NULL, 0), -ERANGE);
	lan = prefix("fd00::1/128");
	assert_int_equal(choose(&out, UID, &lan, pools, n, NULL, 0), 0);
	assert_true(out.len == 128 && vprefix_in_pools(&out, &pools[2], 1));
	lan = prefix("192.168.1.7/32");
	assert_int_equal(choose(&out, UID, &lan, pools, n, NULL, 0), 0);
	assert_true(out.len == 32 && vprefix_in_pools(&out, pools, 1));
}

/* Random prefixes of all lengths: what is chosen is free, and there is one if there is room. */
static void noise(void **state)
{
	struct prefix pool = prefix("10.16.0.0/12"), taken[40], lan = prefix("172.16.0.0/19"), out;
	uint64_t seed = 5;

	for (int i = 0; i < 2000; i++) {
		size_t n = noise_u32(&seed) % 40, free_ones = 0;
		int r;

		for (size_t k = 0; k < n; k++) {
			struct addr a = {4, {10, 16, 0, 0}};

			noise_fill(&seed, a.bytes + 1, 3);
			a.bytes[1] = (uint8_t)(16 | (a.bytes[1] & 15));
			taken[k] = prefix_of(&a, (uint8_t)(13 + noise_u32(&seed) % 20));
		}
		for (unsigned int k = 0; k < 128; k++) {
			struct addr a = {4, {10, (uint8_t)(16 + k / 8), (uint8_t)(k % 8 * 32), 0}};
			struct prefix p = prefix_of(&a, 19);

			free_ones += !vprefix_is_taken(&p, taken, n);
		}
		r = choose(&out, uid_of((unsigned int)i), &lan, &pool, 1, taken, n);
		assert_int_equal(r, free_ones ? 0 : -ENOSPC);
		if (r == 0)
			assert_true(!vprefix_is_taken(&out, taken, n) &&
				    vprefix_in_pools(&out, &pool, 1));
	}
}

/* Memory */

static struct vprefix_memory memory, again;

static void remember(const char *uid, const char *lan, const char *here, bool news)
{
	struct prefix l = prefix(lan), h = prefix(here);

	assert_int_equal(vprefix_remember(&memory, uid, &l, &h), news);
}

static const struct prefix *recalled(const char *uid, const char *lan)
{
	struct prefix l = prefix(lan);
	const struct vprefix_entry *e = vprefix_recall(&memory, uid, &l);

	return e ? &e->here : NULL;
}

static void remembers(void **state)
{
	memset(&memory, 0, sizeof(memory));
	assert_null(recalled(UID, "192.168.1.0/24"));
	remember(UID, "192.168.1.0/24", "100.80.1.0/24", true);
	remember(UID, "192.168.1.0/24", "100.80.1.0/24", false);
	remember(UID, "192.168.2.0/24", "100.80.2.0/24", true);
	remember(uid_of(1), "192.168.1.0/24", "100.80.3.0/24", true);
	assert_int_equal(memory.n, 3);
	expect(recalled(UID, "192.168.1.0/24"), "100.80.1.0/24");
	remember(UID, "192.168.1.0/24", "100.80.4.0/24", true);
	expect(recalled(UID, "192.168.1.0/24"), "100.80.4.0/24");
	remember(uid_of(2), "172.16.0.0/16", "100.80.0.0/16", true); /* over all */
	assert_int_equal(memory.n, 1);
	assert_null(recalled(UID, "192.168.2.0/24"));
}

static void a_full_memory(void **state)
{
	char lan[40], here[40];

	memset(&memory, 0, sizeof(memory));
	for (unsigned int i = 0; i < VPREFIX_MEMORY_MAX + 1; i++) {
		snprintf(lan, sizeof(lan), "172.%u.%u.0/24", 16 + i / 256, i % 256);
		snprintf(here, sizeof(here), "10.%u.%u.0/24", i / 256, i % 256);
		remember(UID, lan, here, true);
		if (i > 1)
			remember(UID, "172.16.1.0/24", "10.0.1.0/24", false);
	}
	assert_int_equal(memory.n, VPREFIX_MEMORY_MAX);
	assert_null(recalled(UID, "172.16.0.0/24"));
	assert_non_null(recalled(UID, "172.16.1.0/24"));
	assert_non_null(recalled(UID, "172.20.0.0/24"));
}

static int decode(const char *text, size_t n)
{
	char *exact = exact_copy(text, n);
	int r = vprefix_memory_decode(&again, exact, n);

	free(exact);
	return r;
}

static void comes_back_from_a_file(void **state)
{
	size_t n;
	char *text;

	a_full_memory(state);
	text = vprefix_memory_encode(&memory, &n);
	assert_non_null(text);
	assert_in_range(n, 1, VPREFIX_FILE_MAX_BYTES);
	assert_int_equal(decode(text, n), 0);
	assert_int_equal(again.n, memory.n);
	assert_memory_equal(again.entries, memory.entries, sizeof(memory.entries));
	free(text);
	memset(&memory, 0, sizeof(memory));
	remember(UID, "192.168.1.0/24", "100.80.1.0/24", true);
	text = vprefix_memory_encode(&memory, &n);
	assert_non_null(text);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(decode(text, cut), -EBADMSG);
	free(text);
}

#define ENTRY(uid, lan, here) "{\"uid\":\"" uid "\",\"lan\":\"" lan "\",\"here\":\"" here "\"}"
#define LIST(entries) "{\"virtual\":[" entries "]}"

static void damaged_files(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"virtual\":{}}",
		"{\"virtual\":[1]}",
		"{\"virtual\":[{}]}",
		LIST(ENTRY("E399fbe53a50739f989ca030a13f9953", "10.0.0.0/24", "10.0.1.0/24")),
		LIST(ENTRY(UID "0", "10.0.0.0/24", "10.0.1.0/24")),
		LIST(ENTRY(UID, "10.0.0.0/24", "10.0.1.0/25")),
		LIST(ENTRY(UID, "10.0.0.0/24", "10.0.1.1/24")),
		LIST(ENTRY(UID, "10.0.0.0/24", "127.0.1.0/24")),
		LIST(ENTRY(UID, "10.0.0.0/24", "fd00::/24")),
		LIST(ENTRY(UID, "0.0.0.0/0", "0.0.0.0/0")),
		LIST(ENTRY(UID, "10.0.0.0/24", "10.0.1.0/24") "," ENTRY(UID, "10.0.0.0/24",
									"10.0.2.0/24")),
		LIST(ENTRY(UID, "10.0.0.0/24", "10.0.1.0/24") "," ENTRY(UID, "10.0.2.0/23",
									"10.0.0.0/23")),
		LIST(ENTRY(UID, "10.0.0.0/24", "10.0.1.0/24")) "x",
	};
	static const char good[] = LIST(ENTRY(UID, "10.0.0.0/24", "10.0.1.0/24"));

	assert_int_equal(decode(good, strlen(good)), 0);
	assert_int_equal(again.n, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (decode(bad[i], strlen(bad[i])) != -EBADMSG)
			fail_msg("%s", bad[i]);
	}
	assert_int_equal(again.n, 1); /* untouched */
}

static void too_many_entries(void **state)
{
	static char text[VPREFIX_FILE_MAX_BYTES];
	size_t n = (size_t)snprintf(text, sizeof(text), "{\"virtual\":[");

	for (unsigned int i = 0; i <= VPREFIX_MEMORY_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "%s" ENTRY(UID, "172.%u.%u.0/24", "10.%u.%u.0/24"),
				      i ? "," : "", 16 + i / 256, i % 256, i / 256, i % 256);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "]}");
	assert_int_equal(decode(text, n), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_again),
		cmocka_unit_test(many_of_the_same),
		cmocka_unit_test(a_pool_is_used_up),
		cmocka_unit_test(what_is_taken),
		cmocka_unit_test(sizes),
		cmocka_unit_test(noise),
		cmocka_unit_test(remembers),
		cmocka_unit_test(a_full_memory),
		cmocka_unit_test(comes_back_from_a_file),
		cmocka_unit_test(damaged_files),
		cmocka_unit_test(too_many_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
