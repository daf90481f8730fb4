/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plane_lend_internal - what the files of plane_lend share; nobody else includes it.
 *
 *   plane_lend.c          addresses: who uses them, what the host needs for them
 *   plane_lend_packets.c  packets through them
 */
#ifndef FARLAN_PLANE_LEND_INTERNAL_H
#define FARLAN_PLANE_LEND_INTERNAL_H

#include "common/io/log.h"
#include "vpnd/lend.h"
#include "vpnd/plane_internal.h"
#include "vpnd/plane_lend.h"
#include "vpnd/pure/napt.h"

/* One subnet, and the address there. */
struct lent {
	struct plane_lend *pn;
	struct lend *lend; /* NULL: free */
	uint8_t number;
	unsigned int users;
	struct netconf_subnet subnet;
	struct addr addr; /* family 0: none */
	bool none;	  /* there is none: packets go untranslated */
	bool lost;	  /* that was told already */
};

struct held {
	uint16_t slot;
	uint8_t lent;
	struct packet *packet;
};

struct plane_lend {
	struct plane *pl;
	struct plane_lend_config config;
	struct napt *napt; /* from the first session on */
	struct lent lents[NAPT_LENTS_MAX];
	uv_timer_t ticker;
	unsigned int closing; /* parts that are on their way */
	bool closed;
	size_t n_held;
	struct held held[LEND_HELD_MAX];
	struct log_limit limit;
	uint64_t unknown; /* for a lent address, of no flow */
};

/** plane_lend_let_go() - there is an address now, or there will be none: packets that were held for
 * it go on. */
void plane_lend_let_go(struct plane_lend *pn, uint8_t lent);
/** plane_lend_drop_held() - the session has ended. */
void plane_lend_drop_held(struct plane_lend *pn, uint16_t slot);

#endif
