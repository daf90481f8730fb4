/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dns_server_internal - what the files of dns_server share; nobody else includes it.
 *
 *   dns_server.c      the object: addresses, UDP
 *   dns_server_tcp.c  one connection: messages in, answers out
 */
#ifndef FARLAN_DNS_SERVER_INTERNAL_H
#define FARLAN_DNS_SERVER_INTERNAL_H

#include <sys/queue.h>

#include "common/io/listen.h"
#include "common/pure/buf.h"
#include "vpnd/dns_server.h"

struct dns_conn {
	TAILQ_ENTRY(dns_conn) list; /* those that were quiet longest first */
	struct dns_server *owner;
	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_write_t write;
	unsigned int handles; /* not closed yet */
	bool closing, answering;
	struct buf in, out;
};

TAILQ_HEAD(dns_conn_list, dns_conn);

/* Of one attempt to listen: it is closed as a whole if one of its sockets could not be had. */
struct dns_udp {
	uv_udp_t udp;
	struct dns_server *owner;
};

struct dns_server {
	uv_loop_t *loop;
	struct dns_server_config config;
	struct opt_listens where;
	int said;		      /* why an address could not be had, as it was logged last */
	struct listen_set *listeners; /* TCP; NULL: not listening */
	struct dns_udp *udp[OPT_LISTENS_MAX];
	uv_timer_t retry;
	unsigned int handles; /* the timer and sockets of UDP that are not closed yet */
	bool closing;
	struct dns_conn_list conns;
	size_t n_conns;
	uint8_t in[UINT16_MAX], out[UINT16_MAX]; /* for one message of UDP; an answer of either */
};

/** dns_conn_accept() - takes @fd. */
void dns_conn_accept(struct dns_server *s, int fd);
/** dns_conn_close() - idempotent; freed from the loop. */
void dns_conn_close(struct dns_conn *c);
/** dns_server_conn_gone() - a connection was freed. */
void dns_server_conn_gone(struct dns_server *s);

#endif
