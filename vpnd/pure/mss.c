/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/mss.h"

#define PROTOCOL_TCP 6
#define IPV4_FRAGMENT 0x3fff /* more fragments, or an offset */
#define TCP_HEADER_BYTES 20
#define TCP_DOFF_OFFSET 12
#define TCP_FLAGS_OFFSET 13
#define TCP_CSUM_OFFSET 16
#define TCP_SYN 0x02
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define OPTION_MSS_BYTES 4

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put_be16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Return: 0 if this is no whole SYN with options; else the bytes of its TCP header. */
static size_t syn_header(const uint8_t *packet, size_t len, const struct ip_info *info)
{
	const uint8_t *tcp = packet + info->header_len;
	size_t n;

	if (info->protocol != PROTOCOL_TCP || len - info->header_len < TCP_HEADER_BYTES ||
	    !(tcp[TCP_FLAGS_OFFSET] & TCP_SYN))
		return 0;
	if (info->src.family == 4 && (be16(packet + 6) & IPV4_FRAGMENT) != 0)
		return 0;
	n = (size_t)(tcp[TCP_DOFF_OFFSET] >> 4) * 4;
	return n > TCP_HEADER_BYTES && n <= len - info->header_len ? n : 0;
}

/* Return: where the value stands in the TCP header, or 0. */
static size_t find_mss(const uint8_t *tcp, size_t n)
{
	size_t at = TCP_HEADER_BYTES;

	while (at < n && tcp[at] != OPTION_END) {
		if (tcp[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (n - at < 2 || tcp[at + 1] < 2 || tcp[at + 1] > n - at)
			return 0;
		if (tcp[at] == OPTION_MSS)
			return tcp[at + 1] == OPTION_MSS_BYTES ? at + 2 : 0;
		at += tcp[at + 1];
	}
	return 0;
}

/* RFC 1624, equation 3. A value at an odd place is in the sum with its bytes swapped. */
static void adjust_csum(uint8_t *field, uint16_t old, uint16_t new, bool odd)
{
	uint32_t sum = (uint16_t)~be16(field);

	if (odd) {
		old = (uint16_t)(old << 8 | old >> 8);
		new = (uint16_t)(new << 8 | new >> 8);
	}
	sum += (uint16_t)~old + (uint32_t) new;
	sum = (sum & UINT16_MAX) + (sum >> 16);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	put_be16(field, (uint16_t)~sum);
}

bool mss_clamp(uint8_t *packet, size_t len, const struct ip_info *info, size_t mtu, bool csum_open)
{
	uint8_t *tcp = packet + info->header_len;
	size_t ip_bytes = info->src.family == 4 ? 20 : 40;
	size_t fits = mtu - ip_bytes - TCP_HEADER_BYTES; /* options are the sender's affair */
	size_t at = find_mss(tcp, syn_header(packet, len, info));
	uint16_t old;

	if (at == 0)
		return false;
	old = be16(tcp + at);
	if (old <= fits)
		return false;
	put_be16(tcp + at, fits);
	if (!csum_open)
		adjust_csum(tcp + TCP_CSUM_OFFSET, old, (uint16_t)fits, at % 2 != 0);
	return true;
}
