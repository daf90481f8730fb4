/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "vpnd/pure/filter.h"

/* A TCP segment from 10.0.0.1:5000 to 192.168.1.10:102, in. */
static bool match(const char *text)
{
	struct ip_info ip = {.protocol = L4_TCP};
	struct l4 l4 = {.kind = L4_PORTS, .protocol = L4_TCP, .src = 5000, .dst = 102};
	struct filter_packet p = {&ip, &l4, true};
	char error[FILTER_ERROR_SIZE];
	struct filter f;

	assert_int_equal(addr_parse(&ip.src, "10.0.0.1"), 0);
	assert_int_equal(addr_parse(&ip.dst, "192.168.1.10"), 0);
	if (filter_parse(&f, text, error) != 0)
		fail_msg("%s: %s", text, error);
	return filter_match(&f, &p);
}

static void one_word(void **state)
{
	static const char *const yes[] = {"",
					  "  ",
					  "tcp",
					  "ip",
					  "in",
					  "host 10.0.0.1",
					  "host 192.168.1.10",
					  "src host 10.0.0.1",
					  "dst host 192.168.1.10",
					  "net 192.168.1.0/24",
					  "dst net 192.168.0.0/16",
					  "net 0.0.0.0/0",
					  "port 102",
					  "port 5000",
					  "src port 5000",
					  "dst port 100-102",
					  "port 0-65535"};
	static const char *const no[] = {"udp",
					 "icmp",
					 "ip6",
					 "out",
					 "host 10.0.0.2",
					 "dst host 10.0.0.1",
					 "src host 192.168.1.10",
					 "src net 192.168.1.0/24",
					 "net fd00::/8",
					 "net ::/0",
					 "port 103",
					 "dst port 5000",
					 "src port 102",
					 "port 103-4999"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (!match(yes[i]))
			fail_msg("%s", yes[i]);
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (match(no[i]))
			fail_msg("%s", no[i]);
	}
}

static void operators(void **state)
{
	assert_true(match("tcp and port 102"));
	assert_false(match("tcp and port 103"));
	assert_true(match("udp or tcp"));
	assert_false(match("not tcp"));
	assert_true(match("not not tcp"));
	assert_true(match("not udp and tcp")); /* not binds closest */
	assert_false(match("not (udp or tcp)"));
	assert_true(match("tcp or udp and udp")); /* then and */
	assert_false(match("(tcp or udp) and udp"));
	assert_true(match("udp and udp or tcp"));
	assert_true(match("not (udp and port 102) and (host 10.0.0.1 or host 10.0.0.9)"));
	assert_true(match("( ( tcp ) ) && ! udp || udp"));
	assert_true(match("not(udp)and(tcp)"));
	assert_true(match("udp or udp or udp or tcp"));
	assert_false(match("tcp and tcp and tcp and udp"));
}

static void bad(const char *text, int err)
{
	char error[FILTER_ERROR_SIZE];
	struct filter f = {.n = 7};

	if (filter_parse(&f, text, error) != err)
		fail_msg("%s", text);
	assert_true(error[0] != '\0');
	assert_int_equal(f.n, 7);
}

static void what_is_no_filter(void **state)
{
	static const char *const texts[] = {
		"and",
		"tcp and",
		"tcp udp",
		"tcp or or udp",
		"not",
		"(",
		")",
		"(tcp",
		"tcp)",
		"()",
		"host",
		"host plc",
		"host 10.0.0.0/8",
		"net",
		"net 10.0.0.1/8",
		"port",
		"port x",
		"port 65536",
		"port 9-8",
		"port 1-",
		"port 1-2-3",
		"src",
		"src tcp",
		"src src host 10.0.0.1",
		"src not host 10.0.0.1",
		"host and",
		"TCP",
		"\001",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	char longest[FILTER_TEXT_MAX + 2];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		bad(texts[i], -EINVAL);
	memset(longest, '(', FILTER_NODES_MAX + 1);
	longest[FILTER_NODES_MAX + 1] = '\0';
	bad(longest, -ENOSPC);
	memset(longest, ' ', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	bad(longest, -ENOSPC);
	strcpy(longest, "tcp");
	for (int i = 0; i < 32; i++)
		strcat(longest, " or tcp");
	bad(longest, -ENOSPC);
	longest[3 + 31 * 7] = '\0';
	assert_true(match(longest));
}

/* Never two operands without an operator, or the stack would not come out even. */
static void noise(void **state)
{
	static const char *const words[] = {"tcp", "udp", "and", "or",	     "not",
					    "(",   ")",	  "in",	 "port 102", "host 10.0.0.1",
					    "src", "icmp"};
	struct ip_info ip = {.protocol = 0};
	struct l4 l4 = {.kind = L4_NONE};
	struct filter_packet p = {&ip, &l4, true};
	uint64_t seed = 5;
	size_t good = 0;

	for (int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		char text[256] = "", error[FILTER_ERROR_SIZE];
		struct filter f;
		int depth = 0;

		for (uint32_t n = noise_u32(&seed) % 8; n > 0; n--) {
			strcat(text, words[noise_u32(&seed) % 12]);
			strcat(text, " ");
		}
		if (filter_parse(&f, text, error) != 0)
			continue;
		good++;
		for (size_t k = 0; k < f.n; k++) {
			depth += f.at[k].kind == FILTER_NOT   ? 0
				 : f.at[k].kind >= FILTER_AND ? -1
							      : 1;
			assert_true(depth >= 1);
		}
		assert_int_equal(depth, f.n ? 1 : 0);
		(void)filter_match(&f, &p);
	}
	assert_true(good > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_word),
		cmocka_unit_test(operators),
		cmocka_unit_test(what_is_no_filter),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
