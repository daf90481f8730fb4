/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * forwarded - whose request it is that a proxy passes on, by X-Forwarded-For. Pure.
 *
 * Every proxy appends the address that it got the request from, so the end of the list is to be
 * believed as far as it was written by proxies that are. What is left of that the client may have
 * invented. `Forwarded` (RFC 7239) is not looked at: a proxy that writes the one lets the other
 * pass as the client wrote it.
 */
#ifndef FARLAN_FORWARDED_H
#define FARLAN_FORWARDED_H

#include "common/pure/addr.h"
#include "common/pure/http.h"

/**
 * forwarded_client() - the last address that is not one of the @n_trusted networks', or the first
 * one of all if all are. What is no address ends the search.
 * @port: 0 if it is not said.
 * Return: true and *client, never an IPv4 address in an IPv6 one; false: nothing that counts.
 */
bool forwarded_client(const struct http_head *head, const struct prefix *trusted, size_t n_trusted,
		      struct addr *client, uint16_t *port);

#endif
