/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vpnd/pure/vnet.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Made by another program. Payload "abcde"; UDP with an IPv4 option, TCP with sequence -1, CWR. */
static const uint8_t UDP4_SUPER[] = {0x46, 0,	 0,    0x25, 0xff, 0xfe, 0x40, 0,    0x40, 0x11,
				     0x4b, 0x91, 0xc0, 0,    2,	   1,	 0xc6, 0x33, 0x64, 2,
				     1,	   1,	 1,    0,    3,	   0xe8, 0,    0x35, 0,	   0x0d,
				     0xec, 0x55, 0x61, 0x62, 0x63, 0x64, 0x65};
static const uint8_t UDP4_FIRST[] = {0x46, 0,	 0,    0x23, 0xff, 0xfe, 0x40, 0,    0x40,
				     0x11, 0x4b, 0x93, 0xc0, 0,	   2,	 1,    0xc6, 0x33,
				     0x64, 2,	 1,    1,    1,	   0,	 3,    0xe8, 0,
				     0x35, 0,	 0x0b, 0x4b, 0x21, 0x61, 0x62, 0x63};
static const uint8_t UDP4_LAST[] = {0x46, 0,	0,    0x22, 0xff, 0xff, 0x40, 0,    0x40,
				    0x11, 0x4b, 0x93, 0xc0, 0,	  2,	1,    0xc6, 0x33,
				    0x64, 2,	1,    1,    1,	  0,	3,    0xe8, 0,
				    0x35, 0,	0x0a, 0xab, 0x20, 0x64, 0x65};
static const uint8_t TCP6_SUPER[] = {0x60, 0, 0, 0, 0,	  0x1d, 6,    0x40, 0x20, 1,	0x0d, 0xb8,
				     0,	   0, 0, 0, 0,	  0,	0,    0,    0,	  0,	0,    1,
				     0xfd, 0, 0, 0, 0,	  0,	0,    0,    0,	  0,	0,    0,
				     0,	   0, 0, 2, 3,	  0xe8, 1,    0xbb, 0xff, 0xff, 0xff, 0xff,
				     0,	   0, 0, 7, 0x60, 0x99, 1,    0xf4, 0x2a, 0xe0, 0,    0,
				     1,	   1, 1, 1, 0x61, 0x62, 0x63, 0x64, 0x65};
static const uint8_t TCP6_FIRST[] = {
	0x60, 0,    0,	  0, 0,	   0x1a, 6,    0x40, 0x20, 1,	 0x0d, 0xb8, 0,	   0,	 0,   0, 0,
	0,    0,    0,	  0, 0,	   0,	 1,    0xfd, 0,	   0,	 0,    0,    0,	   0,	 0,   0, 0,
	0,    0,    0,	  0, 0,	   2,	 3,    0xe8, 1,	   0xbb, 0xff, 0xff, 0xff, 0xff, 0,   0, 0,
	7,    0x60, 0x90, 1, 0xf4, 9,	 0x90, 0,    0,	   1,	 1,    1,    1,	   0x61, 0x62};
static const uint8_t TCP6_SECOND[] = {
	0x60, 0,    0,	  0, 0,	   0x1a, 6,    0x40, 0x20, 1,	 0x0d, 0xb8, 0, 0,    0,   0, 0,
	0,    0,    0,	  0, 0,	   0,	 1,    0xfd, 0,	   0,	 0,    0,    0, 0,    0,   0, 0,
	0,    0,    0,	  0, 0,	   2,	 3,    0xe8, 1,	   0xbb, 0,    0,    0, 1,    0,   0, 0,
	7,    0x60, 0x10, 1, 0xf4, 8,	 0x0d, 0,    0,	   1,	 1,    1,    1, 0x63, 0x64};
static const uint8_t TCP6_LAST[] = {
	0x60, 0,    0,	  0, 0,	   0x19, 6,    0x40, 0x20, 1,	 0x0d, 0xb8, 0, 0,   0, 0, 0,
	0,    0,    0,	  0, 0,	   0,	 1,    0xfd, 0,	   0,	 0,    0,    0, 0,   0, 0, 0,
	0,    0,    0,	  0, 0,	   2,	 3,    0xe8, 1,	   0xbb, 0,    0,    0, 3,   0, 0, 0,
	7,    0x60, 0x19, 1, 0xf4, 6,	 0x67, 0,    0,	   1,	 1,    1,    1, 0x65};
static const struct vnet UDP4 = {VNET_GSO_UDP_L4, true, false, 32, 3, 24, 6};
static const struct vnet TCP6 = {VNET_GSO_TCP6, true, true, 64, 2, 40, 16};

