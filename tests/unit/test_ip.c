/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "common/pure/ip.h"

/* UDP from 192.0.2.1 to 198.51.100.2, 8 bytes of payload after a header with one option word. */
static const uint8_t V4[] = {0x46, 0,  0,   32, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1,
			     198,  51, 100, 2,	1, 1, 1, 0, 0,	1,  0, 2, 0,   8, 0, 0};
/* ICMPv6 from 2001:db8::1 to fd00::2, 4 bytes of payload. */
static const uint8_t V6[] = {0x60, 0, 0, 0, 0, 4, 58, 64, 0x20, 1,    0x0d, 0xb8, 0, 0, 0,
			     0,	   0, 0, 0, 0, 0, 0,  0,  1,	0xfd, 0,    0,	  0, 0, 0,
			     0,	   0, 0, 0, 0, 0, 0,  0,  0,	2,    128,  0,	  0, 0};

static void golden_packets(void **state)
{
	struct ip_info info;
	char text[ADDR_TEXT_SIZE];

	(void)state;
	assert_int_equal(ip_parse(V4, sizeof(V4), &info), 0);
	assert_int_equal(info.protocol, 17);
	assert_int_equal(info.header_len, 24);
	addr_format(&info.src, text);
	assert_string_equal(text, "192.0.2.1");
	addr_format(&info.dst, text);
	assert_string_equal(text, "198.51.100.2");
	assert_int_equal(ip_parse(V6, sizeof(V6), &info), 0);
	assert_int_equal(info.protocol, 58);
	assert_int_equal(info.header_len, 40);
	addr_format(&info.src, text);
	assert_string_equal(text, "2001:db8::1");
	addr_format(&info.dst, text);
	assert_string_equal(text, "fd00::2");
}

static void refuse(const uint8_t *packet, size_t len)
{
	struct ip_info info = {.header_len = 99};
	uint8_t *cut = exact_copy(packet, len);

	assert_int_equal(ip_parse(cut, len, &info), -EBADMSG);
	assert_int_equal(info.header_len, 99);
	free(cut);
}

static void every_other_length_is_refused(void **state)
{
	uint8_t padded[64] = {0};

	(void)state;
	for (size_t len = 0; len < sizeof(V4); len++)
		refuse(V4, len);
	for (size_t len = 0; len < sizeof(V6); len++)
		refuse(V6, len);
	memcpy(padded, V4, sizeof(V4));
	refuse(padded, sizeof(V4) + 1);
	memcpy(padded, V6, sizeof(V6));
	refuse(padded, sizeof(V6) + 1);
}

static void headers_are_checked(void **state)
{
	uint8_t p[64] = {0};

	(void)state;
	for (int version = 0; version < 16; version++) {
		memcpy(p, V4, sizeof(V4));
		p[0] = (uint8_t)(version << 4 | 5);
		if (version != 4)
			refuse(p, sizeof(V4));
	}
	for (int words = 0; words < 16; words++) {
		struct ip_info info;

		memcpy(p, V4, sizeof(V4));
		p[0] = (uint8_t)(0x40 | words);
		if (words < 5 || words > 8)
			refuse(p, sizeof(V4));
		else
			assert_int_equal(ip_parse(p, sizeof(V4), &info), 0);
	}
	memcpy(p, V4, sizeof(V4));
	p[3]++;
	refuse(p, sizeof(V4));
	p[3] -= 2;
	refuse(p, sizeof(V4));
}

static void smallest_and_largest(void **state)
{
	uint8_t *p = calloc(1, 65536 + 40);
	struct ip_info info;

	(void)state;
	assert_non_null(p);
	p[0] = 0x45;
	p[3] = 20;
	assert_int_equal(ip_parse(p, 20, &info), 0);
	p[2] = 0xff;
	p[3] = 0xff;
	assert_int_equal(ip_parse(p, 65535, &info), 0);
	refuse(p, 65536);
	refuse(p, 65536 + 20);
	p[0] = 0x60;
	p[2] = 0;
	p[3] = 0;
	assert_int_equal(ip_parse(p, 40, &info), 0);
	refuse(p, 65536 + 40); /* a jumbogram */
	refuse(p, 41);
	p[4] = 0xff;
	p[5] = 0xff;
	assert_int_equal(ip_parse(p, 65535 + 40, &info), 0);
	free(p);
}

