/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel would do with a packet (RTM_GETROUTE). */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <string.h>

#include "vpnd/netconf_internal.h"

static int read_hop(struct rtnl_route *r, struct netconf_hop *hop)
{
	struct rtnl_nexthop *nh =
		rtnl_route_get_nnexthops(r) > 0 ? rtnl_route_nexthop_n(r, 0) : NULL;

	memset(hop, 0, sizeof(*hop));
	if (rtnl_route_get_type(r) == RTN_LOCAL)
		return 0;
	if (rtnl_route_get_type(r) != RTN_UNICAST || !nh)
		return -ENETUNREACH;
	hop->link.ifindex = rtnl_route_nh_get_ifindex(nh);
	if (!if_indextoname((unsigned int)hop->link.ifindex, hop->link.name))
		return -ENETUNREACH;
	(void)netconf_to_addr(rtnl_route_nh_get_gateway(nh), &hop->gateway);
	return 0;
}

int netconf_lookup(struct netconf *nc, const struct addr *to, struct netconf_hop *hop)
{
	struct prefix host = prefix_of(to, UINT8_MAX);
	struct nl_addr *dst = netconf_to_nl(&host);
	struct rtnl_route *r = NULL;
	int nle = dst ? rtnl_route_lookup(nc->sock, dst, &r) : -NLE_NOMEM, err;

	nl_addr_put(dst);
	if (nle < 0 || !r)
		return -ENETUNREACH;
	err = read_hop(r, hop);
	rtnl_route_put(r);
	return err;
}
