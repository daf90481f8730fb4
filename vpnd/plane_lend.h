/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plane_lend - lent addresses on a device's LANs, for hosts that know no way back to the managers.
 * A part of plane (plane_internal.h); one address for each subnet, shared by all sessions, from the
 * first one that begins to the last one that ends.
 *
 *   from the peer to a LAN   the source becomes the lent address, unless the flow was begun by the
 *                            LAN. While there is no address yet, packets are held: a few, until one
 *                            is found (lend.h); if none can be found, they go untranslated
 *   from the LAN             what is for a lent address goes back to whom it stands for; everything
 *                            else is routed, and remembered as begun by the LAN
 */
#ifndef FARLAN_PLANE_LEND_H
#define FARLAN_PLANE_LEND_H

#include "vpnd/plane.h"

struct passing;

#define LEND_HELD_MAX 128 /* packets */
#define LEND_HELD_BYTES PACKETS_SMALL_BYTES

/** plane_lend_open() - @config: copied. Return: NULL out of memory. */
struct plane_lend *plane_lend_open(struct plane *pl, const struct plane_lend_config *config);
/** plane_lend_close() - all slots are detached. plane_on_part_closed() follows, from the loop or
 * within. */
void plane_lend_close(struct plane_lend *pn);

/** plane_lend_attach() - a session begins: an address for each of its LANs here. */
void plane_lend_attach(struct plane *pl, uint16_t slot, const struct grant *g);
void plane_lend_detach(struct plane *pl, uint16_t slot);

enum lend_step {
	LEND_NOT_OURS, /* nothing to do with it */
	LEND_GO_ON,    /* translated; the session is known */
	LEND_STOP,     /* dropped and counted, or held */
};

/** plane_lend_is() - is @a a lent address? */
bool plane_lend_is(const struct plane *pl, const struct addr *a);
/** plane_lend_for() - which stands for the peer of @slot when it writes to @a on a LAN here. NULL:
 * none, addresses stay; family 0: it is being sought, packets wait. */
const struct addr *plane_lend_for(const struct plane *pl, uint16_t slot, const struct addr *a);

/** plane_lend_out() - from the TUN: is it for a lent address? */
enum lend_step plane_lend_out(struct plane *pl, struct passing *pk);
/** plane_lend_note() - from the TUN, it goes to its session: what the LAN begins is known by it. */
void plane_lend_note(struct plane *pl, struct passing *pk);
/** plane_lend_in() - from the peer. */
enum lend_step plane_lend_in(struct plane *pl, struct passing *pk);

#endif
