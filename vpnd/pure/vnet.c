/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/vnet.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/pure/ip.h"
#include "vpnd/pure/csum.h"

/* VIRTIO_NET_HDR_*, linux/virtio_net.h */
#define FLAG_NEEDS_CSUM 1
#define TYPE_ECN 0x80

#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define TCP_HEADER_MIN_BYTES 20
#define UDP_HEADER_BYTES 8
#define TCP_CSUM_OFFSET 16
#define UDP_CSUM_OFFSET 6
#define TCP_SEQ_OFFSET 4
#define TCP_DOFF_OFFSET 12
#define TCP_FLAGS_OFFSET 13
#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80
#define IPV4_FRAGMENT 0x3fff /* more fragments, or an offset */

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[1] << 8 | p[0]);
}

static void put_le16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static uint16_t host16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void put_host16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}

/* --- the ten bytes ------------------------------------------------------------------------------
 */

static int decode_type(struct vnet *v, uint8_t type)
{
	switch (type & ~TYPE_ECN) {
	case VNET_GSO_NONE:
		v->gso = VNET_GSO_NONE;
		break;
	case VNET_GSO_TCP4:
		v->gso = VNET_GSO_TCP4;
		break;
	case VNET_GSO_TCP6:
		v->gso = VNET_GSO_TCP6;
		break;
	case VNET_GSO_UDP_L4:
		v->gso = VNET_GSO_UDP_L4;
		break;
	default:
		return -EBADMSG;
	}
	v->ecn = type & TYPE_ECN;
	return 0;
}

int vnet_decode_host(struct vnet *v, const uint8_t in[VNET_BYTES])
{
	struct vnet d = {
		.needs_csum = in[0] & FLAG_NEEDS_CSUM,
		.hdr_len = host16(in + 2),
		.gso_size = host16(in + 4),
		.csum_start = host16(in + 6),
		.csum_offset = host16(in + 8),
	};

	if (decode_type(&d, in[1]) != 0)
		return -EBADMSG;
	*v = d;
	return 0;
}

int vnet_decode_wire(struct vnet *v, const uint8_t in[VNET_BYTES])
{
	struct vnet d = {
		.needs_csum = in[0] & FLAG_NEEDS_CSUM,
		.hdr_len = le16(in + 2),
		.gso_size = le16(in + 4),
		.csum_start = le16(in + 6),
		.csum_offset = le16(in + 8),
	};

	if ((in[0] & ~FLAG_NEEDS_CSUM) != 0 || decode_type(&d, in[1]) != 0)
		return -EBADMSG;
	*v = d;
	return 0;
}

static void encode_type(const struct vnet *v, uint8_t out[2])
{
	out[0] = v->needs_csum ? FLAG_NEEDS_CSUM : 0;
	out[1] = (uint8_t)((unsigned int)v->gso | (v->ecn ? TYPE_ECN : 0));
}

void vnet_encode_host(const struct vnet *v, uint8_t out[VNET_BYTES])
{
	encode_type(v, out);
	put_host16(out + 2, v->hdr_len);
	put_host16(out + 4, v->gso_size);
	put_host16(out + 6, v->csum_start);
	put_host16(out + 8, v->csum_offset);
}

void vnet_encode_wire(const struct vnet *v, uint8_t out[VNET_BYTES])
{
	encode_type(v, out);
	put_le16(out + 2, v->hdr_len);
	put_le16(out + 4, v->gso_size);
	put_le16(out + 6, v->csum_start);
	put_le16(out + 8, v->csum_offset);
}

/* --- checksums ----------------------------------------------------------------------------------
 */

/* @sum covers everything, the field itself as 0 or with the pseudo-header's sum. */
static void put_csum(uint8_t *field, uint64_t sum)
{
	uint16_t csum = (uint16_t)~csum_fold(sum);

	put_host16(field, csum ? csum : UINT16_MAX);
}

/* RFC 9293 section 3.1 and RFC 8200 section 8.1; both give the same sum. @len: from @l4 on. */
static uint64_t pseudo_sum(const uint8_t *packet, uint8_t protocol, size_t len)
{
	uint8_t rest[4] = {0, protocol};
	bool is_v4 = packet[0] >> 4 == 4;

	put_be16(rest + 2, len);
	return csum_add(is_v4 ? packet + 12 : packet + 8, is_v4 ? 8 : 32,
			csum_add(rest, sizeof(rest), 0));
}

/* --- normal form --------------------------------------------------------------------------------
 */

/* What the packet itself says. */
struct shape {
	uint8_t version, protocol;
	uint16_t l4;	       /* where the transport header begins */
	uint16_t header_bytes; /* both headers */
	uint16_t csum_offset, len;
	bool cwr;
};

