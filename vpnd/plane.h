/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plane - where packets cross between the TUN device and the sessions: which session a
 * packet belongs to, whether it may pass, and what the host needs for it (addresses, routes,
 * forwarding). Sessions are slots here; what they are is the owner's.
 *
 *   TUN -> classify (route table) -> virtual to real -> gate -> firewall -> MSS, size ->
 * on_outgoing plane_incoming -> gate -> firewall -> real to virtual -> MSS -> TUN
 */
#ifndef FARLAN_PLANE_H
#define FARLAN_PLANE_H

#include <uv.h>

#include "common/io/opt.h"
#include "common/pure/grant.h"
#include "vpnd/packets.h"
#include "vpnd/pure/firewall.h"
#include "vpnd/pure/gate.h"
#include "vpnd/pure/lendable.h"
#include "vpnd/pure/target.h"
#include "vpnd/pure/translate.h"
#include "vpnd/tun.h"

#define PLANE_SLOTS_MAX 64 /* sessions at one time */
#define PLANE_ERROR_SIZE 320
#define PLANE_MTU_MIN 1280 /* IPv6 wants no less (RFC 8200 section 5) */
#define PLANE_MTU_DEFAULT 1500
#define PLANE_PATH_SIZE 240
#define PLANE_AVOID_MAX 64

struct plane;

/* Borrowed for the call. */
struct plane_captured {
	bool in, passes;
	const struct vnet *v;
	const struct ip_info *ip;
	const uint8_t *bytes;
	size_t n;
};

/* What becomes of the sources of what peers send to a device's LANs: lent addresses, or themselves.
 */
enum plane_lan_mode { PLANE_LAN_LEND, PLANE_LAN_ROUTE };

struct plane_lend_config {
	enum plane_lan_mode mode;
	struct lendable_pool pool; /* what may be lent; empty: what is free */
};

struct plane_callbacks {
	/* A packet for the peer of @slot, in normal form; taken. */
	void (*on_outgoing)(void *arg, uint16_t slot, struct packet *p);
	/* No more packets wait: send what was gathered. */
	void (*on_flush)(void *arg);
	/* While plane_set_capturing(): a packet of @slot, with the addresses that it has on the
	 * way; not @passes: rules have denied it. @v: as the kernel or the peer gave it. */
	void (*on_captured)(void *arg, uint16_t slot, const struct plane_captured *c);
	/* The TUN device was taken away; all slots are detached already. */
	void (*on_gone)(void *arg);
	/* Packets to what vpnd connects to have another way now, or their link has a carrier again.
	 * May be NULL. */
	void (*on_network)(void *arg);
	/* plane_close() is done. */
	void (*on_closed)(void *arg);
	/* Something for people to know, and what to do about it. NULL: it is logged. */
	void (*on_note)(void *arg, const char *todo, const char *text);
};

#define PLANE_VIAS_MAX OPT_PREFIXES_MAX

struct plane_config {
	const char *tun_name, *journal; /* copied */
	struct packets *packets;	/* borrowed for its life */
	bool offload;			/* super-packets, if the kernel has them */
	uint32_t mtu;			/* of the TUN device; 0: PLANE_MTU_DEFAULT */
	/* Virtual prefixes: out of these (copied; NULL: none, what collides is refused), remembered
	 * in this file (copied; NULL: not). */
	const struct opt_prefixes *pools;
	const char *virtual_file;
	/* By which prefixes sessions have their LANs, for the next run (copied; NULL: not kept). */
	const char *assigned_file;
	struct plane_lend_config lend; /* copied */
	bool allow_overlap;	       /* a peer's LAN may take what this host has */
	const struct opt_lans *lans;   /* copied: those behind gateways; NULL: none */
};

/**
 * plane_open() - clean up after an earlier run first.
 * Return: 0; -errno, logged.
 */
int plane_open(struct plane **out, uv_loop_t *loop, const struct plane_config *config,
	       const struct plane_callbacks *cb, void *arg) __attribute__((warn_unused_result));
/** plane_close() - undo everything on the host, at once; on_closed follows from the loop.
 * Idempotent. */
void plane_close(struct plane *pl);

/**
 * plane_set_addresses() - our tunnel addresses (family 0: none): make the TUN device if there is
 * none, and put them on it. Return: 0; -errno and @error in words.
 */
int plane_set_addresses(struct plane *pl, const struct addr *ipv4, const struct addr *ipv6,
			char error[PLANE_ERROR_SIZE]) __attribute__((warn_unused_result));

