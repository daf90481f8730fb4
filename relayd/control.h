/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * control - what relayd answers on its local socket.
 *
 *   status {} -> {state, version, uptime_s, ...}
 *   sessions {after} -> {sessions: [...], after}   after: 0 at first, then as answered; absent at
 * the end enroll {invitation, again} -> {name, domain, uid}
 */
#ifndef FARLAN_RELAYD_CONTROL_H
#define FARLAN_RELAYD_CONTROL_H

struct daemon;

/** control_open() - Return: 0; -errno, logged. */
int control_open(struct daemon *d) __attribute__((warn_unused_result));

#endif
