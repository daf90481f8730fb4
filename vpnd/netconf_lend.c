/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a lent address needs: the subnet it is of, which addresses there are in use as far as this
 * host knows, and the proxy entry by which the kernel answers for it.
 *
 * libnl knows no NDA_PROTOCOL, so the messages about proxy entries are made here. The entry is
 * permanent, or the loss of the carrier would take it away.
 */
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/io/log.h"
#include "vpnd/netconf_internal.h"
#include "vpnd/undo.h"

#define FOUND_MAX 256 /* entries of ours that a dump may hold */

static struct prefix host_of(const struct addr *a)
{
	return prefix_of(a, a->family == 4 ? 32 : 128);
}

/* --- subnets --- */

static bool is_link_local(const struct addr *a)
{
	return a->family == 6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/* The prefix of an address of @ifindex, if it has a subnet that @lan may be in. */
static bool subnet_of(struct rtnl_addr *ra, int ifindex, const struct prefix *lan,
		      struct prefix *out)
{
	struct addr a;
	int len = rtnl_addr_get_prefixlen(ra);

	if (rtnl_addr_get_ifindex(ra) != ifindex || rtnl_addr_get_peer(ra) ||
	    !netconf_to_addr(rtnl_addr_get_local(ra), &a) || a.family != lan->addr.family ||
	    is_link_local(&a) || len < 1)
		return false;
	*out = prefix_of(&a, (uint8_t)len);
	return true;
}

int netconf_find_subnet(struct netconf *nc, const struct prefix *lan, struct netconf_subnet *out)
{
	int err = netconf_find_lan(nc, lan, &out->link);
	struct nl_cache *cache;
	struct prefix p;
	bool found = false, best = false;

	if (!err)
		err = netconf_errno(rtnl_addr_alloc_cache(nc->sock, &cache));
	if (err)
		return err;
	for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		if (!subnet_of((struct rtnl_addr *)o, out->link.ifindex, lan, &p) || best)
			continue;
		out->prefix = p;
		found = true;
		best = prefix_overlaps(&p, lan);
	}
	nl_cache_free(cache);
	return found ? 0
		     : netconf_fail(nc, -ENOENT, "%s has no subnet of that family", out->link.name);
}

/* --- what is taken --- */

struct taken {
	struct addr *out;
	size_t max, n;
	const struct netconf_subnet *in;
};

static void take(struct taken *t, const struct nl_addr *from)
{
	struct addr a;

	if (t->n < t->max && netconf_to_addr(from, &a) && a.family == t->in->prefix.addr.family &&
	    prefix_contains(&t->in->prefix, &a))
		t->out[t->n++] = a;
}

static void take_address(struct nl_object *o, void *arg)
{
	take(arg, rtnl_addr_get_local((struct rtnl_addr *)o));
}

static void take_gateways(struct nl_object *o, void *arg)
{
	struct rtnl_route *r = (struct rtnl_route *)o;

	for (int i = 0; i < rtnl_route_get_nnexthops(r); i++)
		take(arg, rtnl_route_nh_get_gateway(rtnl_route_nexthop_n(r, i)));
}

static void take_neighbour(struct nl_object *o, void *arg)
{
	const int alive = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;
	struct rtnl_neigh *n = (struct rtnl_neigh *)o;
	struct taken *t = arg;

	if (rtnl_neigh_get_ifindex(n) == t->in->link.ifindex && rtnl_neigh_get_state(n) & alive)
		take(t, rtnl_neigh_get_dst(n));
}

static void each(struct nl_cache *cache, int nle, void (*fn)(struct nl_object *, void *),
		 struct taken *t)
{
	if (nle < 0)
		return; /* less is known: probing tells */
	nl_cache_foreach(cache, fn, t);
	nl_cache_free(cache);
}

size_t netconf_taken(struct netconf *nc, const struct netconf_subnet *in, struct addr *out,
		     size_t max)
{
	struct taken t = {.out = out, .max = max, .in = in};
	struct nl_cache *cache = NULL;
	int family = in->prefix.addr.family == 4 ? AF_INET : AF_INET6, nle;

	nle = rtnl_addr_alloc_cache(nc->sock, &cache);
	each(cache, nle, take_address, &t);
	nle = rtnl_route_alloc_cache(nc->sock, family, 0, &cache);
	each(cache, nle, take_gateways, &t);
	nle = rtnl_neigh_alloc_cache(nc->sock, &cache);
	each(cache, nle, take_neighbour, &t);
	return t.n;
}

