/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * access_link - a daemon's standing connection to an Access Server: dial, authenticate,
 * JSON-RPC, keep-alive, come back with jitter.
 */
#ifndef FARLAN_ACCESS_LINK_H
#define FARLAN_ACCESS_LINK_H

#include "common/io/dial.h"
#include "common/io/identity.h"
#include "common/io/inner.h"
#include "common/io/rpc.h"

#define ACCESS_LINK_PING_MS 45000    /* empty message after this much silence of ours */
#define ACCESS_LINK_SILENCE_MS 90000 /* nothing heard: the connection is dead */
#define ACCESS_LINK_RETRY_BASE_MS 1000
#define ACCESS_LINK_RETRY_MAX_MS 60000

/* What holds; only tests set other ones. */
extern struct access_link_times {
	uint32_t ping_ms, silence_ms, retry_base_ms, retry_max_ms;
} access_link_times;

enum access_link_state {
	ACCESS_LINK_OFF,
	ACCESS_LINK_DIALING,
	ACCESS_LINK_AUTH,
	ACCESS_LINK_ONLINE,
	ACCESS_LINK_WAITING
};

struct access_link;

struct access_link_callbacks {
	/* Authenticated; say hello with rpc_request(access_link_rpc(l), ...). */
	void (*on_online)(struct access_link *l);
	/*
	 * The server renewed the identity: keep @next (borrowed) on disk, then put it in the place
	 * of the one that was given. Connections go on. Return: 0; -errno: it is tried again later.
	 * NULL: nothing is renewed.
	 */
	int (*on_renewed)(struct access_link *l, const struct identity *next);
	void (*on_offline)(struct access_link *l, const char *reason);
	/* access_link_close() is done; the memory goes after it. */
	void (*on_closed)(struct access_link *l);
};

struct access_link_config {
	const struct identity *identity;  /* borrowed for its life */
	const struct opt_ports *ports;	  /* borrowed */
	struct dial_memory *memory;	  /* borrowed */
	const struct rpc_method *methods; /* what accessd may ask; rpc->arg is the access_link */
	size_t n_methods;
	bool refuse_inspection; /* go through nobody who ends the TLS on the way */
};

int access_link_open(struct access_link **out, uv_loop_t *loop,
		     const struct access_link_config *config,
		     const struct access_link_callbacks *cb, void *arg)
	__attribute__((warn_unused_result));
/** access_link_close() - idempotent. */
void access_link_close(struct access_link *l);
/** access_link_retry_now() - the network changed: do not wait. */
void access_link_retry_now(struct access_link *l);
/** access_link_rest() - this server asks not to be visited for @s seconds once the connection is
 * gone; others are. */
void access_link_rest(struct access_link *l, uint32_t s);
/** access_link_lost() - the server said something wrong: close the connection, come back later. */
void access_link_lost(struct access_link *l, const char *reason);

/** access_link_give_up() - the server wants us no more: close, and stay away until made anew. State
 * becomes ACCESS_LINK_OFF. */
void access_link_give_up(struct access_link *l, const char *reason);

/** access_link_on_due() - a method for the owner's table: the server calls for a renewal. */
void access_link_on_due(struct rpc *rpc, int64_t id, const json_t *params);
/** access_link_hello() - what hello's answer says about it. */
void access_link_hello(struct access_link *l, const json_t *result);

struct rpc *access_link_rpc(struct access_link *l); /* NULL unless online */
void *access_link_arg(const struct access_link *l);

struct access_link_status {
	enum access_link_state state;
	/* "as1.lab 203.0.113.10:443", through a proxy "as1.lab:443"; "" if not connected */
	char server[URL_HOST_SIZE + 64];
	char proxy[PROXY_HOST_PORT_SIZE]; /* "proxy.lab:3128"; "": none */
	char last_error[DIAL_REASON_SIZE];
	uint64_t since_ms;    /* of the state, CLOCK_BOOTTIME */
	uint64_t retry_in_ms; /* waiting */
	bool outer_verified;
	char outer_problem[TLS_REASON_SIZE];
	char inspection[TLS_INSPECTION_SIZE]; /* in words; "": nobody is found in between */
	const char *outer_version, *cipher;
};
void access_link_status(const struct access_link *l, struct access_link_status *s);
const char *access_link_state_name(
	enum access_link_state s); /* "off","connecting","authenticating","online","waiting" */

#endif
