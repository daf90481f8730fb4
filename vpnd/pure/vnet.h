/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vnet - the virtio-net header of TUN packets (IFF_VNET_HDR) and what it means. Pure.
 *
 *   super-packet  up to 64 KiB of one TCP or UDP flow with one header; it stands for segments of
 *                 gso_size bytes of payload each (the last may be shorter)
 *   needs_csum    the transport checksum field holds the folded sum of the pseudo-header, not
 *                 complemented; whoever sends the packet on adds the rest. Who changes addresses
 *                 updates that sum: with the opposite sign of a finished checksum.
 *   normal form   the only header that a packet and its gso_size can have. What may travel is in
 *                 normal form, so a receiver compares instead of interpreting:
 *                   plain         all zero
 *                   needs_csum    and csum_start, csum_offset
 *                   super-packet  needs_csum, at least two segments, hdr_len exact, ecn as CWR is
 *
 * Sources: virtio 1.2 section 5.1.6; Linux include/linux/virtio_net.h; docs/PROTOCOL.md.
 */
#ifndef FARLAN_VNET_H
#define FARLAN_VNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Linux has them since 6.2, the headers that we build with may be older. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20 /* TUNSETOFFLOAD: UDP segmentation, IPv4 */
#endif
#ifndef TUN_F_USO6
#define TUN_F_USO6 0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define VNET_BYTES 10
#define VNET_PACKET_MAX_BYTES 65535 /* without the header */
#define VNET_SEGMENTS_MAX 128	    /* of a super-packet that travels; UDP_MAX_SEGMENTS of Linux */

/* As virtio numbers them. */
enum vnet_gso {
	VNET_GSO_NONE = 0,
	VNET_GSO_TCP4 = 1,
	VNET_GSO_TCP6 = 4,
	VNET_GSO_UDP_L4 = VIRTIO_NET_HDR_GSO_UDP_L4, /* IPv4 and IPv6 */
};

struct vnet {
	enum vnet_gso gso;
	bool needs_csum;
	bool ecn;	      /* a TCP super-packet with CWR: for its first segment only */
	uint16_t hdr_len;     /* IP and transport header */
	uint16_t gso_size;    /* bytes of payload in a segment */
	uint16_t csum_start;  /* bytes from the start of the IP header */
	uint16_t csum_offset; /* of the checksum field, from csum_start */
};

/**
 * vnet_decode_host() - the header as the kernel gives it, in host byte order. The flag "checksum
 * was verified" is dropped: to forget it is always safe.
 * Return: 0; -EBADMSG a type that was not asked for (UFO, tunnels).
 */
int vnet_decode_host(struct vnet *v, const uint8_t in[VNET_BYTES])
	__attribute__((warn_unused_result));
/** vnet_encode_host() - for the kernel. */
void vnet_encode_host(const struct vnet *v, uint8_t out[VNET_BYTES]);

/**
 * vnet_decode_wire() - the header as it travels, little-endian; vnet_check() comes next.
 * Return: 0; -EBADMSG unknown type or flag.
 */
int vnet_decode_wire(struct vnet *v, const uint8_t in[VNET_BYTES])
	__attribute__((warn_unused_result));
/** vnet_encode_wire() - of a header in normal form. */
void vnet_encode_wire(const struct vnet *v, uint8_t out[VNET_BYTES]);

/**
 * vnet_normalise() - bring what our own kernel gave into normal form. Does not trust hdr_len.
 * @packet: IP packet of @len bytes. It is changed only where no normal form would fit: a checksum
 *          that a peer does not know (IPv6 extension headers, other protocols) is completed, and a
 *          super-packet without needs_csum (large receive offload) gets its pseudo-header sum.
 * A plain packet is not looked at; ip_parse() is for that.
 * Return: 0; -E2BIG normal form, but more than VNET_SEGMENTS_MAX segments: cut it before it
 * travels; -EBADMSG header and packet contradict each other.
 */
int vnet_normalise(struct vnet *v, uint8_t *packet, size_t len) __attribute__((warn_unused_result));

/**
 * vnet_check() - is what a peer sent in normal form? Nothing else may reach the kernel or the
 * functions below. A plain packet is not looked at; ip_parse() is for that.
 * Return: 0; -EBADMSG.
 */
int vnet_check(const struct vnet *v, const uint8_t *packet, size_t len)
	__attribute__((warn_unused_result));

/**
 * vnet_complete_csum() - compute the checksum of a packet in normal form that is no super-packet;
 * @v becomes plain. A plain packet is left alone.
 * Sources: RFC 1071; a sum of 0 becomes 0xffff (RFC 768), as Linux does for all protocols.
 */
void vnet_complete_csum(struct vnet *v, uint8_t *packet, size_t len);

/** vnet_segments() - packets that this one, in normal form, stands for: 1 if it is none. */
size_t vnet_segments(const struct vnet *v, size_t len);

/* Cuts a super-packet. Private to vnet.c. */
struct vnet_cutter {
	struct vnet v;
	const uint8_t *packet;
	size_t len, at; /* @at: next byte of the payload */
	uint32_t index; /* of the next segment */
};

/**
 * vnet_segment_init() - begin to cut a super-packet in normal form (-E2BIG is fine).
 * @packet: borrowed until the last segment is out.
 */
void vnet_segment_init(struct vnet_cutter *c, const struct vnet *v, const uint8_t *packet,
		       size_t len);

/**
 * vnet_segment_next() - the next segment, a complete packet with all checksums.
 * @out: @size bytes, hdr_len + gso_size are enough; must not overlap the super-packet.
 * @n: set on success only.
 * Sources: RFC 9293 (PSH, FIN), RFC 3168 6.1.2 (CWR); Linux tcp_gso_segment(), which also counts
 * the IPv4 identification up.
 * Return: 0; -ENODATA that was the last one; -ENOSPC @size is too small, nothing was lost.
 */
int vnet_segment_next(struct vnet_cutter *c, uint8_t *out, size_t size, size_t *n)
	__attribute__((warn_unused_result));

#endif
