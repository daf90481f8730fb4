/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stand_in - a LAN and the prefix that it has here, as members of a JSON object in the files that
 * remember them: {"lan": PREFIX, "here": PREFIX}. Pure (jansson).
 */
#ifndef FARLAN_STAND_IN_H
#define FARLAN_STAND_IN_H

#include <jansson.h>

#include "common/pure/addr.h"

/** stand_in_encode() - Return: a new object, caller owns; NULL out of memory. */
json_t *stand_in_encode(const struct prefix *lan, const struct prefix *here);

/**
 * stand_in_decode() - both may be behind a device (prefix_reachable()), of one family and length.
 * Return: false, *lan and *here are undefined.
 */
bool stand_in_decode(const json_t *o, struct prefix *lan, struct prefix *here);

#endif
