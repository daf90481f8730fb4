/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/ip.h"
#include "vpnd/pure/csum.h"
#include "vpnd/pure/l4.h"
#include "vpnd/pure/refuse.h"

static const uint8_t syn4[] = {0x45, 0,	   0,	 48,   0,    1,	   0x40, 0,    64, 6,
			       0,    0,	   10,	 0,    0,    10,   192,	 168,  1,  10, /* IP */
			       0x13, 0x88, 0,	 22,   0xff, 0xff, 0xff, 0xff, 0,  0,
			       0,    0,	   0x50, 0x02, 1,    0,	   0,	 0,    0,  0,
			       'd',  'a',  't',	 'a',  'd',  'a',  't',	 'a'};
static const uint8_t udp4[] = {0x45, 0,	  0, 32, 0,    1,    0, 0,  64, 17, 0, 0, 10, 0, 0, 10,
			       192,  168, 1, 10, 0x13, 0x88, 0, 53, 0,	12, 0, 0, 1,  2, 3, 4};

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	return a;
}

/* The sum over a packet that is right is zero. */
static void assert_csums(const uint8_t *p, size_t n)
{
	bool v4 = p[0] >> 4 == 4;
	size_t at = v4 ? 20 : 40, bytes = v4 ? 8 : 32;
	uint8_t rest[4] = {0, v4 ? p[9] : p[6], (uint8_t)((n - at) >> 8), (uint8_t)(n - at)};
	uint64_t sum = csum_add(p + at - bytes, bytes, csum_add(rest, sizeof(rest), 0));

	if (v4)
		assert_int_equal(csum_fold(csum_add(p, 20, 0)), 0xffff);
	if (v4 && p[9] == L4_ICMP)
		sum = 0;
	assert_int_equal(csum_fold(csum_add(p + at, n - at, sum)), 0xffff);
}

static size_t answer(uint8_t out[REFUSE_MAX_BYTES], const uint8_t *packet, size_t len,
		     const char *from)
{
	struct addr a = addr(from);
	uint8_t *exact = exact_copy(packet, len);
	struct ip_info ip;
	size_t n;

	assert_int_equal(refuse_answer(out, &n, exact, len, &a), 0);
	assert_int_equal(ip_parse(out, n, &ip), 0);
	assert_csums(out, n);
	free(exact);
	return n;
}

/* RFC 9293 3.10.7.1: no ACK: SEQ=0, ACK=SEG.SEQ+SEG.LEN, of which SYN is one. */
static void a_syn_is_reset(void **state)
{
	static const uint8_t want[] = {0, 22, 0x13, 0x88, 0, 0, 0, 0, 0, 0, 0, 8, 0x50, 0x14, 0, 0};
	uint8_t out[REFUSE_MAX_BYTES];
	size_t n = answer(out, syn4, sizeof(syn4), "100.64.0.1");

	assert_int_equal(n, 40);
	assert_int_equal(out[9], L4_TCP);
	assert_memory_equal(out + 12, syn4 + 16, 4); /* as from whom it was for */
	assert_memory_equal(out + 16, syn4 + 12, 4);
	assert_memory_equal(out + 20, want, sizeof(want));
}

/* ... with ACK: SEQ=SEG.ACK. */
static void a_segment_is_reset(void **state)
{
	static const uint8_t want[] = {0, 22, 0x13, 0x88, 1, 2, 3, 4, 0, 0, 0, 0, 0x50, 0x04, 0, 0};
	uint8_t out[REFUSE_MAX_BYTES], packet[sizeof(syn4)];

	memcpy(packet, syn4, sizeof(packet));
	packet[33] = 0x18;
	memcpy(packet + 28, (uint8_t[]){1, 2, 3, 4}, 4);
	assert_int_equal(answer(out, packet, sizeof(packet), "100.64.0.1"), 40);
	assert_memory_equal(out + 20, want, sizeof(want));
}

static void a_fin_counts(void **state)
{
	uint8_t out[REFUSE_MAX_BYTES], packet[sizeof(syn4)];

	memcpy(packet, syn4, sizeof(packet));
	packet[33] = 0x01;
	packet[32] = 0x60; /* with options: less payload */
	assert_int_equal(answer(out, packet, sizeof(packet), "100.64.0.1"), 40);
	assert_memory_equal(out + 28, ((uint8_t[]){0, 0, 0, 4}), 4);
}

static void resets_in_ipv6(void **state)
{
	uint8_t out[REFUSE_MAX_BYTES], packet[60] = {0x60, [5] = 20, [6] = 6, [7] = 64};

	packet[8] = packet[24] = 0xfd;
	packet[23] = 1;
	packet[39] = 2;
	memcpy(packet + 40, syn4 + 20, 20);
	assert_int_equal(answer(out, packet, sizeof(packet), "fd77::1"), 60);
	assert_memory_equal(out + 8, packet + 24, 16);
	assert_memory_equal(out + 24, packet + 8, 16);
	assert_int_equal(out[53], 0x14);
}

