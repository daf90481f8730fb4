/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "tests/unit/super_packet.h"
#include "vpnd/pure/mss.h"

#define SYN 0x02
#define MSS(n) 2, 4, (uint8_t)((n) >> 8), (uint8_t)((n)&255)

struct syn {
	uint8_t ip[100];
	size_t len;
};

/* A SYN with these options, padded with what ends them; its checksum right, or not finished. */
static struct syn make(enum super_kind kind, uint8_t flags, const uint8_t *options, size_t n,
		       bool needs_csum)
{
	size_t at = super_ip_bytes(kind), padded = (n + 3) / 4 * 4;
	struct syn s = {.len = at + 20 + padded};
	uint32_t sum;

	super_ip(s.ip, s.len, kind);
	s.ip[at + 3] = 80;
	s.ip[at + 12] = (uint8_t)((20 + padded) / 4 << 4);
	s.ip[at + 13] = flags;
	if (n > 0)
		memcpy(s.ip + at + 20, options, n);
	sum = super_pseudo(s.ip, s.len, kind);
	if (!needs_csum)
		sum = ~super_sum(s.ip + at, s.len - at, sum) & 0xffff;
	super_put16(s.ip + at + 16, sum);
	return s;
}

static bool clamp(struct syn *s, bool needs_csum, uint32_t mtu)
{
	uint8_t *exact = exact_copy(s->ip, s->len);
	bool changed = mss_clamp(exact, s->len, needs_csum, mtu);

	memcpy(s->ip, exact, s->len);
	free(exact);
	return changed;
}

#define OPTIONS(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void is_clamped_to(enum super_kind kind, uint32_t mtu, uint16_t want, const uint8_t *options,
			  size_t n, size_t mss_at)
{
	for (int i = 0; i < 4; i++) {
		bool needs_csum = i % 2;
		uint8_t flags = i / 2 ? SYN : SYN | 0x10;
		struct syn s = make(kind, flags, options, n, needs_csum), was = s;
		size_t at = super_ip_bytes(kind);
		uint8_t *mss = s.ip + at + 20 + mss_at;

		assert_true(mss_is_syn(s.ip, s.len));
		assert_true(clamp(&s, needs_csum, mtu));
		assert_int_equal(mss[0] << 8 | mss[1], want);
		if (needs_csum)
			assert_memory_equal(s.ip + at + 16, was.ip + at + 16, 2);
		else
			assert_true(super_sum_good(s.ip, s.len, kind));
		memcpy(mss, was.ip + at + 20 + mss_at, 2);
		memcpy(s.ip + at + 16, was.ip + at + 16, 2);
		assert_memory_equal(s.ip, was.ip, s.len); /* nothing else was touched */
		/* Once is enough. */
		s = make(kind, flags, options, n, needs_csum);
		(void)clamp(&s, needs_csum, mtu);
		assert_false(clamp(&s, needs_csum, mtu));
	}
}

static void lowered_to_what_fits(void **state)
{
	is_clamped_to(SUPER_TCP4, 1400, 1360, OPTIONS(MSS(1460)), 2);
	is_clamped_to(SUPER_TCP6, 1400, 1340, OPTIONS(MSS(1440)), 2);
	is_clamped_to(SUPER_TCP4, 1280, 1240, OPTIONS(MSS(65535)), 2);
	is_clamped_to(SUPER_TCP4, 1500, 1460, OPTIONS(MSS(1461)), 2);
	is_clamped_to(SUPER_TCP6, 65535, 65475, OPTIONS(MSS(65535)), 2);
	/* As Linux sends it, and at odd places, where the checksum has other words. */
	is_clamped_to(SUPER_TCP4, 1400, 1360,
		      OPTIONS(MSS(1460), 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7), 2);
	is_clamped_to(SUPER_TCP4, 1400, 1360, OPTIONS(1, MSS(1460), 1, 1, 1), 3);
	is_clamped_to(SUPER_TCP6, 1300, 1240, OPTIONS(3, 3, 7, MSS(9000), 0), 5);
	/* Behind one of a wrong length that can be skipped. */
	is_clamped_to(SUPER_TCP4, 1400, 1360, OPTIONS(2, 3, 9, MSS(1460), 1), 5);
	/* What follows is malformed, or behind the end. */
	is_clamped_to(SUPER_TCP4, 1400, 1360, OPTIONS(MSS(1460), 8, 200, 1, 1), 2);
	is_clamped_to(SUPER_TCP4, 1400, 1360, OPTIONS(MSS(1460), 0, MSS(1460), 0), 2);
}

static void every_option_of_several(void **state)
{
	struct syn s = make(SUPER_TCP4, SYN, OPTIONS(MSS(1460), MSS(1000), MSS(1500)), false);

	assert_true(clamp(&s, false, 1400));
	assert_memory_equal(s.ip + 40, ((const uint8_t[]){MSS(1360), MSS(1000), MSS(1360)}), 12);
	assert_true(super_sum_good(s.ip, s.len, SUPER_TCP4));
}

static void is_left_alone(struct syn s, uint32_t mtu)
{
	struct syn was = s;

	assert_false(clamp(&s, false, mtu));
	assert_memory_equal(s.ip, was.ip, sizeof(s.ip));
}

