/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "vpnd/plane_lend_internal.h"
#include "vpnd/pure/siphash.h"

#define TICK_MS 5000

/* --- telling --- */

#define TODO_FREE "free an address there, or name free ones: lend = ADDRESS-ADDRESS"
#define TODO_ROUTE "give the hosts a route back, and set lan-mode = route"
#define TODO_RAW "give vpnd CAP_NET_RAW, as systemd/vpnd.service does, or set lan-mode = route"

static void tell_none(const struct lent *t, const char *why, const char *todo)
{
	char subnet[PREFIX_TEXT_SIZE];

	prefix_format(&t->subnet.prefix, subnet);
	plane_trouble(t->pn->pl, todo,
		      "no address of %s on %s can be borrowed: %s; hosts without a route to the "
		      "managers do not answer",
		      subnet, t->subnet.link.name, why);
}

/* --- the address --- */

static struct prefix host_of(const struct addr *a)
{
	return prefix_of(a, a->family == 4 ? 32 : 128);
}

/* Into the TUN with it, and answer for it. */
static int set_up(struct lent *t, const struct addr *a)
{
	struct plane *pl = t->pn->pl;
	const struct addr *src = a->family == 4 ? &pl->ipv4 : &pl->ipv6;
	struct prefix host = host_of(a);
	int r = netconf_route_add(pl->netconf, &host, src->family ? src : NULL);

	if (r != 0)
		return r;
	r = netconf_proxy_add(pl->netconf, &t->subnet.link, a);
	if (r != 0)
		(void)netconf_route_remove(pl->netconf, &host);
	return r;
}

static void take_down(struct lent *t)
{
	struct plane *pl = t->pn->pl;
	struct prefix host = host_of(&t->addr);

	if (!t->addr.family)
		return;
	(void)netconf_proxy_remove(pl->netconf, &t->subnet.link, &t->addr); /* logged there */
	(void)netconf_route_remove(pl->netconf, &host);
	napt_forget_lent(t->pn->napt, t->number);
	t->addr.family = 0;
}

static void on_held(void *arg, const struct addr *a)
{
	struct lent *t = arg;
	char text[ADDR_TEXT_SIZE];
	int r = set_up(t, a);

	addr_format(a, text);
	t->none = r != 0;
	if (r != 0) {
		tell_none(t, netconf_error(t->pn->pl->netconf), TODO_ROUTE);
	} else {
		t->addr = *a;
		log_info("an address is borrowed address=%s interface=%s", text,
			 t->subnet.link.name);
	}
	plane_lend_let_go(t->pn, t->number);
}

static void on_lost(void *arg, const struct addr *a, const char *who)
{
	struct lent *t = arg;
	char text[ADDR_TEXT_SIZE];

	take_down(t);
	addr_format(a, text);
	plane_trouble(t->pn->pl,
		      "connections through it broke, new ones go by another address; keep some "
		      "free for it: lend = ADDRESS-ADDRESS",
		      "the lent address %s on %s was taken by %s", text, t->subnet.link.name, who);
}

static bool any_lendable(const struct lent *t)
{
	struct lendable l;
	struct addr a;

	lendable_init(&l, &t->subnet.prefix, &t->pn->config.pool, 0);
	return lendable_next(&l, &a);
}

static void on_none(void *arg)
{
	struct lent *t = arg;

	t->none = true;
	if (!t->lost)
		tell_none(t,
			  any_lendable(t) ? "all that were tried are in use"
					  : "no address of lend lies in it",
			  TODO_FREE);
	t->lost = true;
	plane_lend_let_go(t->pn, t->number);
}

static void part_closed(struct plane_lend *pn)
{
	if (--pn->closing == 0 && pn->closed) {
		struct plane *pl = pn->pl;

		free(pn);
		pl->lend = NULL;
		plane_on_part_closed(pl);
	}
}

static void on_lend_closed(void *arg)
{
	part_closed(((struct lent *)arg)->pn);
}

static const struct lend_callbacks lend_calls = {
	.on_held = on_held,
	.on_lost = on_lost,
	.on_none = on_none,
	.on_closed = on_lend_closed,
};

static size_t taken(void *arg, struct addr *out, size_t max)
{
	struct lent *t = arg;

	return netconf_taken(t->pn->pl->netconf, &t->subnet, out, max);
}

