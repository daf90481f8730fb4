/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "vpnd/pure/bars.h"

#define AT(us)                                        \
	{                                             \
		.known = BARS_REACHED, .rtt_us = (us) \
	}

static size_t columns(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void expect(const struct bars_row *rows, size_t n, size_t at, const struct bars_look *look,
		   const char *want)
{
	char line[BARS_LINE_SIZE];

	bars_line(line, rows, n, at, look);
	assert_string_equal(line, want);
}

static void both_ends(void **state)
{
	const struct bars_look look = {.width = 64, .two = true};
	const struct bars_row rows[] = {
		{.name = "rs1", .near = AT(10000), .far = AT(190000)},
		{.name = "rs22", .in_use = true, .near = AT(80000), .far = AT(60000)},
		{.name = "rs3", .near = AT(400), .far = {.known = BARS_FAILED}},
		{.name = "rs4", .far = AT(50000)},
		{.name = "rs5",
		 .near = {.known = BARS_REACHED, .rtt_us = 9951, .loss_pm = 77},
		 .far = AT(100000)},
	};

	expect(rows, 5, 0, &look, "  rs1  #=================    10 +   190 =   200 ms");
	expect(rows, 5, 1, &look, "* rs22 #######======         80 +    60 =   140 ms");
	expect(rows, 5, 2, &look, "  rs3                       0.4 +     - =     - ms");
	expect(rows, 5, 3, &look, "  rs4  =====                  ? +    50 =     ? ms");
	expect(rows, 5, 4, &look, "  rs5  #=========            10 +   100 =   110 ms, 7.7 % lost");
}

static void one_end(void **state)
{
	const struct bars_look look = {.width = 40};
	const struct bars_row rows[] = {
		{.name = "a", .near = AT(1000), .far = AT(1000000)},
		{.name = "b", .near = AT(2000)},
		{.name = "c", .near = {.known = BARS_FAILED}},
	};

	expect(rows, 3, 0, &look, "  a #######         1.0 ms");
	expect(rows, 3, 1, &look, "  b #############   2.0 ms");
	expect(rows, 3, 2, &look, "  c                   - ms");
}

static void utf8(void **state)
{
	const struct bars_look look = {.width = 54, .utf8 = true, .two = true};
	const struct bars_row row = {.name = "a", .near = AT(10000), .far = AT(30000)};

	expect(&row, 1, 0, &look,
	       "  a \xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91"
	       "\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91"
	       "    10 +    30 =    40 ms");
}

/* Whatever the width and the rows are, a line fits. */
static void no_line_is_wider(void **state)
{
	struct bars_row rows[16];
	char name[70], line[BARS_LINE_SIZE];
	uint64_t noise = 4711;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (int round = 0; round < 2000; round++) {
		struct bars_look look = {.width = noise_u32(&noise) % 300,
					 .utf8 = noise_u32(&noise) & 1,
					 .two = noise_u32(&noise) & 1};
		size_t most = look.width < 20 ? 20 : look.width > 200 ? 200 : look.width;

		for (size_t i = 0; i < 16; i++) {
			rows[i] = (struct bars_row){.name = name + noise_u32(&noise) % 69};
			rows[i].near.known = noise_u32(&noise) % 3;
			rows[i].far.known = noise_u32(&noise) % 3;
			rows[i].near.rtt_us = noise_u32(&noise) >> noise_u32(&noise) % 32;
			rows[i].far.rtt_us = noise_u32(&noise) >> noise_u32(&noise) % 32;
			rows[i].far.loss_pm = noise_u32(&noise) % 1001;
		}
		bars_sort(rows, 16, &look);
		for (size_t i = 0; i < 16; i++) {
			bars_line(line, rows, 16, i, &look);
			assert_true(columns(line) <= most);
			assert_true(i == 0 || bars_sum_us(&rows[i - 1], &look) <=
						      bars_sum_us(&rows[i], &look));
		}
	}
}

static void the_nearest_first(void **state)
{
	const struct bars_look both = {.two = true}, near = {.two = false};
	struct bars_row rows[] = {
		{.name = "x"},
		{.name = "a", .near = AT(10), .far = AT(200)},
		{.name = "y", .near = {.known = BARS_FAILED}},
		{.name = "b", .near = AT(80), .far = AT(60)},
		{.name = "c", .near = AT(60), .far = AT(90)},
	};

	bars_sort(rows, 5, &both);
	assert_string_equal(rows[0].name, "b");
	assert_string_equal(rows[1].name, "c");
	assert_string_equal(rows[2].name, "a");
	assert_string_equal(rows[3].name, "x");
	assert_string_equal(rows[4].name, "y");
	bars_sort(rows, 5, &near);
	assert_string_equal(rows[0].name, "a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends),
		cmocka_unit_test(one_end),
		cmocka_unit_test(utf8),
		cmocka_unit_test(no_line_is_wider),
		cmocka_unit_test(the_nearest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
