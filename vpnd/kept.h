/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kept - while a session has no path, the last packet of each TCP flow: the one that TCP has sent
 * again. Its next try may be a minute away; with the packet delivered when there is a path again,
 * the connection goes on at once. Nothing else is kept: what is late is of no use to the rest, and
 * a command by UDP must not arrive half a minute after it was given.
 */
#ifndef FARLAN_KEPT_H
#define FARLAN_KEPT_H

#include <stdbool.h>

#include "vpnd/packets.h"

#define KEPT_FLOWS 64	  /* flows that share a place lose the older packet */
#define KEPT_MAX_MS 60000 /* then TCP has sent it again, or has given up */

struct kept {
	size_t n;
	struct packet *at[KEPT_FLOWS]; /* enqueued_us: when it came */
};

/** kept_wants() - is it a packet of TCP, of a small kind? */
bool kept_wants(const struct packet *p);
/** kept_put() - takes @p, which kept_wants(). Return: packets that had to go for it, 0 or 1. */
size_t kept_put(struct kept *k, struct packet *p, uint32_t flow, uint64_t now_us);
/** kept_copy() - the same with a copy; without memory for one, nothing. */
void kept_copy(struct kept *k, const struct packet *p, uint32_t flow, uint64_t now_us);
/** kept_take() - Return: one that is not older than KEPT_MAX_MS, the caller's now; NULL: none is
 * left.
 * @dropped: counts those that were older. */
struct packet *kept_take(struct kept *k, uint64_t now_us, uint64_t *dropped);
/** kept_clear() - Return: packets that were given back. */
size_t kept_clear(struct kept *k);

#endif
