/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include "tests/unit/super_packet.h"
#include "vpnd/pure/mss.h"

#define MTU 1400
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct syn {
	uint8_t bytes[200];
	size_t len, ip_bytes;
	enum super_kind kind;
};

/* A packet with these flags and options, its checksum finished. @n: a multiple of 4. */
static void make(struct syn *s, enum super_kind kind, uint8_t flags, const uint8_t *options,
		 size_t n)
{
	uint8_t *tcp;
	struct vnet v;

	s->kind = kind;
	s->ip_bytes = super_ip_bytes(kind);
	s->len = super_make(s->bytes, &v, kind, 443, 7, n, 0);
	tcp = s->bytes + s->ip_bytes;
	tcp[12] = (uint8_t)((20 + n) / 4 << 4);
	tcp[13] = flags;
	if (n > 0)
		memcpy(tcp + 20, options, n);
	super_put16(tcp + 16, 0);
	super_put16(tcp + 16,
		    ~super_sum(tcp, s->len - s->ip_bytes, super_pseudo(s->bytes, s->len, kind)));
	assert_true(super_sum_good(s->bytes, s->len, kind));
}

static bool clamp(struct syn *s, size_t mtu, bool csum_open)
{
	struct ip_info info;
	uint8_t *exact = exact_copy(s->bytes, s->len);
	bool changed;

	assert_int_equal(ip_parse(exact, s->len, &info), 0);
	changed = mss_clamp(exact, s->len, &info, mtu, csum_open);
	assert_int_equal(changed, memcmp(exact, s->bytes, s->len) != 0);
	memcpy(s->bytes, exact, s->len);
	free(exact);
	return changed;
}

static size_t value(const struct syn *s, size_t at)
{
	const uint8_t *p = s->bytes + s->ip_bytes + 20 + at;

	return (size_t)(p[0] << 8 | p[1]);
}

static void what_does_not_fit_is_lowered(void **state)
{
	static const uint8_t first[] = {2, 4, 0x05, 0xb4, 4, 2, 1, 1},
			     odd[] = {1, 2, 4, 0x23, 0x00, 4, 2, 0},
			     late[] = {3, 3, 7, 4, 2, 2, 4, 0xff, 0xff, 1, 1, 1};
	static const struct {
		const uint8_t *options;
		size_t n, at;
	} all[] = {{first, sizeof(first), 2}, {odd, sizeof(odd), 3}, {late, sizeof(late), 7}};
	struct syn s;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		for (int flags = 0x02; flags <= 0x12; flags += 0x10) { /* SYN, SYN with ACK */
			make(&s, SUPER_TCP4, (uint8_t)flags, all[i].options, all[i].n);
			assert_true(clamp(&s, MTU, false));
			assert_int_equal(value(&s, all[i].at), MTU - 40);
			assert_true(super_sum_good(s.bytes, s.len, s.kind));
			assert_false(clamp(&s, MTU, false));
			make(&s, SUPER_TCP6, (uint8_t)flags, all[i].options, all[i].n);
			assert_true(clamp(&s, MTU, false));
			assert_int_equal(value(&s, all[i].at), MTU - 60);
			assert_true(super_sum_good(s.bytes, s.len, s.kind));
		}
	}
}

/* The field holds the pseudo-header's sum: the option is not in it. */
static void an_open_checksum_stays(void **state)
{
	static const uint8_t options[] = {2, 4, 0x05, 0xb4};
	struct syn s, before;

	(void)state;
	make(&s, SUPER_TCP4, 0x02, options, sizeof(options));
	before = s;
	assert_true(clamp(&s, MTU, true));
	assert_memory_equal(s.bytes + 36, before.bytes + 36, 2);
	assert_int_equal(value(&s, 2), MTU - 40);
}

static void anything_else_stays(void **state)
{
	static const struct {
		uint8_t flags, options[8], n;
	} all[] = {
		{0x10, {2, 4, 0x05, 0xb4}, 4},		   /* no SYN */
		{0x02, {2, 4, 0x05, 0x50}, 4},		   /* fits exactly */
		{0x02, {2, 4, 0x02, 0x18}, 4},		   /* fits */
		{0x02, {0}, 0},				   /* no options */
		{0x02, {1, 1, 1, 0}, 4},		   /* no MSS */
		{0x02, {0, 2, 4, 0xff, 0xff, 0, 0, 0}, 8}, /* behind the end */
		{0x02, {2, 3, 0xff, 0xff, 0, 0, 0, 0}, 8}, /* of another length */
		{0x02, {2, 5, 0xff, 0xff, 0xff, 0, 0, 0}, 8},
		{0x02, {9, 0, 2, 4, 0xff, 0xff, 0, 0}, 8}, /* an option without a length */
		{0x02, {9, 1, 2, 4, 0xff, 0xff, 0, 0}, 8},
		{0x02, {9, 9, 2, 4, 0xff, 0xff, 0, 0}, 8}, /* one that goes too far */
		{0x02, {1, 1, 1, 1, 1, 1, 2, 4}, 8},	   /* cut off */
		{0x02, {1, 1, 1, 1, 1, 1, 1, 2}, 8},
	};
	struct syn s;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		make(&s, SUPER_TCP4, all[i].flags, all[i].options, all[i].n);
		assert_false(clamp(&s, MTU, false));
	}
}

static void no_whole_tcp_header(void **state)
{
	static const uint8_t options[] = {2, 4, 0xff, 0xff};
	struct syn s;

	(void)state;
	make(&s, SUPER_TCP4, 0x02, options, sizeof(options));
	s.bytes[6] = 0x20; /* more fragments */
	assert_false(clamp(&s, MTU, false));
	make(&s, SUPER_TCP4, 0x02, options, sizeof(options));
	s.bytes[7] = 1; /* a later one */
	assert_false(clamp(&s, MTU, false));
	make(&s, SUPER_TCP4, 0x02, options, sizeof(options));
	s.bytes[9] = 17;
	assert_false(clamp(&s, MTU, false));
	make(&s, SUPER_TCP4, 0x02, options, sizeof(options));
	s.bytes[32] = 0xf0; /* longer than the packet */
	assert_false(clamp(&s, MTU, false));
	make(&s, SUPER_TCP4, 0x02, options, sizeof(options));
	for (s.len--; s.len >= 20; s.len--) { /* cut off */
		super_put16(s.bytes + 2, s.len);
		assert_false(clamp(&s, MTU, false));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_fit_is_lowered),
		cmocka_unit_test(an_open_checksum_stays),
		cmocka_unit_test(anything_else_stays),
		cmocka_unit_test(no_whole_tcp_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