/* --- what the tests know of IP, apart from the code that is tested
 * -------------------------------- */

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t sum16(const uint8_t *p, size_t len, uint32_t start)
{
	for (size_t i = 0; i < len; i++)
		start += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

static size_t l4_of(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? (ip[0] & 15U) * 4UL : 40;
}

static uint8_t protocol_of(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? ip[9] : ip[6];
}

static size_t headers_of(const uint8_t *ip)
{
	size_t l4 = l4_of(ip);

	return protocol_of(ip) == 6 ? l4 + (ip[l4 + 12] >> 4) * 4UL : l4 + 8;
}

static uint32_t pseudo(const uint8_t *ip, size_t len)
{
	bool is_v4 = ip[0] >> 4 == 4;

	return sum16(is_v4 ? ip + 12 : ip + 8, is_v4 ? 8 : 32,
		     (uint32_t)(len - l4_of(ip)) + protocol_of(ip));
}

static uint8_t *csum_of(uint8_t *ip)
{
	return ip + l4_of(ip) + (protocol_of(ip) == 6 ? 16 : 6);
}

/* Lengths and checksums of a packet on a wire. */
static void assert_complete(const uint8_t *ip, size_t len)
{
	size_t l4 = l4_of(ip);

	if (ip[0] >> 4 == 4) {
		assert_int_equal(be16(ip + 2), len);
		assert_int_equal(sum16(ip, l4, 0), 0xffff);
	} else {
		assert_int_equal(be16(ip + 4) + 40, len);
	}
	if (protocol_of(ip) == 17) {
		assert_int_equal(be16(ip + l4 + 4), len - l4);
		assert_int_not_equal(be16(ip + l4 + 6), 0);
	}
	assert_int_equal(sum16(ip + l4, len - l4, pseudo(ip, len)), 0xffff);
}

/* Lengths and checksums of @len bytes as the kernel leaves them: transport sum not complete. */
static void set_lengths(uint8_t *ip, size_t len)
{
	size_t l4 = l4_of(ip);

	if (ip[0] >> 4 == 4) {
		put16(ip + 2, len);
		put16(ip + 10, 0);
		put16(ip + 10, ~sum16(ip, l4, 0));
	} else {
		put16(ip + 4, len - 40);
	}
	if (protocol_of(ip) == 17)
		put16(ip + l4 + 4, len - l4);
	put16(csum_of(ip), pseudo(ip, len));
}

/* --- a super-packet of any kind ------------------------------------------------------------------
 */

struct super {
	struct vnet v;
	size_t len;
	uint8_t bytes[VNET_PACKET_MAX_BYTES];
};

static size_t make_ip(uint64_t *seed, uint8_t *ip, bool is_v4, uint8_t protocol)
{
	size_t l4 = is_v4 ? 20 + noise_u32(seed) % 11 * 4 : 40;

	ip[0] = (uint8_t)(is_v4 ? 0x40 | l4 / 4 : 0x60 | (ip[0] & 15));
	if (is_v4) {
		ip[6] = ip[6] & 0x40;
		ip[7] = 0;
	}
	ip[is_v4 ? 9 : 6] = protocol;
	return l4;
}

static void make_super(uint64_t *seed, struct super *s, enum vnet_gso gso)
{
	bool is_udp = gso == VNET_GSO_UDP_L4;
	bool is_v4 = gso == VNET_GSO_TCP4 || (is_udp && noise_u32(seed) % 2);
	uint8_t protocol = is_udp ? 17 : 6;
	size_t l4, payload, max, headers;

	noise_fill(seed, s->bytes, noise_u32(seed) % 8 ? 3000 : sizeof(s->bytes));
	l4 = make_ip(seed, s->bytes, is_v4, protocol);
	if (!is_udp)
		s->bytes[l4 + 12] = (uint8_t)((5 + noise_u32(seed) % 11) << 4);
	headers = headers_of(s->bytes);
	max = noise_u32(seed) % 8 ? 2000 : sizeof(s->bytes) - headers;
	payload = 2 + noise_u32(seed) % (max - 1);
	s->len = headers + payload;
	s->v = (struct vnet){gso,
			     true,
			     !is_udp && s->bytes[l4 + 13] & 0x80,
			     (uint16_t)headers,
			     0,
			     (uint16_t)l4,
			     is_udp ? 6 : 16};
	/* At least two segments, at most 128. */
	payload = (payload + 127) / 128 + noise_u32(seed) % (payload - (payload + 127) / 128);
	s->v.gso_size = (uint16_t)payload;
	set_lengths(s->bytes, s->len);
}

static enum vnet_gso kind(int i)
{
	static const enum vnet_gso kinds[] = {VNET_GSO_TCP4, VNET_GSO_TCP6, VNET_GSO_UDP_L4};

	return kinds[i % 3];
}

/* What a segment may differ in from the one before is undone; then it is the first again. */
static void rejoin(struct super *back, const struct super *from, const uint8_t *seg, size_t n,
		   uint32_t index)
{
	size_t l4 = from->v.csum_start, header = from->v.hdr_len;
	uint8_t head[120];

	memcpy(head, seg, header);
	if (head[0] >> 4 == 4)
		put16(head + 4, be16(head + 4) - index);
	if (from->v.gso != VNET_GSO_UDP_L4) {
		uint32_t seq = be16(head + l4 + 4) << 16 | be16(head + l4 + 6);

		seq -= index * from->v.gso_size;
		put16(head + l4 + 4, seq >> 16);
		put16(head + l4 + 6, seq);
		if (index > 0)
			head[l4 + 13] |= back->bytes[l4 + 13];
	}
	memcpy(back->bytes, head, header);
	memcpy(back->bytes + back->len, seg + header, n - header);
	back->len += n - header;
	set_lengths(back->bytes, back->len);
}

static void assert_tcp_flags(const struct super *s, const uint8_t *seg, size_t i, size_t n)
{
	uint8_t all = s->bytes[s->v.csum_start + 13], flags = seg[s->v.csum_start + 13];

	assert_int_equal(flags & 0x09, i + 1 == n ? all & 0x09 : 0);
	assert_int_equal(flags & 0x80, i == 0 ? all & 0x80 : 0);
	assert_int_equal(flags & 0x76, all & 0x76);
}

static void cut_and_rejoin(const struct super *s, struct super *back)
{
	uint8_t *packet = exact_copy(s->bytes, s->len);
	size_t count = vnet_segments(&s->v, s->len), n;
	struct vnet_cutter c;

	back->len = s->v.hdr_len;
	vnet_segment_init(&c, &s->v, packet, s->len);
	for (uint32_t i = 0; i < count; i++) {
		size_t left = s->len - (size_t)s->v.hdr_len - (size_t)i * s->v.gso_size;
		size_t want = s->v.hdr_len + (left < s->v.gso_size ? left : s->v.gso_size);
		uint8_t *out = malloc(want);

		assert_int_equal(vnet_segment_next(&c, out, want - 1, &n), -ENOSPC);
		assert_int_equal(vnet_segment_next(&c, out, want, &n), 0);
		assert_int_equal(n, want);
		assert_complete(out, n);
		if (s->v.gso != VNET_GSO_UDP_L4)
			assert_tcp_flags(s, out, i, count);
		rejoin(back, s, out, n, i);
		free(out);
	}
	assert_int_equal(vnet_segment_next(&c, NULL, 0, &n), -ENODATA);
	assert_int_equal(back->len, s->len);
	assert_memory_equal(back->bytes, s->bytes, s->len);
	free(packet);
}

static void cut_and_rejoined_is_the_same(void **state)
{
	static struct super s, back;
	uint64_t seed = 9;

	for (int i = 0; i < 3000; i++) {
		struct vnet v;

		make_super(&seed, &s, kind(i));
		v = s.v;
		assert_int_equal(vnet_check(&s.v, s.bytes, s.len), 0);
		v.hdr_len = (uint16_t)noise_u32(&seed);
		v.ecn = noise_u32(&seed) % 2;
		assert_int_equal(vnet_normalise(&v, s.bytes, s.len), 0);
		assert_int_equal(v.hdr_len, s.v.hdr_len);
		assert_int_equal(v.ecn, s.v.ecn);
		assert_int_equal(vnet_check(&v, s.bytes, s.len), 0);
		cut_and_rejoin(&s, &back);
	}
}

/* --- golden bytes --------------------------------------------------------------------------------
 */

static void assert_next(struct vnet_cutter *c, const uint8_t *want, size_t len)
{
	uint8_t out[128];
	size_t n;

	assert_int_equal(vnet_segment_next(c, out, sizeof(out), &n), 0);
	assert_int_equal(n, len);
	assert_memory_equal(out, want, len);
}

static void golden_segments(void **state)
{
	struct vnet_cutter c;
	uint8_t out[128];
	size_t n;

	assert_int_equal(vnet_check(&UDP4, UDP4_SUPER, sizeof(UDP4_SUPER)), 0);
	assert_int_equal(vnet_segments(&UDP4, sizeof(UDP4_SUPER)), 2);
	vnet_segment_init(&c, &UDP4, UDP4_SUPER, sizeof(UDP4_SUPER));
	assert_next(&c, UDP4_FIRST, sizeof(UDP4_FIRST));
	assert_next(&c, UDP4_LAST, sizeof(UDP4_LAST));
	assert_int_equal(vnet_segment_next(&c, out, sizeof(out), &n), -ENODATA);
	assert_int_equal(vnet_check(&TCP6, TCP6_SUPER, sizeof(TCP6_SUPER)), 0);
	assert_int_equal(vnet_segments(&TCP6, sizeof(TCP6_SUPER)), 3);
	vnet_segment_init(&c, &TCP6, TCP6_SUPER, sizeof(TCP6_SUPER));
	assert_next(&c, TCP6_FIRST, sizeof(TCP6_FIRST));
	assert_next(&c, TCP6_SECOND, sizeof(TCP6_SECOND));
	assert_next(&c, TCP6_LAST, sizeof(TCP6_LAST));
	assert_int_equal(vnet_segment_next(&c, out, sizeof(out), &n), -ENODATA);
}

static void golden_header(void **state)
{
	static const uint8_t wire[VNET_BYTES] = {1, 0x81, 0x34, 0x12, 0xac, 5, 20, 0, 16, 0};
	struct {
		uint8_t flags, type;
		uint16_t hdr_len, gso_size, csum_start, csum_offset;
	} host = {1, 0x81, 0x1234, 1452, 20, 16};
	struct vnet v = {0}, w = {0};
	uint8_t out[VNET_BYTES];

	assert_int_equal(vnet_decode_wire(&v, wire), 0);
	assert_int_equal(v.gso, VNET_GSO_TCP4);
	assert_true(v.needs_csum && v.ecn);
	assert_int_equal(v.hdr_len, 0x1234);
	assert_int_equal(v.gso_size, 1452);
	assert_int_equal(v.csum_start, 20);
	assert_int_equal(v.csum_offset, 16);
	vnet_encode_wire(&v, out);
	assert_memory_equal(out, wire, VNET_BYTES);
	vnet_encode_host(&v, out);
	assert_memory_equal(out, &host, VNET_BYTES);
	assert_int_equal(vnet_decode_host(&w, out), 0);
	assert_memory_equal(&v, &w, sizeof(v));
}

static void types_and_flags(void **state)
{
	for (unsigned int type = 0; type < 256; type++) {
		unsigned int bare = type & 0x7f;
		bool ok = bare == 0 || bare == 1 || bare == 4 || bare == 5;
		const uint8_t in[VNET_BYTES] = {0, (uint8_t)type};
		struct vnet v;

		assert_int_equal(vnet_decode_wire(&v, in), ok ? 0 : -EBADMSG);
		assert_int_equal(vnet_decode_host(&v, in), ok ? 0 : -EBADMSG);
	}
	for (unsigned int flags = 0; flags < 256; flags++) {
		const uint8_t in[VNET_BYTES] = {(uint8_t)flags};
		struct vnet v;

		assert_int_equal(vnet_decode_wire(&v, in), flags < 2 ? 0 : -EBADMSG);
		assert_int_equal(vnet_decode_host(&v, in), 0);
		assert_int_equal(v.needs_csum, flags & 1);
	}
}

/* --- vnet_check ----------------------------------------------------------------------------------
 */

static int check(const struct vnet *v, const uint8_t *packet, size_t len)
{
	uint8_t *cut = exact_copy(packet, len);
	int err = vnet_check(v, cut, len);

	free(cut);
	return err;
}

static void refuse_other_values(struct vnet *v, uint16_t *field, const uint8_t *packet, size_t len,
				bool is_gso_size)
{
	uint16_t right = *field;

	for (unsigned int x = 0; x < 65536; x++) {
		*field = (uint16_t)x;
		if (x == right || (is_gso_size && x > 0 && x < 5))
			assert_int_equal(vnet_check(v, packet, len), 0);
		else
			assert_int_equal(vnet_check(v, packet, len), -EBADMSG);
	}
	*field = right;
}

static void every_field_of_the_header_counts(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct vnet v = i ? TCP6 : UDP4;
		const uint8_t *packet = i ? TCP6_SUPER : UDP4_SUPER;
		size_t len = i ? sizeof(TCP6_SUPER) : sizeof(UDP4_SUPER);

		refuse_other_values(&v, &v.hdr_len, packet, len, false);
		refuse_other_values(&v, &v.gso_size, packet, len, true);
		refuse_other_values(&v, &v.csum_start, packet, len, false);
		refuse_other_values(&v, &v.csum_offset, packet, len, false);
		v.ecn = !v.ecn;
		assert_int_equal(check(&v, packet, len), -EBADMSG);
		v.ecn = !v.ecn;
		v.needs_csum = false;
		assert_int_equal(check(&v, packet, len), -EBADMSG);
		v.needs_csum = true;
		for (unsigned int gso = 0; gso < 8; gso++) {
			enum vnet_gso right = v.gso;

			v.gso = gso;
			if (gso != (unsigned int)right)
				assert_int_equal(check(&v, packet, len), -EBADMSG);
			v.gso = right;
		}
	}
}

