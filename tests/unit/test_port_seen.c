/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/port_seen.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/pure_test.h"

static int take(struct port_seen *s, const char *text, size_t n, bool end)
{
	uint8_t *exact = exact_copy(text, n);
	int r = port_seen_take(s, exact, n, end);

	free(exact);
	return r;
}

#define OURS                                                                                       \
	"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 21\r\n\r\nfarlan accessd " \
	"0.1.0\n"

static void ours_is_known(void **state)
{
	struct port_seen s = {.tcp = PORT_OPEN, .tls = true};

	(void)state;
	assert_int_equal(take(&s, OURS, strlen(OURS), false), 0);
	assert_int_equal(s.who, PORT_FARLAN);
	assert_string_equal(s.program, "accessd");
	assert_string_equal(s.version, "0.1.0");
	assert_true(port_seen_good(&s));
}

/* Cut anywhere, it waits; and at the end it never takes a part for the whole. */
static void every_truncation_waits(void **state)
{
	(void)state;
	for (size_t n = 0; n + 1 < strlen(OURS); n++) {
		struct port_seen s = {.tcp = PORT_OPEN, .tls = true};

		assert_int_equal(take(&s, OURS, n, false), -EAGAIN);
		assert_int_equal(take(&s, OURS, n, true), 0);
	}
}

static void in_chunks_too(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n"
				   "farlan relayd 0.1.0\n\r\n0\r\n\r\n";
	struct port_seen s = {.tcp = PORT_OPEN, .tls = true};

	(void)state;
	assert_int_equal(take(&s, text, strlen(text), true), 0);
	assert_int_equal(s.who, PORT_FARLAN);
	assert_string_equal(s.program, "relayd");
}

static const struct {
	const char *text;
	bool tls;
	enum port_who who;
	int status;
	bool portal;
	const char *says;
} answers[] = {
	{"HTTP/1.1 302 Found\r\nLocation: http://portal/x\r\n\r\n", false, PORT_HTTP, 302, true,
	 "something else answers: HTTP 302, leads to http://portal/x (without TLS)"},
	{"HTTP/1.1 511 Network Authentication Required\r\n\r\n", false, PORT_HTTP, 511, true,
	 "something else answers: HTTP 511 (without TLS)"},
	{"HTTP/1.1 302 Found\r\nLocation: https://x/\r\n\r\n", true, PORT_HTTP, 302, false, NULL},
	{"HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n<h1>Hi</h1>\n", false, PORT_HTTP, 200, false,
	 "something else answers: HTTP 200 from nginx (without TLS)"},
	{"HTTP/1.1 200 OK\r\n\r\nfarlan\n", false, PORT_HTTP, 200, false, NULL},
	{"SSH-2.0-OpenSSH_9.2\r\n", false, PORT_OTHER, 0, false,
	 "something else answers: \"SSH-2.0-OpenSSH_9.2\""},
	{"\x1b[2J\001evil\r\n", false, PORT_OTHER, 0, false,
	 "something else answers: \"?[2J?evil\""},
	{"GET / HTTP/1.1\r\n\r\n", false, PORT_OTHER, 0, false, NULL},
	{"", true, PORT_TLS, 0, false, NULL},
	{"", false, PORT_NOBODY, 0, false, NULL},
};

static void others_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct port_seen s = {.tcp = PORT_OPEN, .tls = answers[i].tls};
		struct finding f = {.id = "port"};

		assert_int_equal(take(&s, answers[i].text, strlen(answers[i].text), true), 0);
		assert_int_equal(s.who, answers[i].who);
		assert_int_equal(s.status, answers[i].status);
		assert_int_equal(port_seen_portal(&s), answers[i].portal);
		assert_false(port_seen_good(&s));
		port_seen_say(&s, false, &f);
		assert_int_equal(f.state, FINDING_WARNING);
		if (answers[i].says)
			assert_string_equal(f.text, answers[i].says);
	}
}

static void a_head_without_end_is_bounded(void **state)
{
	static char text[PORT_ANSWER_MAX_BYTES + 1];
	struct port_seen s = {.tcp = PORT_OPEN};

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "HTTP/1.1 200 OK\r\nX: ", 20);
	assert_int_equal(take(&s, text, 1000, false), -EAGAIN);
	assert_int_equal(take(&s, text, sizeof(text), false), 0);
	assert_int_equal(s.who, PORT_OTHER);
}

static void closed_ports(void **state)
{
	static const struct {
		enum port_tcp tcp;
		bool six;
		enum finding_state state;
		const char *says;
	} cases[] = {
		{PORT_REFUSED, false, FINDING_WARNING,
		 "refused: a firewall rejects it, or nothing listens there"},
		{PORT_NO_ANSWER, false, FINDING_WARNING, "dropped: no answer within 5 s"},
		{PORT_NO_WAY, false, FINDING_WARNING, "no way there (no route)"},
		{PORT_NO_WAY, true, FINDING_SKIPPED, "no way there: there is no IPv6 here"},
		{PORT_FORBIDDEN, false, FINDING_WARNING,
		 "this host's own firewall does not let it out"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct port_seen s = {.tcp = cases[i].tcp, .ms = 5003};
		struct finding f = {.id = "port"};

		port_seen_say(&s, cases[i].six, &f);
		assert_int_equal(f.state, cases[i].state);
		assert_string_equal(f.text, cases[i].says);
		assert_false(port_seen_stuck(&s));
	}
}

static void silence_is_stuck(void **state)
{
	struct port_seen s = {.tcp = PORT_OPEN, .silent = true};

	(void)state;
	assert_true(port_seen_stuck(&s));
	s.tls = true;
	s.who = PORT_TLS;
	assert_true(port_seen_stuck(&s));
	s.silent = false;
	assert_false(port_seen_stuck(&s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ours_is_known),
		cmocka_unit_test(every_truncation_waits),
		cmocka_unit_test(in_chunks_too),
		cmocka_unit_test(others_are_told_apart),
		cmocka_unit_test(a_head_without_end_is_bounded),
		cmocka_unit_test(closed_ports),
		cmocka_unit_test(silence_is_stuck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
