/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/ip.h"

#include <errno.h>

#define IPV4_HEADER_MIN_BYTES 20
#define IPV6_HEADER_BYTES 40

static size_t be16(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

/* RFC 791 section 3.1. */
static int parse_ipv4(const uint8_t *p, size_t len, struct ip_info *info)
{
	size_t header_len = (size_t)(p[0] & 15) * 4;

	if (len < IPV4_HEADER_MIN_BYTES || header_len < IPV4_HEADER_MIN_BYTES || header_len > len)
		return -EBADMSG;
	if (be16(p + 2) != len)
		return -EBADMSG;
	*info = (struct ip_info){
		.src = addr_from_bytes(4, p + 12),
		.dst = addr_from_bytes(4, p + 16),
		.protocol = p[9],
		.header_len = header_len,
	};
	return 0;
}

/* RFC 8200 section 3. A jumbogram's length field is 0, which fits a bare header only. */
static int parse_ipv6(const uint8_t *p, size_t len, struct ip_info *info)
{
	if (len < IPV6_HEADER_BYTES || be16(p + 4) + IPV6_HEADER_BYTES != len)
		return -EBADMSG;
	*info = (struct ip_info){
		.src = addr_from_bytes(6, p + 8),
		.dst = addr_from_bytes(6, p + 24),
		.protocol = p[6],
		.header_len = IPV6_HEADER_BYTES,
	};
	return 0;
}

int ip_parse(const uint8_t *packet, size_t len, struct ip_info *info)
{
	if (len < 1)
		return -EBADMSG;
	switch (packet[0] >> 4) {
	case 4:
		return parse_ipv4(packet, len, info);
	case 6:
		return parse_ipv6(packet, len, info);
	default:
		return -EBADMSG;
	}
}