static int look_tcp(const uint8_t *packet, size_t len, struct shape *s)
{
	const uint8_t *tcp = packet + s->l4;
	unsigned int header;

	if (len - s->l4 < TCP_HEADER_MIN_BYTES)
		return -EBADMSG;
	header = (tcp[TCP_DOFF_OFFSET] >> 4) * 4U;
	if (header < TCP_HEADER_MIN_BYTES || header > len - s->l4)
		return -EBADMSG;
	s->header_bytes = (uint16_t)(s->l4 + header);
	s->csum_offset = TCP_CSUM_OFFSET;
	s->cwr = tcp[TCP_FLAGS_OFFSET] & TCP_CWR;
	return 0;
}

static int look_udp(const uint8_t *packet, size_t len, struct shape *s)
{
	if (len - s->l4 < UDP_HEADER_BYTES || be16(packet + s->l4 + 4) != len - s->l4)
		return -EBADMSG;
	s->header_bytes = (uint16_t)(s->l4 + UDP_HEADER_BYTES);
	s->csum_offset = UDP_CSUM_OFFSET;
	return 0;
}

/*
 * A whole TCP or UDP packet, or -EBADMSG. IPv6 extension headers make another protocol of it, and
 * so nothing that has them is in normal form with a checksum to complete.
 */
static int look(const uint8_t *packet, size_t len, struct shape *s)
{
	struct ip_info info;

	if (len > VNET_PACKET_MAX_BYTES || ip_parse(packet, len, &info) != 0)
		return -EBADMSG;
	if (info.src.family == 4 && (be16(packet + 6) & IPV4_FRAGMENT) != 0)
		return -EBADMSG;
	*s = (struct shape){
		.version = info.src.family,
		.protocol = info.protocol,
		.l4 = (uint16_t)info.header_len,
		.len = (uint16_t)len,
	};
	switch (info.protocol) {
	case PROTOCOL_TCP:
		return look_tcp(packet, len, s);
	case PROTOCOL_UDP:
		return look_udp(packet, len, s);
	default:
		return -EBADMSG;
	}
}

static bool gso_fits(enum vnet_gso gso, const struct shape *s)
{
	switch (gso) {
	case VNET_GSO_NONE:
		return false;
	case VNET_GSO_TCP4:
		return s->version == 4 && s->protocol == PROTOCOL_TCP;
	case VNET_GSO_TCP6:
		return s->version == 6 && s->protocol == PROTOCOL_TCP;
	case VNET_GSO_UDP_L4:
		return s->protocol == PROTOCOL_UDP;
	}
	return false;
}

/* The normal form of a packet with needs_csum. @gso_size: 0 if it is no super-packet. */
static struct vnet normal_form(const struct shape *s, enum vnet_gso gso, uint16_t gso_size)
{
	struct vnet v = {
		.needs_csum = true,
		.csum_start = s->l4,
		.csum_offset = s->csum_offset,
	};

	if (gso != VNET_GSO_NONE) {
		v.gso = gso;
		v.gso_size = gso_size;
		v.hdr_len = s->header_bytes;
		v.ecn = s->cwr;
	}
	return v;
}

static bool is_equal(const struct vnet *a, const struct vnet *b)
{
	return a->gso == b->gso && a->needs_csum == b->needs_csum && a->ecn == b->ecn &&
	       a->hdr_len == b->hdr_len && a->gso_size == b->gso_size &&
	       a->csum_start == b->csum_start && a->csum_offset == b->csum_offset;
}

/* What skb_checksum_help() of Linux would have done. */
static int complete_anywhere(struct vnet *v, uint8_t *packet, size_t len)
{
	size_t field = (size_t)v->csum_start + v->csum_offset;

	if (field + 2 > len)
		return -EBADMSG;
	put_csum(packet + field, csum_add(packet + v->csum_start, len - v->csum_start, 0));
	*v = (struct vnet){0};
	return 0;
}

static int normalise_plain(struct vnet *v, uint8_t *packet, size_t len)
{
	struct shape s;

	if (!v->needs_csum) {
		*v = (struct vnet){0};
		return 0;
	}
	if (look(packet, len, &s) != 0 || v->csum_start != s.l4 || v->csum_offset != s.csum_offset)
		return complete_anywhere(v, packet, len);
	*v = normal_form(&s, VNET_GSO_NONE, 0);
	return 0;
}

