/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/verdict.h"

#include "tests/unit/pure_test.h"

#define WAYS 12

struct verdict_case {
	struct verdict_way ways[WAYS];
	struct verdict_in in;
	bool up;
	const char *text; /* must be all of it */
};

#define AS(p, ...)                                                          \
	{                                                                   \
		.name = "as1.lab", .access = true, .port = (p), __VA_ARGS__ \
	}
#define RS(p, ...)                                          \
	{                                                   \
		.name = "rs1.lab", .port = (p), __VA_ARGS__ \
	}
#define GOOD .good = true

static json_t *some_allow(void)
{
	json_t *list = json_pack(
		"[{s:s, s:[s, s], s:[i, i, i], s:s, s:s}, {s:s, s:[s], s:[i, i, i], s:s, s:s}, "
		"{s:s, s:[s], s:[i], s:s, s:s}]",
		"name", "as1.lab", "addresses", "203.0.113.6", "2001:db8::1", "ports", 443, 80,
		5935, "protocol", "TCP", "why", "Access Server", "name", "rs1.lab", "addresses",
		"198.51.100.6", "ports", 443, 80, 5935, "protocol", "TCP", "why", "Relay Server",
		"name", "name server", "addresses", "10.0.0.1", "ports", 53, "protocol",
		"UDP and TCP", "why", "DNS");

	assert_non_null(list);
	return list;
}

static void check(const struct verdict_case *c)
{
	json_t *allow = some_allow();
	struct verdict_in in = c->in;
	struct verdict v;

	in.ways = c->ways;
	while (in.n < WAYS && c->ways[in.n].name)
		in.n++;
	in.n_ports = 3;
	in.ports[0] = 443;
	in.ports[1] = 80;
	in.ports[2] = 5935;
	verdict_decide(&in, allow, &v);
	assert_string_equal(v.text, c->text);
	assert_int_equal(v.up, c->up);
	json_decref(allow);
}

static void findings_to_verdict(void **state)
{
	static const struct verdict_case cases[] = {
		{.ways = {AS(443, GOOD), AS(80, GOOD), AS(5935, GOOD), RS(443, GOOD), RS(80, GOOD),
			  RS(5935, GOOD)},
		 .up = true,
		 .text = "Farlan can come up here: by ports 443, 80, 5935"},
		{.ways = {AS(443), AS(80), AS(5935, GOOD), RS(443), RS(80), RS(5935, GOOD)},
		 .up = true,
		 .text = "Farlan can come up here: by port 5935 only"},
		{.ways = {AS(443, GOOD), AS(80), AS(5935, GOOD), RS(443), RS(80), RS(5935, GOOD)},
		 .up = true,
		 .text = "Farlan can come up here: the Access Server by ports 443, 5935 only, the "
			 "relays by port 5935 only"},
		{.ways = {AS(443, GOOD, .both = true), AS(80, .both = true)},
		 .up = true,
		 .text = "Farlan can come up here: by port 443 only"},
		{.ways = {AS(443, GOOD), AS(80), AS(5935)},
		 .up = true,
		 .text = "Farlan can come up here: by port 443 only; relays need the same ports, "
			 "which ones there are is told after signing in"},
		{.ways = {AS(443), AS(80), AS(443, GOOD, .proxy = true), RS(443),
			  RS(443, GOOD, .proxy = true)},
		 .up = true,
		 .text = "Farlan can come up here, through the proxy: by port 443 only"},
		{.ways = {AS(443), AS(80), AS(5935), RS(443), RS(80), RS(5935)},
		 .text = "Farlan cannot come up here: allow outbound TCP 443 or 80 or 5935 to "
			 "as1.lab (203.0.113.6, 2001:db8::1), rs1.lab (198.51.100.6)"},
		{.ways = {AS(443, GOOD), AS(80), RS(443), RS(80)},
		 .text = "Farlan can sign in here, but reaches no relay: allow outbound TCP 443 or "
			 "80 or 5935 to rs1.lab (198.51.100.6)"},
		{.ways = {AS(443), AS(80, .portal = true)},
		 .in = {.portal_url = "http://portal.lab/login"},
		 .text = "Farlan cannot come up here yet: a captive portal is in the way: open "
			 "http://portal.lab/login in a browser in this network and sign in"},
		{.ways = {AS(443), AS(80, .portal = true), AS(5935, GOOD)},
		 .up = true,
		 .text = "Farlan can come up here: by port 5935 only; relays need the same ports, "
			 "which ones there are is told after signing in"},
		{.in = {.no_names = true},
		 .text = "Farlan cannot come up here: no server's name can be resolved; allow DNS "
			 "to a name server that answers, then allow outbound TCP 443 or 80 or 5935 "
			 "to as1.lab (203.0.113.6, 2001:db8::1), rs1.lab (198.51.100.6)"},
		{.ways = {AS(443, GOOD), RS(443, GOOD)},
		 .in = {.passes = 1280},
		 .text = "Farlan cannot come up here: packets of more than 1280 bytes vanish on "
			 "the "
			 "way; let ICMP \"fragmentation needed\" (ICMPv6 \"packet too big\") pass, "
			 "or "
			 "limit the MSS at the router"},
		{.ways = {AS(443), RS(443)},
		 .in = {.inspected = "as1.lab"},
		 .text = "Farlan may not come up here: TLS to as1.lab is opened on the way, and "
			 "inspection = refuse; exempt it from TLS inspection"},
		{.ways = {AS(443, GOOD), RS(443, GOOD)},
		 .in = {.obstacle = "there is no TUN device"},
		 .text = "Farlan cannot come up here: there is no TUN device"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(&cases[i]);
}

/* However many servers there are, it ends in order. */
static void long_lists_are_cut(void **state)
{
	json_t *allow = json_array();
	struct verdict_in in = {.n_ports = 1, .ports = {443}};
	struct verdict v;
	char *text;

	(void)state;
	for (int i = 0; i < 300; i++) {
		char name[64];

		snprintf(name, sizeof(name), "a-rather-long-name-of-a-relay-%d.example.org", i);
		json_array_append_new(allow, json_pack("{s:s, s:[s, s], s:[i], s:s, s:s}", "name",
						       name, "addresses", "2001:db8:ffff:ffff::1",
						       "203.0.113.200", "ports", 443, "protocol",
						       "TCP", "why", "Relay Server"));
	}
	verdict_decide(&in, allow, &v);
	assert_int_equal(strlen(v.text), VERDICT_TEXT_SIZE - 1);
	text = allow_text(allow);
	assert_non_null(text);
	assert_true(strlen(text) > 10000);
	free(text);
	json_decref(allow);
}

static void allow_list_as_text(void **state)
{
	json_t *allow = some_allow();
	char *text = allow_text(allow);

	(void)state;
	assert_non_null(text);
	assert_non_null(strstr(text, "\n  as1.lab      203.0.113.6   443 or 80 or 5935  TCP, "
				     "Access Server\n               2001:db8::1\n"));
	assert_non_null(strstr(text, "\n  name server  10.0.0.1      53                 UDP and "
				     "TCP, DNS\n"));
	assert_non_null(strstr(text, "(exempt by SNI): as1.lab, rs1.lab.\n"));
	free(text);
	json_decref(allow);
	allow = json_array();
	text = allow_text(allow);
	assert_non_null(text);
	free(text);
	json_decref(allow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(findings_to_verdict),
		cmocka_unit_test(long_lists_are_cut),
		cmocka_unit_test(allow_list_as_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
