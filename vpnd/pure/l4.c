/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/l4.h"

#include "vpnd/pure/csum.h"

#define IPV4_HEADER_MIN_BYTES 20
#define IPV6_HEADER_BYTES 40
#define IPV4_OFFSET 0x1fff
#define IPV4_FRAGMENT 0x3fff /* more fragments, or an offset */
#define EXTENSIONS_MAX 8
#define NEXT_HOPBYHOP 0
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_OPTIONS 60
#define FRAGMENT_HEADER_BYTES 8
#define ICMP_HEADER_BYTES 8
#define TCP_FLAGS_OFFSET 13
#define TCP_CSUM_OFFSET 16
#define UDP_CSUM_OFFSET 6
#define ICMP_CSUM_OFFSET 2
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129

/* RFC 792; with a quoted packet and no address of a router in it that matters. */
static bool is_icmp_error(uint8_t type)
{
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static bool is_echo(uint8_t type, bool v6)
{
	return v6 ? type == ICMPV6_ECHO_REQUEST || type == ICMPV6_ECHO_REPLY
		  : type == 8 || type == 0;
}

/* RFC 4443 section 2.1: errors are below 128; 0 is reserved. */
static bool is_error(uint8_t type, bool v6)
{
	return v6 ? type > 0 && type < ICMPV6_ECHO_REQUEST : is_icmp_error(type);
}

static void parse_icmp(const uint8_t *p, size_t len, bool v6, struct l4 *l4)
{
	const uint8_t *icmp = p + l4->at;
	size_t n = len - l4->at;

	if (n >= ICMP_CSUM_OFFSET + 2)
		l4->csum_at = (uint16_t)(l4->at + ICMP_CSUM_OFFSET);
	if (n < ICMP_HEADER_BYTES)
		return;
	if (is_echo(icmp[0], v6)) {
		l4->kind = L4_ECHO;
		l4->request = icmp[0] == (v6 ? ICMPV6_ECHO_REQUEST : 8);
		l4->src = l4->dst = be16(icmp + 4);
	} else if (is_error(icmp[0], v6)) {
		l4->kind = L4_ERROR;
		l4->quoted = (uint16_t)(l4->at + ICMP_HEADER_BYTES);
	}
}

static void parse_ports(const uint8_t *p, size_t len, struct l4 *l4)
{
	size_t csum = l4->protocol == L4_TCP ? TCP_CSUM_OFFSET : UDP_CSUM_OFFSET;
	size_t n = len - l4->at;

	if (n < 4)
		return;
	l4->kind = L4_PORTS;
	l4->src = be16(p + l4->at);
	l4->dst = be16(p + l4->at + 2);
	if (n >= csum + 2)
		l4->csum_at = (uint16_t)(l4->at + csum);
	if (l4->protocol == L4_TCP && n > TCP_FLAGS_OFFSET)
		l4->tcp_flags = p[l4->at + TCP_FLAGS_OFFSET];
}

static void parse_transport(const uint8_t *p, size_t len, size_t at, bool v6, struct l4 *l4)
{
	if (l4->later || at >= len || at > UINT16_MAX - ICMP_HEADER_BYTES)
		return;
	l4->at = (uint16_t)at;
	if (l4->protocol == L4_TCP || l4->protocol == L4_UDP)
		parse_ports(p, len, l4);
	else if (l4->protocol == (v6 ? L4_ICMPV6 : L4_ICMP))
		parse_icmp(p, len, v6, l4);
}

static void parse_ipv4(const uint8_t *p, size_t len, struct l4 *l4)
{
	size_t header = (size_t)(p[0] & 15) * 4;

	if (len < IPV4_HEADER_MIN_BYTES || header < IPV4_HEADER_MIN_BYTES)
		return;
	l4->protocol = p[9];
	l4->fragment = (be16(p + 6) & IPV4_FRAGMENT) != 0;
	l4->offset = (uint16_t)((be16(p + 6) & IPV4_OFFSET) * 8);
	l4->later = l4->offset != 0;
	l4->id = be16(p + 4);
	parse_transport(p, len, header, false, l4);
}

/* Bytes of the extension header at @p; 0: it is none. */
static size_t extension(uint8_t type, const uint8_t *p)
{
	switch (type) {
	case NEXT_FRAGMENT:
		return FRAGMENT_HEADER_BYTES;
	case NEXT_HOPBYHOP:
	case NEXT_ROUTING:
	case NEXT_OPTIONS:
		return ((size_t)p[1] + 1) * 8;
	default:
		return 0;
	}
}

static void parse_ipv6(const uint8_t *p, size_t len, struct l4 *l4)
{
	size_t at = IPV6_HEADER_BYTES, bytes;

	if (len < IPV6_HEADER_BYTES)
		return;
	l4->protocol = p[6];
	for (int i = 0; i < EXTENSIONS_MAX && len - at >= 8; i++) {
		bytes = extension(l4->protocol, p + at);
		if (bytes == 0)
			break;
		if (l4->protocol == NEXT_FRAGMENT) {
			l4->offset = be16(p + at + 2) & 0xfff8;
			l4->later |= l4->offset != 0;
			l4->id = (uint32_t)be16(p + at + 4) << 16 | be16(p + at + 6);
			l4->fragment |= (be16(p + at + 2) & 0xfff9) != 0;
		}
		l4->protocol = p[at];
		if (bytes > len - at)
			return;
		at += bytes;
		if (l4->later) /* what follows is the middle of something */
			return;
	}
	parse_transport(p, len, at, true, l4);
}

void l4_parse(const uint8_t *packet, size_t len, struct l4 *l4)
{
	*l4 = (struct l4){.kind = L4_NONE};
	if (len > 0 && packet[0] >> 4 == 4)
		parse_ipv4(packet, len, l4);
	else if (len > 0 && packet[0] >> 4 == 6)
		parse_ipv6(packet, len, l4);
}