static void plain_headers(void **state)
{
	struct vnet v = {0}, csum = {.needs_csum = true, .csum_start = 24, .csum_offset = 6};
	size_t len = sizeof(UDP4_SUPER);

	assert_int_equal(check(&v, UDP4_SUPER, len), 0);
	refuse_other_values(&v, &v.hdr_len, UDP4_SUPER, len, false);
	refuse_other_values(&v, &v.gso_size, UDP4_SUPER, len, false);
	refuse_other_values(&v, &v.csum_start, UDP4_SUPER, len, false);
	refuse_other_values(&v, &v.csum_offset, UDP4_SUPER, len, false);
	v.ecn = true;
	assert_int_equal(check(&v, UDP4_SUPER, len), -EBADMSG);
	assert_int_equal(check(&csum, UDP4_SUPER, len), 0);
	refuse_other_values(&csum, &csum.hdr_len, UDP4_SUPER, len, false);
	refuse_other_values(&csum, &csum.gso_size, UDP4_SUPER, len, false);
	refuse_other_values(&csum, &csum.csum_start, UDP4_SUPER, len, false);
	refuse_other_values(&csum, &csum.csum_offset, UDP4_SUPER, len, false);
	csum.ecn = true;
	assert_int_equal(check(&csum, UDP4_SUPER, len), -EBADMSG);
}

