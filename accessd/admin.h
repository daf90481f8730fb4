/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * admin - what accessctl may ask on the local socket.
 *
 *   init {domain, urls}                            status {}
 *   device.add {name, lans, expires_s}             device.set {name, lans}
 *   user.add {name, password, expires_s}           user.passwd {name, password}
 *   relay.add {name, urls, expires_s}
 *   device|user|relay.list {after}                 device|user|relay.reinvite {name, expires_s}
 *   device|user|relay.revoke {name}                device|user|relay.remove {name}
 *   relay.drain|enable {name}
 *   relay.pin|avoid|unavoid {device, relay}        relay.unpin {device}
 *   session.list {after}                           session.kill {session}
 *
 * What makes an invitation answers {name, uid, invitation, expires}. Lists come in pages: with
 * more: true there are others behind the last one; ask with after: its name or session id.
 */
#ifndef FARLAN_ADMIN_H
#define FARLAN_ADMIN_H

#include "accessd/app.h"

#define ADMIN_EXPIRES_DEFAULT_S (7 * INT64_C(86400))
#define ADMIN_EXPIRES_MAX_S (366 * INT64_C(86400))

/** admin_open() - the local socket, as a->local. Return: 0; -errno, logged. */
int admin_open(struct app *a) __attribute__((warn_unused_result));

#endif
