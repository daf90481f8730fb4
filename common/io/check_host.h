/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * check_host - a server by its URL: the addresses of its name, and what each of its ports answers
 * at each of them, all at once. For the doctors of all daemons.
 *
 *   check_host_begin -> on_name -> on_port, on_port ... -> on_done
 */
#ifndef FARLAN_CHECK_HOST_H
#define FARLAN_CHECK_HOST_H

#include "common/io/check_name.h"
#include "common/io/check_port.h"
#include "common/io/netaddr.h"
#include "common/io/opt.h"
#include "common/pure/addr.h"
#include "common/pure/url.h"

#define CHECK_HOST_ADDRS_MAX 5
#define CHECK_HOST_PORTS_MAX (CHECK_HOST_ADDRS_MAX * OPT_PORTS_MAX)

struct check_host;

struct check_host_port {
	struct check_host *host;
	struct check_port *check; /* while it runs */
	struct sockaddr_storage addr;
	uint16_t port;
	bool done;
	struct port_seen seen;
};

struct check_host_ops {
	/* A connection is about to be made; -errno: it is not. May be NULL. */
	int (*before)(struct check_host *h, const struct sockaddr_storage *addr);
	/* What the name has; not called for URLs with an address. The owner may add others. */
	void (*on_name)(struct check_host *h, const struct check_name_result *r);
	void (*on_port)(struct check_host_port *p);
	/* A certificate that was shown; borrowed. May be NULL. */
	void (*on_cert)(struct check_host_port *p, const uint8_t *der, size_t len, size_t n_chain);
	void (*on_done)(struct check_host *h);
};

struct check_host {
	uv_loop_t *loop;
	const struct tls_ctx *ctx; /* borrowed */
	struct url url;
	struct opt_ports ports; /* if the URL names none */
	bool brief;		/* its name alone is of interest */
	const struct check_host_ops *ops;
	void *arg;		   /* the owner's */
	struct check_name *lookup; /* while it runs */
	size_t n_addrs, n_ports, n_running;
	struct sockaddr_storage addrs[CHECK_HOST_ADDRS_MAX];
	struct check_host_port at[CHECK_HOST_PORTS_MAX];
};

/** check_host_begin() - the members up to @arg are set, the rest is zero. May call back before it
 * returns, where everything fails at once. */
void check_host_begin(struct check_host *h);
/** check_host_stop() - no callback any more. */
void check_host_stop(struct check_host *h);
bool check_host_runs(const struct check_host *h);

/** check_host_add() - one more address, without port, from within on_name; twice is once. Return:
 * whether it is new. */
bool check_host_add(struct check_host *h, const struct sockaddr_storage *ss);
/** check_host_good() - one of its ports answers as one of us. */
bool check_host_good(const struct check_host *h);
/** check_host_by_text() - by which it does: "IPv4 443, 80; IPv6 443", or "". */
void check_host_by_text(const struct check_host *h, char *out, size_t size);

/** check_host_target() - for more checks of a port. @host_header, @path: room for its strings. */
#define CHECK_HOST_HEADER_SIZE (URL_HOST_SIZE + 10)
#define CHECK_HOST_PATH_SIZE (URL_PATH_SIZE + 16)
void check_host_target(const struct check_host_port *p, char host_header[CHECK_HOST_HEADER_SIZE],
		       char path[CHECK_HOST_PATH_SIZE], struct check_port_target *t);

/** check_host_addr() - without the port. */
static inline struct addr check_host_addr(const struct sockaddr_storage *ss)
{
	uint16_t port;

	return netaddr_of(ss, &port);
}

/** check_name_say() - state, text and todo of a line about a name: its addresses, or why not. */
void check_name_say(const struct check_name_result *r, struct finding *f);

#endif
