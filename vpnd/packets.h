/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * packets - memory for packets between the TUN device and the sealing: two sizes, kept for
 * reuse, both capped, so that a working process allocates nothing more and nobody's queue
 * can take it all.
 *
 * In front of a packet there is room for the frame's header and the virtio header, so a frame
 * is made where the packet lies.
 */
#ifndef FARLAN_PACKETS_H
#define FARLAN_PACKETS_H

#include <stddef.h>
#include <stdint.h>

#include "common/pure/frame.h"
#include "vpnd/pure/fqcodel.h"
#include "vpnd/pure/vnet.h"

#define PACKETS_SMALL_BYTES 2048 /* a packet of that many bytes is small */
#define PACKETS_SMALL_MAX 6144	 /* 13 MB */
#define PACKETS_LARGE_MAX 160	 /* 10 MB */
#define PACKETS_HEADROOM (FRAME_HEADER_BYTES + VNET_BYTES)

struct packets;

struct packet {
	struct fq_packet fq; /* fq.ip, fq.len: the packet */
	struct vnet v;
	struct packets *owner;
	struct packet *next_free;
	bool is_large;
	uint8_t room[]; /* PACKETS_HEADROOM, then the packet */
};

/** packets_new() - Return: NULL out of memory. */
struct packets *packets_new(void);
/** packets_free() - every packet must have been given back. */
void packets_free(struct packets *ps);

/** packet_new() - room for @bytes, at most VNET_PACKET_MAX_BYTES; fq.len is set to it. NULL: the
 * cap is reached. */
struct packet *packet_new(struct packets *ps, size_t bytes);
/** packet_free() - give it back. NULL is nothing. */
void packet_free(struct packet *p);

/**
 * packet_frame() - write the frame's header in front of the packet.
 * @n: bytes of the frame.   Return: its first byte, within the packet's headroom.
 */
const uint8_t *packet_frame(struct packet *p, size_t *n);

static inline struct packet *packet_of(struct fq_packet *fq)
{
	return (struct packet *)(void *)((uint8_t *)fq - offsetof(struct packet, fq));
}

#endif
