/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/choose.h"

#include <stdlib.h>

#define GRAIN_US 1000	 /* nearer than this is equally near */
#define LOSS_US 200	 /* for each thousandth that is lost, */
#define LOSS_PART 200	 /* and this part of the round trip: TCP waits for what was lost */
#define LOAD_US 10	 /* for each thousandth of load: spreads sessions over near relays */
#define LOAD_HIGH 800	 /* from here on a relay is nearly full, */
#define LOAD_HIGH_US 500 /* and keeps sessions away: 100 ms when it is full */

static uint64_t way_rtt(const struct choose_way *w)
{
	return w->state == CHOOSE_KNOWN ? w->rtt_us : CHOOSE_ASSUMED_US;
}

static uint64_t way_loss(const struct choose_way *w)
{
	return w->state == CHOOSE_KNOWN ? w->loss_pm : 0;
}

static bool is_unreachable(const struct choose_relay *r)
{
	return r->manager.state == CHOOSE_UNREACHABLE || r->device.state == CHOOSE_UNREACHABLE;
}

static bool is_known(const struct choose_relay *r)
{
	return r->manager.state == CHOOSE_KNOWN && r->device.state == CHOOSE_KNOWN;
}

uint64_t choose_cost(const struct choose_relay *r)
{
	uint64_t rtt = way_rtt(&r->manager) + way_rtt(&r->device);
	uint64_t loss = way_loss(&r->manager) + way_loss(&r->device);
	uint64_t cost = rtt + loss * LOSS_US + rtt * loss / LOSS_PART;

	if (is_unreachable(r))
		return UINT64_MAX;
	cost += (uint64_t)r->load * LOAD_US;
	if (r->load > LOAD_HIGH)
		cost += (uint64_t)(r->load - LOAD_HIGH) * LOAD_HIGH_US;
	return cost;
}

/* --- order ----------------------------------------------------------------------------------- */

/* -1, 0, 1: the smaller one goes first. */
static int by(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare(const void *pa, const void *pb)
{
	const struct choose_relay *a = pa, *b = pb;
	const int keys[] = {
		by(is_unreachable(a), is_unreachable(b)),
		by(a->rank, b->rank),
		by(a->avoided, b->avoided),
		by(!a->pinned, !b->pinned),
		by(choose_cost(a) / GRAIN_US, choose_cost(b) / GRAIN_US),
		by(a->sessions, b->sessions),
		by(a->index, b->index),
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i] != 0)
			return keys[i];
	}
	return 0;
}

size_t choose_order(struct choose_relay *relays, size_t n, size_t max)
{
	size_t reached = 0;

	for (size_t i = 0; i < n; i++) {
		relays[i].index = i;
		reached += !is_unreachable(&relays[i]);
	}
	if (n > 1)
		qsort(relays, n, sizeof(*relays), compare);
	if (reached > 0)
		n = reached;
	return n < max ? n : max;
}

/* --- moving ---------------------------------------------------------------------------------- */

static int wish(const struct choose_relay *r)
{
	return r->avoided ? 0 : 1 + r->pinned;
}

static bool is_clear(uint64_t best, uint64_t current)
{
	return current == UINT64_MAX ||
	       (current > best + CHOOSE_GAIN_US && (current - best) * CHOOSE_GAIN_PART > current);
}

static bool is_steady(struct choose_history *h, bool clear, uint64_t now_ms)
{
	if (!clear) {
		*h = (struct choose_history){.rounds = 0};
		return false;
	}
	if (h->rounds++ == 0)
		h->since_ms = now_ms;
	return h->rounds >= CHOOSE_ROUNDS && now_ms - h->since_ms >= CHOOSE_STEADY_MS;
}

/* By what was measured at both ends, or the old one cannot be reached. */
static bool is_better(struct choose_history *h, const struct choose_relay *best,
		      const struct choose_relay *current, enum choose_event event, uint64_t now_ms)
{
	uint64_t cost = choose_cost(best), now = choose_cost(current);

	if (event == CHOOSE_CHANGE || !is_known(best) ||
	    (!is_known(current) && !is_unreachable(current)))
		return false;
	if (event == CHOOSE_FIRST)
		return now == UINT64_MAX || now > cost + CHOOSE_GUESS_US;
	return is_steady(h, is_clear(cost, now), now_ms);
}

bool choose_move(struct choose_history *h, const struct choose_relay *best,
		 const struct choose_relay *current, enum choose_event event, uint64_t now_ms)
{
	bool move;

	if (current && best->id == current->id) {
		if (event != CHOOSE_CHANGE)
			*h = (struct choose_history){.rounds = 0};
		return false;
	}
	if (!current)
		move = true;
	else if (best->rank > 0 || is_unreachable(best))
		move = false;
	else if (wish(best) != wish(current))
		move = wish(best) > wish(current);
	else
		move = is_better(h, best, current, event, now_ms);
	if (move)
		*h = (struct choose_history){.rounds = 0};
	return move;
}
