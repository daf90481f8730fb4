/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/display.h"
#include "common/pure/nearest.h"
#include "common/pure/table.h"
#include "tests/unit/pure_test.h"

#define ELLIPSIS "\xe2\x80\xa6"

/* --- display --- */

static void widths(void **state)
{
	static const struct {
		const char *text;
		size_t width;
	} cases[] = {
		{"", 0},
		{"site1", 5},
		{"Z\xc3\xbcrich", 6},
		{"\xe5\xb7\xa5\xe5\xa0\xb4", 4}, /* two wide ones */
		{"e\xcc\x81", 1},		 /* a combining accent */
		{"\xf0\x9f\x94\x92", 2},	 /* a lock, U+1F512 */
		{"\xf0\x9f\x94", 3},		 /* cut off: three '?' */
		{"\xc0\x80", 2},		 /* overlong */
		{"\xed\xa0\x80", 3},		 /* a surrogate */
		{"\xf4\x90\x80\x80", 4},	 /* behind the last code point */
		{"\xff\xfe", 2},
		{"a\x1b[31mb", 7}, /* '?' in place of ESC */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *clean = display_clean(cases[i].text);

		assert_int_equal(display_width(cases[i].text), cases[i].width);
		assert_int_equal(display_width(clean), cases[i].width);
		free(clean);
	}
}

static void nothing_steers(void **state)
{
	static const struct {
		const char *text, *clean;
	} cases[] = {
		{"plain \xc3\xa4", "plain \xc3\xa4"},
		{"a\x1b]0;title\x07z", "a?]0;title?z"},
		{"a\nb\tc\rd\x7f", "a?b?c?d?"},
		{"a\xc2\x9b"
		 "31m",
		 "a?31m"},			    /* CSI as C1 */
		{"\xe2\x80\xaelive", "?live"},	    /* right-to-left override */
		{"a\xe2\x81\xa6z", "a?z"},	    /* isolate */
		{"a\xe2\x80\xa8z", "a?z"},	    /* line separator */
		{"\xff\xe2\x82", "???"},	    /* no UTF-8 */
		{"\xef\xbf\xbdx", "\xef\xbf\xbdx"}, /* the replacement character is one */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *clean = display_clean(cases[i].text);

		assert_string_equal(clean, cases[i].clean);
		free(clean);
	}
}

static void every_byte_pair_is_harmless(void **state)
{
	for (unsigned int i = 1; i < 0x10000; i++) {
		const char text[] = {(char)(i & 0xff), (char)(i >> 8), 0};
		char *clean = display_clean(text);

		for (const char *at = clean; *at; at++)
			assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
		assert_true(strlen(clean) <= strlen(text));
		free(clean);
	}
}

static void check_cut(const char *text, size_t columns, const char *want)
{
	char out[64];
	int is_cut;
	size_t n = display_cut(text, columns, ELLIPSIS, &is_cut);

	snprintf(out, sizeof(out), "%.*s%s", (int)n, text, is_cut ? ELLIPSIS : "");
	assert_string_equal(out, want);
	assert_true(display_width(out) <= columns);
}

static void cutting(void **state)
{
	check_cut("192.168.1.0/24", 14, "192.168.1.0/24");
	check_cut("192.168.1.0/24", 13, "192.168.1.0/" ELLIPSIS);
	check_cut("192.168.1.0/24", 1, ELLIPSIS);
	/* A wide character has no half; an accent stays with its letter. */
	check_cut("\xe5\xb7\xa5\xe5\xa0\xb4x", 4, "\xe5\xb7\xa5" ELLIPSIS);
	check_cut("e\xcc\x81tat", 3, "e\xcc\x81t" ELLIPSIS);
}

/* --- table --- */

static void marks(void **state)
{
	const char *number = ">SESSIONS", *whole = "=SINCE", *spare = "-VERSION", *plain = "LANS";

	assert_int_equal(table_mark_of(&number), TABLE_NUMBER);
	assert_string_equal(number, "SESSIONS");
	assert_int_equal(table_mark_of(&whole), TABLE_WHOLE);
	assert_int_equal(table_mark_of(&spare), TABLE_SPARE);
	assert_string_equal(spare, "VERSION");
	assert_int_equal(table_mark_of(&plain), TABLE_PLAIN);
	assert_string_equal(plain, "LANS");
}

