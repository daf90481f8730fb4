/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/ip.h"
#include "vpnd/pure/l4.h"
#include "vpnd/pure/target.h"

static void good(const char *text, const char *want)
{
	char out[TARGET_TEXT_SIZE];
	struct target t;

	if (target_parse(&t, text) != 0)
		fail_msg("%s", text);
	target_format(&t, out);
	assert_string_equal(out, want);
	assert_int_equal(target_parse(&t, out), 0);
	target_format(&t, out);
	assert_string_equal(out, want);
}

static void text(void **state)
{
	good("192.168.1.10:102", "192.168.1.10:102/tcp");
	good("192.168.1.10:102/tcp", "192.168.1.10:102/tcp");
	good("192.168.1.10:161/udp", "192.168.1.10:161/udp");
	good("192.168.1.10", "192.168.1.10/icmp");
	good("192.168.1.10/icmp", "192.168.1.10/icmp");
	good("[fd00::1]:102", "[fd00::1]:102/tcp");
	good("[fd00::1]:65535/udp", "[fd00::1]:65535/udp");
	good("[fd00::1]", "fd00::1/icmp");
	good("fd00::1", "fd00::1/icmp");
	good("fd00::1/icmp", "fd00::1/icmp");
	good("::1", "::1/icmp");
}

static void what_is_none(void **state)
{
	static const char *const texts[] = {"",
					    "plc1",
					    "plc1:102",
					    "192.168.1.10:",
					    "192.168.1.10:0",
					    "192.168.1.10:65536",
					    "192.168.1.10:1x",
					    "192.168.1.10/tcp",
					    "192.168.1.10/udp",
					    "192.168.1.10:1/icmp",
					    "192.168.1.10:1/",
					    "192.168.1.10:1/sctp",
					    "192.168.1.0/24",
					    "[fd00::1]102",
					    "[fd00::1",
					    "fd00::1]:1",
					    "[192.168.1.1]:1",
					    "192.168.1.10 ",
					    ":",
					    "[]",
					    "/",
					    "::/",
					    "1:2:3",
					    "192.168.1.10:1:2"};
	struct target t;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (target_parse(&t, texts[i]) != -EINVAL)
			fail_msg("%s", texts[i]);
	}
}

static void packets(void **state)
{
	static const struct {
		const char *to, *from;
		uint8_t protocol;
		size_t n;
	} all[] = {{"192.168.1.10:102", "10.0.0.1", L4_TCP, 40},
		   {"192.168.1.10:102/udp", "10.0.0.1", L4_UDP, 28},
		   {"192.168.1.10", "10.0.0.1", L4_ICMP, 28},
		   {"[fd00::1]:102", "fd01::1", L4_TCP, 60},
		   {"[fd00::1]:102/udp", "fd01::1", L4_UDP, 48},
		   {"fd00::1", "fd01::1", L4_ICMPV6, 48}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		uint8_t out[TARGET_PACKET_MAX_BYTES];
		struct ip_info ip;
		struct target t;
		struct addr from;
		struct l4 l4;

		assert_int_equal(target_parse(&t, all[i].to), 0);
		assert_int_equal(addr_parse(&from, all[i].from), 0);
		assert_int_equal(target_packet(out, &t, &from), all[i].n);
		assert_int_equal(ip_parse(out, all[i].n, &ip), 0);
		assert_true(addr_equal(&ip.src, &from) && addr_equal(&ip.dst, &t.to));
		l4_parse(out, all[i].n, &l4);
		assert_int_equal(l4.protocol, all[i].protocol);
		if (l4.kind == L4_ECHO)
			assert_true(l4.request);
		else
			assert_int_equal(l4.dst, 102);
		assert_true(l4.protocol != L4_TCP || l4.tcp_flags == 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text),
		cmocka_unit_test(what_is_none),
		cmocka_unit_test(packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