static void no_other_length(void **state)
{
	uint8_t longer[128] = {0};

	for (size_t len = 0; len < sizeof(UDP4_SUPER); len++)
		assert_int_equal(check(&UDP4, UDP4_SUPER, len), -EBADMSG);
	for (size_t len = 0; len < sizeof(TCP6_SUPER); len++)
		assert_int_equal(check(&TCP6, TCP6_SUPER, len), -EBADMSG);
	memcpy(longer, UDP4_SUPER, sizeof(UDP4_SUPER));
	assert_int_equal(check(&UDP4, longer, sizeof(UDP4_SUPER) + 1), -EBADMSG);
	memcpy(longer, TCP6_SUPER, sizeof(TCP6_SUPER));
	assert_int_equal(check(&TCP6, longer, sizeof(TCP6_SUPER) + 1), -EBADMSG);
}

/* One byte of a packet is changed: which values are still fine? */
static size_t count_accepted(const struct vnet *v, const uint8_t *packet, size_t len, size_t at)
{
	uint8_t copy[128];
	size_t n = 0;

	memcpy(copy, packet, len);
	for (unsigned int x = 0; x < 256; x++) {
		copy[at] = (uint8_t)x;
		n += check(v, copy, len) == 0;
	}
	return n;
}

static void every_field_of_the_packet_counts(void **state)
{
	const struct {
		bool is_tcp6;
		size_t at, accepted;
	} bytes[] = {
		{false, 0, 1},	      /* version, header length */
		{false, 2, 1},	      /* total length */
		{false, 3, 1},	      /**/
		{false, 6, 4},	      /* only DF and the reserved bit are free */
		{false, 7, 1},	      /* fragment offset */
		{false, 9, 1},	      /* protocol */
		{false, 28, 1},	      /* UDP length */
		{false, 29, 1},	      /**/
		{false, 4, 256},      /* identification */
		{false, 30, 256},     /* a wrong sum is the peer's own affair */
		{true, 0, 16},	      /* version, not the traffic class */
		{true, 4, 1},	      /* payload length */
		{true, 5, 1},	      /**/
		{true, 6, 1},	      /* next header: no extension headers */
		{true, 40 + 12, 16},  /* data offset */
		{true, 40 + 13, 128}, /* CWR is ecn */
	};

	for (size_t i = 0; i < COUNT(bytes); i++) {
		bool tcp6 = bytes[i].is_tcp6;

		assert_int_equal(
			count_accepted(tcp6 ? &TCP6 : &UDP4, tcp6 ? TCP6_SUPER : UDP4_SUPER,
				       tcp6 ? sizeof(TCP6_SUPER) : sizeof(UDP4_SUPER), bytes[i].at),
			bytes[i].accepted);
	}
}

