/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * choose - at which relay the two ends of a session meet, and when a running session goes to
 * another one. Pure: measurements and time come in, an order or a yes goes out.
 *
 *   way    from one end to a relay, as that end measured it
 *   cost   round trip from end to end through a relay, in microseconds, and what loss and load make
 * of it clear  better by more than 10 ms, and by more than a third of what it costs now
 */
#ifndef FARLAN_CHOOSE_H
#define FARLAN_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHOOSE_ASSUMED_US 100000 /* a way that nobody has measured yet */
#define CHOOSE_GUESS_US 5000	 /* what a session that began on a guess moves for */
#define CHOOSE_GAIN_US 10000	 /* what any other moves for, */
#define CHOOSE_GAIN_PART 3	 /* and a third, */
#define CHOOSE_ROUNDS 3		 /* in so many rounds in a row, */
#define CHOOSE_STEADY_MS 180000	 /* over so long */
#define CHOOSE_LOAD_MAX 1000

enum choose_state { CHOOSE_UNKNOWN, CHOOSE_KNOWN, CHOOSE_UNREACHABLE };

struct choose_way {
	enum choose_state state;
	uint32_t rtt_us; /* known */
	uint16_t loss_pm;
};

struct choose_relay {
	int64_t id; /* the caller's */
	struct choose_way manager, device;
	unsigned int load; /* 0..CHOOSE_LOAD_MAX */
	size_t sessions;   /* that begin there: decides among equals */
	unsigned int rank; /* 0: can be used now; higher ones come later, whatever was measured */
	bool pinned, avoided;
	size_t index; /* choose_order()'s */
};

/** choose_cost() - in microseconds; UINT64_MAX: an end cannot reach it. */
uint64_t choose_cost(const struct choose_relay *r);

/**
 * choose_order() - order @n relays in place. First those that both ends reach, of these those of
 * the lowest rank, of these the pinned one, and the avoided ones last; then by cost, to the
 * millisecond; among equals those with the fewest sessions, then as they came. Return: how many a
 * session gets, at most @max: those that an end cannot reach only if all are such.
 */
size_t choose_order(struct choose_relay *relays, size_t n, size_t max);

/* What has been seen of better relays while a session runs; all zero at its beginning. */
struct choose_history {
	unsigned int rounds; /* in a row in which another one was clearly better */
	uint64_t since_ms;   /* of the first of them */
};

enum choose_event {
	CHOOSE_FIRST, /* the first results of a session that began on a guess */
	CHOOSE_ROUND, /* both ends have measured anew */
	CHOOSE_CHANGE /* a relay came or went, a wish changed */
};

/**
 * choose_move() - is a running session to go from @current to @best?
 * @best: the first one of choose_order().   @current: NULL if it may not be used any more.
 * At once if it may not, if another one is pinned, if this one is avoided and that one not, and for
 * CHOOSE_FIRST; else when @best was clearly better for minutes, all measured anew.
 */
bool choose_move(struct choose_history *h, const struct choose_relay *best,
		 const struct choose_relay *current, enum choose_event event, uint64_t now_ms);

#endif
