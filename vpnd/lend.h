/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lend - borrow a free address of a LAN: find one that nobody has, watch over it, and tell the
 * LAN. What the host needs for it (routes, proxy entries) is the owner's.
 *
 *   probing   several candidates at once, three probes each (RFC 5227 2.1.1, RFC 4862 5.4); the
 *             first one for which nobody spoke up is taken
 *   held      announced; probes for it are answered, for IPv6 questions, too (an IPv6 kernel does
 *             so only where all forwarding is on). Who uses it is told once that it is taken, and
 *             gets it if he goes on (RFC 5227 2.4 (b)): then another one is looked for
 *   none      everything that was probed is in use; it is tried again after LEND_RETRY_MS
 *
 * RFC 5227 waits about 6 s before it takes an address, for networks where hosts are switched on
 * together and switches begin late. Here the LAN is up, one host asks, and somebody waits for his
 * session: LEND_PROBES probes within LEND_FIND_MS. Who answers later, within LEND_YOUNG_MS, gets
 * his address back at once, and watching over it never ends.
 */
#ifndef FARLAN_LEND_H
#define FARLAN_LEND_H

#include <uv.h>

#include "vpnd/pure/lendable.h"

#define LEND_PROBES 3
#define LEND_PROBE_MS 100	/* between probes, and up to ... */
#define LEND_PROBE_JITTER_MS 30 /* ... this at random */
#define LEND_LISTEN_MS 150	/* behind the last one */
#define LEND_FIND_MS 410	/* all of that */
#define LEND_YOUNG_MS 3000	/* who is heard so soon was there before and answers late */
#define LEND_ANNOUNCE_MS 2000	/* RFC 5227: ANNOUNCE_INTERVAL; two of them */
#define LEND_DEFEND_MS 10000	/* RFC 5227: DEFEND_INTERVAL */
#define LEND_RETRY_MS 60000	/* RFC 5227: RATE_LIMIT_INTERVAL */
#define LEND_BATCH 8		/* candidates at once at first, then twice as many, and so on */
#define LEND_BATCH_MAX 64
#define LEND_TRIES_MAX 256 /* candidates until it is "none" */

enum lend_state { LEND_PROBING, LEND_HELD, LEND_NONE };

struct lend;

struct lend_config {
	int ifindex;
	const char *ifname; /* borrowed for the call */
	struct prefix subnet;
	const struct lendable_pool *pool; /* borrowed for its life */
	uint64_t seed;			  /* lendable.h */
	/*
	 * Addresses that are known to be in use, of @subnet; asked whenever it begins to look.
	 * Return: how many were put to @out. May be NULL.
	 */
	size_t (*taken)(void *arg, struct addr *out, size_t max);
};

struct lend_callbacks {
	/* @a is ours from now on. It is announced when this returns. */
	void (*on_held)(void *arg, const struct addr *a);
	/* Somebody else has @a, with the hardware address @who; another one is looked for. */
	void (*on_lost)(void *arg, const struct addr *a, const char *who);
	/* There is none. */
	void (*on_none)(void *arg);
	/* lend_close() is done. */
	void (*on_closed)(void *arg);
};

/**
 * lend_open() - begin to look. Callbacks never come before it returns.
 * @cb: borrowed for its life.
 * Return: 0; -EPERM no CAP_NET_RAW; -EOPNOTSUPP no Ethernet; -errno.
 */
int lend_open(struct lend **out, uv_loop_t *loop, const struct lend_config *config,
	      const struct lend_callbacks *cb, void *arg) __attribute__((warn_unused_result));
/** lend_close() - give it back; on_closed follows from the loop. Once. */
void lend_close(struct lend *l);

enum lend_state lend_state(const struct lend *l);
const char *lend_state_name(enum lend_state s);

#endif