/* --- proxy entries --- */

static struct nl_msg *proxy_message(int type, int flags, int ifindex, const struct addr *a)
{
	struct ndmsg nd = {.ndm_family = a->family == 4 ? AF_INET : AF_INET6,
			   .ndm_ifindex = ifindex,
			   .ndm_state = NUD_PERMANENT,
			   .ndm_flags = NTF_PROXY};
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (msg && (nlmsg_append(msg, &nd, sizeof(nd), NLMSG_ALIGNTO) < 0 ||
		    nla_put(msg, NDA_DST, a->family == 4 ? 4 : 16, a->bytes) < 0 ||
		    nla_put_u8(msg, NDA_PROTOCOL, NETCONF_ROUTE_PROTOCOL) < 0)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return msg;
}

static int proxy_change(struct netconf *nc, bool add, int ifindex, const struct addr *a)
{
	struct nl_msg *msg = proxy_message(add ? RTM_NEWNEIGH : RTM_DELNEIGH,
					   add ? NLM_F_CREATE : 0, ifindex, a);

	return msg ? netconf_errno(nl_send_sync(nc->sock, msg)) : -ENOMEM; /* takes it */
}

/* One of a dump. */
struct proxy {
	int ifindex;
	struct addr addr;
	uint8_t protocol;
};

struct proxies {
	size_t n;
	struct proxy at[FOUND_MAX];
};

static int on_proxy(struct nl_msg *msg, void *arg)
{
	const struct ndmsg *nd = nlmsg_data(nlmsg_hdr(msg));
	struct nlattr *attr[NDA_MAX + 1];
	struct proxies *found = arg;
	struct proxy *p = &found->at[found->n];
	bool v4;

	if (nlmsg_parse(nlmsg_hdr(msg), sizeof(*nd), attr, NDA_MAX, NULL) != 0 ||
	    !(nd->ndm_flags & NTF_PROXY) || !attr[NDA_DST] || found->n == FOUND_MAX)
		return NL_OK;
	v4 = nd->ndm_family == AF_INET;
	if ((!v4 && nd->ndm_family != AF_INET6) || nla_len(attr[NDA_DST]) != (v4 ? 4 : 16))
		return NL_OK;
	p->ifindex = nd->ndm_ifindex;
	p->addr = addr_from_bytes(v4 ? 4 : 6, nla_data(attr[NDA_DST]));
	p->protocol = attr[NDA_PROTOCOL] && nla_len(attr[NDA_PROTOCOL]) == 1
			      ? nla_get_u8(attr[NDA_PROTOCOL])
			      : 0;
	found->n++;
	return NL_OK;
}

static int list_proxies(struct netconf *nc, struct proxies *found)
{
	struct ndmsg ask = {.ndm_family = AF_UNSPEC, .ndm_flags = NTF_PROXY};
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int nle;

	found->n = 0;
	if (!cb)
		return -ENOMEM;
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_proxy, found);
	nle = nl_send_simple(nc->sock, RTM_GETNEIGH, NLM_F_DUMP, &ask, sizeof(ask));
	if (nle >= 0)
		nle = nl_recvmsgs(nc->sock, cb);
	nl_cb_put(cb);
	return nle < 0 ? netconf_errno(nle) : 0;
}

static struct netconf_proxy *find_proxy(struct netconf *nc, int ifindex, const struct addr *a)
{
	for (size_t i = 0; i < nc->n_proxies; i++) {
		if (nc->proxies[i].ifindex == ifindex && addr_equal(&nc->proxies[i].addr, a))
			return &nc->proxies[i];
	}
	return NULL;
}

/* The kernel waits for up to 0.8 s with an answer, that hosts of their own may be first: nobody
 * else has the address here. Without that it works, slowly. */
static void answer_at_once(struct netconf *nc, const struct netconf_link *link, uint32_t hold)
{
	char path[UNDO_PATH_SIZE];
	int err;

	snprintf(path, sizeof(path), "net/ipv4/neigh/%.15s/proxy_delay", link->name);
	err = undo_set(nc->undo, hold, path, "0");
	if (err)
		log_notice("hosts get late answers about lent addresses path=%s error=\"%s\"", path,
			   strerror(-err));
}

