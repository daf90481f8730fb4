/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * netconf_watch - hear of it when somebody changes links, addresses or routes of this host.
 */
#ifndef FARLAN_NETCONF_WATCH_H
#define FARLAN_NETCONF_WATCH_H

#include <uv.h>

#define NETCONF_WATCH_SETTLE_MS 500 /* changes come in bursts */

struct netconf_watch;

/**
 * netconf_watch_open() - @on_change: something changed, NETCONF_WATCH_SETTLE_MS ago or longer, that
 * is no route of ours. From the loop. Return: 0; -errno.
 */
int netconf_watch_open(struct netconf_watch **out, uv_loop_t *loop, void (*on_change)(void *arg),
		       void *arg) __attribute__((warn_unused_result));
/** netconf_watch_close() - no callback any more; memory goes with the last handle. NULL is allowed.
 */
void netconf_watch_close(struct netconf_watch *w);

#endif
