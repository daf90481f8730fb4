/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ways outside of the tunnel: how an address is reached there, and routes of ours that keep it so.
 *
 * These routes are not on the TUN, so they do not go with it. Our protocol number and a metric of
 * our own, made of the TUN's name, tell them from everybody else's and from those of another vpnd;
 * and a metric that large loses against any other route to the same prefix, so that nothing is
 * replaced.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/cache.h>
#include <netlink/msg.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/io/log.h"
#include "vpnd/netconf_internal.h"

#define METRIC_BASE ((uint32_t)NETCONF_ROUTE_PROTOCOL << 24)

/* FNV-1a of the TUN's name: only two vpnd's on one host need to differ. */
static uint32_t metric_of(const struct netconf *nc)
{
	uint32_t hash = 2166136261u;

	for (const char *c = nc->tun; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 16777619u;
	return METRIC_BASE | (hash & 0xffffff);
}

static bool is_ours(const struct netconf *nc, struct rtnl_route *r)
{
	return rtnl_route_get_table(r) == RT_TABLE_MAIN &&
	       rtnl_route_get_protocol(r) == NETCONF_ROUTE_PROTOCOL &&
	       rtnl_route_get_priority(r) == metric_of(nc);
}

static void fill_way(struct netconf_way *way, struct rtnl_route *r)
{
	struct rtnl_nexthop *nh =
		rtnl_route_get_nnexthops(r) > 0 ? rtnl_route_nexthop_n(r, 0) : NULL;

	memset(way, 0, sizeof(*way));
	if (!nh)
		return;
	way->link.ifindex = rtnl_route_nh_get_ifindex(nh);
	if (!if_indextoname((unsigned int)way->link.ifindex, way->link.name))
		way->link.name[0] = '\0';
	(void)netconf_to_addr(rtnl_route_nh_get_gateway(nh), &way->gateway);
	(void)netconf_to_addr(rtnl_route_get_pref_src(r), &way->source);
}

/* --- what the kernel would do with a packet --- */

/* @r: taken. */
static int take_way(struct netconf_way *way, struct rtnl_route *r)
{
	int type = rtnl_route_get_type(r);

	fill_way(way, r);
	rtnl_route_put(r);
	if (type == RTN_LOCAL)
		memset(way, 0, sizeof(*way));
	return type == RTN_LOCAL || (type == RTN_UNICAST && way->link.ifindex) ? 0 : -ENETUNREACH;
}

int netconf_way_now(struct netconf *nc, const struct addr *to, struct netconf_way *way)
{
	struct prefix host = prefix_of(to, UINT8_MAX);
	struct nl_addr *dst = netconf_to_nl(&host);
	struct rtnl_route *r = NULL;
	int nle = dst ? rtnl_route_lookup(nc->sock, dst, &r) : -NLE_NOMEM;

	nl_addr_put(dst);
	return nle < 0 || !r ? -ENETUNREACH : take_way(way, r);
}

static int put_addr(struct nl_msg *msg, int type, const struct addr *a)
{
	return nla_put(msg, type, a->family == 4 ? 4 : 16, a->bytes);
}

static struct nl_msg *question(const struct addr *to, const struct addr *from, int in_ifindex)
{
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, 0);
	struct rtmsg rt = {
		.rtm_family = to->family == 4 ? AF_INET : AF_INET6,
		.rtm_dst_len = to->family == 4 ? 32 : 128,
		.rtm_src_len = to->family == 4 ? 32 : 128,
	};

	if (msg && nlmsg_append(msg, &rt, sizeof(rt), NLMSG_ALIGNTO) == 0 &&
	    put_addr(msg, RTA_DST, to) == 0 && put_addr(msg, RTA_SRC, from) == 0 &&
	    (in_ifindex == 0 || nla_put_u32(msg, RTA_IIF, (uint32_t)in_ifindex) == 0))
		return msg;
	if (msg)
		nlmsg_free(msg);
	return NULL;
}

static int on_answer(struct nl_msg *msg, void *arg)
{
	struct rtnl_route **r = arg;

	if (!*r)
		(void)rtnl_route_parse(nlmsg_hdr(msg), r);
	return NL_OK;
}

static struct rtnl_route *ask(struct netconf *nc, struct nl_msg *msg)
{
	struct nl_cb *of_socket = nl_socket_get_cb(nc->sock); /* with a reference */
	struct nl_cb *cb = nl_cb_clone(of_socket);
	struct rtnl_route *r = NULL;

