/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * translate - one address for another, prefix for prefix of the same length: a peer's networks have
 * real addresses *there* (and on the way), and stand-ins *here* where this host uses the real ones
 * for something else. Host parts stay. Pure.
 *
 * Checksums are mended, not made anew (RFC 1624), so that the work does not grow with the packet,
 * fragments and super-packets go as they are, and what was wrong stays wrong. Mended are those of
 * IPv4 headers, TCP, UDP and ICMPv6, also in what an ICMP error quotes. Other protocols get other
 * addresses only; AH (RFC 4302) forbids that, and does not pass.
 */
#ifndef FARLAN_TRANSLATE_H
#define FARLAN_TRANSLATE_H

#include "common/pure/grant.h"
#include "common/pure/ip.h"
#include "vpnd/pure/vnet.h"

#define TRANSLATE_MAX (GRANT_LANS_MAX + 2) /* LANs and two tunnel addresses */

struct translate {
	size_t n;
	struct translate_pair {
		struct prefix here, there; /* of one family and length */
	} pairs[TRANSLATE_MAX];		   /* the longest first */
};

/** translate_add() - Return: 0; -EINVAL not of one family and length; -ENOSPC. */
int translate_add(struct translate *t, const struct prefix *here, const struct prefix *there)
	__attribute__((warn_unused_result));

/** translate_here() - what stands here for @a, if something does. translate_there(): what @a stands
 * for. Return: false, and @a stays as it is. */
bool translate_here(const struct translate *t, struct addr *a);
bool translate_there(const struct translate *t, struct addr *a);
/** translate_here_prefix() - what stands here for exactly @p; @p itself if nothing does. */
struct prefix translate_here_prefix(const struct translate *t, const struct prefix *p);

/**
 * translate_outgoing() - to the peer: the destination, and the source of a packet that an ICMP
 * error quotes, become the real ones.
 * @packet: what ip_parse() has passed, whole or a fragment, of @len bytes; they are changed.
 * @v: its header, as the kernel gave it or in normal form; it stays right. A checksum that it says
 *     is unfinished is a sum of the pseudo-header, not complemented: mended with the other sign.
 * @ip: of @packet; brought up to date.
 * Return: 0, also if there was nothing to do; -EBADMSG the packet ends before a checksum that has
 * to be mended: drop it, its addresses may be changed already.
 */
int translate_outgoing(const struct translate *t, const struct vnet *v, uint8_t *packet, size_t len,
		       struct ip_info *ip) __attribute__((warn_unused_result));
/** translate_incoming() - from the peer: the source, and the destination of a packet that an ICMP
 * error quotes, become those of here. */
int translate_incoming(const struct translate *t, const struct vnet *v, uint8_t *packet, size_t len,
		       struct ip_info *ip) __attribute__((warn_unused_result));

#endif
