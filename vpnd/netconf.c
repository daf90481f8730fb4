/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/netconf.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/io/log.h"
#include "vpnd/netconf_internal.h"

int netconf_fail(struct netconf *nc, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(nc->error, sizeof(nc->error), fmt, ap);
	va_end(ap);
	return err;
}

const char *netconf_error(const struct netconf *nc)
{
	return nc->error;
}

int netconf_errno(int nle)
{
	static const int errnos[] = {
		[NLE_SUCCESS] = 0,
		[NLE_INTR] = EINTR,
		[NLE_AGAIN] = EAGAIN,
		[NLE_EXIST] = EEXIST,
		[NLE_NOADDR] = EADDRNOTAVAIL,
		[NLE_OBJ_NOTFOUND] = ENOENT,
		[NLE_INVAL] = EINVAL,
		[NLE_RANGE] = ERANGE,
		[NLE_OPNOTSUPP] = EOPNOTSUPP,
		[NLE_AF_NOSUPPORT] = EAFNOSUPPORT,
		[NLE_NOMEM] = ENOMEM,
		[NLE_PERM] = EPERM,
		[NLE_NOACCESS] = EACCES,
		[NLE_BUSY] = EBUSY,
		[NLE_NODEV] = ENODEV,
	};
	size_t code = (size_t)(nle < 0 ? -nle : nle);

	if (code == 0)
		return 0;
	if (code < sizeof(errnos) / sizeof(errnos[0]) && errnos[code])
		return -errnos[code];
	return -EIO;
}

bool netconf_to_addr(const struct nl_addr *from, struct addr *a)
{
	if (!from)
		return false;
	if (nl_addr_get_family(from) == AF_INET && nl_addr_get_len(from) == 4)
		*a = addr_from_bytes(4, nl_addr_get_binary_addr(from));
	else if (nl_addr_get_family(from) == AF_INET6 && nl_addr_get_len(from) == 16)
		*a = addr_from_bytes(6, nl_addr_get_binary_addr(from));
	else
		return false;
	return true;
}

struct nl_addr *netconf_to_nl(const struct prefix *p)
{
	uint8_t bytes[16]; /* libnl's argument is not const */
	bool v4 = p->addr.family == 4;
	struct nl_addr *to;

	memcpy(bytes, p->addr.bytes, sizeof(bytes));
	to = nl_addr_build(v4 ? AF_INET : AF_INET6, bytes, v4 ? 4 : 16);
	if (to)
		nl_addr_set_prefixlen(to, p->len);
	return to;
}

int netconf_open(struct netconf **out, const char *tun_name, struct undo *undo)
{
	struct netconf *nc = calloc(1, sizeof(*nc));
	int err;

	*out = NULL;
	if (!nc)
		return -ENOMEM;
	snprintf(nc->tun, sizeof(nc->tun), "%s", tun_name);
	nc->undo = undo;
	nc->sock = nl_socket_alloc();
	err = nc->sock ? netconf_errno(nl_connect(nc->sock, NETLINK_ROUTE)) : -ENOMEM;
	if (err) {
		log_error("cannot open a netlink socket error=%s", strerror(-err));
		nl_socket_free(nc->sock);
		free(nc);
		return err;
	}
	*out = nc;
	return 0;
}

/* --- what was added --- */

static struct netconf_item *find_item(struct netconf *nc, bool is_route, const struct prefix *p)
{
	for (size_t i = 0; i < nc->n_items; i++) {
		if (nc->items[i].is_route == is_route && prefix_equal(&nc->items[i].prefix, p))
			return &nc->items[i];
	}
	return NULL;
}

static void forget_item(struct netconf *nc, struct netconf_item *item)
{
	nc->n_items--;
	memmove(item, item + 1, (size_t)(&nc->items[nc->n_items] - item) * sizeof(*item));
}