	nl_cb_put(of_socket);
	if (!cb)
		return NULL;
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_answer, &r);
	if (nl_send_auto(nc->sock, msg) >= 0 && nl_recvmsgs(nc->sock, cb) >= 0)
		(void)nl_wait_for_ack(nc->sock);
	nl_cb_put(cb);
	return r;
}

int netconf_way_from(struct netconf *nc, const struct addr *to, const struct addr *from,
		     int in_ifindex, struct netconf_way *way)
{
	struct nl_msg *msg = question(to, from, in_ifindex);
	struct rtnl_route *r = msg ? ask(nc, msg) : NULL;

	if (msg)
		nlmsg_free(msg);
	return r ? take_way(way, r) : -ENETUNREACH;
}

/* --- the same without the TUN and without routes of ours --- */

struct way_search {
	struct netconf *nc;
	const struct addr *to;
	int tun;
	struct rtnl_route *best; /* of the cache */
	int best_len;
	uint32_t best_metric;
};

static bool leads_out(const struct way_search *x, struct rtnl_route *r)
{
	struct rtnl_nexthop *nh;

	if (rtnl_route_get_table(r) != RT_TABLE_MAIN ||
	    rtnl_route_get_protocol(r) == NETCONF_ROUTE_PROTOCOL)
		return false;
	nh = rtnl_route_get_nnexthops(r) > 0 ? rtnl_route_nexthop_n(r, 0) : NULL;
	return !nh || (rtnl_route_nh_get_ifindex(nh) != x->tun &&
		       !(rtnl_route_nh_get_flags(nh) & (RTNH_F_DEAD | RTNH_F_LINKDOWN)));
}

/* Return: bits of the route's prefix if it holds the address, else -1. */
static int match_len(struct rtnl_route *r, const struct addr *to)
{
	struct nl_addr *dst = rtnl_route_get_dst(r);
	struct prefix p;
	struct addr a;

	if (!dst || nl_addr_get_prefixlen(dst) == 0)
		return 0;
	if (!netconf_to_addr(dst, &a))
		return -1;
	p = prefix_of(&a, (uint8_t)nl_addr_get_prefixlen(dst));
	return prefix_contains(&p, to) ? p.len : -1;
}

static void consider(struct way_search *x, struct rtnl_route *r)
{
	uint32_t metric = rtnl_route_get_priority(r);
	int len;

	if (!leads_out(x, r))
		return;
	len = match_len(r, x->to);
	if (len < 0 || len < x->best_len || (len == x->best_len && metric >= x->best_metric))
		return;
	x->best = r;
	x->best_len = len;
	x->best_metric = metric;
}

static int search_main(struct netconf *nc, const struct addr *to, struct netconf_way *way)
{
	struct way_search x = {.nc = nc,
			       .to = to,
			       .tun = (int)if_nametoindex(nc->tun),
			       .best_len = -1,
			       .best_metric = UINT32_MAX};
	struct nl_cache *cache;
	int err = netconf_errno(
		rtnl_route_alloc_cache(nc->sock, to->family == 4 ? AF_INET : AF_INET6, 0, &cache));

	if (err)
		return err;
	for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o))
		consider(&x, (struct rtnl_route *)o);
	err = x.best && rtnl_route_get_type(x.best) == RTN_UNICAST ? 0 : -ENETUNREACH;
	if (!err)
		fill_way(way, x.best);
	nl_cache_free(cache);
	return err || way->link.ifindex ? err : -ENETUNREACH;
}

static struct netconf_outside *find(struct netconf *nc, const struct prefix *p)
{
	for (size_t i = 0; i < nc->n_outside; i++) {
		if (prefix_equal(&nc->outside[i].prefix, p))
			return &nc->outside[i];
	}
	return NULL;
}

/* The kernel knows better where it is asked (policy routing); what we did to it, it cannot leave
 * out. */
int netconf_way_outside(struct netconf *nc, const struct addr *to, struct netconf_way *way)
{
	struct prefix host = prefix_of(to, UINT8_MAX);
	int tun = (int)if_nametoindex(nc->tun);

	if (!find(nc, &host) && netconf_way_now(nc, to, way) == 0 &&
	    (way->link.ifindex == 0 || way->link.ifindex != tun))
		return 0;
	return search_main(nc, to, way);
}

/* --- routes --- */