/* With a checksum to complete, too, the data offset must lie within the packet. */
static void data_offset_of_a_plain_packet(void **state)
{
	struct vnet v = {.needs_csum = true, .csum_start = 40, .csum_offset = 16};
	uint8_t packet[sizeof(TCP6_SUPER)];

	memcpy(packet, TCP6_SUPER, sizeof(packet));
	for (unsigned int doff = 0; doff < 16; doff++) {
		packet[40 + 12] = (uint8_t)(doff << 4);
		assert_int_equal(check(&v, packet, sizeof(packet)),
				 doff >= 5 && doff <= 7 ? 0 : -EBADMSG);
	}
}

static void segments_are_limited(void **state)
{
	static struct super s;
	struct vnet v;

	memcpy(s.bytes, TCP6_SUPER, 64);
	for (size_t payload = 1; payload < 400; payload++) {
		s.len = 64 + payload;
		set_lengths(s.bytes, s.len);
		v = TCP6;
		v.gso_size = 3;
		assert_int_equal(vnet_check(&v, s.bytes, s.len),
				 payload > 3 && payload <= 3 * 128 ? 0 : -EBADMSG);
		assert_int_equal(vnet_normalise(&v, s.bytes, s.len),
				 payload <= 3 * 128 ? 0 : -E2BIG);
		assert_int_equal(v.gso, payload > 3 ? VNET_GSO_TCP6 : VNET_GSO_NONE);
		assert_int_equal(vnet_check(&v, s.bytes, s.len), payload <= 3 * 128 ? 0 : -EBADMSG);
	}
	assert_int_equal(vnet_segments(&v, s.len), 133);
}

/* --- vnet_normalise ------------------------------------------------------------------------------
 */

static void normalise_refuses_contradictions(void **state)
{
	uint8_t packet[sizeof(UDP4_SUPER)];
	const struct vnet bad[] = {
		{VNET_GSO_TCP4, true, false, 0, 3, 24, 6},
		{VNET_GSO_TCP6, true, false, 0, 3, 24, 6},
		{VNET_GSO_UDP_L4, true, false, 0, 0, 24, 6},
		{VNET_GSO_UDP_L4, true, false, 0, 3, 20, 6},
		{VNET_GSO_UDP_L4, true, false, 0, 3, 24, 16},
		{VNET_GSO_NONE, true, false, 0, 0, 24, 12},
		{VNET_GSO_NONE, true, false, 0, 0, 36, 0},
		{VNET_GSO_NONE, true, false, 0, 0, 65535, 65535},
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct vnet v = bad[i];

		memcpy(packet, UDP4_SUPER, sizeof(packet));
		assert_int_equal(vnet_normalise(&v, packet, sizeof(packet)), -EBADMSG);
		assert_memory_equal(packet, UDP4_SUPER, sizeof(packet));
		assert_memory_equal(&v, &bad[i], sizeof(v));
	}
	for (size_t len = 0; len < sizeof(packet); len++) {
		struct vnet v = UDP4;
		uint8_t *cut = exact_copy(UDP4_SUPER, len);

		assert_int_equal(vnet_normalise(&v, cut, len), -EBADMSG);
		free(cut);
	}
}

static void normalise_repairs(void **state)
{
	uint8_t packet[sizeof(UDP4_SUPER)];
	struct vnet v = {.hdr_len = 9, .csum_start = 3};

	memcpy(packet, UDP4_SUPER, sizeof(packet));
	assert_int_equal(vnet_normalise(&v, packet, sizeof(packet)), 0);
	assert_int_equal(vnet_check(&v, packet, sizeof(packet)), 0);
	v = UDP4;
	v.gso_size = 5; /* only one segment */
	assert_int_equal(vnet_normalise(&v, packet, sizeof(packet)), 0);
	assert_int_equal(v.gso, VNET_GSO_NONE);
	assert_true(v.needs_csum);
	assert_int_equal(vnet_check(&v, packet, sizeof(packet)), 0);
	v = (struct vnet){.gso = VNET_GSO_UDP_L4, .gso_size = 3};
	put16(packet + 30, 0x1234); /* from a card that joined the packets itself */
	assert_int_equal(vnet_normalise(&v, packet, sizeof(packet)), 0);
	assert_int_equal(vnet_check(&v, packet, sizeof(packet)), 0);
	assert_memory_equal(packet, UDP4_SUPER, sizeof(packet));
}

/* UDP behind a hop-by-hop header: a peer would not take it, so it is completed. */
static void normalise_completes_what_is_unusual(void **state)
{
	uint8_t packet[40 + 8 + 8 + 5] = {0x60, [6] = 0, [7] = 64, [40] = 17, [42] = 1, [43] = 4};
	struct vnet v = {.needs_csum = true, .csum_start = 48, .csum_offset = 6};
	uint32_t sum;

	packet[8] = 0xfd;
	sum = sum16(packet + 8, 32, 13 + 17);
	put16(packet + 4, 8 + 8 + 5);
	put16(packet + 48 + 4, 8 + 5);
	put16(packet + 48 + 6, sum);
	memcpy(packet + 56, "abcde", 5);
	assert_int_equal(vnet_normalise(&v, packet, sizeof(packet)), 0);
	assert_false(v.needs_csum);
	assert_int_equal(v.csum_start, 0);
	assert_int_equal(sum16(packet + 48, 13, sum), 0xffff);
	assert_int_equal(vnet_check(&v, packet, sizeof(packet)), 0);
}

