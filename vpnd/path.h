/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * path - one way between the two ends of a session: dial a relay, wait there for the other
 * end, authenticate it (inner TLS), exchange HELLO, then carry frames. A path knows nothing of
 * the session's other paths; the session decides which one is used.
 *
 *   DIALING -> WAITING (at the relay, then inner handshake) -> HELLO -> READY
 *           -> LEAVING (has said END, still takes what the other end sent before its own) ->
 * CLOSING
 */
#ifndef FARLAN_PATH_H
#define FARLAN_PATH_H

#include "common/io/dial.h"
#include "common/pure/frame.h"
#include "common/pure/grant.h"
#include "vpnd/queue.h"

#define PATH_REASON_SIZE DIAL_REASON_SIZE
#define PATH_MTU_MIN 1280
#define PATH_MTU_MAX 65535
#define PATH_MTU_DEFAULT 1500 /* of an end that does not say */

enum path_state { PATH_DIALING, PATH_WAITING, PATH_HELLO, PATH_READY, PATH_LEAVING, PATH_CLOSING };

#define PATH_LEAVE_MS 2000 /* what is under way to us has arrived by then */

/* How long things may take. */
struct path_times {
	uint32_t wait_ms;      /* a relay keeps a waiting leg this long */
	uint32_t hello_ms;     /* authenticated, until the other end's HELLO */
	uint32_t active_ms;    /* after data was sent or came: watched closely */
	uint32_t quiet_ms;     /* active and nothing heard: PING */
	uint32_t suspect_ms;   /* and nothing after that: suspected */
	uint32_t lost_ms;      /* the same: lost */
	uint32_t rtt_every_ms; /* active: PING for the round-trip time */
	uint32_t idle_ping_ms;
	uint32_t idle_lost_ms;
};
extern const struct path_times path_times_default; /* docs/PROTOCOL.md, sections 6 and 7 */

struct path;

struct path_callbacks {
	void (*on_step)(struct path *p, const char *text); /* for people */
	void (*on_ready)(struct path *p);		   /* HELLOs are exchanged */
	/* Borrowed; @v is what the other end says, not checked yet. */
	void (*on_packet)(struct path *p, const struct vnet *v, uint8_t *packet, size_t n);
	void (*on_room)(struct path *p); /* path_pump() may go on */
	void (*on_select)(struct path *p, uint32_t n);
	void (*on_selected)(struct path *p, uint32_t n);
	/* The relay, or somebody on the way, gives a hint. In any state but CLOSING. */
	void (*on_hint)(struct path *p, const struct hint *h);
	/* READY: suspected, for nothing is heard; @silent false: something is heard again. */
	void (*on_silent)(struct path *p, bool silent);
	/* The peer ended the path or the session (enum frame_end_code); on_gone follows. */
	void (*on_end)(struct path *p, int code, const char *reason);
	/* The path is over, exactly once, from the loop; @p is freed after it. */
	void (*on_gone)(struct path *p, const char *reason);
};

struct path_config { /* borrowed for the path's life but for the integers */
	uv_loop_t *loop;
	const struct tls_ctx *outer_ctx,
		*inner_ctx; /* inner: client for a manager, server for a device */
	const struct grant *grant;
	const struct grant_relay *relay;
	const struct opt_ports *ports;
	struct dial_memory *memory;
	const struct path_times *times; /* NULL: path_times_default */
	uint64_t generation;
	bool shed;    /* shed the outer layer where nobody sits between */
	bool super;   /* we take super-packets */
	bool uso;     /* of UDP, too */
	uint32_t mtu; /* of our TUN device; 0: not told */
};

/** path_open() - Return: 0; -errno. Callbacks never come before it returns. */
int path_open(struct path **out, const struct path_config *config, const struct path_callbacks *cb,
	      void *arg) __attribute__((warn_unused_result));

/** path_close() - say END @end_code (0: nothing) if the peer is there, then close. Idempotent. */
void path_close(struct path *p, int end_code, const char *reason);

/**
 * path_leave() - another path is used from now on: say END, take what is still under way to us,
 * close when the other end has said END, too, or after PATH_LEAVE_MS. Only if READY, else it is
 * path_close().
 */
void path_leave(struct path *p, const char *reason);

/** path_suspect() - somebody thinks that it is lost: ask (PING), and suspect it until something is
 * heard. Only if READY. */
void path_suspect(struct path *p);

/**
 * path_pump() - take packets out of @q and seal them, as many as the socket and the line take now.
 * When they take more, on_room comes. A sealed packet is never dropped.
 */
void path_pump(struct path *p, struct queue *q);
/** path_form() - in which form packets are to be put into the queue. */
struct queue_form path_form(const struct path *p);
/** path_ready() - HELLOs are exchanged, and nobody has closed it since. */
bool path_ready(const struct path *p);
void path_select(struct path *p, uint32_t n);
void path_selected(struct path *p, uint32_t n);

void *path_arg(const struct path *p);

/**
 * path_lead_us() - how much later does what was sent on @old arrive than what is sent on @next? For
 * who changes over and wants to keep the order. 0: not known, or not later.
 */
uint64_t path_lead_us(const struct path *old, const struct path *next);

struct path_status {
	enum path_state state;
	/* "192.0.2.1:443", through a proxy ":443"; "" while dialing */
	char relay_addr[DIAL_ADDR_SIZE];
	char proxy[PROXY_HOST_PORT_SIZE]; /* "": none */
	double rtt_ms;			  /* < 0: not known yet */
	const char *cipher, *outer_version;
	bool outer_verified;
	char inspection[TLS_INSPECTION_SIZE]; /* in words; "": nobody is found in between */
	bool shed;			      /* the outer layer is shed in both directions */
	bool peer_super;
	uint32_t peer_mtu;  /* 0: no HELLO yet */
	uint64_t rate;	    /* bytes a second that the path delivered lately; 0: not known */
	uint64_t under_way; /* bytes */
};
void path_status(const struct path *p, struct path_status *s);

#endif
