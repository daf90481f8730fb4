/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * uplink - the relay's standing connection to an Access Server: hello, token keys, ended
 * sessions, and every 10 s a report of how the relay does. Sessions do not need it.
 */
#ifndef FARLAN_RELAYD_UPLINK_H
#define FARLAN_RELAYD_UPLINK_H

#include "common/io/access_link.h"
#include "common/io/lag.h"
#include "common/io/reporter.h"
#include "relayd/pure/pair.h"

#define UPLINK_PROBLEM_SIZE 200
#define UPLINK_REPORT_MS 10000

/* How the relay does. */
struct uplink_report {
	uint64_t sessions, max_sessions;
	uint64_t bytes;	      /* carried since the start */
	uint64_t capacity;    /* bytes a second, 0: not known */
	uint64_t loop_lag_ms; /* of loops other than the uplink's, since the last report */
	bool draining;
};

struct uplink_ops {
	/* The identity's token keys, name or URLs are other ones now. */
	void (*on_changed)(void *arg);
	/* New certificates: keep @next on disk, put it in the place of the identity, and use them.
	 * Return: 0; -errno. */
	int (*on_renewed)(void *arg, const struct identity *next);
	void (*on_session_end)(void *arg, const uint8_t id[PAIR_ID_BYTES]);
	/* The Access Server wants this relay to be drained, or to be as usual. Said at each hello,
	 * so mostly it is no news. */
	void (*on_drain)(void *arg, bool drain);
	/* Fill in all of @r. */
	void (*on_report)(void *arg, struct uplink_report *r);
	/* The server does not want this relay any more: problem says why. */
	void (*on_refused)(void *arg);
	/* After uplink_close(); also at once if nothing was open. */
	void (*on_closed)(void *arg);
};

struct uplink {
	struct identity *identity; /* borrowed until on_closed; its token keys, name and URLs are
				      kept current */
	const struct opt_ports *ports; /* borrowed, and so are the next four */
	struct dial_memory *memory;
	const char *state_dir;	   /* where that is kept; NULL: nowhere */
	bool refuse_inspection;	   /* go through nobody who ends the TLS on the way */
	struct reporter *reporter; /* of usage; NULL: none */
	const struct uplink_ops *ops;
	void *arg;
	struct access_link *link;	   /* NULL: not open */
	bool online;			   /* hello was answered */
	bool closing;			   /* uplink_close() was called */
	bool for_good;			   /* the server does not want us back */
	char problem[UPLINK_PROBLEM_SIZE]; /* then: why */
	uv_timer_t report_timer;
	struct lag lag;
	unsigned int n_handles;		      /* of these two, that are not closed */
	uint64_t reported_ms, reported_bytes; /* of the last report; 0: none on this connection */
};

/** uplink_open() - @u: the borrowed members and arg are set, the rest is zero. Return: 0; -errno.
 */
int uplink_open(struct uplink *u, uv_loop_t *loop) __attribute__((warn_unused_result));
void uplink_close(struct uplink *u);
/** uplink_report_now() - something changed that does not wait: draining. */
void uplink_report_now(struct uplink *u);

/** uplink_state_name() - "online", "connecting" or "offline". */
const char *uplink_state_name(const struct uplink *u);

#endif