/* Before the kernel is asked, so that nothing is added that is not remembered. */
static int make_room(struct netconf *nc)
{
	size_t size = nc->items_size ? nc->items_size * 2 : 16;
	struct netconf_item *items;

	if (nc->n_items == NETCONF_ITEMS_MAX)
		return netconf_fail(nc, -ENOSPC, "too many addresses and routes");
	if (nc->n_items < nc->items_size)
		return 0;
	items = realloc(nc->items, size * sizeof(*items));
	if (!items)
		return netconf_fail(nc, -ENOMEM, "out of memory");
	nc->items = items;
	nc->items_size = size;
	return 0;
}

/* What was on a TUN of our name that was deleted and made again went with it. */
static int find_tun(struct netconf *nc, int *ifindex)
{
	*ifindex = (int)if_nametoindex(nc->tun);
	if (*ifindex != nc->ifindex)
		nc->n_items = 0;
	nc->ifindex = *ifindex;
	return *ifindex ? 0 : netconf_fail(nc, -ENODEV, "there is no TUN device %s", nc->tun);
}

int netconf_tun_ifindex(const struct netconf *nc)
{
	return (int)if_nametoindex(nc->tun);
}

/* --- link --- */

static int link_change(struct netconf *nc, int ifindex, void (*fill)(struct rtnl_link *, uint32_t),
		       uint32_t value)
{
	struct rtnl_link *orig = rtnl_link_alloc(), *change = rtnl_link_alloc();
	int err = -ENOMEM;

	if (orig && change) {
		rtnl_link_set_ifindex(orig, ifindex);
		rtnl_link_set_ifindex(change, ifindex);
		fill(change, value);
		err = netconf_errno(rtnl_link_change(nc->sock, orig, change, 0));
	}
	rtnl_link_put(orig);
	rtnl_link_put(change);
	return err;
}

static void fill_up(struct rtnl_link *link, uint32_t mtu_bytes)
{
	rtnl_link_set_mtu(link, mtu_bytes);
	rtnl_link_set_txqlen(link, NETCONF_TUN_QUEUE_PACKETS);
	rtnl_link_set_flags(link, IFF_UP);
}

static void fill_addr_gen_mode(struct rtnl_link *link, uint32_t mode)
{
	rtnl_link_inet6_set_addr_gen_mode(link, (uint8_t)mode);
}

int netconf_link_up(struct netconf *nc, uint32_t mtu_bytes)
{
	int ifindex, err = find_tun(nc, &ifindex);

	if (err)
		return err;
	/* Nobody is there who could answer router solicitations. Fails where IPv6 is off. */
	if (link_change(nc, ifindex, fill_addr_gen_mode, IN6_ADDR_GEN_MODE_NONE) != 0)
		log_debug("no addr_gen_mode for %s", nc->tun);
	nc->mtu_bytes = mtu_bytes;
	err = link_change(nc, ifindex, fill_up, mtu_bytes);
	if (err)
		return netconf_fail(nc, err, "cannot set %s up with MTU %u: %s", nc->tun, mtu_bytes,
				    strerror(-err));
	return 0;
}

/* --- addresses --- */

static struct rtnl_addr *address_new(int ifindex, const struct prefix *host)
{
	struct rtnl_addr *ra = rtnl_addr_alloc();
	struct nl_addr *local = netconf_to_nl(host);
	int nle = -NLE_NOMEM;

	if (ra && local) {
		rtnl_addr_set_ifindex(ra, ifindex);
		nle = rtnl_addr_set_local(ra, local);
		rtnl_addr_set_prefixlen(ra, host->len);
		rtnl_addr_set_flags(ra, host->addr.family == 6 ? IFA_F_NODAD : 0);
	}
	nl_addr_put(local);
	if (nle == 0)
		return ra;
	rtnl_addr_put(ra);
	return NULL;
}

static int address_change(struct netconf *nc, int ifindex, const struct prefix *host, bool add)
{
	struct rtnl_addr *ra = address_new(ifindex, host);
	int nle;

	if (!ra)
		return -ENOMEM;
	nle = add ? rtnl_addr_add(nc->sock, ra, NLM_F_EXCL) : rtnl_addr_delete(nc->sock, ra, 0);
	rtnl_addr_put(ra);
	return netconf_errno(nle);
}