/* --- checksums -----------------------------------------------------------------------------------
 */

static void completed_sums_are_right(void **state)
{
	static struct super s;
	uint64_t seed = 5;

	for (int i = 0; i < 3000; i++) {
		uint8_t *packet;
		struct vnet v;

		make_super(&seed, &s, kind(i));
		v = (struct vnet){.needs_csum = true,
				  .csum_start = s.v.csum_start,
				  .csum_offset = s.v.csum_offset};
		packet = exact_copy(s.bytes, s.len);
		assert_int_equal(vnet_check(&v, packet, s.len), 0);
		vnet_complete_csum(&v, packet, s.len);
		assert_complete(packet, s.len);
		assert_false(v.needs_csum);
		vnet_complete_csum(&v, packet, s.len);
		assert_complete(packet, s.len);
		free(packet);
	}
}

/* RFC 768: a sum of zero is sent as 0xffff. */
static void zero_becomes_ones(void **state)
{
	uint8_t packet[30] = {0x45, [9] = 17, [12] = 10, [16] = 10};
	struct vnet v = {.needs_csum = true, .csum_start = 20, .csum_offset = 6};

	set_lengths(packet, sizeof(packet));
	put16(packet + 28, 0xffff - sum16(packet + 20, 10, 0));
	vnet_complete_csum(&v, packet, sizeof(packet));
	assert_int_equal(be16(packet + 26), 0xffff);
	assert_complete(packet, sizeof(packet));
}

/* Carries everywhere. */
static void sums_of_ones(void **state)
{
	static uint8_t packet[VNET_PACKET_MAX_BYTES];

	for (size_t len = 28; len <= sizeof(packet); len += len < 200 ? 1 : 7919) {
		struct vnet v = {.needs_csum = true, .csum_start = 20, .csum_offset = 6};

		memset(packet, 0xff, sizeof(packet));
		packet[0] = 0x45;
		packet[6] = packet[7] = 0;
		packet[9] = 17;
		set_lengths(packet, len);
		vnet_complete_csum(&v, packet, len);
		assert_complete(packet, len);
	}
}

static void noise_is_no_danger(void **state)
{
	static struct super s;
	uint64_t seed = 77;
	int accepted = 0;

	for (int i = 0; i < 4 * PURE_NOISE_ROUNDS; i++) {
		uint8_t header[VNET_BYTES], *packet;
		struct vnet v, k;
		size_t len;
		int err;

		if (i % 16 == 0)
			make_super(&seed, &s, kind(i / 16));
		len = s.len;
		packet = exact_copy(s.bytes, len);
		vnet_encode_wire(&s.v, header);
		if (noise_u32(&seed) % 2)
			header[noise_u32(&seed) % VNET_BYTES] = (uint8_t)noise_u32(&seed);
		if (noise_u32(&seed) % 2)
			packet[noise_u32(&seed) % 60 % len] = (uint8_t)noise_u32(&seed);
		if (vnet_decode_wire(&v, header) == 0) {
			k = v;
			accepted += vnet_check(&v, packet, len) == 0;
			err = vnet_normalise(&k, packet, len);
			if (err == 0)
				assert_int_equal(vnet_check(&k, packet, len), 0);
		}
		free(packet);
	}
	assert_in_range(accepted, PURE_NOISE_ROUNDS, 3 * PURE_NOISE_ROUNDS);
}

/* --- two kernels --------------------------------------------------------------------------------
 */
/*
 *   sockets of A                        sockets of B
 *   namespace A: 192.0.2.1, fd00::1     namespace B: 192.0.2.2, fd00::2
 *   TUN a  <---- the test carries packets ---->  TUN b
 */

#define TCP_PORT 5001
#define UDP_PORT 5002
#define UDP_DATAGRAM 1000
#define STREAM_BYTES (8U << 20)
#define UDP_BYTES (60 * UDP_DATAGRAM + 500)
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum carry {
	WHOLE,
	CUT, /* segments and finished checksums, with plain headers */
};

struct end {
	int tun, tcp4, tcp6, udp4, udp6;
	bool has_uso;
};

static struct end ends[2];
static struct {
	unsigned int packets, supers, needs_csum, segments;
} seen;

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd >= 0) {
		assert_true(write(fd, text, strlen(text)) > 0);
		close(fd);
	}
}