/* An IPv4 packet of @n bytes behind a header with @options (@n_options bytes, a multiple of 4). */
static size_t with_options(uint8_t *p, const uint8_t *options, size_t n_options, size_t n)
{
	size_t len = 20 + n_options + n;

	memset(p, 0, len);
	p[0] = (uint8_t)(0x40 | (5 + n_options / 4));
	p[3] = (uint8_t)len;
	p[9] = 17;
	memcpy(p + 20, options, n_options);
	return len;
}

static void source_routes_are_told(void **state)
{
	static const struct {
		uint8_t options[8];
		int odd;
	} of[] = {
		{{131, 7, 4, 192, 0, 2, 1, 0}, IP_SOURCE_ROUTED}, /* loose */
		{{137, 7, 4, 192, 0, 2, 1, 0}, IP_SOURCE_ROUTED}, /* strict */
		{{1, 131, 7, 4, 192, 0, 2, 1}, IP_SOURCE_ROUTED}, /* behind a NOP */
		{{148, 4, 0, 0, 131, 3, 4, 0}, IP_SOURCE_ROUTED}, /* behind a router alert */
		{{7, 7, 4, 0, 0, 0, 0, 0}, 0},			  /* record route */
		{{1, 1, 1, 0, 131, 3, 4, 0}, 0},		  /* behind the end */
		{{131, 1, 0, 0, 0, 0, 0, 0}, IP_BAD_HEADERS},
		{{131, 0, 0, 0, 0, 0, 0, 0}, IP_BAD_HEADERS},
		{{7, 9, 4, 0, 0, 0, 0, 0}, IP_BAD_HEADERS},
		{{1, 1, 1, 1, 1, 1, 1, 7}, IP_BAD_HEADERS},
	};
	struct ip_info info;
	uint8_t p[64], *cut;

	(void)state;
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		size_t len = with_options(p, of[i].options, 8, 8);

		cut = exact_copy(p, len);
		assert_int_equal(ip_parse(cut, len, &info), 0);
		assert_int_equal(info.odd, of[i].odd);
		free(cut);
	}
}

/* An IPv6 packet: header, @n bytes of extensions, 8 bytes. */
static size_t with_extensions(uint8_t *p, uint8_t next, const uint8_t *extensions, size_t n)
{
	memset(p, 0, 48 + n);
	p[0] = 0x60;
	p[5] = (uint8_t)(n + 8);
	p[6] = next;
	memcpy(p + 40, extensions, n);
	return 48 + n;
}

static void assert_six(uint8_t next, const uint8_t *extensions, size_t n, int odd)
{
	struct ip_info info;
	uint8_t p[160], *cut;
	size_t len = with_extensions(p, next, extensions, n);

	cut = exact_copy(p, len);
	assert_int_equal(ip_parse(cut, len, &info), 0);
	assert_int_equal(info.odd, odd);
	free(cut);
}

