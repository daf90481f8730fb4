/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * netaddr - addresses of sockets as values, and back.
 */
#ifndef FARLAN_NETADDR_H
#define FARLAN_NETADDR_H

#include <sys/socket.h>

#include "common/pure/addr.h"

/** netaddr_of() - family 0: no IP address. An IPv4 address in an IPv6 one is IPv4. */
struct addr netaddr_of(const struct sockaddr_storage *ss, uint16_t *port);
/** netaddr_to() - zero bytes for family 0. */
void netaddr_to(struct sockaddr_storage *ss, const struct addr *a, uint16_t port);
/** netaddr_len() - of the sockaddr in @ss. */
socklen_t netaddr_len(const struct sockaddr_storage *ss);
/** netaddr_unix() - @path: shorter than sun_path. */
void netaddr_unix(struct sockaddr_storage *ss, const char *path);

#endif
