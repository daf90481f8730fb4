/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * doctor_internal - what the files of vpnd's doctor share; nobody else includes it.
 *
 *   doctor.c         begins, hears of each finding, ends: the verdict, the allow-list
 *   doctor_net.c     names, ports and packet sizes of servers and relays
 *   doctor_proxy.c   the same through an HTTP proxy
 *   doctor_host.c    this host: identity, clock, TUN device, forwarding, LANs
 */
#ifndef FARLAN_DOCTOR_INTERNAL_H
#define FARLAN_DOCTOR_INTERNAL_H

#include "common/io/check_host.h"
#include "common/io/check_mtu.h"
#include "vpnd/app.h"
#include "vpnd/check_resolver.h"

#define DOCTOR_MS 27000 /* then what is there counts */
#define DOCTOR_HOSTS_MAX 32
#define DOCTOR_RESOLVERS_MAX 3 /* that are asked one by one, when a name fails */
#define DOCTOR_RELAYS_MAX 4    /* whose ports are all tried; the others are measured */
#define DOCTOR_MTUS_MAX 2      /* hosts to which packet sizes are tried */

/* A port through the HTTP proxy. */
struct doctor_tunnel {
	struct doctor_host *host;
	struct outer *outer; /* while it runs */
	uint16_t port;
	bool good;
	uint64_t begun_ms;
};

/* A server's or relay's name, with all that was found out. */
struct doctor_host {
	struct doctor *d;
	struct check_host c;
	bool access;
	bool both;     /* a relay, and the Access Server behind it */
	bool by_proxy; /* and not looked up here, nor tried without it */
	size_t n_tunnels;
	struct doctor_tunnel tunnels[OPT_PORTS_MAX];
	struct check_mtu *mtu; /* while it runs */
	char mtu_subject[FINDING_SUBJECT_SIZE];
};

struct doctor {
	struct app *app;
	struct waiter waiter;
	struct tls_ctx *ctx;
	bool ca_known, begun, over;
	uv_timer_t total, ticker;
	uint64_t begun_ms;
	json_t *urls;	    /* to look at, in the place of those that are configured */
	struct rpc *asking; /* the Access Server, for its relays; NULL: not */
	bool measuring, told_relays;
	size_t n_mtu_access, n_mtu_relay; /* hosts to which packet sizes were tried */
	bool asked_resolvers;
	size_t n_resolving; /* name servers whose answer is waited for */
	struct doctor_resolver {
		struct doctor *d;
		struct check_resolver *check; /* while it runs */
	} resolvers[DOCTOR_RESOLVERS_MAX];
	struct check_name *proxy_lookup; /* while it runs */
	size_t n_tunnels;		 /* that run */
	const char *inspected;		 /* TLS to this host is; NULL: to none */
	uint32_t passes;		 /* larger packets vanish; 0: none do */
	const char *obstacle;		 /* here, not in the network; NULL: none */
	size_t n_hosts;
	struct doctor_host *hosts[DOCTOR_HOSTS_MAX];
};

/** doctor_tell() - a finding for who asked. */
void doctor_tell(struct doctor *d, const struct finding *f);
/** doctor_look() - something came to its end: is it all? */
void doctor_look(struct doctor *d);

/* doctor_net.c */
/** doctor_net_add() - a host to be looked at; beyond DOCTOR_HOSTS_MAX it is left out. */
void doctor_net_add(struct doctor *d, const struct url *url, bool access, bool brief);
void doctor_net_begin(struct doctor *d);
bool doctor_net_runs(const struct doctor *d);
/** doctor_net_conclude() - what all of it together says: inspection, captive portal. */
void doctor_net_conclude(struct doctor *d);
void doctor_net_close(struct doctor *d);

/* doctor_proxy.c */
/** doctor_proxy_is_for() - would a dial go to this URL by the proxy? */
bool doctor_proxy_is_for(const struct doctor *d, const struct url *url);
void doctor_proxy_begin(struct doctor *d);
bool doctor_proxy_runs(const struct doctor *d);
void doctor_proxy_close(struct doctor *d);

/* doctor_host.c */
void doctor_host_check(struct doctor *d);
/** doctor_host_way() - by which interface a server is reached. */
void doctor_host_way(struct doctor *d, const char *host, const struct sockaddr_storage *ss);
/** doctor_host_no_way() - neither this host nor its router has a route to it. */
bool doctor_host_no_way(const struct doctor_host *h);

#endif
