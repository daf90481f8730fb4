/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fragment - an IPv4 packet that is larger than the MTU ahead, in pieces (RFC 791 section 3.2).
 * Pure.
 */
#ifndef FARLAN_FRAGMENT_H
#define FARLAN_FRAGMENT_H

#include <stddef.h>
#include <stdint.h>

#define FRAGMENT_MTU_MIN 68

/* Private to fragment.c. */
struct fragment {
	const uint8_t *packet;
	size_t len, header, at; /* @at: next byte of the payload, from the packet's start */
	uint32_t mtu;
};

/**
 * fragment_init() - begin with a packet whose checksums are finished; it may be a fragment itself.
 * @packet: any; borrowed until the last piece is out.   @mtu: FRAGMENT_MTU_MIN or more.
 * Return: 0; -EMSGSIZE it may not be taken apart (DF, IPv6); -EBADMSG malformed.
 */
int fragment_init(struct fragment *f, const uint8_t *packet, size_t len, uint32_t mtu)
	__attribute__((warn_unused_result));

/**
 * fragment_next() - the next piece, a complete packet of at most the MTU.
 * @out: @size bytes, the MTU is enough.   @n: set on success only.
 * Return: 0; -ENODATA that was the last one; -ENOSPC @size is too small, nothing was lost.
 */
int fragment_next(struct fragment *f, uint8_t *out, size_t size, size_t *n)
	__attribute__((warn_unused_result));

#endif
