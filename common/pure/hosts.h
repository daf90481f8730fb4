/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hosts - the hosts behind a device that have names: a label and an address each. In the register,
 * in a manager's grant, and in session.hosts. Pure (jansson).
 * Source: docs/PROTOCOL.md, section 4.4.
 */
#ifndef FARLAN_HOSTS_H
#define FARLAN_HOSTS_H

#include <jansson.h>

#include "common/pure/addr.h"

#define HOSTS_MAX 256 /* of a device */
#define HOSTS_LABEL_SIZE 64

struct host {
	char name[HOSTS_LABEL_SIZE]; /* a label of RFC 1123, lower case */
	struct addr addr;
};

/* A name may be there twice: with an IPv4 and with an IPv6 address. */
struct hosts {
	size_t n;
	struct host at[HOSTS_MAX];
};

/**
 * hosts_label() - @text in lower case, if it is a label: letters, digits and '-', 1 to 63 of them,
 * '-' neither first nor last. Return: 0; -EINVAL.
 */
int hosts_label(char out[HOSTS_LABEL_SIZE], const char *text) __attribute__((warn_unused_result));

/** hosts_encode() - Return: a new JSON array; NULL out of memory. */
json_t *hosts_encode(const struct hosts *h);
/**
 * hosts_decode() - strict: labels in lower case, addresses that a host of a LAN can have, no name
 * twice with the same kind of address, at most HOSTS_MAX. @list: NULL (absent) is an empty one.
 * @h: undefined after a failure. Return: 0; -EBADMSG.
 */
int hosts_decode(struct hosts *h, const json_t *list) __attribute__((warn_unused_result));

#endif