static int is_others(struct netconf *nc, const struct netconf_link *link, const struct addr *a)
{
	char text[ADDR_TEXT_SIZE];
	struct proxies found;
	int err = list_proxies(nc, &found);

	if (err)
		return netconf_fail(nc, err, "cannot list proxy entries: %s", strerror(-err));
	for (size_t i = 0; i < found.n; i++) {
		if (found.at[i].ifindex != link->ifindex || !addr_equal(&found.at[i].addr, a) ||
		    found.at[i].protocol == NETCONF_ROUTE_PROTOCOL)
			continue;
		addr_format(a, text);
		return netconf_fail(nc, -EEXIST, "there is a proxy entry for %s on %s already",
				    text, link->name);
	}
	return 0;
}

int netconf_proxy_add(struct netconf *nc, const struct netconf_link *link, const struct addr *a)
{
	struct netconf_proxy *p = &nc->proxies[nc->n_proxies];
	char text[ADDR_TEXT_SIZE];
	int err;

	if (find_proxy(nc, link->ifindex, a)) /* who sets the interface down takes it away */
		return proxy_change(nc, true, link->ifindex, a);
	if (nc->n_proxies == NETCONF_PROXIES_MAX)
		return netconf_fail(nc, -ENOSPC, "too many proxy entries");
	err = is_others(nc, link, a);
	if (err)
		return err;
	err = proxy_change(nc, true, link->ifindex, a);
	addr_format(a, text);
	if (err)
		return netconf_fail(nc, err, "cannot answer for %s on %s: %s", text, link->name,
				    strerror(-err));
	*p = (struct netconf_proxy){.ifindex = link->ifindex, .addr = *a};
	nc->n_proxies++;
	if (a->family == 4) {
		p->hold = undo_hold(nc->undo);
		answer_at_once(nc, link, p->hold);
	}
	return 0;
}

static int proxy_remove(struct netconf *nc, struct netconf_proxy *p)
{
	struct netconf_proxy was = *p;
	char text[ADDR_TEXT_SIZE];
	int err;

	*p = nc->proxies[--nc->n_proxies];
	if (was.hold)
		undo_release(nc->undo, was.hold);
	err = proxy_change(nc, false, was.ifindex, &was.addr);
	if (!err || err == -ENOENT || err == -ENODEV)
		return 0;
	addr_format(&was.addr, text);
	log_warn("cannot remove a proxy entry address=%s error=%s", text, strerror(-err));
	return netconf_fail(nc, err, "cannot remove the proxy entry for %s: %s", text,
			    strerror(-err));
}

int netconf_proxy_remove(struct netconf *nc, const struct netconf_link *link, const struct addr *a)
{
	struct netconf_proxy *p = find_proxy(nc, link->ifindex, a);

	return p ? proxy_remove(nc, p) : 0;
}

static bool is_found(const struct proxies *found, const struct netconf_proxy *p)
{
	for (size_t i = 0; i < found->n; i++) {
		if (found->at[i].ifindex == p->ifindex && addr_equal(&found->at[i].addr, &p->addr))
			return true;
	}
	return false;
}

int netconf_proxies_list(struct netconf *nc, netconf_proxy_fn *fn, void *arg)
{
	struct proxies found;
	int err = list_proxies(nc, &found);

	if (err)
		return netconf_fail(nc, err, "cannot list proxy entries: %s", strerror(-err));
	for (size_t i = 0; i < nc->n_proxies; i++)
		fn(&nc->proxies[i].addr, nc->proxies[i].ifindex, is_found(&found, &nc->proxies[i]),
		   arg);
	return 0;
}

void netconf_proxies_close(struct netconf *nc)
{
	while (nc->n_proxies > 0)
		(void)proxy_remove(nc, &nc->proxies[nc->n_proxies - 1]);
}

/*
 * An entry of ours whose route into a TUN is not there any more was left: the route goes with the
 * TUN, and the TUN with the process. So another vpnd on this host keeps what it uses.
 */
int netconf_proxies_cleanup(struct netconf *nc)
{
	struct netconf_link link;
	struct proxies found;
	struct prefix host;
	unsigned int n = 0;
	int err = list_proxies(nc, &found);

	if (err)
		return netconf_fail(nc, err, "cannot list proxy entries: %s", strerror(-err));
	for (size_t i = 0; i < found.n; i++) {
		host = host_of(&found.at[i].addr);
		if (found.at[i].protocol != NETCONF_ROUTE_PROTOCOL ||
		    netconf_route_owner(nc, &host, &link) != 0)
			continue;
		n += proxy_change(nc, false, found.at[i].ifindex, &found.at[i].addr) == 0;
	}
	if (n > 0)
		log_notice("removed proxy entries that an earlier run left count=%u", n);
	return 0;
}
