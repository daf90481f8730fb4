/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mss - the largest segment that two ends of a TCP connection agree on, lowered to what fits the
 * way between them, so that they need not find out by losing packets. Pure.
 */
#ifndef FARLAN_MSS_H
#define FARLAN_MSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * mss_is_syn() - a whole TCP packet that begins a connection (SYN or SYN-ACK). No fragment, no IPv6
 * extension headers: those are let pass as they are.
 */
bool mss_is_syn(const uint8_t *packet, size_t len);

/**
 * mss_clamp() - lower what a SYN's option says to @mtu less both headers without options (RFC 9293
 * section 3.7.1); never raise it. Without the option 536 or 1220 bytes hold, which fit anyway.
 * Options from a malformed one on are left alone: nobody reads them. The checksum is mended (RFC
 * 1624), unless @needs_csum: then it does not cover options yet.
 * @mtu: 1280 or more.   @packet: any.
 * Return: it was changed.
 */
bool mss_clamp(uint8_t *packet, size_t len, bool needs_csum, uint32_t mtu);

#endif
