/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From one domain CA to the next. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/io/ca_link.h"
#include "common/io/file.h"
#include "common/pure/rpcmsg.h"

#define DAY INT64_C(86400)
#define N 4

static struct x509_key key[N];
static struct x509_cert ca[N];
static struct ca_link link_to[N]; /* from the one before */

/* The second one has expired long ago: links do not care. */
static int setup(void **state)
{
	int64_t now = clock_wall_s();

	(void)state;
	for (int i = 0; i < N; i++) {
		int64_t from = i == 1 ? now - 900 * DAY : now - DAY;

		assert_int_equal(x509_key_generate(&key[i]), 0);
		assert_int_equal(x509_ca_make(&ca[i], &key[i], "lab", from, from + 100 * DAY), 0);
		if (i > 0)
			assert_int_equal(ca_link_make(&link_to[i], &ca[i - 1], &key[i - 1], &ca[i]),
					 0);
	}
	return 0;
}

static json_t *links(int from, int until)
{
	json_t *list = json_array();

	for (int i = from + 1; i <= until; i++)
		assert_int_equal(json_array_append_new(list, ca_link_to_json(&link_to[i], &ca[i])),
				 0);
	return list;
}

static int follow(int from, json_t *list, struct x509_cert *out)
{
	int rc = ca_links_follow(&ca[from], list, out);

	json_decref(list);
	return rc;
}

static void test_follow(void **state)
{
	struct x509_cert out;

	(void)state;
	for (int from = 0; from < N; from++) {
		for (int until = from; until < N; until++) {
			assert_int_equal(follow(from, links(from, until), &out), 0);
			assert_int_equal(out.len, ca[until].len);
			assert_memory_equal(out.der, ca[until].der, out.len);
		}
	}
	assert_int_equal(follow(2, NULL, &out), 0);
	assert_memory_equal(out.der, ca[2].der, ca[2].len);
}

static void test_refused(void **state)
{
	struct x509_cert out = {.len = 7};
	json_t *list;

	(void)state;
	/* One too early, one too late, one left out. */
	assert_int_equal(follow(1, links(0, 3), &out), -EKEYREJECTED);
	assert_int_equal(follow(0, links(1, 3), &out), -EKEYREJECTED);
	list = links(0, 3);
	json_array_remove(list, 1);
	assert_int_equal(follow(0, list, &out), -EKEYREJECTED);
	/* Another's signature. */
	list = json_array();
	json_array_append_new(list, ca_link_to_json(&link_to[1], &ca[2]));
	assert_int_equal(follow(0, list, &out), -EKEYREJECTED);
	/* Not a list, no member, nothing in it, too many. */
	assert_int_equal(follow(0, json_object(), &out), -EBADMSG);
	assert_int_equal(follow(0, json_pack("[{}]"), &out), -EBADMSG);
	assert_int_equal(follow(0, json_pack("[i]", 1), &out), -EBADMSG);
	assert_int_equal(follow(0, json_pack("[{s:s, s:s}]", "ca", "", "signature", ""), &out),
			 -EKEYREJECTED);
	list = json_array();
	for (int i = 0; i <= CA_LINKS_MAX; i++)
		json_array_append_new(list, ca_link_to_json(&link_to[1], &ca[1]));
	assert_int_equal(follow(0, list, &out), -EBADMSG);
	assert_int_equal(out.len, 7);
}

/* Each bit of the signature counts, and a cut one is none. */
static void test_tampered(void **state)
{
	struct ca_link bad;

	(void)state;
	for (size_t i = 0; i < link_to[1].len; i++) {
		bad = link_to[1];
		bad.der[i] ^= 1;
		assert_int_equal(ca_link_check(&bad, &ca[0], &ca[1]), -EKEYREJECTED);
		bad = link_to[1];
		bad.len = i;
		assert_int_equal(ca_link_check(&bad, &ca[0], &ca[1]), -EKEYREJECTED);
	}
}

/* A CA may not make a successor of what is no CA. */
static void test_leaf(void **state)
{
	struct x509_profile p = {.server = true,
				 .n_hosts = 1,
				 .hosts = {"as1.lab"},
				 .not_before = clock_wall_s() - DAY,
				 .not_after = clock_wall_s() + DAY};
	uint8_t spki[128];
	struct x509_cert leaf;
	struct ca_link l;
	size_t n;

	(void)state;
	assert_int_equal(x509_spki(&key[1], spki, sizeof(spki), &n), 0);
	assert_int_equal(x509_issue(&leaf, &p, spki, n, &ca[0], &key[0]), 0);
	assert_int_equal(ca_link_make(&l, &ca[0], &key[0], &leaf), 0);
	assert_int_equal(ca_link_check(&l, &ca[0], &leaf), -EKEYREJECTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_tampered),
		cmocka_unit_test(test_leaf),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
