/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocks of a capture file; that tcpdump reads them is tests/net/firewall.bats'. */
#include "tests/unit/pure_test.h"

#include "vpnd/pure/pcapng.h"

/* Words as the file has them on a little-endian host. */
static void assert_words(const uint8_t *at, const uint32_t *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t v;

		memcpy(&v, at + 4 * i, 4);
		if (v != words[i])
			fail_msg("word %zu: %08x, not %08x", i, v, words[i]);
	}
}

static uint32_t both(uint16_t first, uint16_t second)
{
	uint16_t halves[2] = {first, second};
	uint32_t v;

	memcpy(&v, halves, 4);
	return v;
}

static void a_section(void **state)
{
	uint8_t out[PCAPNG_BLOCK_MAX_BYTES];
	size_t n = pcapng_section(out, "vpnctl");
	uint32_t head[] = {0x0a0d0d0a, 44,	   0x1a2b3c4d, both(1, 0),
			   UINT32_MAX, UINT32_MAX, both(4, 6)};
	uint32_t tail[] = {both(0, 0), 44};

	assert_int_equal(n, 44);
	assert_words(out, head, 7);
	assert_memory_equal(out + 28, "vpnctl\0\0", 8);
	assert_words(out + 36, tail, 2);
}

static void an_interface(void **state)
{
	uint8_t out[PCAPNG_BLOCK_MAX_BYTES];
	size_t n = pcapng_interface(out, "site", "", 96);
	uint32_t words[] = {1, 32, both(101, 0), 96, both(2, 4)};

	assert_int_equal(n, 32);
	assert_words(out, words, 5);
	assert_memory_equal(out + 20, "site", 4);
}

static void a_packet(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5};
	uint8_t out[PCAPNG_PACKET_EXTRA_BYTES + sizeof(bytes)];
	struct pcapng_packet p = {.interface = 3,
				  .time_us = 0x0000000500000006,
				  .in = true,
				  .len = 1500,
				  .kept = 5,
				  .bytes = bytes,
				  .comment = "why"};
	size_t n = pcapng_packet(out, &p);
	uint32_t head[] = {6, 60, 3, 5, 6, 5, 1500};
	uint32_t comment[] = {both(1, 3)}, tail[] = {both(2, 4), 1, both(0, 0), 60};

	assert_int_equal(n, 60);
	assert_words(out, head, 7);
	assert_memory_equal(out + 28, "\1\2\3\4\5\0\0\0", 8);
	assert_words(out + 36, comment, 1);
	assert_memory_equal(out + 40, "why", 4);
	assert_words(out + 44, tail, 4);
	p.in = false;
	p.comment = "";
	n = pcapng_packet(out, &p);
	assert_int_equal(n, 52);
	assert_int_equal(out[40], 2);
}

static void statistics(void **state)
{
	uint8_t out[PCAPNG_BLOCK_MAX_BYTES];
	size_t n = pcapng_statistics(out, 2, 7, 100, 1);
	uint32_t words[] = {5, 52, 2, 0, 7, both(4, 8), 100, 0, both(5, 8), 1, 0, both(0, 0), 52};

	assert_int_equal(n, 52);
	assert_words(out, words, 13);
}

static void what_is_too_long_is_cut(void **state)
{
	char text[600];
	uint8_t *out = malloc(PCAPNG_BLOCK_MAX_BYTES), *packet = malloc(PCAPNG_PACKET_EXTRA_BYTES);
	struct pcapng_packet p = {.comment = text, .bytes = (const uint8_t *)""};

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_true(pcapng_interface(out, text, text, 0) <= PCAPNG_BLOCK_MAX_BYTES);
	assert_true(pcapng_packet(packet, &p) <= PCAPNG_PACKET_EXTRA_BYTES);
	free(out);
	free(packet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_section),
		cmocka_unit_test(an_interface),
		cmocka_unit_test(a_packet),
		cmocka_unit_test(statistics),
		cmocka_unit_test(what_is_too_long_is_cut),
	};

	if (both(1, 0) != 1) /* golden bytes are little-endian */
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
