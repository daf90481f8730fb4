/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * flight - how many bytes may be under way on a path. Pure: time is a parameter.
 *
 * The slow line may be anywhere: here, between, or at the other end, where our own queue does
 * not see it and sockets, relay and modem would fill up. So the receiver echoes stamps that the
 * sender puts into the stream, and the sender bounds what is under way by what the path has
 * delivered lately and its lowest round trip (the model of BBR, without pacing): queues then
 * form in the sender's FQ-CoDel.
 *
 *   window = rate * (lowest round trip + FLIGHT_QUEUE_US)
 *
 * FLIGHT_QUEUE_US is the queue that we allow at the bottleneck: it keeps the line busy and lets
 * a rate that has grown be seen. Source: docs/PROTOCOL.md, section 7; Cardwell et al., "BBR".
 */
#ifndef FARLAN_FLIGHT_H
#define FARLAN_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLIGHT_QUEUE_US 8000
#define FLIGHT_WINDOW_FIRST_BYTES (64u << 10)
#define FLIGHT_WINDOW_MIN_BYTES (16u << 10)
#define FLIGHT_WINDOW_MAX_BYTES (64u << 20)
#define FLIGHT_STAMPS_MAX 64   /* under way at one time */
#define FLIGHT_ROUNDS 10       /* the rate is the highest of so many round trips */
#define FLIGHT_RTT_US 10000000 /* the lowest round trip of this long; then it is measured anew */
#define FLIGHT_PROBE_US 200000 /* with little under way, to see the empty path */

struct flight_stamp { /* what was known when a stamp went out */
	uint64_t sent, clock_us;
	uint64_t acked, acked_us;
	bool limited; /* the sender had nothing to send: the rate says nothing */
};

struct flight {
	bool on; /* the other end echoes stamps; else nothing is bounded */
	uint64_t sent, acked, acked_us;
	uint64_t stamped_us; /* of the last stamp */
	struct flight_stamp stamps[FLIGHT_STAMPS_MAX];
	uint32_t first_stamp, n_stamps;
	uint64_t limited_until; /* bytes sent up to here were not limited by the path */
	uint64_t rates[FLIGHT_ROUNDS]; /* bytes a second, highest of each round */
	uint32_t round;
	uint64_t round_end; /* the round ends when this much is acknowledged */
	uint64_t min_rtt_us, min_rtt_at_us, rtt_us;
	uint64_t probe_until_us; /* 0: not probing */
	uint64_t full_rate;      /* starting: the highest rate so far */
	uint32_t full_rounds;    /* without a quarter more */
	bool started;            /* the rate has been found */
};

void flight_init(struct flight *f, bool on, uint64_t now_us);

/** flight_room() - bytes that may be sent now; 0: wait for an acknowledgement. */
size_t flight_room(const struct flight *f);

/** flight_sent() - @n bytes went out. */
void flight_sent(struct flight *f, size_t n, uint64_t now_us);

/** flight_idle() - nothing more waits to be sent: what is measured now is not the path's rate. */
void flight_idle(struct flight *f);

/**
 * flight_wants_stamp() - time for a stamp? Often enough for a rate, seldom enough to cost nothing.
 */
bool flight_wants_stamp(const struct flight *f, uint64_t now_us);

/** flight_stamp() - a stamp goes out with @now_us; *sent is what it says. */
void flight_stamp(struct flight *f, uint64_t now_us, uint64_t *sent);

/** flight_acked() - a stamp came back. One that was never sent is ignored. Return: false then. */
bool flight_acked(struct flight *f, uint64_t sent, uint64_t clock_us, uint64_t now_us);

/** flight_rate() - bytes a second that the path delivers; 0: not known. */
uint64_t flight_rate(const struct flight *f);
static inline uint64_t flight_under_way(const struct flight *f)
{
	return f->sent - f->acked;
}

#endif
