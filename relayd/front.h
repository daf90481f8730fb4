/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * front - the relay's ports serve the Access Server behind it, too: `GET /v1/control` is joined to
 * the one place that `access` names, as bytes. The outer TLS ends here; the head and all that
 * follows goes on as it came, behind a PROXY header that says whose connection it is. What is
 * inside is closed to the relay, as in sessions.
 *
 *   on_request -> held: connecting -> passing, both ways, with back pressure -> both closed
 *                                  -> 502
 */
#ifndef FARLAN_RELAYD_FRONT_H
#define FARLAN_RELAYD_FRONT_H

#include "relayd/leg.h"

#define FRONT_MAX \
	12000 /* connections at a time, of all relays of the process: what accessd takes */
#define FRONT_SHORT_MS 10000	/* one that ends sooner counts as an offence of its address */
#define FRONT_SILENCE_MS 180000 /* accessd closes earlier */

struct front;

/** front_open() - from within on_request, with the leg's request: it is the front's until both ends
 * have closed. Refuses it itself if it must. */
void front_open(struct leg *l);
/** front_finish() - end it in order. */
void front_finish(struct front *f, const char *reason);

#endif
