/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is on this host already: addresses and routes, from a fresh dump for each question. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/cache.h>
#include <netlink/route/addr.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "vpnd/netconf_internal.h"

/* An address or a route of the main table, in our terms. */
struct seen {
	bool is_route;
	struct prefix prefix; /* an address as a host prefix */
	int ifindex;	      /* 0: none (blackhole) or several */
	bool has_gateway;
	struct addr gateway;
	uint8_t protocol; /* routes */
};

/* Return true to stop. */
typedef bool visit_fn(const struct seen *s, void *arg);

static bool see_address(struct nl_object *obj, struct seen *s)
{
	struct rtnl_addr *ra = (struct rtnl_addr *)obj;
	struct addr a;

	if (!netconf_to_addr(rtnl_addr_get_local(ra), &a))
		return false;
	*s = (struct seen){.prefix = prefix_of(&a, a.family == 4 ? 32 : 128),
			   .ifindex = rtnl_addr_get_ifindex(ra)};
	return true;
}

static bool see_route_dst(struct rtnl_route *r, struct prefix *p)
{
	struct nl_addr *dst = rtnl_route_get_dst(r);
	struct addr a;

	if (!netconf_to_addr(dst, &a))
		return false; /* also the default route, which has no bytes */
	*p = prefix_of(&a, (uint8_t)nl_addr_get_prefixlen(dst));
	return p->len > 0;
}

/* Of any table. */
static bool see_any_route(struct nl_object *obj, struct seen *s)
{
	struct rtnl_route *r = (struct rtnl_route *)obj;
	struct rtnl_nexthop *nh;

	*s = (struct seen){.is_route = true, .protocol = rtnl_route_get_protocol(r)};
	nh = rtnl_route_get_nnexthops(r) > 0 ? rtnl_route_nexthop_n(r, 0) : NULL;
	if (nh) {
		s->ifindex = rtnl_route_nh_get_ifindex(nh);
		s->has_gateway = netconf_to_addr(rtnl_route_nh_get_gateway(nh), &s->gateway);
	}
	(void)see_route_dst(r, &s->prefix); /* a default route is no prefix, but counts */
	return true;
}

static bool see_route(struct nl_object *obj, struct seen *s)
{
	return rtnl_route_get_table((struct rtnl_route *)obj) == RT_TABLE_MAIN &&
	       see_any_route(obj, s);
}

static bool visit(struct nl_cache *cache, bool (*see)(struct nl_object *, struct seen *),
		  visit_fn *fn, void *arg)
{
	struct seen s;

	for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		if (see(o, &s) && fn(&s, arg))
			return true;
	}
	return false;
}

static int each_address(struct netconf *nc, visit_fn *fn, void *arg, bool *stopped)
{
	struct nl_cache *cache;
	int err = netconf_errno(rtnl_addr_alloc_cache(nc->sock, &cache));

	if (err)
		return netconf_fail(nc, err, "cannot list addresses: %s", strerror(-err));
	*stopped = visit(cache, see_address, fn, arg);
	nl_cache_free(cache);
	return 0;
}

static int each_route_seen(struct netconf *nc, uint8_t family,
			   bool (*see)(struct nl_object *, struct seen *), visit_fn *fn, void *arg,
			   bool *stopped)
{
	struct nl_cache *cache;
	int err = netconf_errno(
		rtnl_route_alloc_cache(nc->sock, family == 4 ? AF_INET : AF_INET6, 0, &cache));

	if (err)
		return netconf_fail(nc, err, "cannot list routes: %s", strerror(-err));
	*stopped = visit(cache, see, fn, arg);
	nl_cache_free(cache);
	return 0;
}

static int each_route(struct netconf *nc, uint8_t family, visit_fn *fn, void *arg, bool *stopped)
{
	return each_route_seen(nc, family, see_route, fn, arg, stopped);
}

static void link_of(int ifindex, struct netconf_link *link)
{
	link->ifindex = ifindex;
	if (ifindex == 0 || !if_indextoname((unsigned int)ifindex, link->name))
		link->name[0] = '\0';
}

/* --- is exactly this here? --- */

struct exact {
	const struct prefix *want;
	int ifindex;
};

