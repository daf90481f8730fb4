/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * path_internal - what the files of path share; nobody else includes it.
 *
 *   path.c       the way there, liveness, frames that are not packets, the end
 *   path_data.c  packets out of the queue into records, and how many may be under way
 */
#ifndef FARLAN_PATH_INTERNAL_H
#define FARLAN_PATH_INTERNAL_H

#include <jansson.h>

#include "common/io/inner.h"
#include "vpnd/path.h"
#include "vpnd/pure/flight.h"

struct path {
	struct path_config config;
	const struct path_times *times;
	const struct path_callbacks *cb;
	void *arg;
	enum path_state state;
	struct dial *dial;
	struct inner *inner;
	uv_timer_t timer; /* for HELLO; liveness, once ready */
	bool timer_closed;
	bool ended;			     /* by the other end: nothing is said any more */
	bool suspected;			     /* told by on_silent */
	bool drained;			     /* the relay has said that it will end it */
	struct buf rx;			     /* a frame that is not whole yet */
	uint64_t heard_ms, sent_ms, data_ms; /* CLOCK_BOOTTIME */
	uint64_t active_ms;		     /* since when data is sent without a long pause */
	uint64_t pinged_ms; /* of the oldest PING since something was heard; 0: none */
	uint64_t asked_ms;  /* of the last PING */
	uint64_t asked_us;  /* the same, as it stands in the PING; 0: answered */
	uint64_t ping_seq;
	uint64_t ping_end; /* bytes that the connection has sent when our last PING is out */
	uint64_t out_seen; /* bytes that it had sent when we looked last */
	double rtt_ms;
	char addr[DIAL_ADDR_SIZE], proxy[PROXY_HOST_PORT_SIZE];
	uint64_t shed_ms;	      /* when the outer layer was shed; 0: not */
	struct sockaddr_storage from; /* our address then, and the relay's name */
	char shed_host[URL_HOST_SIZE];
	char reason[PATH_REASON_SIZE];
	/* path_data.c */
	bool peer_super; /* the other end takes super-packets */
	bool peer_uso;	 /* of UDP, too */
	uint32_t peer_mtu;
	struct flight flight;
	bool lossy, peer_lossy; /* as it was told last to the other end, and by it */
	size_t batch_used;
	uint8_t batch[INNER_WRITE_BEST_BYTES]; /* small frames on their way into one record */
};

/** path_note_data() - data is about to be sent: the path is watched closely from now on. */
void path_note_data(struct path *p);

/** path_data_hello() - what the other end can do. @hello: an object, its members may be anything.
 */
void path_data_hello(struct path *p, const json_t *hello);
/** path_data_caps() - a new list of what this end can do. */
json_t *path_data_caps(const struct path *p);
void path_data_super(struct path *p, uint8_t *payload, size_t n);
void path_data_stamp(struct path *p, const struct frame *f);
void path_data_ack(struct path *p, const struct frame *f);
void path_data_lossy(struct path *p, const struct frame *f);
/**
 * path_data_pong() - the PING of @asked_us was answered. Answers come in order: a STAMP before it
 * that has none will never have one, and the other end is treated as one that gives none.
 */
void path_data_pong(struct path *p, uint64_t asked_us);

#endif