static void a_connection_ends_onward(void **state)
{
	static const uint8_t want[] = {0x13, 0x88, 0, 22, 0xff, 0xff, 0xff, 0xff,
				       1,    2,	   3, 4,  0x50, 0x14, 0,    0};
	uint8_t out[REFUSE_MAX_BYTES], packet[sizeof(syn4)];
	size_t n;

	memcpy(packet, syn4, sizeof(packet));
	assert_int_equal(refuse_onward(out, &n, packet, sizeof(packet)), -EPERM); /* begins */
	memcpy(packet + 28, (uint8_t[]){1, 2, 3, 4}, 4);
	packet[33] = 0x18;
	assert_int_equal(refuse_onward(out, &n, packet, sizeof(packet)), 0);
	assert_int_equal(n, 40);
	assert_csums(out, n);
	assert_memory_equal(out + 12, packet + 12, 8); /* from whom, for whom it was */
	assert_memory_equal(out + 20, want, sizeof(want));
	packet[33] = 0x14;
	assert_int_equal(refuse_onward(out, &n, packet, sizeof(packet)), -EPERM);
	assert_int_equal(refuse_onward(out, &n, udp4, sizeof(udp4)), -EPERM);
	assert_int_equal(refuse_onward(out, &n, udp4, 10), -EBADMSG);
}

static void others_are_told(void **state)
{
	uint8_t out[REFUSE_MAX_BYTES], echo6[48] = {0x60, [5] = 8, [6] = 58, [7] = 64};
	size_t n = answer(out, udp4, sizeof(udp4), "100.64.0.1");

	assert_int_equal(n, 28 + sizeof(udp4));
	assert_int_equal(out[9], L4_ICMP);
	assert_memory_equal(out + 12, ((uint8_t[]){100, 64, 0, 1}), 4);
	assert_memory_equal(out + 16, udp4 + 12, 4);
	assert_int_equal(out[20], 3);
	assert_int_equal(out[21], 13);
	assert_memory_equal(out + 28, udp4, sizeof(udp4));
	echo6[8] = echo6[24] = 0xfd;
	echo6[40] = 128;
	n = answer(out, echo6, sizeof(echo6), "fd77::1");
	assert_int_equal(n, 48 + sizeof(echo6));
	assert_int_equal(out[40], 1);
	assert_int_equal(out[41], 1);
}

static void refused(const uint8_t *packet, size_t len, const struct addr *from, int err)
{
	uint8_t out[REFUSE_MAX_BYTES];
	size_t n;

	assert_int_equal(refuse_answer(out, &n, packet, len, from), err);
}

static void what_is_not_answered(void **state)
{
	struct addr from = addr("100.64.0.1"), none = {.family = 0};
	uint8_t p[sizeof(syn4)];
	uint8_t out[REFUSE_MAX_BYTES];
	size_t n;

	memcpy(p, syn4, sizeof(p));
	p[33] = 0x14; /* a reset */
	refused(p, sizeof(p), &from, -EPERM);
	memcpy(p, syn4, sizeof(p));
	p[2] = 0;
	p[3] = 39; /* no whole TCP header */
	refused(p, 39, &from, -EPERM);
	memcpy(p, udp4, sizeof(udp4));
	p[7] = 2; /* a later fragment */
	refused(p, sizeof(udp4), &from, -EPERM);
	p[7] = 0;
	p[9] = L4_ICMP;
	p[20] = 3; /* an error */
	refused(p, sizeof(udp4), &from, -EPERM);
	refused(udp4, sizeof(udp4), &none, -EPERM);
	refused(udp4, 19, &from, -EBADMSG);
	assert_int_equal(refuse_answer(out, &n, syn4, sizeof(syn4), &none), 0);
}

static void noise(void **state)
{
	uint64_t seed = 3;
	struct addr from4 = addr("100.64.0.1"), from6 = addr("fd77::1");

	for (int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		size_t len = noise_u32(&seed) % 80, n;
		uint8_t *p = malloc(len + 1), out[REFUSE_MAX_BYTES];

		noise_fill(&seed, p, len);
		if (len >= 20) {
			p[0] = 0x45;
			put_be16(p + 2, len);
			p[9] = noise_u32(&seed) % 2 ? L4_TCP : p[9];
		}
		if (refuse_answer(out, &n, p, len, noise_u32(&seed) % 2 ? &from4 : &from6) == 0)
			assert_csums(out, n);
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_syn_is_reset),
		cmocka_unit_test(a_segment_is_reset),
		cmocka_unit_test(a_fin_counts),
		cmocka_unit_test(resets_in_ipv6),
		cmocka_unit_test(a_connection_ends_onward),
		cmocka_unit_test(others_are_told),
		cmocka_unit_test(what_is_not_answered),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
