/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mss - TCP hosts behind the tunnel learn at their SYN what fits through it, because the ICMP
 * messages that would tell them later get lost on many a way. Pure.
 */
#ifndef FARLAN_MSS_H
#define FARLAN_MSS_H

#include <stdbool.h>

#include "common/pure/ip.h"

/**
 * mss_clamp() - lower the MSS that a TCP SYN announces to what fits into @mtu; the checksum
 * follows. Anything else stays as it is: packets without this option or with a lower value,
 * fragments, options that do not add up.
 * @packet, @len, @info: what ip_parse() took.
 * @csum_open: the checksum is not finished (virtio NEEDS_CSUM), so the option is not in it yet.
 * Source: RFC 9293 section 3.7.1, RFC 1624.
 * Return: true if the packet was changed.
 */
bool mss_clamp(uint8_t *packet, size_t len, const struct ip_info *info, size_t mtu, bool csum_open);

#endif
