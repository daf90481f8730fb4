/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * doctor_internal - what the files of vpnd's doctor share; nobody else includes it.
 *
 *   doctor.c         begins, hears of each finding, ends: the verdict, the allow-list
 *   doctor_net.c     names, ports and packet sizes of servers and relays
 *   doctor_host.c    this host: identity, clock, TUN device, forwarding, LANs
 */
#ifndef FARLAN_DOCTOR_INTERNAL_H
#define FARLAN_DOCTOR_INTERNAL_H

#include "common/io/check_mtu.h"
#include "common/io/check_name.h"
#include "common/io/check_port.h"
#include "vpnd/app.h"

#define DOCTOR_MS 27000 /* then what is there counts */
#define DOCTOR_HOSTS_MAX 32
#define DOCTOR_ADDRS_MAX 5  /* of a host: those that are resolved, and the one that worked last */
#define DOCTOR_RELAYS_MAX 4 /* whose ports are all tried; the others are measured */
#define DOCTOR_MTUS_MAX 2   /* hosts to which packet sizes are tried */

struct doctor_port {
	struct doctor_host *host;
	struct check_port *check; /* while it runs */
	struct sockaddr_storage addr;
	uint16_t port;
	bool done;
	struct port_seen seen;
};

/* A server's or relay's name, with all that was found out. */
struct doctor_host {
	struct doctor *d;
	struct url url;
	bool access, brief; /* brief: its ports are not tried */
	char relay[GRANT_NAME_SIZE];
	struct check_name *lookup; /* while it runs */
	bool nameless;		   /* its name could not be resolved */
	size_t n_addrs, n_ports, n_running;
	struct sockaddr_storage addrs[DOCTOR_ADDRS_MAX];
	struct doctor_port ports[DOCTOR_ADDRS_MAX * OPT_PORTS_MAX];
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
	bool measuring, told_relays;
	size_t n_mtu_access, n_mtu_relay; /* hosts to which packet sizes were tried */
	uint32_t passes;		  /* larger packets vanish; 0: none do */
	const char *obstacle;		  /* here, not in the network; NULL: none */
	size_t n_hosts;
	struct doctor_host *hosts[DOCTOR_HOSTS_MAX];
};

/** doctor_tell() - a finding for who asked. */
void doctor_tell(struct doctor *d, const struct finding *f);
/** doctor_look() - something came to its end: is it all? */
void doctor_look(struct doctor *d);

/* doctor_net.c */
/** doctor_net_add() - a host to be looked at; beyond DOCTOR_HOSTS_MAX it is left out. */
void doctor_net_add(struct doctor *d, const struct url *url, bool access, const char *relay,
		    bool brief);
void doctor_net_begin(struct doctor *d);
bool doctor_net_runs(const struct doctor *d);
/** doctor_net_conclude() - what all of it together says: inspection, captive portal. */
void doctor_net_conclude(struct doctor *d);
void doctor_net_close(struct doctor *d);
bool doctor_host_good(const struct doctor_host *h);
void doctor_addr_text(const struct sockaddr_storage *ss, char out[ADDR_TEXT_SIZE]);
struct addr doctor_addr(const struct sockaddr_storage *ss);

/* doctor_host.c */
void doctor_host_check(struct doctor *d);
/** doctor_host_way() - by which interface a server is reached. */
void doctor_host_way(struct doctor *d, const char *host, const struct sockaddr_storage *ss);

#endif
