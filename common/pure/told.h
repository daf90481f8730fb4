/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * told - which addresses a server has, as the Access Server tells it: for when names fail. Pure
 * (jansson). Source: docs/PROTOCOL.md, section 4, "Addresses of servers".
 */
#ifndef FARLAN_TOLD_H
#define FARLAN_TOLD_H

#include <jansson.h>

#include "common/pure/addr.h"
#include "common/pure/url.h"

#define TOLD_ADDRS_MAX 8
#define TOLD_URLS_MAX 8

struct told {
	size_t n_hosts; /* of its URLs; those that are addresses need no other */
	char hosts[TOLD_URLS_MAX][URL_HOST_SIZE];
	size_t n;
	struct addr addrs[TOLD_ADDRS_MAX];
};

/**
 * told_decode() - {"url": URL or "urls": [URL, ...], "addresses": [ADDRESS, ...]}; what is beyond
 * the caps, and addresses that no server can have, are left out. @t is written whole or not at all.
 * Return: 0; -ENOENT no "addresses" in it: nothing is told; -EBADMSG.
 */
int told_decode(struct told *t, const json_t *item) __attribute__((warn_unused_result));

#endif
