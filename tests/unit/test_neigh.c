/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "vpnd/pure/csum.h"
#include "vpnd/pure/neigh.h"

static const uint8_t ours[6] = {2, 0, 0, 0, 0, 1}, theirs[6] = {2, 0, 0, 0, 0, 2};

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	return a;
}

static int parse(struct neigh *n, uint8_t family, const struct neigh_message *m, size_t len)
{
	uint8_t *exact = exact_copy(m->bytes, len);
	int err = neigh_parse(n, family, exact, len, theirs);

	free(exact);
	return err;
}

static struct neigh parsed(uint8_t family, const struct neigh_message *m)
{
	struct neigh n;

	assert_int_equal(parse(&n, family, m, m->n), 0);
	return n;
}

#define IS(a, text) assert_true(addr_equal(&(a), &(struct addr){0}) ? !*(text) : is(&(a), text))
static bool is(const struct addr *a, const char *text)
{
	struct addr want = {0};

	return addr_parse(&want, text) == 0 && addr_equal(a, &want);
}

static void golden_arp_probe(void **state)
{
	static const uint8_t want[28] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0,   0,	 0, 1,
					 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 168, 1, 250};
	struct addr a = addr("192.168.1.250");
	struct neigh_message m;

	neigh_probe(&m, &a, ours);
	assert_int_equal(m.n, 28);
	assert_memory_equal(m.bytes, want, 28);
	assert_memory_equal(m.to, "\xff\xff\xff\xff\xff\xff", 6);
}

static void golden_solicitation(void **state)
{
	static const uint8_t dst[16] = {0xff, 2, 0, 0, 0,    0,	   0,	 0,
					0,    0, 0, 1, 0xff, 0x34, 0x56, 0x78};
	struct addr a = addr("fd01::1234:5678");
	struct neigh_message m;

	neigh_probe(&m, &a, ours);
	assert_int_equal(m.n, 64);
	assert_memory_equal(m.bytes + 24, dst, 16);
	assert_memory_equal(m.to, "\x33\x33\xff\x34\x56\x78", 6);
	assert_int_equal(m.bytes[7], 255);
	assert_int_equal(m.bytes[40], 135);
}

static void what_ours_say(void **state)
{
	static const char *const addresses[] = {"192.168.1.250", "fd01::ff"};
	static const char *const askers[] = {"192.168.1.10", "fd01::10"};

	for (int i = 0; i < 2; i++) {
		struct addr a = addr(addresses[i]), to = addr(askers[i]), none = {0};
		uint8_t family = a.family;
		struct neigh_message m;
		struct neigh n;

		neigh_probe(&m, &a, ours);
		n = parsed(family, &m);
		IS(n.probed, addresses[i]);
		IS(n.used, "");
		IS(n.asked, "");
		neigh_announce(&m, &a, ours);
		n = parsed(family, &m);
		IS(n.used, addresses[i]);
		IS(n.probed, "");
		IS(n.asked, "");
		assert_memory_equal(n.mac, ours, 6);
		neigh_answer(&m, &a, ours, &to, theirs);
		n = parsed(family, &m);
		IS(n.used, addresses[i]);
		assert_memory_equal(n.mac, ours, 6);
		assert_memory_equal(m.to, theirs, 6);
		neigh_answer(&m, &a, ours, &none, theirs);
		n = parsed(family, &m);
		IS(n.used, addresses[i]);
		IS(n.probed, "");
	}
}

static void a_request(void **state)
{
	struct addr a = addr("192.168.1.10");
	struct neigh_message m;
	struct neigh n;

	neigh_announce(&m, &a, ours);
	m.bytes[27] = 250;
	n = parsed(4, &m);
	IS(n.used, "192.168.1.10");
	IS(n.asked, "192.168.1.250");
}

static void a_solicitation_with_an_address(void **state)
{
	struct addr a = addr("fd01::ff"), from = addr("fd01::10");
	struct neigh_message m;
	struct neigh n;
	uint16_t sum;

	neigh_probe(&m, &a, ours);
	memcpy(m.bytes + 8, from.bytes, 16);
	memcpy(&sum, m.bytes + 42, 2);
	csum_mend((uint8_t *)&sum, (const uint8_t[16]){0}, from.bytes, 16);
	memcpy(m.bytes + 42, &sum, 2);
	n = parsed(6, &m);
	IS(n.asked, "fd01::ff");
	IS(n.used, "fd01::10");
	assert_memory_equal(n.mac, theirs, 6); /* no option: whom the frame is from */
}

static void truncated_and_padded(void **state)
{
	static const char *const addresses[] = {"192.168.1.250", "fd01::ff"};

	for (int i = 0; i < 2; i++) {
		struct addr a = addr(addresses[i]);
		struct neigh_message m;
		struct neigh n;

		neigh_announce(&m, &a, ours);
		for (size_t len = 0; len < m.n; len++)
			assert_int_equal(parse(&n, a.family, &m, len), -EBADMSG);
		assert_true(m.n <= NEIGH_MAX_BYTES);
		if (a.family == 4)
			assert_int_equal(parse(&n, 4, &m, 46), 0);
	}
}

/* Every single bit counts, but for addresses of ARP and what no host looks at. */
static void broken(void **state)
{
	struct addr v4 = addr("192.168.1.250"), v6 = addr("fd01::ff");
	struct neigh_message m, bad;
	struct neigh n;

	neigh_announce(&m, &v4, ours);
	for (size_t i = 0; i < 6; i++) {
		bad = m;
		bad.bytes[i] ^= 0x10;
		assert_int_equal(parse(&n, 4, &bad, bad.n), -EBADMSG);
	}
	bad = m;
	bad.bytes[7] = 3; /* RARP */
	assert_int_equal(parse(&n, 4, &bad, bad.n), -EBADMSG);
	bad = m;
	bad.bytes[8] |= 1; /* from a group */
	assert_int_equal(parse(&n, 4, &bad, bad.n), -EBADMSG);
	neigh_announce(&m, &v6, ours);
	for (size_t i = 0; i < m.n; i++) {
		if (i < 4)
			continue; /* traffic class, flow label */
		bad = m;
		bad.bytes[i] ^= 0x04;
		assert_int_equal(parse(&n, 6, &bad, bad.n), -EBADMSG);
	}
}

static void options_that_do_not_end(void **state)
{
	struct addr a = addr("fd01::ff");
	struct neigh_message m;
	struct neigh n;

	neigh_announce(&m, &a, ours);
	for (int i = 0; i < 256; i++) {
		m.bytes[65] = (uint8_t)i; /* of 8 bytes */
		put_be16(m.bytes + 42, 0);
		m.bytes[42] = m.bytes[43] = 0;
		{
			uint8_t rest[4] = {0, 58, 0, 32};
			uint16_t sum = (uint16_t)~csum_fold(
				csum_add(rest, 4, csum_add(m.bytes + 8, 64, 0)));

			memcpy(m.bytes + 42, &sum, 2);
		}
		assert_int_equal(parse(&n, 6, &m, m.n), i == 1 ? 0 : -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_arp_probe),
		cmocka_unit_test(golden_solicitation),
		cmocka_unit_test(what_ours_say),
		cmocka_unit_test(a_request),
		cmocka_unit_test(a_solicitation_with_an_address),
		cmocka_unit_test(truncated_and_padded),
		cmocka_unit_test(broken),
		cmocka_unit_test(options_that_do_not_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
