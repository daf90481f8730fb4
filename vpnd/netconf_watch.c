/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/netconf_watch.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/io/log.h"
#include "vpnd/netconf_internal.h"

#define READS_PER_EVENT 16

struct netconf_watch {
	struct nl_sock *sock;
	uv_poll_t poll;
	uv_timer_t settle;
	unsigned int handles; /* not closed yet */
	bool closing;
	uint64_t up, came_up; /* bits of links; not known: up */
	void (*on_change)(void *arg, uint64_t came_up);
	void *arg;
};

static void on_settled(uv_timer_t *timer)
{
	struct netconf_watch *w = timer->data;
	uint64_t came_up = w->came_up;

	w->came_up = 0;
	if (!w->closing)
		w->on_change(w->arg, came_up);
}

static void changed(struct netconf_watch *w)
{
	if (!w->closing && !uv_is_active((uv_handle_t *)&w->settle))
		uv_timer_start(&w->settle, on_settled, NETCONF_WATCH_SETTLE_MS, 0);
}

static void note_link(struct netconf_watch *w, struct nlmsghdr *hdr)
{
	const struct ifinfomsg *link = nlmsg_data(hdr);
	uint64_t bit;
	bool up;

	if (nlmsg_datalen(hdr) < (int)sizeof(*link))
		return;
	bit = netconf_watch_bit(link->ifi_index);
	up = hdr->nlmsg_type == RTM_NEWLINK && (link->ifi_flags & IFF_UP) &&
	     (link->ifi_flags & IFF_LOWER_UP);
	if (up && !(w->up & bit))
		w->came_up |= bit;
	w->up = up ? w->up | bit : w->up & ~bit;
}

/* Routes of ours, and those to this host's own addresses, follow from what is known already. */
static int on_message(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *hdr = nlmsg_hdr(msg);
	const struct rtmsg *route = nlmsg_data(hdr);

	if (hdr->nlmsg_type == RTM_NEWLINK || hdr->nlmsg_type == RTM_DELLINK)
		note_link(arg, hdr);
	if (hdr->nlmsg_type != RTM_NEWROUTE && hdr->nlmsg_type != RTM_DELROUTE)
		changed(arg);
	else if (nlmsg_datalen(hdr) >= (int)sizeof(*route) &&
		 route->rtm_protocol != NETCONF_ROUTE_PROTOCOL &&
		 route->rtm_table != RT_TABLE_LOCAL)
		changed(arg);
	return NL_OK;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct netconf_watch *w = poll->data;

	(void)events;
	if (w->closing)
		return;
	if (status < 0) { /* dialling looks after the pins all the same */
		log_warn("changes of this host's routes are not seen any more error=\"%s\"",
			 uv_strerror(status));
		uv_poll_stop(poll);
		return;
	}
	for (int i = 0; i < READS_PER_EVENT; i++) {
		if (nl_recvmsgs_default(w->sock) < 0)
			break; /* no more for now */
	}
}

static int join(struct nl_sock *sock)
{
	int on = 1, nle = nl_connect(sock, NETLINK_ROUTE);

	if (nle == 0)
		nle = nl_socket_set_nonblocking(sock);
	if (nle == 0)
		nle = nl_socket_add_memberships(sock, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
						RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
						RTNLGRP_IPV6_ROUTE, 0);
	if (nle < 0)
		return netconf_errno(nle);
	/* Messages that are lost do not matter: those before them were a change, too. */
	if (setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on)) !=
	    0)
		return -errno;
	return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct netconf_watch *w = handle->data;

	if (--w->handles > 0)
		return;
	nl_socket_free(w->sock);
	free(w);
}

void netconf_watch_close(struct netconf_watch *w)
{
	if (!w || w->closing)
		return;
	w->closing = true;
	uv_close((uv_handle_t *)&w->poll, on_handle_closed);
	uv_close((uv_handle_t *)&w->settle, on_handle_closed);
}

int netconf_watch_open(struct netconf_watch **out, uv_loop_t *loop,
		       void (*on_change)(void *arg, uint64_t came_up), void *arg)
{
	struct netconf_watch *w = calloc(1, sizeof(*w));
	int r;

	*out = NULL;
	if (!w)
		return -ENOMEM;
	*w = (struct netconf_watch){
		.sock = nl_socket_alloc(),
		.handles = 2,
		.up = UINT64_MAX,
		.on_change = on_change,
		.arg = arg,
	};
	r = w->sock ? join(w->sock) : -ENOMEM;
	if (r == 0)
		r = uv_poll_init(loop, &w->poll, nl_socket_get_fd(w->sock));
	if (r != 0) {
		nl_socket_free(w->sock);
		free(w);
		return r;
	}
	nl_socket_disable_seq_check(w->sock);
	nl_socket_modify_cb(w->sock, NL_CB_VALID, NL_CB_CUSTOM, on_message, w);
	uv_timer_init(loop, &w->settle);
	w->poll.data = w->settle.data = w;
	r = uv_poll_start(&w->poll, UV_READABLE, on_readable);
	if (r != 0) {
		netconf_watch_close(w);
		return r;
	}
	*out = w;
	return 0;
}