/* The tunnel's address is the device's own: the same next time, and not that of another one. */
static uint64_t seed_of(const struct plane *pl, const struct prefix *subnet)
{
	static const uint64_t key[2] = {0x6661726c616e, 0x6c656e64};
	uint64_t words[8] = {0};

	memcpy(words, pl->ipv4.bytes, 16);
	memcpy(words + 2, pl->ipv6.bytes, 16);
	memcpy(words + 4, subnet->addr.bytes, 16);
	return siphash_words(words, 6, key);
}

/* --- sessions --- */

static struct lent *find_lent(struct plane_lend *pn, const struct netconf_subnet *s)
{
	struct lent *unused = NULL;

	for (size_t i = NAPT_LENTS_MAX; i-- > 0;) {
		struct lent *t = &pn->lents[i];

		if (!t->users && !t->lend)
			unused = t;
		else if (t->users && t->subnet.link.ifindex == s->link.ifindex &&
			 prefix_equal(&t->subnet.prefix, &s->prefix))
			return t;
	}
	if (unused) {
		uint8_t number = (uint8_t)(unused - pn->lents);

		*unused = (struct lent){.pn = pn, .number = number, .subnet = *s};
	}
	return unused;
}

static const char *why_not(int err)
{
	if (err == -EPERM)
		return "vpnd lacks CAP_NET_RAW";
	return err == -EOPNOTSUPP ? "it is no Ethernet" : strerror(-err);
}

static void open_lent(struct lent *t)
{
	struct plane *pl = t->pn->pl;
	struct lend_config config = {
		.ifindex = t->subnet.link.ifindex,
		.ifname = t->subnet.link.name,
		.subnet = t->subnet.prefix,
		.pool = &t->pn->config.pool,
		.seed = seed_of(pl, &t->subnet.prefix),
		.taken = taken,
	};
	int r = lend_open(&t->lend, pl->loop, &config, &lend_calls, t);

	if (r == 0)
		return;
	t->lend = NULL;
	t->none = true;
	tell_none(t, why_not(r), r == -EPERM ? TODO_RAW : TODO_ROUTE);
}

static void close_lent(struct lent *t)
{
	struct lend *lend = t->lend;

	take_down(t);
	if (!lend)
		return;
	t->pn->closing++;
	t->lend = NULL;
	lend_close(lend);
}

static void on_tick(uv_timer_t *timer);

static bool ready(struct plane_lend *pn)
{
	uint64_t key[2];

	if (pn->napt)
		return true;
	file_random(key, sizeof(key));
	pn->napt = napt_new(key, NAPT_FLOWS_MAX);
	if (!pn->napt)
		log_error("no memory for flows: no address is lent");
	return pn->napt != NULL;
}

/* What is behind a gateway finds back to a neighbour of the gateway. */
static int find_subnet(struct plane *pl, const struct prefix *lan, struct netconf_subnet *subnet)
{
	struct prefix gateway;

	if (netconf_find_subnet(pl->netconf, lan, subnet) == 0)
		return 0;
	return plane_lans_gateway(pl, lan, &gateway)
		       ? netconf_find_subnet(pl->netconf, &gateway, subnet)
		       : -ENOENT;
}

void plane_lend_attach(struct plane *pl, uint16_t slot, const struct grant *g)
{
	struct plane_lend *pn = pl->lend;
	struct slot *s = &pl->slots[slot];

	s->n_lent = 0;
	if (pn->config.mode != PLANE_LAN_LEND || g->role != TOKEN_DEVICE || !ready(pn))
		return;
	for (size_t i = 0; i < g->n_own_lans; i++) {
		struct netconf_subnet subnet;
		struct lent *t;

		if (prefix_is_wide(&g->own_lans[i]) ||
		    find_subnet(pl, &g->own_lans[i], &subnet) != 0)
			continue; /* no such LAN: that was told */
		t = find_lent(pn, &subnet);
		if (!t)
			continue;
		if (t->users++ == 0)
			open_lent(t);
		s->lent[s->n_lent++] = (struct slot_lent){g->own_lans[i], t->number};
	}
	if (s->n_lent > 0 && !uv_is_active((uv_handle_t *)&pn->ticker))
		uv_timer_start(&pn->ticker, on_tick, TICK_MS, TICK_MS);
}

