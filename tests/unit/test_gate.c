/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vpnd/pure/gate.h"

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	return a;
}

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(&p, text), 0);
	return p;
}

/* We: 100.64.0.1, LAN 192.168.101.0/24. The peer: 100.64.0.2, LANs 192.168.201.0/24 and two more.
 */
static void make_gate(struct gate *gate)
{
	static struct grant g;
	struct addr ipv4 = addr("100.64.0.1"), ipv6 = addr("fd00::1");

	memset(&g, 0, sizeof(g));
	g.peer_ipv4 = addr("100.64.0.2");
	g.peer_ipv6 = addr("fd00::2");
	g.own_lans[g.n_own_lans++] = prefix("192.168.101.0/24");
	g.own_lans[g.n_own_lans++] = prefix("fd01::/64");
	g.peer_lans[g.n_peer_lans++] = prefix("192.168.201.0/24");
	g.peer_lans[g.n_peer_lans++] = prefix("192.168.202.0/31");
	g.peer_lans[g.n_peer_lans++] = prefix("fd02::/64");
	gate_init(gate, &g, &ipv4, &ipv6);
}

static enum gate_result pass(const char *src, const char *dst, bool out)
{
	struct ip_info packet = {.src = addr(src), .dst = addr(dst)};
	struct gate gate;

	make_gate(&gate);
	return out ? gate_outgoing(&gate, &packet) : gate_incoming(&gate, &packet);
}

static void assert_out(const char *src, const char *dst, enum gate_result want)
{
	assert_string_equal(gate_result_name(pass(src, dst, true)), gate_result_name(want));
}

static void assert_in(const char *src, const char *dst, enum gate_result want)
{
	assert_string_equal(gate_result_name(pass(src, dst, false)), gate_result_name(want));
}

static void test_outgoing(void **state)
{
	(void)state;
	assert_out("100.64.0.1", "192.168.201.10", GATE_PASS);
	assert_out("100.64.0.1", "100.64.0.2", GATE_PASS);
	assert_out("192.168.101.7", "192.168.201.10", GATE_PASS);
	assert_out("192.168.101.7", "192.168.202.0", GATE_PASS);
	assert_out("192.168.101.7", "192.168.202.1", GATE_PASS);
	assert_out("fd00::1", "fd02::5", GATE_PASS);
	assert_out("fd01::9", "fd00::2", GATE_PASS);
	assert_out("10.0.0.1", "192.168.201.10", GATE_SRC_NOT_OURS);
	assert_out("100.64.0.2", "192.168.201.10", GATE_SRC_NOT_OURS);
	assert_out("100.64.0.1", "192.168.203.10", GATE_DST_NOT_PEER);
	assert_out("100.64.0.1", "192.168.101.10", GATE_DST_NOT_PEER);
	assert_out("fe80::1", "fd02::5", GATE_MARTIAN);
}

static void test_incoming(void **state)
{
	(void)state;
	assert_in("192.168.201.10", "100.64.0.1", GATE_PASS);
	assert_in("100.64.0.2", "192.168.101.3", GATE_PASS);
	assert_in("fd02::1", "fd00::1", GATE_PASS);
	assert_in("fd02::1", "fd01::1", GATE_PASS);
	assert_in("192.168.101.10", "100.64.0.1", GATE_SRC_NOT_PEER);
	assert_in("100.64.0.1", "100.64.0.1", GATE_SRC_NOT_PEER);
	assert_in("127.0.0.1", "100.64.0.1", GATE_MARTIAN);
	assert_in("192.168.201.10", "8.8.8.8", GATE_DST_NOT_OURS);
	assert_in("192.168.201.10", "192.168.201.11", GATE_DST_NOT_OURS);
	assert_in("192.168.201.10", "127.0.0.1", GATE_MARTIAN);
}

