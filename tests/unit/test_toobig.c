/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "tests/unit/super_packet.h"
#include "vpnd/pure/toobig.h"

static uint8_t packet[9000], out[TOOBIG_MAX_BYTES];

static const struct addr from4 = {4, {100, 64, 0, 9}}, from6 = {6, {0xfd, 0x77, [15] = 9}};

static size_t be(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

static int answer(size_t n, const struct addr *from, size_t *bytes)
{
	uint8_t *exact = exact_copy(packet, n);
	int r = toobig_answer(out, bytes, exact, n, from, 1400);

	free(exact);
	return r;
}

static size_t udp(enum super_kind kind, size_t payload)
{
	struct vnet v;

	return super_make(packet, &v, kind, 1, 1, payload, 0);
}

static void fragmentation_needed(void **state)
{
	size_t n = udp(SUPER_UDP4, 1472), bytes;

	assert_int_equal(answer(n, &from4, &bytes), 0);
	assert_int_equal(bytes, 576);
	assert_int_equal(out[0], 0x45);
	assert_int_equal(be(out + 2), bytes);
	assert_int_equal(out[9], 1);
	assert_memory_equal(out + 12, from4.bytes, 4);
	assert_memory_equal(out + 16, packet + 12, 4);
	assert_int_equal(super_sum(out, 20, 0), 0xffff);
	assert_memory_equal(out + 20, ((const uint8_t[]){3, 4}), 2);
	assert_int_equal(be(out + 24), 0);
	assert_int_equal(be(out + 26), 1400);
	assert_memory_equal(out + 28, packet, bytes - 28);
	assert_int_equal(super_sum(out + 20, bytes - 20, 0), 0xffff);
	/* A small one is quoted whole. */
	n = udp(SUPER_UDP4, 101);
	assert_int_equal(answer(n, &from4, &bytes), 0);
	assert_int_equal(bytes, 28 + n);
	assert_int_equal(super_sum(out + 20, bytes - 20, 0), 0xffff);
}

static uint32_t pseudo6(const uint8_t *ip, size_t n)
{
	return super_sum(ip + 8, 32, (uint32_t)(n - 40) + 58);
}

static void packet_too_big(void **state)
{
	size_t n = udp(SUPER_UDP6, 1452), bytes;

	assert_int_equal(answer(n, &from6, &bytes), 0);
	assert_int_equal(bytes, 1280);
	assert_int_equal(out[0], 0x60);
	assert_int_equal(be(out + 4), bytes - 40);
	assert_int_equal(out[6], 58);
	assert_memory_equal(out + 8, from6.bytes, 16);
	assert_memory_equal(out + 24, packet + 8, 16);
	assert_memory_equal(out + 40, ((const uint8_t[]){2, 0}), 2);
	assert_memory_equal(out + 44, ((const uint8_t[]){0, 0, 1400 >> 8, 1400 & 255}), 4);
	assert_memory_equal(out + 48, packet, bytes - 48);
	assert_int_equal(super_sum(out + 40, bytes - 40, pseudo6(out, bytes)), 0xffff);
	n = udp(SUPER_UDP6, 101);
	assert_int_equal(answer(n, &from6, &bytes), 0);
	assert_int_equal(bytes, 48 + n);
	assert_int_equal(super_sum(out + 40, bytes - 40, pseudo6(out, bytes)), 0xffff);
}

static void nothing_about_errors(void **state)
{
	static const uint8_t errors[] = {3, 4, 5, 11, 12}, queries[] = {0, 8, 13};
	size_t n = udp(SUPER_UDP4, 1472), bytes;

	packet[9] = 1;
	for (size_t i = 0; i < sizeof(errors); i++) {
		packet[20] = errors[i];
		assert_int_equal(answer(n, &from4, &bytes), -EPERM);
	}
	for (size_t i = 0; i < sizeof(queries); i++) {
		packet[20] = queries[i];
		assert_int_equal(answer(n, &from4, &bytes), 0);
	}
	super_put16(packet + 2, 20); /* ICMP without a type */
	assert_int_equal(answer(20, &from4, &bytes), -EPERM);
	n = udp(SUPER_UDP6, 1452);
	packet[6] = 58;
	for (int type = 0; type < 256; type++) {
		packet[40] = (uint8_t)type;
		assert_int_equal(answer(n, &from6, &bytes), type < 128 || type == 137 ? -EPERM : 0);
	}
	super_put16(packet + 4, 0);
	assert_int_equal(answer(40, &from6, &bytes), -EPERM);
}

static void nothing_about_later_fragments(void **state)
{
	size_t n = udp(SUPER_UDP4, 1472), bytes;

	super_put16(packet + 6, 0x2000); /* the first one */
	assert_int_equal(answer(n, &from4, &bytes), 0);
	super_put16(packet + 6, 0x2001);
	assert_int_equal(answer(n, &from4, &bytes), -EPERM);
	super_put16(packet + 6, 1);
	assert_int_equal(answer(n, &from4, &bytes), -EPERM);
}

static void behind_extension_headers(void **state)
{
	/* Hop by hop, options of 16 bytes, routing, authentication of 12 bytes, fragment. */
	static const uint8_t chain[] = {60, 0,	       [8] = 43, 1,	    [24] = 51,
					0,  [32] = 44, 1,	 [44] = 58, 0};
	size_t n = udp(SUPER_UDP6, 1452), bytes;
	uint8_t *extension = packet + 40, *fragment = extension + 44, *type = extension + 52;

	packet[6] = 0;
	memset(extension, 0, 60);
	memcpy(extension, chain, sizeof(chain));
	*type = 128;
	assert_int_equal(answer(n, &from6, &bytes), 0);
	*type = 1;
	assert_int_equal(answer(n, &from6, &bytes), -EPERM);
	*type = 128;
	super_put16(fragment + 2, 0x0001); /* more to come */
	assert_int_equal(answer(n, &from6, &bytes), 0);
	super_put16(fragment + 2, 0x0008);
	assert_int_equal(answer(n, &from6, &bytes), -EPERM);
	fragment[2] = fragment[3] = 0;
	for (size_t cut = 40; cut <= 92; cut++) { /* headers that are not all there */
		super_put16(packet + 4, cut - 40);
		assert_int_equal(answer(cut, &from6, &bytes), -EPERM);
	}
}

static void only_from_one_host_to_one(void **state)
{
	static const uint8_t bad[] = {0, 224, 239, 255};
	size_t n = udp(SUPER_UDP4, 1472), bytes;

	for (size_t at = 12; at <= 16; at += 4) {
		for (size_t i = 0; i < sizeof(bad); i++) {
			packet[at] = bad[i];
			assert_int_equal(answer(n, &from4, &bytes), -EPERM);
		}
		packet[at] = 10;
	}
	assert_int_equal(answer(n, &from4, &bytes), 0);
	n = udp(SUPER_UDP6, 1452);
	for (size_t at = 8; at <= 24; at += 16) {
		uint8_t was[16];

		memcpy(was, packet + at, 16);
		packet[at] = 0xff;
		assert_int_equal(answer(n, &from6, &bytes), -EPERM);
		memset(packet + at, 0, 16);
		assert_int_equal(answer(n, &from6, &bytes), -EPERM);
		memcpy(packet + at, was, 16);
	}
	assert_int_equal(answer(n, &from6, &bytes), 0);
}

static void malformed(void **state)
{
	size_t n = udp(SUPER_UDP4, 100), bytes;

	assert_int_equal(answer(n, &from6, &bytes), -EBADMSG);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(answer(i, &from4, &bytes), -EBADMSG);
}

static void not_too_many(void **state)
{
	struct toobig_limit limit = {0};
	int given = 0;

	for (int i = 0; i < 1000; i++)
		given += toobig_allowed(&limit, 5000);
	assert_int_equal(given, TOOBIG_BURST);
	for (uint64_t now = 5001; now <= 6000; now++)
		given += toobig_allowed(&limit, now);
	assert_int_equal(given, TOOBIG_BURST + 1000 / TOOBIG_EVERY_MS);
	given = 0;
	for (int i = 0; i < 1000; i++) /* long after: full again, no fuller */
		given += toobig_allowed(&limit, 500000);
	assert_int_equal(given, TOOBIG_BURST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragmentation_needed),
		cmocka_unit_test(packet_too_big),
		cmocka_unit_test(nothing_about_errors),
		cmocka_unit_test(nothing_about_later_fragments),
		cmocka_unit_test(behind_extension_headers),
		cmocka_unit_test(only_from_one_host_to_one),
		cmocka_unit_test(malformed),
		cmocka_unit_test(not_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
