/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * icmp_error - an ICMP error about a packet, back to its sender. Pure.
 */
#ifndef FARLAN_ICMP_ERROR_H
#define FARLAN_ICMP_ERROR_H

#include "common/pure/addr.h"

#define ICMP_ERROR_MAX_BYTES 1280

struct icmp_error {
	uint8_t type, code;
	uint32_t rest; /* the four bytes behind the checksum */
};

/**
 * icmp_error_make() - as much of @packet is quoted as goes into 576 (IPv4, RFC 1812 section
 * 4.3.2.3) or 1280 bytes.
 * @packet: any, its checksums finished.
 * @from: whom it comes from, of the same family.
 * Return: 0; -EPERM nothing may be said: it is an ICMP error or redirect itself, no first fragment,
 * or not from one host to one host (RFC 1122 section 3.2.2, RFC 4443 section 2.4); -EBADMSG.
 */
int icmp_error_make(uint8_t out[ICMP_ERROR_MAX_BYTES], size_t *n, const uint8_t *packet, size_t len,
		    const struct addr *from, const struct icmp_error *error)
	__attribute__((warn_unused_result));

#endif