static void test_only_unicast(void **state)
{
	static const char *const dsts[] = {"224.0.0.1", "239.255.255.250", "255.255.255.255",
					   "0.0.0.0",	"192.168.201.255", "192.168.201.0"};
	static const char *const dsts6[] = {"ff02::1", "::"};

	(void)state;
	for (size_t i = 0; i < sizeof(dsts) / sizeof(dsts[0]); i++)
		assert_out("100.64.0.1", dsts[i], GATE_NOT_UNICAST);
	for (size_t i = 0; i < sizeof(dsts6) / sizeof(dsts6[0]); i++)
		assert_out("fd00::1", dsts6[i], GATE_NOT_UNICAST);
	assert_in("224.0.0.1", "100.64.0.1", GATE_NOT_UNICAST);
	assert_in("192.168.201.255", "100.64.0.1", GATE_NOT_UNICAST);
	assert_in("192.168.201.10", "192.168.101.255", GATE_NOT_UNICAST);
	assert_in("::", "fd00::1", GATE_NOT_UNICAST);
}

/* A broadcast of one LAN stays one where a wider LAN is announced, too. */
static void test_broadcast_in_overlapping_lans(void **state)
{
	static struct grant g;
	struct addr none = {0}, own = addr("100.64.0.1");
	struct ip_info packet = {.src = own, .dst = addr("10.1.0.255")};
	struct gate gate;

	(void)state;
	memset(&g, 0, sizeof(g));
	g.peer_lans[g.n_peer_lans++] = prefix("10.0.0.0/8");
	g.peer_lans[g.n_peer_lans++] = prefix("10.1.0.0/24");
	gate_init(&gate, &g, &own, &none);
	assert_int_equal(gate_outgoing(&gate, &packet), GATE_NOT_UNICAST);
	packet.dst = addr("10.2.0.255");
	assert_int_equal(gate_outgoing(&gate, &packet), GATE_PASS);
}

static void test_no_addresses_no_lans_nothing_passes(void **state)
{
	static struct grant g;
	struct addr none = {0};
	struct ip_info packet = {.src = addr("10.0.0.1"), .dst = addr("10.0.0.2")};
	struct gate gate;

	(void)state;
	memset(&g, 0, sizeof(g));
	gate_init(&gate, &g, &none, &none);
	assert_int_equal(gate_outgoing(&gate, &packet), GATE_SRC_NOT_OURS);
	assert_int_equal(gate_incoming(&gate, &packet), GATE_SRC_NOT_PEER);
}

static void test_full_lists_fit(void **state)
{
	static struct grant g;
	struct addr ipv4 = addr("100.64.0.1"), ipv6 = addr("fd00::1");
	struct ip_info packet = {.src = ipv4, .dst = addr("10.15.0.1")};
	struct gate gate;

	(void)state;
	memset(&g, 0, sizeof(g));
	g.peer_ipv4 = addr("100.64.0.2");
	g.peer_ipv6 = addr("fd00::2");
	for (; g.n_peer_lans < GRANT_LANS_MAX; g.n_peer_lans++) {
		struct addr a = {.family = 4, .bytes = {10, (uint8_t)g.n_peer_lans}};

		g.peer_lans[g.n_peer_lans] = prefix_of(&a, 16);
	}
	gate_init(&gate, &g, &ipv4, &ipv6);
	assert_int_equal(gate_outgoing(&gate, &packet), GATE_PASS);
}

/* We: 100.64.0.1, 192.168.101.0/24. The peer: everything, and 192.168.101.0/28 beside ours. */
static enum gate_result pass_wide(const char *src, const char *dst, bool out)
{
	static struct grant g;
	struct addr ipv4 = addr("100.64.0.1"), ipv6 = addr("fd00::1");
	struct ip_info packet = {.src = addr(src), .dst = addr(dst)};
	struct gate gate;

