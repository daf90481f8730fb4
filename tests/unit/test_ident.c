/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/ident.h"

#define UID "00112233445566778899aabbccddeeff"
#define L31 "abcdefghijklmnopqrstuvwxyz01234"

static void round_trip(void **state)
{
	static const enum ident_kind kinds[] = {IDENT_DEVICE, IDENT_USER, IDENT_ACCESS,
						IDENT_RELAY};
	static const char *const uris[] = {
		"farlan://plant.example/device/" UID,
		"farlan://plant.example/user/" UID,
		"farlan://plant.example/access/" UID,
		"farlan://plant.example/relay/" UID,
	};
	char out[IDENT_URI_SIZE];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char *in = exact_copy(uris[i], strlen(uris[i]));
		enum ident_kind kind = IDENT_DEVICE;
		struct ident id;

		assert_int_equal(ident_parse(&id, in, strlen(uris[i])), 0);
		assert_string_equal(id.domain, "plant.example");
		assert_int_equal(id.kind, kinds[i]);
		assert_string_equal(id.uid, UID);
		ident_format(&id, out);
		assert_string_equal(out, uris[i]);
		assert_int_equal(ident_kind_parse(&kind, ident_kind_name(kinds[i])), 0);
		assert_int_equal(kind, kinds[i]);
		free(in);
	}
}

static void longest_fits(void **state)
{
	static const char uri[] = "farlan://" L31 "." L31 "/access/" UID;
	char out[IDENT_URI_SIZE];
	struct ident id;

	(void)state;
	assert_int_equal(ident_parse(&id, uri, sizeof(uri) - 1), 0);
	ident_format(&id, out);
	assert_string_equal(out, uri);
}

static void every_truncation_is_refused(void **state)
{
	static const char uri[] = "farlan://d/user/" UID;
	struct ident id = {.domain = "untouched"};

	(void)state;
	for (size_t len = 0; len < sizeof(uri) - 1; len++) {
		char *in = exact_copy(uri, len);

		assert_int_equal(ident_parse(&id, in, len), -EINVAL);
		free(in);
	}
	assert_int_equal(ident_parse(&id, uri, sizeof(uri)), -EINVAL); /* with its NUL */
	assert_string_equal(id.domain, "untouched");
}

static void other_spellings_are_refused(void **state)
{
	static const char *const bad[] = {
		"FARLAN://d/user/" UID,
		"farlan:/d/user/" UID,
		"farlan://D/user/" UID,
		"farlan://d/User/" UID,
		"farlan://d/users/" UID,
		"farlan://d/administrator/" UID,
		"farlan://d//" UID,
		"farlan:///user/" UID,
		"farlan://d./user/" UID,
		"farlan://d/user/" UID "/",
		"farlan://d/user/" UID "0",
		"farlan://d/user/00112233445566778899AABBCCDDEEFF",
		"farlan://d/user/00112233445566778899aabbccddeefg",
		"farlan://d/user/" UID "?x",
		"farlan://d:1/user/" UID,
		"farlan://u@d/user/" UID,
		"farlan://d%2e/user/" UID,
		" farlan://d/user/" UID,
		"farlan://d/user/" UID " ",
		"farlan://" L31 "." L31 "a/user/" UID,
	};
	struct ident id;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ident_parse(&id, bad[i], strlen(bad[i])), -EINVAL);
	assert_int_equal(ident_parse(&id, "farlan://d/user/" UID "\0x", 50), -EINVAL);
	assert_int_equal(ident_parse(&id, "farlan://d\0x/user/" UID, 50), -EINVAL);
}

static void equality_is_of_all_three(void **state)
{
	const struct ident a = {"d", IDENT_USER, UID};
	struct ident b = a;

	(void)state;
	assert_true(ident_equal(&a, &b));
	b.kind = IDENT_DEVICE;
	assert_false(ident_equal(&a, &b));
	b = a;
	b.domain[1] = 'x';
	assert_false(ident_equal(&a, &b));
	b = a;
	b.uid[31] = '0';
	assert_false(ident_equal(&a, &b));
}

static void kinds(void **state)
{
	enum ident_kind kind = IDENT_RELAY;

	(void)state;
	assert_int_equal(ident_kind_parse(&kind, ""), -EINVAL);
	assert_int_equal(ident_kind_parse(&kind, "unknown"), -EINVAL);
	assert_int_equal(kind, IDENT_RELAY);
	assert_string_equal(ident_kind_name(IDENT_ACCESS), "access");
	assert_string_equal(ident_kind_name((enum ident_kind)0), "unknown");
}

static void uids(void **state)
{
	(void)state;
	assert_true(ident_uid_ok(UID));
	assert_false(ident_uid_ok(""));
	assert_false(ident_uid_ok(UID "0"));
	assert_false(ident_uid_ok("0011223344556677 899aabbccddeeff"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(longest_fits),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(other_spellings_are_refused),
		cmocka_unit_test(equality_is_of_all_three),
		cmocka_unit_test(kinds),
		cmocka_unit_test(uids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
