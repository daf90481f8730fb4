/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * netconf_internal - what the files of netconf share. For them and their test only.
 */
#ifndef FARLAN_NETCONF_INTERNAL_H
#define FARLAN_NETCONF_INTERNAL_H

#include <netlink/addr.h>
#include <netlink/netlink.h>
#include <stdbool.h>

#include "vpnd/netconf.h"

/* An address (a host prefix) or a route that was added. */
struct netconf_item {
	bool is_route;
	struct prefix prefix;
	struct addr src; /* of a route; family 0: the kernel's choice */
};

/* A neighbour that the kernel stands in for. */
struct netconf_proxy {
	int ifindex;
	struct addr addr;
	uint32_t hold; /* of undo; 0: none */
};

/* A route outside of the tunnel. */
struct netconf_outside {
	struct prefix prefix;
	struct netconf_way way;
};

struct netconf {
	char tun[NETCONF_NAME_SIZE];
	struct undo *undo;
	int ifindex; /* of the TUN that the items are on */
	uint32_t mtu_bytes;
	struct nl_sock *sock;
	size_t n_items, items_size;
	struct netconf_item *items; /* in the order they were added */
	size_t n_proxies;
	struct netconf_proxy proxies[NETCONF_PROXIES_MAX];
	size_t n_outside;
	struct netconf_outside outside[NETCONF_OUTSIDE_MAX];
	char error[NETCONF_ERROR_SIZE];
};

/** netconf_fail() - keep the sentence for netconf_error(). Return: @err. */
int netconf_fail(struct netconf *nc, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** netconf_errno() - libnl's code (0 or -NLE_*) as 0 or -errno. */
int netconf_errno(int nle);

/** netconf_to_addr() - false for what is no IP address. */
bool netconf_to_addr(const struct nl_addr *from, struct addr *a);
/** netconf_to_nl() - a new address with its prefix length, caller puts it; NULL out of memory. */
struct nl_addr *netconf_to_nl(const struct prefix *p);

/** netconf_route_owner() - is there a route to exactly @p in the main table, of any metric?
 * Return: 0 none; -EEXIST and its interface; -errno. */
int netconf_route_owner(struct netconf *nc, const struct prefix *p, struct netconf_link *link);
/** netconf_address_owner() - the same for an address. */
int netconf_address_owner(struct netconf *nc, const struct addr *a, struct netconf_link *link);

/** netconf_outside_cleanup() - remove what netconf_outside_add() of an earlier run left. */
int netconf_outside_cleanup(struct netconf *nc);

/** netconf_routes_delete() - all routes of our protocol number on @ifindex. */
int netconf_routes_delete(struct netconf *nc, int ifindex, unsigned int *n);

/** netconf_proxies_close() - remove all that were added. */
void netconf_proxies_close(struct netconf *nc);
/** netconf_proxies_cleanup() - remove those that an earlier run left. */
int netconf_proxies_cleanup(struct netconf *nc);

/* The two ways of IPv6 forwarding; @hold as in netconf_forward(). */
int netconf_forward6_two(struct netconf *nc, const char *ifname, uint32_t hold);
int netconf_forward6_all(struct netconf *nc, uint32_t hold);

#endif
