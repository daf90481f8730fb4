/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/icmp_error.h"

#include <errno.h>
#include <string.h>

#include "common/pure/ip.h"
#include "vpnd/pure/csum.h"

#define IPV4_HEADER_BYTES 20
#define IPV6_HEADER_BYTES 40
#define ICMP_HEADER_BYTES 8
#define IPV4_MAX_BYTES 576
#define IPV4_OFFSET 0x1fff
#define IPV4_DF 0x4000
#define TOS_CONTROL 0xc0 /* RFC 1812 section 4.3.2.5: internetwork control */
#define TTL 64
#define PROTOCOL_ICMP 1
#define PROTOCOL_ICMPV6 58
#define NEXT_HOPBYHOP 0
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_AH 51
#define NEXT_OPTIONS 60
#define ICMPV6_REDIRECT 137
#define ICMPV6_QUERY 128 /* below: errors */

static bool is_icmp_error(uint8_t type)
{
	switch (type) {
	case 3:	 /* unreachable */
	case 4:	 /* source quench */
	case 5:	 /* redirect */
	case 11: /* time exceeded */
	case 12: /* parameter problem */
		return true;
	default:
		return false;
	}
}

static bool is_one_host_v4(const struct addr *a)
{
	return a->bytes[0] != 0 && a->bytes[0] < 224;
}

static bool is_one_host_v6(const struct addr *a)
{
	static const uint8_t none[16];

	return a->bytes[0] != 0xff && memcmp(a->bytes, none, sizeof(none)) != 0;
}

static bool may_answer_v4(const uint8_t *p, size_t len, const struct ip_info *info)
{
	if (!is_one_host_v4(&info->src) || !is_one_host_v4(&info->dst) ||
	    (be16(p + 6) & IPV4_OFFSET) != 0)
		return false;
	return info->protocol != PROTOCOL_ICMP ||
	       (len > info->header_len && !is_icmp_error(p[info->header_len]));
}

static bool is_extension(uint8_t next)
{
	return next == NEXT_HOPBYHOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT ||
	       next == NEXT_AH || next == NEXT_OPTIONS;
}

/* Of an IPv6 extension header, of which 8 bytes are there: RFC 8200 section 4, RFC 4302
 * section 2.2. */
static size_t extension_bytes(uint8_t next, const uint8_t *p)
{
	if (next == NEXT_FRAGMENT)
		return 8;
	return next == NEXT_AH ? (p[1] + (size_t)2) * 4 : (p[1] + (size_t)1) * 8;
}

static bool may_answer_v6(const uint8_t *p, size_t len, const struct ip_info *info)
{
	size_t at = IPV6_HEADER_BYTES;
	uint8_t next = info->protocol;

	if (!is_one_host_v6(&info->src) || !is_one_host_v6(&info->dst))
		return false;
	while (is_extension(next)) {
		size_t bytes = len - at >= 8 ? extension_bytes(next, p + at) : 0;

		if (bytes == 0 || bytes > len - at ||
		    (next == NEXT_FRAGMENT && be16(p + at + 2) >> 3 != 0))
			return false; /* malformed, or no first fragment */
		next = p[at];
		at += bytes;
	}
	return next != PROTOCOL_ICMPV6 ||
	       (at < len && p[at] >= ICMPV6_QUERY && p[at] != ICMPV6_REDIRECT);
}

/* @sum: of what the checksum covers beside the message. */
static void put_csum(uint8_t *field, const uint8_t *message, size_t n, uint64_t sum)
{
	uint16_t csum;

	put_be16(field, 0);
	csum = (uint16_t)~csum_fold(csum_add(message, n, sum));
	memcpy(field, &csum, sizeof(csum));
}

static size_t make_v4(uint8_t *out, const uint8_t *packet, size_t len, const struct addr *from,
		      const struct icmp_error *error)
{
	size_t head = IPV4_HEADER_BYTES + ICMP_HEADER_BYTES;
	size_t quoted = len < IPV4_MAX_BYTES - head ? len : IPV4_MAX_BYTES - head;
	uint8_t *icmp = out + IPV4_HEADER_BYTES;

	memset(out, 0, head);
	out[0] = 0x45;
	out[1] = TOS_CONTROL;
	put_be16(out + 2, head + quoted);
	put_be16(out + 6, IPV4_DF);
	out[8] = TTL;
	out[9] = PROTOCOL_ICMP;
	memcpy(out + 12, from->bytes, 4);
	memcpy(out + 16, packet + 12, 4);
	put_csum(out + 10, out, IPV4_HEADER_BYTES, 0);
	icmp[0] = error->type;
	icmp[1] = error->code;
	put_be16(icmp + 4, error->rest >> 16);
	put_be16(icmp + 6, error->rest);
	memcpy(out + head, packet, quoted);
	put_csum(icmp + 2, icmp, ICMP_HEADER_BYTES + quoted, 0);
	return head + quoted;
}

static size_t make_v6(uint8_t *out, const uint8_t *packet, size_t len, const struct addr *from,
		      const struct icmp_error *error)
{
	size_t head = IPV6_HEADER_BYTES + ICMP_HEADER_BYTES;
	size_t quoted = len < ICMP_ERROR_MAX_BYTES - head ? len : ICMP_ERROR_MAX_BYTES - head;
	size_t message = ICMP_HEADER_BYTES + quoted;
	uint8_t *icmp = out + IPV6_HEADER_BYTES, pseudo[4] = {0, PROTOCOL_ICMPV6};

	memset(out, 0, head);
	out[0] = 0x60;
	put_be16(out + 4, message);
	out[6] = PROTOCOL_ICMPV6;
	out[7] = TTL;
	memcpy(out + 8, from->bytes, 16);
	memcpy(out + 24, packet + 8, 16);
	icmp[0] = error->type;
	icmp[1] = error->code;
	put_be16(icmp + 4, error->rest >> 16);
	put_be16(icmp + 6, error->rest);
	memcpy(out + head, packet, quoted);
	put_be16(pseudo + 2, message); /* RFC 8200 section 8.1 */
	put_csum(icmp + 2, icmp, message,
		 csum_add(out + 8, 32, csum_add(pseudo, sizeof(pseudo), 0)));
	return head + quoted;
}

int icmp_error_make(uint8_t out[ICMP_ERROR_MAX_BYTES], size_t *n, const uint8_t *packet, size_t len,
		    const struct addr *from, const struct icmp_error *error)
{
	struct ip_info info;

	if (ip_parse(packet, len, &info) != 0 || info.src.family != from->family)
		return -EBADMSG;
	if (info.src.family == 4) {
		if (!may_answer_v4(packet, len, &info))
			return -EPERM;
		*n = make_v4(out, packet, len, from, error);
	} else {
		if (!may_answer_v6(packet, len, &info))
			return -EPERM;
		*n = make_v6(out, packet, len, from, error);
	}
	return 0;
}