static bool is_exact(const struct seen *s, void *arg)
{
	struct exact *x = arg;

	if (!prefix_equal(&s->prefix, x->want))
		return false;
	x->ifindex = s->ifindex;
	return true;
}

int netconf_route_owner(struct netconf *nc, const struct prefix *p, struct netconf_link *link)
{
	struct exact x = {.want = p};
	bool found = false;
	int err = each_route(nc, p->addr.family, is_exact, &x, &found);

	link_of(x.ifindex, link);
	return err ? err : found ? -EEXIST : 0;
}

int netconf_address_owner(struct netconf *nc, const struct addr *a, struct netconf_link *link)
{
	struct prefix host = prefix_of(a, a->family == 4 ? 32 : 128);
	struct exact x = {.want = &host};
	bool found = false;
	int err = each_address(nc, is_exact, &x, &found);

	link_of(x.ifindex, link);
	return err ? err : found ? -EEXIST : 0;
}

/* --- which interface leads to a LAN? --- */

struct lan_search {
	const struct prefix *lan;
	int skip, loopback;
	int ifindex;
	uint8_t best; /* length of the best covering route, plus 1 */
};

static bool inside(const struct prefix *outer, const struct prefix *inner)
{
	return inner->len >= outer->len && prefix_contains(outer, &inner->addr);
}

static bool usable(const struct lan_search *x, const struct seen *s)
{
	return s->prefix.addr.family == x->lan->addr.family && s->ifindex != 0 &&
	       s->ifindex != x->skip && s->ifindex != x->loopback;
}

static bool address_in_lan(const struct seen *s, void *arg)
{
	struct lan_search *x = arg;

	if (!usable(x, s) || !inside(x->lan, &s->prefix))
		return false;
	x->ifindex = s->ifindex;
	return true;
}

/* The longest that covers the LAN; one inside the LAN counts like the LAN itself. */
static bool onlink_route(const struct seen *s, void *arg)
{
	struct lan_search *x = arg;
	uint8_t len = s->prefix.len < x->lan->len ? s->prefix.len : x->lan->len;

	if (s->has_gateway || !usable(x, s) || len < x->best)
		return false;
	if (!inside(x->lan, &s->prefix) && !inside(&s->prefix, x->lan))
		return false;
	x->ifindex = s->ifindex;
	x->best = (uint8_t)(len + 1);
	return false;
}

int netconf_find_lan(struct netconf *nc, const struct prefix *lan, struct netconf_link *out)
{
	struct lan_search x = {.lan = lan,
			       .skip = (int)if_nametoindex(nc->tun),
			       .loopback = (int)if_nametoindex("lo")};
	char text[PREFIX_TEXT_SIZE];
	bool found = false;
	int err = each_address(nc, address_in_lan, &x, &found);

	if (!err && !found)
		err = each_route(nc, lan->addr.family, onlink_route, &x, &found);
	if (err)
		return err;
	if (x.ifindex == 0) {
		prefix_format(lan, text);
		return netconf_fail(nc, -ENOENT, "no interface here has an address in %s", text);
	}
	link_of(x.ifindex, out);
	return 0;
}

/* --- by which interfaces do packets to it leave? --- */

struct links_search {
	const struct prefix *lan;
	int skip, loopback;
	struct netconf_link *out;
	size_t size, n;
	int covering;	  /* of the longest route that holds it */
	int covering_len; /* -1: none */
};

static void add_link(struct links_search *x, int ifindex)
{
	if (ifindex == 0 || ifindex == x->skip || ifindex == x->loopback || x->n == x->size)
		return;
	for (size_t i = 0; i < x->n; i++) {
		if (x->out[i].ifindex == ifindex)
			return;
	}
	link_of(ifindex, &x->out[x->n++]);
}

static bool link_to(const struct seen *s, void *arg)
{
	struct links_search *x = arg;
	bool any = s->prefix.len == 0 && s->is_route;

	if (s->ifindex == x->skip ||
	    (any ? !prefix_is_wide(x->lan) : s->prefix.addr.family != x->lan->addr.family) ||
	    (!any && addr_is_martian(&s->prefix.addr)))
		return false;
	if (!any && inside(x->lan, &s->prefix)) {
		add_link(x, s->ifindex);
	} else if ((any || inside(&s->prefix, x->lan)) && s->prefix.len > x->covering_len) {
		x->covering = s->ifindex;
		x->covering_len = s->prefix.len;
	}
	return false;
}

