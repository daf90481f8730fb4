/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/mss.h"

#include "vpnd/pure/csum.h"

#define PROTOCOL_TCP 6
#define IPV4_HEADER_MIN_BYTES 20
#define IPV4_FRAGMENT 0x3fff /* more fragments, or an offset */
#define IPV6_HEADER_BYTES 40
#define TCP_HEADER_MIN_BYTES 20
#define TCP_DOFF_OFFSET 12
#define TCP_FLAGS_OFFSET 13
#define TCP_CSUM_OFFSET 16
#define TCP_SYN 0x02
#define OPTION_END 0
#define OPTION_NOTHING 1
#define OPTION_MSS 2
#define OPTION_MSS_BYTES 4

/* Where the TCP header of a whole packet begins; 0: it has none that is all there. */
static size_t tcp_at(const uint8_t *packet, size_t len)
{
	size_t at;

	if (len < IPV4_HEADER_MIN_BYTES + TCP_HEADER_MIN_BYTES)
		return 0;
	if (packet[0] >> 4 == 4) {
		at = (size_t)(packet[0] & 15) * 4;
		if (packet[9] != PROTOCOL_TCP || at < IPV4_HEADER_MIN_BYTES ||
		    (be16(packet + 6) & IPV4_FRAGMENT) != 0)
			return 0;
	} else {
		at = IPV6_HEADER_BYTES;
		if (packet[0] >> 4 != 6 || packet[6] != PROTOCOL_TCP)
			return 0;
	}
	return at + TCP_HEADER_MIN_BYTES <= len ? at : 0;
}

bool mss_is_syn(const uint8_t *packet, size_t len)
{
	size_t at = tcp_at(packet, len);

	return at > 0 && (packet[at + TCP_FLAGS_OFFSET] & TCP_SYN) != 0;
}

static uint16_t swap(uint16_t v)
{
	return (uint16_t)(v << 8 | v >> 8);
}

/* RFC 1624, equation 3. A word at an odd place counts with its bytes swapped. */
static void mend_csum(uint8_t *tcp, size_t at, uint16_t old, uint16_t new)
{
	uint32_t sum = (uint16_t)~be16(tcp + TCP_CSUM_OFFSET);

	sum += (uint16_t) ~(at % 2 ? swap(old) : old);
	sum += at % 2 ? swap(new) : new;
	sum = (sum & UINT16_MAX) + (sum >> 16);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	put_be16(tcp + TCP_CSUM_OFFSET, (uint16_t)~sum);
}

static bool lower(uint8_t *tcp, size_t at, bool needs_csum, uint16_t max)
{
	uint16_t old = be16(tcp + at);

	if (old <= max)
		return false;
	put_be16(tcp + at, max);
	if (!needs_csum)
		mend_csum(tcp, at, old, max);
	return true;
}

/* @end: of the header, from its start. A kernel takes the last of several options. */
static bool clamp_options(uint8_t *tcp, size_t end, bool needs_csum, uint16_t max)
{
	bool changed = false;
	size_t at = TCP_HEADER_MIN_BYTES;

	while (at < end && tcp[at] != OPTION_END) {
		size_t bytes;

		if (tcp[at] == OPTION_NOTHING) {
			at++;
			continue;
		}
		if (end - at < 2)
			break;
		bytes = tcp[at + 1];
		if (bytes < 2 || bytes > end - at)
			break;
		if (tcp[at] == OPTION_MSS && bytes == OPTION_MSS_BYTES)
			changed |= lower(tcp, at + 2, needs_csum, max);
		at += bytes;
	}
	return changed;
}

bool mss_clamp(uint8_t *packet, size_t len, bool needs_csum, uint32_t mtu)
{
	size_t at = tcp_at(packet, len), end;
	uint32_t headers = TCP_HEADER_MIN_BYTES, max;

	if (!mss_is_syn(packet, len))
		return false;
	end = (size_t)(packet[at + TCP_DOFF_OFFSET] >> 4) * 4;
	if (end < TCP_HEADER_MIN_BYTES || end > len - at)
		return false;
	headers += packet[0] >> 4 == 4 ? IPV4_HEADER_MIN_BYTES : IPV6_HEADER_BYTES;
	if (mtu <= headers)
		return false;
	max = mtu - headers;
	return clamp_options(packet + at, end, needs_csum,
			     max < UINT16_MAX ? (uint16_t)max : UINT16_MAX);
}
