/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/fragment.h"

#include <errno.h>
#include <string.h>

#include "common/pure/ip.h"
#include "vpnd/pure/csum.h"

#define HEADER_MIN_BYTES 20
#define DF 0x4000
#define MF 0x2000
#define OFFSET_MASK 0x1fff
#define UNIT_BYTES 8 /* of an offset */
#define PACKET_MAX_BYTES 65535
#define OPTION_END 0
#define OPTION_NOTHING 1
#define OPTION_COPIED 0x80

static size_t offset_of(const uint8_t *ip)
{
	return (size_t)(be16(ip + 6) & OFFSET_MASK) * UNIT_BYTES;
}

int fragment_init(struct fragment *f, const uint8_t *packet, size_t len, uint32_t mtu)
{
	struct ip_info info;

	if (mtu < FRAGMENT_MTU_MIN || ip_parse(packet, len, &info) != 0)
		return -EBADMSG;
	if (info.src.family != 4 || (be16(packet + 6) & DF) != 0)
		return -EMSGSIZE;
	if (info.header_len == len || offset_of(packet) + len > PACKET_MAX_BYTES)
		return -EBADMSG;
	*f = (struct fragment){
		.packet = packet,
		.len = len,
		.header = info.header_len,
		.at = info.header_len,
		.mtu = mtu,
	};
	return 0;
}

/* Bytes of the option at @at, 0: there is none, or a malformed one; then nothing more is read. */
static size_t option_bytes(const uint8_t *ip, size_t at, size_t header)
{
	if (at >= header || ip[at] == OPTION_END)
		return 0;
	if (ip[at] == OPTION_NOTHING)
		return 1;
	if (header - at < 2 || ip[at + 1] < 2 || ip[at + 1] > header - at)
		return 0;
	return ip[at + 1];
}

/* RFC 791: only the first piece has all options. Return: bytes of the header, padded. */
static size_t put_header(const struct fragment *f, uint8_t out[60])
{
	size_t used = HEADER_MIN_BYTES, bytes;

	if (f->at == f->header) {
		memcpy(out, f->packet, f->header);
		return f->header;
	}
	memset(out, OPTION_END, 60);
	memcpy(out, f->packet, HEADER_MIN_BYTES);
	for (size_t at = used; (bytes = option_bytes(f->packet, at, f->header)) > 0; at += bytes) {
		if (!(f->packet[at] & OPTION_COPIED))
			continue;
		memcpy(out + used, f->packet + at, bytes);
		used += bytes;
	}
	used = (used + 3) & ~(size_t)3;
	out[0] = (uint8_t)(0x40 | used / 4);
	return used;
}

int fragment_next(struct fragment *f, uint8_t *out, size_t size, size_t *n)
{
	uint8_t ip[60];
	size_t left = f->len - f->at, offset = offset_of(f->packet) + f->at - f->header;
	size_t header, bytes;
	uint16_t more = be16(f->packet + 6) & MF, csum;

	if (left == 0)
		return -ENODATA;
	header = put_header(f, ip);
	bytes = f->mtu - header;
	if (left > bytes) {
		bytes -= bytes % UNIT_BYTES;
		more = MF;
	} else {
		bytes = left;
	}
	if (size < header + bytes)
		return -ENOSPC;
	put_be16(ip + 2, header + bytes);
	put_be16(ip + 6, more | offset / UNIT_BYTES);
	put_be16(ip + 10, 0);
	csum = (uint16_t)~csum_fold(csum_add(ip, header, 0));
	memcpy(ip + 10, &csum, sizeof(csum));
	memcpy(out, ip, header);
	memcpy(out + header, f->packet + f->at, bytes);
	f->at += bytes;
	*n = header + bytes;
	return 0;
}
