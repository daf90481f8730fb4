/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plane_internal - what the files of plane share; nobody else includes it.
 *
 *   plane.c          the device, what a session needs of the host
 *   plane_packets.c  a packet's way, step by step
 *   plane_mtu.c      packets that are larger than the peer's MTU
 *   plane_firewall.c the rules of a grant
 *   plane_trace.c    the same steps, only asked
 *   plane_virtual.c  prefixes that stand for a peer's, where those collide
 *   plane_lend*.c    lent addresses, for hosts that know no way back
 *   plane_lans.c     our own LANs: forwarding, gateways
 *   plane_pins.c     servers stay reachable outside of the tunnel
 *   plane_list.c     what is set on the host, and why
 *   plane_ask.c      ways and LANs, for the doctor
 */
#ifndef FARLAN_PLANE_INTERNAL_H
#define FARLAN_PLANE_INTERNAL_H

#include "common/pure/ip.h"
#include "vpnd/netconf.h"
#include "vpnd/netconf_watch.h"
#include "vpnd/plane.h"
#include "vpnd/pure/assigned.h"
#include "vpnd/pure/firewall.h"
#include "vpnd/pure/route_table.h"
#include "vpnd/pure/toobig.h"
#include "vpnd/pure/translate.h"
#include "vpnd/pure/vprefix.h"
#include "vpnd/undo.h"

#define HOLDS_MAX (4 * GRANT_LANS_MAX)
#define ROUTES_MAX (2 * GRANT_LANS_MAX + 2) /* a LAN may need two */
#define PLANE_TARGETS_MAX 96

/* An address that vpnd connects to. */
struct plane_target {
	struct addr addr;
	char name[64];
	uint64_t asked_ms; /* clock_mono_ms(): last dialled */
	bool pinned;
	struct netconf_way way; /* if pinned */
	struct netconf_way now; /* as packets went when we looked last; ifindex 0: not */
};

/* A LAN of ours behind a gateway. */
struct plane_via {
	struct prefix prefix;
	struct addr gateway;
	bool routed; /* there is a route of ours: by @way */
	struct netconf_way way;
};

/* A LAN here, and which lent address stands for the peer's hosts there. */
struct slot_lent {
	struct prefix lan;
	uint8_t number;
};

/* What a session has here. */
struct slot {
	bool attached;
	struct gate gate;
	struct plane_counters counters;
	uint32_t peer_mtu;
	struct addr peer_ipv4, peer_ipv6; /* tunnel addresses; family 0: none */
	struct toobig_limit toobig;
	bool keeps_rules;		/* this end does: the firewall is asked, and */
	bool has_rules;			/* there are some */
	bool used;			/* plane_take_used() */
	struct toobig_limit refused[2]; /* answers: to the peer, to this side */
	struct translate translate;	/* of the peer's addresses; mostly empty */
	size_t n_routes, n_holds, n_lans, n_lent;
	struct slot_route {
		struct prefix prefix, of;   /* of: the LAN, or what it is a half of */
	} routes[ROUTES_MAX];		    /* in the host's table */
	struct prefix lans[GRANT_LANS_MAX]; /* our own that the peer may reach */
	uint32_t holds[HOLDS_MAX];
	struct slot_lent lent[GRANT_LANS_MAX];
};

struct plane {
	uv_loop_t *loop;
	const struct plane_callbacks *cb;
	void *arg;
	char name[TUN_NAME_SIZE];
	struct undo *undo;
	struct netconf *netconf;
	struct tun *tun;
	bool closing;
	struct addr ipv4, ipv6;
	struct route_table table;
	uint64_t unroutable;
	struct slot slots[PLANE_SLOTS_MAX];
	struct netconf_watch *watch;
	size_t n_targets, n_vias;
	struct plane_target targets[PLANE_TARGETS_MAX];
	struct plane_via vias[PLANE_VIAS_MAX];
	bool offload, allow_overlap;
	uint32_t mtu; /* of the TUN device */
	struct packets *packets;
	struct packet *reading; /* large: the next packet is read into it */
	uint64_t no_memory;
	bool capturing;
	struct firewall *firewall; /* NULL: no session yet that keeps rules here */
	uv_timer_t windows;	   /* of rules: while there are some */
	struct opt_prefixes pools; /* of virtual prefixes */
	struct vprefix_memory virtuals;
	bool virtuals_changed;		    /* and not kept yet */
	char virtual_file[PLANE_PATH_SIZE]; /* ""; none */
	struct assigned assigned;
	uint64_t grants_since_ms;	     /* plane_grants_come(); 0: not yet */
	char assigned_file[PLANE_PATH_SIZE]; /* ""; none */
	size_t n_avoid;
	struct prefix avoid[PLANE_AVOID_MAX];
	struct plane_lend *lend;
	unsigned int parts; /* that have to close: TUN devices, lend, windows */
};

/* A packet on its way. Steps may change its bytes, not their number; who changes an address updates
 * @ip, too. */
struct passing {
	uint16_t slot;
	struct slot *s; /* of @slot, once that is known */
	struct vnet v;	/* in normal form behind the step that makes it so */
	uint8_t *bytes; /* the IP packet */
	size_t n;
	struct ip_info ip;
	bool lent; /* from the TUN: it was for a lent address, and has its real one */
};

