/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The catalogue of events, and docs/audit.md, which explains each: they must say the same. */
#include "tests/unit/pure_test.h"

#include <ctype.h>
#include <stdio.h>

#include "accessd/pure/audit_record.h"
#include "accessd/pure/events.h"

#define PAGE "docs/audit.md"

static char *page;

static int read_page(void **state)
{
	FILE *f = fopen(PAGE, "re");
	size_t n;

	(void)state;
	if (!f) {
		print_error("%s: run this from the top of the source\n", PAGE);
		return -1;
	}
	page = calloc(1, 1 << 20);
	n = page ? fread(page, 1, (1 << 20) - 1, f) : 0;
	(void)fclose(f);
	return n > 0 ? 0 : -1;
}

static int free_page(void **state)
{
	(void)state;
	free(page);
	return 0;
}

static void at_least_40(void **state)
{
	(void)state;
	assert_true(EVENTS_END - 1 >= 40);
}

static void names_are_well_formed(void **state)
{
	(void)state;
	for (enum event e = EVENT_NONE + 1; e < EVENTS_END; e++) {
		const char *name = event_name(e), *meaning = event_meaning(e);

		assert_in_range(strlen(name), 3, AUDIT_EVENT_SIZE - 1);
		for (const char *c = name; *c; c++)
			assert_true(islower((unsigned char)*c) || *c == '.' || *c == '-');
		assert_true(isalpha((unsigned char)meaning[0]));
		assert_int_equal(meaning[strlen(meaning) - 1], '.');
		for (enum event other = EVENT_NONE + 1; other < e; other++)
			assert_string_not_equal(event_name(other), name);
		assert_memory_equal(event_sr(name), "SR ", 3);
	}
}

/* `accessctl audit events` has what a row begins with. */
static void the_page_has_each(void **state)
{
	char row[512];
	int missing = 0;

	(void)state;
	for (enum event e = EVENT_NONE + 1; e < EVENTS_END; e++) {
		const char *name = event_name(e);

		snprintf(row, sizeof(row), "\n| `%s` | %s | %s | %s |", name,
			 event_is_connection(name) ? "connection" : "operation", event_sr(name),
			 event_meaning(e));
		if (!strstr(page, row)) {
			print_error("%s lacks this row:%s\n", PAGE, row);
			missing++;
		}
	}
	assert_int_equal(missing, 0);
}

static void the_page_has_no_others(void **state)
{
	const char *at = strstr(page, "<!-- events -->"),
		   *end = strstr(page, "<!-- end of events -->");
	int n = 0;

	(void)state;
	assert_true(at && end && at < end);
	for (at = strstr(at, "\n| `"); at && at < end; at = strstr(at + 1, "\n| `"))
		n++;
	assert_int_equal(n, EVENTS_END - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_least_40),
		cmocka_unit_test(names_are_well_formed),
		cmocka_unit_test(the_page_has_each),
		cmocka_unit_test(the_page_has_no_others),
	};

	return cmocka_run_group_tests(tests, read_page, free_page);
}
