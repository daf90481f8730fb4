/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <math.h>
#include <stdio.h>

#include "common/pure/expo.h"

#define CAP 65536

static const struct expo_family BUILD = {"farlan_build", NULL, "What runs here.", EXPO_INFO};
static const struct expo_family BYTES = {"farlan_bytes", "bytes", "Carried.", EXPO_COUNTER};
static const struct expo_family LEGS = {"farlan_legs", NULL, "Legs with \"x\" \\ and\nline.",
					EXPO_GAUGE};
static const struct expo_family DELAY = {"farlan_delay_seconds", "seconds", "Waited.",
					 EXPO_HISTOGRAM};

static void write_all(struct expo *e)
{
	struct histo h = {.sum_us = 0};

	expo_family(e, &BUILD);
	expo_sample(e, 1, (const struct expo_label[]){{"program", "relayd"}, {"version", "1"}}, 2);
	expo_family(e, &BYTES);
	expo_sample(e, 12345678901, &(struct expo_label){"from", "manager"}, 1);
	expo_sample(e, 0, &(struct expo_label){"from", "a\"b\\c\nd\x01\xc3\xa9"}, 1);
	expo_family(e, &LEGS);
	expo_sample(e, -3, NULL, 0);
	expo_family(e, &DELAY);
	histo_add(&h, 0);
	histo_add(&h, 100);
	histo_add(&h, 101);
	histo_add(&h, 1000000);
	histo_add(&h, 1000001);
	expo_histogram(e, &h, &(struct expo_label){"peer", "p"}, 1);
}

static void check(enum expo_format format, const char *want)
{
	struct expo e;
	struct buf out;

	buf_init(&out, CAP);
	expo_begin(&e, &out, format);
	write_all(&e);
	assert_int_equal(expo_end(&e), 0);
	assert_int_equal(buf_append(&out, "", 1), 0);
	assert_string_equal((const char *)buf_data(&out), want);
	buf_deinit(&out);
}

#define SAMPLES_1                                            \
	"farlan_bytes_total{from=\"manager\"} 12345678901\n" \
	"farlan_bytes_total{from=\"a\\\"b\\\\c\\nd?"         \
	"??\"} 0\n"
#define CLASS(le, n) "farlan_delay_seconds_bucket{peer=\"p\",le=\"" le "\"} " n "\n"
#define SAMPLES_2                                                                                \
	CLASS("0.0001", "2")                                                                     \
	CLASS("0.00025", "3")                                                                    \
	CLASS("0.0005", "3")                                                                     \
	CLASS("0.001", "3")                                                                      \
	CLASS("0.0025", "3")                                                                     \
	CLASS("0.005", "3")                                                                      \
	CLASS("0.01", "3")                                                                       \
	CLASS("0.025", "3")                                                                      \
	CLASS("0.05", "3")                                                                       \
	CLASS("0.1", "3")                                                                        \
	CLASS("0.25", "3")                                                                       \
	CLASS("0.5", "3")                                                                        \
	CLASS("1.0", "4")                                                                        \
	CLASS("+Inf", "5")                                                                       \
	"farlan_delay_seconds_sum{peer=\"p\"} 2.000202\nfarlan_delay_seconds_count{peer=\"p\"} " \
	"5\n"

static void the_prometheus_form(void **state)
{
	check(EXPO_PROMETHEUS, "# HELP farlan_build_info What runs here.\n"
			       "# TYPE farlan_build_info gauge\n"
			       "farlan_build_info{program=\"relayd\",version=\"1\"} 1\n"
			       "# HELP farlan_bytes_total Carried.\n"
			       "# TYPE farlan_bytes_total counter\n" SAMPLES_1
			       "# HELP farlan_legs Legs with \"x\" \\\\ and\\nline.\n"
			       "# TYPE farlan_legs gauge\n"
			       "farlan_legs -3\n"
			       "# HELP farlan_delay_seconds Waited.\n"
			       "# TYPE farlan_delay_seconds histogram\n" SAMPLES_2);
}

static void the_openmetrics_form(void **state)
{
	check(EXPO_OPENMETRICS, "# HELP farlan_build What runs here.\n"
				"# TYPE farlan_build info\n"
				"farlan_build_info{program=\"relayd\",version=\"1\"} 1\n"
				"# HELP farlan_bytes Carried.\n"
				"# TYPE farlan_bytes counter\n"
				"# UNIT farlan_bytes bytes\n" SAMPLES_1
				"# HELP farlan_legs Legs with \\\"x\\\" \\\\ and\\nline.\n"
				"# TYPE farlan_legs gauge\n"
				"farlan_legs -3\n"
				"# HELP farlan_delay_seconds Waited.\n"
				"# TYPE farlan_delay_seconds histogram\n"
				"# UNIT farlan_delay_seconds seconds\n" SAMPLES_2 "# EOF\n");
}

