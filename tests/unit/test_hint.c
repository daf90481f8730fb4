/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/hint.h"

#include <stdio.h>

#include "tests/unit/pure_test.h"

static void golden(void **state)
{
	static const struct {
		uint16_t arg;
		const char *text;
		uint8_t record[HINT_RECORD_BYTES];
	} cases[] = {
		{0, "drain 0", {0x17, 3, 3, 0, 3, 1, 0, 0}},
		{60, "drain 60", {0x17, 3, 3, 0, 3, 1, 0, 60}},
		{0x1234, "drain 4660", {0x17, 3, 3, 0, 3, 1, 0x12, 0x34}},
		{65535, "drain 65535", {0x17, 3, 3, 0, 3, 1, 0xff, 0xff}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hint h = {.code = HINT_DRAINING, .arg = cases[i].arg};
		uint8_t record[HINT_RECORD_BYTES];
		char text[HINT_TEXT_SIZE];

		assert_int_equal(hint_encode_text(&h, text), strlen(cases[i].text));
		assert_string_equal(text, cases[i].text);
		hint_encode_record(&h, record);
		assert_memory_equal(record, cases[i].record, sizeof(record));
	}
}

static int decode_text(struct hint *h, const char *text, size_t n)
{
	uint8_t *exact = exact_copy(text, n);
	int r = hint_decode_text(h, exact, n);

	free(exact);
	return r;
}

static void text_there_and_back(void **state)
{
	(void)state;
	for (uint32_t arg = 0; arg <= UINT16_MAX; arg++) {
		struct hint h = {.code = HINT_DRAINING, .arg = (uint16_t)arg}, got = {0};
		char text[HINT_TEXT_SIZE];
		size_t n = hint_encode_text(&h, text);

		assert_int_equal(decode_text(&got, text, n), 0);
		assert_int_equal(got.code, HINT_DRAINING);
		assert_int_equal(got.arg, arg);
	}
}

static void other_texts_are_no_hints(void **state)
{
	static const char *const bad[] = {
		"",	     "d",	  "drai",     "drain ",	  "drain6",   "drain 65536",
		"drain 6x",  "drain x",	  "drain -1", "drain  1", "drain 1 ", "drain 000001",
		"Drain 1",   "shed",	  "ready",    "drained",  "drain\n",  "drain 99999",
		"drain 6 0", "undrain 6",
	};
	struct hint h = {.arg = 7};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(decode_text(&h, bad[i], strlen(bad[i])), -ENOENT);
	assert_int_equal(h.arg, 7); /* not touched */
	assert_int_equal(decode_text(&h, "drain", 5), 0);
	assert_int_equal(h.arg, 0);
}

/* Every length that a hint's record may have. */
static void bodies(void **state)
{
	(void)state;
	for (size_t n = 1; n <= RECORD_HINT_MAX_BYTES; n++) {
		uint8_t body[RECORD_HINT_MAX_BYTES] = {1, 0x12, 0x34, 0xff};
		uint8_t *exact = exact_copy(body, n);
		struct hint h = {0};

		assert_int_equal(hint_decode_body(&h, exact, n), 0);
		assert_int_equal(h.code, HINT_DRAINING);
		assert_int_equal(h.arg, n < 3 ? 0 : 0x1234);
		free(exact);
	}
}

static void unknown_codes_are_no_hints(void **state)
{
	struct hint h = {.arg = 7};

	(void)state;
	for (unsigned int code = 0; code < 256; code++) {
		const uint8_t body[3] = {(uint8_t)code, 0, 9};

		assert_int_equal(hint_decode_body(&h, body, 3), code == 1 ? 0 : -ENOENT);
		assert_int_equal(h.arg, code < 1 ? 7 : 9);
	}
	assert_int_equal(hint_decode_body(&h, (const uint8_t *)"", 0), -ENOENT);
}

/* The record is one that stands on a shed connection as a hint, and nothing else does. */
static void a_record_is_found_as_one(void **state)
{
	struct hint h = {.code = HINT_DRAINING, .arg = 60}, got = {0};
	uint8_t record[HINT_RECORD_BYTES];
	enum record_kind kind;
	size_t total;

	(void)state;
	hint_encode_record(&h, record);
	assert_int_equal(record_raw_decode(record, sizeof(record), &kind, &total), 0);
	assert_int_equal(kind, RECORD_HINT);
	assert_int_equal(total, sizeof(record));
	assert_int_equal(
		hint_decode_body(&got, record + RECORD_HEADER_BYTES, total - RECORD_HEADER_BYTES),
		0);
	assert_int_equal(got.arg, 60);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(text_there_and_back),
		cmocka_unit_test(other_texts_are_no_hints),
		cmocka_unit_test(bodies),
		cmocka_unit_test(unknown_codes_are_no_hints),
		cmocka_unit_test(a_record_is_found_as_one),
	};

	return cmocka_run_group_tests_name("hint", tests, NULL, NULL);
}