static struct prefix host_prefix(const struct addr *a)
{
	return prefix_of(a, a->family == 4 ? 32 : 128);
}

int netconf_address_add(struct netconf *nc, const struct addr *a)
{
	struct prefix host = host_prefix(a);
	struct netconf_link owner;
	char text[ADDR_TEXT_SIZE];
	int ifindex, err = find_tun(nc, &ifindex);

	if (!err)
		err = make_room(nc);
	if (err || find_item(nc, false, &host))
		return err;
	addr_format(a, text);
	err = netconf_address_owner(nc, a, &owner);
	if (err == -EEXIST)
		return netconf_fail(nc, err, "the tunnel address %s is in use here on %s", text,
				    owner.name);
	if (!err)
		err = address_change(nc, ifindex, &host, true);
	if (err)
		return netconf_fail(nc, err, "cannot put %s on %s: %s", text, nc->tun,
				    err == -EACCES ? "IPv6 is switched off there (disable_ipv6)"
						   : strerror(-err));
	nc->items[nc->n_items++] = (struct netconf_item){.prefix = host};
	return 0;
}

/* The item goes whatever the kernel says: gone already is what was wanted. */
static int address_remove(struct netconf *nc, struct netconf_item *item)
{
	struct prefix host = item->prefix;
	unsigned int ifindex = if_nametoindex(nc->tun);
	char text[PREFIX_TEXT_SIZE];
	int err;

	forget_item(nc, item);
	if (!ifindex)
		return 0;
	err = address_change(nc, (int)ifindex, &host, false);
	if (!err || err == -EADDRNOTAVAIL || err == -ENOENT || err == -ENODEV)
		return 0;
	prefix_format(&host, text);
	log_warn("cannot remove an address address=%s interface=%s error=%s", text, nc->tun,
		 strerror(-err));
	return netconf_fail(nc, err, "cannot remove %s from %s: %s", text, nc->tun, strerror(-err));
}

int netconf_address_remove(struct netconf *nc, const struct addr *a)
{
	struct prefix host = host_prefix(a);
	struct netconf_item *item = find_item(nc, false, &host);

	return item ? address_remove(nc, item) : 0;
}

/* --- routes --- */

