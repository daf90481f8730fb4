/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/refuse.h"

#include <errno.h>
#include <string.h>

#include "common/pure/ip.h"
#include "vpnd/pure/csum.h"
#include "vpnd/pure/l4.h"

#define IPV4_HEADER_BYTES 20
#define IPV6_HEADER_BYTES 40
#define TCP_HEADER_BYTES 20
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define IPV4_DF 0x4000
#define TTL 64

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static void put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, v >> 16);
	put_be16(p + 2, v);
}

/* Without its checksum. Return: bytes. */
static size_t put_ip(uint8_t *out, const uint8_t *src, const uint8_t *dst, uint8_t family)
{
	if (family == 4) {
		memset(out, 0, IPV4_HEADER_BYTES);
		out[0] = 0x45;
		put_be16(out + 2, IPV4_HEADER_BYTES + TCP_HEADER_BYTES);
		put_be16(out + 6, IPV4_DF);
		out[8] = TTL;
		out[9] = L4_TCP;
		memcpy(out + 12, src, 4);
		memcpy(out + 16, dst, 4);
		return IPV4_HEADER_BYTES;
	}
	memset(out, 0, IPV6_HEADER_BYTES);
	out[0] = 0x60;
	put_be16(out + 4, TCP_HEADER_BYTES);
	out[6] = L4_TCP;
	out[7] = TTL;
	memcpy(out + 8, src, 16);
	memcpy(out + 24, dst, 16);
	return IPV6_HEADER_BYTES;
}

static void put_csums(uint8_t *out, size_t at, uint8_t family)
{
	size_t bytes = family == 4 ? 8 : 32;
	uint8_t rest[4] = {0, L4_TCP, 0, TCP_HEADER_BYTES}; /* of the pseudo-header */
	uint64_t sum = csum_add(out + at - bytes, bytes, csum_add(rest, sizeof(rest), 0));
	uint16_t csum = (uint16_t)~csum_fold(csum_add(out + at, TCP_HEADER_BYTES, sum));

	memcpy(out + at + 16, &csum, sizeof(csum));
	if (family == 4) {
		csum = (uint16_t)~csum_fold(csum_add(out, IPV4_HEADER_BYTES, 0));
		memcpy(out + 10, &csum, sizeof(csum));
	}
}

/* What the segment takes of the sequence: its payload, SYN and FIN. */
static uint32_t segment_len(const uint8_t *tcp, size_t n)
{
	size_t header = (size_t)(tcp[12] >> 4) * 4;
	uint32_t len = header < n ? (uint32_t)(n - header) : 0;

	return len + ((tcp[13] & TCP_SYN) != 0) + ((tcp[13] & TCP_FIN) != 0);
}

/* Is it a segment that can be answered or ended by a reset? */
static bool is_segment(const uint8_t *packet, size_t len, struct l4 *l4)
{
	l4_parse(packet, len, l4);
	return l4->protocol == L4_TCP && l4->at > 0 && !l4->fragment &&
	       len - l4->at >= TCP_HEADER_BYTES && !(l4->tcp_flags & TCP_RST);
}

static size_t reset(uint8_t *out, const uint8_t *packet, size_t len, const struct l4 *l4,
		    uint8_t family)
{
	const uint8_t *tcp = packet + l4->at, *src = packet + (family == 4 ? 12 : 8);
	size_t bytes = family == 4 ? 4 : 16, at = put_ip(out, src + bytes, src, family);
	uint8_t *rst = out + at;

	memset(rst, 0, TCP_HEADER_BYTES);
	memcpy(rst, tcp + 2, 2);
	memcpy(rst + 2, tcp, 2);
	rst[12] = TCP_HEADER_BYTES / 4 << 4;
	rst[13] = TCP_RST;
	if (l4->tcp_flags & TCP_ACK) {
		memcpy(rst + 4, tcp + 8, 4);
	} else {
		rst[13] |= TCP_ACK;
		put_be32(rst + 8, be32(tcp + 4) + segment_len(tcp, len - l4->at));
	}
	put_csums(out, at, family);
	return at + TCP_HEADER_BYTES;
}

int refuse_onward(uint8_t out[REFUSE_MAX_BYTES], size_t *n, const uint8_t *packet, size_t len)
{
	struct ip_info info;
	const uint8_t *tcp;
	struct l4 l4;
	size_t at;

	if (ip_parse(packet, len, &info) != 0)
		return -EBADMSG;
	if (!is_segment(packet, len, &l4) || (l4.tcp_flags & TCP_SYN))
		return -EPERM;
	tcp = packet + l4.at;
	at = put_ip(out, info.src.bytes, info.dst.bytes, info.src.family);
	memset(out + at, 0, TCP_HEADER_BYTES);
	memcpy(out + at, tcp, 12); /* ports, SEQ, ACK */
	out[at + 12] = TCP_HEADER_BYTES / 4 << 4;
	out[at + 13] = TCP_RST | (l4.tcp_flags & TCP_ACK);
	put_csums(out, at, info.src.family);
	*n = at + TCP_HEADER_BYTES;
	return 0;
}

int refuse_answer(uint8_t out[REFUSE_MAX_BYTES], size_t *n, const uint8_t *packet, size_t len,
		  const struct addr *from)
{
	static const struct icmp_error prohibited4 = {3, 13, 0}, prohibited6 = {1, 1, 0};
	struct ip_info info;
	struct l4 l4;

	if (ip_parse(packet, len, &info) != 0)
		return -EBADMSG;
	if (is_segment(packet, len, &l4)) {
		*n = reset(out, packet, len, &l4, info.src.family);
		return 0;
	}
	if (!from->family || (l4.protocol == L4_TCP && !l4.fragment))
		return -EPERM;
	return icmp_error_make(out, n, packet, len, from,
			       info.src.family == 4 ? &prohibited4 : &prohibited6);
}
