/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * netconf - addresses, routes and forwarding on this host, by netlink (libnl) and sysctls (undo).
 *
 * Every call blocks for one or a few answers of the kernel, which come within microseconds; they
 * are made when a session begins or ends and when a server is dialled, not for packets. What was
 * added is remembered and taken away by netconf_close(); what a killed process left is found by its
 * TUN's name, its route protocol number and metric, and taken away by netconf_cleanup().
 *
 * rp_filter is left as it is: the route back to every source that comes out of the TUN leads into
 * the TUN, so strict passes too.
 */
#ifndef FARLAN_NETCONF_H
#define FARLAN_NETCONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/pure/addr.h"

#define NETCONF_ROUTE_PROTOCOL 0x46 /* rtm_protocol of our routes; also seen by `ip route` */
#define NETCONF_NAME_SIZE 16	    /* IFNAMSIZ */
#define NETCONF_ERROR_SIZE 256
#define NETCONF_ITEMS_MAX 4608 /* addresses and routes at one time */

struct netconf;
struct undo;

struct netconf_link {
	int ifindex;
	char name[NETCONF_NAME_SIZE];
};

/**
 * netconf_open() - @tun_name: copied; @undo: borrowed for its life.
 * Return: 0; -errno, logged.
 */
int netconf_open(struct netconf **out, const char *tun_name, struct undo *undo)
	__attribute__((warn_unused_result));
/** netconf_close() - take away all that is left of what was added, and free. NULL is allowed. */
void netconf_close(struct netconf *nc);

/** netconf_error() - the last failure in words, with what to do; "" if none. */
const char *netconf_error(const struct netconf *nc);

/**
 * netconf_cleanup() - before the TUN is opened: remove routes of ours, on the TUN and outside, a
 * persistent TUN device of our name that no process holds open, and proxy entries, that an earlier
 * run left. Logged.
 * Return: 0; -EBUSY the TUN's name belongs to another interface or a running process; -errno.
 */
int netconf_cleanup(struct netconf *nc) __attribute__((warn_unused_result));

/* What the kernel keeps while vpnd does not run: 20 ms at 100,000 packets a second; its own default
 * is 500. What waits longer than that waits in our own queue. */
#define NETCONF_TUN_QUEUE_PACKETS 2000

/** netconf_link_up() - the TUN is open: set its MTU and queue, no link-local address, up. Return:
 * 0; -errno.
 */
int netconf_link_up(struct netconf *nc, uint32_t mtu_bytes) __attribute__((warn_unused_result));

/** netconf_tun_ifindex() - 0: there is none now. */
int netconf_tun_ifindex(const struct netconf *nc);

/**
 * netconf_address_add() - put @a, as /32 or /128 (without duplicate detection), on the TUN.
 * Return: 0, also if it is there from an earlier call; -EEXIST another interface has it; -EACCES
 * IPv6 is switched off here; -errno.
 */
int netconf_address_add(struct netconf *nc, const struct addr *a)
	__attribute__((warn_unused_result));
/** netconf_address_remove() - gone already is 0, too. Return: 0; -errno, logged. */
int netconf_address_remove(struct netconf *nc, const struct addr *a);

/**
 * netconf_route_add() - @p into the TUN, in the main table. Never replaces a route. If the TUN was
 * set down meanwhile, it is set up again with all that was added before.
 * @src: preferred source, one of our tunnel addresses of the same family; NULL: the kernel's
 * choice. Return: 0, also if it is there from an earlier call; -EEXIST another route to exactly @p;
 * -errno.
 */
int netconf_route_add(struct netconf *nc, const struct prefix *p, const struct addr *src)
	__attribute__((warn_unused_result));
/** netconf_route_remove() - gone already is 0, too. Return: 0; -errno, logged. */
int netconf_route_remove(struct netconf *nc, const struct prefix *p);

/**
 * netconf_find_lan() - the interface behind which @lan is: it has an address inside @lan, or an
 * on-link route that covers @lan or lies in it. Not the TUN, not loopback.
 * Return: 0; -ENOENT none; -errno.
 */
int netconf_find_lan(struct netconf *nc, const struct prefix *lan, struct netconf_link *out)
	__attribute__((warn_unused_result));
/**
 * netconf_find_links() - all interfaces by which packets to @lan may leave: those with an address
 * or a route, by a gateway too, inside @lan, and that of the longest route that holds it. A default
 * route counts for a wide @lan only. Not the TUN, not loopback.
 * @out: @size entries at most, @n are set. Return: 0; -ENOENT none; -errno.
 */
int netconf_find_links(struct netconf *nc, const struct prefix *lan, struct netconf_link *out,
		       size_t size, size_t *n) __attribute__((warn_unused_result));

/* A network that is connected here. */
struct netconf_subnet {
	struct netconf_link link;
	struct prefix prefix;
};

/**
 * netconf_find_subnet() - the one by which @lan is reached: of the interface that
 * netconf_find_lan() finds, rather one that overlaps @lan than another.
 * Return: 0; -ENOENT none; -errno.
 */
int netconf_find_subnet(struct netconf *nc, const struct prefix *lan, struct netconf_subnet *out)
	__attribute__((warn_unused_result));

/**
 * netconf_taken() - addresses of the subnet that are known to be in use: own ones, gateways,
 * neighbours. Return: how many were put to @out, at most @max.
 */
size_t netconf_taken(struct netconf *nc, const struct netconf_subnet *in, struct addr *out,
		     size_t max);

#define NETCONF_PROXIES_MAX 32