/** plane_set_avoid() - addresses of servers, which no virtual prefix of a session that is attached
 * from now on may hold; instead of those of the last call. At most PLANE_AVOID_MAX count. */
void plane_set_avoid(struct plane *pl, const struct addr *addrs, size_t n);

/**
 * plane_attach() - let a session's packets pass: routes to the peer's LANs, forwarding to ours.
 * What of the peer's addresses collides with something here gets a virtual prefix.
 * @grant: LANs of the peer that collide and can have none are refused for a manager; for a device,
 *   which did not ask for them, they are left out of @grant and told in @error.
 * Return: 0 (@error may hold a remark, else ""); -EEXIST collides; -errno; nothing is left then.
 */
int plane_attach(struct plane *pl, uint16_t slot, struct grant *grant, char error[PLANE_ERROR_SIZE])
	__attribute__((warn_unused_result));
/** plane_grants_come() - all sessions of an earlier run that go on are granted from now on: who has
 * not come back in 30 s is over. Until then nobody else gets its prefixes. */
void plane_grants_come(struct plane *pl);
/** plane_each_waiting() - call @fn with the id of each session that may still come back. */
void plane_each_waiting(const struct plane *pl, void (*fn)(void *arg, const char *session),
			void *arg);
/** plane_session_over() - it will not come back, attached or not: its prefixes are anybody's. */
void plane_session_over(struct plane *pl, const char *session);
/** plane_detach() - take all of that back. A slot that is not attached is nothing. */
void plane_detach(struct plane *pl, uint16_t slot);

/** plane_translate() - the virtual prefixes of an attached slot: pairs of what stands here for
 * which LAN or tunnel address of the peer. What is in none has its own address here. */
const struct translate *plane_translate(const struct plane *pl, uint16_t slot);

/**
 * plane_protect() - vpnd is about to connect to @a, or asks names there: while a session's route
 * covers @a, a host route keeps it outside of the tunnel. It is remembered for routes to come.
 * @name: for people, copied. Return: 0; -EHOSTUNREACH there is no way outside.
 */
int plane_protect(struct plane *pl, const struct addr *a, const char *name);

/* One thing that was set on the host. */
enum plane_thing_kind {
	PLANE_ADDRESS, /* on the TUN */
	PLANE_ROUTE,   /* into the TUN, for a session */
	PLANE_PIN,     /* a server stays outside */
	PLANE_VIA,     /* to a LAN of ours behind a gateway */
	PLANE_LENT,    /* an address of the LAN that is answered for */
	PLANE_SETTING, /* a sysctl */
};
struct plane_thing {
	enum plane_thing_kind kind;
	struct prefix prefix;		      /* all but PLANE_SETTING */
	struct addr gateway;		      /* family 0: none */
	const char *interface;		      /* "": by the setting's name */
	const char *setting, *value, *before; /* PLANE_SETTING; @before: what it was */
	struct prefix of; /* PLANE_ROUTE: the LAN of the peer; its length tells if half of it */
	const char *name; /* PLANE_PIN: of the server */
	int slot;	  /* PLANE_ROUTE; else -1 */
	bool there;	  /* false: somebody took it away, or changed it */
};
typedef void plane_thing_fn(const struct plane_thing *thing, void *arg);
/** plane_list() - call @fn for each; borrowed for the call. Asks the kernel. Return: 0; -errno. */
int plane_list(struct plane *pl, plane_thing_fn *fn, void *arg) __attribute__((warn_unused_result));

/**
 * plane_incoming() - a packet from the peer of @slot; dropped and counted if it may not pass.
 * @v, @packet: as the peer sent it, not checked yet. The packet may be changed.
 */
void plane_incoming(struct plane *pl, uint16_t slot, const struct vnet *v, uint8_t *packet,
		    size_t n);

/**
 * plane_set_peer_mtu() - what the peer's TUN device takes; PLANE_MTU_DEFAULT after plane_attach().
 * Larger packets are not sent: with DF or of IPv6 their senders are told, others go in fragments.
 * The MSS of TCP connections is lowered to the smaller one of both MTUs.
 */
void plane_set_peer_mtu(struct plane *pl, uint16_t slot, uint32_t mtu);
/** plane_mtu() - of our TUN device. */
uint32_t plane_mtu(const struct plane *pl);

