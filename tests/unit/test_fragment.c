/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "tests/unit/super_packet.h"
#include "vpnd/pure/fragment.h"

#define MAX 65535

static uint8_t packet[MAX];

static size_t be(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

/* An IPv4 packet with @options (a multiple of four bytes). */
static size_t make(const uint8_t *options, size_t n_options, size_t payload, uint16_t flags)
{
	size_t head = 20 + n_options, n = head + payload;
	uint64_t seed = payload + 1;

	memset(packet, 0, head);
	packet[0] = (uint8_t)(0x40 | head / 4);
	super_put16(packet + 2, n);
	super_put16(packet + 4, 0xbeef);
	super_put16(packet + 6, flags);
	packet[8] = 64;
	packet[9] = 17;
	memcpy(packet + 12, (const uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}, 8);
	if (n_options > 0)
		memcpy(packet + 20, options, n_options);
	super_put16(packet + 10, ~super_sum(packet, head, 0));
	noise_fill(&seed, packet + head, payload);
	return n;
}

/* Take it apart, look at each piece, put it together again. Return: pieces. */
static size_t apart(size_t n, uint32_t mtu, size_t later_header)
{
	uint8_t *exact = exact_copy(packet, n), *out = malloc(mtu);
	size_t head = (size_t)(packet[0] & 15) * 4, pieces = 0, at = 0, got;
	size_t begin = (be(packet + 6) & 0x1fff) * 8;
	bool more = true;
	struct fragment f;

	assert_non_null(out);
	assert_int_equal(fragment_init(&f, exact, n, mtu), 0);
	while (at < n - head) {
		size_t header = pieces == 0 ? head : later_header;

		assert_int_equal(fragment_next(&f, out, header, &got), -ENOSPC);
		assert_int_equal(fragment_next(&f, out, mtu, &got), 0);
		assert_true(got <= mtu);
		assert_int_equal(be(out + 2), got);
		assert_int_equal((size_t)(out[0] & 15) * 4, header);
		assert_int_equal(super_sum(out, header, 0), 0xffff);
		assert_int_equal(be(out + 4), 0xbeef);
		assert_memory_equal(out + 8, packet + 8, 2);
		assert_memory_equal(out + 12, packet + 12, 8);
		assert_int_equal((be(out + 6) & 0x1fff) * 8, begin + at);
		assert_memory_equal(out + header, packet + head + at, got - header);
		more = (be(out + 6) & 0x2000) != 0;
		at += got - header;
		assert_true(at == n - head || (more && (got - header) % 8 == 0));
		pieces++;
	}
	assert_int_equal(more, (be(packet + 6) & 0x2000) != 0);
	assert_int_equal(fragment_next(&f, out, mtu, &got), -ENODATA);
	free(out);
	free(exact);
	return pieces;
}

static void pieces_make_the_packet(void **state)
{
	assert_int_equal(apart(make(NULL, 0, 1480, 0), 1400, 20), 2);
	assert_int_equal(apart(make(NULL, 0, 1376, 0), 1400, 20), 1);
	assert_int_equal(apart(make(NULL, 0, 1380, 0), 1400, 20), 1); /* the last one fills it */
	assert_int_equal(apart(make(NULL, 0, 1381, 0), 1400, 20), 2);
	assert_int_equal(apart(make(NULL, 0, 1, 0), 1400, 20), 1);
	assert_int_equal(apart(make(NULL, 0, 65515, 0), 1280, 20), 53);
	assert_int_equal(apart(make(NULL, 0, 480, 0), 68, 20), 10);
	for (size_t payload = 1; payload < 400; payload++)
		(void)apart(make(NULL, 0, payload, 0), 68 + (uint32_t)payload % 9, 20);
}

static void a_fragment_is_taken_apart(void **state)
{
	assert_int_equal(apart(make(NULL, 0, 1480, 0x2000), 1400, 20), 2);
	assert_int_equal(apart(make(NULL, 0, 1480, 0x2000 | 185), 1400, 20), 2);
	assert_int_equal(apart(make(NULL, 0, 1000, 370), 600, 20), 2);
}

static void options_go_where_they_belong(void **state)
{
	/* Loose route (copied), record route (not), time stamp (not), alert (copied). */
	static const uint8_t options[] = {131, 3, 4, 7, 3, 4, 1, 68, 4, 5, 0, 148, 4, 0, 0, 0};
	struct fragment f;
	uint8_t out[400];
	size_t n = make(options, sizeof(options), 1000, 0), got;

	assert_int_equal(apart(n, 400, 28), 3);
	assert_int_equal(fragment_init(&f, packet, n, 400), 0);
	assert_int_equal(fragment_next(&f, out, sizeof(out), &got), 0);
	assert_memory_equal(out + 20, options, sizeof(options));
	assert_int_equal(fragment_next(&f, out, sizeof(out), &got), 0);
	assert_memory_equal(out + 20, ((const uint8_t[]){131, 3, 4, 148, 4, 0, 0, 0}), 8);
}

static void hostile_options(void **state)
{
	static const uint8_t bad[][4] = {
		{131, 0, 0, 0}, {131, 1, 0, 0}, {131, 5, 0, 0}, {1, 1, 1, 131}, {0, 131, 2, 0},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		(void)apart(make(bad[i], 4, 1000, 0), 400, 20);
}

static void what_is_not_taken_apart(void **state)
{
	struct fragment f;
	struct vnet v;
	size_t n = make(NULL, 0, 1480, 0x4000);

	assert_int_equal(fragment_init(&f, packet, n, 1400), -EMSGSIZE);
	n = super_make(packet, &v, SUPER_UDP6, 1, 1, 1400, 0);
	assert_int_equal(fragment_init(&f, packet, n, 1400), -EMSGSIZE);
	n = make(NULL, 0, 1480, 0);
	assert_int_equal(fragment_init(&f, packet, n, 67), -EBADMSG);
	for (size_t i = 0; i < n; i += 7)
		assert_int_equal(fragment_init(&f, packet, i, 1400), -EBADMSG);
	assert_int_equal(fragment_init(&f, packet, make(NULL, 0, 0, 0), 1400), -EBADMSG);
	/* The whole would be longer than a packet can be. */
	n = make(NULL, 0, 1480, 0x1fff);
	assert_int_equal(fragment_init(&f, packet, n, 1400), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_make_the_packet),
		cmocka_unit_test(a_fragment_is_taken_apart),
		cmocka_unit_test(options_go_where_they_belong),
		cmocka_unit_test(hostile_options),
		cmocka_unit_test(what_is_not_taken_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