/**
 * netconf_proxy_add() - let the kernel answer for @a on @link: ARP, where @link forwards and a
 * route leads elsewhere; for IPv6 it joins the group that is asked, and somebody else answers. To
 * add it again puts it back, if somebody took it away.
 * Return: 0; -EEXIST there is an entry of somebody else; -errno.
 */
int netconf_proxy_add(struct netconf *nc, const struct netconf_link *link, const struct addr *a)
	__attribute__((warn_unused_result));
typedef void netconf_proxy_fn(const struct addr *a, int ifindex, bool there, void *arg);
/** netconf_proxies_list() - call @fn for each that was added; @there: the kernel still has it.
 * Return: 0; -errno. */
int netconf_proxies_list(struct netconf *nc, netconf_proxy_fn *fn, void *arg)
	__attribute__((warn_unused_result));
/** netconf_proxy_remove() - gone already is 0, too. Return: 0; -errno, logged. */
int netconf_proxy_remove(struct netconf *nc, const struct netconf_link *link, const struct addr *a);

/* What stands in the way of a route. */
struct netconf_conflict {
	struct prefix prefix;	  /* the route's, or the address as a host prefix */
	struct netconf_link link; /* ifindex 0, name "" for routes without an interface */
	char text[160];		  /* "192.168.1.0/24 is connected here on eth0" */
};

/**
 * netconf_conflicts() - would a route to @want cut something off? An address or non-default route
 * inside @want, a gateway in use inside @want, or a connected network that holds @want, on any
 * interface but @skip_ifindex (0: none) and the TUN. Wider routes by a gateway, and wide ones
 * (prefix_is_wide()), are no conflict: the narrower one is to win.
 * Return: 0 none; -EEXIST and *what (may be NULL); -errno.
 */
int netconf_conflicts(struct netconf *nc, const struct prefix *want, int skip_ifindex,
		      struct netconf_conflict *what) __attribute__((warn_unused_result));

/* Where packets to an address go. */
struct netconf_way {
	struct netconf_link link; /* ifindex 0: the address is this host's */
	struct addr gateway;	  /* family 0: on the link */
	struct addr source;	  /* netconf_way_now(): our address then; else family 0 */
};

/**
 * netconf_way_now() - what the kernel does with a packet to @to.
 * Return: 0; -ENETUNREACH there is no way.
 */
int netconf_way_now(struct netconf *nc, const struct addr *to, struct netconf_way *way)
	__attribute__((warn_unused_result));
/**
 * netconf_way_from() - the same for a packet from @from that comes in by @in_ifindex (0: it begins
 * here), so that rules for sources and interfaces count.
 * Return: 0; -ENETUNREACH there is no way, or the kernel does not let it in.
 */
int netconf_way_from(struct netconf *nc, const struct addr *to, const struct addr *from,
		     int in_ifindex, struct netconf_way *way) __attribute__((warn_unused_result));
/**
 * netconf_way_outside() - what it would do without the TUN and without routes of ours. Where those
 * make no difference the kernel is asked, else its main table is searched (so policy routing is
 * not looked at then). Return: as netconf_way_now().
 */
int netconf_way_outside(struct netconf *nc, const struct addr *to, struct netconf_way *way)
	__attribute__((warn_unused_result));

#define NETCONF_OUTSIDE_MAX 192

/**
 * netconf_outside_add() - a route to @p by @way, for a way that has to stay outside of the tunnel
 * or that a LAN of ours needs. It loses against every other route to exactly @p, so none is
 * replaced. One of ours that goes another way is moved, one that somebody took away is put back.
 * Return: 0; -errno.
 */
int netconf_outside_add(struct netconf *nc, const struct prefix *p, const struct netconf_way *way)
	__attribute__((warn_unused_result));
/** netconf_outside_remove() - gone already is fine. */
void netconf_outside_remove(struct netconf *nc, const struct prefix *p);

/* Routes of ours and addresses on the TUN, as the kernel has them at one moment. */
struct netconf_seen;
/** netconf_see() - Return: 0; -errno. */
int netconf_see(struct netconf *nc, struct netconf_seen **out) __attribute__((warn_unused_result));
/** netconf_seen_has() - @ifindex 0: the TUN. */
bool netconf_seen_has(const struct netconf_seen *all, bool is_route, const struct prefix *p,
		      int ifindex);
void netconf_seen_free(struct netconf_seen *all); /* NULL is allowed */

/**
 * netconf_in_use() - what this host uses of one family: its addresses and gateways as host
 * prefixes, and the destinations of routes in all tables, those into the TUN and default routes
 * apart.
 * @list: from malloc, caller frees; NULL if there is nothing.   Return: 0; -errno.
 */
int netconf_in_use(struct netconf *nc, uint8_t family, struct prefix **list, size_t *n)
	__attribute__((warn_unused_result));

/**
 * netconf_forward() - let packets pass between the TUN and @ifname; nothing else is opened where
 * the kernel can do that (IPv4 always; IPv6 with force_forwarding, else all interfaces).
 * @family: 4 or 6.
 * @hold: set; give it to netconf_unforward(). Several holds on one interface are counted.
 * Return: 0; -errno, and nothing is changed.
 */
int netconf_forward(struct netconf *nc, const char *ifname, uint8_t family, uint32_t *hold)
	__attribute__((warn_unused_result));
/** netconf_forwards() - does the kernel forward what comes in by @ifname? @setting: which one says
 * so, as a path below /proc/sys. */
bool netconf_forwards(const char *ifname, uint8_t family, char *setting, size_t size);
void netconf_unforward(struct netconf *nc, uint32_t hold);

#endif