int netconf_find_links(struct netconf *nc, const struct prefix *lan, struct netconf_link *out,
		       size_t size, size_t *n)
{
	struct links_search x = {.lan = lan,
				 .skip = (int)if_nametoindex(nc->tun),
				 .loopback = (int)if_nametoindex("lo"),
				 .out = out,
				 .size = size,
				 .covering_len = -1};
	char text[PREFIX_TEXT_SIZE];
	bool stopped;
	int err = each_address(nc, link_to, &x, &stopped);

	if (!err)
		err = each_route(nc, lan->addr.family, link_to, &x, &stopped);
	add_link(&x, x.covering);
	*n = x.n;
	if (err || x.n > 0)
		return err;
	prefix_format(lan, text);
	return netconf_fail(nc, -ENOENT, "no interface here leads to %s", text);
}

/* --- what would a route cut off? --- */

/* The kind that says most comes first. */
enum cut_kind { CUT_CONNECTED, CUT_ROUTED, CUT_GATEWAY, CUT_ADDRESS, CUT_NOT };

struct conflict_search {
	const struct prefix *want;
	int skip, tun;
	struct seen found;
	enum cut_kind kind; /* of found */
};

static enum cut_kind kind_of_cut(const struct conflict_search *x, const struct seen *s)
{
	if (s->ifindex != 0 && (s->ifindex == x->skip || s->ifindex == x->tun))
		return CUT_NOT;
	if (s->prefix.len > 0 && inside(x->want, &s->prefix)) {
		if (!s->is_route)
			return CUT_ADDRESS;
		return s->has_gateway || s->ifindex == 0 ? CUT_ROUTED : CUT_CONNECTED;
	}
	if (s->is_route && !s->has_gateway && s->ifindex != 0 && !prefix_is_wide(&s->prefix) &&
	    inside(&s->prefix, x->want))
		return CUT_CONNECTED; /* a part of it */
	return s->has_gateway && prefix_contains(x->want, &s->gateway) ? CUT_GATEWAY : CUT_NOT;
}

static bool cut(const struct seen *s, void *arg)
{
	struct conflict_search *x = arg;
	enum cut_kind kind = kind_of_cut(x, s);

	if (kind < x->kind) {
		x->found = *s;
		x->kind = kind;
	}
	return kind == CUT_CONNECTED;
}

static const char *cut_words(const struct conflict_search *x)
{
	switch (x->kind) {
	case CUT_CONNECTED:
		return "is connected here on";
	case CUT_ROUTED:
		return x->found.ifindex ? "is routed here by a gateway on"
					: "has a route of its own here";
	case CUT_ADDRESS:
		return "is the address of this host on";
	case CUT_GATEWAY:
		return "is the gateway in use here on";
	case CUT_NOT:
		break;
	}
	return "";
}

static void describe(const struct conflict_search *x, struct netconf_conflict *what)
{
	const struct seen *s = &x->found;
	char text[PREFIX_TEXT_SIZE];

	what->prefix = s->prefix;
	if (x->kind == CUT_GATEWAY)
		what->prefix = prefix_of(&s->gateway, s->gateway.family == 4 ? 32 : 128);
	link_of(s->ifindex, &what->link);
	if (x->kind == CUT_GATEWAY || x->kind == CUT_ADDRESS)
		addr_format(&what->prefix.addr, text);
	else
		prefix_format(&what->prefix, text);
	snprintf(what->text, sizeof(what->text), "%s %s%s%s", text, cut_words(x),
		 s->ifindex ? " " : "", what->link.name);
}

int netconf_conflicts(struct netconf *nc, const struct prefix *want, int skip_ifindex,
		      struct netconf_conflict *what)
{
	struct conflict_search x = {.want = want,
				    .skip = skip_ifindex,
				    .tun = (int)if_nametoindex(nc->tun),
				    .kind = CUT_NOT};
	bool stopped = false;
	int err = each_route(nc, want->addr.family, cut, &x, &stopped);

	if (!err && !stopped)
		err = each_address(nc, cut, &x, &stopped);
	if (err || x.kind == CUT_NOT)
		return err;
	if (what)
		describe(&x, what);
	return -EEXIST;
}

/* --- what is in use? --- */