static void new_namespace(void)
{
	int fd;

	if (unshare(CLONE_NEWNET) != 0)
		skip();
	fd = open("/dev/net/tun", O_RDWR);
	if (fd < 0)
		skip();
	close(fd);
	write_file("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	write_file("/proc/sys/net/ipv6/conf/default/router_solicitations", "0");
}

static void tun_new(struct end *e)
{
	const unsigned int tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	struct ifreq ifr = {.ifr_name = "t", .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};

	e->tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	assert_true(e->tun >= 0);
	assert_int_equal(ioctl(e->tun, TUNSETIFF, &ifr), 0);
	e->has_uso = ioctl(e->tun, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) == 0;
	if (!e->has_uso)
		assert_int_equal(ioctl(e->tun, TUNSETOFFLOAD, tcp), 0);
}

struct in6_ifreq_copy { /* linux/ipv6.h does not go with netinet/in.h */
	struct in6_addr addr;
	uint32_t prefix_len;
	int index;
};

/* Also without duplicate detection a new address is tentative until a worker of the kernel saw it.
 */
static bool is_tentative(void)
{
	FILE *f = fopen("/proc/net/if_inet6", "r");
	unsigned int flags, any = 0;

	assert_non_null(f);
	while (fscanf(f, "%*s %*x %*x %*x %x %*s", &flags) == 1)
		any |= flags & IFA_F_TENTATIVE;
	fclose(f);
	return any != 0;
}

static void link_up(int last)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), fd6 = socket(AF_INET6, SOCK_DGRAM, 0);
	struct ifreq ifr = {.ifr_name = "t", .ifr_mtu = 1400};
	struct sockaddr_in sin = {.sin_family = AF_INET};
	struct in6_ifreq_copy six = {.prefix_len = 64, .index = (int)if_nametoindex("t")};

	assert_int_equal(ioctl(fd, SIOCSIFMTU, &ifr), 0);
	sin.sin_addr.s_addr = htonl(0xc0000200 + (uint32_t)last);
	memcpy(&ifr.ifr_addr, &sin, sizeof(sin));
	assert_int_equal(ioctl(fd, SIOCSIFADDR, &ifr), 0);
	sin.sin_addr.s_addr = htonl(0xffffff00);
	memcpy(&ifr.ifr_netmask, &sin, sizeof(sin));
	assert_int_equal(ioctl(fd, SIOCSIFNETMASK, &ifr), 0);
	ifr.ifr_flags = IFF_UP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	six.addr.s6_addr[0] = 0xfd;
	six.addr.s6_addr[15] = (uint8_t)last;
	assert_int_equal(ioctl(fd6, SIOCSIFADDR, &six), 0);
	for (int i = 0; is_tentative(); i++) {
		assert_true(i < 5000);
		usleep(1000);
	}
	close(fd);
	close(fd6);
}

static struct sockaddr_in6 address(bool is_v4, int last, uint16_t port, socklen_t *len)
{
	struct sockaddr_in6 out = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};

	out.sin6_addr.s6_addr[0] = last ? 0xfd : 0;
	out.sin6_addr.s6_addr[15] = (uint8_t)last;
	four.sin_addr.s_addr = last ? htonl(0xc0000200 + (uint32_t)last) : 0;
	if (is_v4)
		memcpy(&out, &four, sizeof(four));
	*len = is_v4 ? sizeof(four) : sizeof(out);
	return out;
}

