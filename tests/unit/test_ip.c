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
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
