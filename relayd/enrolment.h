/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * enrolment - relayctl's `enroll`: an invitation becomes an identity.
 */
#ifndef FARLAN_RELAYD_ENROLMENT_H
#define FARLAN_RELAYD_ENROLMENT_H

#include "common/io/enrol.h"
#include "common/io/rpc.h"

struct daemon;

/* The one that runs. Who asked is kept by numbers and looked up again. */
struct enrolment {
	struct enrol *running; /* NULL: none */
	uint64_t client;
	int64_t id;
};

/** enrolment_on_enroll() - local method `enroll` {invitation, again} -> {name, domain, uid};
 * notifies `enroll.step` {what}. */
void enrolment_on_enroll(struct rpc *rpc, int64_t id, const json_t *params);

/** enrolment_stop() - forget about it. */
void enrolment_stop(struct daemon *d);

#endif