struct taken_list {
	uint8_t family;
	int tun;
	size_t n, size;
	struct prefix *list;
	bool no_memory;
};

static bool take(struct taken_list *t, const struct prefix *p)
{
	size_t size = t->size ? t->size * 2 : 64;
	struct prefix *list;

	if (p->addr.family != t->family || p->len == 0)
		return false;
	if (t->n == t->size) {
		list = realloc(t->list, size * sizeof(*list));
		t->no_memory = !list;
		if (!list)
			return true;
		t->list = list;
		t->size = size;
	}
	t->list[t->n++] = *p;
	return false;
}

static bool take_seen(const struct seen *s, void *arg)
{
	struct taken_list *t = arg;
	struct prefix gateway;

	if (s->ifindex != 0 && s->ifindex == t->tun)
		return false;
	if (take(t, &s->prefix))
		return true;
	if (!s->has_gateway)
		return false;
	gateway = prefix_of(&s->gateway, s->gateway.family == 4 ? 32 : 128);
	return take(t, &gateway);
}

int netconf_in_use(struct netconf *nc, uint8_t family, struct prefix **list, size_t *n)
{
	struct taken_list t = {.family = family, .tun = (int)if_nametoindex(nc->tun)};
	bool stopped = false;
	int err = each_address(nc, take_seen, &t, &stopped);

	if (!err && !stopped)
		err = each_route_seen(nc, family, see_any_route, take_seen, &t, &stopped);
	if (!err && t.no_memory)
		err = netconf_fail(nc, -ENOMEM, "out of memory");
	if (err)
		free(t.list);
	*list = err ? NULL : t.list;
	*n = err ? 0 : t.n;
	return err;
}

/* --- routes of ours --- */

int netconf_routes_delete(struct netconf *nc, int ifindex, unsigned int *n)
{
	struct nl_cache *cache;
	struct seen s;
	int err = netconf_errno(rtnl_route_alloc_cache(nc->sock, AF_UNSPEC, 0, &cache));

	*n = 0;
	if (err)
		return netconf_fail(nc, err, "cannot list routes: %s", strerror(-err));
	for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		if (!see_route(o, &s) || s.ifindex != ifindex ||
		    s.protocol != NETCONF_ROUTE_PROTOCOL)
			continue;
		if (rtnl_route_delete(nc->sock, (struct rtnl_route *)o, 0) == 0)
			(*n)++;
	}
	nl_cache_free(cache);
	return 0;
}

/* --- what of ours is there? --- */

struct netconf_seen {
	size_t n, size;
	bool failed;
	int tun;
	struct seen *at;
};

static bool keep(const struct seen *s, void *arg)
{
	struct netconf_seen *all = arg;
	size_t size = all->size ? all->size * 2 : 64;
	struct seen *at;

	if (s->is_route ? s->protocol != NETCONF_ROUTE_PROTOCOL : s->ifindex != all->tun)
		return false;
	if (all->n == all->size) {
		at = realloc(all->at, size * sizeof(*at));
		all->failed = !at;
		if (!at)
			return true;
		all->at = at;
		all->size = size;
	}
	all->at[all->n++] = *s;
	return false;
}

int netconf_see(struct netconf *nc, struct netconf_seen **out)
{
	struct netconf_seen *all = calloc(1, sizeof(*all));
	bool stopped;
	int err;

	*out = NULL;
	if (!all)
		return -ENOMEM;
	all->tun = (int)if_nametoindex(nc->tun);
	err = each_address(nc, keep, all, &stopped);
	if (!err)
		err = each_route(nc, 4, keep, all, &stopped);
	if (!err)
		err = each_route(nc, 6, keep, all, &stopped);
	if (!err && all->failed)
		err = -ENOMEM;
	if (err)
		netconf_seen_free(all);
	else
		*out = all;
	return err;
}

bool netconf_seen_has(const struct netconf_seen *all, bool is_route, const struct prefix *p,
		      int ifindex)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct seen *s = &all->at[i];

		if (s->is_route == is_route && s->ifindex == (ifindex ? ifindex : all->tun) &&
		    prefix_equal(&s->prefix, p))
			return true;
	}
	return false;
}

void netconf_seen_free(struct netconf_seen *all)
{
	if (all)
		free(all->at);
	free(all);
}
