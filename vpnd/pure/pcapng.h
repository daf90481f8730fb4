/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pcapng - blocks of a capture file, as Wireshark and tcpdump read it. Pure.
 * Source: draft-ietf-opsawg-pcapng (Section Header, Interface Description, Enhanced Packet,
 * Interface Statistics). Numbers are in this host's byte order, which the first block tells.
 */
#ifndef FARLAN_PCAPNG_H
#define FARLAN_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCAPNG_TEXT_MAX 255	      /* of a name or comment; longer is cut */
#define PCAPNG_BLOCK_MAX_BYTES 1024   /* of a block without a packet */
#define PCAPNG_PACKET_EXTRA_BYTES 320 /* of a packet's block, beside the packet */

/* Each returns how many bytes it has written to @out; times are Unix time in microseconds. */

/** pcapng_section() - the beginning of a file. @program: who writes it. */
size_t pcapng_section(uint8_t out[PCAPNG_BLOCK_MAX_BYTES], const char *program);
/** pcapng_interface() - the next one, numbered from 0: raw IPv4 and IPv6. @snap: the most that is
 * kept of a packet; 0: all. */
size_t pcapng_interface(uint8_t out[PCAPNG_BLOCK_MAX_BYTES], const char *name,
			const char *description, uint32_t snap);

struct pcapng_packet {
	uint32_t interface;
	uint64_t time_us;
	bool in;	    /* received; else sent */
	uint32_t len, kept; /* bytes that it has, that are here */
	const uint8_t *bytes;
	const char *comment; /* ""; UTF-8 */
};
/** pcapng_packet() - @out: PCAPNG_PACKET_EXTRA_BYTES and what is kept. */
size_t pcapng_packet(uint8_t *out, const struct pcapng_packet *p);
/** pcapng_statistics() - what an interface has had, and what was lost of that. */
size_t pcapng_statistics(uint8_t out[PCAPNG_BLOCK_MAX_BYTES], uint32_t interface, uint64_t time_us,
			 uint64_t received, uint64_t dropped);

#endif
