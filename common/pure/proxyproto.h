/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * proxyproto - the PROXY protocol, versions 1 and 2: what a proxy sends in front of a connection
 * that it passes on, to say whose it is. Pure. Source: proxy-protocol.txt of HAProxy, section 2.
 */
#ifndef FARLAN_PROXYPROTO_H
#define FARLAN_PROXYPROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/pure/addr.h"

#define PROXYPROTO_MAX_BYTES \
	4096 /* longer ones, for what they carry beside addresses, are refused */
#define PROXYPROTO_ENCODED_BYTES 52

struct proxyproto {
	struct addr client; /* family 0: not said (LOCAL, UNKNOWN, no TCP): the connection is the
			       proxy's own. Never an IPv4 address in an IPv6 one. */
	uint16_t port;
};

/**
 * proxyproto_decode() - the header at the start of a connection.
 * @p, @used: set on success only.
 * Return: 0; -EAGAIN it may become one, more bytes are needed; -ENOENT the connection begins
 * without one; -EBADMSG malformed.
 */
int proxyproto_decode(struct proxyproto *p, const uint8_t *in, size_t len, size_t *used)
	__attribute__((warn_unused_result));

/**
 * proxyproto_encode() - version 2 for a TCP connection of @client; family 0: LOCAL. The address
 * that it came to is said to be none.
 * Return: bytes in @out.
 */
size_t proxyproto_encode(uint8_t out[PROXYPROTO_ENCODED_BYTES], const struct addr *client,
			 uint16_t port);

#endif
