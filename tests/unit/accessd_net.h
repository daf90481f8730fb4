/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * accessd_net - accessd and everybody who talks to it, in one process and on one loop, over real
 * sockets and both layers of TLS. Include cmocka before.
 */
#ifndef FARLAN_ACCESSD_NET_H
#define FARLAN_ACCESSD_NET_H

#include "accessd/app.h"
#include "common/io/access_link.h"
#include "common/io/enrol.h"

#define NET_WAIT_MS 15000
#define NET_HEARD_MAX 64
#define NET_PASSWORD "seven-slow-camels"

struct net {
	uv_loop_t loop;
	struct app *app;
	struct conf conf;
	char dir[64];
	uint16_t port;
	struct dial_memory memory;
	struct opt_ports ports;
	const char *domain;		 /* that administration is about; NULL: it is not said */
	const struct hardware *hardware; /* of who enrols; NULL: none */
};

/* A device, manager or relay. */
struct peer {
	struct net *net;
	struct identity id;
	struct access_link *link;
	unsigned onlines; /* how many times the link has come up */
	bool offline;
	/* What accessd has sent: "session.grant", "session.end SESSION", "bye 0 REASON",
	 * "session.relays 2 rs1 rs2", "session.measured site1 rs1 10 rs2 no way", "relay.list rs1
	 * rs2", "relay.measure 600 rs1 rs2", "relay.drain 1", "session.rules none" or
	 * "session.rules 2 allow tcp" (the number, the first one), "hosts plc1 192.0.2.1",
	 * "identity.due 0", "relay.keys 2". */
	char heard[NET_HEARD_MAX][200];
	size_t n_heard;
	json_t *grant; /* the last one */
	enum { PEER_ACCEPTS, PEER_REFUSES, PEER_IS_SILENT, PEER_IS_OLD } mood;
};

/* Given by the test: only its own file is linked with accessd. */
void net_defaults(struct net *n); /* n->conf */
void net_start(struct net *n);	  /* n->app */
void net_stop(struct net *n);

void net_open(struct net *n);
void net_close(struct net *n);
void net_restart(struct net *n); /* accessd alone, without loss */
/** net_until() - run the loop until @done says so, or fail the test. */
void net_until(struct net *n, bool (*done)(void *arg), void *arg);
void net_for(struct net *n, unsigned ms);

/** net_admin() - as accessctl asks. Return: the result; NULL, *code and net_error. */
json_t *net_admin(struct net *n, const char *method, json_t *params, int *code);
/** net_admin_ok() - the same, and it must succeed; nothing is returned. */
void net_admin_ok(struct net *n, const char *method, json_t *params);
extern char net_error[512];
/** net_shell() - run a command beside the loop. Return: its output. */
const char *net_shell(struct net *n, const char *command);

/** net_invite() - device, user (with NET_PASSWORD, which need not be changed) or relay of this
 * name. */
struct invite net_invite(struct net *n, enum ident_kind kind, const char *name);
/** net_enrol() - by invitation (or by name for a user that has @p->id). Return: 0 or the RPC code,
 * net_error. */
int net_enrol(struct peer *p, struct net *n, const struct invite *in, const char *user,
	      const char *password);

void peer_link(struct peer *p);
void peer_unlink(struct peer *p);
/** peer_ask() - Return: the result, or NULL, *code and net_error. */
json_t *peer_ask(struct peer *p, const char *method, json_t *params, int *code);
/** peer_tell() - a notification; @params: taken. */
void peer_tell(struct peer *p, const char *method, json_t *params);
/** peer_hello() - link, and hello with @params. */
void peer_hello(struct peer *p, json_t *params);
bool peer_heard(const struct peer *p, const char *prefix);
/** peer_wait() - until it has heard something that begins so. */
void peer_wait(struct peer *p, const char *prefix);
void peer_forget(struct peer *p); /* what was heard */
void peer_free(struct peer *p);

#endif