static int socket_new(bool is_v4, int type, uint16_t port)
{
	int fd = socket(is_v4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK, 0), one = 1;
	socklen_t len;
	struct sockaddr_in6 any = address(is_v4, 0, port, &len);

	assert_true(fd >= 0);
	if (!is_v4)
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)), 0);
	if (port)
		assert_int_equal(bind(fd, (struct sockaddr *)&any, len), 0);
	if (port && type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void end_init(struct end *e, int last, bool listens)
{
	uint16_t tcp = listens ? TCP_PORT : 0, udp = listens ? UDP_PORT : 0;

	new_namespace();
	tun_new(e);
	link_up(last);
	e->tcp4 = socket_new(true, SOCK_STREAM, tcp);
	e->tcp6 = socket_new(false, SOCK_STREAM, tcp);
	e->udp4 = socket_new(true, SOCK_DGRAM, udp);
	e->udp6 = socket_new(false, SOCK_DGRAM, udp);
}

static void ends_init(void)
{
	memset(&seen, 0, sizeof(seen));
	end_init(&ends[0], 1, false);
	end_init(&ends[1], 2, true);
}

static void ends_deinit(void)
{
	for (int i = 0; i < 2; i++) {
		close(ends[i].tun);
		close(ends[i].tcp4);
		close(ends[i].tcp6);
		close(ends[i].udp4);
		close(ends[i].udp6);
	}
}

/* @bytes: room for the header before the packet. Drops of a full queue are the sockets' affair. */
static void tun_write(int tun, const struct vnet *v, uint8_t *bytes, size_t len)
{
	vnet_encode_host(v, bytes);
	assert_int_equal(write(tun, bytes, VNET_BYTES + len), VNET_BYTES + len);
}

static void write_segments(int tun, const struct vnet *v, const uint8_t *packet, size_t len)
{
	static const struct vnet plain;
	uint8_t out[VNET_BYTES + 2000];
	struct vnet_cutter c;
	size_t n;

	vnet_segment_init(&c, v, packet, len);
	while (vnet_segment_next(&c, out + VNET_BYTES, sizeof(out) - VNET_BYTES, &n) == 0) {
		assert_true(n <= 1400);
		assert_complete(out + VNET_BYTES, n);
		seen.segments++;
		tun_write(tun, &plain, out, n);
	}
}

static void carry(uint8_t *bytes, size_t len, int to, enum carry how)
{
	uint8_t wire[VNET_BYTES], *packet = bytes + VNET_BYTES;
	struct vnet v;

	assert_int_equal(vnet_decode_host(&v, bytes), 0);
	assert_int_equal(vnet_normalise(&v, packet, len), 0);
	vnet_encode_wire(&v, wire);
	assert_int_equal(vnet_decode_wire(&v, wire), 0);
	assert_int_equal(vnet_check(&v, packet, len), 0);
	seen.packets++;
	seen.supers += v.gso != VNET_GSO_NONE;
	seen.needs_csum += v.needs_csum;
	if (how == CUT && v.gso != VNET_GSO_NONE) {
		write_segments(to, &v, packet, len);
		return;
	}
	if (how == CUT && v.needs_csum) {
		vnet_complete_csum(&v, packet, len);
		assert_complete(packet, len);
	}
	tun_write(to, &v, bytes, len);
}

/* Carries what waits, both ways; waits a little if there is nothing. */
static void pump(enum carry how)
{
	static uint8_t bytes[VNET_BYTES + VNET_PACKET_MAX_BYTES];
	struct pollfd fds[2] = {{ends[0].tun, POLLIN, 0}, {ends[1].tun, POLLIN, 0}};

	poll(fds, 2, 1);
	for (int i = 0; i < 2; i++) {
		ssize_t n = read(ends[i].tun, bytes, sizeof(bytes));

		if (n > VNET_BYTES)
			carry(bytes, (size_t)n - VNET_BYTES, ends[1 - i].tun, how);
	}
}

static uint8_t pattern(size_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

static size_t send_some(int fd, size_t at, size_t end)
{
	uint8_t bytes[65536];
	size_t n = end - at < sizeof(bytes) ? end - at : sizeof(bytes);
	ssize_t sent;

	for (size_t i = 0; i < n; i++)
		bytes[i] = pattern(at + i);
	sent = send(fd, bytes, n, MSG_NOSIGNAL);
	return sent > 0 ? (size_t)sent : 0;
}

static size_t recv_some(int fd, size_t at)
{
	uint8_t bytes[65536];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	for (ssize_t i = 0; i < n; i++) {
		if (bytes[i] != pattern(at + (size_t)i))
			fail_msg("byte %zu is wrong", at + (size_t)i);
	}
	return n > 0 ? (size_t)n : 0;
}

static void start_connect(int fd, bool is_v4)
{
	socklen_t len;
	struct sockaddr_in6 to = address(is_v4, 2, TCP_PORT, &len);

	assert_int_equal(connect(fd, (struct sockaddr *)&to, len), -1);
	assert_int_equal(errno, EINPROGRESS);
}

static void stream(bool is_v4, enum carry how)
{
	int from = is_v4 ? ends[0].tcp4 : ends[0].tcp6, to = -1;
	int listener = is_v4 ? ends[1].tcp4 : ends[1].tcp6;
	size_t sent = 0, got = 0;

	start_connect(from, is_v4);
	for (int i = 0; i < 200000 && got < STREAM_BYTES; i++) {
		pump(how);
		if (to < 0)
			to = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		if (to < 0)
			continue;
		sent += send_some(from, sent, STREAM_BYTES);
		got += recv_some(to, got);
	}
	assert_int_equal(got, STREAM_BYTES);
	close(to);
}

static void test_stream(bool is_v4, enum carry how)
{
	ends_init();
	stream(is_v4, how);
	print_message("# packets %u, super-packets %u, cut to %u, with needs_csum %u\n",
		      seen.packets, seen.supers, seen.segments, seen.needs_csum);
	assert_true(seen.supers > 50);
	assert_true(seen.needs_csum > seen.supers);
	ends_deinit();
}

static void kernel_tcp4_whole(void **state)
{
	test_stream(true, WHOLE);
}

static void kernel_tcp4_cut(void **state)
{
	test_stream(true, CUT);
}

static void kernel_tcp6_whole(void **state)
{
	test_stream(false, WHOLE);
}

static void kernel_tcp6_cut(void **state)
{
	test_stream(false, CUT);
}

static void udp_send(bool is_v4)
{
	static uint8_t bytes[UDP_BYTES];
	int fd = is_v4 ? ends[0].udp4 : ends[0].udp6, size = UDP_DATAGRAM;
	socklen_t len;
	struct sockaddr_in6 to = address(is_v4, 2, UDP_PORT, &len);

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern(i);
	assert_int_equal(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	assert_int_equal(sendto(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&to, len),
			 sizeof(bytes));
}

static void test_datagrams(bool is_v4, enum carry how)
{
	size_t got = 0, n;

	ends_init();
	udp_send(is_v4);
	for (int i = 0; i < 1000 && got < UDP_BYTES; i++) {
		pump(how);
		while ((n = recv_some(is_v4 ? ends[1].udp4 : ends[1].udp6, got)) > 0) {
			got += n;
			assert_true(n == UDP_DATAGRAM || got == UDP_BYTES);
		}
	}
	assert_int_equal(got, UDP_BYTES);
	if (ends[0].has_uso)
		assert_true(seen.supers > 0);
	if (ends[0].has_uso && how == CUT)
		assert_int_equal(seen.segments, 61);
	ends_deinit();
}

static void kernel_udp4_whole(void **state)
{
	test_datagrams(true, WHOLE);
}

static void kernel_udp4_cut(void **state)
{
	test_datagrams(true, CUT);
}

static void kernel_udp6_whole(void **state)
{
	test_datagrams(false, WHOLE);
}

static void kernel_udp6_cut(void **state)
{
	test_datagrams(false, CUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_header),
		cmocka_unit_test(types_and_flags),
		cmocka_unit_test(golden_segments),
		cmocka_unit_test(cut_and_rejoined_is_the_same),
		cmocka_unit_test(every_field_of_the_header_counts),
		cmocka_unit_test(plain_headers),
		cmocka_unit_test(no_other_length),
		cmocka_unit_test(every_field_of_the_packet_counts),
		cmocka_unit_test(data_offset_of_a_plain_packet),
		cmocka_unit_test(segments_are_limited),
		cmocka_unit_test(normalise_refuses_contradictions),
		cmocka_unit_test(normalise_repairs),
		cmocka_unit_test(normalise_completes_what_is_unusual),
		cmocka_unit_test(completed_sums_are_right),
		cmocka_unit_test(zero_becomes_ones),
		cmocka_unit_test(sums_of_ones),
		cmocka_unit_test(noise_is_no_danger),
		cmocka_unit_test(kernel_tcp4_whole),
		cmocka_unit_test(kernel_tcp4_cut),
		cmocka_unit_test(kernel_tcp6_whole),
		cmocka_unit_test(kernel_tcp6_cut),
		cmocka_unit_test(kernel_udp4_whole),
		cmocka_unit_test(kernel_udp4_cut),
		cmocka_unit_test(kernel_udp6_whole),
		cmocka_unit_test(kernel_udp6_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
