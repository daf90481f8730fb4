/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * super_packet - packets of TCP and UDP flows, super-packets and plain ones, as the TUN device of
 * a kernel gives them and in normal form. The payload follows from flow and number.
 */
#ifndef FARLAN_TESTS_SUPER_PACKET_H
#define FARLAN_TESTS_SUPER_PACKET_H

#include <stdint.h>
#include <string.h>

#include "vpnd/packets.h"
#include "vpnd/pure/vnet.h"

#define SUPER_HEADER_MAX_BYTES 60
#define SUPER_NUMBER_BYTES 8

enum super_kind { SUPER_TCP4, SUPER_TCP6, SUPER_UDP4, SUPER_UDP6, SUPER_KINDS };

static inline bool super_is_v6(enum super_kind kind)
{
	return kind == SUPER_TCP6 || kind == SUPER_UDP6;
}

static inline bool super_is_tcp(enum super_kind kind)
{
	return kind == SUPER_TCP4 || kind == SUPER_TCP6;
}

static inline size_t super_ip_bytes(enum super_kind kind)
{
	return super_is_v6(kind) ? 40 : 20;
}

static inline size_t super_headers(enum super_kind kind)
{
	return super_ip_bytes(kind) + (super_is_tcp(kind) ? 20 : 8);
}

static inline void super_put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline uint32_t super_sum(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline uint32_t super_pseudo(const uint8_t *ip, size_t n, enum super_kind kind)
{
	bool v6 = super_is_v6(kind);

	return super_sum(v6 ? ip + 8 : ip + 12, v6 ? 32 : 8,
			 (uint32_t)(n - super_ip_bytes(kind)) + (super_is_tcp(kind) ? 6 : 17));
}

static inline size_t super_csum_at(enum super_kind kind)
{
	return super_ip_bytes(kind) + (super_is_tcp(kind) ? 16 : 6);
}

static inline void super_payload(uint8_t *out, size_t n, uint16_t flow, uint64_t number)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(i < SUPER_NUMBER_BYTES ? number >> (8 * i)
							  : i * 7 + flow * 3 + number);
}

static inline void super_ip(uint8_t *ip, size_t n, enum super_kind kind)
{
	uint8_t protocol = super_is_tcp(kind) ? 6 : 17;

	memset(ip, 0, super_headers(kind));
	if (super_is_v6(kind)) {
		ip[0] = 0x60;
		super_put16(ip + 4, n - 40);
		ip[6] = protocol;
		ip[7] = 64;
		ip[8] = ip[24] = 0xfd;
		ip[23] = 1;
		ip[39] = 2;
		return;
	}
	ip[0] = 0x45;
	super_put16(ip + 2, n);
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, (const uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}, 8);
	super_put16(ip + 10, ~super_sum(ip, 20, 0));
}

/**
 * super_make() - write a packet with @payload bytes. @gso_size: 0 for a plain one (complete
 * checksum); if it is not less than @payload, one whose checksum is not finished.
 * Return: bytes.
 */
static inline size_t super_make(uint8_t *ip, struct vnet *v, enum super_kind kind, uint16_t flow,
				uint64_t number, size_t payload, uint16_t gso_size)
{
	size_t at = super_ip_bytes(kind), head = super_headers(kind), n = head + payload;
	uint32_t sum;

	super_ip(ip, n, kind);
	super_put16(ip + at, flow);
	super_put16(ip + at + 2, 5000);
	if (super_is_tcp(kind)) {
		super_put16(ip + at + 6, number * 1000);
		super_put16(ip + at + 12, 0x5018); /* five words; ACK, PSH */
	} else {
		super_put16(ip + at + 4, 8 + payload);
	}
	super_payload(ip + head, payload, flow, number);
	memset(v, 0, sizeof(*v));
	sum = super_pseudo(ip, n, kind);
	if (gso_size == 0) {
		sum = ~super_sum(ip + at, n - at, sum) & 0xffff;
		super_put16(ip + super_csum_at(kind), sum ? sum : 0xffff);
		return n;
	}
	super_put16(ip + super_csum_at(kind), sum);
	v->needs_csum = true;
	v->csum_start = (uint16_t)at;
	v->csum_offset = (uint16_t)(super_csum_at(kind) - at);
	if (gso_size < payload) {
		v->gso = !super_is_tcp(kind) ? VNET_GSO_UDP_L4
			 : super_is_v6(kind) ? VNET_GSO_TCP6
					     : VNET_GSO_TCP4;
		v->gso_size = gso_size;
		v->hdr_len = (uint16_t)head;
	}
	return n;
}

static inline bool super_sum_good(const uint8_t *ip, size_t n, enum super_kind kind)
{
	size_t at = super_ip_bytes(kind);

	return super_sum(ip + at, n - at, super_pseudo(ip, n, kind)) == 0xffff;
}

/** super_packet() - the same in a packet of its own. NULL: the memory for packets is all in use. */
static inline struct packet *super_packet(struct packets *ps, enum super_kind kind, uint16_t flow,
					  uint64_t number, size_t payload, uint16_t gso_size)
{
	struct packet *p = packet_new(ps, super_headers(kind) + payload);

	if (p)
		(void)super_make(p->fq.ip, &p->v, kind, flow, number, payload, gso_size);
	return p;
}

#endif
