/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ip - the fields of an IP packet that forwarding needs, checked. Pure.
 */
#ifndef FARLAN_IP_H
#define FARLAN_IP_H

#include "common/pure/addr.h"

struct ip_info {
	struct addr src, dst;
	uint8_t protocol; /* IPv4 protocol or IPv6 first next header */
	size_t header_len;
};

/**
 * ip_parse() - check version, header length and total length against @len.
 * Return: 0; -EBADMSG truncated, wrong lengths or version (RFC 791, RFC 8200).
 */
int ip_parse(const uint8_t *packet, size_t len, struct ip_info *info)
	__attribute__((warn_unused_result));

#endif
