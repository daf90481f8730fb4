/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * way - how messages get to a log server: datagrams to a Unix socket or by UDP (RFC 5426), or a
 * stream by TCP with octet counting (RFC 6587, section 3.4.1). It comes back by itself.
 */
#ifndef FARLAN_WAY_H
#define FARLAN_WAY_H

#include <uv.h>

#include "accessd/conf.h"

struct way;

/** way_open() - @to: copied, not CONF_NOWHERE. @on_ready: from the loop: it takes messages (again).
 * Return: 0; -ENOMEM. */
int way_open(struct way **out, uv_loop_t *loop, const struct conf_syslog *to,
	     void (*on_ready)(void *arg), void *arg) __attribute__((warn_unused_result));
/** way_close() - memory goes with the last handle. NULL is allowed. */
void way_close(struct way *w);

/** way_send() - one message. Return: 0 it is on its way; -EAGAIN not now, on_ready() tells when. */
int way_send(struct way *w, const void *message, size_t n) __attribute__((warn_unused_result));

/** way_idle() - has all that was given to it left this process? */
bool way_idle(const struct way *w);

#endif