void plane_lend_detach(struct plane *pl, uint16_t slot)
{
	struct plane_lend *pn = pl->lend;
	struct slot *s = &pl->slots[slot];
	unsigned int users = 0;

	if (s->n_lent == 0)
		return;
	plane_lend_drop_held(pn, slot);
	napt_forget_slot(pn->napt, slot);
	while (s->n_lent > 0) {
		struct lent *t = &pn->lents[s->lent[--s->n_lent].number];

		if (--t->users == 0)
			close_lent(t);
	}
	for (size_t i = 0; i < NAPT_LENTS_MAX; i++)
		users += pn->lents[i].users;
	if (users > 0)
		return;
	uv_timer_stop(&pn->ticker);
	napt_free(pn->napt);
	pn->napt = NULL;
}

/* One of the LANs that it is for; the others are of the same subnet. */
static const struct prefix *lan_of(const struct lent *t)
{
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++) {
		const struct slot *s = &t->pn->pl->slots[i];

		for (size_t k = 0; k < s->n_lent; k++) {
			if (s->lent[k].number == t->number)
				return &s->lent[k].lan;
		}
	}
	return NULL;
}

/* The LAN has other addresses now, or another interface: borrow one there. */
static void follow_lan(struct lent *t)
{
	const struct prefix *lan = lan_of(t);
	struct netconf_subnet now;

	if (!lan || netconf_find_subnet(t->pn->pl->netconf, lan, &now) != 0 ||
	    (now.link.ifindex == t->subnet.link.ifindex &&
	     prefix_equal(&now.prefix, &t->subnet.prefix)))
		return;
	log_notice("the LAN has changed: another address is looked for interface=%s",
		   now.link.name);
	close_lent(t);
	t->subnet = now;
	t->none = t->lost = false;
	open_lent(t);
}

/* Who sets the interface down takes the proxy entries away. */
static void keep_proxy(struct lent *t)
{
	struct netconf *nc = t->pn->pl->netconf;

	if (t->addr.family && netconf_proxy_add(nc, &t->subnet.link, &t->addr) != 0 &&
	    log_allowed(&t->pn->limit, 1))
		log_warn("%s", netconf_error(nc));
}

static void on_tick(uv_timer_t *timer)
{
	struct plane_lend *pn = timer->data;

	napt_expire(pn->napt, clock_mono_ms());
	for (size_t i = 0; i < NAPT_LENTS_MAX; i++) {
		if (!pn->lents[i].users)
			continue;
		follow_lan(&pn->lents[i]);
		keep_proxy(&pn->lents[i]);
	}
}

/* --- opening, closing, showing --- */

struct plane_lend *plane_lend_open(struct plane *pl, const struct plane_lend_config *config)
{
	struct plane_lend *pn = calloc(1, sizeof(*pn));

	if (!pn)
		return NULL;
	pn->pl = pl;
	pn->config = *config;
	(void)uv_timer_init(pl->loop, &pn->ticker);
	pn->ticker.data = pn;
	return pn;
}

static void on_ticker_closed(uv_handle_t *handle)
{
	part_closed(handle->data);
}

void plane_lend_close(struct plane_lend *pn)
{
	pn->closed = true;
	pn->closing++;
	napt_free(pn->napt);
	pn->napt = NULL;
	uv_close((uv_handle_t *)&pn->ticker, on_ticker_closed);
}

enum plane_lan_mode plane_lan_mode(const struct plane *pl)
{
	return pl->lend ? pl->lend->config.mode : PLANE_LAN_ROUTE;
}

void plane_lend_status(const struct plane *pl, struct plane_lend_status *out)
{
	const struct plane_lend *pn = pl->lend;

	memset(out, 0, sizeof(*out));
	if (!pn)
		return;
	out->unknown = pn->unknown;
	if (pn->napt) {
		const struct napt_counters *c = napt_counters(pn->napt);

		out->flows = c->flows;
		out->evicted = c->evicted;
	}
	for (size_t i = 0; i < NAPT_LENTS_MAX && out->n < PLANE_LENT_MAX; i++) {
		const struct lent *t = &pn->lents[i];

		if (!t->users)
			continue;
		out->lent[out->n] = (struct plane_lent){.addr = t->addr,
							.subnet = t->subnet.prefix,
							.state = lend_state_name(LEND_NONE)};
		memcpy(out->lent[out->n].interface, t->subnet.link.name,
		       sizeof(out->lent[out->n].interface));
		if (t->lend && !(t->none && !t->addr.family))
			out->lent[out->n].state = lend_state_name(lend_state(t->lend));
		out->n++;
	}
}