static size_t line_of(const struct table_column *c, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		if (!c[i].out)
			sum += c[i].width + (sum ? TABLE_GAP : 0);
	}
	return sum;
}

static void fitting(void **state)
{
	/* 6 + 30 + 16 + 20 and gaps: 78 */
	const struct table_column all[] = {{TABLE_WHOLE, 6, false},
					   {TABLE_PLAIN, 30, false},
					   {TABLE_WHOLE, 16, false},
					   {TABLE_SPARE, 20, false}};
	struct table_column c[4];

	memcpy(c, all, sizeof(c));
	assert_true(table_fit(c, 4, 0));
	assert_memory_equal(c, all, sizeof(c));
	assert_true(table_fit(c, 4, 78));
	assert_memory_equal(c, all, sizeof(c));
	/* The widest first, then both alike. */
	assert_true(table_fit(c, 4, 70));
	assert_int_equal(c[1].width, 22);
	assert_int_equal(c[3].width, 20);
	assert_true(table_fit(c, 4, 60));
	assert_int_equal(line_of(c, 4), 60);
	assert_int_equal(c[1].width, 16);
	assert_int_equal(c[3].width, 16);
	assert_true(table_fit(c, 4, 44));
	assert_int_equal(line_of(c, 4), 44);
	/* Then the spare one goes, and the others get its room. */
	memcpy(c, all, sizeof(c));
	assert_true(table_fit(c, 4, 43));
	assert_true(c[3].out);
	assert_int_equal(c[1].width, 43 - 6 - 16 - 4);
	assert_int_equal(c[0].width, 6);
	/* Nothing more can be done. */
	memcpy(c, all, sizeof(c));
	assert_true(table_fit(c, 4, 34));
	memcpy(c, all, sizeof(c));
	assert_false(table_fit(c, 4, 33));
}

/* Whatever fits, fits. */
static void all_rooms(void **state)
{
	for (size_t room = 1; room < 200; room++) {
		struct table_column c[] = {{TABLE_WHOLE, 12, false}, {TABLE_PLAIN, 3, false},
					   {TABLE_NUMBER, 9, false}, {TABLE_SPARE, 40, false},
					   {TABLE_PLAIN, 33, false}, {TABLE_SPARE, 17, false}};

		if (table_fit(c, 6, room))
			assert_true(line_of(c, 6) <= room);
		else
			assert_true(room < 12 + 3 + 9 + TABLE_CELL_MIN + 3 * TABLE_GAP);
	}
}

/* --- nearest --- */

static void distances(void **state)
{
	assert_int_equal(nearest_distance("device add", "device add"), 0);
	assert_int_equal(nearest_distance("devise add", "device add"), 1);
	assert_int_equal(nearest_distance("deivce add", "device add"), 1); /* swapped */
	assert_int_equal(nearest_distance("", "abc"), 3);
	assert_int_equal(nearest_distance("abc", ""), 3);
	assert_int_equal(nearest_distance("kitten", "sitting"), 3);
	assert_int_equal(nearest_limit("ad"), 1);
	assert_int_equal(nearest_limit("device lst"), 3);
	assert_int_equal(nearest_limit("device host remove"), 4);
}

static void long_words_are_far(void **state)
{
	char text[300];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(nearest_distance(text, "status"), NEAREST_MAX);
	assert_int_equal(nearest_distance("status", text), NEAREST_MAX);
	text[NEAREST_MAX] = '\0';
	assert_int_equal(nearest_distance(text, text), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(widths),
		cmocka_unit_test(nothing_steers),
		cmocka_unit_test(every_byte_pair_is_harmless),
		cmocka_unit_test(cutting),
		cmocka_unit_test(marks),
		cmocka_unit_test(fitting),
		cmocka_unit_test(all_rooms),
		cmocka_unit_test(distances),
		cmocka_unit_test(long_words_are_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
