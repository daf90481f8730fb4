/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every kind of packet is built twice, with the addresses of before and with those of after, all
 * checksums made in full; what translation makes of the first has to be the second, byte for byte.
 */
#include "tests/unit/pure_test.h"

#include "vpnd/pure/csum.h"
#include "vpnd/pure/fragment.h"
#include "vpnd/pure/l4.h"
#include "vpnd/pure/translate.h"

#define MAX_BYTES 65535
#define GRE 47

/* One end's view: which of the four addresses are whose. */
struct ends {
	const char *ours, *peer_there, *peer_here;
};
static const struct ends four = {"192.168.1.77", "192.168.1.10", "100.80.17.10"};
static const struct ends six = {"fd00:1::77", "fd00:1::10", "fdfb:9402:999f:1234::10"};
/* A prefix length in the middle of a byte. */
static const struct ends odd = {"10.9.8.7", "10.99.213.200", "198.18.77.200"};

struct whole {
	size_t n;
	uint8_t bytes[MAX_BYTES];
};

static uint64_t noise = 7;

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(&p, text), 0);
	return p;
}

static struct translate table(void)
{
	static const char *const pairs[][2] = {
		{"100.80.17.0/24", "192.168.1.0/24"},
		{"fdfb:9402:999f:1234::/64", "fd00:1::/64"},
		{"198.18.76.0/23", "10.99.212.0/23"},
	};
	struct translate t = {.n = 0};

	for (size_t i = 0; i < 3; i++) {
		struct prefix here = prefix(pairs[i][0]), there = prefix(pairs[i][1]);

		assert_int_equal(translate_add(&t, &here, &there), 0);
	}
	return t;
}

/* Building, slowly and plainly */