static int route_fill(struct rtnl_route *r, int ifindex, const struct prefix *p,
		      const struct addr *src)
{
	struct prefix host = src ? host_prefix(src) : *p;
	struct nl_addr *dst = netconf_to_nl(p), *pref = netconf_to_nl(&host);
	struct rtnl_nexthop *nh = rtnl_route_nh_alloc();
	int nle = -NLE_NOMEM;

	if (dst && pref && nh) {
		rtnl_route_set_table(r, RT_TABLE_MAIN);
		rtnl_route_set_protocol(r, NETCONF_ROUTE_PROTOCOL);
		rtnl_route_set_scope(r, p->addr.family == 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
		rtnl_route_nh_set_ifindex(nh, ifindex);
		rtnl_route_add_nexthop(r, nh); /* takes it */
		nh = NULL;
		nle = rtnl_route_set_dst(r, dst);
		if (nle == 0 && src)
			nle = rtnl_route_set_pref_src(r, pref);
	}
	nl_addr_put(dst);
	nl_addr_put(pref);
	if (nh)
		rtnl_route_nh_free(nh);
	return nle;
}

static int route_change(struct netconf *nc, int ifindex, const struct prefix *p,
			const struct addr *src, bool add)
{
	struct rtnl_route *r = rtnl_route_alloc();
	int nle = r ? route_fill(r, ifindex, p, src) : -NLE_NOMEM;

	if (nle == 0)
		nle = add ? rtnl_route_add(nc->sock, r, NLM_F_EXCL)
			  : rtnl_route_delete(nc->sock, r, 0);
	rtnl_route_put(r);
	return netconf_errno(nle);
}

static bool is_down(struct netconf *nc, int ifindex)
{
	struct rtnl_link *link;
	bool down;

	if (rtnl_link_get_kernel(nc->sock, ifindex, NULL, &link) != 0)
		return false;
	down = !(rtnl_link_get_flags(link) & IFF_UP);
	rtnl_link_put(link);
	return down;
}

/* Not by the error: libnl knows no ENETDOWN, and EINVAL has many reasons. */
static bool has_lost(struct netconf *nc, int ifindex, const struct addr *src)
{
	struct netconf_link owner;

	return is_down(nc, ifindex) || (src && netconf_address_owner(nc, src, &owner) == 0);
}

/*
 * Who sets the TUN down takes all routes from it and its IPv6 addresses, and up alone brings none
 * of them back. What is there still is left as it is.
 */
static void put_back(struct netconf *nc, int ifindex)
{
	int err = link_change(nc, ifindex, fill_up, nc->mtu_bytes);

	log_notice("the interface lost what was set on it: it is set again interface=%s", nc->tun);
	for (size_t i = 0; !err && i < nc->n_items; i++) {
		const struct netconf_item *item = &nc->items[i];
		const struct addr *src = item->src.family ? &item->src : NULL;

		err = item->is_route ? route_change(nc, ifindex, &item->prefix, src, true)
				     : address_change(nc, ifindex, &item->prefix, true);
		if (err == -EEXIST)
			err = 0;
	}
	if (err)
		log_warn("not all could be set again interface=%s error=%s", nc->tun,
			 strerror(-err));
}

int netconf_route_add(struct netconf *nc, const struct prefix *p, const struct addr *src)
{
	struct netconf_link owner;
	char text[PREFIX_TEXT_SIZE];
	int ifindex, err = find_tun(nc, &ifindex);

	if (!err)
		err = make_room(nc);
	if (err || find_item(nc, true, p))
		return err;
	prefix_format(p, text);
	/* NLM_F_EXCL alone would let a route of another metric be outdone. */
	err = netconf_route_owner(nc, p, &owner);
	if (err == -EEXIST)
		return netconf_fail(nc, err, "there is a route to %s here already%s%s", text,
				    owner.ifindex ? ", by " : "", owner.name);
	if (!err)
		err = route_change(nc, ifindex, p, src, true);
	if (err && has_lost(nc, ifindex, src)) {
		put_back(nc, ifindex);
		err = route_change(nc, ifindex, p, src, true);
	}
	if (err)
		return netconf_fail(nc, err, "cannot route %s into %s: %s", text, nc->tun,
				    strerror(-err));
	nc->items[nc->n_items++] = (struct netconf_item){.is_route = true, .prefix = *p};
	if (src)
		nc->items[nc->n_items - 1].src = *src;
	return 0;
}

static int route_remove(struct netconf *nc, struct netconf_item *item)
{
	struct prefix p = item->prefix;
	unsigned int ifindex = if_nametoindex(nc->tun);
	char text[PREFIX_TEXT_SIZE];
	int err;

	forget_item(nc, item);
	if (!ifindex)
		return 0;
	err = route_change(nc, (int)ifindex, &p, NULL, false);
	if (!err || err == -ENOENT || err == -ENODEV)
		return 0;
	prefix_format(&p, text);
	log_warn("cannot remove a route prefix=%s interface=%s error=%s", text, nc->tun,
		 strerror(-err));
	return netconf_fail(nc, err, "cannot remove the route to %s: %s", text, strerror(-err));
}

int netconf_route_remove(struct netconf *nc, const struct prefix *p)
{
	struct netconf_item *item = find_item(nc, true, p);

	return item ? route_remove(nc, item) : 0;
}

void netconf_close(struct netconf *nc)
{
	if (!nc)
		return;
	netconf_proxies_close(nc);
	while (nc->n_items > 0) {
		struct netconf_item *last = &nc->items[nc->n_items - 1];

		(void)(last->is_route ? route_remove(nc, last) : address_remove(nc, last));
	}
	while (nc->n_outside > 0) {
		struct prefix p = nc->outside[nc->n_outside - 1].prefix;

		netconf_outside_remove(nc, &p);
	}
	nl_socket_free(nc->sock);
	free(nc->items);
	free(nc);
}