/** plane_trouble() - something that a person should know, and what to do; goes to on_note. */
void plane_trouble(struct plane *pl, const char *todo, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** plane_lans_leads() - do packets to @lan leave by that interface? */
bool plane_lans_leads(struct plane *pl, const struct prefix *lan, int ifindex);
/** plane_lans_attach() - let the peer of an attached slot reach our LANs. */
void plane_lans_attach(struct plane *pl, struct slot *s, const struct grant *g);
/** plane_lans_follow() - something on this host has changed: do what attaching did again. */
void plane_lans_follow(struct plane *pl);
/** plane_lans_gateway() - by which a LAN of ours is reached, as a host prefix. Return: false, none.
 */
bool plane_lans_gateway(const struct plane *pl, const struct prefix *lan, struct prefix *gateway);
/** plane_lans_detach() - take that back. The slot is not attached any more. */
void plane_lans_detach(struct plane *pl, struct slot *s);

/** plane_watch() - hear of changes of this host. */
void plane_watch(struct plane *pl);
/** plane_pins_cover() - prefixes were added to pl->table, and come into the host's table next.
 * @again: look after the pins that are there, too. */
void plane_pins_cover(struct plane *pl, bool again);
/** plane_pins_gateways() - they are in the host's table now. */
void plane_pins_gateways(struct plane *pl);
/** plane_pins_uncover() - prefixes have gone from both. */
void plane_pins_uncover(struct plane *pl);

void plane_on_readable(struct tun *t); /* for tun_callbacks */

/** plane_gate() - may it pass between the networks of its session? @in: it comes from the peer. */
enum gate_result plane_gate(const struct plane *pl, const struct passing *pk, bool in);
/** plane_is_routed_back() - would an answer to a packet from the peer go to the same session? */
bool plane_is_routed_back(const struct plane *pl, const struct passing *pk);
/** plane_captured() - while somebody captures: tell. */
void plane_captured(struct plane *pl, const struct passing *pk, bool in, bool passes);
/** plane_into_tun() - the last steps of a packet from the peer, or of an answer in its name. */
void plane_into_tun(struct plane *pl, struct passing *pk);

/** plane_on_part_closed() - what takes time to close has closed. */
void plane_on_part_closed(struct plane *pl);

/** plane_ask_firewall() - may the packet of a session with rules pass? Else it is answered and
 * counted. */
bool plane_ask_firewall(struct plane *pl, struct passing *pk, enum rule_direction direction);
/** plane_firewall_begin() - of a session that is attached. Return: 0; -ENOMEM. */
int plane_firewall_begin(struct plane *pl, uint16_t slot, const struct grant *g)
	__attribute__((warn_unused_result));

/** plane_windows_open() - plane_windows_close(): the timer for windows of rules. */
void plane_windows_open(struct plane *pl);
void plane_windows_close(struct plane *pl);

/**
 * plane_too_big() - is the packet in pl->reading too big for the peer? It is dealt with then: sent
 * in fragments, or answered and counted. @v: its header in normal form, may be changed; @n: bytes.
 */
bool plane_too_big(struct plane *pl, uint16_t slot, struct vnet *v, size_t n);
/** plane_least_mtu() - what fits both TUN devices. */
uint32_t plane_least_mtu(const struct plane *pl, const struct slot *s);

/** plane_virtual_open() - pools, and what is remembered. A damaged file is told and begun anew. */
void plane_virtual_open(struct plane *pl, const struct plane_config *config);
/**
 * plane_virtual_choose() - another prefix for a LAN or tunnel address of the peer, into the slot's
 * translate; it is remembered, but not kept on disk yet.
 * @error: on failure, why not is added to what stands there.
 * Return: 0; -ERANGE, -ENOSPC the pools have none; -errno.
 */
int plane_virtual_choose(struct plane *pl, uint16_t slot, const struct grant *g,
			 const struct prefix *lan, char error[PLANE_ERROR_SIZE])
	__attribute__((warn_unused_result));
/** plane_virtual_again() - @here stands for a LAN or tunnel address of the peer, as it did before,
 * if it is in the pools and collides with nothing of the host and of the grant. Return: it does. */
bool plane_virtual_again(struct plane *pl, uint16_t slot, const struct grant *g,
			 const struct prefix *lan, const struct prefix *here);
/** plane_virtual_keep() - on disk what is remembered, if it changed. */
void plane_virtual_keep(struct plane *pl);
/** plane_to_there() - the destination as the peer knows it; plane_to_here(): the source as this
 * host knows it. Return: false, it cannot be: counted. */
bool plane_to_there(struct passing *pk);
bool plane_to_here(struct passing *pk);

/** plane_assigned_open() - what sessions of an earlier run had. A damaged file is told and begun
 * anew. */
void plane_assigned_open(struct plane *pl, const struct plane_config *config);
/** plane_assigned_expire() - give up those that have not come back in time. */
void plane_assigned_expire(struct plane *pl);
/** plane_assigned_attach() - what this session has is on disk now. */
void plane_assigned_attach(struct plane *pl, uint16_t slot, const struct grant *g);

#endif
