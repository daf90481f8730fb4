/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/ip.h"

#include <errno.h>

#define IPV4_HEADER_MIN_BYTES 20
#define IPV6_HEADER_BYTES 40
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_LSRR 131
#define OPTION_SSRR 137
#define MORE_FRAGMENTS 0x2000
#define OFFSET 0x1fff
#define PROTOCOL_TCP 6
#define TCP_FIRST_BYTES 16 /* with ports, flags and window: RFC 1858 section 3 */
#define NEXT_HOPBYHOP 0
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_OPTIONS 60
#define EXTENSIONS_MAX 8

static size_t be16(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

/* @offset: in eights; @n: bytes that the fragment carries. */
static bool bad_fragment(uint8_t protocol, size_t offset, bool more, size_t n)
{
	if (offset * 8 + n > UINT16_MAX || (more && n % 8 != 0))
		return true;
	if (protocol != PROTOCOL_TCP)
		return false;
	return offset == 0 ? more && n < TCP_FIRST_BYTES : offset * 8 < TCP_FIRST_BYTES;
}

/* RFC 791 section 3.1: @n bytes of options. */
static void see_options(const uint8_t *at, size_t n, uint8_t *odd)
{
	while (n > 0 && at[0] != OPTION_END) {
		size_t len = at[0] == OPTION_NOP ? 1 : n > 1 ? at[1] : 0;

		if (len > n || (at[0] != OPTION_NOP && len < 2)) {
			*odd |= IP_BAD_HEADERS;
			return;
		}
		if (at[0] == OPTION_LSRR || at[0] == OPTION_SSRR)
			*odd |= IP_SOURCE_ROUTED;
		at += len;
		n -= len;
	}
}

/* RFC 791 section 3.1. */
static int parse_ipv4(const uint8_t *p, size_t len, struct ip_info *info)
{
	size_t header_len = (size_t)(p[0] & 15) * 4;
	size_t fragment;
	uint8_t odd = 0;

	if (len < IPV4_HEADER_MIN_BYTES || header_len < IPV4_HEADER_MIN_BYTES || header_len > len)
		return -EBADMSG;
	if (be16(p + 2) != len)
		return -EBADMSG;
	see_options(p + IPV4_HEADER_MIN_BYTES, header_len - IPV4_HEADER_MIN_BYTES, &odd);
	fragment = be16(p + 6);
	if ((fragment & (MORE_FRAGMENTS | OFFSET)) &&
	    bad_fragment(p[9], fragment & OFFSET, fragment & MORE_FRAGMENTS, len - header_len))
		odd |= IP_BAD_FRAGMENT;
	*info = (struct ip_info){
		.src = addr_from_bytes(4, p + 12),
		.dst = addr_from_bytes(4, p + 16),
		.protocol = p[9],
		.odd = odd,
		.header_len = header_len,
	};
	return 0;
}

/* Bytes of the extension header at @p, at most @n; 0: they are not all there. */
static size_t extension_len(uint8_t next, const uint8_t *p, size_t n)
{
	size_t len = next == NEXT_FRAGMENT || n < 2 ? 8 : ((size_t)p[1] + 1) * 8;

	return len <= n ? len : 0;
}

/* RFC 8200 section 4.5. Return: true, the headers behind this one are in another fragment. */
static bool see_fragment(const uint8_t *p, size_t n, uint8_t *odd)
{
	size_t offset = be16(p + 2) >> 3;

	if (bad_fragment(p[0], offset, p[3] & 1, n - 8))
		*odd |= IP_BAD_FRAGMENT;
	return offset > 0;
}

/* RFC 8200 section 4: the chain of @n bytes that begins with @next. */
static void see_extensions(uint8_t next, const uint8_t *p, size_t n, uint8_t *odd)
{
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		size_t len;

		if (next != NEXT_HOPBYHOP && next != NEXT_OPTIONS && next != NEXT_ROUTING &&
		    next != NEXT_FRAGMENT)
			return;
		len = extension_len(next, p, n);
		if (len == 0)
			break;
		if (next == NEXT_ROUTING && p[3] > 0) /* segments left */
			*odd |= IP_SOURCE_ROUTED;
		if (next == NEXT_FRAGMENT && see_fragment(p, n, odd))
			return;
		next = p[0];
		p += len;
		n -= len;
	}
	*odd |= IP_BAD_HEADERS;
}

/* RFC 8200 section 3. A jumbogram's length field is 0, which fits a bare header only. */
static int parse_ipv6(const uint8_t *p, size_t len, struct ip_info *info)
{
	uint8_t odd = 0;

	if (len < IPV6_HEADER_BYTES || be16(p + 4) + IPV6_HEADER_BYTES != len)
		return -EBADMSG;
	see_extensions(p[6], p + IPV6_HEADER_BYTES, len - IPV6_HEADER_BYTES, &odd);
	*info = (struct ip_info){
		.src = addr_from_bytes(6, p + 8),
		.dst = addr_from_bytes(6, p + 24),
		.protocol = p[6],
		.odd = odd,
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