/**
 * plane_set_rules() - other rules for a session, from the next packet on. A device keeps them, a
 * manager does nothing with them. Return: 0; -ENOMEM, nothing passes then.
 */
int plane_set_rules(struct plane *pl, uint16_t slot, const struct rules *rules)
	__attribute__((warn_unused_result));
/** plane_firewall() - to look at; NULL: rules of this session are not kept here, or there were
 * none yet. */
const struct firewall *plane_firewall(const struct plane *pl, uint16_t slot);

/**
 * plane_take_used() - has somebody used the session since the last call? The manager's side begins
 * all use: a manager counts what it sends but for a host's automatic answers, a device what comes
 * in flows that the manager began. What machines send by themselves, and vpnd, is none.
 */
bool plane_take_used(struct plane *pl, uint16_t slot);

/** plane_set_capturing() - tell of packets from now on, or no more. */
void plane_set_capturing(struct plane *pl, bool on);

/** plane_super() - does our TUN device take super-packets? */
bool plane_super(const struct plane *pl);
/** plane_uso() - those of UDP, too? */
bool plane_uso(const struct plane *pl);

/* What would become of a packet that begins something? */
struct plane_question {
	struct target target;
	struct addr from; /* family 0: this host's own; of a peer's side: it comes in */
};
struct plane_step {
	const char *name; /* from, route, session, translation, lent, gate, rules */
	bool stops;	  /* it gets no further */
	int slot;	  /* the session; -1: not known yet */
	const char *text;
};
typedef void plane_step_fn(void *arg, const struct plane_step *step);
struct plane_traced {
	bool in, stops;
	int slot;	   /* -1: none was found */
	struct ip_info ip; /* with the addresses on the way */
	size_t n;
	uint8_t packet[TARGET_PACKET_MAX_BYTES]; /* as far as it came */
};
/** plane_trace() - ask each step in the order of a packet's way, and call @fn for it. Nothing is
 * sent, counted or remembered. */
void plane_trace(struct plane *pl, const struct plane_question *q, plane_step_fn *fn, void *arg,
		 struct plane_traced *t);

const char *plane_tun_name(const struct plane *pl);

/* Why packets of a session were dropped that would go by a lent address. */
enum lend_drop {
	LEND_NO_FLOW,  /* answers and errors for nothing that is known */
	LEND_NO_PORT,  /* all ports are in use */
	LEND_FRAGMENT, /* before its first one */
	LEND_WAITING,  /* too many while an address was looked for */
};
#define LEND_DROPS (LEND_WAITING + 1)
const char *lend_drop_name(enum lend_drop d);

#define PLANE_LENT_MAX 32
struct plane_lent {
	struct addr addr; /* family 0: none */
	struct prefix subnet;
	char interface[16]; /* IFNAMSIZ */
	const char *state;  /* "looking", "lent", "none" */
};
struct plane_lend_status {
	size_t n;
	struct plane_lent lent[PLANE_LENT_MAX];
	uint32_t flows;
	uint64_t evicted; /* flows that had to go for others */
	uint64_t unknown; /* packets to a lent address for no flow */
};
enum plane_lan_mode plane_lan_mode(const struct plane *pl);

/* plane_ask.c */
/** plane_way_outside() - by which interface, and gateway (family 0: none), this host reaches @to
 * without us. Return: 0; -ENETUNREACH. */
int plane_way_outside(struct plane *pl, const struct addr *to, char interface[16],
		      struct addr *gateway) __attribute__((warn_unused_result));
/** plane_lan_at() - the interface behind which @lan is. Return: 0; -ENOENT; -errno. */
int plane_lan_at(struct plane *pl, const struct prefix *lan, char interface[16])
	__attribute__((warn_unused_result));

void plane_lend_status(const struct plane *pl, struct plane_lend_status *out);

struct plane_counters {
	uint64_t gate[GATE_RESULTS]; /* per gate_result, in both directions */
	uint64_t malformed;	     /* no IP packet */
	uint64_t not_taken;	     /* by the kernel */
	uint64_t too_big;	     /* for the peer */
	uint64_t lend[LEND_DROPS];   /* per lend_drop */
};
const struct plane_counters *plane_counters(const struct plane *pl, uint16_t slot);
/** plane_unroutable() - packets from the TUN for no session. */
uint64_t plane_unroutable(const struct plane *pl);
/** plane_no_memory() - packets from the TUN that were dropped because all memory for packets was in
 * use. */
uint64_t plane_no_memory(const struct plane *pl);

#endif
