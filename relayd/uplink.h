/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * uplink - the relay's standing connection to an Access Server: hello, token keys, ended
 * sessions. Sessions do not need it.
 */
#ifndef FARLAN_RELAYD_UPLINK_H
#define FARLAN_RELAYD_UPLINK_H

#include "common/io/access_link.h"
#include "relayd/pure/pair.h"

#define UPLINK_PROBLEM_SIZE 200

struct uplink_ops {
	/* The identity's token keys, name or URLs are other ones now. */
	void (*on_changed)(void *arg);
	void (*on_session_end)(void *arg, const uint8_t id[PAIR_ID_BYTES]);
	/* The server does not want this relay any more: problem says why. */
	void (*on_refused)(void *arg);
	/* After uplink_close(); also at once if nothing was open. */
	void (*on_closed)(void *arg);
};

struct uplink {
	struct identity *identity; /* borrowed until on_closed; its token keys, name and URLs are
				      kept current */
	const struct opt_ports *ports; /* borrowed, and so are the next two */
	struct dial_memory *memory;
	const struct uplink_ops *ops;
	void *arg;
	struct access_link *link;	   /* NULL: not open */
	bool online;			   /* hello was answered */
	bool closing;			   /* uplink_close() was called */
	bool for_good;			   /* the server does not want us back */
	char problem[UPLINK_PROBLEM_SIZE]; /* then: why */
};

/** uplink_open() - @u: the borrowed members and arg are set, the rest is zero. Return: 0; -errno.
 */
int uplink_open(struct uplink *u, uv_loop_t *loop) __attribute__((warn_unused_result));
void uplink_close(struct uplink *u);

/** uplink_state_name() - "online", "connecting" or "offline". */
const char *uplink_state_name(const struct uplink *u);

#endif
