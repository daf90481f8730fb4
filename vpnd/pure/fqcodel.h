/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fqcodel - the queue in front of the sealing: FQ-CoDel (RFC 8290) over CoDel (RFC 8289). Pure:
 * time and hash key are parameters; packets live in the caller's memory, nothing is allocated.
 *
 *   flow     packets of one hash of addresses, protocol and ports (ICMP: identifier). Fragments
 *            have no ports; what is not IP is one flow of its own, never mixed with others.
 *   sparse   a flow that had nothing queued goes before those that have, for one quantum
 *   sojourn  how long a packet was here, in microseconds
 *
 * A super-packet counts by its bytes: after 64 KiB a flow waits until the others had as much.
 * CoDel leaves a flow alone while at most one MTU is queued behind the packet in hand. The MTU is
 * the quantum, at least FQ_QUANTUM_BYTES, and not, as in RFC 8289, the largest packet seen: that
 * would be 64 KiB, 52 ms of a line of 10 Mbit/s, and CoDel would never act there. Linux came to the
 * same (sch_fq_codel uses the device's MTU since GSO packets made the largest one useless).
 */
#ifndef FARLAN_FQCODEL_H
#define FARLAN_FQCODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FQ_FLOWS 1024
#define FQ_QUANTUM_BYTES 1514
#define FQ_TARGET_US 5000
#define FQ_INTERVAL_US 100000
#define FQ_LIMIT_BYTES (32U << 20)
#define FQ_LIMIT_PACKETS 10240
#define FQ_LIMIT_MAX_BYTES (1U << 30)
#define FQ_BATCH_PACKETS 64 /* at most so many are dropped at a time when a limit is passed */

/* Embed it beside the buffer. The caller sets ip and len, the rest is the queue's. */
struct fq_packet {
	struct fq_packet *next;
	uint8_t *ip;  /* the IP packet, not its virtio header; marking writes to it */
	uint32_t len; /* bytes at ip, at most 65535 */
	uint32_t flow;
	uint64_t enqueued_us;
};

enum fq_drop {
	FQ_DROP_CODEL, /* its flow stays too long */
	FQ_DROP_LIMIT, /* the fattest flow, when there is no room */
	FQ_DROP_DEINIT,
};

/**
 * fq_dropped() - a packet goes back to its owner; comes from within fq_enqueue(), fq_dequeue() and
 * fq_deinit(), and must not call them.
 */
typedef void fq_dropped(void *arg, struct fq_packet *p, enum fq_drop why);

struct fq_params {
	uint32_t quantum_bytes;
	uint32_t target_us;
	uint32_t interval_us;
	uint32_t limit_bytes; /* at most FQ_LIMIT_MAX_BYTES */
	uint32_t limit_packets;
	bool ecn;	      /* mark packets of ECN-capable transports instead of dropping them */
	uint64_t hash_key[2]; /* random, so that nobody can choose who shares a queue */
	fq_dropped *dropped;
	void *arg;
};

struct fq_counters {
	uint64_t enqueued, dequeued; /* packets */
	uint64_t dropped_codel, dropped_limit;
	uint64_t marked; /* of the dequeued */
	uint32_t max_backlog_bytes, max_backlog_packets;
	uint64_t sojourn_us; /* of the last packet that was dequeued */
};

/* One queue. Private to fqcodel.c. */
struct fq_flow {
	struct fq_packet *head, *tail;
	struct fq_flow *next; /* in the list of new or of old flows */
	int32_t deficit;      /* bytes; RFC 8290 calls it credits */
	bool is_listed;
	/* RFC 8289 section 5.3 */
	bool dropping;
	uint32_t count, last_count;
	uint64_t first_above_us, drop_next_us; /* first_above 0: below target */
};

struct fq_list {
	struct fq_flow *head, *tail;
};

/* About 80 KiB. */
struct fq {
	struct fq_params params;
	struct fq_counters counters;
	uint32_t backlog_bytes, backlog_packets;
	struct fq_list new_flows, old_flows;
	uint32_t flow_bytes[FQ_FLOWS + 1];  /* apart from the flows: they are searched through */
	struct fq_flow flows[FQ_FLOWS + 1]; /* the last one: not IP */
};

/** fq_params_default() - the values above, with ECN; hash_key and dropped are still to be set. */
struct fq_params fq_params_default(void);

/**
 * fq_init() - @params is copied. Zeros and limits that are too large become the nearest value that
 * works; @params->dropped is required.
 */
void fq_init(struct fq *fq, const struct fq_params *params);
/** fq_deinit() - hands back everything that is queued (FQ_DROP_DEINIT); @fq is empty after it. */
void fq_deinit(struct fq *fq);

/**
 * fq_enqueue() - takes @p, which stays the queue's until fq_dequeue() or dropped() gives it back.
 * May drop, @p too. Any bytes will do.
 * @now_us: monotonic.
 */
void fq_enqueue(struct fq *fq, struct fq_packet *p, uint64_t now_us);

/**
 * fq_dequeue() - the packet that is to be sent now; the caller has it again. May drop others and
 * may mark this one (ECN field to CE, IPv4 header checksum kept right).
 * Return: NULL if nothing is queued.
 */
struct fq_packet *fq_dequeue(struct fq *fq, uint64_t now_us);

uint32_t fq_backlog_bytes(const struct fq *fq);
uint32_t fq_backlog_packets(const struct fq *fq);
const struct fq_counters *fq_counters(const struct fq *fq);

/** fq_classify() - the flow of a packet: 0..FQ_FLOWS-1, or FQ_FLOWS if it is not IP. */
uint32_t fq_classify(const uint8_t *ip, size_t len, const uint64_t hash_key[2]);

/**
 * fq_mark_ce() - set Congestion Experienced (RFC 3168 section 5), IPv4 checksum by RFC 1624.
 * Return: false, and nothing is changed, if the transport is not ECN-capable or this is not IP.
 */
bool fq_mark_ce(uint8_t *ip, size_t len);

/** fq_control_law() - RFC 8289 section 4.3: the pause before the next drop, interval/sqrt(count).
 */
uint64_t fq_control_law(uint32_t interval_us, uint32_t count);

#endif