static void numbers(void **state)
{
	static const struct {
		double v;
		const char *text;
	} cases[] = {
		{0.25, "0.25"},
		{1700000000.5, "1700000000.5"},
		{9007199254740992.0, "9007199254740992"},
		{1.8446744073709552e19, "1.84467440737096e+19"},
		{(double)INFINITY, "+Inf"},
		{-(double)INFINITY, "-Inf"},
		{(double)NAN, "NaN"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *line;
		struct expo e;
		struct buf out;

		buf_init(&out, CAP);
		expo_begin(&e, &out, EXPO_PROMETHEUS);
		expo_family(&e, &LEGS);
		expo_sample(&e, cases[i].v, NULL, 0);
		assert_int_equal(expo_end(&e), 0);
		assert_int_equal(buf_append(&out, "", 1), 0);
		line = strstr((const char *)buf_data(&out), "\nfarlan_legs ");
		assert_non_null(line);
		assert_memory_equal(line + 13, cases[i].text, strlen(cases[i].text));
		assert_string_equal(line + 13 + strlen(cases[i].text), "\n");
		buf_deinit(&out);
	}
}

static void a_text_that_does_not_fit(void **state)
{
	for (size_t cap = 0; cap < 300; cap++) {
		struct expo e;
		struct buf out;

		buf_init(&out, cap);
		expo_begin(&e, &out, EXPO_OPENMETRICS);
		write_all(&e);
		assert_int_equal(expo_end(&e), -ENOBUFS);
		buf_deinit(&out);
	}
}

static void histograms_add_up(void **state)
{
	struct histo a = {.sum_us = 0}, b = {.sum_us = 0}, both = {.sum_us = 0};

	for (uint64_t us = 1; us < UINT64_C(1) << 40; us *= 3) {
		histo_add(us % 2 ? &a : &b, us);
		histo_add(&both, us);
	}
	histo_merge(&a, &b);
	assert_memory_equal(&a, &both, sizeof(a));
}

/* --- Accept --- */

static enum expo_format choose(const char *accept)
{
	char text[600];
	struct http_head h;
	size_t used;
	uint8_t *in;
	enum expo_format f;
	int n = snprintf(text, sizeof(text), "GET /metrics HTTP/1.1\r\nHost: x\r\n%s%s%s\r\n",
			 accept ? "aCCept: " : "", accept ? accept : "", accept ? "\r\n" : "");

	assert_true(n > 0 && (size_t)n < sizeof(text));
	in = exact_copy(text, (size_t)n);
	assert_int_equal(http_head_decode(in, (size_t)n, &h, &used), 0);
	f = expo_choose(&h);
	free(in);
	return f;
}

static void the_form_that_is_asked_for(void **state)
{
	static const char *const open[] = {
		"application/openmetrics-text",
		"application/openmetrics-text; version=1.0.0",
		"Application/OpenMetrics-Text;VERSION=\"1.0.0\"",
		/* Prometheus 2.42 */
		"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		"version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		/* Prometheus 3 */
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
		"text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
		"text/plain;q=0.5, application/openmetrics-text;q=0.501",
		"application/openmetrics-text, text/plain",
		"text/plain;q=0, */*, application/openmetrics-text",
		"application/openmetrics-text;x=\"a,b;q=0\", text/plain;q=0.9",
		"*/*;q=0.2\r\nAccept: application/openmetrics-text;q=0.3",
		"application/openmetrics-text;q=1.000",
		",, ,application/openmetrics-text,",
	};
	static const char *const text[] = {
		NULL,
		"",
		"*/*",
		"text/*",
		"application/*",
		"text/plain",
		"text/plain;version=0.0.4",
		"application/openmetrics-text;version=0.0.1",
		"application/openmetrics-text;version=2.0.0",
		"application/openmetrics-text;q=0",
		"application/openmetrics-text;q=0.000",
		"application/openmetrics-text;q=0.4, text/plain;q=0.5",
		"application/openmetrics-text;q=0.4, text/*;q=0.5",
		"application/openmetrics-text;q=0.4, */*;q=0.5",
		"application/openmetrics-text;q=0.1, text/html, */*;q=0.11",
		/* malformed weights */
		"application/openmetrics-text;q=",
		"application/openmetrics-text;q=1.1",
		"application/openmetrics-text;q=0.1234",
		"application/openmetrics-text;q=2",
		"application/openmetrics-text;q=-1",
		"application/openmetrics-text;q=.5",
		"application/openmetrics-text;q=0x1",
		"application/openmetrics-text;q=\"",
		"application/vnd.google.protobuf; encoding=delimited",
		"application/openmetrics-tex",
		"\"application/openmetrics-text, text/plain",
		";;;,;q=1,=,;=;q",
	};

	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		if (choose(open[i]) != EXPO_OPENMETRICS)
			fail_msg("not OpenMetrics: %s", open[i]);
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		if (choose(text[i]) != EXPO_PROMETHEUS)
			fail_msg("not text: %s", text[i] ? text[i] : "(no header)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_prometheus_form),
		cmocka_unit_test(the_openmetrics_form),
		cmocka_unit_test(numbers),
		cmocka_unit_test(a_text_that_does_not_fit),
		cmocka_unit_test(histograms_add_up),
		cmocka_unit_test(the_form_that_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
