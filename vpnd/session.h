/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * session - one grant at work: finds the other end at one of the relays, keeps exactly one
 * path selected, looks for another when it is lost, until the grant ends.
 *
 *   SEARCHING -(path selected)-> UP -(path lost)-> SEARCHING ...   any -> ENDING
 *
 * A session that is up moves to another relay when a new list names a better one, when the one in
 * use drains, or falls silent: it searches while the old path goes on being used, and changes over
 * when both ends have the new one.
 *
 * Source: docs/PROTOCOL.md, sections 6 and 7; docs/ARCHITECTURE.md, "Sessions and paths".
 */
#ifndef FARLAN_SESSION_H
#define FARLAN_SESSION_H

#include "vpnd/path.h"

#define SESSION_STAGGER_MS 150	   /* between the relays of a search */
#define SESSION_CHOOSE_MS 100	   /* an earlier relay may still come in after the first is ready */
#define SESSION_ANSWER_MS 5000	   /* the manager waits this long for the answer to a SELECT */
#define SESSION_RETIRE_MS 5000	   /* the device keeps the other paths this long after a SELECT */
#define SESSION_STEADY_MS 3000	   /* a selected path that is lost sooner died young */
#define SESSION_HINTS_MS 10000	   /* hints and silences that follow each other sooner are paced */
#define SESSION_AGAIN_BASE_MS 100  /* wait before the search then */
#define SESSION_MOVE_MS 120000	   /* a session that is up seeks another relay for so long */
#define SESSION_HOLD_MAX_US 50000  /* packets wait so long for those on the old path to arrive */
#define SESSION_CHECK_MS 500	   /* a younger try is let go on when the network changes */
#define SESSION_NEW_MS 60000	   /* in use, whatever is sent */
#define SESSION_LIFE_LOOK_MS 30000 /* a session may outlive its time by so much after a sleep */
#define SESSION_RETRY_BASE_MS 500
#define SESSION_RETRY_MAX_MS 15000
#define SESSION_RETRY_SOON_MS 3000 /* instead, so that packets flow soon after a cable is back: */
#define SESSION_SOON_MS 180000	   /* so long after the loss of the path */

enum session_state { SESSION_SEARCHING, SESSION_UP, SESSION_ENDING };

/* Why a packet was not sent, beside what the gate says. */
enum session_drop {
	SESSION_DROP_NO_PATH,
	SESSION_DROP_QUEUE, /* by CoDel: its flow stayed too long */
	SESSION_DROP_FULL,  /* the queue or all memory for packets was full */
	SESSION_DROPS
};

struct session;

struct session_callbacks {
	void (*on_step)(struct session *s, const char *text); /* for people */
	void (*on_up)(struct session *s); /* a path is selected, both ends know */
	void (*on_down)(struct session *s, const char *reason); /* searching again */
	/* Packets take another relay, or none: session_relay_uid(). */
	void (*on_path)(struct session *s);
	/* Borrowed; @v is what the peer says, not checked yet. */
	void (*on_packet)(struct session *s, const struct vnet *v, uint8_t *packet, size_t n);
	/* The session is over by itself: the peer ended it or its time is up. session_end() was
	 * called. */
	void (*on_over)(struct session *s, const char *reason);
	/* session_end() is done; @s is freed after it. */
	void (*on_closed)(struct session *s);
};

struct session_config {
	uv_loop_t *loop;
	const struct tls_ctx *outer_ctx, *inner_client_ctx, *inner_server_ctx;
	const struct opt_ports *ports;
	struct dial_memory *memory;
	bool shed;			/* the outer layer, where nobody sits between */
	bool super, uso;		/* we take super-packets; of UDP, too */
	uint32_t mtu;			/* of our TUN device; 0: not told */
	const struct path_times *times; /* NULL: path_times_default */
	uint32_t answer_ms, retire_ms;	/* 0: as above */
};

/** session_open() - @grant is copied. Callbacks never come before it returns. Return: 0; -errno. */
int session_open(struct session **out, const struct session_config *config,
		 const struct grant *grant, const struct session_callbacks *cb, void *arg)
	__attribute__((warn_unused_result));

/** session_end() - tell the peer (END) and close all paths. Idempotent; on_closed follows from the
 * loop. */
void session_end(struct session *s, const char *reason);

/**
 * session_set_relays() - another list, in order of preference; what is not in it any more is left.
 * @n: 1 to GRANT_RELAYS_MAX; copied. Return: 0; -EALREADY @serial is not higher than that of the
 * list in use; -ENOSPC too many lists at once, -ENOMEM: nothing changed.
 */
int session_set_relays(struct session *s, uint32_t serial, const struct grant_relay *relays,
		       size_t n) __attribute__((warn_unused_result));
/** session_set_rules() - those in the grant from now on; for who looks at it. */
void session_set_rules(struct session *s, const struct rules *rules);
/** session_suspect() - somebody says that the other end has lost its path: look after ours, and for
 * another one. */
void session_suspect(struct session *s);
/** session_check() - this host's network has changed: see whether the path still lives, and do not
 * wait if there is none. */
void session_check(struct session *s);
/** session_in_use() - packets were sent or came lately, or it has no path. */
bool session_in_use(const struct session *s);
/** session_relay_uid() - of the relay that packets take; "" while searching. */
const char *session_relay_uid(const struct session *s);

/**
 * session_queue() - takes one packet for the peer, in normal form; it goes with session_flush(), or
 * later, when the path takes more. Return: 0; -ENETDOWN no path: kept for the next one if it is of
 * TCP (vpnd/kept.h), else dropped and counted.
 */
int session_queue(struct session *s, struct packet *packet);
void session_flush(struct session *s);

/** session_flow() - which of FQ_FLOWS in the queue a packet belongs to. */
uint32_t session_flow(const struct session *s, const uint8_t *packet, size_t n);

void *session_arg(const struct session *s);
const struct grant *session_grant(const struct session *s);

struct session_status {
	enum session_state state;
	const char *relay; /* name; "" while searching */
	struct path_status path;
	uint64_t packets_in, packets_out, bytes_in, bytes_out;
	uint64_t drops[SESSION_DROPS];
	uint64_t marked; /* packets, by ECN */
	uint64_t moves;	 /* to another relay without a break */
	bool moving;	 /* up, and seeking another relay */
	uint32_t backlog_bytes;
	struct histo delays; /* in the queue */
	/* Paths: other end authenticated, failed before that, lost while selected. */
	uint64_t paths_ready, paths_failed, paths_lost;
	uint64_t since_ms; /* CLOCK_BOOTTIME */
	int64_t expires_in_s;
	const char *last_reason; /* why the last path was lost; "" */
};
void session_status(const struct session *s, struct session_status *st);
const char *session_state_name(enum session_state s); /* "searching", "up", "ending" */
const char *session_drop_name(enum session_drop d);

#endif
