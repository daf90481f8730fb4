/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plane_internal - what the files of plane share; nobody else includes it.
 *
 *   plane.c          the device, what a session needs of the host
 *   plane_packets.c  a packet's way, step by step
 *   plane_mtu.c      packets that are larger than the peer's MTU
 */
#ifndef FARLAN_PLANE_INTERNAL_H
#define FARLAN_PLANE_INTERNAL_H

#include "common/pure/ip.h"
#include "vpnd/netconf.h"
#include "vpnd/plane.h"
#include "vpnd/pure/route_table.h"
#include "vpnd/pure/toobig.h"
#include "vpnd/undo.h"

#define HOLDS_MAX (2 * GRANT_LANS_MAX)

/* What a session has here. */
struct slot {
	bool attached;
	struct gate gate;
	struct plane_counters counters;
	uint32_t peer_mtu;
	struct addr peer_ipv4, peer_ipv6; /* tunnel addresses; family 0: none */
	struct toobig_limit toobig;
	size_t n_routes, n_holds;
	struct prefix routes[GRANT_LANS_MAX + 2];
	uint32_t holds[HOLDS_MAX];
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
	bool offload;
	uint32_t mtu; /* of the TUN device */
	struct packets *packets;
	struct packet *reading; /* large: the next packet is read into it */
	uint64_t no_memory;
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
};

void plane_on_readable(struct tun *t); /* for tun_callbacks */

/**
 * plane_too_big() - is the packet in pl->reading too big for the peer? It is dealt with then: sent
 * in fragments, or answered and counted. @v: its header in normal form, may be changed; @n: bytes.
 */
bool plane_too_big(struct plane *pl, uint16_t slot, struct vnet *v, size_t n);
/** plane_least_mtu() - what fits both TUN devices. */
uint32_t plane_least_mtu(const struct plane *pl, const struct slot *s);

#endif
