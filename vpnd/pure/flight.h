/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * flight - how many bytes may be under way on a path. Pure: time is a parameter.
 *
 * The slow line may be anywhere: here, between, or at the other end, where our own queue does
 * not see it and sockets, relay and modem would fill up. So the receiver echoes stamps that the
 * sender puts into the stream, and the sender bounds what is under way, so that queues form in
 * its FQ-CoDel.
 *
 *   round    until what had been sent at its begin is acknowledged; at least FLIGHT_ROUND_US
 *   base     the lowest round trip of the last FLIGHT_BASE_US: the empty path
 *   queue    the lowest round trip of a round, less the base: what waits outside of our FQ-CoDel
 *   target   the queue that we want there, so that the line is never idle
 *
 * After each round: with less than half the target waiting the window grows; with more than the
 * target it becomes rate * (base + target). What that does not cure was no queue of ours: a lost
 * segment holds up all that is behind it (TCP), others fill the line, or the way has become longer.
 * Then the round trips are taken as they are (slack), and the window grows again; from time to time
 * half of the slack is tried. Where segments are known to get lost, a single late round is no
 * reason to cut: LATE_ROUNDS of them are. A round trip with next to nothing under way is the empty
 * path, whatever the base was. Source: docs/PROTOCOL.md, section 7; FAST TCP (Wei et al. 2006),
 * BBR.
 */
#ifndef FARLAN_FLIGHT_H
#define FARLAN_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLIGHT_TARGET_US 8000
#define FLIGHT_TARGET_MAX_US 25000 /* an eighth of the base, between these */
#define FLIGHT_ROUND_US 8000
#define FLIGHT_WINDOW_FIRST_BYTES (16u << 10)
#define FLIGHT_WINDOW_MIN_BYTES (4u << 10)
#define FLIGHT_WINDOW_MAX_BYTES (64u << 20)
#define FLIGHT_STAMPS_MAX 64	/* under way at one time */
#define FLIGHT_RATES 8		/* the rate is the highest of so many rounds */
#define FLIGHT_BASE_US 10000000 /* then the empty path is looked for again */
#define FLIGHT_SLACK_MAX_US 300000
#define FLIGHT_SLACK_ROUNDS 8 /* before slack is tested; each time it is needed, twice as many */
#define FLIGHT_SLACK_ROUNDS_MAX 128
#define FLIGHT_LONE_BYTES 512 /* next to nothing under way */
#define FLIGHT_LONES 3

struct flight_stamp {
	uint64_t sent, clock_us;
	bool lone; /* next to nothing was under way */
};

struct flight {
	bool on; /* the other end echoes stamps; else nothing is bounded */
	uint64_t window;
	uint64_t sent, acked, acked_clock_us;
	uint64_t sent_us;				     /* when something went out last */
	struct flight_stamp stamps[FLIGHT_STAMPS_MAX], last; /* last: that went out */
	uint32_t first_stamp, n_stamps;

	/* This round */
	uint64_t round_end; /* over when this much is acknowledged */
	uint64_t round_us, round_acked;
	uint64_t round_clock_us; /* when what this round acknowledges began to go out */
	uint64_t round_rtt_us;	 /* lowest; 0: none yet */
	uint64_t round_peak;	 /* the most that was under way */
	uint64_t last_rate;	 /* of the round before */

	uint64_t rates[FLIGHT_RATES]; /* bytes a second */
	uint32_t n_rates;
	uint64_t rtt_us, base_us, base_at_us;
	uint64_t lone_us[FLIGHT_LONES]; /* the last round trips of lone stamps */
	uint32_t n_lones;
	uint32_t again_rounds;		/* so many more with low_window, to see the empty path */
	uint64_t low_window, again_end; /* since then, in bytes sent */
	uint32_t empty_rounds;		/* without much of a queue, one after the other */
	bool resting; /* the window has grown, and what is measured is of before */
	bool started; /* the line has been full once */

	/* After the window was cut */
	bool cut;		       /* and what was sent before that is not all acknowledged */
	uint64_t cut_end;	       /* what was sent before it */
	bool chain;		       /* cut, and no round without too much of a queue since */
	uint64_t old_window, old_rate; /* before the first cut of the chain */
	uint64_t slack_us;
	bool lossy;
	uint32_t late_rounds;		   /* with too much of a queue, one after the other */
	uint32_t slack_left, slack_rounds; /* rounds until it is tested */
};

void flight_init(struct flight *f, bool on, uint64_t now_us);

/** flight_room() - bytes that may be sent now; 0: wait for an acknowledgement. */
size_t flight_room(const struct flight *f);

/** flight_lossy() - segments get lost on the way, or no more. */
void flight_lossy(struct flight *f, bool lossy);

/** flight_sent() - @n bytes went out. */
void flight_sent(struct flight *f, size_t n, uint64_t now_us);

/**
 * flight_wants_stamp() - time for a stamp? To be asked before (@first) and after packets are sent:
 * the first sees what waits on the way, the others let the sender go on in small steps. To be
 * asked after an echo, too: whatever is under way is followed by a stamp in the end.
 */
bool flight_wants_stamp(const struct flight *f, uint64_t now_us, bool first);

/** flight_stamp() - a stamp goes out with @now_us; *sent is what it says. */
void flight_stamp(struct flight *f, uint64_t now_us, uint64_t *sent);

/** flight_acked() - a stamp came back. One that is not under way is ignored. Return: false then. */
bool flight_acked(struct flight *f, uint64_t sent, uint64_t clock_us, uint64_t now_us);

/** flight_path_us() - a round trip without a queue of ours, what is held up by losses included; 0:
 * not known. */
uint64_t flight_path_us(const struct flight *f);

/** flight_rate() - bytes a second that the path delivers; 0: not known. */
uint64_t flight_rate(const struct flight *f);

static inline uint64_t flight_under_way(const struct flight *f)
{
	return f->sent - f->acked;
}

#endif
