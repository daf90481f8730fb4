/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sntp_client - asks time servers as long as the host's clock is hard to believe and no Access
 * Server has said what time it is; tells clock.h. It asks nobody but the servers it was given, and
 * with a good clock, or once the Access Server has answered, nobody at all.
 */
#ifndef FARLAN_SNTP_CLIENT_H
#define FARLAN_SNTP_CLIENT_H

#include <uv.h>

#include "common/io/opt.h"

/* What holds; only tests set other ones. */
extern struct sntp_client_times {
	uint32_t first_ms;	   /* the Access Server is asked first */
	uint32_t round_ms;	   /* for the answers of all */
	uint32_t min_ms, max_ms;   /* between rounds, growing, with jitter (RFC 4330 section 10) */
	uint32_t rate_ms, deny_ms; /* a server that said so is left alone for so long */
} sntp_client_times;

struct sntp_client;

/** sntp_client_open() - @servers: copied; without any *out is NULL. Return: 0; -ENOMEM. */
int sntp_client_open(struct sntp_client **out, uv_loop_t *loop, const struct opt_servers *servers)
	__attribute__((warn_unused_result));
/** sntp_client_close() - memory goes with the last handle; @c may be NULL. */
void sntp_client_close(struct sntp_client *c);

#endif