static uint32_t sum(const uint8_t *p, size_t n, uint32_t s)
{
	for (size_t i = 0; i < n; i++)
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static size_t begin(uint8_t *p, const char *src, const char *dst)
{
	struct addr s, d;
	size_t n;

	assert_int_equal(addr_parse(&s, src), 0);
	assert_int_equal(addr_parse(&d, dst), 0);
	n = s.family == 4 ? 20 : 40;
	memset(p, 0, n);
	p[0] = s.family == 4 ? 0x45 : 0x60;
	p[n == 20 ? 8 : 7] = 64;
	memcpy(p + (n == 20 ? 12 : 8), s.bytes, n == 20 ? 4 : 16);
	memcpy(p + (n == 20 ? 16 : 24), d.bytes, n == 20 ? 4 : 16);
	return n;
}

static void end_header(uint8_t *p, size_t n, uint8_t protocol)
{
	if (p[0] >> 4 == 6) {
		put_be16(p + 4, n - 40);
		p[6] = protocol;
		return;
	}
	put_be16(p + 2, n);
	p[9] = protocol;
	put_be16(p + 10, 0);
	put_be16(p + 10, ~sum(p, (size_t)(p[0] & 15) * 4, 0));
}

static uint32_t pseudo(const uint8_t *ip, size_t n, uint8_t protocol)
{
	bool v6 = ip[0] >> 4 == 6;

	return sum(ip + (v6 ? 8 : 12), v6 ? 32 : 8, (uint32_t)n + protocol);
}

static size_t csum_at(uint8_t protocol)
{
	return protocol == L4_TCP ? 16 : protocol == L4_UDP ? 6 : 2;
}

static void end_transport(const uint8_t *ip, uint8_t *l4, size_t n, uint8_t protocol)
{
	uint8_t *field = l4 + csum_at(protocol);
	uint32_t begin_sum = protocol == L4_ICMP ? 0 : pseudo(ip, n, protocol);

	put_be16(field, 0);
	put_be16(field, ~sum(l4, n, begin_sum));
	if (protocol == L4_UDP && be16(field) == 0)
		put_be16(field, 0xffff);
}

/* The same content whatever the addresses are: @seed. */
static void transport(uint8_t *l4, size_t n, uint8_t protocol, uint64_t seed)
{
	noise_fill(&seed, l4, n);
	if (protocol == L4_TCP)
		l4[12] = 5 << 4;
	if (protocol == L4_UDP)
		put_be16(l4 + 4, n);
	if (protocol == L4_ICMP || protocol == L4_ICMPV6)
		put_be16(l4, protocol == L4_ICMP ? 0x0800 : 0x8000); /* echo */
}

/* @options: bytes of IPv4 options or of an IPv6 hop-by-hop header; multiples of 8. */
static struct whole packet(const char *src, const char *dst, uint8_t protocol, size_t n,
			   size_t options, uint64_t seed)
{
	struct whole w = {.n = begin(w.bytes, src, dst)};
	bool v6 = w.n == 40;
	uint8_t *l4 = w.bytes + w.n + options;

	memset(w.bytes + w.n, v6 ? 0 : 1, options); /* padding, no operation */
	if (v6 && options) {
		w.bytes[40] = protocol;
		w.bytes[41] = (uint8_t)(options / 8 - 1);
		w.bytes[42] = 1; /* PadN */
		w.bytes[43] = (uint8_t)(options - 4);
	} else if (options) {
		w.bytes[0] = (uint8_t)(0x45 + options / 4);
	}
	transport(l4, n, protocol, seed);
	if (protocol != GRE)
		end_transport(w.bytes, l4, n, protocol);
	w.n += options + n;
	end_header(w.bytes, w.n, v6 && options ? 0 : protocol);
	return w;
}

/* An ICMP error that quotes the first @cut bytes of @quoted. */
static struct whole error(const char *src, const char *dst, const struct whole *quoted, size_t cut)
{
	struct whole w = {.n = begin(w.bytes, src, dst)};
	uint8_t protocol = w.n == 40 ? L4_ICMPV6 : L4_ICMP, *icmp = w.bytes + w.n;
	size_t n = cut < quoted->n ? cut : quoted->n;

	memset(icmp, 0, 8);
	icmp[0] = protocol == L4_ICMP ? 3 : 1;
	icmp[1] = protocol == L4_ICMP ? 3 : 4;
	memcpy(icmp + 8, quoted->bytes, n);
	end_transport(w.bytes, icmp, 8 + n, protocol);
	w.n += 8 + n;
	end_header(w.bytes, w.n, protocol);
	return w;
}

/* Translating, in memory of exactly that size */

static int run(bool incoming, const struct vnet *v, struct whole *w)
{
	struct translate t = table();
	uint8_t *exact = exact_copy(w->bytes, w->n);
	struct ip_info ip, after;
	int r;

	assert_int_equal(ip_parse(exact, w->n, &ip), 0);
	r = incoming ? translate_incoming(&t, v, exact, w->n, &ip)
		     : translate_outgoing(&t, v, exact, w->n, &ip);
	if (r == 0) {
		assert_int_equal(ip_parse(exact, w->n, &after), 0);
		assert_true(addr_equal(&after.src, &ip.src) && addr_equal(&after.dst, &ip.dst));
		memcpy(w->bytes, exact, w->n);
	}
	free(exact);
	return r;
}

static const struct vnet plain;

static void becomes(bool incoming, struct whole *from, const struct whole *to)
{
	assert_int_equal(run(incoming, &plain, from), 0);
	assert_int_equal(from->n, to->n);
	assert_memory_equal(from->bytes, to->bytes, to->n);
}

static void both_ways(const struct ends *e, uint8_t protocol, size_t n, size_t options)
{
	uint64_t seed = ++noise;
	struct whole from = packet(e->ours, e->peer_here, protocol, n, options, seed),
		     to = packet(e->ours, e->peer_there, protocol, n, options, seed);

	becomes(false, &from, &to);
	from = packet(e->peer_there, e->ours, protocol, n, options, seed);
	to = packet(e->peer_here, e->ours, protocol, n, options, seed);
	becomes(true, &from, &to);
}

/* Tests */

static void every_protocol(void **state)
{
	for (size_t n = 20; n < 220; n++) {
		both_ways(&four, L4_TCP, n, 0);
		both_ways(&four, L4_UDP, n, 8);
		both_ways(&four, L4_ICMP, n, 0);
		both_ways(&four, GRE, n, 0);
		both_ways(&odd, L4_TCP, n, 16);
		both_ways(&six, L4_TCP, n, 0);
		both_ways(&six, L4_UDP, n, 16);
		both_ways(&six, L4_ICMPV6, n, 8);
		both_ways(&six, GRE, n, 0);
	}
}

/* With a word of payload that makes @w's checksum 0, and the same word in @other. */
static void tune(struct whole *w, struct whole *other)
{
	uint32_t word = (uint32_t)be16(w->bytes + 28) + be16(w->bytes + 26);

	word = (word & 0xffff) + (word >> 16);
	put_be16(w->bytes + 28, word);
	put_be16(other->bytes + 28, word);
	end_transport(w->bytes, w->bytes + 20, w->n - 20, L4_UDP);
	end_transport(other->bytes, other->bytes + 20, other->n - 20, L4_UDP);
}

/* A sum that comes out as 0 is written as 0xffff, one that is "none" stays. */
static void udp_sums(void **state)
{
	for (int i = 0; i < 100; i++) {
		uint64_t seed = ++noise;
		struct whole from = packet(four.ours, four.peer_here, L4_UDP, 12, 0, seed),
			     to = packet(four.ours, four.peer_there, L4_UDP, 12, 0, seed);

		if (i % 2)
			tune(&to, &from);
		else
			tune(&from, &to);
		assert_int_equal(be16((i % 2 ? to : from).bytes + 26), 0xffff);
		becomes(false, &from, &to);
	}
	for (int v6 = 0; v6 < 2; v6++) {
		const struct ends *e = v6 ? &six : &four;
		size_t at = v6 ? 46 : 26;
		struct whole from = packet(e->ours, e->peer_here, L4_UDP, 30, 0, 1),
			     to = packet(e->ours, e->peer_there, L4_UDP, 30, 0, 1);

		put_be16(from.bytes + at, 0);
		put_be16(to.bytes + at, 0);
		becomes(false, &from, &to);
	}
}

/* What came from the peer to us, or went from us to the peer, is sent back by whoever. */
static void quoted(const struct ends *e, uint8_t protocol, const char *router)
{
	for (size_t cut = 20; cut < 140; cut += 4) {
		uint64_t seed = ++noise;
		struct whole sent_here = packet(e->ours, e->peer_here, protocol, 90, 8, seed),
			     sent_there = packet(e->ours, e->peer_there, protocol, 90, 8, seed),
			     got_here = packet(e->peer_here, e->ours, protocol, 90, 0, seed),
			     got_there = packet(e->peer_there, e->ours, protocol, 90, 0, seed);
		struct whole from = error(router ? router : e->peer_there, e->ours, &sent_there,
					  cut),
			     to = error(router ? router : e->peer_here, e->ours, &sent_here, cut);

		if (cut < 40 &&
		    e == &six) /* no whole header is quoted: nothing to be found in it */
			to = error(router ? router : e->peer_here, e->ours, &sent_there, cut);
		becomes(true, &from, &to);
		from = error(e->ours, router ? router : e->peer_here, &got_here, cut);
		to = error(e->ours, router ? router : e->peer_there, &got_there, cut);
		if (cut < 40 && e == &six)
			to = error(e->ours, router ? router : e->peer_there, &got_here, cut);
		becomes(false, &from, &to);
	}
}

static void icmp_errors(void **state)
{
	quoted(&four, L4_TCP, NULL);
	quoted(&four, L4_UDP, NULL);
	quoted(&four, L4_ICMP, NULL);
	quoted(&odd, L4_UDP, "100.64.0.2");
	quoted(&six, L4_TCP, NULL);
	quoted(&six, L4_UDP, "fd66::2");
	quoted(&six, L4_ICMPV6, NULL);
}

/* Neither side's own addresses are touched, even where both LANs are the same. */
static void only_the_peers(void **state)
{
	struct whole w = packet(four.peer_there, four.ours, L4_TCP, 40, 0, 1), same = w;

	assert_int_equal(run(false, &plain, &w), 0); /* 192.168.1.77 is no virtual address */
	assert_memory_equal(w.bytes, same.bytes, w.n);
	w = same = packet("192.168.2.1", four.ours, L4_UDP, 40, 0, 1);
	assert_int_equal(run(true, &plain, &w), 0);
	assert_memory_equal(w.bytes, same.bytes, w.n);
}

static void ipv4_fragments(uint8_t protocol)
{
	uint64_t seed = ++noise;
	struct whole from = packet(four.ours, four.peer_here, protocol, 3000, 0, seed),
		     to = packet(four.ours, four.peer_there, protocol, 3000, 0, seed), a, b;
	struct fragment f, g;
	int pieces = 0;

	assert_int_equal(fragment_init(&f, from.bytes, from.n, 700), 0);
	assert_int_equal(fragment_init(&g, to.bytes, to.n, 700), 0);
	while (fragment_next(&f, a.bytes, sizeof(a.bytes), &a.n) == 0) {
		assert_int_equal(fragment_next(&g, b.bytes, sizeof(b.bytes), &b.n), 0);
		becomes(false, &a, &b);
		pieces++;
	}
	assert_true(pieces > 4);
}

/* RFC 8200 section 4.5. @from, @n: of the payload. */
static struct whole ipv6_fragment(const struct whole *w, size_t from, size_t n)
{
	struct whole f = {.n = 48 + n};

	memcpy(f.bytes, w->bytes, 40);
	f.bytes[40] = w->bytes[6];
	f.bytes[41] = 0;
	put_be16(f.bytes + 42, from | (40 + from + n < w->n));
	memset(f.bytes + 44, 9, 4);
	memcpy(f.bytes + 48, w->bytes + 40 + from, n);
	end_header(f.bytes, f.n, 44);
	return f;
}

static void ipv6_fragments(uint8_t protocol)
{
	uint64_t seed = ++noise;
	struct whole from = packet(six.ours, six.peer_here, protocol, 3000, 0, seed),
		     to = packet(six.ours, six.peer_there, protocol, 3000, 0, seed);

	for (size_t at = 0; at < 3000; at += 1000) {
		struct whole a = ipv6_fragment(&from, at, 1000), b = ipv6_fragment(&to, at, 1000);

		becomes(false, &a, &b);
	}
}

static void fragments(void **state)
{
	ipv4_fragments(L4_TCP);
	ipv4_fragments(L4_UDP);
	ipv4_fragments(L4_ICMP);
	ipv6_fragments(L4_TCP);
	ipv6_fragments(L4_UDP);
	ipv6_fragments(L4_ICMPV6);
}

/* As the TUN device gives and takes them: the sum of the pseudo-header stands in the field. */
static void unfinished(const struct ends *e, uint8_t protocol, size_t n, enum vnet_gso gso)
{
	uint64_t seed = ++noise;
	struct whole from = packet(e->ours, e->peer_here, protocol, n, 0, seed),
		     to = packet(e->ours, e->peer_there, protocol, n, 0, seed);
	size_t at = from.bytes[0] >> 4 == 4 ? 20 : 40;
	struct vnet v = {.needs_csum = true,
			 .gso = gso,
			 .gso_size = gso ? 1000 : 0,
			 .csum_start = (uint16_t)at,
			 .csum_offset = (uint16_t)csum_at(protocol)};
	struct vnet normal = v;

	put_be16(from.bytes + at + v.csum_offset, pseudo(from.bytes, n, protocol));
	put_be16(to.bytes + at + v.csum_offset, pseudo(to.bytes, n, protocol));
	assert_int_equal(run(false, &v, &from), 0);
	assert_memory_equal(from.bytes, to.bytes, to.n);
	assert_int_equal(vnet_normalise(&normal, from.bytes, from.n), 0);
	assert_int_equal(vnet_check(&normal, from.bytes, from.n), 0);
	assert_memory_equal(from.bytes, to.bytes, to.n);
}

static void super_packets(void **state)
{
	unfinished(&four, L4_TCP, 100, VNET_GSO_NONE);
	unfinished(&four, L4_UDP, 100, VNET_GSO_NONE);
	unfinished(&six, L4_TCP, 100, VNET_GSO_NONE);
	unfinished(&six, L4_UDP, 100, VNET_GSO_NONE);
	unfinished(&four, L4_TCP, 60000, VNET_GSO_TCP4);
	unfinished(&six, L4_TCP, 60000, VNET_GSO_TCP6);
	unfinished(&four, L4_UDP, 40000, VNET_GSO_UDP_L4);
	unfinished(&six, L4_UDP, 40000, VNET_GSO_UDP_L4);
}

/* The unfinished sum is that of a packet inside: the outer one is finished. */
static void unfinished_inside(void **state)
{
	struct whole from = packet(four.ours, four.peer_here, L4_UDP, 100, 0, 3),
		     to = packet(four.ours, four.peer_there, L4_UDP, 100, 0, 3);
	struct vnet v = {.needs_csum = true, .csum_start = 70, .csum_offset = 16};

	assert_int_equal(run(false, &v, &from), 0);
	assert_memory_equal(from.bytes, to.bytes, to.n);
}

/* The checksum is not in this piece: it cannot be mended. */
static void cut_before_the_checksum(void **state)
{
	struct whole w = packet(four.ours, four.peer_here, L4_TCP, 40, 0, 1);

	w.n = 20 + 16;
	put_be16(w.bytes + 6, 0x2000); /* a first fragment of 16 bytes (RFC 1858) */
	end_header(w.bytes, w.n, L4_TCP);
	assert_int_equal(run(false, &plain, &w), -EBADMSG);
	w.n = 20 + 5;
	put_be16(w.bytes + 6, 0);
	end_header(w.bytes, w.n, L4_UDP);
	assert_int_equal(run(false, &plain, &w), -EBADMSG);
	w.n = 20;
	end_header(w.bytes, w.n, L4_UDP);
	assert_int_equal(run(false, &plain, &w), -EBADMSG);
	w.n = 23; /* ICMP has none over addresses */
	end_header(w.bytes, w.n, L4_ICMP);
	assert_int_equal(run(false, &plain, &w), 0);
}

static void addresses(void **state)
{
	struct translate t = table(), none = {.n = 0};
	struct addr a, b;
	struct prefix lan = prefix("192.168.1.0/24"), here = prefix("100.80.17.0/24"),
		      other = prefix("192.168.1.0/25"), out;

	assert_int_equal(addr_parse(&a, "192.168.1.10"), 0);
	assert_int_equal(addr_parse(&b, "100.80.17.10"), 0);
	assert_true(translate_here(&t, &a));
	assert_true(addr_equal(&a, &b));
	assert_false(translate_here(&t, &a));
	assert_false(translate_here(&none, &a));
	assert_true(translate_there(&t, &a));
	assert_int_equal(addr_parse(&b, "192.168.1.10"), 0);
	assert_true(addr_equal(&a, &b));
	out = translate_here_prefix(&t, &lan);
	assert_true(prefix_equal(&out, &here));
	out = translate_here_prefix(&t, &other);
	assert_true(prefix_equal(&out, &other));
}

static void the_longest_counts(void **state)
{
	struct prefix wide = prefix("10.0.0.0/8"), wide_here = prefix("11.0.0.0/8"),
		      host = prefix("10.1.2.3/32"), host_here = prefix("198.18.0.9/32");
	struct translate t = {.n = 0};
	struct addr a, want;

	assert_int_equal(translate_add(&t, &wide_here, &wide), 0);
	assert_int_equal(translate_add(&t, &host_here, &host), 0);
	a = host.addr;
	assert_true(translate_here(&t, &a));
	assert_true(addr_equal(&a, &host_here.addr));
	assert_int_equal(addr_parse(&a, "10.1.2.4"), 0);
	assert_int_equal(addr_parse(&want, "11.1.2.4"), 0);
	assert_true(translate_here(&t, &a));
	assert_true(addr_equal(&a, &want));
	assert_int_equal(translate_add(&t, &wide, &host), -EINVAL);
	while (t.n < TRANSLATE_MAX)
		assert_int_equal(translate_add(&t, &host_here, &host), 0);
	assert_int_equal(translate_add(&t, &host_here, &host), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_protocol),    cmocka_unit_test(udp_sums),
		cmocka_unit_test(icmp_errors),	     cmocka_unit_test(only_the_peers),
		cmocka_unit_test(fragments),	     cmocka_unit_test(super_packets),
		cmocka_unit_test(unfinished_inside), cmocka_unit_test(cut_before_the_checksum),
		cmocka_unit_test(addresses),	     cmocka_unit_test(the_longest_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