static int fill(struct netconf *nc, struct rtnl_route *r, const struct prefix *p,
		const struct netconf_way *way)
{
	struct prefix host = prefix_of(&way->gateway, UINT8_MAX);
	struct nl_addr *dst = netconf_to_nl(p);
	struct nl_addr *gateway = way->gateway.family ? netconf_to_nl(&host) : NULL;
	struct rtnl_nexthop *nh = rtnl_route_nh_alloc();
	bool onlink = !way->gateway.family;
	int nle = -NLE_NOMEM;

	if (dst && nh && (gateway || onlink)) {
		rtnl_route_set_table(r, RT_TABLE_MAIN);
		rtnl_route_set_protocol(r, NETCONF_ROUTE_PROTOCOL);
		rtnl_route_set_priority(r, metric_of(nc));
		rtnl_route_set_scope(r, p->addr.family == 4 && onlink ? RT_SCOPE_LINK
								      : RT_SCOPE_UNIVERSE);
		rtnl_route_nh_set_ifindex(nh, way->link.ifindex);
		if (gateway) {
			rtnl_route_nh_set_gateway(nh, gateway);
			/* It is there, the kernel said so; also where its network is captured. */
			rtnl_route_nh_set_flags(nh, RTNH_F_ONLINK);
		}
		rtnl_route_add_nexthop(r, nh); /* takes it */
		nh = NULL;
		nle = rtnl_route_set_dst(r, dst);
	}
	nl_addr_put(dst);
	nl_addr_put(gateway);
	if (nh)
		rtnl_route_nh_free(nh);
	return nle;
}

static int change(struct netconf *nc, const struct prefix *p, const struct netconf_way *way,
		  bool add)
{
	struct rtnl_route *r = rtnl_route_alloc();
	int nle = r ? fill(nc, r, p, way) : -NLE_NOMEM;

	if (nle == 0)
		nle = add ? rtnl_route_add(nc->sock, r, NLM_F_EXCL)
			  : rtnl_route_delete(nc->sock, r, 0);
	rtnl_route_put(r);
	return netconf_errno(nle);
}

static bool same_way(const struct netconf_way *a, const struct netconf_way *b)
{
	return a->link.ifindex == b->link.ifindex && addr_equal(&a->gateway, &b->gateway);
}

static void forget(struct netconf *nc, struct netconf_outside *o)
{
	nc->n_outside--;
	memmove(o, o + 1, (size_t)(&nc->outside[nc->n_outside] - o) * sizeof(*o));
}

int netconf_outside_add(struct netconf *nc, const struct prefix *p, const struct netconf_way *way)
{
	struct netconf_outside *o = find(nc, p);
	char text[PREFIX_TEXT_SIZE];
	int err;

	prefix_format(p, text);
	if (o && !same_way(&o->way, way)) {
		log_notice("the way outside has changed prefix=%s interface=%s", text,
			   way->link.name);
		(void)change(nc, p, &o->way, false);
		forget(nc, o);
		o = NULL;
	}
	if (!o && nc->n_outside == NETCONF_OUTSIDE_MAX)
		return netconf_fail(nc, -ENOSPC, "too many routes outside of the tunnel");
	err = change(nc, p, way, true);
	if (err == -EEXIST) /* from before: it is ours, by the metric */
		err = 0;
	if (err)
		return netconf_fail(nc, err, "cannot route %s by %s: %s", text, way->link.name,
				    strerror(-err));
	if (!o)
		nc->outside[nc->n_outside++] = (struct netconf_outside){.prefix = *p, .way = *way};
	return 0;
}

void netconf_outside_remove(struct netconf *nc, const struct prefix *p)
{
	struct netconf_outside *o = find(nc, p);
	struct netconf_way way;
	char text[PREFIX_TEXT_SIZE];
	int err;

	if (!o)
		return;
	way = o->way;
	forget(nc, o);
	err = change(nc, p, &way, false);
	if (!err || err == -ENOENT || err == -ENODEV)
		return;
	prefix_format(p, text);
	log_warn("cannot remove a route prefix=%s interface=%s error=%s", text, way.link.name,
		 strerror(-err));
}

int netconf_outside_cleanup(struct netconf *nc)
{
	struct nl_cache *cache;
	unsigned int n = 0;
	int err = netconf_errno(rtnl_route_alloc_cache(nc->sock, AF_UNSPEC, 0, &cache));

	if (err)
		return netconf_fail(nc, err, "cannot list routes: %s", strerror(-err));
	for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		if (is_ours(nc, (struct rtnl_route *)o) &&
		    rtnl_route_delete(nc->sock, (struct rtnl_route *)o, 0) == 0)
			n++;
	}
	nl_cache_free(cache);
	if (n > 0)
		log_notice("removed routes outside of the tunnel that an earlier run left count=%u",
			   n);
	return 0;
}
