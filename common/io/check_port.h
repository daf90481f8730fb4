/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * check_port - what answers at an address and port: TCP, TLS, GET /v1/probe; where TLS does not
 * come about, the same once more in clear. One shot; for the doctors of all daemons.
 */
#ifndef FARLAN_CHECK_PORT_H
#define FARLAN_CHECK_PORT_H

#include <sys/socket.h>
#include <uv.h>

#include "common/io/tls.h"
#include "common/pure/port_seen.h"

#define CHECK_PORT_MS 5000 /* for each of the two attempts */

struct check_port;

struct check_port_target {
	const struct tls_ctx *ctx; /* outer client; borrowed until the outcome */
	struct sockaddr_storage addr;
	const char *host;	 /* for SNI, certificate and Host; copied */
	const char *host_header; /* copied */
	const char *path;	 /* copied: "/v1/probe" */
	uint16_t mss;		 /* no larger segments, both ways; 0: as the system does */
	uint16_t pad;		 /* bytes by which the request is made longer, up to 7,000 */
	bool quick;		 /* no second attempt in clear */
	/* What the certificate says; borrowed for the call. NULL: nobody wants to know. */
	void (*on_cert)(void *arg, const uint8_t *der, size_t len, size_t n_chain);
};

/* The only call; the check is freed after it. */
typedef void check_port_fn(void *arg, const struct port_seen *seen);

/** check_port_start() - @fn never comes before it returns. Return: 0; -errno. */
int check_port_start(struct check_port **out, uv_loop_t *loop,
		     const struct check_port_target *target, check_port_fn *fn, void *arg)
	__attribute__((warn_unused_result));
/** check_port_cancel() - no callback any more; memory goes with the last handle. */
void check_port_cancel(struct check_port *c);

#endif
