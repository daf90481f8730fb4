/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "tests/unit/super_packet.h"
#include "vpnd/pure/csum.h"
#include "vpnd/pure/l4.h"

#define MAX_BYTES 200

static struct l4 parse(const uint8_t *packet, size_t len)
{
	uint8_t *exact = exact_copy(packet, len);
	struct l4 l4;

	l4_parse(exact, len, &l4);
	free(exact);
	return l4;
}

/* 20 bytes of IPv4 before @n bytes of @payload. */
static size_t ipv4(uint8_t *p, uint8_t protocol, uint16_t fragment, const uint8_t *payload,
		   size_t n)
{
	memset(p, 0, 20);
	p[0] = 0x45;
	put_be16(p + 2, 20 + n);
	put_be16(p + 6, fragment);
	p[9] = protocol;
	memcpy(p + 20, payload, n);
	return 20 + n;
}

static size_t ipv6(uint8_t *p, uint8_t next, const uint8_t *payload, size_t n)
{
	memset(p, 0, 40);
	p[0] = 0x60;
	put_be16(p + 4, n);
	p[6] = next;
	memcpy(p + 40, payload, n);
	return 40 + n;
}

static void ports_of_tcp_and_udp(void **state)
{
	static const uint8_t tcp[20] = {0x12, 0x34, 0, 80, [12] = 0x50, [13] = 0x12};
	static const uint8_t udp[8] = {0, 53, 0x12, 0x34};
	uint8_t p[MAX_BYTES];
	struct l4 l4;

	l4 = parse(p, ipv4(p, 6, 0, tcp, sizeof(tcp)));
	assert_int_equal(l4.kind, L4_PORTS);
	assert_int_equal(l4.protocol, L4_TCP);
	assert_int_equal(l4.src, 0x1234);
	assert_int_equal(l4.dst, 80);
	assert_int_equal(l4.at, 20);
	assert_int_equal(l4.csum_at, 36);
	assert_int_equal(l4.tcp_flags, 0x12);
	assert_false(l4.fragment);

	l4 = parse(p, ipv6(p, 17, udp, sizeof(udp)));
	assert_int_equal(l4.kind, L4_PORTS);
	assert_int_equal(l4.protocol, L4_UDP);
	assert_int_equal(l4.src, 53);
	assert_int_equal(l4.csum_at, 46);
}

/* What an ICMP error quotes may end behind the ports. */
static void ports_without_a_checksum(void **state)
{
	static const uint8_t tcp[8] = {0x12, 0x34, 0, 80};
	uint8_t p[MAX_BYTES];
	struct l4 l4 = parse(p, ipv4(p, 6, 0, tcp, 8));

	assert_int_equal(l4.kind, L4_PORTS);
	assert_int_equal(l4.csum_at, 0);
	assert_int_equal(l4.tcp_flags, 0);
	l4 = parse(p, ipv4(p, 6, 0, tcp, 3));
	assert_int_equal(l4.kind, L4_NONE);
	l4 = parse(p, ipv4(p, 6, 0, tcp, 0));
	assert_int_equal(l4.kind, L4_NONE);
	assert_int_equal(l4.at, 0);
}

static void fragments(void **state)
{
	static const uint8_t udp[16] = {0, 53, 0x12, 0x34};
	/* A fragment header: next UDP, offset and "more", identification. */
	static const uint8_t first[16] = {17, 0, 0, 1}, later[16] = {17, 0, 0x05, 0xa8};
	static const uint8_t whole[16] = {17, 0, 0, 0, [8] = 0, 53, 0x12, 0x34};
	uint8_t p[MAX_BYTES];
	struct l4 l4;

	l4 = parse(p, ipv4(p, 17, 0x2000, udp, sizeof(udp)));
	assert_true(l4.fragment && !l4.later);
	assert_int_equal(l4.kind, L4_PORTS);
	l4 = parse(p, ipv4(p, 17, 0x00b9, udp, sizeof(udp)));
	assert_true(l4.fragment && l4.later);
	assert_int_equal(l4.kind, L4_NONE);
	assert_int_equal(l4.protocol, 17);
	l4 = parse(p, ipv4(p, 17, 0x4000, udp, sizeof(udp))); /* DF */
	assert_false(l4.fragment);

	l4 = parse(p, ipv6(p, 44, first, sizeof(first)));
	assert_true(l4.fragment && !l4.later);
	assert_int_equal(l4.at, 48);
	l4 = parse(p, ipv6(p, 44, later, sizeof(later)));
	assert_true(l4.fragment && l4.later);
	assert_int_equal(l4.kind, L4_NONE);
	assert_int_equal(l4.protocol, 17);
	l4 = parse(p, ipv6(p, 44, whole, sizeof(whole))); /* an atomic one, RFC 6946 */
	assert_false(l4.fragment);
	assert_int_equal(l4.src, 53);
}

