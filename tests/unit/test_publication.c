/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/publication.h"

#include <string.h>

#include "tests/unit/pure_test.h"

#define DAY INT64_C(86400)
#define NOW INT64_C(1796000000)

static void websockets(void **state)
{
	static const struct {
		bool access, opened;
		const char *reason;
		enum finding_state state;
		const char *todo; /* a part of it */
	} cases[] = {
		{true, true, "", FINDING_OK, ""},
		{false, false, "server answered 401: no token in the request", FINDING_OK, ""},
		{false, false, "server answered 503: the relay takes no sessions at present",
		 FINDING_OK, ""},
		/* Others say so, too. */
		{false, false, "server answered 401: Authorization required", FINDING_FAILED,
		 "must not ask for passwords"},
		{false, false, "server answered 401", FINDING_FAILED, "must not ask for passwords"},
		{true, false, "server answered 401: no token in the request", FINDING_FAILED, ""},
		{true, false, "server answered 503: Service Unavailable", FINDING_FAILED,
		 "upstream address"},
		{true, false, "server answered 426: a WebSocket is spoken here", FINDING_FAILED,
		 "Upgrade header"},
		{true, false, "server answered 400: Bad Request", FINDING_FAILED, "Upgrade header"},
		{true, false, "server answered 404: <html>", FINDING_FAILED, "path /v1/"},
		{true, false, "server answered 502: <html>", FINDING_FAILED, "upstream address"},
		{true, false, "server answered 200: <html>", FINDING_FAILED, "Upgrade: websocket"},
		{true, false, "server answered abc", FINDING_FAILED, "Upgrade header"},
		{true, false, "connection closed by peer", FINDING_FAILED, "Upgrade header"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct publication_ws w = {.access = cases[i].access,
					   .opened = cases[i].opened,
					   .reason = cases[i].reason};
		struct finding f = {.id = "websocket"};

		publication_ws_say(&w, &f);
		assert_int_equal(f.state, cases[i].state);
		assert_non_null(strstr(f.todo, cases[i].todo));
	}
}

static void certificates(void **state)
{
	static const struct {
		struct publication_cert c;
		enum finding_state state;
		const char *text, *todo; /* parts of them */
	} cases[] = {
		{{"a.org", "R11", false, true, "", 2, NOW + 60 * DAY + 5},
		 FINDING_OK,
		 "60 days",
		 ""},
		{{"a.org", "R11", false, true, "", 2, NOW + 20 * DAY},
		 FINDING_WARNING,
		 "20 days",
		 "certbot renew"},
		{{"a.org", "R11", false, true, "", 2, NOW + 3 * DAY},
		 FINDING_FAILED,
		 "3 days",
		 "certbot renew"},
		{{"a.org", "CA", true, true, "", 2, NOW + 3 * DAY},
		 FINDING_FAILED,
		 "(the domain's CA)",
		 "start the server anew"},
		{{"a.org", "R11", false, false, "certificate not trusted", 2, NOW - 1},
		 FINDING_FAILED,
		 "has expired",
		 "certbot renew"},
		{{"a.org", "R11", false, false, "certificate not trusted", 1, NOW + 60 * DAY},
		 FINDING_WARNING,
		 "not trusted",
		 "fullchain.pem"},
		{{"a.org", "a.org", false, false, "certificate not trusted", 1, NOW + 60 * DAY},
		 FINDING_WARNING,
		 "not trusted",
		 "this CA"},
		{{"b.org", "R11", false, false, "certificate is not for a.org", 1, NOW + 60 * DAY},
		 FINDING_WARNING,
		 "not for a.org",
		 "this name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct finding f = {.id = "certificate"};

		publication_cert_say(&cases[i].c, NOW, &f);
		assert_int_equal(f.state, cases[i].state);
		assert_non_null(strstr(f.text, cases[i].text));
		assert_non_null(strstr(f.todo, cases[i].todo));
	}
}

static void idle(void **state)
{
	struct finding f = {.id = "idle"};

	(void)state;
	publication_idle_say(60010, false, &f);
	assert_int_equal(f.state, FINDING_OK);
	publication_idle_say(5030, true, &f);
	assert_int_equal(f.state, FINDING_FAILED);
	assert_string_equal(f.text, "an idle connection is cut after 5 s");
	publication_idle_say(58000, true, &f);
	assert_int_equal(f.state, FINDING_WARNING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(websockets),
		cmocka_unit_test(certificates),
		cmocka_unit_test(idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