	memset(&g, 0, sizeof(g));
	g.peer_ipv4 = addr("100.64.0.2");
	g.own_lans[g.n_own_lans++] = prefix("192.168.101.0/24");
	g.own_lans[g.n_own_lans++] = prefix("192.168.55.0/24");
	g.peer_lans[g.n_peer_lans++] = prefix("0.0.0.0/0");
	g.peer_lans[g.n_peer_lans++] = prefix("::/0");
	g.peer_lans[g.n_peer_lans++] = prefix("192.168.55.0/24");
	gate_init(&gate, &g, &ipv4, &ipv6);
	return out ? gate_outgoing(&gate, &packet) : gate_incoming(&gate, &packet);
}

static void assert_wide(const char *src, const char *dst, bool out, enum gate_result want)
{
	assert_string_equal(gate_result_name(pass_wide(src, dst, out)), gate_result_name(want));
}

static void test_everything_is_not_what_is_ours(void **state)
{
	static const char *const martians[] = {"127.0.0.1", "0.1.2.3", "169.254.7.7", "240.0.0.1",
					       "255.1.2.3"};

	(void)state;
	assert_wide("8.8.8.8", "192.168.101.7", false, GATE_PASS);
	assert_wide("192.168.101.7", "8.8.8.8", true, GATE_PASS);
	assert_wide("fd00::1", "2001:db8::1", true, GATE_PASS);
	for (size_t i = 0; i < sizeof(martians) / sizeof(martians[0]); i++) {
		assert_wide(martians[i], "192.168.101.7", false, GATE_MARTIAN);
		assert_wide("192.168.101.7", martians[i], true, GATE_MARTIAN);
	}
	assert_wide("::1", "fd00::1", false, GATE_MARTIAN);
	assert_wide("fe80::5", "fd00::1", false, GATE_MARTIAN);
	assert_wide("::ffff:8.8.8.8", "fd00::1", false, GATE_MARTIAN);
	assert_wide("fd00::1", "ff02::1", true, GATE_NOT_UNICAST);
	/* Ours is ours: nobody is spoken to in its name, not even by itself (land). */
	assert_wide("192.168.101.9", "192.168.101.7", false, GATE_SRC_NOT_PEER);
	assert_wide("192.168.101.7", "192.168.101.7", false, GATE_SRC_NOT_PEER);
	assert_wide("100.64.0.1", "100.64.0.1", false, GATE_SRC_NOT_PEER);
	assert_wide("192.168.101.7", "192.168.101.9", true, GATE_DST_NOT_PEER);
	assert_wide("192.168.101.7", "192.168.101.255", true, GATE_DST_NOT_PEER);
	/* Of both sides, as where LANs are told apart by translation. */
	assert_wide("192.168.55.3", "192.168.55.3", false, GATE_PASS);
	assert_wide("192.168.55.3", "192.168.55.4", true, GATE_PASS);
}

static void test_odd_forms(void **state)
{
	struct ip_info packet = {.src = addr("100.64.0.1"), .dst = addr("192.168.201.10")};
	struct gate gate;

	(void)state;
	make_gate(&gate);
	packet.odd = IP_BAD_FRAGMENT;
	assert_int_equal(gate_outgoing(&gate, &packet), GATE_BAD_FRAGMENT);
	assert_int_equal(gate_incoming(&gate, &packet), GATE_BAD_FRAGMENT);
	packet.odd |= IP_SOURCE_ROUTED;
	assert_int_equal(gate_outgoing(&gate, &packet), GATE_SOURCE_ROUTED);
	packet.odd = IP_BAD_HEADERS;
	assert_int_equal(gate_outgoing(&gate, &packet), GATE_BAD_HEADERS);
	packet.odd = 0;
	assert_int_equal(gate_outgoing(&gate, &packet), GATE_PASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outgoing),
		cmocka_unit_test(test_incoming),
		cmocka_unit_test(test_only_unicast),
		cmocka_unit_test(test_broadcast_in_overlapping_lans),
		cmocka_unit_test(test_no_addresses_no_lans_nothing_passes),
		cmocka_unit_test(test_full_lists_fit),
		cmocka_unit_test(test_everything_is_not_what_is_ours),
		cmocka_unit_test(test_odd_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