static void left_alone(void **state)
{
	struct syn s;

	/* Never raised; nothing there; no SYN. */
	is_left_alone(make(SUPER_TCP4, SYN, OPTIONS(MSS(1360)), false), 1400);
	is_left_alone(make(SUPER_TCP4, SYN, OPTIONS(MSS(0)), false), 1400);
	is_left_alone(make(SUPER_TCP6, SYN, OPTIONS(MSS(536)), false), 1400);
	is_left_alone(make(SUPER_TCP4, SYN, NULL, 0, false), 1400);
	is_left_alone(make(SUPER_TCP4, 0x10, OPTIONS(MSS(1460)), false), 1400);
	/* Malformed: no length, too short, too long, cut off, behind one that is. */
	is_left_alone(make(SUPER_TCP4, SYN, OPTIONS(1, 1, 1, 2), false), 1400);
	is_left_alone(make(SUPER_TCP4, SYN, OPTIONS(2, 0, 255, 255), false), 1400);
	is_left_alone(make(SUPER_TCP4, SYN, OPTIONS(2, 1, 255, 255), false), 1400);
	is_left_alone(make(SUPER_TCP4, SYN, OPTIONS(2, 3, 255, 255), false), 1400);
	is_left_alone(make(SUPER_TCP4, SYN, OPTIONS(2, 5, 255, 255, 255, 0, 0, 0), false), 1400);
	is_left_alone(make(SUPER_TCP4, SYN, OPTIONS(1, 2, 4, 255), false), 1400);
	is_left_alone(make(SUPER_TCP4, SYN, OPTIONS(8, 0, MSS(1460), 0, 0), false), 1400);
	is_left_alone(make(SUPER_TCP4, SYN, OPTIONS(8, 9, MSS(1460), 1, 1), false), 1400);
	is_left_alone(make(SUPER_TCP4, SYN, OPTIONS(0, MSS(1460), 0, 0, 0), false), 1400);
	/* A header shorter than a header, or longer than the packet. */
	s = make(SUPER_TCP4, SYN, OPTIONS(MSS(1460)), false);
	s.ip[32] = 0x40;
	is_left_alone(s, 1400);
	s.ip[32] = 0x70;
	is_left_alone(s, 1400);
	s.ip[32] = 0x50; /* then the option is payload */
	is_left_alone(s, 1400);
	/* Fragments, the first one, too. */
	s = make(SUPER_TCP4, SYN, OPTIONS(MSS(1460)), false);
	super_put16(s.ip + 6, 0x2000);
	is_left_alone(s, 1400);
	super_put16(s.ip + 6, 1);
	is_left_alone(s, 1400);
	/* Other protocols. */
	s.ip[6] = s.ip[7] = 0;
	s.ip[9] = 17;
	is_left_alone(s, 1400);
	s = make(SUPER_TCP6, SYN, OPTIONS(MSS(1460)), false);
	s.ip[6] = 44;
	is_left_alone(s, 1400);
	s.ip[6] = 6;
	s.ip[0] = 0x50;
	is_left_alone(s, 1400);
	is_left_alone(make(SUPER_TCP4, SYN, OPTIONS(MSS(1460)), false), 40);
}

static void ipv4_options_before(void **state)
{
	struct syn s = make(SUPER_TCP4, SYN, OPTIONS(MSS(1460)), false);

	memmove(s.ip + 28, s.ip + 20, s.len - 20);
	memset(s.ip + 20, 1, 8);
	s.ip[0] = 0x47;
	s.len += 8;
	assert_true(clamp(&s, false, 1400));
	assert_memory_equal(s.ip + 48, ((const uint8_t[]){MSS(1360)}), 4);
	s.ip[0] = 0x44; /* shorter than a header */
	assert_false(mss_is_syn(s.ip, s.len));
	s.ip[0] = 0x4f; /* longer than the packet */
	assert_false(mss_is_syn(s.ip, s.len));
}

static void every_truncation(void **state)
{
	for (enum super_kind kind = SUPER_TCP4; kind <= SUPER_TCP6; kind++) {
		struct syn whole = make(kind, SYN, OPTIONS(1, MSS(1460), 3, 3, 7), false);

		for (size_t n = 0; n < whole.len; n++) {
			struct syn s = whole;

			s.len = n;
			assert_false(clamp(&s, false, 1400)); /* the header is not all there */
		}
	}
}

/* A sum that was wrong stays wrong by as much; one that was right stays right, for any values. */
static void checksums_of_all_values(void **state)
{
	uint64_t seed = 7;

	for (int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		uint16_t mss = (uint16_t)noise_u32(&seed);
		uint32_t mtu = 68 + noise_u32(&seed) % 9000;
		size_t odd = noise_u32(&seed) % 2;
		uint8_t options[8] = {1, 1, 1, 1, 1, 1, 1, 1};
		struct syn s;

		memcpy(options + odd, (const uint8_t[]){MSS(mss)}, 4);
		s = make(SUPER_TCP4, SYN, options, sizeof(options), false);
		assert_int_equal(clamp(&s, false, mtu), mss > mtu - 40);
		assert_true(super_sum_good(s.ip, s.len, SUPER_TCP4));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lowered_to_what_fits), cmocka_unit_test(every_option_of_several),
		cmocka_unit_test(left_alone),		cmocka_unit_test(ipv4_options_before),
		cmocka_unit_test(every_truncation),	cmocka_unit_test(checksums_of_all_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