int vnet_normalise(struct vnet *v, uint8_t *packet, size_t len)
{
	struct shape s;
	bool is_super;

	if (v->gso == VNET_GSO_NONE)
		return normalise_plain(v, packet, len);
	if (v->gso_size == 0 || look(packet, len, &s) != 0 || !gso_fits(v->gso, &s))
		return -EBADMSG;
	if (v->needs_csum && (v->csum_start != s.l4 || v->csum_offset != s.csum_offset))
		return -EBADMSG;
	if (!v->needs_csum)
		put_host16(packet + s.l4 + s.csum_offset,
			   csum_fold(pseudo_sum(packet, s.protocol, len - s.l4)));
	is_super = s.len - s.header_bytes > v->gso_size;
	*v = normal_form(&s, is_super ? v->gso : VNET_GSO_NONE, v->gso_size);
	return vnet_segments(v, len) > VNET_SEGMENTS_MAX ? -E2BIG : 0;
}

int vnet_check(const struct vnet *v, const uint8_t *packet, size_t len)
{
	static const struct vnet plain;
	struct vnet want;
	struct shape s;

	if (v->gso == VNET_GSO_NONE && !v->needs_csum)
		return is_equal(v, &plain) ? 0 : -EBADMSG;
	if (look(packet, len, &s) != 0)
		return -EBADMSG;
	want = normal_form(&s, v->gso, v->gso_size);
	if (!is_equal(v, &want))
		return -EBADMSG;
	if (v->gso == VNET_GSO_NONE)
		return 0;
	if (!gso_fits(v->gso, &s) || v->gso_size == 0 || s.len - s.header_bytes <= v->gso_size)
		return -EBADMSG;
	return vnet_segments(v, len) <= VNET_SEGMENTS_MAX ? 0 : -EBADMSG;
}

void vnet_complete_csum(struct vnet *v, uint8_t *packet, size_t len)
{
	int err;

	assert(v->gso == VNET_GSO_NONE);
	if (!v->needs_csum)
		return;
	err = complete_anywhere(v, packet, len);
	assert(err == 0);
	(void)err;
}

/* --- cutting ------------------------------------------------------------------------------------
 */

size_t vnet_segments(const struct vnet *v, size_t len)
{
	if (v->gso == VNET_GSO_NONE)
		return 1;
	return (len - v->hdr_len + v->gso_size - 1) / v->gso_size;
}

void vnet_segment_init(struct vnet_cutter *c, const struct vnet *v, const uint8_t *packet,
		       size_t len)
{
	assert(v->gso != VNET_GSO_NONE && v->gso_size > 0 && v->hdr_len < len);
	*c = (struct vnet_cutter){.v = *v, .packet = packet, .len = len, .at = v->hdr_len};
}

static void finish_ip(const struct vnet_cutter *c, uint8_t *ip, size_t n)
{
	if (ip[0] >> 4 == 6) {
		put_be16(ip + 4, n - c->v.csum_start);
		return;
	}
	put_be16(ip + 2, n);
	put_be16(ip + 4, be16(ip + 4) + c->index);
	put_be16(ip + 10, 0);
	put_host16(ip + 10, (uint16_t)~csum_fold(csum_add(ip, c->v.csum_start, 0)));
}

static void finish_tcp(const struct vnet_cutter *c, uint8_t *tcp, bool is_last)
{
	uint8_t *at = tcp + TCP_SEQ_OFFSET;
	uint32_t seq = (uint32_t)be16(at) << 16 | be16(at + 2);

	seq += c->index * c->v.gso_size;
	put_be16(at, seq >> 16);
	put_be16(at + 2, seq);
	if (!is_last)
		tcp[TCP_FLAGS_OFFSET] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (c->index > 0)
		tcp[TCP_FLAGS_OFFSET] &= (uint8_t)~TCP_CWR;
}

/* @out: @n bytes, the super-packet's headers and the segment's payload. */
static void finish(const struct vnet_cutter *c, uint8_t *out, size_t n, bool is_last)
{
	bool is_udp = c->v.gso == VNET_GSO_UDP_L4;
	uint8_t *l4 = out + c->v.csum_start, *csum = l4 + c->v.csum_offset;
	size_t l4_len = n - c->v.csum_start;

	finish_ip(c, out, n);
	if (is_udp)
		put_be16(l4 + 4, l4_len);
	else
		finish_tcp(c, l4, is_last);
	put_be16(csum, 0);
	put_csum(csum, csum_add(l4, l4_len,
				pseudo_sum(out, is_udp ? PROTOCOL_UDP : PROTOCOL_TCP, l4_len)));
}

int vnet_segment_next(struct vnet_cutter *c, uint8_t *out, size_t size, size_t *n)
{
	size_t header = c->v.hdr_len, payload = c->len - c->at;
	bool is_last = payload <= c->v.gso_size;

	if (payload == 0)
		return -ENODATA;
	if (!is_last)
		payload = c->v.gso_size;
	if (size < header + payload)
		return -ENOSPC;
	memcpy(out, c->packet, header);
	memcpy(out + header, c->packet + c->at, payload);
	finish(c, out, header + payload, is_last);
	c->at += payload;
	c->index++;
	*n = header + payload;
	return 0;
}
