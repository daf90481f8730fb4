/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * resolv_conf - the name servers that a resolv.conf(5) names. Pure.
 */
#ifndef FARLAN_RESOLV_CONF_H
#define FARLAN_RESOLV_CONF_H

#include <stddef.h>

#include "common/pure/addr.h"

/**
 * resolv_conf_servers() - addresses of the first @max name servers; one of a link (fe80::1%eth0)
 * is left out, and so is what cannot be understood.
 * @text: @len bytes. Return: how many.
 */
size_t resolv_conf_servers(struct addr *out, size_t max, const char *text, size_t len);

#endif