static void extension_headers(void **state)
{
	/* Hop-by-hop of 8, routing of 16, destination options of 8 bytes, UDP. */
	static const uint8_t chain[40] = {43, 0,	[8] = 60, 1,	[24] = 17,
					  0,  [32] = 0, 53,	  0x12, 0x34};
	static const uint8_t endless[80] = {0};
	static const uint8_t cut[8] = {17, 9};
	uint8_t p[MAX_BYTES];
	struct l4 l4;

	l4 = parse(p, ipv6(p, 0, chain, sizeof(chain)));
	assert_int_equal(l4.kind, L4_PORTS);
	assert_int_equal(l4.at, 72);
	assert_int_equal(l4.src, 53);
	l4 = parse(p, ipv6(p, 0, endless, sizeof(endless)));
	assert_int_equal(l4.kind, L4_NONE);
	l4 = parse(p, ipv6(p, 60, cut, sizeof(cut)));
	assert_int_equal(l4.kind, L4_NONE);
	assert_int_equal(l4.protocol, 17);
	assert_int_equal(l4.at, 0);
}

static void echoes_and_errors(void **state)
{
	static const uint8_t request[8] = {8, 0, 0, 0, 0xab, 0xcd}, reply[8] = {0, 0, 0, 0, 1, 2};
	static const uint8_t error[8] = {3, 1}, redirect6[8] = {137}, too_big6[8] = {2};
	static const uint8_t request6[8] = {128, 0, 0, 0, 7, 8};
	uint8_t p[MAX_BYTES];
	struct l4 l4;

	l4 = parse(p, ipv4(p, 1, 0, request, 8));
	assert_int_equal(l4.kind, L4_ECHO);
	assert_true(l4.request);
	assert_int_equal(l4.src, 0xabcd);
	assert_int_equal(l4.dst, 0xabcd);
	assert_int_equal(l4.csum_at, 22);
	l4 = parse(p, ipv4(p, 1, 0, reply, 8));
	assert_int_equal(l4.kind, L4_ECHO);
	assert_false(l4.request);
	l4 = parse(p, ipv4(p, 1, 0, error, 8));
	assert_int_equal(l4.kind, L4_ERROR);
	assert_int_equal(l4.quoted, 28);
	l4 = parse(p, ipv4(p, 1, 0, error, 7));
	assert_int_equal(l4.kind, L4_NONE);
	l4 = parse(p, ipv6(p, 58, request6, 8));
	assert_int_equal(l4.kind, L4_ECHO);
	assert_true(l4.request);
	l4 = parse(p, ipv6(p, 58, too_big6, 8));
	assert_int_equal(l4.kind, L4_ERROR);
	assert_int_equal(l4.quoted, 48);
	l4 = parse(p, ipv6(p, 58, redirect6, 8));
	assert_int_equal(l4.kind, L4_NONE);
	l4 = parse(p, ipv4(p, 58, 0, request6, 8)); /* not in IPv4 */
	assert_int_equal(l4.kind, L4_NONE);
}

static void nonsense_is_nothing(void **state)
{
	static const uint8_t versions[] = {0x00, 0x45, 0x44, 0x4f, 0x60, 0x55};

	for (size_t i = 0; i < sizeof(versions); i++) {
		for (size_t len = 0; len < 60; len++) {
			uint8_t p[60] = {versions[i]};

			assert_int_equal(parse(p, len).kind, L4_NONE);
		}
	}
}

/* Old and new bytes at any even place of a packet, its checksum finished or not. */
static void checksums_are_mended(void **state)
{
	uint8_t was[64], is[64];

	for (uint32_t round = 0; round < 2000; round++) {
		size_t at = 2 + round % 20 * 2, n = 2 + round % 5 * 4;
		uint32_t sum;

		for (size_t i = 0; i < sizeof(was); i++)
			was[i] = (uint8_t)(round * 31 + i * (round % 7));
		super_put16(was, 0);
		sum = super_sum(was, sizeof(was), 0);
		memcpy(is, was, sizeof(is));
		for (size_t i = 0; i < n; i++)
			is[at + i] = (uint8_t)(round % 3 ? round * 17 + i * 5 : 0xff * (round % 2));
		super_put16(is, ~sum & 0xffff);
		csum_mend(is, was + at, is + at, n);
		assert_int_equal(super_sum(is, sizeof(is), 0) % 0xffff, 0); /* both zeros are one */
		super_put16(is, sum);
		csum_mend_sum(is, was + at, is + at, n);
		super_put16(is, ~be16(is) & 0xffff);
		assert_int_equal(super_sum(is, sizeof(is), 0) % 0xffff, 0); /* both zeros are one */
	}
}

/* What is summed in 64 bits comes near to all of them. */
static void sums_that_overflow(void **state)
{
	for (uint32_t sum = 0; sum < 0x10000; sum += 0xff) {
		static const uint8_t old[8];
		uint8_t is[10] = {[4] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

		super_put16(is, ~sum & 0xffff);
		csum_mend(is, old, is + 2, 8);
		assert_int_equal((super_sum(is, 2, 0) + sum) % 0xffff, 0); /* 3 * 0xffff is 0 */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_of_tcp_and_udp),
		cmocka_unit_test(ports_without_a_checksum),
		cmocka_unit_test(fragments),
		cmocka_unit_test(extension_headers),
		cmocka_unit_test(echoes_and_errors),
		cmocka_unit_test(sums_that_overflow),
		cmocka_unit_test(nonsense_is_nothing),
		cmocka_unit_test(checksums_are_mended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
