/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * queue - the packets of one session that wait for its path: FQ-CoDel in front of the sealing.
 * Here a packet is brought into the form that the peer takes and the line can bear.
 */
#ifndef FARLAN_QUEUE_H
#define FARLAN_QUEUE_H

#include "common/pure/histo.h"
#include "vpnd/packets.h"

#define QUEUE_LIMIT_BYTES (8u << 20)
#define QUEUE_LIMIT_PACKETS 4096
#define QUEUE_SUPER_US 4000 /* a super-packet that takes the line longer than this is cut */
/* CoDel's target: this part of the round trip. One flow of cubic gives way by 30 % and fills a long
 * line only with a queue; the others have queues of their own. */
#define QUEUE_TARGET_PART 2
/* CoDel's interval: so many round trips. What is under way grows more slowly than a stream that has
 * just begun; while it does, the stream waits here, and is not to be told that the line is full. */
#define QUEUE_INTERVAL_TIMES 4

struct queue {
	struct fq fq;
	struct histo delays; /* that packets which were sent had here */
	uint64_t unfit;	     /* packets that could not be brought into form */
	void (*taker)(void *arg, struct packet *p); /* in queue_clear() */
	void *taker_arg;
};

void queue_init(struct queue *q);
void queue_deinit(struct queue *q);

/* What the way to the peer bears. */
struct queue_form {
	bool super;	 /* the peer takes super-packets and unfinished checksums */
	bool uso;	 /* super-packets of UDP, too */
	uint64_t rate;	 /* bytes a second of the line; 0: not known */
	uint64_t rtt_us; /* of the empty line; 0: not known */
};

/**
 * queue_put() - takes @p, in normal form. May drop, @p too.
 * @now_us: CLOCK_BOOTTIME.
 */
void queue_put(struct queue *q, struct packet *p, const struct queue_form *form, uint64_t now_us);

/** queue_clear() - hand out all that waits, in the order of each flow; @taker takes them. */
void queue_clear(struct queue *q, void (*taker)(void *arg, struct packet *p), void *arg);

/** queue_take() - the packet that is to be sent now, the caller has it then; NULL if none. */
struct packet *queue_take(struct queue *q, uint64_t now_us);

static inline bool queue_empty(const struct queue *q)
{
	return fq_backlog_packets(&q->fq) == 0;
}

#endif