static void routing_headers_are_told(void **state)
{
	static const uint8_t zero[24] = {17, 2, 0, 1}, done[24] = {17, 2, 0, 0},
			     segment[24] = {17, 2, 4, 1}, hidden[32] = {43, 0, [8] = 17, 2, 0, 1},
			     long_one[16] = {17, 9}, many[80] = {60};
	uint8_t chain[80];

	(void)state;
	assert_six(43, zero, sizeof(zero), IP_SOURCE_ROUTED);
	assert_six(43, segment, sizeof(segment), IP_SOURCE_ROUTED);
	assert_six(0, hidden, sizeof(hidden), IP_SOURCE_ROUTED);
	assert_six(60, hidden, sizeof(hidden), IP_SOURCE_ROUTED);
	assert_six(43, done, sizeof(done), 0);
	assert_six(60, long_one, sizeof(long_one), IP_BAD_HEADERS); /* longer than the packet */
	memcpy(chain, many, sizeof(chain));
	for (size_t i = 0; i < sizeof(chain); i += 8)
		chain[i] = 60; /* without an end */
	assert_six(60, chain, sizeof(chain), IP_BAD_HEADERS);
	chain[32] = 17;
	assert_six(60, chain, 40, 0);
}

static void fragment4(uint8_t protocol, size_t offset, bool more, size_t n, int odd)
{
	struct ip_info info;
	uint8_t *p = calloc(1, 20 + n);

	assert_non_null(p);
	p[0] = 0x45;
	p[2] = (uint8_t)((20 + n) >> 8);
	p[3] = (uint8_t)(20 + n);
	p[6] = (uint8_t)((more ? 0x20 : 0) | offset >> 8);
	p[7] = (uint8_t)offset;
	p[9] = protocol;
	assert_int_equal(ip_parse(p, 20 + n, &info), 0);
	assert_int_equal(info.odd, odd);
	free(p);
}

static void fragments_in_bad_faith_are_told(void **state)
{
	static const uint8_t first[] = {6, 0, 0, 1}, later[] = {6, 0, 0, 8}, udp[] = {17, 0, 0, 1};
	uint8_t six[8] = {0};

	(void)state;
	fragment4(17, 0, true, 1480, 0);
	fragment4(17, 185, false, 100, 0);
	fragment4(17, 185, false, 101, 0);
	fragment4(17, 0, true, 8, 0); /* small, but UDP's header is no more */
	fragment4(6, 0, true, 24, 0);
	fragment4(6, 3, false, 4, 0);
	fragment4(6, 0, true, 8, IP_BAD_FRAGMENT);	/* flags are in the next one */
	fragment4(6, 1, false, 20, IP_BAD_FRAGMENT);	/* over the flags of the first */
	fragment4(17, 1, true, 20, IP_BAD_FRAGMENT);	/* no eights */
	fragment4(17, 8191, false, 8, IP_BAD_FRAGMENT); /* ends at 65,536 */
	fragment4(17, 8190, false, 15, 0);
	memcpy(six, first, 4);
	assert_six(44, six, 8, IP_BAD_FRAGMENT); /* first and only 8 bytes of TCP */
	memcpy(six, later, 4);
	assert_six(44, six, 8, IP_BAD_FRAGMENT); /* offset 1 */
	memcpy(six, udp, 4);
	assert_six(44, six, 8, 0);
	/* What follows in a later fragment is no header. */
	assert_six(44, (const uint8_t[]){43, 0, 0, 16, 0, 0, 0, 0}, 8, 0);
}

static void noise(void **state)
{
	uint64_t seed = 4;

	(void)state;
	for (int i = 0; i < PURE_NOISE_ROUNDS; i++) {
		uint8_t in[80] = {0}, *cut;
		size_t len = noise_u32(&seed) % sizeof(in);
		struct ip_info info;

		noise_fill(&seed, in, len);
		in[0] = (uint8_t)((in[0] & 0x2f) | 0x40);
		in[2] = 0;
		in[4] = 0;
		cut = exact_copy(in, len);
		if (ip_parse(cut, len, &info) == 0)
			assert_true(info.header_len <= len);
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_packets),
		cmocka_unit_test(every_other_length_is_refused),
		cmocka_unit_test(headers_are_checked),
		cmocka_unit_test(smallest_and_largest),
		cmocka_unit_test(source_routes_are_told),
		cmocka_unit_test(routing_headers_are_told),
		cmocka_unit_test(fragments_in_bad_faith_are_told),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
