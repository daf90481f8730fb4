/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/words.h"

static void one_line(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
	} t[] = {
		{"", ""},
		{"belt slips, ticket 4711", "belt slips, ticket 4711"},
		{"  belt \t slips\r\n\nticket  ", "belt slips ticket"},
		{"\x01\x1b[31mred\x7f", "[31mred"},
		{"Bänder \xe2\x82\xac 5 \xf0\x9f\x94\xa7",
		 "Bänder \xe2\x82\xac 5 \xf0\x9f\x94\xa7"},
		{"a\xc2\x85"
		 "b\xe2\x80\xa8"
		 "c\xc2\xa0",
		 "a b c"},
		/* "refuse" written backwards would read as something else. */
		{"ok \xe2\x80\xae"
		 "esufer\xe2\x80\xac\xef\xbb\xbf",
		 "ok esufer"},
		{"\xe2\x80\x8b\xe2\x81\xa6 \xe2\x80\x8f", ""},
		{"'; DROP TABLE session; -- %s%n", "'; DROP TABLE session; -- %s%n"},
		{"\xff", NULL},
		{"ok\x80", NULL},
		{"\xc3", NULL},
		{"\xc0\xaf", NULL},	    /* overlong */
		{"\xe0\x80\xaf", NULL},	    /* overlong */
		{"\xed\xa0\x80", NULL},	    /* a surrogate */
		{"\xf4\x90\x80\x80", NULL}, /* beyond U+10FFFF */
		{"\xf0\x9f\x94", NULL},	    /* cut off */
	};
	char out[WORDS_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(words_clean(out, sizeof(out), t[i].text), t[i].want != NULL);
		assert_string_equal(out, t[i].want ? t[i].want : "");
	}
}

static void cut_between_characters(void **state)
{
	char text[4096], out[WORDS_SIZE];

	(void)state;
	for (size_t i = 0; i + 4 < sizeof(text); i += 3)
		memcpy(text + i, "\xe2\x82\xac", 4);
	assert_true(words_clean(out, sizeof(out), text));
	assert_int_equal(strlen(out), WORDS_MAX_BYTES / 3 * 3);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_true(words_clean(out, sizeof(out), text));
	assert_int_equal(strlen(out), WORDS_MAX_BYTES);
	/* What is cut off counts, too. */
	text[sizeof(text) - 2] = '\xff';
	assert_false(words_clean(out, sizeof(out), text));
	assert_string_equal(out, "");
	assert_true(words_clean(out, 4, "ab cd"));
	assert_string_equal(out, "ab");
	assert_true(words_clean(out, 1, "ab"));
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line),
		cmocka_unit_test(cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
