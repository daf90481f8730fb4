/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * netconf_watch - hear of it when somebody changes links, addresses or routes of this host.
 */
#ifndef FARLAN_NETCONF_WATCH_H
#define FARLAN_NETCONF_WATCH_H

#include <stdint.h>
#include <uv.h>

#define NETCONF_WATCH_SETTLE_MS 500 /* changes come in bursts */

struct netconf_watch;

/** netconf_watch_bit() - of a link. Few hosts have so many that two share one. */
static inline uint64_t netconf_watch_bit(int ifindex)
{
	return UINT64_C(1) << (ifindex & 63);
}

/**
 * netconf_watch_open() - @on_change: something changed, NETCONF_WATCH_SETTLE_MS ago or longer, that
 * is no route of ours. @came_up: bits of the links that have a carrier again. From the loop.
 * Return: 0; -errno.
 */
int netconf_watch_open(struct netconf_watch **out, uv_loop_t *loop,
		       void (*on_change)(void *arg, uint64_t came_up), void *arg)
	__attribute__((warn_unused_result));
/** netconf_watch_close() - no callback any more; memory goes with the last handle. NULL is allowed.
 */
void netconf_watch_close(struct netconf_watch *w);

#endif
