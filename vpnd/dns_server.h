/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dns_server - DNS by UDP and TCP (RFC 7766) on addresses of this host: messages in, answers out;
 * what they say is the owner's. What a client can cost is small: so many connections, so long a
 * message, so much time, one answer under way on each.
 */
#ifndef FARLAN_DNS_SERVER_H
#define FARLAN_DNS_SERVER_H

#include <uv.h>

#include "common/io/opt.h"

#define DNS_SERVER_CONNECTIONS_MAX                                     \
	16 /* one more takes the place of the one that is idle longest \
	    */

/* What holds; only tests set other ones. */
extern struct dns_server_times {
	uint32_t idle_ms;  /* for a client to ask, or to take its answer */
	uint32_t retry_ms; /* until an address that could not be had is tried again */
} dns_server_times;

struct dns_server;

struct dns_server_config {
	const struct opt_listens *where; /* copied */
	/* The answer to a message, into @size bytes at @out. Return: its length; 0: none. */
	size_t (*answer)(void *arg, const uint8_t *message, size_t n, bool tcp, uint8_t *out,
			 size_t size);
	void *arg;
};

/**
 * dns_server_open() - serve. Addresses that cannot be had (yet) are logged and tried again.
 * *out is NULL if there are none. Return: 0; -ENOMEM.
 */
int dns_server_open(struct dns_server **out, uv_loop_t *loop,
		    const struct dns_server_config *config) __attribute__((warn_unused_result));
/** dns_server_close() - NULL is nothing; once. No callback any more; memory goes with the last
 * handle. */
void dns_server_close(struct dns_server *s);
/** dns_server_listening() - on all of its addresses? */
bool dns_server_listening(const struct dns_server *s);

#endif
